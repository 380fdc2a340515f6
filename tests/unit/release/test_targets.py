"""Weights only onto pods that can carry them, and nothing removed that a route names."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.release.observation import RevisionFacts
from palier.release.state import Drain, ReleasePhase, State
from palier.release.targets import Targets, find_targets, replicas_for, stage_replicas
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    SERVICE,
    STABLE,
    THIRD,
    first,
    observed,
    ready,
    release_at,
    releasing,
    serving,
    warm,
)
from tests.support.release.wanted import BOTH, wanted
from tests.support.release.world import model_deployment

NOTHING: dict[str, RevisionFacts] = {}


@pytest.mark.parametrize(
    ("full", "weight", "pods"), [(2, 5, 1), (2, 50, 1), (2, 51, 2), (10, 5, 1), (10, 25, 3), (10, 99, 10), (1, 1, 1)]
)
def test_behind_a_gateway_pods_only_have_to_carry_the_share(full: int, weight: int, pods: int) -> None:
    """The share of the full set, rounded up, and never none."""
    assert replicas_for(model_deployment(replicas=full), weight) == pods


@pytest.mark.parametrize(
    ("full", "weight", "pods"),
    [(3, 25, 1), (10, 50, 10), (10, 25, 3), (2, 5, 1), (10, 5, 1), (10, 90, 10), (4, 100, 4)],
)
def test_without_a_gateway_the_number_of_pods_makes_the_share(full: int, weight: int, pods: int) -> None:
    """A share of c / (c + n) is taken by c pods beside n of stable; never more than the full set."""
    assert replicas_for(model_deployment(replicas=full, traffic=SERVICE), weight) == pods


@given(st.integers(1, 200), st.integers(1, 49))
def test_without_a_gateway_the_share_is_as_near_as_whole_pods_allow(full: int, weight: int) -> None:
    """No other number of pods would be nearer to the wanted weight by more than the rounding's 1.5 points."""
    pods = replicas_for(model_deployment(replicas=full, traffic=SERVICE), weight)
    off = {count: abs(count / (count + full) - weight / 100) for count in range(1, full + 1)}

    assert off[pods] <= min(off.values()) + 0.015


@given(st.integers(1, 1000), st.integers(1, 100))
def test_pods_are_enough_for_every_weight(full: int, weight: int) -> None:
    """A pod of the candidate never has more traffic than a pod of stable would have at full weight."""
    pods = replicas_for(model_deployment(replicas=full), weight)

    assert pods >= full * weight / 100
    assert pods <= full


def test_the_stage_decides_about_the_pods() -> None:
    """Each landing asks for its own number; a promotion and a release without stages for all."""

    def pods(state: State) -> int:
        return stage_replicas(model_deployment(replicas=8), state, observed(BOTH), now=NOW)

    assert [pods(releasing(ReleasePhase.CANARY, index=index)) for index in range(3)] == [1, 2, 4]
    assert pods(releasing(ReleasePhase.PREPARING)) == 1
    assert pods(releasing(ReleasePhase.PROMOTING)) == 8
    assert pods(releasing(ReleasePhase.PREPARING, plan=())) == 8
    assert pods(serving()) == 8


def test_the_stages_of_the_spec_are_not_those_of_the_release() -> None:
    """It goes on with those that it began with, whatever is written now: their pods, and their weight."""
    state, other = releasing(ReleasePhase.CANARY, index=2), model_deployment(replicas=8, weights=(25,))
    four = observed({STABLE: ready(8), CANDIDATE: ready(4)}, {STABLE: 75, CANDIDATE: 25})

    assert stage_replicas(other, state, four, now=NOW) == 4
    assert find_targets(other, state, four, now=NOW).weights == {STABLE: 50, CANDIDATE: 50}


def test_at_rest_stable_has_everything() -> None:
    """All of the traffic, all of the pods, both positions."""
    assert wanted(serving()) == Targets({STABLE: 100}, (STABLE, STABLE), {STABLE: 2})


def test_before_the_first_revision_is_ready_there_is_nothing_to_route() -> None:
    """A route to no pods would answer users with errors."""
    preparing, promoting = (
        wanted(first(ReleasePhase.PREPARING), NOTHING),
        wanted(first(ReleasePhase.PROMOTING), NOTHING),
    )

    assert (preparing.weights, preparing.replicas) == (None, {CANDIDATE: 2})
    assert promoting.weights is None
    assert wanted(first(ReleasePhase.PROMOTING)).weights == {CANDIDATE: 100}


