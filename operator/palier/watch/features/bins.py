"""From counters to bins, and from bins to wider ones that two histograms have in common."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from palier.watch.features.profile import OTHER, Categories, Numbers

MOST_CATEGORIES: Final = 20
"""Categories that get a place of their own."""
_SAME_EDGE: Final = 1e-9
"""Relative tolerance between two edges, both written in decimal by somebody."""


def count_buckets(
    buckets: Mapping[float, int], *, total: float | None = None, nulls: int = 0, unreadable: int = 0
) -> Numbers:
    """A number from what the buckets of a Prometheus histogram have counted in a window.

    Args:
        buckets: the increase of every bucket by its upper edge (`le`), each holding those below it, with `+Inf`. A
            bucket that has counted less than a smaller one, as after a scrape that was cut, is taken to have counted as
            much.
        total: the increase of `_sum`, where it is known: it tells a change of units.
        nulls: the increase of a counter of missing values.
        unreadable: the increase of a counter of values that are no numbers.

    Raises:
        ValueError: there is no bucket for all events, or a count is below 0.
    """
    if math.inf not in buckets:
        raise ValueError("a histogram needs the bucket +Inf, which counts all events")
    edges = sorted(buckets)
    counts, below = [], 0
    for edge in edges:
        up_to = max(below, buckets[edge])
        counts.append(up_to - below)
        below = up_to
    return Numbers(tuple(edges[:-1]), tuple(counts), nulls=nulls, unreadable=unreadable, total=total)


def count_categories(increases: Mapping[str, int], *, nulls: int = 0, most: int = MOST_CATEGORIES) -> Categories:
    """A category from what the counters of its label's values have counted in a window.

    Args:
        increases: the increase of the counter of every category. `(other)` is what the server itself has counted
            together, and never gets a place of its own.
        nulls: the increase of a counter of missing values.
        most: categories that get a place of their own, the largest first; the rest is counted together.
    """
    ranked = sorted(increases.keys() - {OTHER}, key=lambda name: (-increases[name], name))
    kept, rest = ranked[:most], ranked[most:]
    other = increases.get(OTHER, 0) + sum(increases[name] for name in rest)
    return Categories({name: increases[name] for name in kept}, other, nulls)


def list_shared_edges(first: Numbers, second: Numbers) -> list[tuple[int, int]]:
    """The edges that two histograms have in common, as the places in the one and in the other."""
    if first.edges == second.edges:
        return [(place, place) for place in range(len(first.edges))]
    shared, place = [], 0
    for index, edge in enumerate(first.edges):
        while place < len(second.edges) and second.edges[place] < edge and not _is_same(edge, second.edges[place]):
            place += 1
        if place < len(second.edges) and _is_same(edge, second.edges[place]):
            shared.append((index, place))
    return shared


def add_up_bins(counts: tuple[int, ...], ends: Iterable[int]) -> tuple[int, ...]:
    """Counts of wider bins, each ending at the edge with that place; the last one ends nowhere."""
    stops = [*(end + 1 for end in ends), len(counts)]
    return tuple(sum(counts[start:stop]) for start, stop in pairwise([0, *stops]))


def _is_same(edge: float, other: float) -> bool:
    return math.isclose(edge, other, rel_tol=_SAME_EDGE)
