"""What holds for every plan, whatever the traffic, the prices, the budget and the contention."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from palier.api.spec.budget import Budget
from palier.economics.capacity import Fleet, ScalingLaw, fit
from palier.economics.costs import Overlap, thousands
from palier.economics.measured_capacity import combine_results
from palier.economics.money import Money
from palier.economics.plan import Plan, PlanInputs, plan
from palier.economics.planning import Point
from palier.economics.prices import Priced, PriceTable, hourly
from palier.economics.quantities import quantity
from palier.economics.resources import Resources
from palier.errors import CurrencyMismatch
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from tests.support.economics.examples import TODAY, priced, unpriced
from tests.support.thorough import examples

QUICK = settings(deadline=None, max_examples=examples(50, thorough=100))
EXACT = Decimal("1e-20")
ONE = Decimal(1)


def decimals(low: str, high: str, places: int = 6) -> st.SearchStrategy[Decimal]:
    """Decimal numbers as people write them."""
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


RATES = decimals("0.000001", "100000") | st.integers(1, 10**6).map(Decimal)
PRICES = decimals("0", "100") | decimals("0.0001", "1", 4)
AMOUNTS = decimals("0.000001", "100000") | st.integers(1, 10**7).map(Decimal)
LAWS = st.builds(
    ScalingLaw,
    gamma=decimals("0.001", "1000", 3),
    alpha=st.just(Decimal(0)) | decimals("0", "1.5", 4),
    beta=st.just(Decimal(0)) | decimals("0", "0.1", 5),
)
OVERLAPS = st.builds(
    Overlap,
    per_month=st.integers(0, 100),
    stages=st.lists(st.tuples(decimals("0.01", "1", 2), decimals("0", "48", 2)), max_size=3).map(tuple),
    warm=decimals("0", "24", 2),
)


@st.composite
def budgets(draw: st.DrawFn, *, currency: str = "EUR") -> Budget:
    """A budget with at least one limit that is not for tokens."""
    monthly, unit = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    limits = {
        **({"monthly": f"{draw(AMOUNTS):f}"} if monthly else {}),
        **({"perThousandInferences": f"{draw(AMOUNTS):f}"} if unit else {}),
    }
    return Budget.model_validate({"currency": currency, **limits})


@st.composite
def all_inputs(draw: st.DrawFn, /, **given_parts: Any) -> PlanInputs:  # noqa: ANN401
    """Everything that a plan is made from, some of it given."""
    parts: dict[str, Any] = {
        "target": draw(RATES),
        "poc": draw(RATES),
        "law": draw(LAWS),
        "utilization": draw(decimals("0.0001", "0.99", 4)),
        "hourly": priced(draw(PRICES)),
        "minimum_replicas": draw(st.integers(1, 50)),
        "fixed_overheads": draw(st.just(Decimal(0)) | decimals("0", "10000", 2)),
        "overlap": draw(OVERLAPS),
        "budget": draw(st.none() | budgets()),
        "tokens": draw(st.integers(0, 5000)),
        "api_per_thousand": draw(st.none() | AMOUNTS),
    }
    return PlanInputs(**{**parts, **given_parts})


def points(made: Plan) -> list[Point]:
    """The points that have a cost."""
    return [point for point in made.points if point.monthly_total is not None]


@QUICK
@given(all_inputs(), RATES, RATES)
def test_cost_grows_with_traffic(inputs: PlanInputs, one: Decimal, other: Decimal) -> None:
    """More traffic never costs less, and never takes fewer replicas."""
    less, more = inputs.make_point(min(one, other)), inputs.make_point(max(one, other))
    if less.replicas is None:
        assert more.replicas is None
    if more.replicas is None or less.replicas is None:
        return
    assert less.replicas <= more.replicas
    for name in ("monthly_serving", "monthly_overheads", "monthly_total"):
        assert getattr(less, name) <= getattr(more, name)


@QUICK
@given(all_inputs())
def test_no_cost_is_negative_and_the_parts_are_the_whole(inputs: PlanInputs) -> None:
    """Pods and overheads are the month, a thousand inferences times their number too, tokens times theirs as well."""
    for point in points(plan(inputs)):
        serving, overheads, total = point.monthly_serving, point.monthly_overheads, point.monthly_total
        each, tokens = point.per_thousand_inferences, point.per_million_tokens
        assert serving is not None
        assert overheads is not None
        assert total is not None
        assert each is not None
        assert min(serving, overheads, each) >= 0
        assert abs(serving + overheads - total) <= total * EXACT
        inferences = thousands(point.requests_per_second)
        assert abs(each * inferences - total) <= total * EXACT
        if inputs.tokens:
            assert tokens is not None
            assert abs(tokens * inferences * inputs.tokens / 1000 - total) <= total * EXACT


@QUICK
@given(all_inputs())
def test_replicas_carry_the_traffic_and_one_less_does_not(inputs: PlanInputs) -> None:
    """Each point has the fewest replicas that are enough, but not fewer than the minimum."""
    fleet = inputs.fleet
    assert fleet is not None
    for point in inputs.points():
        if point.replicas is None:
            tried = {inputs.minimum_replicas, fleet.most_replicas or 10**9, inputs.minimum_replicas + 1}
            assert all(fleet.rate(number) < point.requests_per_second for number in tried)
            continue
        assert point.replicas >= inputs.minimum_replicas
        assert fleet.rate(point.replicas) >= point.requests_per_second
        if point.replicas > inputs.minimum_replicas:
            assert fleet.rate(point.replicas - 1) < point.requests_per_second


@QUICK
@given(all_inputs(), decimals("1", "10", 3))
def test_a_bigger_budget_never_turns_a_pass_into_a_fail(inputs: PlanInputs, factor: Decimal) -> None:
    """Every limit raised: what passed passes, and no less traffic is affordable."""
    budget = inputs.budget
    assume(budget is not None)
    assert budget is not None
    raised = {
        name: f"{(limit.decimal * factor).quantize(Decimal('0.000001')):f}"
        for name, limit in (
            ("monthly", budget.monthly),
            ("perThousandInferences", budget.per_thousand_inferences),
        )
        if limit
    }
    before = plan(inputs)
    after = plan(replace(inputs, budget=Budget.model_validate({"currency": "EUR", **raised})))
    if before.verdict is Verdict.PASS:
        assert after.verdict is Verdict.PASS
    if after.largest_affordable is not None:
        assert before.largest_affordable is not None
        assert before.largest_affordable <= after.largest_affordable


@QUICK
@given(all_inputs(budget=None), budgets(), decimals("1", "10", 3))
def test_more_capacity_never_turns_a_pass_into_a_fail(inputs: PlanInputs, budget: Budget, factor: Decimal) -> None:
    """Replicas that carry more: what passed passes, for no more money, and no less traffic is affordable."""
    law = inputs.law
    assert law is not None
    inputs = replace(inputs, budget=budget)
    before, after = plan(inputs), plan(replace(inputs, law=replace(law, gamma=law.gamma * factor)))
    if before.verdict is Verdict.PASS:
        assert after.verdict is Verdict.PASS
        assert before.monthly_total is not None
        assert after.monthly_total is not None
        assert after.monthly_total <= before.monthly_total
    if after.largest_affordable is not None:
        assert before.largest_affordable is not None
        assert before.largest_affordable <= after.largest_affordable


@QUICK
@given(all_inputs(budget=None), budgets())
def test_the_largest_affordable_traffic_is_affordable_and_the_largest(inputs: PlanInputs, budget: Budget) -> None:
    """The plan for it passes, the plan for a little more does not, and the verdict on the target agrees with it."""
    inputs = replace(inputs, budget=budget)
    made, service, limits = plan(inputs), inputs.service, inputs.limits
    assert service is not None
    assert limits is not None
    largest = made.largest_affordable
    if largest is None:  # no end: not with contention and a price, and not with a limit for the month and a price
        assert all(service.fits(10**power, limits) for power in (15, 18))
        return
    if largest:
        at_it = plan(replace(inputs, target=largest))
        assert at_it.verdict is Verdict.PASS
        assert plan(replace(inputs, target=largest * Decimal("1.000000001"))).verdict is Verdict.FAIL
        following = service.rate((at_it.replicas or 0) + 1)
        if following > largest:
            assert plan(replace(inputs, target=following)).verdict is Verdict.FAIL
    if made.verdict is Verdict.PASS:
        assert inputs.target <= largest


@QUICK
@given(all_inputs(budget=None), budgets())
def test_the_smallest_affordable_traffic_is_affordable_and_the_smallest(inputs: PlanInputs, budget: Budget) -> None:
    """From the target on: nothing below it fits, and it or what is just above it does."""
    inputs = replace(inputs, budget=budget)
    smallest = inputs.smallest_affordable()
    made = plan(inputs)
    if made.verdict is Verdict.PASS:
        assert smallest == inputs.target
    if made.reason == "TargetUnreachable":
        assert smallest is None
        return
    if smallest is None:
        assert made.verdict is Verdict.FAIL
        largest = made.largest_affordable
        assert largest is not None
        assert largest < inputs.target
        return
    assert smallest >= inputs.target
    above = smallest * Decimal("1.000000000001")
    largest = made.largest_affordable
    if largest is None or above <= largest:
        assert inputs.make_point(smallest).within_budget or inputs.make_point(above).within_budget
    if smallest > inputs.target:
        assert not inputs.make_point(max(inputs.target, smallest * Decimal("0.999999999999"))).within_budget


@QUICK
@given(all_inputs(), budgets())
def test_a_verdict_rests_on_what_is_known(inputs: PlanInputs, budget: Budget) -> None:
    """Whatever is missing, or in another currency, there is no Pass."""
    for missing in (
        replace(inputs, budget=budget, law=None),
        replace(inputs, budget=budget, hourly=unpriced()),
        replace(inputs, budget=budget, hourly=priced("0.01", "USD")),
        replace(inputs, budget=Budget.model_validate({"currency": "EUR", "perMillionTokens": "1000000"}), tokens=0),
    ):
        made = plan(missing)
        assert made.verdict is not Verdict.PASS
        assert made.largest_affordable is None
        assert not any(point.within_budget for point in made.points)
        assert made.verdict is Verdict.NO_EVIDENCE or made.reason == "TargetUnreachable"


@QUICK
@given(all_inputs(), AMOUNTS)
def test_above_the_break_even_serving_is_cheaper(inputs: PlanInputs, api: Decimal) -> None:
    """Just above it the month costs less than the API's, just below it does not; without it no replica starts so."""
    inputs = replace(inputs, api_per_thousand=api)
    found = plan(inputs).break_even
    fleet = inputs.fleet
    assert found is not None
    assert fleet is not None

    def cheaper(rate: Decimal) -> bool:
        total = inputs.make_point(rate).monthly_total
        return total is not None and total < api * thousands(rate)

    if found.requests_per_second is None:
        further = range(fleet.minimum, min(fleet.minimum + 100, fleet.most_replicas or 10**9))
        starts = [fleet.rate(number) * Decimal("1.000000001") for number in further]
        assert not any(cheaper(rate) for rate in starts)
        return
    if not found.requests_per_second:  # nothing costs anything
        assert cheaper(fleet.rate(fleet.minimum))
        return
    above = found.requests_per_second * Decimal("1.000000000001")
    assert cheaper(above) or fleet.replicas(above) is None
    assert not cheaper(found.requests_per_second * Decimal("0.999999999999"))


