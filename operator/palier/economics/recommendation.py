"""What to write into the spec and into an autoscaler after a load test: requests, limits, and bounds of replicas."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from palier.api.status.values import PlannedTraffic
from palier.economics.plan import Plan
from palier.economics.quantities import cpu, mebibytes

_REQUEST_MARGIN: Final = Decimal("1.15")
"""Memory that is asked for, in relation to the most that was used: the margin that the Vertical Pod Autoscaler adds."""
_LIMIT_MARGIN: Final = Decimal("1.5")
"""Memory at which a pod is killed, in relation to the most that was used: a load test does not see every request."""
_MOST_REPLICAS: Final = 1000
"""Of `spec.serving.replicas`."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a load test recommends; None where it was not measured or cannot be said."""

    cpu_request: str | None = None
    """CPU request of one replica: what it used while it carried its capacity. Example: `850m`."""
    memory_request: str | None = None
    """Memory request of one replica. Example: `1200Mi`."""
    memory_limit: str | None = None
    min_replicas: int | None = None
    """Fewest replicas of an autoscaler."""
    max_replicas: int | None = None
    """Most replicas of an autoscaler."""
    target_utilization: int | None = None
    """CPU use at which an autoscaler should aim, in percent of the request."""


def recommendation(
    plan: Plan, *, cpu_cores: Decimal | None = None, memory_bytes: int | None = None
) -> Recommendation | None:
    """What to write after a load test.

    A replica that uses its CPU request exactly when it carries its capacity is at `scale.utilization` percent of the
    request when it carries what is planned for: that is where an autoscaler should keep it. The autoscaler may make
    enough replicas for twice the target, but never more than the budget pays for, so that a rush of traffic, or an
    error, cannot spend more.

    Args:
        plan: the plan with the measured capacity.
        cpu_cores: cores that one replica used while it carried its capacity.
        memory_bytes: the most memory that one replica used.

    Returns:
        None where there is nothing to say.
    """
    lowest, highest = _bounds(plan)
    if cpu_cores is None and memory_bytes is None and highest is None:
        return None
    percent = int((plan.utilization * 100).to_integral_value(ROUND_FLOOR))
    return Recommendation(
        cpu_request=cpu(cpu_cores) if cpu_cores else None,
        memory_request=mebibytes(memory_bytes * _REQUEST_MARGIN) if memory_bytes else None,
        memory_limit=mebibytes(memory_bytes * _LIMIT_MARGIN) if memory_bytes else None,
        min_replicas=lowest,
        max_replicas=highest,
        target_utilization=max(1, percent) if cpu_cores else None,
    )


def _bounds(plan: Plan) -> tuple[int | None, int | None]:
    """Fewest and most replicas; None where the target has no place between them."""
    fleet, needed = plan.inputs.fleet, plan.replicas
    if fleet is None or needed is None:
        return None, None
    double = next(point.replicas for point in plan.points if point.name == PlannedTraffic.DOUBLE)
    wanted = [number for number in (double, fleet.most_replicas, _MOST_REPLICAS) if number is not None]
    affordable = plan.largest_affordable
    if affordable is not None:
        wanted.append((fleet.replicas(affordable) or 0) if affordable else 0)
    highest = min(wanted)
    return (plan.inputs.minimum_replicas, highest) if highest >= needed else (None, None)
