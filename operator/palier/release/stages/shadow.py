"""May a version meet users? Its answers to copies of their requests decide, side by side with those of stable.

Users get stable's answers alone, so a candidate that fails here is refused: nobody has met it. The copies begin only
when the proxy that compares is ready, and end before it is removed.
"""

from dataclasses import replace

from palier.api.rules.quality import RESERVED
from palier.api.v1alpha1 import ModelDeployment, OnBreach, ShadowStage
from palier.evidence.objective import Verdict, combine_verdicts
from palier.release.holds import (
    CANNOT_MEASURE,
    JUDGING,
    find_hold,
    first_gap,
    is_briefly_blind,
    waiting_for_pods,
    waiting_for_route,
)
from palier.release.judging import judge_pairs
from palier.release.refusal import stay_undecided
from palier.release.rules import Objectives, alpha_of
from palier.release.shadow_objectives import shadow_objectives
from palier.release.shadowing import ShadowRun, comparison
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.advance import next_stage
from palier.release.stages.kind import Judgements, StageKind
from palier.release.state import Release, ReleasePhase, State
from palier.release.targets import stage_replicas

SILENT_FOR = 30.0
"""Seconds without a single pair after which it is said what may be missing."""


def _work(situation: Situation) -> ShadowRun | None:
    """The shadow whose proxy has to exist now."""
    if situation.state.stable is None:
        return None
    if situation.deployment.spec.traffic.gateway is None:
        return None  # the author has moved the traffic to a Service, which copies nothing
    stage = _stage_of(situation)
    candidate, stable = situation.candidate.revision, situation.state.stable.revision
    described = situation.observation.describe_revision(situation.deployment, candidate)
    return ShadowRun(candidate, stable, stage.percent, comparison(described, candidate=candidate, stable=stable))


def _stage_of(situation: Situation) -> ShadowStage:
    stage = situation.release.stage.shadow if situation.release.stage else None
    assert stage is not None  # noqa: S101 - only asked for in such a stage
    return stage


def _open(_situation: Situation, opened: Situation) -> Decision:
    return Decision(opened.state, hold=Hold("ShadowNotReady", "the proxy that compares answers starts"))


def _follow(situation: Situation, judgements: Judgements) -> Decision:
    """The candidate answers copies, and is judged on its answers."""
    stage, release = _stage_of(situation), situation.release
    if release.traffic_since is None:
        return _awaiting_copies(situation, stage)
    if not situation.observation.shadow.exists:
        # Another comparison has another proxy, and what the one before still counts is nothing to judge by.
        anew = replace(situation.state, release=replace(release.drop_evidence(), opened_at=situation.now))
        return Decision(anew, hold=Hold("ShadowNotReady", "the proxy that compares answers starts"))
    if breached := _held_for_breach(situation, judgements):
        return breached
    # What was a breach under another limit is none any more: the copies have to go on.
    situation = replace(situation, state=replace(situation.state, release=replace(release, breach="")))
    if held := find_hold(situation, "in the shadow"):
        return Decision(situation.state, hold=held)
    if hindered := _hold_unjudged(situation) or _hold_missing(situation):
        return _stay_undecided(situation, stage, hindered)
    held_for = situation.now - release.traffic_since
    gap = first_gap(situation, judgements)
    if held_for < stage.min_duration.seconds and not (gap and gap.reason == CANNOT_MEASURE):
        return Decision(
            situation.state, hold=Hold("MinimumDuration", f"the shadow lasts at least {stage.min_duration}")
        )
    if combine_verdicts(judgements) is Verdict.PASS:
        message = "; ".join(judgement.message for judgement in judgements)
        return next_stage(situation, (Note("Normal", "ShadowPassed", f"{situation.candidate.revision}: {message}"),))
    gap = _explain_silence(judgements, gap or Hold(JUDGING, "there is no verdict yet"), held_for=held_for)
    return (
        Decision(situation.state, hold=gap)
        if is_briefly_blind(situation, judgements)
        else _stay_undecided(situation, stage, gap)
    )


