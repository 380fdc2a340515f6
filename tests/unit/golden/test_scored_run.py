"""Examinations in three steps: answers are collected, a scorer of the user's own scores them, and Palier decides."""

import asyncio
import io
import json
from dataclasses import replace

import pytest

from palier.api.spec.answers import Answers
from palier.api.status.values import Verdict
from palier.workers.golden.run import collect, examine_scores
from tests.support.golden.models import Model, model, says
from tests.support.golden.runs import corpus, plan, silent, wrong_above


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
