"""How fast a candidate answers counts when its caches are warm; everything else counts at once."""

from dataclasses import replace

import pytest

from palier.evidence.objective import Amounts, Counts, MeanRule, Rule, begin_warm_up
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import histogram_question
from palier.measuring.sources import SlowerThan
from palier.measuring.warm_up import NO_WARM_UP, WarmUp, choose_warm_up, is_steady
from tests.support.evidence.objectives import LATENCY, arm
from tests.support.measuring.scrapes import CANDIDATE, RATIO, STABLE, Scrapes, objective, release, totals

HOUR = 3600.0
TIMES = objective(SlowerThan("seconds", 0.25), LATENCY, warms_up=True)
ERRORS = objective(RATIO)
SECONDS = histogram_question("seconds")
SEEN_FROM, TRAFFIC = 0.0, 10.0


@pytest.mark.parametrize(
    ("written", "minimum", "maximum", "chosen"),
    [
        (None, 60.0, HOUR, WarmUp(30.0, 240.0)),
        (None, HOUR, HOUR, WarmUp(60.0, 240.0)),
        (None, 600.0, 7200.0, WarmUp(60.0, 240.0)),
        (None, 2.0, 600.0, WarmUp(1.0, 8.0)),
        (None, 60.0, 90.0, WarmUp(30.0, 45.0)),
        (None, 0.0, HOUR, NO_WARM_UP),
        (0.0, HOUR, HOUR, NO_WARM_UP),
        (600.0, 60.0, HOUR, WarmUp(600.0, 600.0)),
    ],
)
def test_a_warm_up_fits_its_stage(written: float | None, minimum: float, maximum: float, chosen: WarmUp) -> None:
    """What is written holds as it is; what is left out follows the times of the stage, and always ends."""
    assert choose_warm_up(written, minimum=minimum, maximum=maximum) == chosen


@pytest.mark.parametrize(
    ("start", "end", "is_steady", "over"),
    [
        (100, 130, True, None),
        (130, 160, True, 160),
        (130, 160, False, None),
        (310, 340, False, None),
        (340, 370, False, 340),
        (320, 900, False, None),
    ],
)
def test_a_warm_up_ends_with_a_look_that_is_not_slow_or_by_the_clock(
    start: float, end: float, is_steady: bool, over: float | None
) -> None:
    """A look that ends it is left out itself, and one that began before the last moment is left out, too."""
    assert WarmUp(60.0, 240.0).find_end(start, end, begun=100.0, is_steady=is_steady) == over


@pytest.mark.parametrize(
    ("candidate", "stable", "steady"),
    [
        (arm(300, 10), arm(2700, 90), True),
        (arm(300, 14), arm(2700, 90), True),
        (arm(300, 37), arm(2700, 90), False),
        (arm(300, 12), arm(2700, 3), False),
        (arm(300, 0), arm(2700, 0), True),
        (arm(300, 18), arm(2700, 2700), True),
        (arm(300, 20), arm(2700, 2700), False),
        (arm(300, 18), None, True),
        (arm(300, 20), None, False),
        (arm(9, 0), arm(81, 0), False),
        (arm(10, 0), arm(90, 0), True),
    ],
)
def test_a_candidate_is_steady_when_it_is_as_fast_as_promised_and_as_stable(
    candidate: Counts, stable: Counts | None, steady: bool
) -> None:
    """Chance is allowed for, and a handful of requests shows nothing."""
    assert is_steady(candidate, stable, LATENCY) is steady


@pytest.mark.parametrize(("seconds", "stable", "steady"), [(9.0, 0.1, True), (21.0, 0.3, False), (12.0, 0.1, False)])
def test_a_mean_time_is_steady_likewise(seconds: float, stable: float, steady: bool) -> None:
    """Neither above its maximum nor above what stable's mean allows."""
    rule: Rule = MeanRule(name="wait", maximum=0.2, alpha=0.01, unit="s")

    assert is_steady(Amounts(100, seconds), Amounts(1000, 1000 * stable), rule) is steady


def cold_for(seconds: float) -> Scrapes:
    """Ten requests a second to each arm, half of the candidate's slow at first, and a hundredth of its failed."""
    scrapes, times = Scrapes(), range(0, 601, 10)
    for of, half_slow_until in ((CANDIDATE, TRAFFIC + seconds), (STABLE, 0.0)):
        scrapes.up(*times, arm=of)
        scrapes.add("requests_total", {time: 10 * time for time in times}, arm=of)
        scrapes.add("errors_total", {time: 0.1 * time for time in times}, arm=of)
        fast: dict[float, float] = {time: 10 * time - 5 * min(time, half_slow_until) for time in times}
        scrapes.add(SECONDS, fast, arm=of, le="0.25")
        scrapes.add(SECONDS, {time: 10 * time for time in times}, arm=of, le="+Inf")
    return scrapes


def watched(warm_up: WarmUp, **changes: object) -> WatchedRelease:
    """A release whose errors and times are judged, with traffic since the tenth second."""
    return release(ERRORS, TIMES, traffic_since=TRAFFIC, pods_read=Coverage(SEEN_FROM), warm_up=warm_up, **changes)


def test_slow_answers_of_a_cold_cache_do_not_count_and_failures_do() -> None:
    """The looks before the candidate was warm have left no trace in what times are judged by."""
    looked = cold_for(100.0).look(watched(WarmUp(30.0, 240.0)), *range(30, 601, 30))

    assert looked.evidence["latency"].warm_since == 150
    assert totals(looked, "latency")[:2] == (4500, 0)
    assert totals(looked, "errors")[0] == 6000


def test_a_candidate_that_stays_slow_is_counted_from_the_last_moment_on() -> None:
    """The first look that begins after it counts."""
    looked = cold_for(1000.0).look(watched(WarmUp(30.0, 240.0)), *range(30, 601, 30))

    assert looked.evidence["latency"].warm_since == 270
    assert totals(looked, "latency")[:2] == (3300, 1650)


def test_looks_that_are_made_later_find_the_same() -> None:
    """What was missed is computed again, look by look."""
    scrapes, before = cold_for(100.0), watched(WarmUp(30.0, 240.0))
    at_once = scrapes.look(before, *range(30, 601, 30))
    by_and_by = before
    for instant in range(30, 601, 30):
        by_and_by = scrapes.look(by_and_by, instant)

    assert by_and_by.evidence == at_once.evidence


def test_without_a_warm_up_everything_counts() -> None:
    """`0s` is none."""
    assert totals(cold_for(100.0).look(watched(NO_WARM_UP), *range(30, 601, 30)), "latency")[:2] == (6000, 550)


def test_another_stage_is_another_warm_up() -> None:
    """Its pods may be new ones; what was counted before stays."""
    scrapes = cold_for(100.0)
    first = scrapes.look(watched(WarmUp(30.0, 240.0)), *range(30, 301, 30))
    counted = totals(first, "latency")[0]
    begun = {name: begin_warm_up(one) for name, one in first.evidence.items()}
    second = scrapes.look(replace(first, traffic_since=295.0, evidence=begun), 330, 360)

    assert second.evidence["latency"].warm_since == 330
    assert totals(second, "latency")[0] == counted + 300
