"""One look: every kind of source, pods and router apart, segments, and signals that vanish."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from palier.evidence.counters import Bucket, Measurable, Series
from palier.evidence.objective import Counts, Evidence, MeanRule, ObjectiveRule, ScoreRule, observe
from palier.measuring.histograms import NO_SEGMENT
from palier.measuring.interval import LookInterval
from palier.measuring.look import MOST_SEGMENTS, OTHER_SEGMENTS, WatchedRelease, is_visible, look
from palier.measuring.questions import Question, histogram_question, questions
from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    Reading,
    RouterSeries,
    SlowerThan,
    Source,
)

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
        rows = self.answers.setdefault(Question(selector, router, proxy), {})
        rows.setdefault(series.target, []).append((arm, series))

    def up(self, *times: float, arm: str = CANDIDATE, pod: str = "") -> None:
        """A pod that was scraped at these times."""
        series = Series({"pod": pod or arm}, [(time, 1.0) for time in times])
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
        last_look=30.0,
        router=RouterSeries("cluster", "to-new", "to-old", namespaces=("gateways",)),
        router_last_look=30.0,
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


def test_several_counters_stand_for_their_sum() -> None:
    """Successes and failures that are counted apart are all requests together."""
    scrapes = Scrapes()
    scrapes.add("ok_total", {30: 0, 60: 90})
    scrapes.add("failed_total", {30: 0, 60: 10}, reason="a")
    scrapes.add("failed_total", {30: 5, 60: 6}, reason="b")
    source = CounterRatio(("failed_total",), ("ok_total", "failed_total"))

    counts = scrapes.step().counts(objective(source), source, CANDIDATE)

    assert (counts.total, getattr(counts, "bad", None)) == (101, 11)


def test_stable_may_have_other_series() -> None:
    """A stable that runs on another serving program is compared by its own counters."""
    scrapes = both_arms()
    scrapes.add("old_requests", {30: 0, 60: 500}, arm=STABLE)
    scrapes.add("old_errors", {30: 0, 60: 50}, arm=STABLE)
    other = CounterRatio(("old_errors",), ("old_requests",))
    measured = objective(RATIO, stable_source=other)

    assert totals(scrapes.look(release(measured), 60)) == (20, 2, 500, 50)
    assert {question.selector for question in questions(measured)} == {
        "requests_total",
        "errors_total",
        "old_requests",
        "old_errors",
    }


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


def test_a_gauge_is_judged_scrape_by_scrape_and_without_stable() -> None:
    """Its samples in the look are the events; values that are no numbers are none, and the edge is allowed."""
    scrapes = Scrapes()
    for arm in (CANDIDATE, STABLE):
        scrapes.up(30, 40, 50, 60, arm=arm)
        scrapes.add("queue", {30: 99, 40: 5, 50: 6, 55: math.nan, 60: 9}, arm=arm)
    rule = replace(RULE, compare_with_stable=False)

    assert totals(scrapes.look(release(objective(AboveLevel("queue", 5), rule)), 60)) == (3, 2, 0, 0)


def test_a_mean_counts_whole_events_and_scaled_amounts_through_a_restart() -> None:
    """An amount that falls began again at zero: the sum of a step is never negative."""
    scrapes = Scrapes()
    scrapes.up(30, 45, 60)
    scrapes.add("tokens_sum", {30: 800.5, 45: 900.5, 60: 50.25})
    scrapes.add("tokens_count", {30: 70, 45: 80, 60: 5})
    source = MeanOf("tokens_sum", ("tokens_count",), scale=0.001)
    measured = objective(source, MeanRule("tokens", maximum=1.0, alpha=0.01))

    counts = scrapes.step().counts(measured, source, CANDIDATE)

    assert (counts.total, getattr(counts, "amount", None)) == (15, pytest.approx(0.15025))
    assert scrapes.look(release(measured), 60).evidence["tokens"].release.total == 15


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

    found = scrapes.step().segments(measured, RATIO, CANDIDATE)

    assert {name: (one.total, one.bad) for name, one in found.items()} == {
        "eu": (10, 5),
        "us": (20, 0),
        NO_SEGMENT: (7, 0),
    }
    assert scrapes.step().segments(measured, RATIO, STABLE) == {}


def test_segments_of_a_histogram_have_their_own_buckets() -> None:
    """The counts above the threshold are told for each value of the label."""
    scrapes = Scrapes()
    buckets(scrapes, {"0.5": 9, "+Inf": 10}, selector=LATENCY, region="eu")
    buckets(scrapes, {"0.5": 1, "+Inf": 10}, selector=LATENCY, region="us")
    source = SlowerThan("seconds", 0.5)

    found = scrapes.step().segments(objective(source, LATENCY_RULE, segment_by="region"), source, CANDIDATE)

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


def test_a_histogram_is_judged_measurable_before_there_is_traffic() -> None:
    """Buckets at zero have edges, too; where pods differ, the worst one counts."""
    scrapes = Scrapes()
    scrapes.up(30, 60)
    buckets(scrapes, {"0.25": 0, "0.5": 0, "+Inf": 0}, selector=LATENCY)
    measured = objective(SlowerThan("seconds", 0.5), LATENCY_RULE)
    before = release(measured, traffic_since=None, last_look=None)

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


def test_a_signal_that_vanishes_while_its_pod_is_scraped_is_not_zero_requests() -> None:
    """The objective is missing until the counter is back, and then nothing has been lost."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 136, 15))
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20})
    watched = scrapes.look(release(objective(RATIO)), 45, 60, 75, 90, 105)

    assert watched.missing == {"errors": "signal requests_total of new vanished from a pod that is still scraped"}
    assert (watched.cannot_measure, watched.last_look, totals(watched)) == ("", 105, (10, 0, 0, 0))

    scrapes.answers.clear()
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20, 120: 50, 135: 60})
    watched = scrapes.look(watched, 135)

    assert (watched.missing, totals(watched)) == ({}, (50, 0, 0, 0))


