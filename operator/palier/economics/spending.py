"""What serving has cost: the memory of a ModelDeployment's spending, which is written only when it says something new.

Between two writes nothing has changed but time, so whatever is asked for an instant is computed from the last hourly
cost. An operator that was down for a while is bridged in the same way: it has missed at most a change of that cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise
from typing import Final

from palier.economics.money import Money

RATE_LIMIT: Final = 16
"""Rates that are remembered at most."""
LONGEST_WINDOW: Final = 3 * 86_400.0
"""Seconds of the longest window that is asked about."""
REFRESH: Final = 600.0
"""Seconds after which what was spent is written down although nothing changed, for those who read the object."""

_NANO: Final = Decimal("0.000000001")
"""Amounts are remembered to a billionth, so that what is read back equals what was written."""
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MICROSECONDS: Final = 1_000_000
_MICROSECONDS_OF_AN_HOUR: Final = Decimal(3600 * _MICROSECONDS)
_BOUNDARY: Final = 0.001
"""Seconds by which an instant that was written down may have moved."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What all pods cost in an hour, from an instant until the next rate begins."""

    since: float
    """Seconds since the epoch."""
    hourly: Decimal


@dataclass(frozen=True, slots=True)
class Spending:
    """What one ModelDeployment has spent in a calendar month (UTC) up to an instant, and how fast of late."""

    currency: str
    month: str
    """Such as `2026-11`."""
    spent: Decimal
    """From the month's first instant, or from when it was first counted, up to `at`."""
    at: float
    """Seconds since the epoch."""
    rates: tuple[Rate, ...]
    """Ascending in time and not empty; the last one holds still."""

    @property
    def hourly(self) -> Money:
        """What all pods cost in an hour, as last seen."""
        return Money(self.rates[-1].hourly, self.currency)


def advance_spending(spending: Spending | None, *, hourly: Money, now: float, refresh: float = REFRESH) -> Spending:
    """The memory after the pods were seen to cost so much.

    The very same object comes back while it says nothing new, so that a status is not written at every look.

    Args:
        spending: the memory; None when there is none yet.
        hourly: what all pods together cost in an hour now. Another currency begins again (see `currency_change`).
        now: seconds since the epoch.
        refresh: seconds after which it is written again although nothing has changed.
    """
    amount = _nano(hourly.amount)
    if spending is None or spending.currency != hourly.currency:
        now = round(now, 6)
        return Spending(hourly.currency, month_of(now), Decimal(0), now, (Rate(now, amount),))
    now = max(round(now, 6), spending.at)
    same = spending.rates[-1].hourly == amount
    if same and spending.month == month_of(now) and now - spending.at < refresh:
        return spending
    rates = spending.rates
    if not same:
        rates = (*(rate for rate in rates if rate.since < now), Rate(now, amount))
    return replace(
        spending,
        month=month_of(now),
        spent=_nano(spent_at(spending, now)),
        at=now,
        rates=_limit_rates(rates, now=now),
    )


def currency_change(spending: Spending | None, currency: str) -> str:
    """Why counting begins again although something was counted; empty when it goes on."""
    if spending is None or spending.currency == currency:
        return ""
    return (
        f"prices are in {currency} now and no longer in {spending.currency}: spending is counted from 0 again, "
        f"and what {spending.month} has cost in {spending.currency} is not in it"
    )


def spent_at(spending: Spending, now: float) -> Decimal:
    """What the month of an instant has cost up to it; the last hourly cost has held since the memory was written."""
    now = max(now, spending.at)
    if spending.month == month_of(now):
        return spending.spent + _cost(spending.rates[-1].hourly, spending.at, now)
    return _cost(spending.rates[-1].hourly, max(spending.at, _first_instant(now)), now)


def mean_rate(spending: Spending, *, seconds: float, now: float) -> Decimal | None:
    """Mean cost of an hour over the seconds before an instant; None where they were not counted from their start."""
    now = max(now, spending.at)
    start = now - seconds
    if spending.rates[0].since > start + _BOUNDARY:
        return None
    ends = [*(rate.since for rate in spending.rates[1:]), now]
    cost = sum(
        (
            _cost(rate.hourly, max(rate.since, start), end)
            for rate, end in zip(spending.rates, ends, strict=True)
            if end > start
        ),
        start=Decimal(0),
    )
    length = _microseconds(now) - _microseconds(max(start, spending.rates[0].since))
    return cost * _MICROSECONDS_OF_AN_HOUR / length if length > 0 else spending.rates[-1].hourly


def month_of(seconds: float) -> str:
    """The calendar month of an instant, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")


def hours_of_month(seconds: float) -> tuple[Decimal, Decimal]:
    """Hours of the calendar month (UTC) of an instant: all of them, and those that are still to come."""
    first, last = _microseconds(_first_instant(seconds)), _microseconds(_first_instant(seconds, months=1))
    return (last - first) / _MICROSECONDS_OF_AN_HOUR, (last - _microseconds(seconds)) / _MICROSECONDS_OF_AN_HOUR


def _first_instant(seconds: float, *, months: int = 0) -> float:
    """When the calendar month of an instant began, or one so many months later."""
    date = datetime.fromtimestamp(seconds, UTC)
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC).timestamp()


def _limit_rates(rates: Sequence[Rate], *, now: float) -> tuple[Rate, ...]:
    """The rates that can still be asked about, at most `RATE_LIMIT` of them; averages stand for what is left out.

    An average keeps the total. Only a window that begins within it sees something else, by at most
    `|a - b| * d * e / (d + e)` where rates a and b of lengths d and e became one, and a window that reaches back there
    is as long as that is ago. So those two become one for which this is the least part of such a window's length:
    recent rates stay as they were. The present rate is never averaged.
    """
    oldest = min(_first_instant(now), now - LONGEST_WINDOW)
    later = [*(rate.since for rate in rates[1:]), now]
    recent = [rate for rate, end in zip(rates, later, strict=True) if end > oldest]
    recent = [recent[0], *(rate for before, rate in pairwise(recent) if rate.hourly != before.hourly)]
    while len(recent) > RATE_LIMIT:
        position = min(range(len(recent) - 2), key=lambda index: _blur(recent, index, now=now))
        first, second, after = recent[position : position + 3]
        total = _cost(first.hourly, first.since, second.since) + _cost(second.hourly, second.since, after.since)
        length = _microseconds(after.since) - _microseconds(first.since)
        mean = _nano(total * _MICROSECONDS_OF_AN_HOUR / length)
        recent[position : position + 2] = [Rate(first.since, mean)]
    return tuple(recent)


def _blur(rates: Sequence[Rate], index: int, *, now: float) -> float:
    """How much of the mean over a window is lost at most when a rate and the next one become one."""
    first, second, after = rates[index : index + 3]
    before, behind = second.since - first.since, after.since - second.since
    return abs(float(first.hourly - second.hourly)) * before * behind / (before + behind) / (now - second.since)


def _cost(hourly: Decimal, start: float, end: float) -> Decimal:
    return hourly * (_microseconds(end) - _microseconds(start)) / _MICROSECONDS_OF_AN_HOUR


def _microseconds(seconds: float) -> int:
    """Whole microseconds, as instants are written: lengths of parts then add up to the length of the whole."""
    return round(seconds * _MICROSECONDS)


def _nano(amount: Decimal) -> Decimal:
    return amount.quantize(_NANO, context=_WIDE)
