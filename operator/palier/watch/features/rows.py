"""From the rows of a file to the profile of a window.

Nothing says what a column is, so it is inferred from the first rows, and told. A column is a number where nearly all of
its values are, and a category else; a number that takes few values only is a category, too, because each of them then
means something of its own. Bins are those between the deciles of the first rows. A window that is compared with a
reference is read as the reference was: with its kinds, its edges and its categories.

The first rows are held in memory, all others are counted as they come.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Final, TypeAlias

from palier.watch.features.bins import MOST_CATEGORIES
from palier.watch.features.counting import Cell, Tally, is_null, name_category, read_number, spell_number, start_tally
from palier.watch.features.profile import OTHER, Categories, Feature, Numbers, Part, Profile

Row: TypeAlias = Mapping[str, Cell]

BINS: Final = 10
"""Bins of a number."""
MOST_GROUPS: Final = 20
"""Groups that are told apart, the largest first; the rest is counted together."""
NO_GROUP: Final = "(none)"
"""The group of rows without a value in the column that groups are told apart by."""

_FIRST: Final = 100_000
"""Rows from which kinds, edges, categories and groups are chosen."""
_NUMERIC: Final = 0.95
"""Share of the values that have to be numbers for the column to be one."""
_FEW: Final = 10
"""So few different numbers are categories."""
_ROWS_FOR_EACH: Final = 10
"""If there are at least so many rows for each of them."""


def profile_rows(rows: Iterable[Row], *, by: str = "", like: Profile | None = None, first: int = _FIRST) -> Profile:
    """Count the rows of a window.

    Args:
        rows: in any order; a column that a row lacks is null in it.
        by: a column that groups of users are told apart by; empty for none.
        like: the reference whose kinds, edges, categories and groups are used where it has the column.
        first: rows from which the others are chosen.

    Raises:
        ValueError: no row has the column of the groups.
    """
    remaining = iter(rows)
    held = list(islice(remaining, first))
    names = list(dict.fromkeys(name for row in held for name in row))
    if by and by not in names:
        raise ValueError(f"no row has the column {by!r}, by which groups are to be told apart")
    known = like.features if like else {}
    patterns = {
        name: known.get(name) or choose_pattern([row.get(name) for row in held if name in row]) for name in names
    }

    def start(name: str, *, nulls: int = 0) -> Tally:
        return start_tally(patterns[name], follows=name in known, nulls=nulls)

    everybody = {name: start(name) for name in names}
    groups = _choose_groups(held, by, like) if by else ()
    apart = {group: {name: start(name) for name in names if name != by} for group in groups}
    number, sizes = 0, Counter[str]()
    for row in chain(held, remaining):
        for name in row.keys() - everybody.keys():  # it was null in every row before
            patterns[name] = known.get(name) or choose_pattern([row[name]])
            everybody[name] = start(name, nulls=number)
        number += 1
        _count_row(row, everybody)
        if by:
            group = _name_group(row.get(by))
            group = group if group in apart else OTHER
            sizes[group] += 1
            _count_row(row, apart[group])
    return Profile(
        number,
        _finish(everybody),
        by,
        {group: Part(sizes[group], _finish(tallies)) for group, tallies in apart.items() if sizes[group]},
    )


def choose_pattern(values: Sequence[Cell]) -> Feature:
    """What a column is, by some of its values: a feature without events, with edges or categories."""
    present = [value for value in values if not is_null(value)]
    numbers = [number for value in present if (number := read_number(value)) is not None]
    if not present or len(numbers) < _NUMERIC * len(present):
        names = Counter(name_category(value) for value in present)
        return Categories(dict.fromkeys(_rank(names)[:MOST_CATEGORIES], 0))
    distinct = set(numbers)
    if len(distinct) <= _FEW and len(numbers) >= _ROWS_FOR_EACH * len(distinct):
        return Categories({spell_number(number): 0 for number in sorted(distinct)}, numeric=True)
    edges = choose_edges(numbers)
    return Numbers(edges, (0,) * (len(edges) + 1))


def choose_edges(numbers: Sequence[float], *, bins: int = BINS) -> tuple[float, ...]:
    """Edges between which there are about equally many of some numbers; fewer where a number is frequent."""
    ordered = sorted(numbers)
    at = (ordered[math.ceil(place * len(ordered) / bins) - 1] for place in range(1, bins))
    return tuple(edge for edge in dict.fromkeys(at) if edge < ordered[-1])


def _choose_groups(rows: Iterable[Row], by: str, like: Profile | None) -> tuple[str, ...]:
    """The groups that are told apart: those of the reference, or else the largest."""
    if like and like.by == by:
        return tuple(dict.fromkeys((*like.groups, OTHER)))
    ranked = _rank(Counter(_name_group(row.get(by)) for row in rows))
    return tuple(dict.fromkeys((*ranked[:MOST_GROUPS], OTHER)))


def _name_group(cell: Cell) -> str:
    return NO_GROUP if is_null(cell) else name_category(cell)


def _rank(names: Counter[str]) -> list[str]:
    return sorted(names, key=lambda name: (-names[name], name))


def _count_row(row: Row, tallies: Mapping[str, Tally]) -> None:
    for name, tally in tallies.items():
        tally.add(row.get(name))


def _finish(tallies: Mapping[str, Tally]) -> dict[str, Feature]:
    return {name: tally.finish() for name, tally in tallies.items()}
