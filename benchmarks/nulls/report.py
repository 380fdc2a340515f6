"""The report: a line for every row, in tables that can be read without knowing the code."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from benchmarks.evidence.goals import Goal
from benchmarks.evidence.numbers import Estimate
from benchmarks.nulls.amounts import Means
from benchmarks.nulls.numbers import Summary
from benchmarks.nulls.rows import Aim, Row
from palier.simulate.case import Case

_HEAD = """\
# Where the assumptions fail

The tests of Palier assume that failures are independent given their look, and that pods are alike. Here they are not:
the versions are equal and look unlike, and nobody should be rolled back. The last tables have candidates that must be
found.

Every release is played through the code that the operator measures and judges with: one objective of at most 1 %
errors, or 95 % within 300 ms, stable fails 0.5 %, looks every 30 s, scrapes every 15 s, three pods of stable and one
of the candidate, 10 % of the requests to the candidate, 60 minutes, unless a line says otherwise. A bad spell of one
pod and an outage are played for 30 minutes. Brackets are exact 95 % intervals (Clopper-Pearson).

*Stepped down*: the candidate got less traffic at least once before anything was certain. *Extra failures*: requests
that were bad only because the candidate served them, until it had at most 1 % of the traffic for good or was rolled
back; medians. *Stopped after*: how long that took from the onset of the harm, or from the bad spell on; *never* where
fewer than half, or nine in ten, were stopped.
"""

_QUICK = "Quick run: few repetitions, wide intervals; a goal counts as not met only where chance cannot explain it."


def report(
    rows: Iterable[Row],
    found: Mapping[str, Summary],
    told: Sequence[Goal],
    *,
    seed: int,
    versions: Mapping[str, str],
    quick: bool,
) -> str:
    """The whole report as Markdown.

    Args:
        rows: what was played, in the order of its sections.
        found: summaries by key of the row.
        told: the goals.
        seed: of all runs.
        versions: of what was used, by name.
        quick: whether only few runs were played.
    """
    made = f"Seed {seed}; {', '.join(f'{name} {version}' for name, version in versions.items())}."
    missed = [goal for goal in told if not goal.met]
    parts = [_HEAD, _QUICK, made] if quick else [_HEAD, made]
    parts.append(f"## Goals\n\n{len(told) - len(missed)} of {len(told)} are met. Not met:")
    parts.append("\n".join(_table(("goal", "measured"), ((goal.promise, goal.measured) for goal in missed))))
    for section, lines in groupby(rows, key=lambda row: row.section):
        parts += [f"## {section}", "\n".join(_section(list(lines), found))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(rows: Sequence[Row], found: Mapping[str, Summary]) -> Iterable[str]:
    head = ("", "runs", "rolled back, %", "stepped down, %", "promoted, %", "undecided, %")
    if isinstance(rows[0].world, Means) and rows[0].aim is Aim.FOUND:
        return _table(
            (*head, "found after", "90 % within"), ([*_shares(row, found), *_found(row, found)] for row in rows)
        )
    if isinstance(rows[0].world, Means):
        misses = ("interval ever misses, %", "with 20 values or more, %")
        return _table((*head, *misses), ([*_shares(row, found), *_misses(found[row.key])] for row in rows))
    if not isinstance(rows[0].world, Case):
        return _table(head, (_shares(row, found) for row in rows))
    times = ("extra failures", "stopped after", "90 % within")
    if rows[0].dead:
        six = ("after the look that could see six", "at most")
        return _table((*head, *times, *six), ([*_list_times(row, found), *_after_six(found[row.key])] for row in rows))
    return _table((*head, *times), (_list_times(row, found) for row in rows))


def _shares(row: Row, found: Mapping[str, Summary]) -> list[str]:
    one = found[row.key]
    # Only what is played with a route can be given less of it.
    stepped = _share(one.stepped_down) if isinstance(row.world, Case) else ""
    rest = (f"{100 * share.value:.1f}" for share in (one.promoted, one.undecided))
    return [row.title, str(one.runs), _share(one.rolled_back), stepped, *rest]


def _list_times(row: Row, found: Mapping[str, Summary]) -> list[str]:
    return [*_shares(row, found), f"{found[row.key].median_extra.value:.1f}", *_found(row, found)]


def _found(row: Row, found: Mapping[str, Summary]) -> list[str]:
    one = found[row.key]
    return [_time(one.median_stopped.value), _time(one.p90_stopped.value)]


def _misses(one: Summary) -> list[str]:
    return [_share(one.missed), _share(one.missed_late)]


def _after_six(one: Summary) -> list[str]:
    return [_time(one.median_after_six.value), _time(one.latest_after_six)]


def _share(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "never"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"  # noqa: PLR2004 - two minutes


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rows = [head, ["---"] * len(head), *lines]
    return [f"| {' | '.join(row)} |" for row in rows]
