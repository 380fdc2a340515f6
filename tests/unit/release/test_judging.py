"""Two sources of numbers, each judged for what it can see: neither may blind the other, nor speak for it."""

from dataclasses import replace

import pytest

from palier.api.spec.values import Duration
from palier.api.v1alpha1 import Experiment, ModelDeployment, Stage, parse
from palier.evidence.objective import Counts, Evidence, begin_share, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.rules import measured_objectives
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, State
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
)
from tests.support.release.load_world import load_tested
from tests.support.release.trial_examples import gathered, in_shadow, looked, objectives_of, trying
from tests.support.release.trial_examples import seen as seen_in_trial
from tests.support.release.trial_specs import tried

HEALTHY = {STABLE: ready(2), CANDIDATE: ready(2)}


def deployment(*, min_duration: str = "1m") -> ModelDeployment:
    """Latency from the pods, errors from the router, one stage of 25 %."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {
                    "port": 8080,
                    "replicas": 2,
                    "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}},
                },
                "traffic": {"gateway": {"parentRefs": [{"name": "public"}], "router": "EnvoyGateway"}},
                "signals": {"latency": {"histogram": "seconds"}},
                "objectives": [
                    {"name": "latency", "latency": {"percentile": 95, "threshold": "250ms"}},
                    {"name": "errors", "errorRate": {"maxPercent": "1"}},
                ],
                "release": {"stages": [{"canary": {"weight": 25, "minDuration": min_duration}}]},
            },
        }
    )


def seen(name: str, candidate: Counts, stable: Counts, *, looks: int = 4) -> Evidence:
    """The evidence of an objective after some equal looks."""
    (objective,) = (one for one in measured_objectives(deployment()) if one.rule.name == name)
    evidence = replace(begin_share(start_evidence(objective.digest)), warm_since=NOW)
    for _ in range(looks):
        evidence = observe(evidence, candidate, stable, objective.rule)
    return evidence


GOOD = {
    "latency": seen("latency", Counts(500, 5, 5), Counts(1500, 15, 15)),
    "errors": seen("errors", Counts(500, 0, 0), Counts(1500, 0, 0)),
}


def decided(evidence: dict[str, Evidence], *, after: float = 61.0, **measured: object) -> Decision:
    """What is decided in the only stage, `after` seconds since its traffic came."""
    state: State = releasing(ReleasePhase.CANARY, plan=planned(deployment()))
    until = Coverage(NOW + after)
    seen_by = MeasuredEvidence(**{"evidence": evidence, "pods_read": until, "router_read": until, **measured})  # type: ignore[arg-type]
    observation: Observation = replace(
        observed(HEALTHY, {STABLE: 75, CANDIDATE: 25}, wanted=CANDIDATE), measured=seen_by
    )
    return decide(deployment(), observation, state, now=NOW + after)


def test_both_sources_together_promote() -> None:
    """Nothing is missing and nothing is bad."""
    release = decided(GOOD).state.release

    assert release is not None
    assert (release.phase, release.stage) == (ReleasePhase.PROMOTING, None)


@pytest.mark.parametrize(
    ("blind", "objective"),
    [
        ({"pods_read": Coverage(unseen="no samples", unseen_since=NOW)}, "latency"),
        ({"router_read": Coverage(unseen="no counters of the router", unseen_since=NOW)}, "errors"),
    ],
)
def test_one_blind_source_holds_and_is_named(blind: dict[str, object], objective: str) -> None:
    """The other objective keeps its verdict; nothing is promoted."""
    decision = decided(GOOD, **blind)
    verdicts = {judgement.objective: judgement.reason for judgement in decision.judgements}

    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.CANARY
    assert decision.hold is not None
    assert decision.hold.reason == "CannotMeasure"
    assert objective in decision.hold.message
    assert [name for name, reason in verdicts.items() if reason == "CannotMeasure"] == [objective]


def test_the_router_ends_a_release_whose_pods_cannot_be_read() -> None:
    """A candidate that hangs answers no scrape either: what the router has seen is enough."""
    hung = {**GOOD, "errors": seen("errors", Counts(3, 3, 3), Counts(9, 0, 0), looks=3)}
    decision = decided(hung, pods_read=Coverage(unseen="no fresh samples from the pods", unseen_since=NOW))

    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.ROLLING_BACK
    assert decision.state.release.ending is not None
    assert "hard stop" in decision.state.release.ending.message


def test_a_single_missing_signal_holds_only_its_objective() -> None:
    """The router's counters are read, one histogram is not: the latency has no verdict, the errors still fail."""
    hung = {**GOOD, "errors": seen("errors", Counts(3, 3, 3), Counts(9, 0, 0), looks=3)}
    missing = {"latency": "seconds vanished from the pods"}

    assert decided(hung, missing=missing).state.release.phase is ReleasePhase.ROLLING_BACK  # type: ignore[union-attr]
    held = decided(GOOD, missing=missing)
    assert held.hold is not None
    assert (held.hold.reason, held.hold.message) == ("CannotMeasure", "latency: seconds vanished from the pods")


