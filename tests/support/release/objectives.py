"""ModelDeployments with objectives and signals of their own, and how these are measured."""

from typing import Any

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import MeasuredObjective
from palier.release.rules import measured_objectives

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
