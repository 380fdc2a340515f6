"""The model server: what it answers, what it counts, and how it leaves."""

import asyncio
import json
import threading
from typing import Any

import aiohttp
import pytest
from language_id.app import MAX_TEXT, Service
from language_id.faults import Faults

from tests.unit.demo.conftest import Gate, Running, StubModel


async def ask(client: aiohttp.ClientSession, url: str, body: bytes = b'{"text": "Bonjour"}') -> tuple[int, Any]:
    """Send a question; returns the status and the parsed answer."""
    async with client.post(f"{url}/v1/detect", data=body) as answer:
        return answer.status, await answer.json()


async def metrics(client: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Read the server's metrics by their full names."""
    async with client.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def test_answers_with_language_and_model(
    running: Running, client: aiohttp.ClientSession, stub: StubModel
) -> None:
    """An answer names the language, its confidence, and which model gave it, in the body and in a header."""
    async with (
        running(Service(lambda: stub)) as server,
        client.post(f"{server.url}/v1/detect", json={"text": "Bonjour"}) as answer,
    ):
        body, header = await answer.json(), answer.headers["x-model"]

    assert body == {"language": "fr", "confidence": 0.9, "model": "stub", "version": "1"}
    assert header == "stub/1"
    assert stub.asked[-1] == "Bonjour"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Bonjour", "must be JSON"),
        (b"\xff\xfe", "must be JSON"),
        (b"[]", 'a string "text"'),
        (b'{"text": 3}', 'a string "text"'),
        (b'{"text": "  "}', "is empty"),
        (json.dumps({"text": "a" * (MAX_TEXT + 1)}).encode(), f"at most {MAX_TEXT}"),
    ],
)
async def test_explains_a_bad_question(
    running: Running, client: aiohttp.ClientSession, stub: StubModel, body: bytes, words: str
) -> None:
    """A question that cannot be answered is the client's mistake, with words that say which."""
    async with running(Service(lambda: stub)) as server:
        status, answer = await ask(client, server.url, body)

    assert status == 400
    assert words in answer["error"]


async def test_refuses_what_http_forbids(running: Running, client: aiohttp.ClientSession, stub: StubModel) -> None:
    """A wrong method, an unknown path and a huge body get the status that HTTP has for them, as JSON."""
    async with running(Service(lambda: stub)) as server:
        async with client.get(f"{server.url}/v1/detect") as answer:
            method = (answer.status, answer.headers["Allow"], (await answer.json())["error"])
        async with client.post(f"{server.url}/v1/other", data=b"{}") as answer:
            path = answer.status
        status, _ = await ask(client, server.url, b" " * 20_000)

    assert method == (405, "POST", "Method Not Allowed")
    assert path == 404
    assert status == 413


async def test_is_ready_only_after_the_model_has_answered(running: Running, client: aiohttp.ClientSession) -> None:
    """While the model loads, the server lives but is not ready, and tells users so."""
    model, go = StubModel(), threading.Event()

    def load() -> StubModel:
        go.wait(10)
        return model

    async with running(Service(load), ready=False) as server:
        async with client.get(f"{server.url}/healthz") as answer:
            alive = answer.status
        async with client.get(f"{server.url}/readyz") as answer:
            loading = answer.status
        early, _ = await ask(client, server.url)
        go.set()
        status = 503
        while status == 503:
            async with client.get(f"{server.url}/readyz") as answer:
                status = answer.status

    assert (alive, loading, early, status) == (200, 503, 503, 200)
    assert len(model.asked) == 1  # the warm-up


async def test_ends_when_the_model_does_not_load(running: Running) -> None:
    """A server that can never be ready ends with the reason, so that its pod is seen to fail."""

    def load() -> StubModel:
        raise MemoryError("no room")

    async with running(Service(load), ready=False) as server:
        with pytest.raises(MemoryError, match="no room"):
            await asyncio.wait_for(asyncio.shield(server.serving), 10)


