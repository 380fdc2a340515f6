"""An experiment: users are split for a stated time, then the better version is kept, and nothing is guessed."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Objective
from palier.evidence.objective import Evidence
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.observation import MeasuredEvidence, Requests
from palier.release.situation import Decision, Note
from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import CANDIDATE, NOW, STABLE, hold_of, planned, release_of, releasing
from tests.support.release.trial_examples import ending_of, gathered, objectives_of, seen
from tests.support.release.trial_specs import tried

EVENTS = 4000
FEEDBACK = {"name": "feedback", "ratio": {"bad": 'votes_total{kind="bad"}', "total": "votes_total", "maxPercent": "20"}}
ERRORS = {"name": "errors", "errorRate": {"maxPercent": "1"}}


def experiment(feedback: dict[str, Any] | None = None, **release: Any) -> ModelDeployment:  # noqa: ANN401
    """Half of the users for 30 s; who gets fewer bad votes stays."""
    return tried(
        golden=False,
        shadow=False,
        weights=(),
        objectives=(ERRORS, {**FEEDBACK, **(feedback or {})}),
        experiment={"objective": "feedback", "weight": 50, "duration": "30s"},
        **release,
    )


SPEC = experiment()
SPLIT = releasing(ReleasePhase.CANARY, plan=planned(SPEC))
"""Half of the users have met the candidate since `NOW`."""


def counted(
    spec: ModelDeployment, *, bad: int, stable_bad: int, errors: int = 0, total: int = EVENTS, requests: int = EVENTS
) -> dict[str, Evidence]:
    """What thirty seconds of the split have shown: bad votes of both, and failed requests of the candidate."""
    found = objectives_of(spec, SPLIT)
    return {
        "feedback": gathered(found["feedback"], total, bad, stable_bad=stable_bad, looks=60),
        "errors": gathered(found["errors"], requests, errors, looks=60),
    }


def after(
    seconds: float,
    spec: ModelDeployment = SPEC,
    *,
    state: State = SPLIT,
    asked: Requests | None = None,
    measured: dict[str, Any] | None = None,
    **counts: int,
) -> Decision:
    """What is decided so many seconds after the users were split."""
    evidence = counted(spec, **{"bad": 400, "stable_bad": 600, **counts})
    looks = MeasuredEvidence(**{"evidence": evidence, "pods_read": Coverage(NOW + seconds), **(measured or {})})
    observation = seen(measured=looks, pods=2, weights={STABLE: 50, CANDIDATE: 50})
    observation = replace(observation, requests=asked or Requests())
    return decide(spec, observation, state, now=NOW + seconds)


def kept(decision: Decision) -> str:
    """Why stable was kept."""
    ending = ending_of(decision)
    assert (ending.result, ending.reason) == (Result.KEPT_STABLE, "NotBetter")
    return ending.message


@pytest.mark.parametrize("seconds", [1.0, 15.0, 29.9])
def test_nothing_ends_a_good_experiment_early(seconds: float) -> None:
    """However clear it is: its time was set before it began."""
    decision = after(seconds, bad=100, stable_bad=800)

    assert release_of(decision).phase is ReleasePhase.CANARY
    assert hold_of(decision).reason == "MinimumDuration"
    assert hold_of(decision).message == "the stage at 50 % lasts at least 30s"
    assert {one.verdict.value for one in decision.judgements} == {"Pass"}


def test_the_better_version_is_promoted_at_the_end() -> None:
    """And the verdict says with which proof."""
    decision = after(30.0)
    (feedback,) = (one for one in decision.judgements if one.objective == "feedback")

    assert release_of(decision).phase is ReleasePhase.PROMOTING
    assert feedback.reason == "ProvenBetter"
    assert "proven to be better than stable" in feedback.message


@pytest.mark.parametrize(
    ("bad", "stable_bad"),
    [(600, 600), (590, 600), (700, 600), (0, 0), (1000, 1000)],
    ids=["as good", "hardly better", "worse", "none bad", "both over the limit"],
)
def test_what_is_not_better_is_not_kept(bad: int, stable_bad: int) -> None:
    """Stable was good enough before: a change that nobody feels is none."""
    decision = after(30.0, bad=bad, stable_bad=stable_bad)
    message = kept(decision)

    assert message.startswith(
        f"the candidate was not shown to be better than stable within 30s: feedback: {bad} of 4000 events bad"
    )
    assert release_of(decision).phase is ReleasePhase.ROLLING_BACK
    assert find_targets(SPEC, decision.state, seen(), now=NOW + 30).weights == {STABLE: 100}


def test_stable_that_was_kept_is_told_of_and_stays_so() -> None:
    """A warning with the sentence; the same version is tried again only when something changes."""
    back = seen(pods=2, weights={STABLE: 100, CANDIDATE: 0})
    over = decide(SPEC, back, after(30.0, bad=600).state, now=NOW + 31)
    outcome = over.state.outcome

    assert outcome is not None
    assert (outcome.result, outcome.revision) == (Result.KEPT_STABLE, CANDIDATE)
    assert over.notes == (Note("Warning", "KeptStable", f"lingua v-b ({CANDIDATE}): {outcome.message}"),)
    assert over.state.stable is not None
    assert over.state.stable.revision == STABLE
    assert decide(SPEC, back, over.state, now=NOW + 99).state.release is None

    again = replace(back, requests=Requests(retry="please"))

    assert decide(SPEC, again, over.state, now=NOW + 99).state.release is not None


@pytest.mark.parametrize("seconds", [5.0, 30.0])
@pytest.mark.parametrize(
    ("counts", "objective"), [({"errors": 400}, "errors"), ({"bad": 1600, "stable_bad": 400}, "feedback")]
)
def test_a_breach_ends_it_early(seconds: float, counts: dict[str, int], objective: str) -> None:
    """Also of the objective that decides: users who are worse off do not wait for the end."""
    decision = after(seconds, **counts)

    assert (ending_of(decision).result, ending_of(decision).reason) == (Result.ROLLED_BACK, "ObjectiveBreached")
    assert objective in ending_of(decision).message


BLIND = {"pods_read": Coverage(NOW, "Prometheus does not answer", NOW)}


@pytest.mark.parametrize("rule", ["Hold", "Rollback"])
def test_who_cannot_measure_does_not_say_who_is_better(rule: str) -> None:
    """The owner has said what happens without evidence; it is never a verdict on the version."""
    decision = after(30.0, experiment(onNoEvidence=rule), measured=BLIND)

    if rule == "Hold":
        assert release_of(decision).phase is ReleasePhase.CANARY
        assert hold_of(decision).reason == "DeadlineWithoutEvidence"
        assert "Prometheus does not answer" in hold_of(decision).message
    else:
        assert (ending_of(decision).result, ending_of(decision).reason) == (Result.ROLLED_BACK, "NoEvidence")


@pytest.mark.parametrize(
    "measured",
    [
        {"pods_read": Coverage(NOW + 29, "no fresh samples", NOW + 29)},
        {"pods_read": Coverage(unseen="no look yet"), "evidence": {}},
    ],
    ids=["one scrape missed", "operator just started"],
)
@pytest.mark.parametrize("rule", ["Hold", "Rollback"])
def test_a_moment_of_blindness_at_the_end_decides_nothing(measured: dict[str, Any], rule: str) -> None:
    """A look later it is known who is better: neither a missed scrape nor a restart may decide it."""
    decision = after(30.0, experiment(onNoEvidence=rule), measured=measured)

    assert release_of(decision).phase is ReleasePhase.CANARY
    assert hold_of(decision).reason == "Judging"
    assert release_of(after(31.0, experiment(onNoEvidence=rule))).phase is ReleasePhase.PROMOTING


@pytest.mark.parametrize("rule", ["Hold", "Rollback"])
def test_a_better_version_that_is_not_proven_otherwise_is_no_worse_one(rule: str) -> None:
    """The votes have shown it; that another promise is kept has not been proven, and that is what is told."""
    decision = after(30.0, experiment(onNoEvidence=rule), bad=100, stable_bad=800)
    few = after(30.0, experiment(onNoEvidence=rule), bad=100, stable_bad=800, requests=10)

    assert release_of(decision).phase is ReleasePhase.PROMOTING
    if rule == "Hold":
        assert hold_of(few).reason == "DeadlineWithoutEvidence"
        assert "errors: 0 of 10 requests failed" in hold_of(few).message
    else:
        assert (ending_of(few).result, ending_of(few).reason) == (Result.ROLLED_BACK, "NoEvidence")


@pytest.mark.parametrize("total", [0, 19])
@pytest.mark.parametrize("rule", ["Hold", "Rollback"])
def test_votes_that_nobody_gave_are_no_verdict(total: int, rule: str) -> None:
    """Perhaps nobody counts them: that the version is not better was not seen."""
    decision = after(30.0, experiment(onNoEvidence=rule), total=total, bad=0, stable_bad=0)

    if rule == "Hold":
        assert hold_of(decision).reason == "DeadlineWithoutEvidence"
    else:
        assert (ending_of(decision).result, ending_of(decision).reason) == (Result.ROLLED_BACK, "NoEvidence")


def test_users_who_went_elsewhere_decide_nothing() -> None:
    """Ten percent of the requests where the route says fifty: whoever that was, it was not this experiment."""
    spec = tried(
        golden=False,
        shadow=False,
        weights=(),
        objectives=(ERRORS,),
        experiment={"objective": "errors", "weight": 50, "duration": "30s"},
    )
    errors = objectives_of(spec, SPLIT)["errors"]
    for stable, reason in ((EVENTS, "Promoting"), (9 * EVENTS, "DeadlineWithoutEvidence")):
        evidence = {"errors": gathered(errors, EVENTS, 0, stable=stable, stable_bad=stable // 20, looks=60)}
        looks = MeasuredEvidence(evidence=evidence, pods_read=Coverage(NOW + 30))
        decision = decide(spec, seen(measured=looks, pods=2, weights={STABLE: 50, CANDIDATE: 50}), SPLIT, now=NOW + 30)

        if reason == "Promoting":
            assert release_of(decision).phase is ReleasePhase.PROMOTING
        else:
            assert hold_of(decision).reason == reason
            assert "its weight is 50 %" in hold_of(decision).message


def test_a_pause_keeps_the_users_split() -> None:
    """Neither version is chosen until the release goes on."""
    for bad in (400, 600):
        assert hold_of(after(99.0, experiment(paused=True), bad=bad)).reason == "Paused"


def test_on_breach_hold_keeps_the_users_split_too() -> None:
    """A person decides; the end of the time does not."""
    assert hold_of(after(99.0, experiment(onBreach="Hold"), errors=400)).reason == "ObjectiveBreached"


def test_an_experiment_follows_the_canaries() -> None:
    """They are passed without any proof of being better, and with their own time; then the users are split."""
    spec = tried(
        golden=False,
        shadow=False,
        weights=(5,),
        objectives=(ERRORS, FEEDBACK),
        experiment={"objective": "feedback", "weight": 50, "duration": "30s"},
    )
    first = releasing(ReleasePhase.CANARY, plan=planned(spec))
    evidence = {
        name: gathered(one, EVENTS, 0, stable=19 * EVENTS, looks=60) for name, one in objectives_of(spec, first).items()
    }
    observation = seen(
        measured=MeasuredEvidence(evidence=evidence, pods_read=Coverage(NOW + 3)),
        weights={STABLE: 95, CANDIDATE: 5},
    )
    opened = decide(spec, observation, first, now=NOW + 3).state

    assert opened.release is not None
    assert (opened.release.cursor, opened.release.opened_at, opened.release.traffic_since) == (1, NOW + 3, None)
    assert find_targets(spec, opened, observation, now=NOW + 3).weights == {STABLE: 50, CANDIDATE: 50}


def test_a_person_may_end_it() -> None:
    """By a promotion or an abort, at the person's own risk."""
    assert release_of(after(5.0, asked=Requests(promote=CANDIDATE))).phase is ReleasePhase.PROMOTING
    assert ending_of(after(5.0, asked=Requests(abort=CANDIDATE))).result is Result.ABORTED


