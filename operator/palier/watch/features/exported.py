"""The profile of a window, from what the pods of a model have counted in it.

Names of features, groups and categories are labels of somebody's pods: there may be any number of them, of any length,
with any characters. What is no name of a bounded length is left out, or counted with the rest, before anything is made
of it; so is what no histogram and no counter can say.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from palier.api.printable import make_printable
from palier.watch.features.bins import count_buckets, count_categories
from palier.watch.features.profile import EVERYBODY, OTHER, Feature, Part, Profile

COUNTED: Final = "counted"
"""The label that says what an increase is of, one of `Counted`."""
BY: Final = "group"
"""The label that groups of users are told apart by."""

MOST_FEATURES: Final = 100
"""Features and predictions that are watched, the first ones by name."""
MOST_GROUPS: Final = 20
"""Groups that are told apart, the largest first, besides `(other)`."""
MOST_EDGES: Final = 60
"""Edges of a number; of one with more, nothing is told."""
MOST_CATEGORIES: Final = 50
"""Categories with a place of their own."""
LONGEST_FEATURE: Final = 128
"""Characters of the name of a feature."""
LONGEST_NAME: Final = 64
"""Characters of the name of a group or a category."""
LARGEST_COUNT: Final = 2**53
"""A number above it does not count one by one any more."""


class Counted(StrEnum):
    """What is counted of a feature."""

    BUCKET = "bucket"
    SUM = "sum"
    CATEGORY = "category"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class Increase(NamedTuple):
    """By how much a counter has risen in a window, all pods together."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class _Counts:
    """What was counted of one feature."""

    buckets: dict[float, float] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=dict)
    total: float | None = None
    missing: float = 0.0
    unreadable: float = 0.0


_Table = dict[str, _Counts]
"""By feature."""


def count_exported(increases: Iterable[Increase], *, features: Collection[str] | None = None) -> Profile:
    """The profile of a window; without features where nothing of it was exported.

    Args:
        increases: with the labels `feature` or `prediction`, `group`, `le`, `category`, and `COUNTED`. A prediction
            that is called as a feature is left out.
        features: names that are wanted; None for all.
    """
    of_features: dict[str, _Table] = {EVERYBODY: {}}
    of_predictions: dict[str, _Table] = {EVERYBODY: {}}
    for one in increases:
        feature, prediction = one.labels.get("feature", ""), one.labels.get("prediction", "")
        name, kept = (feature, of_features) if feature else (prediction, of_predictions)
        wanted = is_name(name, LONGEST_FEATURE) and (features is None or name in features)
        if not wanted or not 0 <= one.value <= LARGEST_COUNT:
            continue
        group = one.labels.get(BY, EVERYBODY)
        group = group if not group or is_name(group, LONGEST_NAME) else OTHER
        for place in dict.fromkeys((EVERYBODY, group)):
            _add(kept.setdefault(place, {}).setdefault(name, _Counts()), one)
    tables = {
        group: {**of_predictions.get(group, {}), **of_features.get(group, {})}
        for group in {**of_features, **of_predictions}
    }
    names = sorted(name for name, counts in tables[EVERYBODY].items() if _make_feature(counts) is not None)
    parts = {group: _make_part(table, names[:MOST_FEATURES]) for group, table in tables.items()}
    everybody = parts.pop(EVERYBODY)
    chosen = choose_groups(parts)
    return Profile(everybody.rows, everybody.features, BY if chosen else "", chosen)


def is_name(text: str, longest: int) -> bool:
    """Whether a text is short enough for a name, and every character of it is printed."""
    return 0 < len(text) <= longest and make_printable(text) == text


def choose_groups(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The groups that are told apart: the largest ones, and `(other)`."""
    ranked = sorted(parts.keys() - {OTHER}, key=lambda group: (-parts[group].rows, group))
    return {group: parts[group] for group in (*ranked[:MOST_GROUPS], *({OTHER} & parts.keys()))}


def _add(counts: _Counts, one: Increase) -> None:
    match one.labels.get(COUNTED):
        case Counted.BUCKET:
            edge = _read_edge(one.labels.get("le", ""))
            if edge is not None:
                counts.buckets[edge] = counts.buckets.get(edge, 0.0) + one.value
        case Counted.SUM:
            counts.total = (counts.total or 0.0) + one.value
        case Counted.CATEGORY:
            category = one.labels.get("category", "")
            category = category if is_name(category, LONGEST_NAME) else OTHER
            counts.categories[category] = counts.categories.get(category, 0.0) + one.value
        case Counted.MISSING:
            counts.missing += one.value
        case Counted.UNREADABLE:
            counts.unreadable += one.value
        case _:  # nobody has asked for it
            pass


def _read_edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    return None if math.isnan(edge) or edge == -math.inf else edge


def _make_part(table: Mapping[str, _Counts], names: Iterable[str]) -> Part:
    features = {
        name: feature for name in names if name in table and (feature := _make_feature(table[name])) is not None
    }
    return Part(max((feature.events for feature in features.values()), default=0), features)


def _make_feature(counts: _Counts) -> Feature | None:
    """The feature; None where what was counted is none."""
    missing, unreadable = round(counts.missing), round(counts.unreadable)
    if counts.buckets:
        if math.inf not in counts.buckets or len(counts.buckets) > MOST_EDGES + 1:
            return None
        buckets = {edge: round(value) for edge, value in counts.buckets.items()}
        return count_buckets(buckets, total=counts.total, nulls=missing, unreadable=unreadable)
    if counts.categories:
        named = {name: round(value) for name, value in counts.categories.items()}
        return count_categories(named, nulls=missing, most=MOST_CATEGORIES)
    return None
