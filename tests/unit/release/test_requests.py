"""What people ask for through annotations: each request acts once, and on the release that it was made for."""

from dataclasses import replace
from typing import Any

import pytest

from palier.release.decide import decide
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence, Observation, Requests
from palier.release.requests import handle_requests, is_asked, is_new, refuse_requests, request_for, withdraw_requests
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    THIRD,
    ended,
    hold_of,
    observed,
    ready,
    release_of,
    releasing,
    serving,
)
from tests.support.release.trial_examples import ending_of, reasons
from tests.support.release.world import model_deployment

ONCE = f"{CANDIDATE}@1970-01-12T13:46:40.000000Z"
"""The release of the candidate that started at `NOW`, and no other one."""
LATER = f"{CANDIDATE}@1970-01-12T13:46:41.000000Z"
HALF = {STABLE: 50, CANDIDATE: 50}
AT_HALF = releasing(ReleasePhase.CANARY, index=2)


def seen(weights: dict[str, int] | None = None, *, wanted: str = CANDIDATE, **requests: Any) -> Observation:  # noqa: ANN401
    """What the shell saw: healthy pods, and these annotations."""
    facts = {STABLE: ready(2), CANDIDATE: ready(2)}
    observation = observed(facts, weights or HALF, wanted=wanted)
    return replace(observation, requests=Requests(**requests), measured=MeasuredEvidence())


def asking(**requests: Any) -> Requests:  # noqa: ANN401
    """Annotations with these values by the name of the request."""
    return Requests(**requests)


def decided(state: State, observation: Observation, *, after: float = 0.0, **changes: Any) -> Decision:  # noqa: ANN401
    """What is decided, so many seconds after everything began."""
    return decide(model_deployment(**changes), observation, state, now=NOW + after)


def through_the_status(state: State) -> State:
    """The memory of an operator that was killed and is back."""
    return read_state(write_state(state), model_deployment().spec.release)


def test_a_release_has_a_value_of_its_own() -> None:
    """Its candidate and when it started, as the status tells it."""
    assert AT_HALF.candidate is not None
    assert AT_HALF.release is not None
    assert request_for(AT_HALF.candidate, AT_HALF.release) == ONCE


@pytest.mark.parametrize(
    ("value", "asked"),
    [(CANDIDATE, True), (ONCE, True), (LATER, False), (THIRD, False), (STABLE, False), ("", False)],
    ids=["candidate", "this release", "another release of it", "another revision", "stable", "none"],
)
@pytest.mark.parametrize("name", ["abort", "promote"])
def test_a_request_names_the_candidate_or_its_release(name: str, value: str, asked: bool) -> None:
    """Nothing else ever acts on a release in progress."""
    assert is_asked(AT_HALF, asking(**{name: value}), name) is asked


def test_a_request_that_was_dealt_with_is_not_new() -> None:
    """However long its annotation stays; another value is a new request."""
    handled = handle_requests(AT_HALF, Requests(abort=CANDIDATE), "abort")

    assert not is_new(handled, Requests(abort=CANDIDATE), "abort")
    assert not is_asked(handled, Requests(abort=CANDIDATE), "abort")
    assert is_asked(handled, Requests(abort=ONCE), "abort")
    assert is_asked(handled, Requests(promote=CANDIDATE), "promote")


def test_a_request_that_is_not_made_is_not_dealt_with() -> None:
    """Nothing is remembered of nothing, and one request says nothing about the others."""
    assert handle_requests(AT_HALF, Requests(retry="7"), "abort", "promote") == AT_HALF
    assert handle_requests(AT_HALF, Requests(abort="a", retry="7"), "abort").handled == {"abort": "a"}


def test_removing_an_annotation_and_setting_it_again_is_a_new_request() -> None:
    """The same value acts anew then; those that are still there are not forgotten."""
    state = replace(AT_HALF, handled={"abort": CANDIDATE, "retry": "7"})
    withdrawn = withdraw_requests(state, Requests(retry="7"))

    assert withdrawn.handled == {"retry": "7"}
    assert is_asked(withdrawn, Requests(abort=CANDIDATE, retry="7"), "abort")
    assert withdraw_requests(withdrawn, Requests(retry="7")) is withdrawn


