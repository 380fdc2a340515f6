"""Which series does an objective read? The objective's own words first, then `spec.signals`, then the runtime's preset.

Stable and candidate may run on different serving programs, so the answer is given for one revision at a time.
"""

from dataclasses import dataclass
from typing import NamedTuple

from palier import presets
from palier.api.field_names import to_snake
from palier.api.spec.objectives import HistogramSignal
from palier.api.spec.values import CounterOwner, Runtime
from palier.api.v1alpha1 import Latency, Level, Mean, ModelDeployment, Objective, Signals, TimeUnit
from palier.errors import InvalidSpec
from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    Origin,
    RouterSeries,
    SlowerThan,
    Source,
)


@dataclass(frozen=True, slots=True)
class Serving:
    """The serving program of a revision, as far as its metrics are concerned."""

    runtime: str = ""
    """Name of a preset; empty or `custom` for none."""
    version: str = ""


def router_series(
    deployment: ModelDeployment, *, candidate: str, stable: str, backend_positions: tuple[str, str] | None
) -> RouterSeries | None:
    """How the series of the gateway's proxies are told apart; None without a router or while there are no positions.

    Args:
        deployment: the spec.
        candidate: the candidate's revision.
        stable: stable's revision.
        backend_positions: the revision at each backend position of the route.
    """
    gateway = deployment.spec.traffic.gateway
    if (
        gateway is None
        or gateway.router is None
        or backend_positions is None
        or not {candidate, stable} <= set(backend_positions)
    ):
        return None
    preset = presets.router(gateway.router.value)

    def value(revision: str) -> str:
        return preset.value.format(
            namespace=deployment.metadata.namespace,
            name=deployment.metadata.name,
            revision=revision,
            position=backend_positions.index(revision),
        )

    where = proxy_namespaces(deployment)
    return RouterSeries(preset.label, candidate=value(candidate), stable=value(stable), namespaces=where)


def proxy_namespaces(deployment: ModelDeployment) -> tuple[str, ...]:
    """Where the proxies of a model's gateways run: where their router puts them, which may be beside the Gateways."""
    gateway = deployment.spec.traffic.gateway
    if gateway is None or gateway.router is None:
        return ()
    preset = presets.router(gateway.router.value)
    beside = {parent.namespace or deployment.metadata.namespace for parent in gateway.parent_refs}
    return tuple(sorted({*preset.namespaces, *(beside if preset.beside_gateway else ())}))


class ResolvedSource(NamedTuple):
    """Where an objective's numbers come from."""

    source: Source
    origin: Origin
    edges: tuple[float, ...] = ()
    remedy: str = ""


def resolve(
    deployment: ModelDeployment, objective: Objective, serving: Serving, *, field: str, at_router: bool = False
) -> ResolvedSource:
    """The series that an objective reads of a revision.

    Args:
        deployment: the spec.
        objective: one of its objectives.
        serving: what the revision is served by.
        field: path of the objective, for errors.
        at_router: read the gateway's counters although the objective leaves it open.

    Raises:
        InvalidSpec: neither the objective, nor `spec.signals`, nor a preset names them.
    """
    gateway = deployment.spec.traffic.gateway
    router = presets.router(gateway.router.value) if gateway and gateway.router else None
    named = SignalNames(deployment.spec.signals, serving)
    if objective.latency is not None:
        return _latency(objective.latency, named, router, field=f"{field}.latency")
    if objective.error_rate is not None:
        owner = objective.error_rate.source or (CounterOwner.ROUTER if at_router else None)
        return _errors(owner, named, router, field=f"{field}.errorRate")
    if objective.ratio is not None:
        return ResolvedSource(CounterRatio((objective.ratio.bad,), (objective.ratio.total,)), Origin.ELSEWHERE)
    if objective.product is not None:
        preset = presets.product(objective.product.signal.value)
        return ResolvedSource(CounterRatio(preset.bad, preset.total), Origin.ELSEWHERE)
    if objective.mean is not None:
        return _mean(objective.mean, named, field=f"{field}.mean")
    if objective.score is not None:
        return ResolvedSource(MeanOf(objective.score.sum, (objective.score.count,)), Origin.ELSEWHERE)
    if objective.level is not None:
        return _level(objective.level, named, field=f"{field}.level")
    raise InvalidSpec(field, "an objective needs exactly one kind")


class SignalNames:
    """The signals of one revision: those that the spec names, then those of its runtime's preset."""

    def __init__(self, signals: Signals | None, serving: Serving) -> None:
        self._signals = signals
        self._preset: presets.Preset | None = None
        if serving.runtime not in {"", Runtime.CUSTOM.value}:
            try:
                self._preset = presets.runtime(serving.runtime, serving.version)
            except LookupError as error:
                raise InvalidSpec("spec.model.runtimeVersion", str(error)) from None

    def find_given(self, name: str) -> str | HistogramSignal | None:
        """What the spec names."""
        return getattr(self._signals, to_snake(name)) if self._signals else None

    def preset(self, name: str) -> presets.Signal | None:
        """What the preset names."""
        return self._preset.signals.get(name) if self._preset else None

    def counters(self, name: str) -> tuple[str, ...] | None:
        """The counters of a signal; None when there are none."""
        given = self.find_given(name)
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
                return f"{title} has no {name}: {_sentence(why)}; {_sentence(fix)}"
            case presets.Mean(fix=fix):
                return f"{title} exports only the mean of {name} (measurable: MeanOnly); {_sentence(fix)}"
            case _ if title:
                return f"the preset of {title} names no {name}; name it as spec.signals.{name}"
            case _:
                return f"name it as spec.signals.{name}, or choose a spec.model.runtime that has it"


