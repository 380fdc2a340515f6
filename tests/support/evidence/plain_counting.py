"""Counting as slowly and plainly as the rules are told, to compare the operator's own way of counting with.

Every series is looked at on its own, sample by sample; nothing is shared, and nothing is searched but by walking along.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from palier.evidence.counters import Series

TARGET = ("namespace", "pod", "job", "instance")
Samples = list[tuple[float, float]]


def plain_increments(
    series: Iterable[Series],
    *,
    pod_of: Callable[[Mapping[str, str]], object],
    start: float,
    end: float,
    staleness: float,
) -> dict[object, tuple[int, bool]]:
    """Events after `start` up to `end` by key, and whether every target was still being scraped at the end."""
    targets: dict[tuple[str, ...], list[tuple[Mapping[str, str], Samples]]] = {}
    for one in series:
        known = [(time, value) for time, value in one.samples if time <= end and math.isfinite(value)]
        if known:
            targets.setdefault(tuple(one.labels.get(name, "") for name in TARGET), []).append((one.labels, known))
    counts: dict[object, float] = {}
    fresh: dict[object, bool] = {}
    for target in targets.values():
        since = min(samples[0][0] for _, samples in target)
        alive = any(end - staleness <= time for _, samples in target for time, _ in samples)
        for labels, samples in target:
            key = pod_of(labels)
            if key is None:
                continue
            everybody = [samples for _, samples in target]
            first = held(samples, everybody, at=start, staleness=staleness)
            last = held(samples, everybody, at=end, staleness=staleness)
            assert last is not None
            values = [value for _, value in samples[: last + 1]]
            if first is not None:
                values = values[first:]
            elif samples[0][0] > since:
                values = [0.0, *values]
            counts[key] = counts.get(key, 0.0) + rises(values)
            fresh[key] = fresh.get(key, True) and alive
    return {key: (round(count), fresh[key]) for key, count in counts.items()}


def held(samples: Samples, target: Sequence[Samples], *, at: float, staleness: float) -> int | None:
    """Which sample holds at an instant: that of the newest scrape which all series that are not stale have."""
    before = [number for number, (time, _) in enumerate(samples) if time <= at]
    if not before:
        return None
    if samples[before[-1]][0] < at - staleness:
        return before[-1]
    recent = [times for one in target if (times := {time for time, _ in one if at - staleness <= time <= at})]
    shared = set.intersection(*recent)
    if not shared:
        return before[-1]
    return max(number for number in before if samples[number][0] <= max(shared))


def rises(values: Sequence[float]) -> float:
    """Sum of the increases; after a decrease the counter began again at zero."""
    total = 0.0
    for before, after in itertools.pairwise(values):
        total += after - before if after >= before else after
    return total
