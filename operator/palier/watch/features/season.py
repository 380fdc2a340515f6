"""The same hour of the week before: a reference for a model whose users differ by day and night.

Compared with one fixed reference, every night is a drift. So a window can be compared with the windows of the same
place in the week, over some weeks, counted together.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from palier.watch.features.merging import merge_profiles
from palier.watch.features.profile import Profile, Reference

WEEK: Final = 7 * 86_400.0
"""Seconds."""


class StoredProfile(NamedTuple):
    """The profile of a window that is over."""

    start: float
    """When the window began, in seconds since the epoch."""
    profile: Profile
    drifted: bool = False
    """Whether drift was found in it: then it is no reference for others."""


def find_season(stored: Iterable[StoredProfile], *, start: float, length: float, weeks: int = 4) -> Reference | None:
    """The reference of a window: the windows exactly so many weeks before it, counted together.

    A week in which the clocks were changed is an hour off; windows are of one time zone, which nobody lives by exactly.

    Args:
        stored: the windows that are kept, in any order.
        start: when the window began, in seconds since the epoch.
        length: of a window in seconds; a stored one counts if it began less than half of that away.
        weeks: how far back.

    Returns:
        None where no window is left: then there is nothing to compare with.

    Raises:
        ValueError: the windows cannot be counted together, as of `merge_profiles`.
    """
    chosen = [one.profile for one in stored if not one.drifted and _is_same_place(start - one.start, length, weeks)]
    if not chosen:
        return None
    found = f", of which {len(chosen)} {'is' if len(chosen) == 1 else 'are'} known" if len(chosen) < weeks else ""
    before = f"in the {weeks} weeks" if weeks > 1 else "a week"
    return Reference(f"the same time {before} before{found}", merge_profiles(chosen))


def _is_same_place(age: float, length: float, weeks: int) -> bool:
    number = round(age / WEEK)
    return 1 <= number <= weeks and abs(age - number * WEEK) < length / 2
