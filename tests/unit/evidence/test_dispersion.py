"""Failures that come together are recognized by shares that jump from look to look."""

import math

import numpy as np
import pytest
from scipy.stats import hypergeom

from palier.evidence.dispersion import NO_JUMPS, Jumps, temper_gain


@pytest.mark.parametrize(("before", "after", "bad"), [(300, 300, 4), (400, 500, 4), (7, 3, 1), (5, 5, 9)])
def test_one_pair_of_looks_has_mean_one_while_the_share_stands_still(before: int, after: int, bad: int) -> None:
    """Enumerating how the bad events fall into the two looks: the statistic's mean is exactly 1."""
    distribution = hypergeom(before + after, bad, after)
    mean = sum(
        distribution.pmf(x) * NO_JUMPS.add_look(bad - x, before, x, after).total
        for x in range(max(0, bad - before), min(bad, after) + 1)
    )
    assert mean == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("looks", [(0, 10, 0, 10), (10, 10, 10, 10), (3, 10, 0, 0), (0, 0, 3, 10)])
def test_looks_that_cannot_jump_say_nothing(looks: tuple[int, int, int, int]) -> None:
    """Without bad or good events, or without a neighbour, there is no pair."""
    assert NO_JUMPS.add_look(*looks) == NO_JUMPS


def run(random: np.random.Generator, *, correlation: float, looks: int = 120, share: float = 0.005) -> Jumps:
    """The jumps of an arm with 3,000 requests per look."""
    jumps, before = NO_JUMPS, (0, 0)
    for _ in range(looks):
        odds = (1 - correlation) / correlation if correlation else 0.0
        now = float(random.beta(share * odds, (1 - share) * odds)) if correlation else share
        after = (int(random.binomial(3000, now)), 3000)
        jumps, before = jumps.add_look(*before, *after), after
    return jumps


def test_independent_failures_keep_their_full_weight() -> None:
    """In thirty hours of independent failures hardly any gain is weakened, and none by much."""
    random = np.random.default_rng(20_270)
    effects = [run(random, correlation=0.0).design_effect for _ in range(30)]
    assert sum(effect > 1 for effect in effects) <= 5
    assert max(effects) < 1.5


def test_failures_that_come_together_are_seen() -> None:
    """A correlation of 0.01 within looks of 3,000 requests makes a design effect of 31; most of it is found."""
    random = np.random.default_rng(20_271)
    effects = [run(random, correlation=0.01).design_effect for _ in range(30)]
    assert 15 < float(np.median(effects)) < 40


def test_a_regression_is_no_jumping() -> None:
    """A step from 0.5 % to 1.5 % in the middle moves one pair of a hundred and weakens nothing."""
    random = np.random.default_rng(20_272)
    jumps, before = NO_JUMPS, (0, 0)
    for look in range(100):
        after = (int(random.binomial(300, 0.005 if look < 50 else 0.015)), 300)
        jumps, before = jumps.add_look(*before, *after), after
    assert jumps.design_effect < 1.1


def test_a_sudden_death_is_no_jumping_either() -> None:
    """From no failure in ten thousand to every second request: the one huge jump counts as eight, and is forgotten."""
    jumps = NO_JUMPS.add_look(10, 10_000, 50, 100)
    assert jumps == Jumps(1, 8.0)
    for _ in range(4):
        jumps = jumps.add_look(50, 100, 50, 100)
    assert jumps.design_effect < 1.5


def test_gains_are_weakened_and_losses_are_not() -> None:
    """Tempering only ever lowers what a look says, so no test becomes wrong by it."""
    assert (temper_gain(3.0, 2.0), temper_gain(-3.0, 2.0), temper_gain(3.0, 1.0)) == (1.5, -3.0, 3.0)


@pytest.mark.parametrize("jumps", [(-1, 0.0), (1, -1.0), (1, math.nan), (1, math.inf)])
def test_impossible_jumps_are_refused(jumps: tuple[int, float]) -> None:
    """What was tampered with is an error."""
    with pytest.raises(ValueError, match="impossible jumps"):
        Jumps(*jumps)
