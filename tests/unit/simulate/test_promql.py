"""Prometheus' functions over raw samples; the expected values are worked by hand from its published rules."""

import math

import numpy as np
import pytest

from palier.simulate.promql import Answer, histogram_quantile, increase, irate, rate, ratio, total
from palier.simulate.recording import Floats


def _array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def test_a_range_that_samples_fill_is_extrapolated_to_both_edges() -> None:
    """Four samples 15 s apart cover 45 s; 5 s before and 10 s after are filled: 90 * 60/45 = 120."""
    found = increase(_array(5, 20, 35, 50), _array(100, 130, 160, 190), _array(60), 60.0)
    assert found == pytest.approx([120.0])


def test_a_rate_is_the_increase_per_second() -> None:
    """The same range as a rate: 120 in 60 s."""
    found = rate(_array(5, 20, 35, 50), _array(100, 130, 160, 190), _array(60), 60.0)
    assert found == pytest.approx([2.0])


def test_a_wide_gap_is_filled_by_half_a_distance_only() -> None:
    """The first sample is 30 s after the edge, more than 1.1 distances: only 7.5 s of it count, 10 s at the end do."""
    found = increase(_array(30, 45, 50), _array(100, 130, 140), _array(60), 60.0)
    spacing = 20 / 2
    assert found == pytest.approx([40 * (20 + spacing / 2 + 10) / 20])


def test_a_gap_just_below_the_limit_is_filled() -> None:
    """A gap of 16 s at a distance of 15 s is below 1.1 distances (16.5 s) and is filled completely."""
    found = increase(_array(16, 31, 46), _array(1000, 1015, 1030), _array(46), 46.0)
    assert found == pytest.approx([30 * 46 / 30])


def test_a_counter_is_not_extrapolated_below_zero() -> None:
    """At 2 per second a counter of 6 was 0 three seconds before: only these count, not the 10 s to the edge."""
    found = increase(_array(10, 25), _array(6, 36), _array(25), 25.0)
    assert found == pytest.approx([30 * (15 + 3) / 15])


def test_a_reset_adds_what_was_counted_before_it() -> None:
    """100, 130, then 20: the increase is 30 + 20 = 50 over a range that the samples fill."""
    found = increase(_array(15, 30, 45), _array(100, 130, 20), _array(45), 30.0 + 1e-9)
    assert found == pytest.approx([50.0])


def test_two_resets_are_both_counted() -> None:
    """10, 4, 9, 2: 4 + 5 + 2 = 11."""
    found = increase(_array(0, 10, 20, 30), _array(10, 4, 9, 2), _array(30), 30.0 + 1e-9)
    assert found == pytest.approx([11.0])


def test_the_start_of_a_range_is_outside_of_it() -> None:
    """A sample exactly at the left edge does not belong to the range, one at the right edge does."""
    found = increase(_array(0, 15), _array(5, 50), _array(15), 15.0)
    assert math.isnan(found[0])


def test_one_sample_is_no_series() -> None:
    """With fewer than two samples in the range there is no answer, at any instant of many."""
    found = increase(_array(0, 15), _array(100, 130), _array(10, 20, 80), 60.0)
    assert np.isnan(found).tolist() == [True, False, True]
    assert np.isnan(irate(_array(3), _array(100), _array(10), 60.0)).all()


def test_irate_sees_the_last_two_samples_only() -> None:
    """Only the last 15 s of five minutes count: 45 / 15."""
    found = irate(_array(0, 15, 30, 45), _array(0, 1000, 2000, 2045), _array(50), 300.0)
    assert found == pytest.approx([3.0])


def test_irate_takes_the_value_after_a_reset() -> None:
    """After a restart the new value is what was counted."""
    found = irate(_array(0, 10), _array(500, 30), _array(12), 300.0)
    assert found == pytest.approx([3.0])


def test_many_series_of_a_target_are_answered_at_once() -> None:
    """Rows of values are separate series with the same times."""
    found = rate(_array(5, 20, 35, 50), np.array([[100.0, 130, 160, 190], [50, 50, 50, 50]]), _array(60, 61), 60.0)
    assert found.shape == (2, 2)
    assert found[0, 0] == pytest.approx(2.0)
    assert found[1].tolist() == [0.0, 0.0]


def test_a_sum_has_no_value_only_where_every_series_has_none() -> None:
    """sum() leaves out absent series."""
    found = total([_array(1, math.nan, math.nan), _array(2, 3, math.nan)])
    assert found.value.tolist() == [3.0, 3.0, 0.0]
    assert found.present.tolist() == [True, True, False]


def test_nothing_over_nothing_is_a_value_but_an_absent_series_is_none() -> None:
    """0/0 is NaN and present; an absent operand leaves nothing."""
    found = ratio(total([_array(0, 1)]), Answer(_array(0, 1), np.array([True, False])))
    assert math.isnan(found.value[0])
    assert found.present.tolist() == [True, False]


def _histogram(*cumulative: float) -> Answer:
    return Answer(np.array(cumulative, dtype=np.float64)[:, None], np.ones((len(cumulative), 1), dtype=bool))


@pytest.mark.parametrize(
    ("cumulative", "expected"),
    [
        # The documentation's example: everything at 220 ms reads as 295 ms, at 320 ms as 442.5 ms.
        ((0, 0, 100, 100, 100), 0.295),
        ((0, 0, 0, 100, 100), 0.4425),
        # The quantile lies above the last finite edge.
        ((0, 0, 0, 50, 100), 0.45),
        # The first bucket begins at 0.
        ((100, 100, 100, 100, 100), 0.095),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(cumulative: tuple[float, ...], expected: float) -> None:
    """Even interpolation in the bucket, the last finite edge above it."""
    edges = _array(0.1, 0.2, 0.3, 0.45, math.inf)
    assert histogram_quantile(0.95, edges, _histogram(*cumulative)).value[0] == pytest.approx(expected)


def test_a_quantile_of_nothing_is_no_number() -> None:
    """Without observations the answer is NaN."""
    edges = _array(0.1, math.inf)
    assert math.isnan(histogram_quantile(0.95, edges, _histogram(0, 0)).value[0])


def test_buckets_that_fall_are_raised() -> None:
    """A cumulative bucket below a smaller one is repaired, as Prometheus does silently."""
    edges = _array(0.1, 0.2, math.inf)
    found = histogram_quantile(0.5, edges, _histogram(80, 70, 100)).value[0]
    assert found == pytest.approx(0.1 * 50 / 80)
