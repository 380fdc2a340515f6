"""Fault 12: who is merely suspected meets fewer users until more is known, and who is well again gets them back.

A life is told second by second: what the version fails, and which share of the users it has.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from palier.api.constants import KIND
from palier.errors import Conflict, Unavailable
from tests.support.safety.life import Life, releasing
from tests.support.safety.specs import ERRORS, canary, experiment

STAGES = (canary(25, least="20s", most="90s"), canary(50, least="3s", most="40s"))
SPELL = 0.05
"""Share of requests that fail in a bad spell; the objective allows 1 %."""


async def cautious(**changes: Any) -> Life:  # noqa: ANN401 - arguments of `written`
    """A life whose version 2 was at 25 % and is suspected after a bad spell of two seconds."""
    life = await releasing(25, stages=STAGES, **changes)
    life.fails["2"] = SPELL
    await life.run(2)
    life.fails["2"] = 0.0
    assert life.share("2") == 1, life.story()
    return life


def rises(life: Life, *, since: int = 0) -> list[int]:
    """The shares of version 2, without repetitions."""
    found = [split.get("2", 0) for split in life.splits[since:]]
    return [share for number, share in enumerate(found) if not number or found[number - 1] != share]


def events(life: Life) -> list[str]:
    """Reasons of the Events that tell of caution, in order."""
    return [reason for _, reason, _ in life.cluster.events if reason in {"Cautious", "Cleared"}]


async def test_a_bad_spell_costs_a_release_some_time_and_nothing_else() -> None:
    """Down to 1 %, cleared by fresh requests, back to the stage's share, and promoted in the end."""
    life = await cautious()
    assert life.status["stage"] == "Cautious"
    assert "Cautious" in life.words(), life.story()
    assert life.release["stepsDown"] == 1

    await life.until("2", 25, within=30)
    assert events(life) == ["Cautious", "Cleared"]
    await life.run(60)

    assert life.serving() == "2", life.story()
    assert rises(life) == [0, 1, 25, 1, 25, 50, 99, 100] or rises(life) == [0, 25, 1, 25, 50, 99, 100], rises(life)


async def test_it_stays_at_one_percent_after_a_second_spell() -> None:
    """No third one is possible, and no share goes up and down again and again; the spec decides at the deadline."""
    life = await cautious()
    await life.until("2", 25, within=30)
    life.fails["2"] = SPELL
    await life.until("2", 1, within=4)
    life.fails["2"] = 0.0
    since = len(life.splits)

    for _ in range(60):
        await life.run(1)
        assert life.share("2") == 1, life.story()
    assert life.release["stepsDown"] == 2
    assert events(life) == ["Cautious", "Cleared", "Cautious"]
    assert "stays at 1 % after 2 steps down" in life.words(), life.story()

    await life.run(40)
    assert life.said("Ready")["reason"] == "DeadlineWithoutEvidence", life.story()
    assert rises(life, since=since) == [], life.story()
    life.edit(onNoEvidence="Rollback")
    await life.run(5)
    assert life.outcome == ("2", "RolledBack", "NoEvidence"), life.story()


async def test_the_next_stage_forgets_the_spells_of_the_last_one() -> None:
    """Each stage has two steps of its own."""
    life = await cautious()
    await life.until("2", 50, within=90)
    assert "stepsDown" not in life.release, life.story()
    life.fails["2"] = SPELL
    await life.run(2)
    life.fails["2"] = 0.0
    assert life.share("2") == 1, life.story()
    await life.until("2", 50, within=30)
    await life.run(40)

    assert life.serving() == "2", life.story()


@pytest.mark.parametrize("stages", [STAGES, (experiment(50, duration="60s"),)], ids=["canary", "experiment"])
async def test_a_version_that_stays_bad_goes(stages: Any) -> None:  # noqa: ANN401
    """It never has more than 1 % again, and fresh requests confirm what it was suspected of."""
    life = await releasing(stages[0].get("canary", stages[0].get("experiment"))["weight"], stages=stages)
    life.fails["2"] = SPELL
    await life.until("2", 1, within=3)
    since = len(life.splits)
    await life.run(30)

    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()
    assert max(rises(life, since=since)) <= 1


async def test_a_dead_version_is_down_within_one_look() -> None:
    """In the look that has seen its sixth failure it has 1 %, and nothing soon after the next one."""
    life = await releasing(25, stages=STAGES)
    life.fails["2"] = 1.0
    life.tick(1)
    await life.look()
    await life.settle()
    assert life.share("2") <= 1, life.story()

    await life.run(3)
    assert life.share("2") == 0, life.story()
    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()


@pytest.mark.parametrize("bad", [False, True], ids=["a spell", "bad"])
async def test_restarts_change_nothing(*, bad: bool) -> None:
    """An operator that starts anew in every second, or never, gives the same shares and comes to the same end."""
    ends = []
    for restarts in (False, True):
        life = await releasing(25, stages=STAGES)
        life.fails["2"] = SPELL
        for second in range(70):
            if second == 2 and not bad:
                life.fails["2"] = 0.0
            await life.run(1)
            if restarts:
                life.restart()
                await life.settle()
        ends.append((rises(life), life.serving(), life.outcome, events(life)))

    assert ends[0] == ends[1]


