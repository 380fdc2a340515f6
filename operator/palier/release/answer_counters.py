"""Which counters tell how many requests each serving revision has answered, for what an answer costs.

It is an objective that nobody judges: errors among all requests, so that the same code reads and counts it. Here a
revision whose failures are not counted is read as well: requests without their failures are better than none.
"""

from typing import Final

from palier.api.spec.objectives import HistogramSignal
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec
from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import WatchedRelease
from palier.measuring.resolve import SignalNames, add_suffix, proxy_namespaces
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from palier.presets import Histogram, router
from palier.release.state import RevisionRef, State

NOBODY: Final = "-"
"""No revision: stands for the candidate while there is none, or none that has met users."""

_UNJUDGED: Final = ObjectiveRule(name="answered", limit=0.5, margin=1.0, alpha=0.5)


def choose_counters(deployment: ModelDeployment, state: State) -> WatchedRelease | str:
    """The serving revisions and their one pair of counters, or why there are none.

    Counters of pods are read where all of them count failures too, else the router's, else whatever they count.

    Args:
        deployment: the spec.
        state: the memory: stable, and the candidate once it has traffic.
    """
    stable, candidate = state.stable, _in_traffic(state)
    if stable is None:
        return "no revision serves yet"
    serving = [reference for reference in (candidate, stable) if reference]
    try:
        counters = [_of_pods(deployment, reference) for reference in serving]
    except InvalidSpec as error:
        return f"{error.field}: {error.message}"
    gateway = deployment.spec.traffic.gateway
    origin, series = Origin.PODS, None
    if gateway and gateway.router and not all(one and one.bad for one in counters):
        preset = router(gateway.router.value)
        counters = [CounterRatio(preset.errors.selectors, preset.requests.selectors)] * len(serving)
        origin, series = Origin.ROUTER, find_router_series(deployment, state, candidate)
        if series is None:
            return "the route has no backend position yet"
    if not all(counters):
        lacking = next(reference for reference, one in zip(serving, counters, strict=True) if one is None)
        return (
            f"nothing counts the requests of {lacking.revision}: name their counter as spec.signals.requests, or set "
            "spec.traffic.gateway.router to read the gateway's"
        )
    sources = [one for one in counters if one]
    return WatchedRelease(
        candidate=candidate.revision if candidate else NOBODY,
        stable=stable.revision,
        stage_index=0,
        begun_at=0.0,
        traffic_since=None,
        objectives=(MeasuredObjective(_UNJUDGED, sources[0], sources[-1], origin=origin),),
        evidence={},
        router=series,
    )


def _in_traffic(state: State) -> RevisionRef | None:
    """The candidate, if users may have met it in this release."""
    return state.candidate if state.release and state.release.has_met_users else None


def _of_pods(deployment: ModelDeployment, reference: RevisionRef) -> CounterRatio | None:
    """Failures and requests as the pods count them; failures may be missing."""
    named = SignalNames(deployment.spec.signals, reference.serving)
    requests, errors = named.counters("requests"), named.counters("errors")
    if requests:
        return CounterRatio(errors or (), requests)
    given, known = named.find_given("latency"), named.preset("latency")
    if isinstance(given, HistogramSignal):
        return CounterRatio((), (add_suffix(given.histogram, "_count"),))
    if isinstance(known, Histogram):
        return CounterRatio((), (add_suffix(known.selector, "_count"),))
    return None


def find_router_series(deployment: ModelDeployment, state: State, candidate: RevisionRef | None) -> RouterSeries | None:
    """How the proxies' series of what serves are told apart; None without a router, or while stable has no position."""
    gateway, stable = deployment.spec.traffic.gateway, state.stable
    if not (gateway and gateway.router and stable and stable.revision in (state.backend_positions or ())):
        return None
    assert state.backend_positions is not None  # noqa: S101 - stable is in it
    preset, position = router(gateway.router.value), state.backend_positions.index(stable.revision)
    where = {"namespace": deployment.metadata.namespace, "name": deployment.metadata.name}
    other = candidate.revision if candidate else NOBODY
    return RouterSeries(
        preset.label,
        candidate=preset.backend(**where, revision=other, position=1 - position),
        stable=preset.backend(**where, revision=stable.revision, position=position),
        namespaces=proxy_namespaces(deployment),
    )
