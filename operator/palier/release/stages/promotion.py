"""When does a candidate get everything, and when is it the stable revision?"""

from dataclasses import replace

from palier.api.v1alpha1 import ModelDeployment
from palier.release.criteria import measure_users_requests
from palier.release.holds import describe_shift, waiting_for_pods, waiting_for_route
from palier.release.judging import judge_users_requests
from palier.release.requests import handle_requests, is_asked
from palier.release.rollback import rules_of
from palier.release.rules import Objectives
from palier.release.situation import Decision, Note, Situation
from palier.release.stages.canary import begin_shift
from palier.release.stages.kind import Judgements, StageKind
from palier.release.state import Drain, Former, Outcome, ReleasePhase, Result, State
from palier.release.targets import stage_replicas

ALL = 100
"""Percent."""


def skip_stages(situation: Situation) -> Decision | None:
    """The release past all its stages, where a person has asked for that; readiness is asked for all the same."""
    state, requests = situation.state, situation.observation.requests
    if not is_asked(state, requests, "promote"):
        return None
    handled = handle_requests(state, requests, "promote")
    if situation.release.stage is None:
        return Decision(handled)
    note = Note(
        "Normal", "PromotionRequested", f"the remaining stages are skipped on request{requests.asked_by('promote')}"
    )
    release = situation.release.shorten(now=situation.now)
    entered = replace(situation, state=replace(handled, release=release))
    return Decision(entered.state, notes=(note,), hold=describe_shift(entered, "moving to 100 % of the traffic"))


def _follow(situation: Situation, _judgements: Judgements) -> Decision:
    """All the traffic goes to the candidate, which can carry it; then it is the stable revision."""
    state, candidate = situation.state, situation.candidate
    if situation.observation.weight(candidate.revision) == ALL and situation.observation.route.accepted:
        return _make_stable(situation)
    needed = stage_replicas(situation.deployment, state, situation.observation, now=situation.now)
    if not situation.observation.facts(candidate.revision).carries(needed):
        return Decision(state, hold=waiting_for_pods(situation, needed))
    return Decision(state, hold=waiting_for_route(situation))


def _make_stable(situation: Situation) -> Decision:
    state, now, candidate = situation.state, situation.now, situation.candidate
    rules = situation.deployment.spec.release
    drains = tuple(drain for drain in state.drains if drain.revision != candidate.revision)
    if state.former:
        drains = (*drains, Drain(state.former.reference.revision, now + rules.drain_delay.seconds))
    until = now + max(rules.rollback_window.seconds, rules.drain_delay.seconds)
    message = (
        "first revision serves"
        if state.stable is None
        else f"replaces {state.stable.model} {state.stable.version} ({state.stable.revision})"
    )
    outcome = Outcome(
        candidate.revision, Result.PROMOTED, "Promoted", message, now, rules_of(situation), family=candidate.family
    )
    marks = [facts.mark.since for facts in situation.observation.revisions.values() if facts.mark]
    # The newest mark tells what serves, also where the wall clock was set back since the one before.
    since = max([now, *(mark + 1e-3 for mark in marks)])
    ended = replace(
        state.end_release(outcome),
        stable=replace(candidate, since=since),
        candidate=None,
        former=Former(replace(state.stable, since=now), until) if state.stable else None,
        drains=drains,
    )
    note = Note("Normal", "Promoted", f"{candidate.model} {candidate.version} ({candidate.revision}): {message}")
    return Decision(ended, notes=(note,))


def _open(_situation: Situation, opened: Situation) -> Decision:
    return begin_shift(opened)


def _measure(deployment: ModelDeployment, state: State) -> Objectives:
    """On the way to all of the traffic, a candidate is still judged by what the last stage asked for."""
    landings = deployment.spec.release.canaries
    return measure_users_requests(deployment, state, landing=landings[-1] if landings else None)


PROMOTION = StageKind(
    phase=ReleasePhase.PROMOTING,
    word=ReleasePhase.PROMOTING.value,
    standing="{candidate} is getting all of the traffic and has {weight} % now, since {since}",
    open=_open,
    follow=_follow,
    timed_from=lambda _release: None,
    judge=judge_users_requests,
    measure=_measure,
)
