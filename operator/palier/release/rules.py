"""From the user's objectives to what is measured and how it is judged.

The settings of a release's tests are derived here, once, from the spec alone, so that they cannot be tuned after the
evidence has been seen. Which series are read is the business of `resolve`.
"""

import hashlib
import json
from dataclasses import dataclass, replace

from palier import presets
from palier.api.rules.quality import judged_in_shadow
from palier.api.spec.objectives import CountedSignal
from palier.api.spec.values import Proof
from palier.api.v1alpha1 import Experiment, Mean, ModelDeployment, Objective
from palier.errors import InvalidSpec
from palier.evidence.objective import MeanRule, ObjectiveRule, ScoreRule
from palier.evidence.rules import TWICE
from palier.measuring.resolve import Serving, resolve
from palier.measuring.sources import MeasuredObjective, Origin

__all__ = [
    "ERROR_MARGIN",
    "LATENCY_MARGIN",
    "NO_OBJECTIVES",
    "RELEASE_ALPHA",
    "Objectives",
    "alpha_of",
    "demand_proof",
    "is_met_by_users",
    "judged_in_shadow",
    "measured_objectives",
    "objectives_of",
    "rule_of",
    "rules_digest",
]

RELEASE_ALPHA = 0.01
"""Allowed probability that a release of a good candidate is rolled back, however often Palier looks."""


ERROR_MARGIN = 1.25
"""Odds ratio up to which a candidate's failures count as no worse than stable's."""

LATENCY_MARGIN = 1.1
"""The same for slow requests, which are far more frequent, so that a smaller margin is affordable."""


_TIMED = frozenset(CountedSignal) - {CountedSignal.TOKENS_IN, CountedSignal.TOKENS_OUT}
"""Signals that say how long an answer takes."""
LATENCY_POD_SPREAD = 0.13
"""How much the log odds of a slow answer differ between pods of one version, where they are too few to tell: as with
pods whose speeds differ by 3 %."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of a ModelDeployment, as far as they can be measured."""

    measured: tuple[MeasuredObjective, ...]
    unmeasurable: tuple[tuple[str, InvalidSpec], ...] = ()
    """Name and error of those that can not: a release under way gets no verdict on them."""

    def demand_measurable(self) -> None:
        """Raise the first error, if there is one.

        Raises:
            InvalidSpec: an objective cannot be measured as it is written.
        """
        if self.unmeasurable:
            raise self.unmeasurable[0][1]


NO_OBJECTIVES = Objectives(())


def measured_objectives(deployment: ModelDeployment, *, stable: Serving | None = None) -> tuple[MeasuredObjective, ...]:
    """The objectives of a ModelDeployment, ready to be measured.

    Args:
        deployment: the spec, which describes the candidate.
        stable: what stable is served by; the same as the candidate when None.

    Raises:
        InvalidSpec: an objective needs a signal that neither `spec.signals` nor a preset names.
    """
    found = objectives_of(deployment, stable=stable)
    found.demand_measurable()
    return found.measured


def objectives_of(
    deployment: ModelDeployment,
    *,
    stable: Serving | None = None,
    experiment: Experiment | None = None,
) -> Objectives:
    """The objectives where users meet the candidate, with those apart that cannot be measured as they are written.

    Neither a limit on cost is one of them, of which nothing is read from the pods (see `palier.release.cost`), nor what
    only a shadow can show (see `palier.release.shadow_objectives`).

    Args:
        deployment: the spec, which describes the candidate.
        stable: what stable is served by; the same as the candidate when None.
        experiment: the stage that the release is at, if it is one: its objective has to show which version is better.
    """
    model = deployment.spec.model
    candidate = Serving(model.runtime.value if model.runtime else "", model.runtime_version or "")
    alpha = alpha_of(deployment)
    measured: list[MeasuredObjective] = []
    unmeasurable: list[tuple[str, InvalidSpec]] = []
    for index, objective in enumerate(deployment.spec.objectives):
        if not is_met_by_users(objective):
            continue
        field = f"spec.objectives[{index}]"
        decides = experiment is not None and experiment.objective == objective.name
        try:
            found = _resolve_objective(deployment, objective, candidate, stable or candidate, alpha=alpha, field=field)
            measured.append(_require_better(found) if decides else found)
        except InvalidSpec as error:
            unmeasurable.append((objective.name, error))
    return Objectives(tuple(measured), tuple(unmeasurable))


