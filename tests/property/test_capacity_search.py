"""The search finds the true capacity of servers that obey the laws of queues, whatever chance does to its steps.

The true capacities below were found by bisection of simulations of 300 000 requests each (`queues.capacity`); for
M/M/1 a formula gives the same. A test checks them again. Ninety-five of a hundred searches are to end within a tenth of
them, with the default times and with short ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

import pytest

from palier.economics.queueing import Law, largest_rate
from palier.evidence.verdicts import Verdict
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from tests.support.loadtest.queues import (
    ERRORS,
    Bench,
    Fifo,
    Server,
    Sharing,
    Spoilt,
    Throttled,
    bad_share,
    capacity,
    exponential,
    fixed,
)
from tests.support.thorough import examples

SEEDS = range(1, 1 + examples(2, thorough=4))


def within(seconds: float, percent: float = 95) -> tuple[LoadObjective, ...]:
    """A promise about latency."""
    return (LoadObjective("latency", Promise.LATENCY, round(1 - percent / 100, 4), seconds),)


class Case(NamedTuple):
    """A server, what is promised, and the highest rate at which it keeps it."""

    server: Server
    objectives: tuple[LoadObjective, ...]
    capacity: float
    """Requests per second."""


CASES = {
    "M/M/1 of 10 ms, p95 <= 250 ms": Case(Fifo(exponential(0.01)), within(0.25), 88.0),
    "M/M/4 of 50 ms, p95 <= 250 ms": Case(Fifo(exponential(0.05), 4), within(0.25), 65.4),
    "M/D/1 of 20 ms, p95 <= 100 ms": Case(Fifo(fixed(0.02)), within(0.1), 34.7),
    "M/D/4 of 40 ms, p99 <= 100 ms": Case(Fifo(fixed(0.04), 4), within(0.1, 99), 70.3),
    "processor sharing of 10 ms, p95 <= 100 ms": Case(Sharing(exponential(0.01)), within(0.1), 64.4),
    "200m of CPU, 2 ms of work, p95 <= 250 ms": Case(Throttled(fixed(0.002)), within(0.25), 94.9),
    "200m of CPU, 10 ms of work, p95 <= 250 ms": Case(Throttled(fixed(0.01)), within(0.25), 15.6),
    "M/M/4 of 50 ms, p95 and errors": Case(Fifo(exponential(0.05), 4), (*within(0.25), ERRORS), 65.4),
    "M/D/1 of 10 ms, errors alone": Case(Fifo(fixed(0.01)), (ERRORS,), 100.0),
    "refuses more than 80/s, errors alone": Case(Spoilt(Fifo(fixed(0.001)), above=80.0), (ERRORS,), 80.4),
}
TIMES = {
    "default times": LoadTestPlan(objectives=()),
    "short times": LoadTestPlan(objectives=(), warm_up=2, step_duration=5, soak=15),
}
OF_QUEUES = [name for name, case in CASES.items() if case.objectives != (ERRORS,)]


class Found(NamedTuple):
    """How one search ended."""

    name: str
    times: str
    verdict: Verdict
    error: float
    """How far the result is from the truth, as a part of it."""
    seconds: float
    requests: int


@pytest.fixture(scope="module")
def searches() -> Sequence[Found]:
    """All of them: each server, with both times, several times over."""
    found = []
    for name, case in CASES.items():
        for times, plan in TIMES.items():
            for seed in SEEDS:
                bench = Bench(case.server, replace(plan, objectives=case.objectives), seed=seed)
                ended = bench.run()
                error = (ended.capacity or 0.0) / case.capacity - 1
                found.append(Found(name, times, ended.verdict, error, bench.seconds, bench.requests))
    return found


@pytest.mark.parametrize("name", OF_QUEUES)
def test_the_true_capacity_is_true(name: str) -> None:
    """A little less holds in a long simulation, and a little more does not."""
    case = CASES[name]
    plan = LoadTestPlan(objectives=case.objectives)
    below, above = (bad_share(case.server, case.capacity * factor, plan, requests=150_000) for factor in (0.96, 1.04))

    assert below < 1 < above


def test_bisection_finds_the_true_capacity_again() -> None:
    """As it was found for the table; in a shorter simulation, so not as exactly."""
    server, objectives, known = CASES["M/D/1 of 20 ms, p95 <= 100 ms"]

    assert capacity(server, LoadTestPlan(objectives=objectives), 20, 50, requests=60_000) == pytest.approx(
        known, rel=0.03
    )


def test_simulations_agree_with_the_formulas() -> None:
    """Two ways to the same truth: M/M/1 has a simple law."""
    known = largest_rate(Law.EXPONENTIAL, servers=1, service_time=0.01, threshold=0.25, quantile=0.95)

    assert known == pytest.approx(CASES["M/M/1 of 10 ms, p95 <= 250 ms"].capacity, rel=0.01)


@pytest.mark.parametrize("times", TIMES)
def test_the_capacity_is_found_within_a_tenth(searches: Sequence[Found], times: str) -> None:
    """In 95 % of the searches at least, over all servers."""
    errors = [abs(one.error) for one in searches if one.times == times]

    assert sum(error <= 0.1 for error in errors) >= 0.95 * len(errors)
    assert max(errors) < 0.2


@pytest.mark.parametrize("name", CASES)
def test_no_server_is_misjudged_in_one_direction(searches: Sequence[Found], name: str) -> None:
    """Short steps that never come to rest would always find too much, and timid soaks always too little."""
    errors = [one.error for one in searches if one.name == name]

    assert abs(median(errors)) <= 0.05


def test_every_search_ends_with_a_verdict_within_its_budgets(searches: Sequence[Found]) -> None:
    """No half hour without a result, and no more requests than were allowed."""
    assert {one.verdict for one in searches} == {Verdict.PASS}
    assert max(one.seconds for one in searches) <= LoadTestPlan(objectives=()).max_duration
    assert max(one.requests for one in searches) <= LoadTestPlan(objectives=()).max_requests


def test_short_times_make_short_searches(searches: Sequence[Found]) -> None:
    """That is what people choose them for."""
    default, short = (median(one.seconds for one in searches if one.times == times) for times in TIMES)

    assert short < 0.7 * default
