"""What a month costs with so many replicas, and which traffic a limit of cost leaves room for.

Costs grow with replicas, and replicas come one by one. So the cost of a thousand inferences is a saw: within a replica
it falls as traffic grows, and with the next one it jumps up. What decides about limits are the points of its teeth,
where n replicas carry all they can:

    unit(n) = monthly(n) / (thousands of inferences in a month at the rate that n replicas carry)

monthly(n) is a sum of terms a n, b, and c max(1, s n), none of them negative. Divided by n and multiplied by the
denominator 1 + (n - 1)(alpha + beta n) of the scaling law each of them is convex in n (for alpha below 1; from there on
one replica carries most), so unit(n) is too: it falls to its least value and rises from there on, for ever (with
contention) or not at all (without). The numbers of replicas that keep a limit of unit cost are therefore neighbours,
and both ends are found by halving.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from palier.economics.money import HOURS_PER_MONTH, SECONDS_PER_MONTH, THOUSAND

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)


def thousands(requests_per_second: Decimal) -> Decimal:
    """Thousands of inferences in a month of this traffic."""
    return requests_per_second * SECONDS_PER_MONTH / THOUSAND


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pods that run next to stable because of releases."""

    per_month: int
    """Releases in a month."""
    stages: tuple[tuple[Decimal, Decimal], ...] = ()
    """The candidate's pods in each stage, as a share of stable's, and the stage's shortest duration in hours."""
    warm: Decimal = _ZERO
    """Hours that the former stable stays ready with all its pods."""

    def replica_hours(self, replicas: int) -> Decimal:
        """Hours of further replicas in a month next to so many.

        The candidate's pods are in proportion to its share, at least one. That they are whole is left out: it would add
        less than one replica to a stage, and its cost would no longer grow evenly.
        """
        stages = sum((hours * max(_ONE, share * replicas) for share, hours in self.stages), start=_ZERO)
        return self.per_month * (stages + self.warm * replicas)


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What a month costs, by the number of replicas; amounts of one currency."""

    hourly: Decimal
    """Cost of one replica in an hour."""
    fixed: Decimal
    """Overheads that do not depend on the number of replicas."""
    overlap: Overlap

    def serving_cost(self, replicas: int) -> Decimal:
        """The replicas themselves."""
        return replicas * self.hourly * HOURS_PER_MONTH

    def overheads(self, replicas: int) -> Decimal:
        """What comes on top: maintenance, monitoring, data, people, and the pods of releases."""
        return self.fixed + self.overlap.replica_hours(replicas) * self.hourly

    def total(self, replicas: int) -> Decimal:
        """Everything."""
        return self.serving_cost(replicas) + self.overheads(replicas)

    @property
    def cost_of_one_more(self) -> Decimal:
        """What one more replica adds, where there are many."""
        overlap = sum((hours * share for share, hours in self.overlap.stages), start=self.overlap.warm)
        return self.hourly * (HOURS_PER_MONTH + self.overlap.per_month * overlap)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent; each limit that is given has to hold."""

    monthly: Decimal | None = None
    per_thousand: Decimal | None = None
    """For a thousand inferences; a limit for tokens is turned into one of these."""

    def hold(self, total: Decimal, rate: Decimal) -> bool:
        """Whether a month of this traffic may cost so much."""
        return (self.monthly is None or total <= self.monthly) and (
            self.per_thousand is None or total <= self.per_thousand * thousands(rate)
        )
