"""The evidence for a change is an e-value: at most 1 on average where nothing has changed, exactly, and large else."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import chdtri, chndtrinc, comb

from palier.watch.features.homogeneity import find_log_evidence, find_needed_events


def mean_of_all_tables(totals: tuple[int, ...], size: int, *, ordered: int | None) -> float:
    """The mean of the e-value over every way in which chance may divide these events, `size` to the window."""
    ways = [way for way in itertools.product(*(range(total + 1) for total in totals)) if sum(way) == size]
    current = np.array(ways)
    weights = np.prod([comb(total, current[:, place]) for place, total in enumerate(totals)], axis=0)
    e = np.exp(find_log_evidence(np.array(totals) - current, current, ordered=ordered))
    return float((weights * e).sum() / weights.sum())


@pytest.mark.parametrize("ordered", [None, 0, 1])
@pytest.mark.parametrize(
    ("totals", "size"),
    [
        ((4, 4), 4),
        ((30, 2), 8),
        ((1, 60), 3),
        ((9, 8, 7), 6),
        ((20, 1, 1), 11),
        ((3, 3, 3, 3), 5),
        ((2, 9, 0, 5, 1), 8),
    ],
)
def test_its_mean_is_at_most_1(totals: tuple[int, ...], size: int, ordered: int | None) -> None:
    """Over all tables with the same margins, each as likely as chance makes it: exactly, however few events."""
    assert mean_of_all_tables(totals, size, ordered=ordered) <= 1 + 1e-9


def test_it_is_small_where_nothing_has_changed() -> None:
    """It reaches 20 in fewer than one of twenty windows, also in bins that are rare."""
    random = np.random.default_rng(1)
    for shares in (np.full(10, 0.1), np.array([0.9, 0.05, 0.03, 0.01, 0.005, 0.005])):
        r, c = random.multinomial(20_000, shares, size=20_000), random.multinomial(200, shares, size=20_000)
        log_e = find_log_evidence(r, c, ordered=0)
        assert (log_e >= math.log(20)).mean() < 0.01
        assert np.exp(log_e).mean() <= 1


@pytest.mark.parametrize(("psi", "bins"), [(0.1, 2), (0.1, 10), (0.3, 10), (0.1, 20)])
def test_the_number_of_events_that_is_needed(psi: float, bins: int) -> None:
    """With as many events as are asked for, about nine of ten changes of that size are found."""
    random = np.random.default_rng(4)
    shares = np.full(bins, 1 / bins)
    threshold = math.log(50 * 720)
    size = round(find_needed_events(psi, bins=bins, log_threshold=threshold))
    found = 0
    for _ in range(300):
        after = tilt(shares, psi, random.normal(size=bins))
        r, c = random.multinomial(10**6, shares), random.multinomial(size, after)
        found += float(find_log_evidence(r, c)) >= threshold
    assert 0.82 <= found / 300 <= 0.99


def tilt(shares: np.ndarray, psi: float, direction: np.ndarray) -> np.ndarray:
    """Shares whose PSI from others is this."""
    low, high = 0.0, 8.0
    for _ in range(50):
        middle = (low + high) / 2
        after = shares * np.exp(middle * direction)
        after /= after.sum()
        low, high = (middle, high) if ((after - shares) * np.log(after / shares)).sum() < psi else (low, middle)
    return after


def test_what_exactness_costs() -> None:
    """Ten bins need less than 30 % more events than chi-square's test with the same bound by Bonferroni needs."""
    alpha = 1 / (720 * 250)
    least = float(chndtrinc(chdtri(9, alpha), 9, 0.1))

    assert 1.2 < find_needed_events(1.0, bins=10, log_threshold=-math.log(alpha)) / least < 1.3


def test_one_new_category_is_enough() -> None:
    """Ten events in a bin that twenty thousand never had are certain, although they are 1 % of the window."""
    r = [5000, 5000, 5000, 5000, 0]

    assert float(find_log_evidence(r, [248, 247, 248, 247, 10])) > math.log(10**6)
    assert float(find_log_evidence(r, [250, 250, 250, 250, 0])) < 0


def test_what_has_no_order_is_sorted() -> None:
    """So that the names of categories decide nothing."""
    r, c = np.array([50, 3000, 700, 10, 240]), np.array([30, 250, 90, 1, 29])
    order = [3, 0, 4, 1, 2]

    assert find_log_evidence(r[order], c[order], ordered=0) == pytest.approx(find_log_evidence(r, c, ordered=0))


def test_empty_sides_and_bins_say_nothing() -> None:
    """Not even a little against a change."""
    assert float(find_log_evidence([0, 0, 0], [5, 6, 7])) == 0
    assert float(find_log_evidence([5, 6, 7], [0, 0, 0])) == 0
    assert float(find_log_evidence([5, 0, 0], [9, 0, 0])) == 0
    assert float(find_log_evidence([5], [9])) == 0


def test_half_of_the_capital_is_not_bet() -> None:
    """So a table in which nothing has changed costs at most a factor of 2, and a change of one bin is found."""
    even = [2000] * 16

    assert float(find_log_evidence(even, even)) >= 15 * math.log(0.5)


def test_large_counts_stay_exact() -> None:
    """A billion events on either side, with the same shares, are no evidence; a percent more in one bin is."""
    even = [10**8] * 10

    assert float(find_log_evidence(even, even)) < 0
    assert float(find_log_evidence(even, [101 * 10**6, *even[1:]])) > 1000
