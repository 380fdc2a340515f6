"""A candidate answers copies of users' requests, one decision at a time: what begins, ends and delays that."""

from dataclasses import replace

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.measuring.look import WatchedRelease
from palier.release.answer_counters import NOBODY, choose_counters
from palier.release.shadowing import NO_SHADOW, ShadowFacts, ShadowRun, comparison
from palier.release.situation import Hold, Note, Situation
from palier.release.stages.table import work_at
from palier.release.state import ReleasePhase, Result, State
from tests.support.release.examples import CANDIDATE, NOW, STABLE, hold_of, planned, ready, release_of, serving
from tests.support.release.trial_examples import COMPARING, decided, ending_of, in_shadow, reasons, seen, trying
from tests.support.release.trial_specs import tried

SPEC = tried(golden=False)
STARTS = replace(COMPARING, ready=False, mirrored=False)
READY = replace(COMPARING, mirrored=False)
COMES = trying(ReleasePhase.PREPARING, plan=planned(SPEC))
"""The candidate's pods come up for the shadow."""
BEFORE = trying(ReleasePhase.SHADOWING, plan=planned(SPEC))
"""The proxy has been asked for, and nothing is copied yet."""
COPIES = trying(ReleasePhase.SHADOWING, plan=planned(SPEC), traffic_since=NOW)


def test_ready_pods_begin_the_shadow() -> None:
    """Nobody is copied anything yet; the proxy of exactly these two revisions has to be there from now on."""
    decision = decided(SPEC, COMES, seen(shadow=NO_SHADOW), after=7)
    release = release_of(decision)

    assert (release.phase, release.opened_at, release.traffic_since) == (ReleasePhase.SHADOWING, NOW + 7, None)
    assert decision.shadow is not None
    assert (decision.shadow.candidate, decision.shadow.stable, decision.shadow.percent) == (CANDIDATE, STABLE, 20)
    assert decision.shadow.digest == comparison(SPEC, candidate=CANDIDATE, stable=STABLE)
    assert hold_of(decision).reason == "ShadowNotReady"


@pytest.mark.parametrize(
    ("facts", "hold"),
    [
        (NO_SHADOW, Hold("ShadowNotReady", "the proxy that compares answers starts")),
        (STARTS, Hold("ShadowNotReady", "the proxy that compares answers starts")),
        (replace(STARTS, message="exceeded quota"), Hold("ShadowNotReady", "exceeded quota")),
        (READY, Hold("Shifting", "waiting for the gateway to accept the route")),
    ],
)
def test_the_copies_have_to_begin_first(facts: ShadowFacts, hold: Hold) -> None:
    """The proxy, then the route, then the gateway; the hold says which of them is waited for."""
    decision = decided(SPEC, BEFORE, seen(shadow=facts, route={"accepted": False}), after=5)

    assert decision.state.release == BEFORE.release
    assert decision.hold == hold
    assert decision.notes == ()
    assert decision.shadow is not None


def test_the_clock_of_the_stage_begins_with_the_copies() -> None:
    """However long the proxy took, and an Event tells that users' requests are copied now."""
    decision = decided(SPEC, BEFORE, seen(), after=25)

    assert release_of(decision).traffic_since == NOW + 25
    assert decision.notes == (
        Note("Normal", "ShadowStarted", f"{CANDIDATE} answers copies of 20 % of the requests, without users"),
    )
    assert hold_of(decision).message == "the shadow lasts at least 3s"


def test_a_gateway_that_is_silent_is_told_of() -> None:
    """But not for the time in which the proxy started and there was nothing to accept."""
    slow = decided(SPEC, BEFORE, seen(shadow=READY, route={"accepted": False, "unchanged_for": 2.0}), after=25)
    silent = decided(SPEC, BEFORE, seen(shadow=READY, route={"accepted": False, "unchanged_for": 12.0}), after=25)

    assert hold_of(slow).reason == "Shifting"
    assert hold_of(silent).reason == "RouteNotAccepted"
    assert "for 12 s" in hold_of(silent).message


def test_copies_wait_for_pods_that_were_lost_meanwhile() -> None:
    """An evicted pod is no answer that differs: what is counted begins when there is somebody to answer."""
    decision = decided(SPEC, BEFORE, seen(pods=0), after=25)

    assert release_of(decision).traffic_since is None
    assert hold_of(decision).reason == "CandidateNotReady"


