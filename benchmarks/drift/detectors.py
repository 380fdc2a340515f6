"""Who watches: our detectors in their variants, and River's with their defaults.

River's get the labels one by one, as they are made for, and start anew after an alarm by themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from river import drift
from river.drift import binary

from benchmarks.drift.streams import BASE, Stream
from palier.watch.edetector import Batch, Detector, DetectorRule, Recursion, compute_gains
from palier.watch.reference import bound_error_rate

Watcher = Callable[[Stream, int], Iterator[int]]
"""From a stream and its number to how many labels had arrived at each alarm."""


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our detectors."""

    batch: int = 10
    tolerated: float | None = BASE
    """None: the upper 95 % bound of the reference labels."""
    recursion: Recursion = Recursion.SHIRYAEV_ROBERTS

    def find_alarms(self, stream: Stream, _: int) -> Iterator[int]:
        """The labels at each alarm; the detector starts anew after one."""
        rule = DetectorRule(self.tolerated or _learn(stream), recursion=self.recursion)
        detector = Detector()
        for start in range(0, stream.labels.size, self.batch):
            labels = stream.labels[start : start + self.batch]
            batch = Batch(labels.size, int(labels.sum()))
            detector = detector.add_batch(batch, compute_gains(batch, rule.tolerated), rule)
            if detector.log_capital >= rule.log_bound:
                yield start + labels.size
                detector = detector.start_anew()


def _learn(stream: Stream) -> float:
    reference = Batch(stream.reference.size, int(stream.reference.sum()))
    return bound_error_rate(reference, size_was_fixed=True)


def _ask_river(make: Callable[[int], Any], stream: Stream, number: int) -> Iterator[int]:
    """The labels at each alarm of one of River's detectors, in either direction."""
    detector = make(number)
    for position, label in enumerate(stream.labels.tolist(), start=1):
        detector.update(label)
        if detector.drift_detected:
            yield position


def _river(make: Callable[[], Any]) -> Watcher:
    return partial(_ask_river, lambda _: make())


CHOSEN = "Palier: Shiryaev-Roberts, 10 % tolerated, batches of 10"
KSWIN = "River KSWIN"
WATCHERS: Mapping[str, Watcher] = {
    CHOSEN: Ours().find_alarms,
    "the same, label by label": Ours(batch=1).find_alarms,
    "the same, batches of 100": Ours(batch=100).find_alarms,
    "the same, 11 % tolerated": Ours(tolerated=0.11).find_alarms,
    "the same, learned from 1,000 labels": Ours(tolerated=None).find_alarms,
    "Palier: CUSUM, 10 % tolerated, batches of 10": Ours(recursion=Recursion.CUSUM).find_alarms,
    "River ADWIN": _river(drift.ADWIN),
    "River Page-Hinkley": _river(drift.PageHinkley),
    "River DDM": _river(binary.DDM),
    "River HDDM_A": _river(binary.HDDMA),
    "River HDDM_W": _river(binary.HDDMW),
    KSWIN: partial(_ask_river, lambda number: drift.KSWIN(seed=number)),
}
"""By the names in the report."""
