"""The load generator: it keeps its pace whatever the server does, and leaves nothing out of its record."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from local.traffic import MAX_IN_FLIGHT, Response, Responses, Traffic, TrafficThread, percentile, sentences

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """Serve POST /v1/detect on the loopback interface."""
    application = web.Application()
    application.router.add_post("/v1/detect", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/detect"
    finally:
        await runner.cleanup()


async def ok(_: web.Request) -> web.Response:
    """Answer as a gateway and a model server do."""
    return web.Response(text="{}", headers={"x-palier-revision": "0a1b2c3d4e", "x-model": "stub/1"})


def free_port_url() -> str:
    """An address at which nobody listens: the discard port of the loopback interface."""
    return "http://127.0.0.1:9/v1/detect"


async def test_a_slow_server_does_not_slow_the_arrivals() -> None:
    """All requests arrive at their times although the server answers none of them."""
    arrived, all_there, answer = [], asyncio.Event(), asyncio.Event()

    async def stuck(_: web.Request) -> web.Response:
        arrived.append(asyncio.get_running_loop().time())
        if len(arrived) == 40:
            all_there.set()
        await answer.wait()
        return web.Response()

    async with server(stuck) as url, Traffic(url, rate=200, max_requests=40) as traffic:
        await asyncio.wait_for(all_there.wait(), 10)
        unanswered = len(traffic.responses)
        answer.set()
        await traffic.finished()

    scheduled = sorted(response.scheduled for response in traffic.responses)
    assert unanswered == 0
    assert [round(later - scheduled[0], 3) for later in scheduled] == [round(number / 200, 3) for number in range(40)]
    assert not traffic.responses.failures()


async def test_records_what_an_answer_says() -> None:
    """Status, revision and model come from the answer; the Host header chooses the route."""
    hosts = []

    async def handler(request: web.Request) -> web.StreamResponse:
        hosts.append(request.headers["Host"])
        return await ok(request)

    async with server(handler) as url, Traffic(url, host="language.example.com", max_requests=1) as traffic:
        await traffic.finished()

    (response,) = traffic.responses
    assert (response.status, response.error, response.failed) == (200, None, False)
    assert (response.revision, response.model) == ("0a1b2c3d4e", "stub/1")
    assert hosts == ["language.example.com"]


async def test_records_failures_and_repeats_nothing() -> None:
    """An error, a redirection and a broken connection are each one failed request, sent once."""
    asked = 0

    async def bad(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 1:
            return web.Response(status=500)
        if asked == 2:
            return web.Response(status=302, headers={"Location": "/v1/detect"})
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with server(bad) as url, Traffic(url, rate=50, max_requests=3) as traffic:
        await traffic.finished()

    failures = sorted(traffic.responses.failures(), key=lambda response: response.scheduled)
    assert asked == 3
    assert [response.status for response in failures] == [500, 302, None]
    assert failures[2].error in {"ServerDisconnectedError", "ClientOSError"}


async def test_records_that_nobody_listens() -> None:
    """A connection that is refused is a failed request of its kind."""
    async with Traffic(free_port_url(), max_requests=1) as traffic:
        await traffic.finished()

    (response,) = traffic.responses
    assert response.failed
    assert response.error == "ClientConnectorError"


async def test_records_that_an_answer_does_not_come() -> None:
    """A request without an answer in time has failed."""
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with server(silent) as url:
        async with Traffic(url, max_requests=1, timeout=0.05) as traffic:
            await traffic.finished()
        never.set()

    (response,) = traffic.responses
    assert response.error is not None
    assert response.error.endswith("TimeoutError")


async def test_keeps_a_connection_for_the_next_request() -> None:
    """Requests that do not overlap share one connection."""
    peers = set()

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return await ok(request)

    async with server(handler) as url, Traffic(url, rate=20, max_requests=5) as traffic:
        await traffic.finished()

    assert len(traffic.responses) == 5
    assert len(peers) == 1


async def test_writes_every_response_to_a_file(tmp_path: Path) -> None:
    """The file has one JSON object for each response."""
    record = tmp_path / "responses.jsonl"
    async with server(ok) as url, Traffic(url, rate=100, max_requests=5, jsonl=record) as traffic:
        await traffic.finished()

    written = [Response(**json.loads(line)) for line in record.read_text().splitlines()]
    assert written == list(traffic.responses)


async def test_leaving_waits_for_the_answers_that_are_due() -> None:
    """What was sent before the end is recorded, not dropped."""
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await answer.wait()
        return await ok(request)

    async def leave(traffic: Traffic) -> None:
        async with traffic:
            await asyncio.wait_for(arrived.wait(), 10)

    async with server(handler) as url:
        traffic = Traffic(url, rate=0.1)
        leaving = asyncio.create_task(leave(traffic))
        await asyncio.wait_for(arrived.wait(), 10)
        answer.set()
        await asyncio.wait_for(leaving, 10)

    assert [response.status for response in traffic.responses] == [200]


async def test_several_generators_do_not_meet() -> None:
    """Two streams in one process each have their own record."""
    async with (
        server(ok) as url,
        Traffic(url, rate=100, max_requests=3) as one,
        Traffic(url, rate=100, max_requests=5) as other,
    ):
        await asyncio.gather(one.finished(), other.finished())

    assert (len(one.responses), len(other.responses)) == (3, 5)


@pytest.mark.parametrize(
    "limits", [{"rate": 1001}, {"rate": 0}, {"duration": 4 * 3600 + 1}, {"max_requests": 1_000_001}, {"bodies": []}]
)
def test_limits_are_hard(limits: dict[str, float]) -> None:
    """No argument makes a load that was not meant."""
    with pytest.raises(ValueError, match=r"at most|no body"):
        Traffic("http://127.0.0.1/", **limits)  # type: ignore[arg-type]


async def test_too_many_in_flight_are_recorded_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of requests in flight, a request counts as failed by the generator."""
    assert MAX_IN_FLIGHT > 1
    monkeypatch.setattr("local.traffic.MAX_IN_FLIGHT", 1)
    answer = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        await answer.wait()
        return await ok(request)

    async with server(handler) as url, Traffic(url, rate=100, max_requests=3) as traffic:
        assert traffic._offering is not None
        await asyncio.wait_for(asyncio.shield(traffic._offering), 10)
        answer.set()
        await traffic.finished()

    assert sorted(str(response.error) for response in traffic.responses) == [
        "None",
        "TooManyInFlight",
        "TooManyInFlight",
    ]


