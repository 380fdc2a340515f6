"""From the user's objectives to what is measured and how it is judged.

The settings of a release's tests are derived here, once, from the spec alone, so that they cannot be tuned after the
evidence has been seen. Which series are read is resolved in this order: the objective's own words, `spec.signals`, the
preset of the revision's serving runtime.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pydantic.alias_generators import to_snake

from palier import presets
from palier.api.objectives import HistogramSignal
from palier.api.v1alpha1 import ErrorRate, Latency, Level, Mean, ModelDeployment, Objective, Signals, TimeUnit
from palier.api.values import CounterOwner, Proof, Runtime
from palier.errors import InvalidSpec
from palier.evidence.objective import MeanRule, ObjectiveRule, ScoreRule
from palier.release.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    RouterSeries,
    SlowerThan,
    Source,
)
from palier.release.state import RevisionRef

RELEASE_ALPHA = 0.01
"""Allowed probability that a release of a good candidate is rolled back, however often Palier looks."""

ERROR_MARGIN = 1.25
"""Odds ratio up to which a candidate's failures count as no worse than stable's (reference: section 2)."""

LATENCY_MARGIN = 1.1
"""The same for slow requests, which are far more frequent, so that a smaller margin is affordable."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The serving program of a revision, as far as its metrics are concerned."""

    runtime: str = ""
    """Name of a preset; empty or `custom` for none."""
    version: str = ""


def serving_of(reference: RevisionRef) -> Serving:
    """The serving program of a revision that is remembered."""
    return Serving(reference.runtime, reference.runtime_version)


def measured_objectives(deployment: ModelDeployment, *, stable: Serving | None = None) -> tuple[MeasuredObjective, ...]:
    """The objectives of a ModelDeployment, ready to be measured; the release's error budget is split evenly.

    Args:
        deployment: the spec, which describes the candidate.
        stable: what stable is served by; the same as the candidate when None.

    Raises:
        InvalidSpec: an objective needs a signal that neither `spec.signals` nor a preset names.
    """
    model = deployment.spec.model
    candidate = Serving(model.runtime.value if model.runtime else "", model.runtime_version or "")
    alpha = RELEASE_ALPHA / max(1, len(deployment.spec.objectives))
    return tuple(
        _measured(deployment, objective, candidate, stable or candidate, alpha=alpha, field=f"spec.objectives[{index}]")
        for index, objective in enumerate(deployment.spec.objectives)
    )


def router_series(
    deployment: ModelDeployment, *, candidate: str, stable: str, slots: tuple[str, str] | None
) -> RouterSeries | None:
    """How the series of the gateway's proxies are told apart; None without a router or while there are no positions.

    Args:
        deployment: the spec.
        candidate: the candidate's revision.
        stable: stable's revision.
        slots: the revision at each backend position of the route.
    """
    gateway = deployment.spec.traffic.gateway
    if gateway is None or gateway.router is None or slots is None or not {candidate, stable} <= set(slots):
        return None
    preset = presets.router(gateway.router.value)

    def value(revision: str) -> str:
        return preset.value.format(
            namespace=deployment.metadata.namespace,
            name=deployment.metadata.name,
            revision=revision,
            position=slots.index(revision),
        )

    return RouterSeries(preset.label, candidate=value(candidate), stable=value(stable))


def rules_digest(deployment: ModelDeployment) -> str:
    """Digest of everything a release is judged by; a refused revision is tried again when it changes."""
    spec = deployment.spec
    judged_by: dict[str, object] = {
        "objectives": [
            objective.model_dump(mode="json", by_alias=True, exclude_defaults=True) for objective in spec.objectives
        ],
        "signals": spec.signals.model_dump(mode="json", by_alias=True, exclude_defaults=True) if spec.signals else None,
        "stages": [
            stage.model_dump(mode="json", by_alias=True, exclude_defaults=True) for stage in spec.release.stages
        ],
    }
    if spec.traffic.gateway is not None and spec.traffic.gateway.router is not None:
        judged_by["router"] = spec.traffic.gateway.router.value
    return hashlib.sha256(json.dumps(judged_by, sort_keys=True).encode()).hexdigest()[:16]


