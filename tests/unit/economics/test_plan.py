"""The plan: numbers at four traffics, a verdict on the target, and what would fit."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from palier.api.status.values import PlannedTraffic
from palier.economics.capacity import ScalingLaw
from palier.economics.costs import Overlap, thousands
from palier.economics.money import Money
from palier.economics.plan import inputs_of, plan, plan_of
from palier.errors import InvalidSpec
from palier.evidence.verdicts import Verdict
from tests.support.economics.examples import TODAY, container, deployment, inputs, priced, prices, unpriced
from tests.support.economics.plans import BUDGET, SCALE, budget, planned


def test_the_story_to_prevent_is_refused_with_its_numbers() -> None:
    """What works as a proof of concept is refused at the target: the sentence has what it takes, costs and may cost."""
    found = plan(inputs(fixed_overheads=Decimal(550), budget=budget(monthly="3000")))
    assert (found.verdict, found.reason) == (Verdict.FAIL, "OverBudget")
    assert found.message == (
        "200 requests/s take 286 replicas at 0.0632 EUR/h each: 13,195 EUR a month, 13,745 EUR with overheads, against"
        " a budget of 3,000 EUR; 0.0262 EUR for a thousand inferences; at most 37.1 requests/s fit"
    )
    assert found.points[0].within_budget
    assert found.largest_affordable == Decimal("37.1")


def test_what_fits_passes_with_its_numbers() -> None:
    """The same within a larger budget: the sentence tells how much more would fit."""
    found = plan(inputs(budget=budget(monthly="20000")))
    assert (found.verdict, found.reason) == (Verdict.PASS, "WithinBudget")
    assert found.message == (
        "200 requests/s take 286 replicas at 0.0632 EUR/h each: 13,195 EUR a month, within a budget of 20,000 EUR;"
        " 0.0251 EUR for a thousand inferences; at most 303 requests/s fit"
    )


def test_the_numbers_at_the_four_traffics() -> None:
    """POC, target, double and tenfold, each with its replicas and its month, by hand."""
    found = plan(inputs(fixed_overheads=Decimal(100), budget=budget(monthly="30000")))
    each = Decimal("0.0632") * 730
    assert [(p.name, p.requests_per_second, p.replicas) for p in found.points] == [
        ("POC", Decimal(1), 2),
        ("Target", Decimal(200), 286),
        ("Double", Decimal(400), 572),
        ("Tenfold", Decimal(2000), 2858),
    ]
    assert [p.monthly_serving for p in found.points] == [each * n for n in (2, 286, 572, 2858)]
    assert [p.monthly_overheads for p in found.points] == [100] * 4
    assert [p.monthly_total for p in found.points] == [each * n + 100 for n in (2, 286, 572, 2858)]
    assert [p.within_budget for p in found.points] == [True, True, True, False]
    for point in found.points:
        assert point.per_thousand_inferences is not None
        assert point.monthly_total is not None
        month = point.per_thousand_inferences * thousands(point.requests_per_second)
        assert abs(month / point.monthly_total - 1) < Decimal("1e-25")


def test_a_plan_tells_what_it_is_made_from() -> None:
    """Price, source, date, capacity and utilisation stand beside the numbers."""
    found = planned()
    assert (found.currency, found.hourly_per_replica) == ("EUR", Decimal("0.023"))
    assert (found.price_source, found.prices_as_of) == ("list prices", date(2026, 11, 1))
    assert (found.capacity, found.utilization, found.replicas) == (Decimal(1), Decimal("0.7"), 286)
    assert found.monthly_total == Money(Decimal("0.023") * 730 * 286, "EUR")
    assert found.target.name == PlannedTraffic.TARGET


def test_the_proof_of_concept_is_one_request_a_second_unless_written() -> None:
    """Left out it is 1/s, or the target if that is less; the caller's own comes before the spec's."""
    assert planned().points[0].requests_per_second == 1
    assert planned(scale={"target": {"requestsPerSecond": "0.2"}}).points[0].requests_per_second == Decimal("0.2")
    written = {**SCALE, "poc": {"requestsPerSecond": "0.05"}}
    assert planned(scale=written).points[0].requests_per_second == Decimal("0.05")
    asked = plan_of(deployment(scale=written), capacity=Decimal(1), prices=prices(), today=TODAY, poc=Decimal(7))
    assert asked.points[0].requests_per_second == 7


def test_a_minimum_of_replicas_is_paid_for_at_any_traffic() -> None:
    """Two replicas for safety cost two also where one would do."""
    found = planned(scale={**SCALE, "minimumReplicas": 5, "utilization": "50"})
    assert [p.replicas for p in found.points] == [5, 400, 800, 4000]


def test_overheads_are_everything_besides_the_pods() -> None:
    """Maintenance, monitoring, data and people are added; pods of releases by their stages and the warm former."""
    overheads = {
        "maintenanceMonthly": "400",
        "monitoringMonthly": "150",
        "dataMonthly": "80",
        "peopleMonthly": "1200.50",
        "releasesPerMonth": 4,
    }
    release = {
        "stages": [
            {"loadTest": {}},
            {"canary": {"weight": 5, "minDuration": "1h"}},
            {"canary": {"weight": 50, "minDuration": "90m", "maxDuration": "2h"}},
        ],
        "rollbackWindow": "30m",
    }
    gateway = {"gateway": {"parentRefs": [{"name": "public"}]}}
    found = planned(scale={**SCALE, "overheads": overheads}, release=release, traffic=gateway)
    hours = 4 * (Decimal("0.05") * 286 + Decimal("1.5") * 143 + Decimal("0.5") * 286)
    assert found.target.monthly_overheads == Decimal("1830.50") + hours * Decimal("0.023")
    # without a gateway the pods make the weight: 50 % are as many pods as stable has, 5 % are 5 / 95 of them
    service = planned(scale={**SCALE, "overheads": overheads}, release=release)
    more = 4 * (Decimal(5) / 95 * 286 + Decimal("1.5") * 286 + Decimal("0.5") * 286)
    assert service.target.monthly_overheads is not None
    assert abs(service.target.monthly_overheads - Decimal("1830.50") - more * Decimal("0.023")) < Decimal("1e-20")


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        ({"law": None}, "NoCapacity", "load test"),
        ({"hourly": unpriced("PricesMissing")}, "PricesMissing", "no prices are known"),
        ({"hourly": unpriced("PricesStale")}, "PricesStale", "no prices are known"),
        ({"hourly": unpriced("GpuPriceMissing")}, "GpuPriceMissing", "no prices are known"),
        ({"hourly": priced("0.01", "USD")}, "CurrencyMismatch", "in EUR and the prices of list prices are in USD"),
        ({"budget": budget(perMillionTokens="2")}, "TokensMissing", "tokensIn"),
    ],
)
def test_nothing_is_decided_on_what_is_not_known(changes: dict[str, Any], reason: str, told: str) -> None:
    """Without capacity, price, one currency or tokens there is no verdict, no limit of traffic, and no budget kept."""
    found = plan(inputs(**{"budget": budget(monthly="999999"), **changes}))
    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, reason)
    assert told in found.message
    assert found.largest_affordable is None
    assert all(point.within_budget is None for point in found.points)


def test_replicas_are_known_without_a_price() -> None:
    """How many pods it takes is told all the same; what they cost is not."""
    found = plan(inputs(hourly=unpriced(), budget=budget(monthly="1")))
    assert [point.replicas for point in found.points] == [2, 286, 572, 2858]
    assert all(point.monthly_total is None for point in found.points)
    assert found.message.startswith("200 requests/s take 286 replicas, whose price is not known")
    assert (found.currency, found.hourly_per_replica, found.monthly_total) == ("", None, None)
    assert (found.price_source, found.prices_as_of) == ("", None)


def test_amounts_of_two_currencies_are_never_put_together() -> None:
    """Euros of overheads are not added to dollars of pods, and nothing is compared."""
    found = plan(
        inputs(
            hourly=priced("0.01", "USD"),
            fixed_overheads=Decimal(5),
            api_per_thousand=Decimal(1),
            budget=budget(monthly="9"),
        )
    )
    assert all(point.monthly_total is None for point in found.points)
    assert (found.break_even, found.marginal_per_thousand, found.monthly_total) == (None, None, None)
    assert (found.currency, found.hourly_per_replica) == ("USD", Decimal("0.01"))


def test_without_a_budget_there_is_nothing_to_fail() -> None:
    """The costs are told, and that nobody limits them; also where there is no price."""
    found = plan(inputs())
    assert (found.verdict, found.reason, found.largest_affordable) == (Verdict.PASS, "NoBudget", None)
    assert found.message.endswith("0.0251 EUR for a thousand inferences; there is no budget")
    assert all(point.within_budget is None for point in found.points)
    unknown = plan(inputs(hourly=unpriced()))
    assert (unknown.verdict, unknown.reason) == (Verdict.PASS, "NoBudget")
    assert "no price: no prices are known" in unknown.message


@pytest.mark.parametrize(
    ("law", "told"),
    [
        (ScalingLaw(Decimal(10), Decimal("0.1")), "they stay below 70 requests/s, 70 % of what they carry"),
        (
            ScalingLaw(Decimal(10), Decimal(0), Decimal("0.01")),
            "at most 36.8 requests/s are planned with 10 replicas, 70 % of what they carry",
        ),
    ],
)
@pytest.mark.parametrize("hourly", [priced("0.0632"), unpriced()])
def test_a_target_that_contention_keeps_out_of_reach_fails(law: ScalingLaw, told: str, hourly: Any) -> None:  # noqa: ANN401
    """No money helps: the sentence tells how far replicas come, and no price is needed to know it."""
    found = plan(inputs(law=law, hourly=hourly, budget=budget(monthly="999999")))
    assert (found.verdict, found.reason) == (Verdict.FAIL, "TargetUnreachable")
    assert found.message.startswith("200 requests/s are out of reach")
    assert found.message.endswith(told)
    assert [point.replicas for point in found.points][1:] == [None, None, None]
    assert found.points[0].replicas == 1


def test_every_limit_of_the_budget_has_to_hold() -> None:
    """A month that is paid for does not excuse inferences that are too dear, nor the reverse; both are named."""
    dear = plan(inputs(budget=budget(monthly="20000", perThousandInferences="0.02")))
    assert (dear.verdict, dear.reason) == (Verdict.FAIL, "OverBudget")
    assert "13,195 EUR a month, within a budget of 20,000 EUR" in dear.message
    assert "0.0251 EUR for a thousand inferences, against a budget of 0.02 EUR" in dear.message
    assert dear.message.endswith("no traffic fits")
    much = plan(inputs(budget=budget(monthly="3000", perThousandInferences="0.5")))
    assert much.verdict is Verdict.FAIL
    assert "0.0251 EUR for a thousand inferences, within a budget of 0.5 EUR" in much.message
    assert plan(inputs(budget=budget(monthly="13195", perThousandInferences="0.0252"))).verdict is Verdict.PASS


def test_a_limit_for_tokens_counts_those_of_request_and_answer() -> None:
    """800 tokens in and 200 out: a thousand inferences have a million tokens."""
    kept = plan(inputs(tokens=1000, budget=budget(perMillionTokens="0.0252")))
    assert (kept.verdict, kept.target.per_million_tokens) == (Verdict.PASS, kept.target.per_thousand_inferences)
    assert "0.0251 EUR for a million tokens, within a budget of 0.0252 EUR" in kept.message
    assert plan(inputs(tokens=1000, budget=budget(perMillionTokens="0.025"))).verdict is Verdict.FAIL
    assert plan(inputs(tokens=500, budget=budget(perMillionTokens="0.0252"))).verdict is Verdict.FAIL
    for thousand, million in (("1", "0.025"), ("0.025", "1")):  # the stricter of two limits counts, whichever it is
        both = budget(perThousandInferences=thousand, perMillionTokens=million)
        assert plan(inputs(tokens=1000, budget=both)).verdict is Verdict.FAIL
    scale = {"target": {"requestsPerSecond": "200", "tokensIn": 800, "tokensOut": 200}}
    assert planned(scale=scale, budget={"currency": "EUR", "perMillionTokens": "1"}).inputs.tokens == 1000


def test_too_little_traffic_is_told_how_much_would_fit() -> None:
    """Idle replicas make each inference dear: more traffic fits, and how much there is room for."""
    found = plan(inputs(target=Decimal("0.1"), poc=Decimal("0.1"), budget=budget(perThousandInferences="0.05")))
    assert (found.verdict, found.reason) == (Verdict.FAIL, "OverBudget")
    assert found.message.endswith("at least 0.352 requests/s fit")
    bounded = plan(
        inputs(target=Decimal("0.1"), poc=Decimal("0.1"), budget=budget(monthly="100", perThousandInferences="0.05"))
    )
    assert bounded.message.endswith("at least 0.352 requests/s fit, and at most 1.4 requests/s")


def test_any_traffic_fits_a_generous_unit_limit() -> None:
    """A budget for each inference bounds no traffic when replicas do not hinder each other."""
    found = plan(inputs(budget=budget(perThousandInferences="1")))
    assert (found.verdict, found.largest_affordable) == (Verdict.PASS, None)
    assert found.message.endswith("any traffic fits")


def test_the_very_budget_is_within_the_budget() -> None:
    """What costs exactly what it may passes, and is told so; a cent less of budget does not."""
    exact: dict[str, Any] = {"law": ScalingLaw(Decimal(1000)), "hourly": priced("0.1")}
    found = plan(inputs(**exact, budget=budget(monthly="73")))
    assert found.verdict is Verdict.PASS
    assert "73 EUR a month, within a budget of 73 EUR" in found.message
    assert plan(inputs(**exact, budget=budget(monthly="72.99"))).verdict is Verdict.FAIL


def test_one_replica_is_told_as_one() -> None:
    """No plural where there is one of something."""
    found = plan(inputs(target=Decimal(1), law=ScalingLaw(Decimal(10)), budget=budget(monthly="50")))
    assert found.message.startswith("1 request/s takes 1 replica at 0.0632 EUR/h: 46.1 EUR a month, within")


def test_marginal_costs_leave_idle_time_and_overheads_out() -> None:
    """A saturated replica of one request/s answers 3,600 an hour; the plan's own cost is 1 / 0.7 of it and more."""
    found = plan(inputs(tokens=500, fixed_overheads=Decimal(100)))
    assert found.marginal_per_thousand == Decimal("0.0632") / Decimal("3.6")
    assert found.marginal_per_million_tokens == Decimal("0.0632") / Decimal("3.6") * 1000 / 500
    assert found.target.per_thousand_inferences is not None
    assert found.target.per_thousand_inferences > found.marginal_per_thousand / Decimal("0.7")


