"""A status that version 0.1.0 wrote in the middle of a release: an operator that is updated goes on with it."""

from typing import Any

import pytest

from palier.api.status.status import Status
from palier.api.v1alpha1 import ModelDeployment
from palier.release.memory import read_state, write_state
from palier.release.plan import proves_itself
from palier.release.state import Release, ReleasePhase, Result, State
from palier.release.times import parse_time
from tests.support.release.examples import CANDIDATE, STABLE, planned
from tests.support.release.load_world import load_tested
from tests.support.release.trial_specs import tried
from tests.support.release.world import model_deployment

STARTED, ENTERED, SHIFTED = "2026-11-25T10:00:00Z", "2026-11-25T10:05:00Z", "2026-11-25T10:05:30Z"
REFERENCES = {
    role: {"revision": revision, "model": "m", "version": "1", "port": 8080, "since": STARTED}
    for role, revision in (("stable", STABLE), ("candidate", CANDIDATE))
}
EVERY = tried()
"""Golden answers, a shadow, and canaries at 5 and 50 %."""
EVIDENCE = [{"objective": "errors", "of": "0123456789"}]


def written(step: str, *, first: bool = False, **release: Any) -> dict[str, Any]:  # noqa: ANN401
    """A status as version 0.1.0 has written it."""
    progress = {"step": step, "startedAt": STARTED, "stageStartedAt": ENTERED, **release}
    roles = {"candidate": REFERENCES["candidate"]} if first else REFERENCES
    return {**roles, "slots": [STABLE, CANDIDATE], "release": progress}


def read(status: dict[str, Any], deployment: ModelDeployment = EVERY) -> State:
    """The memory that it holds, beside the spec that the object still has."""
    Status.model_validate(status)
    return read_state(status, deployment.spec.release, proves=proves_itself(deployment))


def release(status: dict[str, Any], deployment: ModelDeployment = EVERY) -> Release:
    """The release that goes on."""
    found = read(status, deployment).release
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("passed", "cursor"),
    [
        ({}, 0),
        ({"examined": True}, 1),
        ({"examined": True, "shadowed": True}, 2),
        ({"examined": True, "shadowed": True, "tested": True}, 2),
    ],
)
def test_a_candidate_that_was_prepared_comes_to_the_first_stage_that_it_has_not_passed(
    passed: dict[str, bool], cursor: int
) -> None:
    """Its pods open it when they are ready."""
    found = release(written("Preparing", **passed))

    assert (found.plan, found.cursor) == (planned(EVERY), cursor)
    assert (found.phase, found.opened_at) == (ReleasePhase.PREPARING, None)


def test_a_candidate_that_was_prepared_for_its_load_test_comes_to_it() -> None:
    """With the pods that the next run asks for, whatever number was remembered."""
    spec = load_tested()

    assert release(written("Preparing", testReplicas=4), spec).cursor == 0
    assert release(written("Preparing", tested=True), spec).cursor == 1


@pytest.mark.parametrize(
    ("step", "spec", "cursor"),
    [("LoadTesting", load_tested(), 0), ("Examining", EVERY, 0), ("Shadowing", EVERY, 1)],
)
def test_a_stage_before_users_goes_on(step: str, spec: ModelDeployment, cursor: int) -> None:
    """Open, as it was; a Job that ran there has the same name."""
    found = release(written(step, attempt=2), spec)

    assert (found.phase.value, found.cursor, found.attempt) == (step, cursor, 2)
    assert found.opened_at == parse_time(ENTERED)


def test_copies_that_were_sent_count_on() -> None:
    """With the evidence of the pairs, and up to where they were read."""
    found = release(written("Shadowing", trafficSince=SHIFTED, lastLook=SHIFTED, evidence=EVIDENCE, examined=True))

    assert (found.cursor, found.traffic_since, found.pods_read.until) == (1, parse_time(SHIFTED), parse_time(SHIFTED))
    assert list(found.evidence) == ["errors"]