@pytest.mark.parametrize(("facts", "reason"), [(STARTS, "ShadowNotReady"), (READY, "Shifting")])
@pytest.mark.parametrize(("rule", "after"), [("Hold", 39), ("Rollback", 39), ("Hold", 40), ("Rollback", 40)])
def test_copies_that_never_begin_are_no_verdict(facts: ShadowFacts, reason: str, rule: str, after: float) -> None:
    """Until the deadline, and beyond it unless the owner wants the end."""
    observation = seen(shadow=facts, route={"accepted": False, "unchanged_for": 1.0})
    decision = decided(tried(golden=False, onNoEvidence=rule), BEFORE, observation, after=after)

    if after == 39:
        assert hold_of(decision).reason == reason
    elif rule == "Hold":
        assert hold_of(decision).reason == "DeadlineWithoutEvidence"
        assert hold_of(decision).message.startswith(
            "no verdict of the shadow within 40s, so the release is held (onNoEvidence: Hold)"
        )
    else:
        assert (ending_of(decision).result, ending_of(decision).reason) == (Result.REFUSED, "NoEvidence")
        assert ending_of(decision).message.startswith("no verdict of the shadow within 40s: ")
        assert decision.shadow is None


def test_a_candidate_that_answers_alike_goes_on_to_its_users() -> None:
    """With the sentences that prove it; the pairs say nothing about what users will meet, so they are forgotten."""
    decision = in_shadow(SPEC, answers=4, pace=40)
    release = release_of(decision)

    assert (release.cursor, release.opened_at, release.traffic_since) == (1, None, None)
    assert (dict(release.evidence), release.pods_read.until, release.stage_started_at) == ({}, None, NOW + 4)
    assert decision.shadow is None
    (note,) = decision.notes
    assert (note.type, note.reason) == ("Normal", "ShadowPassed")
    assert note.message.startswith(f"{CANDIDATE}: errors: 0 of 400 shadowed requests failed")
    assert "answers: 4 of 400 pairs answered differently" in note.message
    assert "pace: 40 of 400 pairs took the candidate more than 1.5 times as long" in note.message


def test_no_evidence_is_too_good_for_the_shortest_time() -> None:
    """Three seconds are three seconds."""
    assert hold_of(in_shadow(SPEC, after=2.9)).reason == "MinimumDuration"
    assert release_of(in_shadow(SPEC, after=3.0)).cursor == 1


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"answers": 100}, "answers: 100 of 400 pairs answered differently"),
        ({"pace": 350}, "pace: 350 of 400 pairs took the candidate more than 1.5 times as long"),
        ({"errors": 60}, "errors: 60 of 400 shadowed requests failed"),
    ],
)
def test_a_candidate_that_breaks_a_promise_is_refused(bad: dict[str, int], told: str) -> None:
    """At once, whatever the shortest time: nobody has met it, so nothing is rolled back."""
    decision = in_shadow(SPEC, after=2, **bad)

    assert release_of(decision).phase is ReleasePhase.ROLLING_BACK
    assert (ending_of(decision).result, ending_of(decision).reason) == (Result.REFUSED, "ObjectiveBreached")
    assert told in ending_of(decision).message
    assert decision.shadow is None

    over = decided(SPEC, decision.state, seen(shadow=NO_SHADOW), after=3).state

    assert over.outcome is not None
    assert over.outcome.result is Result.REFUSED
    assert over.stable is not None
    assert over.candidate is not None  # it stays refused until something changes


def test_a_refused_candidate_keeps_its_outcome_until_its_copies_have_ended() -> None:
    """The release is over only when the gateway has taken over a route that copies nothing."""
    refused = in_shadow(SPEC, answers=100).state
    waiting = decided(SPEC, refused, seen(route={"accepted": False}), after=5)

    assert waiting.state.release is not None
    assert waiting.state.outcome is None


def test_a_breach_may_hold_for_a_person() -> None:
    """With onBreach: Hold it is told once, and neither ends nor passes the stage."""
    spec = tried(golden=False, onBreach="Hold")
    first = in_shadow(spec, answers=100)
    again = in_shadow(spec, answers=100, state=first.state, after=60)

    assert release_of(first).phase is ReleasePhase.SHADOWING
    assert hold_of(first).reason == hold_of(again).reason == "ObjectiveBreached"
    assert reasons(first) == ["ObjectiveBreached"]
    assert again.notes == ()
    assert release_of(again).breach == release_of(first).breach != ""


@pytest.mark.parametrize(
    ("bad", "name"),
    [({"answers": 30}, "answers"), ({"pace": 205}, "pace"), ({"shadow_coverage": 100}, "shadow-coverage")],
)
def test_what_is_neither_proven_nor_refuted_waits(bad: dict[str, int], name: str) -> None:
    """More pairs may tell: agreement near its limit, a pace near its own, requests that are lost on the way."""
    decision = in_shadow(SPEC, **bad)

    assert release_of(decision).phase is ReleasePhase.SHADOWING
    assert hold_of(decision).reason == "Judging"
    assert hold_of(decision).message.startswith(f"{name}: ")


