"""How many requests the fleet answers, counted minute by minute, for what an answer costs.

A cost for each request needs an hour of traffic, and an hour of the fleet's raw samples is too much to read every time.
So every minute only that minute is read, with one question for each distinct counter and a few dozen ModelDeployments,
and the counts of the last hour are kept in memory. What could not be read is a gap, in which nothing is
known: it is left out of the requests *and* of the time. After a restart the first minutes are read back.

Where the pods' own counters are read, the copies that they answered for a shadow are taken out: no user got them.

The looks must not wait for this: questions go one after the other, so that at most one connection is taken from them,
and the event loop gets its turns.
"""

import asyncio
import logging
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from palier.economics.running import Served
from palier.evidence.counters import Series
from palier.evidence.counts import Counts
from palier.measuring.interval import Answer, LookInterval
from palier.measuring.look import SCRAPED, WatchedRelease
from palier.measuring.provenance import of_several_servers
from palier.measuring.questions import Question, questions
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin
from palier.metrics.answers import Answers
from palier.metrics.asking import Asker
from palier.metrics.inquiries import ANYBODY, Scope
from palier.metrics.owners import Key, Owners
from palier.metrics.prometheus import MetricSource
from palier.release.answer_counters import NOBODY
from palier.release.shadow_copies import NEVER, QUESTIONS, TRAILING, Copies, answered_copies

logger = logging.getLogger(__name__)

INTERVAL: Final = 60.0
"""Seconds between two readings."""
WINDOW: Final = 3600.0
"""Seconds of traffic that are kept."""
SHORTEST: Final = 600.0
"""Seconds of traffic that must be known before anything is said about it."""
LONGEST_REACH: Final = 600.0
"""Seconds that are read back at most after a restart or an outage of Prometheus."""
SAMPLES_AT_ONCE: Final = 40
"""Samples of a series that are read at once at most, beyond what the usual reading needs."""
STALE_AFTER: Final = 5
"""Readings after which the last known traffic is no news any more."""
AT_A_TIME: Final = 50
"""ModelDeployments after which others may use the event loop before the reading goes on."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What was read between two instants."""

    start: float
    end: float
    answered: Mapping[str, int]
    """Requests without failures, by revision; a revision of which nothing is known is left out."""
    complete: bool
    """Whether every revision that has traffic is in it."""


@dataclass(slots=True)
class _Account:
    """The traffic of one ModelDeployment."""

    watched: WatchedRelease | None = None
    copies: Copies = Copies.NONE
    sent_until: float = NEVER
    """When copies were last known to be sent, in seconds since the epoch; infinite while they are."""
    problem: str = ""
    """Why nothing is known of the last stretch, or not of all revisions; empty while all is well."""
    stretches: deque[_Stretch] = field(default_factory=deque)

    def may_have_copies(self, since: float) -> bool:
        """Whether it has to be asked how many copies its pods have answered since an instant."""
        of_pods = self.watched is not None and _counter(self.watched).origin is Origin.PODS
        return of_pods and (self.copies is not Copies.NONE or self.sent_until + TRAILING > since)