async def test_a_thread_of_its_own_serves_programs_without_asyncio() -> None:
    """The thread sends until it is stopped, and then has every answer."""
    enough = asyncio.Event()
    seen = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen == 5:
            enough.set()
        return await ok(request)

    async with server(handler) as url:
        traffic = TrafficThread(Traffic(url, rate=200)).start()
        await asyncio.wait_for(enough.wait(), 10)
        responses = await asyncio.to_thread(traffic.stop)

    assert len(responses) == seen >= 5
    assert not responses.failures()


def test_the_thread_tells_why_it_could_not_start(tmp_path: Path) -> None:
    """A record that cannot be written is an error at the start, not silence."""
    thread = TrafficThread(Traffic(free_port_url(), jsonl=tmp_path / "missing" / "file"))
    with pytest.raises(RuntimeError, match="generator failed"):
        thread.start()


def response(sent: float, latency: float = 0.1, *, revision: str = "a", status: int = 200) -> Response:
    """A response of the given time."""
    return Response(sent, 0.0, latency, status, revision=revision)


def test_shares_are_counted_in_a_window_of_sending() -> None:
    """A window holds what was sent in it, also when the answer came later."""
    responses = Responses([response(1), response(2, 5, revision="b"), response(3), response(4, revision="b")])
    assert responses.counts(2, 4) == {"a": 1, "b": 1}
    assert responses.share() == {"a": 0.5, "b": 0.5}
    assert responses.share(1, 2) == {"a": 1.0}
    assert responses.counts(5, 9) == {}


def test_failures_are_found_in_a_window() -> None:
    """Everything but a success counts as failed."""
    responses = Responses([response(1, status=404), response(2), response(3, status=503)])
    assert [each.sent for each in responses.failures()] == [1, 3]
    assert [each.sent for each in responses.failures(2)] == [3]


def test_percentiles_are_of_the_nearest_rank() -> None:
    """The percentile is a value that was measured; there is none without values."""
    assert percentile(range(1, 101), 95) == 95
    assert percentile([0.1], 50) == 0.1
    assert percentile([], 50) is None
    assert Responses([response(number, number) for number in range(1, 21)]).percentile(95) == 19
    assert Responses().percentile(95, -math.inf) is None


def test_there_are_sentences_in_many_languages() -> None:
    """Users write in at least twelve languages, and no sentence comes twice."""
    pairs = sentences()
    assert len(pairs) >= 60
    assert len({language for language, _ in pairs}) >= 12
    assert len({text for _, text in pairs}) == len(pairs)
    assert all(text.strip() == text and text for _, text in pairs)