def _latency(
    latency: Latency, named: SignalNames, router: presets.RouterPreset | None, *, field: str
) -> ResolvedSource:
    name, seconds = latency.signal.value, latency.threshold.seconds
    if latency.source is CounterOwner.ROUTER:
        if router is None or router.latency is None:
            raise InvalidSpec(f"{field}.source", "spec.traffic.gateway.router names no router with a latency histogram")
        return _histogram(router.latency, seconds, Origin.ROUTER)
    given = named.find_given(name)
    if isinstance(given, HistogramSignal):
        return ResolvedSource(SlowerThan(given.histogram, seconds / given.unit.seconds), Origin.PODS)
    known = named.preset(name)
    if isinstance(known, presets.Histogram):
        return _histogram(known, seconds, Origin.PODS)
    raise InvalidSpec(field, f"a latency objective needs a histogram: {named.absence(name)}")


def _histogram(known: presets.Histogram, seconds: float, origin: Origin) -> ResolvedSource:
    threshold = seconds / TimeUnit(known.unit).seconds
    return ResolvedSource(SlowerThan(known.selector, threshold), origin, edges=known.bounds, remedy=known.fix)


def _errors(
    owner: CounterOwner | None, named: SignalNames, router: presets.RouterPreset | None, *, field: str
) -> ResolvedSource:
    requests, errors = named.counters("requests"), named.counters("errors")
    if owner is not CounterOwner.ROUTER and requests and errors:
        return ResolvedSource(CounterRatio(errors, requests), Origin.PODS)
    if owner is not CounterOwner.PODS and router is not None:
        return ResolvedSource(CounterRatio(router.errors.selectors, router.requests.selectors), Origin.ROUTER)
    missing = "errors" if requests else "requests"
    raise InvalidSpec(
        field,
        f"an errorRate objective needs counters: {named.absence(missing)};"
        " or set spec.traffic.gateway.router to read the gateway's",
    )


def _mean(mean: Mean, named: SignalNames, *, field: str) -> ResolvedSource:
    if mean.signal is None:
        assert mean.sum is not None  # noqa: S101 - the schema demands both
        assert mean.count is not None  # noqa: S101
        return ResolvedSource(MeanOf(mean.sum, (mean.count,)), Origin.ELSEWHERE)
    return ResolvedSource(_mean_of_signal(mean.signal.value, named, field=field), Origin.PODS)


def _mean_of_signal(name: str, named: SignalNames, *, field: str) -> Source:
    given, known = named.find_given(name), named.preset(name)
    if isinstance(given, HistogramSignal):
        return _mean_of_histogram(given.histogram, given.unit)
    if given is None and isinstance(known, presets.Histogram):
        return _mean_of_histogram(known.selector, TimeUnit(known.unit) if known.unit else None)
    if given is None and isinstance(known, presets.Mean):
        return MeanOf(known.amount, known.total, scale=TimeUnit(known.unit).seconds if known.unit else 1.0)
    tokens, requests = named.counters(name), named.counters("requests")
    if tokens and requests:
        return MeanOf(tokens[0], requests)
    raise InvalidSpec(field, f"a mean needs its signal: {named.absence('requests' if tokens else name)}")


def _mean_of_histogram(selector: str, unit: TimeUnit | None) -> MeanOf:
    return MeanOf(add_suffix(selector, "_sum"), (add_suffix(selector, "_count"),), scale=unit.seconds if unit else 1.0)


def _level(level: Level, named: SignalNames, *, field: str) -> ResolvedSource:
    if level.gauge is not None:
        return ResolvedSource(AboveLevel(level.gauge, level.max.value), Origin.ELSEWHERE)
    given, known = named.find_given("queueDepth"), named.preset("queueDepth")
    if isinstance(given, str):
        return ResolvedSource(AboveLevel(given, level.max.value), Origin.PODS)
    if isinstance(known, presets.Gauge):
        return ResolvedSource(AboveLevel(known.selector, level.max.value), Origin.PODS)
    raise InvalidSpec(field, f"a level objective needs a gauge: {named.absence('queueDepth')}")


def add_suffix(selector: str, suffix: str) -> str:
    """A selector whose metric name has a suffix: `seconds{a="b"}` and `_sum` give `seconds_sum{a="b"}`."""
    name, brace, labels = selector.partition("{")
    return f"{name}{suffix}{brace}{labels}"


def _sentence(text: str) -> str:
    """A sentence of a preset within another one."""
    return text[:1].lower() + text[1:].removesuffix(".") if text[1:2].islower() else text.removesuffix(".")