def test_the_break_even_against_an_api() -> None:
    """At 0.05 for a thousand the API costs 131.40 a month for each request/s; one replica at 46.136 is worth 0.3511."""
    found = plan(inputs(api_per_thousand=Decimal("0.05"))).break_even
    assert found is not None
    assert found.api_per_thousand == Decimal("0.05")
    assert found.requests_per_second is not None
    # where the second replica starts, at 0.7 requests/s, two cost 92.272 and the API 91.98: not yet cheaper for good
    assert abs(found.requests_per_second - Decimal("92.272") / Decimal("131.4")) < Decimal("1e-20")
    never = plan(inputs(api_per_thousand=Decimal("0.02"))).break_even
    assert never is not None
    assert never.requests_per_second is None
    assert plan(inputs()).break_even is None


@pytest.mark.parametrize(
    ("api", "per_thousand"),
    [
        ({"perThousandInferences": "1.50"}, "1.50"),
        ({"perMillionTokensIn": "0.50", "perMillionTokensOut": "2"}, "0.8"),
    ],
)
def test_the_price_of_an_api_is_for_a_thousand_inferences(api: dict[str, str], per_thousand: str) -> None:
    """By tokens it is for those of the target: 800 in at 0.50 and 200 out at 2 a million are 0.80 for a thousand."""
    scale = {"target": {"requestsPerSecond": "200", "tokensIn": 800, "tokensOut": 200}, "apiPrice": api}
    found = planned(scale=scale).break_even
    assert found is not None
    assert found.api_per_thousand == Decimal(per_thousand)


