"""The table of what becomes of a candidate's share: every condition of it, each by an example that it alone decides."""

from dataclasses import replace

import pytest

from palier.api.status.values import SuspectedBy
from palier.evidence.caution import CLEARED, CONFIRMED, NO_CAUTION, Caution, Suspicion
from palier.evidence.dispersion import Jumps
from palier.evidence.objective import Counts, Evidence, MeanRule, ObjectiveRule, has_failed, observe, start_evidence
from palier.evidence.proportion import SEGMENT_WORSE, alarm, is_dead
from palier.evidence.stepping import (
    ENOUGH,
    LONGEST_DOUBT,
    MOST_STEPS,
    Step,
    choose_step,
    describe_doubt,
    is_cleared,
    is_confirmed,
    is_suspected,
    step_down,
    step_up,
)
from tests.support.evidence.objectives import ERRORS, LATENCY, arm, seen

MEAN = MeanRule("cost", maximum=1.0, alpha=0.01)
SEGMENTED = replace(ERRORS, segmented=True)
REQUESTS = 1000
"""Requests of a look: a hundred of them are left of twenty percent at 1 %."""


def well(looks: int = 3, *, requests: int = REQUESTS) -> Evidence:
    """A candidate that fails nothing."""
    return seen([(arm(requests, 0), arm(4 * requests, 0))] * looks)


def suspect(*, requests: int = REQUESTS, bad: float = 0.05) -> Evidence:
    """A candidate that fails much more than stable in its second look."""
    look = arm(requests, round(requests * bad)), arm(4 * requests, 0)
    return seen([look], evidence=well(1, requests=requests))


def fail(*, requests: int = REQUESTS, bad: float = 0.1) -> Evidence:
    """A candidate that the ordinary test has failed."""
    return seen([(arm(requests, round(requests * bad)), arm(4 * requests, 0))] * 12)


def doubt(evidence: Evidence, log_ratio: float = 0.0, *, looks: int = 3) -> Evidence:
    """The same evidence beside a suspicion of which fresh requests have said so much."""
    return replace(evidence, caution=Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 4, log_ratio, looks)))


def suspicion_of(evidence: Evidence, rule: ObjectiveRule) -> Suspicion:
    """What it is suspected of when its share goes down."""
    suspicion = step_down(evidence, rule, weight=20).caution.suspicion
    assert suspicion is not None
    return suspicion


def test_the_examples_are_what_they_say() -> None:
    """The table below rests on them."""
    assert not is_suspected(well(), ERRORS)
    assert is_suspected(suspect(), ERRORS)
    assert not has_failed(suspect(), ERRORS)
    assert has_failed(fail(), ERRORS)
    assert has_failed(fail(requests=10 * REQUESTS), ERRORS)


def at(*evidence: Evidence, weight: int = 20, wanted: int = 20, steps: int = 0) -> Step:
    """What becomes of a share that no suspicion has lowered."""
    judged = [(one, ERRORS) for one in evidence]
    return choose_step(judged, weight=weight, wanted=wanted, cautious=False, steps=steps)


def at_least(*evidence: Evidence, steps: int = 1, over: bool = False) -> Step:
    """What becomes of a share that a suspicion has lowered."""
    judged = [(one, ERRORS) for one in evidence]
    return choose_step(judged, weight=1, wanted=20, cautious=True, steps=steps, over=over)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (at(), Step.STAY),
        (at(well()), Step.STAY),
        (at(suspect()), Step.DOWN),
        (at(well(), suspect()), Step.DOWN),
        (at(suspect(), steps=MOST_STEPS - 1), Step.DOWN),
        (at(suspect(), steps=MOST_STEPS), Step.STAY),
        (at(suspect(), weight=1, wanted=1), Step.STAY),
        (at(suspect(), weight=2, wanted=2), Step.DOWN),
        (at(fail()), Step.DOWN),
        (at(fail(), steps=MOST_STEPS), Step.END),
        (at(fail(), weight=1, wanted=1), Step.END),
        (at(fail(), well()), Step.DOWN),
        (at(fail(), suspect()), Step.DOWN),
    ],
)
def test_down(step: Step, found: Step) -> None:
    """A suspicion and a breach lower the share, at most twice in a stage, and not where it is the least already."""
    assert step is found


