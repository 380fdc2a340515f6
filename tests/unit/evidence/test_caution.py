"""The early test: it suspects soon and hardly ever wrongly, and fresh requests confirm or clear what it suspects."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from palier.api.status.values import SuspectedBy
from palier.evidence.bets import NO_BETS, Bets
from palier.evidence.caution import CLEARED, CONFIRMED, NO_CAUTION, Caution, Suspicion, list_suspicions
from palier.evidence.objective import Evidence, ObjectiveRule, begin_stage, start_evidence
from palier.evidence.odds_ratio import RATIOS
from palier.evidence.stepping import is_suspected, step_down
from palier.simulate.case import Case, Stage
from palier.simulate.runs import Plan, play
from tests.support.evidence.objectives import ERRORS, LATENCY, arm, seen

BOUND = -math.log(ERRORS.alpha)
QUIET = (arm(100, 0), arm(900, 0))


def suspected_after(
    rule: ObjectiveRule, *, candidate: float, stable: float, looks: int, releases: int, requests: int = 100
) -> int:
    """How many of some seeded releases are ever suspected, whose requests fail independently.

    Args:
        rule: how they are judged.
        candidate: its share of failed requests.
        stable: stable's.
        looks: of each release.
        releases: how many of them.
        requests: of the candidate in a look; stable has nine times as many.
    """
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(releases):
        evidence = start_evidence()
        bad = rng.binomial(requests, candidate, looks), rng.binomial(9 * requests, stable, looks)
        for mine, others in zip(*bad, strict=True):
            evidence = seen([(arm(requests, int(mine)), arm(9 * requests, int(others)))], rule, evidence)
            if is_suspected(evidence, rule):
                found += 1
                break
    return found


def follow(suspicion: Suspicion, *gains: float) -> Suspicion:
    """The suspicion after looks that say this much for the bet that is followed, and something else for the others."""
    for gain in gains:
        each = tuple(gain if number == suspicion.bet else 7.0 for number in range(len(RATIOS)))
        suspicion = suspicion.add_look(each, (-7.0,) * len(RATIOS), arm(30, 1))
    return suspicion


@pytest.mark.parametrize("share", [0.01, 0.002, 0.0])
def test_a_candidate_like_stable_is_hardly_ever_suspected(share: float) -> None:
    """Also where both fail exactly as many requests as the limit allows: at most 2 of 100 releases."""
    assert suspected_after(ERRORS, candidate=share, stable=share, looks=40, releases=100) <= 2


def test_a_candidate_at_the_limit_beside_a_better_stable_is_suspected_of_being_worse() -> None:
    """Five times stable's failures are no accident, whatever the limit allows."""
    assert suspected_after(ERRORS, candidate=0.01, stable=0.002, looks=40, releases=20) >= 18


def test_it_answers_long_before_the_test_that_ends_a_release() -> None:
    """One failure in twenty is suspected within two looks in most releases."""
    assert suspected_after(ERRORS, candidate=0.05, stable=0.001, looks=2, releases=50) >= 45


def test_two_failures_never_suspect() -> None:
    """However many requests were well, whatever stable does: two may fail by accident, in one look or in two."""
    for rule in (ERRORS, LATENCY, replace(ERRORS, compare_with_stable=False)):
        for quiet in (0, 1, 30):
            for requests in (2, 20, 200, 2000):
                before = seen([(arm(requests, 0), arm(9 * requests, 0))] * quiet, rule)
                together = seen([(arm(requests, 2), arm(9 * requests, 0))], rule, before)
                apart = seen([(arm(requests, 1), arm(9 * requests, 0))] * 2, rule, before)
                assert not is_suspected(together, rule), (rule, quiet, requests)
                assert not is_suspected(apart, rule), (rule, quiet, requests)


@pytest.mark.parametrize("quiet", [0, 60, 600])
def test_a_late_regression_is_suspected_soon(quiet: int) -> None:
    """An hour in which nothing failed does not hide a candidate that fails one request in ten from then on."""
    bad = arm(100, 10), arm(900, 1)
    late = seen([bad] * 2, evidence=seen([QUIET] * quiet))

    assert is_suspected(late, ERRORS)


def test_a_shared_outage_is_no_suspicion() -> None:
    """Where stable fails just as much, neither the comparison nor the limit speaks against the candidate."""
    assert not is_suspected(seen([(arm(100, 30), arm(900, 270))] * 10), ERRORS)


