"""From the author's words to the numbers of the tests, fixed before any evidence is seen."""

from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Objective, Signals, Stage, parse
from palier.errors import InvalidSpec
from palier.evidence.objective import MeanRule, ObjectiveRule, ScoreRule
from palier.measuring.resolve import Serving, router_series
from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    RouterSeries,
    SlowerThan,
)
from palier.release.rules import (
    ERROR_MARGIN,
    LATENCY_MARGIN,
    RELEASE_ALPHA,
    measured_objectives,
    objectives_of,
    rules_digest,
)
from tests.support.release.world import model_deployment

SIGNALS = {
    "requests": "requests_total",
    "errors": 'requests_total{code=~"5.."}',
    "latency": {"histogram": "request_seconds"},
}


def judged_by(*objectives: dict[str, Any], **signals: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment with these objectives; `signals` replace some of the signals."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "signals": {**SIGNALS, **signals},
                "objectives": list(objectives),
            },
        }
    )


def only(objective: dict[str, Any], **signals: Any) -> MeasuredObjective:  # noqa: ANN401
    """How this objective is measured."""
    (measured,) = measured_objectives(judged_by({"name": "it", **objective}, **signals))
    return measured


def share_rule(measured: MeasuredObjective) -> ObjectiveRule:
    """The rule of an objective that limits a share."""
    assert isinstance(measured.rule, ObjectiveRule)
    return measured.rule


def latency(percentile: int, threshold: str) -> dict[str, Any]:
    """A latency objective."""
    return {"latency": {"percentile": percentile, "threshold": threshold}}


@pytest.mark.parametrize(("percentile", "limit"), [(50, 0.5), (90, 0.1), (95, 0.05), (99, 0.01)])
def test_a_percentile_is_a_share_of_slow_requests(percentile: int, limit: float) -> None:
    """The 95th percentile within 250 ms means that at most 5 % are slower than that."""
    rule = share_rule(only(latency(percentile, "250ms")))

    assert rule.limit == pytest.approx(limit, rel=1e-12)
    assert rule.margin == LATENCY_MARGIN
    assert (rule.noun, rule.bad_noun) == ("requests", "slower than 250ms")


@pytest.mark.parametrize(
    ("unit", "threshold", "edge"),
    [
        ("Seconds", "250ms", 0.25),
        ("Seconds", "1m30s", 90.0),
        ("Milliseconds", "43ms", 43.0),
        ("Milliseconds", "2s", 2000.0),
        ("Microseconds", "250ms", 250_000.0),
    ],
)
def test_a_threshold_is_told_in_the_unit_of_the_buckets(unit: str, threshold: str, edge: float) -> None:
    """Near enough to the edge that it is recognised as the edge."""
    source = only(latency(95, threshold), latency={"histogram": "request_time", "unit": unit}).source

    assert isinstance(source, SlowerThan)
    assert source.threshold == pytest.approx(edge, rel=1e-12)


def test_a_histogram_is_read_as_its_author_names_it() -> None:
    """Classic or native: which of the two it is shows when it is read."""
    measured = only(latency(95, "1s"), latency={"histogram": 'request_seconds{handler="/predict"}'})

    assert measured.selectors == ('request_seconds{handler="/predict"}',)
    assert measured.origin is Origin.PODS


def test_a_cold_start_is_no_dead_candidate() -> None:
    """Six slow requests in a row end a release at once only for errors, never for latency."""
    assert share_rule(only(latency(95, "1s"))).hard_stop_share == 1
    assert share_rule(only({"errorRate": {"maxPercent": "1"}})).hard_stop_share == 0.2


@pytest.mark.parametrize(("percent", "limit"), [("1", 0.01), ("0.5", 0.005), ("99.9999", 0.999999), ("0.0001", 1e-6)])
def test_an_error_rate_is_a_ratio_of_two_counters(percent: str, limit: float) -> None:
    """Failed requests of all requests, to the last decimal of the limit."""
    measured = only({"errorRate": {"maxPercent": percent}})

    assert share_rule(measured).limit == limit
    assert share_rule(measured).margin == ERROR_MARGIN
    assert measured.source == CounterRatio(bad=('requests_total{code=~"5.."}',), total=("requests_total",))
    assert measured.selectors == ('requests_total{code=~"5.."}', "requests_total")
    assert measured.origin is Origin.PODS


