"""A release with a load test, one decision at a time: what is tested next, what follows, and what people are told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from palier.release.observation import Requests
from palier.release.situation import Hold, Situation
from palier.release.stages.table import is_work_unknown, work_at
from palier.release.state import Drain, Outcome, ReleasePhase, Result, State
from palier.release.targets import find_targets
from palier.release.testing import NO_RESULT, LoadTestFacts, Run, Usage
from tests.support.release.examples import FORMER, STABLE, hold_of, planned, ready, release_of, serving
from tests.support.release.load_examples import (
    FAILED,
    NOW,
    UNKNOWN,
    candidate_of,
    decided,
    ended,
    passed,
    recorded_of,
    seen,
    under_load,
    ways,
)
from tests.support.release.load_world import load_tested

TWO = {"a": "1", "b": "2"}
HOURS = 3600.0


def test_a_release_begins_with_the_pods_of_the_first_run() -> None:
    """The first variant, as many pods as the run is about, and no weight; the hold says what for."""
    deployment = load_tested(variants=TWO)
    decision = decided(deployment, serving(), seen(deployment, {STABLE: ready(2)}))
    aims = find_targets(deployment, decision.state, seen(deployment, {STABLE: ready(2)}), now=NOW)
    (first, _) = ways(deployment).values()

    assert candidate_of(decision) == first.revision
    assert decision.state.candidate is not None
    assert decision.state.candidate.family == seen(deployment).revision
    assert (release_of(decision).phase, release_of(decision).plan) == (ReleasePhase.PREPARING, planned(deployment))
    assert hold_of(decision).message == f"m 1 ({first.revision}, variant a) starts for its load test"
    assert [note.reason for note in decision.notes] == ["ReleaseStarted"]
    assert aims.replicas == {STABLE: 2, first.revision: 1}
    assert aims.weights == {STABLE: 100}
    assert decision.run is None


def test_a_first_revision_is_tested_too() -> None:
    """A budget that does not suffice is worth knowing before there are users; nothing serves meanwhile."""
    deployment = load_tested()
    decision = decided(deployment, State(), seen(deployment, {}))
    aims = find_targets(deployment, decision.state, seen(deployment, {}), now=NOW)

    assert release_of(decision).plan == planned(deployment)[:1]
    assert list(aims.replicas.values()) == [1]
    assert aims.weights is None


def test_ready_pods_are_put_under_load() -> None:
    """From now on there has to be a Job, and an Event tells of it."""
    deployment = load_tested()
    decision = decided(deployment, under_load(deployment, step=ReleasePhase.PREPARING))

    assert release_of(decision).phase is ReleasePhase.LOAD_TESTING
    assert decision.run is not None
    assert (decision.run.revision, decision.run.index, decision.run.attempt) == (candidate_of(decision), 0, 0)
    assert decision.run.digest == ways(deployment)[""].digest
    assert [note.reason for note in decision.notes] == ["LoadTestStarted"]


@pytest.mark.parametrize(("pods", "reason"), [(0, "CandidateNotReady"), (3, "SurplusPods")])
def test_a_load_test_is_about_exactly_its_number_of_pods(pods: int, reason: str) -> None:
    """Too few would make the capacity too small; too many, left from an earlier run, would make it too large."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    observation = seen(deployment, {STABLE: ready(2), way.revision: ready(pods)})
    decision = decided(deployment, under_load(deployment, step=ReleasePhase.PREPARING), observation)
    aims = find_targets(deployment, decision.state, observation, now=NOW)

    assert (release_of(decision).phase, hold_of(decision).reason) == (ReleasePhase.PREPARING, reason)
    assert decision.run is None
    assert aims.replicas[way.revision] == 1


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (LoadTestFacts(), "the generator starts"),
        (LoadTestFacts(exists=True, message="pod x cannot be placed: 0/3 nodes"), "pod x cannot be placed: 0/3 nodes"),
        (LoadTestFacts(exists=True, running=True, progress={"message": "step 3 at 40"}), "step 3 at 40"),
        (
            LoadTestFacts(
                exists=True,
                running=True,
                progress={"phase": "Search", "requestsPerSecond": "42", "passed": "40", "failed": "45.5"},
            ),
            "Search, 42 requests/s, 40 requests/s held, 45.5 requests/s did not",
        ),
    ],
)
def test_a_run_under_way_holds_with_how_far_it_is(facts: LoadTestFacts, told: str) -> None:
    """One sentence that a person can read: what is tested, which of how many, and the pod's own words."""
    deployment = load_tested(variants=TWO, test={"replicas": [1, 4]})
    state = under_load(deployment, "b")
    a, b = ways(deployment).values()
    records = (recorded_of(a, passed()), recorded_of(a, passed(), replicas=4), recorded_of(b, passed()))
    state = replace(state, load_tests=records)
    pods = {STABLE: ready(2), b.revision: ready(4)}
    decision = decided(deployment, state, seen(deployment, pods, job=facts), now=NOW + 5)

    assert decision.state == state
    assert hold_of(decision) == Hold(
        "LoadTesting", f"load test of m 1 ({b.revision}, variant b) at 4 replicas (4 of 4): {told}"
    )
    assert decision.run is not None
    assert decision.run.index == 3


