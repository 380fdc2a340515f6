"""What is remembered of a promoted version, and when that is worth a write to `status`.

Counts change every minute. To write them every minute would cost the API server more than all releases do, so they are
written with news, and else every few hours. What a process has counted since is lost when it ends; the last ten minutes
are read back from Prometheus, and the rest is a gap, which is told and is neither good nor bad.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from palier.release.times import format_time, parse_time
from palier.watch.error_budget import Severity
from palier.watch.objectives import Alert, ObjectiveWatch
from palier.watch.slots import Slots

WRITTEN_AFTER: Final = 6 * 3600.0
"""Seconds after which counts are written although nothing is new: 1,000 objects cost three requests a minute."""
WRITTEN_SOONER: Final = 600.0
"""The same while a release is in progress, when the status is written anyway."""

_LONGEST_DIGEST: Final = 64
_LONGEST_PROBLEM: Final = 512


@dataclass(frozen=True, slots=True)
class WatchMemory:
    """What was last written of the objectives of what serves."""

    at: float = -math.inf
    """When, in seconds since the epoch."""
    objectives: Mapping[str, ObjectiveWatch] = field(default_factory=dict)
    """By name."""

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self:
        """The memory as `status.watch` has it.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable, or nobody can have counted that.
        """
        if not status:
            return cls()
        return cls(
            parse_time(status["at"]), {entry["objective"]: _read_objective(entry) for entry in status["objectives"]}
        )

    def to_status(self) -> dict[str, Any]:
        """For `status.watch`; empty where nothing is remembered."""
        if not self.objectives:
            return {}
        objectives = [{"objective": name, **_write_objective(one)} for name, one in sorted(self.objectives.items())]
        return {"at": format_time(self.at), "objectives": objectives}


def _read_objective(entry: Mapping[str, Any]) -> ObjectiveWatch:
    of, severity = str(entry["of"]), entry.get("alert")
    if not 0 < len(of) <= _LONGEST_DIGEST:
        raise ValueError(f"{of[:80]!r} is no digest")
    alert = Alert(Severity(severity), parse_time(entry["alertSince"])) if severity else None
    return ObjectiveWatch(of, Slots.from_status(entry["counts"]), alert, str(entry.get("problem") or ""))


def _write_objective(one: ObjectiveWatch) -> dict[str, Any]:
    entry: dict[str, Any] = {"of": one.of, "counts": one.slots.to_status()}
    if one.alert:
        entry |= {"alert": one.alert.severity.value, "alertSince": format_time(one.alert.since)}
    if one.problem:
        entry["problem"] = one.problem[:_LONGEST_PROBLEM]
    return entry
