"""What the HTTP API of Prometheus answers becomes series: floats, native histograms, and nothing half read."""

import math
from typing import Any

import pytest

from palier.evidence.counters import Bucket
from palier.metrics.prometheus import parse_matrix

METRIC = {"__name__": "a", "pod": "p"}


def test_samples_of_one_scrape_share_their_times() -> None:
    """Values are decimal strings, times are numbers; equal times are one object, which makes counting fast."""
    one, other = parse_matrix(
        [
            {"metric": METRIC, "values": [[1435781430, "1"], [1435781445.5, "2.5e3"]]},
            {"metric": METRIC, "values": [[1435781430.0, "7"], [1435781445.5, "+Inf"]]},
        ]
    )

    assert (one.times, one.values) == ((1435781430.0, 1435781445.5), (1.0, 2500.0))
    assert (other.times, other.values) == ((1435781430.0,), (7.0,))
    [again, same] = parse_matrix([{"metric": METRIC, "values": [[1, "1"], [2, "2"]]} for _ in range(2)])
    assert again.times is same.times


def test_native_histograms_have_their_count_and_buckets() -> None:
    """The rule of each bucket tells whether its left edge belongs to it."""
    histogram = {
        "count": "14",
        "sum": "3.5",
        "buckets": [[3, "-0.001", "0.001", "1"], [0, "0.5", "1", "4"], [1, "-1", "-0.5", "2"], [2, "1", "+Inf", "7"]],
    }
    [series] = parse_matrix(
        [{"metric": METRIC, "histograms": [[1435781430, {"count": "0", "sum": "0"}], [1435781445, histogram]]}]
    )

    assert (series.times, series.values) == ((1435781430.0, 1435781445.0), (0.0, 14.0))
    assert series.buckets == (
        (),
        (
            Bucket(-0.001, 0.001, left_open=False, events=1),
            Bucket(0.5, 1, left_open=True, events=4),
            Bucket(-1, -0.5, left_open=False, events=2),
            Bucket(1, math.inf, left_open=True, events=7),
        ),
    )


def test_a_series_may_have_changed_from_floats_to_histograms() -> None:
    """Both are there: they are two series with the same labels."""
    answer = [{"metric": METRIC, "values": [[1, "5"]], "histograms": [[2, {"count": "6", "sum": "1"}]]}]

    assert [(one.samples, one.buckets) for one in parse_matrix(answer)] == [
        (((1.0, 5.0),), None),
        (((2.0, 6.0),), ((),)),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"values": [[1, "5"]]},
        {"metric": METRIC, "values": [[1, "five"]]},
        {"metric": METRIC, "values": [[1], [2, "5"]]},
        {"metric": METRIC, "values": [["then", "5"]]},
        {"metric": METRIC, "values": 5},
        {"metric": METRIC, "histograms": [[1, {"sum": "1"}]]},
        {"metric": METRIC, "histograms": [[1, {"count": "1", "buckets": [[0, "1"]]}]]},
    ],
)
def test_what_is_no_matrix_is_refused(entry: dict[str, Any]) -> None:
    """An answer that cannot be read is an error, never a part of the truth."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_matrix([entry])
