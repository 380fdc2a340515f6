"""Fault 9: what serves is known from what exists; an unjudged version never becomes stable because memory is gone."""

import copy
from typing import Any

import pytest

from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import canary

STAGES = (canary(25, least="10s", most="10m"), canary(50, least="10s", most="10m"))
RISING = [1, 25, 50, 99, 100]


def shares(life: Life, version: str, *, since: int) -> list[int]:
    """The shares of a version from a position on, without repetitions."""
    found = [split.get(version, 0) for split in life.splits[since:]]
    return [share for number, share in enumerate(found) if share and (not number or found[number - 1] != share)]


async def nobody_loses(life: Life, *, seconds: int = 60) -> None:
    """For a while version 2, which fails half of its requests, gets no more than it had, and 1 keeps the rest.

    It may be tried anew by its stages, and then it is rolled back; it is never stable.
    """
    had, since = life.share("2"), len(life.splits)
    for _ in range(seconds):
        await life.run(1)
        assert life.serving() != "2", life.story()
        assert life.share("2") <= max(had, 25), life.story()
    assert all(split.get("1", 0) >= 50 for split in life.splits[since:]), life.splits[since:]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("lost", ["status", "stable", "release", "stable and release"])
async def test_a_status_that_is_deleted_in_mid_canary(lost: str, *, restarted: bool) -> None:
    """An unjudged candidate at 25 % is not taken for the first revision."""
    life = await releasing(25, stages=STAGES)
    kept = {name: part for name, part in life.status.items() if name not in lost.split(" and ")}
    life.set_status(None if lost == "status" else kept)
    if restarted:
        life.restart()
    life.fails["2"] = 0.5
    await life.one_pass()
    assert life.share("2") <= 25, life.story()

    await nobody_loses(life)
    await life.run(60)
    assert life.serving() in {"1", ""}, life.story()


@pytest.mark.parametrize("restarted", [False, True])
async def test_nothing_is_skipped_when_the_memory_of_a_canary_is_gone(*, restarted: bool) -> None:
    """Prometheus is away, so that nobody can judge: without memory the candidate comes no further than with it."""
    life = await releasing(25, stages=STAGES)
    life.source.away = True
    life.set_status(None)
    if restarted:
        life.restart()
    for _ in range(90):
        await life.run(1)
        assert life.share("2") <= 25, life.story()
        assert life.share("1") >= 75, life.story()
    assert life.serving() != "2", life.story()


async def test_a_refused_version_is_not_taken_for_the_first() -> None:
    """It failed half of its requests and was rolled back; then somebody deletes the status."""
    life = await releasing(25, stages=STAGES)
    life.fails["2"] = 0.5
    await life.run(20)
    assert life.outcome[1] == "RolledBack"
    life.set_status(None)

    await nobody_loses(life, seconds=90)
    assert life.share("1") == 100 or life.release, life.story()
    assert life.cluster.find("Deployment", f"demo-{life.revisions['1']}"), "what serves is not lost sight of"


async def test_a_status_that_is_deleted_while_stable_serves() -> None:
    """Nothing is under way: the version that serves is recognised, and nothing moves."""
    life = await serving(stages=STAGES)
    since = len(life.splits)
    life.set_status(None)
    life.restart()
    await life.run(10)

    assert life.serving() == "1", life.story()
    assert life.splits[since:] == []


async def test_a_new_version_after_the_status_was_deleted_takes_its_stages() -> None:
    """What is recognised as stable is what the next one is compared with."""
    life = await serving(stages=STAGES)
    life.set_status(None)
    await life.run(5)
    since = len(life.splits)
    life.ask_for("2", stages=STAGES)
    await life.run(60)

    assert life.serving() == "2", life.story()
    assert shares(life, "2", since=since) == RISING


async def test_a_new_version_at_the_very_moment_takes_its_stages() -> None:
    """The status is gone and the spec is another one in the first pass that sees it."""
    life = await serving(stages=STAGES)
    since = len(life.splits)
    life.set_status(None)
    life.ask_for("2", stages=STAGES)
    life.restart()
    life.fails["2"] = 0.5
    await nobody_loses(life)

    assert max(shares(life, "2", since=since), default=0) <= 25, life.story()


def orphan(life: Life) -> None:
    """What the garbage collector does for `--cascade=orphan`: nothing belongs to anybody any more."""
    for kind, name in life.children():
        obj = copy.deepcopy(life.cluster.objects[kind, "ml", name])
        del obj["metadata"]["ownerReferences"]
        life.cluster.write(obj)


