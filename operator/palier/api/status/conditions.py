"""Conditions as kstatus reads them: one entry per type, whose time changes only when its status does.

`kubectl wait`, Helm, Flux and Argo CD understand an object through its conditions alone, so there is no phase.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from palier.api.printable import make_printable
from palier.api.rule import ApiObject

MESSAGE_LIMIT = 32768
"""Longest message of a condition, as in Kubernetes' own conditions."""

RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def _as_instant(text: str) -> str:
    """A text that the API server accepts as a time, and that exists in the calendar."""
    if RFC3339.fullmatch(text) is None:
        raise ValueError("a time is written like 2026-11-25T14:30:00Z")
    datetime.fromisoformat(text)
    return text


Timestamp = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_as_instant)]
"""An instant in RFC 3339."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiObject):
    """One aspect of the object's state, as in every Kubernetes API."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """`Ready`, `Reconciling`, `Stalled`, `Available`, `Progressing`, `Measurable`, `WithinBudget` or `Denied`;
    `Reconciling`, `Stalled` and `Denied` are absent unless true."""
    status: ConditionStatus
    """`True`, `False` or `Unknown`."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, as one CamelCase word for programs. Example: `RolledBack`."""
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)]
    """Why, as a sentence with its numbers."""
    last_transition_time: Timestamp
    """When the status last changed from one value to another."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The `metadata.generation` that this condition speaks about."""


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(
    kind: str,
    status: Literal["True", "False", "Unknown"],
    *,
    reason: str,
    message: str,
    observed_generation: int,
) -> dict[str, Any]:
    """A condition without its time; `merge_conditions` adds it. The message is printable, and cut at its limit."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": make_printable(message)[:MESSAGE_LIMIT],
        "observedGeneration": observed_generation,
    }


def merge_conditions(
    old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]], now: float
) -> list[dict[str, Any]]:
    """The new conditions with their times: the old time where the status is unchanged, else now.

    Args:
        old: `status.conditions` as stored.
        new: every condition that holds now, without `lastTransitionTime`; a type that is left out disappears.
        now: seconds since the epoch.
    """
    since = {entry["type"]: (entry["status"], entry["lastTransitionTime"]) for entry in old}
    merged = []
    for entry in new:
        status, time = since.get(entry["type"], (None, ""))
        merged.append({**entry, "lastTransitionTime": time if status == entry["status"] else rfc3339(now)})
    return merged
