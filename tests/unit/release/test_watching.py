"""Which release the looks follow, from when on, and what a decision reads of them."""

from dataclasses import replace

import pytest

from palier.evidence.counters import Measurable
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import Reading
from palier.measuring.warm_up import WarmUp
from palier.release.observation import MeasuredEvidence
from palier.release.stages.table import criteria
from palier.release.state import Ending, Release, ReleasePhase, Result, State
from palier.release.watching import measured_of, watched_of
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    first,
    planned,
    release_at,
    releasing,
    serving,
)
from tests.support.release.trial_examples import compared, trying
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

SPEC = tried(golden=False)
PLAN = planned(SPEC)
COPIES = trying(ReleasePhase.SHADOWING, plan=PLAN, traffic_since=NOW + 5)


def watched(state: State) -> WatchedRelease | None:
    """What the looks have to follow."""
    return watched_of(SPEC, state, criteria(SPEC, state))


def followed(state: State) -> WatchedRelease:
    """What they follow, which is something."""
    found = watched(state)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "state",
    [
        serving(),
        State(),
        first(ReleasePhase.PREPARING),
        first(ReleasePhase.PROMOTING),
        trying(ReleasePhase.PREPARING, plan=()),
        trying(ReleasePhase.EXAMINING),
        trying(ReleasePhase.LOAD_TESTING),
        trying(ReleasePhase.SHADOWING, plan=PLAN),
        releasing(ReleasePhase.CANARY, traffic_since=None),
        releasing(ReleasePhase.ROLLING_BACK),
    ],
    ids=[
        "at rest",
        "nothing",
        "first",
        "first serves",
        "way back",
        "golden answers",
        "load test",
        "no copies yet",
        "no weight yet",
        "ends",
    ],
)
def test_there_is_not_always_something_to_follow(state: State) -> None:
    """Nobody to compare with, nobody who meets the candidate, or nothing left to find out."""
    assert watched(state) is None


def test_a_candidate_whose_pods_come_up_is_looked_at() -> None:
    """It is told before users meet it whether it can be measured at all; nothing is counted yet."""
    found = followed(trying(ReleasePhase.PREPARING, plan=planned(tried(golden=False, shadow=False))))

    assert (found.candidate, found.stable, found.traffic_since) == (CANDIDATE, STABLE, None)
    assert [one.rule.name for one in found.objectives] == ["errors"]


def test_a_stage_is_counted_from_its_traffic_on() -> None:
    """And its place in the plan tells its looks from those of another stage."""
    canary = followed(releasing(ReleasePhase.CANARY, index=1, plan=PLAN, traffic_since=NOW + 7))
    shadow = followed(COPIES)

    assert (canary.stage_index, canary.traffic_since) == (2, NOW + 7)
    assert (shadow.stage_index, shadow.traffic_since) == (0, NOW + 5)
    assert (canary.begun_at, shadow.begun_at) == (NOW, NOW)
    assert (canary.warm_up, shadow.warm_up) == (WarmUp(1.5, 10), WarmUp(1.5, 12))
    assert {one.origin.value for one in shadow.objectives} == {"Shadow"}


def test_a_stage_that_waits_is_counted_on() -> None:
    """Users meet the candidate with the weight of the stage before while its next pods come up."""
    evidence = compared(SPEC, COPIES)
    waiting = releasing(
        ReleasePhase.CANARY,
        index=1,
        plan=PLAN,
        opened_at=None,
        traffic_since=None,
        stage_started_at=NOW + 9,
        evidence=evidence,
    )

    assert followed(waiting).traffic_since == NOW + 9
    assert followed(waiting).evidence == evidence


def test_a_shadow_without_canaries_is_followed() -> None:
    """Its pairs are all that is known before everybody meets the candidate."""
    alone = tried(golden=False, weights=())
    state = trying(ReleasePhase.SHADOWING, plan=planned(alone), traffic_since=NOW)

    assert watched_of(alone, state, criteria(alone, state)) is not None


def test_what_the_memory_has_is_where_the_looks_go_on() -> None:
    """After a restart: up to where was counted, and since when it could not be."""
    evidence = compared(SPEC, COPIES)
    release = release_at(
        ReleasePhase.CANARY,
        plan=PLAN,
        traffic_since=NOW,
        evidence=evidence,
        pods_read=Coverage(NOW + 3, unseen_since=NOW + 4),
        router_read=Coverage(NOW + 5, unseen_since=NOW + 6),
    )
    found = followed(replace(releasing(ReleasePhase.CANARY), release=release))

    assert found.evidence == evidence
    assert (found.pods_read.until, found.pods_read.unseen_since) == (NOW + 3, NOW + 4)
    assert (found.router_read.until, found.router_read.unseen_since) == (NOW + 5, NOW + 6)


def test_the_routers_series_are_those_of_the_positions() -> None:
    """Where the spec has its counters read, and where both revisions have a position."""
    gateway = {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"], "router": "EnvoyGateway"}
    spec = model_deployment(traffic={"gateway": gateway})
    state = releasing(ReleasePhase.CANARY)
    found = watched_of(spec, state, criteria(spec, state))

    assert found is not None
    assert found.router is not None
    assert found.router.stable != found.router.candidate
    assert followed(releasing(ReleasePhase.CANARY, plan=PLAN)).router is None


@pytest.mark.parametrize("plan", [PLAN, ()], ids=["stages", "none"])
def test_a_release_that_ends_is_followed_no_more(plan: tuple[object, ...]) -> None:
    """Its verdict is spoken, whatever evidence it has."""
    ending = Ending(Result.ABORTED, "AbortRequested", "")
    release = Release(NOW, NOW, plan=plan, opened_at=NOW, ending=ending, evidence=compared(SPEC, COPIES))  # type: ignore[arg-type]

    assert watched(replace(COPIES, release=release)) is None


def test_a_decision_reads_what_the_looks_have_found() -> None:
    """Everything, and nothing else."""
    readings = {"slow": Reading(Measurable.BRACKETED, 0.25, 1.0)}
    found = replace(
        followed(COPIES),
        pods_read=Coverage(NOW + 1, unseen="no samples", unseen_since=NOW + 2),
        router_read=Coverage(NOW + 3, unseen="no counters", unseen_since=NOW + 4),
        readings=readings,
        missing={"errors": "vanished"},
    )

    assert measured_of(found) == MeasuredEvidence(
        evidence=found.evidence,
        pods_read=Coverage(NOW + 1, unseen="no samples", unseen_since=NOW + 2),
        router_read=Coverage(NOW + 3, unseen="no counters", unseen_since=NOW + 4),
        readings=readings,
        missing={"errors": "vanished"},
    )


def test_without_a_look_nothing_is_measured() -> None:
    """An operator that has just started says so, and does not say that it cannot."""
    assert measured_of(None) == MeasuredEvidence(pods_read=Coverage(unseen="no look yet", unseen_since=None))
