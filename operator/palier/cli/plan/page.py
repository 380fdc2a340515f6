"""What `palier plan` prints for people: what is planned with, the numbers at each traffic, a drawing, the verdict."""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

from palier.api.spec.budget import Budget
from palier.api.status.values import PlannedTraffic
from palier.cli.commands import align_columns
from palier.cli.plan.chart import Terminal, chart
from palier.cli.plan.latency import Latency
from palier.cli.plan.outcome import Outcome, ServingOption, point
from palier.cli.plan.scene import scene, seconds_at
from palier.cli.plan.words import NAMES, conclusion, fits_up_to, title, verdict_of
from palier.economics import sentences
from palier.economics.money import HOURS_PER_MONTH
from palier.economics.planning import BreakEven, Point
from palier.economics.prices import Unpriced

_LABEL = 12
_UNKNOWN = "-"
_FITS = {True: "yes", False: "no", None: _UNKNOWN}


def page(outcome: Outcome, terminal: Terminal) -> str:
    """The page for one ModelDeployment."""
    lines = [*_head(outcome)]
    if len(outcome.serving_options) > 1:
        lines += ["", *_compare_options(outcome.serving_options)]
    lines += ["", *_points(outcome.main_option)]
    if further := [*_describe_more(outcome.main_option)]:
        lines += ["", *further]
    if drawing := chart(scene(outcome), terminal):
        lines += ["", drawing]
    return "\n".join([*lines, "", conclusion(outcome)])


def _head(outcome: Outcome) -> Iterator[str]:
    spec, shown = outcome.draft.deployment.spec, outcome.main_option
    owner, plan = spec.owner, shown.plan
    yield title(outcome)
    yield _row("Owner", f"{owner.name} <{owner.email}>{f', team {owner.team}' if owner.team else ''}")
    if len(outcome.serving_options) == 1:
        yield _row("Model", _model(shown))
    yield _row("Target", _target(shown))
    yield _row("Budget", _budget(spec.budget))
    yield _row("Prices", f"{plan.price_source}, as of {plan.prices_as_of}" if plan.prices_as_of else "not known")
    if len(outcome.serving_options) == 1:
        yield _row("Replica", _replica(shown))
        yield _row("Capacity", _capacity(shown))


def _model(option: ServingOption) -> str:
    model = option.deployment.spec.model
    return f"{model.name} {model.version}"


def _target(option: ServingOption) -> str:
    scale, plan = option.deployment.spec.scale, option.plan
    facts = [sentences.rate(plan.inputs.target)]
    if scale is not None and scale.target.tokens_in:
        facts.append(f"{scale.target.tokens_in:,} tokens in")
    if scale is not None and scale.target.tokens_out:
        facts.append(f"{scale.target.tokens_out:,} tokens out")
    facts.append(f"{sentences.write_exactly(100 * plan.utilization)} % of the capacity is planned for")
    return ", ".join(facts)


def _budget(budget: Budget | None) -> str:
    if budget is None:
        return "none"
    limits = (
        (budget.monthly, "a month"),
        (budget.per_thousand_inferences, "for a thousand requests"),
        (budget.per_million_tokens, "for a million tokens"),
    )
    return ", ".join(
        f"{sentences.write_exactly(limit.decimal)} {budget.currency} {what}" for limit, what in limits if limit
    )


def _replica(option: ServingOption) -> str:
    """What one replica costs, and for what."""
    price = option.plan.inputs.hourly
    if isinstance(price, Unpriced):
        return f"not priced: {price.message}"
    parts = {part: money.amount for part, money in price.per.items() if money.amount}
    breakdown = ", ".join(f"{part} {sentences.figure(amount)}" for part, amount in parts.items())
    monthly = sentences.money(price.money.amount * HOURS_PER_MONTH, price.money.currency)
    return f"{sentences.money(price.money.amount, price.money.currency)} an hour, {monthly} a month ({breakdown})"


def _capacity(option: ServingOption) -> str:
    capacity = option.plan.capacity
    if capacity is None:
        return option.capacity.origin
    return f"{sentences.figure(capacity)} requests/s for each replica, {option.capacity.origin}"