@pytest.mark.parametrize(("index", "cursor"), [(None, 2), (0, 2), (1, 3), (7, 3)])
def test_a_canary_goes_on_where_it_was(index: int | None, cursor: int) -> None:
    """The first one was not written as such; one that the spec has no more is the last that is left."""
    named: dict[str, Any] = {} if index is None else {"stageIndex": index}
    found = release(written("Canary", **named, trafficSince=SHIFTED, examined=True, shadowed=True, evidence=EVIDENCE))

    assert (found.phase, found.cursor) == (ReleasePhase.CANARY, cursor)
    assert (found.opened_at, found.traffic_since) == (parse_time(ENTERED), parse_time(SHIFTED))
    assert list(found.evidence) == ["errors"]


def test_a_promotion_goes_on() -> None:
    """All of its stages are passed."""
    found = release(written("Promoting", stageIndex=1, trafficSince=SHIFTED))

    assert (found.phase, found.stage, found.reached_weight) == (ReleasePhase.PROMOTING, None, 50)
    assert found.opened_at == parse_time(ENTERED)


@pytest.mark.parametrize("step", ["Preparing", "Promoting"])
def test_the_way_back_to_a_warm_revision_has_no_stages(step: str) -> None:
    """As it had none before: whatever the spec says, users do not wait half an hour for what has served them."""
    found = release(written(step, direct=True))

    assert (found.plan, found.cursor, found.is_direct) == ((), 0, True)
    assert found.phase.value == step


def test_a_first_revision_has_the_stages_that_compare_with_nobody() -> None:
    """Its load test, which it may have passed already."""
    spec = load_tested()
    coming, passed = (
        release(written("Preparing", first=True, direct=True, tested=tested), spec) for tested in (False, True)
    )

    assert coming.plan == passed.plan == planned(spec)[:1]
    assert (coming.cursor, passed.cursor) == (0, 1)
    assert release(written("Promoting", first=True, direct=True), spec).phase is ReleasePhase.PROMOTING


def test_a_first_revision_is_not_asked_what_nothing_can_be_made_of() -> None:
    """Version 0.1.0 did not ask it for golden answers without a least score either; they would never come to an end."""
    found = release(written("Preparing", first=True, direct=True), tried(shadow=False))

    assert found.stage is None


def test_a_release_that_rolls_back_goes_on_rolling_back() -> None:
    """With the reason that it will be recorded with."""
    ending = {"result": "RolledBack", "reason": "ObjectiveBreached", "message": "errors: too many"}
    found = release(written("RollingBack", stageIndex=1, ending=ending))

    assert found.phase is ReleasePhase.ROLLING_BACK
    assert found.ending is not None
    assert (found.ending.result, found.ending.message) == (Result.ROLLED_BACK, "errors: too many")


def test_a_rollback_whose_reason_is_lost_goes_on_all_the_same() -> None:
    """Its traffic was on the way to stable: it is not a canary again because a sentence is missing."""
    assert release(written("RollingBack", stageIndex=1)).phase is ReleasePhase.ROLLING_BACK


def test_the_stages_of_the_spec_are_gone() -> None:
    """They were taken out in mid-release: what was in a canary goes on to all of the traffic, as it would have."""
    found = release(written("Canary", stageIndex=1, trafficSince=SHIFTED), model_deployment(weights=()))

    assert (found.phase, found.stage) == (ReleasePhase.PROMOTING, None)


def test_a_retry_that_was_dealt_with_stays_so() -> None:
    """It had a field of its own; aborts and promotions were not remembered at all."""
    assert read({**REFERENCES, "handledRetry": "7"}).handled == {"retry": "7"}
    assert read({**REFERENCES, "handledRetry": "7", "handledRequests": {"abort": "x"}}).handled == {"abort": "x"}
    assert read(REFERENCES).handled == {}


@pytest.mark.parametrize("step", [step for step in ReleasePhase if step is not ReleasePhase.LOAD_TESTING])
def test_what_was_read_is_written_in_the_new_way(step: ReleasePhase) -> None:
    """From then on the plan is pinned: another spec changes nothing any more."""
    status = written(step.value, examined=True, shadowed=True)
    state = read(status)
    rewritten = write_state(state)

    assert {"stageIndex", "direct", "tested", "testReplicas", "examined", "shadowed"} & set(
        rewritten["release"]
    ) == set()
    assert read(rewritten, model_deployment(weights=(99,))) == state
