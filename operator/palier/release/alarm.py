"""Tells people what happens to their money: once when something begins and once when it is over, not at every look."""

from palier.economics.burn import Burn
from palier.economics.spending import Spending, currency_change
from palier.release.situation import Note


def update_alarm(reported: str, burn: Burn | None) -> tuple[str, tuple[Note, ...]]:
    """The reason that people know of from now on, and what to tell them.

    Args:
        reported: the reason that they were last told; empty when all was well.
        burn: where the budget stands; None without one.
    """
    reason = burn.reason if burn and burn.exceeds else ""
    if burn is None or reason == reported:
        return reason, ()
    return reason, (Note("Warning" if reason else "Normal", burn.reason, burn.message),)


def note_recount(before: Spending | None, after: Spending | None) -> tuple[Note, ...]:
    """What to tell when spending is counted anew, because prices are in another currency now."""
    message = currency_change(before, after.currency) if after else ""
    return (Note("Warning", "CurrencyChanged", message),) if message else ()
