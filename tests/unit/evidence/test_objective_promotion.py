"""What one objective takes to promote: proof of the limit, and where a rule asks for it, of being no worse."""

import math
from dataclasses import replace

import pytest

from palier.evidence.objective import Counts, Verdict, judge
from tests.support.evidence.objectives import ERRORS, LATENCY, arm, seen


def test_a_planned_number_of_requests_does_decide() -> None:
    """With the planned requests at the same share, spread over many looks, the objective is breached."""
    more = [(arm(24, 1), None)] * 20 + [(arm(26, 0), None)] * 20
    evidence = seen([(arm(100, 2), None), (arm(100, 2), None), *more, *more, *more])
    assert judge(evidence, replace(ERRORS, cap=math.inf), promotion=False).verdict is Verdict.FAIL


def test_promotion_needs_proof() -> None:
    """What is good enough for the next stage is not yet proven enough to become stable."""
    evidence = seen([(arm(100, 0), arm(900, 0))])
    assert judge(evidence, ERRORS, promotion=False).verdict is Verdict.PASS
    judgement = judge(evidence, ERRORS, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotProven")
    assert judgement.message == (
        "errors: 0 of 100 requests failed (0 %, between 0 and 5.7 %), 1 % allowed; "
        "about 120 more requests, needed to prove that it stays below 2 %"
    )
    assert judgement.needed is not None
    assert judgement.needed == pytest.approx(120, abs=5)


def test_a_rate_turns_requests_into_time() -> None:
    """With the candidate's requests per second the message says how long it takes; with none it does not."""
    evidence = seen([(arm(100, 0), arm(900, 0))])
    message = judge(evidence, ERRORS, promotion=True, rate=0.5).message
    assert message.endswith(
        "; about 120 more requests, 4 minutes at this rate, needed to prove that it stays below 2 %"
    )
    assert "at this rate" not in judge(evidence, ERRORS, promotion=True, rate=0.0).message


def test_the_planned_number_of_requests_is_the_proof() -> None:
    """With the planned requests the proof is there; with a tenth fewer it is not."""
    first = seen([(arm(100, 0), None)])
    assert judge(seen([(arm(130, 0), None)], evidence=first), ERRORS, promotion=True).reason == "Proven"
    assert judge(seen([(arm(115, 0), None)], evidence=first), ERRORS, promotion=True).reason == "NotProven"


def test_a_proven_candidate_passes_with_its_evidence() -> None:
    """The proof is part of the sentence."""
    judgement = judge(seen([(arm(120, 3), None)], LATENCY), LATENCY, promotion=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "Proven")
    assert judgement.message == (
        "latency: 3 of 120 requests slower than 250ms (2.5 %, between 0.15 and 10 %), 5 % allowed; "
        "proven to stay below 10 %, but not yet below the 5 % that is allowed, evidence 1:66 (needs 1:20)"
    )
    judgement = judge(seen([(arm(400, 3), None)], LATENCY), LATENCY, promotion=True)
    assert ", 5 % allowed; proven to stay below that, evidence 1:" in judgement.message


def test_a_threshold_between_two_buckets_neither_passes_nor_fails() -> None:
    """What lies between the edges may be bad: no Pass on it, and no Fail on it either."""
    judgement = judge(seen([(arm(1000, 20, 120), arm(9000, 180, 1080))] * 12, LATENCY), LATENCY, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "ThresholdBetweenBuckets")
    assert judgement.message.startswith(
        "latency: between 240 and 1440 of 12000 requests slower than 250ms (2 % to 12 %), 5 % allowed; "
    )
    assert judgement.estimate == pytest.approx(0.12)


def test_a_lax_limit_has_a_proof_too() -> None:
    """Twice a limit of 60 % is more than everything; the proof is then asked below 99 %, never at 100 %."""
    rule = replace(ERRORS, limit=0.6)
    assert judge(seen([(arm(100, 50), None)], rule), rule, promotion=True).reason == "Proven"
    rule = replace(ERRORS, limit=0.995)
    assert judge(seen([(arm(100, 50), None)], rule), rule, promotion=True).reason == "Proven"


def test_no_worse_has_to_be_proven_where_the_rule_says_so() -> None:
    """A share that is proven to be low is not enough for a promotion if stable's is much lower or unknown."""
    rule = replace(ERRORS, require_no_worse=True, margin=3.0)
    worse = judge(seen([(arm(1000, 4), arm(9000, 18))] * 6, rule), rule, promotion=True)
    assert (worse.verdict, worse.reason) == (Verdict.NO_EVIDENCE, "NotProvenNoWorse")
    assert worse.message.endswith(
        "; many more requests, needed to prove that it has less than twice stable's odds of a bad one"
    )
    equal = seen([(arm(1000, 2), arm(9000, 18))] * 6, rule)
    judgement = judge(equal, rule, promotion=True)
    assert judgement.reason == "NotProvenNoWorse"
    assert judgement.needed is not None
    assert judge(equal, rule, promotion=False).verdict is Verdict.PASS
    later = judge(
        seen([(arm(1000, 2), arm(9000, 18))] * (judgement.needed // 1000 + 1), rule, equal), rule, promotion=True
    )
    assert (later.verdict, later.reason) == (Verdict.PASS, "Proven")
    assert ", and proven to have less than twice stable's odds of a bad one, evidence 1:" in later.message


@pytest.mark.parametrize(
    ("stable", "lacks"),
    [
        (None, "stable has none to compare with"),
        (arm(9000, 0), "with no bad ones in either arm there is nothing to compare yet"),
    ],
)
def test_where_nothing_can_be_compared_the_message_says_so(stable: Counts | None, lacks: str) -> None:
    """No stable, or no failure anywhere: not proven, and not a number that nobody can reach."""
    rule = replace(ERRORS, require_no_worse=True)
    judgement = judge(seen([(arm(1000, 0), stable)] * 3, rule), rule, promotion=True)
    assert (judgement.reason, judgement.needed) == ("NotProvenNoWorse", None)
    assert judgement.message.endswith(lacks)


def test_what_lies_between_the_edges_speaks_against_a_promotion() -> None:
    """The possibly bad of the candidate are held against the surely bad of stable."""
    rule = replace(LATENCY, require_no_worse=True)
    exact = seen([(arm(1000, 20), arm(9000, 180))] * 6, rule)
    bracketed = seen([(arm(1000, 20, 40), arm(9000, 180, 360))] * 6, rule)
    assert judge(exact, rule, promotion=True).reason == "Proven"
    assert judge(bracketed, rule, promotion=True).reason == "NotProvenNoWorse"
    assert max(bracketed.not_worse) < max(exact.not_worse)
