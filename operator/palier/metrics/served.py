"""The objectives of what serves, counted minute by minute, for their error budgets."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from palier.evidence.objective import Counts
from palier.measuring.interval import LookInterval
from palier.measuring.look import SCRAPED, WatchedRelease
from palier.measuring.provenance import of_several_servers
from palier.measuring.questions import Question, questions, questions_of
from palier.measuring.scrapes import keep_successful
from palier.measuring.served import Lost, count_served
from palier.measuring.sources import MeasuredObjective, Origin
from palier.metrics.answers import Answers
from palier.metrics.minutes import MinuteReader, find_missed
from palier.metrics.owners import Key
from palier.release.answer_counters import NOBODY

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedMinute:
    """What users have met of each objective between two instants."""

    start: float
    end: float
    counts: Mapping[str, Counts | str]
    """By objective; why it is not known, where it is not."""


@dataclass(slots=True)
class _Account:
    watched: WatchedRelease
    lost: Lost = field(default_factory=dict)


class ServedObjectives(MinuteReader):
    """Counts what users meet of every objective; takes what a reader takes.

    Args:
        minute_read: told what one ModelDeployment's users have met in the last minute.
    """

    aim = "counting objectives"
    place = 0.75

    @override
    def __init__(self, *args: Any, minute_read: Callable[[Key, ServedMinute], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._minute_read = minute_read
        self._accounts: dict[Key, _Account] = {}

    def watch(self, key: Key, watched: WatchedRelease) -> None:
        """Count the objectives of a ModelDeployment from now on."""
        watched = self._asker.scope.apply(watched)
        if account := self._accounts.get(key):
            account.watched = watched
        else:
            self._accounts[key] = _Account(watched)

    def forget(self, key: Key) -> None:
        """Stop counting."""
        self._accounts.pop(key, None)
        self._asker.forget(key)

    @override
    def find_fleet(self) -> Mapping[Key, WatchedRelease]:
        return {key: account.watched for key, account in self._accounts.items()}

    @override
    def find_questions(self, fleet: Mapping[Key, WatchedRelease], *, since: float) -> Mapping[Question, Sequence[Key]]:
        wanted: dict[Question, list[Key]] = {}
        for key, watched in fleet.items():
            asked = {question for objective in watched.objectives for question in questions(objective)}
            if any(objective.origin is Origin.PODS for objective in watched.objectives):
                asked.add(SCRAPED)
            for question in asked:
                wanted.setdefault(question, []).append(key)
        return wanted

    @override
    def add_answers(self, key: Key, watched: WatchedRelease, answers: Answers, *, start: float, at: float) -> None:
        account = self._accounts.get(key)
        if account is None:
            return  # forgotten while the questions were under way
        try:
            counts = self._count(watched, answers, key, account.lost, start=start, at=at)
        except Exception as error:  # one odd ModelDeployment must not end the counting of all others
            logger.exception("the objectives of %s/%s cannot be counted", *key)
            reason = f"counting failed: {type(error).__name__}"
            counts = {objective.rule.name: reason for objective in watched.objectives}
        self._minute_read(key, ServedMinute(start, at, counts))

    def _count(
        self, watched: WatchedRelease, answers: Answers, key: Key, lost: Lost, *, start: float, at: float
    ) -> Mapping[str, Counts | str]:
        mine, unanswered = answers.for_release(key), answers.list_unanswered(key)
        scraped = keep_successful(mine.get(SCRAPED, {}))
        step = LookInterval(
            mine, scraped, start=start, end=at, staleness=self._staleness, unclear=answers.list_unclear(key)
        )
        revisions = [one for one in (watched.candidate, watched.stable) if one != NOBODY]
        found = {one: find_missed(mine.get(SCRAPED, {}), one, start=start, at=at) for one in revisions}
        missed = {revision: reason for revision, reason in found.items() if reason}
        mixed = of_several_servers(mine, answers.list_scrapes(key), watched, pod_labels=self._asker.scope.pod_labels)
        counts: dict[str, Counts | str] = {}
        for objective in watched.objectives:
            counts[objective.rule.name] = _find_unknown(objective, watched, unanswered, mixed) or count_served(
                objective,
                step,
                serving={
                    one: objective.source if one == watched.candidate else objective.stable_source for one in revisions
                },
                missed=missed,
                lost=lost,
            )
        return counts


def _find_unknown(
    objective: MeasuredObjective,
    watched: WatchedRelease,
    unanswered: Mapping[Question, str],
    mixed: Mapping[tuple[Question, str], str],
) -> str:
    """Why nothing can be said of an objective, whatever the samples are; empty where there is no such reason."""
    asked = [*([SCRAPED] if objective.origin is Origin.PODS else []), *questions(objective)]
    if reason := next((unanswered[question] for question in asked if question in unanswered), ""):
        return reason
    if objective.origin is Origin.ROUTER and watched.router is None:
        return "the route has no backend position yet"
    for revision, source in ((watched.candidate, objective.source), (watched.stable, objective.stable_source)):
        if revision == NOBODY or source is None:
            continue
        for question in questions_of(source, objective.origin):
            if reason := mixed.get((question, revision), ""):
                return reason
    return ""
