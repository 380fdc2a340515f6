"""Lives after a promotion: the data of what serves is watched, told, remembered, and freezes releases if asked to."""

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import generate_latest

from palier.api.constants import KIND
from palier.cluster.instruments import Instruments
from palier.errors import MetricsUnavailable, Unavailable
from palier.metrics.windows import find_offset
from palier.watch.features.profile import Numbers, Profile, write_profile
from tests.support.metrics.exported import Labels, count_category, count_number
from tests.support.safety.life import KEY, Life
from tests.support.safety.specs import canary

STAGES = [canary(50)]
EDGES = (10.0, 20.0, 50.0, 100.0)
USUAL = {**count_number("amount", EDGES, [20, 30, 20, 20, 10]), **count_category("plan", {"free": 70, "paid": 30})}
"""What the pods count in a minute."""
MOVED = {**USUAL, **count_number("amount", EDGES, [2, 8, 20, 30, 40])}
MISSING = {**USUAL, **count_number("amount", EDGES, [0, 0, 0, 0, 0], missing=100)}
WATCH = {"dataDrift": {"window": "10m", "reference": {"canary": {"windows": 2, "minEvents": 1000}}}}
FREEZE = {"dataDrift": {**WATCH["dataDrift"], "freeze": True}}
WINDOW = 10
"""Minutes."""


async def pass_minutes(life: Life, minutes: int, risen: Mapping[Labels, float] = USUAL) -> None:
    """Time passes, in which the pods that serve count the same every minute."""
    for _ in range(minutes):
        life.features.count(f"demo-{life.revisions[life.serving()]}", risen, at=life.now + 30)
        await life.run(60, by=60)


async def promoted(watch: Mapping[str, Any] = WATCH) -> Life:
    """A life in which version 1 serves, and has a reference if it gathers one."""
    life = Life()
    life.ask_for("1", stages=STAGES, spec={"watch": dict(watch)})
    await life.until("1", 100)
    await life.run(20)
    await pass_minutes(life, 5 * WINDOW)
    while (life.now - find_offset(KEY, WINDOW * 60)) % (WINDOW * 60) >= 60:  # until a window begins
        await pass_minutes(life, 1)
    return life


def data(life: Life) -> dict[str, Any]:
    """What the status says of the data."""
    return dict(life.status["watch"]["dataDrift"])


def events(life: Life, reason: str) -> list[str]:
    """What was told with a reason."""
    return [note for _, told, note in life.cluster.events if told == reason]


def put_profile(life: Life, text: str, *, namespace: str = "ml") -> None:
    """Somebody writes a profile into a ConfigMap."""
    meta = {"name": "training", "namespace": namespace, "labels": {"palier.dev/watch": "true"}}
    life.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"profile.json": text}})


TRAINING = write_profile(Profile(20_000, {"amount": Numbers(EDGES, (4000, 6000, 4000, 4000, 2000))}))
BY_PROFILE = {
    "dataDrift": {
        "window": "10m",
        "reference": {"profile": {"configMapKeyRef": {"name": "training", "key": "profile.json"}}},
    }
}


async def test_data_that_stays_as_it_was_is_said_to() -> None:
    """The first windows are the reference, those after it are compared with it."""
    life = await promoted()

    assert life.said("DataDrift")["status"] == "False"
    assert life.said("DataDrift")["reason"] == "NoDrift"
    assert data(life)["reference"]["windows"] == 2
    assert data(life)["reference"]["complete"]
    assert "findings" not in data(life)


async def test_a_drift_is_told_once_after_two_windows() -> None:
    """In an Event, a condition and the status, with the feature and the numbers; and it takes nothing back."""
    life = await promoted()
    await pass_minutes(life, WINDOW + 2, MOVED)
    assert events(life, "DataDrifts") == []
    assert "suspected of amount" in life.said("DataDrift")["message"]
    await pass_minutes(life, 4 * WINDOW, MOVED)

    (told,) = events(life, "DataDrifts")
    assert told.startswith("amount: major drift: PSI ")
    assert life.said("DataDrift")["status"] == "True"
    (finding,) = data(life)["findings"]
    assert (finding["feature"], finding["kind"]) == ("amount", "DataDrifts")
    assert float(finding["psi"]) > 0.25
    assert life.serving() == "1"
    assert life.share("1") == 100


