"""The events of a look by the groups of users that an objective tells apart."""

import math
from collections.abc import Iterable
from typing import Final

from palier.evidence.counters import HistogramCounts, add_histograms
from palier.evidence.objective import Counts
from palier.evidence.segments import OTHER, UNLABELLED
from palier.measuring.histograms import segment_of
from palier.measuring.interval import LookInterval, limit_bad
from palier.measuring.questions import Question, questions_of
from palier.measuring.sources import CounterRatio, MeasuredObjective, SlowerThan, Source

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
    mine = count_segments(step, objective, objective.source, candidate)
    others: dict[str, Counts] = {}
    if stable is not None and objective.stable_source is not None:
        others = count_segments(step, objective, objective.stable_source, stable)
    none = Counts(0, 0, 0)
    both = {name: (mine.get(name, none), others.get(name, none)) for name in {**mine, **others}}
    if len(both) <= MOST_SEGMENTS:
        return both
    largest = sorted(both, key=lambda name: (-both[name][0].total - both[name][1].total, name))
    apart = {name: both[name] for name in largest[:MOST_SEGMENTS] if name != OTHER}
    rest = [both[name] for name in both if name not in apart]
    apart[OTHER] = (_add_counts(one for one, _ in rest), _add_counts(other for _, other in rest))
    return apart


def count_segments(
    step: LookInterval, objective: MeasuredObjective, source: Source, revision: str
) -> dict[str, Counts]:
    """Events of one revision by the value of the label that the objective is told apart by."""
    label, origin = objective.segment_by, objective.origin
    if isinstance(source, SlowerThan):
        found: dict[str, list[HistogramCounts]] = {}
        for histogram in step.list_histograms(questions_of(source, origin)[0], label):
            if histogram.revision == revision:
                found.setdefault(histogram.segment, []).append(histogram.count_above(source.threshold))
        return {segment: add_histograms(parts).counts for segment, parts in found.items()}
    if not isinstance(source, CounterRatio):
        return {}
    sums: dict[str, list[float]] = {}
    for position, selectors in enumerate((source.bad, source.total)):
        for selector in selectors:
            for owner, _, one, events in step.list_events(Question.from_origin(selector, origin)):
                if owner == revision:
                    sums.setdefault(segment_of(one, label), [0.0, 0.0])[position] += events
    unplaced = math.fsum(bad for bad, total in sums.values() if not round(total))
    if unplaced and UNLABELLED in sums:
        bad, total = sums[UNLABELLED]
        sums[UNLABELLED] = [bad + unplaced if round(total) else bad, total]
    return {segment: limit_bad(round(bad), round(total)) for segment, (bad, total) in sums.items()}


def _add_counts(parts: Iterable[Counts]) -> Counts:
    every = list(parts)
    return Counts(
        sum(one.total for one in every), sum(one.bad for one in every), sum(one.bad_possible for one in every)
    )
