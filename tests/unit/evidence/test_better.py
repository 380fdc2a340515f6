"""What an experiment asks for: proof that the candidate is better than stable, which an equal one hardly ever gets."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from palier.evidence import proportion
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, Verdict, judge, observe, start_evidence
from palier.evidence.odds_ratio import BETTER_RATIOS, Look, log_likelihood_ratios

RULE = ObjectiveRule(name="abandoned", limit=0.2, margin=1.25, alpha=0.01, require_better=True, noun="sessions")


def arm(total: int, bad: int, possible: int | None = None) -> Counts:
    """The counts of one arm."""
    return Counts(total, bad, bad if possible is None else possible)


def seen(
    looks: list[tuple[Counts, Counts | None]], rule: ObjectiveRule = RULE, evidence: Evidence | None = None
) -> Evidence:
    """The evidence after looks."""
    evidence = evidence or start_evidence()
    for candidate, stable in looks:
        evidence = observe(evidence, candidate, stable, rule)
    return evidence


def means(candidate: int, stable: int, shares: tuple[float, float], rule: ObjectiveRule) -> list[float]:
    """The mean factor of each bet over every outcome of one look; shares are candidate's and stable's."""
    total = np.zeros(len(BETTER_RATIOS))
    for x in range(candidate + 1):
        for y in range(stable + 1):
            factors = np.exp(observe(start_evidence(), arm(candidate, x), arm(stable, y), rule).not_worse)
            total += binom.pmf(x, candidate, shares[0]) * binom.pmf(y, stable, shares[1]) * factors
    return list(total)


@pytest.mark.parametrize(("candidate", "stable", "share"), [(20, 20, 0.1), (20, 80, 0.3), (5, 15, 0.5), (12, 3, 0.1)])
def test_an_equal_candidate_gains_nothing_on_average(candidate: int, stable: int, share: float) -> None:
    """Enumerating every outcome of a look: each bet's mean is exactly 1, and at most that when capped."""
    uncapped = means(candidate, stable, (share, share), replace(RULE, cap=math.inf))
    assert uncapped == pytest.approx([1.0] * len(BETTER_RATIOS), abs=1e-9)
    assert max(means(candidate, stable, (share, share), replace(RULE, cap=0.2))) < 1


@pytest.mark.parametrize("worse", [0.12, 0.2, 0.5])
def test_a_worse_candidate_loses_on_average(worse: float) -> None:
    """The hypothesis is "no better": the further inside of it, the smaller the mean."""
    found = means(15, 15, (worse, 0.1), RULE)
    assert max(found) < 1
    assert found == sorted(found, reverse=True)


def test_an_equal_candidate_is_hardly_ever_proven_to_be_better() -> None:
    """Equal arms of a changing base rate: at no look of most experiments is there a proof; beta is 5 %.

    With 300 experiments a test whose error is 5 % or less has more than 24 wrong proofs once in a thousand times.
    """
    random = np.random.default_rng(20_401)
    wrong = 0
    for _ in range(300):
        evidence, best = start_evidence(), 0.0
        for look in range(60):
            share = 0.1 + 0.05 * math.sin(look / 10)
            n, m = (int(number) for number in random.poisson(30, 2))
            x, y = int(random.binomial(n, share)), int(random.binomial(m, share))
            evidence = observe(evidence, arm(n, x), arm(m, y), RULE)
            best = max(best, proportion.no_worse_log_e(evidence))
        wrong += best >= -math.log(RULE.beta)
    assert 0 < wrong <= binom.ppf(0.999, 300, RULE.beta)


def test_a_better_candidate_is_proven_within_an_experiment() -> None:
    """Abandonment of 7 % instead of 10 %, fifty sessions an arm and look: proven in a hundred looks, mostly."""
    random = np.random.default_rng(20_402)
    proven = 0
    for _ in range(30):
        evidence = start_evidence()
        for _ in range(100):
            x, y = int(random.binomial(50, 0.07)), int(random.binomial(50, 0.1))
            evidence = observe(evidence, arm(50, x), arm(50, y), RULE)
        proven += judge(evidence, RULE, promotion=True).verdict is Verdict.PASS
    assert proven >= 28


def test_the_verdict_says_that_it_is_better() -> None:
    """Counts of both arms, the limit, and the evidence; without a promotion nobody asks."""
    evidence = seen([(arm(100, 5), arm(100, 12))] * 10)
    judgement = judge(evidence, RULE, promotion=True)
    assert (judgement.verdict, judgement.reason, judgement.needed) == (Verdict.PASS, "ProvenBetter", None)
    assert judgement.message.startswith("abandoned: 50 of 1000 sessions failed (5 %, between ")
    assert "), stable 120 of 1000 (12 %), 20 % allowed; proven to stay below that, evidence 1:" in judgement.message
    assert judgement.message.endswith(" (needs 1:20)")
    assert ", and proven to be better than stable, evidence 1:" in judgement.message
    assert judge(evidence, RULE, promotion=False).reason == "WithinObjective"