def test_pods_that_are_lost_before_the_job_is_made_have_to_come_back() -> None:
    """With their whole time to become ready; a Job that runs goes on, and tells what it met."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    pods = {STABLE: ready(2), way.revision: ready(1, available=0, endpoints=0)}
    lost = decided(deployment, under_load(deployment), seen(deployment, pods, job=LoadTestFacts()), now=NOW + 9)
    kept = decided(deployment, under_load(deployment), seen(deployment, pods), now=NOW + 9)

    assert (release_of(lost).phase, release_of(lost).unready_since) == (ReleasePhase.PREPARING, NOW + 9)
    assert release_of(kept).phase is ReleasePhase.LOAD_TESTING


def test_what_a_run_found_is_remembered_and_told() -> None:
    """With where it was and what the pods used; the next Job has another name."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    usage = Usage(cold_start=Decimal(25), cpu_cores=Decimal("0.8"))
    job = ended(passed(), node="node-7", usage=usage)
    decision = decided(deployment, under_load(deployment, "a"), seen(deployment, job=job), now=NOW + 9)
    (record,) = decision.state.load_tests

    assert record == replace(recorded_of(a, passed(), at=NOW + 9), node="node-7", usage=usage)
    assert candidate_of(decision) == b.revision
    assert (release_of(decision).phase, release_of(decision).attempt) == (ReleasePhase.PREPARING, 1)
    assert [(note.type, note.reason) for note in decision.notes] == [("Normal", "LoadTestFinished")]
    assert decision.notes[0].message == f"m 1 ({a.revision}, variant a): 100 requests/s held"


