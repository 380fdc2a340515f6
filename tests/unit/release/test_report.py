"""What people and tools read: conditions by the kstatus rules, one word for the stage, verdicts in sentences."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.spec.release import ReleaseRules
from palier.api.status.status import Status
from palier.evidence.objective import Judgement, Verdict
from palier.release.memory import read_state
from palier.release.observation import Observation, RevisionFacts
from palier.release.report import MESSAGE_LIMIT, conditions, report_refused, status_of, verdict_status, write_conditions
from palier.release.situation import Decision, Hold
from palier.release.stages.words import stage_word
from palier.release.state import Outcome, ReleasePhase, Result, State
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    THIRD,
    ended,
    first,
    observed,
    planned,
    ready,
    releasing,
    serving,
)
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

HOLD = Hold("Judging", "errors: 60 of at least 200 requests")
HEALTHY = {STABLE: ready(2), CANDIDATE: ready(1)}


def found(
    state: State, observation: Observation | None = None, hold: Hold | None = None
) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message by type; each type at most once."""
    findings = conditions(Decision(state, hold=hold), observation or observed(HEALTHY, {STABLE: 100}))
    assert len({finding.type for finding in findings}) == len(findings)
    return {finding.type: (finding.status, finding.reason, finding.message) for finding in findings}


def words(state: State, observation: Observation | None = None, hold: Hold | None = None) -> dict[str, str]:
    """Status and reason by type."""
    return {kind: f"{status} {reason}" for kind, (status, reason, _) in found(state, observation, hold).items()}


def test_serving() -> None:
    """Ready and available; nothing is on its way and nothing is stuck."""
    assert words(serving()) == {"Available": "True Serving", "Ready": "True Serving", "Progressing": "False Serving"}
    assert found(serving())["Ready"][2] == f"lingua v-a ({STABLE}) serves"


@pytest.mark.parametrize("step", ReleasePhase)
def test_a_release_on_its_way_is_unknown_and_available(step: ReleasePhase) -> None:
    """Nobody can say yet whether the new revision will be ready, while the stable one serves all along."""
    assert words(releasing(step), hold=HOLD) == {
        "Available": "True Serving",
        "Ready": "Unknown Judging",
        "Reconciling": "True Judging",
        "Progressing": "True Judging",
    }
    messages = {kind: message for kind, (_, _, message) in found(releasing(step), hold=HOLD).items()}
    assert messages["Ready"] == HOLD.message
    assert HOLD.message not in messages["Reconciling"] + messages["Progressing"]
    assert len(set(messages.values())) == len(messages)


def test_each_condition_of_a_release_answers_another_question() -> None:
    """Ready: why it waits. Reconciling, which Flux and Helm show: where it is. Progressing: which release it is."""
    state = releasing(ReleasePhase.CANARY, index=1)
    told = found(state, observed(HEALTHY, {STABLE: 75, CANDIDATE: 25}), HOLD)

    assert {kind: message for kind, (_, _, message) in told.items()} == {
        "Available": f"lingua v-a ({STABLE}) serves",
        "Ready": "errors: 60 of at least 200 requests",
        "Reconciling": f"lingua v-b ({CANDIDATE}) has 25 % of the traffic, since 1970-01-12T13:46:40Z",
        "Progressing": f"the release of lingua v-b ({CANDIDATE}) instead of lingua v-a ({STABLE}) "
        "began at 1970-01-12T13:46:40Z",
    }


def test_a_release_that_moves_this_very_moment_says_where_it_is() -> None:
    """Without a reason to wait the step is the reason."""
    assert words(releasing(ReleasePhase.CANARY))["Ready"] == "Unknown Canary"
    assert words(releasing(ReleasePhase.ROLLING_BACK))["Reconciling"] == "True RollingBack"


def test_the_first_release_is_not_available() -> None:
    """Nothing serves before it."""
    assert words(first(ReleasePhase.PREPARING), observed({}), HOLD) == {
        "Available": "False NoStableRevision",
        "Ready": "Unknown Judging",
        "Reconciling": "True Judging",
        "Progressing": "True Judging",
    }


