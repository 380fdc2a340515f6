"""When a release starts, what is refused, and what time alone changes."""

from dataclasses import replace
from typing import Any

import pytest

from palier.evidence.objective import Counts, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.beginning import decide_idle, tidy_state, wake_at
from palier.release.observation import MeasuredEvidence, Observation, Requests
from palier.release.rules import measured_objectives, objectives_of, rules_digest
from palier.release.situation import Decision, Situation
from palier.release.state import Drain, ReleasePhase, Result, State
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    SERVICE,
    STABLE,
    THIRD,
    ended,
    observed,
    planned,
    ready,
    releasing,
    serving,
    warm,
)
from tests.support.release.world import model_deployment

PODS = {STABLE: ready(2)}


def begun(
    state: State,
    observation: Observation,
    *,
    requests: Requests | None = None,
    now: float = NOW,
    **changes: Any,  # noqa: ANN401
) -> Decision:
    """What an idle object does."""
    observation = replace(observation, requests=requests or Requests())
    return decide_idle(Situation(model_deployment(**changes), observation, state, now))


def refused_by(result: Result = Result.ROLLED_BACK, **changes: Any) -> State:  # noqa: ANN401
    """A memory of a candidate that was refused by the rules that the spec still has."""
    state = ended(result)
    assert state.outcome is not None
    return replace(state, outcome=replace(state.outcome, rules=rules_digest(model_deployment(**changes))))


def test_the_stable_revision_starts_nothing() -> None:
    """The spec asks for what serves; a refused candidate of before is forgotten."""
    decision = begun(refused_by(), observed(PODS, {STABLE: 100}, wanted=STABLE))

    assert decision.state.release is None
    assert decision.state.candidate is None
    assert decision.notes == ()


def test_a_first_revision_is_released_directly() -> None:
    """There is nothing to compare it with."""
    decision = begun(State(), observed({}, wanted=CANDIDATE))

    assert decision.state.release is not None
    assert decision.state.release.plan == ()
    assert decision.state.release.phase is ReleasePhase.PREPARING
    assert [note.message for note in decision.notes] == [f"m 1 ({CANDIDATE}): first revision"]


def test_a_new_revision_climbs_the_landings() -> None:
    """It starts with pods that come up, and remembers what it is and where it listens."""
    decision = begun(serving(), observed(PODS, {STABLE: 100}, wanted=CANDIDATE), now=NOW + 7)
    release, candidate = decision.state.release, decision.state.candidate

    assert release is not None
    assert candidate is not None
    assert (release.phase, release.plan, release.cursor) == (ReleasePhase.PREPARING, planned(model_deployment()), 0)
    assert (release.started_at, release.stage_started_at, release.traffic_since) == (NOW + 7, NOW + 7, None)
    assert (candidate.revision, candidate.model, candidate.version, candidate.port) == (CANDIDATE, "m", "1", 8080)
    assert candidate.since == NOW + 7
    assert decision.state.stable == serving().stable
    assert decision.hold is not None
    assert decision.hold.reason == "CandidateNotReady"


@pytest.mark.parametrize(("pods", "direct"), [(2, True), (1, True), (0, False)])
def test_the_way_back_to_the_former_revision_is_direct_while_it_is_warm(pods: int, direct: bool) -> None:
    """It served before, and pods that it lacks are added; but without any it is released like any other."""
    state = serving(former=warm())
    decision = begun(state, observed({**PODS, FORMER: ready(pods)}, {STABLE: 100}, wanted=FORMER))

    assert decision.state.release is not None
    assert decision.state.release.plan == (() if direct else planned(model_deployment()))
    assert decision.state.former is None
    assert decision.state.drains == ()


def test_the_former_revision_stays_warm_behind_a_gateway() -> None:
    """A third revision does not cost the way back to the first."""
    decision = begun(serving(former=warm()), observed(PODS, wanted=CANDIDATE))

    assert decision.state.former == warm()


def test_the_former_revision_goes_first_without_a_gateway() -> None:
    """The open front Service would select its pods too."""
    decision = begun(serving(former=warm()), observed(PODS, wanted=CANDIDATE), traffic=SERVICE)

    assert decision.state.former is None
    assert decision.state.drains == (Drain(FORMER, NOW),)


def test_a_draining_revision_that_is_wanted_again_is_kept() -> None:
    """Its removal is called off, that of others is not."""
    drains = (Drain(CANDIDATE, NOW + 3), Drain(THIRD, NOW + 5))
    decision = begun(serving(drains=drains), observed(PODS, wanted=CANDIDATE))

    assert decision.state.drains == (Drain(THIRD, NOW + 5),)


