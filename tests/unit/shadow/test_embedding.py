"""Vectors of texts: asked for as OpenAI's servers are, and never guessed."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from palier.api.spec.answers import Answers, Embeddings
from palier.workers.embedding import Embedder, cosine
from tests.support.shadow.arms import CANDIDATE, Arm, Shadowed, reset, serve, shadowed, text, until

VECTORS = {"cat": [1.0, 0.0], "kitten": [0.8, 0.6], "stone": [0.0, 2.0], "word": [1.0, 1.0]}


async def vectors(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """A server that knows four words, and answers the vectors in the wrong order."""
    texts = json.loads(body)["input"]
    data = [{"object": "embedding", "index": place, "embedding": VECTORS[one]} for place, one in enumerate(texts)]
    return web.json_response({"object": "list", "data": data[::-1]})


@asynccontextmanager
async def embedder(answering: Any = vectors, **more: Any) -> AsyncIterator[tuple[Embedder, Arm]]:  # noqa: ANN401
    """A client and its server."""
    async with AsyncExitStack() as stack:
        arm = Arm(answering)
        await serve(arm, stack)
        stack.callback(arm.gate.set)
        server = Embeddings.model_validate({"url": f"{arm.url}/v1/embeddings", **more})
        yield await stack.enter_async_context(Embedder(server)), arm


@asynccontextmanager
async def compared(answering: Any = vectors) -> AsyncIterator[tuple[Shadowed, Arm]]:  # noqa: ANN401
    """A proxy that compares texts by their vectors."""
    async with AsyncExitStack() as stack:
        arm = Arm(answering)
        await serve(arm, stack)
        check = {"name": "meaning", "compare": "Text", "text": {"metric": "embedding", "min": "75"}}
        answers = Answers.model_validate({"checks": [check], "embeddings": {"url": arm.url, "timeout": "1s"}})
        yield await stack.enter_async_context(shadowed(stable=text("cat"), answers=answers)), arm


async def test_the_server_is_asked_for_both_texts_at_once() -> None:
    """With the model's name if there is one; vectors are matched by their index."""
    async with embedder(model="mini") as (client, server):
        assert await client.likeness("cat", "kitten") == pytest.approx(0.8)
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/v1/embeddings")
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == {"model": "mini", "input": ["cat", "kitten"]}


@pytest.mark.parametrize(
    "answering",
    [
        reset,
        text("{}"),
        text("[]"),
        text("no JSON"),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": [1, 0, 0]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": [0, 0]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": [NaN, 1]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": ["x", 1]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": [1.7e308, 1.7e308]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": "AAAA"}]}'),
        text('{"data": [{"index": 0, "embedding": [1, 0]}, {"index": 0, "embedding": [1, 0]}]}'),
        text('{"data": [{"embedding": [1, 0]}, {"embedding": [1, 0]}]}', 500),
        text("[" * 100_000),
        text("x" * 9_000_000),
    ],
)
async def test_nonsense_tells_nothing(answering: Any) -> None:  # noqa: ANN401
    """Neither that texts are alike nor that they are not."""
    async with embedder(answering) as (client, _):
        assert await client.likeness("cat", "kitten") is None
        assert not await client.embeds("cat")
        assert not await client.answers()


async def test_a_slow_server_tells_nothing() -> None:
    """Its time is bounded."""
    async with embedder(timeout="50ms") as (client, server):
        server.gate.clear()
        assert await client.likeness("cat", "kitten") is None


def refusing(*refused: str, together: bool = False) -> Any:  # noqa: ANN401
    """A server that knows four words and calls these too long, or any two at once."""

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        texts = json.loads(body)["input"]
        if set(texts) & set(refused) or (together and len(texts) > 1):
            return web.Response(status=413)
        return await vectors(request, body)

    return answer


async def test_a_candidate_that_has_no_vector_is_like_nothing() -> None:
    """When the reference has one: else nothing is known. Neither says that the server is down."""
    async with embedder(refusing("stone")) as (client, _):
        assert await client.likeness("cat", "stone") == 0.0
        assert await client.likeness("stone", "cat") is None
        assert await client.likeness("stone", "") is None
        assert await client.embeds("cat")
        assert not await client.embeds("stone")
        assert await client.answers()


async def test_two_texts_that_are_too_long_together_are_asked_for_one_by_one() -> None:
    """It is not the candidate's text that was refused."""
    async with embedder(refusing(together=True)) as (client, _):
        assert await client.likeness("cat", "kitten") == pytest.approx(0.8)


