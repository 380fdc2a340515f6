"""Examinations of real servers on the loopback: who is asked what, what it is worth, and how it ends."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from palier.api.spec.answers import Answers
from palier.api.status.values import Verdict
from palier.errors import InvalidCorpus
from palier.workers.golden import ask, run
from tests.support.golden.models import Answer, Model, broken, model, says
from tests.support.golden.runs import asked, corpus, french, plan, wrong_above

if TYPE_CHECKING:
    from palier.workers.golden.run import Progress


def test_a_good_candidate_passes_early(good: Model) -> None:
    """Both are asked the same at the same moment, told apart by a header, and no more than it takes."""
    with model(says(french)) as candidate:
        examined = asked(plan(candidate, good), corpus(200, headers={"X-Tenant": "a"}))

    result = examined.result
    assert (result.verdict, result.reason, result.scored, result.requests) == (Verdict.PASS, "Proven", 53, 200)
    assert 53 <= len(candidate.seen) < 80
    bodies = [sorted(one.body for one in server.seen) for server in (candidate, good)]
    assert bodies[0] == bodies[1]
    for server, arm in ((candidate, "candidate"), (good, "stable")):
        headers = server.seen[0].headers
        assert (headers["x-palier-golden"], headers["X-Tenant"]) == (arm, "a")
        assert headers["Content-Type"] == "application/json"
        assert (server.seen[0].method, server.seen[0].path) == ("POST", "/predict")


def test_requests_come_in_random_order_but_always_the_same(good: Model) -> None:
    """The seed draws it: a corpus is rarely written in random order."""
    orders = []
    for seed in (1, 1, 2):
        with model(says(french)) as candidate:
            asked(plan(candidate, good, seed=seed, concurrency=1), corpus(60))
        orders.append([json.loads(one.body)["n"] for one in candidate.seen][:53])

    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_a_bad_candidate_fails(good: Model) -> None:
    """The worst answers are named, and why they are bad."""
    with model(says(wrong_above(50))) as candidate:
        examined = asked(plan(candidate, good), corpus(200, segment="all"))

    assert (examined.result.verdict, examined.result.reason) == (Verdict.FAIL, "QualityWorse")
    assert examined.result.scored < 60
    assert len(examined.worst) == 5
    assert all(int(item.id) > 50 and item.segment == "all" for item in examined.worst)
    assert examined.worst[0].message == "$.language: 'de' instead of 'fr'"


def test_slow_bad_answers_do_not_make_a_candidate_look_good(good: Model) -> None:
    """Answers count in the order that was drawn: in that of their coming this candidate would pass."""

    async def slow_where_wrong(asked: Any) -> web.Response:  # noqa: ANN401
        if asked["n"] % 2:
            await asyncio.sleep(0.05)
            return web.json_response({"language": "de"})
        return web.json_response({"language": "fr"})

    with model(slow_where_wrong) as candidate:
        examined = asked(plan(candidate, good, concurrency=64, margin=0.2), corpus(120))

    assert examined.result.verdict is Verdict.FAIL


@pytest.mark.parametrize("repeat", [1, 3])
def test_no_more_requests_at_once_than_asked_for(good: Model, repeat: int) -> None:
    """A model server in its first minute must not be overrun."""

    async def slow(_asked: Any) -> web.Response:  # noqa: ANN401
        await asyncio.sleep(0.01)
        return web.json_response({"language": "fr"})

    with model(slow) as candidate:
        asked(plan(candidate, good, concurrency=3, repeat=repeat), corpus(60))

    assert candidate.most_at_once == 3
    each = {}
    for one in candidate.seen:
        each[one.body] = each.get(one.body, 0) + 1
    assert max(each.values()) == repeat


def test_repetitions_of_a_model_that_answers_by_chance(good: Model) -> None:
    """Its score for a request is the mean of its answers."""
    turns: dict[int, int] = {}

    def every_other(asked: Any) -> Any:  # noqa: ANN401
        turns[asked["n"]] = turns.get(asked["n"], 0) + 1
        return {"language": "fr" if turns[asked["n"]] % 2 else "de"}

    with model(says(every_other)) as candidate:
        examined = asked(plan(candidate, good, repeat=2), corpus(100))

    assert {item.candidate for item in examined.items} == {0.5}
    assert examined.result.verdict is Verdict.FAIL
    assert examined.result.scored == 2 * len(examined.items)


async def _cut_off(_asked: Any) -> web.Response:  # noqa: ANN401
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (broken, "HTTP 503"),
        (_cut_off, "no answer within 0.2 s"),
    ],
)
def test_a_candidate_that_fails_has_nothing(good: Model, answer: Answer, words: str) -> None:
    """It is asked once, gets 0, and fails."""
    with model(answer) as candidate:
        examined = asked(plan(candidate, good, timeout=0.2), corpus(60))

    assert (examined.result.verdict, examined.result.reason) == (Verdict.FAIL, "QualityWorse")
    assert examined.worst[0].message == f"the candidate failed: {words}"
    assert len({one.body for one in candidate.seen}) == len(candidate.seen)


def test_redirects_and_long_answers_are_failures(good: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's program would not see an answer there, and the pod has only so much memory."""
    monkeypatch.setattr(ask, "LONGEST_BODY", 1000)
    seen = []

    async def odd(asked: Any) -> web.Response:  # noqa: ANN401
        seen.append(asked["n"])
        if len(seen) % 2:
            return web.Response(status=302, headers={"Location": f"{good.url}/predict"})
        return web.Response(text="x" * 2000)

    with model(odd) as candidate:
        examined = asked(plan(candidate, good, concurrency=1), corpus(60))

    messages = {item.message for item in examined.items}
    assert messages == {"the candidate failed: HTTP 302", "the candidate failed: answer longer than 0 MiB"}


