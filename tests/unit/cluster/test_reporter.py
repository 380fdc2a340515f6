"""When `status` is written: what matters at once, numbers that move every 30 seconds, and nothing twice."""

from dataclasses import replace
from typing import Any

import pytest

from palier.api.conditions import rfc3339
from palier.api.constants import API_VERSION, KIND
from palier.cluster.queue import Key
from palier.cluster.reporter import CHECKPOINT, Reporter
from palier.cluster.store import Store
from palier.release.memory import write_state
from palier.release.state import RevisionRef, State, Step
from tests.unit.cluster.memory import MemoryCluster
from tests.unit.release.examples import release_at

START = 1_000_000.0
CANARY = State(
    stable=RevisionRef("aaaaaaaaaa", "m", "1", 8080, START),
    candidate=RevisionRef("bbbbbbbbbb", "m", "2", 8080, START),
    release=release_at(Step.CANARY, at=START, traffic_since=START),
)


def condition(kind: str, status: str, reason: str, message: str = "", *, generation: int = 1) -> dict[str, Any]:
    """A condition as it is reported, without its time."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
    }


def progress(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The status of a release on its way; `changes` replace parts of it."""
    return {
        "observedGeneration": 1,
        "stage": "Canary 5",
        "weight": 5,
        "replicas": 3,
        **write_state(CANARY),
        "conditions": [condition("Ready", "Unknown", "Judging", "60 requests")],
        **changes,
    }


