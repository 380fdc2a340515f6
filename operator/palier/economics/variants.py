"""Which way to serve a model: the cheapest one at the target that keeps every promise and the budget.

A way that cannot be judged is never chosen, and while none passes it keeps the others from being refused for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from palier.economics import sentences
from palier.economics.money import Money
from palier.economics.plan import Plan
from palier.evidence.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class VariantFinding:
    """What is known about one way to serve a model."""

    name: str
    """Name of the variant; empty where the spec has none."""
    revision: str
    plan: Plan
    """Its verdict also says what a load test found, where that is why it cannot serve."""


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """What became of one variant, for the record."""

    name: str
    revision: str
    verdict: Verdict
    reason: str
    """`Cheapest`, `NotCheapest`, or why it does not pass."""
    message: str
    monthly_total: Decimal | None
    """At the target, in the currency of its plan."""
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome."""

    chosen: str | None
    """The revision to serve; None where none passes."""
    verdict: Verdict
    reason: str
    message: str
    findings: tuple[VariantRecord, ...]
    """In the order of the spec."""


def choose(findings: Sequence[VariantFinding]) -> Choice:
    """Choose the cheapest way at the target among those that pass; of equally cheap ones the first.

    None passes: the verdict is NoEvidence if one of them has none, because it might still pass, else Fail.

    Raises:
        ValueError: there is nothing to choose from.
    """
    if not findings:
        raise ValueError("there is no way to serve to choose from")
    if len(findings) == 1:
        return _choose_only(findings[0])
    passing = [finding for finding in findings if finding.plan.verdict is Verdict.PASS]
    priced = [(total, finding) for finding in passing if (total := finding.plan.monthly_total) is not None]
    currencies = sorted({total.currency for total, _ in priced})
    if len(currencies) > 1:
        reason = f"the variants are priced in {' and '.join(currencies)} and cannot be compared: nothing is converted"
        return _choose_none(findings, Verdict.NO_EVIDENCE, "CurrencyMismatch", reason)
    if not priced:
        return _refuse_all(findings)
    least, best = min(priced, key=lambda one: one[0])
    weighed = tuple(_weigh_variant(finding, best=best, least=least) for finding in findings)
    others = "; ".join(_summarize(finding) for finding in findings if finding is not best)
    message = f"{best.name} is the cheapest that fits: {best.plan.message} ({others})"
    return Choice(best.revision, Verdict.PASS, "Cheapest", message, weighed)


def _choose_only(finding: VariantFinding) -> Choice:
    """No choice: the verdict on the only way is the outcome."""
    plan = finding.plan
    passes = plan.verdict is Verdict.PASS
    weighed = _record(finding, reason=plan.reason, message=plan.message, chosen=passes)
    return Choice(finding.revision if passes else None, plan.verdict, plan.reason, plan.message, (weighed,))


def _refuse_all(findings: Sequence[VariantFinding]) -> Choice:
    """None passes with a price: wait for what is not known, else refuse, and name the one that affords most."""
    unknown = [finding for finding in findings if finding.plan.verdict is not Verdict.FAIL]
    summaries = "; ".join(_summarize(finding) for finding in findings)
    if unknown:
        plan = unknown[0].plan
        # A way that passes without a price cannot be called the cheapest.
        reason = plan.reason if plan.verdict is Verdict.NO_EVIDENCE else "PricesMissing"
        return _choose_none(findings, Verdict.NO_EVIDENCE, reason, f"no variant is known to fit: {summaries}")
    reasons = {finding.plan.reason for finding in findings}
    reason = reasons.pop() if len(reasons) == 1 else "NoVariantFits"
    afford = [(rate, finding) for finding in findings if (rate := finding.plan.largest_affordable) is not None]
    most, best = max(afford, key=lambda one: one[0], default=(Decimal(0), findings[0]))
    fits = f"; {best.name} carries the most within the budget: {sentences.at_most(most)}" if most else ""
    return _choose_none(findings, Verdict.FAIL, reason, f"no variant fits: {summaries}{fits}")


def _choose_none(findings: Sequence[VariantFinding], verdict: Verdict, reason: str, message: str) -> Choice:
    weighed = (
        _record(finding, reason=finding.plan.reason, message=finding.plan.message, chosen=False) for finding in findings
    )
    return Choice(None, verdict, reason, message, tuple(weighed))


def _weigh_variant(finding: VariantFinding, *, best: VariantFinding, least: Money) -> VariantRecord:
    """One variant compared with the chosen one."""
    plan = finding.plan
    if finding is best:
        return _record(finding, reason="Cheapest", message=plan.message, chosen=True)
    total = plan.monthly_total
    if plan.verdict is not Verdict.PASS or total is None:
        return _record(finding, reason=plan.reason, message=plan.message, chosen=False)
    more = sentences.money((total - least).amount, total.currency)
    rank = f"{more} a month more than {best.name}" if total > least else f"as cheap as {best.name}, which comes first"
    return _record(finding, reason="NotCheapest", message=f"{rank}: {plan.message}", chosen=False)


def _record(finding: VariantFinding, *, reason: str, message: str, chosen: bool) -> VariantRecord:
    total = finding.plan.monthly_total
    amount = total.amount if total else None
    return VariantRecord(finding.name, finding.revision, finding.plan.verdict, reason, message, amount, chosen)


def _summarize(finding: VariantFinding) -> str:
    """What is known about a variant, as short as the others next to it allow."""
    plan = finding.plan
    total = plan.monthly_total
    if total is None:
        return f"{finding.name}: {plan.message}"
    reason = "within budget" if plan.verdict is Verdict.PASS else plan.reason
    return f"{finding.name}: {reason} at {sentences.money(total.amount, total.currency)} a month"
