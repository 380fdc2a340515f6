"""Properties of the comparison of histograms, over any counts."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from palier.watch.features.bins import count_buckets
from palier.watch.features.data_drift import State, compare_windows
from palier.watch.features.distances import (
    compute_jensen_shannon,
    compute_kolmogorov_smirnov,
    compute_psi,
    compute_total_variation,
    find_psi_error,
    run_chi_square,
)
from palier.watch.features.homogeneity import find_log_evidence
from palier.watch.features.measure import DriftRules
from palier.watch.features.merging import merge_profiles
from palier.watch.features.profile import Categories, Numbers, Part, Profile, Reference, read_profile, write_profile
from palier.watch.features.rows import Row, profile_rows
from tests.support.thorough import examples

COUNTS = st.integers(min_value=0, max_value=10**6) | st.integers(min_value=0, max_value=9)
PAIRS = st.integers(min_value=1, max_value=24).flatmap(
    lambda bins: st.tuples(*[st.lists(COUNTS, min_size=bins, max_size=bins).filter(any)] * 2)
)
SYMMETRIC = (compute_psi, compute_jensen_shannon, compute_total_variation, compute_kolmogorov_smirnov, find_psi_error)
WITHOUT_ORDER = (compute_psi, compute_jensen_shannon, compute_total_variation, find_psi_error)

thorough = settings(max_examples=examples(40, thorough=2000), deadline=None)


@thorough
@given(PAIRS)
def test_distances_are_symmetric(pair: tuple[list[int], list[int]]) -> None:
    """What is far from here is as far from there; the same holds for chi-square's test."""
    for compute in SYMMETRIC:
        assert compute(*pair) == pytest.approx(float(compute(*reversed(pair))), rel=1e-9, abs=1e-12)
    assert run_chi_square(*pair) == pytest.approx(run_chi_square(*reversed(pair)), rel=1e-6, abs=1e-9)


@thorough
@given(PAIRS, st.integers(min_value=1, max_value=50))
def test_a_histogram_is_at_no_distance_from_itself(pair: tuple[list[int], list[int]], times: int) -> None:
    """Also where one has so many times as many events."""
    one = pair[0]
    for compute in (compute_psi, compute_jensen_shannon, compute_total_variation, compute_kolmogorov_smirnov):
        assert compute(one, [times * count for count in one]) == pytest.approx(0, abs=1e-7)
    assert run_chi_square(one, one).p == pytest.approx(1)


@thorough
@given(PAIRS, st.randoms(use_true_random=False))
def test_names_decide_nothing(pair: tuple[list[int], list[int]], random: object) -> None:
    """The order of the bins is no part of a distance, or of the evidence for categories of different size."""
    order = list(range(len(pair[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = tuple(np.array(side)[order] for side in pair)
    for compute in WITHOUT_ORDER:
        assert compute(*pair) == pytest.approx(float(compute(*moved)), rel=1e-9, abs=1e-12)
    sums = np.add(*pair)
    if len(set(sums.tolist())) == len(sums):
        expected = find_log_evidence(*pair, ordered=0)
        assert find_log_evidence(*moved, ordered=0) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@thorough
@given(PAIRS)
def test_distances_have_their_bounds(pair: tuple[list[int], list[int]]) -> None:
    """None is below 0, and those that have a largest value keep it; nothing is infinite or no number."""
    assert 0 <= compute_jensen_shannon(*pair) <= math.sqrt(math.log(2)) + 1e-9
    assert 0 <= compute_kolmogorov_smirnov(*pair) <= compute_total_variation(*pair) + 1e-9 <= 1 + 2e-9
    assert -1e-12 <= compute_psi(*pair) < math.inf
    assert math.isfinite(float(find_psi_error(*pair)))
    assert math.isfinite(float(find_log_evidence(*pair)))


@thorough
@given(st.dictionaries(st.floats(allow_nan=False, allow_infinity=False), COUNTS, max_size=12), COUNTS)
def test_any_buckets_make_a_number(buckets: dict[float, int], everything: int) -> None:
    """However a scrape was cut: no bin has less than nothing, and the total is the largest bucket."""
    feature = count_buckets({**buckets, math.inf: everything})

    assert min(feature.counts) >= 0
    assert feature.values == max([everything, *buckets.values()])


TEXTS = st.text(max_size=8)
FEATURES = st.builds(Categories, st.dictionaries(TEXTS, COUNTS, max_size=5), COUNTS, COUNTS) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), max_size=5, unique=True
).flatmap(
    lambda edges: st.builds(
        Numbers,
        st.just(tuple(sorted(edges))),
        st.lists(COUNTS, min_size=len(edges) + 1, max_size=len(edges) + 1).map(tuple),
        COUNTS,
        COUNTS,
        total=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
PARTS = st.dictionaries(TEXTS, FEATURES, max_size=4)
PROFILES = st.builds(
    Profile, COUNTS, PARTS, TEXTS, st.dictionaries(TEXTS.filter(bool), st.builds(Part, COUNTS, PARTS), max_size=3)
)


@thorough
@given(PROFILES)
def test_every_profile_is_read_back(profile: Profile) -> None:
    """As JSON in one line."""
    assert read_profile(write_profile(profile)) == profile


@thorough
@given(PROFILES, PROFILES)
def test_any_two_profiles_are_compared(window: Profile, reference: Profile) -> None:
    """Nothing raises, and nothing that has no events is said to have drifted, or not to have."""
    report = compare_windows(window, Reference("reference", reference), DriftRules())

    for one in report.findings:
        if not (one.events and one.reference_events):
            assert one.state is State.CANNOT_TELL


CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), CELLS), max_size=40)


@thorough
@example([], [{"a": 1e308}])
@given(ROWS, ROWS)
def test_every_value_is_counted(rows: list[Row], others: list[Row]) -> None:
    """Once in each column, whatever it is, and two files together are the sum of both."""
    reference = profile_rows(rows)
    window = profile_rows(others, like=reference)

    for profile, count in ((reference, len(rows)), (window, len(others))):
        assert profile.rows == count
        assert {feature.events for feature in profile.features.values()} <= {count}
        json.loads(write_profile(profile))
    both = merge_profiles([window, profile_rows(others, like=reference)])
    assert both.rows == 2 * len(others)
