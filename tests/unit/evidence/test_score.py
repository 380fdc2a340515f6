"""Mean scores between 0 and 1: accuracy, ratings."""

import json
import math
from itertools import product

import pytest

from palier.evidence.bets import log_add
from palier.evidence.objective import (
    Amounts,
    Evidence,
    ScoreRule,
    Verdict,
    begin_stage,
    has_failed,
    judge,
    observe,
    start_evidence,
)

QUALITY = ScoreRule(name="quality", least=0.9, alpha=0.01)
Looks = list[tuple[Amounts, Amounts | None]]


def arm(total: int, mean: float) -> Amounts:
    """Scores with this mean."""
    return Amounts(total, total * mean)


def seen(looks: Looks, evidence: Evidence | None = None, rule: ScoreRule = QUALITY) -> Evidence:
    """The evidence after these looks."""
    gathered = evidence or start_evidence()
    for candidate, stable in looks:
        gathered = observe(gathered, candidate, stable, rule)
    return gathered


def test_nothing_seen_is_no_evidence() -> None:
    """Before any score there is no verdict."""
    judgement = judge(start_evidence(), QUALITY, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.needed) == (Verdict.NO_EVIDENCE, "NoRequests", 20)
    assert judgement.message == "quality: no scores in this stage yet; 20 needed"


def test_two_tests_that_are_nearly_certain_are_certain_together() -> None:
    """The sum of both e-values has to reach 2/alpha, because their mean is an e-value."""
    evidence, most = start_evidence(), math.log(2 / QUALITY.alpha)
    while not has_failed(evidence, QUALITY):
        evidence = seen([(arm(100, 0.89), arm(900, 0.99))], evidence)
    assert max(evidence.relative.log_e, evidence.absolute.log_e) < most
    assert log_add(evidence.relative.log_e, evidence.absolute.log_e) >= most


def test_too_few_scores_or_looks_are_no_evidence() -> None:
    """Twelve scores are not twenty, and two looks are not three."""
    few = judge(seen([(arm(4, 1.0), None)] * 3), QUALITY, promotion=False)
    assert (few.reason, few.needed) == ("TooFewRequests", 8)
    assert judge(seen([(arm(40, 1.0), None)] * 2), QUALITY, promotion=False).reason == "TooFewLooks"


def test_a_clearly_low_score_fails() -> None:
    """A third of the wanted score ends the release, with the numbers."""
    judgement = judge(seen([(arm(20, 0.3), None)] * 12), QUALITY, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "ObjectiveBreached")
    assert judgement.message.startswith("quality: 0.3 on average over 240 scores in 12 looks (between 0 and ")
    assert judgement.message.endswith("at least 0.9 wanted; evidence that it is below 1:10^6 (needs 1:200)")
    assert judgement.estimate == pytest.approx(0.3)


def test_worse_than_stable_fails_above_the_least_score() -> None:
    """A candidate that is good enough, but much worse than stable."""
    rule = ScoreRule(name="quality", least=0.2, alpha=0.01)
    judgement = judge(seen([(arm(20, 0.5), arm(180, 1.0))] * 30, rule=rule), rule, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "WorseThanStable")
    assert ", stable 1; evidence that it is worse " in judgement.message


def test_what_stable_does_not_reach_either_is_not_the_candidates_fault() -> None:
    """Both arms below the least score: hold."""
    judgement = judge(seen([(arm(20, 0.3), arm(180, 0.3))] * 20), QUALITY, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "StableBreachesToo")