def test_a_first_revision_that_has_the_traffic_keeps_it() -> None:
    """When one of its pods is lost before the gateway has answered, the other still serves."""
    facts = {CANDIDATE: ready(2, available=1, endpoints=1)}

    assert wanted(first(ReleasePhase.PROMOTING), facts, {CANDIDATE: 100}).weights == {CANDIDATE: 100}
    assert wanted(first(ReleasePhase.PROMOTING), facts, {}).weights is None


FIVE, QUARTER, HALF = ({STABLE: 100 - weight, CANDIDATE: weight} for weight in (5, 25, 50))


def test_a_weight_rises_only_onto_ready_pods() -> None:
    """Until all that its stage needs are there, the weight of the stage before stays."""
    eight = {"replicas": 8}
    first_canary = releasing(ReleasePhase.CANARY, index=0, traffic_since=None)
    second = releasing(ReleasePhase.CANARY, index=1, traffic_since=None)
    few, enough = {STABLE: ready(8), CANDIDATE: ready(1)}, {STABLE: ready(8), CANDIDATE: ready(2)}

    assert wanted(first_canary, {STABLE: ready(8)}, {STABLE: 100}, **eight).weights == {STABLE: 100}
    assert wanted(second, few, FIVE, **eight).weights == FIVE
    assert wanted(second, enough, FIVE, **eight).weights == QUARTER


@pytest.mark.parametrize(("index", "share"), [(0, 0), (1, 5), (2, 25)])
def test_a_stage_that_is_not_open_gives_what_was_earned_before(index: int, share: int) -> None:
    """However many pods are ready: they open the stage first, and a pause or a budget may be in the way of that."""
    closed = releasing(ReleasePhase.CANARY, index=index, opened_at=None, traffic_since=None)
    weights = {STABLE: 100 - share, CANDIDATE: share}

    assert wanted(closed, weights=weights).weights == ({STABLE: 100} if share == 0 else weights)


@pytest.mark.parametrize("opened", [None, NOW])
@pytest.mark.parametrize("facts", [{STABLE: ready(2)}, {STABLE: ready(2), CANDIDATE: ready(2, endpoints=0)}])
def test_a_candidate_without_ready_pods_has_no_weight(facts: dict[str, RevisionFacts], opened: float | None) -> None:
    """Whatever it had: nobody could answer."""
    state = releasing(ReleasePhase.CANARY, index=1, opened_at=opened)

    assert wanted(state, facts, QUARTER).weights == {STABLE: 100}


def test_a_weight_in_force_does_not_fall_with_a_pod() -> None:
    """Losing one pod of several is for the evidence to judge, not a reason to jump down a stage."""
    facts = {STABLE: ready(8), CANDIDATE: ready(4, available=3, endpoints=3)}

    assert wanted(releasing(ReleasePhase.CANARY, index=2), facts, HALF, replicas=8).weights == HALF


def test_a_weight_that_fell_with_its_pods_does_not_jump_back() -> None:
    """It comes back to what was earned before when the stage opens anew, and to its own with all of its pods."""
    lost = releasing(ReleasePhase.CANARY, index=2, opened_at=None, traffic_since=None)
    few, enough = {STABLE: ready(8), CANDIDATE: ready(1)}, {STABLE: ready(8), CANDIDATE: ready(4)}

    assert wanted(lost, few, {STABLE: 100}, replicas=8).weights == {STABLE: 100}
    assert (
        wanted(
            replace(lost, release=release_at(ReleasePhase.CANARY, index=2)), enough, {STABLE: 99, CANDIDATE: 1}
        ).weights
        == HALF
    )


def test_a_promotion_waits_at_the_weight_that_was_reached() -> None:
    """A promotion of too few pods keeps the weight that is in force, whether its stage is open or not."""
    one = {STABLE: ready(2), CANDIDATE: ready(1)}
    closed = releasing(ReleasePhase.PROMOTING, opened_at=None, traffic_since=None)

    assert wanted(releasing(ReleasePhase.PROMOTING), one, HALF).weights == HALF
    assert wanted(releasing(ReleasePhase.PROMOTING), one, QUARTER).weights == QUARTER
    assert wanted(closed, weights=HALF).weights == HALF
    assert wanted(releasing(ReleasePhase.PROMOTING), weights={STABLE: 1, CANDIDATE: 99}).weights == {
        STABLE: 0,
        CANDIDATE: 100,
    }


