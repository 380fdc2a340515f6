"""How a release ends that is not promoted: the weight goes first, then it is remembered, and the pods go last."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.decide import decide
from palier.release.observation import Observation, RouteEnding
from palier.release.requests import request_for
from palier.release.rollback import follow_rollback, roll_back, rules_of
from palier.release.rules import rules_digest
from palier.release.situation import Decision, Note, Situation
from palier.release.state import Drain, Ending, ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    STABLE,
    first,
    hold_of,
    observed,
    planned,
    ready,
    ref,
    release_of,
    releasing,
)
from tests.support.release.world import model_deployment

PLAN = planned(model_deployment())
PODS = {STABLE: ready(2), CANDIDATE: ready(1)}
HALF, BACK = {STABLE: 50, CANDIDATE: 50}, {STABLE: 100, CANDIDATE: 0}
BREACHED = Ending(Result.ROLLED_BACK, "ObjectiveBreached", "errors: 9 of 100 requests failed")
AT_HALF = releasing(ReleasePhase.CANARY, index=2, plan=PLAN)
ENDING = releasing(ReleasePhase.CANARY, index=2, plan=PLAN, ending=BREACHED)


def seen(weights: dict[str, int], **route: Any) -> Observation:  # noqa: ANN401
    """What the shell saw of the route, beside healthy pods."""
    return observed(PODS, weights, wanted=CANDIDATE, **route)


def followed(state: State, observation: Observation, *, after: float = 1.0, **changes: Any) -> Decision:  # noqa: ANN401
    """What the way back comes to."""
    return follow_rollback(Situation(model_deployment(**changes), observation, state, NOW + after))


def ended_as(result: Result) -> State:
    """A release that ends with a result."""
    return releasing(ReleasePhase.CANARY, index=2, plan=PLAN, ending=replace(BREACHED, result=result))


def test_the_weight_goes_first() -> None:
    """With the sentence that says why, and with every pod where it is."""
    decision = roll_back(Situation(model_deployment(), seen(HALF), AT_HALF, NOW + 9), BREACHED)

    assert (release_of(decision).ending, release_of(decision).stage_started_at) == (BREACHED, NOW + 9)
    assert (hold_of(decision).reason, hold_of(decision).message) == (
        "RollingBack",
        "taking the traffic back: errors: 9 of 100 requests failed",
    )
    aims = find_targets(model_deployment(), decision.state, seen({STABLE: 99, CANDIDATE: 1}), now=NOW + 9)
    assert aims.weights == {STABLE: 100, CANDIDATE: 0}
    assert aims.replicas == {STABLE: 2, CANDIDATE: 1}
    assert aims.remove == frozenset()


@pytest.mark.parametrize(
    ("weights", "route"),
    [(HALF, {}), ({STABLE: 99, CANDIDATE: 1}, {}), (BACK, {"accepted": False}), ({CANDIDATE: 0}, {})],
    ids=["half", "the least weight", "not accepted", "stable without weight"],
)
def test_it_is_not_over_before_the_gateway_has_taken_it(weights: dict[str, int], route: dict[str, Any]) -> None:
    """A candidate that may still be sent a request keeps its pods, and its release goes on."""
    decision = followed(ENDING, seen(weights, **route))

    assert decision.state == ENDING
    assert hold_of(decision).reason == "RollingBack"
    assert "errors: 9 of 100 requests failed" in hold_of(decision).message
    assert decision.notes == ()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"conflict": "m.example.com is taken"}, "m.example.com is taken"),
        ({"accepted": False, "problem": "Gateway public says no"}, "Gateway public says no"),
        ({"accepted": False}, "no gateway has accepted the route for 30 s"),
    ],
)
def test_what_keeps_the_traffic_from_coming_back_is_told(route: dict[str, Any], told: str) -> None:
    """Beside the reason of the end: somebody has to do something about it."""
    hold = hold_of(followed(ENDING, seen(HALF, **route), after=30))

    assert hold.reason == "RollingBack"
    assert told in hold.message
    assert hold.message.endswith("errors: 9 of 100 requests failed")


def test_it_waits_for_a_stable_revision_that_is_gone() -> None:
    """There is nobody to give the traffic to."""
    dead = observed({**PODS, STABLE: ready(2, endpoints=0)}, HALF, wanted=CANDIDATE)

    assert hold_of(followed(ENDING, dead)).reason == "StableUnavailable"
    assert followed(ENDING, dead).state == ENDING


def test_then_the_outcome_is_remembered_and_told() -> None:
    """With what it was judged by; its pods go after their delay."""
    decision = followed(ENDING, seen(BACK), after=4)
    outcome = decision.state.outcome

    assert decision.state.release is None
    assert outcome is not None
    assert (outcome.revision, outcome.result, outcome.time) == (CANDIDATE, Result.ROLLED_BACK, NOW + 4)
    assert (outcome.reason, outcome.message) == (BREACHED.reason, BREACHED.message)
    assert outcome.rules == rules_digest(model_deployment())
    assert decision.state.history == (outcome,)
    assert decision.state.drains == (Drain(CANDIDATE, NOW + 7),)
    assert decision.notes == (Note("Warning", "RolledBack", f"lingua v-b ({CANDIDATE}): {BREACHED.message}"),)
    assert decision.state.stable == ENDING.stable


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.PROMOTED])
def test_only_a_refused_candidate_is_kept_in_mind(result: Result) -> None:
    """The others may be tried again at any time, and their end is no warning."""
    decision = followed(ended_as(result), seen(BACK))

    assert (decision.state.candidate == ref(CANDIDATE)) is result.refuses
    assert decision.notes[0].type == ("Warning" if result.refuses else "Normal")


def test_an_old_drain_of_it_is_replaced() -> None:
    """Its delay counts from now, and it is drained once."""
    state = replace(ENDING, drains=(Drain(CANDIDATE, NOW - 5), Drain(FORMER, NOW + 1)))

    assert followed(state, seen(BACK), after=4).state.drains == (Drain(FORMER, NOW + 1), Drain(CANDIDATE, NOW + 7))


def test_a_first_revision_has_no_traffic_to_give_back() -> None:
    """It ends at once: nothing else could serve."""
    state = first(ReleasePhase.PREPARING, ending=replace(BREACHED, result=Result.FAILED))
    decision = followed(state, observed({CANDIDATE: ready(0)}, wanted=CANDIDATE))

    assert decision.state.release is None
    assert decision.state.stable is None
    assert decision.state.outcome is not None
    assert decision.state.outcome.result is Result.FAILED


def test_a_reason_that_was_lost_is_said_to_be() -> None:
    """The traffic was on its way back, and nobody knows any more why."""
    assert AT_HALF.release is not None
    decision = followed(AT_HALF, seen(BACK))

    assert decision.state.outcome is not None
    assert (decision.state.outcome.reason, decision.state.outcome.message) == ("Unknown", "the reason was lost")


def test_an_edit_that_was_made_before_the_end_is_no_reason_to_try_again() -> None:
    """The rules are remembered as they are written when the release ends, whatever its own stages were."""
    written, pinned = model_deployment(weights=(9,)), model_deployment()
    own = Situation(pinned, seen(BACK), ENDING, NOW, written=written)

    assert rules_of(own) == rules_digest(written)
    assert rules_of(replace(own, written=None)) == rules_digest(pinned)


@pytest.mark.parametrize(("other", "adopted"), [("", True), ("x", False)], ids=["this release", "another one"])
def test_the_route_remembers_an_end_that_the_status_does_not(other: str, adopted: bool) -> None:
    """The traffic goes back before the status is written: an operator that died between the two goes on with it."""
    assert AT_HALF.candidate is not None
    assert AT_HALF.release is not None
    known = RouteEnding(request_for(AT_HALF.candidate, AT_HALF.release) + other, BREACHED)
    decision = decide(model_deployment(), seen(HALF, ending=known), AT_HALF, now=NOW + 9)

    assert release_of(decision).ending == (BREACHED if adopted else None)
    if adopted:
        assert hold_of(decision).reason == "RollingBack"


def test_an_end_that_is_known_is_not_replaced_by_that_of_the_route() -> None:
    """What was written first was decided first."""
    assert ENDING.candidate is not None
    assert ENDING.release is not None
    aborted = Ending(Result.ABORTED, "AbortRequested", "asked for")
    known = RouteEnding(request_for(ENDING.candidate, ENDING.release), aborted)
    decision = decide(model_deployment(), seen(BACK, ending=known), ENDING, now=NOW + 9)

    assert decision.state.outcome is not None
    assert decision.state.outcome.result is Result.ROLLED_BACK
