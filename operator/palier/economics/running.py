"""What a thousand answered requests cost, and the verdict on an objective that limits it.

A canary at 5 % of the traffic still needs a whole pod: what it pays for one request says nothing about the version. So
a version is judged by what it would cost to serve *all* of the present traffic with it: the pods that all of the
traffic needs, idle ones included, over all requests that were answered. Stable is judged in the same way, and where
it is no cheaper, the traffic is to blame and not the candidate.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from palier.economics.money import HOURS_PER_MONTH, SECONDS_PER_HOUR, THOUSAND, Money
from palier.economics.prices import Unpriced
from palier.economics.sentences import figure, money, write_exactly
from palier.economics.spending import Spending, mean_rate
from palier.errors import CurrencyMismatch
from palier.evidence.sentences import duration
from palier.evidence.verdicts import Finding, Judgement, Verdict

MINIMUM_REQUESTS: Final = 100
"""Below it chance alone moves the number of requests by more than a fifth."""
MINIMUM_SECONDS: Final = 600.0
"""Below it a burst of requests, or a pause, passes for the traffic."""


class Served(NamedTuple):
    """Requests that were answered successfully."""

    requests: int
    seconds: float
    """The time in which they were counted, without the gaps in which nothing could be read."""


@dataclass(frozen=True, slots=True)
class UnitCost:
    """What a thousand successful requests cost, idle pods included."""

    per_thousand: Money
    hourly: Money
    """What the pods cost in an hour."""
    served: Served

    @property
    def chance(self) -> tuple[Money, Money]:
        """Least and most that it may be if chance alone moves the number of requests, with about 95 %.

        The square root of a Poisson count has a standard deviation of about 1/2, whatever the mean (Anscombe 1948).
        """
        root = math.sqrt(self.served.requests)
        least, most = (Decimal((root / (root + side)) ** 2) for side in (1, -1))
        return self.per_thousand * least, self.per_thousand * most


def unit_cost(hourly: Money, served: Served | None) -> UnitCost | None:
    """What a thousand requests have cost; None with too few of them to say.

    Args:
        hourly: what the pods that answered them cost in an hour, idle or not.
        served: the requests; None when they are not known.
    """
    if served is None or served.requests < MINIMUM_REQUESTS or served.seconds < MINIMUM_SECONDS:
        return None
    hours = Decimal(served.seconds) / SECONDS_PER_HOUR
    return UnitCost(hourly * (hours * THOUSAND / Decimal(served.requests)), hourly, served)


def overall_unit_cost(
    spending: Spending, *, served: Served | None, now: float, overheads: Decimal = Decimal(0)
) -> UnitCost | None:
    """What a thousand requests have cost with everything that is paid: what a budget for them is about.

    Args:
        spending: of all pods, whatever their part in a release.
        served: what all revisions together have answered.
        now: seconds since the epoch.
        overheads: what is paid in a month besides serving, in the currency of `spending`.
    """
    mean = mean_rate(spending, seconds=served.seconds, now=now) if served else None
    serving = spending.hourly.amount if mean is None else mean
    return unit_cost(Money(serving + overheads / HOURS_PER_MONTH, spending.currency), served)


def judge_cost(
    name: str,
    *,
    maximum: Money,
    candidate: Money | Unpriced,
    stable: Money | Unpriced | None,
    served: Served | None,
    unknown: str = "",
) -> Judgement:
    """The verdict on `cost: {maxPerThousandInferences}`.

    Args:
        name: of the objective.
        maximum: most that a thousand requests may cost.
        candidate: cost of an hour of the pods that the candidate needs for all of the traffic, or why there is none.
        stable: the same for stable; None when there is none.
        served: what all revisions together have answered; None when it is not known.
        unknown: why it is not known.
    """
    finding, cost = _judge_unit_cost(maximum, candidate, stable, served, unknown)
    total = served.requests if served else 0
    return Judgement(
        objective=name,
        verdict=finding.verdict,
        reason=finding.reason,
        message=f"{name}: {finding.message}",
        estimate=float(cost.per_thousand.amount) if cost else None,
        total=total,
        bad=0,
        stable_total=0,
        stable_bad=0,
        hard_stop=False,
        interval=(float(cost.chance[0].amount), float(cost.chance[1].amount)) if cost else None,
        needed=finding.needed,
    )


def _judge_unit_cost(
    maximum: Money,
    candidate: Money | Unpriced,
    stable: Money | Unpriced | None,
    served: Served | None,
    unknown: str,
) -> tuple[Finding, UnitCost | None]:
    if isinstance(candidate, Unpriced):
        return Finding(Verdict.NO_EVIDENCE, candidate.reason, candidate.message), None
    cost = unit_cost(candidate, served)
    if cost is None:
        return _too_little(served, unknown), None
    try:
        return _compare_costs(cost, maximum, stable), cost
    except CurrencyMismatch:
        message = (
            f"prices are in {candidate.currency} and the budget is in {maximum.currency}; Palier converts nothing: "
            f"give both in one currency"
        )
        return Finding(Verdict.NO_EVIDENCE, "CurrencyMismatch", message), None


def _too_little(served: Served | None, unknown: str) -> Finding:
    needs = f"at least {MINIMUM_REQUESTS} in {duration(MINIMUM_SECONDS)} are needed"
    if served is None:
        message = unknown or "the answered requests have not been counted yet"
        return Finding(Verdict.NO_EVIDENCE, "InsufficientTraffic", f"{message}; {needs}", MINIMUM_REQUESTS)
    message = f"{served.requests:,} requests were answered in {duration(served.seconds)}; {needs}"
    missing = max(0, MINIMUM_REQUESTS - served.requests) or None
    return Finding(Verdict.NO_EVIDENCE, "InsufficientTraffic", message, missing)


def _compare_costs(cost: UnitCost, maximum: Money, stable: Money | Unpriced | None) -> Finding:
    comparison = _describe_cost(cost, maximum)
    if cost.per_thousand <= maximum:
        return Finding(Verdict.PASS, "WithinObjective", comparison)
    if cost.chance[0] <= maximum:
        return Finding(Verdict.NO_EVIDENCE, "Undecided", f"{comparison}; with so few requests that may be chance")
    other = unit_cost(stable, cost.served) if isinstance(stable, Money) else None
    if other is None:
        return Finding(Verdict.FAIL, "ObjectiveBreached", comparison)
    comparison = f"{comparison}; stable would cost {_write_money(other.per_thousand)}"
    if other.per_thousand >= cost.per_thousand:
        message = f"{comparison}, so the candidate cannot be blamed"
        return Finding(Verdict.NO_EVIDENCE, "StableBreachesToo", message)
    return Finding(Verdict.FAIL, "ObjectiveBreached", comparison)


def _describe_cost(cost: UnitCost, maximum: Money) -> str:
    requests, seconds = cost.served
    currency = maximum.currency
    amount = figure(cost.per_thousand.amount, limit=maximum.amount)
    allowed = f"{write_exactly(maximum.amount)} {currency} allowed"
    return (
        f"{amount} {currency} for a thousand requests if it had all of the traffic, {allowed} "
        f"({requests:,} requests in {duration(seconds)}, pods for {_write_money(cost.hourly)} an hour)"
    )


def _write_money(amount: Money) -> str:
    return money(amount.amount, amount.currency)
