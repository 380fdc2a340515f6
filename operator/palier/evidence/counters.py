"""From raw Prometheus counter samples to whole numbers of events.

`rate()` and `increase()` extrapolate: they give fractions of events, lose the first value of a new counter and count
events twice where windows overlap, and a test on counts is worth nothing on such numbers. So the samples themselves are
read, and the events of a look are the steps between the last sample known at its start and the last one known at its
end. Both ends are found by the same rule from the samples up to that instant, so looks that follow each other share no
event and miss none, also where a scrape was missed in between.

What cannot be known is lost, never invented: events of a process between its last scrape and its end, and events of a
pod before its first scrape.

A look of a large fleet passes through here with tens of thousands of series. The series of one target are read in one
scrape, so nearly all of them have the very same tuple of times: what depends on times alone is computed once for each.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self, TypeVar

from palier.evidence.counts import Counts

K = TypeVar("K", bound=Hashable)

TARGET_LABELS = ("namespace", "pod", "job", "instance")
"""Labels that name a scrape target: its series are read in one scrape, and appear and vanish together."""

Target = tuple[str, ...]
"""Values of the labels that name a scrape target."""

Times = tuple[float, ...]
"""Seconds since the epoch, ascending."""

LARGEST_COUNT = 2.0**53
"""A float above it does not count one by one any more: whatever it is, it is no number of events."""

_SAME_EDGE = 1e-9
"""Relative tolerance between a threshold and a bucket edge, both written in decimal by somebody."""


class Bucket(NamedTuple):
    """One bucket of a native histogram; its count is not cumulative."""

    left: float
    right: float
    left_open: bool
    """Whether observations that are exactly `left` are counted elsewhere."""
    events: float


class Series:
    """One counter, gauge or native histogram of one target.

    Values that are no numbers (NaN, infinity) are neither counts nor resets: they are left out.

    Args:
        labels: its labels.
        samples: (seconds since the epoch, value), ascending in time.
    """

    __slots__ = ("buckets", "countable", "labels", "times", "values")

    labels: Mapping[str, str]
    times: Times
    values: tuple[float, ...]
    """One for each of `times`; of a native histogram the number of all observations."""
    countable: bool
    """Whether a counter of events can have each of the values."""
    buckets: tuple[tuple[Bucket, ...], ...] | None
    """The buckets of a native histogram at each of `times`, else None."""

    def __init__(self, labels: Mapping[str, str], samples: Iterable[tuple[float, float]] = ()) -> None:
        finite = tuple(sample for sample in samples if math.isfinite(sample[1]))
        self.labels = labels
        self.times = tuple(time for time, _ in finite)
        self.values = tuple(value for _, value in finite)
        self.countable = all(0 <= value <= LARGEST_COUNT for value in self.values)
        self.buckets = None

    @classmethod
    def from_columns(cls, labels: Mapping[str, str], times: Times, values: tuple[float, ...]) -> Self:
        """From times and values apart; series that are given the same object as `times` are counted faster."""
        total = sum(values)
        if not math.isfinite(total):
            return cls(labels, zip(times, values, strict=True))
        one = cls.__new__(cls)
        one.labels, one.times, one.values, one.buckets = labels, times, values, None
        one.countable = not values or (min(values) >= 0 and (total <= LARGEST_COUNT or max(values) <= LARGEST_COUNT))
        return one

    @classmethod
    def from_histograms(
        cls, labels: Mapping[str, str], histograms: Iterable[tuple[float, float, tuple[Bucket, ...]]]
    ) -> Self:
        """A native histogram from (seconds since the epoch, number of observations, buckets), ascending in time."""
        finite = [one for one in histograms if math.isfinite(one[1])]
        series = cls(labels, ((time, count) for time, count, _ in finite))
        series.buckets = tuple(buckets for _, _, buckets in finite)
        return series

    @property
    def samples(self) -> tuple[tuple[float, float], ...]:
        """(seconds since the epoch, value), ascending in time."""
        return tuple(zip(self.times, self.values, strict=True))

    @property
    def target(self) -> Target:
        """The target that it was read from."""
        return tuple(self.labels.get(name, "") for name in TARGET_LABELS)


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


class Place(NamedTuple):
    """Which samples of a series hold at the two instants of a step."""

    first: int
    """Index of the sample that holds at the start; -1 where the series began later."""
    last: int
    """Index of the sample that holds at the end."""
    from_zero: bool
    """Whether a series that began later counts from zero, not from its first sample."""


class SamplePositions(NamedTuple):
    """The two instants of a step among the samples of one target."""

    alive: bool
    """Whether the target was still being scraped at the end."""
    places: Mapping[int, Place]
    """By the identity of a series' `times`; without series that have no sample up to the end."""


