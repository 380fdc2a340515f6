"""From raw Prometheus counter samples to whole numbers of events.

`rate()` and `increase()` extrapolate: they give fractions of events, lose the first value of a new counter and count
events twice where windows overlap, and a test on counts is worth nothing on such numbers. So the samples themselves are
read, and the events of a look are the steps between the last sample known at its start and the last one known at its
end. Both ends are found by the same rule from the samples up to that instant, so looks that follow each other share no
event and miss none, also where a scrape was missed in between.

What cannot be known is lost, never invented: events of a process between its last scrape and its end, and events of a
pod before its first scrape.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from palier.evidence.state import Counts

K = TypeVar("K", bound=Hashable)

_TARGET = ("namespace", "pod", "job", "instance")
"""Labels that name a scrape target: its series are read in one scrape, and appear and vanish together."""

_SAME_EDGE = 1e-9
"""Relative tolerance between a threshold and a bucket edge, both written in decimal by somebody."""


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one target."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]
    """(seconds since the epoch, value), ascending in time."""


@dataclass(frozen=True, slots=True)
class Increment:
    """Events between two instants."""

    count: int
    fresh: bool
    """Whether every target that contributes was still being scraped at the end."""


class Measurable(StrEnum):
    """How well a histogram answers "how many were slower than the threshold"."""

    EXACT = "Exact"
    BRACKETED = "Bracketed"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True)
class HistogramCounts:
    """Observations of a histogram between two instants, and those above a threshold."""

    counts: Counts
    fresh: bool
    measurable: Measurable
    lower: float | None
    """Largest bucket edge at or below the threshold; None if there is none."""
    upper: float | None
    """Smallest bucket edge at or above the threshold, possibly infinite."""


def increments(
    series: Iterable[Series],
    *,
    pod_of: Callable[[Mapping[str, str]], K | None],
    start: float,
    end: float,
    staleness: float,
) -> dict[K, Increment]:
    """Events after `start` up to `end`, summed by key.

    A key without any sample up to `end` is absent: nothing is known about it.

    Args:
        series: raw samples from `start - staleness` to `end` at least; more history helps over missed scrapes.
        pod_of: the key that a series counts for, by its labels; None leaves it out.
        start: seconds since the epoch.
        end: seconds since the epoch.
        staleness: seconds after which a sample says nothing about the present any more; about two scrape intervals.
    """
    counts: dict[K, float] = {}
    fresh: dict[K, bool] = {}
    for target in _targets(series, end=end):
        at_start = _Instant.of(target, start, staleness=staleness)
        at_end = _Instant.of(target, end, staleness=staleness)
        target_since = min(one.samples[0][0] for one in target)
        for one in target:
            key = pod_of(one.labels)
            if key is None:
                continue
            counts[key] = counts.get(key, 0.0) + _events(one, at_start, at_end, target_since=target_since)
            fresh[key] = fresh.get(key, True) and at_end.alive
    return {key: Increment(count=round(count), fresh=fresh[key]) for key, count in counts.items()}


def histogram_counts(
    buckets: Iterable[Series],
    *,
    threshold: float,
    pod_of: Callable[[Mapping[str, str]], K | None],
    start: float,
    end: float,
    staleness: float,
) -> dict[K, HistogramCounts]:
    """Observations, and those above `threshold`, by key, from the `_bucket` series of classic histograms.

    Buckets are cumulative, so the count above an edge is exact. Where the threshold is no edge, the edges on both sides
    of it give those surely and those possibly above it; nothing is interpolated.

    Args:
        buckets: the series with an `le` label; edges are compared as numbers, because Prometheus 3 writes "25" as
            "25.0". Pods may have different edges.
        threshold: in the unit of the edges.
        pod_of: see `increments`.
        start: see `increments`.
        end: see `increments`.
        staleness: see `increments`.
    """

    def bucket_of(labels: Mapping[str, str]) -> tuple[K, tuple[str, ...], float] | None:
        key, edge = pod_of(labels), _edge(labels)
        return None if key is None or edge is None else (key, _target(labels), edge)

    histograms: dict[K, dict[tuple[str, ...], dict[float, Increment]]] = {}
    by_bucket = increments(buckets, pod_of=bucket_of, start=start, end=end, staleness=staleness)
    for (key, target, edge), increment in by_bucket.items():
        histograms.setdefault(key, {}).setdefault(target, {})[edge] = increment
    return {
        key: _together([_above(threshold, edges) for edges in targets.values()]) for key, targets in histograms.items()
    }


@dataclass(frozen=True, slots=True)
class _Instant:
    """What of one target is known at an instant."""

    time: float
    alive: bool
    """Whether any of its series has a sample that is not stale."""
    oldest: float
    """Samples older than this are stale."""
    shared: float | None
    """Time of the newest scrape that all of its series, as far as they are not stale, have in common.

    Reading all of them from one scrape keeps bad events and totals consistent. There is none where the series of a
    process that has just ended are still there beside those of the next one; then each is read at its latest sample.
    """

    @classmethod
    def of(cls, target: Sequence[Series], time: float, *, staleness: float) -> "_Instant":
        oldest = time - staleness
        recent = [
            times for one in target if (times := {moment for moment, _ in one.samples if oldest <= moment <= time})
        ]
        shared = set[float].intersection(*recent) if recent else set[float]()
        return cls(
            time=time,
            alive=bool(recent),
            oldest=oldest,
            shared=max(shared, default=None),
        )

    def position(self, samples: Sequence[tuple[float, float]]) -> int | None:
        """Index of the sample that holds at the instant: the shared one, else the latest; None before the first."""
        latest = bisect_right(samples, self.time, key=_moment) - 1
        if latest < 0:
            return None
        if self.shared is None or samples[latest][0] < self.oldest:
            return latest
        return bisect_right(samples, self.shared, key=_moment) - 1


def _moment(sample: tuple[float, float]) -> float:
    return sample[0]


def _events(one: Series, at_start: _Instant, at_end: _Instant, *, target_since: float) -> float:
    """Events of one series between two instants."""
    first, last = at_start.position(one.samples), at_end.position(one.samples)
    if last is None:
        return 0.0
    values = [value for _, value in one.samples[: last + 1]]
    if first is not None:
        return math.fsum(_steps(values[first:]))
    # Born since. In a target that was scraped before without it, a counter appears with its first event and counts from
    # zero. What a whole target counted before its first scrape may be old: only what follows belongs to this look.
    born_alone = one.samples[0][0] > target_since
    return math.fsum(_steps([0.0, *values] if born_alone else values))


def _steps(values: Sequence[float]) -> Iterator[float]:
    """Increases from value to value; after a decrease the process started anew and counted up from zero."""
    for before, after in pairwise(values):
        yield after - before if after >= before else after


def _targets(series: Iterable[Series], *, end: float) -> list[list[Series]]:
    """The series by target, without samples after `end` and without values that are no numbers."""
    targets: dict[tuple[str, ...], list[Series]] = {}
    for one in series:
        samples = tuple((time, value) for time, value in one.samples if time <= end and math.isfinite(value))
        if samples:
            targets.setdefault(_target(one.labels), []).append(Series(one.labels, samples))
    return list(targets.values())


def _target(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in _TARGET)


def _edge(labels: Mapping[str, str]) -> float | None:
    try:
        edge = float(labels.get("le", ""))
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def _above(threshold: float, edges: Mapping[float, Increment]) -> HistogramCounts:
    """The answer of one target's histogram."""
    fresh = all(increment.fresh for increment in edges.values())
    if math.inf not in edges:
        return HistogramCounts(Counts(0, 0, 0), fresh, Measurable.UNAVAILABLE, lower=None, upper=None)
    same = {edge for edge in edges if math.isclose(edge, threshold, rel_tol=_SAME_EDGE)}
    lower = max((edge for edge in edges if edge <= threshold or edge in same), default=None)
    upper = min(edge for edge in edges if edge >= threshold or edge in same)
    total = edges[math.inf].count
    surely = max(0, total - edges[upper].count)
    possibly = total if lower is None else max(surely, total - edges[lower].count)
    return HistogramCounts(
        Counts(total, surely, possibly),
        fresh,
        Measurable.EXACT if lower == upper else Measurable.BRACKETED,
        lower=lower,
        upper=upper,
    )


def _together(parts: Sequence[HistogramCounts]) -> HistogramCounts:
    """Several targets as one: counts add up, and the worst of them says how well they are measured."""
    worst = max(parts, key=lambda part: list(Measurable).index(part.measurable))
    return HistogramCounts(
        Counts(
            total=sum(part.counts.total for part in parts),
            bad=sum(part.counts.bad for part in parts),
            bad_possible=sum(part.counts.bad_possible for part in parts),
        ),
        fresh=all(part.fresh for part in parts),
        measurable=worst.measurable,
        lower=worst.lower,
        upper=worst.upper,
    )
