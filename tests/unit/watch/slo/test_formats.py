"""What OpenSLO, Sloth and Pyrra get: the very text, and the same objectives when it is read again."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.api.v1alpha1 import parse
from palier.errors import InvalidSpec
from palier.measuring.resolve import Serving
from palier.watch.slo import openslo
from palier.watch.slo.export import CountedBy, Scope, export_objectives
from tests.support.thorough import examples
from tests.support.watch.models import FORMATS, OBJECTIVES, REVISION, SIGNALS, adopt, describe_model, export

GOLDEN = Path(__file__).parent / "golden"
ROUTED = (
    {"name": "errors", "errorRate": {"maxPercent": "1"}},
    {"name": "slow", "latency": {"percentile": 99, "threshold": "1s", "source": "Router"}},
)
PRESET = (
    {"name": "errors", "errorRate": {"maxPercent": "1"}},
    {"name": "slow", "latency": {"percentile": 99, "threshold": "1s"}},
)


def plain(objectives: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Objectives as YAML has them."""
    return [dict(one) for one in objectives]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written(form: str) -> None:
    """Every field and every query, as somebody has read them.

    After a change: PALIER_WRITE_GOLDEN=1 .venv/bin/python -m pytest tests/unit/watch/slo
    """
    written = yaml.safe_dump_all(export(describe_model(), form), sort_keys=False, width=10_000)
    path = GOLDEN / f"{form}.yaml"
    if os.environ.get("PALIER_WRITE_GOLDEN"):
        path.write_text(written, encoding="utf-8")

    assert written == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_written_is_read_as_the_same_objectives(form: str) -> None:
    """With their proofs and groups, and with the signals that they read."""
    found = adopt(export(describe_model(), form), form)

    assert list(found.objectives) == plain(OBJECTIVES)
    assert found.signals == {
        **SIGNALS,
        "latency": {"histogram": 'http_request_duration_seconds{handler="/predict"}', "unit": "Seconds"},
    }
    assert found.needs == ()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("revision", [REVISION, ""])
@pytest.mark.parametrize("ratios", CountedBy)
def test_whose_series_are_meant_does_not_change_an_objective(form: str, revision: str, ratios: CountedBy) -> None:
    """One revision or all of them, counted by the pods or elsewhere."""
    objects = export(describe_model(), form, revision=revision, ratios=ratios)

    assert list(adopt(objects, form).objectives) == plain(OBJECTIVES)


@pytest.mark.parametrize("form", ["openslo", "sloth"])
@pytest.mark.parametrize("runtime", ["triton", "tgi", "ray-serve", "vllm"])
def test_a_preset_names_no_signals(form: str, runtime: str) -> None:
    """What the serving program's preset knows is not written into the spec, also where it adds counters up."""
    objectives = [one for one in PRESET if runtime not in {"vllm", "triton"} or "errorRate" in one]
    body = describe_model(objectives, signals=None, runtime=runtime, router="EnvoyGateway" if runtime == "vllm" else "")
    found = adopt(export(body, form), form)

    assert list(found.objectives) == plain(objectives)
    assert found.signals == {}
    assert found.needs == (
        ("spec.traffic.gateway.router: EnvoyGateway",) if runtime == "vllm" else (f"spec.model.runtime: {runtime}",)
    )


def test_a_preset_belongs_to_a_version() -> None:
    """Whoever reads it has to know for which one it holds."""
    body = describe_model(PRESET[1:], signals=None, runtime="vllm", runtime_version="0.10.2")
    objects = export(body, "pyrra")

    assert adopt(objects, "pyrra").needs == ("spec.model.runtime: vllm and runtimeVersion: 0.10.2",)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("router", ["EnvoyGateway", "Istio"])
@pytest.mark.parametrize("revision", [REVISION, ""])
def test_counters_of_the_gateway(form: str, router: str, revision: str) -> None:
    """The proxies' series of the route, where they run; the dots of a name stand for dots."""
    body = describe_model(ROUTED, signals=None, router=router)
    objects = export(body, form, revision=revision)
    found = adopt(objects, form)

    assert list(found.objectives) == plain(ROUTED)
    assert found.signals == {}
    assert found.needs == (f"spec.traffic.gateway.router: {router}",)
    text = yaml.safe_dump(objects, width=10_000)
    if router == "EnvoyGateway":
        assert 'envoy_cluster_name=~"httproute/ml/chat/rule/0/backend/[0-9]+"' in text
    else:
        whose = revision or "[0-9a-f]{10}"
        assert rf'destination_service=~"chat-{whose}\\.ml\\.svc\\.cluster\\.local"' in text


def test_a_text_that_is_written_in_another_way_is_kept() -> None:
    """`0.50` and `1500ms` come back as they were."""
    objectives = (
        {"name": "errors", "errorRate": {"maxPercent": "0.50"}},
        {"name": "slow", "latency": {"percentile": 99, "threshold": "1m30s"}},
    )
    found = adopt(export(describe_model(objectives), "sloth"), "sloth")

    assert list(found.objectives) == plain(objectives)


