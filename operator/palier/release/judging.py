"""What the looks say of the candidate: a verdict on every objective, and none where nothing could be measured."""

from dataclasses import replace

from palier.errors import InvalidSpec
from palier.evidence.objective import Evidence, Judgement, ObjectiveRule, Verdict, judge, start_evidence
from palier.evidence.sentences import duration
from palier.measuring.sources import MeasuredObjective
from palier.release.cost import cost_judgements
from palier.release.holds import CANNOT_MEASURE
from palier.release.plan import warm_up_of
from palier.release.prospects import pods_for_traffic
from palier.release.shadow_objectives import COVERAGE, LEFT_OUT
from palier.release.situation import Situation


def judge_users_requests(situation: Situation) -> tuple[Judgement, ...]:
    """Verdicts on every objective of the spec, and on what the answers cost."""
    objectives, last = situation.objectives, situation.release.is_last
    return (
        *(_judgement(situation, objective, promotion=last) for objective in objectives.measured),
        *(_judge_unmeasurable(name, error) for name, error in objectives.unmeasurable),
        *_costs(situation),
    )


def judge_pairs(situation: Situation) -> tuple[Judgement, ...]:
    """Verdicts on the pairs of a shadow.

    What only the shadow can show has to be proven there; latency and errors are judged again where users are.
    """
    return tuple(_judge_pairs_by(situation, objective) for objective in situation.objectives.measured)


def _judge_pairs_by(situation: Situation, objective: MeasuredObjective) -> Judgement:
    only_here = isinstance(objective.rule, ObjectiveRule) and not objective.rule.compare_with_stable
    of_sample = objective.rule.name in {COVERAGE, LEFT_OUT}
    found = _judgement(situation, objective, promotion=only_here and not of_sample)
    if of_sample and found.verdict is Verdict.FAIL:
        # Lost requests are no fault of the candidate; but nothing is known of how it would have answered them.
        unknown = replace(found, verdict=Verdict.NO_EVIDENCE, hard_stop=False)
        if objective.rule.name == LEFT_OUT:
            return replace(unknown, reason="MostLeftOut")
        return replace(unknown, reason="TooFewPairs")
    return found


def _costs(situation: Situation) -> tuple[Judgement, ...]:
    """The verdicts on what a thousand answers cost, which no look measures."""
    if situation.state.stable is None:
        return ()
    return cost_judgements(
        situation.deployment,
        situation.observation.running,
        candidate=situation.candidate.revision,
        stable=situation.state.stable.revision,
        replicas=pods_for_traffic(situation.deployment, situation.observation, situation.state),
    )


def _judge_unmeasurable(name: str, error: InvalidSpec) -> Judgement:
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
    evidence = situation.release.evidence.get(name) or start_evidence()
    if evidence.of != objective.digest:
        evidence = start_evidence(objective.digest)  # gathered about something else that had the same name
    if unseen := measured.coverage(objective.origin).unseen or measured.missing.get(name, ""):
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
    found = judge(evidence, objective.rule, promotion=promotion, rate=rate)
    if found.verdict is not Verdict.FAIL and (warming := _describe_warm_up(situation, objective, evidence)):
        return replace(found, verdict=Verdict.NO_EVIDENCE, reason="WarmingUp", message=f"{name}: {warming}")
    if found.verdict is not Verdict.FAIL and held_for < objective.label_delay:
        message = f"{name}: what is answered in this stage is known only {objective.label_delay:g} s later"
        return replace(found, verdict=Verdict.NO_EVIDENCE, reason="LabelsPending", message=message)
    return found


def _describe_warm_up(situation: Situation, objective: MeasuredObjective, evidence: Evidence) -> str:
    """Why the time that answers take does not count yet; empty where it does."""
    begun, warm_up = situation.release.traffic_since, warm_up_of(situation.release.stage)
    if begun is None or not objective.warms_up or warm_up.longest == 0:
        return ""
    read = situation.observation.measured.coverage(objective.origin).until
    if evidence.warm_since is None:
        warm = situation.now - begun >= warm_up.longest
    else:
        warm = read is None or read > evidence.warm_since
    if warm:
        return ""
    until = f"{duration(warm_up.longest)} after the candidate got its traffic"
    if warm_up.shortest == warm_up.longest:
        return f"the candidate warms up, so its times count only from {until}"
    return f"the candidate warms up, so its times count only when it is no longer slow, and from {until} at the latest"
