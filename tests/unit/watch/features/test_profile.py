"""What is known of a window: it can be written and read back, counted from Prometheus, and added up."""

import json
import math
from typing import Any

import pytest

from palier.watch.features.bins import add_up_bins, count_buckets, count_categories, list_shared_edges
from palier.watch.features.merging import merge_features, merge_profiles
from palier.watch.features.profile import Categories, Numbers, Part, Profile, is_profile, read_profile, write_profile

AMOUNT = Numbers((1.5, 4.2), (10, 20, 30), nulls=3, unreadable=1, least=0.1, most=9.0, total=250.5, nonzero=60)
PLAN = Categories({"free": 50, "paid": 10}, 2, 2)
PROFILE = Profile(64, {"amount": AMOUNT, "plan": PLAN}, "country", {"fr": Part(10, {"amount": AMOUNT})})


def test_a_profile_is_read_back() -> None:
    """With everything that is in it, and what it is not told stays unknown."""
    text = write_profile(PROFILE)

    assert is_profile(json.loads(text))
    assert "\n" not in text
    assert read_profile(text) == PROFILE


def changed(**changes: Any) -> str:  # noqa: ANN401 - any JSON
    """The profile's file, with another value somewhere: names are paths with two underscores between their steps."""
    document = json.loads(write_profile(PROFILE))
    for path, value in changes.items():
        *steps, last = path.split("__")
        place = document
        for step in steps:
            place = place[step]
        place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "Invalid JSON"),
        ("{}", "format: Field required"),
        (changed(version=2), "version: it is of version 2; this program reads version 1"),
        (changed(rows="many"), "rows: Input should be a valid integer"),
        (changed(features__amount__kind="date"), "features.amount: Input tag 'date'"),
        (changed(features__amount__counts=[1, 2]), r"features.amount.*2 edges make 3 bins, not 2"),
        (changed(features__amount__edges=[4.2, 1.5]), "features.amount.*the edges have to ascend"),
        (changed(features__amount__counts=[1, -2, 3]), "features.amount.*no count is below 0"),
        (changed(features__plan__counts={"free": 1.5}), "features.plan.category.counts.free"),
        (changed(features__plan__nulls=-1), "features.plan.*no count is below 0"),
        (changed(groups__fr__rows=None), "groups.fr.rows"),
        (changed(extra=1), "extra"),
    ],
)
def test_files_that_are_no_profile(text: str, words: str) -> None:
    """The field that is wrong is named."""
    with pytest.raises(ValueError, match=words):
        read_profile(text)


def test_buckets_of_prometheus() -> None:
    """Each bucket holds those below it; a bin ends at its edge, and the last one nowhere."""
    feature = count_buckets({math.inf: 10, 0.1: 3, 1.0: 7}, total=12.5, nulls=2)

    assert feature == Numbers((0.1, 1.0), (3, 4, 3), nulls=2, total=12.5)
    assert (feature.values, feature.events) == (10, 12)


def test_buckets_of_a_scrape_that_was_cut() -> None:
    """A bucket that has counted less than a smaller one has counted as much: no bin has less than nothing."""
    assert count_buckets({0.1: 5, 1.0: 3, math.inf: 6}).counts == (5, 0, 1)
    with pytest.raises(ValueError, match=r"the bucket \+Inf"):
        count_buckets({0.1: 5})


def test_counters_of_categories() -> None:
    """The largest get a place of their own; the rest is counted together."""
    increases = {f"c{number:02}": number for number in range(30)}

    feature = count_categories(increases, nulls=4)

    assert list(feature.counts.values()) == list(range(29, 9, -1))
    assert (feature.other, feature.events) == (sum(range(10)), sum(range(30)) + 4)


def test_what_a_server_has_counted_together_has_no_place_of_its_own() -> None:
    """However large it is, `(other)` is no category beside the others."""
    feature = count_categories({"(other)": 50, "a": 3, "b": 2}, most=1)

    assert (feature.counts, feature.other) == ({"a": 3}, 52)


def test_edges_that_two_histograms_share() -> None:
    """As people write them: 0.3 and 0.1 + 0.2 are one edge."""
    first, second = Numbers((0.3, 1.0, 5.0), (1, 2, 3, 4)), Numbers((0.1 + 0.2, 2.0, 5.0), (5, 6, 7, 8))

    assert list_shared_edges(first, second) == [(0, 0), (2, 2)]
    assert add_up_bins((1, 2, 3, 4), [0, 2]) == (1, 5, 4)
    assert add_up_bins((1, 2, 3, 4), []) == (10,)


def test_two_windows_of_a_number_as_one() -> None:
    """Sums and counts are added, extremes joined; what one does not know, both do not."""
    other = Numbers((1.5,), (1, 2), nulls=1, least=-3.0, most=2.0, total=1.0, nonzero=3)

    both = merge_features(AMOUNT, other)

    assert both == Numbers((1.5,), (11, 52), nulls=4, unreadable=1, least=-3.0, most=9.0, total=251.5, nonzero=63)


def test_two_windows_of_a_category_as_one() -> None:
    """Each category has the events of both."""
    assert merge_features(PLAN, Categories({"paid": 1, "gone": 2}, 3, 4)) == Categories(
        {"free": 50, "paid": 11, "gone": 2}, 5, 6
    )


def test_profiles_as_one() -> None:
    """Features and groups that only one of them has stay as they are."""
    other = Profile(5, {"plan": PLAN, "new": PLAN}, "country", {"de": Part(5, {"plan": PLAN})})

    both = merge_profiles([PROFILE, other])

    assert (both.rows, set(both.features), set(both.groups)) == (69, {"amount", "plan", "new"}, {"fr", "de"})
    assert both.features["plan"].events == 2 * PLAN.events
    assert merge_profiles([PROFILE]) == PROFILE


def test_profiles_that_cannot_be_added() -> None:
    """No profile, other groups, other kinds, other edges: the feature is named."""
    with pytest.raises(ValueError, match="there is no profile"):
        merge_profiles([])
    with pytest.raises(ValueError, match="by country and by nothing"):
        merge_profiles([PROFILE, Profile(1, {})])
    with pytest.raises(ValueError, match="plan: a number and a category"):
        merge_profiles([Profile(1, {"plan": PLAN}), Profile(1, {"plan": AMOUNT})])
    with pytest.raises(ValueError, match="amount: the two histograms have no edge in common"):
        merge_profiles([Profile(1, {"amount": AMOUNT}), Profile(1, {"amount": Numbers((7.0,), (1, 1))})])
