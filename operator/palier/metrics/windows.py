"""What the pods of the fleet have counted of their features, window after window.

Every ModelDeployment has windows of its own length, and they end at another instant for each, so that a fleet asks all
the time and never all at once. Each window is asked for once, after it is over, one question at a time. A process that
begins asks for the last two: it takes two to find a drift, and what the one before it knew of them is gone.

Nobody's question keeps others waiting for long: namespaces take turns, and whose question had no answer comes after all
others from then on, until it has one.
"""

import asyncio
import logging
import math
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from palier.errors import MetricsUnavailable
from palier.metrics.increases import IncreaseSource, Pods, find_twins
from palier.metrics.owners import Key
from palier.metrics.prometheus import TIMEOUT, TOO_LARGE
from palier.watch.features.exported import count_exported
from palier.watch.features.profile import Profile

logger = logging.getLogger(__name__)

INTERVAL: Final = 30.0
"""Seconds between two rounds over what is due."""
SETTLED_AFTER: Final = 45.0
"""Seconds after its end at which a window is asked for: its last samples may be on their way."""
RETRIED_AFTER: Final = 60.0
"""Seconds after which a question is asked again that nobody has answered."""
LONGEST_WAIT: Final = 3600.0
"""Seconds after which it is asked again at the latest; each time twice as long where nothing came in time."""
PATIENCE: Final = 120.0
"""Seconds after which a round begins no more questions; the next one goes on."""
OUTAGE: Final = 5
"""Questions without an answer, and none with one, after which a round is over: Prometheus is away."""
READ_BACK: Final = 2
"""Windows that are asked for at most when some were missed."""


@dataclass(frozen=True, slots=True)
class WatchedPods:
    """Whose windows are read."""

    revision: str
    since: float
    """No window that begins before is read, in seconds since the epoch."""
    window: float
    """Length in seconds."""
    features: tuple[str, ...] | None = None
    """Names that are wanted; None for all."""


@dataclass(frozen=True, slots=True)
class WindowRead:
    """What was counted in a window, or why that is not known."""

    start: float
    end: float
    found: Profile | str


_MOST_DOUBLINGS: Final = 6
_NAMED: Final = 10
"""Reasons that the log names after one round."""

WindowTold = Callable[[Key, WindowRead], Awaitable[None]]


@dataclass(slots=True)
class _Account:
    watched: WatchedPods
    read_until: float = -math.inf
    """The end of the last window that was read, or given up."""
    again_at: float = -math.inf
    """Before, nothing is asked, because the last question had no answer."""
    strikes: int = 0
    """Questions in succession without an answer."""
    told: bool = False
    """Whether it was told that the window which is due cannot be read."""


class FeatureWindows:
    """Reads the windows of the fleet.

    Args:
        source: where increases come from.
        clock: seconds since the epoch.
        window_read: told what one window of one ModelDeployment had.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        source: IncreaseSource,
        *,
        clock: Callable[[], float],
        window_read: WindowTold,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._clock = clock
        self._window_read = window_read
        self._sleep = sleep
        self._accounts: dict[Key, _Account] = {}

    def watch(self, key: Key, watched: WatchedPods) -> None:
        """Read the windows of a ModelDeployment from now on; another revision or length begins anew."""
        account = self._accounts.get(key)
        if account is None or account.watched != watched:
            strikes = account.strikes if account else 0
            self._accounts[key] = _Account(watched, strikes=strikes)

    def forget(self, key: Key) -> None:
        """Read no more of them."""
        self._accounts.pop(key, None)

    def list_watched(self) -> Sequence[Key]:
        """Whose windows are read."""
        return list(self._accounts)

    async def run(self) -> None:
        """Read whatever is due until cancelled."""
        while True:
            await self._sleep(INTERVAL)
            await self.read()

    async def read(self) -> None:
        """One round: every window that is over and was not read yet."""
        begun, answered = self._clock(), 0
        failures: Counter[str] = Counter()
        for key in self._list_due(begun):
            while (account := self._accounts.get(key)) and (end := self._find_due(key, account)):
                if self._clock() - begun > PATIENCE or (failures.total() >= OUTAGE and not answered):
                    return _report(failures)
                if failure := await self._read_window(key, account, end):
                    failures[failure] += 1
                    break
                answered += 1
        return _report(failures)

    def _list_due(self, now: float) -> list[Key]:
        """Who has something due, in the order in which they are asked for: whose questions are no trouble first."""
        due = [
            (account.strikes, key)
            for key, account in self._accounts.items()
            if now >= account.again_at and self._find_due(key, account)
        ]
        turns: Counter[str] = Counter()
        ranked = []
        for strikes, key in sorted(due):
            turns[key[0]] += 1
            ranked.append((strikes, turns[key[0]], key))
        return [key for _, _, key in sorted(ranked)]

    def _find_due(self, key: Key, account: _Account) -> float | None:
        """The end of the next window to read; None where none is over."""
        length, last = account.watched.window, self._find_last(key, account)
        offset = find_offset(key, length)
        earliest = math.ceil((account.watched.since - offset) / length) * length + offset + length
        end = max(account.read_until + length, last - (READ_BACK - 1) * length, earliest)
        return end if end <= last + 1.0 else None

    def _find_last(self, key: Key, account: _Account) -> float:
        """The end of the last window that is over."""
        length, offset = account.watched.window, find_offset(key, account.watched.window)
        return math.floor((self._clock() - SETTLED_AFTER - offset) / length) * length + offset

    async def _read_window(self, key: Key, account: _Account, end: float) -> str:
        """Ask for one window, and tell what it has; why there is no answer, where there is none."""
        length, watched = account.watched.window, account.watched
        found: Profile | str
        failure = ""
        try:
            pods = Pods(key[0], f"{key[1]}-{watched.revision}")
            increases = await self._source.increases(pods, at=end, seconds=length)
            twins = find_twins(increases)
            found = (
                await asyncio.to_thread(count_exported, increases, features=watched.features)
                if twins <= 1
                else _tell_twins(twins)
            )
            account.strikes = 0
        except MetricsUnavailable as error:
            found = failure = str(error)
            account.strikes += 1
            if error.reason not in TOO_LARGE:
                slow = error.reason == TIMEOUT
                wait = RETRIED_AFTER * (2 ** min(account.strikes, _MOST_DOUBLINGS) if slow else 1)
                account.again_at = self._clock() + min(wait, LONGEST_WAIT, length)
                if account.told or end + length > self._find_last(key, account) + 1.0:
                    return failure  # there is time to ask again
                account.told = True
                await self._tell(key, account, WindowRead(end - length, end, found))
                return failure
        except Exception as error:  # one odd answer must not end the reading of all others
            logger.exception("the features of %s/%s cannot be read", *key)
            found = failure = f"reading failed: {type(error).__name__}"
        account.read_until, account.told = end, False
        await self._tell(key, account, WindowRead(end - length, end, found))
        return failure

    async def _tell(self, key: Key, account: _Account, window: WindowRead) -> None:
        if self._accounts.get(key) is account:  # else it was forgotten while the question was under way
            await self._window_read(key, window)


def find_offset(key: Key, length: float) -> float:
    """Where in the grid of windows those of an object end, in seconds: the same in every process."""
    return zlib.crc32("/".join(key).encode()) % max(1, int(length))


def _tell_twins(number: int) -> str:
    return f"each series of a pod is there {number} times: two servers or two jobs scrape it"


def _report(failures: Counter[str]) -> None:
    for reason, number in failures.most_common(_NAMED):
        logger.warning("reading features failed%s: %s", f" for {number}" if number > 1 else "", reason)
