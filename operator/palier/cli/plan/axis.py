"""Logarithmic axes for the pictures: from ten users to ten thousand is a matter of factors, not of differences."""

import math
from dataclasses import dataclass

_STEPS = (1, 2, 5)
_DECADE_ONLY = 3.0
"""Decades from which only powers of ten are labelled."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One logarithmic axis, from the value `low` at the place `start` to the value `high` at the place `end`."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value is drawn; what lies outside is drawn at the nearer end."""
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Round values to label: 1, 2 and 5 of each decade, or the powers of ten alone on a long axis."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        steps = _STEPS[:1] if math.log10(self.high / self.low) > _DECADE_ONLY else _STEPS
        values = [step * 10.0**exponent for exponent in range(first, last + 1) for step in steps]
        return [value for value in values if self.holds(value)]


def shorten_number(value: float) -> str:
    """A number in few characters: `0.05`, `8.3`, `250`, `18k`, `1.2M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
