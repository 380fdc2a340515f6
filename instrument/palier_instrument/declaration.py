"""What is counted is declared before the first request, so that no request can make a series.

A metric whose labels follow the values of users fills Prometheus, and tells whoever reads it what users have sent. Here
every bucket, category and group is named in the program or in a profile; whatever is not named is `(other)`. Limits are
checked when the server starts, and a mistake stops it there.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

from palier_instrument.values import OTHER, is_missing, name_category, read_number

MOST_FEATURES: Final = 100
"""Features of one declaration."""
MOST_PREDICTIONS: Final = 10
"""Predictions of one declaration."""
MOST_EDGES: Final = 50
"""Edges of one number: one bucket less than it has with `+Inf`."""
MOST_CATEGORIES: Final = 50
"""Categories of one feature, without `(other)`."""
MOST_GROUPS: Final = 20
"""Groups of users, without `(other)`."""
MOST_SERIES: Final = 20_000
"""Time series of one process, over all features, predictions and groups."""
LONGEST_NAME: Final = 128
"""Characters of the name of a feature or a prediction."""

EVERYBODY: Final = ""
"""The only group where none are declared. Prometheus takes an empty label for none."""

Step: TypeAlias = str | int
"""A key, the name of an attribute, or a place in a list."""


class DeclarationError(ValueError):
    """What is declared cannot be exported; the message names the feature and the limit."""


@dataclass(frozen=True, slots=True)
class Number:
    """A feature or a prediction that is a number, counted between edges.

    Raises:
        DeclarationError: the name cannot be a label, or the edges are not finite, do not ascend, or are too many.
    """

    name: str
    """Value of the label `feature` or `prediction`."""
    edges: Sequence[float]
    """Upper ends of the buckets, ascending; `+Inf` is added. A value that is an edge belongs below it."""
    path: Sequence[Step] = ()
    """Steps to the value in what the features are taken from, such as `("customer", "age")`; else the name is one."""

    def __post_init__(self) -> None:
        """Refuse what could not be exported."""
        _check_name("the name of a number", self.name, LONGEST_NAME)
        if isinstance(self.edges, str | bytes):
            raise DeclarationError(f"{self.name}: edges are numbers, not a text")
        edges = tuple(_read_edge(self.name, edge) for edge in self.edges)
        if len(edges) > MOST_EDGES:
            raise DeclarationError(f"{self.name}: {len(edges)} edges, at most {MOST_EDGES} are allowed")
        for low, high in pairwise(edges):
            if low >= high:
                raise DeclarationError(f"{self.name}: edges have to ascend, and {high:g} comes after {low:g}")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "path", _check_path(self.name, self.path))

    @property
    def adds_up(self) -> bool:
        """Whether the sum of the values is exported: Prometheus takes a sum that falls for a restart."""
        return not self.edges or self.edges[0] >= 0

    @property
    def series(self) -> int:
        """Time series in each group: buckets, `_sum`, `_count`, missing and unreadable values."""
        return len(self.edges) + 1 + (2 if self.adds_up else 0) + 2


@dataclass(frozen=True, slots=True)
class Category:
    """A feature or a prediction that is one of several words, or what groups of users are told apart by.

    Categories are named as `palier drift` names them: without blanks at the ends, `true` and `false`, a number with up
    to twelve digits, and at most 64 characters.

    Raises:
        DeclarationError: a name cannot be a label, stands for a missing value, is there twice, or there are too many.
    """

    name: str
    """Value of the label `feature` or `prediction`."""
    categories: Sequence[object]
    """Values that have a place of their own; all others are counted as `(other)`."""
    numeric: bool = False
    """Whether a text that spells a number is that number, so that "1.0" is the category 1."""
    path: Sequence[Step] = ()
    """Steps to the value in what the features are taken from; else the name is one."""

    def __post_init__(self) -> None:
        """Refuse what could not be exported."""
        _check_name("the name of a category", self.name, LONGEST_NAME)
        if isinstance(self.categories, str | bytes):
            raise DeclarationError(f"{self.name}: categories are a list, not one text")
        names = tuple(_read_category(self.name, category, numeric=self.numeric) for category in self.categories)
        if len(names) > MOST_CATEGORIES:
            raise DeclarationError(f"{self.name}: {len(names)} categories, at most {MOST_CATEGORIES} are allowed")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DeclarationError(f"{self.name}: the category {twice[0]!r} is there twice")
        object.__setattr__(self, "categories", names)
        object.__setattr__(self, "path", _check_path(self.name, self.path))

    @property
    def names(self) -> tuple[str, ...]:
        """Values of the label `category`, without `(other)`."""
        return tuple(str(name) for name in self.categories)

    @property
    def series(self) -> int:
        """Time series in each group: categories, `(other)`, and missing values."""
        return len(self.categories) + 2


Variable: TypeAlias = Number | Category
"""A feature or a prediction."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that one process exports.

    Raises:
        DeclarationError: there is nothing to count, a name is there twice, or a limit is exceeded.
    """

    features: Sequence[Variable] = ()
    """What the model is fed with."""
    predictions: Sequence[Variable] = ()
    """What it answers."""
    group: Category | None = None
    """What groups of users are told apart by."""
    groups: tuple[str, ...] = field(init=False)
    """Values of the label `group`, `(other)` last."""

    def __post_init__(self) -> None:
        """Refuse what could not be exported."""
        for field_name, most in (("features", MOST_FEATURES), ("predictions", MOST_PREDICTIONS)):
            variables = _check_variables(field_name, getattr(self, field_name), most)
            object.__setattr__(self, field_name, variables)
        if not (self.features or self.predictions):
            raise DeclarationError("nothing is declared: name a feature or a prediction")
        if self.group is not None and not isinstance(self.group, Category):
            raise DeclarationError(f"group is a Category with the groups of users, not {type(self.group).__name__}")
        if self.group is not None and len(self.group.names) > MOST_GROUPS:
            raise DeclarationError(
                f"{self.group.name}: {len(self.group.names)} groups, at most {MOST_GROUPS} are allowed"
            )
        groups = (EVERYBODY,) if self.group is None else (*self.group.names, OTHER)
        object.__setattr__(self, "groups", groups)
        if self.series > MOST_SERIES:
            raise DeclarationError(
                f"{self.series} time series, at most {MOST_SERIES} are allowed: declare fewer features, edges,"
                f" categories or groups ({len(groups)} with {OTHER})"
            )

    @property
    def series(self) -> int:
        """Time series of a process, without those of errors."""
        return len(self.groups) * sum(one.series for one in (*self.features, *self.predictions))


def _check_variables(kind: str, declared: object, most: int) -> tuple[Variable, ...]:
    variables = (declared,) if isinstance(declared, Number | Category) else declared
    if not isinstance(variables, Iterable) or isinstance(variables, str | bytes):
        raise DeclarationError(f"{kind} are Number and Category, not {type(declared).__name__}")
    checked: list[Variable] = []
    for one in variables:
        if not isinstance(one, Number | Category):
            raise DeclarationError(f"{kind} are Number and Category, not {type(one).__name__}")
        checked.append(one)
    if len(checked) > most:
        raise DeclarationError(f"{len(checked)} {kind}, at most {most} are allowed")
    names = [one.name for one in checked]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(f"{kind}: {twice[0]!r} is there twice")
    return tuple(checked)


def _check_name(what: str, name: object, longest: int) -> None:
    if not isinstance(name, str) or not name.strip():
        raise DeclarationError(f"{what} is a text that is not empty, not {name!r}")
    if len(name) > longest:
        raise DeclarationError(f"{what} has {len(name)} characters, at most {longest} are allowed")
    try:
        name.encode()
    except UnicodeEncodeError:
        # One such label, and the whole page of metrics cannot be written any more.
        raise DeclarationError(f"{what} is not valid Unicode: {name!r}") from None


def _check_path(name: str, path: object) -> tuple[Step, ...]:
    if isinstance(path, str | bytes) or not isinstance(path, Sequence):
        raise DeclarationError(f'{name}: a path is a list of steps such as ("customer", "age"), not {path!r}')
    for step in path:
        if not isinstance(step, str | int) or isinstance(step, bool):
            raise DeclarationError(f"{name}: a step of a path is a text or a whole number, not {step!r}")
    return tuple(path)


def _read_edge(name: str, edge: object) -> float:
    number = math.nan if isinstance(edge, str) else read_number(edge)
    if not math.isfinite(number):
        raise DeclarationError(f"{name}: an edge is a finite number, not {edge!r}")
    return number


def _read_category(feature: str, category: object, *, numeric: bool) -> str:
    if is_missing(category):
        raise DeclarationError(f"{feature}: {category!r} stands for a missing value and is no category")
    name = name_category(category, numeric=numeric)
    if name is None:
        raise DeclarationError(f"{feature}: a category is a text, a number or a truth value, not {category!r}")
    if name == OTHER:
        raise DeclarationError(f"{feature}: {OTHER} is what is not declared, and cannot be declared")
    _check_name(f"{feature}: a category", name, LONGEST_NAME)
    return name
