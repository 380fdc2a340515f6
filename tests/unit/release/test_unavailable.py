"""Stable has no ready pod beside a candidate: the weights stay, people are told, and nobody is blamed for it."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence, Observation, Requests, RevisionFacts
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import Targets, find_targets
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    first,
    hold_of,
    observed,
    ready,
    release_of,
    releasing,
)
from tests.support.release.trial_examples import ending_of
from tests.support.release.world import model_deployment

DEAD, NONE = ready(2, available=0, endpoints=0), ready(1, available=0, endpoints=0)
HALF = {STABLE: 50, CANDIDATE: 50}
SENDS: dict[str, Any] = {"onStableUnavailable": "SendToCandidate"}
AT_HALF = releasing(ReleasePhase.CANARY, index=2)


def dead(candidate: RevisionFacts | None = None, weights: dict[str, int] | None = None) -> Observation:
    """What the shell saw: no pod of stable is ready, and one of the candidate is unless said otherwise."""
    facts = {STABLE: replace(DEAD, trouble="node gone"), CANDIDATE: candidate or ready(1)}
    observation = observed(facts, weights or HALF, wanted=CANDIDATE)
    return replace(observation, measured=MeasuredEvidence())


def wanted(state: State, observation: Observation | None = None, **changes: Any) -> Targets:  # noqa: ANN401
    """What the cluster should look like."""
    return find_targets(model_deployment(**changes), state, observation or dead(), now=NOW)


def decided(state: State, observation: Observation, *, after: float = 0.0, **changes: Any) -> Decision:  # noqa: ANN401
    """What is decided, so many seconds after the stage's traffic began."""
    return decide(model_deployment(**changes), observation, state, now=NOW + after)


def test_the_weights_stay_as_they_are() -> None:
    """Nobody else could answer what is taken from the candidate, and nobody has said that it may have everything."""
    assert wanted(AT_HALF).weights == HALF
    assert wanted(AT_HALF, dead(NONE)).weights == HALF


def test_everything_may_go_to_the_candidate() -> None:
    """Where the owner wants that, and only to one whose weight is in force: it has met users."""
    entering = releasing(ReleasePhase.CANARY, index=2, traffic_since=None)
    back = releasing(ReleasePhase.ROLLING_BACK, index=2)

    assert wanted(AT_HALF, **SENDS).weights == {STABLE: 1, CANDIDATE: 99}
    assert wanted(entering, **SENDS).weights == HALF
    assert wanted(back, **SENDS).weights == HALF
    assert wanted(releasing(ReleasePhase.PREPARING), dead(weights={STABLE: 100}), **SENDS).weights == {STABLE: 100}


def test_what_was_sent_to_the_candidate_comes_back_with_stable() -> None:
    """Its stage's share is all that it has earned."""
    back = observed({STABLE: ready(2), CANDIDATE: ready(1)}, {STABLE: 0, CANDIDATE: 100}, wanted=CANDIDATE)
    over_one = replace(back, route=replace(back.route, weights={STABLE: 1, CANDIDATE: 99}))

    assert wanted(AT_HALF, back, **SENDS).weights == {STABLE: 1, CANDIDATE: 99}
    assert wanted(AT_HALF, over_one, **SENDS).weights == HALF


@pytest.mark.parametrize(
    ("changes", "does"),
    [
        ({}, "the weights stay (onStableUnavailable: Hold); promote the candidate to let it serve everybody"),
        (SENDS, "all requests go to the candidate until it is back (onStableUnavailable: SendToCandidate)"),
    ],
)
def test_people_are_told(changes: dict[str, Any], does: str) -> None:
    """Which revision, why, what the candidate carries, and what is done about it; the stage's time decides nothing."""
    hold = hold_of(decided(AT_HALF, dead(), after=99, **changes))

    assert hold.reason == "StableUnavailable"
    assert hold.message == (
        f"no pod of stable v-a ({STABLE}) is ready: node gone, while 1 pods of the candidate {CANDIDATE} are,"
        f" with 50 % of the requests; {does}"
    )


def test_a_promotion_on_request_does_not_wait_for_stable() -> None:
    """As the hold says: it lets the candidate serve everybody, as soon as that has the pods for all of them."""
    asked = replace(dead(ready(2)), requests=Requests(promote=CANDIDATE))
    promoted = decided(AT_HALF, asked).state
    opened = decided(promoted, asked, after=1).state

    assert opened.release is not None
    assert opened.release.phase is ReleasePhase.PROMOTING
    assert wanted(opened, asked).weights == {STABLE: 1, CANDIDATE: 99}


def test_an_abort_waits_for_stable() -> None:
    """Answers of a candidate that nobody wants are better than none, and the hold says what is waited for."""
    aborted = decided(AT_HALF, replace(dead(), requests=Requests(abort=CANDIDATE))).state
    waiting = decided(aborted, dead(), after=1)

    assert aborted.release is not None
    assert aborted.release.ending is not None
    assert aborted.release.ending.result is Result.ABORTED
    assert hold_of(waiting).reason == "StableUnavailable"
    assert wanted(waiting.state).weights == HALF
    assert wanted(waiting.state, dead(NONE)).weights == {STABLE: 100}


def test_a_candidate_that_is_gone_too_is_not_to_blame() -> None:
    """Something else is wrong: neither a loss nor a deadline is counted while stable has no pod either."""
    decision = decided(AT_HALF, dead(NONE), after=99)

    assert AT_HALF.release is not None
    assert decision.state.release == replace(AT_HALF.release, traffic_since=None)
    assert decision.notes == ()


def test_a_candidate_with_a_position_of_its_own_alone_keeps_traffic() -> None:
    """Somebody gave one without a position a share by hand: a weight is written for the route's positions alone."""
    state = replace(releasing(ReleasePhase.PREPARING), backend_positions=(STABLE, STABLE))

    assert wanted(state).weights == {STABLE: 100}


def test_the_first_revision_of_all_has_no_stable_beside_it() -> None:
    """Nothing is unavailable before anything serves."""
    decision = decided(
        first(ReleasePhase.PROMOTING), observed({CANDIDATE: ready(2)}, {CANDIDATE: 50}, wanted=CANDIDATE)
    )

    assert release_of(decision).ending is None
    assert hold_of(decision).reason != "StableUnavailable"


def test_a_spec_that_was_set_back_still_ends_the_release() -> None:
    """What is waited for then is stable, with the weights as they are."""
    decision = decided(AT_HALF, replace(dead(), revision=STABLE))

    assert ending_of(decision).result is Result.REVERTED
    assert wanted(decision.state).weights == HALF
