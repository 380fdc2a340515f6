"""What `palier drift` tells: a page for people, and JSON for programs."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from palier.api.printable import make_printable
from palier.cli.commands import align_columns
from palier.cli.drift_file import Window
from palier.evidence.sentences import percent
from palier.watch.features.data_drift import DriftFinding, Report, State
from palier.watch.features.drift_words import describe_finding
from palier.watch.features.measure import DriftRules
from palier.watch.features.profile import EVERYBODY

_MOST_LINES: Final = 40
"""Lines of each part of the page."""
_TITLES: Final = {
    State.DRIFT: "Drift",
    State.SUSPECTED: "Suspected",
    State.CANNOT_TELL: "Cannot tell",
    State.NO_DRIFT: "No drift",
}


def conclude(report: Report) -> bool | None:
    """Whether anything has drifted; None where that cannot be told of a column of all users.

    A group may well be too small to tell anything of it, which is shown and fails nothing.
    """
    if report.has_drifted:
        return True
    unclear = any(one.state is State.CANNOT_TELL and one.series.group == EVERYBODY for one in report.findings)
    return None if unclear else False


def draw_page(report: Report, window: Window, reference: Window, rules: DriftRules) -> Iterator[str]:
    """The page: both files, the conclusion, and every column under what is known of it."""
    for name, one in (("file", window), ("reference", reference)):
        bad = f", {percent(one.bad.number / (one.bad.number + one.profile.rows))} left out" if one.bad.number else ""
        yield f"{name:<9}  {one.name}: {one.profile.rows} rows{bad}"
    yield ""
    yield _describe_conclusion(report)
    for state, title in _TITLES.items():
        chosen = report.list_findings(state)
        if chosen:
            yield ""
            yield from _draw_part(title, chosen, rules)


def _describe_conclusion(report: Report) -> str:
    told = conclude(report)
    columns = {one.series.feature for one in report.findings}
    drifted = {one.series.feature for one in report.findings if one.state is State.DRIFT}
    if told:
        return f"Drift in {len(drifted)} of {len(columns)} columns."
    if told is None:
        return "No drift was found, but there are too few rows to tell of every column."
    return f"No drift in {len(columns)} columns."


def _draw_part(title: str, findings: Sequence[DriftFinding], rules: DriftRules) -> Iterator[str]:
    """What is known of some columns; a group of which the same is known as of all users has no line of its own."""
    folded = _count_groups(findings)
    shown = [one for one in findings if one.series.group == EVERYBODY or one.series.feature not in folded]
    yield f"{title} ({len(shown)})"
    grouped = any(one.series.group != EVERYBODY for one in shown)
    rows: list[tuple[str, ...]] = []
    for one in shown[:_MOST_LINES]:
        # What is in the title is not said again in every line.
        words = describe_finding(one, rules)
        words = words if one.major else words.partition(": ")[2]
        number = folded.get(one.series.feature, 0)
        groups = f"; in {number} group{'s' if number > 1 else ''} as well" if number else ""
        group = (one.series.group,) if grouped else ()
        cells = (one.series.feature, *group, one.kind, f"{words}{groups}")
        rows.append(tuple(map(make_printable, cells)))  # a newline in a name ends no line
    yield from (f"  {line}" for line in align_columns(rows, left=range(4)))
    if len(shown) > _MOST_LINES:
        yield f"  and {len(shown) - _MOST_LINES} more, which --json lists"


def _count_groups(findings: Sequence[DriftFinding]) -> Counter[str]:
    """For each feature of all users the number of groups of which the same is known."""
    everybody = {one.series.feature for one in findings if one.series.group == EVERYBODY}
    groups = (one.series.feature for one in findings if one.series.group != EVERYBODY)
    return Counter(feature for feature in groups if feature in everybody)


def write_report(report: Report, window: Window, reference: Window, rules: DriftRules) -> dict[str, Any]:
    """The same, ready for JSON."""
    return {
        "drift": conclude(report),
        "file": window.name,
        "rows": window.profile.rows,
        "badRows": window.bad.number,
        "reference": reference.name,
        "referenceRows": reference.profile.rows,
        "referenceBadRows": reference.bad.number,
        "psi": rules.psi,
        "alpha": rules.alpha,
        "by": window.profile.by or None,
        "columns": [_write_finding(one, rules) for one in report.findings],
    }


def _write_finding(one: DriftFinding, rules: DriftRules) -> dict[str, Any]:
    measured = one.psi is not None
    distances = one.distances
    return {
        "column": one.series.feature,
        "group": one.series.group if one.series.group != EVERYBODY else None,
        "kind": one.kind,
        "state": str(one.state),
        "major": one.major,
        "message": describe_finding(one, rules),
        "faults": [{"kind": str(fault.kind), "message": fault.message} for fault in one.faults],
        "events": one.events,
        "referenceEvents": one.reference_events,
        "psi": one.psi,
        "psiLow": one.low if measured else None,
        "psiHigh": one.high if measured else None,
        "log10Odds": one.log_e / math.log(10) if math.isfinite(one.log_e) else None,
        "jensenShannon": distances.jensen_shannon if distances else None,
        "totalVariation": distances.total_variation if distances else None,
        "kolmogorovSmirnov": distances.kolmogorov_smirnov if distances else None,
        "chiSquareP": distances.chi_square_p if distances else None,
        "neededEvents": one.needed.events if one.needed else None,
    }
