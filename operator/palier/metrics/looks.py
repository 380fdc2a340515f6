"""Looks: the whole fleet is measured at the same aligned instants, with one question per signal.

The number of questions depends on how many different signals the ModelDeployments name, not on how many
ModelDeployments there are. What a look adds to a release is computed by the pure `palier.release.look`.
"""

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.metrics.prometheus import MetricSource
from palier.release.look import Watched, first_instant, instants, look

logger = logging.getLogger(__name__)

SCRAPED = "up"
"""The series that Prometheus itself writes for every target at every scrape."""

NAMESPACES_IN_A_MATCHER = 50
"""Beyond that many namespaces a question is asked without naming them."""

LONGEST_REACH = 3600.0
"""Seconds of history that a look reads at most; evidence of an older gap is given up."""

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""


class LookFinished(Protocol):
    """Hears how long a look took and whether it failed: for the operator's own metrics."""

    def __call__(self, *, seconds: float, failed: bool) -> None:
        """One look is over."""


class Looks:
    """The releases under judgement and the loop that looks at them.

    Args:
        source: where samples come from.
        interval: seconds between two looks, at least 1.
        scrape_interval: seconds between two scrapes of a pod.
        looked: told the ModelDeployments that a look has measured, or failed to.
        clock: seconds since the epoch.
        sleep: waits so many seconds.
        finished: told about every look.
    """

    def __init__(
        self,
        source: MetricSource,
        *,
        interval: float,
        scrape_interval: float,
        looked: Callable[[Sequence[Key]], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        finished: LookFinished | None = None,
    ) -> None:
        self._source = source
        self._interval = interval
        self._staleness = 2.5 * scrape_interval + 0.5
        self._looked = looked
        self._clock = clock
        self._sleep = sleep
        self._finished = finished
        self._watched: dict[Key, Watched] = {}
        self.last_turn: float | None = None

    def watch(self, key: Key, watched: Watched) -> None:
        """Look at a release from now on, or go on with it where this operator already looks further ahead."""
        known = self._watched.get(key)
        if known and _same(known, watched) and (known.last_look or 0) >= (watched.last_look or 0):
            self._watched[key] = replace(known, objectives=watched.objectives)
            return
        begin = watched.last_look
        if begin is None and watched.traffic_since is not None:
            begin = first_instant(watched.traffic_since, interval=self._interval)
        self._watched[key] = replace(watched, last_look=begin)

    def forget(self, key: Key) -> None:
        """Stop looking at a ModelDeployment."""
        self._watched.pop(key, None)

    def of(self, key: Key, *, candidate: str, begun_at: float, stage_index: int) -> Watched | None:
        """The evidence of exactly this stage of exactly this release, if it is being looked at."""
        watched = self._watched.get(key)
        if watched and (watched.candidate, watched.begun_at, watched.stage_index) == (candidate, begun_at, stage_index):
            return watched
        return None

    async def run(self) -> None:
        """Look at every instant of the grid until cancelled; a look that takes too long makes the next ones wait."""
        while True:
            now = self._clock()
            at = (math.floor(now / self._interval) + 1) * self._interval
            # A scrape that was due at the instant itself needs a moment to be stored.
            await self._sleep(at - now + min(0.5, self._interval / 5))
            if self._watched:
                await self.look(at)
            self.last_turn = self._clock()

    async def look(self, at: float) -> None:
        """One look at the whole fleet.

        Args:
            at: the instant, in seconds since the epoch.
        """
        begun, failed = self._clock(), False
        fleet = dict(self._watched)
        earliest = min((watched.last_look or at for watched in fleet.values()), default=at)
        reach = min(at - earliest, LONGEST_REACH) + self._staleness
        try:
            answers = await self._ask(fleet, at=at, seconds=reach)
        except MetricsUnavailable as error:
            failed = True
            logger.warning("a look failed: %s", error)
            for key, before in fleet.items():
                self._replace(key, before, before.blind(str(error), at=at))
        else:
            owners = _Owners(fleet)
            series = {selector: owners.sorted(found) for selector, found in answers.items()}
            for key, before in fleet.items():
                self._replace(key, before, self._after(key, before, series, owners, at=at))
        if self._finished:
            self._finished(seconds=self._clock() - begun, failed=failed)
        self._looked(list(fleet))

    def _after(
        self,
        key: Key,
        before: Watched,
        series: Mapping[str, Mapping[Key, Sequence[Series]]],
        owners: "_Owners",
        *,
        at: float,
    ) -> Watched:
        start = before.last_look
        if before.traffic_since is None:
            start = at - self._interval
        elif start is None or at - start > LONGEST_REACH:
            start = at - self._interval
            before = replace(before, last_look=start)
        return look(
            before,
            {selector: found.get(key, ()) for selector, found in series.items()},
            scraped=series[SCRAPED].get(key, ()),
            revision_of=lambda labels: owners.revision_of(key, labels),
            at=instants(start, at, interval=self._interval),
            staleness=self._staleness,
        )

    def _replace(self, key: Key, before: Watched, after: Watched) -> None:
        # A reconcile may have moved the release to another stage while the questions were under way.
        if self._watched.get(key) is before:
            self._watched[key] = after

    async def _ask(self, fleet: Mapping[Key, Watched], *, at: float, seconds: float) -> dict[str, list[Series]]:
        selectors = {SCRAPED}
        for watched in fleet.values():
            for objective in watched.objectives:
                selectors.update(objective.selectors)
        namespaces = sorted({namespace for namespace, _ in fleet})
        ordered = sorted(selectors)
        answers = await asyncio.gather(
            *(self._source.samples(within(selector, namespaces), at=at, seconds=seconds) for selector in ordered)
        )
        return dict(zip(ordered, answers, strict=True))


def within(selector: str, namespaces: Sequence[str]) -> str:
    """A vector selector restricted to namespaces, unless they are too many to name."""
    if len(namespaces) > NAMESPACES_IN_A_MATCHER:
        return selector
    matcher = f'namespace=~"{"|".join(namespaces)}"'
    name, brace, labels = selector.partition("{")
    inner = labels.removesuffix("}").strip().removesuffix(",")
    return f"{name}{{{inner},{matcher}}}" if brace and inner else f"{name}{{{matcher}}}"


def _same(one: Watched, other: Watched) -> bool:
    return _identity(one) == _identity(other)


def _identity(watched: Watched) -> tuple[str, float, int, bool]:
    return watched.candidate, watched.begun_at, watched.stage_index, watched.traffic_since is None


class _Owners:
    """Whose series is it? Told by the name of its pod, or by a `revision` label."""

    def __init__(self, fleet: Mapping[Key, Watched]) -> None:
        self._prefixes: dict[tuple[str, str], tuple[Key, str]] = {}
        self._pods: dict[tuple[str, str], tuple[Key, str] | None] = {}
        for (namespace, name), watched in fleet.items():
            for revision in (watched.candidate, watched.stable):
                if revision:
                    self._prefixes[namespace, f"{name}-{revision}"] = ((namespace, name), revision)
        self._revisions = {(key[0], revision): (key, revision) for key, revision in self._prefixes.values()}

    def sorted(self, series: Sequence[Series]) -> dict[Key, list[Series]]:
        """Series by owner; strangers' are left out."""
        found: dict[Key, list[Series]] = defaultdict(list)
        for one in series:
            owner = self._owner(one.labels)
            if owner:
                found[owner[0]].append(one)
        return found

    def revision_of(self, key: Key, labels: Mapping[str, str]) -> str | None:
        """The revision of a series of this owner."""
        owner = self._owner(labels)
        return owner[1] if owner and owner[0] == key else None

    def _owner(self, labels: Mapping[str, str]) -> tuple[Key, str] | None:
        namespace = labels.get("namespace", "")
        if "revision" in labels and (named := self._revisions.get((namespace, labels["revision"]))):
            return named
        pod = labels.get("pod", "")
        if (namespace, pod) not in self._pods:
            self._pods[namespace, pod] = self._owner_of_pod(namespace, pod)
        return self._pods[namespace, pod]

    def _owner_of_pod(self, namespace: str, pod: str) -> tuple[Key, str] | None:
        # A pod is named <Deployment>-<ReplicaSet's hash>-<suffix>, shortened when that is too long: try each dash.
        parts = pod.split("-")
        for length in range(len(parts) - 1, 1, -1):
            if owner := self._prefixes.get((namespace, "-".join(parts[:length]))):
                return owner
        return None
