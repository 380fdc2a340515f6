"""Intervals that hold at every look: edges, an independent solution, reference values, coverage."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betaln

from palier.evidence.asymptotic import Moments
from palier.evidence.interval import mean_interval, normal_mixture_bound, score_interval, share_interval


def log_e(share: float, bad: float, total: float) -> float:
    """Log e-value of the Beta(1/2, 1/2) mixture against one share, written with scipy."""
    mixed = betaln(bad + 0.5, total - bad + 0.5) - betaln(0.5, 0.5)
    return float(mixed - bad * math.log(share) - (total - bad) * math.log1p(-share))


@pytest.mark.parametrize(
    ("bad", "total"),
    [
        *((1, 50), (14, 270), (15, 50), (49, 50), (700, 1000), (3, 10**6)),
        *((1.25, 50), (14.5, 270), (48.7, 50), (2.6, 10**6)),
    ],
)
def test_the_ends_are_where_the_e_value_reaches_twenty(bad: float, total: int) -> None:
    """Both ends agree with a root finder on the formula, also for fractions of an event."""
    middle = bad / total
    low = brentq(lambda share: log_e(share, bad, total) - math.log(20), 1e-12, middle, xtol=1e-14)
    high = brentq(lambda share: log_e(share, bad, total) - math.log(20), middle, 1 - 1e-12, xtol=1e-14)
    assert share_interval(bad, total) == pytest.approx((low, high), rel=1e-6)


def test_the_edges_are_closed() -> None:
    """Nothing bad begins at 0, nothing but bad ends at 1, nothing at all says nothing."""
    low, high = share_interval(0, 100) or (-1, -1)
    assert low == 0
    assert 0.03 < high < 0.08
    assert share_interval(100, 100) == pytest.approx((1 - high, 1.0))
    assert share_interval(0, 0) is None
    assert share_interval(0, 1) == pytest.approx((0.0, 1 - 1 / 40), abs=1e-6)


def test_less_than_one_event_reaches_to_the_edge() -> None:
    """So small a sum excludes nothing below it, and what is said above it is exact."""
    low, high = share_interval(0.3, 100) or (-1, -1)
    assert low == 0
    assert log_e(high, 0.3, 100) == pytest.approx(math.log(20), rel=1e-6)
    assert share_interval(99.7, 100) == pytest.approx((1 - high, 1.0))


def test_a_bracketed_share_has_the_wider_interval() -> None:
    """Surely bad give the lower end, possibly bad the upper one, each wrong with half the probability."""
    low, high = share_interval(10, 1000, bad_possible=60) or (-1, -1)
    assert log_e(low, 10, 1000) == pytest.approx(math.log(40), rel=1e-6)
    assert log_e(high, 60, 1000) == pytest.approx(math.log(40), rel=1e-6)
    assert low < (share_interval(10, 1000) or (-1, -1))[0]
    assert high > (share_interval(60, 1000) or (-1, 2))[1]
    assert share_interval(10, 1000, bad_possible=10) == share_interval(10, 1000)


@pytest.mark.parametrize("total", [10**12, 2**53])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.01, 0.5, 0.999, 1.0])
def test_any_number_of_events_has_an_interval(total: int, share: float) -> None:
    """Also the largest counts that counters can hold."""
    bad = round(total * share)
    low, high = share_interval(bad, total) or (-1, -1)
    assert 0 <= low <= bad / total + 1e-9
    assert bad / total - 1e-9 <= high <= 1


def test_it_covers_the_truth_at_every_look_at_once() -> None:
    """Read after every ten of a thousand requests, at most 5 % of the releases ever exclude the true share."""
    random = np.random.default_rng(20_290)
    missed = 0
    for _ in range(200):
        bad = np.cumsum(random.binomial(10, 0.05, 100))
        spans = [share_interval(int(x), 10 * (look + 1)) or (0.0, 1.0) for look, x in enumerate(bad)]
        missed += any(not low <= 0.05 <= high for low, high in spans)
    assert missed <= 10


@pytest.mark.parametrize(("variance", "expected"), [(100, 30.35209)])
def test_the_normal_mixture_has_its_reference_value(variance: float, expected: float) -> None:
    """The published bound at a variance of 100, tuned for it, 5 %."""
    assert normal_mixture_bound(variance, alpha=0.05, tuned_for=100) == pytest.approx(expected, abs=1e-5)


def test_a_score_stays_between_0_and_1() -> None:
    """The interval of a score is clipped to what is possible, and narrows with looks."""
    low, high = score_interval(Moments(400, 0.95, 1.0)) or (-1, -1)
    assert (high, 0.8 < low < 0.95) == (1.0, True)
    assert score_interval(Moments()) is None


def test_a_mean_needs_two_values() -> None:
    """One value has no spread, so it has no interval."""
    assert mean_interval(Moments(1, 1.0, 0.0)) is None
    low, high = mean_interval(Moments(60, 1.0, 59.0), shift=5.0) or (0, 0)
    assert low + high == pytest.approx(12.0)
