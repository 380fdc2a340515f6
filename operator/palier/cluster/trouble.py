"""Why pods do not become ready, in one sentence, from what the kubelet and the scheduler say about them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SILENT = {"ContainerCreating", "PodInitializing"}
"""Waiting reasons that mean only that it takes a while."""


def trouble_of(pods: Sequence[Mapping[str, Any]]) -> str:
    """The first trouble found; empty when the pods merely take their time."""
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        for condition in status.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"pod {name} cannot be placed: {condition.get('message', condition.get('reason', ''))}"
        for container in _containers(status):
            sentence = _container_trouble(container)
            if sentence:
                return f"pod {name}, container {container['name']}: {sentence}"
    for pod in pods:
        if not any("running" in container.get("state", {}) for container in _containers(pod.get("status", {}))):
            continue
        for condition in pod["status"].get("conditions", ()):
            if condition["type"] == "Ready" and condition["status"] == "False":
                waiting = condition.get("message") or condition.get("reason", "")
                return f"pod {pod['metadata']['name']} runs but is not ready: {waiting}"
    return ""


def _containers(status: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _container_trouble(container: Mapping[str, Any]) -> str:
    state = container.get("state", {})
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in SILENT:
        last = container.get("lastState", {}).get("terminated", {})
        ended = f" (last exit code {last['exitCode']}, {last.get('reason', '')})" if "exitCode" in last else ""
        return f"{waiting.get('reason')}: {waiting.get('message', '')}{ended}"
    terminated = state.get("terminated")
    if terminated and terminated.get("exitCode"):
        return f"ended with exit code {terminated['exitCode']}, {terminated.get('reason', '')}"
    return ""
