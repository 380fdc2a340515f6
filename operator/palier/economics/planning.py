"""What a plan is made from, and the plan's numbers at one traffic.

Kept apart from the verdict (`plan`), so that pictures and tables can ask for the numbers at any traffic.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from palier.api.spec.budget import Budget
from palier.api.status.values import PlannedTraffic
from palier.economics.affordable import Service, break_even, largest_affordable, smallest_affordable
from palier.economics.capacity import Fleet, ScalingLaw
from palier.economics.costs import Limits, MonthlyCost, Overlap, thousands
from palier.economics.money import SECONDS_PER_HOUR, THOUSAND
from palier.economics.prices import Priced, Unpriced

_NO_OVERLAP: Final = Overlap(per_month=0)


@dataclass(frozen=True, slots=True)
class Point:
    """What serving costs at one traffic; amounts are in the plan's currency, and None where they are not known."""

    name: str
    requests_per_second: Decimal
    replicas: int | None
    """None where the capacity is not known, or where no number of replicas carries the traffic."""
    monthly_serving: Decimal | None = None
    monthly_overheads: Decimal | None = None
    monthly_total: Decimal | None = None
    per_thousand_inferences: Decimal | None = None
    """The total for each thousand requests of the month, idle replicas included."""
    per_million_tokens: Decimal | None = None
    """The same for each million tokens, read and written; None where their number is not known."""
    within_budget: bool | None = None
    """None without a budget."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Serving against buying."""

    api_per_thousand: Decimal
    """What a thousand inferences cost from the API."""
    requests_per_second: Decimal | None
    """The traffic above which serving is cheaper (see `affordable.break_even`); None where it never is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """Everything that a plan is made from."""

    target: Decimal
    """Requests per second."""
    poc: Decimal
    """Requests per second of the proof of concept."""
    law: ScalingLaw | None
    """What replicas carry; None where it was not measured."""
    utilization: Decimal
    """The share of the capacity that is planned for, above 0 and at most 1."""
    hourly: Priced | Unpriced
    """What one replica costs, or why that is not known."""
    minimum_replicas: int = 1
    fixed_overheads: Decimal = Decimal(0)
    """Overheads of a month, in the currency of the budget; without a budget in that of the prices."""
    overlap: Overlap = _NO_OVERLAP
    budget: Budget | None = None
    tokens: int = 0
    """Tokens of a request and its answer together; 0 where their number is not known."""
    api_per_thousand: Decimal | None = None
    """Price of a thousand inferences of a bought API, in the currency of the overheads."""
    not_asked_for: tuple[str, ...] = ()
    """Resources that a replica has no request for, and that are therefore not priced."""
    asked_for: int = 0
    """Replicas that the spec asks for now, whatever the plan says; 0 where that is not known."""

    @property
    def fleet(self) -> Fleet | None:
        """What replicas carry; None where it was not measured."""
        return Fleet(self.law, self.utilization, self.minimum_replicas) if self.law else None

    @property
    def currencies(self) -> frozenset[str]:
        """Every currency that a part of the plan is in: numbers of more than one are never put together."""
        prices = {self.hourly.money.currency} if isinstance(self.hourly, Priced) else set()
        return frozenset(prices | ({str(self.budget.currency)} if self.budget else set()))

    @property
    def tokens_missing(self) -> bool:
        """Whether the budget has a limit for tokens, and it is not known how many a request has."""
        return self.budget is not None and self.budget.per_million_tokens is not None and not self.tokens

    @property
    def service(self) -> Service | None:
        """What replicas carry and cost; None where a part of it is not known or is in another currency."""
        if self.law is None or isinstance(self.hourly, Unpriced) or len(self.currencies) > 1:
            return None
        cost = MonthlyCost(self.hourly.money.amount, self.fixed_overheads, self.overlap)
        return Service(self.law, self.utilization, self.minimum_replicas, cost)

    @property
    def limits(self) -> Limits | None:
        """What the budget leaves room for, a limit for tokens turned into one for inferences.

        None without a budget, and where it has a limit for tokens and their number is not known.
        """
        if self.budget is None or self.tokens_missing:
            return None
        per_thousand = [limit.decimal for limit in (self.budget.per_thousand_inferences,) if limit]
        if self.budget.per_million_tokens:
            per_thousand.append(self.budget.per_million_tokens.decimal * self.tokens / THOUSAND)
        monthly = self.budget.monthly
        return Limits(monthly.decimal if monthly else None, min(per_thousand, default=None))

    def make_point(self, requests_per_second: Decimal, name: str = "") -> Point:
        """The numbers at some traffic.

        Money is exact up to the 28th digit: the cost of a thousand inferences times their number is the month.
        """
        service, fleet = self.service, self.fleet
        replicas = fleet.replicas(requests_per_second) if fleet else None
        if service is None or replicas is None:
            return Point(name, requests_per_second, replicas)
        total = service.cost.total(replicas)
        per_thousand = total / thousands(requests_per_second)
        return Point(
            name=name,
            requests_per_second=requests_per_second,
            replicas=replicas,
            monthly_serving=service.cost.serving_cost(replicas),
            monthly_overheads=service.cost.overheads(replicas),
            monthly_total=total,
            per_thousand_inferences=per_thousand,
            per_million_tokens=self._for_tokens(per_thousand),
            within_budget=self.limits.hold(total, requests_per_second) if self.limits else None,
        )

    def points(self) -> tuple[Point, ...]:
        """The numbers at the proof of concept, at the target, and at two and ten times the target."""
        rates = {
            PlannedTraffic.POC: self.poc,
            PlannedTraffic.TARGET: self.target,
            PlannedTraffic.DOUBLE: 2 * self.target,
            PlannedTraffic.TENFOLD: 10 * self.target,
        }
        return tuple(self.make_point(rate, name) for name, rate in rates.items())

    def largest_affordable(self) -> Decimal | None:
        """The most traffic within the budget; None where that is not known, or where there is no such bound."""
        service, limits = self.service, self.limits
        return largest_affordable(service, limits) if service and limits else None

    def smallest_affordable(self) -> Decimal | None:
        """The least traffic from the target on that is within the budget; None where none is known."""
        service, limits = self.service, self.limits
        return smallest_affordable(service, limits, at=self.target) if service and limits else None

    def break_even(self) -> BreakEven | None:
        """Serving against buying; None where one of the two prices is not known."""
        if self.service is None or self.api_per_thousand is None:
            return None
        return BreakEven(self.api_per_thousand, break_even(self.service, self.api_per_thousand))

    def marginal_per_thousand(self) -> Decimal | None:
        """What a thousand inferences cost on a replica that answers all it can, without anything else."""
        if self.service is None:
            return None
        return self.service.cost.hourly / (self.service.law.capacity(1) * SECONDS_PER_HOUR / THOUSAND)

    def marginal_per_million_tokens(self) -> Decimal | None:
        """The same for a million tokens; None where their number is not known."""
        marginal = self.marginal_per_thousand()
        return None if marginal is None else self._for_tokens(marginal)

    def _for_tokens(self, per_thousand_inferences: Decimal) -> Decimal | None:
        return per_thousand_inferences * THOUSAND / self.tokens if self.tokens else None
