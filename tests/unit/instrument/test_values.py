"""A value of a request is read as `palier drift` reads the same value of a file, and no value makes anything fail."""

import datetime as dt
import enum
import math
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.watch.features import counting
from palier.watch.features.rows import profile_rows
from palier_instrument import Category, Declaration, Number, Watch
from palier_instrument.values import LONGEST_NUMBER, find_value, is_missing, name_category, read_number
from tests.support.instrument.page import Page

WORDS = [
    "",
    " ",
    "NA",
    " n/a ",
    "None",
    "nan",
    "-nan",
    "inf",
    "1_0",
    "12",
    " 1.0 ",
    "1e999",
    "0x1",
    "٣",
    "true",
    "é" * 70,
]
SPELLED = st.sampled_from(WORDS)
ENDLESS = st.sampled_from([math.inf, -math.inf, 10**400, -(10**400)])
CELLS = ENDLESS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | SPELLED


def check_number(cell: counting.Cell) -> None:
    """The same number as from a file, missing where that is missing, and else unreadable."""
    number, expected = read_number(cell), counting.read_number(cell)
    assert (number if math.isfinite(number) else None) == expected
    assert math.isnan(number) == is_missing(cell) == counting.is_null(cell)


def check_category(cell: counting.Cell, *, numeric: bool) -> None:
    """The same name as from a file, where there is a value; a number without end cannot be declared and has none."""
    if counting.is_null(cell):
        return
    name = name_category(cell, numeric=numeric)
    if name is None:
        assert not isinstance(cell, str)
        assert counting.read_number(cell) is None
    else:
        assert name == counting.name_category(cell, numeric=numeric)


@pytest.mark.parametrize("cell", [*WORDS, math.inf, -math.inf, 10**400, "9" * LONGEST_NUMBER, True, 1.0, 0.1 + 0.2])
def test_odd_values_are_read_as_from_a_file(cell: counting.Cell) -> None:
    """What stands for nothing, what looks like a number, and numbers without end."""
    check_number(cell)
    check_category(cell, numeric=False)
    check_category(cell, numeric=True)


@given(CELLS, st.booleans())
def test_any_value_is_read_as_from_a_file(cell: counting.Cell, numeric: bool) -> None:
    """As a number, and as a category."""
    check_number(cell)
    check_category(cell, numeric=numeric)


class Plan(enum.Enum):
    """Members hold the words."""

    FREE = "free"
    TWO = 2


class NAType:
    """Looks like the missing value of pandas."""


@pytest.mark.parametrize(
    ("value", "number", "name"),
    [
        (np.float32(0.5), 0.5, "0.5"),
        (np.int64(3), 3.0, "3"),
        (np.array(2.5), 2.5, "2.5"),
        (np.bool_(True), math.inf, "true"),
        (np.str_("free"), math.inf, "free"),
        (Decimal("1.25"), 1.25, "1.25"),
        (Fraction(1, 4), 0.25, "0.25"),
        (Fraction(10**400), math.inf, None),
        (Plan.FREE, math.inf, "free"),
        (Plan.TWO, 2.0, "2"),
        (np.array([1.0]), math.inf, None),
        (b"free", math.inf, None),
        (1 + 2j, math.inf, None),
        ([1], math.inf, None),
        (dt.date(2026, 1, 1), math.inf, None),
    ],
    ids=repr,
)
def test_values_of_libraries(value: object, number: float, name: str | None) -> None:
    """Scalars of numpy, members of enumerations and exact numbers are what they stand for."""
    assert read_number(value) == number
    assert not is_missing(value)
    assert name_category(value, numeric=False) == name


@pytest.mark.parametrize("value", [np.float32("nan"), np.datetime64("NaT"), Decimal("nan"), NAType()], ids=type)
def test_missing_values_of_libraries(value: object) -> None:
    """None of them is a value that is no number."""
    assert math.isnan(read_number(value))
    assert is_missing(value)


def test_a_text_without_end_is_not_looked_at() -> None:
    """Megabytes of digits or of blanks cost nothing: what is that long is neither a number nor missing."""
    for text in ("0" * (LONGEST_NUMBER + 1), " " * (LONGEST_NUMBER + 1)):
        assert read_number(text) == math.inf
        assert not is_missing(text)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("customer", "age"), 41),
        (("rows", 1), "b"),
        (("rows", -2), "a"),
        (("rows", 2), None),
        (("rows", -3), None),
        (("text", 0), None),
        (("plan", "value"), "free"),
        (("absent", "deeper"), None),
        ((), None),
    ],
)
def test_steps_lead_to_a_value_or_to_none(path: tuple[str | int, ...], found: object) -> None:
    """Keys, places in lists, attributes; what is not there is missing."""
    source = {"customer": {"age": 41}, "rows": ["a", "b"], "text": "abc", "plan": Plan.FREE}

    assert find_value(source, path) == (found if path else source)


class Hostile:
    """Raises whatever it is asked."""

    def __getattribute__(self, name: str) -> object:
        """Refuse."""
        raise RuntimeError(name)

    def __float__(self) -> float:
        """Refuse."""
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class HostileText(str):
    """A text whose methods raise."""

    __slots__ = ()

    def strip(self, _: str | None = None, /) -> str:
        """Refuse."""
        raise RuntimeError

    def __len__(self) -> int:
        """Refuse."""
        raise RuntimeError


