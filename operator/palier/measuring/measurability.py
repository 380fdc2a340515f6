"""Can the histograms answer what the objectives ask? Told as soon as it is known, not after a stage's whole time.

Before a histogram has been read its default bucket edges are known from the runtime's preset; afterwards its own edges
are. A threshold between two edges is judged from both sides and never interpolated, so it takes longer to decide, and
where the true share lies between the two it is never decided at all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from palier.evidence.counters import Measurable, find_edges
from palier.measuring.sources import KnownReading, MeasuredObjective, Reading, SlowerThan, reading_of


@dataclass(frozen=True, slots=True)
class Measurability:
    """How well one latency objective can be measured."""

    objective: str
    measurable: Measurable | None
    """None while nothing is known about its histogram."""
    message: str


def measurability(
    objectives: tuple[MeasuredObjective, ...], readings: Mapping[str, KnownReading]
) -> tuple[Measurability, ...]:
    """One answer for each objective that reads a histogram."""
    return tuple(
        _describe_objective(
            objective, objective.source, _find_reading(objective.source, readings.get(objective.rule.name))
        )
        for objective in objectives
        if isinstance(objective.source, SlowerThan)
    )


def _find_reading(source: SlowerThan, known: KnownReading | None) -> Reading | None:
    """A remembered reading, if it is about this histogram and threshold."""
    return known.reading if known and known.of == reading_of(source) else None


def _describe_objective(objective: MeasuredObjective, source: SlowerThan, reading: Reading | None) -> Measurability:
    name = objective.rule.name
    read = reading is not None
    if reading is None:
        if not objective.expected_edges:
            return Measurability(name, None, f"{name}: {source.histogram} has not been read yet")
        reading = expect_reading(source.threshold, objective.expected_edges)
    whose = "its" if read else "its default"
    match reading.measurable:
        case Measurable.EXACT:
            message = f"{name}: the threshold is one of {whose} bucket edges"
        case Measurable.BRACKETED:
            lower = 0.0 if reading.lower is None else reading.lower
            message = (
                f"{name}: {source.threshold:g} lies between {whose} bucket edges {lower:g} and {reading.upper:g}"
                f" of {source.histogram}; both are judged, so a promotion or rollback takes longer"
            )
        case _:
            message = f"{name}: {source.histogram} has no buckets that reach to infinity"
    remedy = f"; {objective.remedy}" if objective.remedy and reading.measurable is not Measurable.EXACT else ""
    return Measurability(name, reading.measurable, message + remedy)


def expect_reading(threshold: float, edges: tuple[float, ...]) -> Reading:
    """What a histogram with these finite edges can say about a threshold, in the same unit."""
    lower, upper = find_edges(threshold, (*edges, math.inf))
    return Reading(Measurable.EXACT if lower == upper else Measurable.BRACKETED, lower, upper)
