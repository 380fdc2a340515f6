"""Observations above a threshold from native histograms, whose buckets are not cumulative and may change their edges.

Prometheus answers only the buckets that hold anything. Those wholly above the threshold are surely above it; the one
that the threshold lies in is possibly above it. A histogram that grows too large gets coarser buckets while its counts
go on: then the two samples are compared by their bounds, so that the change is neither a restart nor a loss.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from palier.evidence.counters import (
    Bucket,
    HistogramCounts,
    Measurable,
    Place,
    SamplePositions,
    Series,
    find_edges,
    same_edge,
)
from palier.evidence.counts import Counts

FINEST, COARSEST = 8, -4
"""Schemas of native histograms with exponential buckets: 2 ** 2 ** -schema is the growth from edge to edge."""


class _State(NamedTuple):
    """What one sample says about a threshold, counted since the process began."""

    total: float
    surely: float
    possibly: float
    between: tuple[float, float] | None
    """Edges of the bucket that holds the threshold, where it holds anything."""


_NOTHING = _State(0.0, 0.0, 0.0, None)


def native_above(threshold: float, series: Sequence[Series], found: SamplePositions) -> HistogramCounts:
    """The answer of one target's native histograms, all of them located.

    Args:
        threshold: in the unit of the bucket edges.
        series: native histograms that differ in their labels; their observations add up.
        found: where the instants of the step are.
    """
    risen = [_count_observations(threshold, one, found.places[id(one.times)]) for one in series]
    total = round(math.fsum(one.total for one in risen))
    surely = min(total, round(math.fsum(one.surely for one in risen)))
    possibly = min(total, max(surely, round(math.fsum(one.possibly for one in risen))))
    lower, upper = edges_around(
        threshold, [one.buckets[found.places[id(one.times)].last] for one in series if one.buckets]
    )
    return HistogramCounts(
        Counts(total, surely, possibly),
        found.alive,
        Measurable.EXACT if lower is not None and lower == upper else Measurable.BRACKETED,
        lower=lower,
        upper=upper,
    )


def edges_around(threshold: float, histograms: Sequence[Sequence[Bucket]]) -> tuple[float | None, float | None]:
    """Largest edge at or below a threshold and smallest one at or above it, as far as the buckets tell.

    The edges of exponential buckets follow from any one of them, also where none is filled near the threshold.
    """
    buckets = [bucket for histogram in histograms for bucket in histogram]
    lower, upper = find_edges(threshold, {edge for bucket in buckets for edge in (bucket.left, bucket.right)})
    growth = _growth(buckets)
    if growth is None or threshold <= 0 or (lower is not None and lower == upper):
        return lower, upper
    step = math.log2(threshold) / growth
    if same_edge(2 ** (round(step) * growth), threshold):
        return threshold, threshold
    return 2 ** (math.floor(step) * growth), 2 ** (math.ceil(step) * growth)


def _growth(buckets: Sequence[Bucket]) -> float | None:
    """Binary logarithm of the growth from edge to edge of the coarsest exponential buckets; None if they are others."""
    coarsest: float | None = None
    for bucket in buckets:
        if bucket.left <= 0:
            continue
        if not bucket.left < bucket.right < math.inf:
            return None
        growth = math.log2(bucket.right / bucket.left)
        schema = -math.log2(growth)
        index = math.log2(bucket.right) / growth
        if not (COARSEST <= round(schema) <= FINEST and abs(schema - round(schema)) < 1e-6 and _is_whole(index)):  # noqa: PLR2004
            return None
        coarsest = max(coarsest or 0.0, 2.0 ** -round(schema))
    return coarsest


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6 * max(1.0, abs(number))


def _count_observations(threshold: float, one: Series, place: Place) -> _State:
    """Observations of one histogram in a step."""
    assert one.buckets is not None  # noqa: S101 - only native histograms come here
    if place.first >= 0:
        before, begin = _state(threshold, one, place.first), place.first + 1
    elif place.from_zero:
        before, begin = _NOTHING, 0
    else:
        before, begin = _state(threshold, one, 0), 1
    total = surely = possibly = 0.0
    for index in range(begin, place.last + 1):
        after = _state(threshold, one, index)
        if after.total < before.total:  # the process started anew and counted up from zero
            before = _NOTHING
        rise = after.total - before.total
        same = before.between == after.between
        least = after.surely - (before.surely if same else before.possibly)
        most = after.possibly - (before.possibly if same else before.surely)
        total += rise
        surely += min(rise, max(0.0, least))
        possibly += min(rise, max(0.0, least, most))
        before = after
    return _State(total, surely, possibly, None)


def _state(threshold: float, one: Series, index: int) -> _State:
    surely = possibly = 0.0
    between: tuple[float, float] | None = None
    for bucket in one.buckets[index] if one.buckets else ():
        if bucket.right <= threshold or same_edge(bucket.right, threshold):
            continue
        possibly += bucket.events
        if bucket.left > threshold or (bucket.left_open and same_edge(bucket.left, threshold)):
            surely += bucket.events
        else:
            between = (bucket.left, bucket.right)
    return _State(one.values[index], surely, possibly, between)
