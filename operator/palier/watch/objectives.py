"""The memory of one objective after the promotion: what was counted of it, and whom its burning was told.

It is kept in the memory of a process and written to `status` now and then (see `palier.release.watch_memory`).
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Self

from palier.watch.error_budget import BurnWindows, Severity, read_burns
from palier.watch.slots import Slots

BLIND_AFTER: Final = 600.0
"""Seconds without any counts after which it is told that nothing is known."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Somebody has been told that the error budget burns."""

    severity: Severity
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class ObjectiveWatch:
    """What was counted of one objective, and what was told of it."""

    of: str
    """Digest of what is counted: events of another kind are another budget."""
    slots: Slots
    alert: Alert | None = None
    problem: str = ""
    """Why nothing is known of the last minute; empty where it is known."""

    @classmethod
    def begin(cls, of: str, days: int, *, now: float) -> Self:
        """The memory of an objective of which nothing was counted yet.

        Args:
            of: digest of what is counted.
            days: length of the window of its budget.
            now: seconds since the epoch.
        """
        return cls(of, Slots.begin(days, now=now))

    def add_minute(self, bad: int, total: int, *, since: float, until: float, limit: Decimal) -> Self:
        """The same after one more minute, with the alert that is due now.

        Args:
            bad: bad events that were counted.
            total: all events that were counted, the bad ones included.
            since: when they began to be counted, in seconds since the epoch.
            until: when they were read.
            limit: allowed share of bad events.
        """
        slots = self.slots.add_look(bad, total, since=since, until=until)
        return replace(self, slots=slots, alert=find_alert(slots, self.alert, limit=limit, now=until), problem="")

    def miss_minute(self, problem: str, *, limit: Decimal, now: float) -> Self:
        """The same after a minute of which nothing is known: it is neither good nor bad.

        Args:
            problem: why it is not known.
            limit: allowed share of bad events.
            now: seconds since the epoch.
        """
        return replace(self, alert=find_alert(self.slots, self.alert, limit=limit, now=now), problem=problem)

    def is_blind(self, now: float) -> bool:
        """Whether nothing has been known for so long that somebody should look why."""
        return bool(self.problem) and now - self.slots.at >= BLIND_AFTER


def find_alert(slots: Slots, before: Alert | None, *, limit: Decimal, now: float) -> Alert | None:
    """Who has to know now that a budget burns.

    An alert begins with its evidence and goes on while both of its windows are above their factor, so that it does not
    come and go with every failure.

    Args:
        slots: the counts of the objective.
        before: who was told before.
        limit: allowed share of bad events.
        now: seconds since the epoch.
    """
    burns = read_burns(slots, limit=limit, now=now)
    severity = next((one.rule.severity for one in burns if one.fires), None)
    if before is not None and (severity is None or severity is Severity.TICKET):
        goes_on = any(one.exceeds and one.rule.severity is before.severity for one in burns)
        severity = before.severity if goes_on else severity
    if severity is None:
        return None
    return before if before is not None and before.severity is severity else Alert(severity, now)


def find_windows(slots: Slots, severity: Severity, *, limit: Decimal, now: float) -> BurnWindows:
    """The windows that an alert is about: of its severity, those that fire, else those that are above their factor.

    Args:
        slots: the counts of the objective.
        severity: that of the alert.
        limit: allowed share of bad events.
        now: seconds since the epoch.
    """
    burns = [one for one in read_burns(slots, limit=limit, now=now) if one.rule.severity is severity]
    return max(burns, key=lambda one: (one.fires, one.exceeds))
