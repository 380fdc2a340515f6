"""Reading stored objects: lenient where a field is unknown, exact and in plain words where it is wrong."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.spec.values import CounterOwner, Method, OnBurn, Proof, Router, Runtime, Surge
from palier.api.v1alpha1 import Accelerator, OnBreach, OnNoEvidence, TimeUnit, parse
from palier.errors import InvalidSpec

ROOT = Path(__file__).parents[3]


@pytest.fixture
def minimal() -> dict[str, Any]:
    """The smallest manifest."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "minimal.yaml").read_text())
    return loaded


@pytest.fixture
def full() -> dict[str, Any]:
    """A manifest with every field."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "tests/apiserver/accept/every-field.yaml").read_text())
    return loaded


@pytest.fixture
def scaling() -> dict[str, Any]:
    """A manifest with every field of the plan, the budget and the variants."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "tests/apiserver/accept/scaling-every-field.yaml").read_text())
    return loaded


def test_every_field_arrives(full: dict[str, Any]) -> None:
    """What is written in YAML is what the code reads."""
    spec = parse(full).spec

    assert spec.owner.team == "nlp"
    assert [(prompt.name, prompt.config_map_key_ref.key) for prompt in spec.model.prompts] == [("system", "system")]
    assert (spec.serving.port, spec.serving.replicas) == (8000, 4)
    assert spec.serving.placement.accelerator is Accelerator.GPU
    assert spec.serving.placement.gpu is not None
    assert spec.serving.placement.gpu.count == 2
    assert spec.traffic.service is None
    assert spec.traffic.gateway is not None
    assert [parent.section_name for parent in spec.traffic.gateway.parent_refs] == ["https", None]
    assert spec.signals is not None
    assert spec.signals.latency is not None
    assert spec.signals.latency.unit is TimeUnit.MILLISECONDS
    assert spec.signals.queue_depth == "queue_depth"
    assert spec.model.runtime is Runtime.CUSTOM
    assert spec.traffic.gateway.router is Router.ISTIO
    objectives = {objective.name: objective for objective in spec.objectives}
    latency, errors, feedback = (objectives[name] for name in ("latency", "errors", "feedback"))
    assert latency.latency is not None
    assert latency.latency.threshold.seconds == 1.5
    assert latency.latency.source is CounterOwner.ROUTER
    assert errors.error_rate is not None
    assert errors.error_rate.max_percent.fraction == 0.000001
    assert (errors.segment_by, errors.proof) == ("customer_kind", Proof.NO_WORSE_THAN_STABLE)
    assert feedback.ratio is not None
    assert feedback.ratio.total == "feedback_total"
    assert {name for name, one in objectives.items() if one.mean} == {"seconds", "characters"}
    assert objectives["quality"].score is not None
    assert objectives["quality"].score.min.fraction == 0.8
    assert objectives["queue"].level is not None
    assert objectives["queue"].level.max.value == 20
    assert [canary.max_duration.seconds for canary in spec.release.canaries] == [5400, 90]
    assert spec.release.on_breach is OnBreach.HOLD
    assert spec.release.on_no_evidence is OnNoEvidence.ROLLBACK
    assert spec.release.paused


def test_every_field_of_the_plan_arrives(scaling: dict[str, Any]) -> None:
    """What is written in YAML is what the code reads: money to the last digit, durations in seconds."""
    spec = parse(scaling).spec

    assert spec.budget is not None
    assert (spec.budget.currency, spec.budget.on_burn) == ("EUR", OnBurn.HOLD)
    limits = (spec.budget.monthly, spec.budget.per_thousand_inferences, spec.budget.per_million_tokens)
    assert [limit.decimal for limit in limits if limit] == [Decimal(3000), Decimal("0.40"), Decimal("2.50")]
    assert spec.scale is not None
    assert spec.scale.poc is not None
    assert spec.scale.poc.requests_per_second.decimal == Decimal("0.5")
    target = spec.scale.target
    assert (target.requests_per_second.decimal, target.tokens_in, target.tokens_out) == (200, 800, 250)
    assert (spec.scale.utilization.share, spec.scale.minimum_replicas) == (Decimal("0.625"), 2)
    overheads = spec.scale.overheads
    assert (overheads.maintenance_monthly.decimal, overheads.monitoring_monthly.decimal) == (400, 150)
    assert overheads.data_monthly.decimal == Decimal("80.25")
    assert overheads.people_monthly.decimal == Decimal("999999999999.999999")
    assert overheads.releases_per_month == 4
    assert spec.scale.api_price is not None
    assert spec.scale.api_price.per_thousand_inferences is None
    assert spec.scale.api_price.per_million_tokens_in == "0.50"
    assert spec.scale.api_price.per_million_tokens_out == "1.50"
    assert spec.objectives[1].cost is not None
    assert spec.objectives[1].cost.max_per_thousand_inferences.decimal == Decimal("0.40")
    assert spec.release.load_test is not None
    assert spec.release.load_test.max_duration.seconds == 14400
    assert [canary.weight for canary in spec.release.canaries] == [5, 50]


