"""The stages of a release: which it begins with, and that no edit of the spec changes them later."""

from dataclasses import replace

import pytest

from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence
from palier.release.plan import pin_stages, plan_of
from palier.release.rules import rules_digest
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    hold_of,
    observed,
    planned,
    ready,
    release_of,
    releasing,
    serving,
)
from tests.support.release.load_world import load_tested
from tests.support.release.trial_examples import ending_of
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

PODS = {STABLE: ready(2), CANDIDATE: ready(2)}
QUARTER, HALF = ({STABLE: 100 - weight, CANDIDATE: weight} for weight in (25, 50))


def test_a_release_beside_a_stable_revision_has_every_stage() -> None:
    """As they are written when it starts, in their order."""
    assert plan_of(tried().spec.release, first=False) == planned(tried())
    assert plan_of(model_deployment(weights=()).spec.release, first=False) == ()


def test_a_first_revision_has_the_stages_that_compare_with_nobody() -> None:
    """Its load tests, and its golden answers where a least score says what they are worth."""
    tested, asked = load_tested(), tried()

    assert plan_of(tested.spec.release, first=True) == planned(tested)[:1]
    assert plan_of(asked.spec.release, first=True) == planned(asked)[:1]
    assert plan_of(asked.spec.release, first=True, proves=False) == ()


def test_the_spec_of_a_release_has_its_own_stages() -> None:
    """And everything else as it is written now."""
    written = model_deployment(weights=(99,), paused=True)
    pinned = pin_stages(written, planned(model_deployment()))

    assert planned(pinned) == planned(model_deployment())
    assert pinned.spec.release.paused
    assert planned(written) == planned(model_deployment(weights=(99,)))
    assert pin_stages(pinned, planned(model_deployment())) is pinned
    assert pin_stages(written, None) is written


@pytest.mark.parametrize("weights", [(), (1,), (5, 25, 50, 75), (30, 60)], ids=["none", "one", "one more", "others"])
def test_no_edit_of_the_stages_moves_the_traffic_of_a_release(weights: tuple[int, ...]) -> None:
    """Neither up nor down: the weight in force stays that of the stage it began with, and so does its time."""
    state = releasing(ReleasePhase.CANARY, index=1, plan=planned(model_deployment()))
    observation = replace(observed(PODS, QUARTER, wanted=CANDIDATE), measured=MeasuredEvidence())
    decision = decide(model_deployment(weights=weights), observation, state, now=NOW + 1)

    assert decision.state.release == state.release
    assert hold_of(decision).message == "the stage at 25 % lasts at least 5s"


def test_other_rules_count_at_once() -> None:
    """Who wants a breach to hold, or a pause, does not wait for the next release."""
    state = releasing(ReleasePhase.CANARY, index=1, plan=planned(model_deployment()))
    observation = replace(observed(PODS, QUARTER, wanted=CANDIDATE), measured=MeasuredEvidence())
    decision = decide(model_deployment(weights=(), paused=True), observation, state, now=NOW + 1)

    assert hold_of(decision).message == "the release is paused by spec.release.paused at 25 %"


def test_the_next_release_has_the_stages_that_are_written_then() -> None:
    """What was edited meanwhile."""
    written = model_deployment(weights=(30, 60))
    decision = decide(written, observed(PODS, {STABLE: 100}, wanted=CANDIDATE), serving(), now=NOW)

    assert release_of(decision).plan == planned(written)


@pytest.mark.parametrize("weights", [(5, 25, 50), (30, 60)], ids=["the same", "edited meanwhile"])
def test_an_edit_of_the_stages_is_a_reason_to_try_a_refused_candidate_again(weights: tuple[int, ...]) -> None:
    """Made after its release has ended: whoever edited them before then knew that it was under way."""
    state = releasing(ReleasePhase.ROLLING_BACK, plan=planned(model_deployment()))
    back, written = observed(PODS, {STABLE: 100}, wanted=CANDIDATE), model_deployment(weights=weights)
    over = decide(written, back, state, now=NOW + 1).state

    assert over.outcome is not None
    assert over.outcome.rules == rules_digest(written)
    assert decide(written, back, over, now=NOW + 2).state.release is None
    assert decide(model_deployment(weights=(7,)), back, over, now=NOW + 2).state.release is not None


def test_a_first_revision_that_failed_is_not_tried_again_and_again() -> None:
    """It had no stages of its own, and that is no reason."""
    written = model_deployment(progressDeadline="10s")
    state, here = State(), observed({CANDIDATE: ready(2, available=0, endpoints=0)}, wanted=CANDIDATE)
    for after in (0, 1, 11):
        decision = decide(written, here, state, now=NOW + after)
        state = decision.state
    assert (ending_of(decision).result, ending_of(decision).reason) == (Result.FAILED, "CandidateNotReady")

    over = decide(written, here, state, now=NOW + 12).state

    assert over.outcome is not None
    assert decide(written, here, over, now=NOW + 13).state.release is None


def test_the_last_stage_is_followed_by_everybody() -> None:
    """Whatever the spec has behind it by now."""
    state = releasing(ReleasePhase.CANARY, index=2, plan=planned(model_deployment()))
    assert state.release is not None
    passed = replace(state, release=state.release.advance(now=NOW))
    observation = replace(observed(PODS, HALF, wanted=CANDIDATE), measured=MeasuredEvidence())
    decision = decide(model_deployment(weights=(5, 25, 50, 75)), observation, passed, now=NOW + 1)

    assert (release_of(decision).phase, release_of(decision).opened_at) == (ReleasePhase.PROMOTING, NOW + 1)
