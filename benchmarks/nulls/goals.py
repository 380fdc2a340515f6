"""What is promised of the rows, and whether the numbers keep it."""

import math
from collections.abc import Iterable, Iterator, Mapping

from benchmarks.evidence.goals import Goal
from benchmarks.evidence.numbers import Estimate
from benchmarks.nulls.amounts import Means
from benchmarks.nulls.numbers import Summary
from benchmarks.nulls.rows import Aim, Row

_FALSE = 0.01
"""Largest share of good candidates that may be rolled back; its upper 95 % bound must keep it."""
_BLAMED = 0.05
"""Largest share of versions that may be blamed for a bad spell of one pod."""
_STEPS = 0.02
"""Largest share of good candidates that may get less traffic, where failures are independent."""
_PROVEN = 0.05
"""Largest share of candidates that may be proven to keep an objective that they break."""
_MISSED = 0.05
"""Largest share of releases in which the interval of a mean with a largest amount may ever miss the true mean."""


def goals(rows: Iterable[Row], found: Mapping[str, Summary], *, quick: bool) -> list[Goal]:
    """Every promise with its number.

    Args:
        rows: what was played.
        found: summaries by key of the row.
        quick: whether only few runs were played, so that a promise counts as kept where chance may have broken it.
    """
    return [goal for row in rows for goal in _goals_of(row, found[row.key], quick=quick)]


def _goals_of(row: Row, one: Summary, *, quick: bool) -> Iterator[Goal]:
    name = f"{row.section}: {row.title}"
    false, stepped, proven, found = one.rolled_back, one.stepped_down, one.promoted, one.stopped
    match row.aim:
        case Aim.LEFT_ALONE:
            kept = (false.low if quick else false.high) <= _FALSE
            yield Goal(f"{name}: at most 1 % rolled back (upper 95 % bound)", write(false), kept)
        case Aim.NOT_BLAMED:
            kept = (false.low if quick else false.value) <= _BLAMED
            yield Goal(f"{name}: blamed in at most 5 %", write(false), kept)
        case Aim.NOT_PROVEN:
            kept = (proven.low if quick else proven.value) <= _PROVEN
            yield Goal(f"{name}: wrongly proven in at most 5 %", write(proven), kept)
        case Aim.FOUND:
            kept = (found.high if quick else found.value) >= row.least
            yield Goal(f"{name}: stopped in at least {100 * row.least:g} %", write(found), kept)
    if math.isfinite(row.within):
        kept = (one.median_stopped.low if quick else one.median_stopped.value) <= row.within
        minutes = one.median_stopped.value / 60
        yield Goal(f"{name}: median at most {row.within / 60:g} min", f"{minutes:.1f} min", kept)
    if isinstance(row.world, Means) and row.world.stated and row.aim is not Aim.FOUND:
        kept = (one.missed.low if quick else one.missed.value) <= _MISSED
        yield Goal(f"{name}: interval ever misses in at most 5 %", write(one.missed), kept)
        if row.aim is Aim.LEFT_ALONE:  # at the limit it is not below the limit
            kept = (proven.low if quick else proven.value) <= _PROVEN
            yield Goal(f"{name}: wrongly proven in at most 5 %", write(proven), kept)
    if row.independent:
        kept = (stepped.low if quick else stepped.value) <= _STEPS
        yield Goal(f"{name}: less traffic by mistake in at most 2 %", write(stepped), kept)


def write(estimate: Estimate) -> str:
    """A share in percent with its interval."""
    return f"{100 * estimate.value:.2f} % [{100 * estimate.low:.2f}, {100 * estimate.high:.2f}]"
