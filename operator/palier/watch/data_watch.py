"""The memory of the data of what serves: what it is compared with, and what was found.

It is kept in the memory of a process and written to `status` now and then (see `palier.release.drift_memory`). The last
window is not written: Prometheus still has it, so a process begins with the last two.

A finding begins when two windows that follow each other confirm it, and ends after two that show nothing. A window
without events, and one that could not be read, begin nothing and end nothing.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple, Self

from palier.api.status.data_drift import FINDINGS, LONGEST_REFERENCE, DriftKind, DriftReason
from palier.watch.features.bounds import bound_reference
from palier.watch.features.data_drift import DriftFinding, Memory, Report, Series, State, watch_window
from palier.watch.features.drift_words import describe_finding
from palier.watch.features.measure import DriftRules
from palier.watch.features.merging import merge_features
from palier.watch.features.profile import EVERYBODY, Feature, Part, Profile, Reference, read_profile, write_profile

ENDS_AFTER: Final = 2
"""Windows in succession without a sign of a change after which a finding is over: as many as it takes to find one."""
_BESIDE: Final = 1.0
"""Seconds by which the end of a window and the start of the next may differ."""


class Gathering(NamedTuple):
    """When a reference that is gathered is complete, and what it holds."""

    windows: int
    """Windows with events that are counted together at least."""
    events: int
    """Events that they hold at least."""
    features: Collection[str] | None = None
    """Names that are wanted; None for all."""


@dataclass(frozen=True, slots=True)
class StoredReference:
    """What the data is compared with, as it is remembered."""

    of: str
    """Digest of what it is; another one begins anew."""
    name: str
    """What it is called in messages."""
    text: str = ""
    """What was gathered, as a profile's file; empty where a file is the reference, or nothing was gathered yet."""
    windows: int = 0
    """Windows that were counted together."""
    events: int = 0
    """Events in it."""
    until: float = -math.inf
    """The end of the last of them, in seconds since the epoch."""
    complete: bool = False
    left_out: tuple[str, ...] = ()
    """What has no room in it."""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A feature that has drifted or is broken."""

    series: Series
    kind: DriftKind
    since: float
    """The end of the window that confirmed it, in seconds since the epoch."""
    message: str
    fault: str = ""
    """What is wrong with a broken one, as a `FaultKind`."""
    psi: float | None = None
    quiet: int = field(default=0, compare=False)
    """Windows in succession that had events of it and showed nothing."""


@dataclass(frozen=True, slots=True)
class DataWatch:
    """What is known of the data of what serves."""

    reference: StoredReference
    window: float = -math.inf
    """The end of the last window that was read, in seconds since the epoch."""
    reason: DriftReason = DriftReason.NOT_KNOWN_YET
    message: str = "no window is over yet"
    findings: tuple[OpenFinding, ...] = ()
    """At most as many as a status has, the worst first."""
    others: int = 0
    """Findings that have no room there."""
    beyond: tuple[Series, ...] = field(default=(), compare=False)
    """Which they are, as far as this process knows."""
    memory: Memory | None = field(default=None, compare=False)
    """Of the last window, for the next one."""

    @classmethod
    def begin(cls, of: str, name: str) -> Self:
        """The memory of data of which no window was read yet.

        Args:
            of: digest of what it is compared with.
            name: what that is called in messages.
        """
        return cls(StoredReference(of, name))

    def add_window(
        self, window: Profile, *, start: float, end: float, rules: DriftRules, against: Reference | Gathering
    ) -> Self:
        """The same after one more window.

        Args:
            window: what the pods have counted.
            start: when it began, in seconds since the epoch.
            end: when it ended.
            rules: what counts as a change; `alpha` is for each window.
            against: the reference, or how one is gathered.

        Raises:
            ValueError: what was gathered cannot be read.
        """
        if end <= self.window and (self.memory is not None or not self._is_next_to_last(end, end - start)):
            return self
        if not window.features:
            return self.miss_window("its pods export no series palier_feature_… or palier_prediction_…", now=end)
        if not window.rows:
            return self._skip_window("no event in the last window", DriftReason.CANNOT_TELL, end)
        if isinstance(against, Gathering) and not self.reference.complete:
            return self._gather(window, against, end)
        if isinstance(against, Gathering):
            against = Reference(self.reference.name, read_reference(self.reference.text))
        follows = self.memory is not None and abs(self.window - start) <= _BESIDE
        memory, report = watch_window(self.memory if follows else None, window, against, rules)
        return self._judge(report, rules, memory, end)

    def miss_window(self, problem: str, *, now: float = -math.inf) -> Self:
        """The same after a window of which nothing is known: it is neither good nor bad.

        Args:
            problem: why it is not known.
            now: the end of the window, in seconds since the epoch; left out where none was asked for.
        """
        return self._skip_window(f"nothing is known at present: {problem}", DriftReason.CANNOT_WATCH, now)

    def _is_next_to_last(self, end: float, length: float) -> bool:
        """Whether a window that was read before is needed once more, by a process that does not have it."""
        return end >= self.window - length - _BESIDE

    def _skip_window(self, message: str, reason: DriftReason, end: float) -> Self:
        if self.findings:
            reason, message = self.reason, f"{message}; as of before: {describe_findings(self.findings, self.others)}"
        elif not self.reference.complete and self.reference.windows and reason is DriftReason.CANNOT_TELL:
            reason, message = self.reason, self.message
        return replace(self, window=max(self.window, end), reason=reason, message=message, memory=None)

    def _gather(self, window: Profile, plan: Gathering, end: float) -> Self:
        """The same with one more window in its reference."""
        before = self.reference
        if end <= before.until:
            return replace(self, window=max(self.window, end))
        gathered = _merge_windows(read_reference(before.text), window) if before.text else window
        bounded = bound_reference(gathered, features=plan.features, most=LONGEST_REFERENCE)
        windows, events = before.windows + 1, _count_events(bounded.profile)
        complete = windows >= plan.windows and events >= plan.events
        reference = StoredReference(
            before.of,
            before.name,
            write_profile(bounded.profile),
            windows,
            events,
            end,
            complete=complete,
            left_out=bounded.left_out,
        )
        sofar = f"{windows} of {plan.windows} windows and {events} of {plan.events} events"
        message = "the reference is complete; the next window is compared" if complete else f"the reference has {sofar}"
        return replace(
            self,
            reference=reference,
            window=end,
            reason=DriftReason.NOT_KNOWN_YET,
            message=message,
            memory=None,
        )

    def _judge(self, report: Report, rules: DriftRules, memory: Memory, end: float) -> Self:
        """The same with what a comparison says."""
        found = {one.series: one for one in report.findings}
        confirmed = {series for series, one in found.items() if one.state is State.DRIFT}
        kept = [after for one in self.findings if (after := _update(one, found.get(one.series), rules)) is not None]
        known = {one.series for one in kept}
        everywhere = {series.feature for series in known | confirmed if series.group == EVERYBODY}
        new = [
            _open(found[series], rules, since=end)
            for series in confirmed - known
            if series.group == EVERYBODY or series.feature not in everywhere
        ]
        ranked = sorted([*kept, *new], key=lambda one: (_rank_kind(one), one.series not in known, _rank_size(one)))
        findings = sorted(ranked[:FINDINGS], key=lambda one: (_rank_kind(one), _rank_size(one), one.series))
        beyond = tuple(one.series for one in ranked[FINDINGS:])
        reason, message = _sum_up(report, findings, len(beyond), rules)
        return replace(
            self,
            reference=replace(self.reference, events=self.reference.events or _count_events(memory.reference.profile)),
            window=end,
            reason=reason,
            message=message,
            findings=tuple(findings),
            others=len(beyond),
            beyond=beyond,
            memory=memory,
        )


@lru_cache(maxsize=64)
def read_reference(text: str) -> Profile:
    """What was gathered, from what is remembered of it.

    Raises:
        ValueError: it cannot be read, or nobody can have counted that.
    """
    return bound_reference(read_profile(text)).profile


def describe_findings(findings: Sequence[OpenFinding], others: int) -> str:
    """The worst one, and how many there are besides."""
    more = len(findings) - 1 + others
    return f"{findings[0].message}{f'; and {more} more' if more else ''}"


def _update(one: OpenFinding, now: DriftFinding | None, rules: DriftRules) -> OpenFinding | None:
    """A finding after one more window; None where it is over."""
    if now is None or now.psi is None:
        return one
    if now.state is State.DRIFT:
        again = _open(now, rules, since=one.since)
        return again if again.fault or not one.fault else replace(again, kind=one.kind, fault=one.fault)
    if now.state is State.SUSPECTED:
        return replace(one, quiet=0)
    return replace(one, quiet=one.quiet + 1) if one.quiet + 1 < ENDS_AFTER else None


def _open(finding: DriftFinding, rules: DriftRules, *, since: float) -> OpenFinding:
    kind = DriftKind.FEATURE_BROKEN if finding.faults else DriftKind.DATA_DRIFTS
    fault = finding.faults[0].kind.value if finding.faults else ""
    message = f"{finding.series}: {describe_finding(finding, rules)}"
    return OpenFinding(finding.series, kind, since, message, fault, finding.psi)


def _rank_kind(one: OpenFinding) -> bool:
    return one.kind is not DriftKind.FEATURE_BROKEN


def _rank_size(one: OpenFinding) -> float:
    return -(one.psi or 0.0)


def _sum_up(report: Report, findings: Sequence[OpenFinding], others: int, rules: DriftRules) -> tuple[DriftReason, str]:
    """What is known, in a word and in a sentence."""
    if findings:
        broken = findings[0].kind is DriftKind.FEATURE_BROKEN
        reason = DriftReason.FEATURE_BROKEN if broken else DriftReason.DATA_DRIFTS
        return reason, describe_findings(findings, others)
    if not report.findings:
        return DriftReason.CANNOT_WATCH, f"{report.reference} has none of the features that are to be watched"
    everybody = [one for one in report.findings if one.series.group == EVERYBODY]
    if suspected := [str(one.series) for one in report.list_findings(State.SUSPECTED)]:
        named = ", ".join(suspected[:3]) + (f" and {len(suspected) - 3} more" if len(suspected) > 3 else "")  # noqa: PLR2004
        return DriftReason.CANNOT_TELL, f"a drift is suspected of {named}: the next window will tell"
    lacking = [one for one in everybody if one.state is State.CANNOT_TELL]
    if lacking:
        first = f"{lacking[0].series}: {describe_finding(lacking[0], rules)}"
        return DriftReason.CANNOT_TELL, f"of {len(lacking)} of {len(everybody)} features it is not known: {first}"
    untold = sum(one.state is State.CANNOT_TELL for one in report.findings)
    rest = f"; of {untold} in groups it cannot be told" if untold else ""
    return DriftReason.NO_DRIFT, f"none of {len(everybody)} features has drifted from {report.reference}{rest}"


def _merge_windows(first: Profile, second: Profile) -> Profile:
    """The events of two windows together; a feature that cannot be counted together is left out."""
    groups = {
        group: Part(
            sum(one.groups[group].rows for one in (first, second) if group in one.groups),
            dict(_merge_named(*(one.groups[group].features if group in one.groups else {} for one in (first, second)))),
        )
        for group in {**first.groups, **second.groups}
    }
    return Profile(
        first.rows + second.rows,
        dict(_merge_named(first.features, second.features)),
        first.by or second.by,
        groups,
    )


def _merge_named(first: Mapping[str, Feature], second: Mapping[str, Feature]) -> Iterator[tuple[str, Feature]]:
    for name in {**first, **second}:
        one, other = first.get(name), second.get(name)
        if one is None or other is None:
            yield name, (one or other)  # type: ignore[misc] # one of them is there
            continue
        try:
            yield name, merge_features(one, other)
        except ValueError:  # its edges have changed, or it is a category now
            continue


def _count_events(profile: Profile) -> int:
    return max((feature.events for feature in profile.features.values()), default=0)
