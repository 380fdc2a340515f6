"""Looks: the whole fleet is measured at the same aligned instants, with one question per signal for many releases.

The number of questions depends on how many different signals the ModelDeployments name, and for every few dozen
releases there is one more of each; those that are not in a release cost none. What a look adds to a release is computed
by the pure `palier.measuring.look`.

Each question reads as far back as most releases need that were measured at their last look, and never further than a
few intervals. Those that have fallen behind, because they could not be measured for a while, are asked for once more
with all that they have missed, and only when there is something to read again: otherwise blind releases would make
every look of the fleet an hour long. Pods and router are two sides of a release that fall behind each for itself.

Whatever is odd about one release stays with that release: it is blind, and the others are measured.
"""

import asyncio
import gc
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from palier.measuring.look import SCRAPED, WatchedRelease, asked_at, first_instant, instants, is_visible, look
from palier.measuring.provenance import of_several_servers
from palier.measuring.questions import Question
from palier.measuring.sources import Origin
from palier.metrics.answers import Answers
from palier.metrics.asking import Asker
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.news import News
from palier.metrics.owners import NOBODY_ELSE, Key, Owners
from palier.metrics.prometheus import TOO_LARGE, MetricSource

__all__ = ["Key", "LookFinished", "Looks"]

logger = logging.getLogger(__name__)

LONGEST_REACH = 3600.0
"""Seconds of history that a look reads at most; evidence of an older gap is given up."""

USUAL_INTERVALS = 4
"""Looks that the questions of everybody reach back at most."""

NOT_YET = "no look yet"
"""Why a release cannot be measured that has only just begun to be watched."""

