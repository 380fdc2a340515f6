"""Is the error budget of an objective burning, what is left of it, and until when does it last?

An objective that allows a share `limit` of bad events has a budget: `limit` times the events of 28 days. The **burn**
of a stretch of time is its share of bad events divided by `limit`; at a burn of 1 the budget is just used up when the
window is over. A person is told at the burns that chapter 5 of the SRE workbook names, each in a long window, which
shows that it matters, and in a short one, which shows that it goes on:

    page      14.4 in 1 h and 5 min        2 % of the budget
    page       6   in 6 h and 30 min       5 %
    ticket     3   in 1 d and 2 h         10 %
    ticket     1   in 3 d and 6 h         10 %

These are the windows of a budget over 30 days. They are scaled with its window: of 28 days, 56 min and 4 min 40 s.

**Low traffic** makes a mockery of these burns. With 100 requests an hour and a limit of 0.1 %, one failure is a burn of
10. So what a window shows has to be more than chance, and more than one user's bad moment:

- An e-value of at least `ODDS` against "the share of bad events is at most `limit`", of the long window: the uniform
  mixture of `palier.evidence.absolute`. For one window that is read once, a service that keeps its objective gets there
  with a probability of at most 1 in `ODDS` (Markov). The question is whether the objective is kept at all, and not
  whether the burn is above its factor: against `factor * limit` a burn of 10 has to be proven to be more than 6, which
  takes many times as long at low traffic.
- At least `LEAST_BAD` bad events in the long window. Against a tiny limit a single failure is evidence already, and one
  request that a client tries again four times is five failures, all of one cause.

The e-value takes failures for independent. Where they come in bursts there are more pages, each about a burst that did
use up that much of the budget. docs/statistics.md has what was measured with and without the two rules.

A burn is at most `1 / limit`. So an objective with a limit above 7 % is never told of by the first rule, and above 17 %
never by a page, not even in an outage: that much of its budget cannot be used up in so short a time.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from palier.evidence.absolute import log_e_above
from palier.evidence.sentences import duration, odds, two_digits, write_limit
from palier.watch.slots import PARTS, Slots, Window

DEFAULT_DAYS: Final = 28
"""Days of the window of an error budget: four weeks have as many weekends wherever they begin."""
ODDS: Final = 100.0
"""How much better than by a kept objective the failures of a long window have to be explained."""
LEAST_BAD: Final = 5
"""Bad events that the long window of an alert has at least."""
LEAST_KNOWN: Final = 0.5
"""The part of its time in which somebody looked, from which on it is said what is left of a budget."""
PRESENT_BAD: Final = 10
"""Bad events from which a window tells the present burn, to about a third."""

_DAY: Final = 86_400
_NEARLY_ALL: Final = 0.99
"""The part of the time in which somebody looked, below which the rest is worth a word."""
_LOG_ODDS: Final = math.log(ODDS)


class Severity(StrEnum):
    """Who is told."""

    PAGE = "Page"
    """Somebody, at once."""
    TICKET = "Ticket"
    """Somebody, on the next working day."""


class AlertRule(NamedTuple):
    """A burn that somebody is told of."""

    severity: Severity
    factor: float
    """The burn in both windows has to be above it."""
    long: int
    """Parts of the budget's window."""
    short: int
    """Parts of the budget's window."""


ALERT_RULES: Final = (
    AlertRule(Severity.PAGE, 14.4, 12, 1),
    AlertRule(Severity.PAGE, 6.0, 72, 6),
    AlertRule(Severity.TICKET, 3.0, 288, 24),
    AlertRule(Severity.TICKET, 1.0, 864, 72),
)
"""The gravest first."""

_PRESENT: Final = (*(rule.long for rule in ALERT_RULES), PARTS)


