"""A Prometheus that knows by how much the features of pods were counted."""

from collections.abc import Mapping, Sequence

from palier.metrics.increases import Pods
from palier.watch.features.exported import COUNTED, Counted, Increase

Labels = tuple[tuple[str, str], ...]


def count_number(
    feature: str, edges: Sequence[float], counts: Sequence[float], *, group: str = "", missing: float = 0.0
) -> dict[Labels, float]:
    """By how much the counters of a number rise, given the events in each bin."""
    found: dict[Labels, float] = {}
    below = 0.0
    for edge, count in zip((*map(str, edges), "+Inf"), counts, strict=True):
        below += count
        found[(("feature", feature), ("group", group), (COUNTED, Counted.BUCKET), ("le", edge))] = below
    found[(("feature", feature), ("group", group), (COUNTED, Counted.MISSING))] = missing
    return found


def count_category(feature: str, counts: Mapping[str, float], *, group: str = "") -> dict[Labels, float]:
    """By how much the counters of a category rise."""
    return {
        (("feature", feature), ("group", group), (COUNTED, Counted.CATEGORY), ("category", name)): count
        for name, count in counts.items()
    }


class Exported:
    """Stands for a Prometheus: what pods have counted, at the instants at which they did."""

    def __init__(self) -> None:
        self.asked: list[tuple[Pods, float, float]] = []
        self.failing: Exception | None = None
        """Why it answers nothing."""
        self.failing_for: dict[str, Exception] = {}
        """The same, by Deployment."""
        self._counted: dict[str, list[tuple[float, Mapping[Labels, float]]]] = {}

    def count(self, workload: str, risen: Mapping[Labels, float], *, at: float) -> None:
        """The pods of a Deployment have counted so much more."""
        self._counted.setdefault(workload, []).append((at, risen))

    async def increases(self, pods: Pods, *, at: float, seconds: float) -> list[Increase]:
        """See `IncreaseSource.increases`."""
        self.asked.append((pods, at, seconds))
        if failing := self.failing or self.failing_for.get(pods.workload):
            raise failing
        total: dict[Labels, float] = {}
        for time, risen in self._counted.get(pods.workload, ()):
            if at - seconds < time <= at:
                for labels, amount in risen.items():
                    total[labels] = total.get(labels, 0.0) + amount
        return [Increase(dict(labels), amount) for labels, amount in total.items()]
