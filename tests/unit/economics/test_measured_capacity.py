"""What load tests say of a plan: the law behind them, and when it must not refuse anything."""

from dataclasses import replace
from decimal import Decimal

import pytest

from palier.economics.capacity import ScalingLaw
from palier.economics.measured_capacity import combine_results
from palier.economics.plan import Plan, plan
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from tests.support.economics.examples import inputs
from tests.support.economics.plans import budget


def held(capacity: str, ceiling: str | None = None) -> LoadTestResult:
    """A rate that held, and one that did not."""
    top = Decimal(ceiling) if ceiling else None
    return LoadTestResult(Verdict.PASS, "CapacityFound", "it held", capacity=Decimal(capacity), ceiling=top)


def planned_with(law: ScalingLaw | None, *, monthly: str = "100000") -> Plan:
    """The plan for 200 requests/s, which 286 replicas of one request/s carry where they do not hinder each other."""
    return plan(inputs(law=law, budget=budget(monthly=monthly)))


def planned(*results: tuple[int, LoadTestResult], monthly: str = "100000") -> Plan:
    """The plan by what was measured."""
    return combine_results(results).make_plan(lambda law: planned_with(law, monthly=monthly))


def test_a_law_that_passes_is_not_doubted() -> None:
    """What the rates that held are enough for passes, whatever lies above them."""
    results = [(1, held("1", "1.05")), (4, held("4", "4.2"))]

    assert planned(*results) == planned_with(ScalingLaw(Decimal(1)))


@pytest.mark.parametrize(
    ("monthly", "reason"), [("100000", "TargetUnreachable"), ("13500", "OverBudget")], ids=["unreachable", "too dear"]
)
def test_a_target_that_noise_puts_out_of_reach_is_not_refused(monthly: str, reason: str) -> None:
    """Whatever the fitted law fails of; where even the least contention fails, the plan fails."""
    four = "3.8" if reason == "TargetUnreachable" else "3.99"
    unclear = planned((4, held(four, "4.1")), (1, held("1", "1.05")), monthly=monthly)

    assert (unclear.verdict, unclear.reason) == (Verdict.NO_EVIDENCE, "ContentionUnclear")
    fitted = planned_with(unclear.inputs.law, monthly=monthly)
    assert fitted.reason == reason
    assert unclear.message.startswith(fitted.message)
    assert "load tests of 1 and 4 replicas leave open (0 to 0.0" in unclear.message
    assert unclear.message.endswith("test more replicas together (scale.loadTest.replicas)")

    surely = planned((1, held("1", "1.05")), (4, held("3.8", "3.82")), monthly=monthly)

    assert surely == planned_with(surely.inputs.law, monthly=monthly)
    assert surely.verdict is Verdict.FAIL


def test_where_the_highest_rate_held_the_test_may_go_further() -> None:
    """Four replicas that were asked for no more than one of them carries look as if three were useless."""
    unclear = planned((1, held("1")), (4, held("1")))

    assert unclear.reason == "ContentionUnclear"
    assert unclear.message.endswith(", or let the test go further (scale.loadTest.maxRequestsPerSecond)")
    assert "(0 to more)" in unclear.message


def test_one_replica_alone_leaves_nothing_to_doubt() -> None:
    """What was measured of one is counted on; that it may carry more is no reason to wait."""
    assert planned((1, held("0.1", "100")), monthly="20000").reason == "OverBudget"


def test_three_numbers_of_replicas_are_told_by_name() -> None:
    """The reader sees which tests are meant."""
    unclear = planned((1, held("1", "1.1")), (2, held("1.95", "2.1")), (4, held("3.8", "4.2")))

    assert "load tests of 1, 2 and 4 replicas" in unclear.message


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (LoadTestResult(Verdict.FAIL, "NotSustained", "it becomes slower"), Verdict.FAIL),
        (LoadTestResult(Verdict.NO_EVIDENCE, "NoServer", "nobody answers"), Verdict.NO_EVIDENCE),
        (replace(held("1"), capacity=None), Verdict.NO_EVIDENCE),
        (held("0"), Verdict.NO_EVIDENCE),
        (held("-1"), Verdict.NO_EVIDENCE),
    ],
)
def test_a_load_test_without_a_capacity_speaks_for_all(result: LoadTestResult, verdict: Verdict) -> None:
    """Its reason and its sentence are the plan's, also where another number of replicas passed."""
    found = planned((1, held("100")), (4, result))

    assert (found.verdict, found.reason, found.message) == (verdict, result.reason, result.message)
    assert found.replicas is None


def test_without_any_load_test_nothing_is_known() -> None:
    """No capacity, and no law."""
    assert planned().reason == "NoCapacity"
    assert combine_results([]).law is None
