"""One look: what every kind of source counts for each revision, and which evidence goes on."""

import math
from dataclasses import replace

import pytest

from palier.evidence.counters import Series
from palier.evidence.objective import MeanRule
from palier.evidence.spells import Spells
from palier.measuring.coverage import Coverage
from palier.measuring.questions import questions
from palier.measuring.sources import AboveLevel, CounterRatio, MeanOf, MeasuredObjective
from tests.support.measuring.scrapes import (
    CANDIDATE,
    RATIO,
    RULE,
    STABLE,
    Scrapes,
    both_arms,
    objective,
    release,
    totals,
)


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


def test_a_gauge_is_judged_scrape_by_scrape_and_without_stable() -> None:
    """Its samples in the look are the events; values that are no numbers are none, and the edge is allowed."""
    scrapes = Scrapes()
    for arm in (CANDIDATE, STABLE):
        scrapes.up(30, 40, 50, 60, arm=arm)
        scrapes.add("queue", {30: 99, 40: 5, 50: 6, 55: math.nan, 60: 9}, arm=arm)
    rule = replace(RULE, compare_with_stable=False)

    assert totals(scrapes.look(release(objective(AboveLevel("queue", 5), rule)), 60)) == (3, 2, 0, 0)


def test_a_level_goes_from_look_to_look_in_spells() -> None:
    """Each look is high or low, and how long the looks are is told, too."""
    scrapes = Scrapes()
    scrapes.up(*range(30, 151, 15))
    scrapes.add("queue", {time: 9 if 60 < time <= 120 else 1 for time in range(30, 151, 15)})
    rule = replace(RULE, compare_with_stable=False, in_spells=True)
    watched = scrapes.look(release(objective(AboveLevel("queue", 5), rule)), 60, 90, 120, 150)

    assert watched.evidence["errors"].spells == Spells(begun=1, held=1, ended=1, seconds=90.0, looks=4)


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


def test_labels_that_come_later_are_counted_from_their_own_time_on() -> None:
    """In the first while of a stage only what is known early would be counted, good or bad."""
    delayed = objective(RATIO, label_delay=60.0)
    scrapes = Scrapes()
    scrapes.up(*range(30, 200, 10))
    for selector, rate in (("errors_total", 0), ("requests_total", 10)):
        scrapes.add(selector, {time: time * rate for time in range(30, 191, 10)})

    early = scrapes.look(release(delayed, traffic_since=30.0, pods_read=Coverage(30.0)), 60, 90)
    later = scrapes.look(early, 120, 150)

    assert early.evidence == {}
    assert later.evidence["errors"].stage.total == 600


def test_a_counter_that_is_born_in_one_pod_counts_although_another_pod_has_the_same_scrapes() -> None:
    """What is found once for all series that have the same times holds for no series with other times."""
    scrapes = Scrapes()
    for pod in ("a", "b"):
        scrapes.up(30, 45, 60, pod=pod)
        scrapes.add("requests_total", {30: 0, 45: 10, 60: 100}, pod=pod)
        scrapes.add("errors_total", {30: 0, 45: 1, 60: 2}, pod=pod, code="500")
    scrapes.add("errors_total", {45: 3, 60: 5}, pod="b", code="503")
    watched = scrapes.look(release(objective(RATIO)), 60)

    assert totals(watched)[:2] == (200, 9)


def test_a_look_that_was_made_before_is_not_made_again() -> None:
    """Nothing counts twice, and what was read stays read."""
    scrapes = Scrapes()
    scrapes.up(30, 45, 60, 75)
    scrapes.add("requests_total", {30: 0, 45: 10, 60: 30, 75: 60})
    scrapes.add("errors_total", {30: 0, 45: 1, 60: 2, 75: 3})
    once = scrapes.look(release(objective(RATIO)), 60)

    assert scrapes.look(once, 45, 60) == once
    assert totals(scrapes.look(once, 45, 75)) == totals(scrapes.look(once, 75))


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
