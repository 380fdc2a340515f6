"""When does a release advance, hold, promote or roll back? This file is the whole answer.

`decide` reads what the shell observed, what was remembered, the evidence and the clock, and returns the next memory
with the sentences that explain it. It is total and pure: the same arguments give the same answer, and every pass makes
at most one transition, so that the shell can write the memory before it acts on it.

Order of the rules of a release under way: people's requests and a changed spec first, then a candidate that is gone or
breaches, then the reasons to hold, and only then the next landing.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from palier.api.v1alpha1 import Canary, ModelDeployment, OnBreach, OnNoEvidence
from palier.evidence.objective import Judgement, Verdict, combined, fresh, judge
from palier.release.observation import Measured, Observation
from palier.release.rules import measured_objectives, rules_digest
from palier.release.state import Drain, Ending, Former, Outcome, Release, Result, RevisionRef, State, Step
from palier.release.targets import full_replicas, slots_after, stage_replicas

JUDGING = "Judging"
"""Reason of the ordinary hold: the stage's time is not over or its evidence not complete."""

BLIND_FOR = 3.0
"""Seconds without a measurement after which the release says so."""

SILENT_FOR = 10.0
"""Seconds without any answer from a gateway after which the release says so."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something people should be told: becomes an Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing moves at the moment."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The next memory, what to tell people, and when to look again at the latest."""

    state: State
    notes: tuple[Note, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    hold: Hold | None = None
    wake_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Situation:
    """The arguments of one decision, gathered so that the rules read as sentences."""

    deployment: ModelDeployment
    observation: Observation
    state: State
    now: float
    notes: tuple[Note, ...] = field(default=())

    @property
    def release(self) -> Release:
        assert self.state.release is not None  # noqa: S101 - only asked for while a release is in progress
        return self.state.release

    @property
    def candidate(self) -> RevisionRef:
        assert self.state.candidate is not None  # noqa: S101 - a release in progress always has one
        return self.state.candidate

    @property
    def stage(self) -> Canary | None:
        stages = self.deployment.spec.release.stages
        return stages[self.release.stage_index].canary if self.release.stage_index < len(stages) else None


def decide(deployment: ModelDeployment, observation: Observation, state: State, *, now: float) -> Decision:
    """What the release does next.

    Args:
        deployment: the spec.
        observation: the cluster and the evidence as last seen.
        state: the memory, from `status`.
        now: seconds since the epoch.

    Raises:
        InvalidSpec: an objective cannot be measured as it is written.
    """
    situation = _Situation(deployment, observation, _tidied(deployment, observation, state, now=now), now)
    decision = _idle(situation) if situation.state.release is None else _under_way(situation)
    settled = replace(decision.state, slots=slots_after(decision.state, now=now))
    return replace(decision, state=settled, wake_at=_wake_at(deployment, settled, now=now))


def _idle(situation: _Situation) -> Decision:
    """No release in progress: start one when the spec asks for a revision that is not the stable one."""
    state, observation = situation.state, situation.observation
    wanted = observation.revision
    if state.stable and state.stable.revision == wanted:
        return Decision(replace(state, candidate=None))
    if _refused(situation):
        return Decision(state)
    if state.stable is None:
        return _started(situation, direct=True, why="first revision")
    former = state.former
    if (
        former
        and former.reference.revision == wanted
        and observation.facts(wanted).carries(full_replicas(situation.deployment))
    ):
        return _started(situation, direct=True, why="return to the warm former stable revision")
    return _started(situation, direct=False, why="new revision")


def _refused(situation: _Situation) -> bool:
    """Whether the wanted revision was refused before and nothing has changed since that would matter."""
    state, requests = situation.state, situation.observation.requests
    outcome = state.outcome
    return (
        outcome is not None
        and outcome.result.refuses
        and outcome.revision == situation.observation.revision
        and outcome.rules == rules_digest(situation.deployment)
        and requests.retry in {"", state.handled_retry}
    )


def _started(situation: _Situation, *, direct: bool, why: str) -> Decision:
    state, now, spec = situation.state, situation.now, situation.deployment.spec
    wanted = situation.observation.revision
    requests = situation.observation.requests
    retried = bool(requests.retry) and requests.retry != state.handled_retry
    candidate = RevisionRef(
        revision=wanted, model=spec.model.name, version=spec.model.version, port=spec.serving.port, since=now
    )
    former, drains = state.former, tuple(drain for drain in state.drains if drain.revision != wanted)
    if former and (former.reference.revision == wanted or (spec.traffic.gateway is None and not direct)):
        # Without a gateway the front Service cannot tell three revisions apart, so the warm one has to go first.
        if former.reference.revision != wanted:
            drains = (*drains, Drain(former.reference.revision, now))
        former = None
    begun = replace(
        state,
        candidate=candidate,
        former=former,
        drains=drains,
        release=Release(step=Step.PREPARING, started_at=now, stage_started_at=now, direct=direct),
        handled_retry=requests.retry or state.handled_retry,
    )
    retry = f"; retry asked for{requests.asked_by('retry')}" if retried else ""
    note = Note("Normal", "ReleaseStarted", f"{candidate.model} {candidate.version} ({wanted}): {why}{retry}")
    entered = replace(situation, state=begun)
    return Decision(begun, notes=(note,), hold=_shifting(entered, "pods are ready"))


def _under_way(situation: _Situation) -> Decision:
    """A release is in progress."""
    release = situation.release
    if release.step is Step.ROLLING_BACK:
        return _rolling_back(situation)
    judgements = _judgements(situation)
    ending = _asked_to_end(situation) or _candidate_gone(situation) or _breached(situation, judgements)
    if ending:
        return replace(_roll_back(situation, ending), judgements=judgements)
    match release.step:
        case Step.PREPARING:
            decision = _preparing(situation)
        case Step.CANARY:
            decision = _canary(situation, judgements)
        case Step.PROMOTING:
            decision = _promoting(situation)
    return replace(decision, judgements=judgements)


def _asked_to_end(situation: _Situation) -> Ending | None:
    """A person aborted, or the spec now asks for something else."""
    state, observation, candidate = situation.state, situation.observation, situation.candidate
    if observation.requests.abort == candidate.revision:
        return Ending(
            Result.ABORTED, "AbortRequested", f"release aborted on request{observation.requests.asked_by('abort')}"
        )
    if observation.revision == candidate.revision:
        return None
    if state.stable is None:
        # Nothing else can serve: a first revision that already has the traffic is completed before it is replaced.
        if observation.weight(candidate.revision) > 0:
            return None
        return Ending(Result.SUPERSEDED, "Superseded", f"the spec now asks for {observation.revision}")
    if observation.revision == state.stable.revision:
        return Ending(Result.REVERTED, "Reverted", "the spec was set back to the stable revision")
    return Ending(Result.SUPERSEDED, "Superseded", f"the spec now asks for {observation.revision}")


def _candidate_gone(situation: _Situation) -> Ending | None:
    """A candidate with traffic but without a single ready pod: no statistics are needed for that."""
    if situation.state.stable is None:
        return None
    revision = situation.candidate.revision
    facts = situation.observation.facts(revision)
    if situation.observation.weight(revision) == 0 or facts.endpoints > 0:
        return None
    trouble = f": {facts.trouble}" if facts.trouble else ""
    return Ending(
        Result.ROLLED_BACK,
        "CandidateUnavailable",
        f"no pod of the candidate is ready while it has {situation.observation.weight(revision)} % of the traffic{trouble}",
    )


def _breached(situation: _Situation, judgements: tuple[Judgement, ...]) -> Ending | None:
    """An objective is breached with enough evidence, and the user wants that to end the release."""
    if situation.deployment.spec.release.on_breach is not OnBreach.ROLLBACK:
        return None
    failed = [judgement for judgement in judgements if judgement.verdict is Verdict.FAIL]
    if not failed:
        return None
    return Ending(Result.ROLLED_BACK, "ObjectiveBreached", "; ".join(judgement.message for judgement in failed))


def _preparing(situation: _Situation) -> Decision:
    """Pods of the candidate are coming up; it has no traffic yet."""
    state, now, release = situation.state, situation.now, situation.release
    rules = situation.deployment.spec.release
    facts = situation.observation.facts(situation.candidate.revision)
    needed = stage_replicas(situation.deployment, state)
    if not facts.carries(needed):
        if now - release.started_at >= rules.progress_deadline.seconds:
            return _roll_back(situation, _not_ready(situation, needed))
        return Decision(state, hold=_waiting_for_pods(situation, needed))
    if others := _pods_in_the_way(situation):
        return Decision(state, hold=Hold("WaitingForDrain", f"waiting for the pods of {', '.join(others)} to go"))
    if rules.paused:
        return Decision(state, hold=Hold("Paused", "paused by spec.release.paused before any traffic"))
    if release.direct or not rules.stages or _promotion_requested(situation):
        return _promote(situation)
    return _enter_stage(situation, 0)


def _canary(situation: _Situation, judgements: tuple[Judgement, ...]) -> Decision:
    """The candidate takes its stage's share of the users' traffic and is judged on it."""
    state, now, release, stage = situation.state, situation.now, situation.release, situation.stage
    rules = situation.deployment.spec.release
    if _promotion_requested(situation) or stage is None:
        return _promote(situation)
    if release.traffic_since is None:
        return _awaiting_traffic(situation, stage)
    held_for = now - release.traffic_since
    verdict = combined(judgements)
    failed = [judgement.message for judgement in judgements if judgement.verdict is Verdict.FAIL]
    if failed:
        breach = "; ".join(failed)
        notes = () if release.breach else (Note("Warning", "ObjectiveBreached", f"holding (onBreach: Hold): {breach}"),)
        return Decision(
            replace(state, release=replace(release, breach=breach)), notes=notes, hold=Hold("ObjectiveBreached", breach)
        )
    if rules.paused:
        return Decision(state, hold=Hold("Paused", f"paused by spec.release.paused at {stage.weight} %"))
    if held_for < stage.min_duration.seconds:
        left = stage.min_duration.seconds - held_for
        return Decision(
            state,
            hold=_first_gap(situation, judgements) or Hold(JUDGING, f"{stage.weight} % for at least {left:.0f} s more"),
        )
    if verdict is Verdict.PASS:
        following = release.stage_index + 1
        return _enter_stage(situation, following) if following < len(rules.stages) else _promote(situation)
    gap = _first_gap(situation, judgements) or Hold(JUDGING, "no verdict yet")
    if held_for < stage.max_duration.seconds:
        return Decision(state, hold=gap)
    if rules.on_no_evidence is OnNoEvidence.ROLLBACK:
        message = f"no verdict within {stage.max_duration}: {gap.message}"
        return _roll_back(situation, Ending(Result.ROLLED_BACK, "NoEvidence", message))
    return Decision(
        state,
        hold=Hold(
            "DeadlineWithoutEvidence",
            f"no verdict within {stage.max_duration}, holding (onNoEvidence: Hold): {gap.message}",
        ),
    )


def _awaiting_traffic(situation: _Situation, stage: Canary) -> Decision:
    """The stage's weight is wanted but not yet in force."""
    state, now, release = situation.state, situation.now, situation.release
    revision = situation.candidate.revision
    needed = stage_replicas(situation.deployment, state)
    if not situation.observation.facts(revision).carries(needed):
        if now - release.stage_started_at >= situation.deployment.spec.release.progress_deadline.seconds:
            return _roll_back(situation, _not_ready(situation, needed))
        return Decision(state, hold=_waiting_for_pods(situation, needed))
    route = situation.observation.route
    in_force = (
        0 < situation.observation.weight(revision) < 100  # noqa: PLR2004 - percent
        if situation.deployment.spec.traffic.gateway is None
        else situation.observation.weight(revision) == stage.weight
    )
    if not in_force or not route.accepted:
        return Decision(state, hold=_waiting_for_route(situation))
    note = Note("Normal", "StageStarted", f"{revision} takes {situation.observation.weight(revision)} % of the traffic")
    return Decision(replace(state, release=replace(release, traffic_since=now)), notes=(note,))


def _promoting(situation: _Situation) -> Decision:
    """All the traffic goes to the candidate as soon as it can carry it; then it is the stable revision."""
    state, now, release = situation.state, situation.now, situation.release
    candidate, rules = situation.candidate, situation.deployment.spec.release
    if situation.observation.weight(candidate.revision) == 100 and situation.observation.route.accepted:  # noqa: PLR2004
        return _promoted(situation)
    needed = full_replicas(situation.deployment)
    if not situation.observation.facts(candidate.revision).carries(needed):
        if state.stable and now - release.stage_started_at >= rules.progress_deadline.seconds:
            return _roll_back(situation, _not_ready(situation, needed))
        return Decision(state, hold=_waiting_for_pods(situation, needed))
    return Decision(state, hold=_waiting_for_route(situation))


def _rolling_back(situation: _Situation) -> Decision:
    """The weight goes first: the release has ended only when the gateway sends nothing more to the candidate."""
    state, now, observation, candidate = situation.state, situation.now, situation.observation, situation.candidate
    ending = situation.release.ending or Ending(Result.ROLLED_BACK, "Unknown", "the reason was lost")
    if state.stable:
        back = observation.weight(candidate.revision) == 0 and observation.weight(state.stable.revision) == 100  # noqa: PLR2004
        if not back or not observation.route.accepted:
            if observation.facts(state.stable.revision).endpoints == 0:
                message = f"no pod of the stable revision is ready to take the traffic back ({ending.message})"
                return Decision(state, hold=Hold("StableUnavailable", message))
            return Decision(state, hold=Hold("RollingBack", f"taking the traffic back to stable: {ending.message}"))
    outcome = Outcome(
        revision=candidate.revision,
        result=ending.result,
        reason=ending.reason,
        message=ending.message,
        time=now,
        rules=rules_digest(situation.deployment),
    )
    delay = situation.deployment.spec.release.drain_delay.seconds
    ended = replace(
        state.ended(outcome),
        candidate=candidate if ending.result.refuses else None,
        drains=(*state.drains, Drain(candidate.revision, now + delay)),
    )
    told = Note(
        "Warning" if ending.result.refuses else "Normal",
        ending.result.value,
        f"{candidate.model} {candidate.version} ({candidate.revision}): {ending.message}",
    )
    return Decision(ended, notes=(told,))


def _roll_back(situation: _Situation, ending: Ending) -> Decision:
    release = replace(situation.release, step=Step.ROLLING_BACK, stage_started_at=situation.now, ending=ending)
    return Decision(
        replace(situation.state, release=release),
        hold=Hold("RollingBack", f"taking the traffic back: {ending.message}"),
    )


def _enter_stage(situation: _Situation, index: int) -> Decision:
    stage = situation.deployment.spec.release.stages[index].canary
    entered = replace(
        situation, state=replace(situation.state, release=situation.release.at_stage(index, now=situation.now))
    )
    return Decision(entered.state, hold=_shifting(entered, f"moving to {stage.weight} % of the traffic"))


def _promote(situation: _Situation) -> Decision:
    release = replace(situation.release, step=Step.PROMOTING, stage_started_at=situation.now)
    entered = replace(situation, state=replace(situation.state, release=release))
    notes: tuple[Note, ...] = ()
    if _promotion_requested(situation):
        who = situation.observation.requests.asked_by("promote")
        notes = (Note("Normal", "PromotionRequested", f"remaining stages skipped on request{who}"),)
    return Decision(entered.state, notes=notes, hold=_shifting(entered, "moving to 100 % of the traffic"))


def _shifting(entered: _Situation, message: str) -> Hold:
    """Why the traffic does not move this very instant, if it does not."""
    needed = stage_replicas(entered.deployment, entered.state)
    if entered.observation.facts(entered.candidate.revision).carries(needed):
        return Hold("Shifting", message)
    return _waiting_for_pods(entered, needed)


def _promoted(situation: _Situation) -> Decision:
    state, now, candidate = situation.state, situation.now, situation.candidate
    rules = situation.deployment.spec.release
    drains = state.drains
    if state.former:
        drains = (*drains, Drain(state.former.reference.revision, now + rules.drain_delay.seconds))
    until = now + max(rules.rollback_window.seconds, rules.drain_delay.seconds)
    message = (
        "first revision serves"
        if state.stable is None
        else f"replaces {state.stable.model} {state.stable.version} ({state.stable.revision})"
    )
    outcome = Outcome(candidate.revision, Result.PROMOTED, "Promoted", message, now, rules_digest(situation.deployment))
    ended = replace(
        state.ended(outcome),
        stable=replace(candidate, since=now),
        candidate=None,
        former=Former(replace(state.stable, since=now), until) if state.stable else None,
        drains=drains,
    )
    told = Note("Normal", "Promoted", f"{candidate.model} {candidate.version} ({candidate.revision}): {message}")
    return Decision(ended, notes=(told,))


def _judgements(situation: _Situation) -> tuple[Judgement, ...]:
    """Verdicts on every objective; a look that could not measure leaves no verdict but NoEvidence."""
    release = situation.release
    if release.direct or release.step is Step.PREPARING or (release.traffic_since is None and not release.evidence):
        return ()
    measured = situation.observation.measured
    last = release.step is Step.PROMOTING or release.stage_index == len(situation.deployment.spec.release.stages) - 1
    judged = tuple(
        judge(
            release.evidence.get(objective.rule.name) or fresh(),
            objective.rule,
            promotion=last,
        )
        for objective in measured_objectives(situation.deployment)
    )
    if not measured.cannot_measure:
        return judged
    return tuple(
        replace(
            judgement,
            verdict=Verdict.NO_EVIDENCE,
            reason="CannotMeasure",
            message=f"{judgement.objective}: {measured.cannot_measure}",
            hard_stop=False,
        )
        for judgement in judged
    )


def _first_gap(situation: _Situation, judgements: tuple[Judgement, ...]) -> Hold | None:
    """The first objective without a verdict; one missed scrape is not yet worth a reason of its own."""
    for judgement in judgements:
        if judgement.verdict is Verdict.NO_EVIDENCE:
            since = situation.observation.measured.cannot_measure_since
            blind = since is not None and situation.now - since >= BLIND_FOR
            return Hold("CannotMeasure" if blind else JUDGING, judgement.message)
    return None


def _promotion_requested(situation: _Situation) -> bool:
    return situation.observation.requests.promote == situation.candidate.revision


def _pods_in_the_way(situation: _Situation) -> list[str]:
    """Without a gateway, revisions whose pods the open front Service would also select."""
    if situation.deployment.spec.traffic.gateway is not None or situation.release.direct:
        return []
    known = {situation.candidate.revision, *([situation.state.stable.revision] if situation.state.stable else [])}
    return sorted(
        revision for revision, facts in situation.observation.revisions.items() if revision not in known and facts.pods
    )


def _not_ready(situation: _Situation, needed: int) -> Ending:
    waiting = _waiting_for_pods(situation, needed)
    deadline = situation.deployment.spec.release.progress_deadline
    result = Result.FAILED if situation.release.step is Step.PREPARING else Result.ROLLED_BACK
    return Ending(result, "CandidateNotReady", f"not ready within {deadline}: {waiting.message}")


def _waiting_for_pods(situation: _Situation, needed: int) -> Hold:
    facts = situation.observation.facts(situation.candidate.revision)
    ready = min(facts.available, facts.endpoints)
    trouble = f": {facts.trouble}" if facts.trouble else ""
    return Hold("CandidateNotReady", f"{ready} of {needed} pods of {situation.candidate.revision} are ready{trouble}")


def _waiting_for_route(situation: _Situation) -> Hold:
    route = situation.observation.route
    if route.conflict:
        return Hold("RouteConflict", route.conflict)
    if route.problem:
        return Hold("RouteNotAccepted", route.problem)
    waited = situation.now - situation.release.stage_started_at
    if waited >= SILENT_FOR:
        gateways = situation.deployment.spec.traffic.gateway
        names = ", ".join(
            f"{parent.namespace or situation.deployment.metadata.namespace}/{parent.name}"
            for parent in (gateways.parent_refs if gateways else ())
        )
        message = f"no gateway has accepted the route for {waited:.0f} s: does Gateway {names} exist and run?"
        return Hold("RouteNotAccepted", message)
    return Hold("Shifting", "waiting for the gateway to accept the route")


def _remembering(state: State, measured: Measured) -> State:
    """The memory with the evidence of the looks since it was last written."""
    release = state.release
    if release is None or measured.last_look is None or measured.last_look < (release.last_look or 0):
        return state
    updated = replace(
        release,
        evidence=measured.evidence,
        last_look=measured.last_look,
        cannot_measure_since=measured.cannot_measure_since,
    )
    return replace(state, release=updated)


def _tidied(deployment: ModelDeployment, observation: Observation, state: State, *, now: float) -> State:
    """Time alone moves these: the warm former stable expires, removed revisions are forgotten."""
    state = _remembering(state, observation.measured)
    drains = tuple(d for d in state.drains if now < d.until or observation.facts(d.revision).exists)
    former = state.former
    if former and now >= former.until:
        drains = (*drains, Drain(former.reference.revision, now + deployment.spec.release.drain_delay.seconds))
        former = None
    return replace(state, drains=drains, former=former)


def _wake_at(deployment: ModelDeployment, state: State, *, now: float) -> float | None:
    """The next instant at which time alone can change the decision."""
    instants = [drain.until for drain in state.drains]
    if state.former:
        instants.append(state.former.until)
    release, rules = state.release, deployment.spec.release
    if release:
        instants.append(release.stage_started_at + rules.progress_deadline.seconds)
        instants.append(release.started_at + rules.progress_deadline.seconds)
        if release.traffic_since is not None and release.stage_index < len(rules.stages):
            stage = rules.stages[release.stage_index].canary
            instants.append(release.traffic_since + stage.min_duration.seconds)
            instants.append(release.traffic_since + stage.max_duration.seconds)
    return min((instant for instant in instants if instant > now), default=None)
