"""From rows to a profile: kinds are inferred, nothing is dropped in silence, and memory is bounded."""

import math
from collections.abc import Iterator

import pytest

from palier.watch.features.counting import is_null, name_category, read_number
from palier.watch.features.profile import OTHER, Categories, Numbers
from palier.watch.features.rows import NO_GROUP, Row, choose_edges, choose_pattern, profile_rows


def rows_of(*values: object, name: str = "x") -> Iterator[Row]:
    """Rows with one column."""
    for value in values:
        yield {name: value}  # type: ignore[dict-item]


def number_of(feature: object) -> Numbers:
    """A feature that is a number."""
    assert isinstance(feature, Numbers)
    return feature


def category_of(feature: object) -> Categories:
    """A feature that is a category."""
    assert isinstance(feature, Categories)
    return feature


@pytest.mark.parametrize("text", ["", " ", "null", "NaN", "N/A", "none", "NA", None, math.nan])
def test_values_that_are_missing(text: str | float | None) -> None:
    """As CSV files and pandas write them."""
    assert is_null(text)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1.5", 1.5),
        (" -2e3 ", -2000),
        (7, 7),
        ("inf", None),
        ("1_000", None),
        ("x", None),
        (True, None),
        (10**400, None),
    ],
)
def test_values_that_are_numbers(cell: str | float, number: float | None) -> None:
    """As most programs read them; what has no end is none."""
    assert read_number(cell) == number


@pytest.mark.parametrize(
    ("cell", "numeric", "name"),
    [(" a ", False, "a"), (True, False, "true"), (1.0, False, "1"), ("1.0", True, "1"), ("1.0", False, "1.0")],
)
def test_names_of_categories(cell: str | float, numeric: bool, name: str) -> None:
    """1 and 1.0 are one where they are numbers."""
    assert name_category(cell, numeric=numeric) == name


def test_names_are_bounded() -> None:
    """A category that is a novel is cut."""
    assert len(name_category("x" * 10_000)) == 64


def test_a_number_in_ten_bins() -> None:
    """Of about equal size, from the values themselves; an edge belongs below."""
    feature = number_of(profile_rows(rows_of(*range(1000))).features["x"])

    assert feature.edges == tuple(range(99, 900, 100))
    assert feature.counts == (100,) * 10
    assert (feature.least, feature.most, feature.total, feature.nonzero) == (0, 999, 499_500, 999)
    assert feature.decades == pytest.approx(sum(math.log10(value) for value in range(1, 1000)))
    assert feature.squares == pytest.approx(sum(math.log10(value) ** 2 for value in range(1, 1000)))


def test_a_number_that_is_often_the_same() -> None:
    """It has fewer bins, none of them empty."""
    feature = number_of(profile_rows(rows_of(*[0] * 600, *range(1, 401))).features["x"])

    assert feature.edges[0] == 0
    assert feature.counts[0] == 600
    assert all(feature.counts)
    assert choose_edges([5.0, 5.0, 5.0]) == ()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"] * 50, "category"),
        (["1", "2", "3"] * 50, "category"),  # few numbers, each with a meaning of its own
        (["1", "2", "3"], "number"),
        ([str(value) for value in range(200)], "number"),
        ([*map(str, range(96)), "x", "y", "z", "?"], "number"),
        ([*map(str, range(94)), *"abcdef"], "category"),
        ([None] * 10, "category"),
        ([True, False] * 10, "category"),
        ([], "category"),
    ],
)
def test_kinds_are_inferred(values: list[str | bool | None], kind: str) -> None:
    """From the values alone."""
    assert choose_pattern(values).kind == kind


def test_nothing_is_dropped() -> None:
    """Missing values and such that are no numbers are counted for what they are."""
    feature = number_of(profile_rows(rows_of(*map(str, range(100)), "", "x", None)).features["x"])

    assert (feature.values, feature.nulls, feature.unreadable, feature.events) == (100, 2, 1, 103)


def test_rows_that_lack_a_column() -> None:
    """It is missing in them, also if it begins after the rows from which the others are chosen."""
    rows: list[Row] = [{"a": 1}] * 4 + [{"a": 1, "b": "x"}]

    for first in (2, 100):
        feature = profile_rows(iter(rows), first=first).features["b"]
        assert (feature.nulls, feature.events) == (4, 5)


def test_rare_categories_are_counted_together() -> None:
    """Twenty have a place of their own, the largest."""
    words = [f"w{number}" for number in range(50) for _ in range(number + 1)]

    feature = category_of(profile_rows(rows_of(*words)).features["x"])

    assert set(feature.counts) == {f"w{number}" for number in range(30, 50)}
    assert feature.other == sum(range(1, 31))


def test_a_window_is_read_as_its_reference() -> None:
    """With its edges, its categories and its kinds; new categories are named beside them, the largest."""
    reference = profile_rows([{"n": value, "c": "ab"[value % 2]} for value in range(100)])
    words = ["a", *(f"new {number}" for number in range(30) for _ in range(number + 1))]
    rows: list[Row] = [{"n": "oops", "c": word} for word in words]

    window = profile_rows(rows, like=reference)

    number, category = number_of(window.features["n"]), category_of(window.features["c"])
    assert number.edges == number_of(reference.features["n"]).edges
    assert number.unreadable == len(words)
    assert category.counts["a"] == 1
    assert category.counts["b"] == 0
    assert category.counts["new 29"] == 30
    assert len(category.counts) == 22
    assert category.events == len(words)


def test_a_column_of_identifiers_fills_no_memory() -> None:
    """Also where a reference exists."""
    reference = profile_rows(rows_of(*["a", "b"] * 10))

    window = category_of(
        profile_rows(rows_of(*(f"id-{number}" for number in range(5000))), like=reference).features["x"]
    )

    assert len(window.counts) == 22
    assert window.events == 5000


def test_groups_of_users() -> None:
    """The largest apart, the rest together, and those without a name under one."""
    rows: list[Row] = [{"g": f"g{number}", "x": number} for number in range(30) for _ in range(2 + number)]
    rows += [{"g": None, "x": 1}] * 40

    profile = profile_rows(rows, by="g")

    assert len(profile.groups) == 21
    assert profile.groups[NO_GROUP].rows == 40
    assert profile.groups["g29"].rows == 31
    assert profile.groups[OTHER].rows == sum(2 + number for number in range(11))
    assert sum(part.rows for part in profile.groups.values()) == profile.rows == len(rows)
    assert "g" in profile.features
    assert all(set(part.features) == {"x"} for part in profile.groups.values())


def test_groups_are_those_of_the_reference() -> None:
    """Whoever is new is among the others, who then have no reference."""
    reference = profile_rows([{"g": "a", "x": 1}, {"g": "b", "x": 2}], by="g")

    window = profile_rows([{"g": "a", "x": 1}, {"g": "c", "x": 2}], by="g", like=reference)

    assert {name: part.rows for name, part in window.groups.items()} == {"a": 1, OTHER: 1}


def test_groups_by_a_column_that_is_not_there() -> None:
    """They are refused, and not taken for one group."""
    with pytest.raises(ValueError, match="no row has the column 'g'"):
        profile_rows(rows_of(1, 2), by="g")
