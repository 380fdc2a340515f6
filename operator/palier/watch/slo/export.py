"""From a ModelDeployment's objectives to records: which series they read, told to tools that do not know revisions.

Palier adds to every selector by which it asks Prometheus whose series are meant. Other tools have to be told: the pods
of the stable revision, which changes with every promotion, or those of every revision, which users get answers from.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from palier import presets
from palier.api.spec.values import CounterOwner, Runtime
from palier.api.v1alpha1 import Latency, ModelDeployment, Objective
from palier.errors import InvalidSpec
from palier.measuring.matchers import anyone_of, narrow_selector, quote_value
from palier.measuring.resolve import ResolvedSource, Serving, proxy_namespaces, resolve
from palier.measuring.sources import CounterRatio, Origin, SlowerThan
from palier.watch.slo.record import Counters, Edge, Places, SloRecord, write_decimal
from palier.watch.slo.thresholds import write_milliseconds

EVERY_REVISION: Final = "[0-9a-f]{10}"
"""Regular expression of any revision."""
TRANSLATED: Final = ("errorRate", "latency", "ratio")
"""The kinds of objectives that other tools know."""

_ANY_POSITION: Final = "[0-9]+"
_SLOT: Final = "\x00"
"""Stands for what is a regular expression in a template whose rest is taken literally."""


class CountedBy(StrEnum):
    """Who exports the counters of a `ratio`."""

    PODS = "pods"
    REVISION = "revision"
    """Another program, with a label `revision`."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is written about a ModelDeployment."""

    records: tuple[SloRecord, ...]
    notes: tuple[str, ...]
    """What is not in the records, or only nearly."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose series are meant.

    Attributes:
        revision: hash of the stable revision; empty for every revision.
        serving: its serving program.
        ratios: who exports the counters of ratio objectives.
    """

    revision: str
    serving: Serving
    ratios: CountedBy = CountedBy.PODS


def export_objectives(deployment: ModelDeployment, scope: Scope) -> Export:
    """The records of all objectives that other tools know.

    Args:
        deployment: the spec.
        scope: whose series are meant.

    Raises:
        InvalidSpec: an objective names no series.
    """
    notes: list[str] = []
    records = []
    for index, objective in enumerate(deployment.spec.objectives):
        path = f"spec.objectives[{index}]"
        if any((objective.error_rate, objective.latency, objective.ratio)):
            records.append(_Writer(deployment, scope, objective, path, notes).record())
        else:
            notes.append(f"{path} ({objective.name}) is not written: only {', '.join(TRANSLATED)} objectives are SLOs")
    return Export(tuple(records), tuple(notes))


