"""What the looks say of the candidate: a verdict on every objective, and none where nothing could be measured."""

from dataclasses import replace

from palier.errors import InvalidSpec
from palier.evidence.objective import Judgement, Verdict, fresh, judge
from palier.release.cost import cost_judgements
from palier.release.holds import CANNOT_MEASURE
from palier.release.situation import Situation
from palier.release.sources import MeasuredObjective
from palier.release.state import Step
from palier.release.targets import full_replicas


def judgements_of(situation: Situation) -> tuple[Judgement, ...]:
    """Verdicts on every objective; a look that could not measure leaves no verdict but NoEvidence."""
    release = situation.release
    if (
        release.direct
        or release.step in {Step.PREPARING, Step.LOAD_TESTING}
        or (release.traffic_since is None and not release.evidence)
    ):
        return ()
    last = release.step is Step.PROMOTING or release.stage_index == len(situation.deployment.spec.release.canaries) - 1
    objectives = situation.objectives
    return (
        *(_judgement(situation, objective, promotion=last) for objective in objectives.measured),
        *(_unmeasurable(name, error) for name, error in objectives.unmeasurable),
        *_costs(situation),
    )


def _costs(situation: Situation) -> tuple[Judgement, ...]:
    """The verdicts on what a thousand answers cost, which no look measures."""
    if situation.state.stable is None:
        return ()
    return cost_judgements(
        situation.deployment,
        situation.observation.running,
        candidate=situation.candidate.revision,
        stable=situation.state.stable.revision,
        replicas=full_replicas(situation.deployment),
    )


def _unmeasurable(name: str, error: InvalidSpec) -> Judgement:
    """An objective that was changed into one that cannot be measured: no verdict, and the others go on."""
    return Judgement(
        objective=name,
        verdict=Verdict.NO_EVIDENCE,
        reason=CANNOT_MEASURE,
        message=f"{name}: {error.field}: {error.message}",
        estimate=None,
        total=0,
        bad=0,
        stable_total=0,
        stable_bad=0,
        hard_stop=False,
    )


def _judgement(situation: Situation, objective: MeasuredObjective, *, promotion: bool) -> Judgement:
    name, measured = objective.rule.name, situation.observation.measured
    evidence = situation.release.evidence.get(name) or fresh()
    if evidence.of != objective.digest:
        evidence = fresh(objective.digest)  # gathered about something else that had the same name
    if unseen := measured.unseen(objective.origin) or measured.missing.get(name, ""):
        return replace(
            judge(evidence, objective.rule, promotion=promotion),
            verdict=Verdict.NO_EVIDENCE,
            reason=CANNOT_MEASURE,
            message=f"{name}: {unseen}",
            hard_stop=False,
        )
    since = situation.release.traffic_since
    held_for = situation.now - since if since is not None else 0.0
    rate = evidence.stage.total / held_for if held_for > 0 else None
    return judge(evidence, objective.rule, promotion=promotion, rate=rate)
