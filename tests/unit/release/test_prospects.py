"""What serving the target would take, each way, from what was measured and what it costs."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.prices import PriceTable
from palier.economics.running import Served
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.release.cost import RunningFacts
from palier.release.observation import Observation
from palier.release.prospects import Survey, pods_for_traffic, survey
from palier.release.state import State
from palier.release.testing import LoadTestRecord
from tests.support.release.examples import STABLE, serving
from tests.support.release.load_examples import FAILED, NOW, UNKNOWN, passed, recorded_of, seen, under_load, ways
from tests.support.release.load_world import PRICES, load_tested

DAY = 86_400.0
TWO = {"a": "1", "b": "2"}


def surveyed(
    deployment: ModelDeployment,
    *records: LoadTestRecord,
    state: State | None = None,
    now: float = NOW,
    **observation: Any,  # noqa: ANN401
) -> Survey:
    """All ways of a spec, with these records in the memory of a release that tests the first one."""
    first = next(iter(ways(deployment)))
    known = replace(state or under_load(deployment, first), load_tests=records)
    return survey(deployment, seen(deployment, **observation), known, now=now)


def test_what_one_replica_carries_and_costs_makes_the_plan() -> None:
    """100 requests/s at 70 % of 100 take two replicas of one core for 0.10 an hour: 146 a month."""
    deployment = load_tested()
    found = surveyed(deployment, recorded_of(ways(deployment)[""], passed(100)))
    (prospect,) = found.prospects

    assert (prospect.plan.replicas, prospect.plan.target.monthly_total) == (2, Decimal("146.00"))
    assert (found.choice.verdict, found.choice.reason) == (Verdict.PASS, "WithinBudget")
    assert found.choice.chosen == prospect.option.revision
    assert found.find_prospect(prospect.option.revision) == prospect
    assert found.find_prospect("ffffffffff") is None


def test_contention_between_replicas_counts() -> None:
    """Four replicas carry twice what one carries: the target takes 5 of them, and not the 3 of a proportion."""
    deployment = load_tested(target="150", test={"replicas": [1, 4]})
    way = ways(deployment)[""]
    (together,) = surveyed(
        deployment, recorded_of(way, passed(100)), recorded_of(way, passed(200), replicas=4)
    ).prospects

    assert together.plan.replicas == 5
    assert len(together.records) == 2


def test_contention_that_may_be_noise_refuses_nothing() -> None:
    """Four replicas of 100 that held 380 and not 400 may hinder each other or not: at 10,000 requests/s that decides.

    By what held, no number of them carries it; by what did not, 143 do.
    """
    deployment = load_tested(target="10000", budget={"currency": "EUR", "monthly": "50000"}, test={"replicas": [1, 4]})
    way = ways(deployment)[""]
    alone, held = recorded_of(way, passed(100)), passed(380)
    found = surveyed(deployment, alone, recorded_of(way, replace(held, ceiling=Decimal(400)), replicas=4)).choice

    assert (found.verdict, found.reason, found.chosen) == (Verdict.NO_EVIDENCE, "ContentionUnclear", None)
    assert "test more replicas together (scale.loadTest.replicas)" in found.message

    surely = surveyed(deployment, alone, recorded_of(way, replace(held, ceiling=Decimal(385)), replicas=4)).choice

    assert (surely.verdict, surely.reason) == (Verdict.FAIL, "TargetUnreachable")


def test_contention_that_was_not_measured_yet_is_not_taken_for_none() -> None:
    """One replica alone says nothing of what several hinder each other: there is no capacity before both are known."""
    deployment = load_tested(target="150", test={"replicas": [1, 4]})
    found = surveyed(deployment, recorded_of(ways(deployment)[""], passed(100)))

    assert (found.choice.verdict, found.choice.reason) == (Verdict.NO_EVIDENCE, "NoCapacity")
    assert found.prospects[0].plan.replicas is None


@pytest.mark.parametrize(("result", "verdict"), [(FAILED, Verdict.FAIL), (UNKNOWN, Verdict.NO_EVIDENCE)])
def test_a_load_test_that_did_not_pass_speaks_for_its_way(result: LoadTestResult, verdict: Verdict) -> None:
    """With its own reason and sentence; a second run that passed does not outweigh it."""
    deployment = load_tested(test={"replicas": [1, 4]})
    way = ways(deployment)[""]
    for records in ([(result, 1)], [(passed(), 1), (result, 4)], [(result, 1), (passed(), 4)]):
        found = surveyed(deployment, *(recorded_of(way, one, replicas=replicas) for one, replicas in records)).choice

        assert (found.verdict, found.reason, found.message) == (verdict, result.reason, result.message)
        assert found.chosen is None


@pytest.mark.parametrize("capacity", [None, Decimal(0), Decimal(-1)])
def test_a_pass_without_a_capacity_is_none(capacity: Decimal | None) -> None:
    """Whatever program wrote it: a release must not go on with a number that nobody knows."""
    deployment = load_tested()
    found = surveyed(deployment, recorded_of(ways(deployment)[""], replace(passed(), capacity=capacity))).choice

    assert (found.verdict, found.chosen) == (Verdict.NO_EVIDENCE, None)


def test_without_any_record_nothing_can_be_said() -> None:
    """A price alone is no plan."""
    found = surveyed(load_tested()).choice

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "NoCapacity")


def test_prices_that_are_missing_are_no_verdict() -> None:
    """With the reason that the operator knows."""
    deployment = load_tested()
    found = surveyed(deployment, recorded_of(ways(deployment)[""], passed()), priced=False).choice

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "PricesMissing")
    assert "nobody has told any prices" in found.message


def test_prices_grow_old() -> None:
    """By the clock that the decision was given, not by the one on the wall."""
    deployment = load_tested()
    way = ways(deployment)[""]
    later = NOW + 400 * DAY
    found = surveyed(deployment, recorded_of(way, passed(), at=later), now=later).choice

    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "PricesStale")


def test_the_prices_of_the_node_that_was_tested_count() -> None:
    """Another node may be dearer; where nothing is known of it, the prices for anywhere do."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    dear = PriceTable.parse(
        {"currency": "EUR", "source": "node", "asOf": "2026-11-01", "cpuHour": "0.30", "memoryGiBHour": "0.01"}
    )
    prices = {"": PRICES, a.revision: dear}
    observation = replace(seen(deployment), prices=prices)
    state = under_load(deployment, "a", load_tests=(recorded_of(a, passed()), recorded_of(b, passed())))
    found = survey(deployment, observation, state, now=NOW)

    assert [one.plan.hourly_per_replica for one in found.prospects] == [Decimal("0.30"), Decimal("0.20")]
    assert found.choice.chosen == b.revision


