"""The report: every number as a table that can be read without knowing the code."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.capacity.outcome import GOAL, Outcome


class Facts(NamedTuple):
    """What the report is about."""

    outcomes: Sequence[Outcome]
    versions: Mapping[str, str]
    seconds_per_rate: float
    step: float
    """Distance of two rates of the sweep, as a share of the bound."""
    seed: int
    quick: bool
    picture: str


def report(facts: Facts) -> str:
    """The whole report as Markdown."""
    sections = (
        _head(facts),
        _summary(facts),
        [f"![95th percentile against the arrival rate]({facts.picture})"],
        _search(facts.outcomes),
        *(_sweep(outcome) for outcome in facts.outcomes),
    )
    return "\n\n".join("\n".join(section).strip() for section in sections) + "\n"


def _head(facts: Facts) -> list[str]:
    about = textwrap.fill(
        "Every server is a pod of its own on a real cluster, with the example server of a known capacity in it. "
        f"A sweep by hand tries rates in steps of {facts.step:.1%} of what the server can answer at all, each for "
        f"{facts.seconds_per_rate:g} s after it has settled, until two in a row fail. Then Palier's search is let "
        "loose on the same pod. Both fire Poisson arrivals; the sweep's arithmetic is its own. Capacity by hand is the "
        "last rate at which 95 % of the answers came in time before two in a row did not.",
        width=120,
    )
    return [
        "# Capacity: by hand, by search, by theory",
        "",
        *(["Quick run: short steps, so chance has a larger part.", ""] if facts.quick else []),
        f"Seed {facts.seed}; {', '.join(f'{name} {version}' for name, version in facts.versions.items())}.",
        "",
        about,
    ]


def _summary(facts: Facts) -> list[str]:
    met = sum(outcome.met for outcome in facts.outcomes)
    return [
        "## Results",
        "",
        f"Within {GOAL:.0%} of the sweep: {met} of {len(facts.outcomes)}. Rates are requests per second.",
        "",
        *_table(
            (
                "server",
                "95 % within",
                "by hand",
                "fails at",
                "search",
                "difference",
                "theory",
                "lag, sweep",
                "search",
            ),
            (
                (
                    outcome.server.title,
                    _milliseconds(outcome.server.threshold),
                    _rate(outcome.sweep.held),
                    _rate(outcome.sweep.failed),
                    _rate(outcome.found.capacity),
                    _difference(outcome),
                    _rate(outcome.theory),
                    _milliseconds(max(point.lag for point in outcome.sweep.points)),
                    _milliseconds(outcome.found.lag),
                )
                for outcome in facts.outcomes
            ),
        ),
    ]


def _search(outcomes: Iterable[Outcome]) -> list[str]:
    return [
        "## What the search used and said",
        "",
        *_table(
            ("server", "seconds", "requests", "steps", "verdict", "in its words"),
            (
                (
                    outcome.server.title,
                    f"{outcome.found.seconds:.0f}",
                    f"{outcome.found.requests}",
                    f"{len(outcome.found.steps)}",
                    f"{outcome.found.verdict} ({outcome.found.reason})",
                    outcome.found.message,
                )
                for outcome in outcomes
            ),
        ),
    ]


def _sweep(outcome: Outcome) -> list[str]:
    promise = _milliseconds(outcome.server.threshold)
    return [
        f"## Sweep: {outcome.server.title}",
        "",
        f"Promise: 95 % within {promise}. CPU in cores; others: the rest of the machine.",
        "",
        *_table(
            ("offered", "arrived", "requests", "failed", "late", "p50", "p95", "p99", "lag p99", "CPU", "others", ""),
            (
                (
                    f"{point.offered:g}",
                    f"{point.arrived:.1f}",
                    f"{point.requests}",
                    f"{point.failed}",
                    f"{point.late:.1%}",
                    _milliseconds(point.p50),
                    _milliseconds(point.p95),
                    _milliseconds(point.p99),
                    _milliseconds(point.lag),
                    f"{point.server_cpu:.2f}",
                    f"{point.other_cpu:.2f}",
                    "holds" if point.holds else "fails",
                )
                for point in outcome.sweep.points
            ),
        ),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.4g}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _difference(outcome: Outcome) -> str:
    if outcome.difference is None:
        return "**nothing found**"
    told = f"{outcome.difference:+.1%}"
    return told if outcome.met else f"**{told}**"
