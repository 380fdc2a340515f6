"""Looks at numbers that no counter can have, and at sums without the count of what they sum up."""

import pytest

from palier.evidence.counters import Series
from palier.evidence.objective import MeanRule, ScoreRule
from palier.measuring.questions import Question
from palier.measuring.sources import MeanOf, SlowerThan
from tests.support.measuring.scrapes import (
    CANDIDATE,
    LATENCY,
    LATENCY_RULE,
    RATIO,
    STABLE,
    Scrapes,
    both_arms,
    buckets,
    objective,
    release,
    totals,
)


def values(*, absent: str = "", count: float = 30.0, amount: float = 300.0) -> Scrapes:
    """Two arms with so many values more in the look; one arm may lack what they sum up to."""
    scrapes = Scrapes()
    for arm in (CANDIDATE, STABLE):
        scrapes.up(15, 30, 45, 60, arm=arm)
        scrapes.add("values_count", {15: 50, 30: 50, 45: 50, 60: 50 + count}, arm=arm)
        if arm != absent:
            scrapes.add("values_sum", {15: 500, 30: 500, 45: 500, 60: 500 + amount}, arm=arm)
    return scrapes


@pytest.mark.parametrize(
    "rule", [MeanRule("values", maximum=20.0, alpha=0.01), ScoreRule("values", least=0.5, alpha=0.01)]
)
def test_values_whose_sum_is_not_read_are_no_zeros(rule: MeanRule | ScoreRule) -> None:
    """A counter of sums that is not there makes the objective missing; in stable it leaves nothing to compare with."""
    source = MeanOf("values_sum", ("values_count",), scale=0.01)
    watched = values(absent=CANDIDATE).look(release(objective(source, rule)), 60)

    assert watched.missing == {"values": "values_sum was not read from new while values_count rose by 30"}
    assert (watched.evidence, watched.pods_read.until) == ({}, 60)

    alone = values(absent=STABLE).look(release(objective(source, rule)), 60)
    assert (alone.missing, totals(alone, "values")) == ({}, (30, 0, 0, 0))


def test_a_sum_that_is_read_again_is_counted_from_where_its_count_is() -> None:
    """Its first step back would add what belongs to values of the steps that were left out."""
    scrapes = values()
    source = MeanOf("values_sum", ("values_count",))
    rule = MeanRule("values", maximum=1000.0, alpha=0.01)
    scrapes.up(75, 90)
    for question, rises in (("values_count", {60: 60, 75: 70, 90: 80}), ("values_sum", {75: 700, 90: 800})):
        [(_, one), *_] = scrapes.answers[Question(question)][("", CANDIDATE, "", "")]
        kept = {time: value for time, value in one.samples if time < 60} | rises
        scrapes.answers[Question(question)][("", CANDIDATE, "", "")] = [
            (CANDIDATE, Series(one.labels, sorted(kept.items())))
        ]
    watched = scrapes.look(release(objective(source, rule)), 45, 60)
    assert "values" in watched.missing

    watched = scrapes.look(watched, 75)
    assert "values" in watched.missing
    watched = scrapes.look(watched, 90)
    tally = watched.evidence["values"].release
    assert (watched.missing, tally.total, tally.amount) == ({}, 10, 100)


@pytest.mark.parametrize(
    ("question", "value", "told"),
    [
        ("requests_total", -50.0, "requests_total of new was -50, which no counter can be"),
        ("requests_total", 1e300, "requests_total of new was 1e+300, which no counter can be"),
        ("errors_total", -1.0, "errors_total of new was -1, which no counter can be"),
        (LATENCY, -3.0, "seconds of new was -3, which no counter can be"),
    ],
)
def test_what_cannot_be_a_counter_is_not_counted(question: str, value: float, told: str) -> None:
    """A gauge taken for a counter makes its own objective missing and no other."""
    scrapes = both_arms()
    for arm in (CANDIDATE, STABLE):
        buckets(scrapes, {"0.5": 3, "+Inf": 4}, selector=LATENCY, pod=arm, arm=arm)
    [(_, one), *others] = scrapes.answers[Question(question)][("", CANDIDATE, "", "")]
    odd = Series(one.labels, [*one.samples[:-1], (60, value)])
    scrapes.answers[Question(question)][("", CANDIDATE, "", "")] = [(CANDIDATE, odd), *others]
    latency = objective(SlowerThan("seconds", 0.5), LATENCY_RULE)
    watched = scrapes.look(release(objective(RATIO), latency), 60)

    (name,) = watched.missing
    assert watched.missing[name] == told
    assert set(watched.evidence) == {"errors", "p95"} - {name}
    assert watched.pods_read.until == 60


def test_a_stable_that_cannot_be_a_counter_is_not_compared_with() -> None:
    """The candidate is judged by the promise alone."""
    scrapes = both_arms()
    scrapes.add("requests_total", {30: -4, 60: -5}, arm=STABLE, code="odd")

    assert totals(scrapes.look(release(objective(RATIO)), 60)) == (20, 2, 0, 0)


def test_sums_in_nanoseconds_are_no_counts() -> None:
    """What is summed up may be more than can be counted one by one; what is no number any more may not."""
    source, rule = MeanOf("values_sum", ("values_count",)), MeanRule("values", maximum=1e18, alpha=0.01)

    assert values(amount=1e17).look(release(objective(source, rule)), 60).missing == {}
    assert "values" in values(amount=1e200).look(release(objective(source, rule)), 60).missing


def test_counts_that_add_up_to_more_than_a_float_can_count_are_missing() -> None:
    """Each of the series is possible, their sum is not."""
    scrapes = both_arms()
    for code in ("a", "b"):
        scrapes.add("requests_total", {30: 0, 60: 2.0**53}, code=code)

    assert "cannot be a count" in scrapes.look(release(objective(RATIO)), 60).missing["errors"]