def test_a_stage_moves_cash_and_makes_no_capital() -> None:
    """A weight step bets a part of the cash on it; the e-values stay what they are."""
    before = seen([(arm(100, 2), arm(900, 1))] * 3).caution
    begun = before.begin_stage()

    for one, other in ((before.relative, begun.relative), (before.absolute, begun.absolute)):
        assert other.log_e == pytest.approx(one.log_e, abs=1e-12)
        assert other.cash < one.cash
    assert begun.looks == before.looks
    assert begin_stage(seen([QUIET])).caution.relative.cash < seen([QUIET]).caution.relative.cash


def test_a_stage_leaves_a_suspicion_as_it_is() -> None:
    """What fresh requests have told of it is not forgotten."""
    doubted = Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 3, 1.5, 2))

    assert doubted.begin_stage() == doubted


def test_the_bound_lies_on_the_weighted_mean_of_both() -> None:
    """Four fifths of the comparison with stable and one fifth of the limit reach 1/alpha together, not each alone."""
    relative, absolute = Bets((math.log(110.0),), -50.0), Bets((math.log(70.0),), -50.0)
    mean = math.log(0.8 * 110 + 0.2 * 70)
    both = Caution(relative, absolute, 3)

    assert both.reaches(mean - 1e-9, compares=True)
    assert not both.reaches(mean + 1e-9, compares=True)
    assert not Caution(relative, NO_BETS, 3).reaches(math.log(100), compares=True)
    assert Caution(absolute, relative, 3).reaches(math.log(110) - 1e-9, compares=False)
    assert not Caution(relative, absolute, 3).reaches(math.log(71), compares=False)


def test_it_says_what_it_has_seen_without_any_cap() -> None:
    """One look is enough where it says enough, unlike in the test that ends a release."""
    gains = (5.0,) * 7
    caution = NO_CAUTION.add_look(gains, gains, arm(30, 1))

    assert caution.reaches(BOUND - 1, compares=True)
    assert caution.relative.log_e > 4
    assert caution.absolute.log_e > 4


def test_what_has_won_something_may_be_suspected() -> None:
    """Each weighs as much as its e-value does in the mean; a bet that has lost explains nothing."""
    watching = Caution(Bets((0.0, 3.0, -0.1), 9.0), Bets((-2.0, 3.1, 0.0), 9.0), looks=4)
    every = list_suspicions(watching, relative=Bets((99.0,), 0.0), absolute=NO_BETS)
    found = {suspicion: log for log, suspicion in every}

    assert found == {
        Suspicion(SuspectedBy.RELATIVE, 0): pytest.approx(math.log(0.8)),
        Suspicion(SuspectedBy.RELATIVE, 1): pytest.approx(3 + math.log(0.8)),
        Suspicion(SuspectedBy.ABSOLUTE, 1): pytest.approx(3.1 + math.log(0.2)),
        Suspicion(SuspectedBy.ABSOLUTE, 2): pytest.approx(math.log(0.2)),
    }
    compared = list_suspicions(watching, relative=NO_BETS, absolute=NO_BETS, compared=True)
    assert {suspicion.by for _, suspicion in compared} == {SuspectedBy.RELATIVE}


def test_before_its_first_look_it_suspects_what_the_other_test_has_found() -> None:
    """A release that an older version began breaches in the very look that the early test begins with."""
    found = list_suspicions(NO_CAUTION, relative=Bets((-1.0, 6.0), -9.0), absolute=Bets((1.0,), -9.0))

    assert [suspicion for _, suspicion in found] == [
        Suspicion(SuspectedBy.RELATIVE, 1),
        Suspicion(SuspectedBy.ABSOLUTE, 0),
    ]
    assert list(list_suspicions(NO_CAUTION, relative=NO_BETS, absolute=NO_BETS)) == []


def test_the_suspected_share_is_about_the_true_one() -> None:
    """A candidate that fails ten times as often as stable is suspected of an odds ratio near ten."""
    suspicion = step_down(seen([(arm(100, 10), arm(900, 9))] * 5), ERRORS, weight=10).caution.suspicion

    assert suspicion is not None
    assert suspicion.by is SuspectedBy.RELATIVE
    assert RATIOS[suspicion.bet] * ERRORS.margin == pytest.approx(10, rel=0.5)


@pytest.mark.parametrize("by", SuspectedBy)
def test_only_the_suspected_bet_is_followed(by: SuspectedBy) -> None:
    """What the other bets and the other test say of fresh requests changes nothing."""
    relative, absolute = (1.0, 2.0, 4.0), (-1.0, -2.0, -4.0)
    after = Suspicion(by, 1).add_look(relative, absolute, arm(30, 1))

    assert after == Suspicion(by, 1, 2.0 if by is SuspectedBy.RELATIVE else -2.0, 1, total=30, bad=1)


