"""From raw samples to evidence: what one or several looks add to a release, as a pure function.

A look is an instant on a grid that the whole fleet shares. Each step between two looks is computed from the raw samples
alone, so a look that could not be made is simply part of the next step, and after a restart the steps that were missed
are computed again from Prometheus' own history: nothing is lost and nothing is counted twice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypedDict

from palier.evidence.counters import Target
from palier.evidence.objective import Counts, Evidence, ObjectiveRule, observe, start_evidence
from palier.evidence.pods import PodCounts
from palier.measuring.arms import is_compared, read_arm, read_stable_arm
from palier.measuring.coverage import UNREAD, Coverage
from palier.measuring.interval import Answer, LookInterval
from palier.measuring.pods import count_by_pod
from palier.measuring.questions import Question, questions, signal_questions
from palier.measuring.scrapes import keep_successful
from palier.measuring.segments import count_by_segment
from palier.measuring.sources import MeasuredObjective, Origin, Reading, RouterSeries, SlowerThan
from palier.measuring.warm_up import NO_WARM_UP, WarmUp, is_steady

SCRAPED = Question("up")
"""The series that Prometheus itself writes for every target at every scrape."""

LONGEST_REPLAY = 240
"""Looks that are computed one by one after a gap; a longer gap is cut into that many longer steps."""


@dataclass(frozen=True, slots=True)
class WatchedRelease:
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
    pods_read: Coverage = UNREAD
    """For the objectives that read the pods, or any program but the router."""
    router_read: Coverage = UNREAD
    """For the objectives that read the router."""
    cautious: bool = False
    """Whether the candidate has the least share because it is suspected of a breach."""
    router: RouterSeries | None = None
    """How the router's series are told apart; None while they cannot be."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How well the candidate's histograms answer, by latency objective, as far as they have been read."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why an objective could not be measured at the last look although its side could be, by its name."""
    lost: Mapping[tuple[str, str], frozenset[Target]] = field(default_factory=dict)
    """Targets that have lost the signal of an objective, by its name and the revision."""
    warm_up: WarmUp = NO_WARM_UP
    """How long after `traffic_since` the time that answers take does not count."""

    def mark_unseen(self, reason: str, *, at: float, router: bool = False) -> "WatchedRelease":
        """The same release after a look that could not read its pods, or the router."""
        return self.with_coverage(self.coverage[router].mark_unseen(reason, at=at), router=router)

    def with_coverage(self, coverage: Coverage, *, router: bool) -> "WatchedRelease":
        """The same release, of which one side has been read so far."""
        return replace(self, router_read=coverage) if router else replace(self, pods_read=coverage)

    @property
    def identity(self) -> tuple[str, float, int, float | None, bool]:
        """The stage of the release, with the instant of its traffic: then evidence counts for another weight."""
        return self.candidate, self.begun_at, self.stage_index, self.traffic_since, self.cautious

    @property
    def comparison(self) -> str:
        """Digest of how a shadow compares; empty where there is none."""
        return next((objective.about for objective in self.objectives if objective.about), "")

    @property
    def coverage(self) -> tuple[Coverage, Coverage]:
        """How far each side has been read: of the pods and others (False), and of the router (True)."""
        return self.pods_read, self.router_read

    @property
    def sides(self) -> set[bool]:
        """The sides that any objective needs: False for the pods and others, True for the router."""
        return {objective.origin is Origin.ROUTER for objective in self.objectives} or {False}


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
    watched: WatchedRelease,
    answers: Mapping[Question, Answer],
    *,
    scraped: Answer,
    at: Sequence[float],
    router_at: Sequence[float] | None = None,
    staleness: float,
    unanswered: Mapping[Question, str] = {},
    unclear: Mapping[tuple[Question, str], str] = {},
) -> WatchedRelease:
    """The release after the looks at the given instants.

    The objectives that read the gateway's proxies and all others are measured each for themselves: one side that
    cannot be read does not stop the other.

    Args:
        watched: the release before.
        answers: raw samples by question, reaching back to the last look and `staleness` before it.
        scraped: the `up` series of the same pods; they show which pods were scraped at all.
        at: the instants, ascending; none leaves everything but the router's side as it is.
        router_at: as `at` for the objectives that read the router; the same instants where None.
        staleness: seconds after which a sample says nothing any more.
        unanswered: why there is no answer, by question.
        unclear: why series are left out that may be of another ModelDeployment as well, by question and revision.
    """
    scraped = keep_successful(scraped)

    def step(start: float, end: float) -> LookInterval:
        return LookInterval(answers, scraped, start=start, end=end, staleness=staleness, unclear=unclear)

    if at:
        watched = _look_at_pods(watched, step, at, unanswered)
    router_at = at if router_at is None else router_at
    return _look_at_router(watched, step, router_at, unanswered) if router_at else watched


