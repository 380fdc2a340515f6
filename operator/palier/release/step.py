"""The events of one release between two instants, for each objective and each of the two revisions.

What several objectives share is found once: where the instants fall among a target's samples, what each counter rose
by, which buckets a histogram has.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from palier.evidence.counters import (
    HistogramCounts,
    Located,
    Measurable,
    Place,
    Series,
    Target,
    above,
    edge_of,
    located,
    risen,
    together,
)
from palier.evidence.native import native_above
from palier.evidence.objective import Amounts, Counts
from palier.release.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    Reading,
    SlowerThan,
    Source,
)

NO_SEGMENT = "(none)"
"""Where a series has no value for the label that segments are told apart by."""


class Question(NamedTuple):
    """What Prometheus is asked for."""

    selector: str
    """A vector selector."""
    of_router: bool = False
    """Whether the series are the gateway's, in whatever namespace its proxies are."""


Answer = Mapping[Target, Sequence[tuple[str, Series]]]
"""One release's series by target, each with the revision that it counts for."""


def questions(objective: MeasuredObjective) -> tuple[Question, ...]:
    """Everything that has to be asked for an objective; each question once."""
    router = objective.origin is Origin.ROUTER
    asked = (*_questions(objective.source, router), *_questions(objective.stable_source, router))
    return tuple(dict.fromkeys(asked))


def histogram_question(selector: str) -> str:
    """One selector for the `_bucket` series of a histogram and for its native samples."""
    name, _, labels = selector.partition("{")
    inner = labels.removesuffix("}").strip().removesuffix(",")
    return f'{{__name__=~"{name}|{name}_bucket"{"," if inner else ""}{inner}}}'


@lru_cache(maxsize=4096)
def _questions(source: Source, router: bool) -> tuple[Question, ...]:
    if isinstance(source, SlowerThan):
        return (Question(histogram_question(source.histogram), router),)
    return tuple(Question(selector, router) for selector in source.selectors)


