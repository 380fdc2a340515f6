"""Where a budget stands: too fast, over at the month's end, spent; and silence where nothing is known yet."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from palier.economics.burn import Burn, BurnRule, burn
from palier.economics.money import Money
from palier.economics.spending import Rate, Spending, advance_spending, month_of

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""A month of 720 hours."""
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
"""A month of 744 hours."""
BUDGET = Decimal(730)
"""One for each hour."""


def history(*rates: tuple[float, str], now: float) -> Spending:
    """What was spent up to an instant by someone who began with the first rate, each from so many seconds before."""
    spending: Spending | None = None
    for before, hourly in rates:
        spending = advance_spending(spending, hourly=Money(Decimal(hourly), "EUR"), now=now - before)
    assert spending is not None
    return spending


def stands(spending: Spending, now: float, *, monthly: Decimal = BUDGET, overheads: str = "0") -> Burn:
    """Where the budget stands."""
    return burn(spending, monthly=monthly, now=now, overheads=Decimal(overheads))


def test_within_the_budget() -> None:
    """Eighty percent of the budget for an hour, all the time, is well."""
    now = NOVEMBER + 10 * DAY
    found = stands(history((10 * DAY, "0.8"), now=now), now)

    assert (found.exceeded, found.exceeds, found.reason) == ((), False, "WithinBudget")
    assert (found.spent, found.projected, found.rate) == (192, 576, Decimal("0.8"))
    assert found.message == (
        "192 EUR spent in 2026-11; at the mean rate of the last 24 hours the month comes to 576 EUR, "
        "within the budget of 730 EUR"
    )


def test_a_runaway_autoscaler_is_found_within_the_hour() -> None:
    """Fifteen times the budget of an hour for an hour and in the last minutes: 2 % of the month's money."""
    now = NOVEMBER + 20 * DAY
    found = stands(history((20 * DAY, "0.1"), (HOUR, "15"), now=now), now)

    assert found.reason == BurnRule.FAST == "BurnsTooFast"
    assert found.message == (
        "serving has cost 15 EUR an hour for 60 minutes and 15 EUR an hour for 5 minutes: 15 and 15 times the 1 EUR "
        "that the budget has for an hour; more than 14.4 times in both is too fast"
    )


def test_the_windows() -> None:
    """Those that the documentation promises, in seconds."""
    now = NOVEMBER + 10 * DAY
    windows = stands(history((DAY, "1"), now=now), now).windows

    assert [(one.long, one.short, one.factor) for one in windows] == [
        (3600, 300, Decimal("14.4")),
        (21_600, 1800, 6),
        (259_200, 21_600, 1),
    ]


def test_a_burn_that_is_over_is_not_held_against_anybody() -> None:
    """The short window shows that it does not go on."""
    now = NOVEMBER + 20 * DAY
    found = stands(history((20 * DAY, "0.1"), (HOUR, "16"), (5 * MINUTE, "0.1"), now=now), now)

    assert BurnRule.FAST not in found.exceeded


def test_six_times_the_budget_for_six_hours_is_too_fast() -> None:
    """The second pair of windows finds what the first is too coarse for."""
    now = NOVEMBER + 20 * DAY
    found = stands(history((20 * DAY, "0.2"), (6 * HOUR, "12.2"), now=now), now, monthly=2 * BUDGET)

    assert found.reason == BurnRule.FAST
    assert found.message == (
        "serving has cost 12.2 EUR an hour for 6 hours and 12.2 EUR an hour for 30 minutes: 6.1 and 6.1 times "
        "the 2 EUR that the budget has for an hour; more than 6 times in both is too fast"
    )
    assert BurnRule.FAST not in stands(history((20 * DAY, "0.1"), (6 * HOUR, "6"), now=now), now).exceeded


