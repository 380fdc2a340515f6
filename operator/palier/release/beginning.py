"""When does a release start? And what does time alone change?"""

from dataclasses import replace

from palier.api.v1alpha1 import ModelDeployment, Stage
from palier.evidence.verdicts import Verdict
from palier.measuring.sources import KnownReading, SlowerThan, reading_of
from palier.release.budgets import find_freeze
from palier.release.cost import burn_stops
from palier.release.holds import describe_shift
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.plan import pin_stages, plan_of, proves_itself
from palier.release.requests import handle_requests, is_new
from palier.release.rules import Objectives, rules_digest
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.table import deadlines_of, kind_of
from palier.release.state import DRAIN_LIMIT, Drain, Release, RevisionRef, State
from palier.release.testing import ServingOption


def decide_idle(situation: Situation) -> Decision:
    """No release in progress: start one when the spec asks for a revision that is not the stable one."""
    state, observation = situation.state, situation.observation
    stable, options = state.stable, observation.options_of(situation.deployment)
    if stable and stable.asked_for_by == observation.revision:
        return Decision(replace(state, candidate=None))
    if stable and all(option.revision == stable.revision for option in options):
        # What serves is asked for in other words: as the only variant, or as no variant any more.
        named = RevisionRef.from_option(options[0], family=observation.revision, now=stable.since)
        return Decision(replace(state, stable=named, candidate=None))
    if _is_refused(situation):
        return Decision(state)
    if stable is None:
        proves = proves_itself(situation.deployment)
        plan = plan_of(situation.deployment.spec.release, first=True, proves=proves)
        return _start_release(situation, options[0], plan, why="first revision")
    if former := _warm_way_back(situation):
        return _start_release(situation, former, (), why="return to the warm former stable revision")
    if situation.burn and burn_stops(situation.deployment, situation.burn, under_way=False):
        message = f"no release starts while the budget is spent too fast (budget.onBurn): {situation.burn.message}"
        return Decision(state, hold=Hold(situation.burn.reason, message))
    new = next(option for option in options if option.revision != stable.revision)
    if frozen := find_freeze(situation, new):
        return Decision(state, hold=frozen)
    return _start_release(situation, new, plan_of(situation.deployment.spec.release, first=False), why="new revision")


def _warm_way_back(situation: Situation) -> ServingOption | None:
    """The former stable revision if it is what the spec asks for again and has ready pods; others are added to them."""
    former, observation = situation.state.former, situation.observation
    if former is None:
        return None
    reference = former.reference
    if observation.revision not in {reference.revision, reference.asked_for_by}:
        return None
    if not observation.facts(reference.revision).carries(1):
        return None
    options = observation.options_of(situation.deployment)
    return next((option for option in options if option.revision == reference.revision), None)


def _is_refused(situation: Situation) -> bool:
    """Whether the wanted revision was refused before and nothing has changed since that would matter."""
    state, requests = situation.state, situation.observation.requests
    outcome = state.outcome
    return (
        outcome is not None
        and outcome.result.refuses
        and outcome.asked_for_by == situation.observation.revision
        and outcome.rules == rules_digest(situation.deployment)
        and not is_new(state, requests, "retry")
    )


def _start_release(situation: Situation, option: ServingOption, plan: tuple[Stage, ...], *, why: str) -> Decision:
    state, now, spec = situation.state, situation.now, situation.deployment.spec
    wanted = option.revision
    requests = situation.observation.requests
    retried = is_new(state, requests, "retry")
    release = Release(started_at=now, stage_started_at=now, plan=plan, unready_since=now)
    candidate = RevisionRef.from_option(option, family=situation.observation.revision, now=now)
    former, drains = state.former, tuple(drain for drain in state.drains if drain.revision != wanted)
    if former and (former.reference.revision == wanted or (spec.traffic.gateway is None and not release.is_direct)):
        # Without a gateway the front Service cannot tell three revisions apart, so the warm one has to go first.
        if former.reference.revision != wanted:
            drains = (*drains, Drain(former.reference.revision, now))
        former = None
    begun = replace(
        state,
        candidate=candidate,
        former=former,
        drains=drains,
        release=release,
        load_tests=tuple(one for one in state.load_tests if not retried or one.result.verdict is Verdict.PASS),
    )
    retry = f"; retry asked for{requests.asked_by('retry')}" if retried else ""
    note = Note("Normal", "ReleaseStarted", f"{candidate.model} {candidate.version} ({wanted}): {why}{retry}")
    begun = handle_requests(begun, requests, "retry")
    entered = replace(
        situation, state=begun, deployment=pin_stages(situation.deployment, plan), written=situation.deployment
    )
    if begin := kind_of(release.stage).begin:
        first = begin(entered)
        return replace(first, notes=(note, *first.notes))
    return Decision(begun, notes=(note,), hold=describe_shift(entered, "pods are ready"))


