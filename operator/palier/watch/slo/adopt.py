"""From records to the objectives and signals of a ModelDeployment.

What Palier itself has written carries annotations, by which it becomes the very same objective again. The queries are
read all the same, because somebody may have changed them since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter, ValidationError

from palier import presets
from palier.api.spec.values import Duration, Percent, TimeUnit
from palier.api.v1alpha1 import Objective, Signals
from palier.errors import InvalidSpec
from palier.presets.library import RUNTIMES
from palier.watch.slo.promql import Matcher, Selector, parse_selector
from palier.watch.slo.record import PREFIX, Counters, Edge, SloRecord, write_decimal
from palier.watch.slo.thresholds import guess_unit, write_threshold

_KINDS: Final = frozenset({"errorRate", "latency", "ratio"})
_KEPT: Final = ("segmentBy", "labelDelay", "proof")
"""Fields of an objective that are kept as annotations."""
_MARKS: Final = frozenset(
    {
        "modeldeployment",
        "objective",
        "kind",
        "source",
        "signal",
        "unit",
        "threshold",
        "maxPercent",
        "runtime",
        "runtimeVersion",
        "router",
        *_KEPT,
    }
)
_PERCENT: Final[TypeAdapter[Percent]] = TypeAdapter(Percent)
_WHOSE: Final = frozenset({"pod", "revision"})
"""Labels by which Palier itself tells whose series are meant."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What goes into the spec of a ModelDeployment."""

    objectives: tuple[dict[str, Any], ...]
    signals: Mapping[str, Any]
    """Empty where none has to be named."""
    needs: tuple[str, ...]
    """What else the spec has to say for these objectives."""