def _measured(
    deployment: ModelDeployment, objective: Objective, candidate: Serving, stable: Serving, *, alpha: float, field: str
) -> MeasuredObjective:
    resolve = _resolver(deployment, objective, field=field)
    found = resolve(candidate)
    try:
        stable_source = resolve(stable).source
    except InvalidSpec:
        # Stable's own runtime has no such signal: it cannot be compared, the limit still holds for the candidate.
        stable_source = found.source
    return MeasuredObjective(
        _rule(objective, alpha=alpha),
        found.source,
        stable_source,
        origin=found.origin,
        segment_by=objective.segment_by or "",
        expected_edges=found.edges,
        remedy=found.remedy,
    )


def _rule(objective: Objective, *, alpha: float) -> ObjectiveRule | MeanRule | ScoreRule:
    """How the objective is judged."""
    if objective.mean is not None:
        return MeanRule(name=objective.name, maximum=objective.mean.max.value, alpha=alpha)
    if objective.score is not None:
        return ScoreRule(name=objective.name, least=objective.score.min.fraction, alpha=alpha)
    proof = objective.proof is Proof.NO_WORSE_THAN_STABLE
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
            require_no_worse=proof,
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
        )
    limited = objective.error_rate or objective.ratio
    assert limited is not None  # noqa: S101 - the schema demands one kind
    return ObjectiveRule(
        name=objective.name,
        limit=limited.max_percent.fraction,
        margin=ERROR_MARGIN,
        alpha=alpha,
        require_no_worse=proof,
        segmented=segmented,
        noun="requests" if objective.error_rate else "events",
        bad_noun="failed" if objective.error_rate else "bad",
    )


class _Found(NamedTuple):
    """Where an objective's numbers come from."""

    source: Source
    origin: Origin
    edges: tuple[float, ...] = ()
    remedy: str = ""


Resolve = Callable[[Serving], _Found]


def _resolver(deployment: ModelDeployment, objective: Objective, *, field: str) -> Resolve:
    """From a revision's serving program to the series that one objective reads."""
    signals = deployment.spec.signals
    gateway = deployment.spec.traffic.gateway
    router = presets.router(gateway.router.value) if gateway and gateway.router else None

    def resolve(serving: Serving) -> _Found:
        named = _Named(signals, serving, field)
        if objective.latency is not None:
            return _latency(objective.latency, named, router, field=f"{field}.latency")
        if objective.error_rate is not None:
            return _errors(objective.error_rate, named, router, field=f"{field}.errorRate")
        if objective.ratio is not None:
            return _Found(CounterRatio((objective.ratio.bad,), (objective.ratio.total,)), Origin.ELSEWHERE)
        if objective.mean is not None:
            return _Found(_mean(objective.mean, named), Origin.PODS if objective.mean.signal else Origin.ELSEWHERE)
        if objective.score is not None:
            return _Found(MeanOf(objective.score.sum, (objective.score.count,)), Origin.ELSEWHERE)
        if objective.level is not None:
            return _level(objective.level, named)
        raise InvalidSpec(field, "an objective needs exactly one kind")

    return resolve


class _Named:
    """The signals of one revision: those that the spec names, then those of its runtime's preset."""

    def __init__(self, signals: Signals | None, serving: Serving, field: str) -> None:
        self._signals = signals
        self._field = field
        self._preset: presets.Preset | None = None
        if serving.runtime not in {"", Runtime.CUSTOM.value}:
            try:
                self._preset = presets.runtime(serving.runtime, serving.version)
            except LookupError as error:
                raise InvalidSpec("spec.model.runtimeVersion", str(error)) from None

    def given(self, name: str) -> str | HistogramSignal | None:
        """What the spec names."""
        return getattr(self._signals, to_snake(name)) if self._signals else None

    def preset(self, name: str) -> presets.Signal | None:
        """What the preset names."""
        return self._preset.signals.get(name) if self._preset else None

    def counters(self, name: str) -> tuple[str, ...] | None:
        """The counters of a signal; None when there are none."""
        given = self.given(name)
        if isinstance(given, str):
            return (given,)
        known = self.preset(name)
        return known.selectors if isinstance(known, presets.Counter) else None

    def absence(self, name: str) -> str:
        """Why a signal is not there, and what helps."""
        known = self.preset(name)
        title = self._preset.title if self._preset else ""
        match known:
            case presets.Missing(why=why, fix=fix):
                return f"{title} has no {name}: {why}; {fix}"
            case presets.Mean(fix=fix):
                return f"{title} exports only the mean of {name} (measurable: MeanOnly); {fix}"
            case _ if title:
                return f"the preset of {title} names no {name}; name it as spec.signals.{name}"
            case _:
                return f"name it as spec.signals.{name}, or choose a spec.model.runtime that has it"