def test_a_ratio_of_the_authors_own_counters() -> None:
    """It speaks of events, needs no signals, and may be counted by something else than the pods."""
    deployment = judged_by({"name": "it", "ratio": {"bad": 'f{kind="bad"}', "total": "f", "maxPercent": "10"}})
    spec = deployment.spec.model_copy(update={"signals": None})
    (measured,) = measured_objectives(deployment.model_copy(update={"spec": spec}))

    assert share_rule(measured).limit == 0.1
    assert (share_rule(measured).noun, share_rule(measured).bad_noun) == ("events", "bad")
    assert measured.source == CounterRatio(bad=('f{kind="bad"}',), total=("f",))
    assert measured.origin is Origin.ELSEWHERE


@pytest.mark.parametrize("count", [1, 2, 16])
def test_the_error_budget_is_split_evenly(count: int) -> None:
    """However many objectives, a good candidate is rolled back with the same small probability."""
    deployment = judged_by(*({"name": f"o{number}", **latency(95, "1s")} for number in range(count)))
    rules = [measured.rule for measured in measured_objectives(deployment)]

    assert sum(rule.alpha for rule in rules) == pytest.approx(RELEASE_ALPHA)
    assert len({rule.alpha for rule in rules}) == 1
    assert [rule.name for rule in rules] == [f"o{number}" for number in range(count)]


def test_no_objectives_are_no_error() -> None:
    """Then only readiness is checked."""
    assert measured_objectives(judged_by()) == ()


@pytest.mark.parametrize(
    ("objective", "signals", "field"),
    [
        (latency(95, "1s"), Signals(requests="r_total", errors="e_total"), "spec.objectives[1].latency"),
        (latency(95, "1s"), None, "spec.objectives[1].latency"),
        ({"errorRate": {"maxPercent": "1"}}, Signals(requests="r_total"), "spec.objectives[1].errorRate"),
        ({"errorRate": {"maxPercent": "1"}}, Signals(errors="e_total"), "spec.objectives[1].errorRate"),
        ({"errorRate": {"maxPercent": "1"}}, None, "spec.objectives[1].errorRate"),
    ],
)
def test_an_objective_without_its_signal_is_named(
    objective: dict[str, Any], signals: Signals | None, field: str
) -> None:
    """Also where the parser let it pass: its author reads which objective it is."""
    deployment = judged_by({"name": "a", "ratio": {"bad": "b", "total": "t", "maxPercent": "1"}})
    objectives = [*deployment.spec.objectives, Objective.model_validate({"name": "it", **objective})]
    spec = deployment.spec.model_copy(update={"signals": signals, "objectives": objectives})
    with pytest.raises(InvalidSpec) as refused:
        measured_objectives(deployment.model_copy(update={"spec": spec}))

    assert refused.value.field == field


