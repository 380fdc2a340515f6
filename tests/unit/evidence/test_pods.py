"""Pods of one version differ: a version is blamed only for more than that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from palier.api.status.values import SuspectedBy
from palier.evidence.caution import Caution, Suspicion
from palier.evidence.objective import (
    Counts,
    Evidence,
    ObjectiveRule,
    Verdict,
    has_failed,
    judge,
    observe,
    start_evidence,
)
from palier.evidence.pods import (
    MOST_PODS,
    NO_PODS,
    SURER,
    PodCounts,
    Pods,
    PodTally,
    differ_as_much,
    find_worst,
)
from tests.support.evidence.objectives import ERRORS, arm, seen

SPREAD = 0.3
STABLE_ARM = tuple(PodTally(f"s{number}", 3000.0, 15.0) for number in range(3))
STABLE = {"s1": (3000.0, 15.0), "s2": (3000.0, 16.0), "s3": (3000.0, 14.0)}


def gather(candidate: PodCounts, stable: PodCounts = STABLE, *, looks: int = 20) -> Pods:
    """The tallies after some looks that are all alike."""
    pods = NO_PODS
    for _ in range(looks):
        pods = pods.add_look(candidate, stable, seconds=30.0)
    return pods


def gather_evidence(candidate: PodCounts, *, looks: int = 30, rule: ObjectiveRule = ERRORS) -> Evidence:
    """The evidence of looks in which the pods count so much."""
    evidence = start_evidence()
    for _ in range(looks):
        arms = [
            Counts(round(sum(total for total, _ in arm.values())), bad, bad)
            for arm in (candidate, STABLE)
            for bad in (round(sum(bad for _, bad in arm.values())),)
        ]
        evidence = observe(evidence, arms[0], arms[1], rule, pods=(candidate, STABLE))
    return evidence


@pytest.mark.parametrize(
    ("candidate", "differ"),
    [
        ({"c1": (1000.0, 60.0)}, False),
        ({"c1": (1000.0, 60.0), "c2": (1000.0, 55.0)}, False),
        ({"c1": (1000.0, 60.0), "c2": (1000.0, 5.0)}, True),
        ({"c1": (1000.0, 200.0), "c2": (1000.0, 4.0), "c3": (1000.0, 5.0), "c4": (1000.0, 6.0)}, True),
        ({"c1": (1000.0, 8.0)}, True),
        ({"c1": (1000.0, 5.0)}, True),
    ],
    ids=["one, twelve times", "two that agree", "one of two", "one of four", "one, half more", "equal"],
)
def test_a_version_is_worse_by_more_than_its_pods_differ(candidate: PodCounts, *, differ: bool) -> None:
    """One bad pod beside good ones of the same version is that pod; pods that agree are their version."""
    assert differ_as_much(gather(candidate), spread=SPREAD) == differ


def test_the_worst_of_three_pods_does_not_speak_for_the_others() -> None:
    """The others came because it looked bad: they have to differ from stable by themselves."""
    stable = tuple(PodTally(f"s{number}", 3000.0, 15.0) for number in range(3))

    def excuses(*bad: float) -> bool:
        candidate = tuple(PodTally(f"c{number}", 1000.0, one) for number, one in enumerate(bad))
        return differ_as_much(Pods(candidate, stable), spread=SPREAD)

    assert excuses(30.0, 12.0, 12.0)
    assert not excuses(30.0, 16.0, 16.0)


def test_pods_of_stable_that_differ_excuse_the_candidates() -> None:
    """What stable's own pods differ by is no fault of the candidate."""
    alike = {"s1": (3000.0, 30.0), "s2": (3000.0, 30.0), "s3": (3000.0, 30.0)}
    apart = {"s1": (3000.0, 5.0), "s2": (3000.0, 20.0), "s3": (3000.0, 120.0)}
    candidate = {"c1": (1000.0, 60.0)}
    assert not differ_as_much(gather(candidate, alike), spread=SPREAD)
    assert differ_as_much(gather(candidate, apart), spread=SPREAD)


