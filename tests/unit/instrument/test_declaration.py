"""What is declared bounds what is exported: mistakes and limits stop the start of a server, and name the feature."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from palier_instrument import Category, Declaration, DeclarationError, Number
from palier_instrument.declaration import (
    LONGEST_NAME,
    MOST_CATEGORIES,
    MOST_EDGES,
    MOST_FEATURES,
    MOST_GROUPS,
    MOST_PREDICTIONS,
    MOST_SERIES,
)


def make_numbers(count: int, *, edges: int = 1) -> list[Number]:
    """So many numbers with so many edges."""
    return [Number(f"n{index}", range(edges)) for index in range(count)]


def test_edges_may_be_any_numbers() -> None:
    """Whole numbers and those of numpy become floats; a constant column of a profile has no edge."""
    assert Number("amount", [1, np.float32(2.5), np.int64(3)]).edges == (1.0, 2.5, 3.0)
    assert Number("constant", []).edges == ()


def test_categories_are_named_as_in_a_profile() -> None:
    """By the rules of `palier drift`, so that the two can be compared."""
    assert Category("plan", [" free ", True, 1.0, 2, "x" * 70]).categories == ("free", "true", "1", "2", "x" * 63 + "…")
    assert Category("stars", ["1.0", "2"], numeric=True).categories == ("1", "2")


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: Number("", [1.0]), "name of a number is a text that is not empty"),
        (lambda: Number("x" * (LONGEST_NAME + 1), [1.0]), "has 129 characters, at most 128"),
        (lambda: Number("\ud800", [1.0]), "not valid Unicode"),
        (lambda: Number("amount", "12"), "amount: edges are numbers, not a text"),
        (lambda: Number("amount", [1.0, math.inf]), "amount: an edge is a finite number, not inf"),
        (lambda: Number("amount", [math.nan]), "amount: an edge is a finite number, not nan"),
        (lambda: Number("amount", [True]), "amount: an edge is a finite number, not True"),
        (lambda: Number("amount", ["1"]), "amount: an edge is a finite number, not '1'"),  # type: ignore[list-item]
        (lambda: Number("amount", [2.0, 1.0]), "amount: edges have to ascend, and 1 comes after 2"),
        (lambda: Number("amount", [1.0, 1.0]), "amount: edges have to ascend"),
        (lambda: Number("amount", range(MOST_EDGES + 1)), "amount: 51 edges, at most 50"),
        (lambda: Number("amount", [1.0], path="a.b"), "amount: a path is a list of steps"),
        (lambda: Number("amount", [1.0], path=(1.5,)), "amount: a step of a path"),  # type: ignore[arg-type]
        (lambda: Category("plan", "free"), "plan: categories are a list"),
        (lambda: Category("plan", ["free", "NA"]), "plan: 'NA' stands for a missing value"),
        (lambda: Category("plan", ["free", None]), "plan: None stands for a missing value"),
        (lambda: Category("plan", ["free", []]), "plan: a category is a text, a number or a truth value"),
        (lambda: Category("plan", ["free", " free"]), "plan: the category 'free' is there twice"),
        (lambda: Category("plan", ["(other)"]), r"plan: \(other\) is what is not declared"),
        (lambda: Category("plan", ["\ud800"]), "plan: a category is not valid Unicode"),
        (lambda: Category("plan", range(1, MOST_CATEGORIES + 2)), "plan: 51 categories, at most 50"),
        (Declaration, "nothing is declared"),
        (lambda: Declaration(["amount"]), "features are Number and Category, not str"),  # type: ignore[list-item]
        (lambda: Declaration("amount"), "features are Number and Category, not str"),  # type: ignore[arg-type]
        (lambda: Declaration([Number("a", []), Category("a", [])]), "features: 'a' is there twice"),
        (lambda: Declaration(make_numbers(MOST_FEATURES + 1)), "101 features, at most 100"),
        (lambda: Declaration((), make_numbers(MOST_PREDICTIONS + 1)), "11 predictions, at most 10"),
        (
            lambda: Declaration(make_numbers(1), (), Category("country", range(MOST_GROUPS + 1))),
            "country: 21 groups, at most 20",
        ),
        (
            lambda: Declaration(make_numbers(1), (), Number("country", [])),  # type: ignore[arg-type]
            "group is a Category with the groups of users, not Number",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(declare: Callable[[], object], words: str) -> None:
    """With the feature, what is wrong, and the limit."""
    with pytest.raises(DeclarationError, match=words):
        declare()


def test_limits_can_be_reached() -> None:
    """What is exactly at each limit is accepted."""
    Number("x" * LONGEST_NAME, range(MOST_EDGES))
    groups = Category("country", range(MOST_GROUPS))
    Declaration(make_numbers(MOST_FEATURES), make_numbers(MOST_PREDICTIONS), groups)
    Category("plan", range(MOST_CATEGORIES))


def test_all_series_together_have_a_limit() -> None:
    """Each part may be within its own limit, and a Prometheus be overwhelmed by all of them together."""
    groups = Category("country", range(MOST_GROUPS))
    few = Declaration(make_numbers(50, edges=9), (), groups)
    assert few.series == 21 * 50 * 14 <= MOST_SERIES
    with pytest.raises(DeclarationError, match=r"29400 time series, at most 20000 .* \(21 with \(other\)\)"):
        Declaration(make_numbers(100, edges=9), (), groups)
