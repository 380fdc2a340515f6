"""The server is an example, not a package of ours: tests reach it by its folder, with pauses that they end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "capacity"
sys.path.insert(0, str(EXAMPLE / "server"))

Running = Callable[..., AbstractAsyncContextManager[SimpleNamespace]]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
def running() -> Running:
    """Runs a server of these settings on a port of the loopback interface; it loads and drains at once."""
    from capacity_server.__main__ import serve  # noqa: PLC0415 (the path is set above)

    async def no_pause(_: float) -> None:
        return

    @asynccontextmanager
    async def run(
        service: object, *, pause: Callable[[float], Awaitable[None]] = no_pause
    ) -> AsyncIterator[SimpleNamespace]:
        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve(
                service,  # type: ignore[arg-type]
                host="127.0.0.1",
                port=0,
                drain_seconds=5,
                stop=stop,
                pause=pause,
                listening=port.set_result,
            )
        )
        try:
            yield SimpleNamespace(url=f"http://127.0.0.1:{await port}", stop=stop, serving=serving)
        finally:
            stop.set()
            await asyncio.gather(serving, return_exceptions=True)

    return run
