"""A regression of one group of users: found, named with its numbers, and not found where there is none."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import ville
from numpy.typing import NDArray

from palier.evidence.bets import NO_BETS, Bets
from palier.evidence.objective import (
    Counts,
    Evidence,
    ObjectiveRule,
    Verdict,
    begin_stage,
    has_failed,
    judge,
    observe,
    start_evidence,
)
from palier.evidence.segments import (
    NAMED,
    OTHER,
    UNLABELLED,
    SegmentEvidence,
    count_rejected,
    find_worse,
    place,
    shorten_names,
    strata,
)

RULE = ObjectiveRule(name="errors", limit=0.02, margin=1.25, alpha=0.01, segmented=True)
LENIENT = replace(RULE, limit=0.5)
Pair = tuple[Counts, Counts]
Numbers = NDArray[np.float64]


def arms(candidate: tuple[int, int], stable: tuple[int, int]) -> Pair:
    """(total, bad) of both arms."""
    return Counts(candidate[0], candidate[1], candidate[1]), Counts(stable[0], stable[1], stable[1])


def seen(looks: list[dict[str, Pair]], rule: ObjectiveRule = RULE) -> Evidence:
    """The evidence after looks, whose totals are the sums over their segments."""
    evidence = start_evidence()
    for segments in looks:
        total = [
            Counts(sum(arm.total for arm in side), sum(arm.bad for arm in side), sum(arm.bad for arm in side))
            for side in zip(*segments.values(), strict=True)
        ]
        evidence = observe(evidence, total[0], total[1], rule, segments=segments)
    return evidence


BAD_FOR_NEW = {"loyal": arms((2000, 4), (18_000, 54)), "new": arms((100, 6), (900, 4))}


def test_a_segment_that_is_worse_fails_the_candidate_and_is_named() -> None:
    """What drowns in the average is found, and the message has the counts of both arms of the segment only."""
    evidence = seen([BAD_FOR_NEW] * 12)
    judgement = judge(evidence, RULE, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "SegmentWorse")
    assert judgement.segments == ("new",)
    assert judgement.message == 'errors: worse for "new": 72 of 1200 requests failed (6 %), stable 48 of 10800 (0.44 %)'
    assert has_failed(evidence, RULE)


def test_without_segments_in_the_rule_they_are_ignored() -> None:
    """The same looks pass where the rule does not ask for segments, or does not compare with stable."""
    for rule in (
        ObjectiveRule(name="errors", limit=0.02, margin=1.25, alpha=0.01),
        ObjectiveRule(name="errors", limit=0.02, margin=1.25, alpha=0.01, segmented=True, compare_with_stable=False),
    ):
        evidence = seen([BAD_FOR_NEW] * 12, rule)
        assert (evidence.segments, judge(evidence, rule, promotion=False).verdict) == ((), Verdict.PASS)


def test_a_few_looks_name_no_segment() -> None:
    """One look says only so much, so that many of them have to agree, however many requests fail in each."""
    burst = {"new": arms((100, 90), (900, 4))}
    rule = ObjectiveRule(name="errors", limit=0.9, margin=1.25, alpha=0.01, segmented=True)
    assert find_worse(seen([burst] * 4, rule).segments, alpha=0.005) == ()
    assert [one.name for one in find_worse(seen([burst] * 9, rule).segments, alpha=0.005)] == ["new"]


def test_segments_beyond_twenty_are_pooled() -> None:
    """The first twenty keep their names in the order of appearance; all others share one place.

    Those for whom there was no room any more are together in the look in which they appeared.
    """
    first = {f"s{number:02}": arms((10, 1), (10, 1)) for number in range(15)}
    more = {f"t{number:02}": arms((10, 1), (10, 1)) for number in range(30)}
    evidence = seen([first, {**first, **more}])
    names = [segment.name for segment in evidence.segments]
    assert names == [*first, *list(more)[: NAMED - 15], OTHER]
    pooled = evidence.segments[-1]
    assert (pooled.total, pooled.bad, pooled.stable_total, pooled.stable_bad, pooled.bad_looks) == (300, 30, 300, 30, 1)
    later = seen([first, {**first, **more}, more])
    assert [segment.total for segment in later.segments] == [20] * 15 + [10] * 5 + [300 + 250]


def test_a_segment_named_like_the_pool_takes_nobodys_place() -> None:
    """A label value that happens to be "(other)" is pooled, too."""
    evidence = seen([{OTHER: arms((10, 0), (10, 0)), "a": arms((10, 0), (10, 0))}])
    assert sorted(segment.name for segment in evidence.segments) == [OTHER, "a"]


def test_segments_without_candidates_events_take_no_place() -> None:
    """A segment that only stable has seen is not judged."""
    assert seen([{"a": arms((10, 0), (10, 0)), "b": arms((0, 0), (90, 1))}]).segments[0].name == "a"
    assert len(seen([{"a": arms((10, 0), (10, 0)), "b": arms((0, 0), (90, 1))}]).segments) == 1


def test_e_bh_rejects_what_another_implementation_rejects() -> None:
    """The package ville gives the same number for any e-values, with unseen segments at 1."""
    random = np.random.default_rng(20_300)
    for _ in range(200):
        logs = sorted(random.exponential(4, 8), reverse=True)
        values = [*map(math.exp, logs), *([1.0] * 13)]
        assert count_rejected(logs, capacity=21, alpha=0.05) == int(ville.evalues.ebh(values, alpha=0.05).sum())


def test_a_rejection_implies_that_the_average_is_over_its_bound() -> None:
    """Whenever a segment is named, the mean of all e-values is at least 1/alpha: the false-alarm bound."""
    random = np.random.default_rng(20_301)
    for _ in range(500):
        logs = sorted(random.exponential(5, 21), reverse=True)
        if count_rejected(logs, capacity=21, alpha=0.01):
            assert sum(map(math.exp, logs)) / 21 >= 100 * (1 - 1e-12)


def test_several_worse_segments_help_each_other() -> None:
    """Three e-values of a third of what one needs are enough together."""
    one = math.log(21 / 0.01)
    assert count_rejected([one - 1e-9], capacity=21, alpha=0.01) == 0
    assert count_rejected([one - math.log(3) + 1e-9] * 3, capacity=21, alpha=0.01) == 3


def test_segments_read_back_from_status_exactly() -> None:
    """Nothing of a segment is lost on the way through JSON, and a weight step moves its cash."""
    evidence = seen([BAD_FOR_NEW, {"late": arms((5, 1), (5, 0))}])
    status = json.loads(json.dumps(evidence.to_status()))
    assert Evidence.from_status(status) == evidence
    assert set(status["segments"][0]) == {
        "name", "relative", "cash", "total", "bad", "stableTotal", "stableBad", "badLooks",
    }  # fmt: skip
    begun = begin_stage(evidence)
    assert begun.segments[0].relative.cash < evidence.segments[0].relative.cash
    assert begun.segments[0].relative.log_e == pytest.approx(evidence.segments[0].relative.log_e)


def test_impossible_segments_are_refused() -> None:
    """What was tampered with is an error."""
    with pytest.raises(ValueError, match="impossible counts"):
        SegmentEvidence("a", Bets(), total=1, bad=2)
    with pytest.raises(ValueError, match="unreadable"):
        Evidence.from_status({"segments": [{"relative": ["0.0"]}]})


def test_other_users_are_no_worse_model() -> None:
    """Simpson: the candidate gets more of the users that fail more often, in both arms alike; the totals differ."""
    rule = ObjectiveRule(name="errors", limit=0.2, margin=1.25, alpha=0.01, segmented=True, require_no_worse=True)
    evidence = start_evidence()
    for _ in range(120):
        easy, hard = arms((100, 0), (900, 3)), arms((100, 5), (100, 5))
        candidate, stable = Counts(200, 5, 5), Counts(1000, 8, 8)
        evidence = observe(evidence, candidate, stable, rule, segments={"easy": easy, "hard": hard})

    assert judge(evidence, rule, promotion=True).verdict is Verdict.PASS


def test_a_shift_of_the_mix_is_no_regression() -> None:
    """Ten equal segments of different quality, mixed differently in the arms, fail nobody in twenty hours."""
    random = np.random.default_rng(20_302)
    rule = ObjectiveRule(name="errors", limit=0.2, margin=1.25, alpha=0.01, segmented=True)
    shares = np.linspace(0.002, 0.05, 10)
    for _ in range(20):
        evidence = start_evidence()
        for _ in range(120):
            segments: dict[str, Pair] = {}
            for number, share in enumerate(shares):
                n, m = int(random.poisson(15 + number)), int(random.poisson(300 - 20 * number))
                segments[f"s{number}"] = arms((n, int(random.binomial(n, share))), (m, int(random.binomial(m, share))))
            evidence = observe(evidence, Counts(0, 0, 0), None, rule)
            candidate = Counts(1, 0, 0)
            evidence = observe(evidence, candidate, Counts(1, 0, 0), rule, segments=segments)
        assert not find_worse(evidence.segments, alpha=rule.alpha / rule.tests)


def test_long_names_are_shortened_and_told_apart() -> None:
    """A label value of any length fits into `status`, by the same short name in every look."""
    first, second = "x" * 127 + "é" * 300, "x" * 127 + "é" * 299
    looks = [{first: arms((300, 30), (2700, 30)), second: arms((300, 1), (2700, 9))}] * 12
    evidence = seen(looks)
    names = [segment.name for segment in evidence.segments]
    assert [len(name) for name in names] == [128, 128]
    assert len(set(names)) == 2
    assert all(name.startswith("x" * 119 + "~") for name in names)
    assert judge(evidence, RULE, promotion=False).segments == (short(first),)
    assert seen([{"y" * 128: arms((300, 1), (2700, 9))}]).segments[0].name == "y" * 128


def short(name: str) -> str:
    """Under which name a segment is kept."""
    return next(iter(shorten_names({name: arms((1, 0), (1, 0))})))


def test_a_label_that_only_one_version_has_leaves_nothing_to_compare() -> None:
    """Its groups meet one version only, and the verdict names them."""
    labelled = {"old": arms((240, 0), (0, 0)), "new": arms((60, 30), (0, 0)), UNLABELLED: arms((0, 0), (2700, 14))}
    rule = replace(RULE, limit=0.5)
    evidence = seen([labelled] * 30, rule)
    assert evidence.relative.log_e == pytest.approx(0, abs=1e-9)
    assert '"new", "old" cannot be compared with stable' in judge(evidence, rule, promotion=False).message


def test_requests_without_the_label_that_fail_more_often_are_no_fault_of_the_candidate() -> None:
    """A request that is refused before its tenant is known has no label; a look may have only such of one version."""
    random = np.random.default_rng(20_411)
    for _ in range(5):
        evidence = start_evidence()
        for _ in range(300):
            mine, theirs = random.random(int(random.poisson(1))) < 0.05, random.random(int(random.poisson(5))) < 0.05
            split = [(int((~side).sum()), int(side.sum())) for side in (mine, theirs)]
            segments = {
                name: (Counts(one, bad * one, bad * one), Counts(other, bad * other, bad * other))
                for name, bad, one, other in (
                    ("known", 0, split[0][0], split[1][0]),
                    (UNLABELLED, 1, split[0][1], split[1][1]),
                )
            }
            candidate, stable = (Counts(sum(one), one[1], one[1]) for one in split)
            evidence = observe(evidence, candidate, stable, LENIENT, segments=segments)
        assert judge(evidence, LENIENT, promotion=False).verdict is not Verdict.FAIL


def test_a_segment_that_is_only_rare_is_compared_with_nothing_else() -> None:
    """Known in both arms and absent from one in this look, it says nothing, however much it fails."""
    usual = {"many": arms((300, 1), (2700, 9)), "rare": arms((20, 10), (180, 90)), "seldom": arms((20, 0), (180, 0))}
    before = seen([usual])
    rare = {"many": arms((300, 1), (2700, 9)), "rare": arms((20, 20), (0, 0)), "seldom": arms((0, 0), (180, 0))}
    assert strata(place(before.segments, rare)) == (rare["many"],)
    assert strata(place((), rare)) == (rare["many"],)
    assert strata(place((), {"only": arms((20, 20), (0, 0))})) == ()


def play(
    shares: Numbers, *, weight: float, seed: int, sizes: Numbers | None = None, sticky: bool = False, harm: float = 1.0
) -> Evidence:
    """The evidence of forty looks of a release whose groups fail at certain shares.

    Args:
        shares: of failures, by group.
        weight: the candidate's share of the requests; of the groups where they stick to one version.
        seed: of everything random.
        sizes: requests of each group in a look; 10 of each where None.
        sticky: whether each group meets one version only.
        harm: how many times as often the candidate fails.
    """
    random = np.random.default_rng(seed)
    sizes = np.full(len(shares), 10.0) if sizes is None else sizes
    split = (random.random(len(shares)) < weight).astype(float) if sticky else np.full(len(shares), weight)
    evidence = start_evidence()
    for _ in range(40):
        mine, theirs = random.poisson(sizes * split), random.poisson(sizes * (1 - split))
        bad, bad_theirs = random.binomial(mine, shares * harm), random.binomial(theirs, shares)
        segments = {
            f"tenant-{number:04}": arms((int(n), int(x)), (int(m), int(y)))
            for number, (n, x, m, y) in enumerate(zip(mine, bad, theirs, bad_theirs, strict=True))
            if n or m
        }
        candidate = Counts(int(mine.sum()), int(bad.sum()), int(bad.sum()))
        stable = Counts(int(theirs.sum()), int(bad_theirs.sum()), int(bad_theirs.sum()))
        evidence = observe(evidence, candidate, stable, LENIENT, segments=segments)
    return evidence


@pytest.mark.parametrize(("groups", "weight", "requests"), [(5, 0.1, 300), (60, 0.5, 300), (2000, 0.1, 3000)])
def test_groups_that_are_alike_in_both_versions_fail_nobody(groups: int, weight: float, requests: int) -> None:
    """However many there are: a few large ones, and many small ones that fail more often in both versions alike.

    Most of the small ones have no request of the candidate in a look.
    """
    sizes = 1 / np.arange(1, groups + 1)
    shares = np.where(np.arange(groups) < groups // 4, 0.005, 0.1)
    for run in range(3):
        evidence = play(shares, weight=weight, seed=run, sizes=requests * sizes / sizes.sum())
        assert judge(evidence, LENIENT, promotion=False).verdict is not Verdict.FAIL


@pytest.mark.parametrize("groups", [6, 200])
def test_tenants_that_stick_to_one_version_are_counted_against_nobody(groups: int) -> None:
    """Some tenants fail ten times as often as others: whoever meets one version only cannot be compared."""
    for run in range(4):
        shares = np.where(np.random.default_rng(100 + run).random(groups) < 0.2, 0.2, 0.01)
        evidence = play(shares, weight=0.5, seed=run, sticky=True)
        assert judge(evidence, LENIENT, promotion=False).verdict is not Verdict.FAIL
        assert evidence.relative.log_e == pytest.approx(0, abs=1e-9)
        assert all(not one.stable_total for one in evidence.segments)


def test_large_groups_that_meet_both_versions_vouch_for_nobody_else() -> None:
    """Twenty tenants are at both versions and sixty small ones at one of them: the pool is still not compared."""
    large = {f"a{number:02}": arms((20, 0), (80, 0)) for number in range(20)}
    small = {f"b{number:02}": arms((2, number % 2), (0, 0)) for number in range(30)}
    small |= {f"c{number:02}": arms((0, 0), (2, 0)) for number in range(30)}
    evidence = seen([large, *[large | small] * 20], LENIENT)
    (pool,) = [one for one in evidence.segments if one.name == OTHER]
    assert (pool.met_both, pool.stable_total, pool.relative.log_e) == (0, 0, pytest.approx(0))
    assert '"(other)" cannot be compared with stable' in judge(evidence, LENIENT, promotion=False).message


def test_where_a_part_was_pooled_before_nobody_gets_a_place_in_the_same_look() -> None:
    """The small ones of very many groups arrive together: those that get a place may be among them in one version."""
    pair = arms((5, 1), (5, 0))
    placed = place((), {"a": pair, OTHER: pair})
    assert {one.name for one in placed.known} == {"a", OTHER}
    assert {name: candidate.total for name, (candidate, _) in placed.arms.items()} == {OTHER: 10}
    later = place(placed.known, {"a": pair, OTHER: pair})
    assert {name: candidate.total for name, (candidate, _) in later.arms.items()} == {"a": 5, OTHER: 5}


def test_a_pool_of_an_older_version_starts_anew() -> None:
    """It had only those groups in which the candidate had events, so that what it bet says nothing."""
    status = {"name": OTHER, "relative": ["9.0"] * 7, "cash": "1.0", "total": 9}
    assert Evidence.from_status({"segments": [status]}).segments[0].relative == NO_BETS
    known = Evidence.from_status({"segments": [status | {"metBoth": 5, "expectedBoth": "5.5"}]}).segments[0]
    assert known.relative.logs == (9.0,) * 7


def test_who_cannot_be_compared_is_named() -> None:
    """A verdict that rests on the limit alone says so, and a proof against stable is not claimed."""
    tenants = {f"t{number}": arms((200, 1), (0, 0)) for number in range(4)} | {"u": arms((0, 0), (900, 4))}
    apart = '"t0", "t1", "t2" and 1 more cannot be compared with stable: no such requests met both versions'
    evidence = seen([tenants] * 12, LENIENT)
    passed = judge(evidence, LENIENT, promotion=True)
    assert (passed.verdict, passed.reason) == (Verdict.PASS, "Proven")
    assert passed.message.endswith(f"; {apart}")

    strict = replace(LENIENT, require_no_worse=True)
    held = judge(seen([tenants] * 12, strict), strict, promotion=True)
    assert (held.verdict, held.reason) == (Verdict.NO_EVIDENCE, "NotProvenNoWorse")
    assert held.message.endswith(f"; {apart}")


def test_what_hurts_those_without_a_place_of_their_own_is_found() -> None:
    """Two hundred groups that meet both versions are compared in the pool as well as any other."""
    evidence = play(np.full(200, 0.02), weight=0.1, seed=1, harm=3.0)
    assert judge(evidence, LENIENT, promotion=False).segments == (OTHER,)
