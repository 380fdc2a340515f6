"""Does a spent error budget freeze a release? What the budget's policy says.

Who has used up what users were promised has no room for the risk of a change. A rollback lowers the risk, and a fix is
what ends the trouble, so neither waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from palier.evidence.sentences import two_digits


class KindOfRelease(StrEnum):
    """What a release is for."""

    CHANGE = "Change"
    FIX = "Fix"
    """Its owner has marked it as one."""
    ROLLBACK = "Rollback"
    """Back to a version that has served."""


@dataclass(frozen=True, slots=True)
class ErrorBudgetPolicy:
    """What is done about a budget that is spent.

    Raises:
        ValueError: `freeze_at` does not lie between 0 and 100.
    """

    freeze_at: Decimal = Decimal(0)
    """Percent of a budget; where no more than that is left, releases wait."""

    def __post_init__(self) -> None:
        """Refuse a threshold that is no share of a budget."""
        if not 0 <= self.freeze_at < 100:  # noqa: PLR2004 - percent
            raise ValueError(f"releases are frozen at 0 to 100 % of a budget, and not at {self.freeze_at}")


@dataclass(frozen=True, slots=True)
class FreezeDecision:
    """Whether a release waits."""

    frozen: bool
    reason: str
    """One CamelCase word."""
    message: str
    """One sentence with the numbers."""


NO_POLICY: Final = FreezeDecision(
    frozen=False, reason="NoPolicy", message="no policy says that a spent error budget freezes releases"
)
NO_BUDGET: Final = FreezeDecision(frozen=False, reason="NoBudget", message="no objective has an error budget")
BUDGET_LEFT: Final = FreezeDecision(
    frozen=False, reason="BudgetLeft", message="enough is left of every error budget for a release"
)


def decide_freeze(
    budget_left: Mapping[str, Decimal | None], policy: ErrorBudgetPolicy | None, kind_of_release: KindOfRelease
) -> FreezeDecision:
    """Whether a release waits for the error budgets of its objectives.

    One spent budget is enough. Absent data freezes nothing: a budget of which nothing is known is named, and the others
    decide.

    Args:
        budget_left: percent that are left, by objective; None where that is not known.
        policy: None where there is none.
        kind_of_release: what it is for.
    """
    if policy is None:
        return NO_POLICY
    if not budget_left:
        return NO_BUDGET
    spent = sorted((left, name) for name, left in budget_left.items() if left is not None and left <= policy.freeze_at)
    unknown = [name for name, left in budget_left.items() if left is None]
    doubt = f"it is not known what is left of the error budget of {_join(unknown)}" if unknown else ""
    if not spent:
        if doubt:
            return FreezeDecision(frozen=False, reason="BudgetUnknown", message=f"{doubt}, and that freezes nothing")
        return BUDGET_LEFT
    found = "; ".join([_describe(name, left, policy) for left, name in spent] + ([doubt] if doubt else []))
    match kind_of_release:
        case KindOfRelease.CHANGE:
            return FreezeDecision(frozen=True, reason="BudgetSpent", message=f"{found}. Only a fix does not wait")
        case KindOfRelease.FIX:
            return FreezeDecision(frozen=False, reason="FixAllowed", message=f"{found}. A fix does not wait")
        case KindOfRelease.ROLLBACK:
            return FreezeDecision(frozen=False, reason="RollbackAllowed", message=f"{found}. A rollback does not wait")


def _describe(name: str, left: Decimal, policy: ErrorBudgetPolicy) -> str:
    if left <= 0:
        return f"the error budget of {name} is spent"
    freeze_at = policy.freeze_at.normalize()
    return f"{two_digits(float(left))} % of the error budget of {name} is left, and releases wait at {freeze_at:f} %"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
