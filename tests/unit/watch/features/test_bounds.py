"""A reference fits where it is kept, and nobody's reference takes others' time."""

import pytest

from palier.watch.features.bounds import MOST_PARTS, bound_reference
from palier.watch.features.profile import Categories, Numbers, Part, Profile, write_profile

AMOUNT = Numbers((1.0, 2.0), (30, 40, 30))


def wide(features: int, groups: int) -> Profile:
    """A profile with so many features of so many groups."""
    every = {f"feature_{number:03d}": AMOUNT for number in range(features)}
    return Profile(100, every, "group", {f"g{number:02d}": Part(100 - number, every) for number in range(groups)})


def test_what_has_room_is_kept_as_it_is() -> None:
    """Nothing is changed without need."""
    profile = wide(5, 3)

    assert bound_reference(profile, most=65_536) == (profile, ())


@pytest.mark.parametrize("most", [500, 2000, 20_000, 65_536])
def test_it_is_never_longer_than_allowed(most: int) -> None:
    """All users go first, then the largest groups; what has no room is named."""
    profile = wide(60, 15)
    found = bound_reference(profile, most=most)

    assert len(write_profile(found.profile).encode()) <= most
    kept = len(found.profile.features) + sum(len(part.features) for part in found.profile.groups.values())
    assert kept + len(found.left_out) == 60 * 16
    if len(found.profile.features) < 60:
        assert found.profile.groups == {}
        assert "feature_059" in found.left_out
    assert list(found.profile.groups) == sorted(found.profile.groups)


def test_names_that_are_escaped_are_counted_as_they_are_written() -> None:
    """A quotation mark takes two bytes, a letter up to four."""
    for odd in ('"', "é", "\U0001f600"):
        every = {odd * 100 + str(number): Categories({odd * 60: 5}) for number in range(60)}
        found = bound_reference(Profile(5, every, "group", {odd * 60: Part(5, every)}), most=16_384)

        assert 15_000 < len(write_profile(found.profile).encode()) <= 16_384


def test_there_is_a_most_for_files_too() -> None:
    """Comparing takes time for each feature of each group."""
    found = bound_reference(wide(99, 19))

    kept = len(found.profile.features) + sum(len(part.features) for part in found.profile.groups.values())
    assert kept == MOST_PARTS


def test_only_what_is_wanted_is_kept() -> None:
    """What the spec does not name is not left out either."""
    found = bound_reference(wide(5, 1), features=("feature_001", "other"))

    assert list(found.profile.features) == ["feature_001"]
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (Numbers((), (2**53 + 1,)), "more events"),
        (Numbers((1.0,), (1, 1), nonzero=10**400), "more events"),
        (Categories({"a": 10**30}), "more events"),
        (Numbers(tuple(map(float, range(61))), (1,) * 62), "edges"),
        (Categories(dict.fromkeys(map(str, range(60)), 1)), "categories"),
        (Categories({"x" * 65: 1}), "64 characters"),
        (Categories({"\x1b": 1}), "printable"),
    ],
)
def test_what_nobody_can_have_counted_is_refused(feature: Numbers | Categories, said: str) -> None:
    """With the feature, before anything is computed with it."""
    with pytest.raises(ValueError, match=f"amount: .*{said}"):
        bound_reference(Profile(1, {"amount": feature}))
    with pytest.raises(ValueError, match="rows"):
        bound_reference(Profile(10**30, {}))