def test_who_is_over_the_limit_by_more_than_pods_differ_is_blamed() -> None:
    """Also where stable is so near that the two versions alone might differ by their pods."""
    near = dict.fromkeys(STABLE, (3000.0, 24.0))
    three = {f"c{number}": (1000.0, 22.0) for number in range(3)}
    pods = gather(three, near, looks=60)
    assert differ_as_much(pods, spread=0.6)
    assert not differ_as_much(pods, spread=0.6, limit=0.003)


ONE_ARM = [NO_PODS, Pods(candidate=(PodTally("c", 900.0, 400.0),)), Pods(stable=(PodTally("s", 900.0, 4.0),))]


@pytest.mark.parametrize("pods", ONE_ARM, ids=["nobody", "no stable", "no candidate"])
def test_without_pods_of_both_versions_nothing_is_excused(pods: Pods) -> None:
    """A router counts for versions; then requests are all that there is."""
    assert not differ_as_much(pods, spread=SPREAD)


def test_what_chance_alone_gives_is_no_difference_of_pods() -> None:
    """Pods with few bad events differ by chance, and that excuses nobody."""
    few = Pods(
        tuple(PodTally(f"c{number}", 1000.0, bad) for number, bad in enumerate((28.0, 40.0, 56.0))),
        tuple(PodTally(f"s{number}", 1000.0, bad) for number, bad in enumerate((6.0, 10.0, 15.0))),
    )
    assert not differ_as_much(few, spread=SPREAD)


def test_pods_that_can_tell_little_are_not_taken_for_alike() -> None:
    """Three pods with five bad events each look alike by chance; with five hundred they are."""

    def beside(bad: float) -> bool:
        three = tuple(PodTally(f"c{number}", 85.0 * bad, bad) for number in range(3))
        return differ_as_much(Pods(three, STABLE_ARM), spread=SPREAD, sure=0.0)

    assert beside(5.0)
    assert not beside(500.0)


def test_it_takes_more_to_be_sure_where_waiting_harms_few() -> None:
    """The same few events blame a version that has the whole share, and not one that has 1 % of the requests."""
    three = tuple(PodTally(f"c{number}", 120.0, 3.1) for number in range(3))
    assert not differ_as_much(Pods(three, STABLE_ARM), spread=SPREAD)
    assert differ_as_much(Pods(three, STABLE_ARM), spread=SPREAD, sure=SURER)
    many = tuple(PodTally(f"c{number}", 2400.0, 62.0) for number in range(3))
    assert not differ_as_much(Pods(many, STABLE_ARM), spread=SPREAD, sure=SURER)
    evidence = replace(seen([(arm(300, 12), arm(9000, 45))] * 9), pods=Pods(three, STABLE_ARM))
    assert has_failed(evidence, ERRORS)
    suspected = replace(evidence, caution=Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 4)))
    assert judge(suspected, ERRORS, promotion=False).reason == "PodsDiffer"


def test_the_weight_of_what_was_seen_halves_with_time_and_not_with_looks() -> None:
    """Looks of two seconds remember no less than looks of a minute."""
    often = seldom = NO_PODS.add_look({"c1": (6400.0, 64.0)}, STABLE, seconds=30.0)
    for _ in range(515):
        often = often.add_look({"c1": (0.0, 0.0)}, {}, seconds=2.0)
    seldom = seldom.add_look({"c1": (0.0, 0.0)}, {}, seconds=1030.0)
    assert often.candidate[0].total == pytest.approx(3200.0, rel=0.01)
    assert seldom.candidate[0].total == pytest.approx(3200.0, rel=0.01)


