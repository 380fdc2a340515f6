"""When does a release advance, hold, promote or roll back? The order of the rules is all here.

`decide` reads what the shell observed, what was remembered, the evidence and the clock, and returns the next memory
with the sentences that explain it. It is total and pure: the same arguments give the same answer, and every pass makes
at most one transition, so that the shell can write the memory before it raises a weight.

Order of the rules of a release under way: people's requests and a changed spec first, then a candidate that is gone or
breaches (both in `endings`), then a step down or up of its share (`caution`), then the reasons to hold, and only then
the next stage of the plan, which was pinned when the release started. A stage opens when the candidate's pods are ready
for it; no weight rises before.
"""

from dataclasses import replace

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Judgement
from palier.evidence.stepping import Step
from palier.release.alarm import note_recount, update_alarm
from palier.release.beginning import decide_idle, tidy_state, wake_at
from palier.release.budgets import update_memory
from palier.release.caution import find_step, follow_step, want_pods
from palier.release.cost import find_burn, update_reported, update_spending
from palier.release.data_drift import update_drift_memory
from palier.release.endings import ending_of
from palier.release.holds import find_hold, pods_in_the_way, stable_unavailable, waiting_for_pods
from palier.release.observation import Observation
from palier.release.plan import pin_stages
from palier.release.prospects import survey
from palier.release.readiness import follow_readiness, is_too_late
from palier.release.recovery import recover_stable
from palier.release.requests import handle_requests, refuse_requests, request_for, withdraw_requests
from palier.release.rollback import follow_rollback, roll_back
from palier.release.rules import Objectives
from palier.release.served import find_limits
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.promotion import skip_stages
from palier.release.stages.table import criteria, is_work_unknown, judge_stage, kind_of, work_at
from palier.release.state import Ending, Release, ReleasePhase, Result, State
from palier.release.targets import positions_after, stage_replicas


def decide(written: ModelDeployment, observation: Observation, state: State, *, now: float) -> Decision:
    """What the release does next.

    Args:
        written: the spec as it is written; a release under way goes on with the stages that it began with.
        observation: the cluster and the evidence as last seen.
        state: the memory, from `status`.
        now: seconds since the epoch.

    Raises:
        InvalidSpec: an objective cannot be measured as it is written, and no release is under way that must not wait
            for it to be corrected.
    """
    known, recovered, unclear = recover_stable(written, observation, state, now=now)
    if unclear:
        return Decision(state, hold=unclear)
    deployment = _pin(written, known)
    objectives = _judged_by(deployment, observation, known)
    if known.release is None:
        objectives.demand_measurable()
    remembered, ignored = _settle_requests(
        tidy_state(deployment, observation, known, objectives=objectives, now=now), observation
    )
    spending = update_spending(remembered.spending, observation.running, now=now) if deployment.spec.budget else None
    burn = find_burn(deployment, spending, now=now)
    remembered = replace(remembered, spending=spending)
    situation = Situation(deployment, observation, remembered, now, objectives, burn, written)
    decision = decide_idle(situation) if situation.state.release is None else _under_way(situation)
    costs = update_reported(
        state.costs,
        observation.running,
        stable=decision.state.stable.revision if decision.state.stable else "",
        candidate=decision.state.candidate.revision if decision.state.release and decision.state.candidate else "",
        anew=spending != state.spending,
    )
    exceeded, alarm = update_alarm(state.costs.exceeded, burn)
    watch, watched = update_memory(
        remembered.watch,
        observation.budgets,
        find_limits(written),
        now=now,
        under_way=decision.state.release is not None,
    )
    data, drifted = update_drift_memory(
        remembered.data,
        observation.data,
        wanted=written.spec.watch.data_drift is not None,
        now=now,
        under_way=decision.state.release is not None,
    )
    settled = replace(
        decision.state,
        backend_positions=positions_after(decision.state, now=now),
        costs=replace(costs, exceeded=exceeded),
        watch=watch,
        data=data,
    )
    pinned = _pin(written, settled)
    after = replace(situation, state=settled, deployment=pinned)
    return replace(
        decision,
        state=settled,
        notes=(
            *recovered,
            *ignored,
            *note_recount(remembered.spending, spending),
            *alarm,
            *watched,
            *drifted,
            *decision.notes,
        ),
        wake_at=wake_at(pinned, settled, now=now),
        # A release that comes to another stage is watched there by that stage's objectives, not by those of the last.
        objectives=objectives if _stands(settled) == _stands(known) else _judged_by(pinned, observation, settled),
        work=work_at(after),
        work_stays=is_work_unknown(after),
        survey=survey(pinned, observation, settled, now=now)
        if deployment.spec.scale and not observation.unreadable
        else None,
        burn=burn,
    )


def _pin(written: ModelDeployment, state: State) -> ModelDeployment:
    return pin_stages(written, state.release.plan if state.release else None)


def _judged_by(deployment: ModelDeployment, observation: Observation, state: State) -> Objectives:
    """What the candidate is measured and judged by where its release stands."""
    return criteria(
        observation.describe_revision(deployment, state.candidate.revision if state.candidate else ""), state
    )


def _stands(state: State) -> tuple[object, ...]:
    """All of a memory that the objectives depend on."""
    return (state.release and (state.release.cursor, state.release.plan), state.candidate, state.stable)