def test_evidence_about_something_else_does_not_count() -> None:
    """The objective was changed under the same name: what was gathered before says nothing about it."""
    other = replace(seen("errors", Counts(500, 400, 400), Counts(1500, 0, 0)), of="0123456789")
    decision = decided({**GOOD, "errors": other})

    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.CANARY
    assert [one.reason for one in decision.judgements if one.objective == "errors"] == ["NoRequests"]


def test_bad_numbers_of_a_source_that_is_blind_now_do_not_decide() -> None:
    """They were gathered before, and would have decided then; now they are old."""
    slow = {**GOOD, "latency": seen("latency", Counts(500, 400, 400), Counts(1500, 15, 15), looks=40)}
    decision = decided(slow, pods_read=Coverage(unseen="no fresh samples from the pods", unseen_since=NOW))

    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.CANARY


def test_a_share_that_is_not_the_routes_holds_the_promotion() -> None:
    """Ten percent of the requests where the route says twenty-five: these were not the users of this stage."""
    few = {**GOOD, "errors": seen("errors", Counts(500, 0, 0), Counts(4500, 0, 0))}
    decision = decided(few)

    assert decision.state.release is not None
    assert decision.state.release.phase is ReleasePhase.CANARY
    assert decision.hold is not None
    assert decision.hold.reason == "ServedShareDiffers"
    assert "25 %" in decision.hold.message


def test_a_share_near_the_routes_promotes() -> None:
    """Chance and unequal scrapes move it a little."""
    near = {**GOOD, "errors": seen("errors", Counts(500, 0, 0), Counts(1560, 0, 0))}
    release = decided(near).state.release

    assert release is not None
    assert release.phase is ReleasePhase.PROMOTING


VOTES = {"name": "votes", "ratio": {"bad": "bad_votes", "total": "votes", "maxPercent": "10"}, "labelDelay": "15s"}
LATE = tried(golden=False, shadow=False, weights=(50,), objectives=(VOTES,))


def voted(bad: int, *, after: float, total: int = 4000) -> Decision:
    """What is decided by so many votes of which some were bad."""
    state = releasing(ReleasePhase.CANARY, plan=planned(LATE))
    votes = gathered(objectives_of(LATE, state)["votes"], total, bad, stable_bad=bad, looks=60)
    halves = seen_in_trial(
        pods=2, weights={STABLE: 50, CANDIDATE: 50}, measured=looked({"votes": votes}, at=NOW + after)
    )
    return decide(LATE, halves, state, now=NOW + after)


def test_good_labels_wait_until_those_of_this_stage_can_be_known() -> None:
    """What is counted before that is about earlier answers, and the sentence says so."""
    early, late = voted(80, after=14), voted(80, after=15)
    (verdict,) = early.judgements

    assert (verdict.verdict.value, verdict.reason) == ("NoEvidence", "LabelsPending")
    assert verdict.message == "votes: what is answered in this stage is known only 15 s later"
    assert hold_of(early).message == verdict.message
    assert release_of(late).phase is ReleasePhase.PROMOTING


