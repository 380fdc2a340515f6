"""What the operator reads of the API server: as deep as anything of Kubernetes, and never deeper."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from palier.cluster.client import KubernetesCluster
from palier.cluster.reading import DEEPEST, ShallowResponse, cut_depth, read_json
from palier.cluster.transport import Transport

DEEP = ["[" * 2_500 + "]" * 2_500, '{"a":' * 9_930 + "1" + "}" * 9_930, '[{"a":' * 50_000 + "1" + "}]" * 50_000]
TEXTS = ("{[", "}]", '"', "\\", '\\"[', 'a\\\\"', "\n{", "é[")


def nest(levels: int) -> list[Any]:
    """Lists in each other."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def cut(value: Any, levels: int = DEEPEST) -> Any:  # noqa: ANN401 - any JSON value
    """The same, plainly."""
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {name: cut(inside, levels - 1) for name, inside in value.items()}
    return [cut(inside, levels - 1) for inside in value]


def grow(chance: random.Random, levels: int) -> Any:  # noqa: ANN401 - any JSON value
    """A random value with many odd texts, about so many levels deep."""
    if levels <= 0:
        return chance.choice((*TEXTS, 1, None, True, 1.5))
    inside = [grow(chance, levels - 1), *(grow(chance, levels - chance.randint(90, 120)) for _ in range(3))]
    chance.shuffle(inside)
    return inside if chance.random() < 0.5 else {chance.choice(TEXTS) + str(at): one for at, one in enumerate(inside)}


@pytest.mark.parametrize("deep", DEEP, ids=["lists", "maps", "both"])
def test_what_is_too_deep_is_cut_and_its_neighbours_are_read(deep: str) -> None:
    """An item of a list takes nothing from the others."""
    good = {"metadata": {"name": "good", "note": '{[\\"[{'}}
    answer = read_json(f'{{"items": [{json.dumps(good)}, {deep}, {json.dumps(good)}]}}'.encode())
    assert answer["items"][0] == answer["items"][2] == good
    assert answer["items"][1]


@pytest.mark.parametrize(("levels", "whole"), [(DEEPEST, True), (DEEPEST + 1, False)])
def test_the_bound_is_exact(levels: int, whole: bool) -> None:
    """So many levels are read, and one more is null."""
    assert (read_json(json.dumps(nest(levels)).encode()) == nest(levels)) is whole
    assert read_json(json.dumps(nest(levels)).encode()) == cut(nest(levels))


def test_any_value_is_cut_where_it_should_be() -> None:
    """Brackets and quotation marks in texts, with any number of backslashes before them, are no structure."""
    chance, cuts = random.Random(3), 0  # noqa: S311 - the same values every time are wanted
    for _ in range(100):
        value = grow(chance, chance.randint(90, 115))
        data = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode()
        assert read_json(data) == cut(value)
        assert (cut_depth(data) == data) is (cut(value) == value)
        cuts += cut(value) != value
    assert 30 < cuts < 90


@pytest.mark.parametrize(
    "data", [b"", b"[" * 5_000, b'{"a":' * 5_000, b"]" * 500, b'"' + b"[" * 5_000, b'\\"' * 50 + b"[" * 200]
)
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    """Whatever it looks like, nothing recurses without end."""
    with pytest.raises(ValueError, match=r"line \d+ column \d+"):
        read_json(data)


def test_numbers_without_end_and_texts_that_are_none_are_read() -> None:
    """They are refused where they stand, by the field that they are in, and not with the whole list around them."""
    endless, infinite, half = read_json(b"[1" + b"0" * 5_000 + b', 1e400, "\xff"]')
    assert endless == infinite == float("inf")
    assert half == "\ufffd"


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """An API server with two objects, of which the first is too deep, and with a watch in small pieces."""
    good = json.dumps({"kind": "X", "metadata": {"name": "good"}})
    deep = f'{{"kind": "X", "metadata": {{"name": "deep"}}, "spec": {DEEP[1]}}}'

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            text = f'{{"kind": "XList", "metadata": {{"resourceVersion": "7"}}, "items": [{deep}, {good}]}}'
            return web.Response(text=text, content_type="application/json")
        response = web.StreamResponse()
        await response.prepare(request)
        lines = "".join(f'{{"type": "ADDED", "object": {one}}}\n' for one in (deep, good)) + good
        for start in range(0, len(lines), 1_000):
            await response.write(lines[start : start + 1_000].encode())
        return response

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    async with TestServer(application) as server:
        yield server


async def test_a_list_with_an_object_that_is_too_deep_is_read(server: TestServer) -> None:
    """By our client, whatever the version of Python."""
    cluster = KubernetesCluster(Transport(Configuration(host=str(server.make_url("/")).rstrip("/"))))
    objects, version = await cluster.list("apps/v1", "Deployment", namespace=None)
    await cluster.close()
    assert [obj["metadata"]["name"] for obj in objects] == ["deep", "good"]
    assert version == "7"


async def test_kopf_reads_lists_and_watches_that_are_shallow(server: TestServer) -> None:
    """Line by line, as it does: each is JSON for `json.loads`, and none is lost between two pieces."""
    async with aiohttp.ClientSession(response_class=ShallowResponse) as session:
        async with session.get(server.make_url("/")) as response:
            listed = await response.json()
        assert [item["metadata"]["name"] for item in listed["items"]] == ["deep", "good"]
        async with session.get(server.make_url("/?watch=true")) as response:
            stream = b"".join([piece async for piece in response.content.iter_chunked(700)])
    *events, last = [json.loads(line) for line in stream.split(b"\n")]
    assert [event["object"]["metadata"]["name"] for event in events] == ["deep", "good"]
    assert last["metadata"]["name"] == "good"


async def test_a_line_of_a_watch_arrives_when_it_is_whole() -> None:
    """Not when the next one begins."""
    more = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"a":')
        await response.write(b" 1}\n{")
        await more.wait()
        return response

    application = web.Application()
    application.router.add_get("/", answer)
    async with (
        TestServer(application) as server,
        aiohttp.ClientSession(response_class=ShallowResponse) as session,
        session.get(server.make_url("/")) as response,
    ):
        pieces = response.content.iter_chunked(1_000)
        assert await asyncio.wait_for(anext(pieces), 5) == b'{"a": 1}\n'
        more.set()