@pytest.mark.parametrize(
    "blind",
    [
        {"missing": {"errors": "requests_total vanished from the pods"}},
        BLIND,
    ],
    ids=["one signal", "everything"],
)
def test_long_blindness_does_not_outlast_the_deadline(blind: dict[str, Any]) -> None:
    """Whichever objective comes first in the spec: one that is merely not proven yet does not hide it."""
    spec = tried(golden=False, shadow=False, weights=(50,), objectives=(FEEDBACK, ERRORS), onNoEvidence="Rollback")
    split = releasing(ReleasePhase.CANARY, plan=planned(spec))
    found = objectives_of(spec, split)
    evidence = {"feedback": gathered(found["feedback"], 30, 7, looks=10), "errors": gathered(found["errors"], 4000, 0)}
    looks = MeasuredEvidence(**{"evidence": evidence, "pods_read": Coverage(NOW + 20), **blind})
    halves = seen(pods=2, weights={STABLE: 50, CANDIDATE: 50}, measured=looks)

    assert ending_of(decide(spec, halves, split, now=NOW + 20)).reason == "NoEvidence"


def test_an_objective_that_cannot_be_measured_any_more_does_not_outlast_the_deadline() -> None:
    """Somebody took its signal out of the spec: no look will ever tell."""
    spec = tried(golden=False, shadow=False, weights=(50,), objectives=(), onNoEvidence="Rollback")
    unread = {"name": "ttft", "latency": {"signal": "timeToFirstToken", "percentile": 90, "threshold": "2s"}}
    changed = spec.spec.model_copy(update={"objectives": [Objective.model_validate(unread)]})
    broken = spec.model_copy(update={"spec": changed})
    halves = seen(pods=2, weights={STABLE: 50, CANDIDATE: 50}, measured=MeasuredEvidence(pods_read=Coverage(NOW + 20)))

    split = releasing(ReleasePhase.CANARY, plan=planned(spec))

    assert ending_of(decide(broken, halves, split, now=NOW + 20)).reason == "NoEvidence"


def test_the_sentence_is_about_who_is_better() -> None:
    """Whatever else is not proven yet: it was the votes that decided."""
    assert kept(after(30.0, bad=600, requests=10)).startswith(
        "the candidate was not shown to be better than stable within 30s: feedback: "
    )
