"""Start, serve, and leave without losing a request."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from capacity_server.app import Service
from capacity_server.settings import Settings, SettingsError, from_environment

# Longer than any usual proxy keeps an idle connection: the side that sends requests must be the one that closes.
KEEP_ALIVE_SECONDS = 3900
FINISH_SECONDS = 20

log = logging.getLogger("capacity_server")


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
    """
    runner = web.ServerRunner(
        web.Server(service.handle, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS),
        shutdown_timeout=FINISH_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=4096).start()
        listening(runner.addresses[0][1])
        loading = asyncio.create_task(service.load())
        await stop.wait()
        loading.cancel()
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
        Service(settings),
        host="0.0.0.0",  # noqa: S104 (a pod is reached from outside)
        port=settings.port,
        drain_seconds=settings.drain_seconds,
        stop=stop,
        listening=lambda port: log.info("listening on port %d: %s", port, settings),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        chosen = from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"capacity_server: {error}")
    asyncio.run(_main(chosen))
