"""What people and tools read in `status`: a word for the stage, conditions by the kstatus rules, verdicts in sentences.

`Reconciling` and `Stalled` exist only while they are true, and `Ready` sums everything up, so that `kubectl wait`,
Helm and Flux tell promoted, in progress and rolled back apart without knowing Palier. All of them have the same reason,
for programs; the sentence with its numbers stands in `Ready`, and in `Stalled`, which tools show when they give up.
"""

from collections.abc import Mapping
from typing import Any

from palier.api.constants import (
    AVAILABLE,
    MEASURABLE,
    PROGRESSING,
    READY,
    RECONCILING,
    STALLED,
)
from palier.api.status.conditions import condition
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.counters import Measurable
from palier.evidence.objective import Judgement, MeanRule
from palier.measuring.measurability import Measurability, measurability
from palier.release.budgets import judge_remembered, watch_status, within_error_budget
from palier.release.data_drift import find_data_drift, write_drift_status
from palier.release.finding import Finding
from palier.release.memory import write_state
from palier.release.observation import Observation
from palier.release.outlook import MESSAGE_LIMIT, cost_status, plan_status, testing_status, within_budget
from palier.release.scale_selector import scale_status
from palier.release.served import find_limits
from palier.release.situation import Decision
from palier.release.stages.words import stage_word, tell_standing
from palier.release.standing import NO_RELEASE, name_of, tell_progress
from palier.release.state import State


def conditions(decision: Decision, observation: Observation) -> list[Finding]:
    """The conditions of a readable object."""
    state = decision.state
    serving = _available(state, observation)
    if decision.hold and serving.reason == decision.hold.reason == "StableUnavailable":
        serving = Finding(AVAILABLE, "False", serving.reason, decision.hold.message)
    found = [serving]
    if state.release:
        hold = decision.hold
        weight = observation.weight(state.candidate.revision) if state.candidate else 0
        standing = tell_standing(state, weight=weight)
        reason = hold.reason if hold else state.release.phase.value
        found += [
            Finding(READY, "Unknown", reason, hold.message if hold else standing),
            Finding(RECONCILING, "True", reason, standing),
            Finding(PROGRESSING, "True", reason, tell_progress(state)),
        ]
        return found
    outcome = state.outcome
    if outcome and outcome.result.refuses and outcome.asked_for_by == observation.revision:
        reason = outcome.result.value
        message = f"{outcome.reason}: {outcome.message}"
        found += [
            Finding(READY, "False", reason, message),
            Finding(STALLED, "True", reason, message),
            Finding(PROGRESSING, "False", reason, NO_RELEASE),
        ]
        return found
    if decision.hold:  # a release that is asked for and may not start
        reason = decision.hold.reason
        found += [
            Finding(READY, "Unknown", reason, decision.hold.message),
            Finding(RECONCILING, "True", reason, "the revision that the spec asks for waits for its release to start"),
            Finding(PROGRESSING, "False", reason, NO_RELEASE),
        ]
        return found
    found.append(Finding(PROGRESSING, "False", serving.reason, NO_RELEASE))
    if serving.status == "True":
        found.append(Finding(READY, "True", "Serving", serving.message))
    else:
        found += [
            Finding(READY, "False", serving.reason, serving.message),
            Finding(RECONCILING, "True", serving.reason, "waiting until users reach the stable revision again"),
        ]
    return found


def report_refused(reason: str, message: str, *, serves: bool) -> list[Finding]:
    """The conditions of an object that Palier cannot act on as it is written; what serves keeps serving."""
    unchanged = "what served before is left as it is" if serves else "nothing serves yet"
    return [
        Finding(AVAILABLE, "True" if serves else "False", reason, unchanged),
        Finding(READY, "False", reason, message),
        Finding(STALLED, "True", reason, message),
        Finding(PROGRESSING, "False", reason, "no release goes on until this is changed"),
    ]


def write_conditions(found: list[Finding], *, generation: int) -> list[dict[str, Any]]:
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


def _measurable(known: tuple[Measurability, ...]) -> list[Finding]:
    """Whether latency objectives can be measured as they are written."""
    if not known:
        return []
    worst = max(known, key=lambda one: _WORSE[one.measurable])
    message = "; ".join(one.message for one in known if one.measurable is worst.measurable)
    match worst.measurable:
        case None:
            return [Finding(MEASURABLE, "Unknown", "NotReadYet", message)]
        case Measurable.UNAVAILABLE:
            return [Finding(MEASURABLE, "False", worst.measurable.value, message)]
        case _:
            return [Finding(MEASURABLE, "True", worst.measurable.value, message)]