def test_a_signal_that_vanished_long_ago_is_still_missing_and_begins_anew() -> None:
    """Where its old samples are too old to be read, the first step tells nothing: all it counted would come again."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 46, 15))
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20})
    watched = scrapes.look(release(objective(RATIO)), 45)
    later = Scrapes()
    later.up(*range(45, 106, 15))
    later.add("requests_total", {45: 20})
    watched = later.look(watched, 60, 75, 90, 105)
    for at in range(210, 301, 30):
        alone = Scrapes()
        alone.up(*range(at - 60, at + 1, 15))
        watched = alone.look(watched, at)

        assert "errors" in watched.missing
    back = Scrapes()
    back.up(*range(285, 346, 15))
    back.add("requests_total", {315: 5000, 330: 5010, 345: 5017})
    watched = back.look(watched, 330)

    assert (watched.missing, totals(watched)) == ({}, (10, 0, 0, 0))
    assert totals(back.look(watched, 345)) == (17, 0, 0, 0)


def test_a_vanished_signal_leaves_the_other_objectives_judged() -> None:
    """A histogram that is gone after a restart must not hide the errors that came with it."""
    scrapes = both_arms()
    scrapes.up(*range(75, 121, 15))
    buckets(scrapes, {"0.5": 3, "+Inf": 4}, selector=LATENCY)
    rows = scrapes.answers[Question("requests_total")][("", CANDIDATE, "", "")]
    rows[:] = [(CANDIDATE, Series({"pod": CANDIDATE}, [(time, float(time)) for time in range(15, 121, 15)]))]
    latency = objective(SlowerThan("seconds", 0.5), LATENCY_RULE)
    watched = scrapes.look(release(objective(RATIO), latency), 60, 75, 90, 105, 120)

    assert set(watched.missing) == {"p95"}
    assert (watched.cannot_measure, watched.last_look, totals(watched)[0]) == ("", 120, 90)


def test_a_shadow_proxy_that_is_scraped_no_more_is_no_evidence() -> None:
    """Its own target belongs to no revision: that the candidate's pods go on being scraped says nothing about it."""
    pairs = CounterRatio(("disagreements_total",), ("pairs_total",))
    shadowed = objective(pairs, origin=Origin.SHADOW, stable_source=None, about="digest")
    scrapes = Scrapes()
    scrapes.up(*range(30, 400, 10))
    for selector, rate in (("disagreements_total", 0), ("pairs_total", 10)):
        scrapes.add(selector, {time: time * rate for time in range(30, 91, 10)}, pod="shadow", proxy=True)

    seen = scrapes.look(release(shadowed, last_look=30.0), 60, 90)
    lost = scrapes.look(seen, 200, 300)

    assert seen.missing == {}
    assert seen.evidence["errors"].stage.total == 600
    assert "does Prometheus scrape it?" in lost.missing["errors"]
    assert lost.evidence["errors"].stage.total == 600


