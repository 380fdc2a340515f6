"""A reference within bounds: one that is kept in a status, and one that somebody has written.

Comparing takes time for each feature of each group, and a status has little room. So a reference has all users first,
feature by feature in the order of their names, and then one group after the other, the largest first, as far as there
is room. What has none is named, and nobody asks about it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from palier.watch.features.exported import (
    LARGEST_COUNT,
    LONGEST_FEATURE,
    LONGEST_NAME,
    MOST_CATEGORIES,
    MOST_EDGES,
    MOST_FEATURES,
    choose_groups,
    is_name,
)
from palier.watch.features.profile import EVERYBODY, OTHER, Categories, Feature, Part, Profile, write_profile

MOST_PARTS: Final = 1000
"""Features of all users and of all groups together."""
_FRAME: Final = 120
"""Bytes of a profile's file around its features, and around the features of a group, but for its name."""
_EMPTY: Final = len(write_profile(Profile(0, {})))


class Bounded(NamedTuple):
    """A reference within bounds."""

    profile: Profile
    left_out: tuple[str, ...]
    """What has no room in it: features, and features of groups as "amount of fr"."""


def bound_reference(profile: Profile, *, features: Collection[str] | None = None, most: int | None = None) -> Bounded:
    """The part of a reference that has room.

    Args:
        profile: a reference.
        features: names that are wanted; None for all.
        most: bytes of its file; None for any number.

    Raises:
        ValueError: nobody can have counted that; it names the feature.
    """
    kept: dict[str, dict[str, Feature]] = {}
    left_out, used, parts = [], _FRAME + 2 * len(profile.by.encode()), 0
    _refuse_count("rows", (profile.rows,))
    everybody = Part(profile.rows, profile.features)
    for group, part in ((EVERYBODY, everybody), *choose_groups(profile.groups).items()):
        if group != EVERYBODY:
            _refuse_count(group, (part.rows,))
            used += _FRAME + 2 * len(group.encode())  # a quotation mark is escaped
        for name, feature in sorted(part.features.items()):
            if features is not None and name not in features:
                continue
            _refuse_odd(name, feature)
            size = 0 if most is None else _measure_feature(name, feature)
            room = parts < MOST_PARTS and (most is None or used + size <= most) and is_name(name, LONGEST_FEATURE)
            named = group == EVERYBODY or (is_name(group, LONGEST_NAME) and name in kept.get(EVERYBODY, {}))
            if not (room and named) or len(kept.get(group, {})) >= MOST_FEATURES:
                left_out.append(name if group == EVERYBODY else f"{name} of {group}")
                continue
            kept.setdefault(group, {})[name] = feature
            used, parts = used + size, parts + 1
    groups = {group: Part(profile.groups[group].rows, found) for group, found in kept.items() if group != EVERYBODY}
    bounded = Profile(profile.rows, kept.get(EVERYBODY, {}), profile.by if groups else "", groups)
    return Bounded(bounded, tuple(left_out))


def _measure_feature(name: str, feature: Feature) -> int:
    """Bytes that a feature takes in a profile's file, at most."""
    return len(write_profile(Profile(0, {name: feature})).encode()) - _EMPTY + 1


def _refuse_odd(name: str, feature: Feature) -> None:
    """Refuse what is no count, and more edges or categories than a reference may have."""
    counts: Iterable[int]
    if isinstance(feature, Categories):
        _refuse_names(name, feature.counts)
        counts = (*feature.counts.values(), feature.other, feature.nulls)
    else:
        if len(feature.edges) > MOST_EDGES:
            raise ValueError(f"{name[:LONGEST_FEATURE]}: more than {MOST_EDGES} edges")
        counts = (*feature.counts, feature.nulls, feature.unreadable, feature.nonzero)
    _refuse_count(name, counts)


def _refuse_names(name: str, counts: Mapping[str, int]) -> None:
    if len(counts) > MOST_CATEGORIES + 1:
        raise ValueError(f"{name[:LONGEST_FEATURE]}: more than {MOST_CATEGORIES} categories")
    odd = next((one for one in counts if one != OTHER and one and not is_name(one, LONGEST_NAME)), None)
    if odd is not None:
        raise ValueError(f"{name[:LONGEST_FEATURE]}: a category longer than {LONGEST_NAME} characters or not printable")


def _refuse_count(name: str, counts: Iterable[int]) -> None:
    if sum(counts) > LARGEST_COUNT:
        raise ValueError(f"{name[:LONGEST_FEATURE]}: more events than anybody can count")