_NOWHERE = SamplePositions(alive=False, places={})


def locate_samples(series: Sequence[Series], *, start: float, end: float, staleness: float) -> SamplePositions:
    """Find the samples that hold at the two instants, for all series of one target.

    Reading all of them from one scrape keeps bad events and totals consistent: the newest scrape that all of them, as
    far as they are not stale, have in common. There is none where the series of a process that has just ended are still
    there beside those of the next one; then each is read at its latest sample.
    """
    if not series:
        return _NOWHERE
    at_start, at_end = start - staleness, end - staleness
    usual = series[0].times
    for one in series:
        if one.times is not usual:
            break
    else:
        if not usual or usual[0] > end:
            return _NOWHERE
        last = bisect_right(usual, end) - 1
        place = Place(bisect_right(usual, start, 0, last + 1) - 1, last, from_zero=False)
        return SamplePositions(alive=usual[last] >= at_end, places={id(usual): place})
    distinct = {id(one.times): one.times for one in series if one.times and one.times[0] <= end}
    if not distinct:
        return _NOWHERE
    shared_start, _ = _find_shared_scrape(distinct.values(), time=start, oldest=at_start)
    shared_end, alive = _find_shared_scrape(distinct.values(), time=end, oldest=at_end)
    since = min(times[0] for times in distinct.values())
    return SamplePositions(
        alive=alive,
        places={
            # In a target that was scraped before without it, a counter appears with its first event and counts from
            # zero. What a whole target counted before its first scrape may be old: only what follows counts.
            key: Place(
                _find_held(times, start, oldest=at_start, shared=shared_start),
                _find_held(times, end, oldest=at_end, shared=shared_end),
                from_zero=times[0] > since,
            )
            for key, times in distinct.items()
        },
    )


def _find_shared_scrape(distinct: Iterable[Times], *, time: float, oldest: float) -> tuple[float | None, bool]:
    """Time of the newest scrape that all series have in common as far as they are not stale; whether any is not."""
    recent = {found for times in distinct if (found := times[bisect_left(times, oldest) : bisect_right(times, time)])}
    if len(recent) <= 1:
        return (recent.pop()[-1], True) if recent else (None, False)
    return max(set.intersection(*map(set, recent)), default=None), True


def _find_held(times: Times, time: float, *, oldest: float, shared: float | None) -> int:
    """Index of the sample that holds at an instant: the shared one, else the latest; -1 before the first."""
    latest = bisect_right(times, time) - 1
    if latest < 0 or shared is None or times[latest] < oldest:
        return latest
    return bisect_right(times, shared) - 1


def count_events(one: Series, place: Place) -> float:
    """Events of one counter in a step; after a decrease its process started anew and counted up from zero."""
    values, first, last = one.values, place.first, place.last
    if first < 0:
        first, before = 0, 0.0 if place.from_zero else values[0]
    else:
        before = values[first]
        first += 1
    events = 0.0
    for value in values[first : last + 1]:
        events += value - before if value >= before else value
        before = value
    return events


def find_impossible(one: Series, place: Place) -> float | None:
    """A value between the two samples of a step that no counter of events can have; None if there is none."""
    held = one.values[max(0, place.first) : place.last + 1]
    return next((value for value in held if not 0 <= value <= LARGEST_COUNT), None)