@pytest.mark.parametrize(("weight", "evidence", "found"), [(1, fail(), Step.END), (1, suspect(), Step.DOWN)])
def test_a_step_down_whose_memory_was_lost(weight: int, evidence: Evidence, found: Step) -> None:
    """The share is down and nobody knows why: a breach ends the release, and a suspicion does not raise it again."""
    assert at(evidence, weight=weight) is found
    assert at(evidence, weight=0) is found


@pytest.mark.parametrize(("requests", "found"), [(20 * ENOUGH, Step.DOWN), (20 * ENOUGH - 1, Step.END)])
def test_ten_requests_of_a_look_have_to_be_left(requests: int, found: Step) -> None:
    """Below, a breach acts at once, and a suspicion does nothing."""
    assert at(fail(requests=requests, bad=0.3)) is found
    assert at(suspect(requests=requests, bad=0.2)) is (Step.DOWN if found is Step.DOWN else Step.STAY)


def test_every_breach_has_to_be_one_that_can_be_confirmed() -> None:
    """One that the least share would hide ends the release for all of them."""
    few = fail(requests=100, bad=0.3)

    assert at(fail(), few) is Step.END
    assert at(suspect(), suspect(requests=100, bad=0.2)) is Step.DOWN  # one of two suspicions is enough


def test_a_small_difference_is_found_with_the_whole_share() -> None:
    """It would be confirmed at the least share after more than forty looks: there is no step down for it."""
    little = seen([(arm(220, 4), arm(880, 8))] * 120)

    assert has_failed(little, ERRORS)
    assert at(little) is Step.END
    assert at(seen([(arm(4000, 80), arm(16_000, 160))] * 60)) is Step.DOWN
    assert LONGEST_DOUBT == 40


@pytest.mark.parametrize("rule", [replace(ERRORS, cautious=False), MEAN])
def test_only_shares_of_users_bad_requests_are_suspected(rule: object) -> None:
    """Neither what a lower share would not spare anybody, nor a mean."""
    judged = [(suspect(), rule)]

    assert choose_step(judged, weight=20, wanted=20, cautious=False, steps=0) is Step.STAY  # type: ignore[arg-type]
    assert describe_doubt(suspect(), rule) == ""  # type: ignore[arg-type]


def test_a_breach_of_another_kind_ends_a_release_at_once() -> None:
    """A rule that is not cautious has its breach act, whatever is suspected beside it."""
    judged = [(fail(), replace(ERRORS, cautious=False)), (suspect(), ERRORS)]

    assert choose_step(judged, weight=20, wanted=20, cautious=False, steps=0) is Step.END
    assert choose_step(judged, weight=1, wanted=20, cautious=True, steps=1) is Step.END


