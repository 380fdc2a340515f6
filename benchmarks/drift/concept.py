"""False alarms and delays of all detectors on the same streams of labels, and the report of them."""

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from itertools import starmap
from typing import NamedTuple

from benchmarks.drift.detectors import CHOSEN, KSWIN, WATCHERS
from benchmarks.drift.streams import ROWS, Row, draw_stream
from benchmarks.evidence.numbers import Estimate, quantile, share

_HEAVY = 20
"""KSWIN takes a thousand times as long as the others, so it plays one stream in so many."""
_UNIT = 10_000
_GOAL = 250
"""Labels within which half of the changes from 10 to 20 % have to be found, at one false alarm in `_UNIT`."""

_HEAD = """\
# Concept drift: are more answers wrong than before?

Written by `python -m benchmarks.drift`. Each stream is played to every detector; a label says whether an answer was
wrong. Palier's detectors promise at most one false alarm in 10,000 labels while labels are independent and no more is
wrong than is tolerated. They are told what that is, or learn it from labels of before. River's detectors have their
defaults and are told nothing, so "worse than tolerated" is not their question. They make no promise in labels, and
ADWIN, Page-Hinkley and KSWIN alarm for better answers, too. Each detector starts anew after an alarm. KSWIN plays a
twentieth of the streams, because it takes a thousand times as long as the others.

Brackets are exact 95 % intervals: of Clopper and Pearson for shares, by order statistics for quantiles. The rate of
false alarms is a plain mean."""


class Played(NamedTuple):
    """What one detector did in one stream."""

    alarms: int
    """Before the change."""
    labels: int
    """Labels before the change."""
    delay: float
    """Labels from the change to the first alarm after it; infinite where none came."""


def run_concept(*, streams: int, seed: int, jobs: int) -> tuple[str, bool]:
    """Play everything; the report, and whether the goals are met."""
    tasks = [(row.key, name, number) for row in ROWS for name in WATCHERS for number in _list_numbers(name, streams)]
    seeded = [(seed, *task) for task in tasks]
    if jobs == 1:
        played = list(map(_play_task, seeded))
    else:
        with ProcessPoolExecutor(max_workers=jobs) as pool:
            played = list(pool.map(_play_task, seeded, chunksize=5))
    found: dict[tuple[str, str], list[Played]] = {}
    for (key, name, _), one in zip(tasks, played, strict=True):
        found.setdefault((key, name), []).append(one)
    quiet, changed = found["steady", CHOSEN], found["jump-20", CHOSEN]
    median = quantile(sorted(one.delay for one in changed), 0.5).value
    goals = (
        ("false alarms of Palier in 10,000 labels, at most 1", _rate(quiet), _rate(quiet) <= 1),
        (f"median labels from 10 % to 20 %, at most {_GOAL}", median, median <= _GOAL),
    )
    names = ("palier", "river", "numpy", "scipy")
    made = f"Seed {seed}; Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in names)}."
    parts = [_HEAD, made, "\n".join(starmap(_write_goal, goals)), *_write_sections(found)]
    return "\n\n".join(parts) + "\n", all(met for *_, met in goals)


def _list_numbers(name: str, streams: int) -> range:
    return range(max(1, streams // _HEAVY) if name == KSWIN else streams)


def _play_task(task: tuple[int, str, str, int]) -> Played:
    seed, key, name, number = task
    row = next(row for row in ROWS if row.key == key)
    stream = draw_stream(row, seed=seed, run=number)
    alarms = 0
    for position in WATCHERS[name](stream, number):
        if position > stream.change:
            return Played(alarms, stream.change, position - stream.change)
        alarms += 1
    return Played(alarms, stream.change, math.inf)


def _rate(played: Sequence[Played]) -> float:
    """False alarms in so many labels."""
    return sum(one.alarms for one in played) * _UNIT / sum(one.labels for one in played)


def _write_goal(promise: str, measured: float, met: bool) -> str:
    return f"- {'met' if met else '**not met**'}: {promise}: {measured:.3g}"


def _write_sections(found: Mapping[tuple[str, str], Sequence[Played]]) -> Iterator[str]:
    yield "## Nothing becomes worse: every alarm is false"
    for row in ROWS:
        if not row.is_worse:
            yield "\n".join(_write_quiet(row, found))
    yield "## More is wrong from some label on"
    yield (
        "*Found*: within the 4,000 labels after the change. *Labels to it*: from the change to the first alarm after\n"
        "it. A detector with many false alarms has short delays as well, so read both kinds of tables."
    )
    for row in ROWS:
        if row.is_worse:
            yield "\n".join(_write_changed(row, found))


def _write_quiet(row: Row, found: Mapping[tuple[str, str], Sequence[Played]]) -> Iterator[str]:
    yield f"### {row.title}\n"
    yield "| detector | streams | with a false alarm, % | false alarms in 10,000 labels |"
    yield "| --- | --- | --- | --- |"
    for name in WATCHERS:
        played = found[row.key, name]
        hit = share(sum(one.alarms > 0 for one in played), len(played))
        yield f"| {name} | {len(played)} | {_write_share(hit)} | {_rate(played):.2f} |"


def _write_changed(row: Row, found: Mapping[tuple[str, str], Sequence[Played]]) -> Iterator[str]:
    yield f"### {row.title}\n"
    yield "| detector | streams | found, % | labels to it, median | nine in ten within |"
    yield "| --- | --- | --- | --- | --- |"
    for name in WATCHERS:
        played = found[row.key, name]
        delays = sorted(one.delay for one in played)
        hit = share(sum(map(math.isfinite, delays)), len(played))
        shown = " | ".join(_write_labels(quantile(delays, part)) for part in (0.5, 0.9))
        yield f"| {name} | {len(played)} | {_write_share(hit)} | {shown} |"


def _write_share(estimate: Estimate) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * number for number in estimate))


def _write_labels(estimate: Estimate) -> str:
    value, low, high = ("never" if math.isinf(number) else f"{number:g}" for number in estimate)
    return f"{value} [{low}, {high}]"