def _settle_requests(state: State, observation: Observation) -> tuple[State, tuple[Note, ...]]:
    """The memory without requests that were withdrawn or can act on nothing, and what to tell of the latter."""
    requests = observation.requests
    state = withdraw_requests(state, requests)
    refused = refuse_requests(state, requests, wanted=observation.revision)
    notes = tuple(
        Note("Warning", "RequestIgnored", f"palier.dev/{name}={requests.value(name)[:64]}: {why}")
        for name, why in refused.items()
    )
    late = ("abort", "promote") if state.release and state.release.ending else ()  # the release ends already
    return handle_requests(state, requests, *refused, *late), tuple(
        note for name, note in zip(refused, notes, strict=True) if name not in late
    )


def _under_way(situation: Situation) -> Decision:
    """A release is in progress."""
    release, notes = follow_readiness(situation)
    situation = replace(situation, state=replace(situation.state, release=_adopt_ending(situation, release)))
    if situation.release.ending is not None:
        decision = follow_rollback(situation)
        return replace(decision, notes=(*notes, *decision.notes))
    judgements = judge_stage(situation)
    step = find_step(situation, judgements)
    release = want_pods(situation, judgements, step)
    situation = replace(situation, state=replace(situation.state, release=release))
    ending = ending_of(situation, judgements, doubted=step is not Step.END)
    if ending:
        decision = roll_back(_handle_abort(situation, ending), ending)
    elif skipped := skip_stages(situation):
        decision = skipped
    elif held := stable_unavailable(situation):
        decision = Decision(situation.state, hold=held)
    elif stepped := follow_step(situation, step):
        decision = stepped
    else:
        decision = _open_at_once(situation, _at_stage(situation, judgements))
    return replace(decision, judgements=judgements, notes=(*notes, *decision.notes))


def _open_at_once(situation: Situation, decision: Decision) -> Decision:
    """The decision with the next stage open, where users have met the candidate and its pods are ready for it."""
    release = decision.state.release
    if release is None or release.ending or release.opened_at is not None or not release.reached_weight:
        return decision
    if release.cursor == situation.release.cursor:
        return decision
    following = _open_stage(replace(situation, state=decision.state))
    opened = following.state.release is not None and following.state.release.opened_at is not None
    return replace(following, notes=(*decision.notes, *following.notes)) if opened else decision


def _adopt_ending(situation: Situation, release: Release) -> Release:
    """The release with the end that the route remembers: the status could not be written when it was decided."""
    known = situation.observation.route.ending
    if known is None or release.ending is not None or known.request != request_for(situation.candidate, release):
        return release
    return release.roll_back(known.ending, now=situation.now)


def _handle_abort(situation: Situation, ending: Ending) -> Situation:
    """The situation in which an abort that ends the release is dealt with."""
    if ending.result is not Result.ABORTED:
        return situation
    handled = handle_requests(situation.state, situation.observation.requests, "abort")
    return replace(situation, state=handled)


def _at_stage(situation: Situation, judgements: tuple[Judgement, ...]) -> Decision:
    """The present stage opens when the candidate is ready for it, and then takes its course."""
    if situation.release.opened_at is None:
        return _open_stage(situation)
    stage = situation.release.stage
    if (stage is None or stage.landing) and situation.release.traffic_since is None and is_too_late(situation):
        return _never_ready(situation)
    return kind_of(stage).follow(situation, judgements)


def _open_stage(situation: Situation) -> Decision:
    """Pods of the candidate come up for the present stage; until they are ready, nothing of it begins."""
    state, now = situation.state, situation.now
    needed = stage_replicas(situation.deployment, state, situation.observation, now=now)
    if not situation.observation.facts(situation.candidate.revision).carries(needed):
        if is_too_late(situation):
            return _never_ready(situation)
        return Decision(state, hold=waiting_for_pods(situation, needed))
    if others := pods_in_the_way(situation):
        return Decision(state, hold=Hold("WaitingForDrain", f"waiting for the pods of {', '.join(others)} to go"))
    where = f"at {situation.release.reached_weight} %" if situation.release.reached_weight else "before any traffic"
    if not situation.release.skipped and (held := find_hold(situation, where)):
        return Decision(state, hold=held)  # a person who asks for everything knows of the pause
    opened = replace(
        situation, state=replace(state, release=replace(situation.release, opened_at=now, unready_since=None))
    )
    return kind_of(situation.release.stage).open(situation, opened)


def _never_ready(situation: Situation) -> Decision:
    """The candidate has had its time to become ready; a first revision that already serves some keeps trying."""
    state, now = situation.state, situation.now
    needed = stage_replicas(situation.deployment, state, situation.observation, now=now)
    if state.stable is None and situation.observation.weight(situation.candidate.revision) > 0:
        return Decision(state, hold=waiting_for_pods(situation, needed))
    ending = _not_ready(situation, needed)
    give_up = kind_of(situation.release.stage).give_up
    return give_up(situation, ending.message) or roll_back(situation, ending)


def _not_ready(situation: Situation, needed: int) -> Ending:
    waiting = waiting_for_pods(situation, needed)
    deadline = situation.deployment.spec.release.progress_deadline
    met = situation.release.has_met_users or situation.release.losses
    result = Result.FAILED if situation.release.phase is ReleasePhase.PREPARING and not met else Result.ROLLED_BACK
    reason = waiting.reason if waiting.reason == "PortRefused" else "CandidateNotReady"
    return Ending(result, reason, f"the candidate was not ready within {deadline}: {waiting.message}")
