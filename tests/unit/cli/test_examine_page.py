"""What a person reads of an examination, where it says more than its numbers."""

from dataclasses import replace
from decimal import Decimal

from palier.api.status.values import Verdict
from palier.cli.examine_page import page
from palier.cli.plain import FIGURES, use_numbers
from palier.golden.result import GoldenResult, JudgeResult
from palier.workers.golden.run import ExaminationReport

DOWN = "the judge is down: 10 votes in a row have failed, the last because it answers with HTTP 503"
JUDGE = JudgeResult(
    model="judge-70b", calibration_pairs=25, agreement=Decimal("0.8"), kappa=Decimal("0.6"), votes=100, tokens=9000
)
RESULT = GoldenResult(
    verdict=Verdict.NO_EVIDENCE, reason="JudgeUnavailable", message=f"{DOWN}; of 30 requests the judge", judge=JUDGE
)


def judge_line(judge: JudgeResult) -> str:
    """What the report says of the judge."""
    lines = page(ExaminationReport(replace(RESULT, judge=judge))).splitlines()
    return next(line for line in lines if line.startswith("Judge "))


def test_what_the_verdict_says_is_no_note() -> None:
    """A finding about the judge is told once, and other notes stay."""
    report = page(ExaminationReport(RESULT, notes=(DOWN, "the judge's tokens are estimated in part")))

    assert report.count(DOWN) == 1
    assert "\nthe judge's tokens are estimated in part\n" in report


def test_agreement_is_told_with_the_pairs() -> None:
    """As it was measured."""
    assert judge_line(JUDGE) == (
        "Judge             judge-70b, 100 votes, 0 pairs by the order alone, agrees with people on 80.00 % of 25 pairs,"
        " 9000 tokens"
    )


def test_a_judge_that_says_nothing_does_not_disagree() -> None:
    """0 % would be an opinion."""
    silent = replace(JUDGE, votes=0, failed_votes=10, agreement=Decimal(0), tokens=0)

    assert judge_line(silent) == (
        "Judge             judge-70b, 0 votes, 10 failed, 0 pairs by the order alone, has answered none of the 25 pairs"
        " of people, 0 tokens"
    )


def test_every_figure_becomes_a_number() -> None:
    """A decimal that is added to a result must not be a text for programs."""
    numbers = {name: Decimal("0.5") for name in ("score", "stable_score", "difference_low", "difference_high")}
    whole = replace(RESULT, **numbers, worst=("7",), judge=replace(JUDGE, cost=Decimal("0.000120")))

    entry = use_numbers(whole.to_status())

    texts = {name for name, value in {**entry, **entry["judge"]}.items() if isinstance(value, str)}
    assert texts == {"verdict", "reason", "message", "model"}
    assert (entry["worst"], entry["judge"]["cost"]) == (["7"], 0.00012)
    assert {"score", "kappa"} <= FIGURES