@pytest.mark.parametrize("orphaned", ["without owners", "with the old owner"])
async def test_an_object_made_anew_over_orphans(orphaned: str) -> None:
    """A GitOps tool has replaced the object: its children still serve, and an unjudged version takes nothing of that.

    Without an owner, or with one that is gone, they are not the new object's: it may take them over or hold.
    """
    life = await releasing(25, stages=STAGES)
    life.fails["2"] = 0.5
    if orphaned == "without owners":
        orphan(life)
    life.make_anew()
    await nobody_loses(life, seconds=30)

    assert life.words(), "the new object says what it is about"
    assert life.share("1") >= 75, life.story()


async def test_an_object_made_anew_whose_children_go() -> None:
    """The garbage collector takes everything a moment later: what the spec asks for is then the first revision."""
    life = await releasing(25, stages=STAGES)
    left = life.children()
    life.make_anew()
    await life.run(1)
    assert life.share("2") <= 25, life.story()
    life.lenient = True
    for kind, name in left:
        if life.cluster.find(kind, name):
            life.cluster.vanish(kind, name)
    await life.run(40)

    assert life.serving() == "2", life.story()
    assert life.share("2") == 100


async def statuses(life: Life) -> dict[str, dict[str, Any]]:
    """What backups hold of a release of version 2: of before, of 25 %, and of 50 %."""
    kept = {"before": copy.deepcopy(life.status)}
    life.ask_for("2", stages=STAGES)
    for share in (25, 50):
        await life.until("2", share)
        await life.run(2)
        kept[f"at {share}"] = copy.deepcopy(life.status)
    return kept


@pytest.mark.parametrize("backup", ["before", "at 25", "at 50"])
async def test_an_older_status_after_a_refusal(backup: str) -> None:
    """Version 2 was refused since; the status of before that is restored: it is judged again, and never stable."""
    life = await serving(stages=STAGES)
    kept = await statuses(life)
    life.fails["2"] = 0.5
    await life.run(30)
    assert life.outcome[1] == "RolledBack", life.story()
    life.set_status(kept[backup])
    life.restart()
    for _ in range(90):
        await life.run(1)
        assert life.serving() == "1", life.story()
        assert life.share("2") <= 50, life.story()

    assert life.share("1") == 100, life.story()
    assert life.outcome[1] == "RolledBack", life.story()


@pytest.mark.parametrize("backup", ["before", "at 25"])
async def test_an_older_status_in_mid_canary(backup: str) -> None:
    """At 50 %: the share may fall to what the old status knows, and it does not rise without its stages."""
    life = await serving(stages=STAGES)
    kept = await statuses(life)
    life.set_status(kept[backup])
    life.restart()
    life.source.away = True
    for _ in range(60):
        await life.run(1)
        assert life.share("2") <= 50, life.story()
        assert life.serving() == "1", life.story()
    life.source.away = False
    life.fails["2"] = 0.5
    await life.run(30)

    assert life.share("1") == 100, life.story()


@pytest.mark.parametrize("backup", ["before", "at 25", "at 50"])
async def test_an_older_status_after_a_promotion(backup: str) -> None:
    """Version 2 serves everybody and 1 is gone: users are not sent to pods that are not there, and nothing is lost."""
    life = await serving(stages=STAGES)
    kept = await statuses(life)
    await life.run(60)
    assert life.serving() == "2", life.story()
    assert not life.cluster.find("Deployment", f"demo-{life.revisions['1']}")
    since = len(life.splits)
    life.set_status(kept[backup])
    life.restart()
    await life.run(60)

    assert all(split.get("2", 0) >= 50 for split in life.splits[since:]), life.story()
    assert life.cluster.find("Deployment", f"demo-{life.revisions['2']}"), "what serves is kept"
    assert life.ready(life.revisions["2"])


async def test_where_it_is_not_clear_a_person_is_asked() -> None:
    """Both versions have half of the users, no Deployment is marked and nothing is remembered: the weights stay."""
    life = await releasing(50, stages=(canary(50, least="10m", most="30m"),))
    for kind, name in life.children():
        obj = copy.deepcopy(life.cluster.objects[kind, "ml", name])
        for part in ("labels", "annotations"):
            marks = obj["metadata"].get(part, {})
            for mark in [mark for mark in marks if mark.startswith("palier.dev/serves")]:
                del marks[mark]
        life.cluster.write(obj)
    life.set_status(None)
    life.restart()
    for _ in range(60):
        await life.run(1)
        assert (life.share("1"), life.share("2")) == (50, 50), life.story()

    assert "StableUnknown" in life.words(), life.story()
    assert life.said("Ready")["status"] != "True"
