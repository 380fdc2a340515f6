"""Numbers in the sentences that people read: rounded here, and only here, never so that a sentence becomes untrue.

A cost of 3,000.4 against a budget of 3,000 is not written as 3,000, and traffic that is said to fit does fit.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

_DIGITS: Final = 3
_LARGEST: Final = 27
"""Powers of ten from which a decimal has no digits left to round."""


def write_exactly(number: Decimal) -> str:
    """A number as somebody wrote it: `3,000`, `0.4`, `8.33`."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(number: Decimal, *, limit: Decimal | None = None) -> str:
    """A computed number: whole from 100 on, else three digits: `13,205`, `46.1`, `0.0632`.

    Args:
        number: the number.
        limit: what it is compared with: it is rounded so that it stays on its own side of it.
    """
    rounded = _round_number(number, ROUND_HALF_EVEN)
    if limit is not None and (rounded <= limit) != (number <= limit):
        rounded = _round_number(number, ROUND_FLOOR if number <= limit else ROUND_CEILING)
    return write_exactly(rounded)


def money(amount: Decimal, currency: str) -> str:
    """A computed amount: `13,205 EUR`, `0.0632 EUR`."""
    return f"{figure(amount)} {currency}"


def rate(requests_per_second: Decimal) -> str:
    """Traffic as somebody wrote it: `200 requests/s`, `1 request/s`."""
    return _requests(write_exactly(requests_per_second))


def at_most(requests_per_second: Decimal) -> str:
    """Traffic that still fits: `at most 41.2 requests/s`."""
    return f"at most {_requests(write_exactly(_round_number(requests_per_second, ROUND_FLOOR)))}"


def at_least(requests_per_second: Decimal) -> str:
    """Traffic from which on something fits: `at least 0.18 requests/s`."""
    return f"at least {_requests(write_exactly(_round_number(requests_per_second, ROUND_CEILING)))}"


def pods(number: int) -> str:
    """A number of replicas: `1 replica`, `286 replicas`."""
    return f"{number:,} replica{'' if number == 1 else 's'}"


def _round_number(number: Decimal, rounding: str) -> Decimal:
    if number.adjusted() >= _LARGEST:
        return number
    exponent = min(0, number.adjusted() - _DIGITS + 1) if number else 0
    return number.quantize(Decimal(1).scaleb(exponent), rounding=rounding)


def _requests(number: str) -> str:
    return f"{number} request{'' if number == '1' else 's'}/s"
