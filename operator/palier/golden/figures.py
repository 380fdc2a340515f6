"""How the numbers of golden answers are written for people and for `status`."""

from decimal import Decimal
from typing import Final

from palier.evidence.sentences import three_digits

_DIGITS: Final = 4
"""Digits behind the point in `status`."""


def write_percent(share: float) -> str:
    """A share between 0 and 1 in percent, with three digits that count."""
    return f"{three_digits(100 * share)} %"


def write_margin(margin: float) -> str:
    """A margin between 0 and 1 in percentage points."""
    return f"{100 * margin:.6g} points"


def write_points(share: float) -> str:
    """A share between 0 and 1 as a number of points out of 100."""
    return f"{100 * share:.1f}"


def write_decimal(value: float | None) -> Decimal | None:
    """A number as `status` has it; None stays None."""
    return None if value is None else Decimal(f"{value + 0.0:.{_DIGITS}f}")
