"""How many requests the fleet answers, counted minute by minute, for what an answer costs.

A cost for each request needs an hour of traffic, so the counts of the last hour are kept in memory. What could not be
read is left out of the requests *and* of the time.

Where the pods' own counters are read, the copies that they answered for a shadow are taken out: no user got them.
"""

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from palier.economics.running import Served
from palier.evidence.counts import Counts
from palier.measuring.interval import Answer, LookInterval
from palier.measuring.look import SCRAPED, WatchedRelease
from palier.measuring.provenance import of_several_servers
from palier.measuring.questions import Question, questions
from palier.measuring.scrapes import keep_successful
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin
from palier.metrics.answers import Answers
from palier.metrics.minutes import MinuteReader, find_missed
from palier.metrics.owners import Key
from palier.release.answer_counters import NOBODY
from palier.release.shadow_copies import NEVER, QUESTIONS, TRAILING, Copies, answered_copies

logger = logging.getLogger(__name__)

WINDOW: Final = 3600.0
"""Seconds of traffic that are kept."""
SHORTEST: Final = 600.0
"""Seconds of traffic that must be known before anything is said about it."""
STALE_AFTER: Final = 5
"""Readings after which the last known traffic is no news any more."""


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


class RunningTraffic(MinuteReader):
    """The answered requests of the last hour, for every ModelDeployment that is watched; takes what a reader takes."""

    aim = "counting answered requests"
    place = 0.25
    of_any_comparison = QUESTIONS

    @override
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._accounts: dict[Key, _Account] = {}
        self._sent_until: Mapping[Key, float] = {}
        """What was known of copies when the questions of a reading were asked: a shadow that begins while they are
        under way is none of its stretch."""

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

    @override
    def find_fleet(self) -> Mapping[Key, WatchedRelease]:
        return {key: account.watched for key, account in self._accounts.items() if account.watched}

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

    @override
    def find_questions(self, fleet: Mapping[Key, WatchedRelease], *, since: float) -> Mapping[Question, Sequence[Key]]:
        self._sent_until = {key: self._accounts[key].sent_until for key in fleet}
        copied = any(self._accounts[key].may_have_copies(since) for key in fleet)
        wanted: dict[Question, list[Key]] = {}
        for key, watched in fleet.items():
            counter = _counter(watched)
            scraped = [SCRAPED] if counter.origin is Origin.PODS else []
            for question in {*questions(counter), *scraped, *(QUESTIONS if copied else ())}:
                wanted.setdefault(question, []).append(key)
        return wanted

    @override
    def add_answers(self, key: Key, watched: WatchedRelease, answers: Answers, *, start: float, at: float) -> None:
        account = self._accounts.get(key)
        if account is None or account.watched is None:
            return  # forgotten while the questions were under way
        mine, unanswered = answers.for_release(key), answers.list_unanswered(key)
        try:
            found: Mapping[str, int | str] = _count(
                watched,
                mine,
                unanswered,
                start=start,
                at=at,
                staleness=self._staleness,
                sent_until=self._sent_until[key],
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
    step = LookInterval(answers, keep_successful(scraped), start=start, end=at, staleness=staleness)
    found: dict[str, int | str] = {}
    for revision in revisions:
        source = counter.source if revision == watched.candidate else counter.stable_source
        assert isinstance(source, CounterRatio)  # noqa: S101 - that is what `choose_counters` makes
        counted = find_missed(scraped, revision, start=start, at=at) or _increase(step, counter, source, revision)
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
