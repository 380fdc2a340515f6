"""Verdicts of one objective: each reason is reached, decides what it should, and says it in a sentence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from palier.evidence.bets import log_add
from palier.evidence.objective import (
    ObjectiveRule,
    Verdict,
    begin_stage,
    combine_verdicts,
    has_failed,
    judge,
    observe,
    start_evidence,
)
from tests.support.evidence.objectives import ERRORS, LATENCY, arm, seen


def test_nothing_seen_is_no_evidence() -> None:
    """Before any request there is no verdict, and the message says how many requests are missing."""
    judgement = judge(start_evidence(), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NoRequests")
    assert judgement.message == "errors: no requests in this stage yet; 20 needed"
    assert judgement.estimate is None


def test_too_few_requests_is_no_evidence() -> None:
    """Twelve good requests are not twenty, and a silent last look is mentioned."""
    evidence = seen([(arm(12, 0), arm(100, 0))])
    judgement = judge(evidence, ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "TooFewRequests")
    assert judgement.message == "errors: 0 of 12 requests failed (0 %) in this stage; 8 more requests needed"
    silent = judge(seen([(arm(0, 0), None)], evidence=evidence), ERRORS, promotion=False)
    assert silent.message.endswith("8 more requests needed; none in the last look")


def test_the_minimum_of_requests_is_the_stages_own() -> None:
    """A new stage needs its own requests before it may pass, however many the release has seen."""
    evidence = begin_stage(seen([(arm(5000, 10), arm(5000, 10))]))
    assert judge(evidence, ERRORS, promotion=False).reason == "NoRequests"
    assert judge(seen([(arm(20, 0), None)], evidence=evidence), ERRORS, promotion=False).verdict is Verdict.PASS


def test_within_the_objective_passes() -> None:
    """Enough requests and a share that is allowed: Pass, also exactly at the limit."""
    judgement = judge(seen([(arm(100, 1), arm(900, 8))]), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "WithinObjective")
    assert judgement.message == "errors: 1 of 100 requests failed (1 %, between 0.0014 and 8.4 %), 1 % allowed"
    assert (judgement.estimate, judgement.total, judgement.bad) == (0.01, 100, 1)
    assert (judgement.stable_total, judgement.stable_bad) == (900, 8)


def test_a_limit_that_is_not_exact_in_binary_is_met() -> None:
    """Ten slow ones of a hundred meet a 90th percentile, although 1 - 0.9 is a hair below 0.1."""
    rule = ObjectiveRule(name="latency", limit=1 - 0.9, margin=1.1, alpha=0.01)
    assert judge(seen([(arm(100, 10), None)], rule), rule, promotion=False).verdict is Verdict.PASS


def test_above_the_limit_without_proof_is_undecided() -> None:
    """A share over the limit neither passes nor fails on few requests; the message plans how many are missing."""
    judgement = judge(seen([(arm(100, 2), arm(900, 8))] * 2), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert judgement.message == (
        "errors: 4 of 200 requests failed (2 %, between 0.19 and 7.4 %), 1 % allowed; "
        "about 1700 more requests, in at least 5 looks, needed to decide"
    )


def test_a_stage_over_the_limit_is_not_covered_by_the_good_ones_before() -> None:
    """The stage's own share must be allowed, not only that of the whole release."""
    evidence = seen([(arm(100, 4), arm(100, 4))], evidence=begin_stage(seen([(arm(10_000, 10), arm(10_000, 10))])))
    judgement = judge(evidence, ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "Undecided")
    assert judgement.message.startswith(
        "errors: 4 of 100 requests failed (4 %, between 0.42 and 14 %) in this stage, 1 % allowed; "
    )


def test_worse_than_stable_fails() -> None:
    """Failures that stable does not have end the release, with the numbers of both arms."""
    judgement = judge(seen([(arm(40, 2), arm(120, 0))] * 9), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.hard_stop) == (Verdict.FAIL, "WorseThanStable", False)
    assert judgement.message == (
        "errors: 18 of 360 requests failed (5 %, between 1.9 and 10 %), stable 0 of 1080 (0 %); "
        "evidence that it is worse 1:50000 (needs 1:200)"
    )