def test_the_way_back_to_a_warm_revision_has_no_landing() -> None:
    """Nothing for the candidate until it can carry everything, then everything."""
    back = releasing(ReleasePhase.PROMOTING, plan=(), traffic_since=None)

    assert wanted(back, {STABLE: ready(2), CANDIDATE: ready(1)}).weights == {STABLE: 100}
    assert wanted(back).weights == {CANDIDATE: 100}


def test_rolling_back_takes_all_traffic_at_once_and_pods_later() -> None:
    """The weight goes first: the candidate's pods stay, whatever number they are, until their traffic is gone."""
    back = wanted(
        releasing(ReleasePhase.ROLLING_BACK, index=2), {STABLE: ready(2), CANDIDATE: ready(1)}, {CANDIDATE: 50}
    )

    assert back.weights == {STABLE: 100}
    assert back.replicas == {STABLE: 2, CANDIDATE: 1}
    assert back.backend_positions == (STABLE, CANDIDATE)


@pytest.mark.parametrize("step", ReleasePhase)
@pytest.mark.parametrize("candidate", range(4))
def test_stable_always_has_its_full_number_of_pods(step: ReleasePhase, candidate: int) -> None:
    """Whatever the candidate does, stable could take everything back, and the candidate is never scaled to nothing.

    Only what never had a pod gets none for its end.
    """
    pods = wanted(releasing(step), {STABLE: ready(2), CANDIDATE: ready(candidate)}).replicas

    assert pods[STABLE] == 2
    if step is ReleasePhase.ROLLING_BACK and not candidate:
        assert CANDIDATE not in pods
    else:
        assert pods[CANDIDATE] >= 1


def test_a_candidate_is_not_scaled_down_in_mid_release() -> None:
    """More pods than the stage needs are kept, up to the full number: the next stage will need them."""
    facts = {STABLE: ready(4), CANDIDATE: ready(3)}

    assert wanted(releasing(ReleasePhase.CANARY, index=0), facts, replicas=4).replicas[CANDIDATE] == 3
    assert wanted(releasing(ReleasePhase.CANARY, index=0), {CANDIDATE: ready(9)}, replicas=4).replicas[CANDIDATE] == 4


def test_without_a_gateway_surplus_pods_are_given_up_before_a_canary() -> None:
    """There every pod is traffic: what is left of an earlier try must not make a first landing of 50 %."""
    left = {STABLE: ready(4), CANDIDATE: ready(4)}

    assert wanted(releasing(ReleasePhase.PREPARING), left, replicas=4, traffic=SERVICE).replicas == {
        STABLE: 4,
        CANDIDATE: 1,
    }
    assert wanted(releasing(ReleasePhase.CANARY), left, replicas=4, traffic=SERVICE).replicas == {
        STABLE: 4,
        CANDIDATE: 1,
    }


@pytest.mark.parametrize(("present", "kept"), [(0, 5), (2, 2), (5, 5), (7, 7)])
def test_the_former_stable_revision_stays_warm_with_the_pods_that_it_had(present: int, kept: int) -> None:
    """Whatever an autoscaler wants for the users of stable, who are none of its own; without any it gets all again."""
    facts = {STABLE: ready(5), FORMER: ready(present)}

    assert wanted(serving(former=warm()), facts, replicas=5).replicas == {FORMER: kept, STABLE: 5}


DRAINING = Drain(FORMER, NOW + 10)


@pytest.mark.parametrize(
    ("now", "weights", "slots", "removed"),
    [
        (NOW + 9, {STABLE: 100}, (STABLE, STABLE), False),
        (NOW + 10, {STABLE: 100}, (STABLE, STABLE), True),
        (NOW + 10, {STABLE: 100, FORMER: 0}, (STABLE, STABLE), False),
        (NOW + 10, {STABLE: 100}, (STABLE, FORMER), False),
    ],
    ids=["too early", "free", "still in the route", "still at a position"],
)
def test_nothing_is_removed_that_a_route_names(
    now: float, weights: dict[str, int], slots: tuple[str, str], removed: bool
) -> None:
    """A drained revision goes when its time is over and no route names it, not even at weight 0."""
    state = serving(drains=(DRAINING,), backend_positions=slots)

    assert (FORMER in wanted(state, weights=weights, now=now).remove) is removed


def test_a_revision_that_is_wanted_again_is_not_removed() -> None:
    """An old drain of a revision that came back as candidate or stable means nothing any more."""
    drains = (Drain(STABLE, NOW), Drain(CANDIDATE, NOW), Drain(THIRD, NOW))
    state = replace(releasing(ReleasePhase.PREPARING), drains=drains)

    assert wanted(state, now=NOW + 1).remove == {THIRD}
