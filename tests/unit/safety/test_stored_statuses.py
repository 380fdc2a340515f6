"""Statuses that version 0.1.0 has stored at every stage: a newer operator reads them and the release goes on."""

import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.support.safety.life import Life

STORED = Path(__file__).parents[1] / "release" / "stored" / "0.1.0"
PRICES = "{currency: EUR, source: list, asOf: 2026-11-01, cpuHour: 0.1, memoryGiBHour: 0.01}"

RISING = {
    "preparing": [1, 5, 25, 50, 99, 100],
    "load-testing": [1, 50, 99, 100],
    "load-testing-variants": [1, 50, 99, 100],
    "load-testing-second-variant": [1, 50, 99, 100],
    "canary-after-load-test": [50, 99, 100],
    "canary-of-a-variant": [50, 99, 100],
    "examining": [1, 50, 99, 100],
    "shadowing-before-copies": [1, 50, 99, 100],
    "shadowing-with-copies": [1, 50, 99, 100],
    "canary-after-shadow": [50, 99, 100],
    "canary-before-traffic": [1, 5, 25, 50, 99, 100],
    "canary-with-evidence": [25, 50, 99, 100],
    "promoting": [50, 99, 100],
}
"""The shares of version 2 from there on, each stage once and none left out, until it is promoted."""
AT_REST = {
    "serving-first-revision": ("1", "Promoted"),
    "rolled-back": ("1", "RolledBack"),
    "rolled-back-draining": ("1", "RolledBack"),
    "rolled-back-after-a-retry": ("1", "RolledBack"),
    "aborted": ("1", "Aborted"),
    "refused": ("1", "Refused"),
    "promoted-by-request": ("2", "Promoted"),
    "promoted-with-former": ("2", "Promoted"),
    "promoted-with-former-and-drains": ("3", "Promoted"),
}
"""Which version serves, and how the last release ended: nothing of that may change."""
ELSEWHERE = {
    "preparing-first-revision",
    "promoting-first-revision",
    "canary-paused",
    "canary-held-breach",
    "experiment",
    "rolling-back",
    "way-back",
}
"""Those that have a test of their own below."""


def restored(name: str, tmp_path: Path) -> Life:
    """A life that begins with what was stored."""
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    life = Life(prices=prices)
    text = (STORED / f"{name}.yaml").read_text()
    when = re.search(r"\d{4}-\d\d-\d\dT\S+Z", text.splitlines()[0])
    assert when
    life.now = datetime.fromisoformat(when.group()).timestamp()
    for child in yaml.safe_load_all((STORED / "children" / f"{name}.yaml").read_text()):
        life.cluster.load(child)
    life.cluster.load(yaml.safe_load(text))
    life.cluster.after_write()
    life.restart()
    return life


def shares(life: Life, version: str) -> list[int]:
    """The shares of a version, in order, as far as they differ from the one before and from nothing."""
    found = [split.get(version, 0) for split in life.splits]
    return [share for number, share in enumerate(found) if share and (not number or found[number - 1] != share)]


def test_every_stored_status_has_a_story() -> None:
    """No file is there that no test reads."""
    assert {path.stem for path in STORED.glob("*.yaml")} == RISING.keys() | AT_REST.keys() | ELSEWHERE


@pytest.mark.parametrize("name", sorted(RISING.keys() | AT_REST.keys() | ELSEWHERE))
async def test_the_first_pass_moves_nothing(name: str, tmp_path: Path) -> None:
    """Nothing has happened since: the release stands at the same stage, began when it did, and has the same weights."""
    life = restored(name, tmp_path)
    stage, began, weights = life.status["stage"], life.release.get("startedAt"), life.weights()
    await life.one_pass()

    assert life.raised == []
    assert (life.status["stage"], life.release.get("startedAt")) == (stage, began), life.story()
    # In the middle of an easing step another operator does not know when it was written, and may make the next one.
    assert life.weights() == weights or {1, 99} == set(weights.values())


@pytest.mark.parametrize("name", RISING)
async def test_a_release_goes_on_from_its_stage_to_its_end(name: str, tmp_path: Path) -> None:
    """The candidate gets the shares of the stages that are left, each after the other, and is promoted."""
    life = restored(name, tmp_path)
    began = life.release["startedAt"]
    while life.release and life.elapsed < 150:
        assert life.release["startedAt"] == began, life.story()
        await life.run(1)

    assert life.serving() == "2", life.story()
    assert life.outcome[1] == "Promoted"
    assert shares(life, "2") == RISING[name]


