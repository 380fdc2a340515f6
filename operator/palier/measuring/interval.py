"""The events of one release between two instants, for each objective and each of the two revisions.

What several objectives share is found once: where the instants fall among a target's samples, what each counter rose
by, which buckets a histogram has.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from palier.evidence.arrivals import ScrapedStep
from palier.evidence.counters import (
    HistogramCounts,
    Measurable,
    SamplePositions,
    Series,
    Target,
    add_histograms,
    count_events,
    find_impossible,
    locate_samples,
    read_once,
    same_edge,
)
from palier.evidence.objective import Amounts, Counts
from palier.measuring.histograms import Histogram, histograms
from palier.measuring.questions import Question, questions_of, signals_of
from palier.measuring.scrapes import scraped_both
from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    Reading,
    SlowerThan,
    Source,
)

LARGEST_AMOUNT = 1e100
"""What a counter of values may have summed up to: times in nanoseconds go far beyond what can be counted one by one."""

NOWHERE: frozenset[Target] = frozenset()
_NO_PODS: Mapping[str, float] = {}


Answer = Mapping[Target, Sequence[tuple[str, Series]]]
"""One release's series by target, each with the revision that it counts for."""


class Rise(NamedTuple):
    """What one counter rose by."""

    revision: str
    target: Target
    series: Series
    events: float


