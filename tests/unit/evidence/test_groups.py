"""Twenty groups of users: one that is hurt is found and named although the total shows nothing, healthy ones are not.

The traffic is that of `benchmarks/segments`, seeded and with few releases.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.segments.play import NAME, Result, play
from benchmarks.segments.rows import EVEN, HEALTHY, SHIFTED, SMALL, Row
from tests.support.thorough import examples


def played(row: Row, releases: int) -> list[Result]:
    """So many releases of a row."""
    return [play(row, seed=20_410, run=run) for run in range(releases)]


def failed(results: Sequence[Result]) -> int:
    """How many of them were failed when their groups were told apart."""
    return sum(math.isfinite(result.apart.seconds) for result in results)


@pytest.mark.parametrize("row", HEALTHY, ids=lambda row: f"{row.mix.title}-{row.rate:g}")
def test_healthy_groups_are_left_alone(row: Row) -> None:
    """In every mix none of a few releases fails; what is promised of many is at most one in a hundred."""
    assert failed(played(row, examples(5, thorough=20))) == 0


def test_every_mix_has_a_group_of_five_percent_and_tells_the_truth_about_itself() -> None:
    """Shares add up to 1, and the group that is hurt elsewhere has 5 % of the users of stable."""
    for row in HEALTHY:
        assert row.mix.stable.sum() == pytest.approx(1)
        assert row.mix.candidate.sum() == pytest.approx(1)
        if row.mix is not SHIFTED:
            assert row.mix.stable[SMALL] == pytest.approx(0.05)
        assert row.harm == 0


@pytest.mark.parametrize(
    ("rate", "hours", "releases"),
    [(100.0, 1, examples(6, thorough=12)), (10.0, 6, examples(3, thorough=8))],
)
def test_a_small_group_that_is_hurt_is_found_and_named(rate: float, hours: float, releases: int) -> None:
    """Five percent of the users with 10 instead of 5 % bad events, at half of the traffic: always found, alone named.

    The total rises from 5 to 5.25 %, which no comparison of totals finds in that time.
    """
    results = played(Row(EVEN, rate, (50,), hours, harm=0.05), releases)
    assert {result.apart.reason for result in results} == {"SegmentWorse"}
    assert {result.apart.groups for result in results} == {(NAME,)}
    assert {result.total.seconds for result in results} == {math.inf}


def test_a_group_is_found_faster_the_more_it_is_hurt() -> None:
    """Twice the harm takes less than half of the time, in the median of the releases."""
    row, releases = Row(EVEN, 100, (50,), 1, harm=0.05), examples(5, thorough=9)
    little, much = (
        sorted(result.apart.seconds for result in played(replace(row, harm=harm), releases))[releases // 2]
        for harm in (0.05, 0.1)
    )
    assert much < little / 2


def test_more_of_the_hard_users_is_no_fault_of_the_candidate() -> None:
    """The totals alone would fail an equal candidate that got more of the users who fail more often."""
    results = played(Row(SHIFTED, 100, (50,), 1), examples(3, thorough=5))
    assert failed(results) == 0
    assert {result.total.reason for result in results} == {"WorseThanStable"}
