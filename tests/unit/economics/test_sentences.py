"""Numbers in sentences: readable, and never rounded into something untrue."""

from decimal import Decimal

import pytest

from palier.economics import sentences


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("13204.7", "13,205"),
        ("100", "100"),
        ("99.96", "100"),
        ("46.05", "46"),
        ("46.15", "46.2"),
        ("9.999", "10"),
        ("0.06321", "0.0632"),
        ("0.0000123456", "0.0000123"),
        ("0", "0"),
        ("1E+5", "100,000"),
        ("123456789.5", "123,456,790"),
    ],
)
def test_figures_have_three_digits(number: str, text: str) -> None:
    """A computed number is whole from 100 on, and has three digits below."""
    assert sentences.figure(Decimal(number)) == text


@pytest.mark.parametrize(
    ("amount", "limit", "text"),
    [
        ("3000.4", "3000", "3,001"),
        ("3000", "3000", "3,000"),
        ("2999.95", "2999.9", "3,000"),
        ("2999.8", "2999.9", "2,999"),
        ("0.4004", "0.4", "0.401"),
        ("0.3999", "0.39995", "0.399"),
        ("13204.7", "3000", "13,205"),
    ],
)
def test_an_amount_stays_on_its_side_of_its_limit(amount: str, limit: str, text: str) -> None:
    """What is over a budget is not told as being the budget, and what is within is not told as being over it."""
    assert sentences.figure(Decimal(amount), limit=Decimal(limit)) == text


def test_numbers_that_somebody_wrote_stay_as_they_are() -> None:
    """A target is told without rounding, with thousands apart and without idle zeros."""
    assert [sentences.write_exactly(Decimal(one)) for one in ("200", "8.3300", "12345.678", "1E+3", "0.000001")] == [
        "200",
        "8.33",
        "12,345.678",
        "1,000",
        "0.000001",
    ]


def test_traffic_that_fits_is_rounded_down_and_traffic_that_is_needed_up() -> None:
    """Whoever follows the sentence ends within the budget."""
    assert sentences.at_most(Decimal("41.29")) == "at most 41.2 requests/s"
    assert sentences.at_most(Decimal("1234.9")) == "at most 1,234 requests/s"
    assert sentences.at_least(Decimal("0.1801")) == "at least 0.181 requests/s"
    assert sentences.at_least(Decimal("1234.1")) == "at least 1,235 requests/s"


def test_one_of_something_is_told_in_the_singular() -> None:
    """Sentences are English also where a number is 1."""
    assert (sentences.rate(Decimal(1)), sentences.rate(Decimal("1.5"))) == ("1 request/s", "1.5 requests/s")
    assert (sentences.pods(1), sentences.pods(2858)) == ("1 replica", "2,858 replicas")
    assert sentences.at_most(Decimal(1)) == "at most 1 request/s"
    assert sentences.money(Decimal("13204.7"), "EUR") == "13,205 EUR"
