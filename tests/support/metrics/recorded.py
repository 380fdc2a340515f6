"""A Prometheus that answers from recorded samples, and looks at a release that is measured there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.look import WatchedRelease
from palier.metrics.looks import Looks
from palier.release.rules import measured_objectives
from tests.support.metrics.promql import plain, selects
from tests.support.release.world import model_deployment

KEY = ("ml", "demo")
STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
START = 1_000_000.0


def pod(revision: str) -> str:
    """A pod's name as Kubernetes makes it."""
    return f"demo-{revision}-6b7f9c8d5f-x2x4z"


class Recorded:
    """Stands for Prometheus: answers from a list of samples, as a range selector would."""

    def __init__(self) -> None:
        self.series: dict[str, list[Series]] = {}
        self.asked: list[str] = []
        self.broken = ""

    def record(self, selector: str, labels: dict[str, str], samples: Sequence[tuple[float, float]]) -> None:
        """Add a series."""
        self.series.setdefault(selector, []).append(Series({"namespace": "ml", **labels}, tuple(samples)))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.asked.append(selector)
        if self.broken:
            raise MetricsUnavailable("Unreachable", self.broken)
        return [
            Series(one.labels, kept)
            for one in self.series.get(plain(selector), [])
            if selects(selector, one.labels) and (kept := tuple(s for s in one.samples if at - seconds < s[0] <= at))
        ]


def steady(revision: str, source: Recorded, *, per_second: int, failing: int = 0, until: int = 60) -> None:
    """A pod that counts so many requests each second, scraped at 0.3 s past the second."""
    times = [START - 5 + 0.3 + second for second in range(until + 5)]
    labels = {"pod": pod(revision)}
    source.record("up", labels, [(t, 1) for t in times])
    source.record(
        "requests_total", {**labels, "code": "200"}, [(t, max(0, i - 4) * per_second) for i, t in enumerate(times)]
    )
    source.record(
        'requests_total{code="500"}',
        {**labels, "code": "500"},
        [(t, max(0, i - 4) * failing) for i, t in enumerate(times) if i > 4],
    )


def looks_at(source: Recorded, **options: Any) -> Looks:  # noqa: ANN401 - arguments of `Looks`
    """Looks every second."""
    return Looks(source, interval=1, scrape_interval=1, looked=lambda _keys: None, clock=lambda: START, **options)


def release(**changes: object) -> WatchedRelease:
    """A candidate that has had traffic since START."""
    watched = WatchedRelease(
        candidate=CANDIDATE,
        stable=STABLE,
        stage_index=0,
        begun_at=START - 10,
        traffic_since=START,
        objectives=measured_objectives(model_deployment()),
        evidence={},
    )
    return replace(watched, **changes)


def found(looks: Looks) -> WatchedRelease:
    """What the looks know about the release."""
    watched = looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert watched is not None
    return watched


def signals(**changes: object) -> ModelDeployment:
    """A ModelDeployment that counts errors and times requests."""
    deployment = model_deployment().model_dump(mode="json", by_alias=True, exclude_none=True)
    deployment["spec"]["signals"] |= {"latency": {"histogram": "seconds", "unit": "Seconds"}}
    deployment["spec"]["objectives"].append({"name": "p95", "latency": {"percentile": "95", "threshold": "500ms"}})
    deployment["spec"].update(changes)
    return parse(deployment)
