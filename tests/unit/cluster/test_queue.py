"""The work queue: nothing is lost, nothing runs twice at once, and failures wait for themselves only."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.cluster.queue import Key, WorkQueue
from palier.errors import Conflict, Unavailable
from tests.support.cluster.recorder import Answer, Recorder, Run, now, running
from tests.unit.cluster.conftest import in_faked_time


def test_adds_of_a_waiting_key_are_one(in_faked_time: Run) -> None:
    """A burst of events for one object costs one reconcile."""

    async def scenario() -> list[tuple[float, str]]:
        queue, handler = WorkQueue[str](), Recorder()
        for _ in range(5):
            queue.add("a")
        async with running(queue, handler):
            await asyncio.sleep(1)
        return handler.starts

    assert in_faked_time(scenario()) == [(0.0, "a")]


def test_key_added_while_handled_is_handled_again(in_faked_time: Run) -> None:
    """News that arrive during a reconcile lead to exactly one more, after it."""

    async def scenario() -> list[float]:
        queue, handler = WorkQueue[str](), Recorder(takes=10)
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(3)
            queue.add("a")
            queue.add("a")
            await asyncio.sleep(60)
        return handler.times("a")

    assert in_faked_time(scenario()) == [0.0, 10.0]


def test_slow_key_delays_no_other(in_faked_time: Run) -> None:
    """While one object takes minutes, another worker serves the rest."""

    async def scenario() -> Recorder:
        queue = WorkQueue[str]()
        recorder = Recorder()

        async def handler(key: str) -> Answer:
            await recorder(key)
            await asyncio.sleep(300 if key == "slow" else 0)
            return None

        async with running(queue, handler):
            for key in ("slow", "b", "c"):
                queue.add(key)
            await asyncio.sleep(1)
        return recorder

    assert [key for _, key in in_faked_time(scenario()).starts] == ["slow", "b", "c"]


def test_urgent_key_goes_first(in_faked_time: Run) -> None:
    """A rollback overtakes a thousand objects that wait for their turn."""

    async def scenario() -> list[tuple[float, str]]:
        queue, handler = WorkQueue[str](), Recorder()
        for number in range(1000):
            queue.add(str(number))
        queue.add("999", urgent=True)
        async with running(queue, handler, workers=1):
            await asyncio.sleep(1)
        return handler.starts

    starts = in_faked_time(scenario())
    assert starts[0] == (0.0, "999")
    assert len(starts) == 1000


def test_requeue_after_result(in_faked_time: Run) -> None:
    """The seconds that a handler returns are kept, and None ends the cycle."""

    async def scenario() -> list[float]:
        queue, handler = WorkQueue[str](), Recorder(answers={"a": [7.0, 600.0, None]})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(5000)
        return handler.times("a")

    assert in_faked_time(scenario()) == pytest.approx([0.0, 7.0, 607.0])


def test_earliest_timer_wins(in_faked_time: Run) -> None:
    """Of several wishes to look again the earliest is kept, and the others do not add runs."""

    async def scenario() -> list[float]:
        queue, handler = WorkQueue[str](), Recorder()
        async with running(queue, handler):
            for seconds in (30, 10, 20):
                queue.add_after("a", seconds)
            await asyncio.sleep(100)
        return handler.times("a")

    assert in_faked_time(scenario()) == [10.0]


def test_newer_result_replaces_the_older_timer(in_faked_time: Run) -> None:
    """After an event the plan of the run before is void: only the new result counts."""

    async def scenario() -> list[float]:
        queue, handler = WorkQueue[str](), Recorder(answers={"a": [10.0, 60.0]})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(5)
            queue.add("a")
            await asyncio.sleep(80)
        return handler.times("a")

    assert in_faked_time(scenario()) == [0.0, 5.0, 65.0]


def test_failures_back_off_and_forget(in_faked_time: Run) -> None:
    """Retries double from 5 ms, with up to half taken off at random, and start anew after a success."""

    async def scenario() -> list[float]:
        failures: list[Answer | Exception] = [
            Conflict("no"),
            Conflict("no"),
            Conflict("no"),
            100.0,
            Conflict("no"),
        ]
        queue, handler = WorkQueue[str](), Recorder(answers={"a": failures})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(1000)
        return handler.times("a")

    times = in_faked_time(scenario())
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    expected = [0.005, 0.010, 0.020, 100.0, 0.005]
    assert len(waits) == len(expected)
    for wait, longest in zip(waits, expected, strict=True):
        assert longest / 2 - 1e-9 <= wait <= longest + 1e-9


def test_backoff_is_bounded(in_faked_time: Run) -> None:
    """An object that fails for hours is still tried every five minutes at least."""

    async def scenario() -> list[float]:
        failures: list[Answer | Exception] = [Conflict("no")] * 100
        queue, handler = WorkQueue[str](), Recorder(answers={"a": failures})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(6 * 3600)
        return handler.times("a")

    times = in_faked_time(scenario())
    assert len(times) > 70
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 300 + 1e-6


def test_retry_after_is_honoured(in_faked_time: Run) -> None:
    """An overloaded API server that asks for patience gets it."""

    async def scenario() -> list[float]:
        queue = WorkQueue[str]()
        handler = Recorder(answers={"a": [Unavailable("overloaded", retry_after=42.0)]})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(100)
        return handler.times("a")

    assert in_faked_time(scenario()) == [0.0, 42.0]


def test_news_cut_a_long_backoff_short(in_faked_time: Run) -> None:
    """A failing object that changed while it was handled does not sit out minutes of backoff."""

    async def scenario() -> list[float]:
        queue = WorkQueue[str]()
        handler = Recorder(takes=1, answers={"a": [Unavailable("no", retry_after=200.0)]})
        async with running(queue, handler):
            queue.add("a")
            await asyncio.sleep(0.5)
            queue.add("a")
            await asyncio.sleep(100)
        return handler.times("a")

    assert in_faked_time(scenario()) == [0.0, 2.0]


def test_workers_wait_for_the_start(in_faked_time: Run) -> None:
    """Keys gather while the cache fills, and none is handled before the start is given."""

    async def scenario() -> list[tuple[float, str]]:
        queue, handler, start = WorkQueue[str](), Recorder(), asyncio.Event()
        task = asyncio.create_task(queue.run(handler, workers=2, start=start))
        queue.add("a")
        await asyncio.sleep(20)
        assert (queue.depth, queue.oldest_ready_age, queue.standstill) == (1, 20.0, 20.0)
        start.set()
        await asyncio.sleep(1)
        assert (queue.depth, queue.oldest_ready_age, queue.standstill) == (0, 0.0, 0.0)
        queue.shut_down()
        await task
        return handler.starts

    assert in_faked_time(scenario()) == [(20.0, "a")]


def test_a_long_line_that_moves_is_no_standstill(in_faked_time: Run) -> None:
    """What counts is when a worker took up a key last, not how long the last of a large fleet has waited."""

    async def scenario() -> tuple[float, float, float]:
        queue, handler = WorkQueue[int](), Recorder(takes=10)
        for key in range(100):
            queue.add(key)
        task = asyncio.create_task(queue.run(lambda key: handler(str(key)), workers=1))
        await asyncio.sleep(125)
        seen = queue.oldest_ready_age, queue.standstill
        handler.takes = 1000
        await asyncio.sleep(105)
        stuck = queue.standstill
        queue.shut_down()
        await task
        return *seen, stuck

    assert in_faked_time(scenario()) == (125.0, 5.0, 100.0)


def test_shut_down_finishes_what_is_held(in_faked_time: Run) -> None:
    """A reconcile under way ends properly; waiting keys and timers are left to the next process."""

    async def scenario() -> tuple[list[tuple[float, str]], float]:
        queue, handler = WorkQueue[str](), Recorder(takes=5)
        task = asyncio.create_task(queue.run(handler, workers=1))
        queue.add("a")
        queue.add("b")
        queue.add_after("c", 1)
        await asyncio.sleep(2)
        queue.shut_down()
        await task
        return handler.starts, now()

    assert in_faked_time(scenario()) == ([(0.0, "a")], 5.0)


def test_key_reads_like_kubectl() -> None:
    """Logs name an object as namespace/name."""
    assert str(Key("ml", "language-id")) == "ml/language-id"


STEPS = st.tuples(
    st.floats(0, 3),  # pause before
    st.sampled_from(["add", "urgent", "later"]),
    st.sampled_from("abc"),
)
OUTCOMES = st.sampled_from([None, None, 2.0, Conflict, ValueError])


@settings(deadline=None)  # the machine may be busy; what matters is the faked time
@given(
    steps=st.lists(STEPS, max_size=30),
    takes=st.lists(st.floats(0, 2), min_size=1, max_size=10),
    outcomes=st.lists(OUTCOMES, min_size=1, max_size=10),
    workers=st.integers(1, 3),
)
def test_no_key_runs_twice_at_once_and_no_add_is_lost(
    steps: list[tuple[float, str, str]],
    takes: list[float],
    outcomes: list[float | type[Exception] | None],
    workers: int,
) -> None:
    """Whatever happens in whatever order: one run per key at a time, and a run begins after every add."""

    async def scenario() -> None:
        queue = WorkQueue[str]()
        running_keys: set[str] = set()
        twice: list[bool] = []
        events: list[tuple[str, str]] = []

        async def handler(key: str) -> Answer:
            twice.append(key in running_keys)  # the queue would take a failed assertion for a failed key
            running_keys.add(key)
            events.append(("run", key))
            turn = len(events)
            await asyncio.sleep(takes[turn % len(takes)])
            running_keys.discard(key)
            outcome = outcomes[turn % len(outcomes)]
            if isinstance(outcome, type):
                raise outcome
            return outcome

        async with running(queue, handler, workers=workers):
            for pause, what, key in steps:
                await asyncio.sleep(pause)
                events.append(("add", key))
                if what == "later":
                    queue.add_after(key, 1.5)
                else:
                    queue.add(key, urgent=what == "urgent")
            await asyncio.sleep(30)

        assert not any(twice)
        for position, (what, key) in enumerate(events):
            assert what == "run" or ("run", key) in events[position:]

    in_faked_time(scenario())
