"""Bets on the mean of values between 0 and 1: reference values, an independent implementation, fair games."""

import math

import pytest

from palier.evidence.bets import log_mean
from palier.evidence.betting import BETS, gains

VALUES = (0.6, 0.7, 0.4, 0.8, 0.9, 0.5, 0.7, 0.6, 0.8, 0.7)


def test_the_grid_has_its_reference_value() -> None:
    """Ten values against a mean of 1/2: the average over the grid grows to 4.035980."""
    totals = [math.fsum(logs) for logs in zip(*(gains(value, bound=0.5) for value in VALUES), strict=True)]
    assert math.exp(log_mean(totals)) == pytest.approx(4.035980, abs=1e-6)


def test_each_bet_is_the_product_of_its_definition() -> None:
    """The third bet stakes 3/4 times 3/10 over the bound."""
    stake = 0.75 * 0.3 / 0.4
    assert gains(0.9, bound=0.4)[2] == pytest.approx(math.log(1 + stake * 0.5))


@pytest.mark.parametrize("bound", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("low", [0.0, 0.01])
def test_every_bet_is_fair_at_the_bound(bound: float, low: float) -> None:
    """Enumerating a value of two outcomes whose mean is the bound: every factor has mean 1."""
    chance = (bound - low) / (1 - low)
    for bet in range(BETS):
        mean = chance * math.exp(gains(1.0, bound=bound)[bet]) + (1 - chance) * math.exp(gains(low, bound=bound)[bet])
        assert mean == pytest.approx(1.0)


def test_no_value_ruins_a_bet() -> None:
    """Even a value of 0 leaves a quarter of the boldest bet."""
    assert gains(0.0, bound=0.3)[-1] == pytest.approx(math.log(0.25))
