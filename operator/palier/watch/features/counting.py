"""Counting the values of one column: as numbers in bins, or as categories by name.

Values come from files that others wrote. Whatever is no number in a column of numbers is counted as unreadable, and the
names of categories are bounded in length and in number: a column of identifiers must not fill the memory.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeAlias

from palier.watch.features.bins import MOST_CATEGORIES
from palier.watch.features.profile import Categories, Feature, Numbers

Cell: TypeAlias = str | float | bool | None
"""A value of a row: a text as a CSV file has it, or a value of JSON; None for none."""

NULLS: Final = frozenset({"", "null", "none", "nan", "na", "n/a", "nil", "<na>", "nat"})
"""Texts, in any case, that stand for no value."""
LONGEST_NAME: Final = 64
"""Characters of a category's name."""

_NEW: Final = 200
"""Names beyond those of the reference that are counted apart before the largest of them are chosen."""


def is_null(cell: Cell) -> bool:
    """Whether there is no value."""
    if isinstance(cell, str):
        return cell.strip().lower() in NULLS
    return cell is None or cell != cell  # noqa: PLR0124 - only NaN differs from itself


def read_number(cell: Cell) -> float | None:
    """The number that a value is, or that its text spells; None if it is none, or has no end."""
    if isinstance(cell, str):
        try:
            number = math.nan if "_" in cell else float(cell)
        except ValueError:
            return None
    elif isinstance(cell, bool) or cell is None:
        return None
    else:
        try:
            number = float(cell)
        except OverflowError:
            return None
    return number if math.isfinite(number) else None


def spell_number(number: float) -> str:
    """A number as the name of a category: 1 and 1.0 are the same."""
    return f"{number:.12g}"


def name_category(cell: Cell, *, numeric: bool = False) -> str:
    """The name of the category that a value is."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if numeric or not isinstance(cell, str):
        number = read_number(cell)
        if number is not None:
            return spell_number(number)
    text = str(cell).strip()
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


class NumberTally:
    """What is counted of a column of numbers."""

    def __init__(self, edges: tuple[float, ...], *, nulls: int = 0) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._nulls, self._unreadable, self._nonzero = nulls, 0, 0
        self._least, self._most = math.inf, -math.inf
        self._total = self._decades = self._squares = 0.0

    def add(self, cell: Cell) -> None:
        """Count one value."""
        number = read_number(cell)
        if number is None:
            if is_null(cell):
                self._nulls += 1
            else:
                self._unreadable += 1
            return
        self._counts[bisect_left(self._edges, number)] += 1
        self._least, self._most = min(self._least, number), max(self._most, number)
        self._total += number
        if number:
            decades = math.log10(abs(number))
            self._decades += decades
            self._squares += decades * decades
            self._nonzero += 1

    def finish(self) -> Numbers:
        """What was counted."""
        some = any(self._counts)
        return Numbers(
            self._edges,
            tuple(self._counts),
            nulls=self._nulls,
            unreadable=self._unreadable,
            least=self._least if some else None,
            most=self._most if some else None,
            total=self._total if some and math.isfinite(self._total) else None,
            decades=self._decades if some else None,
            squares=self._squares if some else None,
            nonzero=self._nonzero,
        )


class CategoryTally:
    """What is counted of a column of categories.

    Args:
        known: categories that have a place of their own.
        numeric: whether they are numbers.
        room: how many others get one, the largest first.
        nulls: events without a value that went before.
    """

    def __init__(self, known: Mapping[str, int], *, numeric: bool, room: int, nulls: int = 0) -> None:
        self._known = dict.fromkeys(known, 0)
        self._new = Counter[str]()
        self._numeric, self._room, self._other, self._nulls = numeric, room, 0, nulls

    def add(self, cell: Cell) -> None:
        """Count one value."""
        if is_null(cell):
            self._nulls += 1
            return
        name = name_category(cell, numeric=self._numeric)
        if name in self._known:
            self._known[name] += 1
        elif name in self._new or (self._room and len(self._new) < _NEW):
            self._new[name] += 1
        else:
            self._other += 1

    def finish(self) -> Categories:
        """What was counted."""
        ranked = sorted(self._new, key=lambda name: (-self._new[name], name))
        counts = self._known | {name: self._new[name] for name in ranked[: self._room]}
        other = self._other + sum(self._new[name] for name in ranked[self._room :])
        return Categories(counts, other, self._nulls, self._numeric)


Tally: TypeAlias = NumberTally | CategoryTally


def start_tally(pattern: Feature, *, follows: bool, nulls: int = 0) -> Tally:
    """An empty tally.

    Args:
        pattern: a feature with the edges or the categories that are to be used.
        follows: whether the pattern is a reference, beside whose categories new ones are named; else it was chosen from
            the same rows, and there is room for as many as are missing.
        nulls: events without a value that went before.
    """
    if isinstance(pattern, Numbers):
        return NumberTally(pattern.edges, nulls=nulls)
    room = MOST_CATEGORIES if follows else MOST_CATEGORIES - len(pattern.counts)
    return CategoryTally(pattern.counts, numeric=pattern.numeric, room=room, nulls=nulls)
