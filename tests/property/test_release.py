"""Properties of whole releases, over random fates of pods, gateway, Prometheus, people and the operator itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.release.state import ReleasePhase, Result
from tests.support.release.world import World, model_deployment
from tests.support.thorough import examples

STABLE, CANDIDATE, THIRD = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"


def serving(**changes: Any) -> World:  # noqa: ANN401
    """A world whose first revision serves."""
    world = World(model_deployment(**changes), STABLE)
    world.settle()
    world.run(3)

    assert world.state.stable is not None
    assert world.state.stable.revision == STABLE
    return world


def check(world: World) -> None:
    """What must hold after every write."""
    if world.weights:
        assert sum(world.weights.values()) == 100
    for revision, weight in world.weights.items():
        assert revision in world.replicas, f"the route names {revision}, which is gone"
        if weight and revision not in world.broken:
            assert world.replicas[revision] >= 1


EVENTS = st.sampled_from(
    ["tick"] * 12
    + [
        "third",
        "revert",
        "candidate",
        "breach",
        "heal",
        "break candidate",
        "mend candidate",
        "gateway silent",
        "gateway answers",
        "prometheus away",
        "prometheus back",
        "abort",
        "retry",
        "kill after 1",
        "kill after 2",
    ]
)


def apply(world: World, event: str) -> None:  # noqa: C901, PLR0912 - one line an event
    """Let one thing happen."""
    match event:
        case "third":
            world.change(THIRD)
        case "revert":
            world.change(STABLE)
        case "candidate":
            world.change(CANDIDATE)
        case "breach":
            world.failing[CANDIDATE] = 0.5
        case "heal":
            world.failing.clear()
        case "break candidate":
            world.broken.add(CANDIDATE)
        case "mend candidate":
            world.broken.discard(CANDIDATE)
        case "gateway silent":
            world.gateway_answers = False
        case "gateway answers":
            world.gateway_answers = True
        case "prometheus away":
            world.measurable = False
        case "prometheus back":
            world.measurable = True
        case "abort":
            world.ask(abort=world.state.candidate.revision if world.state.candidate else "")
        case "retry":
            world.ask(retry=str(world.now))
    kill = int(event[-1]) if event.startswith("kill") else None
    world.tick(kill_after=kill)
    check(world)


@settings(max_examples=examples(25, thorough=60), deadline=None)
@given(st.lists(EVENTS, min_size=20, max_size=120), st.integers(1, 5))
def test_the_route_always_sums_to_100_and_names_only_living_revisions(events: list[str], replicas: int) -> None:
    """Whatever happens in whatever order, users are always routed to revisions that exist."""
    world = serving(replicas=replicas)
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)


@settings(max_examples=examples(20, thorough=40), deadline=None)
@given(st.lists(EVENTS, min_size=10, max_size=80))
def test_a_stable_revision_with_healthy_pods_is_never_lost(events: list[str]) -> None:
    """Stable and candidate are never both without pods, and the stable one keeps its full number."""
    world = serving(replicas=2)
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)
        stable = world.state.stable

        assert stable is not None
        assert world.replicas[stable.revision] == 2


def test_a_good_candidate_climbs_every_landing_and_is_promoted() -> None:
    """Weights rise 5, 25, 50, 100, over 1 and 99, and the former stable stays until its window ends."""
    world = serving()
    world.history.clear()
    world.change(CANDIDATE)
    world.run(40)

    assert [split.get(CANDIDATE, 0) for split in world.history] == [1, 5, 25, 50, 99, 100]
    assert world.state.stable.revision == CANDIDATE
    assert world.state.outcome.result is Result.PROMOTED
    assert STABLE in world.replicas

    world.run(30)

    assert STABLE not in world.replicas
    assert world.weights == {CANDIDATE: 100}


@pytest.mark.parametrize("seconds", range(2, 16, 2))
def test_a_breach_takes_all_traffic_back_from_any_stage(seconds: int) -> None:
    """From wherever the release stands, a breaching candidate ends at weight 0 and the release as rolled back."""
    world = serving()
    world.change(CANDIDATE)
    world.run(seconds)

    assert world.state.stable.revision == STABLE

    world.failing[CANDIDATE] = 0.5
    world.run(20)

    assert world.weights.get(CANDIDATE, 0) == 0
    assert world.state.outcome.result is Result.ROLLED_BACK
    assert world.state.outcome.revision == CANDIDATE
    assert world.state.stable.revision == STABLE


def test_weights_rise_until_a_breach_and_fall_to_zero_at_once() -> None:
    """There is no step down but the one to zero, over 1 %."""
    world = serving()
    world.history.clear()
    world.change(CANDIDATE)
    world.run(11)
    world.failing[CANDIDATE] = 0.5
    world.run(20)
    shares = [split.get(CANDIDATE, 0) for split in world.history]

    top = shares.index(max(shares))

    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top + 1] == 1
    assert not any(shares[top + 2 :])


@settings(max_examples=examples(25, thorough=60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3)), max_size=6), st.booleans())
def test_killing_the_operator_anywhere_changes_nothing_about_the_end(
    kills: list[tuple[int, int]], breaches: bool
) -> None:
    """A release with kills ends with the same revision, the same result and the same weights in the same order."""
    ends = []
    for killed in (False, True):
        world = serving()
        world.history.clear()
        world.change(CANDIDATE)
        if breaches:
            world.failing[CANDIDATE] = 0.2
        for second in range(60):
            kill = next((after for at, after in kills if at == second), None) if killed else None
            world.tick(kill_after=kill)
            check(world)
        ends.append((world.state.stable.revision, world.state.outcome.result, world.history))

    assert ends[0] == ends[1]


@pytest.mark.parametrize("seconds", range(4, 17, 2))
def test_a_new_process_gathers_the_same_evidence(seconds: int) -> None:
    """From the checkpoint in status and Prometheus' history: no look is lost and none is counted twice."""
    kept, lost = serving(), serving()
    for world in (kept, lost):
        world.change(CANDIDATE)
        world.failing[CANDIDATE] = 0.005
        world.run(seconds)
    lost.forget()
    for world in (kept, lost):
        world.run(1)

    assert lost.evidence == kept.evidence


