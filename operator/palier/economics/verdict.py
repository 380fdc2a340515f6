"""The verdict on the target, in one sentence: what it takes, what that costs, what is allowed, and what would fit."""

from decimal import Decimal

from palier.api.spec.values import Amount
from palier.economics import sentences
from palier.economics.planning import PlanInputs, Point
from palier.economics.prices import Priced, Unpriced
from palier.evidence.verdicts import Finding, Verdict


def judge_plan(inputs: PlanInputs, target: Point, largest: Decimal | None) -> Finding:
    """The verdict, its reason and its sentence.

    What is not known comes first, but for one thing: a target that no number of replicas carries fails whatever it
    would cost. Without a budget there is nothing to fail.

    Args:
        inputs: what the plan is made from.
        target: the numbers at the target.
        largest: the most traffic within the budget; None where there is no such bound.
    """
    price, budget = inputs.hourly, inputs.budget
    if inputs.law is None:
        return _unknown(
            "NoCapacity",
            "it is not known how many requests/s one replica carries: let a load test measure it, or give palier plan a"
            " capacity",
        )
    if target.replicas is None:
        return Finding(Verdict.FAIL, "TargetUnreachable", _describe_unreachable(inputs))
    takes = _takes(target.requests_per_second, target.replicas)
    if isinstance(price, Unpriced):
        if budget is None:
            return Finding(Verdict.PASS, "NoBudget", f"{takes}; there is no budget, and no price: {price.message}")
        return _unknown(price.reason, f"{takes}, whose price is not known: {price.message}")
    if budget is None:
        return Finding(
            Verdict.PASS,
            "NoBudget",
            f"{_costs(inputs, target, price)}; there is no budget{_notes(inputs, target, price)}",
        )
    if budget.currency != price.money.currency:
        return _unknown(
            "CurrencyMismatch",
            f"the budget is in {budget.currency} and the prices of {price.source} are in {price.money.currency}:"
            f" nothing is converted, so give prices in {budget.currency}",
        )
    if inputs.tokens_missing:
        return _unknown(
            "TokensMissing",
            "budget.perMillionTokens cannot be checked: write scale.target.tokensIn and tokensOut, the tokens that a"
            " request and its answer have on average",
        )
    costs, notes = _costs(inputs, target, price), _notes(inputs, target, price)
    if target.within_budget:
        fits = "any traffic fits" if largest is None else f"{sentences.at_most(largest)} fit"
        return Finding(Verdict.PASS, "WithinBudget", f"{costs}; {fits}{notes}")
    return Finding(Verdict.FAIL, "OverBudget", f"{costs}; {_would_fit(inputs, largest)}{notes}")


def _unknown(reason: str, message: str) -> Finding:
    return Finding(Verdict.NO_EVIDENCE, reason, message)


def _describe_unreachable(inputs: PlanInputs) -> str:
    """How far replicas that hinder each other come."""
    message = (
        f"{sentences.rate(inputs.target)} are out of reach of any number of replicas, because they hinder each other"
    )
    fleet = inputs.fleet
    if fleet is None:
        return message
    share = f"{sentences.write_exactly(100 * fleet.utilization)} % of what they carry"
    if fleet.most_replicas is not None:
        most = sentences.at_most(fleet.rate(fleet.most_replicas))
        return f"{message}: {most} are planned with {sentences.pods(fleet.most_replicas)}, {share}"
    bound = (fleet.law.highest_capacity or Decimal(0)) * fleet.utilization
    return f"{message}: they stay below {sentences.figure(bound)} requests/s, {share}"


def _takes(rate: Decimal, replicas: int) -> str:
    return f"{sentences.rate(rate)} {'takes' if rate == 1 else 'take'} {sentences.pods(replicas)}"


def _costs(inputs: PlanInputs, target: Point, price: Priced) -> str:
    """What the target takes and costs, each amount with its limit where it has one."""
    budget, currency = inputs.budget, price.money.currency
    each = "" if target.replicas == 1 else " each"
    hourly = sentences.money(price.money.amount, currency)
    message = f"{_takes(target.requests_per_second, target.replicas or 0)} at {hourly}/h{each}: "
    total = target.monthly_total or Decimal(0)
    monthly = budget.monthly if budget else None
    if target.monthly_overheads:
        serving = sentences.money(target.monthly_serving or Decimal(0), currency)
        message += f"{serving} a month, {_amount(total, monthly, currency)} with overheads"
    else:
        message += f"{_amount(total, monthly, currency)} a month"
    message += _limit(total, monthly, currency)
    for amount, what, limit in (
        (target.per_thousand_inferences, "a thousand inferences", budget.per_thousand_inferences if budget else None),
        (target.per_million_tokens, "a million tokens", budget.per_million_tokens if budget else None),
    ):
        if amount is not None:
            message += f"; {_amount(amount, limit, currency)} for {what}{_limit(amount, limit, currency)}"
    return message


def _amount(amount: Decimal, limit: Amount | None, currency: str) -> str:
    return f"{sentences.figure(amount, limit=limit.decimal if limit else None)} {currency}"


def _limit(amount: Decimal, limit: Amount | None, currency: str) -> str:
    if limit is None:
        return ""
    side = "within" if amount <= limit.decimal else "against"
    return f", {side} a budget of {sentences.write_exactly(limit.decimal)} {currency}"


def _would_fit(inputs: PlanInputs, largest: Decimal | None) -> str:
    """The traffic that there is money for: less than the target, or more where idle replicas cost each request much."""
    if largest is not None and largest < inputs.target:
        return f"{sentences.at_most(largest)} fit" if largest else "no traffic fits"
    smallest = inputs.smallest_affordable()
    least = "more traffic fits" if smallest is None else f"{sentences.at_least(smallest)} fit"
    return least if largest is None else f"{least}, and {sentences.at_most(largest)}"


def _notes(inputs: PlanInputs, target: Point, price: Priced) -> str:
    """What a reader could otherwise believe to be counted, or to be what runs."""
    notes = ""
    if inputs.not_asked_for:
        notes += f"; {' and '.join(inputs.not_asked_for)} not counted, because the pod has no request for it"
    service = inputs.service
    if service is not None and inputs.asked_for > (target.replicas or 0):
        # No verdict: autoscalers write that field, and take back what they do not need.
        monthly, currency = inputs.budget.monthly if inputs.budget else None, price.money.currency
        total = service.cost.total(inputs.asked_for)
        cost = f"{_amount(total, monthly, currency)} a month{_limit(total, monthly, currency)}"
        notes += f"; serving.replicas asks for {sentences.pods(inputs.asked_for)}: {cost}, if that stays"
    return notes