def test_five_percent_too_much_is_found_by_the_projection_at_once_and_by_the_pace_after_three_days() -> None:
    """The factors of an error budget alone would call it well for three days."""
    now = NOVEMBER + DAY
    early = stands(history((DAY, "1.05"), now=now), now)
    late = stands(history((4 * DAY, "1.05"), now=NOVEMBER + 4 * DAY), NOVEMBER + 4 * DAY)

    assert early.exceeded == (BurnRule.PROJECTED,)
    assert early.message == (
        "25.2 EUR spent in 2026-11; at the mean rate of the last 24 hours the month comes to 756 EUR, "
        "more than the budget of 730 EUR"
    )
    assert late.exceeded == (BurnRule.PROJECTED, BurnRule.PACE)


def test_the_pace_warns_of_the_next_month() -> None:
    """A month that began cheaply ends within its budget, but the next one will not."""
    now = NOVEMBER + 28 * DAY
    found = stands(history((28 * DAY, "0.2"), (4 * DAY, "1.2"), now=now), now)

    assert found.exceeded == (BurnRule.PACE,)
    assert found.reason == "BurnsOverPace"
    assert "1.2 EUR an hour for 3 days and 1.2 EUR an hour for 6 hours" in found.message


@pytest.mark.parametrize("month", [NOVEMBER, DECEMBER])
def test_exactly_the_budget_is_not_over_it_whatever_the_months_length(month: float) -> None:
    """A plan for 730 hours that fits must not be over its budget in every month of 31 days."""
    now = month + 10 * DAY

    assert stands(history((10 * DAY, "1"), now=now), now).exceeded == ()


def test_a_longer_month_may_cost_more_and_says_so() -> None:
    """744 hours at the rate of the budget cost 744."""
    now = DECEMBER + 10 * DAY
    found = stands(history((10 * DAY, "0.9"), now=now), now)

    assert found.allowance == 744
    assert found.message.endswith(
        "within the budget of 730 EUR for 730 hours, which is 744 EUR for the 744 of this month"
    )
    cents = stands(history((10 * DAY, "0.9"), now=now), now, monthly=Decimal(1000))
    assert cents.message.endswith("which is 1,019.18 EUR for the 744 of this month")


def test_a_shorter_month_may_cost_all_of_the_budget() -> None:
    """Nobody is told that 720 of 730 are too much."""
    now = NOVEMBER + 10 * DAY

    assert stands(history((10 * DAY, "1"), now=now), now).allowance == BUDGET


def test_money_that_is_spent_is_gone_until_the_month_ends() -> None:
    """Cheap pods do not bring it back; a new month does."""
    now = DECEMBER - DAY
    spending = history((25 * DAY, "1.5"), (2 * DAY, "0"), now=now)

    found = stands(spending, now)
    assert found.reason == BurnRule.SPENT == "BudgetSpent"
    assert found.message == "828 EUR spent in 2026-11, more than the budget of 730 EUR"
    assert stands(spending, DECEMBER + 60).exceeded == ()


def test_a_projection_ends_two_hours_after_its_cause() -> None:
    """Whoever removes pods need not wait for a day's mean to follow."""
    now = NOVEMBER + 5 * DAY
    spending = history((5 * DAY, "2"), now=now)
    corrected = advance_spending(spending, hourly=Money(Decimal("0.5"), "EUR"), now=now)

    assert BurnRule.PROJECTED in stands(corrected, now + HOUR).exceeded
    after = stands(corrected, now + 2 * HOUR)
    assert BurnRule.PROJECTED not in after.exceeded
    assert after.projected > after.allowance  # the mean of the day alone would still say so


def test_a_short_peak_is_not_projected_to_the_end_of_the_month() -> None:
    """A release that doubles the pods for half an hour is no reason to stop releases."""
    now = NOVEMBER + 15 * DAY

    assert stands(history((15 * DAY, "0.7"), (30 * MINUTE, "1.4"), now=now), now).exceeded == ()


def test_what_has_not_been_counted_yet_exceeds_nothing() -> None:
    """Fifty minutes at a hundred times the budget say nothing of an hour."""
    now = NOVEMBER + 10 * DAY
    found = stands(history((50 * MINUTE, "100"), now=now), now)

    assert found.exceeded == ()
    assert [window.long_burn for window in found.windows] == [None, None, None]
    assert found.windows[0].short_burn == 100
    assert found.rate is None
    assert "at the present rate, which is known for less than an hour, the month comes to" in found.message


