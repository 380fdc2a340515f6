"""Capacity: replicas for a rate, and how contention is found from load tests."""

from decimal import Decimal

import pytest

from palier.economics.capacity import Fleet, Interval, ScalingLaw, fit

CONTENDED = ScalingLaw(Decimal(100), Decimal("0.05"))
RETROGRADE = ScalingLaw(Decimal(100), Decimal("0.05"), Decimal("0.01"))
TOLERANCE = Decimal("1e-20")


def replicas(rate: str | int | Decimal, law: ScalingLaw, *, minimum: int = 1, utilization: str = "0.7") -> int | None:
    """Replicas planned to 70 % for a rate."""
    return Fleet(law, Decimal(utilization), minimum).replicas(Decimal(rate))


def test_capacity_is_gunthers_law() -> None:
    """The capacity of 1, 4 and 10 replicas is what the law says on paper."""
    assert [ScalingLaw(Decimal(7)).capacity(n) for n in (1, 4, 10)] == [Decimal(7), Decimal(28), Decimal(70)]
    assert CONTENDED.capacity(1) == 100
    assert CONTENDED.capacity(4) == Decimal(400) / Decimal("1.15")
    assert RETROGRADE.capacity(10) == Decimal(1000) / Decimal("2.35")


@pytest.mark.parametrize(
    ("rate", "expected"), [("200", 286), ("0.7", 1), ("0.70001", 2), ("7", 10), ("7.0000001", 11), ("1400", 2000)]
)
def test_replicas_share_the_traffic_at_the_planned_utilization(rate: str, expected: int) -> None:
    """200 requests/s on replicas of 1 request/s, used to 70 %, take 286; a whole multiple takes no replica more."""
    assert replicas(rate, ScalingLaw(Decimal(1))) == expected


def test_exact_multiples_of_awkward_capacities_take_no_further_replica() -> None:
    """N times what one replica carries is carried by n replicas, also where the quotient has no end."""
    law = ScalingLaw(Decimal(1) / Decimal(3))
    for number in (1, 2, 3, 7, 1000, 123457):
        assert replicas(law.capacity(number) * Decimal("0.7"), law) == number


def test_there_are_never_fewer_than_the_minimum() -> None:
    """Little traffic still gets the replicas that somebody wants for safety."""
    assert replicas("0.01", ScalingLaw(Decimal(1)), minimum=3) == 3
    assert replicas("0.01", RETROGRADE, minimum=3) == 3


def test_contention_asks_for_more_replicas() -> None:
    """Each further replica adds less: the number is the first that carries the rate, and one less does not."""
    number = replicas("700", CONTENDED)
    assert number is not None
    assert CONTENDED.capacity(number) * Decimal("0.7") >= 700
    assert CONTENDED.capacity(number - 1) * Decimal("0.7") < 700
    assert number > 10


def test_what_contention_bounds_cannot_be_reached() -> None:
    """With 5 % contention all replicas together stay below 20 times one, however many there are."""
    assert CONTENDED.highest_capacity == 2000
    assert CONTENDED.peak is None
    assert replicas("1400", CONTENDED) is None
    assert replicas("1399.99", CONTENDED) is not None


def test_beyond_the_peak_replicas_only_hinder_each_other() -> None:
    """The peak is the best whole number near sqrt((1 - alpha) / beta); what it does not carry is out of reach."""
    peak = RETROGRADE.peak
    assert peak is not None
    capacities = {number: RETROGRADE.capacity(number) for number in range(1, 60)}
    assert peak == max(capacities, key=capacities.__getitem__)
    assert RETROGRADE.highest_capacity == capacities[peak]
    assert replicas(capacities[peak] * Decimal("0.7"), RETROGRADE) == peak
    assert replicas(capacities[peak] * Decimal("0.7") + Decimal("0.001"), RETROGRADE) is None