def test_a_breach_fails_without_a_stable() -> None:
    """With nothing to compare with, the limit alone decides."""
    judgement = judge(seen([(arm(100, 8), None)] * 8), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "ObjectiveBreached")
    assert judgement.message == (
        "errors: 64 of 800 requests failed (8 %, between 5 and 12 %); "
        "the objective allows 1 %; evidence against it 1:15000 (needs 1:200)"
    )


def test_an_outage_of_both_arms_is_not_the_candidates_fault() -> None:
    """Where stable breaches the objective just as clearly, the release holds instead of rolling back."""
    judgement = judge(seen([(arm(1000, 100), arm(9000, 900))] * 12), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "StableBreachesToo")
    assert "stable 10800 of 108000 (10 %)" in judgement.message


def test_a_shared_rise_above_the_limit_is_not_the_candidates_fault() -> None:
    """Both were within the objective for long and rise above it together: stable's long good life must not blame it."""
    random = np.random.default_rng(7)
    shares = np.linspace(0.003, 0.02, 100)
    for _ in range(20):
        looks = [
            (arm(1500, int(random.binomial(1500, share))), arm(1500, int(random.binomial(1500, share))))
            for share in shares
        ]
        assert judge(seen(looks), ERRORS, promotion=False).verdict is not Verdict.FAIL


def test_a_candidate_that_is_much_worse_fails_even_in_a_shared_outage() -> None:
    """Stable's own trouble does not protect a candidate that is clearly worse."""
    judgement = judge(seen([(arm(1000, 160), arm(9000, 900))] * 12), ERRORS, promotion=False)
    assert judgement.reason == "WorseThanStable"


@pytest.mark.parametrize("bad", [1, 40, 2000])
def test_one_look_never_decides(bad: int) -> None:
    """However many requests fail together in one look, good looks around it included, that is no verdict."""
    good = [(arm(2000, 0), arm(2000, 0))] * 20
    evidence = seen([*good, (arm(20_000, bad), arm(20_000, 0)), *good])
    assert judge(evidence, ERRORS, promotion=False).verdict is not Verdict.FAIL


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_fewer_than_four_looks_decide_nothing(looks: int) -> None:
    """Also where both tests speak against a candidate below the share of the hard stop: each look is capped."""
    evidence = seen([(arm(1000, 190), arm(9000, 0))] * looks)
    assert judge(evidence, ERRORS, promotion=False).verdict is Verdict.NO_EVIDENCE
    four = seen([(arm(1000, 190), arm(9000, 0))] * (4 - looks), ERRORS, evidence)
    assert judge(four, ERRORS, promotion=False).verdict is Verdict.FAIL


def test_two_tests_that_are_nearly_certain_are_certain_together() -> None:
    """Neither e-value has to reach 2/alpha alone: their sum has to, because the mean of both is an e-value."""
    evidence, most = seen([]), math.log(2 / ERRORS.alpha)
    while judge(evidence, ERRORS, promotion=False).verdict is not Verdict.FAIL:
        evidence = observe(evidence, arm(100, 4), arm(900, 9), ERRORS)
    assert evidence.relative.log_e < evidence.absolute.log_e < most
    assert judge(evidence, ERRORS, promotion=False).reason == "ObjectiveBreached"
    better = replace(evidence, relative=evidence.absolute, absolute=evidence.relative)
    assert judge(better, ERRORS, promotion=False).reason == "WorseThanStable"
    assert log_add(evidence.relative.log_e, evidence.absolute.log_e) >= most


def test_a_late_regression_is_found_and_its_stage_named() -> None:
    """Evidence for "fine" from the stages before does not delay the verdict by more than a few looks."""
    good = seen([(arm(1000, 5), arm(9000, 45))] * 200)
    evidence = begin_stage(good)
    looks = 0
    while judge(evidence, ERRORS, promotion=False).verdict is not Verdict.FAIL:
        evidence = observe(evidence, arm(1000, 50), arm(9000, 45), ERRORS)
        looks += 1
    assert looks <= 13
    message = judge(evidence, ERRORS, promotion=False).message
    assert message.startswith(f"errors: {50 * looks} of {1000 * looks} requests failed (5 %, between ")
    assert f" %) in this stage, stable {45 * looks} of {9000 * looks} (0.5 %); " in message


