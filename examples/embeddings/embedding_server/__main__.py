"""Start, serve, and leave without losing a request."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from embedding_server.app import Service
from embedding_server.model import Model
from embedding_server.settings import Settings, SettingsError, from_environment

# Longer than any client keeps an idle connection: the side that sends requests must be the one that closes.
KEEP_ALIVE_SECONDS = 3900
# With the drain before it, shorter than a pod's default terminationGracePeriodSeconds of 30.
FINISH_SECONDS = 20

log = logging.getLogger("embedding_server")


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
    """Serve until `stop` is set; then drain, as a pod does that has been told to go but still gets requests.

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
        handler_cancellation=True,  # a client that gave up does not keep others waiting
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
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
    await serve(
        Service(lambda: Model(settings.folder, threads=settings.intra_op_threads)),
        host="0.0.0.0",  # noqa: S104 (a pod is reached from outside)
        port=settings.port,
        drain_seconds=settings.drain_seconds,
        stop=stop,
        listening=lambda port: log.info("listening on port %d, loading %s", port, settings.folder),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        chosen = from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"embedding_server: {error}")
    asyncio.run(_main(chosen))