def test_a_stable_that_fails_leaves_nothing_to_compare_with(good: Model) -> None:
    """The candidate is neither blamed nor praised for it."""
    with model(broken) as stable:
        examined = asked(plan(good, stable), corpus(100))

    result = examined.result
    assert (result.verdict, result.reason, result.scored) == (Verdict.NO_EVIDENCE, "StableUnanswered", 0)
    assert "(HTTP 503)" in result.message


def test_a_candidate_that_nobody_can_reach_says_nothing_about_its_answers(good: Model) -> None:
    """A network policy or a wrong address is no bad answer; what was reached once and then breaks is."""
    with model(says(french)) as gone:
        pass
    unreached = asked(plan(gone, good), corpus(60))

    assert (unreached.result.verdict, unreached.result.reason) == (Verdict.NO_EVIDENCE, "TooManyUnanswered")
    assert "could not be reached even once" in unreached.result.message


def test_nothing_to_compare_asks_nobody(good: Model) -> None:
    """Without stable and without a minimum no answer could decide anything."""
    examined = asked(plan(good), corpus(60))

    assert (examined.result.verdict, examined.result.reason) == (Verdict.NO_EVIDENCE, "NothingToCompare")
    assert good.seen == []


def test_a_first_revision_only_needs_to_be_good_enough() -> None:
    """The whole corpus tells, if nothing did before."""
    with model(says(wrong_above(19))) as candidate:
        examined = asked(plan(candidate, min_score=0.9, margin=0.02), corpus(20))

    assert (examined.result.verdict, examined.result.scored) == (Verdict.PASS, 20)
    assert examined.result.worst == ("20",)


def test_a_corpus_that_no_check_can_score(good: Model) -> None:
    """Expectations at other places than those of the checks are nothing to score by, and it says so."""
    lines = [json.dumps({"body": {"n": 1}, "expected": {"lang": "fr"}})] * 50
    examined = asked(plan(good, good), lines)

    assert (examined.result.verdict, examined.result.reason) == (Verdict.NO_EVIDENCE, "TooManyUnanswered")
    assert "nothing is expected at the path of any check" in examined.result.message


def test_streams_are_put_together() -> None:
    """A streamed answer is one text."""

    async def streams(_asked: Any) -> web.Response:  # noqa: ANN401
        events = "".join(f'data: {{"choices": [{{"delta": {{"content": "{part}"}}}}]}}\n\n' for part in ("Bon", "jour"))
        return web.Response(text=f"{events}data: [DONE]\n\n", content_type="text/event-stream")

    whole = Answers.model_validate({"checks": [{"name": "text", "compare": "Text"}]})
    lines = [json.dumps({"body": {"n": n}, "expected": "bonjour"}) for n in range(60)]
    with model(streams) as candidate:
        examined = asked(plan(candidate, answers=whole, min_score=0.9), lines)

    assert examined.result.verdict is Verdict.PASS
    assert {item.candidate for item in examined.items} == {1.0}


@pytest.mark.parametrize("up", [True, False])
def test_embeddings(*, up: bool) -> None:
    """Vectors tell how alike texts are; a server without answers leaves no score, never a good one."""

    def vectors(asked: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return {"data": [{"index": n, "embedding": [1.0, float(text == "x")]} for n, text in enumerate(asked["input"])]}

    with (
        model(says(vectors) if up else broken) as server,
        model(says(lambda asked: {"text": asked["say"]})) as candidate,
    ):
        checks = [{"name": "text", "path": "$.text", "compare": "Text", "text": {"metric": "embedding", "min": "90"}}]
        answers = Answers.model_validate({"checks": checks, "embeddings": {"url": f"{server.url}/v1/embeddings"}})
        lines = [json.dumps({"body": {"say": "salut"}, "expected": {"text": "bonjour"}})] * 60
        examined = asked(plan(candidate, answers=answers, min_score=0.9), lines)

    assert examined.result.verdict is (Verdict.PASS if up else Verdict.NO_EVIDENCE)
    if not up:
        assert examined.result.reason == "TooManyUnanswered"


def test_a_corpus_with_a_mistake_asks_nobody(good: Model) -> None:
    """It is read to its end first."""
    with pytest.raises(InvalidCorpus, match=r"^line 3: "):
        asked(plan(good, good), [*corpus(2), "x"])

    assert good.seen == []


def test_progress_is_told_from_time_to_time(good: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many were asked, and what they say so far."""
    monkeypatch.setattr(run, "EVERY", 0.02)
    told: list[Progress] = []

    async def slow(_asked: Any) -> web.Response:  # noqa: ANN401
        await asyncio.sleep(0.02)
        return web.json_response({"language": "fr"})

    with model(slow) as candidate:
        asked(plan(candidate, good, concurrency=2), corpus(60), tell=told.append)

    assert (told[0].asked, told[0].of, told[0].message) == (0, 60, "asked 0 of 60 requests")
    assert len(told) > 3
    assert told[-1].message.startswith(f"asked {told[-1].asked} of 60 requests; candidate 100 %, stable 100 % of")
    assert json.loads(told[-1].to_json()) == {
        "progress": {"asked": told[-1].asked, "of": 60, "message": told[-1].message}
    }
