"""What a release knows of money: what has been spent, whether the budget burns, and what a version's answers cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from palier.api.figures import figure_of
from palier.api.spec.values import OnBurn
from palier.api.v1alpha1 import ModelDeployment
from palier.economics.burn import Burn, burn
from palier.economics.money import Money
from palier.economics.prices import Unpriced
from palier.economics.running import Served, UnitCost, judge_cost, unit_cost
from palier.economics.spending import Rate, Spending, advance_spending
from palier.evidence.objective import Judgement
from palier.release.times import format_time, parse_time


@dataclass(frozen=True, slots=True)
class RunningFacts:
    """What the running pods cost, and what they have answered."""

    hourly: Mapping[str, Money | Unpriced] = field(default_factory=dict)
    """What one pod costs in an hour, or why there is no price, by revision."""
    pods: Mapping[str, int] = field(default_factory=dict)
    """Pods that are asked for, by revision."""
    served: Mapping[str, Served | None] = field(default_factory=dict)
    """Answered requests by revision; None where too little is known."""
    total: Served | None = None
    """What all revisions together have answered."""
    unknown: str = ""
    """Why that is not known."""
    seen: bool = False
    """Whether anybody has looked for the pods: only then are none of them no pods."""

    @property
    def is_idle(self) -> bool:
        """Whether no pod is asked for, as far as was looked."""
        return self.seen and not any(self.pods.values())

    def add_hourly(self) -> Money | Unpriced | None:
        """What all pods cost in an hour; None while there are none."""
        costs = []
        for revision, pods in self.pods.items():
            one = self.hourly.get(revision)
            if not pods or one is None:
                continue
            if isinstance(one, Unpriced):
                return one
            costs.append(one * pods)
        return sum(costs[1:], start=costs[0]) if costs else None


@dataclass(frozen=True, slots=True)
class ReportedCosts:
    """What was last told of the cost: it is told anew together with the spending, not at every look."""

    stable: str = ""
    """Decimal: what a thousand answers of stable cost; empty while that is not known."""
    candidate: str = ""
    """The same of the candidate."""
    exceeded: str = ""
    """Why the budget is spent too fast, as people were told; empty while all is well."""

    def to_status(self) -> dict[str, str]:
        """Its part of `status.cost`."""
        told = {
            "perThousandInferences": self.stable,
            "candidatePerThousandInferences": self.candidate,
            "exceeded": self.exceeded,
        }
        return {name: word for name, word in told.items() if word}

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self:
        """Read it back."""
        known = status or {}
        names = ("perThousandInferences", "candidatePerThousandInferences", "exceeded")
        return cls(*(known.get(name, "") for name in names))


def update_reported(
    before: ReportedCosts, running: RunningFacts, *, stable: str, candidate: str, anew: bool
) -> ReportedCosts:
    """What to tell of the cost now.

    Args:
        before: what was told last.
        running: prices and traffic.
        stable: revision of stable; empty when there is none.
        candidate: revision of the candidate; empty when there is none.
        anew: whether spending is written anyway; else only what was not known before is told.
    """
    now = ReportedCosts(_write_figure(revision_cost(running, stable)), _write_figure(revision_cost(running, candidate)))
    news = (now.stable and not before.stable) or (now.candidate and not before.candidate)
    gone = before.candidate and not candidate
    return now if anew or news or gone else before


def _write_figure(cost: UnitCost | None) -> str:
    """Four significant digits, never in exponent form."""
    if cost is None:
        return ""
    return figure_of(Decimal(f"{cost.per_thousand.amount:.3e}"))


def overheads_of(deployment: ModelDeployment) -> Decimal:
    """What is paid in a month besides serving, in the budget's currency."""
    return deployment.spec.scale.overheads.monthly if deployment.spec.scale else Decimal(0)