class LookInterval:
    """The events between two instants.

    Args:
        answers: the release's series by question.
        scraped: the `up` series of its pods, without the samples of failed scrapes.
        start: seconds since the epoch.
        end: seconds since the epoch.
        staleness: seconds after which a sample says nothing any more.
        unclear: why series are left out that may be of another ModelDeployment as well, by question and revision.
    """

    def __init__(
        self,
        answers: Mapping[Question, Answer],
        scraped: Answer,
        *,
        start: float,
        end: float,
        staleness: float,
        unclear: Mapping[tuple[Question, str], str] = {},
    ) -> None:
        self._answers = answers
        self._scraped = scraped
        self._unclear = unclear
        self.start = start
        self.end, self._staleness = end, staleness
        self._read: dict[Question, Answer] = {}
        self._impossible: dict[Question, dict[str, float]] = {}
        self._located: dict[Question, dict[Target, SamplePositions]] = {}
        self._same_times: dict[int, SamplePositions] = {}
        """By the identity of the times that all series of a target have; the answers keep them alive."""
        self._rows: dict[Question, list[Rise]] = {}
        self._by_pod: dict[Question, Mapping[str, Mapping[str, float]]] = {}
        self._histograms: dict[tuple[Question, str], list[Histogram]] = {}
        self._above: dict[tuple[Question, float, str], list[HistogramCounts]] = {}
        self._both: dict[tuple[str, str, float], ScrapedStep | None] = {}

    def was_scraped(self, revision: str) -> bool:
        """Whether any pod of the revision was scraped recently enough at the end."""
        return self._any_fresh(revision, self._scraped)

    def scraped_both(self, *, candidate: str, stable: str, weight_since: float) -> ScrapedStep | None:
        """When the pods of both revisions were scraped last; None where one of them was not."""
        about = candidate, stable, weight_since
        if about not in self._both:
            self._both[about] = scraped_both(
                self._scraped,
                candidate=candidate,
                stable=stable,
                start=self.start,
                end=self.end,
                staleness=self._staleness,
                weight_since=weight_since,
            )
        return self._both[about]

    def has_samples(self, revision: str, asked: Iterable[Question]) -> bool:
        """Whether any series of the revision has a sample that is recent enough at the end."""
        for question in asked:
            answer = self._answers.get(question)
            if answer and self._any_fresh(revision, answer):
                return True
        return False

    def was_ever_seen(self, revision: str, asked: Iterable[Question]) -> bool:
        """Whether any series of the revision has a sample at all up to the end."""
        return any(self._series_of(revision, question) for question in asked)

    def find_vanished(
        self, objective: MeasuredObjective, source: Source, revision: str, *, before: frozenset[Target]
    ) -> tuple[str, frozenset[Target]]:
        """A signal that was there and is not any more, and the targets that had it and are still scraped.

        A counter with labels is born with its first event, so one that was never there says nothing. The router's
        proxies have no `up` here: what they once counted has to go on.

        Args:
            objective: which.
            source: its series, of this revision.
            revision: whose.
            before: targets that had lost it at an earlier step; their old samples may be too old to be read again.
        """
        router = objective.origin is Origin.ROUTER
        for signal in signals_of(source, objective.origin):
            if self.has_samples(revision, signal.questions):
                continue
            held = {target for question in signal.questions for target, _ in self._series_of(revision, question)}
            lost = frozenset(target for target in held | before if router or self._still_scraped(target))
            if lost:
                return signal.name, lost
        return "", NOWHERE

    def begins(self, objective: MeasuredObjective, source: Source, revision: str) -> bool:
        """Whether the signals of an objective are there and none of their samples is from before the step."""
        since = [
            one.times[0]
            for signal in signals_of(source, objective.origin)
            for question in signal.questions
            for _, one in self._series_of(revision, question)
        ]
        return min(since, default=-math.inf) > self.start

    def counted_before(self, objective: MeasuredObjective, source: Source, revision: str) -> bool:
        """Whether a target that is first read in this step had counted something by then: when, nobody knows."""
        for signal in signals_of(source, objective.origin):
            for question in signal.questions:
                since: dict[Target, float] = {}
                for target, one in self._series_of(revision, question):
                    since[target] = min(one.times[0], since.get(target, math.inf))
                for target, one in self._series_of(revision, question):
                    if one.times[0] == since[target] > self.start and one.values[0] > 0:
                        return True
        return False

    def describe_unclear(self, objective: MeasuredObjective, source: Source, revision: str) -> str:
        """Why series of an objective were left out that may be of this revision; "" if none were."""
        asked = questions_of(source, objective.origin) if self._unclear else ()
        return next((reason for question in asked if (reason := self._unclear.get((question, revision)))), "")

    def describe_unreadable(self, objective: MeasuredObjective, source: Source, revision: str) -> str:
        """Why what was read of an objective cannot be counted; "" if it can."""
        if isinstance(source, AboveLevel):
            return ""
        for question in questions_of(source, objective.origin):
            value = self._find_uncountable(question).get(revision)
            if value is None:
                continue
            if isinstance(source, MeanOf) and question.selector == source.amount and 0 <= value <= LARGEST_AMOUNT:
                continue
            name = source.histogram if isinstance(source, SlowerThan) else question.selector
            return f"{name} of {revision} was {value:g}, which no counter can be"
        return self._without_amount(source, revision, objective.origin) if isinstance(source, MeanOf) else ""

    def _find_uncountable(self, question: Question) -> dict[str, float]:
        """A value of each revision that no counter of events can have; negative rather than too large."""
        self._locate_targets(question)
        return self._impossible[question]

    def _without_amount(self, source: MeanOf, revision: str, origin: Origin) -> str:
        """Whether events were counted while what they amount to was not read: a mean of nothing would be 0."""
        amount = Question.from_origin(source.amount, origin)
        held: dict[Target, list[tuple[float, float]]] = {}
        for target, one in self._series_of(revision, amount):
            place = self._locate_targets(amount)[target].places[id(one.times)]
            since = -math.inf if place.first < 0 else one.times[place.first]
            held.setdefault(target, []).append((since, one.times[place.last]))
        pods = {target[:2] for target, samples in held.items() for _, last in samples if self._is_recent(last)}
        for selector in source.total:
            question = Question.from_origin(selector, origin)
            for target, one in self._series_of(revision, question):
                place = self._locate_targets(question)[target].places[id(one.times)]
                if not (events := count_events(one, place)):
                    continue
                since = one.times[place.first] if place.first >= 0 and one.values[place.first] > 0 else -math.inf
                mine = held.get(target)
                together_read = any(begin >= since and last >= one.times[place.last] for begin, last in mine or ())
                if not (together_read if mine else target[:2] in pods):
                    return f"{source.amount} was not read from {revision} while {selector} rose by {events:.0f}"
        return ""

    def is_coarser(
        self, source: Source, revision: str, *, than: tuple[Source, str], objective: MeasuredObjective
    ) -> bool:
        """Whether the histograms of one revision answer at an edge further above the threshold than another's."""
        other, other_revision = than
        if not (isinstance(source, SlowerThan) and isinstance(other, SlowerThan)):
            return False
        origin = objective.origin
        mine, others = (
            [part.upper / one.threshold for part in parts if part.upper is not None and part.counts.total]
            for one, parts in (
                (source, self.list_parts(questions_of(source, origin)[0], source.threshold, revision)),
                (other, self.list_parts(questions_of(other, origin)[0], other.threshold, other_revision)),
            )
        )
        return bool(mine and others) and max(mine) > min(others) and not same_edge(max(mine), min(others))

    def counts(self, objective: MeasuredObjective, source: Source, revision: str) -> Counts | Amounts:
        """Events of one revision for one objective."""
        origin = objective.origin
        match source:
            case SlowerThan(threshold=threshold):
                parts = self.list_parts(questions_of(source, origin)[0], threshold, revision)
                return add_histograms(parts).counts if parts else Counts(0, 0, 0)
            case CounterRatio(bad=bad, total=total):
                return limit_bad(round(self._sum(bad, revision, origin)), round(self._sum(total, revision, origin)))
            case AboveLevel(gauge=gauge, threshold=threshold):
                levels = [
                    value
                    for _, one in self._series_of(revision, Question.from_origin(gauge, origin))
                    for value in one.values[bisect_right(one.times, self.start) : bisect_right(one.times, self.end)]
                ]
                bad_levels = sum(level > threshold for level in levels)
                return Counts(len(levels), bad_levels, bad_levels)
            case MeanOf(amount=amount, total=totals, scale=scale):
                return Amounts(
                    total=round(self._sum(totals, revision, origin)),
                    amount=max(0.0, self._sum((amount,), revision, origin)) * scale,
                )

    def read_histograms(self, objective: MeasuredObjective, source: SlowerThan, revision: str) -> Reading | None:
        """How well the histograms of a revision that are still read answer; None where there are none."""
        (question,) = questions_of(source, objective.origin)
        if revision in self._find_uncountable(question):
            return None
        parts = [
            part
            for part in self.list_parts(question, source.threshold, revision)
            if part.fresh and (part.upper is not None or part.measurable is Measurable.UNAVAILABLE)
        ]
        if not parts:
            return None
        worst = add_histograms(parts)
        return Reading(worst.measurable, worst.lower, worst.upper)

    def _sum(self, selectors: Sequence[str], revision: str, origin: Origin) -> float:
        return math.fsum(
            events
            for selector in selectors
            for events in self.sum_by_pod(Question.from_origin(selector, origin)).get(revision, _NO_PODS).values()
        )

    def sum_by_pod(self, question: Question) -> Mapping[str, Mapping[str, float]]:
        """What the counters of each pod rose by together, by revision and by the pod's name."""
        if question not in self._by_pod:
            found: dict[str, dict[str, float]] = {}
            for owner, target, _, events in self.list_events(question):
                pods = found.get(owner)
                if pods is None:
                    pods = found[owner] = {}
                pods[target[1]] = pods.get(target[1], 0.0) + events
            self._by_pod[question] = found
        return self._by_pod[question]

    def list_events(self, question: Question) -> list[Rise]:
        """What each counter rose by."""
        if question not in self._rows:
            self._rows[question] = [
                Rise(revision, target, one, count_events(one, place))
                for target, found in self._locate_targets(question).items()
                for revision, one in self._targets(question)[target]
                if (place := found.places.get(id(one.times)))
            ]
        return self._rows[question]

    def list_parts(self, question: Question, threshold: float, revision: str) -> list[HistogramCounts]:
        """The answer of each target of a revision."""
        key = (question, threshold, revision)
        if key not in self._above:
            self._above[key] = [
                one.count_above(threshold) for one in self.list_histograms(question, "") if one.revision == revision
            ]
        return self._above[key]

    def list_histograms(self, question: Question, label: str) -> list[Histogram]:
        """The histograms of each target, apart by revision and by the value of a label unless that is empty."""
        key = (question, label)
        if key not in self._histograms:
            self._histograms[key] = [
                histogram
                for target, found in self._locate_targets(question).items()
                for histogram in histograms(self._targets(question)[target], found, label, target=target)
            ]
        return self._histograms[key]

    def _targets(self, question: Question) -> Answer:
        """The answer to a question, without targets that tell again what another one tells."""
        if question not in self._read:
            answer = self._answers.get(question, {})
            if len({(*target[:2], *target[3:]) for target in answer}) < len(answer):
                chosen = read_once(
                    {target: [one for _, one in rows] for target, rows in answer.items()},
                    start=self.start,
                    end=self.end,
                    staleness=self._staleness,
                )
                answer = {target: rows for target, rows in answer.items() if target in chosen}
            self._read[question] = answer
        return self._read[question]

    def _locate_targets(self, question: Question) -> dict[Target, SamplePositions]:
        if question not in self._located:
            places = self._located[question] = {}
            odd = self._impossible[question] = {}
            for target, rows in self._targets(question).items():
                places[target] = self._locate_target(target, [one for _, one in rows])
                for revision, one in rows:
                    if one.countable:
                        continue
                    place = places[target].places.get(id(one.times))
                    if place and (value := find_impossible(one, place)) is not None:
                        odd[revision] = value if revision not in odd else min(value, odd[revision])
        return self._located[question]

    def _locate_target(self, target: Target, series: list[Series]) -> SamplePositions:
        """The positions in all series of one target; mostly all have the very same times, for every question."""
        series += [one for _, one in self._scraped.get(target, ())]
        times = series[0].times if series else ()
        for one in series:
            if one.times is not times:
                return locate_samples(series, start=self.start, end=self.end, staleness=self._staleness)
        if id(times) not in self._same_times:
            self._same_times[id(times)] = locate_samples(
                series, start=self.start, end=self.end, staleness=self._staleness
            )
        return self._same_times[id(times)]

    def _series_of(self, revision: str, question: Question) -> list[tuple[Target, Series]]:
        """The series of a revision that have a sample up to the end."""
        return [
            (target, one)
            for target, rows in self._targets(question).items()
            for owner, one in rows
            if owner == revision and one.times and one.times[0] <= self.end
        ]

    def _any_fresh(self, revision: str, answer: Answer) -> bool:
        for rows in answer.values():
            for owner, one in rows:
                if owner == revision and self._is_fresh(one):
                    return True
        return False

    def _is_fresh(self, one: Series) -> bool:
        held = bisect_right(one.times, self.end) - 1
        return held >= 0 and self._is_recent(one.times[held])

    def _is_recent(self, time: float) -> bool:
        return time > self.end - self._staleness

    def _still_scraped(self, target: Target) -> bool:
        return any(self._is_fresh(one) for _, one in self._scraped.get(target, ()))


def limit_bad(bad: int, total: int) -> Counts:
    """Two counters of one scrape cannot disagree, two of different scrapes can: never more bad than all."""
    bad = min(bad, total)
    return Counts(total=total, bad=bad, bad_possible=bad)
