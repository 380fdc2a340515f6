"""What Prometheus would answer: the functions that the rivals' queries are made of, over raw samples.

The rivals decide from `rate` and `irate`, not from counts, and much of how they behave comes from those functions: they
extrapolate, look at two samples only, or answer nothing. So their rules can only be compared fairly on what
Prometheus really answers. NaN stands for "no series" in the answers of `rate`, `increase` and `irate`, because these
never answer NaN themselves; `Answer` keeps the two apart.

Ranges are open on the left, as since Prometheus 3. Not reproduced: start timestamps, native histograms, and timestamps
in whole milliseconds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.simulate.recording import Floats

_SLACK = 1.1
"""A gap at the edge of the range up to this multiple of the mean distance of samples is filled completely."""


class Answer(NamedTuple):
    """The value of an expression at several instants, and whether it has one: 0/0 has one (NaN), no series has none."""

    value: Floats
    present: NDArray[np.bool_]


class _Range(NamedTuple):
    """Indices of the first and last sample of each range, and where there are at least two."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    enough: NDArray[np.bool_]


def rate(times: Floats, values: Floats, at: Floats, window: float) -> Floats:
    """Increase per second, extrapolated; see `increase`."""
    return increase(times, values, at, window) / window


def increase(times: Floats, values: Floats, at: Floats, window: float) -> Floats:
    """The extrapolated increase of counters of one target within the `window` seconds before each instant.

    Args:
        times: seconds, ascending; shape (samples,).
        values: cumulative values; shape (..., samples); no NaN.
        at: instants in seconds; shape (instants,).
        window: length of the range in seconds.

    Returns:
        Shape (..., instants); NaN where fewer than two samples lie in the range.
    """
    if times.size < 2:  # noqa: PLR2004 - one sample has no slope
        return np.full((*values.shape[:-1], at.size), np.nan)
    ranges = _ranges(times, at, window)
    risen = without_resets(values)
    first, last = ranges.first, ranges.last
    gained = risen[..., last] - risen[..., first]
    covered = times[last] - times[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        spacing = covered / (last - first)
        before = times[first] - (at - window)
        before = np.where(before >= _SLACK * spacing, spacing / 2, before)
        since_zero = np.where(gained > 0, covered * (values[..., first] / gained), before)
        before = np.minimum(before, since_zero)
        after = at - times[last]
        after = np.where(after >= _SLACK * spacing, spacing / 2, after)
        extrapolated = gained * ((covered + before + after) / covered)
    return np.where(ranges.enough, extrapolated, np.nan)


def irate(times: Floats, values: Floats, at: Floats, window: float) -> Floats:
    """Increase per second between the last two samples of the range; arguments and shapes as of `increase`."""
    if times.size < 2:  # noqa: PLR2004 - one sample has no slope
        return np.full((*values.shape[:-1], at.size), np.nan)
    ranges = _ranges(times, at, window)
    last = ranges.last
    before = np.maximum(last - 1, 0)
    gained = values[..., last] - values[..., before]
    gained = np.where(gained < 0, values[..., last], gained)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = gained / (times[last] - times[before])
    return np.where(ranges.enough, slope, np.nan)


def total(series: Sequence[Floats]) -> Answer:
    """`sum(...)` over series whose absence is NaN; absent where every series is.

    Args:
        series: at least one, all of the same shape.
    """
    stacked = np.stack(series)
    present = ~np.isnan(stacked)
    return Answer(np.where(present, stacked, 0.0).sum(axis=0), np.asarray(present.any(axis=0)))


def ratio(numerator: Answer, denominator: Answer) -> Answer:
    """The quotient of two sums: absent where either is, NaN at 0/0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return Answer(numerator.value / denominator.value, numerator.present & denominator.present)


def histogram_quantile(share: float, edges: Floats, buckets: Answer) -> Answer:
    """The quantile of a classic histogram, interpolated evenly within its bucket.

    Args:
        share: 0 to 1.
        edges: upper edges in ascending order, the last one infinite; shape (edges,).
        buckets: cumulative rates by edge; shape (edges, instants).

    Returns:
        Shape (instants,); NaN where nothing was observed, the highest finite edge where the quantile lies above it.
    """
    counts = np.maximum.accumulate(buckets.value, axis=0)
    observed = counts[-1]
    rank = share * observed
    index = np.minimum((counts[:-1] < rank).sum(axis=0), edges.size - 1)
    instants = np.arange(observed.size)
    below = np.where(index > 0, counts[index - 1, instants], 0.0)
    floor = np.where(index > 0, edges[index - 1], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = floor + (edges[index] - floor) * ((rank - below) / (counts[index, instants] - below))
    value = np.where(index == edges.size - 1, edges[-2], inside)
    return Answer(np.where(observed > 0, value, np.nan), np.asarray(buckets.present.any(axis=0)))


def without_resets(values: Floats) -> Floats:
    """Cumulative values that go on rising where the counter began again; shape (..., samples)."""
    fallen = np.diff(values, axis=-1) < 0
    if not fallen.any():
        return values
    lost = np.cumsum(np.where(fallen, values[..., :-1], 0.0), axis=-1)
    risen = values.copy()
    risen[..., 1:] += lost
    return risen


def _ranges(times: Floats, at: Floats, window: float) -> _Range:
    first = np.searchsorted(times, at - window, side="right")
    last = np.searchsorted(times, at, side="right") - 1
    enough = last > first
    return _Range(np.where(enough, first, 0), np.where(enough, last, 1), enough)
