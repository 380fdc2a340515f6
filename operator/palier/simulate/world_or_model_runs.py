"""Play labels of two versions to the detector and to the attribution of its alarms, by the code of `palier.watch`.

A run depends on the case, the seed and its number, and on nothing else.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from palier.api.field_names import to_camel
from palier.simulate.measures import clopper_pearson, quantile
from palier.simulate.world_or_model import AttributionCase
from palier.watch.attributed import Attributions
from palier.watch.attribution import PART, AttributionRule, Cause
from palier.watch.edetector import Batch, DetectorRule
from palier.watch.groups import EVERYONE, ConceptWatch, WatchRule
from palier.watch.pairs import PairedLabels, Tolerated


class AttributionRun(NamedTuple):
    """What became of the first alarm of a stream whose cause was found, or of its last one."""

    cause: Cause
    world_too: bool
    """Whether the world was said to have changed as well."""
    alarmed_after: float
    """Labels of the present version from the change to the alarm; negative for one before it, infinite without one."""
    found_after: float
    """The same to the verdict; infinite without one."""
    pairs: int
    """Pairs from the alarm to the verdict, or to the end."""


class _Draw(NamedTuple):
    """The labels of one batch: all of the present version's, and the pairs."""

    present: Batch
    pairs: PairedLabels


def play_attributions(case: AttributionCase, seed: int, numbers: Iterable[int]) -> Iterator[AttributionRun]:
    """Play the streams of these numbers, in their order."""
    for number in numbers:
        yield _play_stream(case, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,))))


def _play_stream(case: AttributionCase, random: np.random.Generator) -> AttributionRun:
    tolerated = 1 - case.accuracy_before
    detecting = WatchRule(DetectorRule(tolerated, run_length=case.run_length))
    rule = AttributionRule(Tolerated(tolerated, tolerated))
    watch, questions = ConceptWatch(), Attributions()
    end, alarmed = 0, math.inf
    for drawn in _draw_batches(case, random):
        end += drawn.present.labels
        questions = questions.add_batch({EVERYONE: drawn.pairs}, rule, places=())
        if EVERYONE in questions.open:
            known = questions.open[EVERYONE]
            if known.cause is not Cause.UNATTRIBUTED:
                return AttributionRun(known.cause, known.world_too, alarmed, end - case.change, known.labels.pairs)
        watch = watch.add_batch({EVERYONE: drawn.present}, detecting)
        if findings := watch.find_changes(detecting):
            watch = watch.start_anew()
            questions = questions.begin(finding.group for finding in findings)
            alarmed = min(alarmed, end - case.change)
    pairs = questions.open[EVERYONE].labels.pairs if questions.open else 0
    return AttributionRun(Cause.UNATTRIBUTED, False, alarmed, math.inf, pairs)


def _draw_batches(case: AttributionCase, random: np.random.Generator) -> Iterator[_Draw]:
    """The labels of each batch; a batch may have labels from before the change and after it."""
    before = _list_chances(case.accuracy_before, case.accuracy_before, case.shared_mistakes)
    after = _list_chances(case.accuracy_after, case.former, case.shared_mistakes)
    for start in range(0, case.labels, case.batch):
        size = min(case.batch, case.labels - start)
        old = min(max(case.change - start, 0), size)
        copied, wrong = np.zeros(4, dtype=np.int64), 0
        for number, chances in ((old, before), (size - old, after)):
            twice = int(random.binomial(number, case.copied))
            copied += random.multinomial(twice, chances)
            wrong += int(random.binomial(number - twice, chances[1] + chances[3]))
        pairs = PairedLabels.from_counts(copied.tolist())
        yield _Draw(Batch(size, wrong + pairs.present.wrong), pairs)


def _list_chances(present: float, former: float, correlation: float) -> tuple[float, float, float, float]:
    """The probabilities of both right, only the present one wrong, only the former one wrong, and both wrong.

    Args:
        present: accuracy of the present version.
        former: accuracy of the former version.
        correlation: of their mistakes; where the accuracies leave no room for it, as much as they do.
    """
    together = correlation * math.sqrt(present * (1 - present) * former * (1 - former))
    both = min((1 - present) * (1 - former) + together, 1 - present, 1 - former)
    only_present, only_former = 1 - present - both, 1 - former - both
    return max(0.0, 1 - only_present - only_former - both), only_present, only_former, both


def summarize_attributions(runs: Sequence[AttributionRun], case: AttributionCase) -> dict[str, Any]:
    """The measures of at least one run, ready for JSON; an infinite quantile is None."""
    causes, right_causes = [run.cause for run in runs], list_right_causes(case)
    right = [run.cause in right_causes and run.found_after > 0 for run in runs]
    decided = len(runs) - causes.count(Cause.UNATTRIBUTED)
    numbers = {
        "right": sum(right),
        "wrong": decided - sum(right),
        "undecided": len(runs) - decided,
        "worldChanged": causes.count(Cause.WORLD_CHANGED),
        "modelIsWorse": causes.count(Cause.MODEL_IS_WORSE),
        "noAlarm": sum(math.isinf(run.alarmed_after) for run in runs),
    }
    figures: dict[str, Any] = {"runs": len(runs), "rightCauses": sorted(right_causes)}
    for name, hits in numbers.items():
        figures[f"{name}Rate"] = hits / len(runs)
        figures[f"{name}RateInterval"] = list(clopper_pearson(hits, len(runs)))
    for name, share in (("median", 0.5), ("p90", 0.9)):
        labels = quantile(_list_right(right, [run.found_after for run in runs]), share)
        figures[f"{name}LabelsToAlarm"] = quantile([run.alarmed_after for run in runs], share)
        figures[f"{name}LabelsToVerdict"] = labels
        figures[f"{name}HoursToVerdict"] = None if labels is None else labels / case.labels_per_hour
        figures[f"{name}PairsToVerdict"] = quantile(_list_right(right, [run.pairs for run in runs]), share)
    return figures


def list_right_causes(case: AttributionCase) -> frozenset[Cause]:
    """The verdicts that are right after the change; before it, and without a fall, none is."""
    fall, own = case.accuracy_before - case.accuracy_after, case.former - case.accuracy_after
    if fall <= 0:
        return frozenset()
    causes = {Cause.MODEL_IS_WORSE: own > PART * fall, Cause.WORLD_CHANGED: fall - own > PART * fall}
    return frozenset(cause for cause, is_right in causes.items() if is_right)


def _list_right(right: Sequence[bool], values: Sequence[float]) -> list[float]:
    """The values of the runs that were right; others are infinitely late."""
    return [value if is_right else math.inf for is_right, value in zip(right, values, strict=True)]


def list_attribution_parameters(case: AttributionCase) -> dict[str, Any]:
    """The parameters of a case, ready for JSON."""
    named = {to_camel(one.name): getattr(case, one.name) for one in dataclasses.fields(case)}
    return {**named, "changeAt": case.change, "formerAccuracyAfter": case.former}
