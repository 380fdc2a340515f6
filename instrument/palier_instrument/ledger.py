"""The counts of one process, in one list of whole numbers, and the collector that shows them to Prometheus.

The metrics of prometheus-client have one set of edges for each family and a lock for each series. Here each feature has
its own edges, and an event of twenty features takes one lock. All series are there from the start, at 0: a counter that
appears with its first event would hide that event from `increase`.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from threading import Lock
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from palier_instrument.declaration import Category, Declaration, Number, Variable
from palier_instrument.values import OTHER, is_missing, name_category, read_number

ERRORS: Final = "palier_instrument_errors"
"""Prometheus adds `_total`, as to all counters."""
PARTS: Final = ("features", "prediction", "group", "body")
"""What may go wrong: values of the label `part`."""
NO_GROUP: Final = "(none)"
"""The group of events without one, where it is declared, as a profile may do; else they are `(other)`."""

Place: TypeAlias = tuple[int, float]
"""Where one value is counted in the counts of its group, and what it adds to the sum of a number."""

_INFINITE: Final = float("inf")


class NumberCounter:
    """Where the values of a number are counted: its bins, then missing values, then unreadable ones.

    Args:
        number: what was declared.
        start: place of the first bin.
    """

    def __init__(self, number: Number, start: int) -> None:
        self.variable: Variable = number
        self.edges = tuple(number.edges)
        self.labels = [*(floatToGoString(edge) for edge in self.edges), "+Inf"]
        self.start = start
        self.missing = start + len(self.labels)
        self.bad = self.missing + 1
        self.end = self.bad + 1

    def find_place(self, value: object) -> Place:
        """The place of a value. A negative one adds nothing to the sum, which would fall.

        Raises:
            Exception: whatever the value raises when it is asked.
        """
        number = read_number(value)
        if -_INFINITE < number < _INFINITE:
            return self.start + bisect_left(self.edges, number), number if number > 0 else 0.0
        return (self.missing if number != number else self.bad), 0.0  # noqa: PLR0124 - only NaN differs from itself


class CategoryCounter:
    """Where the values of a category are counted: its declared names, then all others, then missing values.

    Args:
        category: what was declared.
        start: place of the first name.
    """

    def __init__(self, category: Category, start: int) -> None:
        self.variable: Variable = category
        self.labels = [*category.names, OTHER]
        self.start = start
        self._numeric = category.numeric
        self._places = {name: (start + index, 0.0) for index, name in enumerate(category.names)}
        self.bad = start + len(category.names)
        self.missing = self.bad + 1
        self.end = self.missing + 1

    def find_place(self, value: object) -> Place:
        """The place of a value.

        Raises:
            Exception: whatever the value raises when it is asked.
        """
        if type(value) is str and (known := self._places.get(value)):
            return known
        if is_missing(value):
            return self.missing, 0.0
        name = name_category(value, numeric=self._numeric)
        return self._places.get(name, (self.bad, 0.0)) if name is not None else (self.bad, 0.0)


Counter: TypeAlias = NumberCounter | CategoryCounter


class Ledger:
    """All counts of a declaration; a collector for a registry of prometheus-client. Threads may share it."""

    def __init__(self, declaration: Declaration) -> None:
        self.features: list[Counter] = []
        self.predictions: list[Counter] = []
        self.groups = declaration.groups
        start = 0
        for counters, variables in (
            (self.features, declaration.features),
            (self.predictions, declaration.predictions),
        ):
            for variable in variables:
                counter = (
                    NumberCounter(variable, start) if isinstance(variable, Number) else CategoryCounter(variable, start)
                )
                counters.append(counter)
                start = counter.end
        self._lock = Lock()
        self._counts = [[0] * start for _ in self.groups]
        # Indexed by the place where a number begins, like the counts, so that one place finds both.
        self._sums = [[0.0] * start for _ in self.groups]
        self._errors = dict.fromkeys(PARTS, 0)

    def add_event(self, counters: Sequence[Counter], places: Iterable[Place], group: int) -> None:
        """Count one value of each of some features or predictions.

        Args:
            counters: `features`, or `predictions`.
            places: where the value of each is counted.
            group: place of the group in `groups`.
        """
        counts, sums = self._counts[group], self._sums[group]
        with self._lock:
            for counter, (place, amount) in zip(counters, places, strict=True):
                counts[place] += 1
                if amount:
                    sums[counter.start] += amount

    def add_error(self, part: str) -> None:
        """Count something that went wrong in counting."""
        with self._lock:
            self._errors[part] += 1

    def describe(self) -> Iterator[Metric]:
        """The families without their samples, by which a registry finds out that two have the same name."""
        for label, counters in (("feature", self.features), ("prediction", self.predictions)):
            if counters:
                yield from _name_families(label)
        yield CounterMetricFamily(ERRORS, "Values, events or bodies that could not be counted.", labels=["part"])

    def collect(self) -> Iterator[Metric]:
        """Everything that was counted, as of one moment."""
        with self._lock:
            counts = [list(one) for one in self._counts]
            sums = [list(one) for one in self._sums]
            errors = dict(self._errors)
        for label, counters in (("feature", self.features), ("prediction", self.predictions)):
            if not counters:
                continue
            values, categories, missing, unreadable = _name_families(label)
            for counter in counters:
                for group, row, added in zip(self.groups, counts, sums, strict=True):
                    labels = [counter.variable.name, group]
                    own = row[counter.start : counter.start + len(counter.labels)]
                    if isinstance(counter, NumberCounter):
                        # The family itself leaves out the sum where the first edge is negative.
                        buckets = list(zip(counter.labels, accumulate(own), strict=True))
                        values.add_metric(labels, buckets, added[counter.start])
                        unreadable.add_metric(labels, row[counter.bad])
                    else:
                        for name, count in zip(counter.labels, own, strict=True):
                            categories.add_metric([*labels, name], count)
                    missing.add_metric(labels, row[counter.missing])
            yield from (values, categories, missing, unreadable)
        (family,) = list(self.describe())[-1:]
        if isinstance(family, CounterMetricFamily):
            for part, count in errors.items():
                family.add_metric([part], count)
        yield family


def _name_families(
    label: str,
) -> tuple[HistogramMetricFamily, CounterMetricFamily, CounterMetricFamily, CounterMetricFamily]:
    """The families of features, or of predictions, without samples."""
    name, labels = f"palier_{label}", [label, "group"]
    return (
        HistogramMetricFamily(f"{name}_value", f"Values of each {label} that is a number.", labels=labels),
        CounterMetricFamily(
            f"{name}_category", f"Values of each {label} that is a category, by name.", labels=[*labels, "category"]
        ),
        CounterMetricFamily(f"{name}_missing", f"Events without a value of each {label}.", labels=labels),
        CounterMetricFamily(
            f"{name}_unreadable", f"Values that are no numbers, of each {label} that is one.", labels=labels
        ),
    )
