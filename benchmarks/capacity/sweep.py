"""The sweep that a patient person would do by hand: every rate in small steps, each held for a good while."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.capacity.generator import Point

_FROM = 0.7
"""Share of the bound at which it begins."""
_UNTIL = 1.2
_ENOUGH = 2
"""Rates in a row that fail, or hold, before it is believed: one may do so by chance."""


class Sweep(NamedTuple):
    """What it found."""

    points: Sequence[Point]
    held: float | None
    """Highest rate that held before two in a row did not; None if none did."""
    failed: float | None
    """The next one; None if the sweep ended before."""


def rates(bound: float, *, step: float) -> list[float]:
    """Arrival rates in steps of a share of the bound."""
    number = round((_UNTIL - _FROM) / step)
    return [round(bound * (_FROM + index * step), 3) for index in range(number + 1)]


def sweep(rates: Sequence[float], fire: Callable[[float], Point]) -> Sweep:
    """Try rates from below until they fail for good, and where the first one fails, go down until rates hold."""
    points: list[Point] = []
    for rate in rates:
        points.append(fire(rate))
        if _decided(points[-_ENOUGH:], holds=False):
            break
    step = rates[1] - rates[0]
    while not _decided(points[:_ENOUGH], holds=True) and points[0].offered > step:
        points.insert(0, fire(round(points[0].offered - step, 3)))
    return judged(points)


def _decided(points: Sequence[Point], *, holds: bool) -> bool:
    return len(points) >= _ENOUGH and all(point.holds is holds for point in points)


def judged(points: Sequence[Point]) -> Sweep:
    """The last rate that held before `_ENOUGH` in a row failed, and the one after it."""
    end = len(points)
    for index in range(len(points) - _ENOUGH + 1):
        if _decided(points[index : index + _ENOUGH], holds=False):
            end = index + _ENOUGH
            break
    held = [index for index, point in enumerate(points[:end]) if point.holds]
    after = held[-1] + 1 if held else 0
    return Sweep(
        points,
        points[held[-1]].offered if held else None,
        points[after].offered if after < len(points) else None,
    )
