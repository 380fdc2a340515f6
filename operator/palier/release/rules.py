"""From the user's objectives to what is measured and how it is judged.

The settings of a release's tests are derived here, once, from the spec alone, so that they cannot be tuned after the
evidence has been seen.
"""

import hashlib
import json
from dataclasses import dataclass

from palier.api.v1alpha1 import ModelDeployment, Objective, Signals
from palier.errors import InvalidSpec
from palier.evidence.objective import ObjectiveRule

RELEASE_ALPHA = 0.01
"""Allowed probability that a release of a good candidate is rolled back, however often Palier looks."""

ERROR_MARGIN = 1.25
"""Odds ratio up to which a candidate's failures count as no worse than stable's (reference: section 2)."""

LATENCY_MARGIN = 1.1
"""The same for slow requests, which are far more frequent, so that a smaller margin is affordable."""


@dataclass(frozen=True, slots=True)
class CounterRatio:
    """Bad events and all events as two counters."""

    bad: str
    total: str


@dataclass(frozen=True, slots=True)
class SlowerThan:
    """Bad events are the observations of a histogram above a threshold."""

    histogram: str
    """PromQL selector of the `_bucket` series."""
    threshold: float
    """In the unit of the histogram's bucket edges."""


Source = CounterRatio | SlowerThan


@dataclass(frozen=True, slots=True)
class MeasuredObjective:
    """One objective with the rule that judges it and the counters that feed it."""

    rule: ObjectiveRule
    source: Source
    from_pods: bool = True
    """Whether the pods themselves count, so that they can be seen in Prometheus before they have any traffic."""

    @property
    def selectors(self) -> tuple[str, ...]:
        """Every PromQL vector selector that has to be read at a look."""
        match self.source:
            case CounterRatio(bad=bad, total=total):
                return (bad, total)
            case SlowerThan(histogram=histogram):
                return (histogram,)


def measured_objectives(deployment: ModelDeployment) -> tuple[MeasuredObjective, ...]:
    """The objectives of a ModelDeployment, ready to be measured; the release's error budget is split evenly.

    Raises:
        InvalidSpec: an objective needs a signal that `spec.signals` does not name.
    """
    objectives = deployment.spec.objectives
    alpha = RELEASE_ALPHA / max(1, len(objectives))
    return tuple(
        _measured(objective, deployment.spec.signals, alpha=alpha, field=f"spec.objectives[{index}]")
        for index, objective in enumerate(objectives)
    )


def rules_digest(deployment: ModelDeployment) -> str:
    """Digest of everything a release is judged by; a refused revision is tried again when it changes."""
    spec = deployment.spec
    judged_by = {
        "objectives": [
            objective.model_dump(mode="json", by_alias=True, exclude_defaults=True) for objective in spec.objectives
        ],
        "signals": spec.signals.model_dump(mode="json", by_alias=True, exclude_defaults=True) if spec.signals else None,
        "stages": [
            stage.model_dump(mode="json", by_alias=True, exclude_defaults=True) for stage in spec.release.stages
        ],
    }
    return hashlib.sha256(json.dumps(judged_by, sort_keys=True).encode()).hexdigest()[:16]


def _measured(objective: Objective, signals: Signals | None, *, alpha: float, field: str) -> MeasuredObjective:
    if objective.latency is not None:
        if signals is None or signals.latency is None:
            raise InvalidSpec(
                f"{field}.latency", "a latency objective needs spec.signals.latency, the histogram to read"
            )
        histogram = signals.latency.histogram
        name, brace, labels = histogram.partition("{")
        threshold = objective.latency.threshold
        return MeasuredObjective(
            ObjectiveRule(
                name=objective.name,
                limit=1 - objective.latency.percentile / 100,
                margin=LATENCY_MARGIN,
                alpha=alpha,
                bad_noun=f"slower than {threshold}",
                # A cold start is slow without being dead: latency is never judged by its first few requests.
                hard_stop_share=1.0,
            ),
            SlowerThan(f"{name}_bucket{brace}{labels}", threshold.seconds / signals.latency.unit.seconds),
        )
    if objective.error_rate is not None:
        if signals is None or signals.requests is None or signals.errors is None:
            raise InvalidSpec(
                f"{field}.errorRate", "an error-rate objective needs spec.signals.requests and spec.signals.errors"
            )
        return MeasuredObjective(
            ObjectiveRule(
                name=objective.name, limit=objective.error_rate.max_percent.fraction, margin=ERROR_MARGIN, alpha=alpha
            ),
            CounterRatio(bad=signals.errors, total=signals.requests),
        )
    if objective.ratio is not None:
        return MeasuredObjective(
            ObjectiveRule(
                name=objective.name,
                limit=objective.ratio.max_percent.fraction,
                margin=ERROR_MARGIN,
                alpha=alpha,
                noun="events",
                bad_noun="bad",
            ),
            CounterRatio(bad=objective.ratio.bad, total=objective.ratio.total),
            from_pods=False,
        )
    raise InvalidSpec(field, "an objective needs exactly one of latency, errorRate and ratio")