@dataclass(frozen=True, slots=True)
class BurnWindows:
    """What the two windows of a rule show."""

    rule: AlertRule
    limit: float
    """Allowed share of bad events."""
    long: Window
    short: Window

    @property
    def long_burn(self) -> float | None:
        """The burn in the long window; None where nothing was counted in it."""
        return _burn(self.long, self.limit)

    @property
    def short_burn(self) -> float | None:
        """The burn in the short window; None where nothing was counted in it."""
        return _burn(self.short, self.limit)

    @property
    def exceeds(self) -> bool:
        """Whether the burn is above the factor in both windows."""
        return all(burn is not None and burn > self.rule.factor for burn in (self.long_burn, self.short_burn))

    @property
    def log_e(self) -> float:
        """Log e-value of the long window against "the share of bad events is at most the limit"."""
        return log_e_above(self.long.bad, self.long.total, limit=self.limit) if self.long.total else 0.0

    @property
    def fires(self) -> bool:
        """Whether somebody is told: the burn is above the factor, and that is neither chance nor a few failures."""
        return self.exceeds and self.long.bad >= LEAST_BAD and self.log_e >= _LOG_ODDS

    def describe(self) -> str:
        """One sentence with the numbers."""
        if self.long_burn is None or self.short_burn is None:
            return f"nothing was counted in {duration(min(self.long.span, self.short.span))}"
        return (
            f"{self.long.bad} of {self.long.total} bad in {duration(self.long.span)}, "
            f"{two_digits(self.long_burn)} times the {write_limit(self.limit)} that is allowed, and "
            f"{two_digits(self.short_burn)} times in {duration(self.short.span)}; more than "
            f"{self.rule.factor:g} times in both uses up the budget too fast (evidence {odds(self.log_e)} that the "
            "objective is not kept)"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """Where an error budget stands."""

    left: Decimal | None
    """What is left in percent, below 0 where more was spent than there was; None while too little is known."""
    burn: float | None
    """The present burn; None where nothing was counted."""
    lasts: float | None
    """Seconds until nothing is left, at the present burn and at the earliest; 0 where nothing is, None if it lasts."""
    known: float
    """The part of the window's time, since counting began, in which somebody looked; from 0 to 1."""
    message: str
    """One sentence with the numbers."""


def check_limit(limit: Decimal) -> Decimal:
    """An allowed share of bad events.

    Raises:
        ValueError: it does not lie between 0 and 1.
    """
    if not 0 < limit < 1:
        raise ValueError(f"a limit lies between 0 and 1, and {limit} does not")
    return limit


def read_burns(slots: Slots, *, limit: Decimal, now: float) -> tuple[BurnWindows, ...]:
    """What the windows of every rule show, the gravest rule first.

    Args:
        slots: the counts of the objective.
        limit: allowed share of bad events.
        now: seconds since the epoch.

    Raises:
        ValueError: the limit does not lie between 0 and 1.
    """
    share = float(check_limit(limit))
    read = {parts: slots.read_window(parts, now=now) for rule in ALERT_RULES for parts in (rule.long, rule.short)}
    return tuple(BurnWindows(rule, share, read[rule.long], read[rule.short]) for rule in ALERT_RULES)


def find_left(slots: Slots, *, limit: Decimal, now: float) -> Decimal | None:
    """Percent that are left of a budget, as `judge_budget` tells it; None while too little is known.

    Args:
        slots: the counts of the objective.
        limit: allowed share of bad events.
        now: seconds since the epoch.

    Raises:
        ValueError: the limit does not lie between 0 and 1.
    """
    return _find_left(slots, slots.read_window(PARTS, now=now), check_limit(limit))


def judge_budget(slots: Slots, *, limit: Decimal, now: float) -> Budget:
    """What is left of a budget, and until when it lasts.

    The budget is `limit` times the events that the whole window would hold at the traffic that was counted. With a
    share p of bad events, counted for a part t of the window, `p / limit * t` of it is spent. So a service that was
    watched for a day has spent little, whatever its first ten requests were. A gap counts as the rest of the time does:
    neither as good nor as bad. If somebody looked for less than half of the time, nothing is said.

    Args:
        slots: the counts of the objective.
        limit: allowed share of bad events.
        now: seconds since the epoch.

    Raises:
        ValueError: the limit does not lie between 0 and 1.
    """
    check_limit(limit)
    whole = slots.read_window(PARTS, now=now)
    burn = _present_burn(slots, limit=float(limit), now=now)
    left = _find_left(slots, whole, limit)
    if left is None:
        seen = f"there are counts for {100 * whole.known_part:.0f} % of the last {duration(whole.span)}"
        return Budget(None, burn, None, whole.known_part, f"it is not known what is left of the error budget: {seen}")
    lasts = _seconds_left(left, burn, slots.days * _DAY)
    return Budget(left, burn, lasts, whole.known_part, _describe(slots.days, left, burn, lasts, whole.known_part))


def _find_left(slots: Slots, whole: Window, limit: Decimal) -> Decimal | None:
    if not whole.total or whole.known_part < LEAST_KNOWN:
        return None
    part = min(Decimal(1), Decimal(whole.span) / (slots.days * _DAY))
    return 100 * (1 - Decimal(whole.bad) / (limit * whole.total) * part)


def _present_burn(slots: Slots, *, limit: float, now: float) -> float | None:
    """The burn in the shortest window with enough bad events to tell it, else in the whole one."""
    windows = [slots.read_window(parts, now=now) for parts in _PRESENT]
    return _burn(next((one for one in windows if one.bad >= PRESENT_BAD), windows[-1]), limit)


def _burn(window: Window, limit: float) -> float | None:
    return None if window.share is None else window.share / limit


def _seconds_left(left: Decimal, burn: float | None, length: int) -> float | None:
    """Bad events that leave the window meanwhile give budget back, so that it may last longer."""
    if left <= 0:
        return 0.0
    return None if burn is None or burn <= 1 else float(left) / 100 * length / burn


def _describe(days: int, left: Decimal, burn: float | None, lasts: float | None, known: float) -> str:
    budget = f"the error budget of {days} days"
    if left > 0:
        parts = [f"{two_digits(float(left))} % of {budget} is left"]
        if burn is not None:
            until = "lasts" if lasts is None else f"is gone in {duration(lasts)} at the earliest"
            parts.append(f"and at the present burn of {two_digits(burn)} it {until}")
    else:
        parts = [f"{budget} is spent" if left == 0 else f"{two_digits(float(100 - left))} % of {budget} is spent"]
    if known < _NEARLY_ALL:
        parts.append(f"as far as is known: nobody looked for {100 * (1 - known):.0f} % of the time")
    return ", ".join(parts)