async def test_a_broken_feature_is_called_so() -> None:
    """Whoever is called hears what is wrong, and not only how large PSI is."""
    life = await promoted()
    await pass_minutes(life, 4 * WINDOW, MISSING)

    (told,) = events(life, "FeatureBroken")
    assert "of its values are missing, before 0 %" in told
    assert "it is always missing" in data(life)["findings"][0]["message"]
    assert life.said("DataDrift")["reason"] == "FeatureBroken"
    assert data(life)["findings"][0]["fault"] == "AllNull"


async def test_one_odd_window_is_no_finding() -> None:
    """Such as a customer's import: what was suspected was not confirmed."""
    life = await promoted()
    await pass_minutes(life, WINDOW, MOVED)
    await pass_minutes(life, 2)
    assert "suspected" in life.said("DataDrift")["message"]
    await pass_minutes(life, 3 * WINDOW)

    assert events(life, "DataDrifts") == []
    assert life.said("DataDrift")["reason"] == "NoDrift"


async def test_it_is_told_when_it_is_over() -> None:
    """After as many windows as it took to find."""
    life = await promoted()
    await pass_minutes(life, 4 * WINDOW, MOVED)
    await pass_minutes(life, 5 * WINDOW)

    assert events(life, "DataAsBefore") == ["no longer drifting: amount"]
    assert life.said("DataDrift")["status"] == "False"
    assert len(events(life, "DataDrifts")) == 1


@pytest.mark.parametrize("minutes", [1, 11, 21, 31])
async def test_the_end_of_the_process_loses_no_finding_and_tells_none_twice(minutes: int) -> None:
    """At whichever window of a drift it comes: the next process reads the last two windows again."""
    life = await promoted()
    await pass_minutes(life, minutes, MOVED)
    life.restart()
    await life.settle()
    await pass_minutes(life, 45 - minutes, MOVED)

    assert len(events(life, "DataDrifts")) == 1
    assert [one["feature"] for one in data(life)["findings"]] == ["amount"]
    assert data(life)["reference"]["windows"] == 2


async def test_a_process_that_dies_before_it_has_told_loses_no_finding() -> None:
    """The next one finds it again in the last two windows."""
    life = await promoted()
    await pass_minutes(life, WINDOW + 2, MOVED)
    life.cluster.breaks_after = 0
    await pass_minutes(life, 4 * WINDOW, MOVED)

    assert life.cluster.breaks_after is None  # it has died
    assert [one["feature"] for one in data(life)["findings"]] == ["amount"]
    assert len(events(life, "DataDrifts")) == 1


async def test_a_finding_whose_event_is_refused_stands_in_the_status() -> None:
    """An Event is lost with its process, or where nobody takes it; the status and the condition are not."""
    life = await promoted()
    life.cluster.refuse("Event", "create", Unavailable("the API server is away"))
    await pass_minutes(life, 4 * WINDOW, MOVED)

    assert [one["feature"] for one in data(life)["findings"]] == ["amount"]
    assert life.said("DataDrift")["status"] == "True"


async def test_the_end_of_the_process_counts_no_window_twice_in_a_reference() -> None:
    """What was gathered is written with each window, and a window that is read again adds nothing."""
    life = Life()
    reference = {"canary": {"windows": 4, "minEvents": 100}}
    life.ask_for("1", stages=STAGES, spec={"watch": {"dataDrift": {"window": "10m", "reference": reference}}})
    await life.until("1", 100)
    await life.run(20)
    await pass_minutes(life, 32)
    before = data(life)["reference"]
    life.restart()
    await life.settle()
    await pass_minutes(life, 2)

    assert data(life)["reference"] == before
    assert before["windows"] in {2, 3}
    assert before["events"] == 1000 * before["windows"]