def test_a_look_without_such_a_bet_says_nothing() -> None:
    """Where nothing is compared any more, or the grid is another one."""
    assert Suspicion(SuspectedBy.RELATIVE, 1, 0.5).add_look((), (9.0, 9.0), arm(30, 1)).log_ratio == 0.5


def test_ten_to_one_confirms_and_twenty_to_one_clears() -> None:
    """Each at its bound and not before, and what comes later counts as well."""
    start = Suspicion(SuspectedBy.RELATIVE, 2)

    assert math.exp(CONFIRMED) == pytest.approx(10)
    assert math.exp(CLEARED) == pytest.approx(1 / 20)
    assert not start.is_confirmed
    assert not start.is_cleared
    assert follow(start, CONFIRMED).is_confirmed
    assert not follow(start, CONFIRMED - 1e-9).is_confirmed
    assert follow(start, CLEARED).is_cleared
    assert not follow(start, CLEARED + 1e-9).is_cleared
    assert not follow(start, CONFIRMED, -1.0).is_confirmed
    assert follow(start, -1.0, CLEARED + 0.9, -1.0).looks == 3


@pytest.mark.parametrize(("share", "wrong"), [(0.1, 10), (0.01, 20)])
def test_fresh_requests_tell_right_from_wrong(share: float, wrong: int) -> None:
    """Of 200 suspicions of ten times stable's failures, few that are right are cleared, and few others confirmed."""
    rng = np.random.default_rng(11)
    before = step_down(seen([(arm(100, 12), arm(900, 9))] * 2), ERRORS, weight=10)
    told = {"confirmed": 0, "cleared": 0}
    for _ in range(200):
        evidence = before
        while not (evidence.caution.suspicion.is_confirmed or evidence.caution.suspicion.is_cleared):  # type: ignore[union-attr]
            look = arm(10, int(rng.binomial(10, share))), arm(990, int(rng.binomial(990, 0.01)))
            evidence = seen([look], ERRORS, evidence)
        told["confirmed" if evidence.caution.suspicion.is_confirmed else "cleared"] += 1  # type: ignore[union-attr]

    assert told["cleared" if share > 0.05 else "confirmed"] <= wrong


@pytest.mark.parametrize(
    "caution",
    [
        seen([(arm(100, 3), arm(900, 2)), (arm(7, 1), None)]).caution,
        seen([(arm(100, 3), None)], replace(ERRORS, compare_with_stable=False)).caution,
        Caution(suspicion=Suspicion(SuspectedBy.ABSOLUTE, 6, -1 / 3, 12)),
        Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 0)),
        NO_CAUTION,
    ],
)
def test_it_reads_back_exactly(caution: Caution) -> None:
    """The operator may be killed after any look and goes on with the same numbers."""
    assert Caution.from_status(json.loads(json.dumps(caution.to_status()))) == caution
    evidence = replace(start_evidence("0123456789"), caution=caution)
    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence


def test_a_status_of_before_has_none() -> None:
    """A release that an older version began goes on, and the early test begins to watch."""
    assert Evidence.from_status({"looks": 12}).caution == NO_CAUTION
    assert "caution" not in start_evidence().to_status()


@pytest.mark.parametrize(
    "status",
    [
        {"looks": -1},
        {"looks": "many"},
        {"looks": 1, "relative": ["nan"]},
        {"looks": 1, "absolute": ["0.0"], "absoluteCash": "inf"},
        {"suspectedBy": "Rumour"},
        {"suspectedBy": "Relative", "bet": -1},
        {"suspectedBy": "Relative", "freshLooks": -1},
        {"suspectedBy": "Absolute", "logRatio": "nan"},
        {"suspectedBy": "Absolute", "logRatio": "-inf"},
        {"suspectedBy": "Absolute", "bet": "first"},
        {"relative": 3},
        "text",
    ],
)
def test_what_was_tampered_with_is_refused(status: object) -> None:
    """What cannot have been observed is an error, never evidence."""
    with pytest.raises(ValueError, match=r"."):
        Evidence.from_status({"caution": status})


def test_failures_that_come_together_keep_few_good_candidates_down() -> None:
    """Of forty equal candidates whose requests fail in clusters, fewer than a third are suspected, and few twice."""
    case = replace(Case(), overdispersion=0.02, minutes=30.0, stages=(Stage(10, 1800.0, 1800.0),))
    steps = [run.outcome.steps_down for run in play(Plan(case, "palier", 3), range(40))]

    assert sum(1 for number in steps if number) <= 13
    assert sum(1 for number in steps if number > 1) <= 4
