"""A shadow that is disturbed: by blindness, a proxy that goes, another spec, a pause, and by people."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.measuring.coverage import Coverage
from palier.release.observation import MeasuredEvidence, Observation, Requests
from palier.release.shadowing import NO_SHADOW, ShadowFacts, comparison
from palier.release.situation import Hold
from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import CANDIDATE, NOW, STABLE, THIRD, hold_of, planned, release_of
from tests.support.release.trial_examples import (
    COMPARING,
    compared,
    decided,
    ending_of,
    in_shadow,
    looked,
    reasons,
    seen,
    trying,
)
from tests.support.release.trial_specs import LENIENT, tried

SPEC = tried(golden=False)
STARTS = replace(COMPARING, ready=False, mirrored=False)
READY = replace(COMPARING, mirrored=False)
RATIO = {"bad": "bad_total", "total": "votes_total", "maxPercent": "10"}
BEFORE = trying(ReleasePhase.SHADOWING, plan=planned(SPEC))
"""The proxy has been asked for, and nothing is copied yet."""
COPIES = trying(ReleasePhase.SHADOWING, plan=planned(SPEC), traffic_since=NOW)


def copying(**changes: Any) -> State:  # noqa: ANN401 - fields of the release
    """Requests are copied; `changes` say what has been seen of them."""
    assert COPIES.release is not None
    return replace(COPIES, release=replace(COPIES.release, **changes))


def test_a_breach_that_is_none_any_more_lets_the_copies_go_on() -> None:
    """The limit was changed: what held the release is no reason under the new one, and nothing else would end it."""
    spec = tried(golden=False, onBreach="Hold")
    state = copying(breach="answers: 100 of 400 pairs answered differently")
    observation = seen(shadow=READY, measured=looked(compared(spec, COPIES, pairs=0), at=NOW + 9))
    decision = decided(spec, state, observation, after=9)

    assert release_of(decision).breach == ""
    assert find_targets(spec, decision.state, observation, now=NOW + 9).mirrored


@pytest.mark.parametrize("blind", [Coverage(unseen="no look yet"), Coverage(unseen="nobody there", unseen_since=NOW)])
def test_a_breach_that_is_held_outlasts_a_moment_of_blindness(blind: Coverage) -> None:
    """It is neither forgotten nor told a second time when Prometheus or the operator is back."""
    spec = tried(golden=False, onBreach="Hold")
    state = copying(breach="answers: 100 of 400 pairs answered differently")
    decision = decided(spec, state, seen(shadow=READY, measured=MeasuredEvidence(pods_read=blind)), after=99)

    assert decision.state.release == state.release
    assert hold_of(decision) == Hold("ObjectiveBreached", "answers: 100 of 400 pairs answered differently")


def test_while_prometheus_is_away_nothing_is_concluded() -> None:
    """Neither from good pairs nor from bad ones that were seen before; the reason is told at once."""
    for bad in ({}, {"answers": 100}):
        measured = replace(
            looked(compared(SPEC, COPIES, **bad), at=NOW + 1),
            pods_read=Coverage(NOW + 1, "Prometheus does not answer", NOW),
        )
        decision = decided(SPEC, COPIES, seen(measured=measured), after=10)

        assert release_of(decision).phase is ReleasePhase.SHADOWING
        assert hold_of(decision).reason == "CannotMeasure"
        assert "Prometheus does not answer" in hold_of(decision).message
        assert {one.verdict.value for one in decision.judgements} == {"NoEvidence"}


@pytest.mark.parametrize("after", [10.0, 40.0])
def test_an_operator_that_has_just_started_concludes_nothing(after: float) -> None:
    """It has not looked yet; the memory has the pairs, and the next look goes on from there, also at the deadline."""
    spec = tried(golden=False, onNoEvidence="Rollback")
    state = copying(evidence=compared(spec, COPIES), pods_read=Coverage(NOW + 9))
    decision = decided(
        spec, state, seen(measured=MeasuredEvidence(pods_read=Coverage(unseen="no look yet"))), after=after
    )

    assert decision.state.release == state.release
    assert hold_of(decision).reason == "Judging"


@pytest.mark.parametrize("facts", [STARTS, READY], ids=["proxy away", "not copied"])
@pytest.mark.parametrize("after", [1.0, 10.0])
def test_a_shadow_that_is_interrupted_does_not_pass(facts: ShadowFacts, after: float) -> None:
    """What was seen before is kept, and counts again when the copies go on."""
    decision = in_shadow(SPEC, after=after, shadow=facts)

    assert release_of(decision).phase is ReleasePhase.SHADOWING
    assert release_of(decision).traffic_since == NOW
    assert release_of(decision).evidence
    assert hold_of(decision).reason in {"ShadowNotReady", "Shifting", "RouteNotAccepted"}
    assert hold_of(in_shadow(SPEC, after=40, shadow=facts)).reason == "DeadlineWithoutEvidence"


def test_another_comparison_begins_anew() -> None:
    """Its proxy is another one, and the last counts of the one before must not be taken for its own."""
    state = copying(evidence=compared(SPEC, COPIES, answers=2), pods_read=Coverage(NOW + 9))
    changed = tried(golden=False, answers=LENIENT)
    decision = decided(changed, state, seen(shadow=NO_SHADOW), after=20)
    release = release_of(decision)

    assert (release.phase, release.traffic_since, release.opened_at) == (ReleasePhase.SHADOWING, None, NOW + 20)
    assert (dict(release.evidence), release.pods_read.until) == ({}, None)
    assert decision.shadow is not None
    assert decision.shadow.digest != comparison(SPEC, candidate=CANDIDATE, stable=STABLE)
    assert hold_of(decision).reason == "ShadowNotReady"


def test_another_share_of_the_requests_waits_for_the_next_release() -> None:
    """The stage goes on as it was pinned, with the pods that carry its share, and the pairs count."""
    other = tried(golden=False, percent=50)
    begun = decided(other, COPIES, seen(measured=looked(compared(SPEC, COPIES), at=NOW + 2)), after=2)
    passed = decided(other, COPIES, seen(measured=looked(compared(SPEC, COPIES), at=NOW + 4)), after=4)

    assert begun.shadow is not None
    assert begun.shadow.percent == 20
    assert release_of(passed).cursor == 1


def test_a_stage_that_is_taken_out_of_the_spec_goes_on() -> None:
    """Whatever the spec says now: the candidate is judged as it was promised when the release began."""
    decision = decided(tried(golden=False, shadow=False), COPIES, seen(), after=1)

    assert (release_of(decision).phase, release_of(decision).plan) == (ReleasePhase.SHADOWING, planned(SPEC))
    assert decision.shadow is not None


def paused(**changes: Any) -> ModelDeployment:  # noqa: ANN401 - arguments of `tried`
    """The spec with a pause."""
    return tried(golden=False, paused=True, **changes)


def test_a_pause_holds_the_shadow() -> None:
    """Good pairs wait, also beyond the deadline, and bad ones still end it."""
    assert hold_of(in_shadow(paused())).reason == "Paused"
    assert hold_of(in_shadow(paused(onNoEvidence="Rollback"), pairs=9, after=99)).reason == "Paused"
    assert ending_of(in_shadow(paused(), answers=100)).result is Result.REFUSED


def test_a_pause_is_stronger_than_the_deadline_of_a_proxy_that_never_comes() -> None:
    """True keeps a release where it stands."""
    decision = decided(paused(onNoEvidence="Rollback"), BEFORE, seen(shadow=STARTS), after=99)

    assert release_of(decision).phase is ReleasePhase.SHADOWING
    assert hold_of(decision).reason == "Paused"


@pytest.mark.parametrize(
    ("observation", "result"),
    [
        (seen(requests=Requests(abort=CANDIDATE)), Result.ABORTED),
        (seen(wanted=STABLE), Result.REVERTED),
        (seen(wanted=THIRD), Result.SUPERSEDED),
    ],
)
@pytest.mark.parametrize("state", [BEFORE, COPIES], ids=["before the copies", "with copies"])
def test_people_end_it_at_any_moment(observation: Observation, result: Result, state: State) -> None:
    """The copies end with the same decision."""
    decision = decided(SPEC, state, observation, after=1)

    assert (release_of(decision).phase, ending_of(decision).result) == (ReleasePhase.ROLLING_BACK, result)
    assert decision.shadow is None


@pytest.mark.parametrize("state", [BEFORE, COPIES], ids=["before the copies", "with copies"])
def test_a_person_may_promote_it(state: State) -> None:
    """The evidence of the shadow is dropped: it is none about users, and would name a stage that never was."""
    observation = seen(requests=Requests(promote=CANDIDATE), measured=looked(compared(SPEC, COPIES), at=NOW + 1))
    decision = decided(SPEC, state, observation, after=1)
    release = release_of(decision)

    assert (release.phase, release.traffic_since, dict(release.evidence)) == (ReleasePhase.PROMOTING, None, {})
    assert reasons(decision) == ["PromotionRequested"]
    assert decision.shadow is None


@pytest.mark.parametrize("objectives", [(), ({"name": "votes", "ratio": RATIO},)], ids=["none", "of users"])
@pytest.mark.parametrize(("fate", "step"), [("Hold", ReleasePhase.SHADOWING), ("Rollback", ReleasePhase.ROLLING_BACK)])
def test_a_shadow_that_judges_nothing_passes_nobody(objectives: Any, fate: str, step: ReleasePhase) -> None:  # noqa: ANN401
    """It was stored before the API server refused it: its sample alone is no evidence, and its deadline decides."""
    spec = tried(golden=False, objectives=objectives, onNoEvidence=fate)
    early = in_shadow(spec, after=20)
    assert (release_of(early).phase, hold_of(early).reason) == (ReleasePhase.SHADOWING, "NothingToJudge")

    late = in_shadow(spec, after=40)
    assert release_of(late).phase is step
    assert release_of(late).cursor == 0
    if step is ReleasePhase.SHADOWING:
        assert hold_of(late).reason == "DeadlineWithoutEvidence"
    else:
        assert (ending_of(late).result, ending_of(late).reason) == (Result.REFUSED, "NoEvidence")
