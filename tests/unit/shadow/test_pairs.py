"""Pairs through a real proxy: what is sent to both versions, what is compared, and what is counted as what."""

import asyncio
import json
import random
from typing import Any

import pytest
from aiohttp import web

from palier.answers.comparison import Answer, compare
from palier.api.spec.answers import Answers
from tests.support.shadow.arms import CANDIDATE, STABLE, reset, same, shadowed, text, until

LANGUAGE = Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]})
TWO_CHECKS = Answers.model_validate(
    {
        "checks": [
            {"name": "language", "path": "$.language", "compare": "Label"},
            {"name": "shape", "compare": "Shape"},
        ]
    }
)


def languages(seed: int) -> Any:  # noqa: ANN401
    """A server that names a language, for a tenth of the texts another one with every seed."""

    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        chance = random.Random(f"{body!r} {seed}")  # noqa: S311
        language = chance.choice(["de", "es", "it"]) if chance.random() < 0.1 else "fr"
        return web.json_response({"language": language, "took": chance.random()})

    return answer


async def test_agreement_is_what_the_answers_say() -> None:
    """Every request makes a pair, and as many disagree as a comparison of the same answers by hand finds."""
    candidate, stable = languages(1), languages(2)
    texts = [f"text {number}".encode() for number in range(300)]

    async with shadowed(candidate=candidate, stable=stable, answers=LANGUAGE) as shadow:
        for start in range(0, 300, 50):
            statuses = await asyncio.gather(*(shadow.copy("POST", data=one) for one in texts[start : start + 50]))
            assert set(statuses) == {204}
        await shadow.settled()

        said = []
        for body in texts:
            pair = [await one(None, body) for one in (stable, candidate)]
            said.append([Answer(200, response.text) for response in pair])
        differ = sum(compare(first, second, LANGUAGE).agrees is False for first, second in said)
        assert 20 < differ < 80
        assert await shadow.metric("mirrored_total") == 300
        assert await shadow.metric("sampled_total") == 300
        assert await shadow.metric("pairs_total", segment="") == 300
        assert await shadow.metric("disagreements_total", segment="") == differ
        assert await shadow.metric("check_pairs_total", check="language") == 300
        assert await shadow.metric("check_disagreements_total", check="language") == differ
        assert await shadow.metric("check_score_count", check="language") == 300
        assert await shadow.metric("check_score_sum", check="language") == 300 - differ
        labels = {
            key: value for key, value in (await shadow.metrics()).items() if key[0] == "palier_shadow_labels_total"
        }
        assert sum(labels.values()) == 300
        both = [(json.loads(first.body)["language"], json.loads(second.body)["language"]) for first, second in said]
        german = both.count(("de", "fr"))
        assert await shadow.metric("labels_total", check="language", stable="de", candidate="fr") == german > 0
        for revision in (CANDIDATE, STABLE):
            assert await shadow.metric("answers_total", revision, segment="") == 300
            assert await shadow.metric("failed_answers_total", revision, segment="") == 0
            assert await shadow.metric("answer_seconds_count", revision) == 300
        assert {one.body for one in shadow.candidate.seen} == {one.body for one in shadow.stable.seen} == set(texts)


async def test_both_versions_are_asked_what_the_user_asked() -> None:
    """Method, path, query, headers and body as they came, under the user's own host, marked as a copy."""
    async with shadowed() as shadow:
        await shadow.copy(
            "POST",
            "/v1/a%20b?q=%C3%A4&empty=&q=2",
            data=b"\x00\xffbody",
            headers={
                "Host": "models.example.com-shadow:8443",
                "Content-Type": "application/octet-stream",
                "X-Request-Id": "77",
                "Cookie": "session=1",
                "Accept-Encoding": "br, gzip",
                "Connection": "X-Hop",
                "X-Hop": "1",
            },
        )
        await shadow.settled()

        for arm, name in ((shadow.candidate, "candidate"), (shadow.stable, "stable")):
            (seen,) = arm.seen
            assert (seen.method, seen.path, seen.body) == ("POST", "/v1/a%20b?q=%C3%A4&empty=&q=2", b"\x00\xffbody")
            assert seen.headers["host"] == "models.example.com:8443"
            assert seen.headers["x-palier-shadow"] == name
            assert seen.headers["x-request-id"] == "77"
            assert seen.headers["cookie"] == "session=1"
            assert seen.headers["accept-encoding"] == "gzip"
            assert "x-hop" not in seen.headers
        assert shadow.proxy.ledger.pairs == 1