@pytest.mark.parametrize("result", [result for result in Result if result.refuses])
def test_a_refused_revision_is_stalled_and_stable_stays_available(result: Result) -> None:
    """Tools that wait fail fast, and the message says why; `Reconciling` would keep them waiting."""
    observation = observed(HEALTHY, {STABLE: 100}, wanted=CANDIDATE)

    assert words(ended(result), observation) == {
        "Available": "True Serving",
        "Ready": f"False {result.value}",
        "Stalled": f"True {result.value}",
        "Progressing": f"False {result.value}",
    }
    assert found(ended(result), observation)["Stalled"][2] == "ObjectiveBreached: errors: 9 of 100 requests failed"


def test_a_first_revision_that_failed_is_stalled_and_nothing_serves() -> None:
    """Both are said: what went wrong, and that users get no answer."""
    state = replace(ended(Result.FAILED), stable=None)
    observation = observed({}, wanted=CANDIDATE)

    assert words(state, observation)["Available"] == "False NoStableRevision"
    assert words(state, observation)["Stalled"] == "True Failed"


@pytest.mark.parametrize("result", [Result.PROMOTED, Result.SUPERSEDED, Result.REVERTED])
def test_an_end_that_refuses_nothing_leaves_no_trace_in_the_conditions(result: Result) -> None:
    """After a promotion, and after the author changed his mind, stable serves and that is all."""
    assert words(ended(result), observed(HEALTHY, {STABLE: 100}, wanted=CANDIDATE))["Ready"] == "True Serving"


def test_a_spec_that_was_set_back_is_ready_again() -> None:
    """The refused revision is not asked for any more."""
    assert words(ended(Result.ROLLED_BACK), observed(HEALTHY, {STABLE: 100}, wanted=STABLE)) == {
        "Available": "True Serving",
        "Ready": "True Serving",
        "Progressing": "False Serving",
    }


UNAVAILABLE: dict[str, tuple[Observation, str, str]] = {
    "no pods": (
        observed({STABLE: ready(2, endpoints=0)}, {STABLE: 100}),
        "StableUnavailable",
        f"no pod of lingua v-a ({STABLE}) is ready",
    ),
    "trouble": (
        observed({STABLE: ready(2, endpoints=0, trouble="pod x: ErrImagePull")}, {STABLE: 100}),
        "StableUnavailable",
        f"no pod of lingua v-a ({STABLE}) is ready: pod x: ErrImagePull",
    ),
    "deleted": (
        observed({STABLE: RevisionFacts(trouble=f"Deployment demo-{STABLE} is gone")}, {STABLE: 100}),
        "StableUnavailable",
        f"Deployment demo-{STABLE} is gone, so nothing answers for lingua v-a ({STABLE})",
    ),
    "deleted, and nobody saw what": (
        observed({}, {STABLE: 100}),
        "StableUnavailable",
        f"the Deployment or the Service of {STABLE} is gone, so nothing answers for lingua v-a ({STABLE})",
    ),
    "conflict": (
        observed(HEALTHY, {STABLE: 100}, conflict="m.example.com is taken"),
        "RouteConflict",
        "m.example.com is taken",
    ),
    "refused": (
        observed(HEALTHY, {STABLE: 100}, serving=False, problem="Gateway infra/public says NotAllowed: "),
        "RouteNotAccepted",
        "Gateway infra/public says NotAllowed: ",
    ),
    "unanswered": (
        observed(HEALTHY, {STABLE: 100}, serving=False),
        "RouteNotAccepted",
        "waiting for the gateway to accept the route",
    ),
}


