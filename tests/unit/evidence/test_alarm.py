"""What speaks against a candidate, asked without a sentence: the same that the verdict says."""

import pytest

from palier.evidence.objective import (
    Amounts,
    Counts,
    MeanRule,
    ObjectiveRule,
    Rule,
    ScoreRule,
    Verdict,
    alarm,
    has_failed,
    judge,
    observe,
    start_evidence,
)

ERRORS = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)
COST = MeanRule("cost", maximum=1.2, margin=1.25, alpha=0.01)
BOUNDED = MeanRule("bounded", maximum=1.2, margin=1.25, alpha=0.01, most=4.0)
RATING = ScoreRule("rating", least=0.8, margin=0.05, alpha=0.01)


def look(rule: Rule, number: int, *, bad: bool) -> Counts | Amounts:
    """A hundred events of one look, which spread a little."""
    spread = number % 3
    match rule:
        case ObjectiveRule():
            return Counts(100, 8 * bad, 8 * bad)
        case MeanRule():
            return Amounts(100, (300.0 if bad else 100.0) + spread)
        case ScoreRule():
            return Amounts(100, (20.0 if bad else 90.0) + spread)


@pytest.mark.parametrize("rule", [ERRORS, COST, BOUNDED, RATING], ids=lambda rule: rule.name)
@pytest.mark.parametrize("stable_is_bad", [False, True])
def test_an_alarm_is_the_reason_of_the_verdict(rule: Rule, *, stable_is_bad: bool) -> None:
    """At every look of a release that goes wrong, also where stable does and nobody can be blamed."""
    evidence, told = start_evidence(), set()
    for number in range(60):
        bad = number >= 5
        evidence = observe(evidence, look(rule, number, bad=bad), look(rule, number, bad=bad and stable_is_bad), rule)
        reason, judgement = alarm(evidence, rule), judge(evidence, rule, promotion=False)
        assert not reason or reason == judgement.reason
        assert reason or judgement.verdict is not Verdict.FAIL
        assert has_failed(evidence, rule) == (judgement.verdict is Verdict.FAIL)
        told.add(reason)
    assert "" in told
    assert stable_is_bad or len(told) > 1