def test_bad_labels_do_not_wait() -> None:
    """Whichever answers they are about, the candidate gave them."""
    state = releasing(ReleasePhase.CANARY, plan=planned(LATE))
    votes = gathered(objectives_of(LATE, state)["votes"], 4000, 2000, stable_bad=80, looks=60)
    halves = seen_in_trial(pods=2, weights={STABLE: 50, CANDIDATE: 50}, measured=looked({"votes": votes}, at=NOW + 5))

    assert release_of(decide(LATE, halves, state, now=NOW + 5)).phase is ReleasePhase.ROLLING_BACK


def test_labels_that_are_too_few_wait_for_their_time_first() -> None:
    """How many more are needed is said when there is something to compute from."""
    reasons = [one.reason for after in (14, 15) for one in voted(5, after=after, total=60).judgements]

    assert reasons == ["LabelsPending", "NotProven"]


SHADOW = tried(golden=False)


@pytest.mark.parametrize(
    "lost",
    [*({"shadow_coverage": lost} for lost in (45, 80, 200, 400)), {"shadow_left_out": 250}, {"shadow_left_out": 400}],
)
def test_the_sample_never_fails_a_candidate(lost: dict[str, int]) -> None:
    """However many requests are lost on the way: what was not asked was not answered wrongly."""
    decision = in_shadow(SHADOW, after=99, **lost)
    (coverage,) = (one for one in decision.judgements if one.objective.replace("-", "_") in lost)

    assert coverage.verdict.value == "NoEvidence"
    assert not coverage.hard_stop
    assert release_of(decision).phase is ReleasePhase.SHADOWING


def test_coverage_passes_without_proof() -> None:
    """Forty of four hundred are the most that may be lost, and that is a count and no estimate."""
    (coverage,) = (
        one for one in in_shadow(SHADOW, shadow_coverage=40).judgements if one.objective == "shadow-coverage"
    )

    assert (coverage.verdict.value, coverage.reason) == ("Pass", "WithinObjective")


def test_what_only_a_shadow_can_show_is_proven_there() -> None:
    """A canary cannot make up for it; failures and times are judged again where users are."""
    judged = {one.objective: one.reason for one in in_shadow(SHADOW, errors=3).judgements}

    assert judged == {
        "errors": "WithinObjective",
        "answers": "Proven",
        "pace": "Proven",
        "shadow-left-out": "WithinObjective",
        "shadow-coverage": "WithinObjective",
    }

    near = {one.objective: one.reason for one in in_shadow(SHADOW, pairs=100, answers=5, errors=1).judgements}

    assert (near["answers"], near["errors"]) == ("NotProven", "WithinObjective")


@pytest.mark.parametrize("step", [ReleasePhase.PREPARING, ReleasePhase.LOAD_TESTING, ReleasePhase.EXAMINING])
def test_before_copies_and_users_nothing_is_judged(step: ReleasePhase) -> None:
    """Also when a memory still holds evidence of something."""
    state = trying(step, evidence=GOOD, traffic_since=NOW)
    observation = replace(seen_in_trial(), measured=MeasuredEvidence(evidence=GOOD, pods_read=Coverage(NOW + 1)))
    spec = load_tested() if step is ReleasePhase.LOAD_TESTING else SHADOW

    assert decide(spec, observation, state, now=NOW + 1).judgements == ()


def judged(latency: Evidence, *, after: float, read: float) -> tuple[str, str, str]:
    """The verdict on the latency, with its reason and its sentence."""
    looked_at = Coverage(NOW + read)
    decision = decided({**GOOD, "latency": latency}, after=after, pods_read=looked_at)
    (found,) = (one for one in decision.judgements if one.objective == "latency")
    return found.verdict.value, found.reason, found.message


COLD = replace(GOOD["latency"], warm_since=None)