@pytest.mark.parametrize(("observation", "reason", "message"), UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_users_who_get_no_answer_are_told_of(observation: Observation, reason: str, message: str) -> None:
    """At rest, what is wrong with stable or its route makes the object unready, and it heals without a person."""
    assert found(serving(), observation)["Available"] == ("False", reason, message)
    assert found(serving(), observation)["Ready"] == ("False", reason, message)
    assert found(serving(), observation)["Reconciling"][:2] == ("True", reason)
    assert "Stalled" not in found(serving(), observation)


@pytest.mark.parametrize("observation", [observation for observation, _, _ in UNAVAILABLE.values()], ids=UNAVAILABLE)
def test_no_condition_says_serving_where_nothing_serves(observation: Observation) -> None:
    """`Progressing` is false for the same reason as the others are."""
    assert "Serving" not in {reason for _, reason, _ in found(serving(), observation).values()}


def test_a_route_that_waits_for_its_last_change_still_serves() -> None:
    """An accepted split is in force until the next one is."""
    assert words(serving(), observed(HEALTHY, {STABLE: 100}, accepted=False))["Ready"] == "True Serving"


@pytest.mark.parametrize(("serves", "available"), [(True, "True"), (False, "False")])
def test_an_unreadable_object_is_stalled_and_what_serves_keeps_serving(serves: bool, available: str) -> None:
    """The author reads the field and what is wrong with it; users notice nothing."""
    findings = {
        finding.type: finding for finding in report_refused("InvalidSpec", "spec.model: required", serves=serves)
    }

    assert {kind: finding.status for kind, finding in findings.items()} == {
        "Available": available,
        "Ready": "False",
        "Stalled": "True",
        "Progressing": "False",
    }
    assert findings["Ready"].message == findings["Stalled"].message == "spec.model: required"
    assert {finding.reason for finding in findings.values()} == {"InvalidSpec"}


ANY = [
    *(releasing(step) for step in ReleasePhase),
    *(first(step) for step in (ReleasePhase.PREPARING, ReleasePhase.PROMOTING, ReleasePhase.ROLLING_BACK)),
    *(ended(result) for result in Result),
    serving(),
    State(),
]


@pytest.mark.parametrize("state", ANY)
@pytest.mark.parametrize("wanted", [STABLE, CANDIDATE, THIRD])
def test_the_kstatus_rules_hold_in_every_situation(state: State, wanted: str) -> None:
    """`Ready` is always there; `Reconciling` and `Stalled` only while true, and never both; True means neither."""
    said = {kind: status for kind, (status, _, _) in found(state, observed(HEALTHY, wanted=wanted), HOLD).items()}

    assert set(said) >= {"Ready", "Available", "Progressing"}
    assert said.get("Reconciling", "True") == "True"
    assert said.get("Stalled", "True") == "True"
    assert len({"Reconciling", "Stalled"} & set(said)) == (0 if said["Ready"] == "True" else 1)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State(), "Preparing"),
        (first(ReleasePhase.PREPARING), "Preparing"),
        (serving(), "Serving"),
        (releasing(ReleasePhase.PREPARING), "Preparing"),
        (releasing(ReleasePhase.CANARY, index=0), "Canary 5"),
        (releasing(ReleasePhase.CANARY, index=2), "Canary 50"),
        (releasing(ReleasePhase.PROMOTING, index=2), "Promoting"),
        (releasing(ReleasePhase.ROLLING_BACK, index=2), "RollingBack"),
        (ended(Result.ROLLED_BACK), "RolledBack"),
        (ended(Result.ABORTED), "RolledBack"),
        (replace(ended(Result.FAILED), stable=None), "Failed"),
        (ended(Result.PROMOTED), "Serving"),
        (ended(Result.SUPERSEDED), "Serving"),
    ],
)
def test_the_stage_is_one_word(state: State, word: str) -> None:
    """What `kubectl get` shows while the author still asks for the candidate."""
    assert stage_word(state, wanted=CANDIDATE) == word


SPLIT = planned(tried(weights=(5,), experiment={"objective": "errors", "weight": 60, "duration": "30s"}))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (releasing(ReleasePhase.LOAD_TESTING), "LoadTest"),
        (releasing(ReleasePhase.EXAMINING, plan=SPLIT), "Golden"),
        (releasing(ReleasePhase.SHADOWING, plan=SPLIT), "Shadow 20"),
        (releasing(ReleasePhase.CANARY, plan=SPLIT, index=0), "Canary 5"),
        (releasing(ReleasePhase.CANARY, plan=SPLIT, index=1), "Experiment 60"),
        (ended(Result.REFUSED), "Refused"),
        (ended(Result.KEPT_STABLE), "KeptStable"),
        (replace(ended(Result.REFUSED), stable=None), "Refused"),
    ],
)
def test_the_words_of_the_stages_before_users_and_of_experiments(state: State, word: str) -> None:
    """A version that nobody met was not rolled back, and one that was not better was not bad."""
    assert stage_word(state, wanted=CANDIDATE) == word


def test_a_stage_that_waits_for_its_pods_is_named_once_users_have_met_the_candidate() -> None:
    """Before that the candidate is merely being prepared, whatever stage it comes to."""
    assert (
        stage_word(releasing(ReleasePhase.CANARY, opened_at=None, traffic_since=None), wanted=CANDIDATE) == "Preparing"
    )
    assert stage_word(releasing(ReleasePhase.CANARY, index=1, opened_at=None), wanted=CANDIDATE) == "Canary 25"


