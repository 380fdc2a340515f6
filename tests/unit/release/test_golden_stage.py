"""A candidate gives golden answers, one decision at a time: what is asked of whom, and what follows from it."""

from dataclasses import replace

import pytest

from palier.release.examining import GOLDEN_FAILED, GoldenFacts, GoldenRecord, GoldenRun
from palier.release.jobs import AGAIN_AFTER
from palier.release.observation import Requests
from palier.release.plan import plan_of
from palier.release.situation import Hold, Situation
from palier.release.stages.table import work_at
from palier.release.state import ReleasePhase, Result, State
from palier.release.targets import find_targets
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    THIRD,
    hold_of,
    observed,
    planned,
    ready,
    release_of,
    serving,
)
from tests.support.release.trial_examples import (
    BAD,
    GOOD,
    QUESTION,
    UNJUDGED,
    UNKNOWN,
    decided,
    ending_of,
    reasons,
    recorded,
    run_of,
    seen,
    trying,
)
from tests.support.release.trial_specs import tried

SPEC = tried(shadow=False)
LEAST = tried(shadow=False, least="90")
ASKED = trying(ReleasePhase.EXAMINING, plan=planned(SPEC))
COMES = trying(ReleasePhase.PREPARING, plan=planned(SPEC))
"""The candidate's pods come up to be asked."""
OTHER = "fedcba9876543210"


def ended(result: object = None, **facts: object) -> GoldenFacts:
    """A Job that is over: with a result, or without one."""
    found = {"result": result} if result else {"failed": True, "message": "the pod was evicted"}
    return GoldenFacts(**{"exists": True, **found, **facts})  # type: ignore[arg-type]


def test_ready_pods_are_asked() -> None:
    """From now on there has to be a Job about both revisions, and an Event tells that no user is concerned."""
    decision = decided(SPEC, COMES, seen(), after=7)

    assert (release_of(decision).phase, release_of(decision).opened_at) == (ReleasePhase.EXAMINING, NOW + 7)
    assert decision.examination == GoldenRun(CANDIDATE, STABLE, 0, QUESTION)
    assert reasons(decision) == ["GoldenStarted"]
    assert hold_of(decision).reason == "Examining"


def test_a_first_revision_is_asked_too() -> None:
    """A least score is worth knowing before there are users; there is nothing to be compared with."""
    decision = decided(LEAST, trying(ReleasePhase.PREPARING, first=True, plan=planned(SPEC)[:1]), seen(pods=2))
    aims = find_targets(LEAST, decision.state, seen(pods=2), now=NOW)

    assert release_of(decision).phase is ReleasePhase.EXAMINING
    assert decision.examination == GoldenRun(CANDIDATE, "", 0, QUESTION)
    assert aims.weights is None


def test_a_first_revision_is_not_asked_what_nothing_can_be_made_of() -> None:
    """Without a least score there is nothing that its answers could be held against."""
    begun = decided(SPEC, State(), seen(pods=0))
    asked = decided(LEAST, State(), seen(pods=0))

    assert release_of(begun).plan == ()
    assert release_of(asked).plan == planned(LEAST)[:1]
    assert release_of(decided(SPEC, begun.state, seen(pods=2))).phase is ReleasePhase.PROMOTING


def test_golden_answers_come_before_the_shadow() -> None:
    """They cost no user anything, and need no traffic."""
    spec = tried()
    assert (
        release_of(decided(spec, trying(ReleasePhase.PREPARING, plan=planned(spec)), seen())).phase
        is ReleasePhase.EXAMINING
    )

    passed = decided(spec, recorded(trying(ReleasePhase.EXAMINING, plan=planned(spec)), GOOD), seen()).state

    assert release_of(decided(spec, passed, seen())).phase is ReleasePhase.SHADOWING


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (GoldenFacts(), "the pod that asks starts"),
        (GoldenFacts(exists=True, message="pod x cannot be placed: 0/3 nodes"), "pod x cannot be placed: 0/3 nodes"),
        (GoldenFacts(exists=True, running=True, progress={"asked": 40, "of": 200}), "40 of 200 asked for"),
        (GoldenFacts(exists=True, running=True, progress={"message": "?"}), "the pod asks and has its answers scored"),
    ],
)
def test_a_run_under_way_says_how_far_it_is(facts: GoldenFacts, told: str) -> None:
    """One sentence for the person who waits; the Job stays."""
    decision = decided(SPEC, ASKED, seen(golden=facts), after=5)

    assert decision.state == ASKED
    assert hold_of(decision) == Hold("Examining", f"golden answers of {CANDIDATE}: {told}")
    assert decision.examination == run_of(ASKED)


