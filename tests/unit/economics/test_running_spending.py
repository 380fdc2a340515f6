"""What was spent: exact over changes, months and restarts, and written down only when there is something new."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from palier.economics.money import Money
from palier.economics.spending import (
    LONGEST_WINDOW,
    RATE_LIMIT,
    Rate,
    Spending,
    advance_spending,
    currency_change,
    hours_of_month,
    mean_rate,
    month_of,
    spent_at,
)
from palier.release.times import format_time, parse_time
from tests.support.economics.examples import euros

HOUR, DAY = 3600.0, 86_400.0
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()
"""In the middle of a month of 720 hours."""


def begun(hourly: str = "2", *, at: float = NOON) -> Spending:
    """A memory that has just begun."""
    return advance_spending(None, hourly=euros(hourly), now=at)


def test_counting_begins_with_nothing_spent() -> None:
    """What pods cost before Palier saw them is not made up."""
    spending = begun()

    assert (spending.spent, spending.month, spending.currency) == (0, "2026-11", "EUR")
    assert spending.rates == (Rate(NOON, Decimal(2)),)
    assert spending.hourly == euros("2")


def test_nothing_new_is_the_very_same_object() -> None:
    """Otherwise each look would write a status, and each written status would bring the next look."""
    spending = begun()

    assert advance_spending(spending, hourly=euros("2.000"), now=NOON + 599) is spending


def test_what_was_spent_is_written_down_now_and_then() -> None:
    """Somebody who reads the object after a quiet day sees a number of today."""
    after = advance_spending(begun(), hourly=euros("2"), now=NOON + 600)

    assert (after.at, after.spent) == (NOON + 600, Decimal("0.333333333"))
    assert after.rates == begun().rates


def test_each_hourly_cost_counts_for_its_own_time() -> None:
    """Three hours at 2, one at 5, and a half at 1."""
    spending = advance_spending(begun(), hourly=euros("5"), now=NOON + 3 * HOUR)
    spending = advance_spending(spending, hourly=euros("1"), now=NOON + 4 * HOUR)

    assert spent_at(spending, NOON + 4.5 * HOUR) == Decimal("11.5")
    assert [rate.hourly for rate in spending.rates] == [2, 5, 1]


def test_two_changes_at_one_instant_leave_the_last() -> None:
    """A piece without length would be divided by."""
    spending = advance_spending(begun(), hourly=euros("5"), now=NOON + HOUR)
    spending = advance_spending(spending, hourly=euros("7"), now=NOON + HOUR)

    assert spending.rates == (Rate(NOON, Decimal(2)), Rate(NOON + HOUR, Decimal(7)))


def test_downtime_costs_what_was_known_last() -> None:
    """Pods go on costing money while the operator is away."""
    assert advance_spending(begun(), hourly=euros("9"), now=NOON + 5 * HOUR).spent == 10


def test_a_clock_that_goes_back_takes_nothing_back() -> None:
    """Two operators after each other have two clocks; money that is spent stays spent."""
    spending = advance_spending(begun(), hourly=euros("3"), now=NOON + HOUR)
    after = advance_spending(spending, hourly=euros("4"), now=NOON)

    assert (after.spent, after.at) == (2, NOON + HOUR)
    assert after.hourly == euros("4")
    assert spent_at(after, NOON) == 2


def test_a_month_begins_at_midnight_utc_with_nothing_spent() -> None:
    """What the old month cost after the last write belongs to the old month."""
    last_evening = datetime(2026, 11, 30, 22, tzinfo=UTC).timestamp()
    spending = begun(at=last_evening)

    assert spent_at(spending, last_evening + 2 * HOUR - 1) == pytest.approx(Decimal(4), abs=Decimal("0.001"))
    assert spent_at(spending, last_evening + 2 * HOUR) == 0
    after = advance_spending(spending, hourly=euros("2"), now=last_evening + 2 * HOUR + 60)
    assert (after.month, after.spent) == ("2026-12", Decimal("0.033333333"))


def test_a_downtime_of_months_is_no_debt_of_the_present_one() -> None:
    """Only the part that lies in the month counts for it."""
    january = datetime(2027, 1, 1, 10, tzinfo=UTC).timestamp()
    after = advance_spending(begun(), hourly=euros("2"), now=january)

    assert (after.month, after.spent) == ("2027-01", 20)


def test_another_currency_begins_anew_and_says_so() -> None:
    """Amounts of two currencies are never added."""
    spending = advance_spending(begun(), hourly=euros("3"), now=NOON + HOUR)
    after = advance_spending(spending, hourly=Money(Decimal(4), "USD"), now=NOON + 2 * HOUR)

    assert (after.currency, after.spent) == ("USD", 0)
    assert after.rates == (Rate(NOON + 2 * HOUR, Decimal(4)),)
    assert currency_change(spending, "USD") == (
        "prices are in USD now and no longer in EUR: spending is counted from 0 again, and what 2026-11 has cost "
        "in EUR is not in it"
    )
    assert currency_change(spending, "EUR") == currency_change(None, "USD") == ""


def test_what_is_written_reads_back_as_the_same() -> None:
    """Or the next look would find a change where there is none, and write, and so on."""
    third = Money(Decimal(1) / Decimal(3), "EUR")
    spending = advance_spending(begun(at=NOON + 0.123456789), hourly=third, now=NOON + 77.7777777)

    read = Spending(
        spending.currency,
        spending.month,
        Decimal(format(spending.spent, "f")),
        parse_time(format_time(spending.at)),
        tuple(Rate(parse_time(format_time(one.since)), Decimal(format(one.hourly, "f"))) for one in spending.rates),
    )
    assert read == spending
    assert advance_spending(read, hourly=third, now=NOON + 78) is read


def test_the_mean_of_a_window_weighs_by_time() -> None:
    """Half an hour at 2 and half an hour at 5."""
    spending = advance_spending(begun(), hourly=euros("5"), now=NOON + HOUR)

    assert mean_rate(spending, seconds=HOUR, now=NOON + 1.5 * HOUR) == Decimal("3.5")
    assert mean_rate(spending, seconds=60, now=NOON + 1.5 * HOUR) == 5


def test_a_window_that_reaches_back_too_far_has_no_mean() -> None:
    """What was not counted is unknown, and not 0."""
    spending = begun()

    assert mean_rate(spending, seconds=HOUR, now=NOON + HOUR) == 2
    assert mean_rate(spending, seconds=HOUR, now=NOON + HOUR - 1) is None


def test_few_rates_are_remembered_and_the_present_one_exactly() -> None:
    """An autoscaler that changes its mind every five minutes does not make a status of thousands of entries."""
    spending = begun("1")
    for step in range(1, 500):
        hourly = euros(str(1 + step % 7))
        spending = advance_spending(spending, hourly=hourly, now=NOON + step * 300)

    assert len(spending.rates) == RATE_LIMIT == 16
    assert spending.hourly == euros(str(1 + 499 % 7))
    assert [rate.since for rate in spending.rates] == sorted({rate.since for rate in spending.rates})


def test_averages_keep_the_total_and_blur_only_what_is_old() -> None:
    """The windows of the last hour are exact, and those of a day are right within 3 %."""
    changes = [(NOON + step * 300, Decimal(1 + step * 5 % 11)) for step in range(600)]
    spending = None
    for since, hourly in changes:
        spending = advance_spending(spending, hourly=Money(hourly, "EUR"), now=since)
    assert spending is not None
    now = NOON + 600 * 300

    def exact(seconds: float) -> Decimal:
        return sum(
            (
                hourly * Decimal(min(since + 300, now) - max(since, now - seconds)) / Decimal(seconds)
                for since, hourly in changes
                if since + 300 > now - seconds
            ),
            start=Decimal(0),
        )

    for seconds, within in ((300.0, "0"), (1800.0, "0"), (3600.0, "0.0001"), (6 * HOUR, "0.03"), (DAY, "0.03")):
        mean = mean_rate(spending, seconds=seconds, now=now)
        assert mean is not None
        assert abs(mean / exact(seconds) - 1) <= Decimal(within), seconds
    everything = mean_rate(spending, seconds=now - NOON, now=now)
    assert everything is not None
    assert abs(everything - exact(now - NOON)) < Decimal("0.0000001")


def crowded(**changes: tuple[float, str]) -> tuple[Rate, ...]:
    """Rates by turns 1 and 2, an hour each, one more than are remembered; `changes` are (seconds, hourly) by name."""
    spending, now = None, NOON
    for number in range(RATE_LIMIT + 1):
        seconds, hourly = changes.get(f"rate{number}", (HOUR, str(1 + number % 2)))
        spending = advance_spending(spending, hourly=euros(hourly), now=now)
        now += seconds
    assert spending is not None
    return spending.rates


@pytest.mark.parametrize(
    ("changes", "merged"),
    [
        ({}, 0),
        ({"rate8": (HOUR, "1.9")}, 7),
        ({"rate8": (60.0, "1")}, 7),
        ({"rate15": (HOUR, "1.001")}, 14),
        ({"rate16": (HOUR, "2.001")}, 0),
    ],
    ids=["the oldest", "the most alike", "the shortest", "up to the last before the present", "never the present"],
)
def test_those_two_become_one_that_matter_least(changes: dict[str, tuple[float, str]], merged: int) -> None:
    """To a window that reaches back to where they meet."""
    kept = [number for number in range(RATE_LIMIT + 1) if number != merged + 1]
    lengths = [changes.get(f"rate{number}", (HOUR, ""))[0] for number in range(RATE_LIMIT + 1)]

    assert [rate.since for rate in crowded(**changes)] == [NOON + sum(lengths[:number]) for number in kept]


def test_two_rates_become_their_mean_by_time() -> None:
    """An hour at 2 and two hours at 1.9."""
    rates = crowded(rate8=(2 * HOUR, "1.9"))

    assert rates[7] == Rate(NOON + 7 * HOUR, Decimal("1.933333333"))
    assert rates[8] == Rate(NOON + 10 * HOUR, Decimal(2))


def test_three_days_are_known_also_at_the_beginning_of_a_month() -> None:
    """What is dropped is older than the month and than the longest window."""
    second = datetime(2026, 12, 2, tzinfo=UTC).timestamp()
    spending = begun("1", at=second - 4 * DAY)
    for day in (3, 2, 1):
        spending = advance_spending(spending, hourly=euros(str(5 - day)), now=second - day * DAY)
    spending = advance_spending(spending, hourly=euros("9"), now=second + HOUR)

    assert LONGEST_WINDOW == 3 * DAY
    assert mean_rate(spending, seconds=LONGEST_WINDOW, now=second + HOUR) == Decimal(23 * 2 + 24 * 3 + 25 * 4) / 72
    assert [rate.hourly for rate in spending.rates] == [2, 3, 4, 9]


def test_a_window_without_length_has_the_present_cost() -> None:
    """Nothing is divided by nothing."""
    spending = advance_spending(begun("1"), hourly=euros("2"), now=NOON + HOUR)

    assert mean_rate(spending, seconds=0, now=NOON + HOUR) == 2


def test_rates_of_before_the_month_and_the_longest_window_are_dropped() -> None:
    """Nobody can ask about them any more; the one that reaches into the time that is asked about stays."""
    spending = begun("1", at=NOON - 40 * DAY)
    spending = advance_spending(spending, hourly=euros("2"), now=NOON - 30 * DAY)
    spending = advance_spending(spending, hourly=euros("3"), now=NOON - 5 * DAY)
    spending = advance_spending(spending, hourly=euros("4"), now=NOON)

    assert [rate.hourly for rate in spending.rates] == [2, 3, 4]


@pytest.mark.parametrize(
    ("instant", "hours", "rest"),
    [
        (datetime(2026, 11, 10, 12, tzinfo=UTC), "720", "492"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "744", "0.5"),
        (datetime(2028, 2, 1, tzinfo=UTC), "696", "696"),
    ],
)
def test_hours_of_a_month(instant: datetime, hours: str, rest: str) -> None:
    """Months differ in length, and December is followed by January."""
    assert hours_of_month(instant.timestamp()) == (Decimal(hours), Decimal(rest))


def test_months_are_those_of_utc() -> None:
    """Not those of the machine."""
    assert month_of(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) == "2026-12"
    assert month_of(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) == "2027-01"
