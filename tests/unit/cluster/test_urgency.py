"""What is urgent goes first, stays urgent until it is done, and never keeps the others waiting for ever."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.cluster.queue import URGENT_IN_A_ROW, Rest, WorkQueue
from palier.errors import Conflict
from tests.support.cluster.recorder import Answer, Recorder, Run, running
from tests.unit.cluster.conftest import in_faked_time


def test_urgent_keys_leave_a_turn_to_the_others(in_faked_time: Run) -> None:
    """However many are urgent, after three of them whoever waits longest has its turn; alone they go through."""

    async def scenario() -> str:
        queue, handler = WorkQueue[str](), Recorder(takes=1)
        for key in "abcdefgh":
            queue.add(key, urgent=True)
        for key in "XY":
            queue.add(key)
        async with running(queue, handler, workers=1):
            await asyncio.sleep(20)
        return handler.order

    assert in_faked_time(scenario()) == "abcXdefYgh"


def test_a_key_that_rests_urgently_goes_first_again(in_faked_time: Run) -> None:
    """The steps of a rollback follow each other before all others, until a run does not say so any more."""

    async def scenario() -> str:
        queue = WorkQueue[str]()
        steps: list[Answer | Exception] = [Rest(0.0, urgent=True), Rest(0.5, urgent=True), 0.0, None]
        handler = Recorder(takes=1, answers={"r": steps})
        for key in "rabcdef":
            queue.add(key)
        async with running(queue, handler, workers=1):
            await asyncio.sleep(20)
        return handler.order

    assert in_faked_time(scenario()) == "rrarbcdefr"


def test_whatever_happens_to_an_urgent_key_is_urgent(in_faked_time: Run) -> None:
    """The gateway's answer to a rollback comes as an event like any other; it is not left waiting for the fleet."""

    async def scenario() -> str:
        queue, handler = WorkQueue[str](), Recorder(takes=1, answers={"r": [Rest(600, urgent=True), None, None]})
        queue.add("r")
        async with running(queue, handler, workers=1):
            await asyncio.sleep(2)
            for key in "abcr":
                queue.add(key)
            await asyncio.sleep(5)
            for key in "defr":
                queue.add(key)
            await asyncio.sleep(5)
        return handler.order

    assert in_faked_time(scenario()) == "rrabcdefr"


def test_a_failed_run_leaves_the_key_as_urgent_as_it_was(in_faked_time: Run) -> None:
    """A rollback whose write was refused is tried again before the others, and an ordinary key after them."""

    async def scenario() -> str:
        queue = WorkQueue[str]()
        handler = Recorder(takes=1, answers={"r": [Conflict("no")], "o": [Conflict("no")]})
        queue.add("o")
        queue.add("r", urgent=True)
        for key in "abcd":
            queue.add(key)
        async with running(queue, handler, workers=1):
            await asyncio.sleep(20)
        return handler.order

    assert in_faked_time(scenario()) == "rorabcdo"


def test_urgent_news_during_a_run_stay_urgent_whatever_becomes_of_it(in_faked_time: Run) -> None:
    """A breach that is found while its release is handled goes first afterwards, if that run succeeds or fails."""

    async def scenario(outcome: Exception | None) -> str:
        queue, handler = WorkQueue[str](), Recorder(takes=1, answers={"r": [outcome]})
        queue.add("r")
        async with running(queue, handler, workers=1):
            await asyncio.sleep(0.5)
            for key in "abcd":
                queue.add(key)
            queue.add("r", urgent=True)
            await asyncio.sleep(20)
        return handler.order

    assert in_faked_time(scenario(None)) == "rrabcd"
    assert in_faked_time(scenario(Conflict("no"))) == "rarbcd"


def test_another_object_of_the_name_begins_anew(in_faked_time: Run) -> None:
    """It waits neither for the backoff nor for the timer of the former one, and is not urgent for its sake."""

    async def scenario() -> tuple[list[float], str]:
        queue = WorkQueue[str](jitter=random.Random(1))  # noqa: S311 - spreads retries
        handler = Recorder(takes=1, answers={"r": [Conflict("no")] * 100})
        queue.add("r", urgent=True)
        async with running(queue, handler, workers=1):
            await asyncio.sleep(5000)
            queue.begin_anew("r")
            handler.starts.clear()
            handler.answers["r"] = [Conflict("no"), None]
            await asyncio.sleep(1000)
            for key in "abr":
                queue.add(key)
            await asyncio.sleep(10)
        return handler.times("r"), handler.order

    times, order = in_faked_time(scenario())
    assert order == "abrr"
    assert times[1] - times[0] == pytest.approx(1.0, abs=0.005)


@settings(deadline=None)
@given(
    urgent=st.lists(st.integers(0, 9), max_size=30),
    others=st.lists(st.integers(10, 19), max_size=30),
    again=st.booleans(),
)
def test_no_key_waits_longer_than_stated(urgent: list[int], others: list[int], *, again: bool) -> None:
    """Each is taken within the takes that the module states, also when urgent ones come again and again."""

    async def scenario() -> None:
        queue = WorkQueue[int]()
        taken: list[int] = []
        waiting: set[int] = set()
        stated: list[tuple[int, int, int]] = []  # the key, the takes before it was added, and the last that may be its

        def add(key: int) -> None:
            if key in waiting:
                return
            before = sum((other < 10) == (key < 10) for other in waiting)
            wait = (
                before + before // URGENT_IN_A_ROW + 1 if key < 10 else (URGENT_IN_A_ROW + 1) * before + URGENT_IN_A_ROW
            )
            stated.append((key, len(taken), len(taken) + wait + 1))
            waiting.add(key)
            queue.add(key, urgent=key < 10)

        async def handler(key: int) -> None:
            taken.append(key)
            waiting.remove(key)
            await asyncio.sleep(1)
            if again:
                asyncio.get_running_loop().call_later(0.1, add, key)

        for key in (*others, *urgent):
            add(key)
        task = asyncio.create_task(queue.run(handler, workers=1))
        await asyncio.sleep(100)
        queue.shut_down()
        await task
        assert all(key in taken[since:until] for key, since, until in stated if until <= len(taken))

    in_faked_time(scenario())
