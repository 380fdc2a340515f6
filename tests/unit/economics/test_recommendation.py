"""What to write after a load test: requests, limits and the bounds of an autoscaler."""

from decimal import Decimal
from typing import Any

import pytest

from palier.api.spec.budget import Budget
from palier.economics.capacity import ScalingLaw
from palier.economics.plan import plan
from palier.economics.recommendation import Recommendation, recommendation
from tests.support.economics.examples import inputs

MEBIBYTE = 2**20


def recommended(
    *,
    cores: str | None = "0.8501",
    memory: int | None = 1000 * MEBIBYTE,
    **changes: Any,  # noqa: ANN401
) -> Recommendation:
    """After a load test that found 10 requests/s for one replica; planned to 70 %."""
    made = plan(inputs(**{"law": ScalingLaw(Decimal(10)), **changes}))
    found = recommendation(made, cpu_cores=Decimal(cores) if cores else None, memory_bytes=memory)
    assert found is not None
    return found


def bounds(**changes: Any) -> tuple[int | None, int | None]:  # noqa: ANN401
    """Fewest and most replicas."""
    found = recommended(**changes)
    return found.min_replicas, found.max_replicas


def monthly(limit: str) -> Budget:
    """A budget of a month."""
    return Budget.model_validate({"currency": "EUR", "monthly": limit})


def test_requests_follow_what_was_used_at_capacity() -> None:
    """CPU as it was used, memory with a margin, and an autoscaler that aims at what is planned for."""
    found = recommended()
    assert (found.cpu_request, found.memory_request, found.memory_limit) == ("851m", "1150Mi", "1500Mi")
    assert found.target_utilization == 70
    assert recommended(utilization=Decimal("0.999")).target_utilization == 99
    assert recommended(utilization=Decimal("0.001")).target_utilization == 1


def test_what_was_not_measured_is_not_recommended() -> None:
    """Without CPU use there is no request and no aim; without memory no memory; the replicas are known all the same."""
    found = recommended(cores=None, memory=None)
    assert found == Recommendation(min_replicas=1, max_replicas=58)
    assert recommended(cores=None).target_utilization is None
    assert recommended(memory=None).memory_limit is None


def test_an_autoscaler_may_double_the_target_but_not_the_budget() -> None:
    """Room for twice the target; a budget that pays for less bounds it, and no replica beyond it is made."""
    assert bounds() == (1, 58)
    assert bounds(minimum_replicas=3) == (3, 58)
    assert bounds(budget=monthly("2000")) == (1, 43)
    assert bounds(budget=monthly("1338")) == (1, 29)
    assert bounds(budget=monthly("100000")) == (1, 58)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": monthly("1300")},
        {"budget": monthly("1")},
        {"target": Decimal(7), "budget": monthly("1")},
        {"law": ScalingLaw(Decimal(10), Decimal("0.1"))},
        {"target": Decimal(20000)},
    ],
)
def test_a_target_that_does_not_fit_has_no_bounds(changes: dict[str, Any]) -> None:
    """What is refused gets no advice on how to run it, nor what is beyond the thousand replicas of the API."""
    assert bounds(**changes) == (None, None)


def test_contention_bounds_an_autoscaler_at_its_peak() -> None:
    """Replicas beyond the peak carry less, so that scaling out further makes it worse."""
    law = ScalingLaw(Decimal(10), Decimal(0), Decimal("0.01"))
    assert bounds(law=law, target=Decimal(30)) == (1, 10)
    assert bounds(target=Decimal(5000)) == (1, 1000)


def test_nothing_known_is_nothing_recommended() -> None:
    """Without a capacity and without use there is nothing to say."""
    assert recommendation(plan(inputs(law=None))) is None