def test_below_the_least_score_without_certainty_is_undecided_and_planned() -> None:
    """A score just below what is wanted is undecided; the planned number of further scores decides."""
    judgement = judge(seen([(arm(20, 0.8), None)] * 4), QUALITY, promotion=False, rate=1.0)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert judgement.needed is not None
    assert "at this rate, needed to decide" in judgement.message
    later = seen([(arm(20, 0.8), None)] * (4 + judgement.needed // 20 + 1))
    assert judge(later, QUALITY, promotion=False).verdict is Verdict.FAIL


def test_promotion_needs_proof_by_betting_the_other_way() -> None:
    """Passing a stage is easy; becoming stable needs proof of more than the least score minus the margin."""
    evidence = seen([(arm(20, 0.99), None)] * 5)
    assert judge(evidence, QUALITY, promotion=False).reason == "WithinObjective"
    judgement = judge(evidence, QUALITY, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotProven")
    assert judgement.needed is not None
    later = judge(seen([(arm(20, 0.99), None)] * (judgement.needed // 20 + 2), evidence), QUALITY, promotion=True)
    assert (later.verdict, later.reason) == (Verdict.PASS, "Proven")
    assert "proven to be above 0.88, evidence 1:" in later.message


def test_a_margin_below_nothing_needs_no_proof() -> None:
    """Every score is above a bound below 0."""
    rule = ScoreRule(name="quality", least=0.1, margin=0.1, alpha=0.01)
    evidence = seen([(arm(20, 0.9), None)] * 3, rule=rule)
    assert judge(evidence, rule, promotion=True).reason == "Proven"
    assert evidence.not_worse == ()


@pytest.mark.parametrize("amount", [-1.0, 20.1, 400.0])
def test_a_mean_outside_of_0_to_1_says_nothing_and_nothing_passes(amount: float) -> None:
    """An impossible look leaves the evidence as it was, and holds the release until a possible one comes."""
    good = seen([(arm(20, 0.99), arm(180, 0.99))] * 5)
    assert judge(good, QUALITY, promotion=False).verdict is Verdict.PASS
    after = seen([(Amounts(20, amount), arm(180, 0.99))], good)
    judgement = judge(after, QUALITY, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "ImpossibleScore")
    assert judgement.message.endswith("in the last look is not a score between 0 and 1")
    assert (after.absolute, after.relative, after.release, after.looks) == (
        good.absolute,
        good.relative,
        good.release,
        5,
    )
    assert judge(seen([(arm(20, 0.99), None)], after), QUALITY, promotion=False).verdict is Verdict.PASS


def test_impossible_scores_of_stable_are_no_comparison() -> None:
    """Where stable's mean is impossible only the candidate's own score counts."""
    evidence = seen([(arm(20, 0.95), Amounts(10, 11.0))] * 5)
    assert (evidence.relative.logs, evidence.release.stable_total, evidence.looks) == ((), 0, 5)


def test_rounding_is_no_impossible_score() -> None:
    """A sum of scores that is a hair above their number counts as 1."""
    evidence = seen([(Amounts(3, 3 * (0.1 + 0.2 + 0.7) + 1e-12), None)] * 10)
    assert judge(evidence, QUALITY, promotion=False).verdict is Verdict.PASS


def test_its_mean_is_one_over_every_path() -> None:
    """Enumerating six looks of 0 or 1 with exactly the least mean: the mean of the e-value is at most 1."""
    rule = ScoreRule(name="quality", least=0.75, alpha=0.01)
    mean = 0.0
    for path in product((0, 1), repeat=6):
        evidence = seen([(Amounts(1, float(score)), None) for score in path], rule=rule)
        mean += 0.75 ** sum(path) * 0.25 ** (6 - sum(path)) * 2.718281828459045**evidence.absolute.log_e
    assert mean == pytest.approx(1.0, abs=1e-9)


def test_a_late_loss_of_quality_is_found() -> None:
    """An hour of good scores does not hide a later loss: from 0.97 to 0.6 it takes at most 12 looks."""
    evidence = begin_stage(seen([(arm(50, 0.97), arm(450, 0.97))] * 120))
    looks = 0
    while not has_failed(evidence, QUALITY):
        evidence = seen([(arm(50, 0.6), arm(450, 0.97))], evidence)
        looks += 1
    assert 3 <= looks <= 12


def test_status_reads_back_exactly() -> None:
    """Lists of ten bets of their own, nothing lost through JSON."""
    evidence = seen([(arm(7, 0.9), arm(63, 0.95))] * 4)
    status = json.loads(json.dumps(evidence.to_status()))
    assert Evidence.from_status(status) == evidence
    assert [len(status[key]) for key in ("relative", "absolute", "notWorse")] == [10, 10, 10]


@pytest.mark.parametrize(
    "settings", [{"least": 0.0}, {"least": 1.0}, {"alpha": 1.0}, {"margin": 1.0}, {"margin": -0.1}]
)
def test_impossible_rules_are_refused(settings: dict[str, float]) -> None:
    """A rule under which no test exists fails when it is made."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        ScoreRule(**{"name": "quality", "least": 0.9, "alpha": 0.01, **settings})  # type: ignore[arg-type]
