"""Looks at pods: what each of them has counted, where they count themselves."""

import pytest

from palier.evidence.pods import NO_PODS
from palier.measuring.pods import count_by_pod
from palier.measuring.sources import AboveLevel, Origin, SlowerThan
from tests.support.measuring.scrapes import (
    CANDIDATE,
    LATENCY,
    LATENCY_RULE,
    RATIO,
    STABLE,
    Scrapes,
    both_arms,
    buckets,
    objective,
    release,
)


def test_each_pod_has_its_own_requests_and_failures() -> None:
    """Several series of one pod add up, and a pod without failures has none."""
    scrapes = Scrapes()
    scrapes.add("requests_total", {30: 0, 60: 10}, pod="a", code="200")
    scrapes.add("requests_total", {30: 0, 60: 5}, pod="a", code="500")
    scrapes.add("requests_total", {30: 0, 60: 7}, pod="b")
    scrapes.add("requests_total", {30: 0, 60: 70}, arm=STABLE, pod="c")
    scrapes.add("errors_total", {30: 1, 60: 6}, pod="a")
    scrapes.add("errors_total", {30: 0, 60: 9}, pod="nobody")
    scrapes.up(30, 45, 60, pod="a")

    assert count_by_pod(scrapes.step(), objective(RATIO), RATIO, CANDIDATE) == {"a": (15, 5), "b": (7, 0)}
    assert count_by_pod(scrapes.step(), objective(RATIO), RATIO, STABLE) == {"c": (70, 0)}


def test_no_pod_has_more_failures_than_requests() -> None:
    """Two counters of different scrapes may disagree."""
    scrapes = Scrapes()
    scrapes.add("requests_total", {30: 0, 60: 4}, pod="a")
    scrapes.add("errors_total", {30: 0, 60: 6}, pod="a")
    assert count_by_pod(scrapes.step(), objective(RATIO), RATIO, CANDIDATE) == {"a": (4, 4)}


def test_each_pod_has_its_own_histogram() -> None:
    """What is surely above the threshold is bad."""
    scrapes = Scrapes()
    buckets(scrapes, {"0.5": 9, "+Inf": 10}, selector=LATENCY, pod="a")
    buckets(scrapes, {"0.5": 1, "+Inf": 10}, selector=LATENCY, pod="b")
    buckets(scrapes, {"0.5": 1, "+Inf": 30}, selector=LATENCY, pod="c", arm=STABLE)
    source = SlowerThan("seconds", 0.5)
    found = count_by_pod(scrapes.step(), objective(source, LATENCY_RULE), source, CANDIDATE)
    assert found == {"a": (10, 1), "b": (10, 9)}


@pytest.mark.parametrize("origin", [Origin.ROUTER, Origin.SHADOW, Origin.ELSEWHERE])
def test_others_than_the_pods_know_of_no_pods(origin: Origin) -> None:
    """A router, a shadow's proxy and any other program count for versions."""
    measured = objective(RATIO, origin=origin)
    assert count_by_pod(both_arms().step(), measured, RATIO, CANDIDATE) == {}


def test_a_level_has_no_pods_to_compare() -> None:
    """It is not compared with stable."""
    source = AboveLevel("queue", 5.0)
    assert count_by_pod(both_arms().step(), objective(source), source, CANDIDATE) == {}


def test_pods_reach_the_evidence() -> None:
    """A look adds the pods of both versions; without stable's there is nothing to compare."""
    evidence = both_arms().look(release(objective(RATIO)), 60).evidence["errors"]
    assert [(one.name, one.total, one.bad) for one in evidence.pods.candidate] == [(CANDIDATE, 20.0, 2.0)]
    assert [(one.name, one.total, one.bad) for one in evidence.pods.stable] == [(STABLE, 40.0, 1.0)]
    alone = both_arms().look(release(objective(RATIO, stable_source=None)), 60).evidence["errors"]
    assert alone.pods == NO_PODS