def test_lost_requests_are_no_fault_of_the_candidate() -> None:
    """All of them may be lost: it is never refused for that, and never passed."""
    decision = in_shadow(SPEC, shadow_coverage=400)
    (coverage,) = (one for one in decision.judgements if one.objective == "shadow-coverage")

    assert (coverage.verdict.value, coverage.reason) == ("NoEvidence", "TooFewPairs")
    assert not coverage.hard_stop
    assert release_of(decision).phase is ReleasePhase.SHADOWING


def test_too_few_pairs_wait() -> None:
    """Each objective counts its own; the deadline decides in the end."""
    few = in_shadow(SPEC, pairs=99)

    assert hold_of(few).reason == "Judging"
    assert "1 more shadowed requests needed" in hold_of(few).message
    assert hold_of(in_shadow(SPEC, pairs=99, after=40)).reason == "DeadlineWithoutEvidence"


def test_the_deadline_decides_as_the_spec_says() -> None:
    """It counts from the first copy, and its sentence has the numbers."""
    spec = tried(golden=False, onNoEvidence="Rollback")

    assert release_of(in_shadow(spec, pairs=99, after=39)).phase is ReleasePhase.SHADOWING

    ending = ending_of(in_shadow(spec, pairs=99, after=40))

    assert (ending.result, ending.reason) == (Result.REFUSED, "NoEvidence")
    assert "99 shadowed requests" in ending.message


@pytest.mark.parametrize(("after", "reason"), [(29.0, "Judging"), (30.0, "NoShadowPairs")])
def test_silence_is_explained(after: float, reason: str) -> None:
    """Not one pair: the methods may be missing in the spec, or Prometheus does not know the proxy."""
    hold = hold_of(in_shadow(SPEC, pairs=0, after=after))

    assert hold.reason == reason
    if reason == "NoShadowPairs":
        assert "no pair of answers in 30 s" in hold.message
        assert "spec.shadow.methods" in hold.message


@pytest.mark.parametrize(
    ("state", "spec"),
    [
        (trying(ReleasePhase.PREPARING, first=True), SPEC),
        (trying(ReleasePhase.PREPARING, plan=()), SPEC),
        (trying(ReleasePhase.PREPARING, plan=planned(SPEC), cursor=1), SPEC),
        (trying(ReleasePhase.PREPARING, plan=planned(tried(golden=False, shadow=False))), tried(shadow=False)),
        (trying(ReleasePhase.PREPARING, plan=planned(tried(golden=False, shadow=False))), SPEC),
    ],
    ids=["first", "way back", "passed", "none in the spec", "in the spec since then"],
)
def test_there_is_not_always_a_shadow(state: State, spec: ModelDeployment) -> None:
    """Nothing to compare with, known already, or not wanted when the release began."""
    decision = decided(spec, state, seen(pods=2))

    assert release_of(decision).phase in {ReleasePhase.CANARY, ReleasePhase.PROMOTING}
    assert decision.shadow is None


@pytest.mark.parametrize("step", [step for step in ReleasePhase if step is not ReleasePhase.SHADOWING])
def test_only_a_shadow_has_a_proxy(step: ReleasePhase) -> None:
    """Whatever else is on its way, and at rest."""
    assert not isinstance(work_at(Situation(SPEC, seen(), trying(step), NOW)), ShadowRun)
    assert work_at(Situation(SPEC, seen(), serving(), NOW)) is None


def test_the_pods_are_those_of_the_share() -> None:
    """As many as 20 % of ten need, and of the canary that follows when the shadow is over."""
    spec = tried(golden=False, replicas=10)
    comes = trying(ReleasePhase.PREPARING, plan=planned(spec))
    few = decided(spec, comes, seen(pods=1))
    enough = decided(spec, comes, replace(seen(), revisions={STABLE: ready(10), CANDIDATE: ready(2)}))

    assert hold_of(few).message == f"1 of 2 pods of {CANDIDATE} are ready"
    assert release_of(enough).phase is ReleasePhase.SHADOWING


def test_a_shadow_is_judged_without_canaries_too() -> None:
    """What follows it is all of the traffic: without a single pair it passes nobody, and bad pairs refuse."""
    alone = tried(golden=False, weights=())
    unseen = decided(
        alone, trying(ReleasePhase.SHADOWING, plan=planned(alone), traffic_since=NOW), seen(pods=2), after=5
    )

    assert release_of(unseen).phase is ReleasePhase.SHADOWING
    assert ending_of(in_shadow(alone, answers=100)).result is Result.REFUSED
    assert release_of(in_shadow(alone)).stage is None


def test_copies_are_no_users() -> None:
    """What an answer costs is computed by users' requests: there are none in the shadow, nor on the way out of it."""
    refused = in_shadow(SPEC, answers=100).state
    assert refused.release is not None
    assert refused.release.phase is ReleasePhase.ROLLING_BACK
    for state in (BEFORE, COPIES, refused):
        found = choose_counters(SPEC, state)
        assert isinstance(found, WatchedRelease)
        assert (found.stable, found.candidate) == (STABLE, NOBODY)
