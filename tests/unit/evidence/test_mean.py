"""Means of amounts without a stated largest one: estimates, which are never called proven."""

import json

import numpy as np
import pytest

from palier.evidence.objective import (
    Amounts,
    Evidence,
    MeanRule,
    Verdict,
    begin_stage,
    has_failed,
    judge,
    observe,
    start_evidence,
)

COST = MeanRule(name="cost", maximum=2.0, alpha=0.01, unit="cents")


def arm(total: int, mean: float) -> Amounts:
    """Events with this mean."""
    return Amounts(total, total * mean)


def seen(looks: list[tuple[Amounts, Amounts | None]], evidence: Evidence | None = None) -> Evidence:
    """The evidence after these looks."""
    gathered = evidence or start_evidence()
    for candidate, stable in looks:
        gathered = observe(gathered, candidate, stable, COST)
    return gathered


def wobbling(mean: float, stable: float | None, looks: int) -> list[tuple[Amounts, Amounts | None]]:
    """Looks whose means go up and down by a tenth."""
    return [
        (arm(100, mean + 0.1 * (-1) ** look), None if stable is None else arm(900, stable + 0.1 * (-1) ** (look // 2)))
        for look in range(looks)
    ]


def test_nothing_seen_is_no_evidence() -> None:
    """Before any event there is no verdict."""
    judgement = judge(start_evidence(), COST, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.estimate) == (Verdict.NO_EVIDENCE, "NoRequests", None)
    assert judgement.message == "cost: no requests in this stage yet"


def test_fewer_than_twenty_looks_decide_nothing() -> None:
    """The bounds need some looks: nineteen dear ones are not enough, twenty are."""
    few, enough = (seen(wobbling(9.0, 1.5, looks)) for looks in (19, 20))
    judgement = judge(few, COST, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.needed) == (Verdict.NO_EVIDENCE, "TooFewLooks", 100)
    assert judgement.message == (
        "cost: 19 of 20 means of at least 100 requests each; about 100 more requests, needed to decide"
    )
    assert judge(enough, COST, promotion=False).verdict is Verdict.FAIL


def test_a_few_events_are_no_value() -> None:
    """Looks are put together until there are a hundred events, of stable as well where it is compared with."""
    evidence = seen([(arm(40, 1.0), arm(30, 3.0))] * 2)
    assert (evidence.absolute_mean.looks, evidence.relative_mean.looks) == (0, 0)
    evidence = seen([(arm(40, 4.0), arm(30, 3.0))], evidence)
    assert (evidence.absolute_mean.looks, evidence.absolute_mean.mean) == (1, pytest.approx(2.0 - COST.maximum))
    assert evidence.relative_mean.looks == 0
    evidence = seen([(arm(40, 2.0), arm(30, 3.0))], evidence)
    assert (evidence.relative_mean.looks, evidence.relative_mean.mean) == (1, pytest.approx(2.0 - 3.0 * COST.margin))
    assert (evidence.waiting_alone.total, evidence.waiting_beside.total) == (40, 0)


def test_what_is_missing_is_told_as_it_comes() -> None:
    """A large look is one value, so that nineteen more of them are needed, and odd memories count for nothing."""
    judgement = judge(seen([(arm(60_000, 1.0), None)]), COST, promotion=False, rate=2000.0)
    assert judgement.needed == 19 * 60_000
    odd = Evidence.from_status({"means": {"relative": {"looks": 40, "mean": "5.0", "spread": "0.0"}, "events": 100}})
    assert judge(odd, COST, promotion=False).reason == "WorseThanStable"
    odd = Evidence.from_status({"waitingAlone": {"total": 10**9}, "stage": {"total": 5}, "release": {"total": 5}})
    assert judge(odd, COST, promotion=False).needed == 1


@pytest.mark.parametrize("requests", [3, 30])
def test_of_very_skewed_amounts_nothing_false_is_proven(requests: int) -> None:
    """The largest of a thousand answers costs hundreds of times the usual one, and the mean is a tenth too high."""
    random = np.random.default_rng(20_412)
    proven = 0
    for _ in range(20):
        evidence = start_evidence()
        for _ in range(3000 // requests):
            costs = 1.1 * COST.maximum * random.lognormal(-2.0, 2.0, requests)
            evidence = observe(evidence, Amounts(requests, float(costs.sum())), None, COST)
            proven += judge(evidence, COST, promotion=True).verdict is Verdict.PASS
    assert proven == 0


def test_dearer_than_stable_fails_within_the_maximum() -> None:
    """A candidate below the maximum, but a fifth dearer than stable where a tenth is allowed."""
    judgement = judge(seen(wobbling(1.8, 1.5, 60)), COST, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "WorseThanStable")
    assert judgement.message == (
        "cost: 1.8 cents on average over 6000 requests in 60 looks (estimate: about 1.76 to 1.84), "
        "at most 2 cents allowed, stable 1.5 cents; by its estimate more than 1.1 times stable's"
    )


def test_over_the_maximum_fails_without_a_stable() -> None:
    """With nothing to compare with, the maximum alone decides."""
    judgement = judge(seen(wobbling(2.2, None, 60)), COST, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "ObjectiveBreached")
    assert judgement.message.endswith("at most 2 cents allowed; by its estimate more")


def test_what_stable_breaches_too_is_not_the_candidates_fault() -> None:
    """Both arms over the maximum, and the candidate no dearer: hold."""
    judgement = judge(seen(wobbling(2.2, 2.2, 60)), COST, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "StableBreachesToo")
    assert "; by its estimate more, but stable breaches it too, so" in judgement.message


def test_over_the_maximum_without_certainty_is_undecided() -> None:
    """A mean just over the maximum neither passes nor fails; the message plans how much is missing."""
    judgement = judge(seen(wobbling(2.01, None, 40)), COST, promotion=False, rate=10.0)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert judgement.needed is not None
    assert judgement.message.endswith("at this rate, needed to decide")
    later = seen(wobbling(2.01, None, 40 + 2 * (judgement.needed // 200 + 1)))
    assert judge(later, COST, promotion=False).verdict is Verdict.FAIL


def test_a_dear_stage_is_not_covered_by_the_cheap_ones_before() -> None:
    """The stage's own mean must be allowed, not only that of the release."""
    evidence = seen(wobbling(2.5, None, 2), begin_stage(seen(wobbling(1.0, None, 60))))
    assert judge(evidence, COST, promotion=False).reason == "Undecided"


def test_a_promotion_needs_a_clear_estimate_which_is_called_no_proof() -> None:
    """Near the maximum twenty looks pass a stage but are not clear; far below it they are, by the same numbers."""
    near = seen(wobbling(1.99, None, 20))
    assert judge(near, COST, promotion=False).reason == "WithinObjective"
    judgement = judge(near, COST, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotProven")
    assert judgement.needed is not None
    assert judgement.message.endswith(", until its estimate is clearly less")
    clear = judge(seen(wobbling(1.0, None, 20)), COST, promotion=True)
    assert (clear.verdict, clear.reason) == (Verdict.PASS, "Estimated")
    assert clear.message.endswith(
        "at most 2 cents allowed; by its estimate less, which is no proof: no maxPerEvent is stated"
    )


@pytest.mark.parametrize("mean", [1.0, 1.99, 2.01, 2.5])
def test_no_words_and_no_interval_claim_any_confidence(mean: float) -> None:
    """What was estimated stands in the sentence, called so, and not where the status promises 95 %."""
    for promotion in (False, True):
        judgement = judge(seen(wobbling(mean, 1.5, 60)), COST, promotion=promotion)
        assert judgement.interval is None
        assert " (estimate: about " in judgement.message
        assert not {"surely", "proven", "between", "evidence"} & set(judgement.message.replace(";", "").split())
        assert judgement.reason != "Proven"


def test_a_constant_mean_at_the_maximum_is_met() -> None:
    """Rounding alone never breaches: looks of exactly the maximum pass."""
    rule = MeanRule(name="cost", maximum=0.1 + 0.2, alpha=0.01)
    evidence = start_evidence()
    for _ in range(40):
        evidence = observe(evidence, Amounts(300, 300 * 0.3), None, rule)
    assert judge(evidence, rule, promotion=False).verdict is Verdict.PASS


def test_looks_without_events_are_no_looks() -> None:
    """Silence changes no moments."""
    before = seen(wobbling(1.0, 1.0, 5))
    after = seen([(Amounts(0, 0.0), arm(10, 1.0))], before)
    assert (after.absolute_mean, after.relative_mean, after.looks) == (before.absolute_mean, before.relative_mean, 5)


def test_status_reads_back_exactly() -> None:
    """Moments and amounts survive JSON; bets of other kinds of rules are not written."""
    evidence = seen(wobbling(1.37, 1.21, 7))
    status = json.loads(json.dumps(evidence.to_status()))
    assert Evidence.from_status(status) == evidence
    assert set(status["means"]) == {"absolute", "relative", "events"}
    assert status["means"].pop("events") == 100
    older = Evidence.from_status(status)
    assert (older.absolute_mean.looks, older.relative_mean.looks) == (0, 0), "each look was a value"
    assert isinstance(status["release"]["amount"], str)
    assert not {"relative", "absolute", "notWorse", "segments", "dispersion"} & set(status)


@pytest.mark.parametrize(
    ("unit", "maximum", "told"),
    [
        (
            "s",
            1.5,
            "1.35 s on average over 2000 requests in 20 looks (estimate: about 1.35 to 1.35), at most 1.5 s allowed",
        ),
        ("", 1.5, "1.35 on average over 2000 requests in 20 looks (estimate: about 1.35 to 1.35), at most 1.5 allowed"),
        (
            "tokens",
            1_310_000.0,
            "1.35 tokens on average over 2000 requests in 20 looks (estimate: about 1.35 to 1.35), at most",
        ),
    ],
)
def test_the_sentence_reads_well_with_and_without_a_unit(unit: str, maximum: float, told: str) -> None:
    """The unit follows the mean and the limit; limits are written out."""
    rule, evidence = MeanRule("answer", maximum, 0.01, unit=unit), start_evidence()
    for _ in range(20):
        evidence = observe(evidence, arm(100, 1.35), None, rule)
    message = judge(evidence, rule, promotion=False).message
    assert message.startswith(f"answer: {told}")
    assert "e+" not in message
    assert "  " not in message


@pytest.mark.parametrize("amount", [1e200, -1e308, 1.7e308])
def test_an_amount_that_nothing_can_have_is_no_measurement(amount: float) -> None:
    """Such a look says nothing and never raises; while the last look is one, nothing passes, and the reason is told."""
    before = seen(wobbling(1.0, 1.0, 60))
    after = observe(before, Amounts(1, amount), arm(9, 1.0), COST)
    assert (after.release, after.absolute_mean, after.looks) == (before.release, before.absolute_mean, 60)
    for promotion in (False, True):
        judgement = judge(after, COST, promotion=promotion)
        assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "ImpossibleMean")
    assert judgement.message == f"cost: a mean of {amount:g} in the last look is not a measurement"
    assert judge(seen(wobbling(1.0, 1.0, 1), after), COST, promotion=True).verdict is Verdict.PASS
    nothing = judge(observe(before, Amounts(0, amount), None, COST), COST, promotion=False)
    assert nothing.message == "cost: amounts without events in the last look is not a measurement"


def test_an_impossible_amount_of_stable_is_not_compared() -> None:
    """The candidate's own mean still counts."""
    before = seen(wobbling(1.0, 1.0, 20))
    after = observe(before, arm(100, 1.0), Amounts(1, 1e200), COST)
    assert (after.absolute_mean.looks, after.relative_mean) == (21, before.relative_mean)
    assert after.release.stable_amount == before.release.stable_amount


def test_rare_cheap_looks_that_were_not_seen_yet_fail_nobody() -> None:
    """A cache answers 4 % of the looks: the mean is allowed, and the first looks without one are no proof of more."""
    random, wrong = np.random.default_rng(20_510), 0
    rule = MeanRule(name="cost", maximum=1.0, alpha=0.01)
    for _ in range(100):
        evidence = start_evidence()
        for value in np.where(random.random(240) < 0.04, 0.3, random.normal(1.01, 0.01, 240)):
            evidence = observe(evidence, Amounts(1, float(value)), None, rule)
            if has_failed(evidence, rule):
                wrong += 1
                break
    assert wrong <= 1


@pytest.mark.parametrize(("over", "most"), [(0.05, 61), (0.1, 31), (1.0, 20)])
def test_a_clear_excess_is_found_after_three_looks_over_it(over: float, most: int) -> None:
    """What is never cheap fails once three looks at nothing would not make its mean an allowed one."""
    evidence, rule = start_evidence(), MeanRule(name="cost", maximum=1.0, alpha=0.01)
    for look in range(most):
        assert not has_failed(evidence, rule)
        evidence = observe(evidence, arm(100, 1 + over + 0.001 * (-1) ** look), None, rule)
    assert has_failed(evidence, rule)


def test_skewed_costs_of_equal_arms_fail_nobody() -> None:
    """Log-normal costs, two hours of looks: at most one of a hundred equal candidates fails at 1 %."""
    random = np.random.default_rng(20_310)
    rule = MeanRule(name="cost", maximum=100.0, margin=1.0, alpha=0.02)
    wrong = 0
    for _ in range(100):
        evidence = start_evidence()
        for _ in range(240):
            values = random.lognormal(0, 1.2, (2, 20)).sum(axis=1)
            evidence = observe(evidence, Amounts(20, float(values[0])), Amounts(20, float(values[1])), rule)
            if has_failed(evidence, rule):
                wrong += 1
                break
    assert wrong <= 3


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"beta": 1.0}])
def test_impossible_rules_are_refused(settings: dict[str, float]) -> None:
    """A rule under which no test exists fails when it is made."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        MeanRule(**{"name": "cost", "maximum": 1.0, "alpha": 0.01, **settings})  # type: ignore[arg-type]
