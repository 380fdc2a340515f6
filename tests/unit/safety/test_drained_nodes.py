"""Fault 6: pods that go away with their node take the traffic with them, and do not end the release."""

import pytest

from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import canary

STAGES = (canary(5, least="10s", most="10m"), canary(50, least="10s", most="10m"))


async def evict(life: Life, *versions: str) -> None:
    """All pods of these versions go, and the operator has one pass."""
    for version in versions:
        life.most_ready[version] = 0
    life.tick(1)
    await life.look()
    await life.one_pass()


@pytest.mark.parametrize("share", [5, 50])
async def test_the_weight_goes_at_once(share: int) -> None:
    """The candidate's pods are evicted: in one pass next to nobody is sent there, half a second later nobody."""
    life = await releasing(share, stages=STAGES)
    await evict(life, "2")
    assert life.share("2") <= 1, life.story()
    life.tick(0.6)
    await life.one_pass()

    assert life.share("2") == 0, life.story()
    assert life.share("1") == 100


@pytest.mark.parametrize("share", [5, 50])
@pytest.mark.parametrize("away", [1, 20, 50])
async def test_the_release_goes_on_when_the_pods_are_back(share: int, away: int) -> None:
    """Within the minute of grace: the stage begins again with its traffic, and the candidate is promoted."""
    life = await releasing(share, stages=STAGES)
    began = life.release["startedAt"]
    await evict(life, "2")
    await life.run(away)
    assert life.release.get("startedAt") == began, life.story()
    assert life.share("2") == 0
    life.most_ready.clear()
    await life.until("2", share, within=5)
    back = life.elapsed
    await life.run(8)
    assert life.share("2") == share, f"the stage's time begins with its traffic, {life.elapsed - back} s ago"

    await life.run(90)
    assert life.serving() == "2", life.story()


async def test_the_weight_returns_only_onto_ready_pods() -> None:
    """Of the three pods that 50 % need only one is back: it does not get the share of three."""
    life = await releasing(50, stages=STAGES, replicas=6)
    await evict(life, "2")
    await life.run(5)
    life.most_ready["2"] = 1
    await life.run(10)
    assert life.share("2") <= 5, life.story()

    life.most_ready.clear()
    await life.until("2", 50, within=20)


async def test_a_candidate_that_stays_away_is_rolled_back() -> None:
    """After a minute it is no eviction any more."""
    life = await releasing(50, stages=STAGES)
    await evict(life, "2")
    await life.run(50)
    assert life.release, life.story()
    await life.run(20)

    assert life.outcome == ("2", "RolledBack", "CandidateUnavailable"), life.story()
    assert life.share("1") == 100


@pytest.mark.parametrize(("grace", "ended", "goes_on"), [("5s", 10, 2), ("3m", 200, 150)])
async def test_the_grace_is_the_owners_choice(grace: str, ended: int, goes_on: int) -> None:
    """`candidateGrace` says how long its pods may be away."""
    for seconds in (goes_on, ended):
        life = await releasing(50, stages=STAGES, candidateGrace=grace)
        await evict(life, "2")
        await life.run(seconds)
        if seconds == ended:
            assert life.outcome == ("2", "RolledBack", "CandidateUnavailable"), life.story()
        else:
            assert life.release, life.story()
        assert life.share("2") == 0


async def test_the_grace_outlives_the_operator() -> None:
    """An operator that starts anew in the middle of it does not give another minute."""
    life = await releasing(50, stages=STAGES)
    await evict(life, "2")
    for _ in range(7):
        await life.run(10)
        life.restart()
    await life.run(1)

    assert life.outcome == ("2", "RolledBack", "CandidateUnavailable"), life.story()


async def test_a_second_eviction_has_its_own_grace() -> None:
    """Two nodes are drained one after the other, each for forty seconds."""
    life = await releasing(50, stages=STAGES)
    for _ in range(2):
        await evict(life, "2")
        await life.run(40)
        life.most_ready.clear()
        await life.until("2", 50, within=10)

    assert life.release, life.story()


@pytest.mark.parametrize("away", [2, 30, 90])
async def test_when_both_versions_are_gone_nothing_is_refused(away: int) -> None:
    """The whole pool of nodes was away: that says nothing about the candidate."""
    life = await releasing(50, stages=STAGES)
    began = life.release["startedAt"]
    await evict(life, "1", "2")
    await life.run(away)
    life.most_ready.clear()
    await life.run(5)
    assert life.release.get("startedAt") == began, life.story()

    await life.run(120)
    assert life.serving() == "2", life.story()


async def test_in_promotion_too() -> None:
    """The last step before everybody: its pods go and come back, and the promotion is completed."""
    life = await serving(stages=STAGES[1:], replicas=4, progressDeadline="10m")
    life.most_ready["2"] = 2
    life.ask_for("2", stages=STAGES[1:], replicas=4, progressDeadline="10m")
    await life.until("2", 50)
    await life.run(20)
    assert life.release["step"] == "Promoting", life.story()
    await evict(life, "2")
    life.tick(0.6)
    await life.one_pass()
    assert life.share("2") == 0, life.story()
    await life.run(20)
    assert life.release, life.story()

    life.most_ready.clear()
    await life.run(60)
    assert life.serving() == "2", life.story()


@pytest.mark.parametrize("policy", [{}, {"onStableUnavailable": "Hold"}])
async def test_a_stable_version_without_pods_holds_the_weights(policy: dict[str, str]) -> None:
    """A healthy candidate stands beside it: nobody moves, and the status says loudly where the pods are."""
    life = await releasing(50, stages=STAGES, **policy)
    await evict(life, "1")
    await life.run(30)

    assert (life.share("1"), life.share("2")) == (50, 50), life.story()
    available = life.said("Available")
    assert (available["status"], available["reason"]) == ("False", "StableUnavailable")
    assert life.revisions["2"] in available["message"], "the message names the candidate that is healthy"

    life.most_ready.clear()
    await life.run(60)
    assert life.serving() == "2", life.story()


async def test_everybody_may_be_sent_to_the_candidate() -> None:
    """Where the spec says so the healthy candidate takes all of it, until stable is back."""
    life = await releasing(50, stages=STAGES, onStableUnavailable="SendToCandidate")
    await evict(life, "1")
    assert life.share("2") >= 99, life.story()
    life.tick(0.6)
    await life.one_pass()
    assert life.share("2") == 100, life.story()
    await life.run(30)
    assert life.share("2") == 100, life.story()
    assert life.serving() == "1", "it is not promoted by that"

    life.most_ready.clear()
    await life.until("2", 50, within=5)
    await life.run(60)
    assert life.serving() == "2", life.story()


async def test_a_candidate_before_its_traffic_is_sent_nobody() -> None:
    """It has not been met by anybody yet, so it takes over from nobody."""
    life = await serving(stages=STAGES, onStableUnavailable="SendToCandidate")
    life.ask_for("2", stages=STAGES, onStableUnavailable="SendToCandidate", paused=True)
    await life.run(5)
    await evict(life, "1")
    await life.run(5)

    assert life.share("2") == 0, life.story()


async def test_a_breach_goes_before_an_unavailable_stable_version() -> None:
    """Once stable is back, everybody returns to it from a candidate that fails."""
    life = await releasing(50, stages=STAGES, onStableUnavailable="SendToCandidate")
    await evict(life, "1")
    await life.run(3)
    life.fails["2"] = 0.5
    await life.run(3)
    life.most_ready.clear()
    await life.run(5)

    assert life.share("1") == 100, life.story()
    assert life.outcome[:2] == ("2", "RolledBack"), life.story()