def test_every_field_of_the_load_test_arrives(scaling: dict[str, Any]) -> None:
    """The pod that sends the requests gets its resources and tolerations as they were written."""
    spec = parse(scaling).spec

    assert spec.scale is not None
    test = spec.scale.load_test
    assert (test.path, test.method, test.stream) == ("/v1/completions?priority=1", Method.POST, True)
    assert test.corpus is not None
    assert test.corpus.inline is not None
    assert test.corpus.inline[0] == "Bonjour"
    durations = (test.timeout, test.warm_up, test.step_duration, test.soak, test.max_duration, test.fresh_for)
    assert [duration.seconds for duration in durations] == [60, 0, 30, 0, 30, 0]
    assert test.max_requests == 100_000_000
    assert (test.start_requests_per_second, test.max_requests_per_second) == ("0.1", "0.1")
    assert test.replicas == [1, 2, 3, 64]
    assert test.image is not None
    assert test.image.startswith("registry.example.com/palier@sha256:")
    written = scaling["spec"]["scale"]["loadTest"]
    assert test.resources == written["resources"]
    assert test.node_selector == {"pool": "tools"}
    assert test.tolerations == written["tolerations"]


def test_defaults_are_those_of_the_schema(minimal: dict[str, Any]) -> None:
    """An object that was stored without its defaults is read as if it had them."""
    spec = parse(minimal).spec

    assert spec.serving.replicas == 1
    assert spec.serving.placement.accelerator is Accelerator.CPU
    assert spec.objectives == []
    assert [canary.weight for canary in spec.release.canaries] == [5, 25, 50]
    assert spec.release.load_test is None
    assert (spec.budget, spec.scale, spec.serving.variants) == (None, None, [])
    assert spec.serving.placement.surge is Surge.WAIT
    assert spec.release.drain_delay.seconds == 10


def test_the_pod_is_kept_as_written(full: dict[str, Any]) -> None:
    """No field of the pod is renamed, dropped or added."""
    assert parse(full).spec.serving.template.spec == full["spec"]["serving"]["template"]["spec"]


def test_unknown_fields_are_ignored(minimal: dict[str, Any]) -> None:
    """An object of a newer version is still read."""
    minimal["spec"]["watch"] = {"drift": {}}
    minimal["spec"]["release"] = {"approvals": []}

    assert parse(minimal).spec.release.drain_delay.seconds == 10


def test_metadata_is_read(minimal: dict[str, Any]) -> None:
    """Identity and requests of people come from the object's metadata."""
    minimal["metadata"] |= {
        "namespace": "ml",
        "uid": "e3b0c442",
        "generation": 3,
        "annotations": {"palier.dev/retry": "2"},
        "managedFields": [],
    }

    metadata = parse(minimal).metadata

    assert (metadata.namespace, metadata.uid, metadata.generation) == ("ml", "e3b0c442", 3)
    assert metadata.annotations == {"palier.dev/retry": "2"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("replicas", 0, "it should be greater than or equal to 1, not 0"),
        ("port", "http", "it should be a valid integer, unable to parse string as an integer, not 'http'"),
        ("placement", {"accelerator": "TPU"}, "it should be 'CPU' or 'GPU', not 'TPU'"),
    ],
)
def test_messages_say_what_was_given(minimal: dict[str, Any], field: str, value: object, message: str) -> None:
    """Also where no rule of ours is broken, the words are for the author of the manifest."""
    minimal["spec"]["serving"][field] = value

    with pytest.raises(InvalidSpec) as caught:
        parse(minimal)

    assert caught.value.message == message


def test_a_missing_field_is_named(minimal: dict[str, Any]) -> None:
    """The path of a missing field includes the field."""
    del minimal["spec"]["owner"]["email"]

    with pytest.raises(InvalidSpec) as caught:
        parse(minimal)

    assert str(caught.value) == "spec.owner.email: this field is required"


def test_an_object_without_a_spec_is_refused() -> None:
    """Nothing stored can crash the operator."""
    with pytest.raises(InvalidSpec) as caught:
        parse({"metadata": {"name": "empty"}})

    assert caught.value.field == "spec"
