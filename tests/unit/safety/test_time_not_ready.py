"""Fault 5: the progress deadline counts the time in which pods are not ready, and no other time."""

from typing import Any

import pytest

from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import canary

STAGES = (canary(20, least="5s", most="30m"), canary(50, least="5s", most="30m"))
HOURS = 2 * 3600


async def wait_long(life: Life) -> None:
    """Two hours pass; the operator has a pass every minute."""
    for _ in range(HOURS // 60):
        life.tick(60)
        await life.look()
        await life.settle()


async def blink(life: Life, *, seconds: int = 1, least: int = 0) -> None:
    """The candidate's pods are not ready for a moment, or all but the least number of them."""
    life.most_ready["2"] = least
    await life.run(seconds)
    life.most_ready.clear()
    await life.run(3)


async def test_after_a_pause_before_any_traffic() -> None:
    """The pods were ready for two hours while a person had paused the release: one blink does not end it."""
    life = await serving(stages=STAGES)
    life.ask_for("2", stages=STAGES, paused=True)
    await life.run(5)
    await wait_long(life)
    await blink(life)
    assert life.release, life.story()

    life.edit(paused=False)
    await life.run(60)
    assert life.serving() == "2", life.story()


async def test_after_prometheus_was_away() -> None:
    """Nobody could judge the candidate, so it waited for its first users; its pods were ready all the time."""
    life = await serving(stages=STAGES)
    life.source.away = True
    life.ask_for("2", stages=STAGES)
    await life.run(5)
    assert life.share("2") == 0
    await wait_long(life)
    await blink(life)
    assert life.release, life.story()

    life.source.away = False
    await life.run(60)
    assert life.serving() == "2", life.story()


@pytest.mark.parametrize("stage", [20, 50])
async def test_after_a_silent_gateway(stage: int) -> None:
    """The weight of the stage was written and not taken over for two hours; one pod of several blinks."""
    changes: dict[str, Any] = {"stages": STAGES, "replicas": 6}
    life = await (serving(**changes) if stage == 20 else releasing(20, **changes))
    life.gateways_answer = False
    if stage == 20:
        life.ask_for("2", **changes)
    await life.run(20)
    assert life.release["step"] == "Canary", life.story()
    await wait_long(life)
    await blink(life, least=1)
    assert life.release, life.story()

    life.gateways_answer = True
    await life.run(60)
    assert life.serving() == "2", life.story()


async def test_after_a_long_stage() -> None:
    """Traffic for two hours, and the pods for the next stage blink as they come: it is taken all the same."""
    life = await releasing(20, stages=STAGES, replicas=6)
    life.edit(paused=True)
    await wait_long(life)
    life.edit(paused=False)
    await blink(life, least=2)
    await blink(life, least=1)
    assert life.release, life.story()

    await life.run(60)
    assert life.serving() == "2", life.story()


async def test_after_a_pause_in_a_canary() -> None:
    """A pause with traffic counts as little as one without."""
    life = await releasing(20, stages=STAGES)
    life.edit(paused=True)
    await wait_long(life)
    await blink(life, seconds=10)
    assert life.release, life.story()
    assert life.outcome[1] == "Promoted", "that is the outcome of the release before"


async def test_blinks_do_not_add_up() -> None:
    """A pod that is away for five seconds every minute is never away for half a minute."""
    life = await serving(stages=STAGES)
    life.ask_for("2", stages=STAGES, paused=True)
    await life.run(5)
    for _ in range(20):
        await blink(life, seconds=5)
        await life.run(50)

    assert life.release, life.story()


@pytest.mark.parametrize("restarted", [False, True])
async def test_pods_that_never_come_up_end_it(restarted: bool) -> None:
    """Half a minute without them is the deadline, also for an operator that started anew meanwhile."""
    life = await serving(stages=STAGES)
    life.most_ready["2"] = 0
    life.ask_for("2", stages=STAGES)
    await life.run(25)
    assert life.release, life.story()
    if restarted:
        life.restart()
    await life.run(10)

    assert life.outcome == ("2", "Failed", "CandidateNotReady"), life.story()
    assert life.share("1") == 100


async def test_pods_that_go_away_for_good_end_it() -> None:
    """They were ready for two hours and are away for longer than the deadline."""
    life = await serving(stages=STAGES)
    life.ask_for("2", stages=STAGES, paused=True)
    await life.run(5)
    await wait_long(life)
    life.most_ready["2"] = 0
    await life.run(20)
    assert life.release, life.story()
    await life.run(20)

    assert life.outcome == ("2", "Failed", "CandidateNotReady"), life.story()


async def test_more_pods_that_never_come_up_end_it() -> None:
    """The pods of the next stage: the share of the last one stays until the deadline, then it is taken back."""
    life = await releasing(20, stages=STAGES, replicas=6)
    life.most_ready["2"] = 2
    await life.run(25)
    assert life.share("2") == 20
    await life.run(30)

    assert life.outcome == ("2", "RolledBack", "CandidateNotReady"), life.story()
    assert life.share("1") == 100