async def test_absent_data_is_no_finding_and_ends_none() -> None:
    """Nobody knows, which is said; what was found before stands."""
    life = await promoted()
    life.features.failing = MetricsUnavailable("Unreachable", "nobody there")
    await pass_minutes(life, 5 * WINDOW, MOVED)

    (told,) = events(life, "CannotWatch")
    assert "nobody there" in told
    assert life.said("DataDrift")["status"] == "Unknown"
    assert life.said("DataDrift")["reason"] == "CannotWatch"
    assert "findings" not in data(life)
    life.features.failing = None
    await pass_minutes(life, 3 * WINDOW, MOVED)
    assert len(data(life)["findings"]) == 1
    life.features.failing = MetricsUnavailable("Unreachable", "nobody there")
    await pass_minutes(life, 5 * WINDOW)
    assert len(data(life)["findings"]) == 1
    assert events(life, "DataAsBefore") == []


async def test_pods_that_export_nothing_are_told() -> None:
    """Somebody has switched the watch on and not the counting."""
    life = Life()
    life.ask_for("1", stages=STAGES, spec={"watch": WATCH})
    await life.until("1", 100)
    await life.run(1500, by=60)

    assert life.said("DataDrift")["reason"] == "CannotWatch"
    assert "palier_feature_" in life.said("DataDrift")["message"]


@pytest.mark.parametrize("watch", [WATCH, FREEZE])
async def test_a_drift_freezes_releases_only_where_the_spec_says_so(watch: Mapping[str, Any]) -> None:
    """The new version waits, with the reason and the way out; a fix does not."""
    life = await promoted(watch)
    await pass_minutes(life, 4 * WINDOW, MOVED)
    life.ask_for("2", stages=STAGES, spec={"watch": dict(watch)})
    if watch is WATCH:
        await life.until("2", 50)
        return
    await life.run(20)
    assert life.release == {}
    assert life.said("Ready")["reason"] == "ReleasesFrozen"
    assert "amount" in life.said("Ready")["message"]
    life.annotate(fix="2")
    await life.until("2", 50)


async def test_a_freeze_ends_with_its_finding() -> None:
    """The release that has waited starts by itself."""
    life = await promoted(FREEZE)
    await pass_minutes(life, 4 * WINDOW, MOVED)
    life.ask_for("2", stages=STAGES, spec={"watch": FREEZE})
    await pass_minutes(life, 1, MOVED)
    assert life.said("Ready")["reason"] == "ReleasesFrozen"
    await pass_minutes(life, 4 * WINDOW)
    assert life.said("DataDrift")["status"] != "True"
    await life.until("2", 100)


async def test_what_is_suspected_freezes_nothing() -> None:
    """One window is not enough for anything."""
    life = await promoted(FREEZE)
    await pass_minutes(life, WINDOW + 2, MOVED)
    assert "suspected" in life.said("DataDrift")["message"]
    life.ask_for("2", stages=STAGES, spec={"watch": FREEZE})
    await life.until("2", 50)


async def test_a_new_version_has_a_reference_of_its_own() -> None:
    """What the old one was found to differ from is no measure for it; that is told."""
    life = await promoted()
    await pass_minutes(life, 4 * WINDOW, MOVED)
    before = data(life)["reference"]["of"]
    life.ask_for("2", stages=STAGES, spec={"watch": WATCH})
    await life.until("2", 100)
    await life.run(20)
    await pass_minutes(life, 5 * WINDOW, MOVED)

    assert data(life)["reference"]["of"] != before
    assert len(events(life, "DataWatchedAnew")) == 1
    assert life.said("DataDrift")["reason"] == "NoDrift"


async def test_a_profile_of_the_training_data_is_a_reference_at_once() -> None:
    """It stays in its ConfigMap, and another text begins anew."""
    life = Life()
    put_profile(life, TRAINING)
    life.ask_for("1", stages=STAGES, spec={"watch": BY_PROFILE})
    await life.until("1", 100)
    await life.run(20)
    await pass_minutes(life, 4 * WINDOW, MOVED)

    assert [one["feature"] for one in data(life)["findings"]] == ["amount"]
    assert "profile" not in data(life)["reference"]
    assert data(life)["reference"]["name"] == "training/profile.json"
    assert data(life)["reference"]["events"] == 20_000
    put_profile(life, write_profile(Profile(100, {"plan": Numbers((1.0,), (50, 50))})))
    await pass_minutes(life, 1)
    assert "findings" not in data(life)


