"""Is the monthly budget spent too fast? Watched like an error budget, in several windows, and for the calendar month.

Money differs from errors: a service that spends 80 % of its budget is healthy, so the factors of an error budget alone
would find only a runaway autoscaler, and a service at 105 % not before three days are over. So the month's end is
projected, too. Each rule needs two windows to agree: the long one shows that it matters, the short one that it goes on.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from palier.api.constants import WITHIN_BUDGET
from palier.economics.money import HOURS_PER_MONTH
from palier.economics.sentences import figure, money, write_exactly
from palier.economics.spending import Spending, hours_of_month, mean_rate, month_of, spent_at

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0

_SLACK: Final = Decimal("1.000001")
"""What is exactly the budget is not over it, although hourly costs are remembered to a billionth."""

PROJECTED_LONG: Final = _DAY
"""Seconds over whose mean the month is projected: a whole day, because traffic has its days and nights."""
PROJECTED_SHORT: Final = 2 * _HOUR
"""Seconds over which the projection must be exceeded as well, so that the alarm ends soon after its cause."""
PROJECTED_FROM: Final = _HOUR
"""Seconds that must have been counted before a projection counts."""


class BurnRule(StrEnum):
    """Why a budget is spent too fast; also the reason that conditions and events show."""

    OVERHEADS = "OverheadsExceedBudget"
    """The overheads of a month alone are more than the budget."""
    SPENT = "BudgetSpent"
    """The month has already cost more than its budget."""
    FAST = "BurnsTooFast"
    """One of the windows: the budget would be used up long before the month is over."""
    PROJECTED = "ProjectedOverBudget"
    """At the mean rate of the last day the month ends over its budget."""
    PACE = "BurnsOverPace"
    """For three days, serving has cost more in an hour than the budget has for an hour."""


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """What one pair of windows says: how many times faster than the budget allows money was spent."""

    long: float
    """Seconds."""
    short: float
    """Seconds."""
    factor: Decimal
    """Above it, in both windows, the rule is exceeded."""
    rule: BurnRule
    long_burn: Decimal | None = None
    """None where the window reaches back to before spending was counted, or the budget has nothing for serving."""
    short_burn: Decimal | None = None

    @property
    def exceeds(self) -> bool:
        """Whether both windows are above the factor."""
        burns = (self.long_burn, self.short_burn)
        return all(one is not None and _is_over(one, self.factor) for one in burns)


WINDOWS: Final = (
    BurnWindow(_HOUR, 5 * _MINUTE, Decimal("14.4"), BurnRule.FAST),
    BurnWindow(6 * _HOUR, 30 * _MINUTE, Decimal(6), BurnRule.FAST),
    BurnWindow(3 * _DAY, 6 * _HOUR, Decimal(1), BurnRule.PACE),
)
"""Those of the SRE workbook, chapter 5: 2 %, 5 % and 10 % of a month's budget in one window."""


@dataclass(frozen=True, slots=True)
class Burn:
    """Where a budget stands."""

    windows: tuple[BurnWindow, ...]
    spent: Decimal
    """What serving has cost in the calendar month so far."""
    projected: Decimal
    """What the calendar month will have cost, overheads included."""
    allowance: Decimal
    """What the calendar month may cost."""
    exceeded: tuple[BurnRule, ...]
    """The rules that are exceeded, the gravest first; empty while all is well."""
    message: str
    """One sentence with the numbers of the gravest rule, or of the projection while all is well."""

    @property
    def exceeds(self) -> bool:
        """Whether any rule is exceeded: then the budget's `onBurn` acts."""
        return bool(self.exceeded)

    @property
    def reason(self) -> str:
        """One CamelCase word for conditions and events; the condition's own name while no rule is exceeded."""
        return self.exceeded[0].value if self.exceeded else WITHIN_BUDGET

    @property
    def rate(self) -> Decimal | None:
        """The burn over the longest window that is known: above 1 the budget does not last for a month."""
        return next((one.long_burn for one in reversed(self.windows) if one.long_burn is not None), None)


def burn(spending: Spending, *, monthly: Decimal, now: float, overheads: Decimal = Decimal(0)) -> Burn:
    """Compare what is spent with a monthly budget in the same currency.

    The budget is for 730 hours. The overheads of a month are paid in any case, so serving has what they leave, evenly
    spread over the hours. A calendar month may cost a share more where it is longer, and no less where it is shorter.

    Args:
        spending: what serving has cost.
        monthly: the budget of a month of 730 hours, overheads included.
        now: seconds since the epoch.
        overheads: what is paid in a month besides serving.
    """
    case = _Case(spending, monthly, overheads, now)
    rules = case.list_exceeded()
    return Burn(
        windows=case.windows,
        spent=case.spent,
        projected=case.project_cost(PROJECTED_LONG),
        allowance=case.allowance,
        exceeded=rules,
        message=case.sentence(rules[0] if rules else None),
    )