def _latency(latency: Latency, named: _Named, router: presets.RouterPreset | None, *, field: str) -> _Found:
    name, seconds = latency.signal.value, latency.threshold.seconds
    if latency.source is CounterOwner.ROUTER:
        if router is None or router.latency is None:
            raise InvalidSpec(f"{field}.source", "spec.traffic.gateway.router names no router with a latency histogram")
        return _histogram(router.latency, seconds, Origin.ROUTER)
    given = named.given(name)
    if isinstance(given, HistogramSignal):
        return _Found(SlowerThan(given.histogram, seconds / given.unit.seconds), Origin.PODS)
    known = named.preset(name)
    if isinstance(known, presets.Histogram):
        return _histogram(known, seconds, Origin.PODS)
    raise InvalidSpec(field, f"a latency objective needs a histogram: {named.absence(name)}")


def _histogram(known: presets.Histogram, seconds: float, origin: Origin) -> _Found:
    threshold = seconds / TimeUnit(known.unit).seconds
    return _Found(SlowerThan(known.selector, threshold), origin, edges=known.bounds, remedy=known.fix)


def _errors(error_rate: ErrorRate, named: _Named, router: presets.RouterPreset | None, *, field: str) -> _Found:
    requests, errors = named.counters("requests"), named.counters("errors")
    if error_rate.source is not CounterOwner.ROUTER and requests and errors:
        return _Found(CounterRatio(errors, requests), Origin.PODS)
    if error_rate.source is not CounterOwner.PODS and router is not None:
        return _Found(CounterRatio(router.errors.selectors, router.requests.selectors), Origin.ROUTER)
    missing = "errors" if requests else "requests"
    raise InvalidSpec(
        field,
        f"an errorRate objective needs counters: {named.absence(missing)};"
        " or set spec.traffic.gateway.router to read the gateway's",
    )


def _mean(mean: Mean, named: _Named) -> Source:
    if mean.signal is None:
        assert mean.sum is not None  # noqa: S101 - the schema demands both
        assert mean.count is not None  # noqa: S101
        return MeanOf(mean.sum, (mean.count,))
    name = mean.signal.value
    given, known = named.given(name), named.preset(name)
    if isinstance(given, HistogramSignal):
        return _mean_of_histogram(given.histogram, given.unit)
    if given is None and isinstance(known, presets.Histogram):
        return _mean_of_histogram(known.selector, TimeUnit(known.unit) if known.unit else None)
    if given is None and isinstance(known, presets.Mean):
        return MeanOf(known.amount, known.total, scale=TimeUnit(known.unit).seconds if known.unit else 1.0)
    tokens, requests = named.counters(name), named.counters("requests")
    if tokens and requests:
        return MeanOf(tokens[0], requests)
    raise InvalidSpec(
        "spec.objectives", f"a mean needs its signal: {named.absence(name if not tokens else 'requests')}"
    )


def _mean_of_histogram(selector: str, unit: TimeUnit | None) -> MeanOf:
    return MeanOf(suffixed(selector, "_sum"), (suffixed(selector, "_count"),), scale=unit.seconds if unit else 1.0)


def _level(level: Level, named: _Named) -> _Found:
    if level.gauge is not None:
        return _Found(AboveLevel(level.gauge, level.max.value), Origin.ELSEWHERE)
    given, known = named.given("queueDepth"), named.preset("queueDepth")
    if isinstance(given, str):
        return _Found(AboveLevel(given, level.max.value), Origin.PODS)
    if isinstance(known, presets.Gauge):
        return _Found(AboveLevel(known.selector, level.max.value), Origin.PODS)
    raise InvalidSpec("spec.objectives", f"a level objective needs a gauge: {named.absence('queueDepth')}")


def suffixed(selector: str, suffix: str) -> str:
    """A selector whose metric name has a suffix: `seconds{a="b"}` and `_sum` give `seconds_sum{a="b"}`."""
    name, brace, labels = selector.partition("{")
    return f"{name}{suffix}{brace}{labels}"
