"""From any Python value to a number or to the name of a category, by the rules of `palier drift`.

A window of a server is compared with the rows of a file, so both have to read "12", " NA " and 1.0 in the same way. The
rules are written here again, because a model server should not install the operator; a test holds the two against each
other. Values come from users: nothing is called on them that could take long, and what they are is never repeated.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Final

OTHER: Final = "(other)"
"""Whatever has no place of its own."""
NULLS: Final = frozenset({"", "null", "none", "nan", "na", "n/a", "nil", "<na>", "nat"})
"""Texts, in any case, that stand for no value."""
LONGEST_CATEGORY: Final = 64
"""Characters of a category's name."""
LONGEST_NUMBER: Final = 400
"""Characters of a text that is read as a number: every finite float can be spelled with fewer."""

NUMBERS: Final = (float, int, Real, Decimal)
"""Types of numbers. The first two are those of most values, and to ask for the others takes ten times as long."""
_SENTINELS: Final = frozenset({"NAType", "NaTType"})
"""Types of the missing values of pandas, which this package does not import."""


def unwrap(value: object) -> object:
    """The Python value in a member of an enumeration, or in a scalar of numpy or torch; else the value itself."""
    if isinstance(value, Enum):
        return value.value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value


def read_number(value: object) -> float:
    """A finite number; NaN for a missing value, and infinite for one that is no number or has no end.

    Raises:
        Exception: whatever the value raises when it is asked.
    """
    if type(value) is float:
        return value
    if isinstance(value, str):
        return _read_text(value)
    if value is None:
        return math.nan
    if isinstance(value, bool):
        return math.inf
    if isinstance(value, NUMBERS):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    inner = unwrap(value)
    if inner is not value:
        return read_number(inner)
    return math.nan if type(value).__name__ in _SENTINELS else math.inf


def is_missing(value: object) -> bool:
    """Whether there is no value.

    Raises:
        Exception: whatever the value raises when it is asked.
    """
    if isinstance(value, str):
        return _is_null(value)
    if value is None:
        return True
    if isinstance(value, NUMBERS):
        return value != value  # noqa: PLR0124 - only NaN differs from itself
    inner = unwrap(value)
    return is_missing(inner) if inner is not value else type(value).__name__ in _SENTINELS


def name_category(value: object, *, numeric: bool) -> str | None:
    """The name of the category that a value is; None for what can be no category, such as a list.

    Args:
        value: no missing one.
        numeric: whether a text that spells a number is that number.

    Raises:
        Exception: whatever the value raises when it is asked.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if numeric and math.isfinite(number := _read_text(value)):
            return _spell_number(number)
        text = value.strip()
        return text if len(text) <= LONGEST_CATEGORY else f"{text[: LONGEST_CATEGORY - 1]}…"
    if isinstance(value, NUMBERS):
        number = read_number(value)
        return _spell_number(number) if math.isfinite(number) else None
    inner = unwrap(value)
    return name_category(inner, numeric=numeric) if inner is not value else None


def find_value(source: object, path: Sequence[str | int]) -> object:
    """What lies at the end of some steps: keys of mappings, places in lists, attributes; None where there is nothing.

    Raises:
        Exception: whatever an attribute or a mapping raises.
    """
    for step in path:
        if isinstance(source, Mapping):
            source = source.get(step)
        elif isinstance(step, int):
            inside = isinstance(source, Sequence) and not isinstance(source, str) and -len(source) <= step < len(source)
            source = source[step] if inside and isinstance(source, Sequence) else None
        else:
            source = getattr(source, step, None)
    return source


def _is_null(text: str) -> bool:
    return len(text) <= LONGEST_NUMBER and text.strip().lower() in NULLS


def _read_text(text: str) -> float:
    if len(text) > LONGEST_NUMBER or "_" in text:
        return math.inf
    try:
        number = float(text)
    except ValueError:
        return math.nan if _is_null(text) else math.inf
    return number if math.isfinite(number) or _is_null(text) else math.inf


def _spell_number(number: float) -> str:
    return f"{number:.12g}"
