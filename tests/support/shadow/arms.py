"""A shadow proxy between two small real servers on the loopback, all in the event loop of the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client.parser import text_string_to_metric_families

from palier.api.spec.answers import Answers
from palier.shadow.plan import ShadowPlan
from palier.workers.shadow.pages import serve_disagreements, serve_pages
from palier.workers.shadow.proxy import ShadowProxy, port_of

CANDIDATE, STABLE = "7f6c5d4b3a", "1a2b3c4d5e"
COMPARISON = "0123456789abcdef"
PATIENCE = 20.0
"""Seconds for anything that has to happen."""

PLAN = ShadowPlan(
    candidate=CANDIDATE,
    stable=STABLE,
    methods=("GET", "HEAD", "POST"),
    timeout=10.0,
    max_body_bytes=65536,
    max_queue=500,
    max_concurrent=64,
    answers=Answers(),
    comparison=COMPARISON,
)

Answering = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes
    connection: object = None
    """Another one for each connection."""


async def same(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """The same document for everybody who asks the same."""
    return web.json_response({"language": "fr", "characters": len(body)})


def text(words: str, status: int = 200) -> Answering:
    """Always the same text."""

    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return web.Response(text=words, status=status)

    return answer


def waits_for(event: asyncio.Event, path: str) -> Answering:
    """Answers as `same`, but on one path only when something has happened."""

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if request.path == path:
            await event.wait()
        return await same(request, body)

    return answer


async def reset(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """Hang up in the middle."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def stream(*pieces: bytes) -> Answering:
    """Server-sent events, written piece by piece."""

    async def answer(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    return answer


@dataclass
class Arm:
    """One of both versions, which answers as the test wants."""

    answer: Answering = same
    seen: list[Seen] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is answered while it is not set."""
    url: str = ""

    def __post_init__(self) -> None:
        """Open the gate."""
        self.gate.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take a request, and answer it once the gate is open."""
        body = b"".join([chunk async for chunk in request.content.iter_any()])
        headers = CIMultiDict(request.headers)
        self.seen.append(Seen(request.method, request.raw_path, headers, body, request.transport))
        await self.gate.wait()
        return await self.answer(request, body)


@dataclass
class Shadowed:
    """The proxy with both versions."""

    candidate: Arm
    stable: Arm
    proxy: ShadowProxy
    url: str
    pages: str
    client: aiohttp.ClientSession
    told: list[str]
    kept: str | None
    """Where the disagreements are; None without a page of them."""

    async def copy(self, method: str = "GET", path: str = "/", **more: Any) -> int:  # noqa: ANN401
        """Send a copy as a gateway does; the status of the answer."""
        async with self.client.request(method, f"{self.url}{path}", allow_redirects=False, **more) as response:
            assert await response.read() == b""
            return response.status

    async def settled(self) -> None:
        """Wait until everything that was taken has come to an end."""
        ledger = self.proxy.ledger
        await until(lambda: ledger.sampled == ledger.pairs + self.proxy.dropped_count and self.proxy.in_flight == 0)

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the proxy's own."""
        async with self.client.get(f"{self.pages}{path}") as response:
            return response.status, await response.text()

    async def disagreements(self) -> str:
        """The page of the disagreements."""
        async with self.client.get(f"{self.kept}/disagreements") as response:
            assert response.status == 200
            return await response.text()

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """All samples by name and labels, without those of the process."""
        _, page = await self.page("/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name.startswith("palier_shadow_")
        }

    async def metric(self, name: str, revision: str = CANDIDATE, **labels: str) -> float:
        """One sample."""
        found = await self.metrics()
        which = {"revision": revision, "comparison": COMPARISON}
        return found[f"palier_shadow_{name}", frozenset({**which, **labels}.items())]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true.

    Raises:
        AssertionError: it took too long.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.002)


async def raw(url: str, *pieces: bytes, close: bool = False) -> bytes:
    """Write bytes to the proxy and read what comes back, up to the end of the first answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return b"" if close else await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    finally:
        writer.close()


async def serve(arm: Arm, stack: AsyncExitStack, port: int = 0) -> None:
    """Let a version answer on a port of its own, until the stack is closed."""
    server = web.Server(arm.handle, access_log=None, max_line_size=65536, max_field_size=65536, auto_decompress=False)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    arm.url = f"http://127.0.0.1:{port_of(runner)}"


@asynccontextmanager
async def shadowed(*, candidate: Answering = same, stable: Answering = same, **plan: Any) -> AsyncIterator[Shadowed]:  # noqa: ANN401
    """A proxy with both versions.

    Args:
        candidate: how the candidate answers.
        stable: how stable does.
        plan: fields of the plan other than those of `PLAN`.
    """
    async with AsyncExitStack() as stack:
        arms = Arm(candidate), Arm(stable)
        for arm in arms:
            await serve(arm, stack)
        urls = {"candidate_url": arms[0].url, "stable_url": arms[1].url}
        told: list[str] = []
        proxy = await stack.enter_async_context(
            ShadowProxy(replace(PLAN, **{**urls, **plan}), port=0, tell=told.append)
        )
        pages = await serve_pages(proxy, port=0)
        stack.push_async_callback(pages.cleanup)
        kept = await serve_disagreements(proxy, port=0)
        if kept is not None:
            stack.push_async_callback(kept.cleanup)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        for arm in arms:  # before the proxy stops, or it would wait for them
            stack.callback(arm.gate.set)
        yield Shadowed(
            *arms,
            proxy,
            f"http://127.0.0.1:{port_of(proxy.runner)}",
            f"http://127.0.0.1:{port_of(pages)}",
            client,
            told,
            None if kept is None else f"http://127.0.0.1:{port_of(kept)}",
        )