def test_a_cold_candidate_holds_its_stage_and_the_sentence_says_why() -> None:
    """However good the evidence of earlier stages, nothing passes before its times count."""
    held = decided({**GOOD, "latency": COLD}, after=239.0)

    assert release_of(held).phase is ReleasePhase.CANARY
    assert hold_of(held).reason == "Judging"
    assert hold_of(held).message == (
        "latency: the candidate warms up, so its times count only when it is no longer slow, and from 4 minutes after"
        " the candidate got its traffic at the latest"
    )
    assert judged(COLD, after=239.0, read=210.0)[:2] == ("NoEvidence", "WarmingUp")


def test_a_warm_up_ends_by_the_clock() -> None:
    """A candidate that has stayed slow is judged by what is counted from then on."""
    assert judged(COLD, after=240.0, read=210.0)[1] == "Proven"


def test_the_look_that_shows_a_warm_candidate_counts_nothing_itself() -> None:
    """Until the next one there is still nothing to judge by."""
    warm = replace(COLD, warm_since=NOW + 60)

    assert judged(warm, after=61.0, read=60.0)[1] == "WarmingUp"
    assert judged(warm, after=91.0, read=90.0)[1] == "Proven"


def test_what_an_earlier_stage_has_shown_against_a_candidate_is_not_forgotten_while_it_warms_up() -> None:
    """A breach stays a breach."""
    (objective,) = (one for one in measured_objectives(deployment()) if one.rule.name == "latency")
    slow = start_evidence(objective.digest)
    for _ in range(8):
        slow = observe(slow, Counts(500, 250, 250), Counts(1500, 15, 15), objective.rule)

    assert judged(slow, after=10.0, read=5.0)[0] == "Fail"


@pytest.mark.parametrize(("warm_since", "phase"), [(0, ReleasePhase.ROLLING_BACK), (60, ReleasePhase.CANARY)])
def test_an_experiment_whose_times_were_not_counted_says_nothing_of_who_is_better(
    warm_since: float, phase: ReleasePhase
) -> None:
    """Its time is over, but nobody could read anything since the candidate was warm."""
    split = Stage(experiment=Experiment(objective="latency", weight=25, duration=Duration("1m")))
    rules = deployment().spec.release.model_copy(update={"stages": [split]})
    spec = deployment().model_copy(update={"spec": deployment().spec.model_copy(update={"release": rules})})
    state = releasing(ReleasePhase.CANARY, plan=planned(spec))
    found = objectives_of(spec, state)["latency"]
    latency = replace(gathered(found, 2000, 20, stable_bad=20), warm_since=NOW + warm_since)
    until = Coverage(NOW + 60)
    measured = MeasuredEvidence({**GOOD, "latency": latency}, pods_read=until, router_read=until)
    seen_now = replace(observed(HEALTHY, {STABLE: 75, CANDIDATE: 25}, wanted=CANDIDATE), measured=measured)

    assert release_of(decide(spec, seen_now, state, now=NOW + 61)).phase is phase


def test_failures_end_a_release_that_warms_up() -> None:
    """Only times wait."""
    failing = {"latency": COLD, "errors": seen("errors", Counts(3, 3, 3), Counts(9, 0, 0), looks=3)}

    assert release_of(decided(failing, after=20.0)).phase is ReleasePhase.ROLLING_BACK


@pytest.mark.parametrize(("steps_down", "warm_since"), [(0, None), (1, NOW)])
def test_a_stage_begins_a_warm_up_and_a_step_of_the_share_within_it_does_not(
    steps_down: int, warm_since: float | None
) -> None:
    """A stage may have new pods; those that get fewer users for a while, or get them back, stay as warm as they are."""
    state = releasing(
        ReleasePhase.CANARY, plan=planned(deployment()), traffic_since=None, steps_down=steps_down, evidence=GOOD
    )
    until = Coverage(NOW + 1)
    measured = MeasuredEvidence(GOOD, pods_read=until, router_read=until)
    seen_now = replace(observed(HEALTHY, {STABLE: 75, CANDIDATE: 25}, wanted=CANDIDATE), measured=measured)
    begun = release_of(decide(deployment(), seen_now, state, now=NOW + 1))

    assert begun.traffic_since == NOW + 1
    assert begun.evidence["latency"].warm_since == warm_since
