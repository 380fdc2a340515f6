"""The default tests of Evidently 0.7 for drift of a column and of a data set, written anew after its documentation.

With at most 1,000 rows in the reference a column has drifted if p < 0.05: by Kolmogorov and Smirnov's test if it is a
number with more than five values, else by chi-square with the reference's shares as expected ones. With more rows it
has drifted if a distance is at least 0.1: Wasserstein's, divided by the reference's standard deviation, or Jensen and
Shannon's. Missing values are left out. A data set has drifted if half of its columns have.

All words here have more than two values, so the test of proportions for two values is not needed.
"""

from typing import Final

import numpy as np
from scipy.stats import chisquare, ks_2samp

from benchmarks.drift.columns import NEW_WORD, NUMBERS, WORDS, Floats, Rows, Whole
from palier.watch.features.distances import compute_jensen_shannon

SMALL: Final = 1000
"""Rows of a reference up to which there is a test; above, a distance."""
CHANCE: Final = 0.05
DISTANCE: Final = 0.1
SHARE: Final = 0.5
"""Share of the columns that have to drift for the data set to have."""

_LEAST_SPREAD: Final = 0.001


class EmptyColumnError(ValueError):
    """A column without any value: Evidently ends with an error."""


class EvidentlyDefaults:
    """What Evidently says of windows that are compared with one reference.

    Args:
        reference: its rows.
    """

    def __init__(self, reference: Rows) -> None:
        self._numbers = [SortedSample(column) for column in reference.numbers.T]
        self._words = [np.bincount(column, minlength=NEW_WORD + 1) for column in reference.words.T]
        self._small = len(reference.groups) <= SMALL

    def name_columns(self, rows: Rows) -> set[str]:
        """The columns that have drifted.

        Raises:
            EmptyColumnError: a column has no value at all.
        """
        named = {f"number {place}" for place in range(NUMBERS) if self._has_number_drifted(place, rows)}
        return named | {f"word {place}" for place in range(WORDS) if self._has_word_drifted(place, rows)}

    def _has_number_drifted(self, place: int, rows: Rows) -> bool:
        column = rows.numbers[:, place]
        column = np.sort(column[~np.isnan(column)])
        if not column.size:
            raise EmptyColumnError(f"number {place}")
        sample = self._numbers[place]
        if self._small:
            return sample.is_unlikely(column)
        return sample.find_distance(column) >= DISTANCE

    def _has_word_drifted(self, place: int, rows: Rows) -> bool:
        reference, current = self._words[place], np.bincount(rows.words[:, place], minlength=NEW_WORD + 1)
        if self._small:
            return find_chance(reference, current) < CHANCE
        return bool(compute_jensen_shannon(reference, current) >= DISTANCE)


def find_chance(reference: Whole, current: Whole) -> float:
    """The p-value of chi-square's test of counts against the reference's shares."""
    some = reference + current > 0
    expected = reference[some] * (current.sum() / reference.sum())
    with np.errstate(divide="ignore"):
        return float(chisquare(current[some], expected).pvalue)


class SortedSample:
    """The values of a column of the reference, prepared for many comparisons.

    Args:
        values: in any order, some of which may be missing.
    """

    def __init__(self, values: Floats) -> None:
        self._values = np.sort(values[~np.isnan(values)])
        self._sums = np.concatenate([[0.0], np.cumsum(self._values)])
        self._spread = max(float(np.std(self._values)), _LEAST_SPREAD)
        # Between these two distances p is not known to be on one side of the limit; p falls with the distance.
        self._likely: dict[int, float] = {}
        self._unlikely: dict[int, float] = {}

    def is_unlikely(self, column: Floats) -> bool:
        """Whether Kolmogorov and Smirnov's p-value of a sorted sample is below 0.05."""
        size, largest = column.size, self._find_largest_difference(column)
        if largest <= self._likely.get(size, -1.0):
            return False
        if largest >= self._unlikely.get(size, 2.0):
            return True
        unlikely = bool(ks_2samp(self._values, column).pvalue < CHANCE)
        (self._unlikely if unlikely else self._likely)[size] = largest
        return unlikely

    def _find_largest_difference(self, column: Floats) -> float:
        both = np.concatenate([self._values, column])
        mine = np.searchsorted(self._values, both, side="right") / self._values.size
        theirs = np.searchsorted(column, both, side="right") / column.size
        return float(np.abs(mine - theirs).max())

    def find_distance(self, column: Floats) -> float:
        """Wasserstein's distance to a sorted sample, divided by the standard deviation of the reference.

        It is the area between the two distribution functions. The sample's is level between two of its values, and the
        reference's crosses that level at one of its quantiles.
        """
        values, number = self._values, self._values.size
        ends = np.concatenate([[min(values[0], column[0])], column, [max(values[-1], column[-1])]])
        levels = np.arange(column.size + 1) / column.size
        at = np.minimum(np.floor(levels * number + 1e-9).astype(np.int64), number - 1)
        crossings = np.clip(values[at], ends[:-1], ends[1:])
        areas = self._integrate(ends)
        middle = self._integrate(crossings)
        below = levels * (crossings - ends[:-1]) - (middle - areas[:-1])
        above = areas[1:] - middle - levels * (ends[1:] - crossings)
        return float(np.abs(below).sum() + np.abs(above).sum()) / self._spread

    def _integrate(self, up_to: Floats) -> Floats:
        """The area under the reference's distribution function."""
        below = np.searchsorted(self._values, up_to, side="right")
        return np.asarray((below * up_to - self._sums[below]) / self._values.size)