class _Case:
    """The numbers that the rules share."""

    def __init__(self, spending: Spending, monthly: Decimal, overheads: Decimal, now: float) -> None:
        self._spending, self._monthly, self._overheads = spending, monthly, overheads
        self._now = max(now, spending.at)
        self._known_for = self._now - spending.rates[0].since
        self.spent = spent_at(spending, self._now)
        self._serving = monthly - overheads
        self._month, self._rest = hours_of_month(self._now)
        self.allowance = overheads + self._serving * max(HOURS_PER_MONTH, self._month) / HOURS_PER_MONTH
        self.windows = tuple(
            replace(one, long_burn=self._burn(one.long), short_burn=self._burn(one.short)) for one in WINDOWS
        )

    def project_cost(self, seconds: float) -> Decimal:
        """What the month will have cost at the mean rate of the last so many seconds, or of as many as are known."""
        mean = mean_rate(self._spending, seconds=min(seconds, self._known_for), now=self._now)
        assert mean is not None  # noqa: S101 - it was counted for so long
        return self.spent + self._overheads + mean * self._rest

    def list_exceeded(self) -> tuple[BurnRule, ...]:
        """The rules that are exceeded, the gravest first."""
        if self._serving <= 0:
            return (BurnRule.OVERHEADS,)
        exceeded = {window.rule for window in self.windows if window.exceeds}
        if _is_over(self.spent + self._overheads, self.allowance):
            exceeded.add(BurnRule.SPENT)
        projections = (self.project_cost(PROJECTED_LONG), self.project_cost(PROJECTED_SHORT))
        if self._known_for >= PROJECTED_FROM and _is_over(min(projections), self.allowance):
            exceeded.add(BurnRule.PROJECTED)
        return tuple(rule for rule in BurnRule if rule in exceeded)

    def sentence(self, rule: BurnRule | None) -> str:
        """The numbers that a rule rests on."""
        match rule:
            case BurnRule.OVERHEADS:
                return (
                    f"the overheads of {self._write_amount(self._overheads)} a month leave nothing of the budget of "
                    f"{self._write_amount(self._monthly)} for serving"
                )
            case BurnRule.SPENT:
                return f"{self._so_far(limit=self.allowance - self._overheads)}, more than {self._describe_budget()}"
            case BurnRule.FAST | BurnRule.PACE:
                window = next(one for one in self.windows if one.rule is rule and one.exceeds)
                return self._too_fast(window)
            case BurnRule.PROJECTED:
                return f"{self._projection()}, more than {self._describe_budget()}"
            case None:
                return f"{self._projection()}, within {self._describe_budget()}"

    def _too_fast(self, window: BurnWindow) -> str:
        assert window.long_burn is not None  # noqa: S101 - it exceeds
        assert window.short_burn is not None  # noqa: S101
        hourly = self._serving / HOURS_PER_MONTH
        currency = self._spending.currency
        return (
            f"serving has cost {money(window.long_burn * hourly, currency)} an hour for {_length(window.long)} and "
            f"{money(window.short_burn * hourly, currency)} an hour for {_length(window.short)}: "
            f"{figure(window.long_burn, limit=window.factor)} and {figure(window.short_burn, limit=window.factor)} "
            f"times the {money(hourly, currency)} that the budget has for an hour; "
            f"more than {write_exactly(window.factor)} times in both is too fast"
        )

    def _projection(self) -> str:
        projected = figure(self.project_cost(PROJECTED_LONG), limit=self.allowance)
        if self._known_for < PROJECTED_FROM:
            rate = "at the present rate, which is known for less than an hour,"
        else:
            rate = f"at the mean rate of the last {_length(min(PROJECTED_LONG, self._known_for))}"
        return f"{self._so_far()}; {rate} the month comes to {projected} {self._spending.currency}"

    def _so_far(self, *, limit: Decimal | None = None) -> str:
        """What is paid for the month already, with the overheads, which are due in any case."""
        spent = f"{figure(self.spent, limit=limit)} {self._spending.currency}"
        overheads = f" for serving and {self._write_amount(self._overheads)} of overheads" if self._overheads else ""
        return f"{spent}{overheads} spent in {month_of(self._now)}"

    def _describe_budget(self) -> str:
        allowed = f"the budget of {self._write_amount(self._monthly)}"
        if self.allowance == self._monthly:
            return allowed
        longer = self._write_amount(round(self.allowance, 2))
        return f"{allowed} for {HOURS_PER_MONTH} hours, which is {longer} for the {self._month:.0f} of this month"

    def _write_amount(self, amount: Decimal) -> str:
        return f"{write_exactly(amount)} {self._spending.currency}"

    def _burn(self, seconds: float) -> Decimal | None:
        mean = mean_rate(self._spending, seconds=seconds, now=self._now)
        return None if mean is None or self._serving <= 0 else mean * HOURS_PER_MONTH / self._serving


def _is_over(amount: Decimal, limit: Decimal) -> bool:
    return amount > limit * _SLACK


def _length(seconds: float) -> str:
    for size, unit in ((_DAY, "day"), (_HOUR, "hour")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds / _MINUTE:.0f} minutes"
