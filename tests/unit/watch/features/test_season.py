"""The reference of a window is the same hour of the weeks before it."""

import pytest

from palier.watch.features.profile import Categories, Profile
from palier.watch.features.season import WEEK, StoredProfile, find_season

HOUR = 3600.0
NOW = 10 * WEEK


def stored(age: float, *, rows: int = 1, drifted: bool = False) -> StoredProfile:
    """A window that began so many seconds before the one that is judged."""
    return StoredProfile(NOW - age, Profile(rows, {"x": Categories({"a": rows})}), drifted)


def test_the_same_hour_of_the_weeks_before() -> None:
    """And no other hour, no later week, and not the window itself."""
    kept = [
        stored(WEEK, rows=1),
        stored(2 * WEEK, rows=10),
        stored(3 * WEEK + HOUR / 3, rows=100),
        stored(4 * WEEK, rows=1000),
        *(stored(age, rows=10_000) for age in (0.0, HOUR, WEEK + HOUR, WEEK - HOUR / 2, 5 * WEEK, -WEEK)),
    ]

    found = find_season(kept, start=NOW, length=HOUR)

    assert found is not None
    assert found.profile.rows == 1111
    assert found.name == "the same time in the 4 weeks before"


def test_weeks_that_are_missing_are_told() -> None:
    """A season of one week is less than one of four."""
    found = find_season([stored(WEEK), stored(3 * WEEK)], start=NOW, length=HOUR)

    assert found is not None
    assert found.name == "the same time in the 4 weeks before, of which 2 are known"


def test_windows_with_drift_are_no_reference() -> None:
    """Else a drift would become what is usual by lasting."""
    assert find_season([stored(WEEK, drifted=True)], start=NOW, length=HOUR) is None


@pytest.mark.parametrize("weeks", [1, 2])
def test_so_many_weeks(weeks: int) -> None:
    """As many as are asked for."""
    found = find_season([stored(number * WEEK) for number in range(1, 9)], start=NOW, length=HOUR, weeks=weeks)

    assert found is not None
    assert found.profile.rows == weeks