def test_what_was_found_is_remembered_and_told() -> None:
    """With what was compared, and both what was found and what follows from it."""
    facts = ended(GOOD, about=("candidate: model m, version 2", "stable: model m, version 1"))
    decision = decided(SPEC, ASKED, seen(golden=facts), after=9)

    assert decision.state.golden == GoldenRecord(run_of(ASKED), NOW + 9, GOOD, facts.about)
    assert [(note.type, note.reason) for note in decision.notes] == [
        ("Normal", "GoldenFinished"),
        ("Normal", "GoldenPassed"),
    ]
    assert decision.notes[0].message == f"lingua v-b ({CANDIDATE}): 0.91 on the golden answers, stable 0.9"


def test_good_answers_go_on_to_the_next_stage() -> None:
    """With the pods that it needs; the Job has done its work."""
    decision = decided(SPEC, ASKED, seen(golden=ended(GOOD)))

    assert (release_of(decision).cursor, release_of(decision).opened_at) == (1, None)
    assert decision.examination is None
    assert release_of(decided(SPEC, decision.state, seen(), after=1)).phase is ReleasePhase.CANARY


def test_a_first_revision_with_good_answers_serves() -> None:
    """It has no canary and no shadow, whatever the spec says."""
    spec = tried(least="90")
    plan = plan_of(spec.spec.release, first=True)
    state = decided(spec, trying(ReleasePhase.EXAMINING, first=True, plan=plan), seen(golden=ended(GOOD), pods=2)).state

    assert release_of(decided(spec, state, seen(pods=2))).phase is ReleasePhase.PROMOTING


@pytest.mark.parametrize("first", [False, True])
def test_bad_answers_refuse_the_candidate(first: bool) -> None:
    """Before any user met it: with the numbers, and until something changes."""
    state = trying(ReleasePhase.EXAMINING, first=first, plan=plan_of(LEAST.spec.release, first=first))
    observation = seen(golden=ended(BAD))
    if first:
        observation = replace(observation, route=observed({}, {}).route, revisions={CANDIDATE: ready(2)})
    decision = decided(LEAST, state, observation)

    assert (ending_of(decision).result, ending_of(decision).reason) == (Result.REFUSED, "WorseThanStable")
    assert ending_of(decision).message == BAD.message
    assert decision.examination is None
    assert [(note.type, note.reason) for note in decision.notes] == [("Warning", "GoldenFinished")]

    over = decided(LEAST, decision.state, observation, after=1).state

    assert over.outcome is not None
    assert over.outcome.result is Result.REFUSED
    assert (over.stable is None) is first
    assert decided(LEAST, over, observation, after=99).state.release is None


@pytest.mark.parametrize("result", [UNKNOWN, UNJUDGED, None], ids=["too few", "judge down", "no result"])
def test_what_is_not_known_waits(result: object) -> None:
    """Neither a judge that is down nor a Job that was lost says anything about the candidate."""
    decision = decided(SPEC, ASKED, seen(golden=ended(result)), after=5)
    record = decision.state.golden

    assert record is not None
    assert (release_of(decision).phase, release_of(decision).cursor) == (ReleasePhase.EXAMINING, 0)
    assert release_of(decision).attempt == 1  # the next Job has another name
    assert hold_of(decision) == Hold(record.result.reason, record.result.message)
    assert record.result.reason == (GOLDEN_FAILED if result is None else result.reason)  # type: ignore[attr-defined]
    assert decision.examination is None
    assert [note.type for note in decision.notes] == ["Warning"]

    again = decided(SPEC, decision.state, seen(golden=GoldenFacts()), after=6)

    assert again.state == decision.state
    assert again.notes == ()