def tidy_state(
    deployment: ModelDeployment, observation: Observation, state: State, *, objectives: Objectives, now: float
) -> State:
    """Time alone moves these: the warm former stable expires, removed revisions are forgotten."""
    state = _remember_looks(objectives, state, observation.measured)
    drains = tuple(d for d in state.drains if now < d.until or d.revision in observation.revisions)
    drains = (*drains, *_drain_rest(deployment, observation, replace(state, drains=drains), now=now))
    former = state.former
    if former and now >= former.until:
        drains = (*drains, Drain(former.reference.revision, now + deployment.spec.release.drain_delay.seconds))
        former = None
    return replace(state, drains=drains, former=former)


def _drain_rest(
    deployment: ModelDeployment, observation: Observation, state: State, *, now: float
) -> tuple[Drain, ...]:
    """Revisions that exist without any part to play, because the memory of them is gone: they go, as many as fit."""
    parts = {state.stable, state.candidate if state.release else None, state.former and state.former.reference}
    known = {part.revision for part in parts if part} | {drain.revision for drain in state.drains}
    until = now + deployment.spec.release.drain_delay.seconds
    surplus = sorted(
        set(observation.revisions) - known - {one for one, weight in observation.route.weights.items() if weight}
    )
    if state.stable is None:
        return ()  # nothing is surplus before anything serves
    return tuple(Drain(revision, until) for revision in surplus)[: max(0, DRAIN_LIMIT - len(state.drains))]


def _remember_looks(objectives: Objectives, state: State, measured: MeasuredEvidence) -> State:
    """The memory with the evidence of the looks since it was last written, and how well the histograms answer."""
    sources = {one.rule.name: one.source for one in objectives.measured}
    known = {
        name: KnownReading(reading_of(source), reading)
        for name, reading in measured.readings.items()
        if isinstance(source := sources.get(name), SlowerThan)
    }
    kept = {name: reading for name, reading in state.readings.items() if isinstance(sources.get(name), SlowerThan)}
    state = replace(state, readings={**kept, **known})
    release = state.release
    if release is None or not _is_newer(measured, release):
        return state
    updated = replace(
        release,
        evidence=measured.evidence,
        pods_read=measured.pods_read.without_reason(),
        router_read=measured.router_read.without_reason(),
    )
    return replace(state, release=updated)


def _is_newer(measured: MeasuredEvidence, release: Release) -> bool:
    """Whether a look has read further than the memory, and none has read less far."""
    pods, router = measured.pods_read, measured.router_read
    known = pods.until is not None or router.until is not None
    return known and not (pods.is_behind(release.pods_read) or router.is_behind(release.router_read))


def wake_at(deployment: ModelDeployment, state: State, *, now: float) -> float | None:
    """The next instant at which time alone can change the decision."""
    instants = [drain.until for drain in state.drains]
    if state.former:
        instants.append(state.former.until)
    release, rules = state.release, deployment.spec.release
    if release:
        if release.unready_since is not None:
            instants.append(release.unready_since + rules.progress_deadline.seconds)
        if release.gone_since is not None:
            instants.append(release.gone_since + rules.candidate_grace.seconds)
        instants += deadlines_of(release)
    return min((instant for instant in instants if instant > now), default=None)