def test_labels_that_come_later_are_counted_from_their_own_time_on() -> None:
    """In the first while of a stage only what is known early would be counted, good or bad."""
    delayed = objective(RATIO, label_delay=60.0)
    scrapes = Scrapes()
    scrapes.up(*range(30, 200, 10))
    for selector, rate in (("errors_total", 0), ("requests_total", 10)):
        scrapes.add(selector, {time: time * rate for time in range(30, 191, 10)})

    early = scrapes.look(release(delayed, traffic_since=30.0, last_look=30.0), 60, 90)
    later = scrapes.look(early, 120, 150)

    assert early.evidence == {}
    assert later.evidence["errors"].stage.total == 600


def test_a_replaced_pod_is_no_pod_that_lost_its_signal() -> None:
    """Once the pod that had the signal is gone, its successor has had no requests yet."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 106, 15))
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20})
    watched = scrapes.look(release(objective(RATIO)), 45, 105)
    assert "errors" in watched.missing

    next_pod = Scrapes()
    next_pod.up(150, 165, 180, pod="next")

    assert next_pod.look(watched, 180).missing == {}


def test_a_signal_that_was_never_there_is_no_requests_yet() -> None:
    """Counters with labels are born with the first request."""
    scrapes = Scrapes()
    scrapes.up(15, 30, 45, 60)

    watched = scrapes.look(release(objective(RATIO)), 60)

    assert (watched.cannot_measure, watched.last_look, totals(watched)) == ("", 60, (0, 0, 0, 0))


def test_a_pod_that_is_gone_takes_its_signals_with_it() -> None:
    """Only targets that are still scraped can have lost a signal."""
    scrapes = Scrapes()
    scrapes.up(15, 30, 45, pod="gone")
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20}, pod="gone")
    scrapes.up(*range(45, 121, 15), pod="fresh")

    assert scrapes.look(release(objective(RATIO)), 45, 60, 75, 90, 105, 120).cannot_measure == ""


def test_errors_that_vanish_are_no_reason_to_be_blind() -> None:
    """A restarted process has no error counter until its next error."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 121, 15))
    scrapes.add("requests_total", {time: time for time in range(15, 121, 15)})
    scrapes.add("errors_total", {15: 0, 30: 1})

    assert scrapes.look(release(objective(RATIO)), 120).cannot_measure == ""


def test_stable_without_its_signal_is_not_compared_with() -> None:
    """What stable's counter does not tell any more is not taken for silence."""
    scrapes = both_arms()
    scrapes.up(*range(75, 121, 15), arm=STABLE)
    scrapes.up(*range(75, 121, 15))
    scrapes.add("requests_total", {105: 200, 120: 230})
    watched = scrapes.look(release(objective(RATIO), last_look=90.0), 120)

    assert totals(watched)[2:] == (0, 0)
    assert watched.cannot_measure == ""


def routed(*, candidate: Samples, stable: Samples) -> Scrapes:
    """What the proxies have counted."""
    scrapes = Scrapes()
    for arm, samples in ((CANDIDATE, candidate), (STABLE, stable)):
        scrapes.add("requests_total", samples, arm=arm, pod="proxy", router=True)
        scrapes.add(
            "errors_total", {time: value / 10 for time, value in samples.items()}, arm=arm, pod="proxy", router=True
        )
    return scrapes


AT_ROUTER = objective(RATIO, replace(RULE, name="routed"), origin=Origin.ROUTER)


def test_the_router_goes_on_speaking_of_pods_that_cannot_be_read() -> None:
    """Each side has its own pointer and its own reason."""
    scrapes = routed(candidate={30: 0, 45: 10, 60: 100}, stable={30: 0, 45: 10, 60: 200})
    watched = scrapes.look(release(AT_ROUTER, objective(RATIO)), 60)

    assert totals(watched, "routed") == (100, 10, 200, 20)
    assert (watched.router_last_look, watched.router_unseen) == (60, "")
    assert (watched.last_look, watched.cannot_measure) == (30, "no fresh samples from the pods of candidate new")
    assert "errors" not in watched.evidence