def test_a_group_of_users_steps_nowhere() -> None:
    """Who alone is worse off has too few requests at 1 %: that ends a release at once, also where one is suspected."""
    rows = {f"group-{number}": (arm(1500, 0), arm(6000, 0)) for number in range(3)}
    worse = {**rows, "group-0": (arm(1500, 40), arm(6000, 20))}
    evidence = start_evidence()
    for groups in [rows] * 3 + [worse] * 14:
        both = [
            Counts(sum(c.total for c in side), *[sum(c.bad for c in side)] * 2)
            for side in zip(*groups.values(), strict=True)
        ]
        evidence = observe(evidence, both[0], both[1], SEGMENTED, segments=groups)
    assert alarm(evidence, SEGMENTED) == SEGMENT_WORSE

    judged = [(evidence, SEGMENTED)]
    assert choose_step(judged, weight=20, wanted=20, cautious=False, steps=0) is Step.END
    judged = [(doubt(evidence), SEGMENTED)]
    assert choose_step(judged, weight=1, wanted=20, cautious=True, steps=1) is Step.END


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (at_least(doubt(well())), Step.STAY),
        (at_least(doubt(well(), CLEARED)), Step.UP),
        (at_least(doubt(well(), CLEARED + 1e-9)), Step.STAY),
        (at_least(doubt(well(), CLEARED), steps=MOST_STEPS), Step.STAY),
        (at_least(doubt(well(), CLEARED), well()), Step.UP),
        (at_least(doubt(well(), CLEARED), doubt(well())), Step.STAY),
        (at_least(doubt(well(), CLEARED), suspect()), Step.STAY),
        (at_least(doubt(well(), CONFIRMED)), Step.STAY),
        (at_least(doubt(fail(), CONFIRMED)), Step.END),
        (at_least(doubt(fail(), CONFIRMED - 1e-9)), Step.STAY),
        (at_least(doubt(fail(), CLEARED)), Step.STAY),
        (at_least(doubt(fail(), CONFIRMED), steps=MOST_STEPS), Step.END),
        (at_least(doubt(fail()), doubt(fail(), CONFIRMED)), Step.END),
        (at_least(doubt(well()), fail()), Step.END),
        (at_least(doubt(fail()), over=True), Step.END),
        (at_least(doubt(fail(), CLEARED), over=True), Step.STAY),
        (at_least(doubt(well()), over=True), Step.STAY),
        (at_least(doubt(well(), CLEARED), over=True), Step.UP),
    ],
)
def test_at_the_least_share(step: Step, found: Step) -> None:
    """A breach ends the release when fresh requests confirm it, and they raise the share again when they clear it."""
    assert step is found


def test_a_dead_candidate_is_confirmed_by_its_next_look() -> None:
    """One look after the step down, and not in the look that led to it."""
    dead = seen([(arm(40, 40), arm(160, 0))] * 3)

    assert is_dead(dead, ERRORS)
    assert at_least(doubt(dead, looks=0)) is Step.STAY
    assert at_least(doubt(dead, looks=1)) is Step.END
    assert at_least(doubt(fail(), looks=1)) is Step.STAY  # not dead, and not confirmed
    assert at(seen([(arm(REQUESTS, REQUESTS), arm(4 * REQUESTS, 0))] * 3)) is Step.DOWN


def test_a_hard_stop_steps_down_before_anything_else_suspects() -> None:
    """A candidate that is dead needs no e-value."""
    evidence = replace(seen([(arm(40, 40), arm(160, 0))] * 3), caution=NO_CAUTION)

    assert is_suspected(evidence, ERRORS)
    assert describe_doubt(evidence, ERRORS) == "Suspected"


def test_down_follows_what_was_suspected_alone() -> None:
    """Every suspected objective has a suspicion of its own, and the others begin to watch anew."""
    after = step_down(suspect(), ERRORS, weight=20)

    assert after.caution.suspicion is not None
    assert (after.caution.suspicion.log_ratio, after.caution.suspicion.looks) == (0.0, 0)
    assert replace(after, caution=NO_CAUTION) == replace(suspect(), caution=NO_CAUTION)
    assert step_down(well(), ERRORS, weight=20).caution == NO_CAUTION
    assert step_down(fail(), ERRORS, weight=20).caution.suspicion is not None
    assert step_down(suspect(), MEAN, weight=20).caution == NO_CAUTION


def test_a_second_step_down_has_a_suspicion_of_its_own() -> None:
    """What fresh requests said of the first one is not said of the second."""
    again = step_down(doubt(fail(), CLEARED), ERRORS, weight=20).caution.suspicion

    assert again is not None
    assert (again.log_ratio, again.looks) == (0.0, 0)


def test_up_begins_to_watch_anew() -> None:
    """What led to the suspicion is forgotten by the early test alone."""
    after = step_up(doubt(fail(), CLEARED), ERRORS)

    assert after == replace(fail(), caution=NO_CAUTION)


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (well(), ""),
        (suspect(), "Suspected"),
        (doubt(well()), "Doubted"),
        (doubt(well(), CLEARED), "Cleared"),
        (doubt(well(), CONFIRMED), "Confirmed"),
    ],
)
def test_the_doubt_in_one_word(evidence: Evidence, word: str) -> None:
    """Each of them is news once."""
    assert describe_doubt(evidence, ERRORS) == word


