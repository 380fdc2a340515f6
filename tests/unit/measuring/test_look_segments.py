"""Looks at segments: groups of users are counted apart, and there is a bound to how many."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest import mock

from palier.evidence.objective import Counts, Evidence, observe
from palier.evidence.segments import OTHER, UNLABELLED
from palier.measuring.segments import MOST_SEGMENTS, count_segments
from palier.measuring.sources import SlowerThan
from tests.support.measuring.scrapes import (
    CANDIDATE,
    LATENCY,
    LATENCY_RULE,
    RATIO,
    RULE,
    STABLE,
    Scrapes,
    buckets,
    objective,
    release,
)


def test_segments_are_counted_apart_and_for_both_arms() -> None:
    """Series without the label, and with an empty one, are one segment of their own."""
    scrapes = Scrapes()
    scrapes.add("requests_total", {30: 0, 60: 10}, region="eu")
    scrapes.add("requests_total", {30: 0, 60: 20}, region="us")
    scrapes.add("requests_total", {30: 0, 60: 3})
    scrapes.add("requests_total", {30: 0, 60: 4}, region="", code="500")
    scrapes.add("errors_total", {45: 2, 60: 5}, region="eu")
    scrapes.up(30, 45, 60)
    measured = objective(RATIO, segment_by="region")

    found = count_segments(scrapes.step(), measured, RATIO, CANDIDATE)

    assert {name: (one.total, one.bad) for name, one in found.items()} == {
        "eu": (10, 5),
        "us": (20, 0),
        UNLABELLED: (7, 0),
    }
    assert count_segments(scrapes.step(), measured, RATIO, STABLE) == {}


def test_segments_of_a_histogram_have_their_own_buckets() -> None:
    """The counts above the threshold are told for each value of the label."""
    scrapes = Scrapes()
    buckets(scrapes, {"0.5": 9, "+Inf": 10}, selector=LATENCY, region="eu")
    buckets(scrapes, {"0.5": 1, "+Inf": 10}, selector=LATENCY, region="us")
    source = SlowerThan("seconds", 0.5)

    found = count_segments(scrapes.step(), objective(source, LATENCY_RULE, segment_by="region"), source, CANDIDATE)

    assert {name: (one.total, one.bad) for name, one in found.items()} == {"eu": (10, 1), "us": (10, 9)}


def test_segments_reach_the_evidence() -> None:
    """A release whose objective has segments remembers each of them."""
    scrapes = Scrapes()
    for arm in (CANDIDATE, STABLE):
        scrapes.up(30, 45, 60, arm=arm)
        for region in ("eu", "us"):
            scrapes.add("requests_total", {30: 0, 45: 1, 60: 30}, arm=arm, region=region)
            scrapes.add("errors_total", {30: 0, 45: 0, 60: 3}, arm=arm, region=region)
    measured = objective(RATIO, replace(RULE, segmented=True), segment_by="region")

    told = scrapes.look(release(measured), 60).evidence["errors"].to_status()["segments"]

    assert {segment["name"]: segment["total"] for segment in told} == {"eu": 30, "us": 30}


def test_very_many_segments_are_bounded() -> None:
    """The largest are told apart; all others are one."""
    scrapes = Scrapes()
    for number in range(300):
        scrapes.add("requests_total", {30: 0, 60: 1000 - number}, user=str(number))
    scrapes.add("errors_total", {30: 0, 60: 7}, user="299")
    scrapes.up(30, 45, 60)
    measured = objective(RATIO, replace(RULE, segmented=True), segment_by="user")
    given: dict[str, tuple[Counts, Counts]] = {}

    def observing(*arguments: Any, segments: Mapping[str, tuple[Counts, Counts]], **named: Any) -> Evidence:  # noqa: ANN401
        given.update(segments)
        return observe(*arguments, segments=segments, **named)

    with mock.patch("palier.measuring.look.observe", observing):
        scrapes.look(release(measured), 60)

    assert len(given) == MOST_SEGMENTS + 1
    assert str(MOST_SEGMENTS - 1) in given
    assert str(MOST_SEGMENTS) not in given
    assert given[OTHER][0] == Counts(sum(1000 - number for number in range(200, 300)), 7, 7)


def test_errors_without_the_label_belong_to_requests_without_it() -> None:
    """An error whose segment has counted no request is not lost, and never more than there are requests."""
    scrapes = Scrapes()
    scrapes.add("requests_total", {30: 0, 60: 10})
    scrapes.add("requests_total", {30: 0, 60: 5}, region="eu")
    scrapes.add("errors_total", {30: 0, 60: 4}, region="us")
    scrapes.add("errors_total", {30: 0, 60: 9}, region="eu")
    scrapes.up(30, 45, 60)

    found = count_segments(scrapes.step(), objective(RATIO, segment_by="region"), RATIO, CANDIDATE)

    assert {name: (one.total, one.bad) for name, one in found.items()} == {
        UNLABELLED: (10, 4),
        "eu": (5, 5),
        "us": (0, 0),
    }
