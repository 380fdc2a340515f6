"""The result as it travels: one line that fits, whatever the words are."""

from dataclasses import replace
from decimal import Decimal

import pytest

from palier.api.status.values import Verdict
from palier.golden.result import JSON_LIMIT, GoldenResult, JudgeResult

RESULT = GoldenResult(
    verdict=Verdict.FAIL,
    reason="QualityWorse",
    message="candidate 82.1 %, stable 94.9 %",
    requests=600,
    scored=391,
    score=Decimal("0.8210"),
    stable_score=Decimal("0.9490"),
    difference_low=Decimal("-0.2010"),
    difference_high=Decimal("-0.0610"),
    worst=("262", "389"),
    judge=JudgeResult(model="judge-70b", votes=782, agreement=Decimal("0.85"), cost=Decimal("0.12")),
)


def test_a_result_survives_its_way() -> None:
    """The operator reads what the pod wrote."""
    assert GoldenResult.from_json(RESULT.to_json()) == RESULT
    bare = GoldenResult(verdict=Verdict.NO_EVIDENCE, reason="ScorerFailed", message="no")
    assert GoldenResult.from_json(bare.to_json()) == bare


@pytest.mark.parametrize("character", ["x", "ä", "語", "🙂", "\x00"])
def test_whatever_is_said_fits_into_a_termination_message(character: str) -> None:
    """Kubernetes cuts after 4096 bytes, and half a line of JSON is no result."""
    long = replace(RESULT, message=character * 5000, worst=(character * 500,) * 9)

    text = long.to_json()
    read = GoldenResult.from_json(text)

    assert len(text.encode()) <= JSON_LIMIT
    assert len(text.splitlines()) == 1
    assert (read.verdict, read.score, read.judge) == (RESULT.verdict, RESULT.score, RESULT.judge)
    assert read.message.startswith(character * 100)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verdict": "Perhaps", "reason": "", "message": ""}'])
def test_what_is_no_result_is_refused(text: str) -> None:
    """A pod that died in the middle has found nothing."""
    with pytest.raises(ValueError, match="not the result of golden answers"):
        GoldenResult.from_json(text)
