"""How fast answers come: read between what a load test saw, computed by theory, and otherwise not known."""

import math
from decimal import Decimal
from typing import Any

import pytest

from palier.api.v1alpha1 import Latency as Promise
from palier.api.v1alpha1 import parse
from palier.cli.plan.capacity import Capacity
from palier.cli.plan.latency import Latency, Work, latency_of, paid_replicas
from palier.economics.capacity import ScalingLaw
from palier.economics.plan import PlanInputs, plan_of
from palier.economics.prices import PriceTable
from palier.loadtest.result import StepRecord
from tests.unit.cli.plan.cases import PRICES, Command, entry, measured, model

PROMISE = Promise.model_validate({"percentile": 95, "threshold": "500ms"})


def inputs(law: ScalingLaw, budget: dict[str, Any] | None = None) -> PlanInputs:
    """What is planned with."""
    deployment = parse(model(budget=budget))
    today = PriceTable.parse(PRICES).as_of
    return plan_of(deployment, today=today, law=law, prices=PriceTable.parse(PRICES)).inputs


def step(offered: str, p95: str, phase: str = "Search") -> StepRecord:
    """One rate of a load test."""
    numbers = {"offered": Decimal(offered), "achieved": Decimal(offered), "lag": Decimal(0)}
    return StepRecord(phase=phase, requests=100, errors=0, holds=True, p95=Decimal(p95), p99=Decimal(9), **numbers)


NOTHING = Work()


def found(*, steps: tuple[StepRecord, ...] = (), work: Work = NOTHING, promise: Promise | None = PROMISE) -> Latency:
    """How fast a replica with a capacity of 10 requests/s answers."""
    latency = latency_of("", Capacity(ScalingLaw(Decimal(10)), "declared", steps=steps), promise, work)
    assert latency is not None
    return latency


def test_nobody_knows() -> None:
    """Without a load test and without a service time nothing is guessed."""
    assert latency_of("", Capacity(ScalingLaw(Decimal(10))), PROMISE, Work()) is None


def test_measured() -> None:
    """Between two rates it lies between what they showed; the slowest counts, and the warm-up does not."""
    steps = (step("1", "7", "WarmUp"), step("4", "0.1"), step("8", "0.3"), step("12", "2"), step("8", "0.2", "Soak"))
    latency = found(steps=steps)

    assert (latency.percentile, latency.source) == (95, "measured in the load test")
    assert [latency.seconds(rate) for rate in (1, 4, 8)] == [0.1, 0.1, 0.3]
    assert latency.seconds(6) == pytest.approx(0.2)
    assert latency.seconds(10) == pytest.approx(1.15)
    assert latency.seconds(12.1) is None


def test_measured_comes_before_theory() -> None:
    """What was seen is better than what is computed."""
    assert found(steps=(step("4", "0.1"),), work=Work(service_time=3)).source == "measured in the load test"


def test_percentile_of_the_promise() -> None:
    """The percentile that is promised is shown where it was kept, else 95."""
    steps = (step("4", "0.1"),)
    promised = {
        percentile: Promise.model_validate({"percentile": percentile, "threshold": "1s"}) for percentile in (99, 90)
    }

    assert (
        found(steps=steps, promise=promised[99]).percentile,
        found(steps=steps, promise=promised[99]).seconds(4),
    ) == (99, 9)
    assert found(steps=steps, promise=promised[90]).percentile == 95


def test_theory_of_one_server() -> None:
    """M/M/1: answer times are exponential with mean s / (1 - rate s)."""
    latency = found(work=Work(service_time=0.05, concurrency=1))

    assert latency.seconds(10) == pytest.approx(-math.log(0.05) * 0.05 / (1 - 10 * 0.05))
    assert latency.seconds(20) == math.inf
    assert "theory, not measured: M/M/1 with 0.05 s" in latency.source


def test_service_time_that_fits_the_capacity() -> None:
    """With only the concurrency given, the promise is just kept at the capacity."""
    latency = found(work=Work(concurrency=4))

    assert latency.seconds(10) == pytest.approx(0.5, rel=1e-6)
    assert latency.notes == ()


def test_capacity_beyond_theory() -> None:
    """A declared capacity that cannot be, by theory, is told."""
    (note,) = found(work=Work(service_time=0.15, concurrency=1)).notes

    assert "the capacity is 10 requests/s, but by theory" in note
    assert "95 % within 0.5 s" in note


def test_shared_by_replicas() -> None:
    """As many replicas share the traffic, each is as fast as its share makes it."""
    latency = found(steps=(step("4", "0.1"), step("8", "0.3")))

    assert latency.estimate_seconds(inputs(ScalingLaw(Decimal(10))), 24, 4) == pytest.approx(0.2)


def test_replicas_that_hinder_each_other() -> None:
    """Where four replicas carry only twice as much as one, each is as slow as one at twice its share."""
    law = ScalingLaw(Decimal(10), alpha=Decimal(1) / 3)
    latency = found(steps=(step("4", "0.1"), step("8", "0.3")))

    assert latency.estimate_seconds(inputs(law), 12, 4) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("monthly", "replicas"),
    [("3000", 23), ("652.2", 1), ("600", 0)],
)
def test_replicas_that_are_paid_for(monthly: str, replicas: int) -> None:
    """A month's budget pays for whole replicas of 102.20 EUR beside 550 EUR of overheads."""
    assert paid_replicas(inputs(ScalingLaw(Decimal(10)), {"currency": "EUR", "monthly": monthly})) == replicas


def test_replicas_without_a_monthly_budget() -> None:
    """A limit for a thousand inferences bounds no number of replicas."""
    limit = {"currency": "EUR", "perThousandInferences": "0.4"}

    assert paid_replicas(inputs(ScalingLaw(Decimal(10)), limit)) is None
    assert paid_replicas(inputs(ScalingLaw(Decimal(10)))) is None


def test_users_wait_where_the_budget_ends(command: Command) -> None:
    """Beyond what is paid for, the queue grows, and the page says so instead of showing the promise kept."""
    promised = [{"name": "latency", "latency": {"percentile": 95, "threshold": "500ms"}}]
    body = model(objectives=promised, budget={"currency": "EUR", "monthly": "1500"})
    page = command.text(3, body, "--capacity", "8", "--concurrency", "1")

    assert "the queue grows without end at target with at most the 9 replicas that the budget pays for" in page


def test_unknown_beyond_the_load_test(command: Command) -> None:
    """More traffic than a load test tried is not guessed at."""
    body = model(budget={"currency": "EUR", "monthly": "700"})
    page = command.text(3, measured(body, entry(body)))

    assert "95 % come within 0.2 s at POC, not known at target with at most the 1 replica" in page


def test_theory_that_needs_more(command: Command) -> None:
    """Whoever gives too little for theory is told what is missing."""
    command.text(3, model(), "--capacity", "10", "--concurrency", "4")

    assert "--concurrency alone says how fast answers come only where" in command.errors
    command.text(3, model(), "--capacity", "10", "--concurrency", "4", "--service-time", "0.2")
    assert command.errors == ""


def test_nobody_is_answered_without_a_replica(command: Command) -> None:
    """A budget that pays for no replica buys no answers."""
    body = model(budget={"currency": "EUR", "monthly": "600"})
    page = command.text(3, body, "--capacity", "10", "--service-time", "0.2")

    assert "nobody gets one: the budget does not pay for 1 replica" in page
