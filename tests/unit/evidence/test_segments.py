"""A regression of one group of users: found, named with its numbers, and not found where there is none."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import ville

from palier.evidence.bets import Bets
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
from palier.evidence.segments import NAMED, OTHER, SegmentEvidence, count_rejected, find_worse, shorten_names, strata

RULE = ObjectiveRule(name="errors", limit=0.02, margin=1.25, alpha=0.01, segmented=True)
Pair = tuple[Counts, Counts]


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


def test_a_segments_own_guards_hold() -> None:
    """Bad events of two looks are not enough, however many."""
    good = {"new": arms((100, 0), (900, 4))}
    burst = {"new": arms((100, 90), (900, 4))}
    rule = ObjectiveRule(
        name="errors", limit=0.9, margin=1.25, alpha=0.01, segmented=True, cap=20.0, minimum_bad_looks=3
    )
    two = seen([good, burst, burst], rule)
    assert find_worse(two.segments, rule, alpha=0.005) == ()
    assert [one.name for one in find_worse(seen([burst] * 3, rule).segments, rule, alpha=0.005)] == ["new"]


def test_segments_beyond_twenty_are_pooled() -> None:
    """The first twenty keep their names in the order of appearance; all others share one place."""
    first = {f"s{number:02}": arms((10, 1), (10, 1)) for number in range(15)}
    more = {f"t{number:02}": arms((10, 1), (10, 1)) for number in range(30)}
    evidence = seen([first, {**first, **more}])
    names = [segment.name for segment in evidence.segments]
    assert names == [*first, *list(more)[: NAMED - 15], OTHER]
    pooled = evidence.segments[-1]
    assert (pooled.total, pooled.bad, pooled.stable_total, pooled.stable_bad, pooled.bad_looks) == (250, 25, 250, 25, 1)


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
        assert not find_worse(evidence.segments, rule, alpha=rule.alpha / rule.tests)


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


@pytest.mark.parametrize(
    "segments",
    [
        {"old": arms((240, 0), (0, 0)), "new": arms((60, 30), (0, 0)), "(none)": arms((0, 0), (2700, 14))},
        {"2": arms((300, 30), (0, 0)), "1": arms((0, 0), (2700, 14))},
    ],
)
def test_what_no_segment_has_in_common_is_compared_in_total(segments: dict[str, Pair]) -> None:
    """A label that only one version has, or other values of it, hide no regression."""
    evidence = seen([segments] * 30, replace(RULE, limit=0.5))
    judgement = judge(evidence, replace(RULE, limit=0.5), promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, "WorseThanStable")


def test_a_segment_that_is_only_rare_is_compared_with_nothing_else() -> None:
    """Known in both arms and absent from one in this look, it says nothing, however much it fails."""
    usual = {"many": arms((300, 1), (2700, 9)), "rare": arms((20, 10), (180, 90)), "seldom": arms((20, 0), (180, 0))}
    before = seen([usual])
    rare = {"many": arms((300, 1), (2700, 9)), "rare": arms((20, 20), (0, 0)), "seldom": arms((0, 0), (180, 0))}
    assert strata(before.segments, rare) == (rare["many"],)
    assert strata((), rare) == (rare["many"], arms((20, 20), (180, 0)))
    assert strata((), {"only": arms((20, 20), (0, 0))}) == ()