@settings(max_examples=examples(20, thorough=40), deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_a_second_reconcile_with_nothing_new_writes_nothing(events: list[str]) -> None:
    """After the world has come to rest, another pass finds nothing to do."""
    world = serving()
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)

        assert not list(world.reconcile())


@settings(max_examples=examples(20, thorough=40), deadline=None)
@given(st.integers(0, 25))
def test_without_measurements_nothing_is_promoted_and_nothing_rolled_back(seconds: int) -> None:
    """Prometheus away: the weight stays where it is, for as long as it takes."""
    world = serving()
    world.change(CANDIDATE)
    world.run(seconds)
    world.measurable = False
    world.tick()
    before, stable = dict(world.weights), world.state.stable
    step = world.state.release.phase if world.state.release else None
    if step is not ReleasePhase.CANARY or world.state.release.traffic_since is None:
        return
    world.run(35)

    assert world.weights == before
    assert world.state.stable == stable
    assert world.state.release.phase is ReleasePhase.CANARY


def test_a_third_revision_supersedes_after_the_traffic_is_back_on_stable() -> None:
    """The route never goes from one candidate to another."""
    world = serving()
    world.history.clear()
    world.change(CANDIDATE)
    world.run(12)

    assert world.weights[CANDIDATE] > 0

    world.change(THIRD)
    world.run(60)
    between = [split for split in world.history if split.get(STABLE) == 100]

    assert between
    assert all(not (split.get(CANDIDATE) and split.get(THIRD)) for split in world.history)
    assert world.state.stable.revision == THIRD


def test_reverting_the_spec_ends_the_release_at_once() -> None:
    """The next pass after the revert routes everything to stable, and the object is at rest again."""
    world = serving()
    world.change(CANDIDATE)
    world.run(12)
    world.change(STABLE)
    world.run(2)

    assert world.weights.get(CANDIDATE, 0) == 0
    assert world.state.release is None
    assert world.state.outcome.result is Result.REVERTED


def test_reverting_to_the_warm_former_stable_needs_no_canary() -> None:
    """Within the rollback window the way back takes no start of a pod and no stage."""
    world = serving()
    world.change(CANDIDATE)
    world.run(25)

    assert world.state.stable.revision == CANDIDATE
    assert world.state.former is not None

    world.history.clear()
    world.change(STABLE)
    world.run(4)

    assert world.state.stable.revision == STABLE
    assert [split.get(STABLE, 0) for split in world.history] == [1, 99, 100]


def test_a_refused_revision_waits_for_a_retry() -> None:
    """After a rollback the same revision is not tried again by itself, and is when asked."""
    world = serving()
    world.change(CANDIDATE)
    world.failing[CANDIDATE] = 0.5
    world.run(25)
    world.run(30)

    assert world.state.release is None
    assert world.state.outcome.result is Result.ROLLED_BACK

    world.failing.clear()
    world.ask(retry="again")
    world.run(40)

    assert world.state.stable.revision == CANDIDATE
    assert world.state.handled == {"retry": "again"}


