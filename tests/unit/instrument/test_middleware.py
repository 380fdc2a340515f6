"""Middleware counts the features in JSON bodies, and the application reads every byte as if nobody else did."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from palier_instrument import Category, Number, Watch, watch
from palier_instrument.aiohttp_server import watch_bodies
from palier_instrument.asgi import Message, Receive, Send, WatchMiddleware
from palier_instrument.bodies import MOST_BYTES
from tests.support.instrument.page import Page

PATH = "/v1/predict"
BODY = json.dumps({"amount": 5, "country": "fr"}).encode()
BROKEN = [
    b"",
    b"{",
    b"[1, 2]",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"amount": ' + b"9" * 5000 + b"}",
]
"""Bodies without an object, and one with more digits than Python reads."""


@pytest.fixture
def counting() -> Watch:
    """A watch of one number, in two groups."""
    return watch(features=[Number("amount", [10.0])], group=Category("country", ["fr"]), registry=None)


def count_events(counting: Watch) -> tuple[int, int]:
    """Events of the group fr, and of all others."""
    page = Page(counting.ledger)
    fr, other = (page.read_number("amount", group=group).events for group in ("fr", "(other)"))
    return fr, other


Pass = Callable[..., Awaitable[list[Message]]]


@pytest.fixture
def send_asgi(counting: Watch) -> Pass:
    """Sends messages through the middleware; returns those that the application has got, which reads to the end."""

    async def pass_messages(
        messages: list[Message],
        *,
        path: str = PATH,
        kind: str = "http",
        most: int = 1000,
        within: tuple[str | int, ...] = (),
        most_bytes: int = MOST_BYTES,
    ) -> list[Message]:
        got: list[Message] = []

        async def application(_: Message, receive: Receive, send: Send) -> None:
            while len(got) < min(len(messages), most):
                got.append(await receive())
            await send({"type": "http.response.start", "status": 200})

        remaining = iter(messages)
        sent: list[Message] = []

        async def receive() -> Message:
            return next(remaining)

        async def send(message: Message) -> None:
            sent.append(message)

        middleware = WatchMiddleware(application, watch=counting, paths=[PATH], within=within, most_bytes=most_bytes)
        await middleware({"type": kind, "path": path}, receive, send)
        assert sent == [{"type": "http.response.start", "status": 200}]
        return got

    return pass_messages


def split(body: bytes, *parts: int) -> list[Message]:
    """A body as messages, cut at some places."""
    ends = [0, *parts, len(body)]
    return [
        {"type": "http.request", "body": body[start:end], "more_body": end is not ends[-1]}
        for start, end in pairwise(ends)
    ]


@pytest.mark.parametrize("parts", [(), (3,), (1, 2, 9), (0, 0)])
async def test_asgi_counts_a_body_and_passes_every_message(counting: Watch, send_asgi: Pass, parts: tuple[int]) -> None:
    """In one piece or in many; the very same messages reach the application, and those after the body too."""
    messages: list[Message] = [*split(BODY, *parts), {"type": "http.disconnect"}]

    got = await send_asgi(messages)

    assert all(one is other for one, other in zip(got, messages, strict=True))
    assert count_events(counting) == (1, 0)
    assert Page(counting.ledger).count_errors() == {}


async def test_asgi_looks_at_chosen_paths_only(counting: Watch, send_asgi: Pass) -> None:
    """Probes, other paths and web sockets pass."""
    await send_asgi(split(BODY), path="/healthz")
    await send_asgi(split(BODY), kind="websocket")

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {}


async def test_asgi_does_not_count_what_is_not_there_to_the_end(counting: Watch, send_asgi: Pass) -> None:
    """A client that leaves, an application that does not read on."""
    await send_asgi([*split(BODY, 5)[:1], {"type": "http.disconnect"}, *split(BODY)])
    await send_asgi(split(BODY, 5), most=1)

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {}


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:12]))
async def test_asgi_passes_bodies_that_cannot_be_read(counting: Watch, send_asgi: Pass, body: bytes) -> None:
    """Each is an error in counting, and the application's business."""
    assert await send_asgi(split(body)) == split(body)

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {"body": 1}


async def test_asgi_keeps_no_more_than_is_allowed(counting: Watch, send_asgi: Pass) -> None:
    """A body of exactly so many bytes is counted, one more is an error, once, and the application gets it all."""
    assert await send_asgi(split(BODY, 9), most_bytes=len(BODY))
    assert await send_asgi(split(BODY + b" ", 9), most_bytes=len(BODY)) == split(BODY + b" ", 9)
    assert await send_asgi(split(BODY + b" ", 30, 31), most_bytes=5) == split(BODY + b" ", 30, 31)

    assert count_events(counting) == (1, 0)
    assert Page(counting.ledger).count_errors() == {"body": 2}


