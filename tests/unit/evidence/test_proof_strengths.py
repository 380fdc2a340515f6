"""What each strength of proof asks of a promotion, at its boundary, and what the sentence says that it proves."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from palier.evidence import proportion
from palier.evidence.absolute import log_e_below
from palier.evidence.objective import ObjectiveRule, Verdict, judge, observe, start_evidence
from tests.support.evidence.objectives import ERRORS, LATENCY, arm, seen

STRICT = replace(ERRORS, proof_margin=1.0)
UNPROVEN = replace(ERRORS, proof_margin=None)


@pytest.mark.parametrize(("limit", "margin"), [(0.01, 1.0), (0.01, 2.0), (0.05, 1.0), (0.995, 1.0), (0.995, 2.0)])
def test_at_the_boundary_the_mean_of_the_proof_is_at_most_one(limit: float, margin: float) -> None:
    """Enumerated over every outcome: a candidate at or above the proven limit gains nothing on average."""
    boundary = replace(ERRORS, limit=limit, proof_margin=margin).proven_limit
    assert boundary is not None
    logs = np.array([log_e_below(bad, 300, limit=boundary) for bad in range(301)])
    for share in (boundary, (boundary + 0.1) / 1.1):
        assert np.exp(binom.logpmf(range(301), 300, share) + logs).sum() <= 1 + 1e-9


def test_a_candidate_at_the_limit_is_promoted_by_the_strict_proof_at_most_as_often_as_promised() -> None:
    """Judged at each of 100 looks, of 300 candidates exactly at the limit at most 5 % are ever proven, but for chance.

    The default proof promotes nearly all of them, which is why the strict one exists.
    """
    random, runs, looks = np.random.default_rng(20_501), 300, 100
    rules = {"strict": STRICT, "default": ERRORS}
    proven = dict.fromkeys(rules, 0)
    for bad in np.cumsum(random.binomial(40, ERRORS.limit, (runs, looks)), axis=1):
        for name, rule in rules.items():
            limit = rule.proven_limit
            assert limit is not None
            proven[name] += any(
                log_e_below(int(count), 40 * (number + 1), limit=limit) >= -math.log(rule.beta)
                for number, count in enumerate(bad)
            )
    assert proven["strict"] <= binom.ppf(0.999, runs, ERRORS.beta)
    assert proven["default"] > 0.9 * runs


def test_the_strict_proof_passes_only_what_is_below_the_limit() -> None:
    """The same evidence that proves "below twice" is not yet a promotion, and the sentence says both."""
    evidence = seen([(arm(400, 1), None)])
    assert judge(evidence, ERRORS, promotion=True).reason == "Proven"
    judgement = judge(evidence, STRICT, promotion=True, rate=2.0)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotProven")
    assert ", 1 % allowed; proven to stay below 2 %; about " in judgement.message
    assert judgement.message.endswith(" at this rate, needed to prove that it stays below 1 %")
    assert judge(evidence, STRICT, promotion=False).verdict is Verdict.PASS


def test_with_the_requests_that_the_strict_hold_names_it_is_proven() -> None:
    """The number is about right: with it the candidate passes, with a tenth less it does not."""
    first = seen([(arm(400, 0), None)])
    needed = judge(first, STRICT, promotion=True).needed
    assert needed is not None
    judgement = judge(seen([(arm(needed + 5, 0), None)], evidence=first), STRICT, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "Proven")
    assert ", 1 % allowed; proven to stay below that, evidence 1:" in judgement.message
    assert judge(seen([(arm(needed * 9 // 10, 0), None)], evidence=first), STRICT, promotion=True).reason == "NotProven"


def test_before_anything_is_proven_the_strict_hold_does_not_say_that_it_is() -> None:
    """Few requests prove neither limit."""
    message = judge(seen([(arm(100, 0), None)]), STRICT, promotion=True).message
    assert "proven to stay" not in message


def test_a_limit_is_written_as_the_user_wrote_it() -> None:
    """Rounded, the sentence would name a limit that nobody set."""
    rule = replace(STRICT, limit=0.0125)
    message = judge(seen([(arm(300, 0), None)], rule), rule, promotion=True).message
    assert message.endswith("needed to prove that it stays below 1.25 %")


def test_without_a_proof_nothing_has_to_be_proven_and_the_sentence_says_so() -> None:
    """Twenty requests without a failure are enough, and nobody may take that for a proof."""
    judgement = judge(seen([(arm(20, 0), None)]), UNPROVEN, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "WithinObjective")
    assert judgement.message == (
        "errors: 0 of 20 requests failed (0 %, between 0 and 22 %), 1 % allowed; nothing speaks against it, and that "
        "it stays below that is not proven, because no proof is asked for"
    )
    assert judge(seen([(arm(19, 0), None)]), UNPROVEN, promotion=True).reason == "TooFewRequests"
    assert judge(seen([(arm(50, 1), None)]), UNPROVEN, promotion=True).reason == "Undecided"
    assert judge(seen([(arm(100, 30), None)] * 4), UNPROVEN, promotion=True).verdict is Verdict.FAIL


def test_what_is_proven_all_the_same_is_said() -> None:
    """A rule that asks for no proof may get one."""
    judgement = judge(seen([(arm(900, 0), None)]), UNPROVEN, promotion=True)
    assert judgement.reason == "Proven"
    assert "; proven to stay below that, evidence 1:" in judgement.message


@pytest.mark.parametrize("margin", [None, 1.0, 2.0])
def test_an_experiment_asks_for_better_whatever_the_proof(margin: float | None) -> None:
    """No strength replaces the question of the experiment, and the strict one is asked beside it."""
    rule = replace(ERRORS, limit=0.2, proof_margin=margin, require_better=True)
    equal, better = [(arm(100, 10), arm(100, 10))] * 40, [(arm(100, 5), arm(100, 12))] * 10
    assert judge(seen(equal, rule), rule, promotion=True).reason == "NotBetter"
    judgement = judge(seen(better, rule), rule, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "ProvenBetter")
    assert ", and proven to be better than stable, evidence 1:" in judgement.message
    close = [(arm(100, 18), arm(100, 30))] * 6
    expected = "NotProven" if margin == 1.0 else "ProvenBetter"
    assert judge(seen(close, rule), rule, promotion=True).reason == expected


def test_what_lies_between_two_edges_speaks_against_the_strict_proof() -> None:
    """The possibly slow count as slow."""
    rule = replace(LATENCY, proof_margin=1.0)
    assert judge(seen([(arm(1000, 20), None)], rule), rule, promotion=True).reason == "Proven"
    assert judge(seen([(arm(1000, 20, 48), None)], rule), rule, promotion=True).reason == "NotProven"


def test_the_odds_are_named_with_their_margin() -> None:
    """A margin that nobody has called twice is written as a number."""
    rule = replace(ERRORS, require_no_worse=True, no_worse_margin=1.5)
    message = judge(seen([(arm(1000, 2), arm(9000, 18))] * 2, rule), rule, promotion=True).message
    assert message.endswith("needed to prove that it has less than 1.5 times stable's odds of a bad one")


def test_the_strength_changes_no_alarm() -> None:
    """A weaker proof spares no bad candidate: the tests that end a release do not know it."""
    rules: list[ObjectiveRule] = [ERRORS, STRICT, UNPROVEN]
    for rule in rules:
        evidence = start_evidence()
        for _ in range(12):
            evidence = observe(evidence, arm(100, 6), arm(900, 4), rule)
        assert proportion.alarm(evidence, rule) == proportion.WORSE_THAN_STABLE
