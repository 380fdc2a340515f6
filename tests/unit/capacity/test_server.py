"""The example server over HTTP: answers, streams, metrics, and an end that loses nothing."""

import asyncio
import json
from decimal import Decimal

import aiohttp
import pytest
import yaml
from capacity_server.app import Service
from capacity_server.settings import Settings, Stream, from_environment

from palier.api.v1alpha1 import parse
from palier.api.variants import ResolvedVariant, resolve_variants
from palier.economics.money import HOURS_PER_MONTH
from palier.economics.prices import Priced, PriceTable, hourly
from palier.economics.resources import read_requests
from tests.unit.capacity.conftest import EXAMPLE, Running

FAST = Settings(service_time=0.001)
STREAM = Settings(stream=Stream(tokens=4, first=0.002, between=0.001), workers=2)


async def metrics(client: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Read the server's metrics by their full names."""
    async with client.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def test_every_path_is_answered_after_the_service_time(running: Running, client: aiohttp.ClientSession) -> None:
    """A load test may use any path and method."""
    async with running(Service(Settings(service_time=0.05))) as server:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with client.post(f"{server.url}/v1/anything", json={"text": "?"}) as answer:
            status = answer.status
        took = loop.time() - began

    assert status == 200
    assert took >= 0.05


async def test_work_is_done_for_each_request(running: Running, client: aiohttp.ClientSession) -> None:
    """A computing server spends what it is told to, once for each request."""
    spent: list[float] = []
    async with running(Service(Settings(work=0.005), burn=spent.append)) as server:
        for _ in range(3):
            async with client.get(server.url) as answer:
                assert answer.status == 200

    assert spent == [0.005] * 3


async def test_tokens_are_streamed_as_events(running: Running, client: aiohttp.ClientSession) -> None:
    """Each token is an event of its own, the last says why it ends, and the end is marked as OpenAI's API does."""
    async with (
        running(Service(STREAM)) as server,
        client.post(f"{server.url}/v1/chat/completions", json={"max_tokens": 3}) as answer,
    ):
        kind, body = answer.headers["Content-Type"], (await answer.read()).decode()
        counted = await metrics(client, server.url)

    events = [event.removeprefix("data: ") for event in body.split("\n\n") if event]
    chunks = [json.loads(event) for event in events[:-1]]
    assert kind == "text/event-stream"
    assert events[-1] == "[DONE]"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "length"]
    assert counted["tokens_total"] == 3
    assert counted["time_to_first_token_seconds_count"] == 1
    assert counted['http_requests_total{code="200"}'] == 1


async def test_tokens_come_in_one_answer_if_asked_so(running: Running, client: aiohttp.ClientSession) -> None:
    """A client that does not stream gets the same tokens in the end, never more than the server has."""
    async with (
        running(Service(STREAM)) as server,
        client.post(server.url, json={"stream": False, "max_tokens": 99}) as answer,
    ):
        (choice,) = (await answer.json())["choices"]

    assert choice["message"]["content"].split() == ["token"] * 4


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"max_tokens": 0}', b'{"max_tokens": "many"}'])
async def test_a_question_that_makes_no_sense_is_the_clients_mistake(
    running: Running, client: aiohttp.ClientSession, body: bytes
) -> None:
    """It is counted as such, so that a wrong corpus is seen at once."""
    async with running(Service(STREAM)) as server:
        async with client.post(server.url, data=body) as answer:
            status = answer.status
        counted = await metrics(client, server.url)

    assert status == 400
    assert counted['http_requests_total{code="400"}'] == 1


async def test_a_full_waiting_room_is_an_error_of_the_server(running: Running, client: aiohttp.ClientSession) -> None:
    """Whoever finds no room is told with 503, at once, and it counts as a failure."""
    async with running(Service(Settings(service_time=0.3, waiting_room=0))) as server:

        async def ask() -> int:
            async with client.get(server.url) as answer:
                return answer.status

        statuses = await asyncio.gather(*(ask() for _ in range(3)))
        counted = await metrics(client, server.url)

    assert sorted(statuses) == [200, 503, 503]
    assert counted['http_requests_total{code="503"}'] == 2


