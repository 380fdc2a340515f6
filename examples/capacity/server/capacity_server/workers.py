"""Who serves: workers that only let time pass, or one thread that computes. Both serve in the order of arrival."""

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from capacity_server.settings import Law

_GRAIN = 200
"""Additions between two looks at the clock: some microseconds."""


class FullError(Exception):
    """The waiting room is full; the request is turned away."""


def times(mean: float, law: Law, *, seed: int) -> Callable[[], float]:
    """Return a source of service times in seconds with this mean."""
    if law is Law.DETERMINISTIC:
        return lambda: mean
    rate, chance = 1 / mean, random.Random(seed)  # noqa: S311 (no secret)
    return lambda: chance.expovariate(rate)


@dataclass(frozen=True, slots=True)
class Turn:
    """When a request is served, on the clock of the event loop."""

    start: float
    end: float


class Workers:
    """A waiting room before `number` workers that take their time without using a processor.

    A request knows on arrival when a worker will begin and end: with a queue in the order of arrival that is
    certain then. So no delay of a timer is ever passed on to those behind, and the law holds exactly.

    Args:
        number: of workers.
        room: how many may wait.
        clock: the event loop's; tests replace it.
    """

    def __init__(self, number: int, *, room: int, clock: Callable[[], float]) -> None:
        self._free = [0.0] * number
        self._waiting: deque[float] = deque()
        self._room = room
        self._clock = clock

    def enter(self, seconds: float) -> Turn:
        """Take the next worker that is free, for so many seconds.

        Raises:
            FullError: as many are waiting as there is room for.
        """
        now = self._clock()
        while self._waiting and self._waiting[0] <= now:
            self._waiting.popleft()
        start = max(now, self._free[0])
        if start > now:
            if len(self._waiting) >= self._room:
                raise FullError
            self._waiting.append(start)
        heapq.heapreplace(self._free, start + seconds)
        return Turn(start, start + seconds)


class Thread:
    """One thread that computes for each request, one after the other.

    It is the event loop's own thread. Between two requests the loop turns once, so that probes are answered in between.

    Args:
        room: how many may wait.
        burn: uses so many seconds of the processor; tests replace it.
    """

    def __init__(self, *, room: int, burn: Callable[[float], None]) -> None:
        self._jobs: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._room = room
        self._burn = burn
        self._busy = False

    async def work(self, seconds: float) -> None:
        """Return when so many seconds of the processor have been spent on this request.

        Raises:
            FullError: as many are waiting as there is room for.
        """
        if self._busy and len(self._jobs) > self._room:
            raise FullError
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._jobs.append((seconds, done))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next)
        await done

    def _next(self) -> None:
        seconds, done = self._jobs[0]
        self._burn(seconds)
        self._jobs.popleft()
        if not done.done():
            done.set_result(None)
        self._busy = bool(self._jobs)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._next)


def burn(seconds: float) -> None:
    """Compute until this thread has had so many seconds of a processor, however long that takes on the wall's clock."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(_GRAIN))