@pytest.mark.parametrize("text", [None, "", "{}", '{"format": "palier-profile"}', "[" * 100_000, TRAINING])
async def test_a_profile_that_cannot_be_read_stops_no_release(text: str | None) -> None:
    """It is absent, no profile, or in another namespace: that is told, and all else goes on."""
    life = Life()
    if text is not None:
        put_profile(life, text, namespace="other" if text == TRAINING else "ml")
    life.ask_for("1", stages=STAGES, spec={"watch": BY_PROFILE})
    await life.until("1", 100)
    await life.run(120, by=60)

    assert life.serving() == "1"
    assert life.said("DataDrift")["reason"] == "CannotWatch"
    assert "reference.profile" in life.said("DataDrift")["message"]
    assert len(events(life, "CannotWatch")) == 1
    life.ask_for("2", stages=STAGES, spec={"watch": BY_PROFILE})
    await life.until("2", 100)


async def test_a_profile_that_vanishes_ends_no_finding() -> None:
    """Nor does the end of the process meanwhile."""
    life = Life()
    put_profile(life, TRAINING)
    life.ask_for("1", stages=STAGES, spec={"watch": BY_PROFILE})
    await life.until("1", 100)
    await life.run(20)
    await pass_minutes(life, 4 * WINDOW, MOVED)
    found = data(life)["findings"]
    life.cluster.vanish("ConfigMap", "training")
    life.restart()
    await life.settle()
    await pass_minutes(life, 3 * WINDOW)
    assert data(life)["findings"] == found
    put_profile(life, TRAINING)
    await pass_minutes(life, 4 * WINDOW)
    assert "findings" not in data(life)


async def test_a_service_at_rest_is_written_every_six_hours() -> None:
    """Windows without news cost the API server nothing."""
    life = await promoted()
    at = data(life)["at"]
    for _ in range(10):
        await pass_minutes(life, WINDOW)
    assert data(life)["at"] == at
    for _ in range(28):
        await pass_minutes(life, WINDOW)
    assert data(life)["at"] > at


async def test_findings_are_exported_until_the_object_is_gone() -> None:
    """For dashboards, and for alerts on ways of their own."""
    instruments = Instruments()
    life = await promoted()
    life.data._instruments = instruments
    await pass_minutes(life, 4 * WINDOW, MOVED)
    labels = 'feature="amount",group="",model_deployment="demo",model_namespace="ml"'
    assert f"palier_data_drift{{{labels}}} 1.0" in generate_latest(instruments.registry).decode()
    life.cluster.vanish(KIND, "demo")
    await life.run(70)
    assert "palier_data_" not in generate_latest(instruments.registry).decode()
    assert KEY not in life.data.reader.list_watched()


async def test_who_asks_for_nothing_is_not_watched() -> None:
    """Without the field nobody asks Prometheus, and what was known is forgotten."""
    life = await promoted()
    life.ask_for("1", stages=STAGES)
    await pass_minutes(life, 1)
    asked = len(life.features.asked)
    await pass_minutes(life, 3 * WINDOW)

    assert len(life.features.asked) == asked
    assert life.said("DataDrift") == {}
    assert "dataDrift" not in life.status["watch"]


async def test_an_unreadable_memory_costs_nothing_else() -> None:
    """Somebody has edited it: it begins anew, which is told, and the rest of the memory stays."""
    life = await promoted()
    status = life.status
    odd = {**data(life), "reference": {**data(life)["reference"], "profile": '{"format": "palier-profile"}'}}
    life.set_status({**status, "watch": {**status["watch"], "dataDrift": odd}})
    life.restart()
    await life.settle()

    assert life.serving() == "1"
    assert any("watch.dataDrift" in told for told in events(life, "StatusUnreadable"))
    assert life.status["watch"]["objectives"]
