"""Small seeded traffic: good candidates stay, bad ones go, and both within the time that was promised."""

from collections.abc import Callable

import numpy as np
import pytest

from palier.evidence.objective import (
    Counts,
    Evidence,
    ObjectiveRule,
    Verdict,
    begin_stage,
    judge,
    observe,
    start_evidence,
)

ERRORS = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)

Share = float | Callable[[int], float]


def looks_until_fail(
    random: np.random.Generator,
    *,
    candidate: tuple[float, Share],
    stable: tuple[float, Share],
    looks: int,
    stage_every: int = 10_000,
    rule: ObjectiveRule = ERRORS,
) -> int | None:
    """The look at which the verdict is Fail; arms are (requests per look, share of bad ones), arrivals Poisson."""

    def events(arm: tuple[float, Share], look: int) -> Counts:
        share = arm[1](look) if callable(arm[1]) else arm[1]
        total = int(random.poisson(arm[0]))
        bad = int(random.binomial(total, share))
        return Counts(total, bad, bad)

    evidence: Evidence = start_evidence()
    for look in range(looks):
        if look and look % stage_every == 0:
            evidence = begin_stage(evidence)
        evidence = observe(evidence, events(candidate, look), events(stable, look), rule)
        if judge(evidence, rule, promotion=False).verdict is Verdict.FAIL:
            return look + 1
    return None


def test_equal_arms_at_a_hundred_requests_a_second_stay() -> None:
    """An hour of equal arms, looked at every 15 s over three stages, ends in no rollback in thirty releases."""
    random = np.random.default_rng(20_261)
    failed = [
        looks_until_fail(random, candidate=(150, 0.005), stable=(1350, 0.005), looks=240, stage_every=80)
        for _ in range(30)
    ]
    assert failed == [None] * 30


def test_equal_arms_exactly_at_the_limit_stay() -> None:
    """The hardest good candidate, with every tenth look a new stage, is rolled back at most once in sixty releases."""
    random = np.random.default_rng(20_262)
    failed = [
        looks_until_fail(random, candidate=(100, 0.01), stable=(300, 0.01), looks=100, stage_every=10)
        for _ in range(60)
    ]
    assert sum(look is not None for look in failed) <= 1


def test_a_shared_outage_rolls_nobody_back() -> None:
    """Ten percent failures in both arms for five minutes are not the candidate's fault."""
    random = np.random.default_rng(20_263)

    def outage(look: int) -> float:
        return 0.1 if 40 <= look < 60 else 0.005

    failed = [looks_until_fail(random, candidate=(150, outage), stable=(1350, outage), looks=120) for _ in range(20)]
    assert failed == [None] * 20


def test_failures_that_come_together_roll_nobody_back() -> None:
    """Equal arms whose failure share jumps from look to look (correlation 0.01) stay in thirty hours of traffic."""
    random = np.random.default_rng(20_264)

    def jumpy(_: int) -> float:
        return float(random.beta(0.005 * 99, 0.995 * 99))

    failed = [looks_until_fail(random, candidate=(150, jumpy), stable=(1350, jumpy), looks=240) for _ in range(30)]
    assert sum(look is not None for look in failed) <= 1


def test_five_percent_failures_are_found_within_a_minute() -> None:
    """At 12.5 candidate requests a second, looked at every second, none of twenty releases needs 60 looks."""
    random = np.random.default_rng(20_265)
    found = [looks_until_fail(random, candidate=(12.5, 0.05), stable=(87.5, 0.0), looks=60) for _ in range(20)]
    assert None not in found


@pytest.mark.parametrize("rate", [0.1, 12.5])
def test_a_candidate_that_always_fails_is_stopped_after_six_failures(rate: float) -> None:
    """At any traffic the verdict comes at the first look that has seen six failed requests, or at the next one."""
    random = np.random.default_rng(20_266)
    evidence = start_evidence()
    verdict = Verdict.NO_EVIDENCE
    before = 0
    while verdict is not Verdict.FAIL:
        earlier, before = before, evidence.release.total
        total = int(random.poisson(rate))
        evidence = observe(evidence, Counts(total, total, total), Counts(90, 0, 0), ERRORS)
        verdict = judge(evidence, ERRORS, promotion=False).verdict
    assert earlier < 6 <= evidence.release.total


def test_a_regression_in_the_last_stage_is_found_in_time() -> None:
    """Forty minutes of good evidence do not hide five percent failures: 15 looks are enough, twenty times of twenty."""
    random = np.random.default_rng(20_267)

    def late(look: int) -> float:
        return 0.005 if look < 160 else 0.055

    found = [
        looks_until_fail(random, candidate=(150, late), stable=(1350, 0.005), looks=175, stage_every=80)
        for _ in range(20)
    ]
    assert all(look is not None and look > 160 for look in found)


def test_a_late_regression_takes_eight_minutes_more_at_most() -> None:
    """One percent more failures at 100 requests/s and 10 % weight, from the start and from minute 40 on.

    Median over thirty releases each; a look every 30 s. The early ones need 5.5 minutes.
    """
    random = np.random.default_rng(20_268)

    def late(look: int) -> float:
        return 0.005 if look < 80 else 0.015

    early = [looks_until_fail(random, candidate=(300, 0.015), stable=(2700, 0.005), looks=60) for _ in range(30)]
    after = [looks_until_fail(random, candidate=(300, late), stable=(2700, 0.005), looks=140) for _ in range(30)]
    assert None not in (*early, *after)
    first, second = float(np.median([look or 0 for look in early])), float(np.median([look or 0 for look in after]))
    assert second > 80
    assert second - 80 <= first + 16


def test_a_large_regression_is_found_in_three_minutes() -> None:
    """Five percent more failures at 100 requests/s and 10 % weight: six looks of 30 s, forty times of forty."""
    random = np.random.default_rng(20_269)
    found = [looks_until_fail(random, candidate=(300, 0.055), stable=(2700, 0.005), looks=6) for _ in range(40)]
    assert None not in found
