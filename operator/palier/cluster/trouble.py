"""Why pods do not become ready, in one sentence, from what the kubelet and the scheduler say about them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from palier.cluster.client import Cluster

ASKED_AGAIN_AFTER = 10.0
"""Seconds that pods may take to become ready before the reason is looked up, and between two such looks."""

SILENT = {"ContainerCreating", "PodInitializing"}
"""Waiting reasons that mean only that it takes a while."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was answered last."""

    labels: Mapping[str, str]
    """Of the pods that it is about."""
    asked_at: float
    message: str = ""


class Troubles:
    """Why pods are not ready, asked of the API server only now and then, because a slow start is none."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[tuple[str, str], _Known] = {}
        """By namespace and whose pods they are."""

    async def of(
        self, namespace: str, whose: str, labels: Mapping[str, str], *, since: float, now: float, due: float = math.inf
    ) -> str:
        """What is known of some pods that are not ready; empty while nothing is.

        Args:
            namespace: where they are.
            whose: names what they are for; `forget` takes the same.
            labels: of the pods; what is known of others is forgotten.
            since: when they began to start.
            now: seconds since the epoch.
            due: when something is decided by the answer: whatever was known before, it is asked anew then.

        Raises:
            ClusterError: it could not be asked. That is not "nothing is known": nobody may decide by it.
        """
        known = self._known.get((namespace, whose))
        if known is None or known.labels != labels:
            known = _Known(labels, since)
        if now - known.asked_at >= ASKED_AGAIN_AFTER or known.asked_at < due <= now:
            known = _Known(labels, now, trouble_of(await self._cluster.list_pods(namespace, labels)))
        self._known[namespace, whose] = known
        return known.message

    def last(self, namespace: str, whose: str) -> str:
        """What was answered last, for those who only tell it; empty for nothing."""
        known = self._known.get((namespace, whose))
        return known.message if known else ""

    def forget(self, namespace: str, whose: str) -> None:
        """They are ready, or nobody waits for them any more."""
        self._known.pop((namespace, whose), None)


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
