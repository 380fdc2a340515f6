"""From what pods have counted to a profile: names are anybody's, and nothing of them grows or harms."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.api.printable import make_printable
from palier.watch.features.exported import (
    COUNTED,
    LONGEST_FEATURE,
    LONGEST_NAME,
    MOST_CATEGORIES,
    MOST_EDGES,
    MOST_FEATURES,
    MOST_GROUPS,
    Counted,
    Increase,
    count_exported,
)
from palier.watch.features.profile import OTHER, Categories, Numbers, Profile, read_profile, write_profile
from tests.support.metrics.exported import count_category, count_number
from tests.support.thorough import examples

EDGES = (10.0, 20.0)


def profile_of(*counted: dict[tuple[tuple[str, str], ...], float], **options: object) -> Profile:
    """The profile of what was counted."""
    increases = [Increase(dict(labels), value) for one in counted for labels, value in one.items()]
    return count_exported(increases, **options)  # type: ignore[arg-type]


def test_all_users_are_the_sum_of_the_groups() -> None:
    """Every event is in one group, so that nobody has to count it twice."""
    found = profile_of(
        count_number("amount", EDGES, [1, 2, 3], group="de", missing=4),
        count_number("amount", EDGES, [10, 20, 30], group="fr"),
        count_category("plan", {"free": 3, "paid": 7}, group="de"),
    )

    assert found.features["amount"] == Numbers(EDGES, (11, 22, 33), nulls=4)
    assert found.features["plan"] == Categories({"paid": 7, "free": 3})
    assert found.rows == 70
    assert found.by == "group"
    assert found.groups["fr"].features == {"amount": Numbers(EDGES, (10, 20, 30))}


def test_without_groups_there_are_only_all_users() -> None:
    """The label is empty where no groups are declared."""
    found = profile_of(count_number("amount", EDGES, [1, 2, 3]))

    assert (found.rows, found.by, found.groups) == (6, "", {})


def test_predictions_are_watched_beside_features() -> None:
    """Under their own names, as in the profile of a file; a feature of the same name goes first."""
    prediction = Increase({"prediction": "score", COUNTED: Counted.CATEGORY, "category": "spam"}, 9.0)
    other = Increase({"prediction": "amount", COUNTED: Counted.CATEGORY, "category": "spam"}, 9.0)
    feature = Increase({"feature": "amount", COUNTED: Counted.CATEGORY, "category": "big"}, 5.0)
    found = count_exported([prediction, other, feature])

    assert found.features == {"amount": Categories({"big": 5}), "score": Categories({"spam": 9})}


def test_only_what_is_wanted_is_there() -> None:
    """The spec may name features."""
    found = profile_of(count_number("a", EDGES, [1, 2, 3]), count_number("b", EDGES, [1, 2, 3]), features=("b",))

    assert list(found.features) == ["b"]


def test_sums_and_unreadable_values_are_kept() -> None:
    """They tell a change of units, and what was no number."""
    counted = count_number("amount", EDGES, [1, 2, 3])
    counted[("feature", "amount"), (COUNTED, Counted.SUM)] = 123.5
    counted[("feature", "amount"), (COUNTED, Counted.UNREADABLE)] = 6.6

    assert profile_of(counted).features["amount"] == Numbers(EDGES, (1, 2, 3), unreadable=7, total=123.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 1e300])
def test_what_nobody_can_have_counted_is_left_out(value: float) -> None:
    """A counter says whatever its exporter wants it to."""
    counted = count_category("plan", {"free": 3, "paid": value})

    assert profile_of(counted).features == {"plan": Categories({"free": 3})}


@pytest.mark.parametrize("edge", ["x", "", "NaN", "-Inf", "٣x"])
def test_an_edge_that_is_none_is_left_out(edge: str) -> None:
    """And the others are read."""
    counted = count_number("amount", EDGES, [1, 2, 3])
    counted[("feature", "amount"), (COUNTED, Counted.BUCKET), ("le", edge)] = 5.0

    assert profile_of(counted).features["amount"] == Numbers(EDGES, (1, 2, 3))


def test_a_histogram_without_its_last_bucket_tells_nothing() -> None:
    """Nobody knows how many events there were."""
    counted = Increase({"feature": "amount", COUNTED: Counted.BUCKET, "le": "1"}, 5.0)

    assert count_exported([counted]).features == {}


def test_there_are_never_too_many_of_anything() -> None:
    """Features by name, groups by size, categories by size; a number with more edges tells nothing."""
    many = [count_category(f"f{number:03d}", {"a": 1}, group=f"g{number:03d}") for number in range(MOST_FEATURES + 9)]
    largest = count_category("f000", {"a": 99}, group="g108")
    found = profile_of(*many, largest)
    assert list(found.features) == [f"f{number:03d}" for number in range(MOST_FEATURES)]
    assert len(found.groups) == MOST_GROUPS
    assert next(iter(found.groups)) == "g108"

    categories = profile_of(count_category("plan", {f"c{number}": number for number in range(1, 200)}))
    plan = categories.features["plan"]
    assert isinstance(plan, Categories)
    assert len(plan.counts) == MOST_CATEGORIES
    assert plan.events == sum(range(200))

    edges = [float(number) for number in range(MOST_EDGES + 1)]
    assert profile_of(count_number("x", edges, [1] * (len(edges) + 1))).features == {}
    assert profile_of(count_number("x", edges[:-1], [1] * len(edges))).features


def test_names_that_are_none_are_counted_with_the_rest() -> None:
    """Too long, empty, or with characters that a terminal obeys."""
    odd = ("\x1b[2J", "x" * (LONGEST_NAME + 1), "", "\u202egnp")
    found = profile_of(count_category("plan", {"free": 1, **dict.fromkeys(odd, 1)}))
    assert found.features == {"plan": Categories({"free": 1}, other=len(odd))}
    grouped = profile_of(*(count_category("plan", {"free": 1}, group=group) for group in odd if group))
    assert set(grouped.groups) == {OTHER}
    for name in ("\x1b[2J", "x" * (LONGEST_FEATURE + 1), "", "\u202egnp"):
        assert profile_of(count_category(name, {"a": 1})).features == {}


TEXTS = st.one_of(st.text(max_size=200), st.sampled_from(["a", "b", "amount", OTHER, "", "1", "+Inf", "1e400"]))
VALUES = st.one_of(st.floats(), st.integers(0, 10**6).map(float))


@settings(max_examples=examples(80, thorough=3000), deadline=None)
@given(
    st.lists(
        st.builds(
            Increase,
            st.dictionaries(st.sampled_from(["feature", "prediction", "group", "le", "category"]), TEXTS).flatmap(
                lambda labels: st.sampled_from([*Counted, "twins", ""]).map(lambda one: {**labels, COUNTED: one})
            ),
            VALUES,
        ),
        max_size=60,
    )
)
def test_whatever_pods_export_becomes_a_bounded_profile(increases: list[Increase]) -> None:
    """It is printable, can be written and read back, and counts nothing that was not counted."""
    found = count_exported(increases)
    parts = [found.features, *(part.features for part in found.groups.values())]
    names = [name for part in parts for name in part]
    assert len(found.features) <= MOST_FEATURES
    assert len(found.groups) <= MOST_GROUPS + 1
    assert all(0 < len(name) <= LONGEST_FEATURE and make_printable(name) == name for name in names)
    assert read_profile(write_profile(found)) == found
