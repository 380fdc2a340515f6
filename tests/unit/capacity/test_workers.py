"""The laws of the example server: they are why its capacity is known."""

import asyncio
import statistics

import pytest
from capacity_server.settings import Law
from capacity_server.workers import FullError, Thread, Turn, Workers, burn, times


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_workers_serve_at_once_while_one_is_free() -> None:
    """Nobody waits before all workers are busy."""
    workers = Workers(2, room=10, clock=Clock())

    assert [workers.enter(1.0), workers.enter(1.0), workers.enter(1.0)] == [
        Turn(0.0, 1.0),
        Turn(0.0, 1.0),
        Turn(1.0, 2.0),
    ]


def test_the_worker_that_is_free_first_takes_the_next() -> None:
    """A long request does not hold up those that another worker can take."""
    clock = Clock()
    workers = Workers(2, room=10, clock=clock)
    workers.enter(5.0)
    workers.enter(1.0)
    clock.now = 0.5

    assert workers.enter(1.0) == Turn(1.0, 2.0)
    assert workers.enter(1.0) == Turn(2.0, 3.0)


def test_the_capacity_is_what_the_law_says() -> None:
    """Four workers of 20 ms each answer 200 requests a second, however many more ask."""
    clock = Clock()
    workers = Workers(4, room=100_000, clock=clock)
    ends = []
    for index in range(3000):  # 300 requests a second
        clock.now = index / 300
        ends.append(workers.enter(0.02).end)

    assert sum(end <= 10.0 for end in ends) == pytest.approx(2000, abs=4)


def test_whoever_finds_the_waiting_room_full_is_turned_away() -> None:
    """Only those who wait take room; those who are served do not, and room is free again when one's turn has come."""
    clock = Clock()
    workers = Workers(1, room=1, clock=clock)
    workers.enter(1.0)
    workers.enter(1.0)
    with pytest.raises(FullError):
        workers.enter(1.0)
    clock.now = 1.0

    assert workers.enter(1.0) == Turn(2.0, 3.0)


def test_times_follow_the_law() -> None:
    """Deterministic times are all alike; exponential ones have the mean, and as much spread, and are seeded."""
    alike, spread = times(0.02, Law.DETERMINISTIC, seed=1), times(0.02, Law.EXPONENTIAL, seed=1)
    drawn = [spread() for _ in range(20_000)]
    again = times(0.02, Law.EXPONENTIAL, seed=1)

    assert {alike() for _ in range(5)} == {0.02}
    assert statistics.mean(drawn) == pytest.approx(0.02, rel=0.03)
    assert statistics.stdev(drawn) == pytest.approx(0.02, rel=0.03)
    assert [again() for _ in range(5)] == drawn[:5]


async def test_the_thread_works_for_one_after_the_other() -> None:
    """Requests are served in the order of arrival, and the event loop turns between two of them."""
    told: list[str] = []
    thread = Thread(room=10, burn=lambda seconds: told.append(f"{seconds:g} s"))

    async def ask(name: str, seconds: float) -> None:
        await thread.work(seconds)
        told.append(name)

    await asyncio.gather(ask("first", 1.0), ask("second", 2.0))

    assert told == ["1 s", "first", "2 s", "second"]


async def test_the_thread_turns_away_whom_it_has_no_room_for() -> None:
    """One is served and one may wait; the third is too many."""
    thread = Thread(room=1, burn=lambda _: None)

    results = await asyncio.gather(*(thread.work(1.0) for _ in range(3)), return_exceptions=True)

    assert [type(result) for result in results] == [type(None), type(None), FullError]
    await thread.work(1.0)  # there is room again


async def test_a_request_that_was_given_up_does_not_stop_the_others() -> None:
    """A client that goes away while it waits leaves the queue in order."""
    thread = Thread(room=10, burn=lambda _: None)
    given_up = asyncio.create_task(thread.work(1.0))
    waiting = asyncio.create_task(thread.work(1.0))
    await asyncio.sleep(0)
    given_up.cancel()

    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(thread.work(1.0), 5)


def test_burning_uses_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes by the time that the thread had a processor, not by the clock on the wall."""
    spent = iter([10.0, 10.004, 10.0049, 10.0051])
    monkeypatch.setattr("capacity_server.workers.time.thread_time", lambda: next(spent))

    burn(0.005)

    assert next(spent, None) is None
