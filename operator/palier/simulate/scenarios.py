"""The named cases of the benchmark, each with the one sentence that says what must happen in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from palier.simulate.case import MINUTE, Span, Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a name stands for."""

    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of `Case` that differ from their defaults."""


_QUARTER = 15 * MINUTE

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "aa": Scenario("Both revisions are equal; every rollback is false."),
        "diurnal": Scenario(
            "Both are equal while traffic and error rate of both swing up and down.",
            changes={"diurnal": 0.8},
        ),
        "ramp-weights": Scenario(
            "Both are equal while the weight climbs over 5, 10, 25 and 50 percent.",
            changes={"stages": tuple(Stage(weight, _QUARTER, _QUARTER) for weight in (5, 10, 25, 50))},
        ),
        "outage": Scenario(
            "Both are equal, and a shared outage fails requests to either (by default 10 % for 5 minutes).",
            changes={"outage": Span(20 * MINUTE, 5 * MINUTE)},
        ),
        "overdispersion": Scenario(
            "Both are equal on average, but failures come in clusters (by default with correlation 0.01 within 15 s).",
            changes={"overdispersion": 0.01},
        ),
        "churn": Scenario(
            "Both are equal while every pod restarts or is replaced after a while (by default 5 minutes).",
            changes={"churn": 5 * MINUTE},
        ),
        "bursty": Scenario(
            "Both are equal while traffic jumps between two levels (by default one is ten times the other).",
            changes={"burst": 10.0},
        ),
        "errors": Scenario(
            "The candidate fails more requests from its start (by default +1 percentage point).",
            changes={"error_delta": 0.01},
        ),
        "late": Scenario(
            "The candidate fails more requests from some moment on (by default +1 percentage point from minute 40).",
            changes={"error_delta": 0.01, "onset": 40 * MINUTE},
        ),
        "leak": Scenario(
            "The candidate's errors grow step by step (by default to +5 percentage points within 30 minutes).",
            changes={"error_delta": 0.05, "ramp": 30 * MINUTE},
        ),
        "latency": Scenario(
            "The candidate answers slower from its start (by default 1.5 times).",
            changes={"objectives": ("latency",), "latency_factor": 1.5},
        ),
        "cold-start": Scenario(
            "The candidate is slow at first, then equal (by default 5 times for 60 seconds); a rollback is false.",
            changes={"objectives": ("errors", "latency"), "latency_factor": 5.0, "slow_for": MINUTE},
        ),
        "unlike-pods": Scenario(
            "Both are equal, but no pod is like another (by default 5 % in speed, a factor of 1.8 in errors).",
            changes={"objectives": ("errors", "latency"), "pod_speed_spread": 0.05, "pod_error_spread": 0.6},
        ),
        "drift": Scenario(
            "Both are equal, but the speed and the errors of every pod wander (by default by 5 % within 20 minutes).",
            changes={"objectives": ("errors", "latency"), "pod_speed_drift": 0.05, "pod_error_drift": 0.05},
        ),
        "bad-pod": Scenario(
            "Both are equal, and one of two candidate pods fails requests for a while (by default half for 5 minutes).",
            changes={"candidate_pods": 2, "bad_pod": Span(20 * MINUTE, 5 * MINUTE)},
        ),
        "spells": Scenario(
            "Both are equal, and every pod has bad spells at random (by default one in an hour, 3 minutes at 5 %).",
            changes={"spells": 1.0, "spell_share": 0.05},
        ),
        "poison": Scenario(
            "Both are equal, and a few poisoned requests are tried again and again (by default 4 an hour, 10 times).",
            changes={"poison": 4.0},
        ),
        "low-traffic": Scenario(
            "One request per second in total, and the candidate fails more of them (by default +5 percentage points).",
            changes={"rps": 1.0, "error_delta": 0.05},
        ),
        "dead": Scenario("Every request to the candidate fails.", changes={"error_delta": 1.0}),
        "better": Scenario(
            "The candidate fails less often than stable (by default a fifth as often); it must be promoted.",
            changes={"error_delta": -0.004},
        ),
        "missing-data": Scenario(
            "Both are equal, and some of the scrapes fail (by default 20 %).", changes={"missing": 0.2}
        ),
        "target-gone": Scenario(
            "Both are equal, and Prometheus does not know the candidate's pods for a while (by default 5 minutes).",
            changes={"target_gone": Span(20 * MINUTE, 5 * MINUTE)},
        ),
        "prometheus-down": Scenario(
            "Both are equal, and Prometheus is down for a while (by default 3 minutes).",
            changes={"prometheus_down": Span(20 * MINUTE, 3 * MINUTE)},
        ),
        "no-data": Scenario(
            "Nothing is ever scraped: whoever promotes or rolls back here decides on absent data.",
            changes={"no_data": True},
        ),
        "segment": Scenario(
            "Only a segment of users gets more failures from the candidate (by default 5 % get +10 points).",
            changes={"segment_share": 0.05, "error_delta": 0.1},
        ),
        "simpson": Scenario(
            "Both are equal for every user, but the candidate gets more of the users whose requests fail more.",
            changes={
                "base_error": 0.002,
                "segment_share": 0.15,
                "segment_share_candidate": 0.4,
                "segment_base_error": 0.02,
            },
        ),
        "cost": Scenario(
            "A request to the candidate costs more on average (by default 10 %).",
            changes={"objectives": ("cost",), "cost_factor": 1.1},
        ),
    }
)
"""By the names that `palier simulate --scenario` takes."""