@QUICK
@given(LAWS, st.integers(1, 10**6), decimals("0.01", "0.99", 2))
def test_what_replicas_carry_takes_those_replicas(law: ScalingLaw, number: int, utilization: Decimal) -> None:
    """The inverse of the law: no replica more than carries a rate, up to where more replicas carry more."""
    number = min(number, law.peak or number)
    rate = law.capacity(number) * utilization
    assert Fleet(law, utilization, minimum=1).replicas(rate) == number


@QUICK
@given(LAWS, st.lists(st.integers(2, 64), min_size=1, max_size=3, unique=True), decimals("1", "1.5", 3))
def test_a_law_is_found_again_within_its_intervals(law: ScalingLaw, others: list[int], width: Decimal) -> None:
    """From exact capacities the fit finds the law, and the intervals hold it."""
    law = law if len(others) > 1 else replace(law, beta=Decimal(0))
    points = [(n, law.capacity(n), law.capacity(n) * width) for n in (1, *others)]
    found = fit(points)
    near = Decimal("1e-12")
    assert abs(found.law.gamma - law.gamma) <= law.gamma * near
    assert abs(found.law.alpha - law.alpha) <= near
    assert abs(found.law.beta - law.beta) <= near
    for interval, part in ((found.gamma, law.gamma), (found.alpha, law.alpha), (found.beta, law.beta)):
        assert interval.low <= part + near * max(part, ONE)
        assert interval.high is None or interval.high >= part - near * max(part, ONE)