def test_more_than_the_peak_as_a_minimum_carries_less() -> None:
    """With more replicas than do good as the minimum, what they carry counts, not the peak."""
    crowd = RETROGRADE.capacity(60) * Decimal("0.7")
    assert replicas(crowd, RETROGRADE, minimum=60) == 60
    assert replicas(crowd + 1, RETROGRADE, minimum=60) is None
    assert Fleet(RETROGRADE, Decimal("0.7"), 60).most_replicas == 60


def test_a_second_replica_that_only_hinders_is_not_planned() -> None:
    """Contention of 1 and more: one replica carries as much as any number."""
    law = ScalingLaw(Decimal(100), Decimal("1.5"))
    assert (law.peak, law.highest_capacity) == (1, Decimal(100))
    assert replicas("70", law) == 1
    assert replicas("71", law) is None
    assert ScalingLaw(Decimal(100), Decimal(1)).peak == 1


@pytest.mark.parametrize(
    "parts", [("0", "0", "0"), ("-1", "0", "0"), ("NaN", "0", "0"), ("1", "-0.1", "0"), ("1", "0", "-0.1")]
)
def test_impossible_laws_are_refused(parts: tuple[str, str, str]) -> None:
    """Nothing carries nothing, and nobody's replicas help each other along."""
    with pytest.raises(ValueError, match="scaling law"):
        ScalingLaw(*map(Decimal, parts))


def test_one_capacity_says_nothing_of_contention() -> None:
    """One load test gives a proportional law between the rate that held and the one that did not."""
    found = fit([(1, Decimal(100), Decimal(105))])
    assert found.law == ScalingLaw(Decimal(100))
    assert found.gamma == Interval(Decimal(100), Decimal(105))
    assert found.alpha == Interval(Decimal(0), None)
    assert (found.superlinear, found.message) == (False, "")


def test_two_capacities_give_contention() -> None:
    """A law is found again from its capacities at 1 and 4 replicas, and its intervals hold the truth."""
    found = fit([(4, CONTENDED.capacity(4), CONTENDED.capacity(4) * Decimal("1.05")), (1, Decimal(100), Decimal(105))])
    assert abs(found.law.gamma - 100) < TOLERANCE
    assert abs(found.law.alpha - Decimal("0.05")) < TOLERANCE
    assert found.law.beta == 0
    assert found.alpha.high is not None
    assert found.alpha.low < Decimal("0.05") < found.alpha.high
    assert found.message == "4 replicas carry 3.48 times what one carries: contention 0.05, between 0.0317 and 0.0692"


def test_the_interval_follows_from_the_brackets() -> None:
    """The least contention is one replica at its low end and four at their high one, and the other way about."""
    found = fit([(1, Decimal(100), Decimal(110)), (2, Decimal(160), Decimal(180))])
    # alpha of two points: n2 c1 / c2 - 1, for n1 = 1 and n2 = 2
    assert abs(found.alpha.low - (Decimal(200) / 180 - 1)) < TOLERANCE
    assert found.alpha.high is not None
    assert abs(found.alpha.high - (Decimal(220) / 160 - 1)) < TOLERANCE
    assert abs(found.law.alpha - (Decimal(200) / 160 - 1)) < TOLERANCE


def test_a_capacity_without_an_upper_end_leaves_the_interval_open() -> None:
    """Where nothing failed, one replica may carry any more, and contention may be any larger (or smaller)."""
    first = fit([(1, Decimal(100), None), (2, Decimal(160), Decimal(180))])
    assert (first.gamma.high, first.alpha.high) == (None, None)
    assert first.alpha.low > 0
    assert first.message.endswith("contention 0.25, at least 0.111")
    second = fit([(1, Decimal(100), Decimal(110)), (2, Decimal(160), None)])
    assert second.alpha.low == 0
    assert second.alpha.high is not None


def test_the_laws_that_are_possible_span_the_contention() -> None:
    """By the rate that held or by the one that did not; what one replica held is what is counted on either way."""
    found = fit([(1, Decimal(100), Decimal(110)), (2, Decimal(160), Decimal(180))])
    assert [law.gamma for law in found.possible] == [100, 100]
    assert found.possible[0] == found.law
    assert found.possible[1].alpha == found.alpha.low
    assert fit([(1, Decimal(100), Decimal(105))]).possible == (ScalingLaw(Decimal(100)),)