def asked_at(watched: WatchedRelease, *, router: bool) -> set[Question]:
    """Everything that is asked for one side of a release, without `SCRAPED`."""
    own = (one for one in watched.objectives if (one.origin is Origin.ROUTER) is router)
    return {question for objective in own for question in questions(objective)}


def is_visible(
    watched: WatchedRelease,
    answers: Mapping[Question, Answer],
    *,
    router: bool,
    scraped: Answer,
    at: float,
    staleness: float,
    unanswered: Mapping[Question, str] = {},
) -> bool:
    """Whether one side of the candidate can be read at an instant."""
    asked = asked_at(watched, router=router)
    if _find_first(unanswered, [*([] if router else [SCRAPED]), *asked]):
        return False
    step = LookInterval(answers, keep_successful(scraped), start=at, end=at, staleness=staleness)
    if router:
        return step.has_samples(watched.candidate, _signals_of(_of_router(watched)))
    return step.was_scraped(watched.candidate) or step.has_samples(watched.candidate, asked)


Steps = Callable[[float, float], LookInterval]


def _look_at_pods(
    watched: WatchedRelease, step_of: Steps, at: Sequence[float], unanswered: Mapping[Question, str]
) -> WatchedRelease:
    """Everything but the router."""
    objectives = [one for one in watched.objectives if one.origin is not Origin.ROUTER]
    if watched.objectives and not objectives:
        return replace(watched, pods_read=Coverage(at[-1]))
    asked = asked_at(watched, router=False)
    if reason := _find_first(unanswered, [SCRAPED, *sorted(asked)]):
        return watched.mark_unseen(reason, at=at[-1])
    if watched.traffic_since is None:
        step = step_of(at[-1], at[-1])
        if step.was_scraped(watched.candidate) or step.has_samples(watched.candidate, asked):
            read = _readings(watched, objectives, step)
            return replace(watched, readings=read, pods_read=Coverage(watched.pods_read.until))
        return watched.mark_unseen(f"no samples yet from the pods of candidate {watched.candidate}", at=at[-1])

    def can_read(step: LookInterval, revision: str) -> bool:
        return step.was_scraped(revision) or step.has_samples(revision, asked)

    def explain_unread(_step: LookInterval) -> str:
        return f"no fresh samples from the pods of candidate {watched.candidate}"

    return _add_steps(watched, objectives, step_of, at, can_read, explain_unread, router=False)


def _look_at_router(
    watched: WatchedRelease, step_of: Steps, at: Sequence[float], unanswered: Mapping[Question, str]
) -> WatchedRelease:
    """The objectives that read the gateway's proxies."""
    objectives = _of_router(watched)
    if not objectives:
        read = Coverage(watched.router_read.until)
        return replace(watched, router_read=read) if watched.router_read.unseen else watched
    asked, signals = asked_at(watched, router=True), _signals_of(objectives)
    if watched.traffic_since is None:
        readings = _readings(watched, objectives, step_of(at[-1], at[-1]))
        return replace(watched, readings=readings, router_read=Coverage(watched.router_read.until))
    if reason := _find_first(unanswered, sorted(asked)):
        return watched.mark_unseen(reason, at=at[-1], router=True)
    if watched.router is None:
        reason = f"the route has no backend position yet for candidate {watched.candidate}"
        return watched.mark_unseen(reason, at=at[-1], router=True)
    where = ", ".join(watched.router.namespaces)

    def can_read(step: LookInterval, revision: str) -> bool:
        return step.has_samples(revision, signals)

    def explain_unread(step: LookInterval) -> str:
        fresh_ones = "fresh counters" if step.was_ever_seen(watched.candidate, signals) else "counters"
        return f"no {fresh_ones} of the router for candidate {watched.candidate} from its proxies in {where}"

    return _add_steps(watched, objectives, step_of, at, can_read, explain_unread, router=True)


def _add_steps(
    watched: WatchedRelease,
    objectives: Sequence[MeasuredObjective],
    step_of: Steps,
    at: Sequence[float],
    can_read: Callable[[LookInterval, str], bool],
    explain_unread: Callable[[LookInterval], str],
    *,
    router: bool,
) -> WatchedRelease:
    """The release after the steps between the looks at one of its sides."""
    for instant in at:
        coverage = watched.coverage[router]
        if coverage.until is None:
            watched = watched.with_coverage(replace(coverage, until=instant), router=router)
            continue
        if instant <= coverage.until:
            continue
        step = step_of(coverage.until, instant)
        if not can_read(step, watched.candidate):
            watched = watched.mark_unseen(explain_unread(step), at=instant, router=router)
            continue
        observed = _observe_step(watched, objectives, step, with_stable=can_read(step, watched.stable))
        if router:
            watched = replace(watched, **observed, router_read=Coverage(instant))
        else:
            watched = replace(watched, **observed, pods_read=Coverage(instant))
    return watched


