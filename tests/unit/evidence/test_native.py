"""Native histograms: sure and possible counts, through restarts and through a change of the buckets' resolution."""

import math
from collections.abc import Sequence

import pytest

from palier.evidence.counters import Bucket, Measurable, Series, locate_samples
from palier.evidence.counts import Counts
from palier.evidence.native import edges_around, native_above

Filled = dict[tuple[float, float], float]
"""Observations by the edges of their bucket."""


def histogram(*samples: tuple[float, Filled]) -> Series:
    """A native histogram of one pod from (time, observations by bucket)."""
    return Series.from_histograms(
        {"namespace": "ml", "pod": "a"},
        [
            (
                time,
                sum(filled.values()),
                tuple(Bucket(left, right, left_open=True, events=count) for (left, right), count in filled.items()),
            )
            for time, filled in samples
        ],
    )


def risen(threshold: float, series: Series, *others: Series, start: float = 30, end: float = 60) -> Counts:
    """Counts above a threshold in one look."""
    found = locate_samples([series, *others], start=start, end=end, staleness=40)
    return native_above(threshold, [series], found).counts


def test_buckets_are_not_cumulative() -> None:
    """Everything in the buckets above the threshold is surely above it, however many buckets that are."""
    series = histogram((30, {(0.25, 0.5): 5, (0.5, 1): 1}), (60, {(0.25, 0.5): 25, (0.5, 1): 4, (1, 2): 3}))

    assert risen(0.5, series) == Counts(26, 6, 6)
    assert risen(1.0, series) == Counts(26, 3, 3)
    assert risen(5.0, series) == Counts(26, 0, 0)


def test_the_bucket_that_holds_the_threshold_is_possibly_above_it() -> None:
    """Nothing is interpolated inside of a bucket."""
    series = histogram((30, {(0.25, 0.5): 5, (0.5, 1): 1}), (60, {(0.25, 0.5): 25, (0.5, 1): 4, (1, 2): 3}))

    assert risen(0.3, series) == Counts(26, 6, 26)
    assert risen(0.7, series) == Counts(26, 3, 6)


def test_a_closed_left_edge_on_the_threshold_is_only_possibly_above_it() -> None:
    """What is exactly on the threshold is not slower than it."""
    closed = tuple(
        (time, count, (Bucket(0.5, 1.0, left_open=False, events=count),)) for time, count in ((30, 1.0), (60, 9.0))
    )

    assert risen(0.5, Series.from_histograms({"pod": "a"}, closed)) == Counts(8, 0, 8)


def test_a_restart_counts_from_zero() -> None:
    """Fewer observations than before are a new process, each time it happens."""
    series = histogram(
        (30, {(0, 0.5): 900, (0.5, 1): 100}),
        (40, {(0, 0.5): 8, (0.5, 1): 2}),
        (50, {(0, 0.5): 1, (0.5, 1): 1}),
        (60, {(0, 0.5): 3, (0.5, 1): 2}),
    )

    assert risen(0.5, series) == Counts(10 + 2 + 3, 2 + 1 + 1, 2 + 1 + 1)


def test_a_coarser_resolution_is_no_restart_and_no_loss() -> None:
    """Where buckets were merged over the threshold, the step is bounded from both sides and never negative."""
    fine = {(0.5, 0.7): 10.0, (0.7, 1.0): 6.0, (1.0, 1.4): 4.0}
    coarse = {(0.5, 1.0): 19.0, (1.0, 2.0): 5.0}
    counts = risen(0.7, histogram((30, fine), (60, coarse)))

    assert counts.total == 4
    assert counts == Counts(4, 0, 4)
    assert risen(1.0, histogram((30, fine), (60, coarse))) == Counts(4, 1, 1)
    assert risen(0.7, histogram((30, fine), (40, coarse), (60, {(0.5, 1.0): 19, (1.0, 2.0): 9}))) == Counts(8, 4, 8)


def test_a_histogram_born_in_a_known_pod_counts_from_zero() -> None:
    """As for counters: in a scraped target it appears with its first observation; in a new one it is a baseline."""
    up = Series({"namespace": "ml", "pod": "a"}, [(30, 1), (45, 1), (60, 1)])
    series = histogram((45, {(0.5, 1): 2}), (60, {(0.5, 1): 5}))

    assert risen(0.5, series, up) == Counts(5, 5, 5)
    assert risen(0.5, series) == Counts(3, 3, 3)


def test_observations_that_are_no_numbers_make_no_counts() -> None:
    """A stale marker is NaN and is left out."""
    series = Series.from_histograms({"pod": "a"}, [(30, 1.0, ()), (50, math.nan, ()), (60, 4.0, ())])

    assert series.times == (30, 60)
    assert risen(0.5, series) == Counts(3, 0, 0)


def exponential(schema: int, *indexes: int) -> list[Bucket]:
    """Exponential buckets by schema and index."""
    base = 2.0 ** (2.0**-schema)
    return [Bucket(base ** (index - 1), base**index, left_open=True, events=1) for index in indexes]


@pytest.mark.parametrize(
    ("buckets", "threshold", "expected"),
    [
        (exponential(0, -1), 1.0, (1.0, 1.0)),
        (exponential(0, 9), 0.3, (0.25, 0.5)),
        (exponential(3, 1), 0.25, (0.25, 0.25)),
        ([Bucket(0.1, 0.25, left_open=True, events=1), Bucket(0.5, 1.0, left_open=True, events=1)], 0.25, (0.25, 0.25)),
        ([Bucket(0.1, 0.25, left_open=True, events=1), Bucket(0.5, 1.1, left_open=True, events=1)], 0.3, (0.25, 0.5)),
        ([Bucket(0.5, math.inf, left_open=True, events=1)], 0.3, (None, 0.5)),
        ([], 0.3, (None, None)),
    ],
)
def test_the_edges_around_a_threshold_are_known_from_any_bucket(
    buckets: Sequence[Bucket], threshold: float, expected: tuple[float | None, float | None]
) -> None:
    """Exponential edges follow from one bucket wherever it is; custom ones are those that are there."""
    assert edges_around(threshold, [buckets]) == pytest.approx(expected)


def test_the_quality_of_the_answer_is_told() -> None:
    """Exact on an edge, bracketed between two."""
    series = histogram((30, {(0.25, 0.5): 5}), (60, {(0.25, 0.5): 9}))
    found = locate_samples([series], start=30, end=60, staleness=40)

    exact, bracketed = native_above(0.5, [series], found), native_above(0.3, [series], found)
    assert (exact.measurable, exact.lower, exact.upper) == (Measurable.EXACT, 0.5, 0.5)
    assert (bracketed.measurable, bracketed.lower, bracketed.upper) == (Measurable.BRACKETED, 0.25, 0.5)
