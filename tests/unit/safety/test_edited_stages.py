"""Fault 4: a release keeps the plan that it began with, whatever becomes of the list of stages meanwhile."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import AGREEMENT, ERRORS, GOLDEN, ODD, SHADOW, Stage, canary, experiment
from tests.support.thorough import some_of

SLOW = tuple(canary(weight, least="10s", most="2m") for weight in (5, 25, 50))
EDITS: dict[str, list[Stage]] = {
    "the present weight is raised": [canary(60, least="10s", most="2m"), canary(70)],
    "the first stage is removed": [*SLOW[1:]],
    "two stages are removed": [*SLOW[2:]],
    "nothing is left": [],
    "only one other stage": [canary(99, least="0s")],
    "the present weight is lowered": [canary(1), *SLOW[1:]],
    "stages are added": [*SLOW, canary(75), canary(90)],
    "stages are added before": [canary(1), canary(2), canary(3), *SLOW],
    "an experiment instead": [experiment(80, duration="1s")],
    "shorter stays": [canary(weight, least="0s", most="1s") for weight in (5, 25, 50)],
}


def shares(life: Life, version: str) -> list[int]:
    """The shares of a version, in order, without repetitions and without those from before it had any."""
    found = [split.get(version, 0) for split in life.splits]
    return [share for number, share in enumerate(found) if share and (not number or found[number - 1] != share)]


def pinned(life: Life) -> list[int]:
    """The weights of the plan that the release began with."""
    return [weight for entry in life.release["plan"] if (weight := weight_in(entry))]


def weight_in(entry: object) -> int:
    """The weight of a stage of the plan; 0 where it has none."""
    if not isinstance(entry, dict):
        return 0
    if "weight" in entry:
        return int(entry["weight"])
    return max((weight_in(part) for part in entry.values()), default=0)


@pytest.mark.parametrize(
    ("edit", "restarted"),
    [*((edit, False) for edit in EDITS), *((edit, True) for edit in some_of(EDITS, one_in=3))],
)
async def test_an_edit_in_the_first_stage_moves_nothing(edit: str, restarted: bool) -> None:
    """Six pods would be needed for everybody and one is there: 5 % stay 5 %, then 25 and 50 follow."""
    life = await releasing(5, stages=SLOW, replicas=6)
    life.edit(stages=EDITS[edit])
    if restarted:
        life.restart()
    await life.run(5)
    assert life.share("2") == 5, life.story()

    await life.run(90)
    assert life.serving() == "2", life.story()
    assert shares(life, "2") == [1, 5, 25, 50, 99, 100]


@pytest.mark.parametrize("edit", some_of(EDITS, one_in=3))
async def test_an_edit_in_a_later_stage_moves_nothing(edit: str) -> None:
    """The same at 25 %."""
    life = await releasing(25, stages=SLOW, replicas=6)
    life.edit(stages=EDITS[edit])
    await life.run(90)

    assert life.serving() == "2", life.story()
    assert shares(life, "2") == [1, 5, 25, 50, 99, 100]


@pytest.mark.parametrize("edit", some_of(EDITS, one_in=3))
async def test_an_edit_between_two_stages_moves_nothing(edit: str) -> None:
    """The pods for 25 % are not ready yet, so that 5 % hold; the edit changes neither."""
    life = await releasing(5, stages=SLOW, replicas=6)
    life.most_ready["2"] = 1
    await life.run(20)
    assert life.share("2") == 5
    life.edit(stages=EDITS[edit])
    await life.run(5)
    assert life.share("2") == 5, life.story()

    life.most_ready.clear()
    await life.run(90)
    assert shares(life, "2") == [1, 5, 25, 50, 99, 100], life.story()


@pytest.mark.parametrize("edit", some_of(EDITS, one_in=3))
async def test_an_edit_before_any_traffic_moves_nothing(edit: str) -> None:
    """The release has begun: its plan is that of its beginning, also while its pods come up."""
    life = await serving(stages=SLOW, replicas=6)
    life.most_ready["2"] = 0
    life.ask_for("2", stages=SLOW, replicas=6)
    await life.run(3)
    life.edit(stages=EDITS[edit])
    life.most_ready.clear()
    await life.run(100)

    assert shares(life, "2") == [1, 5, 25, 50, 99, 100], life.story()


WIDER = {"shadow": {**SHADOW["shadow"], "percent": 60}}


@pytest.mark.parametrize("stages", [[SHADOW, canary(50)], [SHADOW], [WIDER, canary(70)]])
async def test_the_tests_before_users_stay_in_the_plan(stages: Sequence[Stage]) -> None:
    """The golden answers are removed while they are given: the candidate still has to pass them, then the shadow."""
    changes: dict[str, Any] = {"stages": (GOLDEN, SHADOW, canary(50)), "objectives": (ERRORS, AGREEMENT)}
    life = await serving(**changes)
    life.ask_for("2", **changes)
    await life.run(3)
    assert life.release["step"] == "Examining", life.story()
    life.edit(stages=list(stages))
    seen = []
    while life.release and life.elapsed < 120:
        if life.status["stage"] not in seen:
            seen.append(life.status["stage"])
        await life.run(1)

    assert [stage for stage in seen if stage.startswith(("Golden", "Shadow", "Canary"))] == [
        "Golden",
        "Shadow 20",
        "Canary 50",
    ]
    assert life.serving() == "2", life.story()


async def test_the_plan_is_told() -> None:
    """What is pinned stands in the status, with the place where the release is."""
    life = await releasing(5, stages=SLOW)
    assert pinned(life) == [5, 25, 50]
    first = life.release["cursor"]
    assert weight_in(life.release["plan"][first]) == 5
    life.edit(stages=[canary(90)])
    await life.until("2", 25)

    assert pinned(life) == [5, 25, 50]
    assert life.release["cursor"] == first + 1


@pytest.mark.parametrize("edit", ["only one other stage", "nothing is left", "stages are added before"])
async def test_the_next_release_uses_the_new_list(edit: str) -> None:
    """What was edited meanwhile holds from the next release on."""
    life = await releasing(5, stages=SLOW)
    life.edit(stages=EDITS[edit])
    await life.run(90)
    assert shares(life, "2") == [1, 5, 25, 50, 99, 100], life.story()
    life.ask_for("3", stages=EDITS[edit])
    await life.run(150)

    expected = {
        "only one other stage": [1, 99, 100],
        "nothing is left": [1, 99, 100],
        "stages are added before": [1, 2, 3, 5, 25, 50, 99, 100],
    }
    assert shares(life, "3") == expected[edit], life.story()


async def test_the_next_try_of_the_same_revision_uses_the_new_list() -> None:
    """A release that was rolled back is over, and so is its plan."""
    life = await releasing(25, stages=SLOW)
    life.edit(stages=[canary(10), canary(20)])
    life.fails["2"] = 0.5
    await life.run(6)
    assert life.outcome[1] == "RolledBack", life.story()
    life.fails.clear()
    life.annotate(retry="now")
    tried = len(life.splits)
    await life.run(60)

    assert [split.get("2", 0) for split in life.splits[tried:]] == [1, 10, 20, 99, 100], life.story()


async def test_stricter_objectives_count_at_once() -> None:
    """A candidate that answers one request in ten oddly may do so until somebody says that it may not."""
    life = await serving(stages=SLOW)
    life.odd["2"] = 0.1
    life.ask_for("2", stages=SLOW)
    await life.until("2", 25)
    life.promise(ERRORS, ODD)
    await life.run(20)

    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()
    assert life.share("1") == 100


async def test_looser_objectives_count_at_once() -> None:
    """A held breach is none any more when nobody minds it; the stages are still those of the beginning."""
    life = await serving(stages=SLOW, onBreach="Hold", objectives=(ERRORS, ODD))
    life.odd["2"] = 0.1
    life.ask_for("2", stages=SLOW, onBreach="Hold", objectives=(ERRORS, ODD))
    await life.until("2", 5)
    await life.run(10)
    assert life.said("Ready")["reason"] == "ObjectiveBreached", life.story()
    life.promise(ERRORS)
    await life.run(120)

    assert life.serving() == "2", life.story()
    assert shares(life, "2") == [1, 5, 25, 50, 99, 100]


async def test_a_stricter_objective_and_another_list_at_once() -> None:
    """An edit of both is judged by the new objective at the old weight."""
    life = await serving(stages=SLOW)
    life.odd["2"] = 0.1
    life.ask_for("2", stages=SLOW)
    await life.until("2", 5)
    life.ask_for("2", stages=[canary(60, least="0s")], objectives=(ERRORS, ODD))
    await life.run(60)

    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()
    assert max(shares(life, "2")) == 5
