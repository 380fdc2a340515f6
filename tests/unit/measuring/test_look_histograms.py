"""Looks at histograms: both kinds of them, their edges, and what can be told from those."""

from collections.abc import Mapping

from palier.evidence.counters import Bucket, Measurable, Series
from palier.evidence.objective import Evidence
from palier.evidence.pods import NO_PODS
from palier.measuring.coverage import Coverage
from palier.measuring.questions import histogram_question
from palier.measuring.sources import Reading, SlowerThan
from tests.support.measuring.scrapes import (
    CANDIDATE,
    LATENCY,
    LATENCY_RULE,
    STABLE,
    Scrapes,
    buckets,
    objective,
    release,
)


def test_a_histogram_is_asked_for_by_one_question() -> None:
    """Both kinds of histogram are named, and the selector's own labels stay."""
    assert histogram_question("seconds") == '{__name__=~"seconds|seconds_bucket"}'
    assert histogram_question('a:seconds{path="/v1", }') == '{__name__=~"a:seconds|a:seconds_bucket",path="/v1"}'


def test_classic_and_native_pods_add_up_and_classic_wins_in_a_pod_with_both() -> None:
    """While a serving program exports both kinds, each of its observations is counted once."""
    scrapes = Scrapes()
    filled = [
        (time, count, (Bucket(0.5, 1.0, left_open=True, events=count),)) for time, count in ((30, 0.0), (60, 9.0))
    ]
    buckets(scrapes, {"0.5": 3, "+Inf": 4}, selector=LATENCY, pod="both")
    scrapes.add_series(LATENCY, Series.from_histograms({"pod": "both"}, filled))
    scrapes.add_series(LATENCY, Series.from_histograms({"pod": "native"}, filled))
    source = SlowerThan("seconds", 0.5)

    counts = scrapes.step().counts(objective(source, LATENCY_RULE), source, CANDIDATE)

    assert (counts.total, getattr(counts, "bad", None)) == (13, 10)


def test_a_histogram_is_judged_measurable_before_there_is_traffic() -> None:
    """Buckets at zero have edges, too; where pods differ, the worst one counts."""
    scrapes = Scrapes()
    scrapes.up(30, 60)
    buckets(scrapes, {"0.25": 0, "0.5": 0, "+Inf": 0}, selector=LATENCY)
    measured = objective(SlowerThan("seconds", 0.5), LATENCY_RULE)
    before = release(measured, traffic_since=None, pods_read=Coverage(None))

    assert scrapes.look(before, 60).readings == {"p95": Reading(Measurable.EXACT, 0.5, 0.5)}

    scrapes.up(30, 60, pod="other")
    buckets(scrapes, {"0.25": 0, "1": 0, "+Inf": 0}, selector=LATENCY, pod="other")

    assert scrapes.look(before, 60).readings == {"p95": Reading(Measurable.BRACKETED, 0.25, 1.0)}
    assert scrapes.look(release(measured), 60).readings == {"p95": Reading(Measurable.BRACKETED, 0.25, 1.0)}


def test_a_histogram_that_has_not_been_read_has_no_reading() -> None:
    """Nothing known is not the same as unavailable."""
    scrapes = Scrapes()
    scrapes.up(30, 60)

    assert scrapes.look(release(objective(SlowerThan("seconds", 0.5), LATENCY_RULE)), 60).readings == {}


def compare_latency(looks: int, stable_edges: Mapping[str, int]) -> Evidence:
    """The evidence after so many looks in which both arms are equally fast."""
    scrapes = Scrapes()
    for arm, rises in ((CANDIDATE, {"0.25": 970, "0.5": 990, "+Inf": 1000}), (STABLE, stable_edges)):
        scrapes.up(*range(15, 30 * looks + 31, 15), arm=arm)
        for edge, rise in rises.items():
            scrapes.add(LATENCY, {30 * n: rise * n for n in range(looks + 2)}, arm=arm, le=edge)
    watched = release(objective(SlowerThan("seconds", 0.25), LATENCY_RULE))
    after = scrapes.look(watched, *(30.0 * n for n in range(2, looks + 2)))
    return after.evidence["p95"]


def test_a_stable_with_coarser_edges_is_not_taken_for_faster() -> None:
    """What stable's histogram cannot tell from slow is held for slow when the candidate's can tell."""
    coarser = compare_latency(20, {"0.1": 900, "0.5": 990, "+Inf": 1000})
    same = compare_latency(20, {"0.1": 900, "0.25": 990, "+Inf": 1000})
    assert max(coarser.relative.logs) <= 0
    assert max(same.relative.logs) > 3
    assert (coarser.pods == NO_PODS, len(same.pods.candidate), len(same.pods.stable)) == (True, 1, 1)
