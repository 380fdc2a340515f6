"""What is wrong with a feature that has changed, where it is more than a change of its values.

Most of what drifts over night is broken, and whoever is called wants to hear that a column is empty, constant, or a
thousand times as large, and not how large its PSI is. Nothing here decides that there is a change: a fault is the name
of one that has been found.
"""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from palier.evidence.sentences import percent, two_digits
from palier.watch.features.measure import DriftRules
from palier.watch.features.profile import Categories, Feature, Numbers
from palier.watch.features.table import NEW, NULL, UNREADABLE, Table

SHOWN: Final = 3
"""Categories that a sentence names."""

_MOST_DECADES: Final = 12
_NEAR: Final = 0.15
"""How far the decimal logarithm of a factor may be from a whole number for a change of units."""
_ALIKE: Final = 0.05
"""How far shares below an edge may be from those below the edge times a power of ten."""
_LEAST_SPREAD: Final = 0.05
_ALL: Final = 0.99
"""Share of the values that is nearly all of them."""
_SPREAD: Final = 0.9
"""Share of the largest bin above which a feature may well be constant for a while."""
_MISSED: Final = 7.0
"""Expected events of a category that is none the less absent: by chance once in a thousand times."""


class FaultKind(StrEnum):
    """What may be wrong."""

    MISSING_COLUMN = "MissingColumn"
    NEW_COLUMN = "NewColumn"
    KIND_CHANGED = "KindChanged"
    ALL_NULL = "AllNull"
    NULL_RATE = "NullRate"
    UNREADABLE = "Unreadable"
    CONSTANT = "Constant"
    UNIT_CHANGE = "UnitChange"
    OUT_OF_RANGE = "OutOfRange"
    NEW_CATEGORY = "NewCategory"
    VANISHED_CATEGORY = "VanishedCategory"


class Fault(NamedTuple):
    """A fault and a sentence about it, without its full stop, to follow the name of the feature."""

    kind: FaultKind
    message: str


def list_faults(reference: Feature, current: Feature, table: Table, rules: DriftRules) -> tuple[Fault, ...]:
    """The faults of a feature that has changed; none where only its values have.

    Args:
        reference: what it was.
        current: what it is.
        table: both on the same bins, with events on either side.
        rules: which shares of missing, new and unreadable values matter.
    """
    return tuple(_find_faults(reference, current, table, rules))


def _find_faults(reference: Feature, current: Feature, table: Table, rules: DriftRules) -> Iterator[Fault]:
    if type(reference) is not type(current) and current.values:
        kinds = f"a {current.kind} where the reference has a {reference.kind}"
        yield Fault(FaultKind.KIND_CHANGED, f"it is {kinds}")
        return
    nulls, before = (one[NULL] / sum(one) for one in (table.current, table.reference))
    if nulls == 1:
        yield Fault(FaultKind.ALL_NULL, f"it is always missing (before {percent(before)})")
        return
    if nulls - before >= rules.null_rise:
        yield Fault(FaultKind.NULL_RATE, f"{percent(nulls)} of its values are missing, before {percent(before)}")
    unreadable, before = (one[UNREADABLE] / sum(one) for one in (table.current, table.reference))
    if unreadable - before >= rules.new_share:
        yield Fault(
            FaultKind.UNREADABLE, f"{percent(unreadable)} of its values are no numbers, before {percent(before)}"
        )
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        fault = _find_constant_number(reference, current) or _find_unit(reference, current, table)
        if fault:
            yield fault
    elif isinstance(reference, Categories) and isinstance(current, Categories):
        yield from _find_faults_of_categories(reference, current, table, rules)


def _find_constant_number(reference: Numbers, current: Numbers) -> Fault | None:
    known = current.least is not None and current.least == current.most
    if known and (reference.least is None or reference.least != reference.most):
        return Fault(FaultKind.CONSTANT, f"it is always {current.least:.6g}")
    inside = current.edges and current.least is None and current.values == max(current.counts)
    place = current.counts.index(max(current.counts))
    if inside and 0 < place < len(current.edges) and max(reference.counts) <= _SPREAD * reference.values:
        ends = f"between {current.edges[place - 1]:.6g} and {current.edges[place]:.6g}"
        return Fault(FaultKind.CONSTANT, f"all its values are {ends}: is it constant?")
    return None


def _find_unit(reference: Numbers, current: Numbers, table: Table) -> Fault | None:
    decades = _find_factor(reference, current)
    if decades:
        larger = "large" if decades > 0 else "small"
        times = f"about {10.0 ** abs(decades):,.0f} times as {larger}"
        return Fault(FaultKind.UNIT_CHANGE, f"its values are {times} as in the reference: a change of unit?")
    return _find_end(reference, current, table)


def _find_factor(reference: Numbers, current: Numbers) -> int | None:
    """By which power of ten all values have grown, as well as the two histograms can tell; None for none."""
    before, now = _find_size(reference), _find_size(current)
    if before and now:
        # Values that have only been moved, by an offset, spread otherwise.
        alike = abs(now.spread - before.spread) <= max(_LEAST_SPREAD, before.spread / 4)
        return _round_decades(now.mean - before.mean) if alike else None
    if reference.total and current.total and reference.values and current.values:
        ratio = (current.total / current.values) / (reference.total / reference.values)
        return _round_decades(math.log10(ratio)) if ratio > 0 else None
    powers = [power for size in range(1, _MOST_DECADES + 1) for power in (size, -size)]
    return next((power for power in powers if _is_moved(reference, current, power)), None)