def _compare_options(serving_options: Sequence[ServingOption]) -> Iterator[str]:
    """The variants side by side."""
    head = ("variant", "requests/s", "", "an hour", "POC month", "replicas", "target month", "fits up to", "")
    rows = [
        (
            option.name,
            _figure(option.plan.capacity),
            option.capacity.source or _UNKNOWN,
            _figure(option.plan.hourly_per_replica),
            _figure(point(option.plan, PlannedTraffic.POC).monthly_total),
            _replicas(option.plan.target, known=option.plan.capacity is not None),
            _figure(option.plan.target.monthly_total),
            fits_up_to(option),
            verdict_of(option),
        )
        for option in serving_options
    ]
    yield from align_columns([head, *rows], left=(0, 2, 8))


def _points(option: ServingOption) -> Iterator[str]:
    """The numbers at each traffic."""
    plan = option.plan
    tokens = any(one.per_million_tokens is not None for one in plan.points)
    head = ["requests/s", "replicas", "serving", "overheads", "month", "1,000 requests"]
    rows = [
        (
            NAMES[one.name],
            sentences.figure(one.requests_per_second),
            _replicas(one, known=plan.capacity is not None),
            _figure(one.monthly_serving),
            _figure(one.monthly_overheads),
            _figure(one.monthly_total),
            _figure(one.per_thousand_inferences),
            *([_figure(one.per_million_tokens)] if tokens else []),
            _FITS[one.within_budget],
        )
        for one in plan.points
    ]
    if option.name:
        yield f"{option.name}, {_model(option)}"
    titles = (plan.currency, *head, *(["1M tokens"] if tokens else []), "within budget")
    yield from align_columns([titles, *rows], left=(0,))


def _describe_more(option: ServingOption) -> Iterator[str]:
    """What the table does not say."""
    plan = option.plan
    if plan.inputs.limits is not None and plan.inputs.service is not None:
        yield _row("Fits up to", fits_up_to(option) + (" requests/s" if plan.largest_affordable else " traffic"))
    if plan.marginal_per_thousand is not None:
        marginal = f"{sentences.money(plan.marginal_per_thousand, plan.currency)} for 1,000 requests"
        if plan.marginal_per_million_tokens is not None:
            marginal += f", {sentences.money(plan.marginal_per_million_tokens, plan.currency)} for 1M tokens"
        yield _row("Marginal", f"{marginal}: a replica that is always busy, without idle time and overheads")
    if plan.break_even is not None:
        yield _row("Break-even", _break_even(plan.break_even, plan.currency))
    if option.latency is not None:
        yield _row("Answers", _answers(option, option.latency))


def _break_even(even: BreakEven, currency: str) -> str:
    bought = f"the API at {sentences.money(even.api_per_thousand, currency)} for 1,000 requests"
    if even.requests_per_second is None:
        return f"never: {bought} is cheaper at any traffic"
    return f"above {sentences.figure(even.requests_per_second)} requests/s; below, {bought} is cheaper"


def _answers(option: ServingOption, latency: Latency) -> str:
    """How fast they come, and what happens to those who come beyond what is paid for."""
    if option.paid == 0:
        return f"nobody gets one: the budget does not pay for {sentences.pods(option.plan.inputs.minimum_replicas)}"
    times = []
    for one in option.plan.points[:2]:
        seconds = seconds_at(option, one.requests_per_second)
        if seconds is None:
            times.append(f"not known at {NAMES[one.name]}")
        elif math.isinf(seconds):
            times.append(f"the queue grows without end at {NAMES[one.name]}")
        else:
            times.append(f"{seconds:.2g} s at {NAMES[one.name]}")
    paid = "" if option.paid is None else f" with at most the {sentences.pods(option.paid)} that the budget pays for"
    return f"{latency.percentile} % come within {', '.join(times)}{paid} ({latency.source})"


def _replicas(one: Point, *, known: bool) -> str:
    if one.replicas is None:
        return "out of reach" if known else _UNKNOWN
    return f"{one.replicas:,}"


def _figure(number: Decimal | None) -> str:
    return _UNKNOWN if number is None else sentences.figure(number)


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}".rstrip()
