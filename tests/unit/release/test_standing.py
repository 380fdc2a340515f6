"""Where a release stands, what keeps traffic from going back, and what somebody has deleted: sentences for people."""

import pytest

from palier.release.stages.words import tell_standing
from palier.release.standing import tell_gone, tell_progress, tell_taking_back
from palier.release.state import ReleasePhase, State
from tests.support.release.examples import CANDIDATE, first, releasing, serving

NAMED = f"lingua v-b ({CANDIDATE})"


@pytest.mark.parametrize("step", ReleasePhase)
def test_every_step_has_a_sentence_that_names_the_candidate(step: ReleasePhase) -> None:
    """And says since when, so that nobody has to look for it elsewhere."""
    told = tell_standing(releasing(step), weight=5)

    assert NAMED in told
    assert "1970-01-12T13:46:40Z" in told
    assert step is ReleasePhase.CANARY or step.value not in told


def test_no_two_steps_read_alike() -> None:
    """Who reads only this condition knows where the release is."""
    assert len({tell_standing(releasing(step), weight=5) for step in ReleasePhase}) == len(ReleasePhase)


def test_a_share_that_is_changing_is_not_passed_off_as_the_stage() -> None:
    """What the gateway has not accepted yet is not in force."""
    told = tell_standing(releasing(ReleasePhase.CANARY, traffic_since=None), weight=5)

    assert told == f"the share of {NAMED} is changing and is 5 % of the traffic now"


def test_a_first_revision_that_is_taken_back_goes_to_no_stable_one() -> None:
    """There is none."""
    assert "stable" not in tell_standing(first(ReleasePhase.ROLLING_BACK), weight=0)
    assert tell_progress(first(ReleasePhase.PREPARING)) == (
        f"the release of {NAMED}, the first revision, began at 1970-01-12T13:46:40Z"
    )


@pytest.mark.parametrize("state", [serving(), State()])
def test_without_a_release_none_is_told(state: State) -> None:
    """At rest both say so."""
    assert {tell_standing(state, weight=0), tell_progress(state)} == {"no release is in progress"}


def test_a_rollback_says_first_what_keeps_users_with_the_candidate() -> None:
    """A silent gateway is what somebody has to act on; why it is rolled back comes after it."""
    why = "errors: 9 of 100 requests failed"
    silent = "no gateway has accepted the route for 12 s: does Gateway infra/public exist and run?"

    assert tell_taking_back(why) == f"taking the traffic back to stable: {why}"
    told = tell_taking_back(why, in_the_way=silent)
    assert 0 < told.index(silent) < told.index(why)


@pytest.mark.parametrize(
    ("workload", "service", "told"),
    [
        (True, True, ""),
        (False, True, "Deployment demo-a is gone"),
        (True, False, "Service demo-a is gone"),
        (False, False, "Deployment and Service demo-a are gone"),
    ],
)
def test_what_was_deleted_is_named(workload: bool, service: bool, told: str) -> None:
    """A deleted Deployment is no pod that is not ready."""
    assert tell_gone("demo-a", workload=workload, service=service) == told