class Step:
    """The events between two instants.

    Args:
        answers: the release's series by question.
        scraped: the `up` series of its pods, without the samples of failed scrapes.
        start: seconds since the epoch.
        end: seconds since the epoch.
        staleness: seconds after which a sample says nothing any more.
    """

    def __init__(
        self, answers: Mapping[Question, Answer], scraped: Answer, *, start: float, end: float, staleness: float
    ) -> None:
        self._answers = answers
        self._scraped = scraped
        self._start, self._end, self._staleness = start, end, staleness
        self._located: dict[Question, dict[Target, Located]] = {}
        self._rows: dict[Question, list[tuple[str, Series, float]]] = {}
        self._histograms: dict[tuple[Question, str], list[_Histogram]] = {}
        self._above: dict[tuple[Question, float, str], list[HistogramCounts]] = {}

    def scraped(self, revision: str) -> bool:
        """Whether any pod of the revision was scraped recently enough at the end."""
        return self._any_fresh(revision, self._scraped)

    def seen(self, revision: str, asked: Iterable[Question]) -> bool:
        """Whether any series of the revision has a sample that is recent enough at the end."""
        return any(self._any_fresh(revision, self._answers.get(question, {})) for question in asked)

    def ever_seen(self, revision: str, asked: Iterable[Question]) -> bool:
        """Whether any series of the revision has a sample at all up to the end."""
        return any(self._series_of(revision, question) for question in asked)

    def vanished(self, objective: MeasuredObjective, source: Source, revision: str) -> str:
        """A signal that was there and is not any more, though the targets that had it are still scraped; else "".

        A counter with labels is born with its first event, so one that was never there says nothing. The router's
        proxies have no `up` here: what they once counted has to go on.
        """
        router = objective.origin is Origin.ROUTER
        for signal in _signals(source, router):
            if self.seen(revision, signal.questions):
                continue
            targets = [target for question in signal.questions for target, _ in self._series_of(revision, question)]
            if targets and (router or any(self._still_scraped(target) for target in targets)):
                return signal.name
        return ""

    def counts(self, objective: MeasuredObjective, source: Source, revision: str) -> Counts | Amounts:
        """Events of one revision for one objective."""
        router = objective.origin is Origin.ROUTER
        match source:
            case SlowerThan(threshold=threshold):
                parts = self._parts(_questions(source, router)[0], threshold, revision)
                return together(parts).counts if parts else Counts(0, 0, 0)
            case CounterRatio(bad=bad, total=total):
                return _at_most_all(
                    round(self._sum(bad, revision, router=router)), round(self._sum(total, revision, router=router))
                )
            case AboveLevel(gauge=gauge, threshold=threshold):
                levels = [
                    value
                    for _, one in self._series_of(revision, Question(gauge, router))
                    for value in one.values[bisect_right(one.times, self._start) : bisect_right(one.times, self._end)]
                ]
                bad_levels = sum(level > threshold for level in levels)
                return Counts(len(levels), bad_levels, bad_levels)
            case MeanOf(amount=amount, total=totals, scale=scale):
                return Amounts(
                    total=round(self._sum(totals, revision, router=router)),
                    amount=max(0.0, self._sum((amount,), revision, router=router)) * scale,
                )

    def segments(self, objective: MeasuredObjective, source: Source, revision: str) -> dict[str, Counts]:
        """Events of one revision by the value of the label that the objective is told apart by."""
        label = objective.segment_by
        router = objective.origin is Origin.ROUTER
        if isinstance(source, SlowerThan):
            found: dict[str, list[HistogramCounts]] = {}
            for histogram in self._buckets(_questions(source, router)[0], label):
                if histogram.revision == revision:
                    found.setdefault(histogram.segment, []).append(histogram.above(source.threshold))
            return {segment: together(parts).counts for segment, parts in found.items()}
        if not isinstance(source, CounterRatio):
            return {}
        sums: dict[str, list[float]] = {}
        for position, selectors in enumerate((source.bad, source.total)):
            for selector in selectors:
                for owner, one, events in self._risen(Question(selector, router)):
                    if owner == revision:
                        sums.setdefault(_segment(one, label), [0.0, 0.0])[position] += events
        return {segment: _at_most_all(round(bad), round(total)) for segment, (bad, total) in sums.items()}

    def reading(self, objective: MeasuredObjective, source: SlowerThan, revision: str) -> Reading | None:
        """How well the histograms of a revision that are still read answer; None where there are none."""
        router = objective.origin is Origin.ROUTER
        parts = [
            part
            for part in self._parts(_questions(source, router)[0], source.threshold, revision)
            if part.fresh and (part.upper is not None or part.measurable is Measurable.UNAVAILABLE)
        ]
        if not parts:
            return None
        worst = together(parts)
        return Reading(worst.measurable, worst.lower, worst.upper)

    def _sum(self, selectors: Sequence[str], revision: str, *, router: bool) -> float:
        return math.fsum(
            events
            for selector in selectors
            for owner, _, events in self._risen(Question(selector, router))
            if owner == revision
        )

    def _risen(self, question: Question) -> list[tuple[str, Series, float]]:
        """What each counter rose by, with its revision."""
        if question not in self._rows:
            self._rows[question] = [
                (revision, one, risen(one, place))
                for target, found in self._places(question).items()
                for revision, one in self._answers[question][target]
                if (place := found.places.get(id(one.times)))
            ]
        return self._rows[question]

    def _parts(self, question: Question, threshold: float, revision: str) -> list[HistogramCounts]:
        """The answer of each target of a revision."""
        key = (question, threshold, revision)
        if key not in self._above:
            self._above[key] = [one.above(threshold) for one in self._buckets(question, "") if one.revision == revision]
        return self._above[key]

    def _buckets(self, question: Question, label: str) -> list["_Histogram"]:
        """The histograms of each target, apart by revision and by the value of a label unless that is empty."""
        key = (question, label)
        if key not in self._histograms:
            self._histograms[key] = [
                histogram
                for target, found in self._places(question).items()
                for histogram in _histograms(self._answers[question][target], found, label)
            ]
        return self._histograms[key]

    def _places(self, question: Question) -> dict[Target, Located]:
        if question not in self._located:
            self._located[question] = {
                target: located(
                    [row[1] for row in (*rows, *self._scraped.get(target, ()))],
                    start=self._start,
                    end=self._end,
                    staleness=self._staleness,
                )
                for target, rows in self._answers.get(question, {}).items()
            }
        return self._located[question]

    def _series_of(self, revision: str, question: Question) -> list[tuple[Target, Series]]:
        """The series of a revision that have a sample up to the end."""
        return [
            (target, one)
            for target, rows in self._answers.get(question, {}).items()
            for owner, one in rows
            if owner == revision and one.times and one.times[0] <= self._end
        ]

    def _any_fresh(self, revision: str, answer: Answer) -> bool:
        return any(owner == revision and self._fresh(one) for rows in answer.values() for owner, one in rows)

    def _fresh(self, one: Series) -> bool:
        held = bisect_right(one.times, self._end) - 1
        return held >= 0 and one.times[held] > self._end - self._staleness

    def _still_scraped(self, target: Target) -> bool:
        return any(self._fresh(one) for _, one in self._scraped.get(target, ()))


