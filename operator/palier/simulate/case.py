"""One case to simulate: the traffic, what goes wrong in it, what is promised, and how long it lasts.

Every scenario is a case with some of these parameters changed, so that a user can start from the nearest scenario and
turn it into their own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MINUTE = 60.0

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper edges in seconds that the Prometheus clients have where nobody chose others."""

OBJECTIVES = ("errors", "latency", "cost")
"""What can be promised, by name."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A share of the traffic for some time."""

    weight: int
    """Percent of the requests that the candidate serves, 1 to 99."""
    minimum: float
    """Seconds that the stage lasts at least."""
    maximum: float
    """Seconds after which a stage without a verdict is ended by policy."""
    warm_up: float | None = None
    """Seconds in which times do not count; None for as long as the candidate needs."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds since the canary began; empty where its length is 0."""

    start: float = 0.0
    length: float = 0.0

    @property
    def end(self) -> float:
        """Where it is over."""
        return self.start + self.length

    def covers(self, time: float) -> bool:
        """Whether the instant lies in it; the end does not."""
        return self.start <= time < self.end


@dataclass(frozen=True, slots=True)
class Case:
    """The parameters; shares lie between 0 and 1, times are seconds since the canary began.

    Raises:
        ValueError: a value makes no sense; the text starts with the name of the parameter.
    """

    rps: float = 100.0
    """Requests per second of both revisions together, on average."""
    stages: tuple[Stage, ...] = (Stage(10, 60 * MINUTE, 60 * MINUTE),)
    minutes: float = 60.0
    look: float = 30.0
    """Seconds between two looks of the engine."""
    scrape: float = 15.0
    """Seconds between two scrapes of a pod."""
    stable_pods: int = 3
    candidate_pods: int = 1

    objectives: tuple[str, ...] = ("errors",)
    max_errors: float = 0.01
    latency_threshold: float = 0.3
    """Seconds."""
    percentile: int = 95
    max_cost: float = 1.05
    """Largest mean cost of a request; stable's is 1."""
    most_cost: float | None = None
    """Largest cost of one request: what is drawn above it is cut off; None where none is stated."""
    rollback_without_evidence: bool = False
    """Whether a stage that has reached its maximum without a verdict is rolled back (`onNoEvidence`)."""

    base_error: float = 0.005
    base_error_end: float | None = None
    """Where given, the error rate of both revisions moves evenly to it until the end."""
    error_delta: float = 0.0
    """What the candidate's error rate is above stable's; in the segment only, where there is one."""
    onset: float = 0.0
    """When the candidate becomes worse."""
    ramp: float = 0.0
    """Seconds that its errors take to grow from nothing to `error_delta`."""
    latency_median: float = 0.1
    latency_spread: float = 0.6
    """Standard deviation of the logarithm of the response time."""
    latency_factor: float = 1.0
    """The candidate's response times as a multiple of stable's."""
    slow_for: float = math.inf
    """Seconds after the onset for which the candidate is slow."""
    slow_part: float = 1.0
    """Share of the candidate's answers that are slow while it is slow: a cold cache misses some of the requests."""
    cost_factor: float = 1.0
    """The candidate's mean cost of a request as a multiple of stable's."""
    cost_spread: float = 1.2
    """Standard deviation of the logarithm of a request's cost."""

    overdispersion: float = 0.0
    """Correlation of failures: every 15 s each arm draws its error rate from a beta distribution with it."""
    diurnal: float = 0.0
    """Swing of traffic and of the error rate of both revisions over the time: 0.8 is from 20 to 180 % of the mean."""
    burst: float = 1.0
    """Traffic switches at random, about every minute, between two levels of this ratio."""
    churn: float = 0.0
    """Seconds after which a pod's process ends: in turn its counters start again, or another pod takes its place."""
    outage: Span = Span()
    outage_share: float = 0.1
    """Share of the requests to either revision that fail in an outage."""
    pod_speed_spread: float = 0.0
    """Standard deviation of the logarithm of a pod's own response times: 0.05 for pods that differ by some 5 %."""
    pod_error_spread: float = 0.0
    """Standard deviation of the logarithm of a pod's own odds of a failure."""
    pod_speed_drift: float = 0.0
    """Standard deviation of the logarithm of what a pod's response times wander by, each pod for itself."""
    pod_error_drift: float = 0.0
    """The same for its odds of a failure."""
    drift_time: float = 20 * MINUTE
    """Seconds after which a pod that wanders has about forgotten where it was."""
    bad_pod: Span = Span()
    """When one pod of the candidate has a bad spell that is not the version's fault."""
    spells: float = 0.0
    """Bad spells of each pod of either revision in an hour, at random."""
    spell_time: float = 3 * MINUTE
    """Mean length in seconds of such a spell."""
    spell_share: float = 0.5
    """Share of the requests to a pod that fail in its bad spell, of either kind."""
    poison: float = 0.0
    """Poisoned requests in an hour: each try of one fails, at the revision that its first try reached by chance."""
    poison_tries: int = 10
    """How often a poisoned request is tried, every half second."""
    missing: float = 0.0
    """Share of the scrapes that fail."""
    target_gone: Span = Span()
    """When Prometheus does not know the candidate's pods."""
    prometheus_down: Span = Span()
    """When Prometheus neither scrapes nor answers."""
    no_data: bool = False
    """Whether nothing is ever scraped."""
    segment_share: float = 0.0
    """Share of the requests that belong to the segment; 0 for no segments."""
    segment_share_candidate: float | None = None
    """The same among the candidate's requests, where the two revisions get different users."""
    segment_base_error: float | None = None
    """Error rate of both revisions in the segment, where it differs from `base_error`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        for name, (low, high) in _BOUNDS.items():
            number = getattr(self, name)
            if number is not None and not low <= number <= high:
                raise ValueError(f"{name.replace('_', '-')}: from {low:g} to {high:g}, not {number:g}")
        for name in ("look", "scrape"):
            if getattr(self, name) > self.duration:
                raise ValueError(f"{name}: not longer than the whole time of {self.duration:g} s")
        if 0 < self.churn < 2 * self.scrape:
            raise ValueError(f"churn: at least two scrapes ({2 * self.scrape:g} s), not {self.churn:g} s")
        if not self.stages or not all(1 <= stage.weight <= 99 for stage in self.stages):  # noqa: PLR2004 - percent
            raise ValueError("weight: the candidate has 1 to 99 percent of the requests")
        if any(not 0 <= stage.minimum <= stage.maximum for stage in self.stages):
            raise ValueError("stages: a stage's longest time must not be shorter than its shortest")
        self._check_objectives()

    def _check_objectives(self) -> None:
        """Refuse promises that nobody can judge."""
        if not self.objectives or not set(self.objectives) <= set(OBJECTIVES):
            raise ValueError(f"objectives: choose from {', '.join(OBJECTIVES)}, not {', '.join(self.objectives)}")
        if self.segment_share and "errors" not in self.objectives:
            raise ValueError("segment-share: segments need the objective errors")
        if self.most_cost is not None and self.most_cost < self.max_cost:
            raise ValueError(f"most-cost: at least max-cost, which is {self.max_cost:g}, not {self.most_cost:g}")

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.minutes * MINUTE

    @property
    def candidate_is_worse(self) -> bool:
        """Whether a rollback is right; slowness that passes is none, and neither is what nothing promises."""
        return (
            self.error_delta > 0
            or ("latency" in self.objectives and self.latency_factor > 1 and math.isinf(self.slow_for))
            or ("cost" in self.objectives and self.cost_factor > 1)
        )

    def pods_of(self, revision: str) -> int:
        """How many pods the candidate or stable has, by that name."""
        return self.candidate_pods if revision == "candidate" else self.stable_pods

    def slow_share(self, factor: float = 1.0) -> float:
        """Probability of an answer above the threshold, where response times are so many times stable's."""
        distance = math.log(self.latency_threshold / (self.latency_median * factor)) / self.latency_spread
        return math.erfc(distance / math.sqrt(2)) / 2

    @property
    def buckets(self) -> tuple[float, ...]:
        """Finite edges of the latency histogram: the usual ones and the threshold."""
        return tuple(sorted({*DEFAULT_BUCKETS, self.latency_threshold}))


_BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "rps": (0.01, 100_000),
        "minutes": (1, 24 * 60),
        "look": (1, 3600),
        "scrape": (1, 3600),
        "stable_pods": (1, 100),
        "candidate_pods": (1, 100),
        "max_errors": (0.0001, 0.99),
        "latency_threshold": (0.001, 600),
        "percentile": (50, 99),
        "max_cost": (0.000001, 1e9),
        "most_cost": (0.000001, 1e9),
        "base_error": (0, 1),
        "base_error_end": (0, 1),
        "error_delta": (-1, 1),
        "onset": (0, math.inf),
        "ramp": (0, math.inf),
        "latency_median": (0.001, 600),
        "latency_spread": (0.01, 5),
        "latency_factor": (0.01, 1000),
        "slow_for": (0, math.inf),
        "slow_part": (0, 1),
        "cost_factor": (0.01, 1000),
        "cost_spread": (0.01, 5),
        "overdispersion": (0, 0.99),
        "diurnal": (0, 1),
        "burst": (1, 1000),
        "churn": (0, math.inf),
        "outage_share": (0, 1),
        "pod_speed_spread": (0, 2),
        "pod_error_spread": (0, 5),
        "pod_speed_drift": (0, 2),
        "pod_error_drift": (0, 5),
        "drift_time": (15, 24 * 3600),
        "spells": (0, 60),
        "spell_time": (1, 24 * 3600),
        "spell_share": (0, 1),
        "poison": (0, 3600),
        "poison_tries": (1, 1000),
        "missing": (0, 0.99),
        "segment_share": (0, 1),
        "segment_share_candidate": (0, 1),
        "segment_base_error": (0, 1),
    }
)
"""What each number may be."""