def test_a_pod_that_was_not_scraped_lately_is_not_gone() -> None:
    """A look may be shorter than the interval of the scrapes; only who is silent for two minutes is forgotten soon."""
    pods = gather({"c1": (100.0, 1.0)}, looks=1)
    for _ in range(11):
        pods = pods.add_look({}, STABLE, seconds=10.0)
    assert pods.candidate[0].total > 90
    assert pods.candidate[0].unread == 110.0
    assert Pods.from_status(pods.to_status()) == pods
    for _ in range(12):
        pods = pods.add_look({}, STABLE, seconds=10.0)
    assert pods.candidate[0].total < 10
    assert pods.add_look({"c1": (1.0, 0.0)}, STABLE, seconds=10.0).candidate[0].unread == 0.0


def test_a_lower_share_leaves_little_of_what_was_seen() -> None:
    """A regression that starts late would not show in a hundredth of the requests beside an hour of all of them."""
    pods = gather({"c1": (100.0, 1.0), "c2": (200.0, 4.0)}, looks=40)
    thinned = pods.thin(candidate=300.0, stable=27_000.0, share=0.1)
    assert sum(one.total for one in thinned.candidate) == pytest.approx(300.0, abs=0.01)
    assert [one.bad / one.total for one in thinned.candidate] == pytest.approx([0.01, 0.02], abs=0.001)
    assert sum(one.total for one in thinned.stable) == pytest.approx(27_000.0, abs=0.01)
    rates = [sum(one.total for one in some.candidate) / some.watched for some in (pods, thinned)]
    assert rates[1] == pytest.approx(rates[0] / 10, rel=0.01)
    few = gather({"c1": (10.0, 1.0)}, looks=2)
    kept = few.thin(candidate=300.0, stable=90_000.0, share=0.1)
    assert (kept.candidate, kept.stable) == (few.candidate, few.stable)
    assert pods.thin(candidate=0.0, stable=0.0, share=0.1) == NO_PODS


def test_a_breach_of_the_limit_is_held_against_the_limit_as_well() -> None:
    """Three pods that agree on two and a half times the limit, beside a stable that is just below it."""
    three = tuple(PodTally(f"c{number}", 1000.0, 24.0) for number in range(3))
    near = tuple(PodTally(f"s{number}", 9000.0, 95.0) for number in range(3))
    evidence = replace(seen([(arm(500, 25), None)] * 20), pods=Pods(three, near))
    assert evidence.absolute.reaches(10)
    assert judge(evidence, ERRORS, promotion=False).reason == "ObjectiveBreached"
    assert differ_as_much(evidence.pods, spread=ERRORS.pod_spread)


def test_one_pod_that_may_have_no_others_is_its_version() -> None:
    """What is held where other pods may come is blamed where none can."""
    evidence = replace(
        seen([(arm(1000, 20), arm(9000, 60))] * 20), pods=gather({"c1": (1000.0, 20.0)}, {"s1": (9000.0, 60.0)})
    )
    assert judge(evidence, ERRORS, promotion=False).reason == "PodsDiffer"
    alone = replace(ERRORS, pods_may_grow=False)
    assert judge(evidence, alone, promotion=False).verdict is Verdict.FAIL


def test_old_looks_are_forgotten() -> None:
    """A pod that was bad an hour ago and is well now weighs less and less, and one that is gone is forgotten."""
    bad = gather({"c1": (1000.0, 500.0)})
    well = bad
    for _ in range(120):
        well = well.add_look({"c1": (1000.0, 5.0)}, STABLE, seconds=30.0)
    assert find_worst(well) is not None
    assert well.candidate[0].bad / well.candidate[0].total < 0.05
    gone = bad
    for _ in range(800):
        gone = gone.add_look({"c2": (1000.0, 5.0)}, STABLE, seconds=30.0)
    assert [one.name for one in gone.candidate] == ["c2"]


def test_no_more_pods_are_kept_than_fit() -> None:
    """A status stays small, however many pods there are; the first by name stay the same ones."""
    many = {f"c{number:03}": (100.0, 1.0) for number in range(50)}
    kept = gather(many, many)
    assert [one.name for one in kept.candidate] == [f"c{number:03}" for number in range(MOST_PODS)]
    assert len(kept.stable) == MOST_PODS