async def test_is_ready_only_when_the_model_is_loaded(running: Running, client: aiohttp.ClientSession) -> None:
    """The time of a cold start can be measured: it lives from the start, and is ready later."""
    loaded, waited = asyncio.Event(), []

    async def load(seconds: float) -> None:
        waited.append(seconds)
        await loaded.wait()

    async def status(url: str) -> int:
        async with client.get(url) as answer:
            return answer.status

    async with running(Service(Settings(service_time=0.001, load_seconds=7), pause=load)) as server:
        early = [await status(f"{server.url}{path}") for path in ("/healthz", "/readyz", "/")]
        loaded.set()
        while await status(f"{server.url}/readyz") != 200:
            pass
        late = await status(server.url)

    assert waited == [7]
    assert early == [200, 503, 503]
    assert late == 200


async def test_probes_and_scrapes_are_not_counted(running: Running, client: aiohttp.ClientSession) -> None:
    """Only users' requests are; and known series start at 0."""
    async with running(Service(FAST)) as server:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with client.get(f"{server.url}{path}") as answer:
                assert answer.status == 200
        counted = await metrics(client, server.url)

    assert counted['http_requests_total{code="200"}'] == 0
    assert counted['http_requests_total{code="503"}'] == 0
    assert counted["http_request_duration_seconds_count"] == 0


async def test_drains_without_losing_a_request(running: Running, client: aiohttp.ClientSession) -> None:
    """Told to stop, it is not ready any more but serves on, asks for the connection to be closed, and then ends."""
    draining, over = asyncio.Event(), asyncio.Event()

    async def drain(_: float) -> None:
        draining.set()
        await over.wait()

    async with running(Service(FAST), pause=drain) as server:
        async with client.get(f"{server.url}/readyz") as answer:
            assert answer.status == 200
        server.stop.set()
        await asyncio.wait_for(draining.wait(), 10)
        async with client.get(f"{server.url}/readyz") as answer:
            ready = answer.status
        async with client.get(server.url) as answer:
            status, connection = answer.status, answer.headers["Connection"]
        over.set()
        await asyncio.wait_for(server.serving, 10)

    assert (ready, status, connection) == (503, 200, "close")


def test_the_example_is_what_its_comment_says() -> None:
    """Its environment is readable to the server: four workers of 20 ms."""
    manifest = yaml.safe_load((EXAMPLE / "deployment.yaml").read_text("utf-8"))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    settings = from_environment({each["name"]: each["value"] for each in container["env"]})

    assert (settings.service_time, settings.workers) == (0.02, 4)


def test_one_of_the_three_variants_fits() -> None:
    """Each of the other two falls short for one reason only: the promise, or the budget."""
    manifest = yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text("utf-8"))
    prices = PriceTable.parse(yaml.safe_load((EXAMPLE / "prices.yaml").read_text("utf-8")))
    threshold = manifest["spec"]["objectives"][0]["latency"]["threshold"]
    slow, large, small = resolve_variants(parse(manifest))

    def settings(variant: ResolvedVariant) -> Settings:
        template = variant.deployment.spec.serving.template.model_dump(mode="json")
        (container,) = template["spec"]["containers"]
        return from_environment({each["name"]: each["value"] for each in container["env"]})

    def month(variant: ResolvedVariant) -> Decimal:
        priced = hourly(read_requests(variant.deployment), prices, node_selector={}, today=prices.as_of)
        assert isinstance(priced, Priced)
        return priced.money.amount * HOURS_PER_MONTH

    assert threshold == "100ms"
    assert [(settings(each).service_time or 0) > 0.1 for each in (slow, large, small)] == [True, False, False]
    assert [month(each) > Decimal(manifest["spec"]["budget"]["monthly"]) for each in (slow, large, small)] == [
        False,
        True,
        False,
    ]
