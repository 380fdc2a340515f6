"""Tells people when a budget begins to be spent too fast and when that is over: once each, not at every look."""

from palier.economics.burn import Burn
from palier.release.situation import Note


def alarmed(told: str, burn: Burn | None) -> tuple[str, tuple[Note, ...]]:
    """The reason that people know of from now on, and what to tell them.

    Args:
        told: the reason that they were last told; empty when all was well.
        burn: where the budget stands; None without one.
    """
    reason = burn.reason if burn and burn.exceeds else ""
    if burn is None or reason == told:
        return reason, ()
    return reason, (Note("Warning" if reason else "Normal", burn.reason, burn.message),)