def test_a_refused_revision_that_nobody_asks_for_is_no_stage() -> None:
    """After the spec was set back, stable serves."""
    assert stage_word(ended(Result.ROLLED_BACK), wanted=STABLE) == "Serving"


def status(state: State, observation: Observation, **decision: Any) -> dict[str, Any]:  # noqa: ANN401
    """All of the status, which fits the schema once its conditions have their times."""
    made = Decision(state, **decision)
    whole = status_of(model_deployment(), made, observation, found=conditions(made, observation))
    timed = [{**entry, "lastTransitionTime": "2026-01-01T00:00:00Z"} for entry in whole["conditions"]]
    Status.model_validate({**whole, "conditions": timed})
    return whole


def test_the_status_of_a_release() -> None:
    """The weight is the one in force, the replicas those of stable, and the memory is part of it."""
    state = releasing(ReleasePhase.CANARY, index=1)
    whole = status(state, observed(HEALTHY, {STABLE: 75, CANDIDATE: 25}), hold=HOLD)

    assert (whole["stage"], whole["weight"], whole["replicas"]) == ("Canary 25", 25, 2)
    assert whole["selector"] == f"palier.dev/modeldeployment=demo,palier.dev/revision={STABLE}"
    assert whole["observedGeneration"] == 1
    assert {entry["observedGeneration"] for entry in whole["conditions"]} == {1}
    assert read_state(whole, ReleaseRules()) == state
    assert "verdicts" not in whole


def test_a_refused_candidate_has_no_weight() -> None:
    """Its last pods may still be draining behind a route that names it."""
    whole = status(ended(Result.ROLLED_BACK), observed(HEALTHY, {STABLE: 99, CANDIDATE: 1}, wanted=CANDIDATE))

    assert whole["weight"] == 0


def judgement(**changes: Any) -> Judgement:  # noqa: ANN401
    """A verdict."""
    passed = Judgement(
        "errors", Verdict.PASS, "WithinLimit", "errors: fine", 0.00523, 1000, 5, 9000, 40, hard_stop=False
    )
    return replace(passed, **changes)


def test_a_verdict_is_a_sentence_with_its_estimate() -> None:
    """The share in percent, to three digits."""
    assert verdict_status(judgement()) == {
        "objective": "errors",
        "verdict": "Pass",
        "reason": "WithinLimit",
        "message": "errors: fine",
        "estimate": "0.523 %",
    }


def test_an_interval_of_amounts_has_no_percent_sign() -> None:
    """A mean is shown in its own unit; where its range is only an estimate there is no interval."""
    shown = verdict_status(judgement(estimate=381.27, interval=(362.91, 400.04)), plain=True)
    assert (shown["estimate"], shown["interval"]) == ("381", "363 to 400")
    assert "interval" not in verdict_status(judgement(interval=None), plain=True)


def test_without_requests_there_is_no_estimate() -> None:
    """Nothing of nothing is not 0 %."""
    assert "estimate" not in verdict_status(judgement(estimate=None, verdict=Verdict.NO_EVIDENCE))


def test_verdicts_are_part_of_the_status() -> None:
    """One for each objective, in their order."""
    judged = (judgement(), judgement(objective="latency", verdict=Verdict.NO_EVIDENCE))
    whole = status(
        releasing(ReleasePhase.CANARY), observed(HEALTHY, {STABLE: 95, CANDIDATE: 5}), judgements=judged, hold=HOLD
    )

    assert [(entry["objective"], entry["verdict"]) for entry in whole["verdicts"]] == [
        ("errors", "Pass"),
        ("latency", "NoEvidence"),
    ]


def test_long_messages_are_cut() -> None:
    """A scheduler's or a webhook's novel does not make the status too large to store."""
    outcome = Outcome(CANDIDATE, Result.FAILED, "CandidateNotReady", "no" * 2000, NOW)
    findings = conditions(Decision(ended(Result.FAILED, outcome=outcome)), observed(HEALTHY, wanted=CANDIDATE))

    assert max(len(entry["message"]) for entry in write_conditions(findings, generation=1)) == MESSAGE_LIMIT
    assert len(verdict_status(judgement(message="no" * 2000))["message"]) == MESSAGE_LIMIT
