"""Means of amounts of which a largest one is stated: what is said of them holds whatever they are like."""

import json
import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from palier.evidence import absolute
from palier.evidence.bets import CAP, NO_BETS, log_add
from palier.evidence.bounded_mean import RATIOS, SumsLook, gains_beside, prove
from palier.evidence.counts import Tally
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
from palier.evidence.odds_ratio import multiply_odds

TOKENS = MeanRule(name="length", maximum=400.0, alpha=0.01, unit="tokens", most=1600.0)
Looks = list[tuple[Amounts, Amounts | None]]


def arm(total: int, mean: float) -> Amounts:
    """Events with this mean."""
    return Amounts(total, total * mean)


def seen(looks: Looks, evidence: Evidence | None = None, rule: MeanRule = TOKENS) -> Evidence:
    """The evidence after these looks."""
    gathered = evidence or start_evidence()
    for candidate, stable in looks:
        gathered = observe(gathered, candidate, stable, rule)
    return gathered


@pytest.mark.parametrize(("candidate_total", "stable_total"), [(1, 1), (5, 14), (14, 5)])
@pytest.mark.parametrize("usual", [1e-6, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("margin", [1.0, 1.1, 2.0])
def test_no_pair_of_means_that_is_allowed_gains_on_average(
    candidate_total: int, stable_total: int, usual: float, margin: float
) -> None:
    """Enumerated for amounts of nothing or all, which are the worst case, and for every mean of stable."""
    outcomes = list(product(range(candidate_total + 1), range(stable_total + 1)))
    factors = np.exp(
        [
            gains_beside(SumsLook(x_c, candidate_total, x_s, stable_total), usual=usual, margin=margin)
            for x_c, x_s in outcomes
        ]
    )
    for stable in (0.0, 1e-4, 0.01, 0.05, 0.2, 0.45, 0.8, 1 / margin, 1.0):
        mean = min(1.0, margin * stable)
        chances = [
            binom.pmf(x_c, candidate_total, mean) * binom.pmf(x_s, stable_total, stable) for x_c, x_s in outcomes
        ]
        assert (np.array(chances) @ factors <= 1 + 1e-9).all()


def test_what_is_bet_is_chosen_before_the_look() -> None:
    """By the looks before, and by the maximum before there is any: a bet that knew its look would be no bet."""
    first = seen([(arm(30, 500.0), arm(270, 300.0))])
    look = SumsLook(30 * 500.0 / 1600.0, 30, 270 * 300.0 / 1600.0, 270)
    assert first.relative == NO_BETS.add_look(gains_beside(look, usual=0.25, margin=1.1), looks=0)
    second = seen([(arm(40, 100.0), arm(90, 700.0))], first)
    look = SumsLook(40 * 100.0 / 1600.0, 40, 90 * 700.0 / 1600.0, 90)
    usual = (270 * 300.0 + 400.0) / (270 + 1) / 1600.0
    assert second.relative == first.relative.add_look(gains_beside(look, usual=usual, margin=1.1), looks=1)


def test_amounts_between_nothing_and_all_gain_no_more_than_those() -> None:
    """By Hoeffding's argument: the factor of one event is convex, so what lies between lies below the straight line."""
    for part in np.linspace(0.05, 0.95, 7):
        between, nothing, whole = (
            np.exp(absolute.gains(amount, 1, limit=0.25, ratios=RATIOS)) for amount in (part, 0.0, 1.0)
        )
        assert (between <= (1 - part) * nothing + part * whole).all()


@pytest.mark.parametrize(("candidate_total", "stable_total"), [(300, 2700), (30, 70), (500, 20)])
@pytest.mark.parametrize("ratio", [RATIOS[0], RATIOS[3], RATIOS[-1]])
def test_what_is_bet_against_is_what_is_allowed_and_nearest(
    candidate_total: int, stable_total: int, ratio: float
) -> None:
    """A numerical search for the least divergence finds the same growth, where both means are as the bet supposes."""
    usual, margin = 0.2, 1.1
    mean = multiply_odds(margin * usual, ratio)

    def divergence(stable: float) -> float:
        pairs = ((candidate_total, mean, margin * stable), (stable_total, usual, stable))
        return sum(n * (q * math.log(q / p) + (1 - q) * (math.log1p(-q) - math.log1p(-p))) for n, q, p in pairs)

    least = minimize_scalar(divergence, bounds=(usual, mean / margin), method="bounded", options={"xatol": 1e-12})
    look = SumsLook(candidate_total * mean, candidate_total, stable_total * usual, stable_total)
    gained = gains_beside(look, usual=usual, margin=margin)[RATIOS.index(ratio)]
    assert gained == pytest.approx(least.fun, rel=1e-6)
    assert gained > 0


@pytest.mark.parametrize("all_or_nothing", [True, False])
@pytest.mark.parametrize("most", [4.0, 100.0])
def test_a_mean_at_the_limit_is_hardly_ever_blamed_or_proven_and_its_interval_holds(
    most: float, *, all_or_nothing: bool
) -> None:
    """Seeded: skewed amounts exactly at the limit of 1, beside a stable that is there too, read at every look.

    Of sixty releases none is rolled back, and in at most three something false is proven or the interval misses.
    """
    random = np.random.default_rng(20_611)
    rule = MeanRule(name="cost", maximum=1.0, alpha=0.01, most=most)

    def draw(events: int) -> Amounts:
        share = 1 / most
        drawn = random.random(events) < share if all_or_nothing else random.beta(0.3, 0.3 * (most - 1), events)
        return Amounts(events, most * float(drawn.sum()))

    failed = proven = missed = 0
    for _ in range(60):
        evidence, wrong = start_evidence(), [False, False, False]
        for _ in range(60):
            evidence = observe(evidence, draw(40), draw(200), rule)
            judgement = judge(evidence, rule, promotion=True)
            low, high = judgement.interval or (1.0, 1.0)
            wrong[0] |= judgement.verdict is Verdict.FAIL
            wrong[1] |= judgement.reason == "Proven"
            wrong[2] |= not low <= 1.0 <= high
        failed, proven, missed = failed + wrong[0], proven + wrong[1], missed + wrong[2]
    assert failed == 0
    assert max(proven, missed) <= 3


def test_a_mean_that_all_share_in_a_look_speaks_against_nobody() -> None:
    """Both versions get longer questions in some looks: whatever stable's mean is, the candidate's is no worse."""
    looks: Looks = [(arm(30, mean), arm(270, mean)) for mean in (100.0, 390.0, 150.0, 380.0, 90.0)] * 40
    evidence = seen(looks)
    assert evidence.relative.log_e < 0
    assert judge(evidence, TOKENS, promotion=False).verdict is Verdict.PASS


def test_longer_than_stable_fails_within_the_maximum() -> None:
    """A fifth more than stable has, where a tenth is allowed, is found although the maximum is far away."""
    rule = MeanRule(name="length", maximum=800.0, alpha=0.01, unit="tokens", most=1600.0)
    evidence = seen([(arm(300, 444.0), arm(2700, 370.0))] * 25, rule=rule)
    judgement = judge(evidence, rule, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.estimate) == (Verdict.FAIL, "WorseThanStable", 444.0)
    assert judgement.message == (
        "length: 444 tokens on average over 7500 requests in 25 looks (between 412 and 477), at most 800 tokens "
        "allowed, stable 370 tokens; evidence that it is more than 1.1 times stable's 1:720 (needs 1:200)"
    )


def test_over_the_maximum_fails_without_a_stable() -> None:
    """With nothing to compare with, the maximum alone decides, after four looks at the earliest."""
    judgement = judge(seen([(arm(300, 700.0), None)] * 8), TOKENS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "ObjectiveBreached")
    assert judgement.message.startswith("length: 700 tokens on average over 2400 requests in 8 looks (between 6")
    assert judgement.message.endswith("at most 400 tokens allowed; evidence that it is more 1:13000 (needs 1:200)")
    assert not has_failed(seen([(arm(30_000, 1600.0), arm(30_000, 10.0))] * 3), TOKENS)


@pytest.mark.parametrize(("stable", "reason"), [(350.0, "WorseThanStable"), (360.0, "ObjectiveBreached")])
def test_two_tests_that_are_nearly_certain_are_certain_together(stable: float, reason: str) -> None:
    """The sum of both e-values has to reach 2/alpha, and the larger one names the reason."""
    evidence, most = start_evidence(), math.log(2 / TOKENS.alpha)
    for _ in range(300):
        if has_failed(evidence, TOKENS):
            break
        evidence = seen([(arm(10, 500.0), arm(90, stable))], evidence)
    assert max(evidence.relative.log_e, evidence.absolute.log_e) < most
    assert log_add(evidence.relative.log_e, evidence.absolute.log_e) >= most
    assert judge(evidence, TOKENS, promotion=False).reason == reason


def test_a_regression_that_begins_late_is_found_soon() -> None:
    """Cash that was held back bets on it, so two hundred good looks hide it for some looks only."""
    good = seen([(arm(300, 360.0), arm(2700, 360.0))] * 200)
    late = seen([(arm(300, 720.0), arm(2700, 360.0))] * 14, good)
    assert judge(good, TOKENS, promotion=False).verdict is Verdict.PASS
    assert judge(late, TOKENS, promotion=False).reason == "WorseThanStable"


def test_what_stable_breaches_too_is_not_the_candidates_fault() -> None:
    """Both above the maximum, and the candidate no worse: hold."""
    judgement = judge(seen([(arm(300, 700.0), arm(2700, 700.0))] * 20), TOKENS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "StableBreachesToo")
    assert "stable 700 tokens; evidence that it is more, but stable breaches it too" in judgement.message


def test_who_is_worse_than_a_stable_that_breaches_is_blamed_all_the_same() -> None:
    """The comparison needs no maximum: twice as much as stable has is no cause that both share."""
    judgement = judge(seen([(arm(300, 1000.0), arm(2700, 500.0))] * 20), TOKENS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "WorseThanStable")


def test_nothing_seen_or_little_is_no_evidence() -> None:
    """Twenty requests in the stage are asked for, as of shares."""
    nothing, few = (judge(seen(looks), TOKENS, promotion=False) for looks in ([], [(arm(12, 100.0), None)]))
    assert (nothing.reason, nothing.needed, nothing.estimate, nothing.interval) == ("NoRequests", 20, None, None)
    assert (few.reason, few.needed) == ("TooFewRequests", 8)
    assert few.message == "length: 12 requests in this stage; 8 more needed"
    assert judge(seen([(arm(20, 100.0), None)]), TOKENS, promotion=False).reason == "WithinObjective"


@pytest.mark.parametrize("stable", [None, 380.0])
def test_over_the_maximum_without_certainty_is_undecided_and_planned(stable: float | None) -> None:
    """The planned number of further requests decides, if nothing changes."""
    looks: Looks = [(arm(40, 480.0), None if stable is None else arm(360, stable))] * 5
    judgement = judge(seen(looks), TOKENS, promotion=False, rate=10.0)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert judgement.needed is not None
    assert "at this rate, needed to decide" in judgement.message
    later = seen(looks[:1] * (5 + judgement.needed // 40 + 8))
    assert judge(later, TOKENS, promotion=False).verdict is Verdict.FAIL
    hardly = judge(seen([(arm(40, 400.001), None)] * 5), TOKENS, promotion=False)
    assert (hardly.reason, hardly.needed) == ("Undecided", None)


def test_where_a_look_is_large_the_cap_counts() -> None:
    """A look says no more than the cap, however many events it has, so that some more looks are planned."""
    judgement = judge(seen([(arm(30_000, 500.0), None)] * 2), TOKENS, promotion=False)
    assert judgement.needed is not None
    assert 3 <= judgement.needed / 30_000 <= 5


def test_a_long_stage_is_not_covered_by_the_short_ones_before() -> None:
    """The stage's own mean must be allowed, not only that of the release."""
    evidence = seen([(arm(40, 500.0), None)], begin_stage(seen([(arm(300, 100.0), None)] * 20)))
    assert judge(evidence, TOKENS, promotion=False).reason == "Undecided"


def test_a_promotion_needs_a_proof_and_says_how_much_is_missing() -> None:
    """The planned number of requests proves it; the sentence has the odds."""
    near = seen([(arm(300, 360.0), None)] * 5)
    assert judge(near, TOKENS, promotion=False).reason == "WithinObjective"
    judgement = judge(near, TOKENS, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotProven")
    assert judgement.message.endswith("needed to prove it")
    assert judgement.needed is not None
    for more, reason in ((judgement.needed - 1, "NotProven"), (judgement.needed, "Proven")):
        assert judge(seen([(arm(more, 360.0), None)], near), TOKENS, promotion=True).reason == reason
    proven = judge(seen([(arm(300, 200.0), None)] * 5), TOKENS, promotion=True)
    assert (proven.verdict, proven.reason) == (Verdict.PASS, "Proven")
    assert proven.message == (
        "length: 200 tokens on average over 1500 requests in 5 looks (between 153 and 254), at most 400 tokens "
        "allowed; proven to be less, evidence 1:10^30 (needs 1:20)"
    )


def test_a_look_that_no_such_events_can_have_says_nothing_and_nothing_passes() -> None:
    """The stated maximum is named, and a possible look goes on where the last one was."""
    good = seen([(arm(300, 200.0), arm(2700, 200.0))] * 5)
    for amount, told in (
        (
            1600.4 * 20,
            "a mean of 1600.4 in the last look is more than the 1600 tokens that maxPerEvent says one event has",
        ),
        (-1.0, "a sum of -1 in the last look is not a measurement"),
    ):
        after = seen([(Amounts(20, amount), arm(180, 200.0))], good)
        for promotion in (False, True):
            judgement = judge(after, TOKENS, promotion=promotion)
            assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "ImpossibleMean")
        assert judgement.message.startswith(f"length: {told}")
        assert (after.absolute, after.relative, after.release, after.looks) == (
            good.absolute,
            good.relative,
            good.release,
            good.looks,
        )
        assert judge(seen([(arm(20, 200.0), None)], after), TOKENS, promotion=True).reason == "Proven"
    assert (
        judge(seen([(Amounts(20, 1600.0 * 20 + 1e-6), None)], good), TOKENS, promotion=False).reason != "ImpossibleMean"
    )


def test_an_impossible_look_of_stable_is_not_compared() -> None:
    """The candidate's own mean still counts against the maximum."""
    before = seen([(arm(300, 200.0), arm(2700, 200.0))] * 5)
    after = seen([(arm(300, 200.0), arm(10, 1700.0))], before)
    assert (after.relative, after.looks, after.release.stable_total) == (before.relative, 6, 5 * 2700)
    assert after.absolute != before.absolute


def test_amounts_that_come_before_their_events_are_counted_and_blame_nobody() -> None:
    """Tokens are counted while an answer is written, and the answer at its end: silence is no impossible mean."""
    before = seen([(arm(300, 200.0), None)] * 5)
    after = seen([(Amounts(0, 9000.0), arm(10, 200.0))], before)
    assert (after.absolute, after.relative, after.looks) == (before.absolute, before.relative, 5)
    assert after.release.amount == before.release.amount + 9000.0
    assert prove(after.release, TOKENS) < prove(before.release, TOKENS)
    assert judge(after, TOKENS, promotion=False).reason == "WithinObjective"
    endless = judge(seen([(Amounts(0, 1e200), None)], before), TOKENS, promotion=False)
    assert endless.message == "length: amounts without events in the last look is not a measurement"


def test_where_no_event_can_have_more_than_the_maximum_nothing_has_to_be_proven() -> None:
    """Only the comparison with stable is left, which still finds what is longer."""
    rule = MeanRule(name="length", maximum=400.0, alpha=0.01, unit="tokens", most=400.0)
    evidence = seen([(arm(300, 400.0), arm(2700, 400.0))] * 5, rule=rule)
    judgement = judge(evidence, rule, promotion=True)
    assert (judgement.reason, evidence.absolute.logs) == ("Proven", ())
    assert judgement.message.endswith("at most 400 tokens allowed; no event can have more")
    longer = seen([(arm(300, 390.0), arm(2700, 200.0))] * 20, rule=rule)
    assert judge(longer, rule, promotion=False).reason == "WorseThanStable"


@pytest.mark.parametrize("stable", [0.0, 400.0 / 1.1, 1600.0])
def test_any_mean_of_stable_can_be_compared_with(stable: float) -> None:
    """Also nothing at all, and the largest amount, at which no mean is worse."""
    same = seen([(arm(300, min(1600.0, 1.1 * stable)), arm(2700, stable))] * 50)
    assert same.relative.log_e < 1
    assert has_failed(seen([(arm(300, 390.0), arm(2700, 0.0))] * 20), TOKENS)


def test_one_look_says_no_more_than_the_cap() -> None:
    """However many events it has: events of one look may have one cause."""
    evidence = start_evidence()
    for number in range(1, 4):
        evidence = seen([(arm(10**6, 1600.0), arm(10**6, 1.0))], evidence)
        for bets in (evidence.absolute, evidence.relative):
            assert bets.log_e <= number * CAP


def test_status_reads_back_exactly_and_needs_no_field_of_its_own() -> None:
    """Bets and amounts survive JSON; the moments of estimated means are not written."""
    evidence = seen([(arm(37, 211.3), arm(260, 199.9))] * 7)
    status = json.loads(json.dumps(evidence.to_status()))
    assert Evidence.from_status(status) == evidence
    assert {"relative", "relativeCash", "absolute", "absoluteCash"} <= set(status)
    assert not {"means", "waitingAlone", "waitingBeside", "notWorse"} & set(status)


def test_odd_memories_break_nothing() -> None:
    """A status that somebody wrote: bets without events, sums that no events can have."""
    logs = ["9.0"] * len(RATIOS)
    alone = Evidence.from_status({"relative": logs, "relativeCash": "0.0"})
    assert judge(alone, TOKENS, promotion=True).reason == "WorseThanStable"
    for amount in ("-5.0", "1e300"):
        odd = Evidence.from_status({name: {"total": 30, "amount": amount} for name in ("release", "stage", "last")})
        assert judge(odd, TOKENS, promotion=True).verdict is not Verdict.FAIL
        assert math.isfinite(prove(odd.release, TOKENS))
    fewer = Evidence.from_status({"absolute": ["3.0"], "absoluteCash": "0.0"})
    assert len(seen([(arm(30, 100.0), None)], fewer).absolute.logs) == len(RATIOS)


def test_the_proof_is_that_of_a_share_with_a_fractional_count() -> None:
    """A sum of 150.25 times the largest amount counts as so many bad events."""
    release = Tally(total=900, amount=150.25 * 1600)
    assert prove(release, TOKENS) == absolute.log_e_below(150.25, 900, limit=0.25)


@pytest.mark.parametrize("most", [399.0, 0.0, -1.0, math.inf, math.nan])
def test_a_largest_amount_below_the_maximum_is_refused(most: float) -> None:
    """So is one that is no number, or none at all."""
    with pytest.raises(ValueError, match="most must be finite and at least the maximum of 400"):
        MeanRule(name="length", maximum=400.0, alpha=0.01, most=most)