def test_variants_are_weighed_side_by_side() -> None:
    """The cheapest that passes; each with its own capacity, pods and reason."""
    deployment = load_tested(variants={"slow": "1", "dear": "4", "fits": "2"})
    slow, dear, fits = ways(deployment).values()
    found = surveyed(
        deployment, recorded_of(slow, FAILED), recorded_of(dear, passed(10)), recorded_of(fits, passed(100))
    ).choice

    assert found.chosen == fits.revision
    assert [(one.name, one.verdict, one.reason) for one in found.findings] == [
        ("slow", Verdict.FAIL, "ObjectiveUnreachable"),
        ("dear", Verdict.FAIL, "OverBudget"),
        ("fits", Verdict.PASS, "Cheapest"),
    ]


def test_two_variants_that_are_the_same_share_their_record() -> None:
    """One and the same revision twice is no error."""
    deployment = load_tested(variants={"a": "1", "again": "1"})
    first, second = ways(deployment).values()
    found = surveyed(deployment, recorded_of(first, passed()))

    assert first.revision == second.revision
    assert [one.plan.verdict for one in found.prospects] == [Verdict.PASS, Verdict.PASS]


@pytest.mark.parametrize(("age", "reason"), [(29.0, "WithinBudget"), (31.0, "NoCapacity")])
def test_without_a_release_results_count_while_they_are_fresh(age: float, reason: str) -> None:
    """Thirty days unless the spec says otherwise."""
    deployment = load_tested()
    record = recorded_of(ways(deployment)[""], passed(), at=NOW - age * DAY)

    assert surveyed(deployment, record, state=serving()).choice.reason == reason


