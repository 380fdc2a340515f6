"""Cases and scenarios: what cannot be simulated is refused with its name and its number."""

import math
from typing import Any

import pytest

from palier.simulate.case import Case, Span, Stage
from palier.simulate.scenarios import SCENARIOS

NAMES = [
    "aa",
    "diurnal",
    "ramp-weights",
    "outage",
    "overdispersion",
    "churn",
    "bursty",
    "errors",
    "late",
    "leak",
    "latency",
    "cold-start",
    "unlike-pods",
    "drift",
    "bad-pod",
    "spells",
    "poison",
    "low-traffic",
    "dead",
    "better",
    "missing-data",
    "target-gone",
    "prometheus-down",
    "no-data",
    "segment",
    "simpson",
    "cost",
]

WORSE = {"errors", "late", "leak", "latency", "low-traffic", "dead", "segment", "cost"}


def test_scenarios_of_the_benchmark() -> None:
    """Every scenario has its name, a sentence, and a case that can be simulated."""
    assert list(SCENARIOS) == NAMES
    for scenario in SCENARIOS.values():
        assert scenario.sentence.endswith(".")
        Case(**scenario.changes)


@pytest.mark.parametrize("name", NAMES)
def test_whether_a_rollback_is_right(name: str) -> None:
    """The candidate is worse exactly where the scenario says so."""
    assert Case(**SCENARIOS[name].changes).candidate_is_worse == (name in WORSE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rps": 0}, "rps: from 0.01 to 100000, not 0"),
        ({"rps": math.nan}, "rps: from 0.01"),
        ({"minutes": 0}, "minutes: from 1 to 1440, not 0"),
        ({"look": 3601}, "look: from 1 to 3600, not 3601"),
        ({"look": 600, "minutes": 5}, "look: not longer than the whole time of 300 s"),
        ({"base_error": 1.5}, "base-error: from 0 to 1, not 1.5"),
        ({"error_delta": -2}, "error-delta: from -1 to 1, not -2"),
        ({"max_errors": 0}, "max-errors: from 0.0001 to 0.99, not 0"),
        ({"percentile": 30}, "percentile: from 50 to 99, not 30"),
        ({"slow_part": 1.5}, "slow-part: from 0 to 1, not 1.5"),
        ({"pod_speed_spread": -1}, "pod-speed-spread: from 0 to 2, not -1"),
        ({"pod_error_spread": 6}, "pod-error-spread: from 0 to 5, not 6"),
        ({"pod_speed_drift": 3}, "pod-speed-drift: from 0 to 2, not 3"),
        ({"pod_error_drift": -0.1}, "pod-error-drift: from 0 to 5, not -0.1"),
        ({"drift_time": 1}, "drift-time: from 15 to 86400, not 1"),
        ({"spells": 61}, "spells: from 0 to 60, not 61"),
        ({"spell_time": 0}, "spell-time: from 1 to 86400, not 0"),
        ({"spell_share": 2}, "spell-share: from 0 to 1, not 2"),
        ({"poison": -1}, "poison: from 0 to 3600, not -1"),
        ({"poison_tries": 0}, "poison-tries: from 1 to 1000, not 0"),
        ({"churn": 20}, "churn: at least two scrapes (30 s), not 20 s"),
        ({"stages": (Stage(100, 0, 10),)}, "weight: the candidate has 1 to 99 percent"),
        ({"stages": ()}, "weight: "),
        ({"stages": (Stage(10, 20, 10),)}, "stages: a stage's longest time must not be shorter"),
        ({"most_cost": 1.04}, "most-cost: at least max-cost, which is 1.05, not 1.04"),
        ({"most_cost": 2e9}, "most-cost: from 1e-06 to 1e+09, not 2e+09"),
        ({"objectives": ("speed",)}, "objectives: choose from errors, latency, cost, not speed"),
        ({"objectives": ("latency",), "segment_share": 0.1}, "segment-share: segments need the objective errors"),
    ],
)
def test_refused(changes: dict[str, Any], told: str) -> None:
    """The message begins with the parameter and names the value."""
    with pytest.raises(ValueError, match=r"^[a-z-]+: ") as caught:
        Case(**changes)
    assert str(caught.value).startswith(told)


def test_threshold_is_an_edge() -> None:
    """The latency threshold is always an edge of the simulated histogram."""
    assert 0.3 in Case().buckets
    assert list(Case(latency_threshold=0.42).buckets) == sorted(Case(latency_threshold=0.42).buckets)


def test_span() -> None:
    """A stretch of time contains its start and not its end."""
    assert Span(10, 5).covers(10)
    assert not Span(10, 5).covers(15)
    assert not Span().covers(0)
