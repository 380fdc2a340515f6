"""A model with a shadow, and what there is to see of it: the proxy's counters, and the answers of both versions."""

import json
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.objects import get_object, list_objects
from tests.e2e.support import Model, Status


def shadowed(model: Model, *, percent: int = 100, canaries: tuple[int, ...] = (50,), **stage: Any) -> None:  # noqa: ANN401
    """Give a model under test a shadow before its canaries, and the objectives that only a shadow can show."""
    spec = model.manifest["spec"]
    spec["answers"] = {"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}
    spec["shadow"] = {"methods": ["POST"], "timeout": "5s", "resources": {"requests": {"cpu": "10m"}}}
    spec["objectives"] += [
        {"name": "answers", "agreement": {"minPercent": "97"}},
        {"name": "slowdown", "slowdown": {"factor": "2", "maxPercent": "50"}},
    ]
    shadow = {"percent": percent, "minPairs": 200, "minDuration": "5s", "maxDuration": "5m", **stage}
    spec["release"]["stages"] = [
        {"shadow": shadow},
        *({"canary": {"weight": weight, "minDuration": "2s", "maxDuration": "10m"}} for weight in canaries),
    ]


def in_shadow(model: Model, revision: str, *, timeout: float = 90) -> Status:
    """Wait until a revision answers copies of the requests."""
    return model.wait(
        lambda s: (
            s.get("candidate", {}).get("revision") == revision
            and str(s.get("stage", "")).startswith("Shadow")
            and "trafficSince" in s.get("release", {})
        ),
        timeout=timeout,
        what=f"{revision} to be in the shadow",
    )


def ended(model: Model, revision: str, result: str, *, timeout: float = 180) -> Status:
    """Wait until the release of a revision has ended in a certain way."""
    return model.wait(
        lambda s: (
            not s.get("release")
            and s.get("outcome", {}).get("revision") == revision
            and s["outcome"]["result"] == result
        ),
        timeout=timeout,
        what=f"the release of {revision} to end as {result}",
    )


def proxies(model: Model) -> list[dict[str, Any]]:
    """The running pods of the shadow proxy."""
    pods = list_objects(model.namespace, "pods", selector="palier.dev/shadow")
    return [pod for pod in pods if pod["status"].get("podIP") and not pod["metadata"].get("deletionTimestamp")]


def counters(model: Model) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The proxy's counters by name and labels."""
    (pod,) = proxies(model)
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:9090/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def summed(seen: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    """The sum of a counter over all series that have certain labels."""
    return sum(value for (known, of), value in seen.items() if known == name and labels.items() <= set(of))


def recorded(model: Model, revision: str) -> dict[str, str]:
    """The answers that all pods of a revision gave to shadowed requests, by request id."""
    answers: dict[str, str] = {}
    for pod in list_objects(model.namespace, "pods", selector=f"palier.dev/revision={revision}"):
        with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/recorded", timeout=10) as answer:
            answers |= json.load(answer)
    return answers


def mirrors(model: Model) -> list[dict[str, Any]]:
    """The filters of the model's route that copy requests."""
    rules = get_object(model.namespace, "httproutes", model.name)["spec"]["rules"]
    return [
        one["requestMirror"] for rule in rules for one in rule.get("filters") or () if one["type"] == "RequestMirror"
    ]


def processes(pods: Iterable[Mapping[str, Any]]) -> list[int]:
    """Process ids of pods: those of the local cluster run on this machine."""
    uids = [pod["metadata"]["uid"] for pod in pods]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            groups = (entry / "cgroup").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if any(uid in groups for uid in uids):
            found.append(int(entry.name))
    return found
