"""The model server is an example, not a package of ours: tests reach it by its folder, with a stub for the model."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "language-id"
sys.path.insert(0, str(EXAMPLE / "server"))


class StubModel:
    """Answers every text with French; raises what it is told to raise."""

    name, version = "stub", "1"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    def detect(self, text: str) -> SimpleNamespace:
        """Answer, and remember the question."""
        self.asked.append(text)
        if self.error is not None and len(self.asked) > 1:  # the warm-up is no user's question
            raise self.error
        return SimpleNamespace(language="fr", confidence=0.9)


class Gate:
    """A pause that ends when the test says so."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Wait at the gate."""
        self.seconds.append(seconds)
        self.entered.set()
        await self.open.wait()


@pytest.fixture
def stub() -> StubModel:
    """A model that is loaded at once."""
    return StubModel()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


Running = Callable[..., AbstractAsyncContextManager[SimpleNamespace]]


@pytest.fixture
def running(client: aiohttp.ClientSession) -> Running:
    """Runs a server on a port of the loopback interface; by default it is left without a drain."""
    from language_id.__main__ import serve  # noqa: PLC0415 (the path is set above)

    @asynccontextmanager
    async def run(
        service: object, *, pause: Callable[[float], Awaitable[None]] | None = None, ready: bool = True
    ) -> AsyncIterator[SimpleNamespace]:
        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        at_once = asyncio.Event()
        at_once.set()

        async def no_pause(_: float) -> None:
            await at_once.wait()

        serving = asyncio.create_task(
            serve(
                service,  # type: ignore[arg-type]
                host="127.0.0.1",
                port=0,
                drain_seconds=5,
                stop=stop,
                pause=pause or no_pause,
                listening=port.set_result,
            )
        )
        url = f"http://127.0.0.1:{await port}"
        if ready:
            while True:
                async with client.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        break
        try:
            yield SimpleNamespace(url=url, stop=stop, serving=serving)
        finally:
            stop.set()
            if isinstance(pause, Gate):
                pause.open.set()
            await asyncio.gather(serving, return_exceptions=True)

    return run
