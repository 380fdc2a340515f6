"""Pods that a load test is about, as the kubelet tells of them."""

from typing import Any

REVISION = "aaaaaaaaaa"
STARTED, STARTED_AT = "2026-11-24T10:00:00Z", 1_795_514_400.0
"""When the load test began."""


def serving_pod(name: str = "demo-x", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A pod of the revision, which was ready 25 s after it was placed, and that 5 s after it was created."""
    status = {
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T09:50:05Z"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T09:50:30Z"},
        ],
        "containerStatuses": [{"name": "m", "restartCount": 0, "state": {"running": {}}}],
        **changes,
    }
    labels = {"palier.dev/modeldeployment": "demo", "palier.dev/revision": REVISION}
    metadata = {"name": name, "namespace": "ml", "labels": labels, "creationTimestamp": "2026-11-24T09:50:00Z"}
    return {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": status}


def ready_at(time: str) -> list[dict[str, str]]:
    """The conditions of a pod that was ready at an instant."""
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T09:50:05Z"}
    return [placed, {"type": "Ready", "status": "True", "lastTransitionTime": time}]
