"""The plan of the Scalability Owner: does the target fit the budget, and if not, what would?

The verdict is about the target. It rests on a capacity, a price and a limit that are known; where one of them is not,
the answer is that nothing can be said, and what to do about it. Nothing is rounded but the numbers in sentences.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from palier.api.spec.scale import ApiPrice, Scale
from palier.api.status.values import PlannedTraffic
from palier.api.v1alpha1 import ModelDeployment
from palier.economics.capacity import ScalingLaw
from palier.economics.costs import Overlap
from palier.economics.money import SECONDS_PER_HOUR, THOUSAND, Money
from palier.economics.planning import BreakEven, PlanInputs, Point
from palier.economics.prices import Priced, PriceTable
from palier.economics.replica import replica_price
from palier.economics.verdict import judge_plan
from palier.errors import InvalidSpec
from palier.evidence.verdicts import Verdict

__all__ = ["BreakEven", "Plan", "PlanInputs", "Point", "inputs_of", "plan", "plan_of"]

_ALL: Final = 100
"""Percent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What serving takes and costs, and the verdict on the target."""

    inputs: PlanInputs
    points: tuple[Point, ...]
    """At the proof of concept, the target, and two and ten times the target."""
    largest_affordable: Decimal | None
    """The most requests per second within the budget; 0 where nothing is. None without a budget, where the budget does
    not bound the traffic, and where a price or the capacity is not known."""
    break_even: BreakEven | None
    """Serving against the API of `scale.apiPrice`; None without one, and where the costs are not known."""
    marginal_per_thousand: Decimal | None
    """What a thousand inferences cost on a replica that answers all it can, without overheads."""
    marginal_per_million_tokens: Decimal | None
    verdict: Verdict
    reason: str
    """One CamelCase word: `WithinBudget`, `OverBudget`, `TargetUnreachable`, `NoBudget`, or why nothing can be said."""
    message: str
    """One sentence with its numbers."""

    @property
    def target(self) -> Point:
        """The point that the verdict is about."""
        return next(point for point in self.points if point.name == PlannedTraffic.TARGET)

    @property
    def currency(self) -> str:
        """Currency of every amount of the plan; empty where nothing is priced."""
        return self.inputs.hourly.money.currency if isinstance(self.inputs.hourly, Priced) else ""

    @property
    def hourly_per_replica(self) -> Decimal | None:
        """What one replica costs in an hour."""
        return self.inputs.hourly.money.amount if isinstance(self.inputs.hourly, Priced) else None

    @property
    def price_source(self) -> str:
        """Where the prices come from; empty where there are none."""
        return self.inputs.hourly.source if isinstance(self.inputs.hourly, Priced) else ""

    @property
    def prices_as_of(self) -> date | None:
        """Date of the prices."""
        return self.inputs.hourly.as_of if isinstance(self.inputs.hourly, Priced) else None

    @property
    def capacity(self) -> Decimal | None:
        """Requests per second that one replica carries within every objective."""
        return self.inputs.law.capacity(1) if self.inputs.law else None

    @property
    def utilization(self) -> Decimal:
        """The share of the capacity that is planned for."""
        return self.inputs.utilization

    @property
    def replicas(self) -> int | None:
        """Replicas at the target."""
        return self.target.replicas

    @property
    def monthly_total(self) -> Money | None:
        """What a month costs at the target."""
        total = self.target.monthly_total
        return None if total is None else Money(total, self.currency)


def plan(inputs: PlanInputs) -> Plan:
    """Compute the plan, and judge the target."""
    points = inputs.points()
    target = next(point for point in points if point.name == PlannedTraffic.TARGET)
    largest = inputs.largest_affordable()
    finding = judge_plan(inputs, target, largest)
    return Plan(
        inputs=inputs,
        points=points,
        largest_affordable=largest,
        break_even=inputs.break_even(),
        marginal_per_thousand=inputs.marginal_per_thousand(),
        marginal_per_million_tokens=inputs.marginal_per_million_tokens(),
        verdict=finding.verdict,
        reason=finding.reason,
        message=finding.message,
    )


def plan_of(
    deployment: ModelDeployment,
    *,
    today: date,
    capacity: Decimal | None = None,
    law: ScalingLaw | None = None,
    prices: PriceTable | None = None,
    prices_problem: str = "",
    poc: Decimal | None = None,
) -> Plan:
    """The plan of one way to serve a model.

    Args:
        deployment: the spec, without variants (see `palier.api.variants.resolve_variants`).
        today: the date, by which prices may be too old.
        capacity: requests per second that one replica carries, where replicas do not hinder each other.
        law: what replicas carry together; comes before `capacity`. With neither, nothing can be said.
        prices: the prices; None where there are none.
        prices_problem: why there are none, as a sentence.
        poc: requests per second of the proof of concept, in place of the spec's.

    Raises:
        InvalidSpec: the spec has no `scale`, so there is nothing to plan for.
    """
    if law is None and capacity is not None and capacity > 0:
        law = ScalingLaw(capacity)
    return plan(inputs_of(deployment, law=law, prices=prices, prices_problem=prices_problem, today=today, poc=poc))


def inputs_of(
    deployment: ModelDeployment,
    *,
    today: date,
    law: ScalingLaw | None,
    prices: PriceTable | None,
    prices_problem: str = "",
    poc: Decimal | None = None,
) -> PlanInputs:
    """What a spec says about its plan; see `plan_of`.

    Raises:
        InvalidSpec: the spec has no `scale`.
    """
    scale, budget = deployment.spec.scale, deployment.spec.budget
    if scale is None:
        raise InvalidSpec(
            "spec.scale", 'a plan needs the traffic to carry: scale: {target: {requestsPerSecond: "200"}}'
        )
    target = scale.target.requests_per_second.decimal
    resources, price = replica_price(deployment, prices, problem=prices_problem, today=today)
    costs = scale.overheads
    return PlanInputs(
        target=target,
        poc=poc or _proof_of_concept(scale, target),
        law=law,
        utilization=scale.utilization.share,
        hourly=price,
        minimum_replicas=scale.minimum_replicas,
        fixed_overheads=costs.monthly,
        overlap=_overlap(deployment, costs.releases_per_month),
        budget=budget,
        tokens=(scale.target.tokens_in or 0) + (scale.target.tokens_out or 0),
        api_per_thousand=_api_per_thousand(scale.api_price, scale) if scale.api_price else None,
        not_asked_for=resources.missing_names if resources else (),
        asked_for=deployment.spec.serving.replicas,
    )


def _proof_of_concept(scale: Scale, target: Decimal) -> Decimal:
    return scale.poc.requests_per_second.decimal if scale.poc else min(Decimal(1), target)


def _overlap(deployment: ModelDeployment, releases: int) -> Overlap:
    """The pods of releases: candidates by the weights of the stages, and the former stable while it is kept warm.

    Behind a gateway a candidate has its weight's share of stable's pods, in the shadow the share of the copies, and
    keeps in later stages what it has. Without a gateway the pods make the weight: for w percent of the traffic there
    are w / (100 - w) times stable's pods, but never more than stable has.
    """
    release, gateway = deployment.spec.release, deployment.spec.traffic.gateway
    stages: list[tuple[Decimal, Decimal]] = []
    if release.shadow is not None:
        stages.append((Decimal(release.shadow.percent) / _ALL, _hours(release.shadow.min_duration.seconds)))
    for landing in release.canaries:
        if gateway:
            before = stages[-1][0] if stages else Decimal(0)
            share = max(before, Decimal(landing.weight) / _ALL)
        else:
            share = min(Decimal(1), Decimal(landing.weight) / (_ALL - landing.weight))
        stages.append((share, _hours(landing.min_duration.seconds)))
    return Overlap(releases, tuple(stages), _hours(release.rollback_window.seconds))


def _hours(seconds: float) -> Decimal:
    return Decimal(str(seconds)) / SECONDS_PER_HOUR


def _api_per_thousand(price: ApiPrice, scale: Scale) -> Decimal | None:
    """What a thousand inferences cost from the API; a price by tokens is for the tokens of the target."""
    if price.per_thousand_inferences is not None:
        return price.per_thousand_inferences.decimal
    tokens = (scale.target.tokens_in, scale.target.tokens_out)
    prices = (price.per_million_tokens_in, price.per_million_tokens_out)
    total = Decimal(0)
    for number, one in zip(tokens, prices, strict=True):
        if number is None or one is None:
            return None
        total += number * one.decimal
    return total / THOUSAND