@pytest.mark.parametrize(
    ("result", "again"), [(UNJUDGED, True), (UNKNOWN, False), (replace(UNJUDGED, reason="StableUnanswered"), True)]
)
def test_what_failed_by_chance_is_asked_again_after_a_while(result: object, again: bool) -> None:
    """A corpus that was too small still is; a judge may be back. The new Job has another name."""
    spec = tried(shadow=False, golden_stage={"maxDuration": "1h"})
    state = decided(spec, trying(ReleasePhase.EXAMINING, plan=planned(spec)), seen(golden=ended(result))).state
    soon = decided(spec, state, seen(golden=GoldenFacts()), after=AGAIN_AFTER - 1)
    late = decided(spec, state, seen(golden=GoldenFacts()), after=AGAIN_AFTER)

    assert soon.examination is None
    assert (late.examination == GoldenRun(CANDIDATE, STABLE, 1, QUESTION)) is again
    assert late.state.golden == state.golden  # until something else is known


@pytest.mark.parametrize("ran", [True, False], ids=["runs", "ended without a verdict"])
@pytest.mark.parametrize(("rule", "after"), [("Hold", 29), ("Rollback", 29), ("Hold", 30), ("Rollback", 30)])
def test_the_deadline_decides_as_the_spec_says(ran: bool, rule: str, after: float) -> None:
    """Not before it; and what is refused then is refused for want of evidence, not for bad answers."""
    state = ASKED if ran else recorded(ASKED, UNKNOWN)
    decision = decided(tried(shadow=False, onNoEvidence=rule), state, seen(), after=after)

    if after == 29:
        assert hold_of(decision).reason == ("Examining" if ran else "TooFewGoldenAnswers")
    elif rule == "Hold":
        assert hold_of(decision).reason == "DeadlineWithoutEvidence"
        assert hold_of(decision).message.startswith(
            "no verdict of the golden answers within 30s, so the release is held"
        )
        assert (decision.examination is not None) is ran
    else:
        assert (ending_of(decision).result, ending_of(decision).reason) == (Result.REFUSED, "NoEvidence")
        assert decision.examination is None


def test_a_verdict_that_comes_late_still_counts() -> None:
    """With onNoEvidence: Hold the deadline ends nothing."""
    assert release_of(decided(SPEC, ASKED, seen(golden=ended(GOOD)), after=99)).cursor == 1


def test_a_pause_is_stronger_than_the_deadline() -> None:
    """True keeps a release where it stands; what was found still counts, and the next stage does not begin."""
    spec = tried(shadow=False, onNoEvidence="Rollback", paused=True)
    waiting = decided(spec, ASKED, seen(), after=99)
    passed = decided(spec, ASKED, seen(golden=ended(GOOD)), after=99)

    assert (release_of(waiting).phase, hold_of(waiting).reason) == (ReleasePhase.EXAMINING, "Paused")
    assert release_of(passed).cursor == 1
    assert hold_of(decided(spec, passed.state, seen(), after=100)).reason == "Paused"


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (recorded(ASKED, GOOD), True),
        (recorded(ASKED, GOOD, at=NOW - 1), False),
        (recorded(ASKED, GOOD, digest=OTHER), False),
        (replace(ASKED, golden=GoldenRecord(GoldenRun(THIRD, STABLE, 0, QUESTION), NOW, GOOD)), False),
        (replace(ASKED, golden=GoldenRecord(GoldenRun(CANDIDATE, THIRD, 0, QUESTION), NOW, GOOD)), False),
    ],
    ids=["its own", "of an earlier release", "other questions", "another candidate", "beside another stable"],
)
def test_a_record_stands_for_its_own_question_only(state: State, counts: bool) -> None:
    """Another corpus, another pair of revisions, or a retry: it is asked anew."""
    decision = decided(SPEC, state, seen(), after=1)

    assert release_of(decision).cursor == int(counts)
    assert (decision.examination is None) is counts