@pytest.mark.parametrize("result", [Result.ROLLED_BACK, Result.ABORTED, Result.FAILED])
def test_a_refused_revision_stays_refused(result: Result) -> None:
    """As long as the spec asks for it under the same rules, nothing happens, whatever else the author changes."""
    for changes in ({}, {"paused": True}, {"replicas": 5}):
        decision = begun(refused_by(result), observed(PODS, wanted=CANDIDATE), **changes)

        assert decision.state == refused_by(result)
        assert decision.notes == ()


@pytest.mark.parametrize("result", [Result.SUPERSEDED, Result.REVERTED, Result.PROMOTED])
def test_a_revision_that_was_not_refused_is_tried_again(result: Result) -> None:
    """It did nothing wrong when it was last here."""
    assert begun(refused_by(result), observed(PODS, wanted=CANDIDATE)).state.release is not None


def test_other_rules_are_a_reason_to_try_again() -> None:
    """The author corrected an objective or a stage; so are rules that nobody remembers."""
    assert begun(refused_by(), observed(PODS, wanted=CANDIDATE), weights=(1, 2)).state.release is not None
    assert begun(ended(Result.ROLLED_BACK), observed(PODS, wanted=CANDIDATE)).state.release is not None


def test_another_revision_is_a_reason_to_try() -> None:
    """What was refused is one revision."""
    assert begun(refused_by(), observed(PODS, wanted=THIRD)).state.release is not None


def test_a_retry_is_handled_once() -> None:
    """A new token tries again, says who asked, and the same token does not do it a second time."""
    requests = Requests(retry="7", by={"retry": "kubectl"})
    decision = begun(refused_by(), observed(PODS, wanted=CANDIDATE), requests=requests)

    assert decision.state.release is not None
    assert decision.state.handled == {"retry": "7"}
    assert decision.notes[0].message.endswith("new revision; retry asked for by kubectl")

    again = replace(refused_by(), handled={"retry": "7"})

    assert begun(again, observed(PODS, wanted=CANDIDATE), requests=requests).state.release is None
    assert begun(again, observed(PODS, wanted=CANDIDATE), requests=Requests()).state.release is None
    assert begun(again, observed(PODS, wanted=CANDIDATE), requests=Requests(retry="8")).state.release is not None


def test_an_old_token_is_not_told_again() -> None:
    """The next release is not one that somebody asked to retry."""
    state = serving(handled={"retry": "7"})
    decision = begun(state, observed(PODS, wanted=CANDIDATE), requests=Requests(retry="7"))

    assert "retry" not in decision.notes[0].message
    assert decision.state.handled == {"retry": "7"}


def later(state: State, observation: Observation | None = None, *, now: float = NOW) -> State:
    """What time alone makes of a memory; the drain delay is 3 s."""
    deployment = model_deployment()
    objectives = objectives_of(deployment)
    return tidy_state(deployment, observation or observed(PODS), state, objectives=objectives, now=now)


def test_a_former_revision_expires() -> None:
    """When its window ends it is drained, and its pods stay for the drain delay."""
    state = serving(former=warm(NOW + 60))

    assert later(state, now=NOW + 59) == state
    assert later(state, now=NOW + 60) == serving(drains=(Drain(FORMER, NOW + 63),))


@pytest.mark.parametrize(
    ("there", "now", "remembered"),
    [(True, NOW - 1, True), (True, NOW + 1, True), (False, NOW - 1, True), (False, NOW + 1, False)],
)
def test_a_drain_is_remembered_until_the_revision_is_gone(there: bool, now: float, remembered: bool) -> None:
    """Its time is over and its objects are gone: only both together end it, or something would be left behind."""
    state = serving(drains=(Drain(FORMER, NOW),))
    pods = {**PODS, **({FORMER: ready(0)} if there else {})}

    assert bool(later(state, observed(pods), now=now).drains) is remembered


def test_a_drain_is_remembered_while_half_of_the_revision_is_there() -> None:
    """An operator that died between two deletions comes back to a Deployment without its Service."""
    state = serving(drains=(Drain(FORMER, NOW),))
    half = observed({**PODS, FORMER: ready(0, exists=False)})

    assert later(state, half, now=NOW + 60).drains == state.drains


EVIDENCE = {
    "errors": observe(start_evidence(), Counts(10, 1, 1), None, measured_objectives(model_deployment())[0].rule)
}


