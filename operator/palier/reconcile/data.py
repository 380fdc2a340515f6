"""Watches the data of what serves: reads it window after window, and tells a pass what was found."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from palier.api.status.data_drift import DriftReason
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.data_drift import DriftFigures
from palier.cluster.inputs import read_watch_profile
from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.errors import InvalidSpec
from palier.metrics.increases import IncreaseSource
from palier.metrics.windows import FeatureWindows, WatchedPods, WindowRead
from palier.release.data_drift import is_news
from palier.release.observation import Observation
from palier.release.situation import Decision
from palier.release.state import State
from palier.release.watched_data import WatchedData, choose_data
from palier.watch.data_watch import DataWatch

logger = logging.getLogger(__name__)

_UNKNOWN = "what cannot be read"
"""Name and digest of a reference that could never be read."""


@dataclass(slots=True)
class _Account:
    """The data of one ModelDeployment."""

    watch: DataWatch
    chosen: WatchedData | None
    """What is watched; None while what it is compared with cannot be read."""


class DataKeeper:
    """The data of all ModelDeployments that ask for it.

    Args:
        source: where increases come from.
        store: the cache, which has the profiles.
        instruments: where findings are exported.
        clock: seconds since the epoch.
        changed: told a ModelDeployment whose people have to be told something.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        source: IncreaseSource,
        store: Store,
        instruments: Instruments | None = None,
        clock: Callable[[], float] = time.time,
        changed: Callable[[Key], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.reader = FeatureWindows(source, clock=clock, window_read=self._add_window, sleep=sleep)
        self._store = store
        self._instruments = instruments
        self._changed = changed
        self._accounts: dict[Key, _Account] = {}

    async def run(self) -> None:
        """The loop that reads."""
        await self.reader.run()

    def complete_observation(
        self, key: Key, deployment: ModelDeployment, observation: Observation, state: State
    ) -> Observation:
        """The observation with what is known of the data; after a restart with what was remembered."""
        account = self._settle(key, deployment, state)
        return replace(observation, data=account.watch if account else None)

    def follow(self, key: Key, deployment: ModelDeployment, decision: Decision) -> None:
        """Watch what serves after a decision from now on."""
        account = self._settle(key, deployment, decision.state)
        if account is None:
            self.forget(key)
            return
        if (chosen := account.chosen) is None:
            self.reader.forget(key)
        else:
            self.reader.watch(key, WatchedPods(chosen.revision, chosen.since, chosen.window, chosen.features))
        self._export(key, account.watch)

    def forget(self, key: Key) -> None:
        """The object is gone, or its data is not watched."""
        self.reader.forget(key)
        self._accounts.pop(key, None)
        if self._instruments:
            self._instruments.forget_data_drift(key)

    def _settle(self, key: Key, deployment: ModelDeployment, state: State) -> _Account | None:
        """What is known of the data that is to be watched; None where none is."""
        account, remembered = self._accounts.get(key), state.data.watch
        known = account.watch if account else remembered
        try:
            chosen = choose_data(deployment, state, profile=read_watch_profile(self._store, deployment))
        except InvalidSpec as error:
            problem, chosen = f"{error.field}: {error.message}", None
        except ValueError as error:
            problem, chosen = f"spec.watch.dataDrift.reference.profile is no profile: {error}", None
        else:
            if chosen is None:
                return None
            fitting = (one for one in (known, remembered) if one is not None and one.reference.of == chosen.of)
            watch = next(fitting, None) or DataWatch.begin(chosen.of, chosen.name)
            self._accounts[key] = _Account(watch, chosen)
            return self._accounts[key]
        watch = (known or DataWatch.begin(_UNKNOWN, _UNKNOWN)).miss_window(problem)
        self._accounts[key] = _Account(watch, None)
        return self._accounts[key]

    async def _add_window(self, key: tuple[str, str], window: WindowRead) -> None:
        """Take in one window, and have people told what follows from it."""
        account = self._accounts.get(Key(*key))
        if account is None or account.chosen is None:
            return
        before, chosen = account.watch, account.chosen
        try:
            after = await asyncio.to_thread(_judge, before, chosen, window)
        except Exception as error:  # one odd ModelDeployment must not end the watch of all others
            logger.exception("the data of %s/%s cannot be compared", *key)
            after = before.miss_window(f"comparing failed: {type(error).__name__}", now=window.end)
        account = self._accounts.get(Key(*key))
        if account is None or account.watch is not before:
            return  # something else is watched by now
        account.watch = after
        self._export(Key(*key), after)
        if is_news(before, after) and self._changed:
            self._changed(Key(*key))

    def _export(self, key: Key, watch: DataWatch) -> None:
        if self._instruments is None:
            return
        drifting = tuple((one.series.feature, one.series.group) for one in watch.findings)
        known = bool(drifting) or watch.reason is DriftReason.NO_DRIFT
        self._instruments.put_data_drift(key, DriftFigures(drifting, known))


def _judge(before: DataWatch, chosen: WatchedData, window: WindowRead) -> DataWatch:
    """What is known after one more window."""
    if isinstance(window.found, str):
        return before.miss_window(window.found, now=window.end)
    return before.add_window(
        window.found, start=window.start, end=window.end, rules=chosen.rules, against=chosen.against
    )
