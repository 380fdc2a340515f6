"""One bad pod alone blames no version: the candidate's other pods have to agree, or nobody can wait for them."""

from dataclasses import replace

import pytest

from palier.api.status.values import SuspectedBy
from palier.evidence.agreement import LONGEST_WAIT, MOST_HARM, Others, ask_others
from palier.evidence.bets import NO_BETS
from palier.evidence.caution import CONFIRMED, Caution, Suspicion
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, has_failed, judge, observe, start_evidence
from palier.evidence.pods import NEVER_EXCUSED, Arm, Excused, PodCounts, Pods, PodTally
from palier.evidence.stepping import Step, choose_step, is_cleared, step_down, step_up
from tests.support.evidence.objectives import ERRORS

STABLE = tuple(PodTally(f"s{number}", 3000.0, 15.0) for number in range(3))
ONE = (PodTally("c1", 400.0, 40.0),)
BAD_AS_WELL = (*ONE, PodTally("c2", 40.0, 4.0))
WELL = (*ONE, PodTally("c2", 40.0, 0.0))
UNHEARD = (*ONE, PodTally("c2", 3.0, 0.0))
TEN_MINUTES = 600.0


def ask(
    candidate: Arm, excused: Excused = NEVER_EXCUSED, *, may_grow: bool = True, watched: float = TEN_MINUTES
) -> Others:
    """What the others say of a candidate beside a stable that fails 0.5 %, where 1 % is allowed."""
    return ask_others(Pods(candidate, STABLE, excused, watched), limit=0.01, may_grow=may_grow)


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (ONE, Others.WAIT),
        (UNHEARD, Others.WAIT),
        (BAD_AS_WELL, Others.AGREE),
        (WELL, Others.DISAGREE),
        ((), Others.AGREE),
        ((PodTally("c1", 400.0, 2.0), PodTally("c2", 400.0, 1.0)), Others.AGREE),
    ],
    ids=["the only one", "one that had no chance yet", "bad as well", "well", "a router knows none", "nobody is bad"],
)
def test_a_version_is_blamed_when_its_other_pods_agree(candidate: Arm, said: Others) -> None:
    """Ten to one is enough, and nobody has to be asked where the candidate is no worse than stable."""
    assert ask(candidate) is said


def test_all_events_but_those_of_the_worst_pod_count() -> None:
    """Two that are well outvote a second one that has met one failure."""
    assert ask((*WELL, PodTally("c3", 60.0, 1.0))) is Others.DISAGREE
    assert ask((*BAD_AS_WELL, PodTally("c3", 40.0, 3.0))) is Others.AGREE


def test_where_there_may_be_no_other_pod_nobody_waits_for_one() -> None:
    """One replica, a GPU, or no gateway: the pod is its version; two that disagree are two all the same."""
    assert ask(ONE, may_grow=False) is Others.AGREE
    assert ask(WELL, may_grow=False) is Others.DISAGREE


@pytest.mark.parametrize(
    ("excused", "said"),
    [
        (Excused(LONGEST_WAIT - 1, 900, 40), Others.WAIT),
        (Excused(LONGEST_WAIT, 900, 40), Others.AGREE),
        (Excused(60.0, 900, 9 + MOST_HARM - 1), Others.WAIT),
        (Excused(60.0, 900, 9 + MOST_HARM), Others.AGREE),
    ],
    ids=["sooner", "long enough", "less harm", "too much harm"],
)
def test_users_do_not_suffer_for_ever_because_no_other_pod_comes(excused: Excused, said: Others) -> None:
    """Both bounds are stated, and each ends the wait."""
    assert ask(ONE, excused) is said


def test_nobody_waits_for_pods_that_could_not_tell() -> None:
    """With a request in ten seconds others meet no failures for minutes; but what was excused lately counts as well."""
    assert ask((PodTally("c1", 60.0, 10.0),)) is Others.WAIT
    assert ask((PodTally("c1", 60.0, 6.0),)) is Others.AGREE
    well_again = (PodTally("c1", 300.0, 3.0),)
    assert ask(well_again) is Others.AGREE
    assert ask(well_again, Excused(60.0, 300, 30)) is Others.WAIT


def test_after_the_wait_it_is_enough_to_which_side_they_lean() -> None:
    """Three to one blames the version; less than that does not, because it is easily had by chance."""
    over = Excused(LONGEST_WAIT, 900, 40)
    leaning = (*ONE, PodTally("c2", 27.0, 1.3))
    assert ask(leaning) is Others.WAIT
    assert ask(leaning, over) is Others.AGREE
    unsure = (*ONE, PodTally("c2", 27.0, 1.0))
    assert ask(unsure, over) is Others.DISAGREE


def test_others_that_are_well_are_believed_however_long_it_takes() -> None:
    """The version is not blamed after ten minutes either, and not after much harm: its share goes down instead."""
    assert ask(WELL, Excused(2 * LONGEST_WAIT, 9000, 900)) is Others.DISAGREE