@QUICK
@given(
    st.lists(st.tuples(decimals("1", "1000", 2), decimals("1", "2", 2) | st.none()), min_size=1, max_size=4),
)
def test_any_capacities_make_a_possible_law(measured: list[tuple[Decimal, Decimal | None]]) -> None:
    """Noise of any kind gives a law with parts of zero or more, within its own intervals."""
    points = [(2**index, low, low * width if width else None) for index, (low, width) in enumerate(measured)]
    found = fit(points)
    assert found.law.gamma > 0
    assert min(found.law.alpha, found.law.beta) >= 0
    for interval, part in (
        (found.gamma, found.law.gamma),
        (found.alpha, found.law.alpha),
        (found.beta, found.law.beta),
    ):
        assert interval.low <= part
        assert interval.high is None or part <= interval.high


@QUICK
@given(AMOUNTS, AMOUNTS, st.sampled_from(["EUR", "USD", "JPY"]), st.sampled_from(["EUR", "USD", "JPY"]))
def test_only_one_currency_is_computed_with(one: Decimal, other: Decimal, first: str, second: str) -> None:
    """The same currency adds up and compares as numbers do; two currencies do neither."""
    if first == second:
        assert (Money(one, first) + Money(other, second)).amount == one + other
        assert (Money(one, first) < Money(other, second)) == (one < other)
        return
    with pytest.raises(CurrencyMismatch):
        Money(one, first) + Money(other, second)
    with pytest.raises(CurrencyMismatch):
        _ = Money(one, first) < Money(other, second)


