"""Counting as a look does it, told in the words of the tests: events by a key of the test's own."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from palier.evidence.counters import HistogramCounts, Series, Target, add_histograms
from palier.evidence.objective import ObjectiveRule
from palier.measuring.interval import Answer, LookInterval
from palier.measuring.questions import Question, questions
from palier.measuring.sources import CounterRatio, MeasuredObjective, SlowerThan

K = TypeVar("K", bound=Hashable)
KeyOf = Callable[[Mapping[str, str]], K | None]

RULE = ObjectiveRule(name="it", limit=0.01, margin=1.25, alpha=0.01)
EVENTS = CounterRatio((), ("events",))


@dataclass(frozen=True, slots=True)
class Increment:
    """Events between two instants."""

    count: int
    fresh: bool
    """Whether every target that contributes was still being scraped at the end."""


def increments(
    series: Iterable[Series], *, pod_of: KeyOf[K], start: float, end: float, staleness: float
) -> dict[K, Increment]:
    """Events after `start` up to `end` by key; a key without any sample up to `end` is absent."""
    objective = MeasuredObjective(RULE, EVENTS, EVENTS)
    question = Question("events")
    step, keys = _step(series, question, pod_of, start=start, end=end, staleness=staleness)
    return {
        key: Increment(
            int(step.counts(objective, EVENTS, name).total),
            fresh=all(step._locate_targets(question)[target].alive for target, _ in step._series_of(name, question)),
        )
        for name, key in keys.items()
        if step.was_ever_seen(name, [question])
    }


def histogram_counts(
    buckets: Iterable[Series], *, threshold: float, pod_of: KeyOf[K], start: float, end: float, staleness: float
) -> dict[K, HistogramCounts]:
    """Observations, and those above `threshold`, by key."""
    source = SlowerThan("seconds", threshold)
    (question,) = questions(MeasuredObjective(RULE, source, source))
    step, keys = _step(buckets, question, pod_of, start=start, end=end, staleness=staleness)
    found = {key: step.list_parts(question, threshold, name) for name, key in keys.items()}
    return {key: add_histograms(parts) for key, parts in found.items() if parts}


def _step(
    series: Iterable[Series],
    question: Question,
    pod_of: KeyOf[K],
    **between: Any,  # noqa: ANN401
) -> tuple[LookInterval, dict[str, K]]:
    keys: dict[str, K] = {}
    answer: dict[Target, list[tuple[str, Series]]] = {}
    scraped: dict[Target, list[tuple[str, Series]]] = {}
    for one in series:
        key = pod_of(one.labels)
        if key is None:
            scraped.setdefault(one.target, []).append(("", one))  # tells of the scrapes only, as `up` does
            continue
        keys[repr(key)] = key
        answer.setdefault(one.target, []).append((repr(key), one))
    answers: dict[Question, Answer] = {question: answer}
    return LookInterval(answers, scraped, **between), keys
