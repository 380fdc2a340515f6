"""What people and tools read in `status`: a word for the stage, conditions by the kstatus rules, verdicts in sentences.

`Reconciling` and `Stalled` exist only while they are true, and `Ready` sums everything up, so that `kubectl wait`,
Helm and Flux tell promoted, in progress and rolled back apart without knowing Palier.
"""

from dataclasses import dataclass
from typing import Any, Literal

from palier.api.conditions import condition
from palier.api.constants import (
    AVAILABLE,
    LABEL_DEPLOYMENT,
    PROGRESSING,
    READY,
    RECONCILING,
    STALLED,
)
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Judgement
from palier.release.observation import Observation
from palier.release.situation import Decision
from palier.release.state import State, Step

MESSAGE_LIMIT = 1024
"""Characters kept of a message in `status`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One aspect of the object's state, before it is written as a condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def stage_word(deployment: ModelDeployment, state: State, *, wanted: str) -> str:
    """Where the release stands, in one or two words for a column."""
    release = state.release
    if release is None:
        if state.outcome and state.outcome.result.refuses and state.outcome.revision == wanted:
            return "RolledBack" if state.stable else state.outcome.result.value
        return "Serving" if state.stable else "Preparing"
    if release.step is Step.CANARY:
        stages = deployment.spec.release.stages
        return f"Canary {stages[release.stage_index].canary.weight}" if release.stage_index < len(stages) else "Canary"
    return release.step.value


def conditions(decision: Decision, observation: Observation) -> list[Finding]:
    """The conditions of a readable object."""
    state = decision.state
    serving = _available(state, observation)
    found = [serving]
    if state.release:
        hold = decision.hold
        reason = hold.reason if hold else state.release.step.value
        message = hold.message if hold else "moving on"
        found += [
            Finding(READY, "Unknown", reason, message),
            Finding(RECONCILING, "True", reason, message),
            Finding(PROGRESSING, "True", reason, message),
        ]
        return found
    outcome = state.outcome
    if outcome and outcome.result.refuses and outcome.revision == observation.revision:
        reason = outcome.result.value
        message = f"{outcome.reason}: {outcome.message}"
        found += [
            Finding(READY, "False", reason, message),
            Finding(STALLED, "True", reason, message),
            Finding(PROGRESSING, "False", reason, message),
        ]
        return found
    found.append(Finding(PROGRESSING, "False", serving.reason, serving.message))
    if serving.status == "True":
        found.append(Finding(READY, "True", "Serving", serving.message))
    else:
        found += [
            Finding(READY, "False", serving.reason, serving.message),
            Finding(RECONCILING, "True", serving.reason, serving.message),
        ]
    return found


def refused(reason: str, message: str, *, serves: bool) -> list[Finding]:
    """The conditions of an object that Palier cannot act on as it is written; what serves keeps serving."""
    unchanged = "what served before is left as it is" if serves else "nothing serves yet"
    return [
        Finding(AVAILABLE, "True" if serves else "False", reason, unchanged),
        Finding(READY, "False", reason, message),
        Finding(STALLED, "True", reason, message),
        Finding(PROGRESSING, "False", reason, message),
    ]


def written(found: list[Finding], *, generation: int) -> list[dict[str, Any]]:
    """Findings as conditions, still without their times."""
    return [
        condition(
            finding.type,
            finding.status,
            reason=finding.reason,
            message=finding.message[:MESSAGE_LIMIT],
            observed_generation=generation,
        )
        for finding in found
    ]


def verdict_status(judgement: Judgement) -> dict[str, Any]:
    """One verdict as it stands in `status.verdicts`."""
    status: dict[str, Any] = {
        "objective": judgement.objective,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "message": judgement.message[:MESSAGE_LIMIT],
    }
    if judgement.estimate is not None:
        status["estimate"] = f"{judgement.estimate * 100:.3g} %"
    return status


def status_of(
    deployment: ModelDeployment, decision: Decision, observation: Observation, *, found: list[Finding]
) -> dict[str, Any]:
    """All of `status` but the conditions' times."""
    state = decision.state
    candidate = state.candidate
    weight = observation.weight(candidate.revision) if candidate and state.release else 0
    facts = [observation.facts(reference.revision) for reference in (state.stable, candidate) if reference]
    status: dict[str, Any] = {
        "observedGeneration": deployment.metadata.generation,
        "stage": stage_word(deployment, state, wanted=observation.revision),
        "weight": weight,
        "replicas": sum(fact.available for fact in facts),
        "selector": f"{LABEL_DEPLOYMENT}={deployment.metadata.name}",
        **state.to_status(),
        "conditions": written(found, generation=deployment.metadata.generation),
    }
    if decision.judgements:
        status["verdicts"] = [verdict_status(judgement) for judgement in decision.judgements]
    return status


def _available(state: State, observation: Observation) -> Finding:
    stable = state.stable
    if stable is None:
        return Finding(AVAILABLE, "False", "NoStableRevision", "no revision serves yet")
    facts = observation.facts(stable.revision)
    named = f"{stable.model} {stable.version} ({stable.revision})"
    if facts.endpoints == 0:
        trouble = f": {facts.trouble}" if facts.trouble else ""
        return Finding(AVAILABLE, "False", "StableUnavailable", f"no pod of {named} is ready{trouble}")
    if observation.route.conflict:
        return Finding(AVAILABLE, "False", "RouteConflict", observation.route.conflict)
    if not observation.route.serving:
        problem = observation.route.problem or "waiting for the gateway to accept the route"
        return Finding(AVAILABLE, "False", "RouteNotAccepted", problem)
    return Finding(AVAILABLE, "True", "Serving", f"{named} serves")