def test_a_stable_that_is_dead_as_well_breaks_nothing() -> None:
    """Everything fails: nobody is worse than anybody."""
    dead = (PodTally("s1", 900.0, 900.0),)
    assert ask_others(Pods((PodTally("c1", 90.0, 90.0),), dead), limit=0.01, may_grow=True) is Others.AGREE


FIRST = {"c1": (27.0, 6.0)}
STABLE_PODS = {f"s{number}": (90.0, 0.0) for number in range(3)}


def watch(looks: list[PodCounts], rule: ObjectiveRule = ERRORS, evidence: Evidence | None = None) -> Evidence:
    """The evidence of looks of 30 s in which the candidate's pods count so much."""
    found = evidence or start_evidence()
    for look in looks:
        total, bad = (round(sum(one[part] for one in look.values())) for part in (0, 1))
        found = observe(found, Counts(total, bad, bad), Counts(270, 1, 1), rule, seconds=30.0, pods=(look, STABLE_PODS))
    return found


def test_the_only_pod_is_excused_until_others_have_told() -> None:
    """It is held with its name; when the others are bad as well, the version is blamed."""
    alone = watch([FIRST] * 8)
    judgement = judge(alone, ERRORS, promotion=False)
    assert judgement.reason == "PodsDiffer"
    assert "pod c1 has " in judgement.message
    assert alone.pods.excused.seconds > 0
    assert alone.pods.excused.bad > 0
    others = dict.fromkeys(("c1", "c2", "c3"), (9.0, 2.0))
    assert has_failed(watch([others] * 8, evidence=alone), ERRORS)
    assert judge(watch([FIRST] * 8, replace(ERRORS, pods_may_grow=False)), ERRORS, promotion=False).verdict


def test_what_the_only_pod_was_like_is_forgotten_when_others_come() -> None:
    """If it is well then, nobody blames the version for what it was like before."""
    alone = watch([FIRST] * 8)
    joined = watch([dict.fromkeys(("c1", "c2", "c3"), (9.0, 0.0))], evidence=alone)
    assert joined.pods.candidate[0].total < 11
    later = watch([dict.fromkeys(("c1", "c2", "c3"), (9.0, 0.0))] * 30, evidence=joined)
    assert not has_failed(later, ERRORS)


def test_pods_that_come_while_nothing_is_wrong_make_nobody_forget() -> None:
    """A candidate that gets more pods for its next stage keeps what is known of the first one."""
    well = watch([{"c1": (27.0, 0.0)}] * 8)
    joined = watch([dict.fromkeys(("c1", "c2"), (13.0, 0.0))], evidence=well)
    assert joined.pods.candidate[0].total > 200


def test_an_excuse_begins_under_the_present_weight() -> None:
    """The first look after a change of weight began before it, and is nobody's harm."""
    alone = watch([FIRST] * 8)
    lowered = step_down(replace(alone, served=None), ERRORS, weight=10)
    once = watch([{"c1": (27.0, 27.0)}], evidence=lowered)
    assert once.pods.excused == NEVER_EXCUSED
    assert watch([{"c1": (27.0, 27.0)}], evidence=once).pods.excused.total == 27


DEAD = [{"c1": (27.0, 27.0)}] * 2


def choose(evidence: Evidence, *, weight: int = 10, steps: int = 0, cautious: bool = False) -> Step:
    """What becomes of the candidate's share."""
    return choose_step([(evidence, ERRORS)], weight=weight, wanted=10, cautious=cautious, steps=steps)


