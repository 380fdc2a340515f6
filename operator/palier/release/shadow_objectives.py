"""What a candidate is judged by in the shadow: the counters of the proxy that sends each request to both versions.

No user is served, so what users say has no place here. What both versions answer to the same request does, and how long
it takes them: the same objectives on latency and errors as in a canary, read from the proxy, and the two that only
pairs can show.
"""

from dataclasses import dataclass, replace

from palier.api.rules.quality import RESERVED
from palier.api.spec.objectives import TimeSignal
from palier.api.v1alpha1 import ModelDeployment, Objective, ShadowStage
from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, SlowerThan, Source
from palier.release.rules import ERROR_MARGIN, demand_proof, judged_in_shadow, rule_of

__all__ = ["COVERAGE", "LEFT_OUT", "shadow_objectives"]

COVERAGE, LEFT_OUT = RESERVED
"""The objectives that every shadow has: that its requests become pairs, so that the others speak about all of them, and
that most requests are of a kind that can be sent twice."""

MOST_LEFT_OUT = 0.5
"""Share of the copied requests that may be left out for their method, their protocol or their size."""

MOST_UNPAIRED = 0.1
"""Share of the sampled requests that may be lost before nothing is concluded from the rest."""

_ANSWERED = CounterRatio(("palier_shadow_failed_answers_total",), ("palier_shadow_answers_total",))
"""What the proxy has asked of each version, and what of it failed."""

_PAIRS = "palier_shadow_pairs_total"
_SAMPLED = "palier_shadow_sampled_total"
_UNPAIRED = "palier_shadow_unpaired_total"
_LEFT_OUT = 'palier_shadow_excluded_total{reason=~"Method|Protocol|RequestTooLarge|RequestIncomplete"}'
_HISTOGRAMS = {
    TimeSignal.LATENCY: "palier_shadow_answer_seconds",
    TimeSignal.TIME_TO_FIRST_TOKEN: "palier_shadow_first_token_seconds",
}


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
    judged = [_ShadowObjective(one, stage, alpha) for one in deployment.spec.objectives if judged_in_shadow(one)]
    measured = [
        MeasuredObjective(
            one.rule,
            one.source,
            one.source if one.rule.compare_with_stable else None,
            origin=Origin.SHADOW,
            about=about,
            warms_up=one.objective.latency is not None or one.objective.slowdown is not None,
        )
        for one in judged
    ]
    sample = (
        _of_sample(
            LEFT_OUT,
            limit=MOST_LEFT_OUT,
            nouns=("copied requests", "were of a kind that is not sent twice"),
            source=CounterRatio((_LEFT_OUT,), (_SAMPLED, _LEFT_OUT)),
            minimum=stage.min_pairs,
            about=about,
        ),
        _of_sample(
            COVERAGE,
            limit=MOST_UNPAIRED,
            nouns=("sampled requests", "became no pair"),
            source=CounterRatio((_UNPAIRED,), (_UNPAIRED, _PAIRS)),
            minimum=stage.min_pairs,
            about=about,
        ),
    )
    return (*measured, *sample)


@dataclass(frozen=True, slots=True)
class _ShadowObjective:
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
        return _ANSWERED

    @property
    def rule(self) -> ObjectiveRule:
        """How it is judged: latency and errors as in a canary, and what only pairs can show."""
        objective, minimum = self.objective, self.stage.min_pairs
        if objective.agreement is not None:
            agreement = _of_pairs(
                objective.name,
                limit=1 - objective.agreement.min_percent.fraction,
                alpha=self.alpha,
                minimum=minimum,
                nouns=("pairs", "answered differently"),
                dead_beyond=0.2,
            )
            return demand_proof(agreement, objective.proof)
        if objective.slowdown is not None:
            slowdown = _of_pairs(
                objective.name,
                limit=objective.slowdown.max_percent.fraction,
                alpha=self.alpha,
                minimum=minimum,
                nouns=("pairs", f"took the candidate more than {objective.slowdown.factor} times as long"),
            )
            return demand_proof(slowdown, objective.proof)
        known = rule_of(objective, alpha=self.alpha)
        assert isinstance(known, ObjectiveRule)  # noqa: S101 - latency and errors are shares
        return replace(
            known,
            noun="shadowed requests",
            minimum_requests=minimum,
            require_no_worse=False,
            segmented=False,
            cautious=False,
        )


def _of_pairs(
    name: str, *, limit: float, alpha: float, minimum: int, nouns: tuple[str, str], dead_beyond: float = 1.0
) -> ObjectiveRule:
    """A limit on what stable has no share in: there is nothing to compare it with.

    Beyond the last share a candidate is dead and needs no statistics; a cold start is slow, and lost requests are no
    fault of it, so that it is 1 for them.
    """
    noun, bad_noun = nouns
    return ObjectiveRule(
        name=name,
        limit=limit,
        margin=ERROR_MARGIN,
        alpha=alpha,
        minimum_requests=minimum,
        noun=noun,
        bad_noun=bad_noun,
        hard_stop_share=dead_beyond,
        compare_with_stable=False,
        cautious=False,
    )


def _of_sample(
    name: str, *, limit: float, nouns: tuple[str, str], source: CounterRatio, minimum: int, about: str
) -> MeasuredObjective:
    """An objective about the sample itself; it never fails a candidate, so its alpha is nobody's share."""
    rule = _of_pairs(name, limit=limit, alpha=0.001, minimum=minimum, nouns=nouns)
    return MeasuredObjective(rule, source, None, origin=Origin.SHADOW, about=about)