def update_spending(spending: Spending | None, running: RunningFacts, *, now: float) -> Spending | None:
    """The memory of what was spent, up to now; unchanged while a price is missing.

    Where no pods are left an hour costs nothing: the last cost of an hour would else be counted for ever.
    """
    together = running.add_hourly()
    if spending is not None and running.is_idle:
        together = Money(Decimal(0), spending.currency)
    return advance_spending(spending, hourly=together, now=now) if isinstance(together, Money) else spending


def find_burn(deployment: ModelDeployment, spending: Spending | None, *, now: float) -> Burn | None:
    """Where the monthly budget stands; None without one, or while nothing has been counted in its currency."""
    budget = deployment.spec.budget
    if budget is None or budget.monthly is None or spending is None or spending.currency != budget.currency:
        return None
    return burn(spending, monthly=budget.monthly.decimal, now=now, overheads=overheads_of(deployment))


def burn_stops(deployment: ModelDeployment, found: Burn | None, *, under_way: bool) -> bool:
    """Whether a budget that burns keeps a release from starting, or from going on."""
    budget = deployment.spec.budget
    if budget is None or found is None or not found.exceeds:
        return False
    return budget.on_burn is OnBurn.HOLD or (budget.on_burn is OnBurn.FREEZE and not under_way)


def cost_judgements(
    deployment: ModelDeployment,
    running: RunningFacts,
    *,
    candidate: str,
    stable: str,
    replicas: int | Mapping[str, int],
) -> tuple[Judgement, ...]:
    """The verdicts on the objectives that limit what a thousand answers cost.

    Args:
        deployment: the spec.
        running: prices and traffic.
        candidate: revision of the candidate.
        stable: revision of stable.
        replicas: the pods that all of the traffic needs: of either revision, or by revision where a slower one needs
            more of them (see `palier.release.prospects.pods_for_traffic`).
    """
    needed = {candidate: replicas, stable: replicas} if isinstance(replicas, int) else replicas
    budget = deployment.spec.budget
    if budget is None:
        return ()
    return tuple(
        judge_cost(
            objective.name,
            maximum=Money(objective.cost.max_per_thousand_inferences.decimal, budget.currency),
            candidate=_for_all(running, candidate, needed[candidate]),
            stable=_for_all(running, stable, needed[stable]),
            served=running.total,
            unknown=running.unknown,
        )
        for objective in deployment.spec.objectives
        if objective.cost is not None
    )


def revision_cost(running: RunningFacts, revision: str) -> UnitCost | None:
    """What a thousand answers of a revision cost with the pods that it has; None while that is not known."""
    hourly, pods = running.hourly.get(revision), running.pods.get(revision, 0)
    if not isinstance(hourly, Money) or not pods:
        return None
    return unit_cost(hourly * pods, running.served.get(revision))


def spending_status(spending: Spending) -> dict[str, Any]:
    """The part of `status.cost` that carries the memory; `spending_of` reads the same value back."""
    return {
        "currency": spending.currency,
        "month": spending.month,
        "spent": figure_of(spending.spent),
        "at": format_time(spending.at),
        "rates": [{"since": format_time(rate.since), "hourly": figure_of(rate.hourly)} for rate in spending.rates],
    }


def spending_of(status: Mapping[str, Any] | None) -> Spending | None:
    """Read the memory back; None where none was written.

    Raises:
        ArithmeticError, KeyError, TypeError, ValueError: it is unreadable.
    """
    if not status or not status.get("rates"):
        return None
    return Spending(
        currency=status["currency"],
        month=status["month"],
        spent=Decimal(status["spent"]),
        at=parse_time(status["at"]),
        rates=tuple(Rate(parse_time(rate["since"]), Decimal(rate["hourly"])) for rate in status["rates"]),
    )


def _for_all(running: RunningFacts, revision: str, replicas: int) -> Money | Unpriced:
    """What the pods cost in an hour that a revision needs for all of the traffic."""
    one = running.hourly.get(revision)
    if one is None:
        return Unpriced("PricesMissing", f"it is not known yet what a pod of {revision} costs")
    return one if isinstance(one, Unpriced) else one * replicas