def test_a_value_of_any_length_is_remembered() -> None:
    """By its digest where it would not fit into the status."""
    long = Requests(retry="x" * 5000)
    handled = through_the_status(handle_requests(serving(), long, "retry"))

    assert len(handled.handled["retry"]) < 100
    assert not is_new(handled, long, "retry")
    assert is_new(handled, Requests(retry="x" * 5001), "retry")


@pytest.mark.parametrize(
    ("state", "requests", "refused"),
    [
        (serving(), {"abort": CANDIDATE, "promote": CANDIDATE}, {"abort", "promote"}),
        (AT_HALF, {"abort": THIRD, "promote": LATER}, {"abort", "promote"}),
        (AT_HALF, {"abort": CANDIDATE, "promote": ONCE}, set()),
        (AT_HALF, {"retry": "7"}, {"retry"}),
        (releasing(ReleasePhase.ROLLING_BACK), {"retry": "7"}, set()),
        (serving(), {"retry": "7"}, set()),
        (State(), {"retry": "7"}, set()),
    ],
    ids=["at rest", "of others", "of this", "retry on its way", "retry of what ends", "retry of it", "retry of all"],
)
def test_what_can_act_on_nothing_is_refused(state: State, requests: dict[str, str], refused: set[str]) -> None:
    """With the reason, so that whoever made it does not wait for it."""
    found = refuse_requests(state, asking(**requests), wanted=CANDIDATE)

    assert set(found) == refused
    assert all(found.values())


def test_what_serves_needs_no_retry() -> None:
    """Neither by its own hash nor as a variant of the spec."""
    variant = replace(serving(), stable=replace(serving().stable, family=THIRD))  # type: ignore[type-var]

    assert set(refuse_requests(serving(), Requests(retry="7"), wanted=STABLE)) == {"retry"}
    assert set(refuse_requests(variant, Requests(retry="7"), wanted=THIRD)) == {"retry"}


@pytest.mark.parametrize("value", [CANDIDATE, ONCE])
def test_an_abort_acts_once(value: str) -> None:
    """It stays in a manifest: the release ends, and the next one of the same candidate is not ended by it."""
    aborted = decided(AT_HALF, seen(abort=value, by={"abort": "kubectl"}))
    over = decided(through_the_status(aborted.state), seen({STABLE: 100}, abort=value), after=9)
    retried = decided(over.state, seen({STABLE: 100}, abort=value, retry="7"), after=10)
    again = decided(retried.state, seen({STABLE: 100}, abort=value, retry="7"), after=11)

    assert (ending_of(aborted).result, ending_of(aborted).message) == (
        Result.ABORTED,
        "the release was aborted on request by kubectl",
    )
    assert over.state.release is None
    assert retried.state.release is not None
    assert reasons(retried) == ["ReleaseStarted"]
    assert release_of(again).ending is None


def test_a_value_that_was_there_before_a_release_never_acts_on_it() -> None:
    """Somebody wrote it for a release that was never made: people are told once, and the candidate goes its way."""
    told = decided(serving(), seen({STABLE: 100}, wanted=STABLE, abort=CANDIDATE, promote=CANDIDATE))
    begun = decided(told.state, seen({STABLE: 100}, abort=CANDIDATE, promote=CANDIDATE), after=1)
    going = decided(begun.state, seen({STABLE: 100}, abort=CANDIDATE, promote=CANDIDATE), after=2)

    assert reasons(told) == ["RequestIgnored", "RequestIgnored"]
    assert [note.type for note in told.notes] == ["Warning", "Warning"]
    assert told.notes[0].message.startswith(f"palier.dev/abort={CANDIDATE}: no release was in progress")
    assert reasons(begun) == ["ReleaseStarted"]
    assert (release_of(going).ending, release_of(going).cursor) == (None, 0)


def test_a_value_that_comes_with_the_spec_does_not_act_on_its_release() -> None:
    """One manifest brought both: at that moment nothing was in progress that it could have been about."""
    begun = decided(serving(), seen({STABLE: 100}, promote=CANDIDATE))
    going = decided(begun.state, seen({STABLE: 100}, promote=CANDIDATE), after=1)

    assert reasons(begun) == ["RequestIgnored", "ReleaseStarted"]
    assert (release_of(going).cursor, release_of(going).phase) == (0, ReleasePhase.CANARY)


