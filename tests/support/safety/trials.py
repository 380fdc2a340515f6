"""What tries a candidate before users meet it: Jobs that leave their results, and a shadow proxy that counts pairs."""

import json
from decimal import Decimal
from typing import Any

from palier.api.constants import LABEL_REVISION
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.loadtest.result import LoadTestResult
from tests.support.safety.api_server import Counted, StrictCluster

LABEL_SHADOW = "palier.dev/shadow"
NOT_SENT_TWICE = "Method|Protocol|RequestTooLarge|RequestIncomplete"
GOOD = GoldenResult(verdict=Verdict.PASS, reason="NotWorse", message="0.91 on the golden answers, stable 0.9")
CARRIES = LoadTestResult(Verdict.PASS, "CapacityFound", "100 requests/s held", capacity=Decimal(100), requests=9000)
PAIRS = 80
"""Copies that a proxy gets in a second."""
TAKES = 3.0
"""Seconds until a Job has its result."""


def keep_jobs(cluster: StrictCluster, started: dict[str, float], *, now: float) -> None:
    """The Job controller and the kubelet: every Job has a pod, which leaves a good result after a while."""
    cluster.pods = []
    for (kind, _, name), found in list(cluster.objects.items()):
        if kind == "Deployment":
            labels = found["spec"]["template"]["metadata"]["labels"]
            cluster.pods += [_pod(f"{name}-{number}", labels) for number in range(found["spec"]["replicas"])]
        if kind != "Job":
            continue
        pod = _pod(name, found["spec"]["template"]["metadata"]["labels"])
        status: dict[str, Any] = {"startTime": "2026-11-25T00:00:00Z", "active": 1}
        if now >= started.setdefault(name, now) + TAKES:
            result = (GOOD if name.startswith("golden-") else CARRIES).to_json()
            terminated = {"exitCode": 0, "reason": "Completed", "message": result}
            container = found["spec"]["template"]["spec"]["containers"][0]["name"]
            ended = [{"name": container, "state": {"terminated": terminated}}]
            pod["status"] = {"phase": "Succeeded", "containerStatuses": ended}
            status = {**status, "active": 0, "conditions": [{"type": "Complete", "status": "True"}]}
        cluster.pods.append(pod)
        cluster.put({**found, "status": status})


def count_pairs(cluster: StrictCluster, source: Counted, *, now: float) -> None:
    """A second of copies, at the proxy that the route sends them to; candidate and stable always agree."""
    body = cluster.find("ModelDeployment", "demo") or {}
    status = body.get("status") or {}
    candidate, stable = ((status.get(part) or {}).get("revision", "") for part in ("candidate", "stable"))
    for (kind, _, name), found in list(cluster.objects.items()):
        slices, config = cluster.find("EndpointSlice", f"{name}-a"), cluster.find("ConfigMap", name)
        if kind != "Deployment" or LABEL_SHADOW not in found["metadata"]["labels"] or config is None:
            continue
        if not (slices and slices["endpoints"]):
            continue
        pairs = PAIRS if name == _mirror(cluster) else 0
        comparison = str(json.loads(config["data"]["plan.json"])["comparison"])
        told = {"pod": f"{name}-5d8f7b-x", "instance": name, "comparison": comparison}
        for selector, amount in (
            ("palier_shadow_mirrored_total", pairs),
            (f'palier_shadow_excluded_total{{reason=~"{NOT_SENT_TWICE}"}}', 0),
            ("palier_shadow_sampled_total", pairs),
            ("palier_shadow_unpaired_total", 0),
            ("palier_shadow_pairs_total", pairs),
            ("palier_shadow_disagreements_total", 0),
        ):
            source.add(selector, amount, at=now, revision=candidate, **told)
        for revision in (candidate, stable):
            source.add("palier_shadow_answers_total", pairs, at=now, revision=revision, **told)
            source.add("palier_shadow_failed_answers_total", 0, at=now, revision=revision, **told)


def _mirror(cluster: StrictCluster) -> str:
    """Name of the Service that the route sends copies to; empty when it sends none."""
    route = cluster.find("HTTPRoute", "demo") or {}
    for rule in route.get("spec", {}).get("rules", ()):
        for one in rule.get("filters", ()):
            if one.get("type") == "RequestMirror":
                return str(one["requestMirror"]["backendRef"]["name"])
    return ""


def _pod(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A pod that runs; those of a revision are older than any load test."""
    day = "24" if LABEL_REVISION in labels and not name.startswith(("golden-", "load-")) else "25"
    metadata = {
        "name": name,
        "namespace": "ml",
        "labels": labels,
        "creationTimestamp": f"2026-11-{day}T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": {"phase": "Running"}}
