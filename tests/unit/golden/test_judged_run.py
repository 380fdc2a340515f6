"""Examinations that a judge decides, with real servers: what it prefers, and what keeps it from deciding.

A good judge prefers the text that says `good` more often.
"""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from palier.api.status.values import Verdict
from palier.golden.judge_plan import JudgePlan
from palier.workers.golden.run import ExaminationReport
from tests.support.golden import judges
from tests.support.golden.models import Answer, broken, model, says
from tests.support.golden.runs import TEXT, asked, plan

DOWN, NONSENSE = (
    judges.says(lambda: web.Response(status=503)),
    judges.says(lambda: web.Response(text="nonsense", content_type="application/json")),
)


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
