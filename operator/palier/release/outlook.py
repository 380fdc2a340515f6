"""What people read in `status` of capacity and cost: the plan, the load test that runs, whether the budget holds."""

from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from palier.api.constants import WITHIN_BUDGET
from palier.api.figures import figure_of
from palier.api.status.load_test import LoadTestProgress
from palier.api.v1alpha1 import ModelDeployment
from palier.economics.plan import Plan, Point
from palier.economics.recommendation import recommendation
from palier.evidence.verdicts import Verdict
from palier.release.cost import find_burn
from palier.release.finding import Finding
from palier.release.observation import Observation
from palier.release.prospects import Prospect, Survey
from palier.release.situation import Decision
from palier.release.state import State

MESSAGE_LIMIT = 1024
"""Characters kept of a message in `status`."""

OVER_BUDGET = "OverBudget"
"""Reason of a plan that costs more than the budget has."""

_DIGITS = 12
"""Significant digits of amounts in `status`: more than any price has, and never an exponent."""


def choose_shown(survey: Survey | None, state: State) -> Prospect | None:
    """The way that the plan in `status` is about: the candidate's, else stable's, else the chosen or first one."""
    if survey is None:
        return None
    for reference in (state.candidate, state.stable):
        if reference and (found := survey.find_prospect(reference.revision)):
            return found
    return survey.find_prospect(survey.choice.chosen or "") or survey.prospects[0]


def plan_status(decision: Decision) -> dict[str, Any]:
    """`status.plan`; empty without a plan in the spec."""
    survey = decision.survey
    prospect = choose_shown(survey, decision.state)
    if survey is None or prospect is None:
        return {}
    plan = prospect.plan
    told: dict[str, Any] = {
        "currency": plan.currency or None,
        "hourlyPerReplica": _text(plan.hourly_per_replica),
        "capacity": _text(plan.capacity),
        "utilization": _text(plan.utilization),
        "replicas": plan.replicas,
        "points": [_point(point) for point in plan.points],
        "largestAffordableRequestsPerSecond": _text(plan.largest_affordable),
        "verdict": plan.verdict.value,
        "reason": plan.reason,
        "message": plan.message[:MESSAGE_LIMIT],
        "priceSource": plan.price_source or None,
        "pricesAsOf": plan.prices_as_of.isoformat() if plan.prices_as_of else None,
        "recommendation": _recommend_resources(prospect),
        "variants": _variants(survey),
    }
    return {name: value for name, value in told.items() if value is not None}


def cost_status(deployment: ModelDeployment, state: State) -> dict[str, Any]:
    """What `status.cost` tells besides the memory, as of the instant of the memory."""
    spending = state.spending
    if spending is None:
        return {}
    told: dict[str, Any] = {"hourly": _text(spending.hourly.amount)}
    if found := find_burn(deployment, spending, now=spending.at):
        told |= {
            "monthlyProjection": _text(found.projected),
            "burn": _text(found.rate),
            "message": found.message[:MESSAGE_LIMIT],
        }
    return {name: value for name, value in told.items() if value is not None}


def testing_status(decision: Decision, observation: Observation) -> dict[str, Any]:
    """`status.release.testing`; empty while no load test runs."""
    run = decision.run
    if run is None:
        return {}
    told: dict[str, Any] = {
        "variant": run.variant or None,
        "revision": run.revision,
        "replicas": run.replicas,
        "run": run.index,
        "attempt": run.attempt,
        "message": observation.load_test.message[:MESSAGE_LIMIT] or None,
    }
    return {name: value for name, value in (told | _read_progress(observation)).items() if value is not None}


def _read_progress(observation: Observation) -> dict[str, Any]:
    """How far the pod says that it is; nothing where that is no progress: a status that does not fit is lost whole."""
    known = observation.load_test.progress or {}
    names = ("phase", "requestsPerSecond", "passed", "failed", "message")
    said = {name: known[name] for name in names if known.get(name) is not None}
    try:
        LoadTestProgress.model_validate(said)
    except ValidationError:
        return {}
    return said | ({"message": said["message"][:MESSAGE_LIMIT]} if "message" in said else {})


def within_budget(deployment: ModelDeployment, decision: Decision) -> list[Finding]:
    """Whether the budget is kept: by what is spent now, and by what the target would cost."""
    if deployment.spec.budget is None:
        return []
    spent = decision.burn
    if spent and spent.exceeds:
        return [Finding(WITHIN_BUDGET, "False", spent.reason, spent.message)]
    prospect = choose_shown(decision.survey, decision.state)
    if prospect is not None:
        return [_of_plan(prospect.plan)]
    if spent:
        return [Finding(WITHIN_BUDGET, "True", spent.reason, spent.message)]
    return [Finding(WITHIN_BUDGET, "Unknown", "NotKnownYet", "nothing has been spent yet that has a price")]


def _of_plan(plan: Plan) -> Finding:
    match plan.verdict:
        case Verdict.PASS:
            return Finding(WITHIN_BUDGET, "True", plan.reason, plan.message)
        case Verdict.FAIL if plan.reason == OVER_BUDGET:
            return Finding(WITHIN_BUDGET, "False", plan.reason, plan.message)
        case _:  # what cannot carry the target has no price at it
            return Finding(WITHIN_BUDGET, "Unknown", plan.reason, plan.message)


def _point(point: Point) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": str(point.name),
        "requestsPerSecond": _text(point.requests_per_second),
        "replicas": point.replicas,
        "monthlyServing": _text(point.monthly_serving),
        "monthlyOverheads": _text(point.monthly_overheads),
        "monthlyTotal": _text(point.monthly_total),
        "perThousandInferences": _text(point.per_thousand_inferences),
        "withinBudget": point.within_budget,
    }
    return {name: value for name, value in told.items() if value is not None}


def _recommend_resources(prospect: Prospect) -> dict[str, Any] | None:
    record = next((one for one in prospect.records if one.replicas == 1), None)
    if record is None:
        return None
    usage = record.usage
    found = recommendation(prospect.plan, cpu_cores=usage.cpu_cores, memory_bytes=usage.memory_bytes)
    if found is None:
        return None
    told = {
        "cpuRequest": found.cpu_request,
        "memoryRequest": found.memory_request,
        "memoryLimit": found.memory_limit,
        "minReplicas": found.min_replicas,
        "maxReplicas": found.max_replicas,
        "targetUtilization": found.target_utilization,
    }
    return {name: value for name, value in told.items() if value is not None} or None


def _variants(survey: Survey) -> list[dict[str, Any]] | None:
    if len(survey.prospects) == 1 and not survey.prospects[0].option.variant:
        return None
    told = []
    for one in survey.choice.findings:
        entry: dict[str, Any] = {
            "name": one.name,
            "revision": one.revision,
            "verdict": one.verdict.value,
            "reason": one.reason,
            "message": one.message[:MESSAGE_LIMIT],
            "monthlyTotal": _text(one.monthly_total),
            "chosen": one.chosen or None,
        }
        told.append({name: value for name, value in entry.items() if value is not None})
    return told


def _text(number: Decimal | None) -> str | None:
    """A decimal with as many digits as anybody can use, never in exponent form."""
    if number is None:
        return None
    short = Decimal(f"{number:.{_DIGITS - 1}e}")
    text = figure_of(short)
    return text.rstrip("0").rstrip(".") if "." in text else text