class RunningTraffic:
    """The answered requests of the last hour, for every ModelDeployment that is watched.

    Args:
        source: where samples come from.
        scrape_interval: seconds between two scrapes of a pod.
        clock: seconds since the epoch.
        interval: seconds between two readings.
        sleep: waits so many seconds.
        counted: told the ModelDeployments after every reading.
        scope: what is known of the labels in Prometheus.
    """

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
        self._accounts: dict[Key, _Account] = {}
        self._read_until: float | None = None

    def watch(self, key: Key, found: WatchedRelease | str, *, copies: Copies = Copies.NONE) -> None:
        """Count the requests of a ModelDeployment from now on; what was counted before stays.

        Args:
            key: which.
            found: what `release.answer_counters.choose_counters` says: the revisions and their counters, or why there
                are none.
            copies: what `release.shadow_copies.find_copies` says: whether a shadow has its pods answer more than users'
                requests.
        """
        account = self._accounts.setdefault(key, _Account())
        account.copies = copies
        if copies is Copies.SENT:
            account.sent_until = math.inf
        elif account.sent_until == math.inf:
            account.sent_until = self._clock()
        if isinstance(found, str):
            account.watched, account.problem = None, found
            return
        if account.watched is None:
            account.problem = "the answered requests have not been counted yet"
        account.watched = self._asker.scope.apply(found)

    def forget(self, key: Key) -> None:
        """Stop counting, and drop what was counted."""
        self._accounts.pop(key, None)
        self._asker.forget(key)

    def measure_revision(self, key: Key, revision: str, *, since: float = -math.inf) -> Served | None:
        """What one revision has answered of late, None where too little is known.

        Args:
            key: which ModelDeployment.
            revision: which of its revisions.
            since: when the revision took its traffic, in seconds since the epoch: idle minutes before do not count.
        """
        known = [one for one in self._recent(key, since) if revision in one.answered]
        return self._sum_served(known, [one.answered[revision] for one in known])

    def measure_all(self, key: Key, *, since: float = -math.inf) -> Served | None:
        """What all revisions together have answered of late, None where too little is known; see `measure_revision`."""
        known = [one for one in self._recent(key, since) if one.complete]
        return self._sum_served(known, [sum(one.answered.values()) for one in known])

    def problem(self, key: Key) -> str:
        """Why the last reading did not tell all of a ModelDeployment's requests; empty where it did."""
        account = self._accounts.get(key)
        return account.problem if account else "the answered requests have not been counted yet"

    async def run(self) -> None:
        """Read at every instant of the grid until cancelled."""
        while True:
            now = self._clock()
            # A quarter beside the grid of the looks, so that the two do not ask at the same instant.
            offset = self._interval / 4
            at = (math.floor((now - offset) / self._interval) + 1) * self._interval + offset
            await self._sleep(at - now + min(0.5, self._interval / 5))
            if any(account.watched for account in self._accounts.values()):
                await self.read(at)

    async def read(self, at: float) -> None:
        """One reading of the whole fleet.

        Args:
            at: the instant up to which to read, in seconds since the epoch.
        """
        fleet = {key: account.watched for key, account in self._accounts.items() if account.watched}
        begun = at - self._reach if self._read_until is None else max(self._read_until, at - self._reach)
        if begun >= at:
            return
        # What is known of copies now: a shadow that begins while the questions are under way is none of this stretch.
        sent_until = {key: self._accounts[key].sent_until for key in fleet}
        copied = any(self._accounts[key].may_have_copies(begun) for key in fleet)
        answers = await self._ask(fleet, start=begun, at=at, copied=copied)
        answers.report("counting answered requests")
        # Where all questions fail, the next reading begins where this one did. Where only some do, what is missing is a
        # gap: else one bad counter would make every reading of the fleet long.
        if answers.found:
            self._read_until = at
        for number, (key, watched) in enumerate(fleet.items(), start=1):
            self._add(key, watched, answers, start=begun, at=at, sent_until=sent_until[key])
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
        if self._counted:
            self._counted(list(fleet))

    def _recent(self, key: Key, since: float) -> list[_Stretch]:
        """The stretches of the last hour that began at or after an instant."""
        account = self._accounts.get(key)
        earliest = max(since, self._clock() - WINDOW)
        return [one for one in account.stretches if one.start >= earliest] if account else []

    def _sum_served(self, known: Sequence[_Stretch], answered: Sequence[int]) -> Served | None:
        """The sum over stretches that are known, unless they are too few or too old."""
        seconds = math.fsum(one.end - one.start for one in known)
        if seconds < SHORTEST or known[-1].end < self._clock() - STALE_AFTER * self._interval:
            return None
        return Served(sum(answered), seconds)

    async def _ask(self, fleet: Mapping[Key, WatchedRelease], *, start: float, at: float, copied: bool) -> Answers:
        """Answers by question and owner; `copied` asks for copies too."""
        wanted: dict[Question, list[Key]] = {}
        for key, watched in fleet.items():
            counter = _counter(watched)
            scraped = [SCRAPED] if counter.origin is Origin.PODS else []
            for question in {*questions(counter), *scraped, *(QUESTIONS if copied else ())}:
                wanted.setdefault(question, []).append(key)
        return await self._asker.ask(
            wanted,
            fleet,
            Owners(fleet),
            at=at,
            seconds=lambda _question: at - start + self._staleness,
            of_any_comparison=frozenset(QUESTIONS),
        )

    def _add(
        self,
        key: Key,
        watched: WatchedRelease,
        answers: Answers,
        *,
        start: float,
        at: float,
        sent_until: float,
    ) -> None:
        """Write down what the answers tell of one ModelDeployment."""
        account = self._accounts.get(key)
        if account is None or account.watched is None:
            return  # forgotten while the questions were under way
        mine, unanswered = answers.for_release(key), answers.list_unanswered(key)
        try:
            found: Mapping[str, int | str] = _count(
                watched, mine, unanswered, start=start, at=at, staleness=self._staleness, sent_until=sent_until
            )
            mixed = of_several_servers(
                mine, answers.list_scrapes(key), watched, pod_labels=self._asker.scope.pod_labels
            )
            found = {**found, **{revision: reason for (_, revision), reason in mixed.items() if revision in found}}
        except Exception as error:  # one odd ModelDeployment must not end the counting of all others
            logger.exception("the requests of %s/%s cannot be counted", *key)
            found = {watched.stable: f"counting failed: {type(error).__name__}: {error}"}
        answered = {revision: one for revision, one in found.items() if isinstance(one, int)}
        account.problem = next((one for one in found.values() if isinstance(one, str)), "")
        if answered:
            account.stretches.append(_Stretch(start, at, answered, complete=len(answered) == len(found)))
        while account.stretches and account.stretches[0].start < at - WINDOW:
            account.stretches.popleft()