def test_who_was_never_suspected_is_cleared_and_confirmed() -> None:
    """A breach that nobody suspected before needs no fresh requests, and a good candidate need not be cleared."""
    assert is_cleared(well(), ERRORS)
    assert is_confirmed(well(), ERRORS)
    assert not is_cleared(suspect(), ERRORS)


def test_where_stable_is_near_the_limit_only_the_comparison_is_followed() -> None:
    """Its own bad looks would hide those of the candidate from the limit, and clear everybody."""
    looks = [(arm(REQUESTS, 100), arm(4 * REQUESTS, 30))] * 2
    alone = replace(ERRORS, compare_with_stable=False)
    beside = [(arm(REQUESTS, 100), arm(4 * REQUESTS, 20))] * 2

    assert suspicion_of(seen(looks), ERRORS).by is SuspectedBy.RELATIVE
    assert suspicion_of(seen(beside), ERRORS).by is SuspectedBy.ABSOLUTE
    assert suspicion_of(seen(looks, alone), alone).by is SuspectedBy.ABSOLUTE


def test_a_late_regression_beside_a_stable_that_never_fails_steps_down() -> None:
    """Thirty times as much as nothing is nothing, and nobody could be cleared of it: the limit is followed."""
    late = seen([(arm(REQUESTS, 50), arm(4 * REQUESTS, 0))], evidence=well(60))

    assert is_suspected(late, ERRORS)
    assert at(late) is Step.DOWN
    assert suspicion_of(late, ERRORS).by is SuspectedBy.ABSOLUTE


def test_what_would_be_confirmed_late_lowers_no_share() -> None:
    """Twice the limit takes more than fifteen looks to show at 1 %, although a good candidate is cleared sooner."""
    twice = suspect(bad=0.02)

    assert is_suspected(twice, ERRORS)
    assert at(twice) is Step.STAY
    assert at(suspect(bad=0.02, requests=4 * REQUESTS)) is Step.DOWN


def test_a_suspicion_begins_at_a_smaller_margin() -> None:
    """Odds of 1.1 times stable's, or less where the test that ends a release has a smaller margin."""
    assert [one.caution_margin for one in (ERRORS, LATENCY, replace(ERRORS, margin=1.05))] == [1.1, 1.1, 1.05]
    evidence = seen([(arm(REQUESTS, 20), arm(4 * REQUESTS, 40))] * 3)
    capped = replace(ERRORS, cap=99.0)

    assert (
        evidence.caution.relative.log_e > seen([(arm(REQUESTS, 20), arm(4 * REQUESTS, 40))] * 3, capped).relative.log_e
    )


@pytest.mark.parametrize("jumping", ["candidate_jumps", "stable_jumps"])
def test_where_failures_come_together_more_is_asked_for(jumping: str) -> None:
    """The bound rises with the design effect of either version, and a dead candidate needs none."""
    evidence = seen([(arm(REQUESTS, 14), arm(4 * REQUESTS, 4))])
    apart, together = Jumps(300, 300.0), Jumps(300, 2000.0)
    dead = replace(seen([(arm(40, 40), arm(160, 0))] * 3), caution=NO_CAUTION)

    assert is_suspected(replace(evidence, **{jumping: apart}), ERRORS)  # type: ignore[arg-type]
    assert not is_suspected(replace(evidence, **{jumping: together}), ERRORS)  # type: ignore[arg-type]
    assert is_suspected(replace(dead, **{jumping: together}), ERRORS)  # type: ignore[arg-type]


def test_a_slow_candidate_is_suspected_as_well() -> None:
    """Slow requests are a share of bad ones like failures."""
    slow = seen([(arm(REQUESTS, 200), arm(4 * REQUESTS, 120))], LATENCY)

    assert is_suspected(slow, LATENCY)
    assert choose_step([(slow, LATENCY)], weight=20, wanted=20, cautious=False, steps=0) is Step.DOWN
    assert suspicion_of(slow, LATENCY).by is SuspectedBy.RELATIVE