def test_a_request_for_another_release_of_the_same_candidate_is_told_of() -> None:
    """Its time is that of an earlier one."""
    decision = decided(AT_HALF, seen(abort=LATER))

    assert release_of(decision).ending is None
    assert reasons(decision)[0] == "RequestIgnored"
    assert "names another release of it" in decision.notes[0].message
    assert decided(decision.state, seen(abort=LATER), after=1).notes == ()


def test_a_promotion_acts_once() -> None:
    """It skips the stages of the release that it was made for; the pods for everybody are asked for all the same."""
    promoted = decided(AT_HALF, seen(promote=CANDIDATE, by={"promote": "kubectl"}))
    opened = decided(promoted.state, seen(promote=CANDIDATE), after=1)

    assert [note.message for note in promoted.notes] == ["the remaining stages are skipped on request by kubectl"]
    assert (release_of(promoted).stage, release_of(promoted).opened_at) == (None, None)
    assert (release_of(opened).phase, opened.notes) == (ReleasePhase.PROMOTING, ())


def test_a_promotion_of_what_is_being_promoted_changes_nothing() -> None:
    """It is dealt with without a word, so that it does not act on the next release either."""
    decision = decided(releasing(ReleasePhase.PROMOTING), seen(promote=CANDIDATE))

    assert decision.state.release == releasing(ReleasePhase.PROMOTING).release
    assert decision.state.handled == {"promote": CANDIDATE}
    assert decision.notes == ()


def test_a_pause_is_no_obstacle_for_a_person_who_promotes() -> None:
    """Somebody holds the stages, and somebody says that they are not needed any more."""
    promoted = decided(AT_HALF, seen(promote=CANDIDATE), paused=True)
    opened = decided(promoted.state, seen(promote=CANDIDATE), after=1, paused=True)

    assert hold_of(opened).reason != "Paused"
    assert release_of(opened).phase is ReleasePhase.PROMOTING
    assert release_of(opened).opened_at == NOW + 1


@pytest.mark.parametrize("name", ["abort", "promote"])
def test_what_is_asked_of_a_release_that_ends_already_is_no_complaint(name: str) -> None:
    """It rolled back in the same moment: nobody is told afterwards that no release was in progress."""
    back = releasing(ReleasePhase.ROLLING_BACK, index=2)
    asked: dict[str, Any] = {name: CANDIDATE}
    going = decided(back, seen(**asked))
    over = decided(going.state, seen({STABLE: 100}, **asked), after=1)
    after = decided(over.state, seen({STABLE: 100}, **asked), after=2)

    assert over.state.release is None
    assert "RequestIgnored" not in [*reasons(going), *reasons(over), *reasons(after)]


def test_a_retry_waits_for_the_end_of_a_release_that_rolls_back() -> None:
    """Who asks for it while the traffic is still on its way back means the next try."""
    back = decided(releasing(ReleasePhase.ROLLING_BACK, index=2), seen(retry="7"))
    over = decided(back.state, seen({STABLE: 100}, retry="7"), after=1)
    begun = decided(over.state, seen({STABLE: 100}, retry="7"), after=2)

    assert "retry" not in back.state.handled
    assert release_of(begun).started_at == NOW + 2
    assert begun.notes[0].message.endswith("; retry asked for")


def test_a_retry_in_the_middle_of_a_release_is_not_kept_for_later() -> None:
    """It would try anew what nobody has seen the end of."""
    told = decided(AT_HALF, seen(retry="7"))
    refused = replace(told.state, release=None, outcome=ended(Result.ROLLED_BACK).outcome)

    assert reasons(told)[0] == "RequestIgnored"
    assert "a release is in progress" in told.notes[0].message
    assert not is_new(refused, Requests(retry="7"), "retry")


def test_a_note_has_the_beginning_of_a_long_value() -> None:
    """An annotation is as long as somebody likes, and an Event is not."""
    decision = decided(serving(), seen({STABLE: 100}, wanted=STABLE, abort="x" * 5000))

    assert len(decision.notes[0].message) < 300