def test_pods_are_judged_while_the_router_is_silent() -> None:
    """A router without series of the candidate is unseen, and nothing else."""
    watched = both_arms().look(release(AT_ROUTER, objective(RATIO)), 60)

    assert totals(watched) == (20, 2, 40, 1)
    assert (watched.last_look, watched.cannot_measure) == (60, "")
    assert (watched.router_last_look, watched.router_unseen) == (
        30,
        "no counters of the router for candidate new from its proxies in gateways",
    )
    assert watched.router_unseen_since == 60
    assert "routed" not in watched.evidence


def test_a_router_that_is_not_scraped_any_more_is_unseen() -> None:
    """Old samples are not taken for silence at the backend."""
    watched = routed(candidate={15: 0}, stable={15: 0, 60: 50}).look(release(AT_ROUTER), 60)

    assert watched.router_unseen == "no fresh counters of the router for candidate new from its proxies in gateways"


def test_a_release_that_only_the_router_judges_does_not_need_its_pods_read() -> None:
    """Nothing is said of pods that no objective asks."""
    watched = routed(candidate={30: 0, 60: 10}, stable={30: 0, 60: 10}).look(release(AT_ROUTER), 60)

    assert (watched.cannot_measure, watched.router_unseen, watched.last_look) == ("", "", 60)


def test_a_counter_of_the_router_that_is_born_beside_stables_counts_from_zero() -> None:
    """The first request to a backend makes its series: it is counted."""
    scrapes = routed(candidate={45: 3, 60: 9}, stable={15: 0, 30: 10, 45: 20, 60: 30})

    assert totals(scrapes.look(release(AT_ROUTER), 60), "routed")[0] == 9


def test_before_there_is_traffic_the_router_need_not_have_counted() -> None:
    """Some routers make a backend's series with its first request."""
    watched = Scrapes().look(release(AT_ROUTER, traffic_since=None), 60)

    assert (watched.router_unseen, watched.cannot_measure) == ("", "")


def test_a_question_without_an_answer_blinds_its_own_side_only() -> None:
    """The reason is told, and the other side is measured."""
    scrapes = both_arms()
    asked: Sequence[Question] = questions(AT_ROUTER)
    watched = scrapes.look(release(AT_ROUTER, objective(RATIO)), 60, unanswered={asked[0]: "refused"})

    assert (watched.router_unseen, watched.cannot_measure) == ("refused", "")
    assert totals(watched)[0] == 20


def test_a_side_is_worth_a_longer_question_only_if_it_can_be_read_again() -> None:
    """A router that is read all along does not make blind pods visible, nor the other way round."""
    pods, router = both_arms(), routed(candidate={60: 1}, stable={60: 1})
    both, at = release(objective(RATIO), AT_ROUTER), {"at": 60.0, "staleness": STALENESS}
    refused = {Question("requests_total"): "a parse error"}

    assert is_visible(both, pods.answers, router=False, scraped=pods.scraped, **at)
    assert not is_visible(both, pods.answers, router=True, scraped=pods.scraped, **at)
    assert is_visible(both, router.answers, router=True, scraped={}, **at)
    assert not is_visible(both, router.answers, router=False, scraped={}, **at)
    assert not is_visible(both, routed(candidate={10: 1}, stable={60: 1}).answers, router=True, scraped={}, **at)
    assert not is_visible(both, pods.answers, router=False, scraped=pods.scraped, unanswered=refused, **at)


def values(*, absent: str = "", count: float = 30.0, amount: float = 300.0) -> Scrapes:
    """Two arms with so many values more in the look; one arm may lack what they sum up to."""
    scrapes = Scrapes()
    for arm in (CANDIDATE, STABLE):
        scrapes.up(15, 30, 45, 60, arm=arm)
        scrapes.add("values_count", {15: 50, 30: 50, 45: 50, 60: 50 + count}, arm=arm)
        if arm != absent:
            scrapes.add("values_sum", {15: 500, 30: 500, 45: 500, 60: 500 + amount}, arm=arm)
    return scrapes


