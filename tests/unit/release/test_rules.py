"""From the author's words to the numbers of the tests, fixed before any evidence is seen."""

from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, Objective, Signals, Stage, parse
from palier.errors import InvalidSpec
from palier.release.rules import (
    ERROR_MARGIN,
    LATENCY_MARGIN,
    RELEASE_ALPHA,
    CounterRatio,
    MeasuredObjective,
    SlowerThan,
    measured_objectives,
    rules_digest,
)
from tests.property.world import model_deployment

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


def latency(percentile: int, threshold: str) -> dict[str, Any]:
    """A latency objective."""
    return {"latency": {"percentile": percentile, "threshold": threshold}}


@pytest.mark.parametrize(("percentile", "limit"), [(50, 0.5), (90, 0.1), (95, 0.05), (99, 0.01)])
def test_a_percentile_is_a_share_of_slow_requests(percentile: int, limit: float) -> None:
    """The 95th percentile within 250 ms means that at most 5 % are slower than that."""
    rule = only(latency(percentile, "250ms")).rule

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


@pytest.mark.parametrize(
    ("histogram", "read"),
    [
        ("request_seconds", "request_seconds_bucket"),
        ('request_seconds{handler="/predict"}', 'request_seconds_bucket{handler="/predict"}'),
        ("ns:request:seconds{}", "ns:request:seconds_bucket{}"),
    ],
)
def test_the_buckets_of_a_histogram_are_read(histogram: str, read: str) -> None:
    """The suffix belongs to the name, before the label matchers."""
    measured = only(latency(95, "1s"), latency={"histogram": histogram})

    assert measured.selectors == (read,)
    assert measured.from_pods


def test_a_cold_start_is_no_dead_candidate() -> None:
    """Six slow requests in a row end a release at once only for errors, never for latency."""
    assert only(latency(95, "1s")).rule.hard_stop_share == 1
    assert only({"errorRate": {"maxPercent": "1"}}).rule.hard_stop_share == 0.2


@pytest.mark.parametrize(("percent", "limit"), [("1", 0.01), ("0.5", 0.005), ("99.9999", 0.999999), ("0.0001", 1e-6)])
def test_an_error_rate_is_a_ratio_of_two_counters(percent: str, limit: float) -> None:
    """Failed requests of all requests, to the last decimal of the limit."""
    measured = only({"errorRate": {"maxPercent": percent}})

    assert measured.rule.limit == limit
    assert measured.rule.margin == ERROR_MARGIN
    assert measured.source == CounterRatio(bad='requests_total{code=~"5.."}', total="requests_total")
    assert measured.selectors == ('requests_total{code=~"5.."}', "requests_total")
    assert measured.from_pods


def test_a_ratio_of_the_authors_own_counters() -> None:
    """It speaks of events, needs no signals, and may be counted by something else than the pods."""
    deployment = judged_by({"name": "it", "ratio": {"bad": 'f{kind="bad"}', "total": "f", "maxPercent": "10"}})
    spec = deployment.spec.model_copy(update={"signals": None})
    (measured,) = measured_objectives(deployment.model_copy(update={"spec": spec}))

    assert measured.rule.limit == 0.1
    assert (measured.rule.noun, measured.rule.bad_noun) == ("events", "bad")
    assert measured.source == CounterRatio(bad='f{kind="bad"}', total="f")
    assert not measured.from_pods


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
