"""Pyrra's `ServiceLevelObjective`: from it Pyrra makes rules of Prometheus and its own pages.

Pyrra takes one plain selector for each part, and no sum of counters and no expression for an edge.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from palier.api.spec.values import Duration
from palier.errors import InvalidSpec
from palier.watch.slo.fields import Fields
from palier.watch.slo.promql import Selector, bucket_selector, count_selector, parse_selector, read_edge
from palier.watch.slo.record import WINDOW_DAYS, Counters, Edge, Places, SloRecord, write_decimal

API_VERSION: Final = "pyrra.dev/v1alpha1"
KIND: Final = "ServiceLevelObjective"

_DURATION: Final[TypeAdapter[Duration]] = TypeAdapter(Duration)


def write_slo(record: SloRecord) -> dict[str, Any]:
    """The object of a record.

    Raises:
        InvalidSpec: it counts by several counters, of which Pyrra takes one.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": record.object_name, "namespace": record.namespace, "annotations": record.annotations},
        "spec": {
            "description": record.description,
            "target": write_decimal(record.target),
            "window": f"{WINDOW_DAYS}d",
            "indicator": _write_indicator(record),
        },
    }


def read_slo(body: Mapping[str, Any], left_out: list[str]) -> Iterator[SloRecord]:
    """The record of an object.

    Args:
        body: the object.
        left_out: gets the fields that are no part of a promise.

    Raises:
        InvalidSpec: a part of it means something that Palier cannot promise.
    """
    slo = Fields(body, "", left_out)
    slo.check_names(("apiVersion", "kind", "metadata", "spec"), left_out=("status",))
    marks = slo.marks()
    metadata, spec = slo.part("metadata"), slo.part("spec")
    spec.check_names(
        ("target", "window", "indicator"), left_out=("description", "alerting", "partial_response_strategy")
    )
    name = metadata.text("name")
    if spec.has("window") and spec.text("window") not in {f"{WINDOW_DAYS}d", f"{WINDOW_DAYS // 7}w"}:
        spec.leave_out("window")
    indicator, places = _read_indicator(spec.part("indicator"), spec.name_field("target"))
    yield SloRecord(
        name=marks.get("objective", name),
        service=marks.get("modeldeployment", name),
        namespace=metadata.text("namespace") if metadata.has("namespace") else "",
        target=spec.number("target"),
        indicator=indicator,
        marks=marks,
        places=places,
    )


def _write_indicator(record: SloRecord) -> dict[str, Any]:
    indicator = record.indicator
    if isinstance(indicator, Edge):
        success, total = bucket_selector(indicator, exact=True), count_selector(indicator)
        return {"latency": {"success": {"metric": success}, "total": {"metric": total}}}
    errors, total = (_take_single(one, record.places.name) for one in (indicator.bad, indicator.total))
    return {"ratio": {"errors": {"metric": errors}, "total": {"metric": total}}}


def _take_single(selectors: Sequence[str], field: str) -> str:
    if len(selectors) != 1:
        raise InvalidSpec(field, f"Pyrra takes one counter, and these are added up: {', '.join(selectors)}")
    return selectors[0]


def _read_indicator(indicator: Fields, target: str) -> tuple[Counters | Edge, Places]:
    indicator.check_names(("ratio", "latency", "latencyNative", "bool_gauge"))
    if indicator.has("bool_gauge"):
        indicator.refuse("bool_gauge", "Palier counts events, and this is a gauge")
    if sum(indicator.has(kind) for kind in ("ratio", "latency", "latencyNative")) > 1:
        indicator.refuse("", "one of ratio, latency and latencyNative can be given")
    if indicator.has("latencyNative"):
        return _read_native(indicator.part("latencyNative"), target)
    if indicator.has("latency"):
        latency = indicator.part("latency")
        latency.check_names(("success", "total", "grouping"))
        _check_grouping(latency)
        success, total = _read_metric(latency, "success"), _read_metric(latency, "total")
        try:
            edge = read_edge(success, total)
        except ValueError as error:
            latency.refuse("success.metric", str(error))
        if edge is None:
            latency.refuse("success.metric", "this has to be a bucket of the histogram whose count is the total")
        return edge, _name_places(latency, target, "success")
    ratio = indicator.part("ratio")
    ratio.check_names(("errors", "total", "grouping"))
    _check_grouping(ratio)
    counters = Counters((_read_metric(ratio, "errors").text,), (_read_metric(ratio, "total").text,))
    return counters, _name_places(ratio, target, "errors")


def _read_native(latency: Fields, target: str) -> tuple[Edge, Places]:
    latency.check_names(("latency", "total", "grouping"))
    _check_grouping(latency)
    try:
        threshold = _DURATION.validate_python(latency.text("latency"))
    except ValidationError as error:
        latency.refuse("latency", error.errors()[0]["msg"])
    seconds = Decimal(str(threshold.seconds))
    return Edge(_read_metric(latency, "total").text, seconds), _name_places(latency, target, "latency")


def _check_grouping(indicator: Fields) -> None:
    if indicator.is_filled("grouping"):
        indicator.refuse(
            "grouping", "an SLO for each group is another promise than one for all; see segmentBy of an objective"
        )


def _read_metric(indicator: Fields, name: str) -> Selector:
    part = indicator.part(name)
    part.check_names(("metric",))
    try:
        return parse_selector(part.text("metric"))
    except ValueError as error:
        part.refuse("metric", str(error))


def _name_places(indicator: Fields, target: str, bad: str) -> Places:
    return Places(target=target, bad=indicator.name_field(bad), total=indicator.name_field("total"))
