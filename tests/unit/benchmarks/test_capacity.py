"""The benchmark of capacity, where it needs no cluster: what is deployed, how a sweep ends, and what is reported."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.capacity.generator import Point
from benchmarks.capacity.outcome import Outcome
from benchmarks.capacity.pictures import draw
from benchmarks.capacity.report import Facts, report
from benchmarks.capacity.search import Found
from benchmarks.capacity.servers import SERVERS, Server, manifest
from benchmarks.capacity.sweep import Sweep, judged, rates, sweep

BY_KEY = {server.key: server for server in SERVERS}


def point(rate: float, *, late: float = 0.01) -> Point:
    """What one rate did, if so many answers were late."""
    return Point(
        offered=rate,
        arrived=rate,
        requests=1000,
        failed=0,
        late=late,
        p50=0.02,
        p95=0.05,
        p99=0.09,
        lag=0.001,
        server_cpu=0.1,
        other_cpu=0.2,
    )


def found(capacity: float | None) -> Found:
    """What a search found."""
    return Found("Pass", "CapacityFound", "it held", capacity, None, 0.001, requests=1000, seconds=60, steps=("Soak",))


def outcome(server: Server, *, held: float | None, capacity: float | None) -> Outcome:
    """A row in which the sweep and the search found these."""
    return Outcome(server, Sweep([point(100), point(110, late=0.2)], held, 110), found(capacity))


def test_the_deployment_is_the_example_with_its_kind_and_its_limit() -> None:
    """What is measured is what the example's reader can deploy."""
    made = manifest(BY_KEY["cpu-200m"], image="registry.example.com/capacity:1")
    (container,) = made["spec"]["template"]["spec"]["containers"]

    assert made["metadata"]["name"] == "cpu-200m"
    assert made["spec"]["selector"]["matchLabels"] == made["spec"]["template"]["metadata"]["labels"]
    assert container["image"] == "registry.example.com/capacity:1"
    assert container["env"] == [{"name": "WORK", "value": "5ms"}]
    assert container["resources"]["limits"] == {"cpu": "200m", "memory": "256Mi"}


def test_only_a_server_with_a_limit_gets_one() -> None:
    """A waiting server must not be stopped by a processor."""
    (container,) = manifest(BY_KEY["fixed"])["spec"]["template"]["spec"]["containers"]

    assert "cpu" not in container["resources"]["limits"]


def test_rates_go_from_well_below_the_bound_to_beyond_it() -> None:
    """In steps of a share of the bound."""
    tried = rates(200, step=0.05)

    assert tried[:3] == [140, 150, 160]
    assert tried[-1] == 240


def test_a_sweep_ends_when_two_rates_in_a_row_fail() -> None:
    """One failure may be chance; nobody waits for the rest."""
    late = {10: 0.0, 20: 0.2, 30: 0.01, 40: 0.2, 50: 0.3, 60: 0.0}

    done = sweep([10, 20, 30, 40, 50, 60], lambda rate: point(rate, late=late[int(rate)]))

    assert [each.offered for each in done.points] == [10, 20, 30, 40, 50]
    assert (done.held, done.failed) == (30, 40)


def test_a_sweep_goes_down_where_it_began_too_high() -> None:
    """Until two rates in a row hold, so that one good minute is not taken for the capacity."""
    late = {10: 0.0, 20: 0.01, 30: 0.2, 40: 0.01, 50: 0.2, 60: 0.2, 70: 0.3}

    done = sweep([50, 60, 70], lambda rate: point(rate, late=late[int(rate)]))

    assert [each.offered for each in done.points] == [10, 20, 30, 40, 50, 60]
    assert (done.held, done.failed) == (40, 50)


def test_a_sweep_ends_at_nothing() -> None:
    """A server that keeps its promise at no rate is not tried for ever."""
    done = sweep([20, 30], lambda rate: point(rate, late=1.0))

    assert [each.offered for each in done.points] == [10, 20, 30]
    assert (done.held, done.failed) == (None, 10)


def test_a_sweep_may_find_nothing() -> None:
    """Neither that any rate holds nor that any fails is made up."""
    assert judged([point(10, late=0.9)]) == Sweep([point(10, late=0.9)], None, 10)
    assert judged([point(10)]) == Sweep([point(10)], 10, None)


@pytest.mark.parametrize(("late", "holds"), [(0.05, True), (0.0501, False)])
def test_a_rate_holds_if_95_percent_are_in_time(late: float, *, holds: bool) -> None:
    """That is the promise; a failed request is none that came in time."""
    assert point(10, late=late).holds is holds


@pytest.mark.parametrize(
    ("held", "capacity", "met"), [(100, 110, True), (100, 90, True), (100, 111, False), (100, None, False)]
)
def test_the_goal_is_ten_percent(held: float, capacity: float | None, *, met: bool) -> None:
    """In either direction; a search that finds nothing is never near."""
    assert outcome(BY_KEY["fixed"], held=held, capacity=capacity).met is met


def test_theory_is_told_where_there_is_one() -> None:
    """Of queues with known times only; 168 and 163 are what long simulations of these two give."""
    theory = {server.key: outcome(server, held=100, capacity=100).theory for server in SERVERS}

    assert theory["cpu-200m"] is None
    assert theory["cpu-1"] is None
    assert theory["fixed"] == pytest.approx(168.1, abs=0.1)
    assert theory["exponential"] == pytest.approx(163.0, abs=0.1)


def test_the_report_has_every_server_and_shows_what_fell_short(tmp_path: Path) -> None:
    """What is off by more than the goal stands out; a sweep's every rate is there."""
    rows = [
        outcome(BY_KEY["cpu-1"], held=100, capacity=93.0),
        outcome(BY_KEY["fixed"], held=160, capacity=200.0),
        outcome(BY_KEY["exponential"], held=160, capacity=None),
    ]
    facts = Facts(rows, {"palier": "1"}, seconds_per_rate=60, step=0.025, seed=1, quick=False, picture="capacity.svg")

    text = report(facts)
    draw(rows, tmp_path / "capacity.svg")

    assert "Within 10% of the sweep: 1 of 3" in text
    assert "| 1 CPU, 5 ms of computing | 50 ms | 100 | 110 | 93 | -7.0% | - |" in text
    assert "| 160 | 110 | 200 | **+25.0%** | 168.1 |" in text
    assert "**nothing found**" in text
    assert text.count("| fails |") == 3
    assert (tmp_path / "capacity.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_results_for_machines_have_every_rate() -> None:
    """So that a report can be drawn anew."""
    plain = outcome(BY_KEY["fixed"], held=100, capacity=105).plain()

    assert plain["difference"] == 0.05
    assert [each["holds"] for each in plain["sweep"]] == [True, False]
    assert plain["search"]["requests"] == 1000
    assert {field.name for field in dataclasses.fields(Point)} - {"server_cpu", "other_cpu"} <= set(plain["sweep"][0])
