"""Asks for the whole fleet, and lets nobody's questions take what belongs to others: time, threads or memory.

Questions are under way for several namespaces at once, for each of them only a few, and for one object one at a time
where nobody else has the question. Whoever's answer is too large, or does not come while others' do, is asked for alone
from then on; while it stays so, it rests for a while and is blind, and nobody else is.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.look import WatchedRelease
from palier.measuring.questions import Question
from palier.metrics.answers import Answers
from palier.metrics.inquiries import ANYBODY, Inquirer, Inquiry, Scope, each_once
from palier.metrics.owners import Key, Owners, Sorted
from palier.metrics.prometheus import TIMEOUT, TOO_LARGE, MetricSource

logger = logging.getLogger(__name__)

AT_ONCE: Final = 6
"""Questions under way at the same time."""
OF_A_NAMESPACE: Final = 2
"""Questions under way at the same time that only objects of one namespace have."""
QUESTIONS_OF_ONE: Final = 64
"""Different questions that one object may have in a look; 16 objectives of both revisions need fewer."""
ANSWERS_OF_ONE: Final = 2
"""How many times the series of one answer an object may have in all answers of a look together."""
APART_FOR: Final = 600.0
"""Seconds for which somebody is asked for alone after an answer for several was too much."""
FIRST_REST: Final = 5.0
"""Seconds for which an object whose questions were too much is not asked for, at first; each time twice as long."""
LONGEST_REST: Final = 60.0
"""Seconds for which an object whose questions are too much is not asked for, at most."""
PATIENCE: Final = 20.0
"""Seconds after which no more questions are begun; what is still to be asked is asked at the next look."""


@dataclass(slots=True)
class _Round:
    """What is known while a look's questions are under way."""

    waiting: dict[str, deque[Inquiry]]
    """By namespace; "" for what is asked for several at once."""
    at: float
    """Seconds since the epoch."""
    inquirer: Inquirer
    found: dict[Question, dict[Key, Sorted]] = field(default_factory=dict)
    unanswered: dict[Key, dict[Question, str]] = field(default_factory=dict)
    held: dict[Key, int] = field(default_factory=dict)
    """Series of each release so far."""
    too_slow: list[Inquiry] = field(default_factory=list)
    tiresome: set[Key] = field(default_factory=set)
    """Whose own question was too much; the others of them are not asked any more."""
    answered: bool = False
    """Whether any question had an answer."""

    def fail(self, inquiry: Inquiry, reason: str) -> None:
        """Nobody of an inquiry gets an answer, for this reason."""
        for key in inquiry.keys:
            self.unanswered.setdefault(key, {})[inquiry.question] = reason
            self.found.get(inquiry.question, {}).pop(key, None)

    def drop(self, key: Key, question: Question, reason: str) -> None:
        """One release gets none of its answers, because together they are too much."""
        self.tiresome.add(key)
        dropped = [one for one, found in self.found.items() if found.pop(key, None) is not None]
        self.unanswered.setdefault(key, {}).update(dict.fromkeys([question, *dropped], reason))


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when somebody is not asked for."""

    until: float
    """Seconds since the epoch."""
    seconds: float
    reason: str


class Asker:
    """Puts questions for many releases to one source, and remembers who was too much for it.

    Args:
        source: where samples come from.
        scope: what the operator has been told about labels.
        at_once: questions under way at the same time.
        monotonic: seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        source: MetricSource,
        *,
        scope: Scope = ANYBODY,
        at_once: int = AT_ONCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scope = scope
        self._source = source
        self._at_once = at_once
        self._most = scope.most_series * ANSWERS_OF_ONE
        self._monotonic = monotonic
        self._apart: dict[tuple[Question, Key], float] = {}
        """Until when who is asked for alone, in seconds since the epoch."""
        self._resting: dict[Key, _Rest] = {}

    def forget(self, key: Key) -> None:
        """Begin anew with an object."""
        self._resting.pop(key, None)
        self._apart = {about: until for about, until in self._apart.items() if about[1] != key}

    async def ask(
        self,
        wanted: Mapping[Question, Iterable[Key]],
        fleet: Mapping[Key, WatchedRelease],
        owners: Owners,
        *,
        at: float,
        seconds: Callable[[Question], float],
        of_any_comparison: frozenset[Question] = frozenset(),
    ) -> Answers:
        """The answers to questions, sorted by whose they are.

        Args:
            wanted: who has each question.
            fleet: what is known of them.
            owners: tells whose series are whose.
            at: seconds since the epoch.
            seconds: how far back a question reads.
            of_any_comparison: questions for which it does not matter what a shadow's proxy compares.
        """
        now = _Round({}, at, Inquirer(fleet, matchers=self.scope.matchers))
        self._apart = {about: until for about, until in self._apart.items() if until > at}
        self._plan(now, wanted)
        running: dict[asyncio.Task[list[Series]], Inquiry] = {}
        begun: dict[str, int] = {}
        ends = self._monotonic() + PATIENCE
        try:
            while now.waiting or running:
                while chosen := _choose_next(now, running.values(), begun, self._at_once):
                    if self._monotonic() > ends:
                        now.fail(chosen, f"{TIMEOUT}: the questions before it took more than {PATIENCE:.0f} s")
                        continue
                    reach = seconds(chosen.question)
                    running[asyncio.create_task(self._samples(chosen, at=at, seconds=reach))] = chosen
                if not running:
                    break
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    any_comparison = running[task].question in of_any_comparison
                    self._take(now, running.pop(task), task, owners, any_comparison=any_comparison)
        finally:
            for task in running:
                task.cancel()
        self._remember(now)
        return Answers(now.found, now.unanswered, owners)

    def _plan(self, now: _Round, wanted: Mapping[Question, Iterable[Key]]) -> None:
        asked: dict[Key, int] = {}
        for question in sorted(wanted):
            keys = []
            for key in wanted[question]:
                rest = self._resting.get(key)
                asked[key] = asked.get(key, 0) + 1
                if rest and now.at < rest.until:
                    reason = f"{rest.reason} (asked again in {rest.until - now.at:.0f} s)"
                    now.unanswered.setdefault(key, {})[question] = reason
                elif asked[key] > QUESTIONS_OF_ONE:
                    reason = f"TooManyQuestions: its objectives have more than {QUESTIONS_OF_ONE} different questions"
                    now.unanswered.setdefault(key, {})[question] = reason
                else:
                    keys.append(key)
            for inquiry in now.inquirer.inquiries(question, keys, apart=self._apart):
                now.waiting.setdefault(inquiry.namespace, deque()).append(inquiry)

    async def _samples(self, inquiry: Inquiry, *, at: float, seconds: float) -> list[Series]:
        return each_once([await self._source.samples(one, at=at, seconds=seconds) for one in inquiry.selectors])

    def _take(
        self,
        now: _Round,
        inquiry: Inquiry,
        task: asyncio.Task[list[Series]],
        owners: Owners,
        *,
        any_comparison: bool,
    ) -> None:
        """Sort an answer, or find out what to do without it."""
        try:
            series = task.result()
        except MetricsUnavailable as error:
            self._do_without(now, inquiry, error)
            return
        except Exception as error:  # one odd answer must not end the questions of all others
            logger.exception("%s cannot be asked", inquiry.question.selector)
            now.fail(inquiry, f"the question failed: {type(error).__name__}: {error}")
            return
        now.answered = True
        sort = owners.of_proxies if any_comparison else owners.sort_series
        mine = sort(inquiry.question, series)
        kept = now.found.setdefault(inquiry.question, {})
        for key in inquiry.keys:
            if (rows := mine.get(key)) is None:
                continue
            now.held[key] = now.held.get(key, 0) + sum(map(len, rows.values()))
            if now.held[key] > self._most:
                now.drop(key, inquiry.question, f"TooManySeries: it has more than {self._most} series altogether")
            else:
                kept[key] = rows

    def _do_without(self, now: _Round, inquiry: Inquiry, error: MetricsUnavailable) -> None:
        """There is no answer: ask for each alone whose answer was too large together, else say why."""
        too_large = error.reason in TOO_LARGE
        if too_large and inquiry.only_release is None:
            now.answered = True
            for one in now.inquirer.split_inquiry(inquiry):
                self._ask_apart(one, at=now.at)
                now.waiting.setdefault(one.namespace, deque()).append(one)
            return
        now.fail(inquiry, str(error))
        if inquiry.only_release and (too_large or error.reason == TIMEOUT):
            now.tiresome.add(inquiry.only_release)
        elif error.reason == TIMEOUT:
            now.too_slow.append(inquiry)
        now.answered = now.answered or too_large
        for namespace, own in list(now.waiting.items()):
            for other in [one for one in own if one.only_release in now.tiresome]:
                now.fail(other, str(error))
            now.waiting[namespace] = deque(one for one in own if one.only_release not in now.tiresome)
            if not now.waiting[namespace]:
                del now.waiting[namespace]

    def _remember(self, now: _Round) -> None:
        """Who is asked for alone, and who rests; where nothing was answered at all, nobody is to blame."""
        if not now.answered:
            return
        for inquiry in now.too_slow:
            self._ask_apart(inquiry, at=now.at)
        for key in now.tiresome:
            before = self._resting.get(key)
            seconds = min(LONGEST_REST, 2 * before.seconds if before else FIRST_REST)
            reason = next(iter(now.unanswered[key].values()))
            self._resting[key] = _Rest(now.at + seconds, seconds, reason)
        for key in [key for key, rest in self._resting.items() if rest.until <= now.at]:
            del self._resting[key]  # it was asked for again, and all was well

    def _ask_apart(self, inquiry: Inquiry, *, at: float) -> None:
        self._apart.update(((inquiry.question, key), at + APART_FOR) for key in inquiry.keys)