def served_by(runtime: str, *objectives: dict[str, Any], router: str | None = None, **signals: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment whose runtime has a preset, behind a gateway."""
    gateway: dict[str, Any] = {"parentRefs": [{"name": "public"}]}
    if router:
        gateway["router"] = router
    return parse(
        {
            "metadata": {"name": "chat", "namespace": "ml"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1", "runtime": runtime},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"gateway": gateway},
                "signals": signals,
                "objectives": list(objectives),
            },
        }
    )


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


def test_the_digest_of_an_objective_is_what_its_evidence_rests_on() -> None:
    """Another limit, counter or place is another thing; another objective beside it is not."""
    one = only({"errorRate": {"maxPercent": "1"}})
    others = [
        only({"errorRate": {"maxPercent": "5"}}),
        only({"errorRate": {"maxPercent": "1"}}, errors="other_total"),
        only({"errorRate": {"maxPercent": "1"}, "segmentBy": "kind"}),
    ]
    beside, _ = measured_objectives(
        judged_by({"name": "it", "errorRate": {"maxPercent": "1"}}, {"name": "more", **latency(95, "1s")})
    )

    assert len({one.digest, *(other.digest for other in others)}) == 4
    assert beside.digest == one.digest


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


def test_a_mean_of_tokens_is_per_request() -> None:
    """Tokens are a counter of their own, requests another."""
    (measured,) = measured_objectives(
        served_by("vllm", {"name": "length", "mean": {"signal": "tokensOut", "max": "400"}})
    )

    assert isinstance(measured.rule, MeanRule)
    assert measured.rule.maximum == 400
    assert measured.source == MeanOf("vllm:generation_tokens_total", ("vllm:request_success_total",))


def test_a_mean_of_a_timed_signal_is_told_in_seconds() -> None:
    """Whatever unit the histogram has."""
    measured = only({"mean": {"signal": "latency", "max": "0.35"}}, latency={"histogram": "ms", "unit": "Milliseconds"})

    assert measured.source == MeanOf("ms_sum", ("ms_count",), scale=0.001)


def test_a_score_and_a_level() -> None:
    """A least mean of scores; a gauge that may be high only so often, and is not compared with stable."""
    score = only({"score": {"sum": "s_sum", "count": "s_count", "min": "80"}})
    level = only({"level": {"gauge": "waiting", "max": "20", "maxPercent": "5"}})

    assert isinstance(score.rule, ScoreRule)
    assert score.rule.least == 0.8
    assert level.source == AboveLevel("waiting", 20.0)
    assert not share_rule(level).compare_with_stable
    assert share_rule(level).hard_stop_share == 1


def test_segments_and_proof_reach_the_rule() -> None:
    """As the author wrote them."""
    measured = only({"errorRate": {"maxPercent": "1"}, "segmentBy": "kind", "proof": "NoWorseThanStable"})

    assert measured.segment_by == "kind"
    assert share_rule(measured).segmented
    assert share_rule(measured).require_no_worse


def test_the_digest_is_that_of_the_same_rules() -> None:
    """Two equal specs have one digest, which fits its field in `status`."""
    assert rules_digest(model_deployment()) == rules_digest(model_deployment())
    assert len(rules_digest(model_deployment())) <= 64


@pytest.mark.parametrize(
    "changes",
    [
        {"paused": True},
        {"replicas": 7},
        {"onBreach": "Hold"},
        {"onNoEvidence": "Rollback"},
        {"rollbackWindow": "1h"},
        {"traffic": {"service": {}}},
    ],
)
def test_what_does_not_judge_is_not_in_the_digest(changes: dict[str, Any]) -> None:
    """Pausing or scaling must not bring back a revision that was refused."""
    assert rules_digest(model_deployment(**changes)) == rules_digest(model_deployment())


@pytest.mark.parametrize("weights", [(5, 25), (5, 25, 51), (), (25, 50, 75)])
def test_other_stages_have_another_digest(weights: tuple[int, ...]) -> None:
    """A refused revision may do better on other landings."""
    assert rules_digest(model_deployment(weights=weights)) != rules_digest(model_deployment())


@pytest.mark.parametrize(
    "changed",
    [
        judged_by({"name": "it", **latency(95, "251ms")}),
        judged_by({"name": "it", **latency(96, "250ms")}),
        judged_by({"name": "other", **latency(95, "250ms")}),
        judged_by({"name": "it", **latency(95, "250ms")}, latency={"histogram": "other_seconds"}),
        judged_by({"name": "it", **latency(95, "250ms")}, {"name": "more", "errorRate": {"maxPercent": "1"}}),
        judged_by(),
    ],
    ids=["threshold", "percentile", "name", "signal", "one more", "none"],
)
def test_other_objectives_have_another_digest(changed: ModelDeployment) -> None:
    """A corrected objective is a reason to try a refused revision again."""
    assert rules_digest(changed) != rules_digest(judged_by({"name": "it", **latency(95, "250ms")}))


class LaterStage(Stage):
    """A stage as a later Palier may know it."""

    purpose: str = "canary"
    """A field that did not exist before, with a default."""


def test_a_field_of_a_later_palier_does_not_change_the_digest() -> None:
    """An upgrade that only adds a field with a default must not bring back every refused revision of the fleet."""
    deployment = model_deployment()
    stages = [LaterStage.model_validate(stage.model_dump()) for stage in deployment.spec.release.stages]
    release = deployment.spec.release.model_copy(update={"stages": stages})
    spec = deployment.spec.model_copy(update={"release": release})

    assert rules_digest(deployment.model_copy(update={"spec": spec})) == rules_digest(deployment)
