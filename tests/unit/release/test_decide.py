"""The rules of a release, each told as a story: what is asked for, what goes wrong, and what users get."""

import pytest

from palier.release.state import Result
from tests.support.release.examples import CANDIDATE, STABLE, THIRD
from tests.support.release.world import model_deployment, serving_world


def test_a_good_candidate_climbs_every_landing_and_is_promoted() -> None:
    """Weights rise 5, 25, 50, 100, over 1 and 99, and the former stable stays until its window ends."""
    world = serving_world()
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
    world = serving_world()
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
    world = serving_world()
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


def test_a_third_revision_supersedes_after_the_traffic_is_back_on_stable() -> None:
    """The route never goes from one candidate to another."""
    world = serving_world()
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
    world = serving_world()
    world.change(CANDIDATE)
    world.run(12)
    world.change(STABLE)
    world.run(2)

    assert world.weights.get(CANDIDATE, 0) == 0
    assert world.state.release is None
    assert world.state.outcome.result is Result.REVERTED


def test_reverting_to_the_warm_former_stable_needs_no_canary() -> None:
    """Within the rollback window the way back takes no start of a pod and no stage."""
    world = serving_world()
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
    world = serving_world()
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
    world = serving_world()
    world.history.clear()
    world.change(CANDIDATE)
    world.run(4)
    world.ask(promote=CANDIDATE)
    world.run(5)

    assert world.state.stable.revision == CANDIDATE
    assert [split.get(CANDIDATE, 0) for split in world.history] == [1, 5, 99, 100]


def test_a_candidate_that_never_gets_ready_fails_at_its_deadline() -> None:
    """It never had traffic, and stable never noticed."""
    world = serving_world()
    world.history.clear()
    world.broken.add(CANDIDATE)
    world.change(CANDIDATE)
    world.run(70)

    assert world.state.outcome.result is Result.FAILED
    assert not [split for split in world.history if split.get(CANDIDATE)]


def test_a_candidate_whose_pods_die_loses_its_traffic_at_once() -> None:
    """No evidence is needed when nobody is there to answer."""
    world = serving_world()
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
    world = serving_world()
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
    world = serving_world(weights=(5,))
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
    world = serving_world()
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
    world = serving_world(onBreach="Hold")
    world.change(CANDIDATE)
    world.run(12)
    weight = world.weights[CANDIDATE]
    world.failing[CANDIDATE] = 0.5
    world.run(60)

    assert world.weights[CANDIDATE] == weight
    assert world.state.release.breach


def test_without_verdict_the_deadline_decides_as_the_spec_says() -> None:
    """onNoEvidence: Rollback takes the traffic back at maxDuration, not before."""
    world = serving_world(onNoEvidence="Rollback")
    world.requests_per_second = 0
    world.change(CANDIDATE)
    world.run(30)

    assert world.weights[CANDIDATE] == 5

    world.run(20)

    assert world.weights.get(CANDIDATE, 0) == 0
    assert world.state.outcome.reason == "NoEvidence"
