"""The histograms that a target exports, found among its series: classic or native, by revision and by segment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from palier.evidence.counters import (
    HistogramCounts,
    Place,
    SamplePositions,
    Series,
    Target,
    Times,
    count_above,
    edge_of,
)
from palier.evidence.native import native_above
from palier.evidence.segments import UNLABELLED


class Histogram(NamedTuple):
    """The histogram of one target, or of one segment of it."""

    revision: str
    segment: str
    edges: dict[float, list[Series]]
    native: list[Series]
    found: SamplePositions
    target: Target

    def count_above(self, threshold: float) -> HistogramCounts:
        """Its answer; while a target exports both kinds, the classic one."""
        if self.edges:
            return count_above(threshold, self.edges, self.found)
        return native_above(threshold, self.native, self.found)


def histograms(
    rows: Sequence[tuple[str, Series]], found: SamplePositions, label: str, *, target: Target
) -> Iterable[Histogram]:
    """The histograms of one target, apart by revision and by the value of a label unless that is empty.

    Args:
        rows: the target's series, each with its revision.
        found: where the instants of the step are; series without a sample up to the end are left out.
        label: what segments are told apart by.
        target: whose they are.
    """
    histograms: dict[tuple[str, str], Histogram] = {}
    places: Mapping[int, Place] = found.places
    times: Times | None = None
    for revision, one in rows:
        if one.times is not times:
            if id(one.times) not in places:
                continue
            times = one.times
        edge = None if one.buckets is not None else edge_of(one.labels)
        if edge is None and one.buckets is None:
            continue
        key = (revision, segment_of(one, label) if label else "")
        histogram = histograms.get(key)
        if histogram is None:
            histogram = histograms[key] = Histogram(*key, {}, [], found, target)
        if edge is None:
            histogram.native.append(one)
        elif same := histogram.edges.get(edge):
            same.append(one)
        else:
            histogram.edges[edge] = [one]
    return histograms.values()


def segment_of(one: Series, label: str) -> str:
    """The segment that a series counts for."""
    return one.labels.get(label) or UNLABELLED
