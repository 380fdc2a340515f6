"""From raw samples to evidence: what one or several looks add to a release, as a pure function.

A look is an instant on a grid that the whole fleet shares. Each step between two looks is computed from the raw samples
alone, so a look that could not be made is simply part of the next step, and after a restart the steps that were missed
are computed again from Prometheus' own history: nothing is lost and nothing is counted twice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from palier.evidence.counters import Series
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, fresh, observe
from palier.release.sources import MeasuredObjective, Origin, Reading, RouterSeries, SlowerThan
from palier.release.step import Answer, Question, Step, questions, signal_questions

SCRAPED = Question("up")
"""The series that Prometheus itself writes for every target at every scrape."""

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
    router: RouterSeries | None = None
    """How the router's series are told apart; None while they cannot be."""
    router_last_look: float | None = None
    """As `last_look`, for the objectives that read the router."""
    router_unseen: str = ""
    """As `cannot_measure`, for the objectives that read the router."""
    router_unseen_since: float | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How well the candidate's histograms answer, by latency objective, as far as they have been read."""

    def blind(self, reason: str, *, at: float) -> "Watched":
        """The same release after a look that could not measure."""
        since = at if self.cannot_measure_since is None else self.cannot_measure_since
        return replace(self, cannot_measure=reason, cannot_measure_since=since)

    def blind_at_router(self, reason: str, *, at: float) -> "Watched":
        """The same release after a look that could not read the router."""
        since = at if self.router_unseen_since is None else self.router_unseen_since
        return replace(self, router_unseen=reason, router_unseen_since=since)

    @property
    def read_until(self) -> dict[bool, float | None]:
        """Up to where each side has been read that any objective needs: False the pods and others, True the router."""
        sides = {objective.origin is Origin.ROUTER for objective in self.objectives} or {False}
        return {router: self.router_last_look if router else self.last_look for router in sides}


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
    answers: Mapping[Question, Answer],
    *,
    scraped: Answer,
    at: Sequence[float],
    staleness: float,
    unanswered: Mapping[Question, str] = {},
) -> Watched:
    """The release after the looks at the given instants.

    The objectives that read the gateway's proxies and all others are measured each for themselves: one side that
    cannot be read does not stop the other.

    Args:
        watched: the release before.
        answers: raw samples by question, reaching back to the last look and `staleness` before it.
        scraped: the `up` series of the same pods; they show which pods were scraped at all.
        at: the instants, ascending, at least one.
        staleness: seconds after which a sample says nothing any more.
        unanswered: why there is no answer, by question.
    """
    scraped = _succeeded(scraped)

    def step(start: float, end: float) -> Step:
        return Step(answers, scraped, start=start, end=end, staleness=staleness)

    return _look_at_router(_look_at_pods(watched, step, at, unanswered), step, at, unanswered)


def visible(
    watched: Watched,
    answers: Mapping[Question, Answer],
    *,
    scraped: Answer,
    at: float,
    staleness: float,
    behind: float = math.inf,
) -> bool:
    """Whether a side that has been read no further than `behind` can be read of the candidate at an instant."""
    step = Step(answers, _succeeded(scraped), start=at, end=at, staleness=staleness)
    return any(
        step.seen(watched.candidate, [question for question in answers if question.of_router is router])
        or (not router and step.scraped(watched.candidate))
        for router, read in watched.read_until.items()
        if read is not None and read < behind
    )


Steps = Callable[[float, float], Step]


def _look_at_pods(watched: Watched, step_of: Steps, at: Sequence[float], unanswered: Mapping[Question, str]) -> Watched:
    """Everything but the router."""
    objectives = [one for one in watched.objectives if one.origin is not Origin.ROUTER]
    if watched.objectives and not objectives:
        return replace(watched, last_look=at[-1], cannot_measure="", cannot_measure_since=None)
    asked = {question for objective in objectives for question in questions(objective)}
    if reason := _first(unanswered, [SCRAPED, *sorted(asked)]):
        return watched.blind(reason, at=at[-1])
    if watched.traffic_since is None:
        step = step_of(at[-1], at[-1])
        if step.scraped(watched.candidate) or step.seen(watched.candidate, asked):
            read = _readings(watched, objectives, step)
            return replace(watched, readings=read, cannot_measure="", cannot_measure_since=None)
        return watched.blind(f"no samples yet from the pods of candidate {watched.candidate}", at=at[-1])
    for instant in at:
        if watched.last_look is None:
            watched = replace(watched, last_look=instant)
            continue
        if instant <= watched.last_look:
            continue
        step = step_of(watched.last_look, instant)
        if not (step.scraped(watched.candidate) or step.seen(watched.candidate, asked)):
            watched = watched.blind(f"no fresh samples from the pods of candidate {watched.candidate}", at=instant)
            continue
        if signal := _vanished(watched, objectives, step):
            reason = f"signal {signal} vanished from the pods of candidate {watched.candidate}, which are still scraped"
            watched = watched.blind(reason, at=instant)
            continue
        with_stable = step.scraped(watched.stable) or step.seen(watched.stable, asked)
        watched = replace(
            watched,
            evidence=_observed(watched, objectives, step, with_stable=with_stable),
            readings=_readings(watched, objectives, step),
            last_look=instant,
            cannot_measure="",
            cannot_measure_since=None,
        )
    return watched


