"""The events of a look by the groups of users that an objective tells apart."""

from collections.abc import Iterable
from typing import Final

from palier.evidence.objective import Counts
from palier.evidence.segments import OTHER
from palier.measuring.interval import LookInterval
from palier.measuring.sources import MeasuredObjective

MOST_SEGMENTS: Final = 200
"""Values of the label that segments are told apart by; of more only the largest are told apart in a step."""


def count_by_segment(
    step: LookInterval, objective: MeasuredObjective, *, candidate: str, stable: str | None
) -> dict[str, tuple[Counts, Counts]]:
    """The candidate's and stable's counts by segment; the smallest together where there are very many.

    Args:
        step: what was measured.
        objective: what is told apart.
        candidate: its revision.
        stable: its revision; None where the candidate is compared with nothing.
    """
    mine = step.segments(objective, objective.source, candidate)
    others: dict[str, Counts] = {}
    if stable is not None and objective.stable_source is not None:
        others = step.segments(objective, objective.stable_source, stable)
    none = Counts(0, 0, 0)
    both = {name: (mine.get(name, none), others.get(name, none)) for name in {**mine, **others}}
    if len(both) <= MOST_SEGMENTS:
        return both
    largest = sorted(both, key=lambda name: (-both[name][0].total - both[name][1].total, name))
    apart = {name: both[name] for name in largest[:MOST_SEGMENTS] if name != OTHER}
    rest = [both[name] for name in both if name not in apart]
    apart[OTHER] = (_add_counts(one for one, _ in rest), _add_counts(other for _, other in rest))
    return apart


def _add_counts(parts: Iterable[Counts]) -> Counts:
    every = list(parts)
    return Counts(
        sum(one.total for one in every), sum(one.bad for one in every), sum(one.bad_possible for one in every)
    )
