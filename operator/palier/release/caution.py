"""Caution before certainty: a suspected candidate keeps 1 % of the users until fresh requests show more.

A rollback needs evidence that a good candidate hardly ever gives, and that takes some looks. The step down needs less,
because it can be taken back: see `palier.evidence.caution` for the test, and `palier.evidence.stepping` for the rules.
Here they become transitions of a release. Where the spec holds a breach for a person, where a share is only as fine as
the pods, and where too few requests would be left at 1 %, nobody steps down: a breach then acts at once.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from palier.api.v1alpha1 import OnBreach
from palier.evidence.agreement import Others
from palier.evidence.objective import Evidence, Rule
from palier.evidence.pods import COMPARED_PODS
from palier.evidence.proportion import PODS_DIFFER, ask_other_pods
from palier.evidence.proportion_verdict import describe_suspicion
from palier.evidence.rules import ObjectiveRule
from palier.evidence.sentences import odds
from palier.evidence.stepping import (
    LEAST_WEIGHT,
    MOST_STEPS,
    Step,
    choose_step,
    is_noticed,
    is_suspected,
    step_down,
    step_up,
)
from palier.release.holds import CANNOT_MEASURE, find_hold
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.kind import Judgements
from palier.release.state import Release

_OTHER_PODS: Final = {
    Others.AGREE: "",
    Others.WAIT: "; only one of its pods has shown that, and others have to agree",
    Others.DISAGREE: "; only one of its pods has shown that, and the others are well",
}
"""What the candidate's other pods say, as part of a sentence."""


def find_step(situation: Situation, judgements: Judgements) -> Step:
    """What becomes of the candidate's share; `Step.END` where a breach may end the release, or nobody may step down."""
    release, stage = situation.release, situation.release.landing
    cautious, since = release.cautious_since is not None, release.traffic_since
    if stage is None or release.ending:
        return Step.END
    if not cautious and (since is None or not _may_step_down(situation)):
        return Step.END
    unmeasured = {judgement.objective for judgement in judgements if judgement.reason == CANNOT_MEASURE}
    step = choose_step(
        ((evidence, rule) for evidence, rule in _list_evidence(situation) if rule.name not in unmeasured),
        weight=situation.observation.weight(situation.candidate.revision),
        wanted=stage.weight,
        cautious=cautious,
        steps=release.steps_down,
        over=since is not None and situation.now - since >= stage.max_duration.seconds,
    )
    return Step.STAY if step is Step.UP and unmeasured else step


def want_pods(situation: Situation, judgements: Judgements, step: Step) -> Release:
    """The release with more pods for its candidate, where the pods that it has tell too little of its version."""
    release = situation.release
    differ = any(judgement.reason == PODS_DIFFER for judgement in judgements)
    noticed = step is Step.STAY and any(is_noticed(*pair) for pair in _list_evidence(situation))
    if not (differ or noticed or step is Step.DOWN):
        return release
    rules = (objective.rule for objective in situation.objectives.measured)
    may_grow = any(isinstance(rule, ObjectiveRule) and rule.pods_may_grow for rule in rules)
    return replace(release, pods_wanted=COMPARED_PODS) if may_grow else release


def _may_step_down(situation: Situation) -> bool:
    """Whether the spec lets a suspicion act; one that acts already is confirmed or cleared whatever is edited later."""
    spec = situation.deployment.spec
    acts = spec.release.on_breach is OnBreach.ROLLBACK
    return acts and spec.traffic.gateway is not None and situation.state.stable is not None


def follow_step(situation: Situation, step: Step) -> Decision | None:
    """The release after a step of its candidate's share; None where it stays what it is."""
    match step:
        case Step.DOWN:
            return _step_down(situation)
        case Step.UP:
            return _step_up(situation)
        case _:
            return None


def describe_caution(situation: Situation) -> Hold | None:
    """Why a suspected candidate does not go on; None where it is not suspected."""
    release = situation.release
    if release.cautious_since is None:
        return None
    suspected = "; ".join(_describe_suspicions(situation)) or "every suspicion is cleared"
    if release.steps_down >= MOST_STEPS:
        until = f"stays at {LEAST_WEIGHT} % after {release.steps_down} steps down in this stage"
    else:
        until = f"has {LEAST_WEIGHT} % of the traffic instead of {situation.landing.weight} % until fresh requests tell"
    return Hold("Cautious", f"{situation.candidate.revision} {until}: {suspected}")


def _step_down(situation: Situation) -> Decision:
    release = situation.release
    rules = {objective.rule.name: objective.rule for objective in situation.objectives.measured}
    weight = situation.observation.weight(situation.candidate.revision)
    evidence = {
        name: step_down(one, rules[name], weight=weight) if name in rules else one
        for name, one in release.evidence.items()
    }
    suspected = "; ".join(
        describe_suspicion(one, rule)
        for one, rule in _list_evidence(situation)
        if isinstance(rule, ObjectiveRule) and evidence[rule.name].caution.suspicion
    )
    message = (
        f"{situation.candidate.revision} goes from {situation.landing.weight} to {LEAST_WEIGHT} % of the traffic, until"
        f" fresh requests confirm or clear the suspicion: {suspected}"
    )
    after = replace(situation.state, release=release.step_down(evidence, now=situation.now))
    return Decision(after, notes=(Note("Warning", "Cautious", message),), hold=Hold("Cautious", message))


def _step_up(situation: Situation) -> Decision:
    release = situation.release
    if held := find_hold(situation, f"at {LEAST_WEIGHT} %"):
        return Decision(situation.state, hold=held)
    rules = {objective.rule.name: objective.rule for objective in situation.objectives.measured}
    evidence = {name: step_up(one, rules[name]) if name in rules else one for name, one in release.evidence.items()}
    message = (
        f"fresh requests cleared {situation.candidate.revision} of the suspicion: it goes back to"
        f" {situation.landing.weight} % of the traffic"
    )
    after = replace(situation.state, release=release.step_up(evidence))
    return Decision(after, notes=(Note("Normal", "Cleared", message),), hold=Hold("Shifting", message))


def _list_evidence(situation: Situation) -> Iterator[tuple[Evidence, Rule]]:
    """The evidence of the objectives that are measured, each with its rule."""
    for objective in situation.objectives.measured:
        evidence = situation.release.evidence.get(objective.rule.name)
        if evidence is not None and evidence.of == objective.digest:
            yield evidence, objective.rule


def _describe_suspicions(situation: Situation) -> Iterator[str]:
    for evidence, rule in _list_evidence(situation):
        suspicion = evidence.caution.suspicion
        if not isinstance(rule, ObjectiveRule) or (suspicion is None and not is_suspected(evidence, rule)):
            continue
        told = describe_suspicion(evidence, rule)
        told += _OTHER_PODS[ask_other_pods(evidence, rule)]
        if suspicion is None or not suspicion.looks:
            yield told
        elif suspicion.log_ratio > 0:
            yield f"{told}; fresh requests speak {odds(suspicion.log_ratio)} against it (1:10 confirms)"
        else:
            yield f"{told}; fresh requests speak {odds(-suspicion.log_ratio)} for it (1:20 clears)"