def test_what_the_pod_does_not_ask_for_is_said_not_to_be_counted() -> None:
    """A pod without a memory request has a cost that leaves memory out, and the reader is told."""
    pod = {"containers": [container(requests={"cpu": "500m"})]}
    assert planned(pod=pod).message.endswith("; memory not counted, because the pod has no request for it")
    assert "not counted" not in planned().message


@pytest.mark.parametrize("pod", [{"containers": [container()]}, {"containers": [container(requests={"cpu": "many"})]}])
def test_a_pod_that_cannot_be_priced_gives_no_verdict(pod: dict[str, Any]) -> None:
    """A spec without requests is no crash and no free lunch: nothing can be said until it has some."""
    found = planned(pod=pod)
    assert (found.verdict, found.reason) == (Verdict.NO_EVIDENCE, "CannotBePriced")
    assert "spec.serving.template.spec.containers[0].resources.requests" in found.message


def test_a_plan_needs_a_target() -> None:
    """Without spec.scale there is nothing to plan for."""
    with pytest.raises(InvalidSpec) as error:
        inputs_of(deployment(), law=None, prices=None, today=TODAY)
    assert error.value.field == "spec.scale"


def test_the_reason_of_missing_prices_is_passed_on() -> None:
    """What is wrong with the file of prices stands in the plan."""
    found = plan_of(
        deployment(scale=SCALE, budget=BUDGET),
        capacity=Decimal(1),
        prices_problem="the price table /x cannot be used",
        today=TODAY,
    )
    assert (found.reason, "the price table /x cannot be used" in found.message) == ("PricesMissing", True)
    assert planned(today=date(2028, 1, 1)).reason == "PricesStale"


