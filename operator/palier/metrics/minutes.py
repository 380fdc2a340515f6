"""What the whole fleet counts is read minute by minute, without being in the way of the looks.

Who needs hours or weeks of traffic cannot read all raw samples of so long a time whenever it looks. So every minute
only that minute is read, with one question for each distinct counter and a few dozen ModelDeployments. What could not
be read is a gap, in which nothing is known. After a restart the first minutes are read back.

The looks must not wait for this: questions go one after the other, so that at most one connection is taken from them,
and the event loop gets its turns.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from palier.evidence.counters import Series
from palier.measuring.interval import Answer
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import Question
from palier.metrics.answers import Answers
from palier.metrics.asking import Asker
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.owners import Key, Owners
from palier.metrics.prometheus import MetricSource

INTERVAL: Final = 60.0
"""Seconds between two readings."""
LONGEST_REACH: Final = 600.0
"""Seconds that are read back at most after a restart or an outage of Prometheus."""
SAMPLES_AT_ONCE: Final = 40
"""Samples of a series that are read at once at most, beyond what the usual reading needs."""
AT_A_TIME: Final = 50
"""ModelDeployments after which others may use the event loop before the reading goes on."""


class MinuteReader(ABC):
    """Reads the counters of the fleet once a minute.

    Args:
        source: where samples come from.
        scrape_interval: seconds between two scrapes of a pod.
        clock: seconds since the epoch.
        interval: seconds between two readings.
        sleep: waits so many seconds.
        counted: told the ModelDeployments after every reading.
        scope: what is known of the labels in Prometheus.
    """

    aim: str
    """What the questions are for, in the log."""
    place: float
    """Where in the minute it is read, as a part of it, so that looks and readers do not ask at the same instant."""
    of_any_comparison: Collection[Question] = ()
    """Questions whose answers count whatever a shadow compares."""

    def __init__(
        self,
        source: MetricSource,
        *,
        scrape_interval: float,
        clock: Callable[[], float],
        interval: float = INTERVAL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        counted: Callable[[Sequence[Key]], None] | None = None,
        scope: Scope = ANYBODY,
    ) -> None:
        self._asker = Asker(source, scope=scope, at_once=1)
        self._staleness = 2.5 * scrape_interval + 0.5
        self._clock = clock
        self._interval = interval
        self._reach = min(LONGEST_REACH, max(interval, SAMPLES_AT_ONCE * scrape_interval))
        self._sleep = sleep
        self._counted = counted
        self._read_until: float | None = None

    async def run(self) -> None:
        """Read at every instant of the grid until cancelled."""
        while True:
            now = self._clock()
            offset = self._interval * self.place
            at = (math.floor((now - offset) / self._interval) + 1) * self._interval + offset
            await self._sleep(at - now + min(0.5, self._interval / 5))
            if self.find_fleet():
                await self.read(at)

    async def read(self, at: float) -> None:
        """One reading of the whole fleet.

        Args:
            at: the instant up to which to read, in seconds since the epoch.
        """
        fleet = self.find_fleet()
        begun = at - self._reach if self._read_until is None else max(self._read_until, at - self._reach)
        if begun >= at:
            return
        answers = await self._asker.ask(
            self.find_questions(fleet, since=begun),
            fleet,
            Owners(fleet),
            at=at,
            seconds=lambda _question: at - begun + self._staleness,
            of_any_comparison=frozenset(self.of_any_comparison),
        )
        answers.report(self.aim)
        # Where all questions fail, the next reading begins where this one did. Where only some do, what is missing is a
        # gap: else one bad counter would make every reading of the fleet long.
        if answers.found:
            self._read_until = at
        for number, (key, watched) in enumerate(fleet.items(), start=1):
            self.add_answers(key, watched, answers, start=begun, at=at)
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
        if self._counted:
            self._counted(list(fleet))

    @abstractmethod
    def find_fleet(self) -> Mapping[Key, WatchedRelease]:
        """Whose counters are read."""

    @abstractmethod
    def find_questions(self, fleet: Mapping[Key, WatchedRelease], *, since: float) -> Mapping[Question, Sequence[Key]]:
        """What is asked for whom.

        Args:
            fleet: what `find_fleet` has found.
            since: the instant from which on is read, in seconds since the epoch.
        """

    @abstractmethod
    def add_answers(self, key: Key, watched: WatchedRelease, answers: Answers, *, start: float, at: float) -> None:
        """Write down what the answers tell of one ModelDeployment, from `start` to `at`."""


def find_missed(scraped: Answer, revision: str, *, start: float, at: float) -> str:
    """A pod whose last scrape before one of the two instants has failed: requests of it are missing."""
    for target, rows in scraped.items():
        for owner, one in rows:
            if owner == revision and any(_find_held(one, time) == 0 for time in (start, at)):
                return f"pod {target[1]} of {revision} could not be scraped"
    return ""


def _find_held(one: Series, time: float) -> float | None:
    position = bisect_right(one.times, time) - 1
    return one.values[position] if position >= 0 else None
