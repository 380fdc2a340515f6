"""Seeded streams of rows: 50 columns that drift or do not, in windows of an hour, and the reference of each stream.

Every tool sees the same rows. Thirty-four columns are numbers of five shapes, sixteen are words; the users are four
groups, the smallest with 5 % of the rows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from palier.watch.features.distances import compute_psi
from palier.watch.features.profile import Categories, Feature, Numbers, Part, Profile
from palier.watch.features.rows import BINS, choose_edges

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

NUMBERS: Final = 34
WORDS: Final = 16
WORD_SHARES: Final = (0.4, 0.25, 0.15, 0.1, 0.07, 0.03)
NEW_WORD: Final = len(WORD_SHARES)
"""The word that no reference has."""
GROUPS: Final = ("large", "middle", "little", "tiny")
GROUP_SHARES: Final = (0.5, 0.3, 0.15, 0.05)
SMALLEST: Final = len(GROUPS) - 1
DAY: Final = 24

_SHAPES: Final = 5


@dataclass(frozen=True, slots=True)
class World:
    """One line of the report."""

    title: str
    rows: int
    """In a window."""
    reference_rows: int = 20_000
    shift: str = ""
    """What happens to one column; empty for nothing."""
    noise: str = ""
    """What the windows have that is no drift: `odd` windows, or `day`s and nights."""
    columns: int = NUMBERS + WORDS

    @property
    def column(self) -> str:
        """The name of the column that shifts."""
        return "word 0" if "word" in self.shift else "number 1" if "tail" in self.shift else "number 0"


class Rows(NamedTuple):
    """Rows, column by column."""

    numbers: Floats
    words: Whole
    groups: Whole


class Stream:
    """The windows of a world, and their reference.

    Args:
        world: what is played.
        seed: same seed and run, same rows.
        run: number of the run.
    """

    def __init__(self, world: World, *, seed: int, run: int) -> None:
        self.world = world
        self._random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
        self._odd_hour = 0
        self._phases = self._random.random(NUMBERS) * DAY
        self.reference = self._draw(world.reference_rows)
        self.edges = find_edges(self.reference)
        self._before: Profile | None = None

    def draw_season(self, hour: int) -> Rows:
        """The rows of the same hour in four earlier weeks."""
        return self._add_noise(self._draw(4 * self.world.rows), hour)

    def list_windows(self, number: int, *, onset: int) -> Iterator[Rows]:
        """So many windows; those from `onset` on, counted from 0, have the shift."""
        for hour in range(number):
            rows = self._add_noise(self._draw(self.world.rows), hour)
            yield _shift(rows, self.world.shift, self._random) if hour >= onset else rows

    def _draw(self, number: int) -> Rows:
        random = self._random
        normal = random.normal(size=(number, NUMBERS))
        words = random.choice(NEW_WORD, size=(number, WORDS), p=WORD_SHARES)
        return Rows(_shape(normal), words, random.choice(len(GROUPS), size=number, p=GROUP_SHARES))

    def _add_noise(self, rows: Rows, hour: int) -> Rows:
        if self.world.noise == "day":
            swing = 0.4 * np.sin(2 * math.pi * (hour + self._phases) / DAY)
            return rows._replace(numbers=_shape(_unshape(rows.numbers) + swing))
        if hour % DAY == 0:
            self._odd_hour = int(self._random.integers(DAY))
        if self.world.noise == "odd" and hour % DAY == self._odd_hour:
            # One customer imports its data: a third of the rows are its own, with one value in each column.
            own = self._random.random(len(rows.groups)) < 1 / 3
            rows.numbers[own] = _shape(self._random.normal(size=(1, NUMBERS)))
            rows.words[own] = self._random.integers(NEW_WORD, size=WORDS)
        return rows


def find_edges(rows: Rows) -> tuple[tuple[float, ...], ...]:
    """The edges of each number, as Palier chooses them."""
    return tuple(choose_edges(column.tolist(), bins=BINS) for column in rows.numbers.T)


def count_rows(rows: Rows, edges: tuple[tuple[float, ...], ...]) -> Profile:
    """The profile of some rows."""
    places = np.stack([np.searchsorted(own, column) for own, column in zip(edges, rows.numbers.T, strict=True)], axis=1)
    parts = {name: _count(rows, places, edges, rows.groups == place) for place, name in enumerate(GROUPS)}
    whole = _count(rows, places, edges, np.ones(len(rows.groups), dtype=bool))
    return Profile(whole.rows, whole.features, "group", parts)


def _count(rows: Rows, places: Whole, edges: tuple[tuple[float, ...], ...], chosen: NDArray[np.bool_]) -> Part:
    numbers, words = rows.numbers[chosen], rows.words[chosen]
    features: dict[str, Feature] = {}
    for column, own in enumerate(edges):
        values, known = numbers[:, column], ~np.isnan(numbers[:, column])
        counts = np.bincount(places[chosen, column][known], minlength=len(own) + 1)
        some = values[known]
        sized = np.log10(np.abs(some[some != 0]))
        features[f"number {column}"] = Numbers(
            own,
            tuple(counts.tolist()),
            nulls=int((~known).sum()),
            least=float(some.min()) if some.size else None,
            most=float(some.max()) if some.size else None,
            decades=float(sized.sum()),
            squares=float((sized**2).sum()),
            nonzero=int(sized.size),
        )
    for column in range(WORDS):
        counts = np.bincount(words[:, column], minlength=NEW_WORD)
        features[f"word {column}"] = Categories({f"w{place}": count for place, count in enumerate(counts.tolist())})
    return Part(int(chosen.sum()), features)


def _shape(normal: Floats) -> Floats:
    """Numbers of five shapes from standard normal ones: normal, two that are skewed, even, and heavy-tailed."""
    shaped = normal.copy()
    shaped[:, 1::_SHAPES] = np.exp(1.5 * normal[:, 1::_SHAPES])
    shaped[:, 2::_SHAPES] = -np.log(np.maximum(ndtr(-normal[:, 2::_SHAPES]), 1e-300))
    shaped[:, 3::_SHAPES] = ndtr(normal[:, 3::_SHAPES])
    shaped[:, 4::_SHAPES] = np.sinh(1.2 * normal[:, 4::_SHAPES])
    return shaped


def _unshape(shaped: Floats) -> Floats:
    """The standard normal numbers that `_shape` was given."""
    normal = shaped.copy()
    normal[:, 1::_SHAPES] = np.log(shaped[:, 1::_SHAPES]) / 1.5
    normal[:, 2::_SHAPES] = -ndtri(np.exp(-shaped[:, 2::_SHAPES]))
    normal[:, 3::_SHAPES] = ndtri(np.clip(shaped[:, 3::_SHAPES], 1e-16, 1 - 1e-16))
    normal[:, 4::_SHAPES] = np.arcsinh(shaped[:, 4::_SHAPES]) / 1.2
    return normal


def _shift(rows: Rows, shift: str, random: np.random.Generator) -> Rows:
    """The rows after a shift of one column: its kind, and how large it is where it has a size."""
    kind, _, written = shift.rpartition(" ")
    size = float(written)
    numbers, words = rows.numbers, rows.words
    chosen = random.random(len(numbers)) < size
    match kind:
        case "mean":
            numbers[:, 0] += find_move(size)
        case "tail":
            numbers[:, 1] *= np.exp(1.5 * find_move(size))
        case "spread":
            numbers[:, 0] *= _find_widening(size)
        case "group":
            numbers[rows.groups == SMALLEST, 0] += find_move(size)
        case "new word":
            words[chosen, 0] = NEW_WORD
        case "vanished word":
            words[words[:, 0] == size, 0] = 0
        case "null":
            numbers[chosen, 0] = math.nan
        case "constant":
            numbers[:, 0] = size
        case "unit":
            numbers[:, 0] *= size
        case _:
            raise ValueError(f"there is no shift {shift!r}")
    return rows


def find_move(psi: float) -> float:
    """How far a standard normal number has to move for a PSI, in ten bins of equal shares."""
    return _bisect(psi, lambda move: ndtr(ndtri(np.arange(1, BINS) / BINS) - move), 0.0, 4.0)


def _find_widening(psi: float) -> float:
    """By which factor it has to spread for a PSI."""
    return _bisect(psi, lambda factor: ndtr(ndtri(np.arange(1, BINS) / BINS) / factor), 1.0, 4.0)


def _bisect(psi: float, find_below: Callable[[float], Floats], low: float, high: float) -> float:
    even = np.full(BINS, 1 / BINS)
    for _ in range(60):
        middle = (low + high) / 2
        shares = np.diff(np.concatenate([[0.0], find_below(middle), [1.0]]))
        low, high = (middle, high) if compute_psi(even, shares) < psi else (low, middle)
    return low
