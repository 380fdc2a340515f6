"""In and out of traffic over 1 %: the steps between two weights, and how long each of them stays."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import SETTLED_AFTER, UNANSWERED_AFTER, Targets, ease_weight, find_targets
from tests.support.release.examples import CANDIDATE, NOW, SERVICE, STABLE, ended, observed, ready, releasing, serving
from tests.support.release.world import model_deployment

PODS = {STABLE: ready(2), CANDIDATE: ready(2)}


def written(state: State, share: int, *, traffic: dict[str, Any] | None = None, **route: Any) -> Targets:  # noqa: ANN401
    """What is written while the candidate has this share of the traffic."""
    deployment = model_deployment(**({"traffic": traffic} if traffic else {}))
    weights = {STABLE: 100 - share, CANDIDATE: share}
    return find_targets(deployment, state, observed(PODS, weights, **route), now=NOW)


@given(st.integers(0, 100), st.integers(0, 100))
def test_every_weight_is_reached_in_at_most_three_steps(present: int, wanted: int) -> None:
    """And no step leads away from it, so that a way up never takes users back, nor a way down gives more."""
    way = [present]
    while way[-1] != wanted:
        way.append(ease_weight(way[-1], wanted))

        assert len(way) <= 4
    assert way in (sorted(way), sorted(way, reverse=True))


@given(st.integers(0, 100), st.integers(0, 100))
def test_no_backend_comes_or_goes_with_more_than_the_least_weight(present: int, wanted: int) -> None:
    """Whatever is written, the revision whose weight begins or ends has 1 % on the other side of that step."""
    step = {present, ease_weight(present, wanted)}

    assert len(step) == 1 or not step & {0, 100} or step in ({0, 1}, {99, 100})


def test_a_candidate_enters_over_one_percent() -> None:
    """The stage's own weight follows when the data plane has surely taken up the first one."""
    entering = releasing(ReleasePhase.CANARY, index=1, traffic_since=None)

    assert written(entering, 0).weights == {STABLE: 99, CANDIDATE: 1}
    assert written(entering, 0).again_in == SETTLED_AFTER
    assert written(entering, 1).weights == {STABLE: 75, CANDIDATE: 25}
    assert written(entering, 1).again_in is None


def test_a_step_between_two_weights_stays_until_the_data_plane_has_it() -> None:
    """Half a second after an accepted write, and no longer than that."""
    entering = releasing(ReleasePhase.CANARY, index=1, traffic_since=None)
    waiting = written(entering, 1, unchanged_for=0.2)

    assert waiting.weights == {STABLE: 99, CANDIDATE: 1}
    assert waiting.again_in == pytest.approx(SETTLED_AFTER - 0.2)
    assert written(entering, 1, unchanged_for=SETTLED_AFTER).weights == {STABLE: 75, CANDIDATE: 25}


def test_a_silent_gateway_does_not_hold_up_the_way_back() -> None:
    """After three seconds without an answer the last step is written all the same."""
    back = releasing(ReleasePhase.ROLLING_BACK, index=2)

    assert written(back, 50, accepted=False, unchanged_for=0.0).weights == {STABLE: 99, CANDIDATE: 1}
    assert written(back, 1, accepted=False, unchanged_for=UNANSWERED_AFTER - 1).weights == {STABLE: 99, CANDIDATE: 1}
    assert written(back, 1, accepted=False, unchanged_for=UNANSWERED_AFTER).weights == {STABLE: 100, CANDIDATE: 0}


def test_a_promotion_leaves_one_percent_for_a_moment() -> None:
    """The stable revision goes as the candidate came."""
    assert written(releasing(ReleasePhase.PROMOTING, index=2), 50).weights == {STABLE: 1, CANDIDATE: 99}
    assert written(releasing(ReleasePhase.PROMOTING, index=2), 99).weights == {STABLE: 0, CANDIDATE: 100}
    assert written(releasing(ReleasePhase.PROMOTING, index=2), 100).weights == {CANDIDATE: 100}


def test_a_dead_candidate_goes_at_once() -> None:
    """Not even 1 % of the users meet a revision without a single ready pod."""
    dead = observed({STABLE: ready(2), CANDIDATE: ready(2, endpoints=0)}, {STABLE: 50, CANDIDATE: 50})

    found = find_targets(model_deployment(), releasing(ReleasePhase.ROLLING_BACK, index=2), dead, now=NOW)

    assert found.weights == {STABLE: 100}
    assert found.again_in is None


def test_at_rest_there_is_no_next_step() -> None:
    """A weight that is in force is written as it is, and nobody has to look again for its sake."""
    assert written(releasing(ReleasePhase.CANARY, index=1), 25).again_in is None
    assert written(releasing(ReleasePhase.CANARY, index=1), 25).weights == {STABLE: 75, CANDIDATE: 25}
    assert written(serving(), 0).again_in is None


def test_without_a_gateway_there_are_no_steps() -> None:
    """The number of pods makes the share there; nothing in between can be written."""
    state = releasing(ReleasePhase.CANARY, index=1, traffic_since=None)

    assert written(state, 0, traffic=SERVICE).weights == {STABLE: 75, CANDIDATE: 25}


@pytest.mark.parametrize(
    "state",
    [releasing(ReleasePhase.PREPARING), ended(Result.ROLLED_BACK), releasing(ReleasePhase.PREPARING, plan=())],
    ids=["preparing", "refused", "direct"],
)
@pytest.mark.parametrize("share", [1, 2, 50, 99, 100])
def test_traffic_given_by_hand_to_a_revision_without_a_position_is_taken_back(state: State, share: int) -> None:
    """Somebody edited the route: weights are written for its positions alone, or they could not be written at all."""
    found = written(state, share)

    assert found.backend_positions == (STABLE, STABLE)
    assert {revision: weight for revision, weight in (found.weights or {}).items() if weight} == {STABLE: 100}


def test_the_same_holds_while_stable_is_dead() -> None:
    """A candidate that is rolled back keeps its share of the route then, but not one that has no position."""
    state = replace(releasing(ReleasePhase.ROLLING_BACK), backend_positions=(STABLE, STABLE))
    by_hand = observed({STABLE: ready(2, endpoints=0), CANDIDATE: ready(1)}, {STABLE: 50, CANDIDATE: 50})

    assert find_targets(model_deployment(), state, by_hand, now=NOW).weights == {STABLE: 100}