def test_the_share_of_a_pod_that_is_dead_goes_down_at_once() -> None:
    """Whoever is to blame, hardly any user meets it while others are waited for, and then the version is stopped."""
    dead = watch(DEAD)
    assert judge(dead, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(dead) is Step.DOWN
    low = watch([{"c1": (3.0, 3.0)}], evidence=step_down(dead, ERRORS, weight=10))
    assert choose(low, weight=1, cautious=True, steps=1) is Step.STAY
    agreed = watch([dict.fromkeys(("c1", "c2", "c3"), (1.0, 1.0))] * 2, evidence=low)
    assert judge(agreed, ERRORS, promotion=False).hard_stop
    assert choose(agreed, weight=1, cautious=True, steps=1) is Step.END


def test_a_good_past_makes_no_dead_pod_speak_for_its_version() -> None:
    """Others are waited for because of what the pod fails now, not because of what it failed on average."""
    dead = watch([{"c1": (27.0, 15.0)}] * 2, evidence=watch([{"c1": (27.0, 0.0)}] * 20))
    low = watch([{"c1": (6.0, 2.0)}], evidence=step_down(dead, ERRORS, weight=10))
    assert judge(low, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(low, weight=1, cautious=True, steps=1) is Step.STAY
    well = watch([{"c1": (2.0, 1.0), "c2": (4.0, 0.0), "c3": (4.0, 0.0)}], evidence=low)
    assert choose(well, weight=1, cautious=True, steps=1) is Step.STAY
    agreed = watch([dict.fromkeys(("c1", "c2"), (3.0, 2.0))] * 2, evidence=low)
    assert choose(agreed, weight=1, cautious=True, steps=1) is Step.END


def test_what_is_known_of_the_pods_weighs_ten_looks_when_the_share_goes_down() -> None:
    """The few fresh requests of a late regression would not show for an hour beside those of the whole share."""
    well = watch([{"c1": (270.0, 1.0)}] * 40)
    late = watch([{"c1": (270.0, 14.0)}] * 2, evidence=well)
    lowered = step_down(late, ERRORS, weight=10)
    assert late.pods.candidate[0].total > 5000
    assert lowered.pods.candidate[0].total == pytest.approx(270.0, abs=0.01)
    assert sum(one.total for one in lowered.pods.stable) == pytest.approx(2700.0, abs=0.01)


def test_one_dead_pod_among_few_requests_ends_no_release() -> None:
    """The others are well: nobody has to be waited for, and the version is not to blame."""
    dead = watch([{"c1": (3.0, 3.0), "c2": (1.0, 0.0), "c3": (1.0, 0.0)}] * 8)
    assert judge(dead, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(dead) is Step.DOWN


def test_a_dead_candidate_with_hardly_any_requests_is_stopped() -> None:
    """At 1 % nobody would tell anything for a quarter of an hour."""
    dead = watch([{"c1": (3.0, 3.0)}] * 6)
    assert judge(dead, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(dead) is Step.END


def test_a_pod_that_is_well_again_gives_its_version_the_share_back() -> None:
    """What was excused is counted anew then."""
    low = watch([{"c1": (3.0, 3.0)}] * 3, evidence=step_down(watch(DEAD), ERRORS, weight=10))
    assert low.caution.suspicion is not None
    assert low.caution.suspicion.log_ratio == CONFIRMED
    well = watch([dict.fromkeys(("c1", "c2", "c3"), (3.0, 0.0))] * 6, evidence=low)
    assert is_cleared(well, ERRORS)
    assert choose(well, weight=1, cautious=True, steps=1) is Step.UP
    again = step_up(well, ERRORS)
    assert again.pods.excused == NEVER_EXCUSED
    assert (judge(well, ERRORS, promotion=False).reason, again.relative, again.absolute) == (
        "PodsDiffer",
        NO_BETS,
        NO_BETS,
    )


def test_a_suspicion_that_was_cleared_takes_nothing_from_the_other_tests() -> None:
    """Only where pods were an excuse do those begin anew that might end the release."""
    suspected = watch([{"c1": (270.0, 14.0)}] * 2)
    assert judge(suspected, ERRORS, promotion=False).reason != "PodsDiffer"
    assert step_up(step_down(suspected, ERRORS, weight=10), ERRORS).relative == suspected.relative


def test_one_bad_pod_of_several_costs_its_version_the_share_in_the_end() -> None:
    """It blames no version, but its users have suffered enough."""
    one_bad = {"c1": (9.0, 3.0), "c2": (9.0, 0.0), "c3": (9.0, 0.0)}
    held = watch([one_bad] * 15)
    assert judge(held, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(held) is Step.STAY
    assert choose(held, steps=2) is Step.STAY
    longer = watch([one_bad] * 25)
    assert choose(longer) is Step.DOWN
    assert choose(longer, steps=2) is Step.STAY
    assert choose_step([(longer, replace(ERRORS, cautious=False))], weight=10, wanted=10, cautious=False, steps=0) is (
        Step.STAY
    )
    low = watch([{"c1": (1.0, 0.0), "c2": (1.0, 0.0), "c3": (1.0, 0.0)}], evidence=step_down(longer, ERRORS, weight=10))
    assert judge(low, ERRORS, promotion=False).reason == "PodsDiffer"
    assert choose(low, weight=1, cautious=True, steps=1) is Step.STAY


def test_a_suspicion_is_never_more_than_confirmed() -> None:
    """A pod that was dead for an hour is cleared as soon as one that was dead for a minute."""
    suspicion = Suspicion(SuspectedBy.ABSOLUTE, 0)
    for _ in range(50):
        suspicion = suspicion.add_look((), (5.0,), Counts(5, 5, 5))
    assert suspicion.is_confirmed
    assert suspicion.add_look((), (-6.0,), Counts(50, 0, 0)).is_cleared
    assert Caution(suspicion=suspicion).suspicion == suspicion


def test_a_dead_pod_that_is_well_again_is_cleared_by_a_dozen_requests() -> None:
    """Beside a stable that never fails the limit is followed, and of its bets the one that has won most."""
    nobody = {f"s{number}": (90.0, 0.0) for number in range(3)}
    evidence = start_evidence()
    for _ in range(2):
        evidence = observe(
            evidence, Counts(27, 27, 27), Counts(270, 0, 0), ERRORS, seconds=30.0, pods=({"c1": (27.0, 27.0)}, nobody)
        )
    suspicion = step_down(evidence, ERRORS, weight=10).caution.suspicion
    assert suspicion is not None
    assert suspicion.by is SuspectedBy.ABSOLUTE
    low = step_down(evidence, ERRORS, weight=10)
    for _ in range(4):
        low = observe(low, Counts(3, 0, 0), Counts(297, 0, 0), ERRORS, seconds=30.0, pods=({"c1": (3.0, 0.0)}, nobody))
    assert is_cleared(low, ERRORS)
