"""Kayenta's statistics against SciPy, brute force and cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from palier.simulate.kayenta import (
    Classification,
    Effect,
    JudgeOptions,
    Outliers,
    classify,
    cles,
    score,
    shift,
    statistic,
)
from palier.simulate.recording import Floats

_samples = st.lists(st.integers(0, 40).map(float), min_size=4, max_size=30).map(np.array)


def _array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


@given(_samples, _samples)
def test_the_statistic_is_scipys(control: Floats, experiment: Floats) -> None:
    """The z with tie and continuity correction gives the p-value of SciPy's asymptotic test."""
    if np.ptp(np.concatenate([control, experiment])) == 0:
        assert statistic(control, experiment) == 0
        return
    found = statistic(control, experiment)
    expected = stats.mannwhitneyu(experiment, control, method="asymptotic", use_continuity=True)
    assert 2 * stats.norm.sf(abs(found)) == pytest.approx(min(expected.pvalue, 1), abs=1e-9)


@given(_samples, _samples)
def test_the_estimate_is_the_median_of_all_differences(control: Floats, experiment: Floats) -> None:
    """Hodges-Lehmann by brute force."""
    if np.ptp(np.concatenate([control, experiment])) == 0:
        return
    differences = [one - other for one in experiment for other in control]
    assert shift(control, experiment, confidence=0.98).estimate == pytest.approx(float(np.median(differences)))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rounded", [False, True])
def test_the_interval_is_where_a_root_search_ends(seed: int, *, rounded: bool) -> None:
    """Bisection on the statistic finds both ends of the interval."""
    rng = np.random.default_rng(seed)
    control, experiment = rng.normal(5, 2, 30), rng.normal(6, 2, 25)
    if rounded:
        control, experiment = np.round(control), np.round(experiment)
    found = shift(control, experiment, confidence=0.98)
    reach = float(stats.norm.ppf(0.99))

    def root(level: float) -> float:
        low, high = experiment.min() - control.max(), experiment.max() - control.min()
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if statistic(control, experiment, at=middle) > level else (low, middle)
        return (low + high) / 2

    assert found.low == pytest.approx(root(reach), abs=1e-6)
    assert found.high == pytest.approx(root(-reach), abs=1e-6)


def test_three_values_cannot_bound_the_shift() -> None:
    """With three against three the normal quantile is out of reach: the interval spans every difference."""
    found = shift(_array(1, 2, 3), _array(5, 6, 7), confidence=0.98)
    assert (found.low, found.high, found.estimate) == (2.0, 6.0, 4.0)


def test_a_clear_increase_is_high() -> None:
    """Values far above in every minute."""
    rng = np.random.default_rng(1)
    assert classify(rng.normal(1, 0.1, 10), rng.normal(2, 0.1, 10), JudgeOptions()) is Classification.HIGH


def test_a_decrease_is_no_matter() -> None:
    """Only an increase is bad."""
    rng = np.random.default_rng(1)
    assert classify(rng.normal(2, 0.1, 10), rng.normal(1, 0.1, 10), JudgeOptions()) is Classification.PASS


def test_an_effect_below_the_allowed_increase_passes() -> None:
    """Significant, but only a tenth more, where a half is allowed."""
    rng = np.random.default_rng(1)
    control, experiment = rng.normal(1, 0.01, 30), rng.normal(1.1, 0.01, 30)
    assert classify(control, experiment, JudgeOptions()) is Classification.HIGH
    assert classify(control, experiment, JudgeOptions(allowed_increase=1.5)) is Classification.PASS
    by_order = JudgeOptions(effect=Effect.CLES, allowed_increase=0.9)
    assert classify(control, experiment, by_order) is Classification.HIGH


def test_identical_and_constant_data_pass() -> None:
    """The same values in another order, and one value everywhere."""
    assert classify(_array(1, 2, 3), _array(3, 1, 2), JudgeOptions()) is Classification.PASS
    assert classify(_array(0, 0, 0), _array(0, 0), JudgeOptions()) is Classification.PASS


def test_no_values_are_no_data() -> None:
    """An empty arm."""
    assert classify(_array(1, 2), _array(), JudgeOptions()) is Classification.NODATA


def test_ties_hide_a_tenfold_rate_at_low_traffic() -> None:
    """Most minutes have no error in either arm, so the medians agree and nothing is found."""
    control, experiment = np.zeros(60), np.zeros(60)
    control[:2], experiment[:18] = 0.02, 0.2
    assert classify(control, experiment, JudgeOptions()) is Classification.PASS


def test_outliers_are_fenced_where_asked() -> None:
    """One value beyond three interquartile ranges and the extreme percentiles is left out."""
    rng = np.random.default_rng(4)
    control = rng.normal(1, 0.1, 200)
    experiment = np.append(control, [500.0])
    assert classify(control, experiment, JudgeOptions(outliers=Outliers.REMOVE)) is Classification.PASS


def test_effect_by_order_counts_ties_half() -> None:
    """P(larger) of (2, 3) over (1, 2): three wins and a tie of four."""
    assert cles(_array(1, 2), _array(2, 3)) == pytest.approx(3.5 / 4)


@pytest.mark.parametrize(
    ("metrics", "critical", "expected"),
    [
        ([Classification.PASS], True, 100.0),
        ([Classification.HIGH], True, 0.0),
        ([Classification.PASS, Classification.HIGH], False, 50.0),
        ([Classification.PASS, Classification.HIGH], True, 0.0),
        ([Classification.NODATA], True, 0.0),
        ([Classification.PASS, Classification.NODATA], True, 0.0),
        ([Classification.PASS, Classification.PASS, Classification.NODATA], True, 100.0),
    ],
)
def test_the_score(metrics: list[Classification], *, critical: bool, expected: float) -> None:
    """Share of passes; nothing for a critical failure or where half has no data."""
    assert score(metrics, critical=critical) == pytest.approx(expected)


def test_a_mean_of_zero_is_an_effect() -> None:
    """Stable without errors, candidate always with some: High although the ratio has no number."""
    assert classify(np.zeros(10), np.full(10, 0.1) + np.arange(10) * 1e-3, JudgeOptions()) is Classification.HIGH