def adopt_records(records: Iterable[SloRecord], *, unit: TimeUnit | None = None) -> Adopted:
    """The objectives and signals of records.

    Args:
        records: what was read.
        unit: of histograms whose names do not tell it.

    Raises:
        InvalidSpec: a record promises what no objective can; the field is the one in the file.
    """
    signals: dict[str, Any] = {}
    needs: dict[str, None] = {}
    objectives: dict[str, dict[str, Any]] = {}
    for record in records:
        reader = _Reader(record, unit, signals, needs)
        objective = reader.objective()
        if record.name in objectives:
            reader.refuse(record.places.name, f"an objective before this one is called {record.name}, too")
        objectives[record.name] = objective
    return Adopted(tuple(objectives.values()), signals, tuple(needs))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one record."""

    record: SloRecord
    unit: TimeUnit | None
    signals: dict[str, Any] = field(repr=False)
    needs: dict[str, None] = field(repr=False)

    def objective(self) -> dict[str, Any]:
        """The objective as YAML has it."""
        marks, indicator = self.record.marks, self.record.indicator
        for name in marks:
            if name not in _MARKS:
                self._refuse_mark(name, "no version of Palier that is known here writes this annotation")
        kind = marks.get("kind", "latency" if isinstance(indicator, Edge) else "ratio")
        if kind not in _KINDS or (kind == "latency") != isinstance(indicator, Edge):
            self._refuse_mark("kind", f"{kind!r} does not fit the queries")
        said = self._latency(indicator) if isinstance(indicator, Edge) else self._share(kind, indicator)
        if "source" in marks:
            said["source"] = marks["source"]
        objective = {"name": self.record.name, kind: said}
        objective |= {name: marks[name] for name in _KEPT if name in marks}
        self._check(objective)
        return objective

    def refuse(self, place: str, message: str) -> NoReturn:
        """Refuse a field of the object."""
        origin = f"{self.record.origin}: " if self.record.origin else ""
        raise InvalidSpec(f"{origin}{place}", message)

    def _refuse_mark(self, name: str, message: str) -> NoReturn:
        self.refuse(f"metadata.annotations.{PREFIX}{name}", message)

    def _share(self, kind: str, counters: Counters) -> dict[str, Any]:
        places = self.record.places
        bad, total = (
            tuple(self._unscope(one, place) for one in selectors)
            for selectors, place in ((counters.bad, places.bad), (counters.total, places.total))
        )
        limit = {"maxPercent": self._max_percent()}
        if kind == "errorRate":
            self._name_counters({"errors": (bad, places.bad), "requests": (total, places.total)})
            return limit
        return {"bad": self._take_single(bad, places.bad), "total": self._take_single(total, places.total), **limit}

    def _latency(self, edge: Edge) -> dict[str, Any]:
        marks, places = self.record.marks, self.record.places
        histogram = self._unscope(edge.histogram, places.total)
        unit = self._unit(histogram)
        percentile = self.record.target
        if percentile != percentile.to_integral_value() or not 50 <= percentile <= 99:  # noqa: PLR2004 - as the API says
            self.refuse(
                places.target,
                f"a latency objective has a whole percentile from 50 to 99, and {write_decimal(percentile)} is none",
            )
        try:
            threshold = write_threshold(edge.edge, unit)
        except ValueError as error:
            self.refuse(places.bad, str(error))
        written = marks.get("threshold", threshold)
        if Duration(written).seconds != Duration(threshold).seconds:
            self._refuse_mark("threshold", f"{written} is not the edge of the query, which is {threshold}")
        signal = marks.get("signal", "latency")
        self._name_histogram(signal, histogram, unit)
        said = {"percentile": int(percentile), "threshold": written}
        return {"signal": signal, **said} if signal != "latency" else said

    def _max_percent(self) -> str:
        found = write_decimal(100 - self.record.target)
        written = self.record.marks.get("maxPercent", found)
        for text in (found, written):
            try:
                _PERCENT.validate_python(text)
            except ValidationError as error:
                self.refuse(self.record.places.target, f"{text} % may be bad: {_words(error)}")
        if Decimal(written) != Decimal(found):
            self._refuse_mark("maxPercent", f"{written} is not what the target allows, which is {found}")
        return written

    def _unit(self, histogram: str) -> TimeUnit:
        marked = self.record.marks.get("unit")
        if marked is not None and marked not in set(TimeUnit):
            self._refuse_mark("unit", f"{marked} is none of {', '.join(TimeUnit)}")
        found = TimeUnit(marked) if marked is not None else guess_unit(histogram) or self.unit
        if found is None:
            self.refuse(
                self.record.places.bad,
                f"the name {histogram} does not tell the unit of its edges: say it with --unit",
            )
        return found

    def _unscope(self, text: str, place: str) -> str:
        """A selector without the matchers by which Palier has told whose series are meant."""
        try:
            selector = parse_selector(text)
        except ValueError as error:
            self.refuse(place, str(error))
        if self.record.marks:
            *matchers, namespace, whose = (*(None, None), *selector.matchers)
            labels = {*_WHOSE, *self._router_labels()}
            if namespace is None or whose is None or namespace.label != "namespace" or whose.label not in labels:
                self.refuse(
                    place,
                    f"{text} does not end as Palier has written it, with namespace and {' or '.join(sorted(labels))}; "
                    f"without the annotations {PREFIX}… it is read as an SLO of others",
                )
            selector = Selector(selector.name, tuple(one for one in matchers if isinstance(one, Matcher)))
        for matcher in selector.matchers:
            if matcher.label in _WHOSE:
                self.refuse(
                    place,
                    f"the label {matcher.label} tells whose series are meant, and Palier says that itself: leave it "
                    f"out of {text}",
                )
        return selector.text

    def _router_labels(self) -> tuple[str, ...]:
        router = self.record.marks.get("router")
        if router is None:
            return ()
        if router not in presets.ROUTERS:
            self._refuse_mark("router", f"there is no preset for {router!r}")
        return (presets.router(router).label,)

    def _take_single(self, selectors: Sequence[str], place: str) -> str:
        if len(selectors) != 1:
            self.refuse(place, f"an objective names one counter, and these are added up: {', '.join(selectors)}")
        return selectors[0]

    def _name_counters(self, found: Mapping[str, tuple[tuple[str, ...], str]]) -> None:
        """Name counters as signals, unless the preset does that."""
        router = self.record.marks.get("router")
        if router is not None:
            preset = presets.router(router)
            known = {"errors": preset.errors.selectors, "requests": preset.requests.selectors}
            for name, (selectors, place) in found.items():
                if selectors != known[name]:
                    self.refuse(place, f"these are not the counters of {router}, which Palier reads by itself")
            self._need_router(router)
            return
        for name, (selectors, place) in found.items():
            signal = self._preset_signal(name)
            if not (isinstance(signal, presets.Counter) and signal.selectors == selectors):
                self._name_signal(name, self._take_single(selectors, place), place)

    def _name_histogram(self, signal: str, histogram: str, unit: TimeUnit) -> None:
        place = self.record.places.total
        router = self.record.marks.get("router")
        if router is not None:
            known = presets.router(router).latency
            if known is None or known.selector != histogram:
                self.refuse(place, f"this is not the histogram of {router}, which Palier reads by itself")
            self._need_router(router)
            return
        preset = self._preset_signal(signal)
        if not (isinstance(preset, presets.Histogram) and (preset.selector, preset.unit) == (histogram, unit.value)):
            self._name_signal(signal, {"histogram": histogram, "unit": unit.value}, place)

    def _need_router(self, router: str) -> None:
        self.needs[f"spec.traffic.gateway.router: {router}"] = None

    def _preset_signal(self, name: str) -> presets.Signal | None:
        runtime, version = (self.record.marks.get(mark, "") for mark in ("runtime", "runtimeVersion"))
        if runtime not in RUNTIMES:
            return None
        try:
            signal = presets.runtime(runtime, version).signals.get(name)
        except LookupError as error:
            self._refuse_mark("runtimeVersion", str(error))
        needed = f"spec.model.runtime: {runtime}" + (f" and runtimeVersion: {version}" if version else "")
        if isinstance(signal, presets.Counter | presets.Histogram):
            self.needs[needed] = None
        return signal

    def _name_signal(self, name: str, written: object, place: str) -> None:
        if self.signals.setdefault(name, written) != written:
            self.refuse(
                place, f"signals.{name} is {self.signals[name]} for an objective before this one, and {written} here"
            )
        try:
            Signals.model_validate({name: written})
        except ValidationError as error:
            self.refuse(place, _words(error))

    def _check(self, objective: dict[str, Any]) -> None:
        """Check an objective by the rules of the API."""
        try:
            Objective.model_validate(objective)
        except ValidationError as error:
            first = error.errors()[0]["loc"]
            places = {"name": self.record.places.name, "bad": self.record.places.bad, "total": self.record.places.total}
            known = next((places[str(step)] for step in reversed(first) if str(step) in places), "")
            mark = next((str(step) for step in reversed(first) if str(step) in self.record.marks), "")
            self.refuse(known or f"metadata.annotations.{PREFIX}{mark or 'kind'}", _words(error))


def _words(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"]