@pytest.mark.parametrize("error", [Conflict, Unavailable])
async def test_a_memory_that_is_refused_ends_a_breach_all_the_same(error: type[Conflict | Unavailable]) -> None:
    """The share goes down, the status cannot tell why, and the next pass takes the version back for good."""
    life = await releasing(25, stages=STAGES)
    life.cluster.refuse(KIND, "status", error("not now"))
    life.fails["2"] = 0.5
    await life.run(4)
    assert life.share("2") == 0, life.story()

    life.cluster.refused.clear()
    life.fails["2"] = 0.0
    await life.run(30)
    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()


async def test_a_memory_that_is_refused_raises_no_share() -> None:
    """What was lowered for a suspicion stays down until the suspicion can be written, and is cleared then."""
    life = await releasing(25, stages=STAGES)
    life.cluster.refuse(KIND, "status", Unavailable("not now"))
    life.fails["2"] = 0.02
    await life.until("2", 1, within=4)
    since = len(life.splits)
    life.fails["2"] = 0.0
    await life.run(1)
    life.cluster.refused.clear()
    await life.run(1)
    assert rises(life, since=since) == [], life.story()
    assert life.release["stepsDown"] == 1, life.story()

    await life.run(100)
    assert life.serving() == "2", life.story()


class Deaf(Life):
    """A life whose API server writes a status and does not answer, as often as it is told."""

    silent = 0

    def deafen(self, times: int) -> None:
        """The next writes of the status are made, and nobody hears of it."""
        self.silent = times
        written = self.cluster.apply_status

        async def apply_status(manifest: Mapping[str, Any]) -> dict[str, Any]:
            found = await written(manifest)
            if self.silent:
                self.silent -= 1
                raise Unavailable("no answer")
            return found

        self.cluster.apply_status = apply_status  # type: ignore[method-assign]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_memory_that_is_written_unheard(times: int) -> None:
    """The status says that it is suspected, and the looks were not told: nobody raises the share for that."""
    found = await releasing(25, stages=STAGES)
    life = await found.twin()
    life.__class__ = Deaf
    assert isinstance(life, Deaf)
    life.fails["2"] = 0.03
    life.deafen(times)
    await life.until("2", 1, within=4)
    since = len(life.splits)
    await life.run(1)
    life.fails["2"] = 0.0
    assert rises(life, since=since) == [], life.story()
    await life.until("2", 25, within=60)
    assert life.release["stepsDown"] == 1, life.story()


async def test_a_person_holds_breaches() -> None:
    """With `onBreach: Hold` nothing lowers the share."""
    life = await releasing(25, stages=STAGES, onBreach="Hold")
    life.fails["2"] = 0.5
    await life.run(20)

    assert life.share("2") == 25, life.story()
    assert events(life) == []


async def test_an_objective_that_is_edited_keeps_nobody_down() -> None:
    """What it was suspected of is not asked any more: it is judged anew by the new question, with its share."""
    life = await releasing(25, stages=STAGES)
    life.fails["2"] = SPELL
    await life.until("2", 1, within=3)
    await life.run(2)
    assert life.share("2") == 1, life.story()
    life.fails["2"] = 0.0
    life.promise({**ERRORS, "errorRate": {"maxPercent": "10"}})
    await life.until("2", 25, within=4)

    assert life.release["stepsDown"] == 1
    assert events(life) == ["Cautious", "Cleared"]


async def test_pods_that_go_and_come_back() -> None:
    """Without any pod it has nothing, and with them it has 1 % again, as suspect as before."""
    life = await releasing(25, stages=STAGES)
    life.fails["2"] = SPELL
    await life.until("2", 1, within=3)
    life.fails["2"] = 0.0
    life.most_ready["2"] = 0
    await life.run(2)
    assert life.share("2") == 0, life.story()
    since = len(life.splits)
    del life.most_ready["2"]
    await life.until("2", 25, within=60)

    assert rises(life, since=since)[0] == 1, life.story()


async def test_a_person_promotes() -> None:
    """Who asks for everything gets it in spite of a suspicion."""
    life = await cautious()
    life.annotate(promote=life.revisions["2"])
    await life.run(20)

    assert life.serving() == "2", life.story()


def forgetful(obj: dict[str, Any]) -> dict[str, Any]:
    """An object as the API server keeps it whose CRD knows nothing of caution."""
    release = obj.get("status", {}).get("release") if obj["kind"] == KIND else None
    for part, names in (
        (release or {}, ("cautiousSince", "stepsDown")),
        *((one, ("caution",)) for one in _kept(release)),
    ):
        for name in names:
            part.pop(name, None)
    return obj


def _kept(release: dict[str, Any] | None) -> list[dict[str, Any]]:
    return list((release or {}).get("evidence", ()))


@pytest.mark.parametrize("fails", [1.0, SPELL])
async def test_an_older_crd_keeps_no_bad_version(fails: float) -> None:
    """What is dropped cannot be remembered, so the share goes up and down, and the version goes all the same."""
    life = await releasing(25, stages=STAGES)
    life.cluster.mutate = forgetful
    life.fails["2"] = fails
    await life.run(30)

    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()
