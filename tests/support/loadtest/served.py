"""A small real server on the loopback, whose capacity follows from the law of Erlang B."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

WORKERS, SERVICE = 8, 0.04
"""Requests that are answered at once, and seconds for each; whoever comes when all are busy gets 503."""
ERLANG_B = 7.369 / SERVICE
"""Arrivals per second of which a fifth is refused, whatever the law of the service times (8 servers, 7.369 erlangs)."""


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    body: str
    headers: dict[str, str]


@dataclass
class Served:
    """A server under way."""

    url: str = ""
    requests: list[Seen] = field(default_factory=list)
    _busy: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """By the path: `/busy` works and refuses, `/stream` has events, `/silent` does not answer."""
        seen = Seen(request.method, request.path_qs, await request.text(), dict(request.headers))
        self.requests.append(seen)
        match request.path:
            case "/busy":
                return await self._work()
            case "/stream":
                return await self._stream(request)
            case "/silent":
                await asyncio.sleep(60)
            case "/missing":
                return web.Response(status=404)
        return web.Response(text="done")

    async def _work(self) -> web.Response:
        if self._busy == WORKERS:
            return web.Response(status=503)
        self._busy += 1
        try:
            await asyncio.sleep(SERVICE)
        finally:
            self._busy -= 1
        return web.Response(text="done")

    @staticmethod
    async def _stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(4):
            await asyncio.sleep(0.01)
            await response.write(b'data: {"token": "x"}\n\n')
        await response.write(b"data: [DONE]\n\n")
        return response


@contextmanager
def served() -> Iterator[Served]:
    """A server in a thread of its own, until the end of the block."""
    server, loop = Served(), asyncio.new_event_loop()
    ready = threading.Event()
    over = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()
