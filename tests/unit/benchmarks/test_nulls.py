"""The benchmark of worlds in which the assumptions fail: it reports what happened, and forgets no row."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.nulls.amounts import Means, play_means
from benchmarks.nulls.command import run_nulls
from benchmarks.nulls.gauges import Gauges, play_gauges
from benchmarks.nulls.goals import goals
from benchmarks.nulls.groups import Groups, play_groups
from benchmarks.nulls.numbers import summary
from benchmarks.nulls.play import describe, find_stop, play, play_rows
from benchmarks.nulls.result import Result
from benchmarks.nulls.rows import ROW_BY_KEY, ROWS, Aim, Row, case
from palier.simulate.outcome import Outcome
from palier.simulate.traffic import Traffic

WORSE = Row("", "section", "worse", case(error_delta=0.1), Aim.FOUND)
EQUAL = Row("", "section", "equal", case(), independent=True)


def test_rows_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    """With the option and the rows that there are."""
    with pytest.raises(ValueError, match=r"^only: no row begins with 'nonsense'; they are aa-100-5"):
        run_nulls(quick=True, scale=1, jobs=1, seed=1, out=tmp_path, only="nonsense")


def test_every_row_has_its_own_key_and_title() -> None:
    """Otherwise one would be reported under the name of another."""
    assert len(ROW_BY_KEY) == len(ROWS) == len({(row.section, row.title) for row in ROWS})


def test_results_do_not_depend_on_the_processes() -> None:
    """Only seed and run decide."""
    runs = {"dead-100-30-15": 26, "gauge-0.05-3": 30}
    alone = play_rows(runs, seed=1, jobs=1)
    assert alone == play_rows(runs, seed=1, jobs=2)
    assert [len(results) for results in alone.values()] == [26, 30]
    assert play(ROW_BY_KEY["gauge-0.05-10"], seed=1, runs=range(9)) != play(
        ROW_BY_KEY["gauge-0.05-10"], seed=2, runs=range(9)
    )


@pytest.mark.parametrize(
    ("weights", "stopped"),
    [
        (((0.0, 10),), math.inf),
        (((0.0, 10), (60.0, 1)), 60.0),
        (((0.0, 10), (60.0, 1), (300.0, 10)), math.inf),
        (((0.0, 10), (60.0, 1), (300.0, 10), (600.0, 1), (900.0, 1)), 600.0),
    ],
)
def test_a_candidate_is_stopped_when_it_has_hardly_any_traffic_for_good(
    weights: tuple[tuple[float, int], ...], stopped: float
) -> None:
    """A step down that is taken back has not stopped it."""
    assert find_stop(weights) == stopped


def test_harm_ends_with_the_step_that_stops_the_candidate() -> None:
    """Failures are counted until then, and times from the onset."""
    row = replace(WORSE, world=case(error_delta=0.1, onset=300.0))
    assert not isinstance(row.world, Groups | Means | Gauges)
    traffic = Traffic(row.world, seed=1, run=0)
    traffic.climb([(600.0, 1)])
    outcome = Outcome("rollback", 1200.0, steps_down=1, first_step=600.0)

    result = describe(row, traffic.make_recording(), outcome, look=30.0)

    assert (result.kind, result.at, result.stopped, result.steps_down, result.first_step) == (
        "rollback", 1200.0, 300.0, 1, 600.0,
    )  # fmt: skip
    assert result.extra == pytest.approx(300 * 10 * 0.1)


def test_a_dead_candidate_is_timed_from_the_look_that_could_see_six_failures() -> None:
    """Whoever stops it before that has needed no time, and whoever never does an infinite one."""
    dead = replace(WORSE, world=case(error_delta=1.0), dead=True)
    traffic = Traffic(case(error_delta=1.0), seed=1, run=0)
    recording = traffic.make_recording()
    late, never = (
        describe(dead, recording, outcome, look=30.0).after_six
        for outcome in (Outcome("rollback", 90.0), Outcome("promote", 3600.0))
    )
    assert (late, never) == (60.0, math.inf)
    traffic.climb([(5.0, 1)])
    early = describe(dead, traffic.make_recording(), Outcome("rollback", 90.0, steps_down=1), look=30.0)
    assert early.after_six == 0.0


def test_harm_of_a_candidate_that_nobody_stops_lasts_to_the_end() -> None:
    """It counts as infinitely late."""
    traffic = Traffic(case(error_delta=0.1), seed=1, run=0)
    result = describe(WORSE, traffic.make_recording(), Outcome("promote", 3600.0), look=30.0)
    assert result.stopped == math.inf
    assert result.extra == pytest.approx(3600 * 10 * 0.1)


def test_a_summary_counts_what_happened() -> None:
    """Shares are of all runs, and a run without the thing is infinitely late."""
    one = summary(
        [
            Result("rollback", 60.0, steps_down=2, first_step=30.0, stopped=30.0, extra=5.0),
            Result("promote", 600.0),
            Result("undecided", math.inf, missed=True),
            Result("promote", 900.0),
        ]
    )
    shares = (one.rolled_back, one.stepped_down, one.promoted, one.undecided, one.stopped, one.missed)
    assert [share.value for share in shares] == [0.25, 0.25, 0.5, 0.25, 0.25, 0.25]
    assert one.median_promoted.value == 900.0
    assert one.median_stopped.value == math.inf
    assert one.mean_extra == 1.25


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [
        (EQUAL, Result("promote", 1.0), Result("rollback", 1.0)),
        (EQUAL, Result("promote", 1.0), Result("promote", 1.0, steps_down=1)),
        (replace(EQUAL, aim=Aim.NOT_BLAMED), Result("promote", 1.0), Result("rollback", 1.0)),
        (replace(EQUAL, aim=Aim.NOT_PROVEN), Result("undecided", math.inf), Result("promote", 1.0)),
        (WORSE, Result("rollback", 1.0, stopped=1.0), Result("promote", 1.0)),
        (replace(WORSE, within=60.0), Result("rollback", 60.0, stopped=60.0), Result("promote", 1.0)),
    ],
)
def test_goals_are_kept_and_broken(row: Row, good: Result, bad: Result) -> None:
    """By many runs surely, in a quick run only where chance cannot explain it."""

    def kept(goods: int, bads: int, *, quick: bool = False) -> bool:
        found = {row.key: summary([good] * goods + [bad] * bads)}
        return all(goal.met for goal in goals([row], found, quick=quick))

    assert kept(600, 0)
    assert not kept(540, 60)
    assert kept(80, 0, quick=True)
    assert not kept(60, 20, quick=True)


def test_a_false_rollback_is_bounded_from_above() -> None:
    """None of ten does not show that fewer than one in a hundred are."""
    found = {"": summary([Result("promote", 1.0)] * 10)}
    assert not all(goal.met for goal in goals([EQUAL], found, quick=False))


def test_a_full_run_takes_the_share_that_was_stopped_as_it_is() -> None:
    """A little too few are too few, although chance might explain it; a quick run lets that pass."""
    stopped, missed = Result("rollback", 1.0, stopped=1.0), Result("undecided", math.inf)
    found = {"": summary([stopped] * 565 + [missed] * 35)}
    row = replace(WORSE, least=0.95)
    assert [goals([row], found, quick=quick)[0].met for quick in (False, True)] == [False, True]


def test_a_candidate_that_is_found_late_breaks_its_goal() -> None:
    """Half of the runs have to be stopped in time; what nobody stops has no time at all."""
    row = replace(WORSE, within=60.0)
    for stopped, met in ((60.0, True), (90.0, False), (math.inf, False)):
        found = {"": summary([Result("rollback", stopped, stopped=stopped)] * 30)}
        assert [goal.met for goal in goals([row], found, quick=False)][1] is met


def test_time_of_a_bad_pod_counts_from_its_spell() -> None:
    """Before it there is nothing to be blamed for."""
    assert ROW_BY_KEY["bad-pod-3-100-2"].onset == 600.0
    assert ROW_BY_KEY["late-5-100"].onset == 2400.0
    assert ROW_BY_KEY["gauge-0.05-3"].onset == 0.0


def test_a_gauge_is_bad_in_spells() -> None:
    """A gauge that is always too high is failed, one that never is gets promoted."""
    often = [play_gauges(Gauges(0.9, 10), seed=1, run=run).kind for run in range(5)]
    rarely = [play_gauges(Gauges(0.001, 1), seed=1, run=run).kind for run in range(5)]
    assert often == ["rollback"] * 5
    assert rarely == ["promote"] * 5


def test_the_interval_of_skewed_amounts_misses_the_mean_at_first() -> None:
    """More often while there are few values; whoever misses it late has missed it."""
    row = Row("", "", "", Means(30, 1.0))
    missed = [(result.missed, result.missed_late) for result in play(row, seed=1, runs=(0, 1, 9))]
    assert missed == [(True, True), (False, False), (True, False)]


def test_amounts_that_are_cut_off_keep_the_mean_that_is_wanted() -> None:
    """Otherwise a row would not be about the limit: the interval of many of them holds it, at every look."""
    for most, sigma in ((100.0, 2.0), (4.0, 1.0)):
        world = Means(600, 1.0, sigma=sigma, most=most, stated=True)
        assert [play_means(replace(world, mean=mean), seed=1, run=0).missed for mean in (1.0, 0.9)] == [False, False]


def test_a_release_that_ends_with_its_verdict_has_the_time_of_it() -> None:
    """Twice the mean is found in five looks where the largest amount is stated, and in twenty where it is not."""
    world = Means(300, 1.8, 0.9, sigma=1.0, most=4.0, stated=True, ends=True)
    found = [play_means(replace(world, stated=stated), seed=1, run=0) for stated in (True, False)]
    assert [(one.kind, one.at, one.stopped) for one in found] == [
        ("rollback", 150.0, 150.0),
        ("rollback", 600.0, 600.0),
    ]


@pytest.mark.parametrize(
    ("aim", "result", "broken"),
    [
        (Aim.LEFT_ALONE, Result("undecided", math.inf), []),
        (Aim.LEFT_ALONE, Result("promote", 1.0), ["wrongly proven"]),
        (Aim.LEFT_ALONE, Result("rollback", 1.0), ["rolled back"]),
        (Aim.NOT_PROVEN, Result("promote", 1.0), ["wrongly proven"]),
        (Aim.NOT_PROVEN, Result("rollback", 1.0, missed=True), ["interval ever misses"]),
    ],
)
def test_what_is_proven_and_shown_of_a_mean_with_a_largest_amount_must_hold(
    aim: Aim, result: Result, broken: list[str]
) -> None:
    """At the limit as above it: neither a false proof nor an interval without the mean."""
    row = Row("", "section", "cut", Means(30, 1.0, most=100.0, stated=True), aim)
    found = {"": summary([result] * 30 + [Result("undecided", math.inf)] * 970)}
    assert all(goal.met for goal in goals([row], found, quick=False) if "rolled back" not in goal.promise)
    found = {"": summary([result] * 60 + [Result("undecided", math.inf)] * 940)}
    missed = [goal.promise for goal in goals([row], found, quick=False) if not goal.met]
    assert len(missed) == len(broken)
    assert all(part in promise for part, promise in zip(broken, missed, strict=True))


def test_groups_and_means_are_judged_to_the_end() -> None:
    """A short release of a few groups is proven; a mean far above the limit is rolled back."""
    assert play_groups(Groups(5, sticks=False), seed=1, run=0).kind == "promote"
    row = Row("", "", "", Means(30, 3.0), Aim.NOT_PROVEN)
    assert [result.kind for result in play(row, seed=1, runs=range(2))] == ["rollback", "rollback"]