class HostileNumber(float):
    """A number that is not equal to itself, and to nothing else, because comparing it raises."""

    def __ne__(self, other: object) -> bool:
        """Refuse."""
        raise RuntimeError

    def __float__(self) -> float:
        """Refuse."""
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


HOSTILE = st.sampled_from(
    [HostileText("free"), HostileNumber(1.0), Decimal("sNaN"), object, sys, threading.Lock(), print, ...]
) | st.builds(Hostile)
ANYTHING = st.recursive(
    CELLS | HOSTILE | st.binary(max_size=5) | st.complex_numbers() | st.decimals() | st.dates() | st.fractions(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING), max_size=6))
def test_whatever_users_send_is_counted_once_and_in_declared_series(events: list[tuple[object, ...]]) -> None:
    """Nothing raises, each event is in one place of each feature and of one group, and no series is added."""
    features = [Number("amount", [0.0, 10.0]), Category("plan", ["free", "2"])]
    declared = Declaration(features, [Category("answer", ["yes", "true"])], Category("country", ["fr", "true"]))
    watch = Watch(declared, registry=None)
    before = Page(watch.ledger)

    for amount, plan, country, answer in events:
        watch.count({"amount": amount, "plan": plan, "country": country}, prediction=answer)

    after = Page(watch.ledger)
    assert after.series.keys() == before.series.keys()
    for read in (
        lambda group: after.read_number("amount", group=group).events,
        lambda group: after.read_category("plan", group=group).events,
        lambda group: after.read_category("answer", group=group, kind="prediction").events,
    ):
        assert sum(read(group) for group in declared.groups) == len(events)


@given(ANYTHING)
def test_whatever_the_features_are_taken_from_is_an_event(source: object) -> None:
    """An object that is no mapping, or one that raises, has no features; the event is counted."""
    watch = Watch(Declaration([Number("amount", [0.0])], [Number("score", [0.5])]), registry=None)

    watch.count(source, prediction=source)

    page = Page(watch.ledger)
    assert page.read_number("amount").events == page.read_number("score", kind="prediction").events == 1


ROWS = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("amount", "stars", "plan"), CELLS) | {"country": SPELLED | st.just("fr")}
    ),
    min_size=1,
    max_size=30,
)


@given(ROWS, st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, max_size=10))
def test_rows_that_a_server_counts_have_the_profile_of_the_same_rows_in_a_file(
    rows: list[dict[str, Any]], edges: list[float]
) -> None:
    """Bins, categories, missing and unreadable values, of everybody and of each group."""
    features = [
        Number("amount", sorted(edges)),
        Category("plan", ["free", "12", "true", "é" * 70]),
        Category("stars", [1, 12], numeric=True),
    ]
    watch = Watch(Declaration(features, (), Category("country", ["fr", "(none)"])), registry=None)
    for row in rows:
        watch.count(row)
    page = Page(watch.ledger)

    for group, own in (
        ("fr", [row for row in rows if row.get("country") == "fr"]),
        ("(none)", [row for row in rows if counting.is_null(row.get("country"))]),
    ):
        numbers = counting.NumberTally(tuple(sorted(edges)))
        plans = counting.CategoryTally(dict.fromkeys(features[1].names, 0), numeric=False, room=0)
        stars = counting.CategoryTally({"1": 0, "12": 0}, numeric=True, room=0)
        for row in own:
            numbers.add(row.get("amount"))
            plans.add(row.get("plan"))
            stars.add(row.get("stars"))
        expected, found = numbers.finish(), page.read_number("amount", group=group)
        assert (found.edges, found.counts) == (expected.edges, expected.counts)
        assert (found.nulls, found.unreadable) == (expected.nulls, expected.unreadable)
        for name, tally in (("plan", plans), ("stars", stars)):
            category, wanted = page.read_category(name, group=group), tally.finish()
            assert (dict(category.counts), category.other, category.nulls) == (
                dict(wanted.counts),
                wanted.other,
                wanted.nulls,
            )


def test_a_profile_of_rows_comes_back_from_the_page_of_a_server() -> None:
    """The whole way: training rows, their profile, the same rows as requests, the page, and the same bins."""
    rows: list[dict[str, counting.Cell]] = [
        {"amount": number**1.5, "plan": "free" if number % 3 else "paid", "bad": "x" if number % 40 == 0 else number}
        for number in range(400)
    ]
    profile = profile_rows(rows)
    amount, plan, bad = profile.features["amount"], profile.features["plan"], profile.features["bad"]
    assert amount.kind == bad.kind == "number"
    assert plan.kind == "category"
    features = [Number("amount", amount.edges), Category("plan", list(plan.counts)), Number("bad", bad.edges)]
    watch = Watch(Declaration(features), registry=None)

    for row in rows:
        watch.count(row)

    page = Page(watch.ledger)
    assert page.read_number("amount").counts == amount.counts
    assert page.read_number("amount").total == pytest.approx(amount.total)
    assert page.read_number("bad").unreadable == bad.unreadable == 10
    assert page.read_category("plan") == plan
