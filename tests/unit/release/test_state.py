"""What a release and a memory are as values: where a release stands, how it goes on, and how the memory of it ends."""

from dataclasses import replace

import pytest

from palier.evidence.objective import Counts, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.rules import measured_objectives
from palier.release.state import HISTORY_LIMIT, Ending, Outcome, Release, ReleasePhase, Result, RevisionRef
from tests.support.release.examples import CANDIDATE, NOW, STABLE, planned, release_at, releasing
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

RULE = measured_objectives(model_deployment())[0].rule
EVIDENCE = {"errors": observe(start_evidence(), Counts(100, 5, 5), Counts(1000, 5, 5), RULE)}
EVERY = planned(tried())
"""Golden answers, a shadow, and canaries at 5 and 50 %."""


def test_who_asked_for_a_revision_is_its_family_or_itself() -> None:
    """A variant is asked for by the whole spec; anything else by its own hash."""
    variant, alone = RevisionRef(STABLE, "m", "1", 80, NOW, family=CANDIDATE), RevisionRef(STABLE, "m", "1", 80, NOW)
    outcome = Outcome(STABLE, Result.REFUSED, "OverBudget", "", NOW, family=CANDIDATE)

    assert (variant.asked_for_by, alone.asked_for_by) == (CANDIDATE, STABLE)
    assert (outcome.asked_for_by, replace(outcome, family="").asked_for_by) == (CANDIDATE, STABLE)


def test_the_history_is_bounded() -> None:
    """The oldest outcomes go; the last one is also the outcome, and the release is over."""
    state = releasing(ReleasePhase.ROLLING_BACK)
    for number in range(HISTORY_LIMIT + 5):
        state = state.end_release(Outcome(CANDIDATE, Result.ABORTED, "AbortRequested", str(number), NOW + number))

    assert [outcome.message for outcome in state.history] == [str(number) for number in range(5, HISTORY_LIMIT + 5)]
    assert state.outcome == state.history[-1]
    assert state.release is None


@pytest.mark.parametrize("result", Result)
def test_only_a_failed_try_refuses_the_revision(result: Result) -> None:
    """What ended for another reason than its own quality may be tried again."""
    assert result.refuses is (
        result
        in {
            Result.ROLLED_BACK,
            Result.ABORTED,
            Result.FAILED,
            Result.REFUSED,
            Result.KEPT_STABLE,
        }
    )


@pytest.mark.parametrize(
    ("cursor", "opened", "closed"),
    [
        (0, ReleasePhase.EXAMINING, ReleasePhase.PREPARING),
        (1, ReleasePhase.SHADOWING, ReleasePhase.PREPARING),
        (2, ReleasePhase.CANARY, ReleasePhase.PREPARING),
        (3, ReleasePhase.CANARY, ReleasePhase.CANARY),
        (4, ReleasePhase.PROMOTING, ReleasePhase.PROMOTING),
    ],
)
def test_the_step_says_where_a_release_stands(cursor: int, opened: ReleasePhase, closed: ReleasePhase) -> None:
    """It follows from the plan: a candidate that has met no user is being prepared until its stage opens."""
    release = Release(NOW, NOW, plan=EVERY, cursor=cursor)

    assert replace(release, opened_at=NOW).phase is opened
    assert release.phase is closed
    assert replace(release, ending=Ending(Result.ABORTED, "AbortRequested", "")).phase is ReleasePhase.ROLLING_BACK


@pytest.mark.parametrize(
    ("cursor", "reached", "weight"), [(0, 0, None), (1, 0, None), (2, 0, 5), (3, 5, 50), (4, 50, None)]
)
def test_what_a_candidate_has_earned_is_the_share_of_the_stage_before(
    cursor: int, reached: int, weight: int | None
) -> None:
    """The present stage has a share as well, which is not earned before the stage opens."""
    release = Release(NOW, NOW, plan=EVERY, cursor=cursor)

    assert release.reached_weight == reached
    assert (release.landing and release.landing.weight) == weight


@pytest.mark.parametrize(("cursor", "last"), [(0, False), (2, False), (3, True), (4, True)])
def test_after_the_last_stage_comes_nothing_but_everybody(cursor: int, last: bool) -> None:
    """What a promotion asks for has to be proven in that stage, and on the way to all of the traffic."""
    assert Release(NOW, NOW, plan=EVERY, cursor=cursor).is_last is last