def read_once(targets: Mapping[Target, Sequence[Series]], *, start: float, end: float, staleness: float) -> set[Target]:
    """The targets without those that tell again what another one tells.

    A pod that two jobs scrape at the same port, as a ServiceMonitor and a PodMonitor do, has all its series twice. Of
    the jobs whose samples are fresh at both instants the first by name counts, else of those that are fresh at the end.
    """
    doors: dict[tuple[str, str, str], list[Target]] = {}
    for target in targets:
        if len(target) == len(TARGET_LABELS):
            namespace, pod, _, instance = target
            doors.setdefault((namespace, pod, instance), []).append(target)
    chosen = set(targets)
    for (_, pod, instance), same in doors.items():
        if len(same) == 1 or not (pod and instance):
            continue

        def order_by_staleness(target: Target) -> tuple[bool, bool, Target]:
            at_start, at_end = (
                any(time - staleness < held <= time for one in targets[target] for held in one.times)
                for time in (start, end)
            )
            return not at_end, not at_start, target

        chosen -= set(sorted(same, key=order_by_staleness)[1:])
    return chosen


def edge_of(labels: Mapping[str, str]) -> float | None:
    """Upper edge of the bucket that a classic series counts; None if it is no bucket."""
    return _edge(labels.get("le", ""))


@lru_cache(maxsize=4096)
def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def same_edge(one: float, other: float) -> bool:
    """Whether two numbers, each written in decimal by somebody, mean the same."""
    return one == other or math.isclose(one, other, rel_tol=_SAME_EDGE)


def find_edges(threshold: float, edges: Iterable[float]) -> tuple[float | None, float | None]:
    """Largest edge at or below a threshold and smallest one at or above it; None where there is none."""
    lower = upper = None
    for edge in edges:
        same = same_edge(edge, threshold)
        if (same or edge < threshold) and (lower is None or edge > lower):
            lower = edge
        if (same or edge > threshold) and (upper is None or edge < upper):
            upper = edge
    return lower, upper


def count_above(threshold: float, edges: Mapping[float, Sequence[Series]], found: SamplePositions) -> HistogramCounts:
    """The answer of one target's classic histograms, from their series by edge: all of them located.

    Histograms of one target may have different edges, as the views of one program have. Each of them answers at its own
    edges: put together, a bucket of one would be subtracted from the total of all.
    """
    everything = len(edges.get(math.inf, ()))
    if everything > 1 and any(len(series) != everything for series in edges.values()):
        return add_histograms([_count_above(threshold, own, found) for own in _separate_histograms(edges)])
    return _count_above(threshold, edges, found)


def _separate_histograms(edges: Mapping[float, Sequence[Series]]) -> Iterable[Mapping[float, Sequence[Series]]]:
    """Histograms that differ in any label but that of the edge."""
    apart: dict[frozenset[tuple[str, str]], dict[float, list[Series]]] = {}
    for edge, series in edges.items():
        for one in series:
            name = frozenset(pair for pair in one.labels.items() if pair[0] != "le")
            apart.setdefault(name, {}).setdefault(edge, []).append(one)
    return apart.values()


def _count_above(threshold: float, edges: Mapping[float, Sequence[Series]], found: SamplePositions) -> HistogramCounts:
    if math.inf not in edges:
        return HistogramCounts(Counts(0, 0, 0), found.alive, Measurable.UNAVAILABLE, lower=None, upper=None)
    lower, upper = find_edges(threshold, edges)
    total = _count(edges[math.inf], found)
    up_to_upper = total if upper is None else _count(edges[upper], found)
    up_to_lower = 0 if lower is None else up_to_upper if lower == upper else _count(edges[lower], found)
    surely = max(0, total - up_to_upper)
    return HistogramCounts(
        Counts(total, surely, max(surely, total - up_to_lower)),
        found.alive,
        Measurable.EXACT if lower == upper else Measurable.BRACKETED,
        lower=lower,
        upper=upper,
    )


def _count(series: Sequence[Series], found: SamplePositions) -> int:
    return round(math.fsum(count_events(one, found.places[id(one.times)]) for one in series))


def add_histograms(parts: Sequence[HistogramCounts]) -> HistogramCounts:
    """Several targets as one: counts add up, and the worst of them says how well they are measured."""
    if len(parts) == 1:
        return parts[0]
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
