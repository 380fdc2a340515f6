"""Examinations of real servers on the loopback: who is asked what, what it is worth, and how it ends."""

import asyncio
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from palier.api.spec.answers import Answers
from palier.api.status.values import Verdict
from palier.errors import InvalidCorpus
from palier.golden.judge_plan import JudgePlan
from palier.golden.plan import GoldenPlan
from palier.workers.golden import ask, run
from palier.workers.golden.run import ExaminationReport, Progress, Tell, collect, examine, examine_scores
from tests.support.golden import judges
from tests.support.golden.models import Answer, Model, broken, model, says

LABEL = Answers.model_validate({"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]})
TEXT = Answers.model_validate({"checks": [{"name": "text", "path": "$.text", "compare": "Text"}]})


def french(_asked: Any) -> Any:  # noqa: ANN401
    """A model that is always right, and never the same."""
    return {"language": "fr", "id": random.random()}  # noqa: S311


def wrong_above(limit: int) -> Callable[[Any], Any]:
    """A model that is wrong about texts with a number above."""
    return lambda asked: {"language": "fr" if asked["n"] <= limit else "de"}


def corpus(number: int, **more: Any) -> list[str]:  # noqa: ANN401
    """So many requests."""
    return [json.dumps({"body": {"n": one}, "expected": {"language": "fr"}, **more}) for one in range(1, number + 1)]


def plan(candidate: Model, stable: Model | None = None, **more: Any) -> GoldenPlan:  # noqa: ANN401
    """A plan for servers."""
    return GoldenPlan(
        candidate="candidate",
        stable="stable" if stable else "",
        candidate_url=candidate.url,
        stable_url=stable.url if stable else "",
        **{"path": "/predict", "answers": LABEL, "margin": 0.1, **more},
    )


def silent(_progress: Progress) -> None:
    """Nobody listens."""


def asked(plan: GoldenPlan, lines: list[str], *, tell: Tell = silent) -> ExaminationReport:
    """An examination that must not take for ever, in a loop of its own: its connections are closed afterwards."""

    async def examined() -> ExaminationReport:
        async with asyncio.timeout(30):
            return await examine(plan, lines, tell=tell)

    return asyncio.run(examined())


@pytest.fixture
def good() -> Iterator[Model]:
    """A model that is always right."""
    with model(says(french)) as one:
        yield one


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


# Judges: they prefer the text that says `good` more often.


def chat(text: str) -> Answer:
    """A model that says what it was asked, and this."""
    return says(lambda asked: {"text": f"{text} {asked['n']}"})


def judged(url: str, **more: Any) -> JudgePlan:  # noqa: ANN401
    """The plan of a judge."""
    return JudgePlan(url=url, model="judge", prompt=judges.PROMPT, timeout=5, **more)


async def _judged(judge: judges.Answer, candidate: str, stable: str, number: int = 60) -> tuple[ExaminationReport, int]:
    with model(chat(candidate)) as one, model(chat(stable)) as other:
        async with judges.served(judge) as server:
            lines = [json.dumps({"body": {"n": n}}) for n in range(number)]
            examined = await asyncio.to_thread(asked, plan(one, other, answers=TEXT, judge=judged(server.url)), lines)
            return examined, len(server.questions)


async def test_a_judge_that_prefers_the_candidate_lets_it_pass() -> None:
    """Preferences are scores: 1 to the better answer, 0 to the other. The judge sees the text of the checks alone."""
    examined, _ = await _judged(judges.good, "good", "bad")

    result = examined.result
    assert (result.verdict, result.reason, result.score, result.stable_score) == (Verdict.PASS, "Proven", 1, 0)
    assert "the judge prefers the candidate on" in result.message
    assert result.judge is not None
    assert result.judge.votes > 2 * result.scored
    assert result.judge.position_changes == 0


async def test_a_judge_that_prefers_stable_lets_the_candidate_fail() -> None:
    """With few votes, where it is clear."""
    examined, _ = await _judged(judges.good, "bad", "good")

    assert (examined.result.verdict, examined.result.reason) == (Verdict.FAIL, "QualityWorse")


async def test_a_judge_that_sees_no_difference_in_few_answers_is_undecided() -> None:
    """Ties prove something, but only many of them."""
    examined, _ = await _judged(judges.good, "good", "also good", number=20)

    assert (examined.result.verdict, examined.result.reason) == (Verdict.NO_EVIDENCE, "JudgeUndecided")
    assert "more golden answers" in examined.result.message


DOWN, NONSENSE = (
    judges.says(lambda: web.Response(status=503)),
    judges.says(lambda: web.Response(text="nonsense", content_type="application/json")),
)


@pytest.mark.parametrize(
    ("judge", "reason", "words"),
    [
        (DOWN, "JudgeUnavailable", "the judge is down"),
        (NONSENSE, "JudgeUnavailable", "the judge is down"),
        (judges.always("first"), "JudgeDisagreesWithPeople", "simple questions right"),
        (judges.lost, "JudgeDisagreesWithPeople", "simple questions right"),
        (judges.after(30, DOWN), "JudgeUnavailable", "; of "),
        (judges.after(30, judges.always("first")), "JudgeUndecided", "changes its mind with the order"),
    ],
    ids=["down", "nonsense", "position", "chance", "down later", "position later"],
)
async def test_a_judge_that_is_no_judge_never_lets_a_candidate_pass(
    judge: judges.Answer, reason: str, words: str
) -> None:
    """Not even one that a good judge would let pass, as the next test shows; and it says why."""
    examined, _ = await _judged(judge, "good", "also good")

    assert (examined.result.verdict, examined.result.reason) == (Verdict.NO_EVIDENCE, reason)
    assert words in examined.result.message


async def test_a_good_judge_lets_an_equal_candidate_pass() -> None:
    """After as many ties as scores would take."""
    examined, _ = await _judged(judges.good, "good", "also good")

    assert (examined.result.verdict, examined.result.scored) == (Verdict.PASS, 53)


async def test_a_candidate_without_answers_fails_before_any_judge() -> None:
    """Nobody has to vote on nothing."""
    async with judges.served(judges.good) as server:
        with model(broken) as candidate, model(chat("good")) as stable:
            lines = [json.dumps({"body": {"n": n}}) for n in range(60)]
            examined = await asyncio.to_thread(
                asked, plan(candidate, stable, answers=TEXT, judge=judged(server.url)), lines
            )
        controls = 2 * len(judges.CONTROLS)
        assert len(server.questions) == controls

    assert (examined.result.verdict, examined.result.reason) == (Verdict.FAIL, "QualityWorse")


# Scorers.


def test_a_scorer_in_three_steps(good: Model) -> None:
    """Answers are collected, somebody scores them, and all scores count."""
    into = io.StringIO()
    with model(says(wrong_above(60))) as candidate:
        asked_of = plan(candidate, good, scored_elsewhere=True, answers=Answers())
        asyncio.run(collect(asked_of, corpus(60), into, tell=silent))
    answers = into.getvalue().splitlines()
    assert [json.loads(line)["id"] for line in answers] == [str(number) for number in range(1, 61)]

    scores = [json.dumps({"id": json.loads(line)["id"], "candidate": 1, "stable": 1}) for line in answers]
    examined = examine_scores(asked_of, corpus(60), answers=answers, scores=scores)

    assert (examined.result.verdict, examined.result.scored) == (Verdict.PASS, 60)


@pytest.mark.parametrize("scores", ["", '{"id": "1", "candidate": 2, "stable": 1}\n'])
def test_a_scorer_that_failed_leaves_no_evidence(good: Model, scores: str) -> None:
    """With the line."""
    into = io.StringIO()
    asked_of = plan(good, good, scored_elsewhere=True)
    asyncio.run(collect(asked_of, corpus(1), into, tell=silent))

    examined = examine_scores(asked_of, corpus(1), answers=[into.getvalue()], scores=scores.splitlines())

    assert (examined.result.verdict, examined.result.reason) == (Verdict.NO_EVIDENCE, "ScorerFailed")
    assert "scores" in examined.result.message


def test_scores_without_a_question(good: Model) -> None:
    """A first revision without a minimum is not decided by a scorer either."""
    examined = examine_scores(replace(plan(good), scored_elsewhere=True), corpus(1), answers=[], scores=[])

    assert examined.result.reason == "NothingToCompare"