def _counter(watched: WatchedRelease) -> MeasuredObjective:
    """The objective that nobody judges; see `palier.release.answer_counters`."""
    return watched.objectives[0]


def _count(
    watched: WatchedRelease,
    answers: Mapping[Question, Answer],
    unanswered: Mapping[Question, str],
    *,
    start: float,
    at: float,
    staleness: float,
    sent_until: float,
) -> dict[str, int | str]:
    """The answered requests of each revision between two instants, or why they are not known."""
    counter = _counter(watched)
    revisions = [revision for revision in (watched.stable, watched.candidate) if revision != NOBODY]
    needed = [*([] if counter.origin is Origin.ROUTER else [SCRAPED]), *questions(counter)]
    if reason := next((unanswered[question] for question in needed if question in unanswered), ""):
        return dict.fromkeys(revisions, reason)
    scraped = answers.get(SCRAPED, {}) if counter.origin is Origin.PODS else {}
    step = LookInterval(answers, _drop_failed(scraped), start=start, end=at, staleness=staleness)
    found: dict[str, int | str] = {}
    for revision in revisions:
        source = counter.source if revision == watched.candidate else counter.stable_source
        assert isinstance(source, CounterRatio)  # noqa: S101 - that is what `choose_counters` makes
        counted = _find_missed(scraped, revision, start=start, at=at) or _increase(step, counter, source, revision)
        if counter.origin is Origin.PODS and isinstance(counted, int):
            copied = answered_copies(
                revision,
                answers,
                unanswered,
                start=start,
                end=at,
                sent_until=sent_until,
                staleness=staleness,
                with_failures=not source.bad,
            )
            # Proxy and pods are scraped at different moments: with few users, a copy may be seen before its answer.
            counted = copied if isinstance(copied, str) else max(0, counted - copied)
        found[revision] = counted
    return found


def _increase(step: LookInterval, counter: MeasuredObjective, source: CounterRatio, revision: str) -> int | str:
    signals = [Question.from_origin(selector, counter.origin) for selector in source.total]
    names = " + ".join(source.total)
    whose = "the router" if counter.origin is Origin.ROUTER else "its pods"
    if not step.has_samples(revision, signals):
        return f"no fresh samples of {names} for {revision} from {whose}"
    if step.begins(counter, source, revision):
        return f"{names} of {revision} has only just begun to count"
    if reason := step.describe_unreadable(counter, source, revision):
        return reason
    counts = step.counts(counter, source, revision)
    assert isinstance(counts, Counts)  # noqa: S101 - a ratio of counters
    return counts.total - counts.bad


def _find_missed(scraped: Answer, revision: str, *, start: float, at: float) -> str:
    """A pod whose last scrape before one of the two instants has failed: requests of it are missing."""
    for target, rows in scraped.items():
        for owner, one in rows:
            if owner == revision and any(_find_held(one, time) == 0 for time in (start, at)):
                return f"pod {target[1]} of {revision} could not be scraped"
    return ""


def _find_held(one: Series, time: float) -> float | None:
    position = bisect_right(one.times, time) - 1
    return one.values[position] if position >= 0 else None


def _drop_failed(scraped: Answer) -> Answer:
    """A failed scrape has read nothing, so its sample tells of no pod."""
    return {
        target: [
            (revision, Series(one.labels, [sample for sample in one.samples if sample[1] > 0]))
            for revision, one in rows
        ]
        for target, rows in scraped.items()
    }
