"""Which traffic a budget has room for: checked against every number of replicas, one by one."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from palier.economics.affordable import Service, break_even, largest_affordable, smallest_affordable
from palier.economics.capacity import ScalingLaw
from palier.economics.costs import Limits, MonthlyCost, Overlap, thousands

NO_OVERLAP = Overlap(0)
RELEASES = Overlap(20, ((Decimal("0.05"), Decimal(24)), (Decimal("0.5"), Decimal(24))), Decimal(1))
LINEAR = ScalingLaw(Decimal(10))
BOUNDED = ScalingLaw(Decimal(10), Decimal("0.02"))
PEAKED = ScalingLaw(Decimal(10), Decimal("0.02"), Decimal("0.0005"))


def service(
    law: ScalingLaw = LINEAR, *, hourly: str = "0.1", fixed: str = "0", overlap: Overlap = NO_OVERLAP, minimum: int = 1
) -> Service:
    """Replicas that are planned to half of their capacity: 5 requests/s for the first one, 73 a month each."""
    return Service(law, Decimal("0.5"), minimum, MonthlyCost(Decimal(hourly), Decimal(fixed), overlap))


def limits(monthly: str | None = None, per_thousand: str | None = None) -> Limits:
    """A budget."""
    return Limits(Decimal(monthly) if monthly else None, Decimal(per_thousand) if per_thousand else None)


def fits(of: Service, budget: Limits, rate: Decimal) -> bool:
    """Whether a rate is within a budget, by the definition alone."""
    replicas = of.replicas(rate)
    return replicas is not None and budget.hold(of.cost.total(replicas), rate)


def by_looking(of: Service, budget: Limits, numbers: Sequence[int]) -> Decimal:
    """The largest affordable traffic, found by trying every number of replicas."""
    return max((of.rate(n) for n in numbers if fits(of, budget, of.rate(n))), default=Decimal(0))


def test_a_month_is_paid_for_as_many_replicas_as_fit() -> None:
    """73 a month each: 300 pay for four replicas, which carry 20 requests/s; 292 are exactly four."""
    assert largest_affordable(service(), limits("300")) == 20
    assert largest_affordable(service(), limits("292")) == 20
    assert largest_affordable(service(), limits("291.99")) == 15


def test_nothing_fits_a_budget_below_the_least_that_runs() -> None:
    """A minimum of replicas and the overheads have to be paid for whatever the traffic."""
    assert largest_affordable(service(), limits("72.99")) == 0
    assert largest_affordable(service(minimum=3), limits("218")) == 0
    assert largest_affordable(service(minimum=3), limits("219")) == 15
    assert largest_affordable(service(fixed="100"), limits("172")) == 0
    assert largest_affordable(service(fixed="100"), limits("173")) == 5


def test_a_cheap_unit_fits_any_traffic() -> None:
    """A saturated replica costs 73 for 13,140 thousand inferences: a limit above that bounds no traffic."""
    unit = Decimal(73) / thousands(Decimal(5))
    assert largest_affordable(service(), limits(per_thousand=str(unit * 2))) is None
    assert largest_affordable(service(fixed="1000"), limits(per_thousand=str(unit * 2))) is None
    assert largest_affordable(service(), limits(per_thousand=str(unit / 2))) == 0
    assert largest_affordable(service(), limits()) is None


def test_a_unit_that_costs_exactly_the_limit() -> None:
    """At the very price of saturated replicas any number of them fits, and none once there are overheads."""
    exact = service(hourly="3.6")  # 2,628 a month for 13,140 thousand: 0.2 for each
    assert largest_affordable(exact, limits(per_thousand="0.2")) is None
    assert largest_affordable(service(hourly="3.6", fixed="0.01"), limits(per_thousand="0.2")) == 0
    assert largest_affordable(exact, limits("10000", "0.2")) == 15


def test_overheads_are_spread_over_traffic() -> None:
    """With 1,000 of overheads inferences are cheap enough from some traffic on, up to what a month pays for."""
    of, budget = service(fixed="1000"), limits("2000", "0.02")
    assert largest_affordable(of, budget) == by_looking(of, budget, range(1, 40)) == 65
    least = smallest_affordable(of, budget, at=Decimal("0.1"))
    assert least is not None
    assert fits(of, budget, least + Decimal("0.0001"))
    assert not fits(of, budget, least - Decimal("0.0001"))
    assert Decimal(20) < least < Decimal(65)


def test_little_traffic_on_an_idle_replica_needs_more_of_it() -> None:
    """One replica at 73 a month is worth 0.05 for a thousand from 1,460 thousand inferences on."""
    least = smallest_affordable(service(), limits(per_thousand="0.05"), at=Decimal("0.1"))
    assert least is not None
    assert abs(thousands(least) - 1460) < Decimal("1e-18")
    assert smallest_affordable(service(), limits(per_thousand="0.05"), at=Decimal(3)) == 3
    assert smallest_affordable(service(), limits("73"), at=Decimal(3)) == 3
    assert smallest_affordable(service(), limits("73"), at=Decimal(6)) is None
    assert smallest_affordable(service(), limits(per_thousand="0.001"), at=Decimal(3)) is None
    assert smallest_affordable(service(PEAKED), limits(per_thousand="1"), at=Decimal(10**6)) is None


def test_the_next_replica_can_be_what_makes_it_affordable() -> None:
    """Just above what one replica carries, two are half idle: the limit holds again when the second one has work."""
    of, budget = service(), limits(per_thousand="0.006")
    assert not fits(of, budget, Decimal("5.01"))
    least = smallest_affordable(of, budget, at=Decimal("5.01"))
    assert least is not None
    assert of.replicas(least) == 2
    assert fits(of, budget, least + Decimal("0.0001"))
    assert not fits(of, budget, least - Decimal("0.0001"))


@pytest.mark.parametrize("law", [LINEAR, BOUNDED, PEAKED, ScalingLaw(Decimal(10), Decimal("1.2"))])
@pytest.mark.parametrize("overlap", [NO_OVERLAP, RELEASES])
@pytest.mark.parametrize("fixed", ["0", "400"])
@pytest.mark.parametrize("minimum", [1, 5, 60])
@pytest.mark.parametrize(
    "budget", [limits("2000"), limits("9000", "0.02"), limits("9000", "0.0075"), limits("100000", "0.009"), limits("1")]
)
def test_the_largest_is_what_trying_every_number_finds(
    law: ScalingLaw, overlap: Overlap, fixed: str, minimum: int, budget: Limits
) -> None:
    """Halving finds the same as looking at all numbers of replicas, and the traffic just above it does not fit."""
    of = service(law, overlap=overlap, fixed=fixed, minimum=minimum)
    last = of.most_replicas or 3000
    found = largest_affordable(of, budget)
    assert found == by_looking(of, budget, range(minimum, max(minimum, last) + 1))
    if found:
        assert fits(of, budget, found)
        assert not fits(of, budget, found * Decimal("1.000001"))


@pytest.mark.parametrize("law", [BOUNDED, PEAKED])
def test_contention_ends_what_a_unit_limit_allows(law: ScalingLaw) -> None:
    """Replicas that wait for one another make inferences dearer, so that a unit limit bounds the traffic by itself."""
    of, budget = service(law, fixed="50"), limits(per_thousand="0.009")
    found = largest_affordable(of, budget)
    assert found == by_looking(of, budget, range(1, of.most_replicas or 3000))
    assert found


def test_a_replica_without_a_price_is_paid_for_by_any_budget() -> None:
    """On machines that cost nothing more, traffic has no bound but that of the law."""
    assert largest_affordable(service(hourly="0"), limits("1")) is None
    assert largest_affordable(service(PEAKED, hourly="0"), limits("1")) == service(PEAKED).rate(
        service(PEAKED).most_replicas or 0
    )
    assert largest_affordable(service(hourly="0", fixed="2"), limits("1")) == 0


def test_serving_is_cheaper_than_buying_from_some_traffic_on() -> None:
    """At 0.05 for a thousand, 73 a month are worth it above 1,460 thousand inferences; each further replica is, too."""
    found = break_even(service(), Decimal("0.05"))
    assert found is not None
    assert abs(thousands(found) - 1460) < Decimal("1e-18")


def test_serving_that_costs_more_for_each_is_never_cheaper() -> None:
    """A saturated replica that costs more than the API does not become cheaper by being many."""
    unit = Decimal(73) / thousands(Decimal(5))
    assert break_even(service(), unit * Decimal("0.99")) is None
    assert break_even(service(), unit) is None
    assert break_even(service(hourly="3.6"), Decimal("0.2")) is None
    assert break_even(service(fixed="100000"), unit * Decimal("1.01")) is not None


@pytest.mark.parametrize("law", [LINEAR, BOUNDED, PEAKED])
@pytest.mark.parametrize("overlap", [NO_OVERLAP, RELEASES])
@pytest.mark.parametrize("price", ["0.0065", "0.0085", "0.012", "0.05"])
@pytest.mark.parametrize("minimum", [1, 4])
@pytest.mark.parametrize("fixed", ["0", "100"])
def test_above_the_break_even_all_traffic_is_cheaper(
    law: ScalingLaw, overlap: Overlap, price: str, minimum: int, fixed: str
) -> None:
    """Also where a further replica starts; below it there is traffic that is dearer (as far as contention allows)."""
    of, each = service(law, overlap=overlap, fixed=fixed, minimum=minimum), Decimal(price)

    def cheaper(replicas: int, rate: Decimal) -> bool:
        return of.cost.total(replicas) < each * thousands(rate)

    found = break_even(of, each)
    starts = [n for n in range(minimum, (of.most_replicas or 400)) if cheaper(n + 1, of.rate(n) * Decimal("1.0000001"))]
    if found is None:
        assert not starts
        return
    above = found * Decimal("1.0000001")
    replicas = of.replicas(above)
    assert replicas is not None
    assert cheaper(replicas, above)
    assert replicas in starts
    assert not cheaper(replicas, found * Decimal("0.9999999"))
    assert starts == list(range(replicas, starts[-1] + 1))


@pytest.mark.parametrize("law", [LINEAR, BOUNDED, PEAKED])
@pytest.mark.parametrize(
    "budget",
    [
        limits("9000", "0.02"),
        limits("900", "0.02"),
        limits(per_thousand="0.009"),
        limits(per_thousand="0.009696"),  # with contention alone kept by 16 replicas, and by none beside them
        limits(per_thousand="0.010408"),  # with coherency too by 12
    ],
)
@pytest.mark.parametrize("at", ["0.1", "5.5", "21", "80"])
def test_the_smallest_is_what_trying_every_number_finds(law: ScalingLaw, budget: Limits, at: str) -> None:
    """The first number of replicas that keeps the limits at all tells the traffic from which on it does."""
    of, rate = service(law, fixed="400"), Decimal(at)
    found = smallest_affordable(of, budget, at=rate)
    first = of.replicas(rate)
    possible = range(first, (of.most_replicas or 1000) + 1) if first else ()
    number = next((n for n in possible if fits(of, budget, of.rate(n))), None)
    if number is None:
        assert found is None
        return
    assert found is not None
    assert of.replicas(found) == number
    assert found == rate or not fits(of, budget, found * Decimal("0.999999"))
    assert fits(of, budget, found * Decimal("1.0000001"))


def test_the_last_replica_alone_can_make_serving_cheaper() -> None:
    """With large overheads only the most traffic that contention lets through is worth them."""
    of = service(PEAKED, fixed="1000000")
    last = of.most_replicas
    assert last is not None
    total = of.cost.total(last)
    price = total / (thousands(of.rate(last)) + thousands(of.rate(last - 1))) * 2
    assert break_even(of, price) == total / (price * thousands(Decimal(1)))


def test_what_comes_before_the_last_replica_can_be_dearer() -> None:
    """Two replicas at most, the second of which starts too dear: cheaper for good only with some of its own traffic."""
    of = service(ScalingLaw(Decimal(10), Decimal("0.3"), Decimal("0.2")))
    assert of.most_replicas == 2
    price = Decimal(73) / thousands(Decimal(5)) * Decimal("1.8")
    found = break_even(of, price)
    assert found is not None
    assert of.rate(1) < found < of.rate(2)
    assert abs(found - Decimal(146) / (price * thousands(Decimal(1)))) < Decimal("1e-20")


def test_serving_on_the_last_useful_replica_can_be_cheaper_too() -> None:
    """Where a second replica only hinders, what the first one carries is all there is to compare."""
    alone = service(ScalingLaw(Decimal(10), Decimal("1.2")))
    found = break_even(alone, Decimal("0.05"))
    assert found is not None
    assert abs(thousands(found) - 1460) < Decimal("1e-18")
    assert break_even(alone, Decimal("0.001")) is None
    # between the price of one replica at its most and that of two
    price = Decimal(100) / thousands(Decimal(5))
    assert break_even(alone, price) == Decimal(73) / (price * thousands(Decimal(1)))


def test_pods_of_releases_are_paid_for_by_their_hours() -> None:
    """Two releases: at 5 % one pod of four for an hour, at 50 % two, then all four stay warm for half an hour."""
    overlap = Overlap(2, ((Decimal("0.05"), Decimal(1)), (Decimal("0.5"), Decimal(1))), Decimal("0.5"))
    assert overlap.replica_hours(4) == 2 * (1 + 2 + 2)
    assert overlap.replica_hours(1) == 2 * (1 + 1 + Decimal("0.5"))
    cost = MonthlyCost(Decimal("0.1"), Decimal(7), overlap)
    assert cost.overheads(4) == 7 + Decimal("0.1") * 10
    assert cost.total(4) == Decimal("0.1") * (4 * 730 + 10) + 7
    assert cost.cost_of_one_more == Decimal("0.1") * (730 + 2 * (Decimal("0.05") + Decimal("0.5") + Decimal("0.5")))
