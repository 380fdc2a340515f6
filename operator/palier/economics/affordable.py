"""Which traffic fits a limit of cost, and from which traffic on serving is cheaper than buying.

See `costs` for why the numbers of replicas that keep a limit are neighbours: everything here is found by halving.
"""

from dataclasses import dataclass
from decimal import Decimal

from palier.economics.capacity import Fleet, first_from
from palier.economics.costs import Limits, MonthlyCost, thousands


@dataclass(frozen=True, slots=True)
class Service(Fleet):
    """What replicas carry, and what they cost."""

    cost: MonthlyCost

    def fits(self, replicas: int, limits: Limits) -> bool:
        """Whether limits hold where so many replicas carry all they can, which is where they cost least for each."""
        return limits.hold(self.cost.total(replicas), self.rate(replicas))


def largest_affordable(service: Service, limits: Limits) -> Decimal | None:
    """The most traffic that keeps every limit; with more, or with the next replica, one of them is broken.

    A monthly limit is broken by some number of replicas and stays broken. A limit for a thousand inferences is kept by
    neighbouring numbers of replicas (see `costs`): without contention by all from some number on or by none, with
    contention by those around the cheapest one. It may be broken by little traffic and kept by more, so not all traffic
    below the largest fits (see `smallest_affordable`).

    Returns:
        0 where nothing fits; None where the limits are kept by any traffic, however much.
    """
    end = _paid_for(service, limits)
    if end is not None and end < service.minimum:
        return Decimal(0)
    if limits.per_thousand is None:
        return None if end is None else service.rate(end)
    cheapest = _cheapest(service, service.minimum, end)
    if cheapest is None:
        return None if _kept_by_many(service, limits.per_thousand) else Decimal(0)
    if not service.fits(cheapest, limits):
        return Decimal(0)
    broken = first_from(cheapest, lambda number: not service.fits(number, limits), last=end)
    if broken is not None:
        return service.rate(broken - 1)
    return None if end is None else service.rate(end)


def smallest_affordable(service: Service, limits: Limits, *, at: Decimal) -> Decimal | None:
    """The least traffic from `at` on that keeps every limit.

    A limit for a thousand inferences is broken by little traffic, whose replicas are idle for most of the time. With n
    replicas it holds from monthly(n) divided by the limit on, if they can carry that.

    Returns:
        None where none does.
    """
    first = service.replicas(at)
    if first is None:
        return None
    number: int | None = first
    if not service.fits(first, limits):
        last = _cheapest(service, first, _paid_for(service, limits))
        number = first_from(first, lambda one: service.fits(one, limits), last=last)
    if number is None:
        return None
    if limits.per_thousand is None:
        return at
    return max(at, service.cost.total(number) / (limits.per_thousand * thousands(Decimal(1))))


def break_even(service: Service, per_thousand: Decimal) -> Decimal | None:
    """The traffic above which serving is cheaper than buying at a price for a thousand inferences.

    Above it means all of it: also the first request for which a further replica starts must be cheaper, monthly(n + 1)
    at the rate that n replicas carry. Without contention that holds for all numbers of replicas from some n on; with
    contention it ends again where replicas wait for one another more than they answer.

    Returns:
        None where there is no such traffic.
    """

    def stays_cheaper(number: int) -> bool:
        room = per_thousand * thousands(service.rate(number))
        following = number if number == service.most_replicas else number + 1
        return service.cost.total(following) <= room

    start, last = service.minimum, service.most_replicas
    number = first_from(start, stays_cheaper, last=_best_start(service, start, last))
    if number is None and last is not None and stays_cheaper(last):
        number = last
    return None if number is None else service.cost.total(number) / (per_thousand * thousands(Decimal(1)))


def _kept_by_many(service: Service, per_thousand: Decimal) -> bool:
    """Whether a limit for a thousand inferences is kept by all large numbers of replicas, without contention."""
    room = per_thousand * thousands(service.rate(1))
    return service.cost.cost_of_one_more < room or (service.cost.cost_of_one_more == room and not service.cost.fixed)


def _paid_for(service: Service, limits: Limits) -> int | None:
    """The most replicas that a month pays for and that carry anything more; None where there is no end."""
    monthly = limits.monthly
    if monthly is None:
        return service.most_replicas
    broken = first_from(
        service.minimum, lambda number: service.cost.total(number) > monthly, last=service.most_replicas
    )
    return service.most_replicas if broken is None else broken - 1


def _cheapest(service: Service, start: int, end: int | None) -> int | None:
    """The number of replicas from `start` to `end` that costs least for each inference when it carries all it can.

    Returns:
        None where every further replica makes it cheaper or keeps it, without an end.
    """
    if service.law.proportional:
        return end
    cost, rate = service.cost.total, service.rate
    rising = first_from(start, lambda n: cost(n + 1) * rate(n) >= cost(n) * rate(n + 1), last=end)
    return end if rising is None else rising


def _best_start(service: Service, start: int, last: int | None) -> int | None:
    """The number of replicas after which the next one starts at the least cost for each inference; None if none is."""
    cost, rate = service.cost.total, service.rate
    rising = first_from(start, lambda n: cost(n + 2) * rate(n) >= cost(n + 1) * rate(n + 1), last=last)
    return last if rising is None else rising
