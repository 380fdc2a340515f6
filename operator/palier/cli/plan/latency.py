"""How fast answers come at some traffic: as a load test saw it, or as queueing theory says, and never guessed."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from palier.api.v1alpha1 import Latency as Promise
from palier.cli.plan.capacity import Capacity
from palier.economics.affordable import largest_affordable
from palier.economics.costs import Limits
from palier.economics.plan import PlanInputs
from palier.loadtest.result import StepRecord

_USUAL_PERCENTILE: Final = 95
_MEASURED: Final[dict[int, Callable[[StepRecord], Decimal | None]]] = {
    50: lambda step: step.p50,
    95: lambda step: step.p95,
    99: lambda step: step.p99,
}
"""The percentiles that the record of a load test keeps."""


@dataclass(frozen=True, slots=True)
class Work:
    """What queueing theory needs to know about one replica."""

    service_time: float | None = None
    """Mean seconds of work on one request."""
    concurrency: int | None = None
    """Requests that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast one replica answers."""

    percentile: int
    """Share of the answers in percent that come within the time."""
    source: str
    """Where the times come from, for people."""
    seconds: Callable[[float], float | None]
    """By the requests per second of one replica; None where it is not known, infinite where the queue never ends."""
    notes: tuple[str, ...] = ()

    def estimate_seconds(self, inputs: PlanInputs, rate: float, replicas: int) -> float | None:
        """At a traffic that so many replicas share; None where it is not known."""
        if inputs.law is None or not replicas:
            return None
        # Replicas that hinder each other are as slow as one replica that is as close to its capacity.
        return self.seconds(rate * float(inputs.law.gamma / inputs.law.capacity(replicas)))


def latency_of(name: str, capacity: Capacity, promise: Promise | None, work: Work) -> Latency | None:
    """How fast one way to serve answers; None where nobody knows.

    Args:
        name: of the variant; empty where there is none.
        capacity: what is known about it.
        promise: the objective about whole answers.
        work: what the person at the keyboard says, which comes after what was measured.
    """
    percentile = promise.percentile if promise else _USUAL_PERCENTILE
    return _read_measurements(capacity.steps, percentile) or _theory(name, capacity, promise, work, percentile)


def paid_replicas(inputs: PlanInputs) -> int | None:
    """Replicas that the monthly budget pays for; None where nothing is bounded."""
    service, limits = inputs.service, inputs.limits
    if service is None or limits is None or limits.monthly is None:
        return None
    most = largest_affordable(service, Limits(monthly=limits.monthly))
    if most is None:
        return None
    return service.replicas(most) if most else 0


def _read_measurements(steps: Sequence[StepRecord], percentile: int) -> Latency | None:
    """Between the rates that were tried; below the lowest one it is the same, above the highest nothing is known."""
    measured = percentile if percentile in _MEASURED else _USUAL_PERCENTILE
    slowest: dict[float, float] = {}
    for step in steps:
        seconds = _MEASURED[measured](step)
        if seconds is not None and step.phase != "WarmUp":
            offered = float(step.offered)
            slowest[offered] = max(slowest.get(offered, 0.0), float(seconds))
    if not slowest:
        return None
    points = sorted(slowest.items())

    def seconds_at(rate: float) -> float | None:
        if rate <= points[0][0]:
            return points[0][1]
        for (low, early), (high, late) in itertools.pairwise(points):
            if rate <= high:
                return early + (late - early) * (rate - low) / (high - low)
        return None

    return Latency(measured, "measured in the load test", seconds_at)


def _theory(name: str, capacity: Capacity, promise: Promise | None, work: Work, percentile: int) -> Latency | None:
    if work.service_time is None and work.concurrency is None:
        return None
    # Only now: SciPy takes longer to load than all the rest of this command.
    from palier.economics.queueing import Law, largest_rate, response_quantile, service_time_for  # noqa: PLC0415

    servers, quantile = work.concurrency or 1, percentile / 100
    declared = float(capacity.law.gamma) if capacity.law else None
    threshold = promise.threshold.seconds if promise else None
    notes: list[str] = []
    time = work.service_time
    if time is None:
        if declared is None or threshold is None:
            return None
        time = service_time_for(Law.EXPONENTIAL, servers=servers, rate=declared, threshold=threshold, quantile=quantile)
    elif declared is not None and threshold is not None:
        keeps = largest_rate(
            Law.EXPONENTIAL, servers=servers, service_time=time, threshold=threshold, quantile=quantile
        )
        if keeps < declared:
            of = f" of {name}" if name else ""
            notes.append(
                f"the capacity{of} is {declared:.3g} requests/s, but by theory ({servers} at once, {time:.3g} s each)"
                f" one replica keeps {percentile} % within {threshold:g} s up to {keeps:.3g} requests/s only"
            )
    service_time = time

    def seconds_at(rate: float) -> float:
        return response_quantile(
            Law.EXPONENTIAL, servers=servers, rate=rate, service_time=service_time, quantile=quantile
        )

    return Latency(
        percentile,
        f"theory, not measured: M/M/{servers} with {service_time:.3g} s of work for a request",
        seconds_at,
        tuple(notes),
    )
