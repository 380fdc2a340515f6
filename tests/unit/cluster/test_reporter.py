"""When `status` is written: what matters at once, numbers that move every 30 seconds, and nothing twice."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from palier.api.constants import API_VERSION, KIND
from palier.api.status.conditions import rfc3339
from palier.cluster.queue import Key
from palier.cluster.reporter import CHECKPOINT, Reporter, words_of
from palier.cluster.store import Store
from palier.measuring.coverage import Coverage
from palier.release.memory import write_state
from palier.release.state import ReleasePhase, RevisionRef, State
from tests.support.cluster.memory import MemoryCluster
from tests.support.release.examples import release_at

START = 1_000_000.0
CANARY = State(
    stable=RevisionRef("aaaaaaaaaa", "m", "1", 8080, START),
    candidate=RevisionRef("bbbbbbbbbb", "m", "2", 8080, START),
    release=release_at(ReleasePhase.CANARY, at=START, traffic_since=START),
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
    "condition's words": {"conditions": [condition("Ready", "Unknown", "Judging", "60 answers")]},
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
    "last look": {"release": later(pods_read=Coverage(START + 1))},
    "blindness": {"release": later(pods_read=Coverage(unseen_since=START + 1))},
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


def told(message: str) -> dict[str, Any]:
    """The status of the release with this sentence."""
    return progress(conditions=[condition("Ready", "Unknown", "CandidateNotReady", message)])


async def test_a_new_sentence_is_written_at_once_and_its_numbers_are_not() -> None:
    """A quota that is in the way, or an image that does not exist, is read in the very pass that learnt of it."""
    desk = Desk()
    await desk.report(told("0 of 1 pods of 5f6a7b8c9d are ready"), 0)
    for second in range(1, 20):
        assert not await desk.report(told(f"{second} of 40 pods of 5f6a7b8c9d are ready"), second)

    assert await desk.report(told('0 of 1 pods of 5f6a7b8c9d are ready: exceeded quota "gpus"'), 20)
    assert not await desk.report(told('1 of 1 pods of 5f6a7b8c9d are ready: exceeded quota "gpus"'), 21)


async def test_a_pod_that_takes_the_place_of_another_is_no_news() -> None:
    """The pods of a crashing Deployment come and go; what is wrong with them stays the same."""
    desk = Desk()
    trouble = "pod demo-5f6a7b8c9d-6c7d8f9b5-{}, container m: ended with exit code 1, Error, restarted {} times"
    await desk.report(told(trouble.format("bcdfg", 1)), 0)

    assert not await desk.report(told(trouble.format("x2k4z", 2)), 1)


async def test_no_text_of_somebody_else_reaches_a_terminal_unescaped() -> None:
    """What `kubectl get -o yaml` and `jq -r` print moves no cursor; what is recognised again stays as it was."""
    desk = Desk()
    await desk.report(progress(**told("the segment \x1b[2J\u202ede fails"), handledRetry="now\x07"), 0)

    (stored,) = desk.status["conditions"]
    assert stored["message"] == r"the segment \x1b[2J\u202ede fails"
    assert desk.status["handledRetry"] == "now\x07"
    assert not await desk.report(progress(**told("the segment \x1b[2J\u202ede fails"), handledRetry="now\x07"), 60)


WORDS = st.text(alphabet=st.characters(categories=["L"], exclude_characters="eE"), min_size=1, max_size=8)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers().map("{:,}".format),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.3g}".format),
    st.from_regex(r"demo-[0-9a-f]{9}[0-9]-[bcdfghjklmnpqrstvwxz2456789]{5}", fullmatch=True),
    st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
)


@given(st.text())
def test_the_words_of_words_are_the_same(message: str) -> None:
    """Whatever is in the message: no second reading finds another number."""
    assert words_of(words_of(message)) == words_of(message)


@given(st.lists(WORDS, min_size=1), st.data())
def test_numbers_and_names_of_pods_move_no_words(words: list[str], data: st.DataObject) -> None:
    """A sentence with other numbers, times and pods has the same words."""
    sentence = " {} ".join(words)
    first, second = ([data.draw(NUMBERS) for _ in words[1:]] for _ in range(2))
    form = [one.count(":") for one in first]
    assume(form == [one.count(":") for one in second])

    assert words_of(sentence.format(*first)) == words_of(sentence.format(*second))


@given(st.lists(st.one_of(WORDS, NUMBERS)), WORDS, WORDS, st.lists(st.one_of(WORDS, NUMBERS)))
def test_any_other_word_shows(before: list[str], one: str, other: str, after: list[str]) -> None:
    """However many numbers stand around it."""
    assume(one != other)

    assert words_of(" ".join([*before, one, *after])) != words_of(" ".join([*before, other, *after]))
