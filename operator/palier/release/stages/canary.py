"""Canaries: the candidate takes its stage's share of the users' traffic and is judged on it."""

from collections.abc import Callable
from dataclasses import replace

from palier.api.v1alpha1 import Landing, OnBreach, OnNoEvidence
from palier.evidence.objective import Verdict, begin_share, begin_warm_up, combine_verdicts
from palier.measuring.sources import Origin
from palier.release.caution import describe_caution
from palier.release.holds import (
    CANNOT_MEASURE,
    JUDGING,
    find_hold,
    first_gap,
    is_briefly_blind,
    served_share_mismatch,
    waiting_for_pods,
    waiting_for_route,
    waiting_for_stable,
)
from palier.release.judging import judge_users_requests
from palier.release.rollback import roll_back
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.advance import next_stage
from palier.release.stages.kind import Judgements, StageKind
from palier.release.state import Ending, ReleasePhase, Result
from palier.release.targets import stage_replicas

ALL = 100
"""Percent."""

WhenOver = Callable[[Situation, Judgements], Decision | None]
"""What happens when the time of a stage is over without a verdict, before the spec's own rule."""


def _open(situation: Situation, opened: Situation) -> Decision:
    """The stage opens, unless nobody could judge the candidate: then no user meets it."""
    unseen = situation.observation.measured.pods_read.unseen
    by_pods = any(objective.origin is Origin.PODS for objective in situation.objectives.measured)
    if unseen and by_pods and not situation.release.reached_weight:
        return Decision(situation.state, hold=Hold("WaitingForMetrics", unseen))
    return begin_shift(opened)


def begin_shift(opened: Situation) -> Decision:
    """The candidate may have the share of a stage that has just opened."""
    weight = opened.release.weight
    unproven = opened.observation.facts(opened.candidate.revision).unproven
    notes = (Note("Warning", "PortUnknown", unproven),) if unproven and not opened.release.reached_weight else ()
    return Decision(opened.state, notes=notes, hold=Hold("Shifting", f"moving to {weight} % of the traffic"))


def follow_landing(
    situation: Situation, judgements: Judgements, *, when_over: WhenOver = lambda _situation, _judgements: None
) -> Decision:
    """The candidate takes its share, and goes on when every objective has passed and the stage's time is over."""
    state, now, release, stage = situation.state, situation.now, situation.release, situation.landing
    if release.traffic_since is None:
        return _await_traffic(situation, stage)
    if not _is_in_force(situation):
        # Somebody has changed the split, or everybody was sent to the candidate: the stage's time begins anew.
        anew = replace(state, release=replace(release, traffic_since=None))
        return Decision(anew, hold=waiting_for_route(situation))
    held_for = now - release.traffic_since
    verdict = combine_verdicts(judgements)
    failed = [judgement.message for judgement in judgements if judgement.verdict is Verdict.FAIL]
    held_for_person = situation.deployment.spec.release.on_breach is OnBreach.HOLD
    if failed and (held_for_person or release.cautious_since is None):
        breach = "; ".join(failed)
        message = f"the release is held (onBreach: Hold): {breach}"
        notes = () if release.breach else (Note("Warning", "ObjectiveBreached", message),)
        return Decision(
            replace(state, release=replace(release, breach=breach)), notes=notes, hold=Hold("ObjectiveBreached", breach)
        )
    if held := find_hold(situation, f"at {stage.weight} %"):
        return Decision(state, hold=held)
    if held := describe_caution(situation):
        return _without_verdict(situation, stage, held, judgements, when_over)
    if held_for < stage.min_duration.seconds:
        blind = first_gap(situation, judgements)
        if blind and blind.reason == CANNOT_MEASURE:
            return Decision(state, hold=blind)
        message = f"the stage at {stage.weight} % lasts at least {stage.min_duration}"
        return Decision(state, hold=Hold("MinimumDuration", message))
    gap = served_share_mismatch(situation) if verdict is Verdict.PASS else first_gap(situation, judgements)
    if verdict is Verdict.PASS and gap is None:
        return next_stage(situation)
    return _without_verdict(situation, stage, gap or Hold(JUDGING, "there is no verdict yet"), judgements, when_over)


def _is_in_force(situation: Situation) -> bool:
    """Whether the candidate has the share that it should have; without a gateway that is only as fine as the pods."""
    weight = situation.observation.weight(situation.candidate.revision)
    return 0 < weight < ALL if situation.deployment.spec.traffic.gateway is None else weight == situation.release.weight


def _without_verdict(
    situation: Situation, stage: Landing, gap: Hold, judgements: Judgements, when_over: WhenOver
) -> Decision:
    """The stage's time is over and its evidence is not complete: hold, until its deadline decides as the spec says."""
    state, rules = situation.state, situation.deployment.spec.release
    since = situation.release.traffic_since
    over = since is not None and situation.now - since >= stage.max_duration.seconds
    if not over or is_briefly_blind(situation, judgements):
        return Decision(state, hold=gap)
    if ended := when_over(situation, judgements):
        return ended
    if rules.on_no_evidence is OnNoEvidence.ROLLBACK:
        message = f"no verdict within {stage.max_duration}: {gap.message}"
        return roll_back(situation, Ending(Result.ROLLED_BACK, "NoEvidence", message))
    return Decision(
        state,
        hold=Hold(
            "DeadlineWithoutEvidence",
            f"no verdict within {stage.max_duration}, so the release is held (onNoEvidence: Hold): {gap.message}",
        ),
    )


def _await_traffic(situation: Situation, stage: Landing) -> Decision:
    """The stage's weight is wanted but not yet in force."""
    state, now, release = situation.state, situation.now, situation.release
    revision = situation.candidate.revision
    weight = situation.observation.weight(revision)
    needed = stage_replicas(situation.deployment, state, situation.observation, now=now)
    if not situation.observation.facts(revision).carries(needed):
        return Decision(state, hold=waiting_for_pods(situation, needed))
    if not _is_in_force(situation) or not situation.observation.route.accepted:
        return Decision(state, hold=waiting_for_stable(situation) or waiting_for_route(situation))
    notes = (Note("Normal", "StageStarted", f"{revision} takes {weight} % of the traffic"),)
    hold = Hold("MinimumDuration", f"the stage at {stage.weight} % lasts at least {stage.min_duration}")
    shared = {name: begin_share(evidence) for name, evidence in release.evidence.items()}
    if not release.steps_down:  # a step of the share takes no new pods, and those that are there have had users
        shared = {name: begin_warm_up(evidence) for name, evidence in shared.items()}
    begun = replace(release, traffic_since=now, evidence=shared)
    if held := describe_caution(situation):
        return Decision(replace(state, release=begun), hold=held)
    return Decision(replace(state, release=begun), notes=notes, hold=hold)


CANARY = StageKind(
    phase=ReleasePhase.CANARY,
    word="Canary {share}",
    standing="{candidate} has {weight} % of the traffic, since {since}",
    shifting="the share of {candidate} is changing and is {weight} % of the traffic now",
    open=_open,
    follow=follow_landing,
    timed_from=lambda release: release.traffic_since,
    judge=judge_users_requests,
)