@pytest.mark.parametrize(
    "rule", [MeanRule("values", maximum=20.0, alpha=0.01), ScoreRule("values", least=0.5, alpha=0.01)]
)
def test_values_whose_sum_is_not_read_are_no_zeros(rule: MeanRule | ScoreRule) -> None:
    """A counter of sums that is not there makes the objective missing; in stable it leaves nothing to compare with."""
    source = MeanOf("values_sum", ("values_count",), scale=0.01)
    watched = values(absent=CANDIDATE).look(release(objective(source, rule)), 60)

    assert watched.missing == {"values": "values_sum was not read from new while values_count rose by 30"}
    assert (watched.evidence, watched.last_look) == ({}, 60)

    alone = values(absent=STABLE).look(release(objective(source, rule)), 60)
    assert (alone.missing, totals(alone, "values")) == ({}, (30, 0, 0, 0))


def test_a_sum_that_is_read_again_is_counted_from_where_its_count_is() -> None:
    """Its first step back would add what belongs to values of the steps that were left out."""
    scrapes = values()
    source = MeanOf("values_sum", ("values_count",))
    rule = MeanRule("values", maximum=1000.0, alpha=0.01)
    scrapes.up(75, 90)
    for question, rises in (("values_count", {60: 60, 75: 70, 90: 80}), ("values_sum", {75: 700, 90: 800})):
        [(_, one), *_] = scrapes.answers[Question(question)][("", CANDIDATE, "", "")]
        kept = {time: value for time, value in one.samples if time < 60} | rises
        scrapes.answers[Question(question)][("", CANDIDATE, "", "")] = [
            (CANDIDATE, Series(one.labels, sorted(kept.items())))
        ]
    watched = scrapes.look(release(objective(source, rule)), 45, 60)
    assert "values" in watched.missing

    watched = scrapes.look(watched, 75)
    assert "values" in watched.missing
    watched = scrapes.look(watched, 90)
    tally = watched.evidence["values"].release
    assert (watched.missing, tally.total, tally.amount) == ({}, 10, 100)


@pytest.mark.parametrize(
    ("question", "value", "told"),
    [
        ("requests_total", -50.0, "requests_total of new was -50, which no counter can be"),
        ("requests_total", 1e300, "requests_total of new was 1e+300, which no counter can be"),
        ("errors_total", -1.0, "errors_total of new was -1, which no counter can be"),
        (LATENCY, -3.0, "seconds of new was -3, which no counter can be"),
    ],
)
def test_what_cannot_be_a_counter_is_not_counted(question: str, value: float, told: str) -> None:
    """A gauge taken for a counter makes its own objective missing and no other."""
    scrapes = both_arms()
    for arm in (CANDIDATE, STABLE):
        buckets(scrapes, {"0.5": 3, "+Inf": 4}, selector=LATENCY, pod=arm, arm=arm)
    [(_, one), *others] = scrapes.answers[Question(question)][("", CANDIDATE, "", "")]
    odd = Series(one.labels, [*one.samples[:-1], (60, value)])
    scrapes.answers[Question(question)][("", CANDIDATE, "", "")] = [(CANDIDATE, odd), *others]
    latency = objective(SlowerThan("seconds", 0.5), LATENCY_RULE)
    watched = scrapes.look(release(objective(RATIO), latency), 60)

    (name,) = watched.missing
    assert watched.missing[name] == told
    assert set(watched.evidence) == {"errors", "p95"} - {name}
    assert watched.last_look == 60


def test_a_stable_that_cannot_be_a_counter_is_not_compared_with() -> None:
    """The candidate is judged by the promise alone."""
    scrapes = both_arms()
    scrapes.add("requests_total", {30: -4, 60: -5}, arm=STABLE, code="odd")

    assert totals(scrapes.look(release(objective(RATIO)), 60)) == (20, 2, 0, 0)


def test_sums_in_nanoseconds_are_no_counts() -> None:
    """What is summed up may be more than can be counted one by one; what is no number any more may not."""
    source, rule = MeanOf("values_sum", ("values_count",)), MeanRule("values", maximum=1e18, alpha=0.01)

    assert values(amount=1e17).look(release(objective(source, rule)), 60).missing == {}
    assert "values" in values(amount=1e200).look(release(objective(source, rule)), 60).missing


