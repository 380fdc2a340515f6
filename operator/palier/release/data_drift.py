"""The data of what serves: what is told of it, what is remembered, and whether a release waits for it.

A finding about data says that the world has changed, and not that answers are worse. So it never takes a version back.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from palier.api.constants import DATA_DRIFT
from palier.api.status.data_drift import DriftKind, DriftReason
from palier.release.drift_memory import DriftMemory
from palier.release.finding import Finding
from palier.release.observation import Observation
from palier.release.situation import Note
from palier.release.state import State
from palier.release.watch_memory import WRITTEN_AFTER, WRITTEN_SOONER
from palier.watch.data_watch import DataWatch, OpenFinding, describe_findings

_NAMED: Final = 3
"""Findings that an Event has the sentence of."""
_LONGEST_NOTE: Final = 1000
_OF_REASON: Final[Mapping[DriftReason, Literal["True", "False", "Unknown"]]] = {
    DriftReason.FEATURE_BROKEN: "True",
    DriftReason.DATA_DRIFTS: "True",
    DriftReason.NO_DRIFT: "False",
    DriftReason.CANNOT_TELL: "Unknown",
    DriftReason.CANNOT_WATCH: "Unknown",
    DriftReason.NOT_KNOWN_YET: "Unknown",
}


def update_drift_memory(
    before: DriftMemory, observed: DataWatch | None, *, wanted: bool, now: float, under_way: bool
) -> tuple[DriftMemory, tuple[Note, ...]]:
    """What is remembered from now on, and what to tell people.

    Args:
        before: what was last written.
        observed: what this process knows of the data; None while nobody looks.
        wanted: whether the spec asks for it.
        now: seconds since the epoch.
        under_way: whether a release is in progress.
    """
    if not wanted:
        return DriftMemory(), ()
    if observed is None:
        return before, ()
    due = now - before.at >= (WRITTEN_SOONER if under_way else WRITTEN_AFTER)
    if not due and before.watch is not None and not is_news(before.watch, observed):
        return before, ()
    return DriftMemory(now, replace(observed, memory=None)), tuple(_list_notes(before.watch, observed))


def is_news(before: DataWatch, after: DataWatch) -> bool:
    """Whether somebody has to be told of what has changed, or it must not be lost."""
    return _find_standing(before) != _find_standing(after)


def describe_freeze(observation: Observation) -> str:
    """Why releases wait for the data, in a sentence without its full stop; empty where it has not drifted."""
    watch = observation.data
    return f"data has drifted: {describe_findings(watch.findings, watch.others)}" if watch and watch.findings else ""


def write_drift_status(state: State) -> dict[str, Any]:
    """What `status.watch` tells of the data."""
    return state.data.to_status()


def find_data_drift(state: State) -> list[Finding]:
    """Whether the data of what serves has drifted, as of the instant of the memory."""
    watch = state.data.watch
    if watch is None:
        return []
    return [Finding(DATA_DRIFT, _OF_REASON[watch.reason], watch.reason.value, watch.message)]


def _find_standing(watch: DataWatch) -> tuple[object, ...]:
    """What people know of the data, and what must not be lost of its reference."""
    reference = watch.reference
    return (
        reference.of,
        reference.complete,
        reference.until,
        watch.reason,
        {(one.series, one.kind, one.fault) for one in watch.findings},
    )


def _list_notes(before: DataWatch | None, current: DataWatch) -> Iterator[Note]:
    known: dict[object, OpenFinding] = {one.series: one for one in before.findings} if before else {}
    if before and before.findings and before.reference.of != current.reference.of:
        number = len(before.findings) + before.others
        said = f"{number} finding{'s' if number > 1 else ''} about data dropped"
        yield Note("Normal", "DataWatchedAnew", f"{said}: it is compared with {current.reference.name} from now on")
        known = {}
    for kind in DriftKind:
        new = [
            one
            for one in current.findings
            if one.kind is kind and (one.series not in known or known[one.series].kind is not kind)
        ]
        if new:
            yield Note("Warning", kind.value, _join_sentences(one.message for one in new))
    open_still = {one.series for one in current.findings}.union(current.beyond)
    over = [str(series) for series in known if series not in open_still]
    if over:
        yield Note("Normal", "DataAsBefore", f"no longer drifting: {', '.join(over)}"[:_LONGEST_NOTE])
    blind = DriftReason.CANNOT_WATCH
    if current.reason is blind and (before is None or before.reason is not blind):
        yield Note("Warning", "CannotWatch", f"data: {current.message}"[:_LONGEST_NOTE])


def _join_sentences(sentences: Iterable[str]) -> str:
    every = list(sentences)
    more = f"; and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return f"{'; '.join(one[:300] for one in every[:_NAMED])}{more}"