async def test_nothing_is_added_that_the_user_did_not_send() -> None:
    """A request without headers reaches both without any but the host's and the mark, and that of a last connection."""
    async with shadowed() as shadow:
        bare = ("Accept", "Accept-Encoding", "User-Agent")
        await shadow.copy(skip_auto_headers=bare)
        await shadow.settled()
        assert {name.lower() for name in shadow.candidate.seen[0].headers} - {"connection"} == {
            "host",
            "x-palier-shadow",
        }


@pytest.mark.parametrize(
    ("answering", "failed"), [(text("oops", 500), 1), (text("oops", 503), 1), (reset, 1), (text("oops", 404), 0)]
)
async def test_a_candidate_that_fails_disagrees(answering: Any, failed: int) -> None:  # noqa: ANN401
    """Where stable answers, no answer is a wrong answer, to every check; a refusal is an answer, but another one."""
    async with shadowed(candidate=answering, answers=TWO_CHECKS, factors=("1.5",)) as shadow:
        await shadow.copy()
        await shadow.settled()

        assert await shadow.metric("pairs_total", segment="") == 1
        assert await shadow.metric("disagreements_total", segment="") == 1
        for check in ("language", "shape"):
            assert await shadow.metric("check_pairs_total", check=check) == 1
            assert await shadow.metric("check_disagreements_total", check=check) == 1
            assert await shadow.metric("check_score_count", check=check) == 1
            assert await shadow.metric("check_score_sum", check=check) == 0
        assert await shadow.metric("answers_total", CANDIDATE, segment="") == 1
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == failed
        assert await shadow.metric("failed_answers_total", STABLE, segment="") == 0
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="60.0") == 1 - failed
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="+Inf") == 1
        assert await shadow.metric("answer_seconds_bucket", STABLE, le="60.0") == 1
        if failed:
            assert await shadow.metric("slower_total", factor="1.5") == 1


async def test_a_candidate_that_is_not_there_disagrees() -> None:
    """Nobody listens on its port."""
    async with shadowed(candidate_url="http://127.0.0.1:1") as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("disagreements_total", segment="") == 1
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1


async def test_a_candidate_that_takes_too_long_disagrees() -> None:
    """It counts as slower than anything, and for the longest wait in the sum, which stays a number."""
    async with shadowed(timeout=0.5) as shadow:
        shadow.candidate.gate.clear()
        await shadow.copy()
        await shadow.settled()

        assert await shadow.metric("disagreements_total", segment="") == 1
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="60.0") == 0
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="+Inf") == 1
        assert await shadow.metric("answer_seconds_sum", CANDIDATE) == 0.5
        assert 0 < await shadow.metric("answer_seconds_sum", STABLE) < 0.5


async def test_a_failed_request_is_not_sent_again() -> None:
    """Not even a GET over a connection that was used before, which clients like to try again: it hides a crash."""
    async with shadowed() as shadow:
        await shadow.copy()
        await shadow.settled()
        shadow.candidate.answer = reset
        await shadow.copy()
        await shadow.settled()
        assert len(shadow.candidate.seen) == 2
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == 1


