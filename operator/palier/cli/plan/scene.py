"""From a plan to what its pictures show.

The latency is that of as many replicas as are planned for, but never more than the monthly budget pays for: whoever
keeps the budget and gets more users pays with their time instead.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from operator import attrgetter

from palier.cli.plan.curves import Panel, Scene, curve, spread
from palier.cli.plan.outcome import Outcome, ServingOption
from palier.cli.plan.words import NAMES, conclusion, title, verdict_of
from palier.economics import sentences
from palier.economics.costs import Limits, thousands

Rates = tuple[float, ...]


def scene(outcome: Outcome) -> Scene:
    """The picture of a plan."""
    points = outcome.main_option.plan.points
    marks = tuple(
        (NAMES[one.name], float(one.requests_per_second))
        for one in sorted(points, key=attrgetter("requests_per_second"))
    )
    rates = spread(marks[0][1], marks[-1][1])
    return Scene(
        title=title(outcome),
        sentence=conclusion(outcome),
        marks=marks,
        cost=_cost(outcome, rates),
        latency=_latency(outcome, rates),
        legend=tuple(_legend(option) for option in outcome.serving_options),
        notes=tuple(_notes(outcome)),
    )


def seconds_at(option: ServingOption, rate: Decimal) -> float | None:
    """How fast answers come with the replicas that are planned for and paid for; None where it is not known."""
    inputs, latency = option.plan.inputs, option.latency
    if latency is None or inputs.fleet is None:
        return None
    numbers = (inputs.fleet.replicas(rate) or inputs.fleet.most_replicas, option.paid)
    replicas = min((number for number in numbers if number is not None), default=0)
    return latency.estimate_seconds(inputs, float(rate), replicas)


def _cost(outcome: Outcome, rates: Rates) -> Panel:
    curves = tuple(curve(_name(option), rates, partial(_month, option)) for option in outcome.serving_options)
    plan = outcome.main_option.plan
    limits = plan.inputs.limits
    drawn = limits is not None and len(plan.inputs.currencies) == 1
    return Panel(
        title=f"{plan.currency} a month",
        curves=curves,
        limit=curve(_limit_name(outcome), rates, _draw_budget(limits)) if limits and drawn else None,
        missing="" if any(one.values for one in curves) else f"The cost is not known: {outcome.choice.reason}.",
    )


def _month(option: ServingOption, rate: float) -> float | None:
    total = option.plan.inputs.make_point(Decimal(rate)).monthly_total
    return None if total is None else float(total)


def _draw_budget(limits: Limits) -> Callable[[float], float | None]:
    """What a month of some traffic may cost."""

    def limit_at(rate: float) -> float | None:
        per_thousand = None if limits.per_thousand is None else limits.per_thousand * thousands(Decimal(rate))
        allowed = [float(limit) for limit in (limits.monthly, per_thousand) if limit is not None]
        return min(allowed, default=None)

    return limit_at


def _limit_name(outcome: Outcome) -> str:
    budget = outcome.draft.deployment.spec.budget
    if budget is None:
        return ""
    limits = (
        (budget.monthly, "a month"),
        (budget.per_thousand_inferences, "for a thousand"),
        (budget.per_million_tokens, "for a million tokens"),
    )
    amounts = " and ".join(
        f"{sentences.write_exactly(limit.decimal)} {what}" for limit, what in limits if limit is not None
    )
    return f"budget: {amounts}"


def _latency(outcome: Outcome, rates: Rates) -> Panel:
    known = [option.latency for option in outcome.serving_options if option.latency]
    curves = tuple(curve(_name(option), rates, partial(_seconds, option)) for option in outcome.serving_options)
    percentile = known[0].percentile if known else 0
    promise = outcome.draft.promise
    promised = f"promised: {promise.percentile} % within {promise.threshold}" if promise else ""
    missing = "" if any(one.values for one in curves) else _unknown(outcome)
    return Panel(
        title="answer time" if missing else f"seconds, {percentile} % of the answers",
        curves=curves,
        limit=curve(promised, rates, lambda _: promise.threshold.seconds) if promise and not missing else None,
        missing=missing,
    )


def _seconds(option: ServingOption, rate: float) -> float | None:
    return seconds_at(option, Decimal(rate))


def _unknown(outcome: Outcome) -> str:
    if any(option.latency for option in outcome.serving_options):
        return "How fast answers come is not known: no replica is paid for."
    return (
        "How fast answers come is not known. A load test measures it; --service-time and --concurrency draw what"
        " queueing theory says."
    )


def _legend(option: ServingOption) -> str:
    """One line: who it is, the verdict, and what it takes."""
    plan = option.plan
    facts = []
    if plan.replicas is not None:
        facts.append(sentences.pods(plan.replicas))
    if plan.monthly_total is not None:
        facts.append(f"{sentences.money(plan.monthly_total.amount, plan.currency)} a month at target")
    if plan.capacity is None:
        facts.append("capacity not known")
    else:
        facts.append(f"{sentences.figure(plan.capacity)} requests/s each ({option.capacity.source})")
    if option.paid == 0:
        facts.append("none is affordable")
    return f"{_name(option)}: {verdict_of(option)}, {', '.join(facts)}"


def _name(option: ServingOption) -> str:
    return option.name or option.deployment.spec.model.name


def _notes(outcome: Outcome) -> Iterator[str]:
    plan = outcome.main_option.plan
    if plan.prices_as_of is not None:
        yield f"Prices: {plan.price_source}, as of {plan.prices_as_of}."
    sources = {option.name: option.latency.source for option in outcome.serving_options if option.latency}
    if sources:
        if any(option.paid is not None for option in outcome.serving_options):
            yield "Answer time with as many replicas as the traffic takes, but no more than the budget pays for."
        listing = "; ".join(f"{name}: {source}" if name else source for name, source in sources.items())
        yield f"Answer time: {listing}."