def _look_at_router(
    watched: Watched, step_of: Steps, at: Sequence[float], unanswered: Mapping[Question, str]
) -> Watched:
    """The objectives that read the gateway's proxies."""
    objectives = [one for one in watched.objectives if one.origin is Origin.ROUTER]
    if not objectives:
        return replace(watched, router_unseen="", router_unseen_since=None) if watched.router_unseen else watched
    asked = {question for objective in objectives for question in questions(objective)}
    signals = {question for objective in objectives for question in signal_questions(objective)}
    if watched.traffic_since is None:
        read = _readings(watched, objectives, step_of(at[-1], at[-1]))
        return replace(watched, readings=read, router_unseen="", router_unseen_since=None)
    if reason := _first(unanswered, sorted(asked)):
        return watched.blind_at_router(reason, at=at[-1])
    if watched.router is None:
        reason = f"the route has no backend position yet for candidate {watched.candidate}"
        return watched.blind_at_router(reason, at=at[-1])
    for instant in at:
        if watched.router_last_look is None:
            watched = replace(watched, router_last_look=instant)
            continue
        if instant <= watched.router_last_look:
            continue
        step = step_of(watched.router_last_look, instant)
        if not step.seen(watched.candidate, signals):
            fresh_ones = "fresh counters" if step.ever_seen(watched.candidate, signals) else "counters"
            reason = f"no {fresh_ones} of the router for candidate {watched.candidate}"
            watched = watched.blind_at_router(reason, at=instant)
            continue
        if signal := _vanished(watched, objectives, step):
            reason = f"signal {signal} vanished from the router for candidate {watched.candidate}"
            watched = watched.blind_at_router(reason, at=instant)
            continue
        watched = replace(
            watched,
            evidence=_observed(watched, objectives, step, with_stable=step.seen(watched.stable, signals)),
            readings=_readings(watched, objectives, step),
            router_last_look=instant,
            router_unseen="",
            router_unseen_since=None,
        )
    return watched


def _observed(
    watched: Watched, objectives: Sequence[MeasuredObjective], step: Step, *, with_stable: bool
) -> dict[str, Evidence]:
    """The evidence after one step."""
    evidence = dict(watched.evidence)
    for objective in objectives:
        rule = objective.rule
        compared = (
            with_stable
            and (not isinstance(rule, ObjectiveRule) or rule.compare_with_stable)
            and not step.vanished(objective, objective.stable_source, watched.stable)
        )
        segments: dict[str, tuple[Counts, Counts]] = {}
        if objective.segment_by:
            candidate = step.segments(objective, objective.source, watched.candidate)
            stable = step.segments(objective, objective.stable_source, watched.stable) if compared else {}
            none = Counts(0, 0, 0)
            segments = {name: (candidate.get(name, none), stable.get(name, none)) for name in {**candidate, **stable}}
        evidence[rule.name] = observe(
            evidence.get(rule.name) or fresh(),
            step.counts(objective, objective.source, watched.candidate),
            step.counts(objective, objective.stable_source, watched.stable) if compared else None,
            rule,
            segments=segments,
        )
    return evidence


def _readings(watched: Watched, objectives: Sequence[MeasuredObjective], step: Step) -> dict[str, Reading]:
    """How well the candidate's histograms answer; what was read before stands until it is read anew."""
    readings = dict(watched.readings)
    for objective in objectives:
        if isinstance(objective.source, SlowerThan):
            reading = step.reading(objective, objective.source, watched.candidate)
            if reading:
                readings[objective.rule.name] = reading
    return readings


def _vanished(watched: Watched, objectives: Sequence[MeasuredObjective], step: Step) -> str:
    return next((signal for one in objectives if (signal := step.vanished(one, one.source, watched.candidate))), "")


def _first(unanswered: Mapping[Question, str], asked: Sequence[Question]) -> str:
    return next((unanswered[question] for question in asked if question in unanswered), "")


def _succeeded(scraped: Answer) -> Answer:
    """A failed scrape (`up` is 0) has read nothing, so its sample tells of no pod."""
    return {
        target: [
            (
                revision,
                one
                if min(one.values, default=1.0) > 0
                else Series(one.labels, [sample for sample in one.samples if sample[1] > 0]),
            )
            for revision, one in rows
        ]
        for target, rows in scraped.items()
    }
