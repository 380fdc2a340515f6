"""What the status says about money: what serving the planned traffic would cost, and what serving costs now.

Money is in decimal strings, in the currency that stands beside it.
"""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject
from palier.api.spec.values import LabelName
from palier.api.status.conditions import Timestamp
from palier.api.status.values import Count, Figure, Message, PlannedTraffic, Reason, Revision, Verdict

CurrencyCode = Annotated[str, Field(max_length=3, pattern=r"^[A-Z]{3}$")]
Quantity = Annotated[str, Field(max_length=32)]


class PlanPointStatus(ApiObject):
    """What serving costs at one traffic."""

    name: PlannedTraffic
    """`POC`: that of `scale.poc`. `Target`: that of `scale.target`. `Double` and `Tenfold`: two and ten times the
    target."""
    requests_per_second: Figure | None = None
    """The traffic."""
    replicas: Count | None = None
    """Pods that it needs; absent when no number of pods carries it."""
    monthly_serving: Figure | None = None
    """What the pods cost in a month of 730 hours."""
    monthly_overheads: Figure | None = None
    """What is paid besides: `scale.overheads`, and the pods of releases."""
    monthly_total: Figure | None = None
    """Both together."""
    per_thousand_inferences: Figure | None = None
    """The total for each thousand requests."""
    within_budget: bool | None = None
    """Whether every limit of the budget holds; absent without a budget."""


class RecommendationStatus(ApiObject):
    """What the load test recommends to write into the spec and into an autoscaler."""

    cpu_request: Quantity | None = None
    """CPU request of a replica. Example: `850m`."""
    memory_request: Quantity | None = None
    """Memory request of a replica. Example: `1200Mi`."""
    memory_limit: Quantity | None = None
    """Memory limit of a replica."""
    min_replicas: Count | None = None
    """Fewest replicas of an autoscaler."""
    max_replicas: Count | None = None
    """Most replicas of an autoscaler."""
    target_utilization: Annotated[int, Field(ge=1, le=100)] | None = None
    """CPU utilisation that an autoscaler should aim at, in percent of the request."""


class PlanVariantStatus(ApiObject):
    """Why a variant was chosen, or was not."""

    name: LabelName
    """Name of the variant."""
    revision: Revision | None = None
    """Its revision."""
    verdict: Verdict
    """`Pass`: it carries the target within its objectives and the budget."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    monthly_total: Figure | None = None
    """What it costs in a month at target traffic."""
    chosen: bool | None = None
    """True for the variant that is released."""


class PlanStatus(ApiObject):
    """What serving the planned traffic costs, by the last load tests and prices."""

    currency: CurrencyCode | None = None
    """Currency of every amount of the plan."""
    hourly_per_replica: Figure | None = None
    """What one replica costs in an hour."""
    capacity: Figure | None = None
    """Requests per second that one replica carries within the objectives, as measured."""
    utilization: Figure | None = None
    """How much of it is planned for, 0 to 1."""
    replicas: Count | None = None
    """Pods at target traffic; absent when no number of pods carries it."""
    points: Annotated[list[PlanPointStatus], Field(max_length=8), ATOMIC] | None = None
    """The costs by traffic."""
    largest_affordable_requests_per_second: Figure | None = None
    """Most traffic that the budget pays for; absent without a budget."""
    verdict: Verdict | None = None
    """`Pass`, `Fail`, or `NoEvidence` when a capacity or a price is not known; about target traffic."""
    reason: Reason | None = None
    """Why, as one CamelCase word."""
    message: Message | None = None
    """Why, as a sentence with its numbers."""
    price_source: Annotated[str, Field(max_length=512)] | None = None
    """Where the prices come from."""
    prices_as_of: Annotated[str, Field(max_length=40)] | None = None
    """Date of the prices. Example: `2026-11-01`."""
    recommendation: RecommendationStatus | None = None
    """What the load test recommends."""
    variants: Annotated[list[PlanVariantStatus], Field(max_length=8), ATOMIC] | None = None
    """Every variant with its reason; absent without variants."""


class RateStatus(ApiObject):
    """What serving cost in an hour, from an instant on."""

    since: Timestamp
    """From when on; until the next entry."""
    hourly: Figure
    """Cost of all pods in an hour."""


class CostStatus(ApiObject):
    """What serving costs now, by the pods that run, their prices and the requests that they answer."""

    currency: CurrencyCode | None = None
    """Currency of every amount below."""
    per_thousand_inferences: Figure | None = None
    """Stable's, for each thousand requests that it answers, idle pods included; absent with too few requests."""
    candidate_per_thousand_inferences: Figure | None = None
    """The candidate's."""
    hourly: Figure | None = None
    """Cost of all pods in an hour, now."""
    monthly_projection: Figure | None = None
    """What the month will have cost if nothing changes, overheads included."""
    month: Annotated[str, Field(max_length=7, pattern=r"^[0-9]{4}-[0-9]{2}$")] | None = None
    """The calendar month, in UTC, that `spent` is about. Example: `2026-11`."""
    spent: Figure | None = None
    """What the month has cost so far, since Palier first saw it."""
    at: Timestamp | None = None
    """The instant of these numbers."""
    rates: Annotated[list[RateStatus], Field(max_length=16), ATOMIC] | None = None
    """How the hourly cost changed recently, oldest first."""
    exceeded: Reason | None = None
    """Why the budget is spent too fast, as one CamelCase word that an event has reported; absent while it is not."""
    burn: Figure | None = None
    """How fast the monthly budget is spent, over the longest window: above 1 it does not last for the month."""
    message: Message | None = None
    """What the numbers mean, or why they are missing, as a sentence."""