@QUICK
@given(st.integers(0, 10**6), st.sampled_from("num kMGTPE"), st.sampled_from("KMGTPE"))
def test_quantities_are_the_same_in_every_unit(number: int, decimal_unit: str, binary_unit: str) -> None:
    """A thousand of a unit is one of the next, and 1,024 of a binary one."""
    units = "num kMGTPE"
    suffix = decimal_unit.strip()
    following = units.index(decimal_unit) + 1
    if following < len(units):
        assert quantity(f"{number * 1000}{suffix}") == quantity(f"{number}{units[following].strip()}")
    assert quantity(f"{number}{binary_unit}i") == number * Decimal(1024) ** ("KMGTPE".index(binary_unit) + 1)
    assert quantity(f"{number}e3") == quantity(f"{number}k") == number * 1000


@QUICK
@given(decimals("0", "64", 3), decimals("0", "512", 3), st.integers(0, 8), PRICES, PRICES, PRICES)
def test_an_hour_is_the_sum_of_what_is_asked_for(
    cpu: Decimal, memory: Decimal, gpus: int, core: Decimal, gibibyte: Decimal, gpu: Decimal
) -> None:
    """Resources times prices, to the last digit, and never negative."""
    table = PriceTable("EUR", "list", TODAY, core, gibibyte, {"L4": gpu})
    found = hourly(Resources(cpu, memory, {"L4": gpus} if gpus else {}), table, node_selector={}, today=TODAY)
    assert isinstance(found, Priced)
    assert found.money == Money(cpu * core + memory * gibibyte + gpus * gpu, "EUR")


@QUICK
@given(
    all_inputs(),
    st.lists(st.tuples(decimals("1", "100", 2), st.none() | decimals("1", "1.2", 2)), min_size=1, max_size=4),
)
def test_contention_that_is_open_neither_refuses_nor_passes(
    given_inputs: PlanInputs, capacities: list[tuple[Decimal, Decimal | None]]
) -> None:
    """Fail takes every law that the load tests allow, and Pass the one of the rates that held."""
    results = [
        (
            2**index,
            LoadTestResult(Verdict.PASS, "CapacityFound", "", capacity=rate, ceiling=None if up is None else rate * up),
        )
        for index, (rate, up) in enumerate(capacities)
    ]
    known = combine_results(results)

    def with_law(law: ScalingLaw | None) -> Plan:
        return plan(replace(given_inputs, law=law))

    found, fitted = known.make_plan(with_law), with_law(known.law)
    assert known.found is not None
    possible = {with_law(law).verdict for law in known.found.possible}
    if fitted.verdict is Verdict.FAIL:
        assert found.verdict is (Verdict.NO_EVIDENCE if Verdict.PASS in possible else Verdict.FAIL)
    else:
        assert found == fitted
    assert found.points == fitted.points
