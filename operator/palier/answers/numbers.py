"""Whether two numbers are near enough, as decimal numbers: 0.7 and 0.8 are exactly 0.1 apart, as people wrote them."""

import math
import re
from decimal import Context, Decimal
from typing import Final

from palier.answers.rules import Allowance

Number = int | float | Decimal

_EXACT: Final = Context(prec=60, traps=[])
"""More digits than any tolerance of the API has; what no decimal can hold becomes infinite instead of an error."""
_SPELLED: Final = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")


def number_of(value: object) -> Number | None:
    """A number of JSON, or the one that a text spells and nothing else; None where there is none."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    if isinstance(value, str) and _SPELLED.fullmatch(text := value.strip()):
        return Decimal(text)
    return None


def is_near(reference: Number, candidate: Number, allowance: Allowance | None) -> bool:
    """Whether a number is the reference's, or within the larger part of the allowance of it.

    Infinite numbers are near themselves alone, and what is not a number is near nothing.
    """
    if reference == candidate:
        return True
    if not (_finite(reference) and _finite(candidate)):
        return False
    expected, given = _decimal(reference), _decimal(candidate)
    if allowance is None:
        return expected == given
    apart = _EXACT.abs(_EXACT.subtract(given, expected))
    return apart <= max(allowance.absolute, _EXACT.multiply(_EXACT.abs(expected), allowance.relative))


def _finite(number: Number) -> bool:
    if isinstance(number, Decimal):
        return number.is_finite()
    return isinstance(number, int) or math.isfinite(number)


def _decimal(number: Number) -> Decimal:
    # The shortest text that means this float is what the answer said, up to its last digits.
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