class _Signal(NamedTuple):
    """Series without which an objective is not measured, whatever else is there."""

    name: str
    questions: tuple[Question, ...]


@lru_cache(maxsize=4096)
def _signals(source: Source, router: bool) -> tuple[_Signal, ...]:
    """Errors are left out: their counter may be born with the first one."""

    def signal(*selectors: str) -> _Signal:
        return _Signal(" + ".join(selectors), tuple(Question(selector, router) for selector in selectors))

    match source:
        case SlowerThan(histogram=histogram):
            return (_Signal(histogram, _questions(source, router)),)
        case CounterRatio(total=total):
            return (signal(*total),)
        case AboveLevel(gauge=gauge):
            return (signal(gauge),)
        case MeanOf(amount=amount, total=total):
            return (signal(amount), signal(*total))


def signal_questions(objective: MeasuredObjective) -> tuple[Question, ...]:
    """What shows that an objective of the candidate is measured at all."""
    signals = _signals(objective.source, objective.origin is Origin.ROUTER)
    return tuple(question for signal in signals for question in signal.questions)


class _Histogram(NamedTuple):
    """The histogram of one target, or of one segment of it."""

    revision: str
    segment: str
    edges: dict[float, list[Series]]
    native: list[Series]
    found: Located

    def above(self, threshold: float) -> HistogramCounts:
        """Its answer; while a target exports both kinds, the classic one."""
        if self.edges:
            return above(threshold, self.edges, self.found)
        return native_above(threshold, self.native, self.found)


def _histograms(rows: Sequence[tuple[str, Series]], found: Located, label: str) -> Iterable[_Histogram]:
    histograms: dict[tuple[str, str], _Histogram] = {}
    places: Mapping[int, Place] = found.places
    for revision, one in rows:
        if id(one.times) not in places:
            continue
        edge = None if one.buckets is not None else edge_of(one.labels)
        if edge is None and one.buckets is None:
            continue
        key = (revision, _segment(one, label) if label else "")
        if key not in histograms:
            histograms[key] = _Histogram(*key, {}, [], found)
        if edge is None:
            histograms[key].native.append(one)
        else:
            histograms[key].edges.setdefault(edge, []).append(one)
    return histograms.values()


def _segment(one: Series, label: str) -> str:
    return one.labels.get(label) or NO_SEGMENT


def _at_most_all(bad: int, total: int) -> Counts:
    """Two counters of one scrape cannot disagree, two of different scrapes can: never more bad than all."""
    bad = min(bad, total)
    return Counts(total=total, bad=bad, bad_possible=bad)