def alpha_of(deployment: ModelDeployment) -> float:
    """The share of each objective in the allowed probability of a false end: even over all, once for each place.

    An objective that is judged in the shadow and in a canary is tested in both, and one that decides an experiment is
    tested in it anew.
    """
    objectives, rules = deployment.spec.objectives, deployment.spec.release
    tests = sum(map(is_met_by_users, objectives))
    if rules.shadow is not None:
        tests += sum(map(judged_in_shadow, objectives))
    if len(rules.canaries) > 1 and any(isinstance(stage, Experiment) for stage in rules.canaries):
        tests += 1
    return RELEASE_ALPHA / max(1, tests)


def _pods_may_grow(deployment: ModelDeployment) -> bool:
    """Whether a candidate may have more pods than its share needs: not where pods are the share, or need a GPU."""
    serving = deployment.spec.serving
    return deployment.spec.traffic.gateway is not None and serving.replicas > 1 and serving.placement.gpu is None


def is_met_by_users(objective: Objective) -> bool:
    """Whether an objective is measured where users meet the candidate."""
    return objective.cost is None and objective.agreement is None and objective.slowdown is None


def _require_better(objective: MeasuredObjective) -> MeasuredObjective:
    """An objective as the one that shows which version is better."""
    assert isinstance(objective.rule, ObjectiveRule)  # noqa: S101 - the API allows no other in an experiment
    return replace(objective, rule=replace(objective.rule, require_better=True))


def demand_proof(rule: ObjectiveRule, proof: Proof | None) -> ObjectiveRule:
    """A rule that asks of a promotion what the spec says; None for the default."""
    match proof:
        case Proof.NO_BREACH:
            return replace(rule, proof_margin=None, require_no_worse=False)
        case Proof.BELOW_THE_LIMIT:
            return replace(rule, proof_margin=1.0, require_no_worse=False)
        case Proof.BELOW_TWICE_THE_LIMIT | Proof.WITHIN_LIMIT | None:
            return replace(rule, proof_margin=TWICE, require_no_worse=False)
        case Proof.NO_WORSE_THAN_STABLE:
            return replace(rule, proof_margin=TWICE, require_no_worse=True)


def rules_digest(deployment: ModelDeployment) -> str:
    """Digest of everything a release is judged by; a refused revision is tried again when it changes."""
    spec = deployment.spec
    judged_by: dict[str, object] = {
        "objectives": [_write_objective(objective) for objective in spec.objectives],
        "signals": spec.signals.model_dump(mode="json", by_alias=True, exclude_defaults=True) if spec.signals else None,
        "stages": [
            stage.model_dump(mode="json", by_alias=True, exclude_defaults=True) for stage in spec.release.stages
        ],
    }
    if spec.release.load_test is not None:
        judged_by["plan"] = [
            part.model_dump(mode="json", by_alias=True, exclude_defaults=True) if part else None
            for part in (spec.scale, spec.budget)
        ]
    if spec.release.shadow is not None:
        judged_by["shadow"] = [
            part.model_dump(mode="json", by_alias=True, exclude_defaults=True) for part in (spec.shadow, spec.answers)
        ]
    if spec.release.golden is not None and spec.golden is not None:
        judged_by["golden"] = [
            part.model_dump(mode="json", by_alias=True, exclude_defaults=True) for part in (spec.golden, spec.answers)
        ]
    if spec.traffic.gateway is not None and spec.traffic.gateway.router is not None:
        judged_by["router"] = spec.traffic.gateway.router.value
    return hashlib.sha256(json.dumps(judged_by, sort_keys=True).encode()).hexdigest()[:16]


def _write_objective(objective: Objective) -> dict[str, object]:
    """An objective for the digest: another name of the same proof is no reason to try a refused revision again."""
    written = objective.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if objective.proof is Proof.BELOW_TWICE_THE_LIMIT:
        written["proof"] = Proof.WITHIN_LIMIT.value
    return written