def test_what_is_not_yet_proven_says_how_much_is_missing() -> None:
    """The number of further sessions is about right: with them it is proven, with half of them it is not."""
    evidence = seen([(arm(50, 4), arm(50, 5))] * 10)
    judgement = judge(evidence, RULE, promotion=True, rate=10.0)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "NotBetter")
    assert ", stable 50 of 500 (10 %); about " in judgement.message
    assert judgement.message.endswith(" at this rate, needed to prove that it is better than stable")
    assert judgement.needed is not None
    looks = math.ceil(judgement.needed / 50)
    half = seen([(arm(50, 4), arm(50, 5))] * (looks // 2), evidence=evidence)
    later = seen([(arm(50, 4), arm(50, 5))] * looks, evidence=evidence)
    assert judge(half, RULE, promotion=True).reason == "NotBetter"
    assert judge(later, RULE, promotion=True).reason == "ProvenBetter"


def test_where_a_look_is_large_the_cap_counts() -> None:
    """Ten thousand sessions in a look prove no more than the cap: it takes looks, and the number says so."""
    evidence = seen([(arm(10_000, 500), arm(10_000, 1000))])
    judgement = judge(evidence, RULE, promotion=True)
    assert judgement.reason == "NotBetter"
    assert judgement.needed is not None
    more = math.ceil(judgement.needed / 10_000)
    assert more == 3
    assert (
        judge(seen([(arm(10_000, 500), arm(10_000, 1000))] * (1 + more)), RULE, promotion=True).reason == "ProvenBetter"
    )


@pytest.mark.parametrize(
    ("candidate", "stable", "lacks"),
    [
        (arm(100, 10), arm(100, 10), "so far it is not better than stable"),
        (arm(100, 11), arm(100, 10), "so far it is not better than stable"),
        (arm(100, 10), None, "stable has none to compare with"),
        (arm(100, 0), arm(100, 0), "with no bad ones in either arm there is nothing to compare yet"),
    ],
)
def test_a_candidate_that_is_not_better_is_told_so(candidate: Counts, stable: Counts | None, lacks: str) -> None:
    """No number that nobody can reach, and no promotion, however long it takes."""
    for looks in (5, 80):
        judgement = judge(seen([(candidate, stable)] * looks), RULE, promotion=True)
        assert (judgement.verdict, judgement.reason, judgement.needed) == (Verdict.NO_EVIDENCE, "NotBetter", None)
        assert judgement.message.endswith(f"; {lacks}")


def test_better_also_means_no_worse_and_not_the_reverse() -> None:
    """A rule that asks for both needs the one proof only; an equal candidate is proven no worse, and not better."""
    both = replace(RULE, require_no_worse=True)
    better, equal = [(arm(100, 5), arm(100, 12))] * 10, [(arm(100, 10), arm(100, 10))] * 40
    assert judge(seen(better, both), both, promotion=True).reason == "ProvenBetter"
    assert judge(seen(equal, both), both, promotion=True).reason == "NotBetter"
    modest = replace(RULE, require_no_worse=True, require_better=False)
    assert judge(seen(equal, modest), modest, promotion=True).reason == "Proven"


def test_groups_are_compared_with_themselves() -> None:
    """Simpson: better for every group although the total is worse, because the candidate got the harder group.

    The totals would say that it is not better so far, so nothing is said of them until it is proven.
    """
    rule = replace(RULE, limit=0.4, segmented=True)
    groups = {"easy": (arm(20, 0), arm(180, 9)), "hard": (arm(180, 36), arm(20, 8))}
    evidence = observe(start_evidence(), arm(200, 36), arm(200, 17), rule, segments=groups)
    first = judge(evidence, rule, promotion=True)
    assert first.reason == "NotBetter"
    assert "not better" not in first.message
    for _ in range(30):
        evidence = observe(evidence, arm(200, 36), arm(200, 17), rule, segments=groups)
    assert judge(evidence, rule, promotion=True).reason == "ProvenBetter"


def test_what_lies_between_the_edges_speaks_against_being_better() -> None:
    """The possibly bad of the candidate are held against the surely bad of stable."""
    exact = seen([(arm(100, 5), arm(100, 12))] * 10)
    bracketed = seen([(arm(100, 5, 12), arm(100, 12, 20))] * 10)
    assert judge(exact, RULE, promotion=True).reason == "ProvenBetter"
    assert judge(bracketed, RULE, promotion=True).reason == "NotBetter"


def test_failures_that_come_together_prove_less() -> None:
    """Where shares jump from look to look, gains are divided by the design effect: every bet ends lower."""
    looks = [(arm(100, x), arm(100, y)) for x, y in [(0, 24), (10, 0)] * 6]
    jumping = seen(looks)
    assert jumping.candidate_jumps.design_effect > 2
    each = [log_likelihood_ratios(Look(of.bad, of.total, other.bad, other.total), BETTER_RATIOS) for of, other in looks]
    untempered = [sum(min(RULE.cap, gain) for gain in gains) for gains in zip(*each, strict=True)]
    assert all(log < without - 1 for log, without in zip(jumping.not_worse, untempered, strict=True))


def test_the_proof_reads_back_from_status_and_starts_anew_for_another_question() -> None:
    """Logs of another grid are not taken for one's own."""
    evidence = seen([(arm(100, 5), arm(100, 12))] * 3)
    assert len(evidence.not_worse) == len(BETTER_RATIOS)
    back = Evidence.from_status(json.loads(json.dumps(evidence.to_status())))
    assert back == evidence
    other = replace(RULE, require_no_worse=True, require_better=False)
    assert (
        seen([(arm(100, 5), arm(100, 12))], other, back).not_worse
        == seen([(arm(100, 5), arm(100, 12))], other).not_worse
    )
