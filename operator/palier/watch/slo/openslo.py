"""OpenSLO v1: one SLO with its indicator in it, for any tool that speaks the specification.

The queries are those of counters, as `counter: true` says; whoever reads them computes the increase over the window.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from palier.errors import InvalidSpec
from palier.watch.slo.fields import Fields
from palier.watch.slo.promql import (
    Selector,
    bucket_selector,
    count_selector,
    parse_sums,
    read_edge,
    write_sum,
)
from palier.watch.slo.record import WINDOW_DAYS, Counters, Edge, Places, SloRecord, write_number

API_VERSION: Final = "openslo/v1"
KIND: Final = "SLO"
LONGEST_NAME: Final = 63
"""Characters of a name, which has to be a DNS label."""


def write_slo(record: SloRecord) -> dict[str, Any]:
    """The object of a record.

    Raises:
        InvalidSpec: its name would be too long.
    """
    if len(record.object_name) > LONGEST_NAME:
        raise InvalidSpec(
            record.places.name,
            f"names in OpenSLO have at most {LONGEST_NAME} characters, and it would be called {record.object_name}",
        )
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": record.object_name, "annotations": record.annotations},
        "spec": {
            "description": record.description,
            "service": record.service,
            "indicator": {
                "metadata": {"name": record.object_name},
                "spec": {"ratioMetric": {"counter": True, **_write_metrics(record.indicator)}},
            },
            "timeWindow": [{"duration": f"{WINDOW_DAYS}d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"target": write_number(record.target / 100)}],
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
    slo.check_names(("apiVersion", "kind", "metadata", "spec"))
    marks = slo.marks()
    name = slo.part("metadata").text("name")
    spec = slo.part("spec")
    spec.check_names(
        ("service", "indicator", "indicatorRef", "timeWindow", "budgetingMethod", "objectives"),
        left_out=("description", "alertPolicies"),
    )
    if spec.has("indicatorRef"):
        spec.refuse("indicatorRef", "the indicator has to stand in the SLO itself, as `indicator`")
    spec.check_value("budgetingMethod", "Occurrences", "Palier counts events, and no slices of time: Occurrences")
    _check_window(spec)
    objectives = list(spec.parts("objectives"))
    if len(objectives) != 1:
        spec.refuse("objectives", "an SLO with one objective can be read; write one SLO for each")
    objective = objectives[0]
    objective.check_names(("target", "targetPercent"), left_out=("displayName",))
    ratio = objective.has("target")
    target = objective.number("target") * 100 if ratio else objective.number("targetPercent")
    if ratio and objective.has("targetPercent"):
        objective.refuse("targetPercent", "either target or targetPercent says it")
    indicator, places = _read_indicator(
        spec.part("indicator"), objective.name_field("target" if ratio else "targetPercent")
    )
    yield SloRecord(
        name=marks.get("objective", name),
        service=spec.text("service"),
        namespace="",
        target=target,
        indicator=indicator,
        marks=marks,
        places=places,
    )


def _write_metrics(indicator: Counters | Edge) -> dict[str, Any]:
    if isinstance(indicator, Edge):
        return {"good": _write_source(bucket_selector(indicator)), "total": _write_source(count_selector(indicator))}
    bad, total = (one[0] if len(one) == 1 else write_sum(one) for one in (indicator.bad, indicator.total))
    return {"bad": _write_source(bad), "total": _write_source(total)}


def _write_source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _check_window(spec: Fields) -> None:
    if not spec.has("timeWindow"):
        return
    windows = list(spec.parts("timeWindow"))
    for window in windows:
        window.check_names(("duration", "isRolling", "calendar"))
        if window.has("calendar"):
            window.refuse("calendar", "Palier's windows roll; they do not begin with a month")
        window.check_value("isRolling", expected=True, message="Palier's windows roll: true")
        if window.text("duration") != f"{WINDOW_DAYS}d":
            window.leave_out("duration")


def _read_indicator(indicator: Fields, target: str) -> tuple[Counters | Edge, Places]:
    indicator.check_names(("spec",), left_out=("metadata",))
    spec = indicator.part("spec")
    spec.check_names(("ratioMetric", "thresholdMetric"), left_out=("description",))
    if spec.has("thresholdMetric"):
        spec.refuse("thresholdMetric", "Palier promises a share of events: ratioMetric")
    ratio = spec.part("ratioMetric")
    ratio.check_names(("counter", "good", "bad", "total", "raw", "rawType"))
    if ratio.has("raw"):
        ratio.refuse("raw", "Palier counts events, and cannot count a share: bad or good, and total")
    ratio.check_value("counter", expected=True, message="Palier reads counters: true")
    which = "good" if ratio.has("good") else "bad"
    if which == "good" and ratio.has("bad"):
        ratio.refuse("bad", "either good or bad can be given")
    counted, total = _read_source(ratio.part(which)), _read_source(ratio.part("total"))
    places = Places(target=target, bad=ratio.name_field(which), total=ratio.name_field("total"))
    if which == "bad":
        return Counters(tuple(one.text for one in counted), tuple(one.text for one in total)), places
    try:
        edge = read_edge(counted[0], total[0]) if len(counted) == len(total) == 1 else None
    except ValueError as error:
        ratio.refuse("good", str(error))
    if edge is None:
        ratio.refuse("good", "Palier counts bad events: name them as `bad`, or the bucket of a histogram here")
    return edge, places


def _read_source(metric: Fields) -> tuple[Selector, ...]:
    metric.check_names(("metricSource",))
    source = metric.part("metricSource")
    source.check_names(("type", "spec"), left_out=("metricSourceRef",))
    if source.has("type") and source.text("type").lower() != "prometheus":
        source.refuse("type", "Palier asks Prometheus only")
    spec = source.part("spec")
    spec.check_names(("query",))
    try:
        sums = parse_sums(spec.text("query"))
    except ValueError as error:
        spec.refuse("query", str(error))
    if sums.minus:
        spec.refuse("query", "counters can be added here, and not subtracted")
    return sums.plus