def test_a_tested_variant_goes_at_once() -> None:
    """It had no users to lose, and its accelerators may be what the next one waits for."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    decision = decided(deployment, under_load(deployment, "a"), seen(deployment, job=ended(FAILED)))
    aims = find_targets(deployment, decision.state, seen(deployment), now=NOW)

    assert decision.state.drains == (Drain(a.revision, NOW),)
    assert aims.remove == {a.revision}
    assert aims.replicas == {STABLE: 2, b.revision: 1}
    assert [note.type for note in decision.notes] == ["Warning"]


def test_a_variant_that_is_needed_again_does_not_go() -> None:
    """The cheapest was tested first and was on its way out when the last run ended."""
    deployment = load_tested(variants=TWO)
    a, b = ways(deployment).values()
    state = under_load(
        deployment, "b", load_tests=(recorded_of(a, passed()),), drains=(Drain(a.revision, NOW), Drain(FORMER, NOW))
    )
    observation = seen(deployment, job=ended(passed(50)))
    observation = replace(observation, revisions={**observation.revisions, FORMER: ready(1)})
    decision = decided(deployment, state, observation)

    assert candidate_of(decision) == a.revision
    assert decision.state.drains == (Drain(FORMER, NOW), Drain(b.revision, NOW))
    assert find_targets(deployment, decision.state, observation, now=NOW).remove == {FORMER, b.revision}


def test_a_run_that_ended_without_a_result_is_no_verdict() -> None:
    """Its reason is told, and nothing is blamed on the model."""
    deployment = load_tested()
    facts = LoadTestFacts(exists=True, failed=True, message="pod x was evicted")
    decision = decided(deployment, under_load(deployment), seen(deployment, job=facts))

    assert decision.state.load_tests[0].result.reason == NO_RESULT
    assert release_of(decision).phase is ReleasePhase.LOAD_TESTING
    assert hold_of(decision) == Hold(NO_RESULT, "pod x was evicted")
    assert decision.run is None


def test_a_version_that_fits_goes_on_to_its_users() -> None:
    """Tested, with the pods of the first stage, and with the sentence that says why."""
    deployment = load_tested(replicas=4)
    (way,) = ways(deployment).values()
    decision = decided(deployment, under_load(deployment), seen(deployment, job=ended(passed())))
    release = release_of(decision)

    assert (release.phase, release.cursor, release.opened_at, release.attempt) == (ReleasePhase.PREPARING, 1, None, 0)
    assert [note.reason for note in decision.notes] == ["LoadTestFinished", "LoadTestPassed"]
    assert "146 EUR a month, within a budget of 1,000 EUR" in decision.notes[1].message

    following = decided(deployment, decision.state, seen(deployment), now=NOW + 1)

    assert release_of(following).phase is ReleasePhase.CANARY
    assert candidate_of(following) == way.revision


@pytest.mark.parametrize("first", [True, False])
def test_a_version_that_is_too_dear_is_refused_before_users_meet_it(first: bool) -> None:
    """With the numbers and with what would fit; stable never notices, and pods go after their delay."""
    deployment = load_tested(budget={"currency": "EUR", "monthly": "100"})
    (way,) = ways(deployment).values()
    state = under_load(deployment)
    observation = seen(deployment, job=ended(passed()))
    if first:
        assert state.release is not None
        state = replace(
            state, stable=None, backend_positions=None, release=replace(state.release, plan=planned(deployment)[:1])
        )
        observation = replace(seen(deployment, {way.revision: ready(1)}, job=ended(passed())))
    decision = decided(deployment, state, observation)
    assert release_of(decision).phase is ReleasePhase.ROLLING_BACK
    assert hold_of(decision).reason == "OverBudget"

    over = decided(deployment, decision.state, observation, now=NOW + 1).state

    assert over.release is None
    assert isinstance(over.outcome, Outcome)
    assert (over.outcome.result, over.outcome.reason) == (Result.REFUSED, "OverBudget")
    assert "146 EUR a month, against a budget of 100 EUR" in over.outcome.message
    assert "at most 70 requests/s fit" in over.outcome.message
    assert over.drains == (Drain(way.revision, NOW + 4),)
    assert over.stable == state.stable

    rest = decided(deployment, over, observation, now=NOW + 2)

    assert rest.state.release is None
    assert rest.hold is None


def test_a_refused_variant_names_the_family() -> None:
    """So that the same spec is known to be refused, whichever variant was the last one to be tested."""
    deployment = load_tested(variants=TWO, budget={"currency": "EUR", "monthly": "1"})
    a, _ = ways(deployment).values()
    state = under_load(deployment, "b", load_tests=(recorded_of(a, passed()),))
    observation = seen(deployment, job=ended(passed()))
    refused = decided(deployment, state, observation).state
    over = decided(deployment, refused, observation, now=NOW + 1).state

    assert over.outcome is not None
    assert over.outcome.asked_for_by == observation.revision
    assert decided(deployment, over, observation, now=NOW + 99).state.release is None


@pytest.mark.parametrize(("rule", "after"), [("Hold", 59), ("Rollback", 59), ("Hold", 60)])
def test_what_is_not_known_holds(rule: str, after: float) -> None:
    """Until the deadline whatever the rule, and beyond it unless the owner wants otherwise."""
    deployment = load_tested(onNoEvidence=rule)
    (way,) = ways(deployment).values()
    state = under_load(deployment, load_tests=(recorded_of(way, UNKNOWN),))
    decision = decided(deployment, state, now=NOW + after)

    assert release_of(decision).phase is ReleasePhase.LOAD_TESTING
    assert hold_of(decision).reason == ("GeneratorLimited" if after < 60 else "DeadlineWithoutEvidence")
    assert "the generator was too slow" in hold_of(decision).message


@pytest.mark.parametrize("runs", [True, False])
def test_at_the_deadline_the_owner_may_want_the_end(runs: bool) -> None:
    """Whether a test still runs or none is left to run; the outcome says that nothing was found out."""
    deployment = load_tested(onNoEvidence="Rollback")
    (way,) = ways(deployment).values()
    state = under_load(deployment, load_tests=() if runs else (recorded_of(way, UNKNOWN),))
    decision = decided(deployment, state, now=NOW + 60)
    ending = release_of(decision).ending

    assert ending is not None
    assert (ending.result, ending.reason) == (Result.REFUSED, "NoEvidence")
    assert ending.message.startswith("no verdict of the load test within 60s: ")
    assert decision.run is None


def test_the_deadline_is_that_of_all_load_tests_together() -> None:
    """It began with the stage, not with the run of the moment."""
    deployment = load_tested(onNoEvidence="Rollback", variants=TWO)
    a, _ = ways(deployment).values()
    state = under_load(deployment, "b", load_tests=(recorded_of(a, FAILED),))
    assert state.release is not None
    late = replace(state, release=replace(state.release, stage_started_at=NOW - 60))

    assert release_of(decided(deployment, state)).ending is None
    assert release_of(decided(deployment, late)).ending is not None


def test_a_person_may_promote_in_the_middle_of_a_test() -> None:
    """As at every other stage; the Job goes, and every user's pods come."""
    deployment = load_tested(replicas=4)
    (way,) = ways(deployment).values()
    observation = seen(deployment, requests=Requests(promote=way.revision, by={"promote": "kubectl"}))
    decision = decided(deployment, under_load(deployment), observation)

    assert (release_of(decision).stage, release_of(decision).opened_at) == (None, None)
    assert decision.run is None
    assert find_targets(deployment, decision.state, observation, now=NOW).replicas[way.revision] == 4
    assert [note.reason for note in decision.notes] == ["PromotionRequested"]


