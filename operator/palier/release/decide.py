"""When does a release advance, hold, promote or roll back? The order of the rules is all here.

`decide` reads what the shell observed, what was remembered, the evidence and the clock, and returns the next memory
with the sentences that explain it. It is total and pure: the same arguments give the same answer, and every pass makes
at most one transition, so that the shell can write the memory before it acts on it.

Order of the rules of a release under way: people's requests and a changed spec first, then a candidate that is gone or
breaches (both in `endings`), then the reasons to hold, and only then the next landing.
"""

from dataclasses import replace

from palier.api.v1alpha1 import Experiment, Landing, ModelDeployment, OnNoEvidence
from palier.evidence.objective import Judgement, Verdict, begin_share, combined
from palier.release import gate, golden_stage, shadow_stage
from palier.release.alarm import alarmed, recounted
from palier.release.beginning import idle, tidied, wake_at
from palier.release.cost import burning, reckoned, spent
from palier.release.criteria import criteria
from palier.release.endings import ending_of
from palier.release.holds import (
    CANNOT_MEASURE,
    JUDGING,
    blinks,
    first_gap,
    kept,
    pods_in_the_way,
    served_share_mismatch,
    shifting,
    waiting_for_pods,
    waiting_for_route,
)
from palier.release.judging import judgements_of, not_better
from palier.release.observation import Observation
from palier.release.prospects import survey
from palier.release.rules import Objectives, rules_digest
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.sources import Origin
from palier.release.state import Drain, Ending, Former, Outcome, Result, State, Step
from palier.release.targets import accelerator_short, full_replicas, slots_after, stage_replicas


def decide(deployment: ModelDeployment, observation: Observation, state: State, *, now: float) -> Decision:
    """What the release does next.

    Args:
        deployment: the spec.
        observation: the cluster and the evidence as last seen.
        state: the memory, from `status`.
        now: seconds since the epoch.

    Raises:
        InvalidSpec: an objective cannot be measured as it is written, and no release is under way that must not wait
            for it to be mended.
    """
    objectives = _judged_by(deployment, observation, state)
    if state.release is None:
        objectives.demand_measurable()
    remembered = tidied(deployment, observation, state, objectives=objectives, now=now)
    spending = spent(remembered.spending, observation.running, now=now) if deployment.spec.budget else None
    burn = burning(deployment, spending, now=now)
    situation = Situation(deployment, observation, replace(remembered, spending=spending), now, objectives, burn)
    decision = idle(situation) if situation.state.release is None else _under_way(situation)
    costs = reckoned(
        state.costs,
        observation.running,
        stable=decision.state.stable.revision if decision.state.stable else "",
        candidate=decision.state.candidate.revision if decision.state.release and decision.state.candidate else "",
        anew=spending != state.spending,
    )
    exceeded, alarm = alarmed(state.costs.exceeded, burn)
    settled = replace(
        decision.state, slots=slots_after(decision.state, now=now), costs=replace(costs, exceeded=exceeded)
    )
    after = replace(situation, state=settled)
    return replace(
        decision,
        state=settled,
        notes=(*recounted(remembered.spending, spending), *alarm, *decision.notes),
        wake_at=wake_at(deployment, settled, now=now),
        # A release that comes to another stage is watched there by that stage's objectives, not by those of the last.
        objectives=objectives if _stands(settled) == _stands(state) else _judged_by(deployment, observation, settled),
        run=gate.run_under_way(after),
        examination=golden_stage.examination_under_way(after),
        shadow=shadow_stage.shadow_under_way(after),
        survey=survey(deployment, observation, settled, now=now)
        if deployment.spec.scale and not observation.unreadable
        else None,
        burn=burn,
    )


def _judged_by(deployment: ModelDeployment, observation: Observation, state: State) -> Objectives:
    """What the candidate is measured and judged by where its release stands."""
    return criteria(observation.described(deployment, state.candidate.revision if state.candidate else ""), state)


def _stands(state: State) -> tuple[object, ...]:
    """All of a memory that the objectives depend on."""
    return (state.release and state.release.landing, state.candidate, state.stable)


