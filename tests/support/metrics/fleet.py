"""Pods that answer requests, a Prometheus that counts them, and readings on a clock of their own."""

import math
from collections.abc import Callable

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.look import WatchedRelease
from palier.metrics.owners import Key
from palier.metrics.running import RunningTraffic
from palier.release.answer_counters import choose_counters
from palier.release.shadow_copies import Copies
from palier.release.state import ReleasePhase
from tests.support.metrics.promql import plain, selects
from tests.support.release.examples import CANDIDATE, STABLE, releasing, serving
from tests.support.release.world import model_deployment

KEY: Key = ("ml", "demo")
START = 1_000_020.0
"""Not on the grid of anything."""
SCRAPE, MINUTE = 15, 60.0
REQUESTS, ERRORS = "requests_total", 'requests_total{code="500"}'
COPIES, FAILED_COPIES = "palier_shadow_copies_total", "palier_shadow_failed_copies_total"
UNTOLD = f"users' requests to {STABLE} cannot be told from the copies of a shadow"
UNSCRAPED = f"{UNTOLD}: no fresh samples of the shadow proxy, does Prometheus scrape it?"


class Prometheus:
    """Answers from counters that rise as told, scraped every 15 s."""

    def __init__(self) -> None:
        self.counters: list[tuple[str, dict[str, str], Callable[[float], float | None]]] = []
        self.asked: list[tuple[str, float]] = []
        self.down: set[str] = set()
        self.away = False
        self.broken: Exception | None = None
        self.refused: set[str] = set()
        """Selectors that it does not answer."""

    def pod(
        self,
        revision: str,
        *,
        per_second: float,
        failing: float = 0.0,
        name: str = "demo",
        since: float = START - 7200,
        until: float = START + 86_400,
        counts_from: float | None = None,
        namespace: str = "ml",
    ) -> str:
        """A pod that answers so many requests each second, from one instant to another."""
        pod = f"{name}-{revision}-6b7f9c8d5f-{len(self.counters):05d}"
        labels = {"namespace": namespace, "pod": pod, "job": "pods", "instance": pod}
        begun = since if counts_from is None else counts_from

        def up(time: float) -> float | None:
            return (0.0 if pod in self.down else 1.0) if since <= time <= until else None

        def rising(rate: float) -> Callable[[float], float | None]:
            def value(time: float) -> float | None:
                return rate * (time - since) if begun <= time <= until and pod not in self.down else None

            return value

        self.counters.append(("up", labels, up))
        self.counters.append((REQUESTS, {**labels, "code": "200"}, rising(per_second - failing)))
        if failing:
            self.counters.append((REQUESTS, {**labels, "code": "500"}, rising(failing)))
            self.counters.append((ERRORS, {**labels, "code": "500"}, rising(failing)))
        return pod

    def proxy(
        self,
        *,
        per_second: float,
        failing: float = 0.0,
        name: str = "demo",
        since: float = START - 7200,
        until: float = START + 86_400,
        restarted_at: float = math.inf,
        comparison: str = "0123456789abcdef",
    ) -> str:
        """A shadow's proxy that has so many copies answered each second by both revisions; stable fails some."""
        pod = f"shadow-{name}-0123456789-6b7f9c8d5f-{len(self.counters):05d}"

        def rising(rate: float) -> Callable[[float], float | None]:
            def value(time: float) -> float | None:
                begun = restarted_at if time >= restarted_at else since
                return rate * (time - begun) if since <= time <= until else None

            return value

        for revision in (STABLE, CANDIDATE):
            labels = {"namespace": "ml", "pod": pod, "job": "pods", "instance": pod, "revision": revision}
            labels |= {"comparison": comparison, "segment": ""}
            self.counters.append((COPIES, labels, rising(per_second)))
            self.counters.append((FAILED_COPIES, labels, rising(failing if revision == STABLE else 0.0)))
        return pod

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.asked.append((selector, seconds))
        if self.broken:
            raise self.broken
        if self.away or any(selector.startswith(one) for one in self.refused):
            raise MetricsUnavailable("Unreachable", "nobody there")
        first = int((at - seconds) // SCRAPE) + 1
        times = [float(step * SCRAPE) for step in range(first, int(at // SCRAPE) + 1)]
        return [
            Series(labels, [(time, held) for time in times if (held := value(time)) is not None])
            for name, labels, value in self.counters
            if name == plain(selector) and selects(selector, labels)
        ]


class Fleet:
    """A reading every minute, on a clock of its own."""

    def __init__(self, prometheus: Prometheus, **options: object) -> None:
        self.now = START
        self.prometheus = prometheus
        self.traffic = RunningTraffic(prometheus, scrape_interval=SCRAPE, clock=lambda: self.now, **options)  # type: ignore[arg-type]

    async def pass_minutes(self, minutes: int) -> None:
        """Let so many readings happen."""
        for _ in range(minutes):
            self.now += MINUTE
            await self.traffic.read(self.now)


def stable_alone() -> WatchedRelease:
    """What is counted outside of a release."""
    found = choose_counters(model_deployment(), serving())
    assert isinstance(found, WatchedRelease)
    return found


def with_candidate() -> WatchedRelease:
    """What is counted while the candidate has users."""
    found = choose_counters(model_deployment(), releasing(ReleasePhase.CANARY))
    assert isinstance(found, WatchedRelease)
    return found


def fleet_of(prometheus: Prometheus, copies: Copies) -> Fleet:
    """One ModelDeployment, whose pods answer 12 requests a second, of which two fail."""
    prometheus.pod(STABLE, per_second=12, failing=2)
    fleet = Fleet(prometheus)
    fleet.traffic.watch(KEY, stable_alone(), copies=copies)
    return fleet


def shadowed(prometheus: Prometheus) -> Fleet:
    """The same in its shadow."""
    return fleet_of(prometheus, Copies.SENT)


def over(fleet: Fleet, copies: Copies = Copies.POSSIBLE) -> None:
    """The shadow ends at this moment."""
    fleet.traffic.watch(KEY, stable_alone(), copies=copies)
