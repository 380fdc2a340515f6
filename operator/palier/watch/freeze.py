"""Does a spent error budget keep a new version from being released?

Who has used up what users were promised has no room for the risk of a change. Absent data keeps nothing from being
released: a budget of which nothing is known is named, and the others decide.
"""

from collections.abc import Mapping
from decimal import Decimal

from palier.evidence.sentences import two_digits


def describe_spent(budget_left: Mapping[str, Decimal | None], *, freeze_at: Decimal) -> str:
    """The budgets for which changes wait, the worst first, in a sentence without its full stop; empty for none.

    Args:
        budget_left: percent that are left, by objective; None where that is not known.
        freeze_at: percent; where no more than that is left, changes wait.
    """
    spent = sorted((left, name) for name, left in budget_left.items() if left is not None and left <= freeze_at)
    if not spent:
        return ""
    found = [_describe(name, left, freeze_at) for left, name in spent]
    if unknown := [name for name, left in budget_left.items() if left is None]:
        found.append(f"it is not known what is left of the error budget of {_join(unknown)}")
    return "; ".join(found)


def _describe(name: str, left: Decimal, freeze_at: Decimal) -> str:
    if left <= 0:
        return f"the error budget of {name} is spent"
    reserve = freeze_at.normalize()
    return f"{two_digits(float(left))} % of the error budget of {name} is left, and releases wait at {reserve:f} %"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