@dataclass(slots=True)
class _Writer:
    """Writes one objective."""

    deployment: ModelDeployment
    scope: Scope
    objective: Objective
    path: str
    notes: list[str]
    marks: dict[str, str] = field(default_factory=dict)

    def record(self) -> SloRecord:
        """The record of the objective."""
        name, namespace = self.deployment.metadata.name, self.deployment.metadata.namespace
        self.marks = {"modeldeployment": name, "objective": self.objective.name}
        resolved = resolve(self.deployment, self.objective, self.scope.serving, field=self.path)
        if resolved.origin is Origin.PODS and self.scope.serving.runtime not in {"", Runtime.CUSTOM.value}:
            self.marks["runtime"] = self.scope.serving.runtime
            if self.scope.serving.version:
                self.marks["runtimeVersion"] = self.scope.serving.version
        if resolved.origin is Origin.ROUTER:
            self.marks["router"] = self._router_name()
        target, indicator, promise = self._promise(resolved)
        self._mark_rest()
        return SloRecord(
            name=self.objective.name,
            service=name,
            namespace=namespace,
            target=target,
            indicator=indicator,
            description=f"{promise}: objective {self.objective.name} of {name} in {namespace}",
            marks=self.marks,
            places=Places(name=self.path),
        )

    def _promise(self, resolved: ResolvedSource) -> tuple[Decimal, Counters | Edge, str]:
        objective = self.objective
        if objective.latency is not None:
            return self._latency(objective.latency, resolved)
        assert isinstance(resolved.source, CounterRatio)  # noqa: S101 - errorRate and ratio objectives read counters
        matchers = self._matchers(resolved.origin)
        indicator = Counters(
            *(
                tuple(narrow_selector(selector, *matchers) for selector in selectors)
                for selectors in (resolved.source.bad, resolved.source.total)
            )
        )
        if objective.error_rate is not None:
            self.marks["kind"] = "errorRate"
            self._mark_source(objective.error_rate.source)
            limit, events = objective.error_rate.max_percent, "requests may fail"
        else:
            assert objective.ratio is not None  # noqa: S101 - no other kind comes here
            self.marks["kind"] = "ratio"
            limit, events = objective.ratio.max_percent, "events may be bad"
        plain = write_decimal(Decimal(limit))
        if plain != limit:
            self.marks["maxPercent"] = str(limit)
        return 100 - Decimal(limit), indicator, f"At most {plain} % of the {events}"

    def _latency(self, latency: Latency, resolved: ResolvedSource) -> tuple[Decimal, Counters | Edge, str]:
        source = resolved.source
        assert isinstance(source, SlowerThan)  # noqa: S101 - latency objectives read histograms
        self.marks |= {"kind": "latency", "signal": latency.signal.value}
        self._mark_source(latency.source)
        edge = Decimal(f"{source.threshold:.12g}")
        unit = Decimal(str(latency.threshold.seconds)) / edge
        self.marks["unit"] = {Decimal(1): "Seconds", Decimal("0.001"): "Milliseconds"}.get(unit, "Microseconds")
        if write_milliseconds(latency.threshold.seconds) != latency.threshold:
            self.marks["threshold"] = str(latency.threshold)
        if resolved.edges and not any(float(edge) == known for known in resolved.edges):
            self.notes.append(
                f"{self.path}.latency.threshold: {source.histogram} has no edge at {latency.threshold} by default, and "
                "other tools count nothing until it has one"
            )
        histogram = narrow_selector(source.histogram, *self._matchers(resolved.origin))
        promise = f"At least {latency.percentile} % of {latency.signal.value} within {latency.threshold}"
        return Decimal(latency.percentile), Edge(histogram, edge), promise

    def _mark_source(self, source: CounterOwner | None) -> None:
        if source is not None:
            self.marks["source"] = source.value

    def _mark_rest(self) -> None:
        """Keep what the other tools have no place for."""
        objective = self.objective
        rest = {"segmentBy": objective.segment_by, "labelDelay": objective.label_delay, "proof": objective.proof}
        for name, value in rest.items():
            if value is not None:
                self.marks[name] = str(value)
                self.notes.append(f"{self.path}.{name} means nothing to other tools; it is kept as an annotation")

    def _matchers(self, origin: Origin) -> tuple[str, ...]:
        """What is added to a selector so that it names the series that are meant."""
        revision = self.scope.revision
        name, namespace = self.deployment.metadata.name, self.deployment.metadata.namespace
        where = f"namespace={quote_value(namespace)}"
        match origin:
            case Origin.ROUTER:
                return self._router_matchers()
            case Origin.ELSEWHERE if self.scope.ratios is CountedBy.REVISION:
                return where, f"revision=~{quote_value(revision or EVERY_REVISION)}"
            case _:
                return where, f"pod=~{quote_value(f'{name}-{revision or EVERY_REVISION}-.+')}"

    def _router_matchers(self) -> tuple[str, ...]:
        preset = presets.router(self._router_name())
        name, namespace = self.deployment.metadata.name, self.deployment.metadata.namespace
        written = preset.value.format(namespace=namespace, name=name, revision=_SLOT, position=_SLOT)
        variable = self.scope.revision or EVERY_REVISION if "{revision}" in preset.value else _ANY_POSITION
        if "{position}" in preset.value and self.scope.revision:
            self.notes.append(
                f"{self.path}: the router counts by backend, so the candidate's requests are in it as well"
            )
        value = variable.join(re.sub(r"[.+*?()|\[\]{}^$\\]", r"\\\g<0>", part) for part in written.split(_SLOT))
        return anyone_of("namespace", proxy_namespaces(self.deployment)), f"{preset.label}=~{quote_value(value)}"

    def _router_name(self) -> str:
        gateway = self.deployment.spec.traffic.gateway
        if gateway is None or gateway.router is None:
            raise InvalidSpec(self.path, "spec.traffic.gateway.router names no router")
        return gateway.router.value
