"""The events of a look by pod, because pods of one version differ, and one pod may be bad alone."""

import math
from collections.abc import Mapping, Sequence

from palier.evidence.pods import PodCounts
from palier.measuring.interval import LookInterval
from palier.measuring.questions import Question, questions_of
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, SlowerThan, Source


def count_by_pod(step: LookInterval, objective: MeasuredObjective, source: Source, revision: str) -> PodCounts:
    """All and surely bad events of each pod of a revision; nothing where others than the pods count.

    Args:
        step: what was measured.
        objective: what is counted.
        source: its series, of this revision.
        revision: whose pods.
    """
    if objective.origin is not Origin.PODS:
        return {}
    match source:
        case SlowerThan():
            return _count_slow(step, questions_of(source, objective.origin)[0], source.threshold, revision)
        case CounterRatio(bad=bad, total=total):
            every, failed = (_sum_rises(step, selectors, objective.origin, revision) for selectors in (total, bad))
            return {pod: (events, min(events, failed.get(pod, 0.0))) for pod, events in every.items()}
        case _:
            return {}


def _count_slow(step: LookInterval, question: Question, threshold: float, revision: str) -> PodCounts:
    found: dict[str, tuple[float, float]] = {}
    own = (one for one in step.list_histograms(question, "") if one.revision == revision)
    for histogram, part in zip(own, step.list_parts(question, threshold, revision), strict=True):
        total, bad = found.get(histogram.target[1], (0.0, 0.0))
        found[histogram.target[1]] = total + part.counts.total, bad + part.counts.bad
    return found


def _sum_rises(step: LookInterval, selectors: Sequence[str], origin: Origin, revision: str) -> Mapping[str, float]:
    each = [step.sum_by_pod(Question.from_origin(selector, origin)).get(revision, {}) for selector in selectors]
    if len(each) == 1:
        return each[0]
    return {pod: math.fsum(one.get(pod, 0.0) for one in each) for one in each for pod in one}
