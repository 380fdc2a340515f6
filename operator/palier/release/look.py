"""From raw samples to evidence: what one or several looks add to a release, as a pure function.

A look is an instant on a grid that the whole fleet shares. Each step between two looks is computed from the raw samples
alone, so a look that could not be made is simply part of the next step, and after a restart the steps that were missed
are computed again from Prometheus' own history: nothing is lost and nothing is counted twice.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from palier.evidence.counters import Increment, Series, histogram_counts, increments
from palier.evidence.objective import Counts, Evidence, fresh, observe
from palier.release.rules import CounterRatio, MeasuredObjective, SlowerThan

RevisionOf = Callable[[Mapping[str, str]], str | None]
"""From the labels of a series to the revision whose pod exported it, or None for a stranger's."""

LONGEST_REPLAY = 240
"""Looks that are computed one by one after a gap; a longer gap is cut into that many longer steps."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A release under judgement: whose pods are counted, by which objectives, and the evidence so far."""

    candidate: str
    stable: str
    stage_index: int
    begun_at: float
    """When the release started; with the candidate it names the release."""
    traffic_since: float | None
    """When the candidate got traffic; before, a look only tells whether it could be measured."""
    objectives: tuple[MeasuredObjective, ...]
    evidence: Mapping[str, Evidence]
    last_look: float | None = None
    cannot_measure: str = ""
    cannot_measure_since: float | None = None

    def blind(self, reason: str, *, at: float) -> "Watched":
        """The same release after a look that could not measure."""
        since = at if self.cannot_measure_since is None else self.cannot_measure_since
        return replace(self, cannot_measure=reason, cannot_measure_since=since)


def first_instant(traffic_since: float, *, interval: float) -> float:
    """Where the evidence of a stage begins: the last instant of the grid at which the candidate had no traffic yet."""
    return math.floor(traffic_since / interval) * interval


def instants(start: float, end: float, *, interval: float) -> list[float]:
    """The instants of the grid after `start` up to and including `end`, in seconds since the epoch."""
    first, last = math.floor(start / interval) + 1, math.floor(end / interval)
    step = max(1, math.ceil((last - first + 1) / LONGEST_REPLAY))
    chosen = [number * interval for number in range(first, last + 1, step)]
    if chosen and chosen[-1] < last * interval:
        chosen.append(last * interval)
    return chosen


def look(
    watched: Watched,
    series: Mapping[str, Sequence[Series]],
    *,
    scraped: Sequence[Series],
    revision_of: RevisionOf,
    at: Sequence[float],
    staleness: float,
) -> Watched:
    """The release after the looks at the given instants.

    Args:
        watched: the release before.
        series: raw samples by selector, reaching back to the last look and `staleness` before it.
        scraped: the `up` series of the same pods; they show which pods were scraped at all.
        revision_of: whose pod exported a series.
        at: the instants, ascending, at least one.
        staleness: seconds after which a sample says nothing any more.
    """
    if watched.traffic_since is None:
        step = _Step(series, scraped, revision_of, at[-1], at[-1], staleness)
        if step.fresh(watched, watched.candidate):
            return replace(watched, cannot_measure="", cannot_measure_since=None)
        return watched.blind(f"no samples yet from the pods of candidate {watched.candidate}", at=at[-1])
    for instant in at:
        if watched.last_look is None:
            watched = replace(watched, last_look=instant)
            continue
        if instant <= watched.last_look:
            continue
        step = _Step(series, scraped, revision_of, watched.last_look, instant, staleness)
        if not step.fresh(watched, watched.candidate):
            watched = watched.blind(f"no fresh samples from the pods of candidate {watched.candidate}", at=instant)
            continue
        with_stable = step.fresh(watched, watched.stable)
        evidence = {
            objective.rule.name: observe(
                watched.evidence.get(objective.rule.name, fresh()),
                step.counts(objective, watched.candidate),
                step.counts(objective, watched.stable) if with_stable else None,
                objective.rule,
            )
            for objective in watched.objectives
        }
        watched = replace(watched, evidence=evidence, last_look=instant, cannot_measure="", cannot_measure_since=None)
    return watched


class _Step:
    """The events between two instants."""

    def __init__(
        self,
        series: Mapping[str, Sequence[Series]],
        scraped: Sequence[Series],
        revision_of: RevisionOf,
        start: float,
        end: float,
        staleness: float,
    ) -> None:
        self._series = series
        # A failed scrape (`up` is 0) has read nothing, so its sample tells of no pod.
        self._scraped = tuple(
            Series(one.labels, read)
            for one in scraped
            if (read := tuple(sample for sample in one.samples if sample[1] > 0))
        )
        self._revision_of = revision_of
        self._start, self._end, self._staleness = start, end, staleness

    def fresh(self, watched: Watched, revision: str) -> bool:
        """Whether any pod of the revision was scraped recently enough at the end of the step."""
        selectors = {selector for objective in watched.objectives for selector in objective.selectors}
        candidates: Iterable[Series] = (*self._scraped, *(s for name in selectors for s in self._series.get(name, ())))
        oldest = self._end - self._staleness
        return any(
            self._revision_of(one.labels) == revision
            and any(oldest < instant <= self._end and math.isfinite(value) for instant, value in one.samples)
            for one in candidates
        )

    def counts(self, objective: MeasuredObjective, revision: str) -> Counts:
        """Events of one revision for one objective."""
        match objective.source:
            case SlowerThan(histogram=selector, threshold=threshold):
                found = histogram_counts(
                    (*self._series.get(selector, ()), *self._scraped),
                    threshold=threshold,
                    pod_of=self._revision_of,
                    start=self._start,
                    end=self._end,
                    staleness=self._staleness,
                )
                return found[revision].counts if revision in found else Counts(0, 0, 0)
            case CounterRatio(bad=bad, total=total):
                return _at_most_all(self._increment(bad, revision), self._increment(total, revision))

    def _increment(self, selector: str, revision: str) -> int:
        found: Mapping[str, Increment] = increments(
            (*self._series.get(selector, ()), *self._scraped),
            pod_of=self._revision_of,
            start=self._start,
            end=self._end,
            staleness=self._staleness,
        )
        return found[revision].count if revision in found else 0


def _at_most_all(bad: int, total: int) -> Counts:
    """Two counters of one scrape cannot disagree, two of different scrapes can: never more bad than all."""
    bad = min(bad, total)
    return Counts(total=total, bad=bad, bad_possible=bad)