class _Observed(TypedDict):
    """Fields of `WatchedRelease`, by their names."""

    evidence: Mapping[str, Evidence]
    readings: Mapping[str, Reading]
    missing: Mapping[str, str]
    lost: Mapping[tuple[str, str], frozenset[Target]]


def _observe_step(
    watched: WatchedRelease, objectives: Sequence[MeasuredObjective], step: LookInterval, *, with_stable: bool
) -> "_Observed":
    """What one step changes of a release, except for how far it has been read."""
    evidence, missing, lost = dict(watched.evidence), dict(watched.missing), dict(watched.lost)
    for objective in objectives:
        rule, name = objective.rule, objective.rule.name
        if objective.label_delay and step.start < (watched.traffic_since or 0.0) + objective.label_delay:
            continue  # what is known so early is not all that there is to know: good and bad may differ in their age
        if twins := _describe_unclear(watched, objective, step):
            missing[name] = twins
            continue
        candidate = read_arm(objective, objective.source, watched.candidate, step, lost)
        if isinstance(candidate, str):
            missing[name] = candidate
            continue
        missing.pop(name, None)
        if candidate is None:
            continue
        revisions = {"candidate": watched.candidate, "stable": watched.stable}
        stable, same_edges = read_stable_arm(objective, step, lost, **revisions) if with_stable else (None, True)
        segments: dict[str, tuple[Counts, Counts]] = {}
        digest, known = _digest(objective), evidence.get(name)
        if known is None or known.of != digest:
            known = start_evidence(digest)
        if objective.warms_up and known.warm_since is None:
            steady = is_steady(candidate, stable, rule)
            known = evidence[name] = replace(known, warm_since=_find_warm_up_end(watched, step, is_steady=steady))
            if known.warm_since is None or step.start < known.warm_since:
                continue
        if objective.segment_by:
            compared = None if stable is None else watched.stable
            segments = count_by_segment(step, objective, candidate=watched.candidate, stable=compared)
        evidence[name] = observe(
            known,
            candidate,
            stable,
            rule,
            segments=segments,
            same_edges=same_edges,
            seconds=step.end - step.start,
            scraped=step.scraped_both(
                candidate=watched.candidate, stable=watched.stable, weight_since=watched.traffic_since or math.inf
            )
            if stable is not None and objective.counts_every_request
            else None,
            pods=_count_pods(watched, objective, step) if stable is not None and same_edges else None,
        )
    return {"evidence": evidence, "readings": _readings(watched, objectives, step), "missing": missing, "lost": lost}


def _find_warm_up_end(watched: WatchedRelease, step: LookInterval, *, is_steady: bool) -> float | None:
    """When the candidate was warm, if it is so after this step."""
    return watched.warm_up.find_end(step.start, step.end, begun=watched.traffic_since or 0.0, is_steady=is_steady)


def _count_pods(
    watched: WatchedRelease, objective: MeasuredObjective, step: LookInterval
) -> tuple[PodCounts, PodCounts] | None:
    """Both arms by pod, where a share of what the pods count is compared."""
    if objective.stable_source is None or not isinstance(objective.rule, ObjectiveRule):
        return None
    return (
        count_by_pod(step, objective, objective.source, watched.candidate),
        count_by_pod(step, objective, objective.stable_source, watched.stable),
    )


def _describe_unclear(watched: WatchedRelease, objective: MeasuredObjective, step: LookInterval) -> str:
    """Why an objective cannot be told for one of its arms: the series may be those of another model's users."""
    reason = step.describe_unclear(objective, objective.source, watched.candidate)
    if reason or objective.stable_source is None or not is_compared(objective):
        return reason
    return step.describe_unclear(objective, objective.stable_source, watched.stable)


@lru_cache(maxsize=4096)
def _digest(objective: MeasuredObjective) -> str:
    return objective.digest


def _readings(
    watched: WatchedRelease, objectives: Sequence[MeasuredObjective], step: LookInterval
) -> dict[str, Reading]:
    """How well the candidate's histograms answer; what was read before stands until it is read anew."""
    readings = dict(watched.readings)
    for objective in objectives:
        if isinstance(objective.source, SlowerThan):
            reading = step.read_histograms(objective, objective.source, watched.candidate)
            if reading:
                readings[objective.rule.name] = reading
    return readings


def _of_router(watched: WatchedRelease) -> list[MeasuredObjective]:
    return [one for one in watched.objectives if one.origin is Origin.ROUTER]


def _signals_of(objectives: Sequence[MeasuredObjective]) -> set[Question]:
    return {question for objective in objectives for question in signal_questions(objective)}


def _find_first(unanswered: Mapping[Question, str], asked: Sequence[Question]) -> str:
    return next((unanswered[question] for question in asked if question in unanswered), "")
