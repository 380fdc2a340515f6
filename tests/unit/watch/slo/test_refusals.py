"""SLOs of others: what can be a promise of Palier becomes one; nothing else is passed over in silence."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from palier.api.spec.values import TimeUnit
from palier.errors import InvalidSpec
from palier.watch.slo.adopt import Adopted, adopt_records
from tests.support.watch.models import FORMATS
from tests.support.watch.slos import OBJECTS, OPENSLO, PYRRA, SLOTH

RATIO = {"bad": 'hits{code="500"}', "total": "hits", "maxPercent": "0.5"}
FIRST = ("spec", "slos", 0)
METRIC = ("spec", "indicator", "spec", "ratioMetric")


def change(form: str, path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """An object with another value at a place; None leaves the field out."""
    body: Any = copy.deepcopy(OBJECTS[form])
    place = body
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert isinstance(body, dict)
    return body


def read(form: str, body: Mapping[str, Any], *, unit: TimeUnit | None = None) -> tuple[Adopted, list[str]]:
    """The objectives of an object, and the fields that were left out."""
    left_out: list[str] = []
    return adopt_records(list(FORMATS[form].read_slo(body, left_out)), unit=unit), left_out


def test_an_slo_of_openslo_becomes_a_ratio() -> None:
    """Its limit is what its target leaves."""
    adopted, left_out = read("openslo", OPENSLO)

    assert list(adopted.objectives) == [{"name": "api-errors", "ratio": RATIO}]
    assert left_out == ["spec.objectives[0].displayName", "spec.indicator.metadata"]


def test_slos_of_sloth_become_objectives() -> None:
    """A ratio, and a share of slow requests with its histogram, whose name tells the unit."""
    adopted, left_out = read("sloth", SLOTH)

    assert list(adopted.objectives) == [
        {"name": "errors", "ratio": RATIO},
        {"name": "fast", "latency": {"percentile": 95, "threshold": "300ms"}},
    ]
    assert adopted.signals == {"latency": {"histogram": "time_seconds", "unit": "Seconds"}}
    assert left_out == [
        "metadata.labels",
        "spec.labels",
        "spec.slos[0].description",
        "spec.slos[0].alerting",
        "spec.slos[1].alerting",
    ]


def test_an_slo_of_pyrra_becomes_a_ratio() -> None:
    """Four weeks are 28 days, and no grouping is none."""
    adopted, left_out = read("pyrra", PYRRA)

    assert list(adopted.objectives) == [{"name": "api-errors", "ratio": RATIO}]
    assert left_out == ["spec.alerting"]


def test_a_native_histogram_of_pyrra_becomes_a_latency() -> None:
    """Palier reads classic and native histograms by the same name."""
    native = {"latencyNative": {"total": {"metric": "time_seconds"}, "latency": "1s"}}
    body = change("pyrra", ("spec", "indicator"), native)
    body["spec"]["target"] = "95"
    adopted, _ = read("pyrra", body)

    assert list(adopted.objectives) == [{"name": "api-errors", "latency": {"percentile": 95, "threshold": "1s"}}]
    assert adopted.signals == {"latency": {"histogram": "time_seconds", "unit": "Seconds"}}


def test_good_events_of_a_bucket_become_a_latency() -> None:
    """OpenSLO counts the good ones; the others are slow."""
    body = change("openslo", (*METRIC, "bad"), None)
    body["spec"]["indicator"]["spec"]["ratioMetric"] |= {
        "good": {"metricSource": {"spec": {"query": 'time_ms_bucket{le="250"}'}}},
        "total": {"metricSource": {"spec": {"query": "time_ms_count"}}},
    }
    body["spec"]["objectives"] = [{"targetPercent": 99}]
    adopted, _ = read("openslo", body)

    assert list(adopted.objectives) == [{"name": "api-errors", "latency": {"percentile": 99, "threshold": "250ms"}}]
    assert adopted.signals == {"latency": {"histogram": "time_ms", "unit": "Milliseconds"}}


def test_another_window_is_left_out_and_named() -> None:
    """An objective has none of its own."""
    assert (
        "spec.timeWindow[0].duration"
        in read("openslo", change("openslo", ("spec", "timeWindow"), [{"duration": "30d", "isRolling": True}]))[1]
    )
    assert "spec.window" in read("pyrra", change("pyrra", ("spec", "window"), "2w"))[1]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("new",), 1, "new"),
        (("metadata",), None, "metadata"),
        (("metadata", "name"), None, "metadata.name"),
        (("metadata", "name"), "Api_Errors", "metadata.name"),
        (("metadata", "name"), 5, "metadata.name"),
        (("spec",), [], "spec"),
        (("spec", "service"), None, "spec.service"),
        (("spec", "new"), 1, "spec.new"),
        (("spec", "indicatorRef"), "other", "spec.indicatorRef"),
        (("spec", "indicator"), None, "spec.indicator"),
        (("spec", "budgetingMethod"), "Timeslices", "spec.budgetingMethod"),
        (("spec", "timeWindow"), {}, "spec.timeWindow"),
        (("spec", "timeWindow", 0, "isRolling"), False, "spec.timeWindow[0].isRolling"),
        (("spec", "timeWindow", 0, "calendar"), {"startTime": "x"}, "spec.timeWindow[0].calendar"),
        (("spec", "timeWindow", 0, "new"), 1, "spec.timeWindow[0].new"),
        (("spec", "objectives"), [], "spec.objectives"),
        (("spec", "objectives"), [{"target": 0.9}, {"target": 0.99}], "spec.objectives"),
        (("spec", "objectives", 0, "target"), None, "spec.objectives[0].targetPercent"),
        (("spec", "objectives", 0, "target"), "much", "spec.objectives[0].target"),
        (("spec", "objectives", 0, "target"), True, "spec.objectives[0].target"),
        (("spec", "objectives", 0, "target"), float("nan"), "spec.objectives[0].target"),
        (("spec", "objectives", 0, "target"), 1, "spec.objectives[0].target"),
        (("spec", "objectives", 0, "target"), 0, "spec.objectives[0].target"),
        (("spec", "objectives", 0, "target"), 0.9999999, "spec.objectives[0].target"),
        (("spec", "objectives", 0, "targetPercent"), 99.5, "spec.objectives[0].targetPercent"),
        (("spec", "objectives", 0, "timeSliceTarget"), 0.9, "spec.objectives[0].timeSliceTarget"),
        (("spec", "objectives", 0, "op"), "lte", "spec.objectives[0].op"),
        (("spec", "objectives", 0, "compositeWeight"), 1, "spec.objectives[0].compositeWeight"),
        (("spec", "indicator", "spec", "thresholdMetric"), {}, "spec.indicator.spec.thresholdMetric"),
        (("spec", "indicator", "new"), 1, "spec.indicator.new"),
        ((*METRIC, "raw"), {}, "spec.indicator.spec.ratioMetric.raw"),
        ((*METRIC, "counter"), False, "spec.indicator.spec.ratioMetric.counter"),
        ((*METRIC, "bad"), None, "spec.indicator.spec.ratioMetric.bad"),
        ((*METRIC, "good"), {"metricSource": {"spec": {"query": "a"}}}, "spec.indicator.spec.ratioMetric.bad"),
        (
            (*METRIC, "bad", "metricSource", "type"),
            "Datadog",
            "spec.indicator.spec.ratioMetric.bad.metricSource.type",
        ),
        (
            (*METRIC, "bad", "metricSource", "spec", "query"),
            "rate(hits[5m])",
            "spec.indicator.spec.ratioMetric.bad.metricSource.spec.query",
        ),
        (
            (*METRIC, "total", "metricSource", "spec", "query"),
            "a - b",
            "spec.indicator.spec.ratioMetric.total.metricSource.spec.query",
        ),
        (
            (*METRIC, "total", "metricSource", "spec", "dimensions"),
            ["code"],
            "spec.indicator.spec.ratioMetric.total.metricSource.spec.dimensions",
        ),
        (
            (*METRIC, "total", "metricSource", "spec", "query"),
            "a + b",
            "spec.indicator.spec.ratioMetric.total",
        ),
        (
            (*METRIC, "total", "metricSource", "spec", "query"),
            'hits{pod=~"api-.*"}',
            "spec.indicator.spec.ratioMetric.total",
        ),
        (("metadata", "annotations"), {"palier.dev/new": "x"}, "metadata.annotations.palier.dev/new"),
        (("metadata", "annotations"), {"palier.dev/kind": 1}, "metadata.annotations.palier.dev/kind"),
    ],
)
def test_openslo_is_refused_with_the_field(path: tuple[str | int, ...], value: object, field: str) -> None:
    """Whatever means something that an objective cannot say."""
    with pytest.raises(InvalidSpec) as caught:
        read("openslo", change("openslo", path, value))
    assert caught.value.field == field


def test_good_events_that_are_no_bucket_are_refused() -> None:
    """The bad ones are a difference then, of which Palier has no counter."""
    body = change("openslo", (*METRIC, "bad"), None)
    metrics = body["spec"]["indicator"]["spec"]["ratioMetric"]
    for query, message in (("hits", "name them as `bad`"), ('t_bucket{le=~"1|2"}', "names no single edge")):
        metrics["good"] = {"metricSource": {"spec": {"query": query}}}
        metrics["total"] = {"metricSource": {"spec": {"query": "t_count"}}}
        with pytest.raises(InvalidSpec, match=message) as caught:
            read("openslo", body)
        assert caught.value.field == "spec.indicator.spec.ratioMetric.good"


EVENTS = (*FIRST, "sli", "events")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("spec", "new"), 1, "spec.new"),
        (("spec", "service"), None, "spec.service"),
        (("spec", "slos"), {}, "spec.slos"),
        ((*FIRST, "new"), 1, "spec.slos[0].new"),
        ((*FIRST, "name"), "fast", "spec.slos[1].name"),
        ((*FIRST, "name"), "Errors!", "spec.slos[0].name"),
        ((*FIRST, "objective"), None, "spec.slos[0].objective"),
        ((*FIRST, "objective"), 100, "spec.slos[0].objective"),
        (("spec", "slos", 1, "objective"), 99.9, "spec.slos[1].objective"),
        (("spec", "slos", 1, "objective"), 40, "spec.slos[1].objective"),
        ((*FIRST, "sli"), {"raw": {"errorRatioQuery": "x"}}, "spec.slos[0].sli.raw"),
        ((*FIRST, "sli"), {"plugin": {"id": "x"}}, "spec.slos[0].sli.plugin"),
        ((*FIRST, "sli"), {}, "spec.slos[0].sli.events"),
        ((*EVENTS, "errorQuery"), "sum(rate(hits[5m]))", "spec.slos[0].sli.events.errorQuery"),
        ((*EVENTS, "errorQuery"), None, "spec.slos[0].sli.events.errorQuery"),
        ((*EVENTS, "totalQuery"), "hits", "spec.slos[0].sli.events.totalQuery"),
        (
            (*EVENTS, "totalQuery"),
            "sum(rate(a[{{.window}}])) - sum(rate(b[{{.window}}]))",
            "spec.slos[0].sli.events.totalQuery",
        ),
        (
            (*EVENTS, "errorQuery"),
            "sum(rate(hits[{{.window}}])) - sum(rate(good[{{.window}}]))",
            "spec.slos[0].sli.events.errorQuery",
        ),
        (
            ("spec", "slos", 1, "sli", "events", "totalQuery"),
            "sum(rate(other_count[{{.window}}]))",
            "spec.slos[1].sli.events.errorQuery",
        ),
        (("metadata", "annotations"), {"palier.dev/kind": "ratio"}, "spec.slos"),
    ],
)
def test_sloth_is_refused_with_the_field(path: tuple[str | int, ...], value: object, field: str) -> None:
    """Whatever means something that an objective cannot say."""
    with pytest.raises(InvalidSpec) as caught:
        read("sloth", change("sloth", path, value))
    assert caught.value.field == field


INDICATOR = ("spec", "indicator")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("spec", "new"), 1, "spec.new"),
        (("spec", "target"), "x", "spec.target"),
        (("spec", "target"), "99.999999", "spec.target"),
        (INDICATOR, {}, "spec.indicator.ratio"),
        (INDICATOR, {"bool_gauge": {"metric": "up"}}, "spec.indicator.bool_gauge"),
        (INDICATOR, {"ratio": {}, "latency": {}}, "spec.indicator"),
        ((*INDICATOR, "ratio", "grouping"), ["handler"], "spec.indicator.ratio.grouping"),
        ((*INDICATOR, "ratio", "errors", "metric"), "a + b", "spec.indicator.ratio.errors.metric"),
        ((*INDICATOR, "ratio", "errors", "metric"), 'a{revision="x"}', "spec.indicator.ratio.errors"),
        ((*INDICATOR, "ratio", "total"), "hits", "spec.indicator.ratio.total"),
        (
            INDICATOR,
            {"latency": {"success": {"metric": "a"}, "total": {"metric": "b"}}},
            "spec.indicator.latency.success.metric",
        ),
        (
            INDICATOR,
            {"latency": {"success": {"metric": "s_bucket"}, "total": {"metric": "s_count"}}},
            "spec.indicator.latency.success.metric",
        ),
        (
            INDICATOR,
            {"latencyNative": {"latency": "soon", "total": {"metric": "a"}}},
            "spec.indicator.latencyNative.latency",
        ),
    ],
)
def test_pyrra_is_refused_with_the_field(path: tuple[str | int, ...], value: object, field: str) -> None:
    """Whatever means something that an objective cannot say."""
    with pytest.raises(InvalidSpec) as caught:
        read("pyrra", change("pyrra", path, value))
    assert caught.value.field == field


def latency(histogram: str, edge: str) -> dict[str, Any]:
    """An SLO of Pyrra about a histogram."""
    body = change("pyrra", ("spec", "target"), "95")
    success, total = f'{histogram}_bucket{{le="{edge}"}}', f"{histogram}_count"
    body["spec"]["indicator"] = {"latency": {"success": {"metric": success}, "total": {"metric": total}}}
    return body


def test_a_unit_that_no_name_tells_has_to_be_said() -> None:
    """A thousand times too slow would be no promise."""
    with pytest.raises(InvalidSpec, match="does not tell the unit of its edges: say it with --unit"):
        read("pyrra", latency("response_time", "250"))
    adopted, _ = read("pyrra", latency("response_time", "250"), unit=TimeUnit.MILLISECONDS)

    assert adopted.objectives[0]["latency"] == {"percentile": 95, "threshold": "250ms"}
    assert adopted.signals == {"latency": {"histogram": "response_time", "unit": "Milliseconds"}}


def test_a_name_goes_before_what_was_said() -> None:
    """`--unit` is for those that do not tell it."""
    adopted, _ = read("pyrra", latency("response_seconds", "2"), unit=TimeUnit.MILLISECONDS)

    assert adopted.objectives[0]["latency"]["threshold"] == "2s"


@pytest.mark.parametrize("edge", ["0.0005", "0", "-1"])
def test_an_edge_that_is_no_threshold_is_refused(edge: str) -> None:
    """Durations are whole milliseconds."""
    with pytest.raises(InvalidSpec, match="a threshold is a whole number of milliseconds"):
        read("pyrra", latency("response_seconds", edge))


def test_two_histograms_for_one_signal_are_refused() -> None:
    """A spec names one histogram of latency."""
    records = [*FORMATS["pyrra"].read_slo(latency("a_seconds", "1"), [])]
    other = latency("b_seconds", "1")
    other["metadata"]["name"] = "other"
    with pytest.raises(InvalidSpec, match=r"signals.latency is .*a_seconds.* for an objective before this one"):
        adopt_records([*records, *FORMATS["pyrra"].read_slo(other, [])])
