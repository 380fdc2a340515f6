"""The report: every number as a table that can be read without knowing the code."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.evidence.goals import Found, Goal
from benchmarks.evidence.numbers import Estimate, Summary
from benchmarks.evidence.pictures import NAMES as TITLES
from benchmarks.evidence.pictures import Point
from benchmarks.evidence.pilot import EXPLAINED, Rank
from benchmarks.evidence.rows import ENGINES, PICTURES, ROWS, Curve, Row

_FEW = 0.01
"""The share of false rollbacks that is allowed in the comparison of settings."""


class Facts(NamedTuple):
    """What the report is about."""

    seed: int
    versions: Mapping[str, str]
    found: Found
    goals: Sequence[Goal]
    ranks: Sequence[Rank]
    curves: Sequence[tuple[Curve, Sequence[tuple[str, Point]]]]
    """Each curve with its points by label of the setting."""
    quick: bool


def report(facts: Facts) -> str:
    """The whole report as Markdown."""
    sections = (
        _head(facts),
        _goals(facts.goals),
        _false_rollbacks(facts.found),
        _harm(facts.found),
        _absent(facts.found),
        _knobs(facts.curves),
        _earlier(facts.ranks),
    )
    return "\n\n".join("\n".join(section).strip() for section in sections) + "\n"


def _head(facts: Facts) -> list[str]:
    quick = "Quick run: few repetitions, wide intervals; a goal that needs many runs cannot be met by it."
    return [
        "# Evidence: Palier's engine and the rules of others on the same traffic",
        "",
        *([quick, ""] if facts.quick else []),
        f"Seed {facts.seed}; {', '.join(f'{name} {version}' for name, version in facts.versions.items())}.",
        "",
        _paragraph("""
            Every engine sees the same scraped samples of the same runs: 60 minutes, 15 s between scrapes, one candidate
            pod and three of stable, 10 % of the requests to the candidate and 0.5 % base errors unless the row says
            otherwise. Palier looks every 30 s, with an objective of at most 1 % errors or 95 % within 300 ms. The
            others run their documented examples. Brackets are 95 % intervals: Clopper-Pearson for shares, order
            statistics for quantiles.
        """),
    ]


def _goals(goals: Sequence[Goal]) -> list[str]:
    met = sum(goal.met for goal in goals)
    return [
        "## Goals",
        "",
        f"{met} of {len(goals)} are met.",
        "",
        *_table(
            ("goal", "measured", ""),
            ((goal.promise, goal.measured, "met" if goal.met else "**NOT met**") for goal in goals),
        ),
    ]


def _false_rollbacks(found: Found) -> list[str]:
    return [
        "## False rollbacks",
        "",
        "Percent of the runs in which a candidate that is no worse was rolled back.",
        "",
        *_table(
            ("both revisions are", *(TITLES[name] for name in ENGINES)),
            (
                (row.title, *(_share(found[row.key, name].rolled_back) for name in ENGINES))
                for row in _rows(harmless=True)
            ),
        ),
        "",
        _paragraph("""
            What became of the others. An engine that never rolls back and never promotes is of no use, so here are the
            percent of the same runs that were promoted / still undecided at the end.
        """),
        "",
        *_table(
            ("both revisions are", *(TITLES[name] for name in ENGINES)),
            ((row.title, *(_kept(found[row.key, name]) for name in ENGINES)) for row in _rows(harmless=True)),
        ),
        "",
        _runs(found, harmless=True),
    ]


def _harm(found: Found) -> list[str]:
    lines = [
        "## Found and missed",
        "",
        _paragraph("""
            Missed: percent of the runs without a rollback by the end; what became of them is in the next column. Times
            are from the onset: until the candidate was stopped, which is when it had at most 1 % of the requests for
            good or was rolled back, and until it was rolled back. A run without that counts as infinitely late, written
            as never. Harm: requests that failed, or were slow, only because the candidate served them, until the
            rollback or the end.
        """),
        "",
    ]
    for row in _rows(harmless=False):
        lines += [
            f"### {row.title}",
            "",
            *_table(
                (
                    *("", "missed, %", "promoted / undecided, %", "stopped, median", "90 % within"),
                    *("rolled back, median", "90 % within", "harm, median", "harm, mean"),
                ),
                (
                    (
                        TITLES[name],
                        _missed(found[row.key, name]),
                        _kept(found[row.key, name]),
                        _time(found[row.key, name].median_stopped),
                        _time(found[row.key, name].p90_stopped),
                        _time(found[row.key, name].median_seconds),
                        _time(found[row.key, name].p90_seconds),
                        _count(found[row.key, name].median_extra),
                        f"{found[row.key, name].mean_extra:.0f}",
                    )
                    for name in ENGINES
                ),
            ),
            "",
        ]
    return [*lines, _runs(found, harmless=False)]


def _absent(found: Found) -> list[str]:
    def cell(row: Row, name: str) -> str:
        return f"{found[row.key, name].on_absent_data} of {found[row.key, name].runs}"

    return [
        "## Decisions without data",
        "",
        _paragraph("""
            Runs that were decided, either way, at a moment when Prometheus had no sample of the candidate of the last
            38 s, or on an answer without a value.
        """),
        "",
        *_table(
            ("row", *(TITLES[name] for name in ENGINES)),
            (
                (row.title, *(cell(row, name) for name in ENGINES))
                for row in ROWS
                if any(found[row.key, name].on_absent_data for name in ENGINES)
            ),
        ),
    ]


def _knobs(curves: Sequence[tuple[Curve, Sequence[tuple[str, Point]]]]) -> list[str]:
    return [
        "## Turning the knobs",
        "",
        _paragraph("""
            Documented examples are only one choice. Each point is one setting of one engine; large points are the
            documented ones, a line joins what no other setting of the engine beats. To the left: fewer false rollbacks;
            down: less harm. The green band is at most 1 %.
        """),
        "",
        *(f"![Harm against false rollbacks]({picture}.svg)\n" for picture in PICTURES),
        _paragraph("""
            The least harm of each engine among its settings with at most 1 % false rollbacks at the same traffic. This
            choice is made after the fact, with the traffic known, which favours engines with many settings:
        """),
        "",
        *_tuned(curves),
        "",
        "Kayenta's thresholds of 75 and 90 change nothing with one metric, whose score is 0 or 100.",
    ]


def _earlier(ranks: Sequence[Rank]) -> list[str]:
    return [
        "## Compared with an earlier, idealised simulation",
        "",
        "It had one weight, binomial counts for each look, and no pods or scrapes. Does it rank the engines alike?",
        "",
        *_table(
            ("row", "measure", *(f"{TITLES[name]}, then → here" for name in ENGINES), "ranking"),
            (
                (
                    rank.row,
                    rank.measure,
                    *(_then_and_now(rank, name) for name in ENGINES),
                    "; ".join(f"{TITLES[one]} and {TITLES[other]} change places" for one, other in rank.swapped)
                    or "same",
                )
                for rank in ranks
            ),
        ),
        "",
        "Two engines within 15 % of each other, or one point of false rollbacks, count as equal. Why they differ:",
        "",
        *(f"- {_paragraph(sentence)}" for sentence in EXPLAINED),
    ]


def _rows(*, harmless: bool) -> Iterable[Row]:
    return (row for row in ROWS if row.harmless is harmless and not row.blind)


def _tuned(curves: Sequence[tuple[Curve, Sequence[tuple[str, Point]]]]) -> Iterable[str]:
    lines = []
    for curve, points in curves:
        for name in ENGINES:
            own = [one for one in points if one[1].engine == name and one[1].false_rollbacks <= _FEW]
            if own:
                label, point = min(own, key=lambda one: one[1].harm)
                knobs = label.removeprefix(name).strip() or "as documented"
                lines.append(
                    (
                        curve.title,
                        TITLES[name],
                        f"{point.harm:.0f}",
                        f"{100 * point.false_rollbacks:.2f} % of {point.runs}",
                        knobs,
                    )
                )
            else:
                lines.append((curve.title, TITLES[name], "none", "always above 1 %", ""))
    return _table(("traffic", "engine", "harm, mean", "false rollbacks", "setting"), lines)


def _then_and_now(rank: Rank, name: str) -> str:
    before, now = next((before, now) for one, before, now in rank.numbers if one == name)
    return f"{before:g} → {now:.3g}"


def _runs(found: Found, *, harmless: bool) -> str:
    counts = {name: sorted({found[row.key, name].runs for row in _rows(harmless=harmless)}) for name in ENGINES}
    return (
        "Runs per row: "
        + ", ".join(f"{TITLES[name]} {' or '.join(map(str, runs))}" for name, runs in counts.items())
        + "."
    )


def _share(one: Estimate) -> str:
    return f"{100 * one.value:.2f} [{100 * one.low:.2f}, {100 * one.high:.2f}]"


def _missed(one: Summary) -> str:
    share = one.rolled_back
    return f"{100 * (1 - share.value):.1f} [{100 * (1 - share.high):.1f}, {100 * (1 - share.low):.1f}]"


def _kept(one: Summary) -> str:
    """Promoted and undecided runs in percent."""
    return f"{100 * one.promoted.value:.1f} / {100 * one.undecided.value:.1f}"


def _time(one: Estimate) -> str:
    if not math.isfinite(one.value):
        return "never"
    high = f"{one.high / 60:.1f}" if math.isfinite(one.high) else "never"
    return f"{one.value / 60:.1f} min [{one.low / 60:.1f}, {high}]"


def _count(one: Estimate) -> str:
    return f"{one.value:.0f} [{one.low:.0f}, {one.high:.0f}]"


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(' --- ' for _ in head)}|",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