def test_a_projection_needs_one_hour() -> None:
    """And is of as long as is known, up to a day."""
    now = NOVEMBER + 10 * DAY

    assert stands(history((HOUR - 1, "9"), now=now), now).exceeded == ()
    found = stands(history((HOUR, "9"), now=now), now)
    assert found.exceeded == (BurnRule.PROJECTED,)
    assert "at the mean rate of the last 60 minutes the month" in found.message
    assert "at the mean rate of the last 2 hours the month" in stands(history((2 * HOUR, "9"), now=now), now).message


def test_counting_has_just_begun() -> None:
    """At the very first instant the present cost is all that is known."""
    now = NOVEMBER + 10 * DAY
    found = stands(history((0, "2"), now=now), now)

    assert (found.projected, found.spent, found.exceeded) == (2 * 480, 0, ())


def test_the_burn_is_that_of_the_longest_window_that_is_known() -> None:
    """After seven hours it is the mean of six."""
    now = NOVEMBER + 10 * DAY

    assert stands(history((7 * HOUR, "4"), (3 * HOUR, "2"), now=now), now).rate == 3


def test_overheads_are_paid_first() -> None:
    """A budget of 1,000 of which people cost 900 has 100 for serving, and 0.5 an hour is too much."""
    now = NOVEMBER + 10 * DAY
    spending = history((10 * DAY, "0.5"), now=now)

    assert stands(spending, now, monthly=Decimal(1000)).exceeded == ()
    found = stands(spending, now, monthly=Decimal(1000), overheads="900")
    assert found.exceeded == (BurnRule.SPENT, BurnRule.PROJECTED, BurnRule.PACE)
    assert found.projected == 1260
    assert found.message == (
        "120 EUR for serving and 900 EUR of overheads spent in 2026-11, more than the budget of 1,000 EUR"
    )


def test_no_overheads_unless_they_are_named() -> None:
    """The budget is for serving alone then."""
    now = NOVEMBER + 10 * DAY
    spending = history((10 * DAY, "1"), now=now)

    assert burn(spending, monthly=BUDGET, now=now).projected == 720
    assert burn(spending, monthly=BUDGET, now=now).windows[0].long_burn == 1


def test_what_was_spent_is_told_as_too_much_where_it_is() -> None:
    """100.4 of 100 are not told as 100, the overheads apart."""
    now = DECEMBER - DAY
    spending = Spending("EUR", month_of(now), Decimal("100.4"), now, (Rate(now, Decimal(0)),))

    assert stands(spending, now, monthly=Decimal(1000), overheads="900").message.startswith(
        "101 EUR for serving and 900 EUR of overheads spent in 2026-11, more than"
    )


def test_overheads_do_not_grow_with_the_month() -> None:
    """People are paid by the month, pods by the hour."""
    now = DECEMBER + 10 * DAY

    assert stands(history((10 * DAY, "0.5"), now=now), now, monthly=Decimal(1630), overheads="900").allowance == 1644


def test_overheads_that_leave_nothing() -> None:
    """Nothing is divided by what is left."""
    now = NOVEMBER + 10 * DAY
    found = stands(history((10 * DAY, "0.5"), now=now), now, overheads="730")

    assert found.exceeded == (BurnRule.OVERHEADS,)
    assert (found.rate, found.reason) == (None, "OverheadsExceedBudget")
    assert found.message == "the overheads of 730 EUR a month leave nothing of the budget of 730 EUR for serving"
    assert BurnRule.OVERHEADS not in stands(history((10 * DAY, "0"), now=now), now, overheads="729.5").exceeded
    assert stands(history((10 * DAY, "0.0005"), now=now), now, overheads="729.5").rate is not None


def test_an_instant_before_the_memory_is_the_memorys_own() -> None:
    """A clock that went back must not undo what was spent."""
    now = NOVEMBER + 10 * DAY
    spending = Spending("EUR", month_of(now), Decimal(50), now, (Rate(now - 5 * DAY, Decimal("0.5")),))

    assert stands(spending, now - HOUR) == stands(spending, now)
