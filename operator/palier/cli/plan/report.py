"""`palier plan --json`: one object for programs, with money and rates as plain numbers.

The names of `points`, `currency`, `hourlyPerReplica`, `largestAffordableRequestsPerSecond` and `verdict` are a
contract: programs read them.
"""

from decimal import Decimal
from typing import Any

from palier.cli.plan.outcome import Outcome, ServingOption
from palier.economics.planning import Point


def report(outcome: Outcome) -> dict[str, Any]:
    """The object for one ModelDeployment."""
    deployment, shown = outcome.draft.deployment, outcome.main_option
    return {
        "name": deployment.metadata.name,
        "namespace": deployment.metadata.namespace,
        **_report_option(shown),
        "budget": _budget(outcome),
        "verdict": str(outcome.choice.verdict),
        "reason": outcome.choice.reason,
        "message": outcome.choice.message,
        "variants": [_variant(option) for option in outcome.serving_options if option.name],
        "notes": list(outcome.notes),
    }


def _report_option(option: ServingOption) -> dict[str, Any]:
    """The numbers of one way to serve."""
    plan = option.plan
    as_of = plan.prices_as_of
    return {
        "variant": option.name or None,
        "currency": plan.currency or None,
        "hourlyPerReplica": _number(plan.hourly_per_replica),
        "capacity": _number(plan.capacity),
        "capacitySource": option.capacity.source or None,
        "utilization": _number(plan.utilization),
        "points": [_point(one) for one in plan.points],
        "largestAffordableRequestsPerSecond": _number(plan.largest_affordable),
        "marginalPerThousandInferences": _number(plan.marginal_per_thousand),
        "marginalPerMillionTokens": _number(plan.marginal_per_million_tokens),
        "breakEven": {
            "apiPerThousandInferences": _number(plan.break_even.api_per_thousand),
            "requestsPerSecond": _number(plan.break_even.requests_per_second),
        }
        if plan.break_even
        else None,
        "prices": {"source": plan.price_source, "asOf": as_of.isoformat()} if as_of else None,
    }


def _variant(option: ServingOption) -> dict[str, Any]:
    weighed = option.weighed
    return {
        "name": option.name,
        "chosen": weighed.chosen,
        "verdict": str(weighed.verdict),
        "reason": weighed.reason,
        "message": weighed.message,
        **{key: value for key, value in _report_option(option).items() if key != "variant"},
    }


def _point(one: Point) -> dict[str, Any]:
    return {
        "name": str(one.name),
        "requestsPerSecond": _number(one.requests_per_second),
        "replicas": one.replicas,
        "monthlyServing": _number(one.monthly_serving),
        "monthlyOverheads": _number(one.monthly_overheads),
        "monthlyTotal": _number(one.monthly_total),
        "perThousandInferences": _number(one.per_thousand_inferences),
        "perMillionTokens": _number(one.per_million_tokens),
        "withinBudget": one.within_budget,
    }


def _budget(outcome: Outcome) -> dict[str, Any] | None:
    budget = outcome.draft.deployment.spec.budget
    if budget is None:
        return None
    limits = {
        "monthly": budget.monthly,
        "perThousandInferences": budget.per_thousand_inferences,
        "perMillionTokens": budget.per_million_tokens,
    }
    amounts = {name: _number(limit.decimal) for name, limit in limits.items() if limit is not None}
    return {"currency": str(budget.currency), **amounts}


def _number(value: Decimal | None) -> float | int | None:
    """A decimal as a number of JSON: 3 instead of 3.0."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