@pytest.mark.parametrize("name", AT_REST)
async def test_what_has_ended_stays_as_it_is(name: str, tmp_path: Path) -> None:
    """No release begins, no traffic moves, and the outcome still stands there after an hour."""
    life = restored(name, tmp_path)
    version, result = AT_REST[name]
    weights = {revision: weight for revision, weight in life.weights().items() if weight}
    await life.run(30)
    life.now += 3600
    life.elapsed += 3600
    await life.run(75)

    assert (life.serving(), life.outcome[1], life.release) == (version, result, {})
    assert life.weights().items() >= weights.items()
    left = {name for kind, _, name in life.cluster.objects if kind == "Deployment"}
    assert left == {f"demo-{life.revisions[version]}"}, "what was kept warm or drained is gone in the end"


async def test_a_former_revision_stays_warm(tmp_path: Path) -> None:
    """Its hour is not over: a way back needs no stage."""
    life = restored("promoted-with-former", tmp_path)
    await life.run(5)
    assert life.status["former"]["version"] == "1"
    spec = life.body["spec"]
    life.cluster.write({**life.body, "spec": {**spec, **_of_version_1(life)}})
    await life.run(10)

    assert life.serving() == "1", life.story()
    assert shares(life, "1") == [1, 99, 100]


def _of_version_1(life: Life) -> dict[str, object]:
    """What a spec says about version 1 in place of version 2."""
    spec = life.body["spec"]
    text = yaml.safe_dump({"model": spec["model"], "serving": spec["serving"]})
    changed: dict[str, object] = yaml.safe_load(text.replace("m:2", "m:1").replace("version: '2'", "version: '1'"))
    return changed


@pytest.mark.parametrize("name", ["preparing-first-revision", "promoting-first-revision"])
async def test_a_first_revision_comes_to_serve(name: str, tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    life = restored(name, tmp_path)
    await life.run(15)

    assert (life.serving(), life.status["stage"]) == ("1", "Serving"), life.story()
    assert life.share("1") == 100


async def test_a_pause_holds(tmp_path: Path) -> None:
    """The release stays at 25 % for as long as it is paused, then it goes on to the next stage."""
    life = restored("canary-paused", tmp_path)
    await life.run(30)
    assert (life.status["stage"], life.share("2")) == ("Canary 25", 25)

    life.edit(paused=False)
    await life.run(40)
    assert life.serving() == "2", life.story()
    assert shares(life, "2") == [25, 50, 99, 100]


async def test_a_held_breach_waits_for_a_person(tmp_path: Path) -> None:
    """Nothing ends by itself, and the status says what is wrong."""
    life = restored("canary-held-breach", tmp_path)
    life.fails["2"] = 0.5
    await life.run(20)
    assert (life.status["stage"], life.share("2")) == ("Canary 25", 25)
    assert "ObjectiveBreached" in life.words()

    life.annotate(abort=life.revisions["2"])
    await life.run(10)
    assert life.outcome == ("2", "Aborted", "AbortRequested")
    assert life.share("1") == 100


async def test_an_experiment_keeps_stable_where_nothing_is_better(tmp_path: Path) -> None:
    """It ends at its time, which began before."""
    life = restored("experiment", tmp_path)
    await life.run(30)

    assert life.outcome[:2] == ("2", "KeptStable"), life.story()
    assert life.share("1") == 100
    assert shares(life, "2") == [50, 1]


async def test_a_rollback_comes_to_its_end(tmp_path: Path) -> None:
    """The traffic is back on stable, and the outcome says why."""
    life = restored("rolling-back", tmp_path)
    await life.run(10)

    assert life.outcome == ("2", "RolledBack", "ObjectiveBreached"), life.story()
    assert life.share("1") == 100
    assert shares(life, "2") == [1]


async def test_a_way_back_needs_no_stage(tmp_path: Path) -> None:
    """The former revision takes everything at once, as it was about to."""
    life = restored("way-back", tmp_path)
    await life.run(10)

    assert life.serving() == "1", life.story()
    assert shares(life, "1") == [1, 99, 100]
