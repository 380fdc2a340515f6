"""Looks at signals that vanish: what is not told any more is missing, and is not taken for silence."""

from palier.evidence.counters import Series
from palier.measuring.coverage import Coverage
from palier.measuring.questions import Question
from palier.measuring.sources import CounterRatio, Origin, SlowerThan
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
    totals,
)


def test_a_signal_that_vanishes_while_its_pod_is_scraped_is_not_zero_requests() -> None:
    """The objective is missing until the counter is back, and then nothing has been lost."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 136, 15))
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20})
    watched = scrapes.look(release(objective(RATIO)), 45, 60, 75, 90, 105)

    assert watched.missing == {"errors": "signal requests_total of new vanished from a pod that is still scraped"}
    assert (watched.pods_read.unseen, watched.pods_read.until, totals(watched)) == ("", 105, (10, 0, 0, 0))

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
    assert (watched.pods_read.unseen, watched.pods_read.until, totals(watched)[0]) == ("", 120, 90)


def test_a_shadow_proxy_that_is_scraped_no_more_is_no_evidence() -> None:
    """Its own target belongs to no revision: that the candidate's pods go on being scraped says nothing about it."""
    pairs = CounterRatio(("disagreements_total",), ("pairs_total",))
    shadowed = objective(pairs, origin=Origin.SHADOW, stable_source=None, about="digest")
    scrapes = Scrapes()
    scrapes.up(*range(30, 400, 10))
    for selector, rate in (("disagreements_total", 0), ("pairs_total", 10)):
        scrapes.add(selector, {time: time * rate for time in range(30, 91, 10)}, pod="shadow", proxy=True)

    seen = scrapes.look(release(shadowed, pods_read=Coverage(30.0)), 60, 90)
    lost = scrapes.look(seen, 200, 300)

    assert seen.missing == {}
    assert seen.evidence["errors"].stage.total == 600
    assert "does Prometheus scrape it?" in lost.missing["errors"]
    assert lost.evidence["errors"].stage.total == 600


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

    assert (watched.pods_read.unseen, watched.pods_read.until, totals(watched)) == ("", 60, (0, 0, 0, 0))


def test_a_pod_that_is_gone_takes_its_signals_with_it() -> None:
    """Only targets that are still scraped can have lost a signal."""
    scrapes = Scrapes()
    scrapes.up(15, 30, 45, pod="gone")
    scrapes.add("requests_total", {15: 0, 30: 10, 45: 20}, pod="gone")
    scrapes.up(*range(45, 121, 15), pod="fresh")

    assert scrapes.look(release(objective(RATIO)), 45, 60, 75, 90, 105, 120).pods_read.unseen == ""


def test_errors_that_vanish_are_no_reason_to_be_blind() -> None:
    """A restarted process has no error counter until its next error."""
    scrapes = Scrapes()
    scrapes.up(*range(15, 121, 15))
    scrapes.add("requests_total", {time: time for time in range(15, 121, 15)})
    scrapes.add("errors_total", {15: 0, 30: 1})

    assert scrapes.look(release(objective(RATIO)), 120).pods_read.unseen == ""


def test_stable_without_its_signal_is_not_compared_with() -> None:
    """What stable's counter does not tell any more is not taken for silence."""
    scrapes = both_arms()
    scrapes.up(*range(75, 121, 15), arm=STABLE)
    scrapes.up(*range(75, 121, 15))
    scrapes.add("requests_total", {105: 200, 120: 230})
    watched = scrapes.look(release(objective(RATIO), pods_read=Coverage(90.0)), 120)

    assert totals(watched)[2:] == (0, 0)
    assert watched.pods_read.unseen == ""
