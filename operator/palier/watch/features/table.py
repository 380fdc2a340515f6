"""One feature of a window beside the same of its reference, on bins that both have.

The last three bins of every table are those that nothing should be in: values that the reference has never had, values
that are no numbers, and missing ones.
"""

from typing import Final, NamedTuple

from palier.watch.features.bins import add_up_bins, list_shared_edges
from palier.watch.features.profile import Categories, Feature, Numbers

NEW: Final = -3
"""Place of the bin of categories that the reference has never had."""
UNREADABLE: Final = -2
"""Place of the bin of values that are no numbers."""
NULL: Final = -1
"""Place of the bin of events without a value."""
SPECIAL: Final = 3
"""Bins at the end that are none of the feature's own."""


class Table(NamedTuple):
    """Two histograms on the same bins."""

    reference: tuple[int, ...]
    current: tuple[int, ...]
    ordered: int
    """How many of the first bins have an order: all of a number's own, none of a category's."""

    @property
    def events(self) -> int:
        """All events of the window."""
        return sum(self.current)

    @property
    def reference_events(self) -> int:
        """All events of the reference."""
        return sum(self.reference)


def align(reference: Feature, current: Feature) -> Table:
    """The two on the same bins.

    Numbers are compared between the edges that both have. Where the kinds differ, none of the window's values is in a
    bin of the reference.
    """
    if isinstance(reference, Numbers):
        if isinstance(current, Numbers):
            return _align_numbers(reference, current)
        return _put_together(
            reference.counts, reference, (0,) * len(reference.counts), current, unreadable=current.values
        )
    if isinstance(current, Categories):
        return _align_categories(reference, current)
    names = tuple(reference.counts.values())
    return _put_together(
        (*names, reference.other), reference, (0,) * (len(names) + 1), current, unreadable=current.values
    )


def have_no_edge_in_common(reference: Feature, current: Feature) -> bool:
    """Whether two histograms of numbers cannot be compared, because their bins have other edges."""
    if not (isinstance(reference, Numbers) and isinstance(current, Numbers)):
        return False
    if reference.edges == current.edges or not (reference.edges and current.edges):
        return False
    return not list_shared_edges(reference, current)


def _align_numbers(reference: Numbers, current: Numbers) -> Table:
    if reference.edges == current.edges:
        return _put_together(reference.counts, reference, current.counts, current)
    shared = list_shared_edges(reference, current)
    return _put_together(
        add_up_bins(reference.counts, [place for place, _ in shared]),
        reference,
        add_up_bins(current.counts, [place for _, place in shared]),
        current,
    )


def _align_categories(reference: Categories, current: Categories) -> Table:
    # A profile of its own may hold some of the reference's categories among the rest.
    known = {name: count for name, count in reference.counts.items() if count}
    hidden = {name for name in known if current.other and name not in current.counts}
    apart = [name for name in known if name not in hidden]
    rest = reference.other + sum(known[name] for name in hidden)
    unknown = current.other + sum(count for name, count in current.counts.items() if name not in known)
    # A reference that has counted rare categories together cannot say that it has never had one.
    return _put_together(
        (*(known[name] for name in apart), rest),
        reference,
        (*(current.counts.get(name, 0) for name in apart), unknown if rest else 0),
        current,
        new=0 if rest else unknown,
    )


def _put_together(
    bins: tuple[int, ...],
    reference: Feature,
    current_bins: tuple[int, ...],
    current: Feature,
    *,
    new: int = 0,
    unreadable: int = 0,
) -> Table:
    bad = _count_unreadable(current) + unreadable
    return Table(
        (*bins, 0, _count_unreadable(reference), reference.nulls),
        (*current_bins, new, bad, current.nulls),
        len(bins) if isinstance(reference, Numbers) else 0,
    )


def _count_unreadable(feature: Feature) -> int:
    return feature.unreadable if isinstance(feature, Numbers) else 0