def test_more_replicas_than_the_plan_takes_are_told_and_refuse_nothing() -> None:
    """A plan with 4 replicas is no comfort where 20 run and cost too much; but an autoscaler may have written them."""
    serving = {**deployment().spec.serving.model_dump(by_alias=True, exclude_none=True, mode="json"), "replicas": 20}
    known = {"scale": {"target": {"requestsPerSecond": "2.8"}}, "budget": {"currency": "EUR", "monthly": "100"}}
    found = planned(serving=serving, **known)

    assert (found.verdict, found.reason, found.replicas) == (Verdict.PASS, "WithinBudget", 4)
    assert found.message.endswith(
        "; serving.replicas asks for 20 replicas: 336 EUR a month, against a budget of 100 EUR, if that stays"
    )
    for fewer in (1, 4):
        assert "serving.replicas" not in planned(serving={**serving, "replicas": fewer}, **known).message
    free = planned(serving=serving, scale=known["scale"], budget=None).message
    assert free.endswith("there is no budget; serving.replicas asks for 20 replicas: 336 EUR a month, if that stays")


@pytest.mark.parametrize("capacity", [None, "0", "-1"])
def test_no_capacity_is_no_capacity(capacity: str | None) -> None:
    """A capacity of nothing is not divided by."""
    assert planned(capacity).reason == "NoCapacity"
    assert planned(capacity).capacity is None


