"""The ModelDeployments of the lives in this folder, as their authors write them: plain JSON, without any defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

from palier.api.constants import API_VERSION, KIND

Stage = dict[str, Any]
ERRORS: Mapping[str, Any] = {"name": "errors", "errorRate": {"maxPercent": "1"}}
AGREEMENT: Mapping[str, Any] = {"name": "answers", "agreement": {"minPercent": "95"}}
ODD: Mapping[str, Any] = {
    "name": "odd",
    "ratio": {"bad": "odd_total", "total": "requests_total", "maxPercent": "1"},
}
GOLDEN: Stage = {"golden": {"maxDuration": "30s"}}
SHADOW: Stage = {"shadow": {"percent": 20, "minPairs": 100, "minDuration": "3s", "maxDuration": "40s"}}
LOAD_TEST: Stage = {"loadTest": {"maxDuration": "60s"}}


def canary(weight: int, *, least: str = "3s", most: str = "20s") -> Stage:
    """A stage with traffic of users."""
    return {"canary": {"weight": weight, "minDuration": least, "maxDuration": most}}


def experiment(weight: int, *, duration: str = "10s") -> Stage:
    """A stage that shows which version is better."""
    return {"experiment": {"objective": "errors", "weight": weight, "duration": duration}}


STAGES = (canary(5), canary(25), canary(50))


def written(
    version: str,
    *,
    stages: Sequence[Mapping[str, Any]] = STAGES,
    objectives: Sequence[Mapping[str, Any]] = (ERRORS,),
    replicas: int = 2,
    variants: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    **release: Any,  # noqa: ANN401 - values are what YAML can hold
) -> dict[str, Any]:
    """A ModelDeployment as it is applied.

    Args:
        version: of the model; its pods run the image `m:<version>`.
        stages: of the release.
        objectives: by which the candidate is judged.
        replicas: of stable.
        variants: cores of each variant by its name.
        spec: more fields of `spec`.
        release: more fields of `spec.release`.
    """
    kinds = {name for stage in stages for name in stage}
    tests: dict[str, Any] = {}
    if "golden" in kinds:
        tests["golden"] = {"corpus": {"inline": ['{"body": 1, "expected": 1}']}, "minPercent": "50"}
    if "shadow" in kinds:
        tests["answers"] = {"checks": [{"name": "answer"}]}
    if "loadTest" in kinds or variants:
        tests["scale"] = {"target": {"requestsPerSecond": "100"}}
        tests["budget"] = {"currency": "EUR", "monthly": "1000"}
    serving: dict[str, Any] = {"port": 8080, "replicas": replicas, "template": _pod(version)}
    if variants:
        serving["variants"] = [{"name": name, "template": _pod(version, cpu)} for name, cpu in variants.items()]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "demo", "namespace": "ml"},
        "spec": {
            "owner": {"name": "Somebody", "email": "somebody@example.com"},
            "model": {"name": "m", "version": version},
            "serving": serving,
            "traffic": {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}},
            "signals": {"requests": "requests_total", "errors": 'requests_total{code="500"}'},
            "objectives": [dict(objective) for objective in objectives],
            **tests,
            "release": {
                "stages": [dict(stage) for stage in stages],
                "rollbackWindow": "5s",
                "drainDelay": "2s",
                "progressDeadline": "30s",
                **release,
            },
            **(spec or {}),
        },
    }


def _pod(version: str, cpu: str = "1") -> dict[str, Any]:
    container = {"name": "m", "image": f"m:{version}", "resources": {"requests": {"cpu": cpu}}}
    return {"spec": {"containers": [container]}}
