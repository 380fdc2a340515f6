"""ModelDeployments whose objectives are exchanged with other tools."""

from collections.abc import Mapping, Sequence
from typing import Any

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.measuring.resolve import Serving
from palier.watch.slo import openslo, pyrra, sloth
from palier.watch.slo.adopt import Adopted, adopt_records
from palier.watch.slo.export import CountedBy, Scope, export_objectives

REVISION = "0123456789"
SIGNALS: Mapping[str, Any] = {
    "requests": "http_requests_total",
    "errors": 'http_requests_total{code=~"5.."}',
    "latency": {"histogram": 'http_request_duration_seconds{handler="/predict"}'},
    "timeToFirstToken": {"histogram": "first_token_milliseconds", "unit": "Milliseconds"},
}
OBJECTIVES: Sequence[Mapping[str, Any]] = (
    {"name": "errors", "errorRate": {"maxPercent": "0.5"}},
    {"name": "latency", "latency": {"percentile": 95, "threshold": "250ms"}},
    {"name": "first-token", "latency": {"signal": "timeToFirstToken", "percentile": 90, "threshold": "1s"}},
    {
        "name": "feedback",
        "ratio": {"bad": 'feedback_total{kind="bad"}', "total": "feedback_total", "maxPercent": "10"},
        "segmentBy": "customer_kind",
        "labelDelay": "30m",
        "proof": "NoBreach",
    },
)
FORMATS = {"openslo": openslo, "sloth": sloth, "pyrra": pyrra}


def describe_model(
    objectives: Sequence[Mapping[str, Any]] = OBJECTIVES,
    *,
    signals: Mapping[str, Any] | None = SIGNALS,
    runtime: str = "",
    runtime_version: str = "",
    router: str = "",
) -> dict[str, Any]:
    """A ModelDeployment as YAML has it."""
    model = {"name": "m", "version": "1", "runtime": runtime or None, "runtimeVersion": runtime_version or None}
    gateway = {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["a.example.com"]}
    return {
        "apiVersion": "palier.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "chat", "namespace": "ml"},
        "spec": {
            "owner": {"name": "NLP platform lead", "email": "nlp@example.com"},
            "model": {name: value for name, value in model.items() if value},
            "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
            "traffic": {"gateway": {**gateway, "router": router} if router else gateway},
            "objectives": list(objectives),
            **({"signals": dict(signals)} if signals else {}),
        },
    }


def export(
    body: Mapping[str, Any], form: str, *, revision: str = REVISION, ratios: CountedBy = CountedBy.PODS
) -> list[dict[str, Any]]:
    """The objects that other tools get."""
    deployment: ModelDeployment = parse(body)
    model = deployment.spec.model
    serving = Serving(model.runtime.value if model.runtime else "", model.runtime_version or "")
    found = export_objectives(deployment, Scope(revision, serving, ratios))
    return [FORMATS[form].write_slo(record) for record in found.records]


def adopt(objects: Sequence[Mapping[str, Any]], form: str) -> Adopted:
    """The objectives and signals of such objects."""
    left_out: list[str] = []
    return adopt_records([record for one in objects for record in FORMATS[form].read_slo(one, left_out)])