def test_without_an_upper_end_no_contention_is_possible() -> None:
    """Four replicas that were asked for no more than one of them carries do not hinder each other for all one knows."""
    found = fit([(1, Decimal(100), None), (4, Decimal(100), None)])
    assert found.possible == (found.law, ScalingLaw(Decimal(100)))
    assert found.law.alpha == 1


def test_a_rate_that_held_is_not_doubted() -> None:
    """A lower rate that failed, by chance, does not put the capacity below what held."""
    assert fit([(1, Decimal(100), Decimal(90))]).gamma == Interval(Decimal(100), Decimal(100))


def test_three_capacities_give_coherency_too() -> None:
    """Gunther's law is found again from 1, 2, 4 and 8 replicas."""
    points = [(n, RETROGRADE.capacity(n), RETROGRADE.capacity(n) * Decimal("1.02")) for n in (1, 2, 4, 8)]
    found = fit(points)
    for part, truth in ((found.law.gamma, "100"), (found.law.alpha, "0.05"), (found.law.beta, "0.01")):
        assert abs(part - Decimal(truth)) < TOLERANCE
    assert found.beta.low < Decimal("0.01")
    assert found.beta.high is not None
    assert found.beta.high > Decimal("0.01")


def test_more_than_linear_is_noise_and_is_not_counted_on() -> None:
    """Two replicas that seem to carry 2.1 times one are planned as two, and it is said."""
    found = fit([(1, Decimal(100), Decimal(105)), (2, Decimal(210), Decimal(215))])
    assert found.law == ScalingLaw(Decimal(100))
    assert found.superlinear
    assert found.message == "2 replicas carry 2.1 times what one carries, more than 2: counted as 2"
    wider = fit([(1, Decimal(100), None), (2, Decimal(210), None), (4, Decimal(440), None)])
    assert (wider.law, wider.superlinear) == (ScalingLaw(Decimal(100)), True)


def test_a_part_that_would_be_below_zero_is_left_out() -> None:
    """Noise that asks for negative contention beside coherency gives the best law without it, not a negative one."""
    law = ScalingLaw(Decimal(100), Decimal(0), Decimal("0.02"))
    noisy = fit([(1, Decimal(100), None), (2, law.capacity(2) * Decimal("1.02"), None), (8, law.capacity(8), None)])
    assert noisy.law.alpha == 0
    assert noisy.law.beta > 0
    assert not noisy.superlinear


def test_proportional_capacities_have_no_contention() -> None:
    """Twice the replicas, twice the capacity: no contention, and nothing is called noise."""
    found = fit([(1, Decimal(100), Decimal(105)), (2, Decimal(200), Decimal(210))])
    assert (found.law, found.superlinear) == (ScalingLaw(Decimal(100)), False)
    assert found.message == "2 replicas carry 2 times what one carries: no contention"


def test_noise_moves_the_law_within_reason() -> None:
    """Capacities that are 3 % off give a law that is a few percent off where it was measured, not a wild one."""
    off = (Decimal("1.03"), Decimal("0.97"), Decimal("1.02"), Decimal("0.98"))
    points = [(n, RETROGRADE.capacity(n) * error, None) for n, error in zip((1, 2, 4, 8), off, strict=True)]
    law = fit(points).law
    for n in (1, 2, 4, 8):
        assert abs(law.capacity(n) / RETROGRADE.capacity(n) - 1) < Decimal("0.05")


@pytest.mark.parametrize(
    "points",
    [[], [(1, Decimal(0), None)], [(1, Decimal(1), None), (1, Decimal(2), None)], [(2, Decimal(-1), Decimal(1))]],
)
def test_capacities_must_be_of_different_fleets_and_above_zero(
    points: list[tuple[int, Decimal, Decimal | None]],
) -> None:
    """Two results for one number of replicas, or a capacity of nothing, make no law."""
    with pytest.raises(ValueError, match="different numbers of replicas"):
        fit(points)
