"""Numbers as people read them."""

import math

import pytest

from palier.evidence.planning import requests_needed
from palier.evidence.sentences import (
    describe_interval,
    describe_more,
    duration,
    odds,
    percent,
    write_about,
    write_limit,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.0519, "5.2 %"),
        (0.001234, "0.12 %"),
        (0.125, "12 %"),
        (2e-6, "0.0002 %"),
        (0.1, "10 %"),
    ],
)
def test_percent_has_two_significant_digits(share: float, text: str) -> None:
    """Shares are rounded for reading."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("limit", "text"), [(0.01, "1 %"), (0.000125, "0.0125 %"), (1 - 0.95, "5 %"), (0.125, "12.5 %")]
)
def test_a_limit_reads_as_it_was_written(limit: float, text: str) -> None:
    """Limits are not rounded."""
    assert write_limit(limit) == text


@pytest.mark.parametrize(
    ("log_e", "text"),
    [(0, "1:1"), (math.log(2434), "1:2400"), (-1, "1:0.37"), (103.7, "1:10^45"), (50_000, "1:10^21714")],
)
def test_odds_are_short_at_any_size(log_e: float, text: str) -> None:
    """An e-value of any size fits into a sentence."""
    assert odds(log_e) == text


def test_planning_numbers_are_round() -> None:
    """A planning number pretends no precision."""
    assert [write_about(number) for number in (7, 99, 143, 12_345)] == ["7", "99", "140", "12000"]


def test_requests_needed_is_the_smallest_number_that_is_enough() -> None:
    """With a gain of a tenth per request, ten requests more make a gain of one."""
    assert requests_needed(lambda _, total: total / 10, bad=1, total=50, gain=0.95) == 10
    assert requests_needed(lambda _, total: total / 10, bad=1, total=50, gain=0.05) == 1


def test_a_share_that_leads_nowhere_has_no_number() -> None:
    """The search ends where no number of requests would help."""
    assert requests_needed(lambda _, __: 0.0, bad=1, total=50, gain=1.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (40, "40 seconds"), (360, "6 minutes"), (10_000, "3 hours"), (1e6, "12 days")],
)
def test_a_time_is_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    """A time to wait for is read, not calculated with."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "rate", "text"),
    [
        (143, 0.4, "about 140 more requests, 6 minutes at this rate"),
        (143, None, "about 140 more requests"),
        (143, 0.0, "about 140 more requests"),
        (None, 1.0, "many more requests"),
    ],
)
def test_what_is_needed_is_told_in_events_and_time(number: int | None, rate: float | None, text: str) -> None:
    """The time is left out where no rate is known."""
    assert describe_more(number, "requests", rate) == text


def test_an_interval_follows_its_share() -> None:
    """Both ends in percent, or nothing."""
    assert describe_interval((0.025, 0.096)) == ", between 2.5 and 9.6 %"
    assert describe_interval(None) == ""