def test_without_a_release_an_inconclusive_result_is_told() -> None:
    """Why a variant was not chosen stays on record after the release, and not only that nothing is known of it."""
    deployment = load_tested()
    record = recorded_of(ways(deployment)[""], LoadTestResult(Verdict.NO_EVIDENCE, "OutOfTime", "too slow to tell"))
    found = surveyed(deployment, record, state=serving()).choice

    assert (found.verdict, found.reason, found.message) == (Verdict.NO_EVIDENCE, "OutOfTime", "too slow to tell")


def test_what_was_found_about_stable_stands() -> None:
    """It cannot be tested again while it serves."""
    deployment = load_tested()
    way = ways(deployment)[""]
    state = serving()
    assert state.stable is not None
    state = replace(state, stable=replace(state.stable, revision=way.revision))
    record = recorded_of(way, passed(), at=NOW - 1000 * DAY)

    assert surveyed(deployment, record, state=state).choice.reason == "WithinBudget"


def traffic(deployment: ModelDeployment, rate: int) -> Observation:
    """So many answers in a second, for an hour."""
    return seen(deployment, running=RunningFacts(total=Served(rate * 3600, 3600.0)))


def pods_needed(rate: int, *, candidate: LoadTestResult, stable: LoadTestResult | None = None) -> tuple[int, int]:
    """The pods that the candidate and stable need, of a spec that asks for two and plans with 70 %."""
    deployment = load_tested()
    way = ways(deployment)[""]
    records = [recorded_of(way, candidate)]
    if stable:
        records.append(replace(recorded_of(way, stable), revision=STABLE, digest="0" * 16))
    found = pods_for_traffic(deployment, traffic(deployment, rate), under_load(deployment, load_tests=tuple(records)))
    return found[way.revision], found[STABLE]


def test_a_slow_candidate_needs_more_pods_for_the_present_traffic() -> None:
    """At 140 requests/s, 70 % of 100 take two and 70 % of 10 take twenty, each by its own newest load tests."""
    assert pods_needed(140, candidate=passed(10), stable=passed(100)) == (20, 2)
    assert pods_needed(700, candidate=passed(100), stable=passed(100)) == (10, 10)
    assert pods_needed(1, candidate=passed(10), stable=passed(100)) == (2, 2)


def test_an_unmeasured_stable_gives_the_candidate_its_reserve() -> None:
    """Two pods of stable carry 200 requests/s, however busy: two of the candidate, which can, are not too few."""
    assert pods_needed(200, candidate=passed(100)) == (2, 2)
    assert pods_needed(201, candidate=passed(100)) == (3, 2)


@pytest.mark.parametrize("result", [FAILED, UNKNOWN])
def test_without_a_capacity_the_pods_of_the_spec_count(result: LoadTestResult) -> None:
    """Nothing is guessed; nor without answers that were counted, nor without a plan."""
    assert pods_needed(700, candidate=result, stable=passed(100)) == (2, 7)
    deployment = load_tested()
    way = ways(deployment)[""]
    state = under_load(deployment, load_tests=(recorded_of(way, passed(10)),))

    assert pods_for_traffic(deployment, seen(deployment), state) == {way.revision: 2, STABLE: 2}


def test_load_tests_of_other_promises_are_not_put_together() -> None:
    """What four replicas carried within older objectives says nothing of how the present ones hinder each other."""
    deployment = load_tested()
    way = ways(deployment)[""]
    older = replace(recorded_of(way, passed(110), at=NOW - DAY, replicas=4), digest="0" * 16)
    state = under_load(deployment, load_tests=(older, recorded_of(way, passed(100))))

    assert pods_for_traffic(deployment, traffic(deployment, 107), state)[way.revision] == 2


def test_pods_that_never_carry_the_traffic_are_counted_as_if_they_did() -> None:
    """By contention alone no number carries it; what they would need without it is the least that can be said."""
    deployment = load_tested(test={"replicas": [1, 4]})
    way = ways(deployment)[""]
    records = (recorded_of(way, passed(100)), recorded_of(way, passed(110), replicas=4))
    found = pods_for_traffic(deployment, traffic(deployment, 700), under_load(deployment, load_tests=records))

    assert found[way.revision] == 7
