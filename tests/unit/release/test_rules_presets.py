"""Objectives whose signals come from the preset of a runtime or of a router."""

import pytest

from palier.api.v1alpha1 import Objective
from palier.errors import InvalidSpec
from palier.measuring.resolve import Serving, router_series
from palier.measuring.sources import CounterRatio, Origin, RouterSeries, SlowerThan
from palier.release.rules import measured_objectives, objectives_of
from tests.support.release.objectives import served_by

FIRST_TOKEN = {"name": "ttft", "latency": {"signal": "timeToFirstToken", "percentile": 95, "threshold": "500ms"}}


def test_a_preset_names_the_histogram() -> None:
    """The time to the first token of vLLM, with the edges that its threshold can be compared with."""
    (measured,) = measured_objectives(served_by("vllm", FIRST_TOKEN))

    assert measured.source == SlowerThan("vllm:time_to_first_token_seconds", 0.5)
    assert 0.5 in measured.expected_edges
    assert measured.origin is Origin.PODS


def test_a_named_signal_takes_the_place_of_the_presets() -> None:
    """A relabelled metric is one line, not another preset."""
    named = {"timeToFirstToken": {"histogram": "kserve_vllm:ttft", "unit": "Milliseconds"}}
    (measured,) = measured_objectives(served_by("vllm", FIRST_TOKEN, **named))

    assert measured.source == SlowerThan("kserve_vllm:ttft", 500.0)
    assert measured.expected_edges == ()


def test_stable_is_read_by_its_own_runtime() -> None:
    """A move from one serving program to another is compared on what each of them exports."""
    (measured,) = measured_objectives(served_by("vllm", FIRST_TOKEN), stable=Serving("sglang"))

    assert measured.source == SlowerThan("vllm:time_to_first_token_seconds", 0.5)
    assert measured.stable_source == SlowerThan("sglang:time_to_first_token_seconds", 0.5)


def test_a_stable_whose_runtime_lacks_the_signal_does_not_block_the_candidate() -> None:
    """The limit still holds; there is only nothing to compare with."""
    (measured,) = measured_objectives(served_by("vllm", FIRST_TOKEN), stable=Serving("torchserve"))

    assert measured.stable_source is None


@pytest.mark.parametrize(("candidate", "stable"), [("tgi", "kserve"), ("kserve", "tgi")])
def test_a_move_between_runtimes_is_judged_where_both_are_counted(candidate: str, stable: str) -> None:
    """One counts its errors itself, the other does not: the router counts those of both."""
    errors = {"name": "errors", "errorRate": {"maxPercent": "1"}}
    deployment = served_by(candidate, errors, router="EnvoyGateway")
    (measured,) = measured_objectives(deployment, stable=Serving(stable))

    assert measured.origin is Origin.ROUTER
    assert measured.stable_source == measured.source


def test_one_objective_that_cannot_be_measured_leaves_the_others() -> None:
    """It is named; a release under way goes on being judged by the rest."""
    errors = {"name": "errors", "errorRate": {"maxPercent": "1"}}
    deployment = served_by("kserve", errors, router="EnvoyGateway")
    broken = [*deployment.spec.objectives, Objective.model_validate(FIRST_TOKEN)]
    spec = deployment.spec.model_copy(update={"objectives": broken})
    found = objectives_of(deployment.model_copy(update={"spec": spec}))

    assert [one.rule.name for one in found.measured] == ["errors"]
    assert [(name, error.field) for name, error in found.unmeasurable] == [("ttft", "spec.objectives[1].latency")]


def test_groups_of_users_are_not_looked_for_at_the_router() -> None:
    """Also where the counters turn out to be the router's because the runtime has none."""
    errors = {"name": "errors", "segmentBy": "kind", "errorRate": {"maxPercent": "1"}}
    with pytest.raises(InvalidSpec, match="groups of users") as refused:
        measured_objectives(served_by("kserve", errors, router="EnvoyGateway"))

    assert refused.value.field == "spec.objectives[0].segmentBy"


def test_errors_come_from_the_router_where_pods_count_none() -> None:
    """KServe's pods count no errors; the gateway does."""
    deployment = served_by("kserve", {"name": "errors", "errorRate": {"maxPercent": "1"}}, router="EnvoyGateway")
    (measured,) = measured_objectives(deployment)

    assert measured.origin is Origin.ROUTER
    assert isinstance(measured.source, CounterRatio)
    assert all(selector.startswith("envoy_cluster_upstream_rq") for selector in measured.selectors)


def test_the_version_chooses_among_the_presets_of_a_runtime() -> None:
    """Names of metrics change between versions: the newest are taken only where no version is given."""
    deployment = served_by(
        "vllm", {**FIRST_TOKEN, "latency": {**FIRST_TOKEN["latency"], "signal": "interTokenLatency"}}
    )
    model = deployment.spec.model.model_copy(update={"runtime_version": "0.10.2"})
    older = deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"model": model})})
    names = [measured_objectives(one)[0].selectors for one in (deployment, older)]

    assert names == [("vllm:inter_token_latency_seconds",), ("vllm:time_per_output_token_seconds",)]


def test_the_routers_series_are_told_apart_by_position() -> None:
    """Envoy Gateway keeps one cluster for each position of the route."""
    deployment = served_by("kserve", router="EnvoyGateway")
    series = router_series(deployment, candidate="b" * 10, stable="a" * 10, backend_positions=("b" * 10, "a" * 10))

    assert series == RouterSeries(
        "envoy_cluster_name",
        candidate="httproute/ml/chat/rule/0/backend/0",
        stable="httproute/ml/chat/rule/0/backend/1",
        namespaces=("envoy-gateway-system",),
    )


def test_the_proxies_of_istio_may_run_beside_the_gateway() -> None:
    """Its own namespaces count, and those of the Gateways that the route attaches to."""
    deployment = served_by("kserve", router="Istio")
    series = router_series(deployment, candidate="b" * 10, stable="a" * 10, backend_positions=("b" * 10, "a" * 10))

    assert series is not None
    assert series.namespaces == ("istio-ingress", "istio-system", "ml")


def test_without_a_router_or_positions_there_are_no_router_series() -> None:
    """Nothing is guessed."""
    known = {"candidate": "b" * 10, "stable": "a" * 10}

    assert router_series(served_by("kserve"), backend_positions=("a" * 10, "b" * 10), **known) is None
    assert router_series(served_by("kserve", router="Istio"), backend_positions=None, **known) is None
    assert router_series(served_by("kserve", router="Istio"), backend_positions=("a" * 10, ""), **known) is None
