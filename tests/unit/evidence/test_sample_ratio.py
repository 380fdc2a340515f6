"""The served share against the weight: reference values, and only what matters is told."""

import math

import pytest
from scipy.stats import betabinom, binom

from palier.evidence.sample_ratio import multinomial_log_e, served_share


@pytest.mark.parametrize(
    ("counts", "shares", "mass", "expected"),
    [
        ((60, 40), (0.5, 0.5), 2, -0.090965),
        ((60, 40), (0.5, 0.5), 100, 0.658892),
        ((70, 30), (0.5, 0.5), 2, 6.057502),
        ((70, 30), (0.5, 0.5), 100, 3.699760),
        ((20, 90), (0.1, 0.9), 100, 1.387528),
    ],
)
def test_the_multinomial_e_value_has_its_reference_values(
    counts: tuple[int, int], shares: tuple[float, float], mass: float, expected: float
) -> None:
    """The published examples are reproduced."""
    assert multinomial_log_e(counts, shares, mass=mass) == pytest.approx(expected, abs=1e-6)


def test_it_is_a_ratio_of_scipys_distributions() -> None:
    """For two arms it is the beta-binomial over the binomial probability, with mean 1 under the weight."""
    for x in (0, 3, 40):
        expected = betabinom.logpmf(x, 40, 0.2, 1.8) - binom.logpmf(x, 40, 0.1)
        assert multinomial_log_e((x, 40 - x), (0.1, 0.9)) == pytest.approx(expected, abs=1e-9)
    mean = sum(binom.pmf(x, 40, 0.1) * math.exp(multinomial_log_e((x, 40 - x), (0.1, 0.9))) for x in range(41))
    assert mean == pytest.approx(1.0)


def test_a_route_that_sends_nothing_is_told() -> None:
    """A tenth was configured and nothing came."""
    found = served_share(0, 300, weight=10)
    assert found is not None
    assert (found.share, found.configured, found.total) == (0, 0.1, 300)
    assert found.log_e > math.log(1000)
    assert found.message == "the candidate got 0 % of 300 requests, but its weight is 10 %"


def test_twice_the_weight_is_told_once_it_is_certain() -> None:
    """The same share is chance in forty requests and certain in two thousand."""
    assert served_share(8, 32, weight=10) is None
    assert served_share(400, 1600, weight=10) is not None


def test_what_differs_only_on_paper_is_not_told() -> None:
    """A million requests prove 11 % against 10 %, and it matters to nobody."""
    assert served_share(110_000, 890_000, weight=10) is None
    assert multinomial_log_e((110_000, 890_000), (0.1, 0.9)) > 100
    assert served_share(560_000, 440_000, weight=50) is None
    assert served_share(605_000, 395_000, weight=50) is not None


@pytest.mark.parametrize(("candidate", "stable", "weight"), [(0, 0, 10), (100, 0, 100), (0, 100, 0)])
def test_without_a_comparison_nothing_is_told(candidate: int, stable: int, weight: int) -> None:
    """No requests, or a weight of nothing or everything."""
    assert served_share(candidate, stable, weight=weight) is None


@pytest.mark.parametrize(
    ("candidate", "stable", "weight", "told"),
    [
        (9960, 40, 50, "99.6 % of 10000"),
        (9999, 1, 50, "99.99 % of 10000"),
        (5000, 0, 5, "100 % of 5000"),
        (100, 3000, 10, "3.2 % of 3100"),
        (5000, 5000, 10, "50 % of 10000"),
        (3, 99_997, 10, "0.003 % of 100000"),
    ],
)
def test_the_share_is_written_as_people_write_it(candidate: int, stable: int, weight: int, told: str) -> None:
    """Never in powers of ten, and never all of the requests where some went elsewhere."""
    found = served_share(candidate, stable, weight=weight)
    assert found is not None
    assert found.message == f"the candidate got {told} requests, but its weight is {weight} %"
