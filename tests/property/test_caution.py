"""Properties of caution over random fates of a release: how far a share goes down, how often, and who raises it."""

from collections.abc import Mapping

from hypothesis import event, given, settings
from hypothesis import strategies as st

from palier.evidence.stepping import LEAST_WEIGHT, MOST_STEPS, is_cleared
from palier.measuring.sources import MeasuredObjective
from palier.release.rules import measured_objectives
from palier.release.state import Release
from tests.support.release.examples import CANDIDATE, STABLE
from tests.support.release.world import World, serving_world
from tests.support.thorough import examples

STAGES = [{"canary": {"weight": weight, "minDuration": "30s", "maxDuration": "90s"}} for weight in (20, 50)]
FATES = st.sampled_from(
    [("time", seconds) for seconds in (1, 2, 5, 8, 15, 15)]
    + [("spell", share) for share in (0.02, 0.05, 0.1, 0.3, 1.0)] * 2
    + [("well", 0.0)] * 10
    + [("break", 0), ("heal", 0), ("silent", 0), ("answers", 0), ("away", 0), ("back", 0), ("kill", 1), ("kill", 2)]
)


def happens(world: World, what: str, number: float) -> None:
    """One thing happens; then a second passes, or some."""
    match what:
        case "spell" | "well":
            world.failing[CANDIDATE] = number
        case "break":
            world.broken.add(CANDIDATE)
        case "heal":
            world.broken.discard(CANDIDATE)
        case "silent" | "answers":
            world.gateway_answers = what == "answers"
        case "away" | "back":
            world.measurable = what == "back"
        case _:
            pass


def measured(world: World) -> Mapping[str, MeasuredObjective]:
    """The objectives by their names."""
    return {objective.rule.name: objective for objective in measured_objectives(world.deployment)}


def check_step(world: World, before: Release | None, weight: int) -> None:
    """What must hold from one second to the next.

    Args:
        world: as it is now.
        before: the release a second ago.
        weight: the candidate's share then.
    """
    release, share = world.state.release, world.weights.get(CANDIDATE, 0)
    if release is None or before is None or release.started_at != before.started_at:
        return
    assert release.steps_down <= MOST_STEPS
    assert release.cursor > before.cursor or release.steps_down - before.steps_down in {0, 1}
    if release.ending:
        # Within the second in which it ends, a candidate whose pods have just come back may have got the least share.
        assert share <= (weight if before.ending else max(weight, LEAST_WEIGHT))
        return
    if release.cautious_since is not None:
        assert share <= LEAST_WEIGHT, f"{share} % for a suspected candidate"
        assert release.cursor == before.cursor, "a suspected candidate has passed its stage"
        assert release.steps_down >= 1
    elif before.cautious_since is not None:
        assert before.steps_down < MOST_STEPS, "it is up again after the last step down"
        objectives = measured(world)
        assert all(is_cleared(world.evidence[name], one.rule) for name, one in objectives.items() if world.evidence)
        assert all(evidence.caution.suspicion is None for evidence in release.evidence.values())


@settings(max_examples=examples(40, thorough=200), deadline=None)
@given(st.lists(FATES, min_size=5, max_size=40), st.integers(2, 3))
def test_a_share_goes_down_twice_at_most_and_up_only_when_cleared(fates: list[tuple[str, float]], pods: int) -> None:
    """Whatever fails, dies or keeps silent: 1 % while it is suspected, and no stage is passed meanwhile."""
    world = serving_world(replicas=pods, stages=STAGES)
    world.requests_per_second = 4000
    world.change(CANDIDATE)
    world.run(3)
    for what, number in fates:
        happens(world, what, number)
        for _ in range(int(number) if what == "time" else 1):
            before, weight = world.state.release, world.weights.get(CANDIDATE, 0)
            world.tick(kill_after=int(number) if what == "kill" else None)
            check_step(world, before, weight)
    outcome, release = world.state.outcome, world.state.release
    event(f"{outcome.result if outcome else ''} {release.steps_down if release else ''}")


@settings(max_examples=examples(20, thorough=100), deadline=None)
@given(st.floats(0.03, 0.3), st.integers(1, 3), st.integers(1, 2))
def test_one_spell_ends_no_release(share: float, seconds: int, kill: int) -> None:
    """Who was bad until its share went down, and is well from then on, gets it back and becomes stable."""
    world = serving_world(stages=STAGES)
    world.requests_per_second = 4000
    world.change(CANDIDATE)
    world.run(4)
    assert world.weights[CANDIDATE] == 20
    world.failing[CANDIDATE] = share
    for _ in range(seconds):
        world.tick(kill_after=kill)
        if world.weights.get(CANDIDATE, 0) <= LEAST_WEIGHT:
            break
    world.failing.clear()
    world.run(120)

    assert world.state.outcome is not None
    assert world.state.stable is not None
    assert world.state.stable.revision == CANDIDATE, world.state.outcome
    assert world.weights.get(STABLE, 0) == 0
