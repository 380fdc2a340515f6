"""The distances have the values that other tools give, and PSI is what it is on few events."""

import math

import numpy as np
import pytest

from palier.watch.features.distances import (
    compute_jensen_shannon,
    compute_kolmogorov_smirnov,
    compute_psi,
    compute_total_variation,
    find_psi_bias,
    find_psi_error,
    run_chi_square,
)

R = [16, 18, 16, 14, 12, 12]
C = [16, 16, 16, 16, 16, 8]


def test_reference_values() -> None:
    """Of the two histograms that the tests of other tools use, to the digits that they print."""
    assert compute_psi(R, C) == pytest.approx(0.0372184, abs=1e-7)
    assert compute_jensen_shannon(R, C) == pytest.approx(0.0680482, abs=1e-7)
    assert compute_total_variation(R, C) == pytest.approx(0.0681818, abs=1e-7)
    assert compute_kolmogorov_smirnov(R, C) == pytest.approx(0.0454545, abs=1e-7)
    test = run_chi_square(R, C)
    assert (test.free, test.p) == (5, pytest.approx(0.898526, abs=1e-6))


def test_halves() -> None:
    """PSI of 50/50 against 60/40, which is 0.2 ln 1.5 / 2."""
    assert compute_psi([500, 500], [600, 400]) == pytest.approx(0.0405465, abs=1e-7)


def test_two_histograms_without_overlap() -> None:
    """Distances that have a largest value reach it; PSI is large, and grows with what half an event is less than."""
    assert compute_jensen_shannon([1, 0], [0, 1]) == pytest.approx(math.sqrt(math.log(2)))
    assert compute_total_variation([1, 0], [0, 1]) == 1
    assert compute_kolmogorov_smirnov([1, 0], [0, 1]) == 1
    assert compute_psi([1000, 0], [0, 1000]) < compute_psi([10**6, 0], [0, 10**6]) < math.inf


def test_a_bin_that_is_empty_on_one_side_has_half_an_event_there() -> None:
    """The shares are those of the events and the halves together."""
    r, c = np.array([100, 0.5]) / 100.5, np.array([90, 10]) / 100

    assert compute_psi([100, 0], [90, 10]) == pytest.approx(float(((c - r) * np.log(c / r)).sum()))


def test_bins_that_are_empty_on_both_sides_count_nowhere() -> None:
    """Neither in the distances nor in the degrees of freedom."""
    wide_r, wide_c = [*R, 0, 0], [*C, 0, 0]

    for compute in (compute_psi, compute_jensen_shannon, compute_total_variation, find_psi_bias, find_psi_error):
        assert compute(wide_r, wide_c) == pytest.approx(compute(R, C))
    assert run_chi_square(wide_r, wide_c) == pytest.approx(run_chi_square(R, C))


def test_many_histograms_at_once() -> None:
    """Along the last axis, each as by itself."""
    together = compute_psi([R, R[::-1]], [C, C])

    assert together.tolist() == pytest.approx([float(compute_psi(R, C)), float(compute_psi(R[::-1], C))])


@pytest.mark.parametrize(("number", "size"), [(20_000, 100), (20_000, 1000), (500, 500)])
def test_the_bias_and_the_error_of_psi(number: int, size: int) -> None:
    """Where nothing has changed, PSI less its bias is 0 on average, and spreads less than the error says."""
    random = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    r, c = random.multinomial(number, shares, size=4000), random.multinomial(size, shares, size=4000)

    plain = compute_psi(r, c)
    # The law is one of many events: of a hundred rows in ten bins the bias is a tenth larger.
    assert plain.mean() == pytest.approx(float(find_psi_bias(r, c).mean()), rel=0.15)
    assert 1.5 * plain.std() < find_psi_error(r, c).mean() < 1.8 * plain.std()


def test_the_error_of_psi_where_much_has_changed() -> None:
    """Then it is that of the linear part: the standardized PSI has a standard deviation of about 1."""
    random = np.random.default_rng(2)
    before, after = np.full(5, 0.2), np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    truth = float(((after - before) * np.log(after / before)).sum())
    r, c = random.multinomial(20_000, before, size=4000), random.multinomial(1000, after, size=4000)

    standardized = (compute_psi(r, c) - find_psi_bias(r, c) - truth) / find_psi_error(r, c)
    assert standardized.mean() == pytest.approx(0, abs=0.1)
    assert standardized.std() == pytest.approx(1, abs=0.05)


def test_chi_square_adds_sparse_bins() -> None:
    """A bin with one expected event would make p far too small; together such bins say what they can."""
    r, c = [5000, 4000, 10, 5, 5], [50, 45, 3, 0, 2]

    assert run_chi_square(r, c, least_expected=0).p < 1e-9 < run_chi_square(r, c).p
    assert run_chi_square(r, c).free == 1  # they needed the second largest bin to reach five events
    assert run_chi_square([7, 0], [9, 0]).p == 1  # one bin only


def test_chi_square_is_not_fooled_by_chance() -> None:
    """Of windows in which nothing has changed one in a hundred has a p-value of 0.01, also with rare bins."""
    random = np.random.default_rng(3)
    shares = [0.6, 0.3, 0.05, 0.02, 0.01, 0.01, 0.005, 0.003, 0.001, 0.001]
    r, c = random.multinomial(20_000, shares, size=4000), random.multinomial(300, shares, size=4000)

    hits = sum(run_chi_square(one, other).p <= 0.01 for one, other in zip(r, c, strict=True))
    assert 20 <= hits <= 65


@pytest.mark.parametrize(("r", "c"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([-1, 2], [1, 2])])
def test_histograms_that_cannot_be_compared(r: list[int], c: list[int]) -> None:
    """Other bins, no events, or less than none."""
    for compute in (compute_psi, compute_jensen_shannon, compute_total_variation, find_psi_error, run_chi_square):
        with pytest.raises(ValueError, match="histogram"):
            compute(r, c)
