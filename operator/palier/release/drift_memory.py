"""What is remembered of the data of what serves, as `status.watch.dataDrift` has it.

At most 65,536 bytes of a reference and twenty findings with a sentence each, so never more than 150 kB as JSON; with 50
features of ten bins and no groups about 10 kB. A reference that is a file stays in its ConfigMap.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from palier.api.printable import make_printable
from palier.api.status.data_drift import FINDINGS, LONGEST_REFERENCE, DriftKind, DriftReason
from palier.release.times import format_time, parse_time
from palier.watch.data_watch import DataWatch, OpenFinding, StoredReference, read_reference
from palier.watch.features.data_drift import Series
from palier.watch.features.profile import EVERYBODY

NAMED: Final = 10
"""Features without room in a reference that are named."""

_LONGEST_DIGEST: Final = 64
_LONGEST_NAME: Final = 256
_LONGEST_SENTENCE: Final = 1024
_LONGEST_FAULT: Final = 32
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class DriftMemory:
    """What was last written of the data of what serves."""

    at: float = -math.inf
    """When, in seconds since the epoch."""
    watch: DataWatch | None = None
    """None where nobody watches it."""

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self:
        """The memory as `status.watch.dataDrift` has it.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable, or nobody can have counted that.
        """
        if not status:
            return cls()
        window = status.get("window")
        watch = DataWatch(
            _read_reference(status["reference"]),
            parse_time(window) if window else -math.inf,
            DriftReason(status["reason"]),
            _bound(status["message"], _LONGEST_SENTENCE),
            tuple(_read_finding(entry) for entry in status.get("findings", ())[:FINDINGS]),
            _read_count(status, "others"),
        )
        return cls(parse_time(status["at"]), watch)

    def to_status(self) -> dict[str, Any]:
        """For `status.watch`; empty where nothing is remembered."""
        watch = self.watch
        if watch is None:
            return {}
        status: dict[str, Any] = {
            "at": format_time(self.at),
            "reason": watch.reason.value,
            "message": _bound(watch.message, _LONGEST_SENTENCE),
            "reference": _write_reference(watch.reference),
        }
        if math.isfinite(watch.window):
            status["window"] = format_time(watch.window)
        if watch.findings:
            status["findings"] = [_write_finding(one) for one in watch.findings]
        if watch.others:
            status["others"] = watch.others
        return {"dataDrift": status}


def _read_reference(value: Mapping[str, Any]) -> StoredReference:
    of, text, until = str(value["of"]), str(value.get("profile") or ""), value.get("until")
    if not 0 < len(of) <= _LONGEST_DIGEST or len(text.encode(errors="replace")) > LONGEST_REFERENCE:
        raise ValueError("the reference is unreadable")
    if text:
        read_reference(text)
    return StoredReference(
        of,
        str(value["name"]),
        text,
        _read_count(value, "windows"),
        _read_count(value, "events"),
        parse_time(until) if until else -math.inf,
        complete=bool(value.get("complete")) and bool(text),
        left_out=tuple(map(str, value.get("leftOut", ()))),
    )


def _write_reference(one: StoredReference) -> dict[str, Any]:
    entry: dict[str, Any] = {"of": one.of, "name": _bound(one.name, _LONGEST_NAME)}
    if math.isfinite(one.until):
        entry["until"] = format_time(one.until)
    told = {
        "windows": one.windows,
        "events": min(one.events, _LARGEST),
        "complete": one.complete,
        "profile": one.text,
        "leftOut": [_bound(name, _LONGEST_NAME) for name in one.left_out[:NAMED]],
    }
    return entry | {name: value for name, value in told.items() if value}


def _read_finding(entry: Mapping[str, Any]) -> OpenFinding:
    psi = entry.get("psi")
    return OpenFinding(
        Series(str(entry.get("group") or EVERYBODY), str(entry["feature"])),
        DriftKind(entry["kind"]),
        parse_time(entry["since"]),
        str(entry["message"]),
        str(entry.get("fault") or ""),
        float(psi) if psi else None,
    )


def _write_finding(one: OpenFinding) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "feature": _bound(one.series.feature, _LONGEST_NAME),
        "kind": one.kind.value,
        "since": format_time(one.since),
        "message": _bound(one.message, _LONGEST_SENTENCE),
    }
    if one.series.group != EVERYBODY:
        entry["group"] = _bound(one.series.group, _LONGEST_NAME)
    if one.fault:
        entry["fault"] = one.fault[:_LONGEST_FAULT]
    if one.psi is not None and math.isfinite(one.psi):
        entry["psi"] = f"{min(one.psi, _LARGEST):.4f}"
    return entry


def _read_count(value: Mapping[str, Any], name: str) -> int:
    return min(max(0, int(value.get(name, 0))), _LARGEST)


def _bound(text: str, longest: int) -> str:
    return make_printable(text)[:longest]