@pytest.mark.parametrize("counts", [(-1.0, 0.0), (1.0, 2.0), (1.0, -1.0), (float("inf"), 0.0), (float("nan"), 0.0)])
def test_impossible_counts_are_refused(counts: tuple[float, float]) -> None:
    """A status that somebody has edited is unreadable, not evidence."""
    with pytest.raises(ValueError, match="impossible"):
        PodTally.from_status({"pod": "a", "total": repr(counts[0]), "bad": repr(counts[1])})


def test_the_status_reads_back_exactly() -> None:
    """A restart forgets nothing."""
    pods = gather({"c1": (1000.3, 5.1), "c2": (7.7, 0.0)}, looks=7)
    assert Pods.from_status(pods.to_status()) == pods
    evidence = replace(start_evidence(), pods=pods)
    assert Evidence.from_status(evidence.to_status()) == evidence
    assert Evidence.from_status({}).pods == NO_PODS


ONE_BAD: Mapping[str, tuple[float, float]] = {"c1": (500.0, 60.0), "c2": (500.0, 2.0), "c3": (500.0, 3.0)}


def test_one_bad_pod_is_named_and_blames_no_version() -> None:
    """The release does not pass either: it waits for its pods."""
    judgement = judge(gather_evidence(ONE_BAD), ERRORS, promotion=False)
    assert (judgement.verdict, judgement.reason) == (Verdict.NO_EVIDENCE, "PodsDiffer")
    assert "pod c1 has " in judgement.message
    assert "the worst of 3" in judgement.message
    every = dict.fromkeys(ONE_BAD, (500.0, 60.0))
    assert judge(gather_evidence(every), ERRORS, promotion=False).reason in {"WorseThanStable", "ObjectiveBreached"}


def test_one_dead_pod_of_several_stops_no_version_either() -> None:
    """The hard stop is for a candidate that is dead, not for one of its pods."""
    one = {"c1": (100.0, 100.0), "c2": (100.0, 0.0), "c3": (100.0, 1.0)}
    assert judge(gather_evidence(one), ERRORS, promotion=False).reason == "PodsDiffer"
    every = dict.fromkeys(one, (100.0, 100.0))
    assert judge(gather_evidence(every), ERRORS, promotion=False).hard_stop


def test_the_limit_alone_is_judged_without_pods() -> None:
    """Where nothing is compared with stable there are no pods to compare with either."""
    alone = replace(ERRORS, compare_with_stable=False)
    assert judge(gather_evidence(ONE_BAD, rule=alone), alone, promotion=False).reason == "ObjectiveBreached"


def play(rng: np.random.Generator, logs: Sequence[float], *, looks: int = 60) -> bool:
    """Whether a version is blamed of pods that fail 2 % times e^log each; the first half is the candidate's."""
    rule = replace(ERRORS, limit=0.05)
    evidence = start_evidence()
    shares = [0.02 * np.exp(log) for log in logs]
    half = len(shares) // 2
    for _ in range(looks):
        bad = [float(rng.binomial(400, share)) for share in shares]
        parts = bad[:half], bad[half:]
        mine, theirs = ({f"pod-{number}": (400.0, one) for number, one in enumerate(part)} for part in parts)
        arms = [Counts(400 * len(part), round(sum(part)), round(sum(part))) for part in parts]
        evidence = observe(evidence, arms[0], arms[1], rule, pods=(mine, theirs))
        if judge(evidence, rule, promotion=False).verdict is Verdict.FAIL:
            return True
    return False


def test_pods_that_differ_hardly_ever_blame_a_version_that_is_as_good() -> None:
    """With a standard deviation of 0.6, requests alone blame every fourth version; a worse one is found."""
    rng = np.random.default_rng(5)
    blamed = sum(play(rng, rng.normal(0, 0.6, 6)) for _ in range(40))
    assert blamed <= 2
    assert sum(play(rng, [1.2, 1.2, 1.2, 0, 0, 0]) for _ in range(5)) == 5
