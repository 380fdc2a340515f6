"""Times as objectives write them, from the numbers of other tools."""

from decimal import Decimal
from typing import Final

from palier.api.spec.values import TimeUnit

_SUFFIXES: Final = {
    "_milliseconds": TimeUnit.MILLISECONDS,
    "_ms": TimeUnit.MILLISECONDS,
    "_microseconds": TimeUnit.MICROSECONDS,
    "_us": TimeUnit.MICROSECONDS,
    "_seconds": TimeUnit.SECONDS,
}
_MOST: Final = 100_000
"""Below it is every number in a duration."""


def write_milliseconds(seconds: float) -> str:
    """A time in whole seconds or milliseconds: `2s`, `250ms`; a longer one in more units than one."""
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    if not rest and whole < _MOST:
        return f"{whole}s"
    if milliseconds < _MOST:
        return f"{milliseconds}ms"
    parts = zip((whole // 60, whole % 60, rest), ("m", "s", "ms"), strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def write_threshold(edge: Decimal, unit: TimeUnit) -> str:
    """The time of an edge.

    Raises:
        ValueError: it is no whole number of milliseconds, or none that a duration can be.
    """
    milliseconds = edge * Decimal(str(unit.seconds)) * 1000
    if milliseconds <= 0 or milliseconds != milliseconds.to_integral_value():
        raise ValueError(f"a threshold is a whole number of milliseconds, and {edge} {unit.value} is none")
    return write_milliseconds(float(milliseconds) / 1000)


def guess_unit(histogram: str) -> TimeUnit | None:
    """The unit that a histogram's name tells, as Prometheus advises; None where it tells none."""
    name = histogram.partition("{")[0]
    for suffix, unit in _SUFFIXES.items():
        if name.endswith(suffix):
            return unit
    return None