_WORSE: Mapping[Measurable | None, int] = {
    Measurable.EXACT: 0,
    None: 1,
    Measurable.BRACKETED: 2,
    Measurable.UNAVAILABLE: 3,
}


def verdict_status(
    judgement: Judgement, *, plain: bool = False, measurable: Measurable | None = None
) -> dict[str, Any]:
    """One verdict as it stands in `status.verdicts`; plain values are no shares but means or amounts of money."""
    status: dict[str, Any] = {
        "objective": judgement.objective,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "message": judgement.message[:MESSAGE_LIMIT],
    }
    if judgement.estimate is not None:
        status["estimate"] = _write_value(judgement.estimate, plain=plain)
    if judgement.interval is not None:
        low, high = judgement.interval
        status["interval"] = f"{_write_value(low, plain=plain)} to {_write_value(high, plain=plain)}"
    if judgement.needed is not None:
        status["needed"] = judgement.needed
    if judgement.segments:
        status["segments"] = list(judgement.segments)
    if measurable is not None:
        status["measurable"] = measurable.value
    return status


def _write_value(value: float, *, plain: bool) -> str:
    """A measured value with three digits: shares and scores in percent, means and costs as they are."""
    return f"{value:.3g}" if plain else f"{value * 100:.3g} %"


def status_of(
    deployment: ModelDeployment, decision: Decision, observation: Observation, *, found: list[Finding]
) -> dict[str, Any]:
    """All of `status` but the conditions' times."""
    state = decision.state
    candidate = state.candidate
    weight = observation.weight(candidate.revision) if candidate and state.release else 0
    histograms = measurability(decision.objectives.measured, state.readings)
    budgets = judge_remembered(state, find_limits(deployment))
    status: dict[str, Any] = {
        "observedGeneration": deployment.metadata.generation,
        "stage": stage_word(state, wanted=observation.revision),
        "weight": weight,
        **scale_status(deployment, state, observation),
        **write_state(state),
        "conditions": write_conditions(
            [
                *found,
                *_measurable(histograms),
                *within_budget(deployment, decision),
                *within_error_budget(budgets),
                *find_data_drift(state),
            ],
            generation=deployment.metadata.generation,
        ),
    }
    if plan := plan_status(decision):
        status["plan"] = plan
    if cost := cost_status(deployment, state):
        status["cost"] = {**status.get("cost", {}), **cost}
    if watch := {**watch_status(state, budgets), **write_drift_status(state)}:
        status["watch"] = watch
    if testing := testing_status(decision, observation):
        status["release"] = {**status["release"], "testing": testing}
    if decision.judgements:
        means = {one.rule.name for one in decision.objectives.measured if isinstance(one.rule, MeanRule)}
        plain = means | {objective.name for objective in deployment.spec.objectives if objective.cost}
        answers = {one.objective: one.measurable for one in histograms}
        status["verdicts"] = [
            verdict_status(judgement, plain=judgement.objective in plain, measurable=answers.get(judgement.objective))
            for judgement in decision.judgements
        ]
    return status


def _available(state: State, observation: Observation) -> Finding:
    stable = state.stable
    if stable is None:
        return Finding(AVAILABLE, "False", "NoStableRevision", "no revision serves yet")
    facts = observation.facts(stable.revision)
    named = name_of(stable)
    if facts.endpoints == 0 and not facts.exists:
        gone = facts.trouble or f"the Deployment or the Service of {stable.revision} is gone"
        return Finding(AVAILABLE, "False", "StableUnavailable", f"{gone}, so nothing answers for {named}")
    if facts.endpoints == 0:
        trouble = f": {facts.trouble}" if facts.trouble else ""
        return Finding(AVAILABLE, "False", "StableUnavailable", f"no pod of {named} is ready{trouble}")
    if observation.route.conflict:
        return Finding(AVAILABLE, "False", "RouteConflict", observation.route.conflict)
    if not observation.route.serving:
        problem = observation.route.problem or "waiting for the gateway to accept the route"
        return Finding(AVAILABLE, "False", "RouteNotAccepted", problem)
    return Finding(AVAILABLE, "True", "Serving", f"{named} serves")