RELEASES_AT_A_TIME = 50
"""After so many, others may use the event loop before the look goes on."""


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
        changed: told before it those for which the look has changed what cannot wait: a test speaks against the
            candidate, or no longer does, or the release cannot be measured any more, or again.
        clock: seconds since the epoch.
        sleep: waits so many seconds.
        finished: told about every look.
        serving: the revisions of every ModelDeployment, also of those that are not under judgement.
        scope: what is known of the labels in Prometheus.
    """

    def __init__(  # noqa: PLR0913 - what it is told at the start
        self,
        source: MetricSource,
        *,
        interval: float,
        scrape_interval: float,
        looked: Callable[[Sequence[Key]], None],
        changed: Callable[[Sequence[Key]], None] = lambda _keys: None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        finished: LookFinished | None = None,
        serving: Callable[[], Mapping[Key, Collection[str]]] = lambda: NOBODY_ELSE,
        scope: Scope = ANYBODY,
    ) -> None:
        self._asker = Asker(source, scope=scope)
        self._interval = interval
        self._staleness = 2.5 * scrape_interval + 0.5
        self._looked = looked
        self._changed = changed
        self._clock = clock
        self._sleep = sleep
        self._finished = finished
        self._serving = serving
        self._watched: dict[Key, WatchedRelease] = {}
        self._broken: dict[Key, str] = {}
        self._news = News()
        self.last_turn: float | None = None

    def watch(self, key: Key, watched: WatchedRelease) -> None:
        """Look at a release from now on, or go on with it where this operator already looks further ahead."""
        watched = self._asker.scope.apply(watched)
        known = self._watched.get(key)
        if known and known.identity == watched.identity and not _is_behind(known, watched):
            # The very same object stays where nothing is new: most reconciles change nothing.
            if (known.objectives, known.router) != (watched.objectives, watched.router):
                self._watched[key] = replace(known, objectives=watched.objectives, router=watched.router)
            return
        self._news.forget(key)
        begin = None
        if watched.traffic_since is not None:
            begin = first_instant(watched.traffic_since, interval=self._interval)
        routed = any(objective.origin is Origin.ROUTER for objective in watched.objectives)
        found = watched
        # What a shadow's proxy has shown is nothing seen of the pods themselves.
        whose = (watched.candidate, watched.begun_at, watched.comparison)
        if known and (known.candidate, known.begun_at, known.comparison) == whose:
            found = known
        pods, router = watched.coverage
        # Before there is traffic, a look has to tell whether anything can be measured at all.
        unseen = NOT_YET if watched.traffic_since is None and found is watched else pods.unseen
        self._watched[key] = replace(
            watched,
            pods_read=replace(pods, until=begin if pods.until is None else pods.until, unseen=unseen),
            router_read=replace(router, until=begin) if router.until is None and routed else router,
            readings=found.readings,
            missing=found.missing,
            lost=found.lost,
        )

    def forget(self, key: Key) -> None:
        """Stop looking at a ModelDeployment."""
        self._watched.pop(key, None)
        self._broken.pop(key, None)
        self._news.forget(key)
        self._asker.forget(key)

    def find_watched(
        self, key: Key, *, candidate: str, begun_at: float, stage_index: int, cautious: bool = False
    ) -> WatchedRelease | None:
        """The evidence of exactly this stage of exactly this release, if it is being looked at.

        Where a step of the share was written and nobody was told, what was seen knows nothing of the suspicion: it is
        read again from the memory on.
        """
        asked = candidate, begun_at, stage_index, cautious
        watched = self._watched.get(key)
        if watched and (watched.candidate, watched.begun_at, watched.stage_index, watched.cautious) == asked:
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
        begun, fleet = self._clock(), dict(self._watched)
        with _collector_paused():
            failed = await self._look(fleet, at)
        if self._finished:
            self._finished(seconds=self._clock() - begun, failed=failed)
        self._changed(
            [key async for key in _in_turns(fleet) if key in self._watched and self._news.take(key, self._watched[key])]
        )
        self._looked(list(fleet))

    async def _look(self, fleet: Mapping[Key, WatchedRelease], at: float) -> bool:
        """One look; whether any question has failed."""
        gaps = {(key, router): self._gap(one, router, at=at) for key, one in fleet.items() for router in one.sides}
        usual = {router: self._find_usual_gap(fleet, gaps, router) for router in (False, True)}
        recent = await self._ask(fleet, at=at, seconds=usual)
        behind: dict[bool, dict[Key, WatchedRelease]] = {False: {}, True: {}}
        async for key in _in_turns(fleet):
            plan: dict[bool, Sequence[float]] = {False: [at], True: [at]}
            late: list[bool] = []
            for router in fleet[key].sides:
                if gaps[key, router] <= usual[router]:
                    plan[router] = self._instants(gaps[key, router], at=at)
                elif self._worth_asking(key, fleet[key], router, recent, at=at):
                    late.append(router)
                    plan[router] = ()
            after = self._measure(key, fleet[key], recent, plan, at=at)
            for router in late:
                behind[router][key] = after
        failed = recent.report()
        for router in (False, True):
            failed = await self._catch_up(behind, router, gaps, at=at) or failed
        return failed

    async def _catch_up(
        self,
        behind: Mapping[bool, dict[Key, WatchedRelease]],
        router: bool,
        gaps: Mapping[tuple[Key, bool], float],
        *,
        at: float,
    ) -> bool:
        """Read one side of those that have fallen behind as far back as they need; whether any question has failed."""
        fleet = behind[router]
        if not fleet:
            return False
        missed = await self._ask(fleet, at=at, seconds={router: max(gaps[key, router] for key in fleet)})
        async for key in _in_turns(fleet):
            plan = {router: self._instants(gaps[key, router], at=at)}
            after = self._measure(key, fleet[key], missed, plan, at=at)
            if any(reason.startswith(tuple(TOO_LARGE)) for reason in missed.list_unanswered(key).values()):
                self._give_up(key, after, router, at=at)
            if key in behind[not router]:
                behind[not router][key] = after
        return missed.report()

    def _give_up(self, key: Key, after: WatchedRelease, router: bool, *, at: float) -> None:
        """Begin anew with a side of which more was missed than can be read at once."""
        if self._watched.get(key) is after:
            begun = replace(after.coverage[router], until=at - self._interval)
            self._watched[key] = after.with_coverage(begun, router=router)

    def _gap(self, watched: WatchedRelease, router: bool, *, at: float) -> float:
        """Seconds that one side of a release has to be read back."""
        read = watched.coverage[router].until
        if watched.traffic_since is None or read is None:
            return self._interval
        return min(max(at - read, self._interval), LONGEST_REACH)

    def _find_usual_gap(
        self,
        fleet: Mapping[Key, WatchedRelease],
        gaps: Mapping[tuple[Key, bool], float],
        router: bool,
    ) -> float:
        """Seconds that half of the releases need at most whose side could be read at the last look."""
        read = sorted(
            gaps[key, router] for key, one in fleet.items() if (key, router) in gaps and not one.coverage[router].unseen
        )
        return min(read[len(read) // 2], USUAL_INTERVALS * self._interval) if read else self._interval

    def _instants(self, gap: float, *, at: float) -> list[float]:
        return instants(at - gap, at, interval=self._interval) or [at]

    def _worth_asking(
        self,
        key: Key,
        watched: WatchedRelease,
        router: bool,
        recent: Answers,
        *,
        at: float,
    ) -> bool:
        """Whether there is anything to read of what a release has not been read of for long."""
        if key in self._broken:
            return False
        return is_visible(
            watched,
            recent.for_release(key),
            router=router,
            scraped=recent.list_scrapes(key),
            at=at,
            staleness=self._staleness,
            unanswered=recent.list_unanswered(key),
        )

    def _measure(
        self, key: Key, before: WatchedRelease, answers: Answers, plan: Mapping[bool, Sequence[float]], *, at: float
    ) -> WatchedRelease:
        """Add what the answers tell of one release, unless a reconcile has moved it on meanwhile.

        Args:
            key: which.
            before: the release when the answers were asked for.
            answers: to the questions of the sides in `plan`.
            plan: the instants to look at by side.
            at: now.
        """
        after = self._apply_answers(key, before, answers, plan, at=at)
        present = self._watched.get(key)
        if present is before:
            self._watched[key] = after
        elif present and present.identity == before.identity and _read_until(present) == _read_until(before):
            self._watched[key] = replace(after, objectives=present.objectives, router=present.router)
        return after

    def _apply_answers(
        self, key: Key, before: WatchedRelease, answers: Answers, plan: Mapping[bool, Sequence[float]], *, at: float
    ) -> WatchedRelease:
        try:
            after = look(
                self._give_up_out_of_reach(before, at=at),
                answers.for_release(key),
                scraped=answers.list_scrapes(key),
                at=plan.get(False, ()),
                router_at=plan.get(True, ()),
                staleness=self._staleness,
                unanswered=answers.list_unanswered(key),
                unclear={**self._of_several(before, answers, key), **answers.list_unclear(key)},
            )
        except Exception as error:  # one odd release must not end the looks at all others
            reason = f"the look at it failed: {type(error).__name__}: {error}"
            if self._broken.get(key) != reason:
                logger.exception("%s/%s cannot be measured", *key)
            self._broken[key] = reason
            for router in before.sides:
                if plan.get(router):
                    before = before.mark_unseen(reason, at=at, router=router)
            return before
        self._broken.pop(key, None)
        return after

    def _give_up_out_of_reach(self, watched: WatchedRelease, *, at: float) -> WatchedRelease:
        """The release, where the gap of a side is longer than can be read: without what came before the last look."""
        for router, coverage in enumerate(watched.coverage):
            if coverage.until is not None and at - coverage.until > LONGEST_REACH:
                begun = replace(coverage, until=at - self._interval)
                watched = watched.with_coverage(begun, router=bool(router))
        return watched

    def _of_several(self, watched: WatchedRelease, answers: Answers, key: Key) -> Mapping[tuple[Question, str], str]:
        known = self._asker.scope.pod_labels
        return of_several_servers(answers.for_release(key), answers.list_scrapes(key), watched, pod_labels=known)

    async def _ask(self, fleet: Mapping[Key, WatchedRelease], *, at: float, seconds: Mapping[bool, float]) -> Answers:
        """Ask what the sides in `seconds` need, so many seconds back."""
        wanted: dict[Question, list[Key]] = {SCRAPED: list(fleet)} if False in seconds else {}
        for key, one in fleet.items():
            for router in seconds:
                for question in asked_at(one, router=router):
                    wanted.setdefault(question, []).append(key)
        return await self._asker.ask(
            wanted,
            fleet,
            Owners(fleet, serving=self._serving()),
            at=at,
            seconds=lambda question: seconds[question.of_router] + self._staleness,
        )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Leave the garbage collector out: it would search the answers for cycles time and again, and there are none.

    They are hundreds of thousands of small objects that all go at the end of a look; searching them costs as much as
    reading them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _in_turns(keys: Iterable[Key]) -> AsyncIterator[Key]:
    """The keys, with a pause for everybody else on the event loop every now and then."""
    for number, key in enumerate(list(keys), start=1):
        yield key
        if number % RELEASES_AT_A_TIME == 0:
            await asyncio.sleep(0)


def _is_behind(one: WatchedRelease, other: WatchedRelease) -> bool:
    """Whether a side of one has been read less far than that of the other."""
    return any(mine.is_behind(others) for mine, others in zip(one.coverage, other.coverage, strict=True))


def _read_until(watched: WatchedRelease) -> tuple[float | None, ...]:
    return tuple(coverage.until for coverage in watched.coverage)
