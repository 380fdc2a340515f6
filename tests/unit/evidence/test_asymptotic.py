"""The asymptotic confidence sequence: published values, an independent implementation, and Welford's sums."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
import ville

from palier.evidence.asymptotic import NO_MOMENTS, TUNED_FOR, Moments, margin_one_sided, margin_two_sided


def seen(values: Iterable[float]) -> Moments:
    """The moments of values, one by one."""
    moments = NO_MOMENTS
    for value in values:
        moments = moments.plus(float(value))
    return moments


@pytest.mark.parametrize(("looks", "expected"), [(5000, 0.0429243), (100, 0.6694389)])
def test_two_sided_margins_have_their_reference_values(looks: int, expected: float) -> None:
    """A standard deviation of 1, 95 %, tuned for 5,000 values."""
    moments = Moments(looks, 0.0, looks - 1.0)
    assert margin_two_sided(moments, alpha=0.05, tuned_for=5000) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("looks", "expected"), [(20, 0.777884), (60, 0.433154), (120, 0.308507)])
def test_one_sided_margins_have_their_reference_values(looks: int, expected: float) -> None:
    """A standard deviation of 1, 1 %, tuned for 60 values, which is what the engine uses."""
    assert TUNED_FOR == 60
    assert margin_one_sided(Moments(looks, 0.0, looks - 1.0), alpha=0.01) == pytest.approx(expected, abs=1e-6)


def test_two_sided_margins_are_those_of_another_implementation() -> None:
    """The package ville gives the same bounds for the same values and tuning, at every look."""
    values = np.random.default_rng(20_280).lognormal(0, 1.2, 200)
    other = ville.AsymptoticCS(alpha=0.05, t_opt=60, min_samples=2)
    tuned_for = other.rho_ * (2 * math.log(20) + math.log1p(2 * math.log(20)))
    for number, value in enumerate(values, start=1):
        other.update(value)
        if number < 3:
            continue
        moments = seen(values[:number])
        margin = margin_two_sided(moments, alpha=0.05, tuned_for=tuned_for)
        low, high = other.interval()
        assert (moments.mean - margin, moments.mean + margin) == pytest.approx((low, high), rel=1e-9)


def test_moments_are_exact_far_from_zero() -> None:
    """Mean and deviation of values around a billion lose no digits."""
    values = [1e9 + step for step in (0.0, 1.0, 2.0, 3.0)]
    moments = seen(values)
    assert (moments.mean, moments.deviation) == pytest.approx((1e9 + 1.5, float(np.std(values, ddof=1))), rel=1e-12)


def test_a_single_value_has_no_deviation() -> None:
    """One value says nothing about spread."""
    assert seen([3.0]).deviation == 0
    assert Moments.from_status(seen([3.0]).to_status()) == seen([3.0])


@pytest.mark.parametrize("moments", [(-1, 0.0, 0.0), (1, math.nan, 0.0), (1, 0.0, -1.0), (1, 0.0, math.inf)])
def test_impossible_moments_are_refused(moments: tuple[int, float, float]) -> None:
    """What was tampered with is an error."""
    with pytest.raises(ValueError, match="impossible moments"):
        Moments(*moments)
