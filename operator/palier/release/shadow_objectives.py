"""What a candidate is judged by in the shadow: the counters of the proxy that sends each request to both versions.

No user is served, so what users say has no place here. What both versions answer to the same request does, and how long
it takes them: the same objectives on latency and errors as in a canary, read from the proxy, and the two that only
pairs can show.
"""

from dataclasses import dataclass

from palier.api.objectives import TimeSignal
from palier.api.quality import RESERVED
from palier.api.v1alpha1 import ModelDeployment, Objective, ShadowStage
from palier.evidence.objective import ObjectiveRule
from palier.release.sources import CounterRatio, MeasuredObjective, Origin, SlowerThan, Source

__all__ = ["COVERAGE", "LEFT_OUT", "judged_in_shadow", "shadow_objectives"]

COVERAGE, LEFT_OUT = RESERVED
"""The objectives that every shadow has: that its requests become pairs, so that the others speak about all of them, and
that most requests are of a kind that can be sent twice."""

MOST_LEFT_OUT = 0.5
"""Share of the copied requests that may be left out for their method, their protocol or their size."""

MOST_UNPAIRED = 0.1
"""Share of the sampled requests that may be lost before nothing is concluded from the rest."""

ERROR_MARGIN = 1.25
"""Odds ratio up to which a candidate's failures count as no worse than stable's, here and in a canary."""

LATENCY_MARGIN = 1.1
"""The same for slow requests, which are far more frequent, so that a smaller margin is affordable."""

_PAIRS = "palier_shadow_pairs_total"
_LEFT_OUT = 'palier_shadow_excluded_total{reason=~"Method|Protocol|RequestTooLarge|RequestIncomplete"}'
_HISTOGRAMS = {
    TimeSignal.LATENCY: "palier_shadow_answer_seconds",
    TimeSignal.TIME_TO_FIRST_TOKEN: "palier_shadow_first_token_seconds",
}


def judged_in_shadow(objective: Objective) -> bool:
    """Whether the proxy can tell of an objective."""
    if objective.latency is not None:
        return objective.latency.signal in _HISTOGRAMS
    return (objective.agreement or objective.slowdown or objective.error_rate) is not None


def shadow_objectives(
    deployment: ModelDeployment, stage: ShadowStage, *, alpha: float, about: str
) -> tuple[MeasuredObjective, ...]:
    """The objectives of a shadow, those about its sample last.

    Args:
        deployment: the spec.
        stage: the shadow.
        alpha: the share of each objective in the allowed probability of a false refusal.
        about: digest of how answers are compared: evidence of another comparison is about something else.
    """
    told = [_Shadowed(one, stage, alpha) for one in deployment.spec.objectives if judged_in_shadow(one)]
    measured = [
        MeasuredObjective(
            one.rule,
            one.source,
            one.source if one.rule.compare_with_stable else None,
            origin=Origin.ELSEWHERE,
            about=about,
        )
        for one in told
    ]
    return (*measured, _left_out(stage, about=about), _coverage(stage, about=about))


@dataclass(frozen=True, slots=True)
class _Shadowed:
    """One objective as it is judged in the shadow."""

    objective: Objective
    stage: ShadowStage
    alpha: float

    @property
    def source(self) -> Source:
        """Which counters of the proxy it reads."""
        objective = self.objective
        if objective.latency is not None:
            histogram = _HISTOGRAMS[objective.latency.signal]
            return SlowerThan(histogram, objective.latency.threshold.seconds)
        if objective.agreement is not None and (check := objective.agreement.check) is not None:
            only = f'{{check="{check}"}}'
            return CounterRatio(
                (f"palier_shadow_check_disagreements_total{only}",), (f"palier_shadow_check_pairs_total{only}",)
            )
        if objective.agreement is not None:
            return CounterRatio(("palier_shadow_disagreements_total",), (_PAIRS,))
        if objective.slowdown is not None:
            return CounterRatio((f'palier_shadow_slower_total{{factor="{objective.slowdown.factor}"}}',), (_PAIRS,))
        return CounterRatio(("palier_shadow_failed_answers_total",), ("palier_shadow_answers_total",))

    @property
    def rule(self) -> ObjectiveRule:
        """How it is judged."""
        objective, minimum = self.objective, self.stage.min_pairs
        if objective.latency is not None:
            return ObjectiveRule(
                name=objective.name,
                limit=1 - objective.latency.percentile / 100,
                margin=LATENCY_MARGIN,
                alpha=self.alpha,
                minimum_requests=minimum,
                noun="shadowed requests",
                bad_noun=f"slower than {objective.latency.threshold}",
                hard_stop_share=1.0,
            )
        if objective.agreement is not None:
            return ObjectiveRule(
                name=objective.name,
                limit=1 - objective.agreement.min_percent.fraction,
                margin=ERROR_MARGIN,
                alpha=self.alpha,
                minimum_requests=minimum,
                noun="pairs",
                bad_noun="answered differently",
                compare_with_stable=False,
            )
        if objective.slowdown is not None:
            return ObjectiveRule(
                name=objective.name,
                limit=objective.slowdown.max_percent.fraction,
                margin=ERROR_MARGIN,
                alpha=self.alpha,
                minimum_requests=minimum,
                noun="pairs",
                bad_noun=f"took the candidate more than {objective.slowdown.factor} times as long",
                hard_stop_share=1.0,  # a cold start is slow without being dead
                compare_with_stable=False,
            )
        limited = objective.error_rate
        assert limited is not None  # noqa: S101 - the last kind that is judged here
        return ObjectiveRule(
            name=objective.name,
            limit=limited.max_percent.fraction,
            margin=ERROR_MARGIN,
            alpha=self.alpha,
            minimum_requests=minimum,
            noun="shadowed requests",
        )


def _left_out(stage: ShadowStage, *, about: str) -> MeasuredObjective:
    """Whether most of the requests could be sampled at all: a shadow of health probes says nothing of the model."""
    rule = ObjectiveRule(
        name=LEFT_OUT,
        limit=MOST_LEFT_OUT,
        margin=ERROR_MARGIN,
        alpha=0.001,
        minimum_requests=stage.min_pairs,
        noun="copied requests",
        bad_noun="were of a kind that is not sent twice",
        hard_stop_share=1.0,
        compare_with_stable=False,
    )
    source = CounterRatio((_LEFT_OUT,), ("palier_shadow_mirrored_total",))
    return MeasuredObjective(rule, source, None, origin=Origin.ELSEWHERE, about=about)


def _coverage(stage: ShadowStage, *, about: str) -> MeasuredObjective:
    rule = ObjectiveRule(
        name=COVERAGE,
        limit=MOST_UNPAIRED,
        margin=ERROR_MARGIN,
        alpha=0.001,
        minimum_requests=stage.min_pairs,
        noun="sampled requests",
        bad_noun="became no pair",
        hard_stop_share=1.0,
        compare_with_stable=False,
    )
    source = CounterRatio(("palier_shadow_unpaired_total",), ("palier_shadow_sampled_total",))
    return MeasuredObjective(rule, source, None, origin=Origin.ELSEWHERE, about=about)
