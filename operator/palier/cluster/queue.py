"""The work queue: which object is looked at next, and when again.

Kopf delivers events; this turns them into level-triggered work with the semantics of client-go's rate-limited work
queue, which a decade of controllers has proved: a key waits at most once, is never handled by two workers at the same
time, and a key added while it is handled is handled again afterwards. So a burst of events costs one reconcile, and no
event is lost. Keys that fail wait for themselves only: their backoff delays nobody else.

Some keys are urgent, because users may depend on them, and a key stays urgent until a run of it has succeeded without
saying that it still is. No key waits for ever behind urgent ones. Urgent keys and others stand in two lines, each
served in the order of arrival. While both wait, `URGENT_IN_A_ROW` urgent keys are taken, then one of the others. As
every key waits at most once, whatever anybody adds, and with U = `URGENT_IN_A_ROW`:

- a key that is not urgent and has p others like it before it is taken after at most (U + 1) p + U other takes;
- an urgent key that has u urgent ones before it is taken after at most u + u // U + 1 other takes.

So with k known keys nothing waits for more than (U + 1) k takes. With w workers and reconciles of at most h seconds
each, that is (U + 1) k h / w seconds, and for an urgent key about 4/3 of what the urgent ones alone would take.

It knows nothing about Kubernetes. It takes its time from the running event loop, so tests run it in faked time.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, Self, TypeVar

from typing_extensions import override

from palier.errors import PalierError

logger = logging.getLogger(__name__)

SHORTEST_BACKOFF = 0.005
LONGEST_BACKOFF = 300.0
LARGEST_EXPONENT = 30  # 5 ms * 2^30 is far beyond the longest backoff; keeps the power small
URGENT_IN_A_ROW = 3  # takes of urgent keys after which another key is taken, if one waits
LONGEST_WAIT_WITH_NEWS = 1.0  # a key that failed while news arrived for it does not sit out its whole backoff


class Key(NamedTuple):
    """Names one ModelDeployment: the unit of work of the operator."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        """The way kubectl and our logs name an object."""
        return f"{self.namespace}/{self.name}"


class Rest(float):
    """Seconds after which a key that was handled is due again, and whether what remains to be done is urgent.

    An urgent key goes before others until then, whoever adds it: a rollback is not over after its first step.
    """

    __slots__ = ("urgent",)
    urgent: bool

    def __new__(cls, seconds: float, *, urgent: bool = False) -> Self:
        """So many seconds; urgent ones or not."""
        rest = super().__new__(cls, seconds)
        rest.urgent = urgent
        return rest


K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys that want to be handled, each by one worker at a time.

    All methods belong to the thread of the event loop, which must be running.
    """

    def __init__(self, *, longest_backoff: float = LONGEST_BACKOFF, jitter: random.Random | None = None) -> None:
        self._longest_backoff = longest_backoff
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, protects nothing
        # Insertion order is the order of service; the value is the loop time since which the key has been ready.
        self._urgent: dict[K, float] = {}
        self._ready: dict[K, float] = {}
        self._urgent_in_a_row = 0
        self._taken_at = 0.0
        self._running: set[K] = set()
        self._pressing: set[K] = set()  # urgent until a run has succeeded that does not say so again
        self._dirty: dict[K, bool] = {}  # added again while running: urgently or not
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._news = asyncio.Event()
        self._closed = False

    @property
    def depth(self) -> int:
        """How many keys are ready and wait for a worker."""
        return len(self._urgent) + len(self._ready)

    @property
    def oldest_ready_age(self) -> float:
        """Seconds that the longest waiting ready key has waited; 0 when none waits."""
        since = min((*self._urgent.values(), *self._ready.values()), default=None)
        return 0.0 if since is None else _now() - since

    @property
    def standstill(self) -> float:
        """Seconds for which keys have waited and no worker has taken any; 0 when none waits.

        A long line that moves is no standstill.
        """
        age = self.oldest_ready_age
        return min(age, _now() - self._taken_at) if age else 0.0

    def add(self, key: K, *, urgent: bool = False) -> None:
        """Have the key handled as soon as a worker is free.

        Args:
            key: what is to be handled.
            urgent: whether it goes before others, and goes on to do so until it was handled with success.
        """
        if key in self._running:
            self._dirty[key] = urgent or self._dirty.get(key, False)
            return
        if urgent:
            self._pressing.add(key)
        if key in self._pressing:
            self._urgent.setdefault(key, self._ready.pop(key, _now()))
        elif key not in self._urgent:
            self._ready.setdefault(key, _now())
        self._news.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key handled in so many seconds, unless a run is due earlier: the next run replaces all timers."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if timer := self._timers.get(key):
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._timer_fired, key)

    def retry(self, key: K, *, after: float | None = None) -> None:
        """Have a failed key handled again after its exponential backoff, and not before `after` seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        backoff = min(SHORTEST_BACKOFF * 2.0 ** min(failures, LARGEST_EXPONENT), self._longest_backoff)
        self.add_after(key, max(backoff * self._jitter.uniform(0.5, 1.0), after or 0.0))

    def begin_anew(self, key: K) -> None:
        """Forget what the key has earned so far: failures, timers and urgency were those of another object.

        The key stays in its line if it waits, because whoever has another object behind a name has to look at it.
        """
        self._failures.pop(key, None)
        self._pressing.discard(key)
        if timer := self._timers.pop(key, None):
            timer.cancel()

    def shut_down(self) -> None:
        """Let the workers finish the keys they hold, and hand out no others: `run` then returns."""
        self._closed = True
        self._news.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def run(
        self,
        handler: Callable[[K], Awaitable[float | None]],
        *,
        workers: int,
        start: asyncio.Event | None = None,
    ) -> None:
        """Handle keys with so many workers until `shut_down`.

        Args:
            handler: handles one key; returns the seconds after which to handle it again, or None; a `Rest` also tells
                whether that is urgent. When it raises, the key is retried with backoff, not before the error's
                `retry_after` where it has one, and is as urgent as it was.
            workers: how many keys are handled at the same time.
            start: the workers wait for this before they take their first key.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler, start), name=f"worker {number}")

    async def _work(self, handler: Callable[[K], Awaitable[float | None]], start: asyncio.Event | None) -> None:
        if start is not None:
            await start.wait()
        while (key := await self._take()) is not None:
            again: float | None = None
            failure: Exception | None = None
            try:
                again = await handler(key)
            except Exception as error:  # noqa: BLE001 - one broken key must not end the worker
                failure = error
            finally:
                self._running.discard(key)
            if failure is None:
                self._note_success(key, again)
            else:
                self._note_failure(key, failure)

    async def _take(self) -> K | None:
        while not self._closed:
            if keys := self._next_line():
                key = next(iter(keys))
                del keys[key]
                self._running.add(key)
                self._taken_at = _now()
                # This run sees everything that earlier timers were set for.
                if timer := self._timers.pop(key, None):
                    timer.cancel()
                return key
            self._news.clear()
            await self._news.wait()
        return None

    def _next_line(self) -> dict[K, float]:
        """The line whose first key is taken now: the urgent one, but not more often in a row than others can wait."""
        if self._urgent and not (self._ready and self._urgent_in_a_row >= URGENT_IN_A_ROW):
            self._urgent_in_a_row = self._urgent_in_a_row + 1 if self._ready else 0
            return self._urgent
        self._urgent_in_a_row = 0
        return self._ready

    def _note_success(self, key: K, again: float | None) -> None:
        self._failures.pop(key, None)
        if isinstance(again, Rest) and again.urgent:
            self._pressing.add(key)
        else:
            self._pressing.discard(key)
        if key in self._dirty:
            self.add(key, urgent=self._dirty.pop(key))
        if again is not None:
            self.add_after(key, again)

    def _note_failure(self, key: K, error: Exception) -> None:
        if isinstance(error, PalierError):
            logger.warning("%s: %s", key, error)
        else:
            logger.error("%s: unexpected failure", key, exc_info=error)
        self.retry(key, after=getattr(error, "retry_after", None))
        if (urgent := self._dirty.pop(key, None)) is not None:
            if urgent:
                self._pressing.add(key)
            self.add_after(key, LONGEST_WAIT_WITH_NEWS)

    def _timer_fired(self, key: K) -> None:
        del self._timers[key]
        self.add(key)


def _now() -> float:
    return asyncio.get_running_loop().time()