@pytest.mark.parametrize(
    ("release", "met"),
    [
        (release_at(ReleasePhase.PREPARING), False),
        (release_at(ReleasePhase.SHADOWING, plan=EVERY, traffic_since=NOW), False),
        (release_at(ReleasePhase.CANARY), False),
        (release_at(ReleasePhase.CANARY, traffic_since=NOW), True),
        (release_at(ReleasePhase.CANARY, index=1), True),
        (release_at(ReleasePhase.PROMOTING, plan=()), True),
        (Release(NOW, NOW), False),
    ],
    ids=["preparing", "copies", "weight to come", "in traffic", "second canary", "promoted", "way back to come"],
)
def test_users_meet_a_candidate_when_its_weight_is_in_force(release: Release, met: bool) -> None:
    """Copies of their requests are none of theirs, and a stage that waits for its pods has nobody."""
    assert release.has_met_users is met


def test_a_stage_begins_without_traffic_and_with_its_own_evidence() -> None:
    """The clock of the stage and its processes start anew; those of the whole release go on."""
    release = release_at(
        ReleasePhase.CANARY,
        traffic_since=NOW + 1,
        unready_since=NOW + 2,
        gone_since=NOW + 2,
        losses=2,
        attempt=3,
        evidence=EVIDENCE,
        pods_read=Coverage(NOW + 3),
    )
    begun = release.advance(now=NOW + 9)

    assert (begun.phase, begun.cursor, begun.stage_started_at) == (ReleasePhase.CANARY, 1, NOW + 9)
    assert (begun.opened_at, begun.traffic_since, begun.gone_since) == (None, None, None)
    assert begun.unready_since == NOW + 9  # until its pods are seen to be ready for this stage
    assert (begun.losses, begun.attempt) == (0, 0)
    assert (begun.started_at, begun.pods_read.until) == (release.started_at, NOW + 3)
    assert begun.evidence["errors"].release == EVIDENCE["errors"].release
    assert begun.evidence["errors"].stage.total == 0


def test_the_way_to_all_of_the_traffic_goes_on_with_the_evidence_of_the_last_stage() -> None:
    """It is no stage of its own: what breaches there is still counted from where the last one began."""
    release = release_at(ReleasePhase.CANARY, index=2, traffic_since=NOW, evidence=EVIDENCE)

    assert release.advance(now=NOW + 9).evidence == EVIDENCE


def test_a_release_may_skip_stages() -> None:
    """A person asked for that: it stands at once where all of them are passed."""
    skipped = release_at(ReleasePhase.CANARY, traffic_since=NOW).shorten(now=NOW + 9)

    assert (skipped.stage, skipped.phase, skipped.reached_weight) == (None, ReleasePhase.PROMOTING, 5)
    assert skipped.opened_at is None


def test_a_stage_that_is_begun_anew_keeps_what_was_counted() -> None:
    """Pods were lost and come back: nothing of what users met before is forgotten."""
    release = release_at(ReleasePhase.CANARY, index=1, traffic_since=NOW, evidence=EVIDENCE, losses=1)

    assert release.reopen() == replace(release, opened_at=None, traffic_since=None)


def test_what_a_shadow_has_shown_is_none_of_the_users_business() -> None:
    """Its evidence, its clock and how far it was read are dropped together; everything else stays."""
    kept = release_at(ReleasePhase.SHADOWING, plan=EVERY, attempt=2)
    before = replace(
        kept,
        traffic_since=NOW + 2,
        pods_read=Coverage(NOW + 3, unseen_since=NOW + 3),
        router_read=Coverage(NOW + 3, unseen_since=NOW + 3),
        breach="answers: too many",
        evidence=EVIDENCE,
    )

    assert before.drop_evidence() == kept
    assert dict(before.advance(now=NOW + 9).evidence) == {}
    assert before.advance(now=NOW + 9).pods_read.until is None


@pytest.mark.parametrize(("phase", "kept"), [(ReleasePhase.SHADOWING, {}), (ReleasePhase.CANARY, EVIDENCE)])
def test_a_release_that_ends_keeps_what_users_have_met(phase: ReleasePhase, kept: dict[str, object]) -> None:
    """And nothing of its shadow; the way back has a clock of its own."""
    ending = Ending(Result.ABORTED, "AbortRequested", "asked for")
    back = release_at(phase, plan=EVERY, traffic_since=NOW, evidence=EVIDENCE).roll_back(ending, now=NOW + 9)

    assert (back.phase, back.ending, back.stage_started_at) == (ReleasePhase.ROLLING_BACK, ending, NOW + 9)
    assert dict(back.evidence) == kept


@pytest.mark.parametrize(
    ("plan", "direct"), [((), True), (EVERY[:1], True), (EVERY, False)], ids=["none", "golden answers", "canaries"]
)
def test_a_release_that_compares_with_nobody_is_direct(plan: tuple[object, ...], direct: bool) -> None:
    """The first revision of all, the way back to a warm one, and a spec without stages."""
    assert release_at(ReleasePhase.PROMOTING, plan=plan).is_direct is direct  # type: ignore[arg-type]