@pytest.mark.parametrize("step", [ReleasePhase.PREPARING, ReleasePhase.LOAD_TESTING])
def test_an_abort_ends_it_anywhere(step: ReleasePhase) -> None:
    """The Job goes with the same decision."""
    deployment = load_tested()
    (way,) = ways(deployment).values()
    observation = seen(deployment, requests=Requests(abort=way.revision))
    decision = decided(deployment, under_load(deployment, step=step), observation)

    assert release_of(decision).phase is ReleasePhase.ROLLING_BACK
    assert decision.run is None


def test_other_numbers_of_replicas_change_the_run() -> None:
    """The spec changed in mid-test: the candidate gets the pods that the run is about now."""
    deployment = load_tested(test={"replicas": [1, 4]})
    (way,) = ways(deployment).values()
    state = under_load(deployment, load_tests=(recorded_of(way, passed()),))
    decision = decided(deployment, state, seen(deployment, job=LoadTestFacts()))

    assert release_of(decision).phase is ReleasePhase.PREPARING
    assert find_targets(deployment, decision.state, seen(deployment), now=NOW).replicas[way.revision] == 4
    assert candidate_of(decision) == way.revision
    assert decision.state.drains == ()


def test_surplus_pods_of_a_run_that_is_no_more_go_first() -> None:
    """Other requests make every run another one: that of one pod must not be made with the four of the run before."""
    deployment = load_tested(test={"replicas": [1, 4]})
    (way,) = ways(deployment).values()
    four = seen(deployment, {STABLE: ready(2), way.revision: ready(4)}, job=LoadTestFacts())
    decision = decided(deployment, under_load(deployment), four)
    following = decided(deployment, decision.state, four, now=NOW + 1)

    assert decision.run is None
    assert (following.run, hold_of(following).reason) == (None, "SurplusPods")


def test_texts_that_cannot_be_read_hold_in_every_step() -> None:
    """Which requests the test has is not known then: nothing begins, and what runs is left alone."""
    deployment = load_tested()
    observation = replace(seen(deployment), options=(), unreadable="spec.scale: no ConfigMap requests")
    for step in (ReleasePhase.PREPARING, ReleasePhase.LOAD_TESTING):
        state = under_load(deployment, step=step)
        decision = decided(deployment, state, observation)

        assert decision.state == state
        assert hold_of(decision) == Hold("TextUnreadable", "spec.scale: no ConfigMap requests")
        assert decision.run is None
        assert decision.survey is None
        assert decision.work_stays is (step is ReleasePhase.LOAD_TESTING)
        assert not is_work_unknown(Situation(deployment, seen(deployment), state, NOW))
    assert not is_work_unknown(Situation(deployment, observation, serving(), NOW))


@pytest.mark.parametrize("step", [step for step in ReleasePhase if step is not ReleasePhase.LOAD_TESTING])
def test_only_a_load_test_has_a_job(step: ReleasePhase) -> None:
    """Whatever else is on its way."""
    deployment = load_tested()
    state = under_load(deployment, step=step)

    assert not isinstance(work_at(Situation(deployment, seen(deployment), state, NOW)), Run)
