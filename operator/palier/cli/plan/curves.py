"""What the pictures show: numbers against traffic, before anybody decides how they are drawn."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from palier.cli.plan.axis import Axis

_SAMPLES = 240
"""Traffic rates at which a curve is computed: a pixel or two apart."""
_ABOVE_LIMIT = 8.0
"""How far a picture goes beyond a limit that a value passes without end."""
_MARGIN = 1.25
"""Room above and below the values, as a factor."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Something against traffic."""

    name: str
    traffic: tuple[float, ...]
    """Requests per second, rising."""
    values: tuple[float, ...]
    """At the same places; infinite where a queue grows without end."""
    complete: bool = True
    """False: nothing is known beyond the last place, though the picture goes on."""

    @property
    def finite(self) -> list[float]:
        """The values that have a place on an axis of factors."""
        return [value for value in self.values if value > 0 and math.isfinite(value)]


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram."""

    title: str
    curves: tuple[Curve, ...]
    """One for each way to serve."""
    limit: Curve | None = None
    """What may not be passed, with its name, if anything."""
    missing: str = ""
    """Why there is nothing to draw, where there is not."""

    def axis(self, *, start: float, end: float) -> Axis:
        """The vertical axis: everything finite fits, unless it is far above the limit."""
        values = [value for one in self.curves for value in one.finite]
        limits = self.limit.finite if self.limit else []
        low, high = min([*values, *limits], default=1.0), max([*values, *limits], default=10.0)
        if any(math.isinf(value) for one in self.curves for value in one.values):
            high = min(high, _ABOVE_LIMIT * max(limits, default=low))
        return Axis(low / _MARGIN, high * _MARGIN, start, end)


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture."""

    title: str
    sentence: str
    """The verdict."""
    marks: tuple[tuple[str, float], ...]
    """Name and requests per second of the traffic points."""
    cost: Panel
    latency: Panel
    legend: tuple[str, ...]
    """What each curve is, in the order of the curves."""
    notes: tuple[str, ...]
    """Where the numbers come from."""

    def axis(self, *, start: float, end: float) -> Axis:
        """The horizontal axis, from the least to the most traffic."""
        rates = [rate for _, rate in self.marks]
        return Axis(min(rates), max(rates), start, end)


def spread(low: float, high: float) -> tuple[float, ...]:
    """Rates from `low` to `high`, by equal factors."""
    step = math.log(high / low) / (_SAMPLES - 1)
    return (*(low * math.exp(step * index) for index in range(_SAMPLES - 1)), high)


def curve(name: str, rates: Sequence[float], value: Callable[[float], float | None]) -> Curve:
    """The curve of a function, up to where it is known."""
    known: list[tuple[float, float]] = []
    for rate in rates:
        point = value(rate)
        if point is None:
            break
        known.append((rate, point))
    return Curve(
        name,
        tuple(rate for rate, _ in known),
        tuple(point for _, point in known),
        complete=len(known) == len(rates),
    )
