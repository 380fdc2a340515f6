"""Start, serve, and leave without losing a request."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from language_id.app import Service
from language_id.faults import Faults
from language_id.models import loader
from language_id.settings import Settings, SettingsError, from_environment

# Longer than any usual proxy keeps an idle connection (Envoy: an hour). The side that sends requests must be the one
# that closes; otherwise a request now and then meets a connection that is just being closed, and fails.
KEEP_ALIVE_SECONDS = 3900
# With the drain before it, shorter than a pod's default terminationGracePeriodSeconds of 30.
FINISH_SECONDS = 20

log = logging.getLogger("language_id")


async def serve(
    service: Service,
    *,
    host: str,
    port: int,
    drain_seconds: float,
    stop: asyncio.Event,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    listening: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until `stop` is set, then drain.

    The order of the end is what keeps requests whole. A pod that is deleted leaves the endpoints at the same time as
    it is told to stop, so requests still come for a moment: first `/readyz` fails while everything is still served,
    for `drain_seconds`; then no new connection is accepted and the requests in flight are finished.

    Args:
        service: what is served.
        host: address to listen on.
        port: port to listen on, 0 for a free one.
        drain_seconds: how long to go on serving after `stop`.
        stop: set from a signal handler or a test.
        pause: waits for so many seconds; tests replace it.
        listening: called with the port once connections are accepted.

    Raises:
        Exception: whatever loading the model raised; the process should end, and its pod be restarted.
    """
    runner = web.AppRunner(
        service.application(),
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=FINISH_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        listening(runner.addresses[0][1])
        stopping = asyncio.create_task(stop.wait())
        loading = asyncio.create_task(service.load())
        await asyncio.wait({stopping, loading}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()  # raises what loading raised
        await stopping
        service.drain()
        log.info("draining for %g s", drain_seconds)
        await pause(drain_seconds)
    finally:
        await runner.cleanup()
    log.info("all requests are finished")


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    faults = Faults(
        extra_latency_ms=settings.extra_latency_ms,
        fail_percent=settings.fail_percent,
        fail_after_seconds=settings.fail_after_seconds,
        wrong_percent=settings.wrong_percent,
        fail_file=settings.fail_file,
    )
    await serve(
        Service(loader(settings.model, version=settings.version), faults=faults, record=settings.record_answers),
        host="0.0.0.0",  # noqa: S104 (a pod is reached from outside)
        port=settings.port,
        drain_seconds=settings.drain_seconds,
        stop=stop,
        listening=lambda port: log.info("listening on port %d, loading %s", port, settings.model),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        chosen = from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"language_id: {error}")
    asyncio.run(_main(chosen))
