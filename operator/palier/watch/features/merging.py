"""Several windows as one: for the windows of a season, and for two windows that confirm each other."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TypeVar

from palier.watch.features.bins import add_up_bins, list_shared_edges
from palier.watch.features.profile import Categories, Feature, Numbers, Part, Profile

T = TypeVar("T")


def merge_profiles(profiles: Iterable[Profile]) -> Profile:
    """The events of all profiles together; a feature or a group that one of them lacks has the events of the others.

    Raises:
        ValueError: there is no profile, groups are told apart by different features, or a feature cannot be counted
            together, as of `merge_features`; it names the feature.
    """
    return reduce(_merge_two, profiles) if (profiles := list(profiles)) else _refuse()


def _refuse() -> Profile:
    raise ValueError("there is no profile to add up")


def _merge_two(first: Profile, second: Profile) -> Profile:
    if first.by != second.by:
        raise ValueError(f"groups are told apart by {first.by or 'nothing'} and by {second.by or 'nothing'}")
    return Profile(
        first.rows + second.rows,
        _merge_named(first.features, second.features),
        first.by,
        _join_mappings(first.groups, second.groups, _merge_parts),
    )


def _merge_parts(first: Part, second: Part) -> Part:
    return Part(first.rows + second.rows, _merge_named(first.features, second.features))


def _merge_named(first: Mapping[str, Feature], second: Mapping[str, Feature]) -> dict[str, Feature]:
    merged = dict(first)
    for name, feature in second.items():
        try:
            merged[name] = merge_features(merged[name], feature) if name in merged else feature
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return merged


def _join_mappings(first: Mapping[str, T], second: Mapping[str, T], join: Callable[[T, T], T]) -> dict[str, T]:
    return {
        name: join(first[name], second[name]) if name in first and name in second else {**first, **second}[name]
        for name in {**first, **second}
    }


def merge_features(first: Feature, second: Feature) -> Feature:
    """Two windows of one feature as one; numbers keep the edges that both have.

    Raises:
        ValueError: one is a number and the other is not, or their bins have no edge in common.
    """
    if isinstance(first, Numbers) and isinstance(second, Numbers):
        return _merge_numbers(first, second)
    if isinstance(first, Categories) and isinstance(second, Categories):
        return Categories(
            _join_mappings(first.counts, second.counts, lambda one, other: one + other),
            first.other + second.other,
            first.nulls + second.nulls,
            first.numeric and second.numeric,
        )
    raise ValueError("a number and a category cannot be counted together")


def _merge_numbers(first: Numbers, second: Numbers) -> Numbers:
    shared = list_shared_edges(first, second)
    if not shared and first.edges and second.edges:
        raise ValueError("the two histograms have no edge in common")
    one = add_up_bins(first.counts, [place for place, _ in shared])
    other = add_up_bins(second.counts, [place for _, place in shared])
    return Numbers(
        tuple(first.edges[place] for place, _ in shared),
        tuple(mine + theirs for mine, theirs in zip(one, other, strict=True)),
        nulls=first.nulls + second.nulls,
        unreadable=first.unreadable + second.unreadable,
        least=_join_known(first.least, second.least, min),
        most=_join_known(first.most, second.most, max),
        total=_join_known(first.total, second.total, _add),
        decades=_join_known(first.decades, second.decades, _add),
        squares=_join_known(first.squares, second.squares, _add),
        nonzero=first.nonzero + second.nonzero,
    )


def _join_known(first: float | None, second: float | None, join: Callable[[float, float], float]) -> float | None:
    """What both know together; None where one of them does not know it, or no number is as large."""
    joined = None if first is None or second is None else join(first, second)
    return joined if joined is not None and math.isfinite(joined) else None


def _add(first: float, second: float) -> float:
    return first + second
