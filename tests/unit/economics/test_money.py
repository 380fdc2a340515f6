"""Money: exact, and never of two currencies at once."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from palier.economics.money import HOURS_PER_MONTH, SECONDS_PER_MONTH, Money
from palier.errors import CurrencyMismatch, PalierError

TWO = Money(Decimal("2.10"), "EUR")
THREE = Money(Decimal("3.05"), "EUR")


def test_a_month_has_730_hours() -> None:
    """A month is a twelfth of a year of 8,760 hours, in hours and in seconds."""
    assert (Decimal(730), Decimal(2_628_000)) == (HOURS_PER_MONTH, SECONDS_PER_MONTH)


def test_sums_are_exact() -> None:
    """Tenths that no binary number can hold add up to what is written on paper."""
    assert Money(Decimal("0.1"), "EUR") + Money(Decimal("0.2"), "EUR") == Money(Decimal("0.3"), "EUR")
    assert Money(Decimal("0.95"), "EUR") == THREE - TWO


def test_amounts_are_multiplied() -> None:
    """Hours of a price keep the currency."""
    assert Money(Decimal(1533), "EUR") == TWO * 730
    assert TWO * Decimal("0.5") == Money(Decimal("1.05"), "EUR")


def test_amounts_of_one_currency_are_ordered() -> None:
    """Each comparison says what the numbers say, at equality too."""
    same = Money(Decimal("2.1"), "EUR")
    assert TWO < THREE
    assert same <= TWO
    assert THREE > TWO
    assert same >= TWO
    assert not THREE < TWO
    assert not same < TWO
    assert not same > TWO
    assert not THREE <= TWO
    assert not TWO >= THREE


@pytest.mark.parametrize(
    "together",
    [
        lambda one, other: one + other,
        lambda one, other: one - other,
        lambda one, other: one < other,
        lambda one, other: one <= other,
        lambda one, other: one > other,
        lambda one, other: one >= other,
    ],
)
def test_two_currencies_are_never_combined(together: Callable[[Money, Money], object]) -> None:
    """Every operation on euros and dollars is refused and names both; they are not equal either."""
    dollars = Money(Decimal("2.10"), "USD")
    with pytest.raises(CurrencyMismatch, match="EUR and USD"):
        together(TWO, dollars)
    assert dollars != TWO
    assert issubclass(CurrencyMismatch, PalierError)


@pytest.mark.parametrize("currency", ["eur", "EURO", "E", "", "€", "EU1", "EUR\n"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    """Anything but three capital letters is a mistake, not a currency."""
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(Decimal(1), currency)


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_an_amount_is_a_number(amount: str) -> None:
    """What is no number would swallow every sum that it is part of."""
    with pytest.raises(ValueError, match="not an amount"):
        Money(Decimal(amount), "EUR")
