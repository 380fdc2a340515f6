"""Played releases whose candidate has a cold cache: half of its answers are slow for a while after it got traffic."""

import math
from dataclasses import replace

import pytest

from palier.simulate.case import Case, Stage
from palier.simulate.runs import Plan, Run, play

SHIPPED = tuple(Stage(weight, 60, 3600) for weight in (5, 25, 50))
"""The stages of a spec that names none."""

COLD = Case(objectives=("errors", "latency"), latency_factor=3.0, slow_for=180.0, stages=SHIPPED, minutes=20)
SLOW = Case(objectives=("errors", "latency"), latency_factor=1.5, stages=(Stage(10, 60, 3600),), minutes=20)

AT_ONCE = replace(SLOW, stages=tuple(replace(stage, warm_up=0.0) for stage in SLOW.stages))


def play_runs(case: Case, runs: int = 12) -> list[Run]:
    """Runs of a case with Palier."""
    return list(play(Plan(case, engine="palier", seed=5), range(runs)))


@pytest.mark.parametrize("minutes", [1, 3])
def test_a_cold_cache_is_no_reason_to_roll_back(minutes: float) -> None:
    """All are promoted, soon after the cache is warm."""
    runs = play_runs(replace(COLD, slow_for=60 * minutes))

    assert {run.outcome.kind for run in runs} == {"promote"}
    assert max(run.outcome.at or 0 for run in runs) <= 60 * minutes + 360


def test_a_warm_candidate_waits_for_nothing() -> None:
    """It is promoted after the shortest times of its stages, in most cases to the second."""
    runs = play_runs(replace(COLD, latency_factor=1.0))

    assert sorted(run.outcome.at or 0 for run in runs)[len(runs) // 2] == 180


def test_a_candidate_that_stays_slow_is_found() -> None:
    """Later than without a warm-up by the longest one and some looks, in the median and in nine of ten cases."""
    found = [sorted(run.outcome.at or math.inf for run in play_runs(case, runs=20)) for case in (SLOW, AT_ONCE)]

    assert max(found[0]) < math.inf
    for rank in (9, 17):
        assert found[0][rank] <= found[1][rank] + 240 + 90


def test_an_author_may_ask_for_no_warm_up() -> None:
    """Then a slow candidate is found as soon as its numbers show it."""
    assert min(run.outcome.at or 0 for run in play_runs(AT_ONCE, runs=5)) < 240


def test_each_stage_has_its_own_warm_up() -> None:
    """The second one here is ten minutes long, however warm the candidate was before."""
    stages = (Stage(10, 60, 3600, warm_up=0.0), Stage(50, 60, 3600, warm_up=600.0))
    (run,) = play_runs(replace(COLD, latency_factor=1.0, stages=stages), runs=1)

    assert (run.outcome.kind, run.outcome.at) == ("promote", 60 + 600 + 30)


def test_failures_count_while_the_candidate_warms_up() -> None:
    """A candidate that fails gets less traffic at the same look or the next, be it cold or warm, and is rolled back."""
    failing = replace(COLD, error_delta=0.05)
    cold, warm = play_runs(failing, runs=5), play_runs(replace(failing, latency_factor=1.0), runs=5)

    assert {run.outcome.kind for run in cold} == {"rollback"}
    assert min(run.outcome.at or 0 for run in cold) <= 240
    steps = [[run.outcome.first_step for run in runs] for runs in (cold, warm)]
    assert steps[0] == pytest.approx(steps[1], abs=COLD.look)
