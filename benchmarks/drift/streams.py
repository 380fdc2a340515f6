"""Streams of labels: some in which nothing becomes worse, and some in which something does.

A label is 1 where an answer was wrong. One in ten is, before anything changes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Rates = NDArray[np.float64]

BASE = 0.1
"""Share of wrong answers before a change."""
REFERENCE = 1_000
"""Labels from before the stream, for whoever learns what is usual."""
QUIET = 10_000
"""Labels of a stream in which nothing becomes worse."""
BEFORE, AFTER = 2_000, 4_000
"""Labels before and after a change."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What every detector is given of one stream."""

    reference: Labels
    labels: Labels
    """In the order of their arrival."""
    change: int
    """How many of them had arrived when answers became worse; all of them where they never did."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    key: str
    title: str
    draw: Callable[[np.random.Generator], Stream]
    is_worse: bool


def draw_stream(row: Row, *, seed: int, run: int) -> Stream:
    """The stream of a seed, a row and a number: the same for every detector."""
    return row.draw(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(ROWS.index(row), run))))


def _make_stream(rates: Rates, change: int, random: np.random.Generator) -> Stream:
    return Stream(_draw_labels(np.full(REFERENCE, BASE), random), _draw_labels(rates, random), change)


def _draw_labels(rates: Rates, random: np.random.Generator) -> Labels:
    return (random.random(rates.size) < rates).astype(np.int64)


def _steady(random: np.random.Generator) -> Stream:
    return _make_stream(np.full(QUIET, BASE), QUIET, random)


def _clustered(random: np.random.Generator) -> Stream:
    """Ten labels in a row come from one user, whose answers are good or bad together: a correlation of 0.05."""
    size = 1 / 0.05 - 1
    return _make_stream(np.repeat(random.beta(BASE * size, (1 - BASE) * size, QUIET // 10), 10), QUIET, random)


def _swinging(random: np.random.Generator) -> Stream:
    """Between 5 and 15 % within a day of 240 labels."""
    return _make_stream(BASE * (1 + np.sin(np.arange(QUIET) * 2 * np.pi / 240) / 2), QUIET, random)


def _better(random: np.random.Generator) -> Stream:
    return _make_stream(np.repeat((BASE, 0.03), QUIET // 2), QUIET, random)


def _jump(wrong: float) -> Callable[[np.random.Generator], Stream]:
    def draw(random: np.random.Generator) -> Stream:
        return _make_stream(np.repeat((BASE, wrong), (BEFORE, AFTER)), BEFORE, random)

    return draw


def _gradual(random: np.random.Generator) -> Stream:
    """Evenly within 1,000 labels, then at the worse share."""
    rise = np.minimum(np.arange(AFTER) / 1_000, 1.0)
    return _make_stream(np.concatenate((np.full(BEFORE, BASE), BASE + 0.1 * rise)), BEFORE, random)


def _delayed(random: np.random.Generator) -> Stream:
    """Each label arrives after as many answers as an exponential distribution with a mean of 500 says."""
    stream = _jump(0.2)(random)
    arrivals = np.arange(BEFORE + AFTER) + random.exponential(500, BEFORE + AFTER)
    return Stream(stream.reference, stream.labels[np.argsort(arrivals)], int((arrivals < BEFORE).sum()))


ROWS = (
    Row("steady", "10 % wrong, always", _steady, is_worse=False),
    Row("better", "10 %, then 3 %", _better, is_worse=False),
    Row("clustered", "10 %, ten labels of one user each (correlation 0.05)", _clustered, is_worse=False),
    Row("swinging", "5 to 15 % within each day of 240 labels", _swinging, is_worse=False),
    Row("jump-15", "10 %, then 15 %", _jump(0.15), is_worse=True),
    Row("jump-20", "10 %, then 20 %", _jump(0.2), is_worse=True),
    Row("jump-40", "10 %, then 40 %", _jump(0.4), is_worse=True),
    Row("gradual", "10 %, then evenly to 20 % within 1,000 labels", _gradual, is_worse=True),
    Row("delayed", "10 %, then 20 %, labels 500 answers late on average", _delayed, is_worse=True),
)