def _under_way(situation: Situation) -> Decision:
    """A release is in progress."""
    release = situation.release
    if release.step is Step.ROLLING_BACK:
        return _rolling_back(situation)
    judgements = judgements_of(situation)
    ending = ending_of(situation, judgements)
    if ending:
        return replace(_roll_back(situation, ending), judgements=judgements)
    match release.step:
        case Step.PREPARING:
            decision = _preparing(situation)
        case Step.LOAD_TESTING:
            promoted = situation.promotion_requested
            decision = _promote(situation) if promoted else gate.load_testing(situation)
        case Step.EXAMINING:
            decision = _promote(situation) if situation.promotion_requested else golden_stage.examining(situation)
        case Step.SHADOWING if situation.promotion_requested:
            decision = _promote(situation)
        case Step.SHADOWING:
            decision = shadow_stage.shadowing(situation, judgements)
        case Step.CANARY:
            decision = _canary(situation, judgements)
        case Step.PROMOTING:
            decision = _promoting(situation)
    return replace(decision, judgements=judgements)


def _preparing(situation: Situation) -> Decision:
    """Pods of the candidate are coming up; it has no traffic yet."""
    state, release = situation.state, situation.release
    rules = situation.deployment.spec.release
    facts = situation.observation.facts(situation.candidate.revision)
    needed = stage_replicas(situation.deployment, state)
    if not facts.carries(needed):
        if _too_late(situation):
            ending = _not_ready(situation, needed)
            return gate.passed_over(situation, ending.message) or _roll_back(situation, ending)
        return Decision(state, hold=waiting_for_pods(situation, needed))
    if others := pods_in_the_way(situation):
        return Decision(state, hold=Hold("WaitingForDrain", f"waiting for the pods of {', '.join(others)} to go"))
    if held := kept(situation, "before any traffic"):
        return Decision(state, hold=held)
    if situation.promotion_requested:
        return _promote(situation)
    if before := _before_users(situation):
        return before
    if release.direct or not rules.canaries:
        return _promote(situation)
    unseen = situation.observation.measured.cannot_measure
    if unseen and any(objective.origin is Origin.PODS for objective in situation.objectives.measured):
        # No user meets a candidate that nobody could judge.
        return Decision(state, hold=Hold("WaitingForMetrics", unseen))
    return _enter_stage(situation, 0)


def _before_users(situation: Situation) -> Decision | None:
    """The next stage in which no user meets the candidate; None when all of them are passed."""
    if gate.load_test_stage(situation):
        return gate.prepared(situation)
    if golden_stage.golden_stage(situation):
        return golden_stage.begun(situation)
    return shadow_stage.begun(situation) if shadow_stage.shadow_stage(situation) else None


def _canary(situation: Situation, judgements: tuple[Judgement, ...]) -> Decision:
    """The candidate takes its stage's share of the users' traffic and is judged on it."""
    state, now, release, stage = situation.state, situation.now, situation.release, situation.stage
    rules = situation.deployment.spec.release
    if situation.promotion_requested or not rules.canaries:
        return _promote(situation)
    if stage is None:
        # The spec has fewer stages than when this one was entered: its last one still has to be passed.
        return _enter_stage(situation, len(rules.canaries) - 1)
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
    if held := kept(situation, f"at {stage.weight} %"):
        return Decision(state, hold=held)
    if held_for < stage.min_duration.seconds:
        blind = first_gap(situation, judgements)
        if blind and blind.reason == CANNOT_MEASURE:
            return Decision(state, hold=blind)
        return Decision(state, hold=Hold("MinimumDuration", f"{stage.weight} % for at least {stage.min_duration}"))
    gap = served_share_mismatch(situation) if verdict is Verdict.PASS else first_gap(situation, judgements)
    if verdict is Verdict.PASS and gap is None:
        following = release.stage_index + 1
        return _enter_stage(situation, following) if following < len(rules.canaries) else _promote(situation)
    return _without_verdict(situation, stage, gap or Hold(JUDGING, "no verdict yet"), judgements)


def _without_verdict(situation: Situation, stage: Landing, gap: Hold, judgements: tuple[Judgement, ...]) -> Decision:
    """The stage's time is over and its evidence is not complete: hold, until its deadline decides as the spec says."""
    state, rules = situation.state, situation.deployment.spec.release
    since = situation.release.traffic_since
    over = since is not None and situation.now - since >= stage.max_duration.seconds
    if not over or blinks(situation, judgements):
        return Decision(state, hold=gap)
    if isinstance(stage, Experiment) and (told := not_better(judgements, stage.objective)):
        message = f"not shown to be better than stable within {stage.duration}: {told}"
        return _roll_back(situation, Ending(Result.KEPT_STABLE, "NotBetter", message))
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


