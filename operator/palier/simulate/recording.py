"""Everything that Prometheus would hold of one simulated release: raw samples of each counter of each pod.

Engines are given this and nothing else, so scrape phases, missed scrapes, restarts and dead targets are part of every
comparison, as they are in a cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from palier.simulate.case import Span

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class Arm(StrEnum):
    """Which of the two revisions."""

    CANDIDATE = "candidate"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class PodRecording:
    """The scraped counters of one pod; every array has one entry for each scrape that succeeded."""

    arm: Arm
    pod: str
    times: Floats
    """Seconds since the canary began, ascending; some scrapes lie before 0."""
    counters: Mapping[str, Floats]
    """Cumulative values by name: `requests`, `errors`, `cost_sum`, and in segments `requests/<segment>`,
    `errors/<segment>`. A counter that does not exist yet is NaN."""
    buckets: Mapping[float, Floats]
    """Cumulative latency buckets by upper edge in seconds, `inf` included."""
    up: Floats
    """The `up` samples: 1 where the scrape succeeded, 0 where it failed, at `up_times`."""
    up_times: Floats


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened, for the measures of harm; one entry for each `step` seconds."""

    step: float
    candidate_requests: Floats
    extra_bad: Floats
    """Expected requests that failed (or were slow) only because the candidate served them."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One simulated release of `duration` seconds at constant or stepwise weights."""

    duration: float
    weights: tuple[tuple[float, int], ...]
    """(seconds since the canary began, candidate's percent), ascending."""
    pods: tuple[PodRecording, ...]
    unavailable: Span
    """When Prometheus itself does not answer."""
    truth: Truth

    def pods_of(self, arm: Arm) -> tuple[PodRecording, ...]:
        """The pods of one arm."""
        return tuple(pod for pod in self.pods if pod.arm is arm)


def are_within(times: Floats, span: Span) -> Booleans:
    """Which of some instants lie in a stretch of time."""
    return np.asarray((times >= span.start) & (times < span.end))
