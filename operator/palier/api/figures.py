"""Decimals as `status` writes them: with every digit, and never in exponent form, which its schema does not know."""

from decimal import Decimal
from typing import overload


@overload
def figure_of(number: Decimal) -> str: ...
@overload
def figure_of(number: None) -> None: ...
@overload
def figure_of(number: Decimal | None) -> str | None: ...
def figure_of(number: Decimal | None) -> str | None:
    """The text of a number; `number_of` reads the same value back. None where nothing is known."""
    return None if number is None else format(number, "f")


def number_of(figure: str | None) -> Decimal | None:
    """The number of a text, or None where nothing is written.

    Raises:
        ArithmeticError: it is not a number.
    """
    return None if figure is None else Decimal(figure)
