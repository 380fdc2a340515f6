"""A feature that is broken is called what it is, and one that has only changed is called nothing."""

import math

import numpy as np
import pytest

from palier.watch.features.bins import count_buckets
from palier.watch.features.broken import FaultKind, list_faults
from palier.watch.features.measure import DriftRules
from palier.watch.features.profile import Categories, Feature, Profile
from palier.watch.features.rows import Row, profile_rows
from palier.watch.features.table import align

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The usual buckets of Prometheus clients."""


def faults_of(reference: Feature, current: Feature) -> dict[FaultKind, str]:
    """The faults by their kinds."""
    return dict(list_faults(reference, current, align(reference, current), DriftRules()))


def amounts(number: int, *, factor: float = 1.0, offset: float = 0.0) -> list[Row]:
    """Rows with one skewed number."""
    values = np.random.default_rng(1).lognormal(size=number) * factor + offset
    return [{"x": value} for value in values.tolist()]


REFERENCE = profile_rows(amounts(2000))


def window(rows: list[Row], like: Profile = REFERENCE) -> dict[FaultKind, str]:
    """The faults of a window of rows."""
    return faults_of(like.features["x"], profile_rows(rows, like=like).features["x"])


def test_always_missing() -> None:
    """And nothing else is said of it."""
    assert window([{"x": None}] * 50) == {FaultKind.ALL_NULL: "it is always missing (before 0 %)"}


def test_more_missing() -> None:
    """With both shares."""
    assert window([*amounts(80), *[{"x": ""}] * 20]) == {
        FaultKind.NULL_RATE: "20 % of its values are missing, before 0 %"
    }


def test_unreadable() -> None:
    """Values that are no numbers where the reference has numbers."""
    assert window([*amounts(90), *[{"x": "12 EUR"}] * 10]) == {
        FaultKind.UNREADABLE: "10 % of its values are no numbers, before 0 %"
    }


def test_constant() -> None:
    """With the value; that it is 1 only and so far from the others is not a change of unit."""
    assert window([{"x": 1.5}] * 50) == {FaultKind.CONSTANT: "it is always 1.5"}


def test_what_was_constant_before_is_not_broken() -> None:
    """Another constant is another value, and a new category where few numbers are categories."""
    constant = profile_rows([{"x": 3}] * 50)

    assert list(window([{"x": 4}] * 50, like=constant)) == [FaultKind.NEW_CATEGORY, FaultKind.VANISHED_CATEGORY]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1000, "about 1,000 times as large"),
        (0.001, "about 1,000 times as small"),
        (10, "about 10 times as large"),
        (0.01, "about 100 times as small"),
        (-1000, "about 1,000 times as large"),
    ],
)
def test_another_unit(factor: float, words: str) -> None:
    """The power of ten is named, from the sizes of the values."""
    assert window(amounts(500, factor=factor)) == {
        FaultKind.UNIT_CHANGE: f"its values are {words} as in the reference: a change of unit?"
    }


@pytest.mark.parametrize("factor", [2.0, 3.0, 30.0, 0.4])
def test_a_factor_that_is_no_power_of_ten(factor: float) -> None:
    """It is no change of unit that anybody makes by mistake."""
    assert FaultKind.UNIT_CHANGE not in window(amounts(500, factor=factor))


def test_values_that_have_been_moved() -> None:
    """An offset that makes the values ten times as large on average is no change of unit: they spread otherwise."""
    found = window(amounts(500, offset=10))

    assert list(found) == [FaultKind.OUT_OF_RANGE]
    assert found[FaultKind.OUT_OF_RANGE].endswith(", 10 % before")


def buckets(*counts: int, total: float | None = None) -> Feature:
    """A number from the usual buckets of Prometheus, of which the bins are given."""
    up_to = [sum(counts[: place + 1]) for place in range(12)]
    return count_buckets(dict(zip((*EDGES, math.inf), up_to, strict=True)), total=total)


SECONDS = buckets(0, 0, 0, 20, 40, 60, 50, 20, 8, 2, 0, 0)


def test_another_unit_by_the_sum_of_a_histogram() -> None:
    """Everything is in the last bucket, and `_sum` tells by how much."""
    known = buckets(0, 0, 0, 20, 40, 60, 50, 20, 8, 2, 0, 0, total=60.0)

    found = faults_of(known, buckets(*[0] * 11, 100, total=30_100.0))

    assert found == {
        FaultKind.UNIT_CHANGE: "its values are about 1,000 times as large as in the reference: a change of unit?"
    }


def test_another_unit_by_the_edges_of_a_histogram() -> None:
    """The edges repeat at every power of ten, so ten times as much is seen without any sum."""
    # From bin to bin, by the edges: what was up to 0.05 is up to 0.5, and so on.
    found = faults_of(SECONDS, buckets(0, 0, 0, 0, 0, 0, 20, 40, 60, 50, 20, 10))

    assert found == {
        FaultKind.UNIT_CHANGE: "its values are about 10 times as large as in the reference: a change of unit?"
    }


def test_everything_in_the_last_bucket() -> None:
    """Without a sum a lower limit is told: what was in the middle has passed the last edge."""
    assert faults_of(SECONDS, buckets(*[0] * 11, 100)) == {
        FaultKind.OUT_OF_RANGE: "100 % of its values are above 10, 0 % before: a change of unit by 10^2 or more?"
    }
    fault = faults_of(SECONDS, buckets(100, *[0] * 11))[FaultKind.OUT_OF_RANGE]
    assert fault == "100 % of its values are at or below 0.005, 0 % before: a change of unit by 10^-2 or less?"


def test_everything_in_one_inner_bucket() -> None:
    """More than that is not known of a histogram."""
    assert faults_of(SECONDS, buckets(*[0] * 5, 100, *[0] * 6)) == {
        FaultKind.CONSTANT: "all its values are between 0.1 and 0.25: is it constant?"
    }


def test_new_and_vanished_categories() -> None:
    """The largest are named with their shares."""
    reference = Categories({"a": 700, "b": 200, "c": 95, "rare": 5})
    current = Categories({"a": 150, "b": 0, "c": 10, "x": 20, "y": 15, "z": 4, "w": 1})

    assert faults_of(reference, current) == {
        FaultKind.NEW_CATEGORY: "the reference has never had x (10 %), y (7.5 %), z (2 %) and 1 other",
        FaultKind.VANISHED_CATEGORY: "it never has b (20 %) of the reference any more",
    }


def test_rare_categories_are_neither() -> None:
    """A category with one row in a thousand may well be absent from a window, and one new row is no fault."""
    reference = Categories({"a": 990, "b": 10})

    assert faults_of(reference, Categories({"a": 199, "x": 1})) == {}


def test_a_category_that_is_always_the_same() -> None:
    """All others have vanished, which is not said again."""
    assert faults_of(Categories({"a": 50, "b": 50}), Categories({"a": 0, "b": 70})) == {
        FaultKind.CONSTANT: "it is always b"
    }


def test_another_kind() -> None:
    """A number where there were words, and the other way round."""
    number = REFERENCE.features["x"]

    assert faults_of(Categories({"a": 5}), number) == {
        FaultKind.KIND_CHANGED: "it is a number where the reference has a category"
    }
    assert faults_of(number, Categories({"a": 5})) == {
        FaultKind.KIND_CHANGED: "it is a category where the reference has a number"
    }


def test_a_change_of_values_is_no_fault() -> None:
    """It has no name, and PSI says how large it is."""
    assert window(amounts(500, factor=2)) == {}
    assert faults_of(Categories({"a": 50, "b": 50}), Categories({"a": 20, "b": 80})) == {}