def _resolve_objective(
    deployment: ModelDeployment, objective: Objective, candidate: Serving, stable: Serving, *, alpha: float, field: str
) -> MeasuredObjective:
    found = resolve(deployment, objective, candidate, field=field)
    try:
        other = resolve(deployment, objective, stable, field=field)
        if other.origin is not found.origin:
            # One of them counts its errors itself, the other does not: both are read where both are counted.
            found = resolve(deployment, objective, candidate, field=field, at_router=True)
            other = resolve(deployment, objective, stable, field=field, at_router=True)
        stable_source = other.source if other.origin is found.origin else None
    except InvalidSpec:
        # Stable's own runtime has no such signal: it cannot be compared, the limit still holds for the candidate.
        stable_source = None
    if found.origin is Origin.ROUTER and objective.segment_by:
        raise InvalidSpec(f"{field}.segmentBy", "a router does not know groups of users: name counters of the pods")
    rule = rule_of(objective, alpha=alpha)
    if isinstance(rule, ObjectiveRule):
        rule = replace(rule, pods_may_grow=_pods_may_grow(deployment))
    return MeasuredObjective(
        rule,
        found.source,
        stable_source,
        origin=found.origin,
        segment_by=objective.segment_by or "",
        expected_edges=found.edges,
        remedy=found.remedy,
        label_delay=objective.label_delay.seconds if objective.label_delay else 0.0,
        warms_up=objective.latency is not None or (objective.mean is not None and objective.mean.signal in _TIMED),
    )


def _mean_rule(name: str, mean: Mean, *, alpha: float) -> MeanRule:
    match mean.signal:
        case None:
            unit, noun = "", "values"
        case CountedSignal.TOKENS_IN | CountedSignal.TOKENS_OUT:
            unit, noun = "tokens", "requests"
        case CountedSignal.INTER_TOKEN_LATENCY:
            unit, noun = "s", "tokens"
        case _:
            unit, noun = "s", "requests"
    most = mean.max_per_event.value if mean.max_per_event else None
    return MeanRule(name=name, maximum=mean.max.value, alpha=alpha, unit=unit, noun=noun, most=most)


def rule_of(objective: Objective, *, alpha: float) -> ObjectiveRule | MeanRule | ScoreRule:
    """How the objective is judged."""
    if objective.mean is not None:
        return _mean_rule(objective.name, objective.mean, alpha=alpha)
    if objective.score is not None:
        return ScoreRule(name=objective.name, least=objective.score.min.fraction, alpha=alpha)
    return demand_proof(_share_rule(objective, alpha=alpha), objective.proof)


def _share_rule(objective: Objective, *, alpha: float) -> ObjectiveRule:
    """How an objective about a share of bad events is judged, whatever a promotion has to prove."""
    segmented = objective.segment_by is not None
    if objective.latency is not None:
        return ObjectiveRule(
            name=objective.name,
            limit=1 - objective.latency.percentile / 100,
            margin=LATENCY_MARGIN,
            alpha=alpha,
            bad_noun=f"slower than {objective.latency.threshold}",
            # A cold start is slow without being dead: latency is never judged by its first few requests.
            hard_stop_share=1.0,
            pod_spread=LATENCY_POD_SPREAD,
            segmented=segmented,
        )
    if objective.level is not None:
        return ObjectiveRule(
            name=objective.name,
            limit=objective.level.max_percent.fraction,
            margin=ERROR_MARGIN,
            alpha=alpha,
            noun="scrapes",
            bad_noun=f"showed more than {objective.level.max}",
            # One long queue fills many scrapes in a row: they are no independent failures of a dead candidate.
            hard_stop_share=1.0,
            compare_with_stable=False,
            in_spells=True,
            cautious=False,
        )
    limited = objective.error_rate or objective.ratio or objective.product
    assert limited is not None  # noqa: S101 - the schema demands one kind
    noun, bad_noun = ("requests", "failed") if objective.error_rate else ("events", "bad")
    if objective.product is not None:
        preset = presets.product(objective.product.signal.value)
        noun, bad_noun = preset.noun, preset.bad_noun
    return ObjectiveRule(
        name=objective.name,
        limit=limited.max_percent.fraction,
        margin=ERROR_MARGIN,
        alpha=alpha,
        segmented=segmented,
        noun=noun,
        bad_noun=bad_noun,
        # What is known only later would leave the candidate at the least share until then, with nothing to tell it by.
        cautious=objective.label_delay is None,
    )