def test_a_scaling_law_comes_before_a_plain_capacity() -> None:
    """Where contention was measured, it counts."""
    law = ScalingLaw(Decimal(1), Decimal("0.0001"))
    found = plan_of(deployment(scale=SCALE), capacity=Decimal(500), law=law, prices=prices(), today=TODAY)
    assert (found.capacity, found.replicas) == (Decimal(1), 295)


def test_costs_are_known_at_any_traffic() -> None:
    """A picture asks for the numbers between the points; they are those of the points where they meet."""
    made = inputs_of(deployment(scale=SCALE, budget=BUDGET), law=ScalingLaw(Decimal(1)), prices=prices(), today=TODAY)
    assert made.make_point(Decimal(200), PlannedTraffic.TARGET) == plan(made).target
    assert made.make_point(Decimal("0.1")).replicas == 1
    assert made.overlap == Overlap(
        0, tuple((Decimal(w) / (100 - w), Decimal(60) / 3600) for w in (5, 25, 50)), Decimal(600) / 3600
    )


@pytest.mark.parametrize("alpha", ["0", "0.01"])
def test_no_number_that_the_api_allows_is_too_large(alpha: str) -> None:
    """The most traffic on the least capacity at the highest price is absurd, but has a verdict."""
    spec: dict[str, Any] = {
        "scale": {"target": {"requestsPerSecond": "999999999999.999999"}, "utilization": "0.0001"},
        "budget": {"currency": "EUR", "monthly": "999999999999.999999", "perThousandInferences": "0.000001"},
    }
    table = prices(cpuHour="1e9", memoryGiBHour="1e9")
    law = ScalingLaw(Decimal("0.000000001"), Decimal(alpha))
    found = plan_of(deployment(**spec), law=law, prices=table, today=TODAY)
    assert found.verdict is Verdict.FAIL
    assert found.largest_affordable == 0
