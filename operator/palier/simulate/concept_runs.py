"""Play streams of labels to the detector that watches a promoted version, by the code of `palier.watch`.

A run depends on the case, the seed and its number, and on nothing else.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from palier.api.field_names import to_camel
from palier.simulate.concept import REST, SEGMENT, ConceptCase
from palier.simulate.measures import CONFIDENCE, clopper_pearson, quantile
from palier.watch.edetector import Batch, DetectorRule
from palier.watch.groups import EVERYONE, ConceptWatch, WatchRule
from palier.watch.reference import bound_error_rate

UNIT = 10_000
"""Labels by which false alarms are told."""
_ALL = 1 - 1e-9
"""A bound of 1 would tolerate everything; this is nearly that."""

Counts = NDArray[np.int64]


class ConceptRun(NamedTuple):
    """What happened in one stream."""

    false_alarms: int
    """Alarms while nothing had changed; the detector starts anew after each."""
    quiet_labels: int
    """Labels in which such an alarm could come."""
    found_after: float
    """Labels from the change to the first alarm after it; infinite where none came."""
    named: tuple[str, ...] = ()
    """The groups that this alarm named."""


def play(case: ConceptCase, seed: int, numbers: Iterable[int]) -> Iterator[ConceptRun]:
    """Play the streams of these numbers, in their order."""
    for number in numbers:
        yield _play_stream(case, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,))))


def _play_stream(case: ConceptCase, random: np.random.Generator) -> ConceptRun:
    rule = _make_rule(case, random)
    ends = np.minimum(np.arange(case.batch, case.labels + case.batch, case.batch), case.labels)
    watch, false_alarms, found = ConceptWatch(), 0, math.inf
    named: tuple[str, ...] = ()
    for end, batch in zip(ends.tolist(), _draw_batches(case, ends, random), strict=True):
        watch = watch.add_batch(batch, rule)
        findings = watch.find_changes(rule)
        if not findings:
            continue
        watch = watch.start_anew()
        if end <= case.change or not case.is_worse:
            false_alarms += 1
        if end > case.change and math.isinf(found):
            found, named = end - case.change, tuple(finding.group for finding in findings)
            if case.is_worse:
                break
    quiet = int(ends[ends <= case.change].max(initial=0)) if case.is_worse else case.labels
    return ConceptRun(false_alarms, quiet, found, named)


def _make_rule(case: ConceptCase, random: np.random.Generator) -> WatchRule:
    """What is tolerated, as stated or as learned from labels of a good time."""
    if not case.reference_labels:
        everyone = DetectorRule(case.tolerated_errors, run_length=case.run_length)
        return WatchRule(everyone, elsewhere=case.tolerated_errors if case.segment_share else None)
    in_segment = int(random.binomial(case.reference_labels, case.segment_share))
    sizes = {SEGMENT: in_segment, REST: case.reference_labels - in_segment}
    seen = {name: Batch(size, int(random.binomial(size, 1 - case.accuracy_before))) for name, size in sizes.items()}
    total = DetectorRule(_learn(seen[SEGMENT].plus(seen[REST])), run_length=case.run_length)
    groups = {name: _learn(labels) for name, labels in seen.items() if labels.labels} if case.segment_share else {}
    return WatchRule(total, groups=groups)


def _learn(labels: Batch) -> float:
    return min(_ALL, bound_error_rate(labels, size_was_fixed=True))


def _draw_batches(case: ConceptCase, ends: Counts, random: np.random.Generator) -> Iterator[dict[str, Batch]]:
    """The labels of each batch by group; a batch may have labels from before the change and after it."""
    starts = np.concatenate(([0], ends[:-1]))
    before = np.clip(case.change - starts, 0, ends - starts)
    after = ends - starts - before
    segment = [random.binomial(part, case.segment_share) for part in (before, after)]
    shift = _draw_shift(case, ends.size, random)
    fine, changed = (np.clip(1 - share + shift, 0, 1) for share in (case.accuracy_before, case.accuracy_after))
    rest_after = fine if case.segment_share else changed
    rest = [before - segment[0], after - segment[1]]
    wrong_rest = random.binomial(rest[0], fine) + random.binomial(rest[1], rest_after)
    wrong_segment = random.binomial(segment[0], fine) + random.binomial(segment[1], changed)
    names = (REST, SEGMENT) if case.segment_share else (EVERYONE, SEGMENT)
    columns = (rest[0] + rest[1], wrong_rest, segment[0] + segment[1], wrong_segment)
    for labels, wrong, in_segment, wrong_there in zip(*(column.tolist() for column in columns), strict=True):
        yield {names[0]: Batch(labels, wrong), names[1]: Batch(in_segment, wrong_there)}


def _draw_shift(case: ConceptCase, number: int, random: np.random.Generator) -> NDArray[np.float64]:
    """How far the share of wrong answers of each batch is from its mean: what its labels have in common."""
    if not case.overdispersion:
        return np.zeros(number)
    size, mean = 1 / case.overdispersion - 1, 1 - case.accuracy_before
    return random.beta(mean * size, (1 - mean) * size, number) - mean


def summarize(runs: Sequence[ConceptRun], case: ConceptCase) -> dict[str, Any]:
    """The measures of at least one run, ready for JSON; an infinite quantile is None."""
    found = [run.found_after for run in runs]
    hits = sum(map(math.isfinite, found))
    quiet, alarms = sum(run.quiet_labels for run in runs), sum(run.false_alarms for run in runs)
    figures: dict[str, Any] = {
        "runs": len(runs),
        "accuracyIsWorse": case.is_worse,
        "detectedRate": hits / len(runs),
        "detectedRateInterval": list(clopper_pearson(hits, len(runs))),
        "falseAlarms": alarms,
        "labelsWithoutChange": quiet,
        "falseAlarmsPer10000": alarms * UNIT / quiet if quiet else None,
        "falseAlarmsPer10000Interval": [end * UNIT / quiet for end in _poisson_interval(alarms)] if quiet else None,
        "promisedFalseAlarmsPer10000": UNIT / case.run_length,
    }
    for name, share in (("median", 0.5), ("p90", 0.9)):
        labels = quantile(found, share)
        figures[f"{name}LabelsToDetection"] = labels
        figures[f"{name}HoursToDetection"] = None if labels is None else labels / case.labels_per_hour
    if case.segment_share:
        figures["onlySegmentNamedRate"] = sum(run.named == (SEGMENT,) for run in runs) / hits if hits else None
    return figures


def list_parameters(case: ConceptCase) -> dict[str, Any]:
    """The parameters of a case, ready for JSON."""
    named = {to_camel(one.name): getattr(case, one.name) for one in dataclasses.fields(case)}
    return {**named, "changeAt": case.change}


def _poisson_interval(alarms: int) -> tuple[float, float]:
    """The exact 95 % interval of the mean number of alarms, if they come independently."""
    tail = (1 - CONFIDENCE) / 2
    return float(gammaincinv(alarms, tail)) if alarms else 0.0, float(gammaincinv(alarms + 1, 1 - tail))