def _held_for_breach(situation: Situation, judgements: Judgements) -> Decision | None:
    """The release held for a person, where the spec wants that of a breach; a moment of blindness does not end it."""
    state, release = situation.state, situation.release
    failed = [judgement.message for judgement in judgements if judgement.verdict is Verdict.FAIL]
    if failed and situation.deployment.spec.release.on_breach is OnBreach.HOLD:
        breach = "; ".join(failed)
        message = f"the release is held (onBreach: Hold): {breach}"
        notes = () if release.breach else (Note("Warning", "ObjectiveBreached", message),)
        remembered = replace(state, release=replace(release, breach=breach))
        return Decision(remembered, notes=notes, hold=Hold("ObjectiveBreached", breach))
    if release.breach and any(judgement.reason == CANNOT_MEASURE for judgement in judgements):
        return Decision(state, hold=Hold("ObjectiveBreached", release.breach))
    return None


def _awaiting_copies(situation: Situation, stage: ShadowStage) -> Decision:
    """The proxy starts, and then the gateway has to send it copies."""
    if situation.deployment.spec.traffic.gateway is None:
        message = (
            "spec.traffic has no gateway now, and a Service cannot copy requests: abort the release, or set it back"
        )
        return _stay_undecided(situation, stage, Hold("ShadowNotReady", message))
    if missing := _hold_missing(situation):
        return _stay_undecided(situation, stage, missing)
    needed = stage_replicas(situation.deployment, situation.state, situation.observation, now=situation.now)
    if not situation.observation.facts(situation.candidate.revision).carries(needed):
        # Pods that went away before they were asked anything have given no wrong answer.
        return _stay_undecided(situation, stage, waiting_for_pods(situation, needed))
    note = Note(
        "Normal",
        "ShadowStarted",
        f"{situation.candidate.revision} answers copies of {stage.percent} % of the requests, without users",
    )
    began = replace(situation.release, traffic_since=situation.now)
    hold = Hold("MinimumDuration", f"the shadow lasts at least {stage.min_duration}")
    return Decision(replace(situation.state, release=began), notes=(note,), hold=hold)


def _hold_unjudged(situation: Situation) -> Hold | None:
    """A spec from before the API server refused it: its sample alone says nothing of the candidate's answers."""
    if any(objective.rule.name not in RESERVED for objective in situation.objectives.measured):
        return None
    return Hold(
        "NothingToJudge",
        "the shadow compares answers, but it can judge none of spec.objectives: it needs one on latency or time to"
        " first token, errorRate, agreement or slowdown",
    )


def _hold_missing(situation: Situation) -> Hold | None:
    """What keeps copies from being compared at this moment."""
    facts = situation.observation.shadow
    if not facts.ready:
        return Hold("ShadowNotReady", facts.message or "the proxy that compares answers starts")
    return None if facts.mirrored else waiting_for_route(situation)


def _stay_undecided(situation: Situation, stage: ShadowStage, gap: Hold) -> Decision:
    since = _timed_from(situation.release) or situation.now
    return stay_undecided(situation, gap, stage="shadow", since=since, limit=stage.max_duration)


def _timed_from(release: Release) -> float | None:
    return release.traffic_since or release.opened_at


def _explain_silence(judgements: Judgements, gap: Hold, *, held_for: float) -> Hold:
    """With what may be missing, where not one pair has been counted for a while."""
    if held_for < SILENT_FOR or any(judgement.total for judgement in judgements):
        return gap
    return Hold(
        "NoShadowPairs",
        f"no pair of answers in {held_for:.0f} s: are there requests by the methods of spec.shadow.methods, and does"
        f" Prometheus scrape the shadow proxy (spec.shadow.metadata)? {gap.message}",
    )


def _measure(deployment: ModelDeployment, state: State) -> Objectives | None:
    """Pairs of answers, while the shadow is open; what the pods tell before says whether they can be measured."""
    release, stable, shadow = state.release, state.stable, deployment.spec.release.shadow
    if release is None or release.phase is not ReleasePhase.SHADOWING or not (shadow and stable and state.candidate):
        return None
    about = comparison(deployment, candidate=state.candidate.revision, stable=stable.revision)
    return Objectives(shadow_objectives(deployment, shadow, alpha=alpha_of(deployment), about=about))


SHADOW = StageKind(
    phase=ReleasePhase.SHADOWING,
    word="Shadow {share}",
    standing="{candidate} answers copies of users' requests, since {since}",
    open=_open,
    follow=_follow,
    timed_from=_timed_from,
    judge=judge_pairs,
    measure=_measure,
    work=_work,
)
