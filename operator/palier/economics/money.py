"""An amount with its currency, so that amounts of two currencies can never be added or compared by mistake.

Nothing here converts or rounds. Amounts are decimals of 28 digits: sums and products of what people write are exact,
and a quotient is off by less than 1e-27 of itself.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering
from typing import Final, Self

from palier.errors import CurrencyMismatch

HOURS_PER_MONTH: Final = Decimal(730)
"""Hours of an average month, as price lists and OpenCost count: 8,760 / 12."""
SECONDS_PER_HOUR: Final = Decimal(3600)
SECONDS_PER_MONTH: Final = HOURS_PER_MONTH * SECONDS_PER_HOUR
THOUSAND: Final = Decimal(1000)


@dataclass(frozen=True, slots=True)
@total_ordering
class Money:
    """An amount of one currency.

    Raises:
        ValueError: the amount is no number, or the currency is not three capital letters.
    """

    amount: Decimal
    currency: str
    """ISO 4217, such as `EUR`."""

    def __post_init__(self) -> None:
        """Refuse what is no amount of money."""
        if not self.amount.is_finite():
            raise ValueError(f"not an amount of money: {self.amount}")
        if re.fullmatch("[A-Z]{3}", self.currency) is None:
            raise ValueError(f"a currency is three capital letters of ISO 4217, not {self.currency!r}")

    def __add__(self, other: Self) -> Self:
        """The sum; raises CurrencyMismatch across currencies."""
        return self._with(self.amount + self._amount_of(other))

    def __sub__(self, other: Self) -> Self:
        """The difference; raises CurrencyMismatch across currencies."""
        return self._with(self.amount - self._amount_of(other))

    def __mul__(self, factor: Decimal | int) -> Self:
        """So many times the amount."""
        return self._with(self.amount * factor)

    def __lt__(self, other: "Money") -> bool:
        """Whether it is less; raises CurrencyMismatch across currencies."""
        return self.amount < self._amount_of(other)

    def _amount_of(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added or compared")
        return other.amount

    def _with(self, amount: Decimal) -> Self:
        return type(self)(amount, self.currency)