async def test_a_server_that_goes_down_in_between_tells_nothing() -> None:
    """It gave a vector of the reference just before, and would not now."""
    left = ["cat"]

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if json.loads(body)["input"] != left:
            return web.Response(status=500)
        left.clear()
        return await vectors(request, body)

    async with embedder(answer) as (client, _):
        assert await client.likeness("cat", "kitten") is None
        assert left == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_server_that_is_too_busy_says_nothing_of_a_text(status: int) -> None:
    """Whichever of the two texts it was just asked for: the candidate has not made it busy."""

    async def answering(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        asked = json.loads(body)["input"]
        return web.Response(status=status) if "kitten" in asked else await vectors(request, body)

    async with embedder(answering) as (client, _):
        assert await client.likeness("cat", "kitten") is None
        assert not await client.embeds("kitten")
        assert await client.embeds("cat")


async def test_everybody_waits_for_the_first_answer() -> None:
    """A server that has not answered yet is not down."""
    async with embedder() as (client, server):
        server.gate.clear()
        asking = [asyncio.create_task(client.answers()) for _ in range(5)]
        await until(lambda: len(server.seen) == 1)
        server.gate.set()
        assert await asyncio.gather(*asking) == [True] * 5
        assert len(server.seen) == 1


async def test_an_empty_text_is_like_no_other() -> None:
    """It has no vector; that is told as long as the server is there."""
    async with embedder() as (client, _):
        assert await client.likeness("", "cat") == 0.0
        assert await client.likeness("cat", "") == 0.0
        assert await client.likeness("", "") == 1.0
    async with embedder(reset) as (client, _):
        assert await client.likeness("", "cat") is None


def test_the_cosine_is_that_of_the_angle() -> None:
    """Whatever the lengths, and never beyond 1 by rounding."""
    assert cosine([3.0, 0.0], [0.5, 0.0]) == 1.0
    assert cosine([1.0, 1.0], [1.0, 0.0]) == pytest.approx(math.sqrt(0.5))
    assert cosine([1.0, 0.0], [-2.0, 0.0]) == -1.0
    assert cosine([0.1] * 3, [0.7] * 3) == 1.0
    assert cosine([], []) is None


async def test_texts_are_compared_by_their_meaning() -> None:
    """Likeness of 0.8 is enough here, 0 is not."""
    async with compared() as (shadow, server):
        for word, disagreements in (("cat", 0), ("kitten", 0), ("stone", 1)):
            shadow.candidate.answer = text(word)
            await shadow.copy()
            await shadow.settled()
            assert await shadow.metric("disagreements_total", segment="") == disagreements
        assert await shadow.metric("pairs_total", segment="") == 3
        assert await shadow.metric("check_score_sum", check="meaning") == pytest.approx(1.8)
        asked = [json.loads(seen.body)["input"] for seen in server.seen]
        assert asked == [["cat"], ["cat", "kitten"], ["cat", "stone"]]


@pytest.mark.parametrize(
    ("refused", "answering", "pairs", "disagreements"),
    [
        ("stone", text("stone"), 1, 1),
        ("stone", text("cat"), 1, 0),
        ("stone", text("oops", 500), 1, 1),
        ("cat", text("kitten"), 0, 0),
        ("cat", text("cat"), 0, 0),
        ("cat", text("oops", 500), 0, 0),
        ("cat", text("", 404), 0, 0),
        ("cat", text(""), 0, 0),
    ],
)
async def test_stables_text_alone_decides_whether_vectors_can_tell(
    refused: str,
    answering: Any,  # noqa: ANN401
    pairs: int,
    disagreements: int,
) -> None:
    """A text of the candidate that the server refuses is another answer; of stable's nothing is known."""
    async with compared(refusing(refused)) as (shadow, _):
        shadow.candidate.answer = answering
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == pairs
        assert await shadow.metric("disagreements_total", segment="") == disagreements
        assert await shadow.metric("check_score_sum", check="meaning") == pairs - disagreements
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 1 - pairs


async def test_a_refused_text_says_nothing_of_other_pairs() -> None:
    """An empty answer needs no vector, only a server that is there."""
    async with compared(refusing("cat")) as (shadow, _):
        for words in ("cat", "", "cat", ""):
            shadow.stable.answer = shadow.candidate.answer = text(words)
            await shadow.copy()
            await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 2
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 2


async def test_without_vectors_nothing_is_compared() -> None:
    """Not the texts that are the same, and not those that are missing: what is left would be no fair sample."""
    async with compared(reset) as (shadow, _):
        for answering in (text("cat"), text("kitten"), text("oops", 500), text("cat", 404)):
            shadow.candidate.answer = answering
            await shadow.copy()
            await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 4
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1


async def test_a_server_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text with another one asks anew."""
    monkeypatch.setattr("palier.workers.embedding._LATELY", 0.0)
    async with compared(reset) as (shadow, server):
        await shadow.copy()
        await shadow.settled()
        server.answer = vectors
        shadow.candidate.answer = text("cat")
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 1
        assert await shadow.metric("pairs_total", segment="") == 1
