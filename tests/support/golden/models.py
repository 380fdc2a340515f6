"""Models on the loopback that really speak HTTP, in a thread of their own, so that programs can ask them too."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[Any], Awaitable[web.StreamResponse]]
"""Makes an answer of the JSON that was asked."""


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    body: str
    headers: dict[str, str]


@dataclass
class Model:
    """A server under way."""

    answer: Answer
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    _open: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Note the request, and answer it."""
        body = await request.text()
        self.seen.append(Seen(request.method, request.path_qs, body, dict(request.headers)))
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            return await self.answer(await request.json() if body.startswith("{") else body)
        finally:
            self._open -= 1


def says(value: Callable[[Any], Any]) -> Answer:
    """A model that answers with JSON, made of what was asked."""

    async def answer(asked: Any) -> web.Response:  # noqa: ANN401
        return web.json_response(value(asked))

    return answer


async def broken(_asked: Any) -> web.Response:  # noqa: ANN401
    """A model that always fails."""
    return web.Response(status=503)


@contextmanager
def model(answer: Answer) -> Iterator[Model]:
    """A server until the end of the block."""
    served, ready = Model(answer), threading.Event()
    loop: asyncio.AbstractEventLoop
    over: asyncio.Event

    async def serve() -> None:
        nonlocal loop, over
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", served.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await over.wait()
        # Whoever asked has gone: wait until that is known here. asyncio's server before Python 3.12 loses connections
        # that it is just taking when it is closed, so it must have taken all of them.
        assert runner.server
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.001)
                if not runner.server.connections and len(asyncio.all_tasks()) == 1:
                    break
        await site.stop()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield served
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