def remembering(state: State, **measured: Any) -> State:  # noqa: ANN401
    """The memory after looks with this evidence."""
    observation = replace(observed(PODS), measured=MeasuredEvidence(evidence=EVIDENCE, **measured))
    return later(state, observation)


def test_the_evidence_of_the_looks_is_remembered() -> None:
    """With the instant up to which it was gathered, and since when it could not be."""
    release = remembering(releasing(ReleasePhase.CANARY), pods_read=Coverage(NOW + 5, unseen_since=NOW + 6)).release

    assert release is not None
    assert release.evidence == EVIDENCE
    assert (release.pods_read.until, release.pods_read.unseen_since) == (NOW + 5, NOW + 6)


def test_why_a_source_cannot_be_read_is_no_memory() -> None:
    """Every look finds the reason again, and another one is nothing to write a status for."""
    unseen = Coverage(NOW + 5, "no fresh samples", NOW + 6)
    release = remembering(releasing(ReleasePhase.CANARY), pods_read=unseen, router_read=unseen).release

    assert release is not None
    assert release.pods_read == release.router_read == Coverage(NOW + 5, unseen_since=NOW + 6)


def test_evidence_that_is_older_than_the_memory_is_not() -> None:
    """Another process looked further already: going back would count its events twice."""
    state = releasing(ReleasePhase.CANARY, pods_read=Coverage(NOW + 9))

    assert remembering(state, pods_read=Coverage(NOW + 5)) == state
    assert remembering(state) == state


def test_evidence_without_a_release_belongs_to_nobody() -> None:
    """The release ended while the look was under way."""
    assert remembering(serving(), pods_read=Coverage(NOW + 5)) == serving()


def test_a_revision_that_nobody_remembers_is_drained() -> None:
    """Its part is lost with a memory: it goes after its delay, unless the route gives it users."""
    strangers = observed({**PODS, THIRD: ready(1), FORMER: ready(1)}, {STABLE: 90, FORMER: 10})

    assert later(serving(), strangers).drains == (Drain(THIRD, NOW + 3),)


def test_nothing_is_drained_before_anything_serves() -> None:
    """What is there may be what has to be found again."""
    assert later(State(), observed({THIRD: ready(1)})) == State()


def wake(state: State, *, now: float = NOW) -> float | None:
    """When to look again; stages last 5 to 40 s, and a candidate has 60 s to get ready, also after a loss."""
    return wake_at(model_deployment(), state, now=now)


def instants(state: State) -> list[float]:
    """All instants after `NOW` at which time alone may decide something, in seconds since then."""
    found = []
    now: float | None = NOW
    while (now := wake(state, now=now)) is not None:
        found.append(now - NOW)
    return found


def test_at_rest_nothing_happens_by_time_alone() -> None:
    """There is nothing to wake up for."""
    assert wake(serving()) is None


PLAN = planned(model_deployment())


def test_the_earliest_of_all_instants_counts() -> None:
    """Drains, the warm revision, the stage's shortest and longest time, each in its turn."""
    state = replace(
        releasing(ReleasePhase.CANARY, plan=PLAN),
        former=warm(NOW + 50),
        drains=(Drain(THIRD, NOW + 2), Drain(FORMER, NOW + 70)),
    )

    assert instants(state) == [2, 5, 40, 50, 70]


def test_a_candidate_that_is_not_ready_has_its_deadlines() -> None:
    """The one for too few pods, and the one for none at all; both count from where it began."""
    assert instants(releasing(ReleasePhase.PREPARING, plan=PLAN, traffic_since=None, unready_since=NOW - 10)) == [50]
    assert instants(
        releasing(ReleasePhase.CANARY, plan=PLAN, opened_at=None, traffic_since=None, gone_since=NOW - 7)
    ) == [53]


def test_a_stage_without_traffic_has_no_end_yet() -> None:
    """Whatever keeps the gateway: the time of the stage begins with its traffic."""
    assert instants(releasing(ReleasePhase.CANARY, plan=PLAN, traffic_since=None)) == []
    assert instants(releasing(ReleasePhase.PROMOTING, plan=PLAN)) == []


@pytest.mark.parametrize(
    ("step", "found"),
    [(ReleasePhase.LOAD_TESTING, [7200]), (ReleasePhase.EXAMINING, [1800]), (ReleasePhase.SHADOWING, [60, 1800])],
)
def test_a_stage_before_users_has_its_longest_time(step: ReleasePhase, found: list[float]) -> None:
    """The load tests' from the beginning of the stage, the others' from when the candidate was ready for it."""
    assert instants(releasing(step, traffic_since=None)) == found
