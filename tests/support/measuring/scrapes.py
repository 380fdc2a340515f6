"""What Prometheus has read of the two revisions of one release, and what looks make of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from palier.evidence.counters import Series
from palier.evidence.objective import ObjectiveRule
from palier.measuring.coverage import Coverage
from palier.measuring.interval import LookInterval
from palier.measuring.look import WatchedRelease, look
from palier.measuring.questions import Question, histogram_question
from palier.measuring.sources import CounterRatio, MeasuredObjective, RouterSeries, Source

CANDIDATE, STABLE = "new", "old"
STALENESS = 40.0
Samples = Mapping[float, float]
RATIO = CounterRatio(("errors_total",), ("requests_total",))
RULE = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)


class Scrapes:
    """What Prometheus has read, as one release gets it."""

    def __init__(self) -> None:
        self.answers: dict[Question, dict[tuple[str, ...], list[tuple[str, Series]]]] = {}
        self.scraped: dict[tuple[str, ...], list[tuple[str, Series]]] = {}
        self._times: dict[tuple[float, ...], tuple[float, ...]] = {}
        """Series that were read by the same scrapes have the very same times, as those of a look have."""

    def add(
        self,
        selector: str,
        samples: Samples,
        *,
        arm: str = CANDIDATE,
        pod: str = "",
        router: bool = False,
        proxy: bool = False,
        **labels: str,
    ) -> None:
        """One counter or gauge of a pod, by scrape time."""
        series = Series({"pod": pod or arm, **labels}, sorted(samples.items()))
        self.add_series(selector, series, arm=arm, router=router, proxy=proxy)

    def add_series(
        self, selector: str, series: Series, *, arm: str = CANDIDATE, router: bool = False, proxy: bool = False
    ) -> None:
        """Any series."""
        series.times = self._times.setdefault(series.times, series.times)
        rows = self.answers.setdefault(Question(selector, router, proxy), {})
        rows.setdefault(series.target, []).append((arm, series))

    def up(self, *times: float, arm: str = CANDIDATE, pod: str = "") -> None:
        """A pod that was scraped at these times."""
        series = Series({"pod": pod or arm}, [(time, 1.0) for time in times])
        series.times = self._times.setdefault(series.times, series.times)
        self.scraped.setdefault(series.target, []).append((arm, series))

    def step(self, start: float = 30, end: float = 60) -> LookInterval:
        """The events between two instants."""
        return LookInterval(self.answers, self.scraped, start=start, end=end, staleness=STALENESS)

    def look(
        self, watched: WatchedRelease, *at: float, unanswered: Mapping[Question, str] | None = None
    ) -> WatchedRelease:
        """The release after looks at these instants."""
        return look(
            watched, self.answers, scraped=self.scraped, at=at, staleness=STALENESS, unanswered=unanswered or {}
        )


def objective(source: Source, rule: Any = RULE, **changes: Any) -> MeasuredObjective:  # noqa: ANN401
    """An objective whose arms have the same series."""
    return MeasuredObjective(rule, source, changes.pop("stable_source", source), **changes)


def release(*objectives: MeasuredObjective, **changes: Any) -> WatchedRelease:  # noqa: ANN401
    """A release that has been read up to 30 s."""
    watched = WatchedRelease(
        candidate=CANDIDATE,
        stable=STABLE,
        stage_index=0,
        begun_at=0.0,
        traffic_since=10.0,
        objectives=objectives,
        evidence={},
        pods_read=Coverage(30.0),
        router=RouterSeries("cluster", "to-new", "to-old", namespaces=("gateways",)),
        router_read=Coverage(30.0),
    )
    return replace(watched, **changes)


def totals(watched: WatchedRelease, name: str = "errors") -> tuple[int, int, int, int]:
    """Total, bad, stable's total and stable's bad."""
    tally = watched.evidence[name].release
    return tally.total, tally.bad, tally.stable_total, tally.stable_bad


def both_arms() -> Scrapes:
    """Two pods with 20 and 40 requests in the look, 2 and 1 of them failed."""
    scrapes = Scrapes()
    for arm, requests, errors in ((CANDIDATE, 20, 2), (STABLE, 40, 1)):
        scrapes.up(15, 30, 45, 60, arm=arm)
        scrapes.add("requests_total", {15: 0, 30: 100, 45: 105, 60: 100 + requests}, arm=arm)
        scrapes.add("errors_total", {15: 0, 30: 7, 45: 7, 60: 7 + errors}, arm=arm)
    return scrapes


def buckets(
    scrapes: Scrapes,
    rises: Mapping[str, int],
    *,
    selector: str,
    pod: str = "",
    arm: str = CANDIDATE,
    **labels: str,
) -> None:
    """A classic histogram whose cumulative buckets rise so much in the look."""
    for edge, rise in rises.items():
        scrapes.add(selector, {15: 100, 30: 100, 45: 100, 60: 100 + rise}, pod=pod, arm=arm, le=edge, **labels)


LATENCY = histogram_question("seconds")
LATENCY_RULE = replace(RULE, name="p95", limit=0.05, hard_stop_share=1.0)
