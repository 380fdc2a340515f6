"""At 1 %, one pod alone is not blamed at once while its version may have other pods."""

from dataclasses import replace

import pytest

from palier.api.status.values import SuspectedBy
from palier.evidence.caution import Caution, Suspicion
from palier.evidence.objective import Evidence, ObjectiveRule, has_failed
from palier.evidence.pods import NO_PODS, Pods, PodTally
from palier.evidence.stepping import LONGEST_LONELY, MOST_HARM, Step, choose_step, step_down
from tests.support.evidence.objectives import ERRORS, arm, seen

ONE = (PodTally("c1", 400.0, 40.0),)
TWO = (*ONE, PodTally("c2", 300.0, 28.0))
UNHEARD = (*ONE, PodTally("c2", 5.0, 0.0))
STABLE = tuple(PodTally(f"s{number}", 3000.0, 9.0) for number in range(3))
CONFIRMED = Suspicion(SuspectedBy.RELATIVE, 4, 5.0, looks=3, total=90, bad=9)


def suspect(pods: tuple[PodTally, ...], suspicion: Suspicion = CONFIRMED) -> Evidence:
    """Evidence of a breach that fresh requests have confirmed."""
    evidence = replace(
        seen([(arm(300, 30), arm(2700, 9))] * 9), pods=Pods(pods, STABLE), caution=Caution(suspicion=suspicion)
    )
    assert has_failed(evidence, ERRORS)
    return evidence


def choose(evidence: Evidence, rule: ObjectiveRule = ERRORS) -> Step:
    """What becomes of the candidate."""
    return choose_step([(evidence, rule)], weight=1, wanted=10, cautious=True, steps=1)


@pytest.mark.parametrize(("pods", "step"), [(ONE, Step.STAY), (UNHEARD, Step.STAY), (TWO, Step.END), ((), Step.END)])
def test_a_version_is_blamed_when_a_second_pod_agrees(pods: tuple[PodTally, ...], step: Step) -> None:
    """A pod that has hardly had a request agrees with nobody, and a router knows no pods to wait for."""
    assert choose(suspect(pods)) is step


def test_pods_are_compared_anew_at_the_least_weight() -> None:
    """The few fresh requests of a late regression would not show beside an hour of the whole share."""
    well = (PodTally("c1", 12_000.0, 60.0),)
    late = replace(seen([(arm(300, 30), arm(2700, 9))] * 2), pods=Pods(well, STABLE))
    assert step_down(late, ERRORS, weight=10).pods == NO_PODS


def test_a_dead_pod_is_a_dead_version() -> None:
    """The hard stop ends a release one look after the step down, whoever else might come."""
    dead = replace(
        suspect(ONE),
        hard_stop=seen([(arm(9, 9), arm(900, 3))] * 4).hard_stop,
        last=seen([(arm(9, 9), arm(900, 3))]).last,
    )
    assert choose(dead) is Step.END


def test_where_there_may_be_no_other_pod_nobody_waits_for_one() -> None:
    """One replica, a GPU, or no gateway: the pod is its version."""
    assert choose(suspect(ONE), replace(ERRORS, pods_may_grow=False)) is Step.END


@pytest.mark.parametrize(
    ("suspicion", "step"),
    [
        (replace(CONFIRMED, total=1000, bad=10 + MOST_HARM - 1), Step.STAY),
        (replace(CONFIRMED, total=1000, bad=10 + MOST_HARM), Step.END),
        (replace(CONFIRMED, looks=LONGEST_LONELY - 1), Step.STAY),
        (replace(CONFIRMED, looks=LONGEST_LONELY), Step.END),
    ],
    ids=["less harm", "too much harm", "sooner", "long enough"],
)
def test_users_do_not_suffer_for_ever_because_no_other_pod_comes(suspicion: Suspicion, step: Step) -> None:
    """Both bounds are stated, and each ends the wait."""
    assert choose(suspect(ONE, suspicion)) is step