async def test_features_may_lie_deeper_in_a_body(counting: Watch, send_asgi: Pass) -> None:
    """At the end of some steps; a body without them is an error."""
    await send_asgi(split(b'{"instances": [%s]}' % BODY), within=("instances", 0))
    await send_asgi(split(BODY), within=("instances", 0))

    assert count_events(counting) == (1, 0)
    assert Page(counting.ledger).count_errors() == {"body": 1}


Ask = Callable[..., Awaitable[tuple[int, bytes]]]


@pytest.fixture
def ask(counting: Watch) -> Ask:
    """Asks a server whose handler answers with the body that it has read in a way of its own."""

    async def send(
        body: bytes | None,
        *,
        read: str = "all",
        path: str = PATH,
        method: str = "POST",
        most_bytes: int = MOST_BYTES,
        limit: int = 1024**2,
    ) -> tuple[int, bytes]:
        async def handle(request: web.Request) -> web.Response:
            if read == "stream":
                return web.Response(body=b"".join([part async for part in request.content.iter_any()]))
            if read == "nothing":
                return web.Response(text="unread")
            body = await request.read()
            if read == "fail":
                raise web.HTTPBadRequest(text="refused")
            return web.Response(body=body)

        application = web.Application(
            middlewares=[watch_bodies(counting, paths=[PATH], most_bytes=most_bytes)], client_max_size=limit
        )
        application.router.add_route("*", "/{path:.*}", handle)
        async with TestClient(TestServer(application)) as client, client.request(method, path, data=body) as answer:
            return answer.status, await answer.read()

    return send


async def test_aiohttp_counts_a_body_that_the_handler_has_read(counting: Watch, ask: Ask) -> None:
    """Also of a request that the handler refuses; its answers are unchanged."""
    assert await ask(BODY) == (200, BODY)
    assert await ask(BODY, read="fail") == (400, b"refused")

    assert count_events(counting) == (2, 0)
    assert Page(counting.ledger).count_errors() == {}


async def test_aiohttp_looks_at_chosen_paths_and_bodies_only(counting: Watch, ask: Ask) -> None:
    """Other paths, requests without a body, and bodies that the handler leaves unread."""
    await ask(BODY, path="/other")
    await ask(None, method="GET")
    assert await ask(BODY, read="nothing") == (200, b"unread")

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {}


async def test_aiohttp_takes_no_body_from_a_handler_that_streams(counting: Watch, ask: Ask) -> None:
    """The handler gets every byte, and there is nothing left to count: that is an error of counting."""
    assert await ask(BODY, read="stream") == (200, BODY)

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {"body": 1}


async def test_aiohttp_does_not_wait_for_a_body_that_nobody_reads(counting: Watch) -> None:
    """An answer that is given early is given early, though the client has not sent all."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text="early")

    application = web.Application(middlewares=[watch_bodies(counting, paths=[PATH])])
    application.router.add_post(PATH, handle)
    async with TestServer(application) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n{{".encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()

    assert status == b"HTTP/1.1 200 OK\r\n"
    assert count_events(counting) == (0, 0)


@pytest.mark.parametrize("body", BROKEN[1:], ids=lambda body: repr(body[:12]))
async def test_aiohttp_passes_bodies_that_cannot_be_read(counting: Watch, ask: Ask, body: bytes) -> None:
    """Each is an error in counting, and the handler's business."""
    assert (await ask(body))[0] == 200

    assert count_events(counting) == (0, 0)
    assert Page(counting.ledger).count_errors() == {"body": 1}


async def test_aiohttp_parses_no_body_that_is_too_large(counting: Watch, ask: Ask) -> None:
    """Neither one above the limit of the middleware, nor one that the server itself refuses; both are errors."""
    assert (await ask(BODY, most_bytes=len(BODY)))[0] == 200
    assert (await ask(BODY + b" ", most_bytes=len(BODY)))[0] == 200
    assert Page(counting.ledger).count_errors() == {"body": 1}
    assert (await ask(BODY * 10, limit=100))[0] == 413

    assert count_events(counting) == (1, 0)
    assert Page(counting.ledger).count_errors() == {"body": 2}


def test_the_package_imports_nothing_that_is_not_used() -> None:
    """A server installs prometheus-client and nothing else: no operator, no framework."""
    package = Path(__file__).parents[3] / "instrument"
    program = (
        "import sys; before = set(sys.modules); import palier_instrument, palier_instrument.asgi;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )

    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(package), *sys.path]!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(ended.stdout.split()) == {"palier_instrument", "prometheus_client"}