def test_other_questions_in_the_middle_of_a_run() -> None:
    """The Job makes way for one that asks them."""
    decision = decided(SPEC, ASKED, replace(seen(golden=GoldenFacts()), golden_digest=OTHER), after=1)

    assert decision.examination == GoldenRun(CANDIDATE, STABLE, 0, OTHER)


@pytest.mark.parametrize("step", [ReleasePhase.PREPARING, ReleasePhase.EXAMINING])
def test_texts_that_cannot_be_read_hold(step: ReleasePhase) -> None:
    """What has to be asked is not known then, and no result of it is either."""
    observation = seen(golden=ended(GOOD), unreadable="spec.golden.corpus.configMapKeyRef.name: no ConfigMap texts")
    decision = decided(SPEC, trying(step, plan=planned(SPEC)), observation)

    assert release_of(decision).phase is step
    assert release_of(decision).cursor == 0
    assert hold_of(decision).reason == "TextUnreadable"
    assert decision.examination is None


def test_a_stage_that_is_taken_out_of_the_spec_goes_on() -> None:
    """A release keeps the stages that it began with: only the next one asks nobody."""
    without = tried(golden=False, shadow=False)
    decision = decided(without, ASKED, seen(golden=GoldenFacts()))

    assert (release_of(decision).phase, release_of(decision).plan) == (ReleasePhase.EXAMINING, planned(SPEC))
    assert decision.examination == run_of(ASKED)
    assert release_of(decided(without, serving(), seen())).plan == planned(without)


def test_a_stage_that_comes_into_the_spec_waits_for_the_next_release() -> None:
    """The candidate that is under way was not promised to be asked."""
    with_golden, plan = tried(shadow=False), planned(tried(golden=False, shadow=False))
    decision = decided(with_golden, trying(ReleasePhase.PREPARING, plan=plan), seen())

    assert release_of(decision).phase is ReleasePhase.CANARY
    assert decision.examination is None


def test_a_person_may_promote_what_is_being_asked() -> None:
    """At the person's own risk; the Job goes."""
    decision = decided(SPEC, ASKED, seen(requests=Requests(promote=CANDIDATE)))

    assert release_of(decision).phase is ReleasePhase.PROMOTING
    assert reasons(decision) == ["PromotionRequested"]
    assert decision.examination is None


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"requests": Requests(abort=CANDIDATE)}, Result.ABORTED),
        ({"wanted": STABLE}, Result.REVERTED),
        ({"wanted": THIRD}, Result.SUPERSEDED),
    ],
)
def test_people_end_it_at_any_moment(changes: dict[str, object], result: Result) -> None:
    """Also in the very pass in which the result comes."""
    decision = decided(SPEC, ASKED, seen(golden=ended(GOOD), **changes))  # type: ignore[arg-type]

    assert ending_of(decision).result is result
    assert decision.examination is None
    assert decision.state.golden is None


def test_nothing_is_judged_by_looks_meanwhile() -> None:
    """Nobody meets it, so there is nothing to count."""
    assert decided(SPEC, ASKED, seen(), after=1).judgements == ()


def test_the_way_back_is_not_asked() -> None:
    """A former stable revision has given its answers when it came."""
    back = decided(LEAST, trying(ReleasePhase.PREPARING, plan=()), seen(pods=2))

    assert release_of(back).phase is ReleasePhase.PROMOTING
    assert back.examination is None


@pytest.mark.parametrize("step", [step for step in ReleasePhase if step is not ReleasePhase.EXAMINING])
def test_only_an_examination_has_a_job(step: ReleasePhase) -> None:
    """Whatever else is on its way, and at rest."""
    assert not isinstance(work_at(Situation(SPEC, seen(), trying(step), NOW)), GoldenRun)
    assert work_at(Situation(SPEC, seen(), serving(), NOW)) is None
