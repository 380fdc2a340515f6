"""Bodies of every kind: compressed, streamed, large, none at all."""

import asyncio
import gzip
import io
import json
from typing import Any

import pytest
from aiohttp import web

from palier.api.spec.answers import Answers
from tests.support.shadow.arms import CANDIDATE, STABLE, shadowed, stream, text

LANGUAGE = Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]})


async def test_compressed_answers_are_compared_by_what_they_say() -> None:
    """One version compresses, the other does not."""

    async def compressed(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        packed = gzip.compress(b'{"characters": 0, "language": "fr"}')
        return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async with shadowed(candidate=compressed) as shadow:
        await shadow.copy(headers={"Accept-Encoding": "gzip"})
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("disagreements_total", segment="") == 0


async def test_a_compressed_request_stays_compressed() -> None:
    """The header says so, and both versions unpack it themselves."""
    packed = gzip.compress(b"some text")
    async with shadowed() as shadow:
        await shadow.copy("POST", data=packed, headers={"Content-Encoding": "gzip"})
        await shadow.settled()
        (seen,) = shadow.candidate.seen
        assert seen.headers["content-encoding"] == "gzip"
        assert seen.body == packed
        assert int(seen.headers["content-length"]) == len(packed)


async def test_head_compares_the_status() -> None:
    """There is no body that a check could look at."""
    async with shadowed(answers=LANGUAGE) as shadow:
        await shadow.copy("HEAD")
        await shadow.settled()
        shadow.candidate.answer = text("", 404)
        await shadow.copy("HEAD")
        await shadow.settled()
        assert [seen.method for seen in shadow.stable.seen] == ["HEAD", "HEAD"]
        assert await shadow.metric("pairs_total", segment="") == 2
        assert await shadow.metric("disagreements_total", segment="") == 1
        assert await shadow.metric("check_pairs_total", check="language") == 0


EVENT = 'data: {{"choices": [{{"delta": {{"content": "{}"}}}}]}}\n\n'


def events(*pieces: str) -> Any:  # noqa: ANN401
    """A chat as OpenAI streams it."""
    written = [b": wait\n\n", *(EVENT.format(piece).encode() for piece in pieces), b"data: [DONE]\n\n"]
    return stream(*written)


async def test_streams_are_compared_by_their_text() -> None:
    """However it is cut into events; the first one is timed apart."""
    async with shadowed(candidate=events("Bon", "jour"), stable=events("B", "onjour")) as shadow:
        await shadow.copy("POST", data=b"{}")
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("disagreements_total", segment="") == 0
        for revision in (CANDIDATE, STABLE):
            assert await shadow.metric("first_token_seconds_count", revision) == 1
            assert await shadow.metric("first_token_seconds_bucket", revision, le="5.0") == 1

        shadow.candidate.answer = events("Bonsoir")
        await shadow.copy("POST", data=b"{}")
        await shadow.settled()
        assert await shadow.metric("disagreements_total", segment="") == 1


async def test_a_stream_that_says_nothing_has_no_first_token() -> None:
    """A comment is no data, and neither is the mark of the end."""
    async with shadowed(candidate=events(), stable=events("Bonjour")) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("first_token_seconds_bucket", CANDIDATE, le="60.0") == 0
        assert await shadow.metric("first_token_seconds_bucket", CANDIDATE, le="+Inf") == 1
        assert await shadow.metric("first_token_seconds_bucket", STABLE, le="60.0") == 1
        assert await shadow.metric("disagreements_total", segment="") == 1


async def test_the_first_token_is_timed_when_it_comes() -> None:
    """Not when the stream ends."""
    first, rest = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(EVENT.format("Bon").encode())
        first.set()
        await rest.wait()
        await response.write(EVENT.format("jour").encode())
        return response

    async with shadowed(candidate=answer, stable=events("Bonjour")) as shadow:
        await shadow.copy()
        await first.wait()
        await asyncio.sleep(0.8)
        rest.set()
        await shadow.settled()
        assert await shadow.metric("first_token_seconds_bucket", CANDIDATE, le="0.7") == 1
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="0.7") == 0
        assert await shadow.metric("disagreements_total", segment="") == 0


async def test_answers_that_are_no_streams_have_no_first_token() -> None:
    """Its histogram is of streams alone."""
    async with shadowed() as shadow:
        await shadow.copy()
        await shadow.settled()
        for revision in (CANDIDATE, STABLE):
            assert await shadow.metric("first_token_seconds_count", revision) == 0


async def test_large_bodies_are_compared() -> None:
    """More than what is written or compared in one piece."""
    document = {"texts": [f"word {number}" for number in range(150_000)]}

    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return web.json_response({**document, "asked": len(body)})

    async with shadowed(candidate=answer, stable=answer, max_body_bytes=4 * 2**20) as shadow:
        await shadow.copy("POST", data=io.BytesIO(b"x" * (3 * 2**20)))
        await shadow.settled()
        assert shadow.candidate.seen[0].body == shadow.stable.seen[0].body == b"x" * (3 * 2**20)
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("disagreements_total", segment="") == 0


async def test_an_answer_of_stable_that_is_too_large_makes_no_pair() -> None:
    """Its time counts all the same, and so does the candidate's failure."""
    async with shadowed(candidate=text("x", 500), stable=text("x" * 5000), max_body_bytes=4096) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="AnswerTooLarge") == 1
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1
        assert await shadow.metric("answer_seconds_bucket", STABLE, le="60.0") == 1


@pytest.mark.parametrize(("size", "differs"), [(5000, False), (9000, True)])
async def test_a_candidate_cannot_hide_behind_the_size_of_its_answer(size: int, differs: bool) -> None:
    """More than twice what stable may say is another answer; less is compared."""
    checks = Answers.model_validate({"checks": [{"name": "length", "path": "$.x", "compare": "Label"}]})
    answering = text(json.dumps({"x": 1, "y": "y" * size}))
    async with shadowed(candidate=answering, stable=text('{"x": 1}'), max_body_bytes=4096, answers=checks) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("disagreements_total", segment="") == int(differs)
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 0


async def test_an_answer_that_was_not_kept_is_not_an_empty_one() -> None:
    """It differs from stable's empty answer."""
    async with shadowed(candidate=text("y" * 9000), stable=text(""), max_body_bytes=4096) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("disagreements_total", segment="") == 1