def _awaiting_traffic(situation: Situation, stage: Landing) -> Decision:
    """The stage's weight is wanted but not yet in force."""
    state, now, release = situation.state, situation.now, situation.release
    revision = situation.candidate.revision
    needed = stage_replicas(situation.deployment, state)
    if not situation.observation.facts(revision).carries(needed):
        if _too_late(situation):
            return _roll_back(situation, _not_ready(situation, needed))
        return Decision(state, hold=waiting_for_pods(situation, needed))
    route = situation.observation.route
    in_force = (
        0 < situation.observation.weight(revision) < 100  # noqa: PLR2004 - percent
        if situation.deployment.spec.traffic.gateway is None
        else situation.observation.weight(revision) == stage.weight
    )
    if not in_force or not route.accepted:
        return Decision(state, hold=waiting_for_route(situation))
    note = Note("Normal", "StageStarted", f"{revision} takes {situation.observation.weight(revision)} % of the traffic")
    hold = Hold("MinimumDuration", f"{stage.weight} % for at least {stage.min_duration}")
    shared = {name: begin_share(evidence) for name, evidence in release.evidence.items()}
    begun = replace(release, traffic_since=now, evidence=shared)
    return Decision(replace(state, release=begun), notes=(note,), hold=hold)


def _promoting(situation: Situation) -> Decision:
    """All the traffic goes to the candidate as soon as it can carry it; then it is the stable revision."""
    state, candidate = situation.state, situation.candidate
    if situation.observation.weight(candidate.revision) == 100 and situation.observation.route.accepted:  # noqa: PLR2004
        return _promoted(situation)
    needed = full_replicas(situation.deployment)
    if not situation.observation.facts(candidate.revision).carries(needed):
        if state.stable and _too_late(situation):
            return _roll_back(situation, _not_ready(situation, needed))
        return Decision(state, hold=waiting_for_pods(situation, needed))
    return Decision(state, hold=waiting_for_route(situation))


def _rolling_back(situation: Situation) -> Decision:
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
        family=candidate.family,
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


def _roll_back(situation: Situation, ending: Ending) -> Decision:
    release = replace(
        situation.release.with_users, step=Step.ROLLING_BACK, stage_started_at=situation.now, ending=ending
    )
    return Decision(
        replace(situation.state, release=release),
        hold=Hold("RollingBack", f"taking the traffic back: {ending.message}"),
    )


def _enter_stage(situation: Situation, index: int) -> Decision:
    stage = situation.deployment.spec.release.canaries[index]
    entered = replace(
        situation, state=replace(situation.state, release=situation.release.at_stage(index, now=situation.now))
    )
    return Decision(entered.state, hold=shifting(entered, f"moving to {stage.weight} % of the traffic"))


def _promote(situation: Situation) -> Decision:
    release = situation.release.with_users
    release = replace(release, step=Step.PROMOTING, stage_started_at=situation.now, test_replicas=0)
    entered = replace(situation, state=replace(situation.state, release=release))
    notes: tuple[Note, ...] = ()
    if situation.promotion_requested:
        who = situation.observation.requests.asked_by("promote")
        notes = (Note("Normal", "PromotionRequested", f"remaining stages skipped on request{who}"),)
    return Decision(entered.state, notes=notes, hold=shifting(entered, "moving to 100 % of the traffic"))


def _promoted(situation: Situation) -> Decision:
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
    outcome = Outcome(
        candidate.revision,
        Result.PROMOTED,
        "Promoted",
        message,
        now,
        rules_digest(situation.deployment),
        family=candidate.family,
    )
    ended = replace(
        state.ended(outcome),
        stable=replace(candidate, since=now),
        candidate=None,
        former=Former(replace(state.stable, since=now), until) if state.stable else None,
        drains=drains,
    )
    told = Note("Normal", "Promoted", f"{candidate.model} {candidate.version} ({candidate.revision}): {message}")
    return Decision(ended, notes=(told,))


def _too_late(situation: Situation) -> bool:
    """Whether the candidate has had its time to become ready.

    It is not blamed for accelerators that are not there, nor while nobody can tell whether that is it.
    """
    deadline = situation.deployment.spec.release.progress_deadline.seconds
    if situation.observation.facts(situation.candidate.revision).unexplained:
        return False
    if accelerator_short(situation.deployment, situation.observation, situation.state):
        return False
    return situation.now - situation.release.stage_started_at >= deadline


def _not_ready(situation: Situation, needed: int) -> Ending:
    waiting = waiting_for_pods(situation, needed)
    deadline = situation.deployment.spec.release.progress_deadline
    result = Result.FAILED if situation.release.step is Step.PREPARING else Result.ROLLED_BACK
    return Ending(result, "CandidateNotReady", f"not ready within {deadline}: {waiting.message}")