def test_a_dead_candidate_is_stopped_by_its_sixth_failure() -> None:
    """The hard stop needs six failures from three looks or more."""
    five, six = seen([(arm(1, 1), arm(9, 0))] * 5), seen([(arm(1, 1), arm(9, 0))] * 6)
    assert not judge(five, ERRORS, promotion=False).hard_stop
    judgement = judge(six, ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason, judgement.hard_stop) == (Verdict.FAIL, "HardStop", True)
    assert judgement.message == "errors: the last 6 requests all failed; hard stop"
    assert judge(seen([(arm(2, 2), None)] * 3), ERRORS, promotion=False).hard_stop


@pytest.mark.parametrize("looks", [1, 2])
def test_one_request_that_is_tried_again_and_again_is_no_dead_candidate(looks: int) -> None:
    """Ten tries of a request that no version could answer fall into one look or two, and say nothing of the others."""
    tries = [(arm(10 // looks, 10 // looks), arm(90, 0))] * looks
    assert judge(seen(tries), ERRORS, promotion=False).verdict is Verdict.NO_EVIDENCE


@pytest.mark.parametrize(("failures", "looks"), [(2, 3), (3, 3), (5, 3), (6, 2), (29, 2), (30, 1), (300, 1)])
def test_a_dead_candidate_is_stopped_one_look_after_its_sixth_failure_at_the_latest(failures: int, looks: int) -> None:
    """Whatever the number of requests in a look."""
    for number in range(1, looks + 1):
        judgement = judge(seen([(arm(failures, failures), arm(900, 0))] * number), ERRORS, promotion=False)
        assert judgement.hard_stop is (number == looks)
    assert looks <= math.ceil(6 / failures) + 1


def test_a_candidate_that_dies_late_is_stopped_as_fast() -> None:
    """A long good life gives no credit: six failures after a hundred thousand good requests are enough."""
    evidence = begin_stage(seen([(arm(1000, 2), arm(9000, 18))] * 100))
    judgement = judge(seen([(arm(2, 2), arm(18, 0))] * 3, evidence=evidence), ERRORS, promotion=False)
    assert judgement.message == "errors: the last 6 requests all failed; hard stop"


def test_a_chance_failure_of_stable_saves_no_dead_candidate() -> None:
    """One of stable's few requests may fail at any time; that is no outage."""
    evidence = seen([(arm(2, 2), arm(15, 1)), (arm(3, 3), arm(27, 2)), (arm(1, 1), arm(9, 0))])
    assert judge(evidence, ERRORS, promotion=False).hard_stop


def test_an_outage_that_stable_shares_stops_nobody() -> None:
    """When everything fails in both arms, the candidate is not the cause; when only stable recovers, it is."""
    both_down = seen([(arm(10, 10), arm(90, 90))] * 20)
    assert judge(both_down, ERRORS, promotion=False).verdict is Verdict.NO_EVIDENCE
    stable_back = seen([(arm(10, 10), arm(90, 0))] * 2, evidence=both_down)
    assert judge(stable_back, ERRORS, promotion=False).hard_stop


def test_the_hard_stop_names_a_mixed_run() -> None:
    """Where some of the last requests succeeded the message counts them."""
    judgement = judge(seen([(arm(4, 3), None)] * 4), ERRORS, promotion=False)
    assert judgement.message == "errors: 12 of the last 16 requests failed; hard stop"


def test_the_hard_stop_leaves_alone_what_the_objective_allows() -> None:
    """A median objective allows every second request to be slow, so slow requests are no sign of death."""
    rule = replace(LATENCY, limit=0.5)
    assert not judge(seen([(arm(100, 60), arm(100, 60))] * 3, rule), rule, promotion=False).hard_stop
    lax = replace(ERRORS, limit=0.3)
    assert not judge(seen([(arm(100, 35), None)] * 20, lax), lax, promotion=False).hard_stop
    off = replace(ERRORS, hard_stop_share=1.0)
    assert not judge(seen([(arm(60, 60), None)], off), off, promotion=False).hard_stop


def test_looks_without_requests_change_nothing_that_counts() -> None:
    """A look in which the candidate had no traffic leaves its evidence as it was."""
    before = seen([(arm(50, 2), arm(450, 3))])
    after = seen([(arm(0, 0), arm(450, 30)), (arm(0, 0), None)], evidence=before)
    for name in ("relative", "absolute", "looks", "bad_looks", "hard_stop"):
        assert getattr(after, name) == getattr(before, name)
    assert after.release.total == before.release.total


def test_the_whole_release_goes_on_over_a_weight_step() -> None:
    """Counts, guards and e-values are kept; only the stage's own counts start anew, and cash moves."""
    before = seen([(arm(50, 2), arm(450, 3))] * 4)
    after = begin_stage(before)
    assert after.release == before.release
    assert after.relative.log_e == pytest.approx(before.relative.log_e)
    assert after.relative.cash == pytest.approx(before.relative.cash + math.log(3 / 4))
    assert (after.looks, after.bad_looks, after.hard_stop) == (4, 4, before.hard_stop)
    assert after.stage == start_evidence().stage
    assert begin_stage(after) == after


def test_fail_beats_no_evidence_beats_pass() -> None:
    """The verdict of a stage is that of its worst objective; without objectives there is nothing to fail."""
    passed = judge(seen([(arm(100, 0), None)]), ERRORS, promotion=False)
    unknown = judge(start_evidence(), ERRORS, promotion=False)
    failed = judge(seen([(arm(30, 30), None)]), ERRORS, promotion=False)
    assert combine_verdicts([passed, unknown, failed]) is Verdict.FAIL
    assert combine_verdicts([unknown, passed]) is Verdict.NO_EVIDENCE
    assert combine_verdicts([passed, passed]) is Verdict.PASS
    assert combine_verdicts([]) is Verdict.PASS


def test_a_verdict_reached_at_the_end_of_a_stage_is_explained_in_the_next() -> None:
    """Right after a weight step the numbers that decided are those of the release, not of the empty stage."""
    rule = replace(ERRORS, hard_stop_share=1.0)
    good = seen([(arm(10_000, 10), None)], rule)
    evidence = seen([(arm(100, 50), None)] * 12, rule, begin_stage(good))
    before, after = (judge(one, rule, promotion=False) for one in (evidence, begin_stage(evidence)))
    assert (before.reason, after.reason) == ("ObjectiveBreached", "ObjectiveBreached")
    assert before.message.startswith("errors: 600 of 1200 requests failed (50 %, between 45 and 55 %) in this stage; ")
    assert after.message.startswith("errors: 610 of 11200 requests failed (5.4 %, between 4.6 and 6.3 %); ")


def test_without_a_comparison_the_limit_has_all_of_alpha() -> None:
    """A rule that does not compare with stable keeps no such evidence, and its one test needs only 1/alpha."""
    rule = replace(ERRORS, compare_with_stable=False)
    judgement = judge(seen([(arm(100, 8), arm(900, 0))] * 8, rule), rule, promotion=False)
    assert judgement.reason == "ObjectiveBreached"
    assert judgement.message.endswith("(needs 1:100)")
    assert seen([(arm(100, 8), arm(900, 0))], rule).relative.logs == ()
    assert replace(ERRORS, segmented=True).tests == 3


def test_failed_is_the_verdict_without_words() -> None:
    """At every moment of a release that goes wrong both say the same."""
    evidence = start_evidence()
    said = set()
    for look in range(20):
        evidence = observe(evidence, arm(300, 2 if look < 8 else 9), arm(2700, 13), ERRORS)
        fails = judge(evidence, ERRORS, promotion=False).verdict is Verdict.FAIL
        assert has_failed(evidence, ERRORS) == fails
        said.add(fails)
    assert said == {True, False}
