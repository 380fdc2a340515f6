"""Can the histograms answer what the objectives ask? Said before a stage's time is wasted."""

import math

import pytest

from palier.evidence.counters import Measurable
from palier.evidence.objective import ObjectiveRule
from palier.measuring.measurability import expect_reading, measurability
from palier.measuring.sources import CounterRatio, KnownReading, MeasuredObjective, Reading, SlowerThan


def slower_than(threshold: float, *, edges: tuple[float, ...] = (), remedy: str = "") -> MeasuredObjective:
    """A latency objective with the edges that its runtime has by default."""
    rule = ObjectiveRule(name="latency", limit=0.05, margin=1.1, alpha=0.01)
    source = SlowerThan("seconds", threshold)
    return MeasuredObjective(rule, source, source, expected_edges=edges, remedy=remedy)


def known(reading: Reading, of: str = "seconds 0.2") -> KnownReading:
    """A reading that is remembered."""
    return KnownReading(of, reading)


def test_a_reading_of_another_threshold_says_nothing() -> None:
    """The objective was changed since."""
    reading = known(Reading(Measurable.EXACT, 0.5, 0.5), of="seconds 0.5")
    (told,) = measurability((slower_than(0.2),), {"latency": reading})

    assert told.measurable is None


@pytest.mark.parametrize(
    ("threshold", "measurable", "lower", "upper"),
    [
        (0.5, Measurable.EXACT, 0.5, 0.5),
        (0.1 + 0.2, Measurable.EXACT, 0.3, 0.3),
        (0.2, Measurable.BRACKETED, None, 0.3),
        (0.4, Measurable.BRACKETED, 0.3, 0.5),
        (9.0, Measurable.BRACKETED, 0.5, math.inf),
    ],
)
def test_an_edge_is_exact_and_everything_else_lies_between_two(
    threshold: float, measurable: Measurable, lower: float | None, upper: float
) -> None:
    """Below the first edge there is only zero, above the last one only infinity."""
    assert expect_reading(threshold, (0.3, 0.5)) == Reading(measurable, lower, upper)


def test_default_edges_are_told_before_anything_is_read() -> None:
    """With what helps: the owner can correct it before the first release is judged by it."""
    (told,) = measurability((slower_than(0.2, edges=(0.3, 0.5), remedy="set --buckets"),), {})

    assert told.measurable is Measurable.BRACKETED
    assert told.message == (
        "latency: 0.2 lies between its default bucket edges 0 and 0.3 of seconds;"
        " both are judged, so a promotion or rollback takes longer; set --buckets"
    )


def test_what_was_read_wins_over_what_was_expected() -> None:
    """The server may have been given other edges."""
    objective = slower_than(0.2, edges=(0.3, 0.5), remedy="set --buckets")
    (told,) = measurability((objective,), {"latency": known(Reading(Measurable.EXACT, 0.2, 0.2))})

    assert told.measurable is Measurable.EXACT
    assert "set --buckets" not in told.message


def test_nothing_known_is_said() -> None:
    """A histogram of the author's own that was never read."""
    (told,) = measurability((slower_than(0.2),), {})

    assert told.measurable is None
    assert told.message == "latency: seconds has not been read yet"


def test_a_histogram_without_an_infinite_bucket_answers_nothing() -> None:
    """It cannot tell how many there were at all."""
    (told,) = measurability((slower_than(0.2),), {"latency": known(Reading(Measurable.UNAVAILABLE, None, None))})

    assert told.measurable is Measurable.UNAVAILABLE
    assert "reach to infinity" in told.message


def test_only_histograms_are_asked() -> None:
    """Counters are always exact."""
    rule = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
    ratio = CounterRatio(("bad",), ("all",))

    assert measurability((MeasuredObjective(rule, ratio, ratio),), {}) == ()
