"""Properties of whole releases, over random fates of pods, gateway, Prometheus, people and the operator itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.release.state import ReleasePhase
from tests.support.release.examples import CANDIDATE, STABLE, THIRD
from tests.support.release.world import World, serving_world
from tests.support.thorough import examples


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
        "heal candidate",
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
        case "heal candidate":
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
    world = serving_world(replicas=replicas)
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)


@settings(max_examples=examples(20, thorough=40), deadline=None)
@given(st.lists(EVENTS, min_size=10, max_size=80))
def test_a_stable_revision_with_healthy_pods_is_never_lost(events: list[str]) -> None:
    """Stable and candidate are never both without pods, and the stable one keeps its full number."""
    world = serving_world(replicas=2)
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)
        stable = world.state.stable

        assert stable is not None
        assert world.replicas[stable.revision] == 2


@settings(max_examples=examples(25, thorough=60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3)), max_size=6), st.booleans())
def test_killing_the_operator_anywhere_changes_nothing_about_the_end(
    kills: list[tuple[int, int]], breaches: bool
) -> None:
    """A release with kills ends with the same revision, the same result and the same weights in the same order."""
    ends = []
    for killed in (False, True):
        world = serving_world()
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
    kept, lost = serving_world(), serving_world()
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
    world = serving_world()
    world.change(CANDIDATE)
    for event in events:
        apply(world, event)

        assert not list(world.reconcile())


@settings(max_examples=examples(20, thorough=40), deadline=None)
@given(st.integers(0, 25))
def test_without_measurements_nothing_is_promoted_and_nothing_rolled_back(seconds: int) -> None:
    """Prometheus away: the weight stays where it is, for as long as it takes."""
    world = serving_world()
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