def test_what_no_tool_knows_is_named() -> None:
    """A mean is no share of events; a group of users is nothing to Sloth; an edge may be missing."""
    objectives = (
        {"name": "tokens", "mean": {"sum": "tokens_sum", "count": "tokens_count", "max": "300"}},
        {"name": "feedback", "ratio": {"bad": "a", "total": "b", "maxPercent": "1"}, "segmentBy": "kind"},
        {"name": "slow", "latency": {"percentile": 99, "threshold": "7s"}},
    )
    deployment = parse(describe_model(objectives, signals=None, runtime="vllm"))
    found = export_objectives(deployment, Scope(REVISION, Serving("vllm", "")))

    assert [one.name for one in found.records] == ["feedback", "slow"]
    assert [note.split(" ")[0] for note in found.notes] == [
        "spec.objectives[0]",
        "spec.objectives[1].segmentBy",
        "spec.objectives[2].latency.threshold:",
    ]


def test_an_objective_without_series_is_refused() -> None:
    """As the operator would refuse it, with the field."""
    deployment = parse(describe_model(OBJECTIVES[:1]))
    broken = deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"signals": None})})
    with pytest.raises(InvalidSpec, match=r"spec.objectives\[0\].errorRate: an errorRate objective needs counters"):
        export_objectives(broken, Scope(REVISION, Serving()))


def test_pyrra_takes_one_counter() -> None:
    """The preset of Triton adds up two."""
    body = describe_model(PRESET[:1], signals=None, runtime="triton")
    with pytest.raises(InvalidSpec, match="Pyrra takes one counter, and these are added up: nv_inference"):
        export(body, "pyrra")


def test_openslo_has_short_names() -> None:
    """A name that would be none is refused before somebody applies it."""
    body = describe_model(({"name": "a" * 59, "errorRate": {"maxPercent": "1"}},))
    with pytest.raises(InvalidSpec, match=f"at most {openslo.LONGEST_NAME} characters"):
        export(body, "openslo")
    assert export(body, "sloth")


@pytest.mark.parametrize(
    ("threshold", "expected", "exact"),
    [
        ("250ms", 'le="0.25"', 'le="0.25"'),
        ("1s", 'le=~"1|1[.]0"', 'le="1.0"'),
        ("3600s", 'le=~"3600|3600[.]0"', 'le="3600.0"'),
        ("1ms", 'le="0.001"', 'le="0.001"'),
    ],
)
def test_edges_are_written_as_prometheus_stores_them(threshold: str, expected: str, exact: str) -> None:
    """A whole edge may be stored as `1` or as `1.0`; Pyrra takes one of them, that of Prometheus 3."""
    body = describe_model(({"name": "slow", "latency": {"percentile": 99, "threshold": threshold}},))
    (sloth,) = export(body, "sloth")
    (pyrra_slo,) = export(body, "pyrra")

    assert expected in sloth["spec"]["slos"][0]["sli"]["events"]["errorQuery"]
    assert exact in pyrra_slo["spec"]["indicator"]["latency"]["success"]["metric"]


names = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
labels = st.builds(
    lambda label, operator, value: f'{label}{operator}"{value}"',
    st.sampled_from(["code", "le_x", "handler", "pod_kind"]),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.from_regex(r"[a-z0-9.|, /=+*()-]{0,8}", fullmatch=True),
)
selectors = st.builds(
    lambda name, matchers: f"{name}{{{','.join(matchers)}}}" if matchers else name,
    st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True).filter(
        lambda name: name not in {"sum", "rate", "increase"}
    ),
    st.lists(labels, max_size=3),
)
percents = st.decimals("0.0001", "99.9999", places=4).map(lambda number: format(number.normalize(), "f"))
ratios = st.builds(
    lambda name, bad, total, percent: {"name": name, "ratio": {"bad": bad, "total": total, "maxPercent": percent}},
    names,
    selectors,
    selectors,
    percents,
)
latencies = st.builds(
    lambda name, percentile, milliseconds, unit: {
        "name": name,
        "latency": {"percentile": percentile, "threshold": milliseconds},
        "unit": unit,
    },
    names,
    st.integers(50, 99),
    st.integers(1, 99_999).map(lambda number: f"{number // 1000}s" if number % 1000 == 0 else f"{number}ms"),
    st.sampled_from(["Seconds", "Milliseconds", "Microseconds"]),
)


@settings(max_examples=examples(50, thorough=2000))
@given(ratio=ratios, latency=latencies, histogram=selectors, form=st.sampled_from(list(FORMATS)))
def test_any_objective_comes_back(ratio: dict[str, Any], latency: dict[str, Any], histogram: str, form: str) -> None:
    """Whatever its selectors, limits and thresholds are."""
    unit = latency.pop("unit")
    if histogram.partition("{")[0].endswith(("_bucket", "_sum", "_count")) or ratio["name"] == latency["name"]:
        return
    signals = {"latency": {"histogram": histogram, "unit": unit}}
    latency = {"name": latency["name"], "latency": latency["latency"]}
    found = adopt(export(describe_model([ratio, latency], signals=signals), form), form)

    assert list(found.objectives) == [ratio, latency]
    assert found.signals == signals


def test_the_window_is_four_weeks() -> None:
    """Where an object says one; Sloth's is a setting of its installation."""
    (one, *_) = export(describe_model(), "pyrra")
    (other, *_) = export(describe_model(), "openslo")

    assert one["spec"]["window"] == "28d"
    assert other["spec"]["timeWindow"] == [{"duration": "28d", "isRolling": True}]
