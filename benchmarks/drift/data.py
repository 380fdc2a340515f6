"""Data drift: false alarms and delays of Palier beside the default tests of Evidently."""

import math
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version

from benchmarks.drift.columns import World
from benchmarks.drift.duel import COLUMNS, MONTH, PALIER, PATIENCE, SET, TOOLS, TWICE, Result, play
from palier.evidence.sentences import two_digits
from palier.simulate.measures import quantile

QUIET_WORLDS = (
    *(World("nothing changes", rows, reference) for reference in (20_000, 1000) for rows in (100, 500, 1000, 5000)),
    World("one odd window a day: a third of it is one customer's import", 1000, noise="odd"),
    World("day and night; the reference is the same hour of four weeks", 1000, noise="day"),
)
SHIFTS = (
    ("mean moves, PSI 0.1", "mean 0.1"),
    ("mean moves, PSI 0.3", "mean 0.3"),
    ("mean of a skewed column moves, PSI 0.1", "tail 0.1"),
    ("spread grows, PSI 0.1", "spread 0.1"),
    ("a group of 5 % of the users moves, PSI 0.3", "group 0.3"),
    ("a group of 5 % of the users moves, PSI 1", "group 1"),
    ("new word, 5 % of the rows", "new word 0.05"),
    ("a word of 3 % of the rows vanishes", "vanished word 5"),
    ("always missing", "null 1"),
    ("20 % missing", "null 0.2"),
    ("constant", "constant 0.1"),
    ("a thousand times as large", "unit 1000"),
)
SHIFTED_WORLDS = tuple(
    World(title, rows, reference, shift=shift)
    for title, shift in SHIFTS
    for rows, reference in ((1000, 20_000), (5000, 20_000), (1000, 1000))
)
_MONTHS, _RUNS = 0.03, 0.5
PROMISE = 1.0
"""False actions of Palier in 30 days."""


def run_data(*, streams: int, seed: int, jobs: int, windows: int = MONTH) -> tuple[str, bool]:
    """Play everything; the report, and whether Palier has no more false actions than promised.

    Args:
        streams: how much is played: half as many runs of every shift, and three months for each hundred.
        seed: of all runs.
        jobs: processes.
        windows: in a month in which nothing shifts.
    """
    months, runs = max(1, round(_MONTHS * streams)), max(1, round(_RUNS * streams))
    with ProcessPoolExecutor(max_workers=jobs) as pool:

        def play_all(world: World, number: int) -> list[dict[str, Result]]:
            return list(pool.map(partial(_play, world, seed, windows), range(number)))

        quiet = [(world, play_all(world, months)) for world in QUIET_WORLDS]
        shifted = [(world, play_all(world, runs)) for world in SHIFTED_WORLDS]
    worst = max(_count_false(results, PALIER) for _, results in quiet)
    report = "\n".join(_write_report(quiet, shifted, worst, made=(seed, months, runs)))
    return f"{report}\n", worst <= PROMISE


def _play(world: World, seed: int, windows: int, run: int) -> dict[str, Result]:
    return play(world, seed=seed, run=run, windows=windows)


def _count_false(results: Sequence[dict[str, Result]], tool: str) -> float:
    """False actions in 30 days."""
    windows = sum(result[tool].windows for result in results)
    return sum(result[tool].false for result in results) / windows * MONTH


Played = Sequence[tuple[World, list[dict[str, Result]]]]


def _write_report(quiet: Played, shifted: Played, worst: float, *, made: tuple[int, int, int]) -> Iterator[str]:
    seed, months, runs = made
    versions = ", ".join(f"{name} {version(name)}" for name in ("palier", "numpy", "scipy"))
    yield "# Data drift: Palier beside the default tests of Evidently"
    yield ""
    yield f"Seed {seed}; Python {platform.python_version()}, {versions}."
    yield ""
    met = "met" if worst <= PROMISE else "**not met**"
    yield f"- {met}: false actions of Palier in 30 days, at most {PROMISE:g} in every line: {two_digits(worst)}"
    yield ""
    yield from _NOTES.splitlines()
    yield ""
    yield "## Nothing has drifted"
    yield ""
    yield f"Windows with a false name in 30 days of 720 windows; {months} such months of every line."
    yield ""
    yield f"| what there is | rows in a window | of the reference | {' | '.join(TOOLS)} |"
    yield f"| --- | ---: | ---: |{' ---: |' * len(TOOLS)}"
    for world, results in quiet:
        counts = " | ".join(two_digits(_count_false(results, tool)) for tool in TOOLS)
        yield f"| {world.title} | {world.rows} | {world.reference_rows} | {counts} |"
    yield ""
    yield "## One column drifts"
    yield ""
    yield (
        f"Share of {runs} runs in which it was named within two windows, and within {PATIENCE}; the median number of"
        " windows until then."
    )
    yield ""
    yield f"| shift | rows in a window | of the reference | {' | '.join(TOOLS)} |"
    yield f"| --- | ---: | ---: |{' ---: |' * len(TOOLS)}"
    for world, results in shifted:
        cells = " | ".join(_describe_delay(results, tool) for tool in TOOLS)
        yield f"| {world.title} | {world.rows} | {world.reference_rows} | {cells} |"


def _describe_delay(results: Sequence[dict[str, Result]], tool: str) -> str:
    delays = [result[tool].found_after for result in results]
    soon, late = (round(100 * sum(delay <= limit for delay in delays) / len(delays)) for limit in (2, PATIENCE))
    median = quantile([delay if math.isfinite(delay) else math.inf for delay in delays], 0.5)
    error = " (error)" if any(result[tool].error for result in results) else ""
    return f"{soon} %, {late} %; {'never' if median is None else f'{median:g}'}{error}"


_NOTES = f"""\
Both see the same rows: 34 columns of numbers and 16 of words, in windows of an hour. Palier watches them with its
defaults, in all users and in four groups (250 questions), and acts on what two windows confirm. *{COLUMNS}* is the
default test of each column for itself, *{TWICE}* the same with a simple guard against chance, *{SET}* its share of
drifted columns of at least one half. The rules were written anew from the documentation of Evidently 0.7, and compared
with the package by `python -m benchmarks.drift.check_evidently`. Evidently is asked about all users, as its presets do;
asked about each group, it would have five times the questions. "PSI at least 0.1" is the rule of thumb, without regard
to the number of rows."""
