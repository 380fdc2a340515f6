"""For how long a candidate was not ready, what that costs it, and what nobody blames it for."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence, Observation, RevisionFacts
from palier.release.readiness import LOSSES_ENDURED, follow_readiness, is_gone_for_good, is_too_late
from palier.release.situation import Decision, Situation
from palier.release.state import Release, ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    SERVICE,
    STABLE,
    first,
    hold_of,
    observed,
    planned,
    ready,
    release_of,
    releasing,
)
from tests.support.release.trial_examples import ending_of, reasons
from tests.support.release.world import model_deployment

PLAN = planned(model_deployment())
HALF = {STABLE: 50, CANDIDATE: 50}
NONE = ready(1, available=0, endpoints=0)
AT_HALF = releasing(ReleasePhase.CANARY, index=2, plan=PLAN)
LOST = releasing(ReleasePhase.CANARY, index=2, plan=PLAN, opened_at=None, traffic_since=None, gone_since=NOW, losses=1)
"""Half of the users had met it when its last ready pod went."""


def seen(
    candidate: RevisionFacts,
    weights: dict[str, int] | None = None,
    *,
    stable: RevisionFacts | None = None,
) -> Observation:
    """What the shell saw of the pods."""
    observation = observed({STABLE: stable or ready(2), CANDIDATE: candidate}, weights or HALF, wanted=CANDIDATE)
    return replace(observation, measured=MeasuredEvidence())


def situation(state: State, observation: Observation, *, after: float = 0.0, **changes: Any) -> Situation:  # noqa: ANN401
    """A candidate that has 60 s to get ready and 60 s of grace."""
    return Situation(model_deployment(**changes), observation, state, NOW + after)


def followed(state: State, observation: Observation, *, after: float = 0.0, **changes: Any) -> Release:  # noqa: ANN401
    """The release with what its pods say of it."""
    return follow_readiness(situation(state, observation, after=after, **changes))[0]


def decided(state: State, observation: Observation, *, after: float = 0.0, **changes: Any) -> Decision:  # noqa: ANN401
    """What is decided."""
    return decide(model_deployment(**changes), observation, state, now=NOW + after)


def test_the_time_without_ready_pods_is_counted() -> None:
    """From the first look that found too few of them, until enough are there."""
    preparing = releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None)
    waiting = followed(preparing, seen(NONE, {STABLE: 100}), after=7)
    still = followed(replace(preparing, release=waiting), seen(NONE, {STABLE: 100}), after=30)
    there = followed(replace(preparing, release=still), seen(ready(1), {STABLE: 100}), after=31)

    assert (waiting.unready_since, still.unready_since, there.unready_since) == (NOW + 7, NOW + 7, None)


def test_a_clock_that_goes_back_is_no_reason_to_wait_longer() -> None:
    """The time that was counted never lies in the future."""
    preparing = releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None, unready_since=NOW + 900)

    assert followed(preparing, seen(NONE, {STABLE: 100})).unready_since == NOW


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [(replace(NONE, unexplained="etcd timeout"), None), (NONE, ready(2, endpoints=0))],
    ids=["nobody knows why", "stable is gone too"],
)
def test_nobody_blames_a_candidate_for_that(candidate: RevisionFacts, stable: RevisionFacts | None) -> None:
    """Its time begins anew when that is over."""
    preparing = releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None, unready_since=NOW - 50)

    assert followed(preparing, seen(candidate, {STABLE: 100}, stable=stable)).unready_since is None


@pytest.mark.parametrize(("since", "late"), [(None, False), (NOW - 59.9, False), (NOW - 60, True)])
def test_the_deadline_counts_the_time_without_ready_pods(since: float | None, late: bool) -> None:
    """And not that of the stage, of a pause, or of a gateway that is silent."""
    state = releasing(ReleasePhase.PREPARING, plan=PLAN, unready_since=since, stage_started_at=NOW - 9000)

    assert is_too_late(situation(state, seen(NONE))) is late


@pytest.mark.parametrize(
    ("state", "weights", "result"),
    [
        (releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None), {STABLE: 100}, Result.FAILED),
        (
            releasing(ReleasePhase.CANARY, index=1, plan=PLAN, opened_at=None),
            {STABLE: 95, CANDIDATE: 5},
            Result.ROLLED_BACK,
        ),
        (releasing(ReleasePhase.PROMOTING, plan=PLAN, opened_at=None), HALF, Result.ROLLED_BACK),
        (releasing(ReleasePhase.PROMOTING, plan=PLAN, traffic_since=None), HALF, Result.ROLLED_BACK),
    ],
    ids=["first pods", "next canary", "all of the traffic", "on the way to it"],
)
def test_a_candidate_that_never_gets_its_pods_ends(state: State, weights: dict[str, int], result: Result) -> None:
    """It failed where no user has met it, and is rolled back where some have."""
    assert state.release is not None
    late = replace(state, release=replace(state.release, unready_since=NOW - 60))
    pods = ready(1, trouble="pod x: ErrImagePull") if weights != {STABLE: 100} else replace(NONE, trouble="no image")
    deployment = {"replicas": 8}
    decision = decided(late, seen(pods, weights, stable=ready(8)), **deployment)

    assert (ending_of(decision).result, ending_of(decision).reason) == (result, "CandidateNotReady")
    assert ending_of(decision).message.startswith("the candidate was not ready within 60s: ")


def test_a_stage_in_traffic_has_no_deadline_for_its_pods() -> None:
    """Some of them serve, and the evidence tells whether they do it well."""
    some = releasing(ReleasePhase.CANARY, index=2, plan=PLAN, unready_since=NOW - 900)
    decision = decided(some, seen(ready(3), stable=ready(8)), replicas=8)

    assert release_of(decision).ending is None


def test_a_first_revision_that_serves_some_keeps_trying() -> None:
    """There is nothing to roll back to."""
    state = first(ReleasePhase.PROMOTING, unready_since=NOW - 900)
    alone = observed(
        {CANDIDATE: ready(2, available=1, endpoints=1)}, {CANDIDATE: 100}, wanted=CANDIDATE, accepted=False
    )
    decision = decided(state, alone)

    assert release_of(decision).ending is None
    assert hold_of(decision).reason == "CandidateNotReady"


def test_a_candidate_that_loses_all_its_pods_loses_its_weight_and_not_its_release() -> None:
    """A node is drained: its users are sent to stable at once, and its stage begins anew when it is back."""
    decision = decided(AT_HALF, seen(replace(NONE, trouble="node drained")), after=9)
    release = release_of(decision)

    assert (release.cursor, release.opened_at, release.traffic_since) == (2, None, None)
    assert (release.gone_since, release.losses, release.ending) == (NOW + 9, 1, None)
    assert reasons(decision) == ["CandidateUnavailable"]
    assert "it had 50 % of the traffic and has none until they are: node drained" in decision.notes[0].message
    assert hold_of(decision).reason == "CandidateNotReady"
    assert find_targets(model_deployment(), decision.state, seen(NONE), now=NOW).weights == {STABLE: 100}


def test_one_loss_is_told_and_counted_once() -> None:
    """However often it is looked at, and also while the route still has the weight of before."""
    again = decided(LOST, seen(NONE), after=1)

    assert release_of(again).losses == 1
    assert release_of(again).gone_since == NOW
    assert again.notes == ()


def test_a_candidate_that_comes_back_takes_its_stage_again() -> None:
    """From its beginning: first the pods, then the weight, then the whole of its shortest time."""
    back = decided(LOST, seen(ready(1), {STABLE: 100}), after=30)
    weighted = decided(back.state, seen(ready(1)), after=31)

    assert (release_of(back).gone_since, release_of(back).opened_at) == (None, NOW + 30)
    assert release_of(weighted).traffic_since == NOW + 31
    assert release_of(weighted).losses == 1


def test_some_pods_are_not_none() -> None:
    """The loss is over with the first ready pod; the weight waits for all that the stage needs."""
    some = decided(LOST, seen(ready(3), {STABLE: 100}, stable=ready(8)), after=300, replicas=8)

    assert release_of(some).gone_since is None
    assert (release_of(some).opened_at, release_of(some).ending) == (None, None)
    assert hold_of(some).message.startswith("3 of 4 pods")


@pytest.mark.parametrize(("grace", "after", "ends"), [("1m", 59.9, False), ("1m", 60, True), ("5s", 5, True)])
def test_a_candidate_that_does_not_come_back_ends(grace: str, after: float, ends: bool) -> None:
    """After its grace, as the spec gives it: users met it, so it is rolled back."""
    decision = decided(LOST, seen(NONE, {STABLE: 100}), after=after, candidateGrace=grace, progressDeadline="1h")

    assert (release_of(decision).ending is not None) is ends
    if ends:
        assert (ending_of(decision).result, ending_of(decision).reason) == (Result.ROLLED_BACK, "CandidateUnavailable")
        assert f"for {grace} (candidateGrace)" in ending_of(decision).message


def test_one_loss_too_many_in_one_stage_ends() -> None:
    """At once: a candidate that always comes back is no healthy one."""
    assert AT_HALF.release is not None
    often = replace(AT_HALF, release=replace(AT_HALF.release, losses=LOSSES_ENDURED))
    decision = decided(often, seen(NONE), after=9)

    assert (ending_of(decision).result, ending_of(decision).reason) == (Result.ROLLED_BACK, "CandidateUnavailable")
    assert "3 times in one stage" in ending_of(decision).message


def test_losses_are_those_of_one_stage() -> None:
    """The next stage counts its own."""
    assert LOST.release is not None
    assert LOST.release.advance(now=NOW + 9).losses == 0


def test_a_loss_without_a_gateway_is_one_too() -> None:
    """The ready pods make the shares there: the share is 0 in the very look that finds them gone.

    Its grace is that of any other one, and a candidate that always comes back is no healthy one there either.
    """
    decision = decided(AT_HALF, seen(NONE, {STABLE: 100, CANDIDATE: 0}), after=9, traffic=SERVICE)

    assert (release_of(decision).gone_since, release_of(decision).losses) == (NOW + 9, 1)
    assert reasons(decision) == ["CandidateUnavailable"]


def test_a_loss_beside_a_dead_stable_is_none() -> None:
    """Something else is wrong, and weight that is taken away would go to nobody; the time of the stage stands still."""
    dead = ready(2, endpoints=0)
    decision = decided(AT_HALF, seen(NONE, stable=dead), after=9)

    assert AT_HALF.release is not None
    assert release_of(decision) == replace(AT_HALF.release, traffic_since=None)
    assert decision.notes == ()
    assert not is_gone_for_good(situation(LOST, seen(NONE, stable=dead), after=900))


@pytest.mark.parametrize(
    "state",
    [
        releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None),
        releasing(ReleasePhase.CANARY, plan=PLAN, traffic_since=None),
    ],
    ids=["pods come up", "weight to come"],
)
def test_pods_that_go_before_any_weight_are_no_loss(state: State) -> None:
    """Nobody was sent to them: their deadline is that of pods that do not come up."""
    release = followed(state, seen(NONE, {STABLE: 100}), after=3)

    assert (release.losses, release.gone_since, release.unready_since) == (0, None, NOW + 3)


def test_the_first_revision_of_all_has_nobody_to_give_its_users_to() -> None:
    """Its weight stays, whatever its pods do."""
    alone = observed({CANDIDATE: NONE}, {CANDIDATE: 100}, wanted=CANDIDATE)

    assert followed(first(ReleasePhase.PROMOTING), alone).losses == 0


def test_a_release_that_ends_is_not_followed_any_more() -> None:
    """Nothing that happens on the way back changes why it ends."""
    back = releasing(ReleasePhase.ROLLING_BACK, index=2, plan=PLAN)

    assert followed(back, seen(NONE), after=900) == back.release