class _Size(NamedTuple):
    """How large the values of a number are, in decimal logarithms."""

    mean: float
    spread: float


def _find_size(one: Numbers) -> _Size | None:
    """How large the values are; None where only bins are known."""
    if one.decades is None or one.squares is None or not one.nonzero:
        return None
    mean = one.decades / one.nonzero
    return _Size(mean, math.sqrt(max(one.squares / one.nonzero - mean**2, 0.0)))


def _round_decades(decades: float) -> int | None:
    nearest = round(decades)
    return nearest if nearest and abs(decades - nearest) <= _NEAR else None


def _is_moved(reference: Numbers, current: Numbers, power: int) -> bool:
    """Whether as many values are below the edges times a power of ten as were below the edges themselves."""
    below, before = (dict(_list_shares_below(one)) for one in (current, reference))
    if not (below and before):
        return False
    told = False
    for edge, share in before.items():
        moved = edge * 10.0**power
        found = next((other for at, other in below.items() if math.isclose(at, moved, rel_tol=1e-9)), None)
        if found is None:
            continue
        if abs(found - share) > _ALIKE:
            return False
        told = told or _ALIKE < share < 1 - _ALIKE
    return told


def _list_shares_below(one: Numbers) -> Iterator[tuple[float, float]]:
    """Each edge with the share of the values up to it."""
    sofar = 0
    for edge, count in zip(one.edges, one.counts, strict=False):
        sofar += count
        yield edge, sofar / max(one.values, 1)


def _find_end(reference: Numbers, current: Numbers, table: Table) -> Fault | None:
    """Nearly all values beyond the last edge, or below the first one: by how much is not known."""
    own, before = table.current[: table.ordered], table.reference[: table.ordered]
    if len(own) < 2 or not (sum(own) and sum(before)):  # noqa: PLR2004 - two bins have an edge
        return None
    for place, edge, where in ((-1, current.edges[-1], "above"), (0, current.edges[0], "at or below")):
        if own[place] >= _ALL * sum(own) and before[place] <= sum(before) / 2:
            share = f"{percent(before[place] / sum(before))} before"
            unit = (
                "" if _find_size(current) else f": a change of unit{_describe_power(reference, edge, up=place == -1)}?"
            )
            ends = f"{percent(own[place] / sum(own))} of its values are {where} {edge:.6g}, {share}"
            return Fault(FaultKind.OUT_OF_RANGE, f"{ends}{unit}")
    return None


def _describe_power(reference: Numbers, edge: float, *, up: bool) -> str:
    """The smallest power of ten that moves the middle of the reference beyond an edge."""
    middle = next((at for at, share in _list_shares_below(reference) if share >= 1 / 2), reference.edges[-1])
    ratio = edge / middle if up else middle / edge if edge else 0.0
    if ratio <= 0:
        return ""
    power = max(1, math.ceil(math.log10(ratio)))
    return f" by 10^{power} or more" if up else f" by 10^-{power} or less"


def _find_faults_of_categories(
    reference: Categories, current: Categories, table: Table, rules: DriftRules
) -> Iterator[Fault]:
    events = sum(table.current)
    seen = {name: count for name, count in current.counts.items() if count}
    constant = len(seen) == 1 and not current.other and _count_different(reference) > 1
    if constant:
        yield Fault(FaultKind.CONSTANT, f"it is always {next(iter(seen))}")
    if table.current[NEW] >= rules.new_share * events:
        new = {name: count for name, count in seen.items() if not reference.counts.get(name)}
        named = _name_largest(new, events) or percent(table.current[NEW] / events)
        yield Fault(FaultKind.NEW_CATEGORY, f"the reference has never had {named}")
    gone = {
        name: count
        for name, count in reference.counts.items()
        if not current.counts.get(name) and not current.other and _expect(count, reference, current) >= _MISSED
    }
    if gone and not constant:
        named = _name_largest(gone, reference.events)
        yield Fault(FaultKind.VANISHED_CATEGORY, f"it never has {named} of the reference any more")


def _expect(count: int, reference: Categories, current: Categories) -> float:
    """How many of the window's values should have a category."""
    return count / max(reference.values, 1) * current.values


def _count_different(feature: Categories) -> int:
    return sum(count > 0 for count in feature.counts.values()) + (feature.other > 0)


def _name_largest(counts: dict[str, int], events: int) -> str:
    """Categories with their shares, the largest first: "x (4.1 %), y (2 %) and 3 others"."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    named = [f"{name} ({percent(counts[name] / events)})" for name in ranked[:SHOWN]]
    more = len(ranked) - len(named)
    if more:
        named.append(f"{two_digits(float(more)) if more > 99 else more} other{'s' if more > 1 else ''}")  # noqa: PLR2004
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}" if named else ""
