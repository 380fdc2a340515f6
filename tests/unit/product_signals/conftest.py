"""The front end is an example, not a package of ours: tests reach it by its folder, with a model on the loopback."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

EXAMPLE = Path(__file__).parents[3] / "examples" / "product-signals"
sys.path.insert(0, str(EXAMPLE / "server"))


class Model:
    """Stands in for the model behind the gateway: it answers with a revision, and remembers who asked."""

    def __init__(self) -> None:
        self.revision = "aaaaaaaaaa"
        self.users: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a question."""
        self.users.append(request.headers.get("x-user", ""))
        headers = {"x-palier-revision": self.revision} if self.revision else {}
        return web.json_response({"answer": "42", "asked": await request.json()}, headers=headers)


@asynccontextmanager
async def listening(application: web.Application) -> AsyncIterator[str]:
    """An application on a free port; its URL."""
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session
