"""Plans of the example for a target and within a budget."""

from datetime import date
from decimal import Decimal
from typing import Any

from palier.api.spec.budget import Budget
from palier.economics.plan import Plan, plan_of
from tests.support.economics.examples import TODAY, deployment, prices

SCALE: dict[str, Any] = {"target": {"requestsPerSecond": "200"}}
BUDGET: dict[str, Any] = {"currency": "EUR", "monthly": "3000"}


def budget(**limits: str) -> Budget:
    """A budget in euros."""
    return Budget.model_validate({"currency": "EUR", **limits})


def planned(capacity: str | None = "1", *, today: date = TODAY, prices_of: Any = None, **spec: Any) -> Plan:  # noqa: ANN401
    """The plan of the example for 200 requests/s within 3,000 EUR."""
    return plan_of(
        deployment(**{"scale": SCALE, "budget": BUDGET, **spec}),
        capacity=Decimal(capacity) if capacity else None,
        prices=prices_of or prices(),
        today=today,
    )