def later(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The `release` part of the status after another look; `changes` replace fields of the memory."""
    assert CANARY.release is not None
    return dict(write_state(replace(CANARY, release=replace(CANARY.release, **changes)))["release"])


class Desk:
    """A reporter and the one object it reports on."""

    def __init__(self) -> None:
        self.cluster, self.store = MemoryCluster(), Store()
        self.reporter = Reporter(self.cluster, self.store)
        self.cluster.put({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "demo", "namespace": "ml"}})
        self.cluster.tell(self.store)

    async def report(self, status: dict[str, Any], at: float) -> bool:
        """Report at so many seconds after the start, on the object as the cache has it."""
        body = self.store.get(KIND, "ml", "demo")
        assert body is not None
        return await self.reporter.report(body, status, now=START + at)

    @property
    def status(self) -> dict[str, Any]:
        """What is stored."""
        status: dict[str, Any] = self.cluster.objects[KIND, "ml", "demo"]["status"]
        return status

    def since(self, kind: str) -> str:
        """When a condition last changed its status."""
        (found,) = (entry for entry in self.status["conditions"] if entry["type"] == kind)
        return str(found["lastTransitionTime"])


async def test_the_status_is_written_whole() -> None:
    """All of it is stored, and what is no longer reported disappears."""
    desk = Desk()

    assert await desk.report(progress(), 0)
    assert desk.status["stage"] == "Canary 5"
    assert desk.status["release"]["step"] == "Canary"

    served = progress(stage="Serving")
    del served["release"]
    await desk.report(served, 1)

    assert "release" not in desk.status


async def test_the_same_status_is_not_written_again() -> None:
    """However much time passes and however often it is reported."""
    desk = Desk()
    await desk.report(progress(), 0)
    version = desk.cluster.version
    for at in (1, 31, 3600):
        assert not await desk.report(progress(), at)

    assert desk.cluster.version == version


async def test_our_own_write_is_known_before_the_watch_tells_of_it() -> None:
    """A pass right after the write sees it, and does not write the old status over it."""
    desk = Desk()
    await desk.report(progress(), 0)
    body = desk.store.get(KIND, "ml", "demo")

    assert body is not None
    assert body["status"] == desk.status


ESSENTIAL = {
    "stage": {"stage": "Canary 25"},
    "generation": {"observedGeneration": 2},
    "step": {"release": later(cursor=1)},
    "stage index": {"release": later(losses=1)},
    "traffic": {"release": later(traffic_since=None)},
    "breach": {"release": later(breach="errors: 7 of 100 requests failed")},
    "progress of a load test": {"release": {**later(), "testing": {"revision": "bbbbbbbbbb", "phase": "Climb"}}},
    "condition's status": {"conditions": [condition("Ready", "False", "Judging", "60 requests")]},
    "condition's reason": {"conditions": [condition("Ready", "Unknown", "CannotMeasure", "60 requests")]},
    "condition's generation": {"conditions": [condition("Ready", "Unknown", "Judging", "60", generation=2)]},
    "another condition": {
        "conditions": [condition("Ready", "Unknown", "Judging", "60"), condition("Stalled", "True", "Judging")]
    },
    "outcome": {"outcome": {"revision": "cccccccccc", "result": "Aborted"}},
    "retry": {"handledRetry": "7"},
}


@pytest.mark.parametrize("change", ESSENTIAL.values(), ids=ESSENTIAL)
async def test_what_matters_is_written_at_once(change: dict[str, Any]) -> None:
    """A second after the last write, because somebody may wait for it or the operator may be killed."""
    desk = Desk()
    await desk.report(progress(), 0)

    assert await desk.report(progress(**change), 1)
    for name, value in change.items():
        stored = desk.status[name]
        if name == "conditions":
            stored = [{key: entry[key] for key in value[0]} for entry in stored]

        assert stored == value


MOVING = {
    "verdicts": {"verdicts": [{"objective": "errors", "verdict": "NoEvidence", "message": "61 requests"}]},
    "last look": {"release": later(last_look=START + 1)},
    "blindness": {"release": later(cannot_measure_since=START + 1)},
    "message": {"conditions": [condition("Ready", "Unknown", "Judging", "61 requests")]},
    "replicas": {"replicas": 4},
    "weight": {"weight": 6},
}


@pytest.mark.parametrize("change", MOVING.values(), ids=MOVING)
async def test_moving_numbers_are_written_every_30_seconds(change: dict[str, Any]) -> None:
    """They can be computed again, and writing each of them would be most of the operator's load."""
    desk = Desk()
    await desk.report(progress(), 0)
    version = desk.cluster.version

    assert not await desk.report(progress(**change), CHECKPOINT - 1)
    assert desk.cluster.version == version
    assert await desk.report(progress(**change), CHECKPOINT)


async def test_a_breach_that_is_held_is_written_at_once_and_its_numbers_are_not() -> None:
    """With `onBreach: Hold` the sentence has new numbers with every look, for as long as nobody comes."""
    desk = Desk()
    await desk.report(progress(), 0)

    assert await desk.report(progress(release=later(breach="errors: 7 of 100 requests failed")), 1)
    version = desk.cluster.version
    for second in range(2, 12):
        breach = f"errors: {second + 6} of 100 requests failed"
        await desk.report(progress(release=later(breach=breach)), second)

    assert desk.cluster.version == version


async def test_thirty_seconds_count_from_the_last_write_of_any_kind() -> None:
    """An urgent write takes the moving numbers along."""
    desk = Desk()
    await desk.report(progress(), 0)
    await desk.report(progress(stage="Canary 25", replicas=4), 20)

    assert desk.status["replicas"] == 4
    assert not await desk.report(progress(stage="Canary 25", replicas=5), 40)
    assert await desk.report(progress(stage="Canary 25", replicas=5), 50)


async def test_without_a_release_the_number_of_replicas_matters() -> None:
    """Autoscalers read it through the scale subresource, and nothing else moves then."""
    desk = Desk()
    idle = {name: value for name, value in progress().items() if name != "release"}
    await desk.report(idle, 0)

    assert await desk.report({**idle, "replicas": 4}, 1)
    assert desk.status["replicas"] == 4


async def test_an_object_made_again_starts_anew() -> None:
    """What was written to a namesake holds nothing up."""
    desk = Desk()
    await desk.report(progress(), 0)
    desk.reporter.forget(Key("ml", "demo"))

    assert await desk.report(progress(replicas=4), 1)


async def test_two_objects_do_not_share_their_30_seconds() -> None:
    """What one of them wrote holds up nothing of the other, not even in another namespace under the same name."""
    desk = Desk()
    desk.cluster.put({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "demo", "namespace": "elsewhere"}})
    other = desk.cluster.objects[KIND, "elsewhere", "demo"]
    await desk.reporter.report(other, progress(), now=START)
    await desk.report(progress(), 29)
    other = desk.cluster.objects[KIND, "elsewhere", "demo"]

    assert await desk.reporter.report(other, progress(replicas=4), now=START + CHECKPOINT)
    assert not await desk.report(progress(replicas=4), CHECKPOINT)


async def test_a_condition_keeps_its_time_while_its_status_lasts() -> None:
    """A new reason or message is no transition; a new status is."""
    desk = Desk()
    await desk.report(progress(), 0)
    await desk.report(progress(conditions=[condition("Ready", "Unknown", "CannotMeasure")]), 10)

    assert desk.since("Ready") == rfc3339(START)

    await desk.report(progress(conditions=[condition("Ready", "True", "Serving")]), 20)

    assert desk.since("Ready") == rfc3339(START + 20)


async def test_a_condition_that_comes_back_starts_anew() -> None:
    """`Reconciling` of this release is not that of the last one."""
    desk = Desk()
    ready, reconciling = condition("Ready", "Unknown", "Judging"), condition("Reconciling", "True", "Judging")
    await desk.report(progress(conditions=[ready, reconciling]), 0)
    await desk.report(progress(conditions=[ready]), 10)

    assert [entry["type"] for entry in desk.status["conditions"]] == ["Ready"]

    await desk.report(progress(conditions=[ready, reconciling]), 20)

    assert desk.since("Reconciling") == rfc3339(START + 20)
    assert desk.since("Ready") == rfc3339(START)
