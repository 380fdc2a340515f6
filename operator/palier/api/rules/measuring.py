"""Can an objective be measured at all? Rules that refuse it at admission when nothing names the series that it needs.

A signal comes from `spec.signals`, else from the preset of `spec.model.runtime`, or of each variant's. The rules know
of every runtime which signals its preset has, so that "p95 on a server that only counts a mean" is refused with the
words that help.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from palier.api.field_names import to_snake
from palier.api.rule import Reason, Rule
from palier.api.spec.objectives import CountedSignal, TimeSignal
from palier.api.spec.spec import SpecFields
from palier.api.spec.values import CounterOwner, Runtime
from palier.presets import Counter, Gauge, Histogram, Mean, all_presets

_TIMED: Final = tuple(signal.value for signal in TimeSignal)
_TOKENS: Final = (CountedSignal.TOKENS_IN.value, CountedSignal.TOKENS_OUT.value)


def _offers(*kinds: type) -> dict[str, frozenset[str]]:
    """By runtime, the signals that any version of its preset has as one of these kinds."""
    offers: dict[str, frozenset[str]] = {Runtime.CUSTOM: frozenset()}
    for preset in all_presets():
        named = frozenset(name for name, signal in preset.signals.items() if isinstance(signal, kinds))
        offers[preset.name] = offers.get(preset.name, frozenset()) | named
    return offers


def _cel_map(offers: dict[str, frozenset[str]], names: Sequence[str]) -> str:
    entries = []
    for runtime in sorted(offers):
        offered = ", ".join(f"'{name}'" for name in names if name in offers[runtime])
        entries.append(f"'{runtime}': [{offered}]")
    return "{" + ", ".join(entries) + "}"


def _cel_named(variable: str, names: Sequence[str]) -> str:
    """Whether `signals` has the field that a variable names."""
    return " || ".join(f"{variable} == '{name}' && has(self.signals.{name})" for name in names)


def _cel_has(variable: str, names: Sequence[str], *kinds: type) -> str:
    offers = _cel_map(_offers(*kinds), names)
    own = f"has(self.model.runtime) && {variable} in {offers}[self.model.runtime]"
    return (
        f"(has(self.signals) && ({_cel_named(variable, names)})"
        f" || (!has(self.serving.variants) || self.serving.variants.size() == 0 ? {own} :"
        f" self.serving.variants.all(way, has(way.model) && has(way.model.runtime) ?"
        f" {variable} in {offers}[way.model.runtime] : {own})))"
    )


def _has(spec: SpecFields, name: str, *kinds: type) -> bool:
    if spec.signals is not None and getattr(spec.signals, to_snake(name)) is not None:
        return True
    offers = _offers(*kinds)
    return all(name in offers.get(runtime, frozenset()) for runtime in _runtimes(spec))


def _runtimes(spec: SpecFields) -> list[Runtime]:
    """The serving programs that a candidate may be: that of each variant, or of the model where there are none."""
    own = spec.model.runtime or Runtime.CUSTOM
    return [(variant.model and variant.model.runtime) or own for variant in spec.serving.variants] or [own]


def _router(spec: SpecFields) -> bool:
    return spec.traffic.gateway is not None and spec.traffic.gateway.router is not None


_CEL_ROUTER: Final = "has(self.traffic.gateway) && has(self.traffic.gateway.router)"


def _objectives(holds: Callable[[SpecFields, Any], bool], kind: str) -> Callable[[SpecFields], bool]:
    def all_hold(spec: SpecFields) -> bool:
        given = [getattr(objective, kind) for objective in spec.objectives]
        return all(one is None or holds(spec, one) for one in given)

    return all_hold


def _cel_objectives(kind: str, condition: str) -> str:
    return f"!has(self.objectives) || self.objectives.all(one, !has(one.{kind}) || {condition})"


def _latency_measurable(spec: SpecFields, latency: Any) -> bool:  # noqa: ANN401 - a Latency; no cycle of imports
    return latency.source is CounterOwner.ROUTER or _has(spec, latency.signal.value, Histogram)


def _errors_measurable(spec: SpecFields, error_rate: Any) -> bool:  # noqa: ANN401
    pods = _has(spec, "requests", Counter) and _has(spec, "errors", Counter)
    return (error_rate.source is not CounterOwner.ROUTER and pods) or (
        error_rate.source is not CounterOwner.PODS and _router(spec)
    )


def _reads_router(spec: SpecFields) -> bool:
    return any(
        kind is not None and kind.source is CounterOwner.ROUTER
        for objective in spec.objectives
        for kind in (objective.latency, objective.error_rate)
    )


def _mean_measurable(spec: SpecFields, mean: Any) -> bool:  # noqa: ANN401
    if mean.signal is None:
        return True
    name = mean.signal.value
    if name in _TOKENS:
        return _has(spec, name, Counter) and _has(spec, "requests", Counter)
    return _has(spec, name, Histogram, Mean)


def measuring_rules() -> tuple[Rule, ...]:
    """The rules of `spec`."""
    timed = _cel_has("one.latency.signal", _TIMED, Histogram)
    requests = _cel_has("'requests'", ("requests",), Counter)
    errors = _cel_has("'errors'", ("errors",), Counter)
    averaged = _cel_has("one.mean.signal", _TIMED, Histogram, Mean)
    tokens = _cel_has("one.mean.signal", _TOKENS, Counter)
    queue = _cel_has("'queueDepth'", ("queueDepth",), Gauge)
    return (
        Rule(
            cel=_cel_objectives("latency", f"has(one.latency.source) && one.latency.source == 'Router' || {timed}"),
            holds=_objectives(_latency_measurable, "latency"),
            message=(
                "a latency objective needs its signal as a histogram: name it in signals (signals.latency for the"
                " response time), choose a model.runtime whose preset has it, or read the router with source: Router"
            ),
            field=".objectives",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=_cel_objectives(
                "errorRate",
                f"(!has(one.errorRate.source) || one.errorRate.source == 'Pods') && {requests} && {errors}"
                f" || (!has(one.errorRate.source) || one.errorRate.source == 'Router') && {_CEL_ROUTER}",
            ),
            holds=_objectives(_errors_measurable, "error_rate"),
            message=(
                "an errorRate objective needs signals.requests and signals.errors, a model.runtime whose preset has"
                " both, or the gateway's own counters by traffic.gateway.router"
            ),
            field=".objectives",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=(
                "!has(self.objectives) || !self.objectives.exists(one, has(one.latency) && has(one.latency.source) &&"
                " one.latency.source == 'Router' || has(one.errorRate) && has(one.errorRate.source) &&"
                f" one.errorRate.source == 'Router') || {_CEL_ROUTER}"
            ),
            holds=lambda spec: not _reads_router(spec) or _router(spec),
            message="source: Router needs traffic.gateway.router, which says whose counters the gateway exports",
            field=".traffic",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=_cel_objectives("mean", f"!has(one.mean.signal) || {averaged} || {tokens} && {requests}"),
            holds=_objectives(_mean_measurable, "mean"),
            message=(
                "a mean of a signal needs that signal, and a mean of tokens needs signals.requests too: name it in"
                " signals, or choose a model.runtime that has it"
            ),
            field=".objectives",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=_cel_objectives("level", f"has(one.level.gauge) || {queue}"),
            holds=_objectives(lambda spec, level: level.gauge is not None or _has(spec, "queueDepth", Gauge), "level"),
            message="a level objective needs a gauge: name it there or as signals.queueDepth",
            field=".objectives",
            reason=Reason.REQUIRED,
        ),
    )
