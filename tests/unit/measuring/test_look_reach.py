"""Looks at a candidate whose pods are scraped while nobody reaches it: a counter that is never born is a zero."""

import pytest

from palier.evidence.counters import Series, Target
from palier.evidence.objective import ObjectiveRule
from palier.evidence.sample_ratio import not_reached
from palier.measuring.interval import Answer
from palier.measuring.look import WatchedRelease, look
from palier.measuring.questions import Question
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin

CANDIDATE, STABLE = "new", "old"
WEIGHT_SINCE = 100.0
RATIO = CounterRatio(("errors_total",), ("requests_total",))
RULE = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)


def watched(origin: Origin = Origin.PODS) -> WatchedRelease:
    """A release with 10 % from second 100 on."""
    return WatchedRelease(
        candidate=CANDIDATE,
        stable=STABLE,
        stage_index=0,
        begun_at=0.0,
        traffic_since=WEIGHT_SINCE,
        objectives=(MeasuredObjective(RULE, RATIO, RATIO, origin),),
        evidence={},
    )


def scrapes(until: float, *, phase: float) -> list[float]:
    """Every 15 s."""
    return [phase + 15 * number for number in range(int(until // 15))]


def series(revision: str, samples: list[tuple[float, float]]) -> tuple[Target, tuple[str, Series]]:
    """One series of the only pod of a revision."""
    one = Series({"namespace": "ml", "pod": revision}, samples)
    return one.target, (revision, one)


def story(*, until: float, reached: bool, from_scrape: int = 0) -> tuple[dict[Question, Answer], Answer]:
    """The counters, and the `up` of both pods: 45 requests a second at stable, 5 at a candidate that is reached."""
    mine = scrapes(until, phase=7.0)[from_scrape:]
    theirs = scrapes(until, phase=2.0)
    counted: dict[Target, list[tuple[str, Series]]] = {}
    up: dict[Target, list[tuple[str, Series]]] = {}
    rows = [series(STABLE, [(time, 45 * time) for time in theirs])]
    if reached:
        rows.append(series(CANDIDATE, [(time, 5 * (time - 100)) for time in mine if time > WEIGHT_SINCE]))
    for target, row in rows:
        counted.setdefault(target, []).append(row)
    for revision, times in ((CANDIDATE, mine), (STABLE, theirs)):
        target, row = series(revision, [(time, 1.0) for time in times])
        up.setdefault(target, []).append(row)
    return {Question("requests_total"): counted, Question("errors_total"): {}}, up


def found(*, until: float, reached: bool, origin: Origin = Origin.PODS, from_scrape: int = 0) -> bool:
    """Whether the looks up to an instant say that the candidate is not reached."""
    answers, up = story(until=until, reached=reached, from_scrape=from_scrape)
    at = [15.0 * number for number in range(6, int(until // 15) + 1)]
    after = look(watched(origin), answers, scraped=up, at=at, staleness=38.0)
    arrivals = after.evidence["errors"].arrivals
    return arrivals is not None and not_reached(arrivals.blocks, weight=10) is not None


def test_a_counter_that_is_never_born_is_a_zero_where_the_pod_is_scraped() -> None:
    """A minute after the weight it is known that the candidate gets nothing."""
    assert not found(until=135, reached=False)
    assert found(until=165, reached=False)


@pytest.mark.parametrize("until", range(105, 300, 15))
def test_a_candidate_that_is_reached_is_never_said_not_to_be(until: float) -> None:
    """At no look, although its counter is born with its first request and its pod is scraped after stable's."""
    assert not found(until=until, reached=True)


def test_a_pod_that_is_found_late_begins_late() -> None:
    """Before Prometheus knew the pod it may have answered; what stable counted until then is not held against it."""
    late = 14  # its first scrape is at second 217
    assert not found(until=255, reached=False, from_scrape=late)
    assert found(until=300, reached=False, from_scrape=late)


def test_other_counters_than_the_pods_own_say_nothing() -> None:
    """Programs elsewhere count what they like."""
    assert not found(until=300, reached=False, origin=Origin.ELSEWHERE)