def test_counts_that_add_up_to_more_than_a_float_can_count_are_missing() -> None:
    """Each of the series is possible, their sum is not."""
    scrapes = both_arms()
    for code in ("a", "b"):
        scrapes.add("requests_total", {30: 0, 60: 2.0**53}, code=code)

    assert "cannot be a count" in scrapes.look(release(objective(RATIO)), 60).missing["errors"]


def relative_after(looks: int, stable_edges: Mapping[str, int]) -> float:
    """The bet on "the candidate is worse" after so many looks in which both arms are equally fast."""
    scrapes = Scrapes()
    for arm, rises in ((CANDIDATE, {"0.25": 970, "0.5": 990, "+Inf": 1000}), (STABLE, stable_edges)):
        scrapes.up(*range(15, 30 * looks + 31, 15), arm=arm)
        for edge, rise in rises.items():
            scrapes.add(LATENCY, {30 * n: rise * n for n in range(looks + 2)}, arm=arm, le=edge)
    watched = release(objective(SlowerThan("seconds", 0.25), LATENCY_RULE))
    after = scrapes.look(watched, *(30.0 * n for n in range(2, looks + 2)))
    return max(after.evidence["p95"].relative.logs)


def test_a_stable_with_coarser_edges_is_not_taken_for_faster() -> None:
    """What stable's histogram cannot tell from slow is held for slow when the candidate's can tell."""
    assert relative_after(20, {"0.1": 900, "0.5": 990, "+Inf": 1000}) <= 0
    assert relative_after(20, {"0.1": 900, "0.25": 990, "+Inf": 1000}) > 3


def test_evidence_about_something_else_is_dropped() -> None:
    """An objective that has been changed begins anew; one that has not goes on."""
    scrapes, limit = both_arms(), replace(RULE, limit=0.2)
    before = scrapes.look(release(objective(RATIO)), 45)
    watched = scrapes.look(replace(before, objectives=(objective(RATIO, limit),)), 60)

    assert totals(scrapes.look(before, 60))[0] == 20
    assert totals(watched)[0] == 15
    assert watched.evidence["errors"].of == objective(RATIO, limit).digest


def test_a_stable_without_such_series_is_not_asked_for_and_not_compared_with() -> None:
    """The other serving program has nothing of the kind."""
    measured = MeasuredObjective(RULE, RATIO, None)

    assert [question.selector for question in questions(measured)] == ["errors_total", "requests_total"]
    assert totals(both_arms().look(release(measured), 60)) == (20, 2, 0, 0)


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
    assert given[OTHER_SEGMENTS][0] == Counts(sum(1000 - number for number in range(200, 300)), 7, 7)


def test_errors_without_the_label_belong_to_requests_without_it() -> None:
    """An error whose segment has counted no request is not lost, and never more than there are requests."""
    scrapes = Scrapes()
    scrapes.add("requests_total", {30: 0, 60: 10})
    scrapes.add("requests_total", {30: 0, 60: 5}, region="eu")
    scrapes.add("errors_total", {30: 0, 60: 4}, region="us")
    scrapes.add("errors_total", {30: 0, 60: 9}, region="eu")
    scrapes.up(30, 45, 60)

    found = scrapes.step().segments(objective(RATIO, segment_by="region"), RATIO, CANDIDATE)

    assert {name: (one.total, one.bad) for name, one in found.items()} == {
        NO_SEGMENT: (10, 4),
        "eu": (5, 5),
        "us": (0, 0),
    }


def test_a_pod_that_two_jobs_scrape_is_counted_once() -> None:
    """The second job tells the same events again."""
    scrapes = Scrapes()
    for job, shift in (("service", 2.0), ("pods", 0.0)):
        labels = {"job": job, "instance": "10.0.0.1:80", "pod": CANDIDATE}
        times = [time + shift for time in (15, 30, 45, 58)]
        scrapes.scraped[("", CANDIDATE, job, "10.0.0.1:80")] = [
            (CANDIDATE, Series(labels, [(time, 1.0) for time in times]))
        ]
        scrapes.add_series("requests_total", Series(labels, [(time, 10 * rank) for rank, time in enumerate(times)]))
        scrapes.add_series("queue", Series(labels, [(time, 9.0) for time in times]))
    watched = scrapes.look(release(objective(RATIO)), 60)

    assert totals(watched)[0] == 20
    assert scrapes.step().counts(objective(AboveLevel("queue", 5)), AboveLevel("queue", 5), CANDIDATE).total == 2