async def test_counts_requests_by_code(running: Running, client: aiohttp.ClientSession, stub: StubModel) -> None:
    """Users' requests are counted by code and timed with an edge at 0.25 s; probes and scrapes are not counted."""
    async with running(Service(lambda: stub)) as server:
        before = await metrics(client, server.url)
        await ask(client, server.url)
        await ask(client, server.url, b"x")
        after = await metrics(client, server.url)

    assert before['http_requests_total{code="500"}'] == 0
    assert before["http_request_duration_seconds_count"] == 0
    assert after['http_requests_total{code="200"}'] == 1
    assert after['http_requests_total{code="400"}'] == 1
    assert after['http_request_duration_seconds_bucket{le="0.25"}'] == 2
    assert after["model_load_seconds"] >= 0


async def test_a_failing_model_is_an_error_of_the_server(running: Running, client: aiohttp.ClientSession) -> None:
    """What the model raises becomes a counted 500 without its internals."""
    model = StubModel(error=RuntimeError("secret"))
    async with running(Service(lambda: model)) as server:
        status, answer = await ask(client, server.url)
        counted = (await metrics(client, server.url))['http_requests_total{code="500"}']

    assert (status, answer) == (500, {"error": "the model failed"})
    assert counted == 1


async def test_injects_failures_for_the_share_asked_for(
    running: Running, client: aiohttp.ClientSession, stub: StubModel
) -> None:
    """With 25 percent, every fourth request fails and names the fault."""
    async with running(Service(lambda: stub, faults=Faults(fail_percent=25))) as server:
        answers = [await ask(client, server.url) for _ in range(8)]

    assert [status for status, _ in answers] == [200, 200, 200, 500, 200, 200, 200, 500]
    assert answers[3][1] == {"error": "injected fault"}


async def test_injects_latency(running: Running, client: aiohttp.ClientSession, stub: StubModel) -> None:
    """Extra latency delays the answer of the model, not the probes."""
    gate = Gate()
    service = Service(lambda: stub, faults=Faults(extra_latency_ms=400), pause=gate)
    async with running(service) as server:
        asking = asyncio.create_task(ask(client, server.url))
        await asyncio.wait_for(gate.entered.wait(), 10)
        async with client.get(f"{server.url}/readyz") as answer:
            ready = answer.status
        unanswered = not asking.done()
        gate.open.set()
        status, _ = await asking

    assert gate.seconds == [0.4]
    assert (ready, unanswered, status) == (200, True, 200)


async def test_drains_without_losing_a_request(
    running: Running, client: aiohttp.ClientSession, stub: StubModel
) -> None:
    """Told to stop, it goes on serving while it is not ready, then finishes what is in flight and refuses the rest."""
    latency, drain = Gate(), Gate()
    service = Service(lambda: stub, faults=Faults(extra_latency_ms=1), pause=latency)
    async with running(service, pause=drain) as server:
        in_flight = asyncio.create_task(ask(client, server.url))
        await asyncio.wait_for(latency.entered.wait(), 10)
        server.stop.set()
        await asyncio.wait_for(drain.entered.wait(), 10)
        async with client.get(f"{server.url}/readyz") as answer:
            ready = answer.status
        latency.open.set()
        first, _ = await in_flight
        async with client.post(f"{server.url}/v1/detect", json={"text": "Bonjour"}) as answer:
            late, connection = answer.status, answer.headers["Connection"]
        latency.open.clear()
        latency.entered.clear()
        last = asyncio.create_task(ask(client, server.url))
        await asyncio.wait_for(latency.entered.wait(), 10)
        drain.open.set()  # the drain is over while one request is still in flight
        while True:
            try:
                async with aiohttp.ClientSession() as stranger, stranger.get(f"{server.url}/healthz"):
                    pass
            except aiohttp.ClientConnectorError:
                break
        latency.open.set()
        finished, _ = await last
        await asyncio.wait_for(server.serving, 10)

    assert drain.seconds == [5]
    assert (ready, first, late, connection, finished) == (503, 200, 200, "close", 200)
