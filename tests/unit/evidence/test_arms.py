"""What the evidence is about, which requests the present weight served, and arms whose histograms differ."""

import json
from dataclasses import replace

import pytest

from palier.evidence.objective import (
    Amounts,
    Counts,
    Evidence,
    MeanRule,
    ObjectiveRule,
    Rule,
    ScoreRule,
    Verdict,
    begin_share,
    begin_stage,
    judge,
    observe,
    start_evidence,
)
from tests.support.evidence.objectives import arm

ERRORS = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
LATENCY = ObjectiveRule(name="latency", limit=0.05, margin=1.1, alpha=0.01, bad_noun="slower than 250ms")


def test_evidence_knows_what_it_is_about() -> None:
    """The digest stays through looks, stages and status; without one the key is absent."""
    evidence = begin_stage(observe(start_evidence("a1b2"), arm(100, 1), arm(900, 9), ERRORS))
    assert evidence.of == "a1b2"
    assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence
    assert "of" not in start_evidence().to_status()
    assert start_evidence().of == Evidence.from_status({}).of == ""


@pytest.mark.parametrize(
    ("rule", "of", "other"),
    [
        (ERRORS, arm(10, 0), arm(90, 0)),
        (MeanRule("cost", 2.0, 0.01), Amounts(10, 9.0), Amounts(90, 80.0)),
        (MeanRule("cost", 2.0, 0.01, most=9.0), Amounts(10, 9.0), Amounts(90, 80.0)),
        (ScoreRule("rating", 0.5, 0.01), Amounts(10, 9.0), Amounts(90, 80.0)),
    ],
)
def test_served_requests_are_counted_from_the_second_look_at_a_weight_on(
    rule: Rule, of: Counts | Amounts, other: Counts | Amounts
) -> None:
    """The first look began before the weight was in force; a look without stable compares nothing."""
    evidence = start_evidence()
    for _ in range(2):
        served = []
        for stable in (None, other, other, None, other):
            evidence = observe(evidence, of, stable, rule)
            served.append(evidence.served)
        assert served == [None, (0, 0), (10, 90), (10, 90), (20, 180)]
        assert Evidence.from_status(json.loads(json.dumps(evidence.to_status()))).served == (20, 180)
        evidence = begin_share(evidence)
        assert (evidence.served, "served" in evidence.to_status()) == (None, False)
        assert begin_share(evidence) == evidence


def test_a_candidate_that_gets_nothing_is_counted_as_served_nothing() -> None:
    """Requests of stable alone are what a route that leaves the candidate out looks like."""
    evidence = start_evidence()
    for _ in range(3):
        evidence = observe(evidence, arm(0, 0), arm(90, 0), ERRORS)
    assert evidence.served == (0, 180)


def test_coarser_edges_of_stable_make_no_candidate_worse() -> None:
    """Equal latencies, of which stable's histogram cannot say what lies between 100 and 500 ms, are no difference."""
    rule = replace(LATENCY, require_no_worse=True)
    looks = [(arm(300, 9), arm(2700, 27, 270))] * 60
    same, other, behind = start_evidence(), start_evidence(), start_evidence()
    for candidate, stable in looks:
        same = observe(same, candidate, stable, rule)
        other = observe(other, candidate, stable, rule, same_edges=False)
        behind = observe(behind, arm(300, 90), stable, rule, same_edges=False)
    assert judge(same, rule, promotion=False).reason == "WorseThanStable"
    assert judge(other, rule, promotion=False).verdict is Verdict.PASS
    assert judge(other, rule, promotion=True).reason == "NotProvenNoWorse"
    assert (other.not_worse, other.release.stable_bad) == ((), 27 * 60)
    assert judge(behind, rule, promotion=False).reason == "WorseThanStable"


def test_coarser_edges_of_stable_make_no_segment_worse() -> None:
    """The same group by group."""
    rule = replace(LATENCY, segmented=True)
    evidence, arms = start_evidence(), (arm(300, 9), arm(2700, 27, 270))
    for _ in range(60):
        evidence = observe(evidence, *arms, rule, segments={"new": arms}, same_edges=False)
    assert judge(evidence, rule, promotion=False).verdict is Verdict.PASS


def test_what_stable_may_have_failed_as_well_is_no_hard_stop_at_other_edges() -> None:
    """Everything answers in 300 ms: the candidate surely breaches 250 ms, stable between 100 and 500 ms perhaps."""
    evidence = observe(start_evidence(), arm(300, 300), arm(2700, 0, 2700), LATENCY, same_edges=False)
    assert evidence.hard_stop.bad == 0
    assert not judge(evidence, LATENCY, promotion=False).hard_stop