def _choose_next(now: _Round, running: Collection[Inquiry], begun: dict[str, int], at_once: int) -> Inquiry | None:
    """The question whose turn it is: of the namespace that has had the fewest; None where all have to wait."""
    if len(running) >= at_once:
        return None
    own = [one.namespace for one in running if one.namespace]
    held = {one.only_release for one in running if one.only_release}
    ordered = sorted(now.waiting, key=lambda name: (begun.get(name, 0), name))
    open_ones = [name for name in ordered if not name or own.count(name) < OF_A_NAMESPACE]
    for namespace in open_ones:
        for one in now.waiting[namespace]:
            if one.only_release not in held:
                return _begin(now, namespace, one, begun)
    if len(running) < at_once // 2:  # more than anybody's share, where nobody else would use the time
        for namespace in ordered:
            for one in now.waiting[namespace]:
                if one.only_release not in held:
                    return _begin(now, namespace, one, begun)
        if ordered and len({one.only_release for line in (running, *now.waiting.values()) for one in line}) == 1:
            return _begin(now, ordered[0], now.waiting[ordered[0]][0], begun)
    return None


def _begin(now: _Round, namespace: str, inquiry: Inquiry, begun: dict[str, int]) -> Inquiry:
    now.waiting[namespace].remove(inquiry)
    if not now.waiting[namespace]:
        del now.waiting[namespace]
    begun[namespace] = begun.get(namespace, 0) + 1
    return inquiry