def test_a_promotion_request_skips_the_remaining_stages() -> None:
    """The candidate gets everything as soon as its pods can carry it."""
    world = serving()
    world.history.clear()
    world.change(CANDIDATE)
    world.run(4)
    world.ask(promote=CANDIDATE)
    world.run(5)

    assert world.state.stable.revision == CANDIDATE
    assert [split.get(CANDIDATE, 0) for split in world.history] == [1, 5, 99, 100]


def test_a_candidate_that_never_gets_ready_fails_at_its_deadline() -> None:
    """It never had traffic, and stable never noticed."""
    world = serving()
    world.history.clear()
    world.broken.add(CANDIDATE)
    world.change(CANDIDATE)
    world.run(70)

    assert world.state.outcome.result is Result.FAILED
    assert not [split for split in world.history if split.get(CANDIDATE)]


def test_a_candidate_whose_pods_die_loses_its_traffic_at_once() -> None:
    """No evidence is needed when nobody is there to answer."""
    world = serving()
    world.change(CANDIDATE)
    world.run(12)
    world.broken.add(CANDIDATE)
    world.tick()

    assert world.weights[CANDIDATE] == 0  # and not over 1 %: nobody there could answer that
    assert world.state.release is not None

    world.run(61)

    assert world.state.outcome.reason == "CandidateUnavailable"


def test_a_candidate_whose_pods_come_back_in_time_goes_on_with_its_stage() -> None:
    """A drained node takes the weight away and not the release: it comes back with the pods, over 1 %."""
    world = serving()
    world.change(CANDIDATE)
    world.run(12)
    cursor = world.state.release.cursor
    world.broken.add(CANDIDATE)
    world.run(20)
    world.broken.discard(CANDIDATE)
    world.history.clear()
    world.run(3)

    assert world.state.release.cursor == cursor
    assert [split[CANDIDATE] for split in world.history] == [1, world.state.release.stage.weight]

    world.run(40)

    assert world.state.stable.revision == CANDIDATE


def test_a_candidate_that_loses_its_pods_again_and_again_is_rolled_back() -> None:
    """The third loss in one stage ends the release, however quickly the pods come back each time."""
    world = serving(weights=(5,))
    world.measurable = True
    world.deployment = model_deployment(weights=(5,), progressDeadline="60s")
    world.change(CANDIDATE)
    world.run(4)
    for _ in range(3):
        world.broken.add(CANDIDATE)
        world.run(2)
        world.broken.discard(CANDIDATE)
        world.run(2)

    assert world.state.outcome.reason == "CandidateUnavailable"
    assert "3 times" in world.state.outcome.message


def test_pausing_holds_the_weight_and_resuming_goes_on() -> None:
    """Paused for longer than every stage, the weight is still the same."""
    world = serving()
    world.change(CANDIDATE)
    world.run(5)
    weight = world.weights[CANDIDATE]
    release = world.deployment.spec.release
    paused = release.model_copy(update={"paused": True})
    world.deployment = world.deployment.model_copy(
        update={"spec": world.deployment.spec.model_copy(update={"release": paused})}
    )
    world.run(60)

    assert world.weights[CANDIDATE] == weight

    world.deployment = world.deployment.model_copy(
        update={"spec": world.deployment.spec.model_copy(update={"release": release})}
    )
    world.run(40)

    assert world.state.stable.revision == CANDIDATE


def test_on_breach_hold_keeps_the_weight_for_a_person() -> None:
    """With onBreach: Hold a breach neither advances nor rolls back."""
    world = serving(onBreach="Hold")
    world.change(CANDIDATE)
    world.run(12)
    weight = world.weights[CANDIDATE]
    world.failing[CANDIDATE] = 0.5
    world.run(60)

    assert world.weights[CANDIDATE] == weight
    assert world.state.release.breach


def test_without_verdict_the_deadline_decides_as_the_spec_says() -> None:
    """onNoEvidence: Rollback takes the traffic back at maxDuration, not before."""
    world = serving(onNoEvidence="Rollback")
    world.requests_per_second = 0
    world.change(CANDIDATE)
    world.run(30)

    assert world.weights[CANDIDATE] == 5

    world.run(20)

    assert world.weights.get(CANDIDATE, 0) == 0
    assert world.state.outcome.reason == "NoEvidence"
