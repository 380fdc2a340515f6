"""A Prometheus that answers from a recording: what was scraped, when it was scraped, and nothing of the future."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from palier.evidence.counters import Series, Target, Times
from palier.measuring.interval import Answer
from palier.measuring.look import SCRAPED
from palier.measuring.questions import Question, questions
from palier.measuring.sources import MeasuredObjective
from palier.simulate.conditions import OTHERS, SEGMENT
from palier.simulate.recording import Floats, PodRecording, Recording

REQUESTS, ERRORS, LATENCY, COST = "requests_total", "errors_total", "latency_seconds", "cost_sum"
"""Selectors of the series that simulated pods export."""

SEGMENT_LABEL = "segment"
"""Label of the counters that names the segment."""

_COUNTERS = {REQUESTS: "requests", ERRORS: "errors", COST: "cost_sum"}


class Prometheus:
    """Answers the operator's questions.

    Args:
        recording: everything that is ever scraped.
        objectives: they name what will be asked.
    """

    def __init__(self, recording: Recording, objectives: Sequence[MeasuredObjective]) -> None:
        self._unavailable = recording.unavailable
        distinct = dict.fromkeys(question for objective in objectives for question in questions(objective))
        self._pods = [_Pod.from_recording(pod, tuple(distinct)) for pod in recording.pods]
        self._asked = tuple(distinct)

    def answers_at(self, now: float) -> bool:
        """Whether it can be asked at that moment."""
        return not self._unavailable.covers(now)

    def answer(self, *, after: float, until: float) -> tuple[dict[Question, Answer], Answer]:
        """The samples in (after, until] for every question, and the `up` series."""
        answers: dict[Question, dict[Target, list[tuple[str, Series]]]] = {one: {} for one in self._asked}
        scraped: dict[Target, list[tuple[str, Series]]] = {}
        for pod in self._pods:
            tried = pod.up.cut_samples(after, until)
            if tried is None:
                continue
            scraped[pod.target] = [(pod.revision, tried)]
            first, last = bisect_right(pod.times, after), bisect_right(pod.times, until)
            # Equal times are one object: series that were read together are then counted together, and faster.
            times = pod.times[first:last]
            times = tried.times if times == tried.times else times
            for question, rows in pod.rows.items():
                series = []
                for row in rows:
                    if row.times is not pod.times:
                        one = row.cut_samples(after, until, times)
                    else:
                        one = Series.from_columns(row.labels, times, row.values[first:last]) if times else None
                    if one is not None:
                        series.append((pod.revision, one))
                if series:
                    answers[question][pod.target] = series
        return dict(answers), scraped


@dataclass(frozen=True, slots=True)
class _Row:
    """One series with everything that was ever scraped of it."""

    labels: Mapping[str, str]
    times: Times
    values: tuple[float, ...]

    def cut_samples(self, after: float, until: float, known: Times = ()) -> Series | None:
        """Its samples in (after, until]; None without any.

        Args:
            after: seconds.
            until: seconds.
            known: used in the place of times that are equal to them.
        """
        first, last = bisect_right(self.times, after), bisect_right(self.times, until)
        if last <= first:
            return None
        times = self.times[first:last]
        return Series.from_columns(self.labels, known if known == times else times, self.values[first:last])


@dataclass(frozen=True, slots=True)
class _Pod:
    """The series of one pod."""

    revision: str
    target: Target
    times: Times
    """Times of the scrapes that succeeded."""
    up: _Row
    rows: Mapping[Question, tuple[_Row, ...]]

    @classmethod
    def from_recording(cls, pod: PodRecording, questions: Sequence[Question]) -> "_Pod":
        """From its recording."""
        labels = {"namespace": "simulated", "pod": pod.pod, "job": "pods", "instance": pod.pod}
        times = tuple(pod.times.tolist())
        return cls(
            revision=pod.arm.value,
            target=Series(labels).target,
            times=times,
            up=_Row({"__name__": SCRAPED.selector, **labels}, tuple(pod.up_times.tolist()), tuple(pod.up.tolist())),
            rows={question: tuple(_rows(question, pod, labels, times)) for question in questions},
        )


def _rows(question: Question, pod: PodRecording, labels: Mapping[str, str], times: Times) -> Iterator[_Row]:
    """The series of a pod that a question asks for."""
    counter = _COUNTERS.get(question.selector)
    if counter is None:
        for edge, values in pod.buckets.items():
            yield _row({**labels, "le": str(edge)}, times, values)
        return
    parts = [part for part in (SEGMENT, OTHERS) if f"{counter}/{part}" in pod.counters]
    for part in parts:
        yield _row({**labels, SEGMENT_LABEL: part}, times, pod.counters[f"{counter}/{part}"])
    if not parts:
        yield _row(labels, times, pod.counters[counter])


def _row(labels: Mapping[str, str], times: Times, values: Floats) -> _Row:
    """A series; a counter that does not exist yet has no samples."""
    exists = ~np.isnan(values)
    if exists.all():
        return _Row(labels, times, tuple(values.tolist()))
    scraped = tuple(time for time, is_up in zip(times, exists.tolist(), strict=True) if is_up)
    return _Row(labels, scraped, tuple(values[exists].tolist()))