@pytest.mark.parametrize("answering", [text("oops", 502), reset])
@pytest.mark.parametrize("also", [True, False])
async def test_where_stable_fails_there_is_no_pair(answering: Any, also: bool) -> None:  # noqa: ANN401
    """Nobody knows what the answer should have been; that both were asked is counted."""
    candidate = answering if also else same
    async with shadowed(candidate=candidate, stable=answering, factors=("1",)) as shadow:
        await shadow.copy()
        await shadow.settled()

        assert await shadow.metric("unpaired_total", reason="StableFailed") == 1
        assert await shadow.metric("pairs_total", segment="") == 0
        assert await shadow.metric("disagreements_total", segment="") == 0
        assert await shadow.metric("check_pairs_total", check="answer") == 0
        assert await shadow.metric("slower_total", factor="1") == 0
        assert await shadow.metric("failed_answers_total", STABLE, segment="") == 1
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="") == int(also)
        for revision in (CANDIDATE, STABLE):
            assert await shadow.metric("answers_total", revision, segment="") == 1
            assert await shadow.metric("answer_seconds_count", revision) == 1


async def test_redirects_and_cookies_are_the_users() -> None:
    """A redirect is an answer, and what one user was given is not sent with the request of the next."""

    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/elsewhere", "Set-Cookie": "session=mine"})

    async with shadowed(candidate=answer, stable=answer) as shadow:
        for _ in range(2):
            await shadow.copy()
            await shadow.settled()
        assert [seen.path for seen in shadow.candidate.seen] == ["/", "/"]
        assert all("cookie" not in seen.headers for seen in shadow.candidate.seen)
        assert await shadow.metric("pairs_total", segment="") == 2


async def test_a_slower_candidate_is_counted_by_factor() -> None:
    """Both are timed for the same request."""

    async def slow(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return await same(request, body)

    async def less_slow(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return await same(request, body)

    async with shadowed(candidate=slow, stable=less_slow, factors=("1.5", "500"), thresholds=(0.25,)) as shadow:
        await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("slower_total", factor="1.5") == 1
        assert await shadow.metric("slower_total", factor="500") == 0
        assert await shadow.metric("disagreements_total", segment="") == 0
        assert await shadow.metric("answer_seconds_bucket", CANDIDATE, le="0.25") == 0
        assert await shadow.metric("answer_seconds_bucket", STABLE, le="0.07") == 0


async def test_groups_of_users_are_counted_apart() -> None:
    """By a header of the request; without it they belong to no group."""

    async def worse_for_some(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if request.headers.get("x-kind") == "free":
            return web.Response(status=500)
        return await same(request, body)

    async with shadowed(candidate=worse_for_some, segment_header="X-Kind") as shadow:
        for kind in ("free", "free", "paying"):
            await shadow.copy(headers={"x-kind": kind})
        await shadow.copy()
        await shadow.settled()
        for group, pairs, failed in (("free", 2, 2), ("paying", 1, 0), ("", 1, 0), ("(other)", 0, 0)):
            assert await shadow.metric("pairs_total", segment=group) == pairs
            assert await shadow.metric("disagreements_total", segment=group) == failed
            assert await shadow.metric("answers_total", CANDIDATE, segment=group) == pairs
            assert await shadow.metric("failed_answers_total", CANDIDATE, segment=group) == failed
            assert await shadow.metric("answers_total", STABLE, segment=group) == pairs


async def test_a_new_group_begins_at_nothing() -> None:
    """Its counters are there before its first answer, so that no rate misses it."""
    async with shadowed(segment_header="x-kind") as shadow:
        shadow.stable.gate.clear()
        await shadow.copy(headers={"x-kind": "new"})
        await until(lambda: shadow.proxy.in_flight == 1)
        assert await shadow.metric("pairs_total", segment="new") == 0
        assert await shadow.metric("failed_answers_total", CANDIDATE, segment="new") == 0


async def test_what_breaks_our_own_comparison_is_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each place, without a word of the answer; the proxy goes on."""

    def broken(*_: object, **__: object) -> None:
        raise ArithmeticError("secret")

    monkeypatch.setattr("palier.workers.shadow.pairs.compare", broken)
    async with shadowed() as shadow:
        for _ in range(3):
            await shadow.copy()
        await shadow.settled()
        assert await shadow.metric("unpaired_total", reason="NotCompared") == 3
        assert len(shadow.told) == 1
        assert "ArithmeticError at test_pairs.py" in shadow.told[0]
        assert "secret" not in shadow.told[0]
