"""Runs a shadow proxy until it is asked to end."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from palier.shadow.plan import ShadowPlan
from palier.workers.shadow.pages import LOOPBACK, serve_disagreements, serve_pages
from palier.workers.shadow.proxy import ShadowProxy

PROGRESS: Final = 30.0
"""Seconds between two lines about how it goes."""


async def run(
    plan: ShadowPlan, *, port: int, metrics_port: int, disagreements_port: int, tell: Callable[[str], None]
) -> None:
    """Take copies and compare until SIGTERM or SIGINT comes.

    Args:
        plan: what is compared.
        port: takes the copies.
        metrics_port: has the metrics and whether the proxy is ready.
        disagreements_port: has the disagreements that are kept, at the loopback; not open where none are.
        tell: gets a line now and then, which never has anything of a request in it.

    Raises:
        InvalidSettings: a port is taken.
    """
    stop_event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_event.set)
    ports = f"copies to port {port}, metrics on {metrics_port}"
    async with ShadowProxy(plan, port=port, tell=tell) as proxy, AsyncExitStack() as stack:
        pages = await serve_pages(proxy, port=metrics_port)
        stack.push_async_callback(pages.cleanup)
        server = await serve_disagreements(proxy, port=disagreements_port)
        if server is not None:
            stack.push_async_callback(server.cleanup)
            ports += f", disagreements on {LOOPBACK}:{disagreements_port}"
        tell(f"compares {plan.candidate} with {plan.stable}: {ports}")
        while not await _wait_for(stop_event, PROGRESS):
            tell(_progress(proxy))
        await proxy.stop()
        tell(f"stopped: {_progress(proxy)}")


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens in this time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _progress(proxy: ShadowProxy) -> str:
    ledger = proxy.ledger
    return f"{ledger.pairs} pairs, {ledger.disagreements} disagreements, {proxy.dropped_count} without a pair"
