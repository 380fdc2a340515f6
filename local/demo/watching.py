"""Watches the object and its route, so that the timeline has the moment of a change and not that of the next poll."""

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import kubernetes
import urllib3

_GATEWAY_API = ("gateway.networking.k8s.io", "v1", "httproutes")
_PALIER_API = ("palier.dev", "v1alpha1", "modeldeployments")
_RENEW = 300  # seconds; the server ends a watch now and then in any case


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was seen at a time (seconds since the epoch); without a body, it is gone."""

    time: float
    plural: str
    name: str
    body: Mapping[str, Any] | None


class Watcher:
    """Watches one namespace in threads, and hands what it sees over through a queue.

    Args:
        kubeconfig: of the cluster.
        namespace: where the ModelDeployment and its route are.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.seen: queue.Queue[Seen] = queue.Queue()
        self._namespace = namespace
        self._api = kubernetes.client.CustomObjectsApi(kubernetes.config.new_client_from_config(str(kubeconfig)))
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=kind, name=f"watch {kind[-1]}", daemon=True)
            for kind in (_PALIER_API, _GATEWAY_API)
        ]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a thread that waits for the server ends with the process."""
        self._stop.set()

    def _watch(self, group: str, version: str, plural: str) -> None:
        while not self._stop.is_set():
            try:
                # Without a resource version, a watch begins with all that there is: nothing is lost between two.
                events = kubernetes.watch.Watch().stream(
                    self._api.list_namespaced_custom_object,
                    group,
                    version,
                    self._namespace,
                    plural,
                    timeout_seconds=_RENEW,
                )
                for event in events:
                    body = event["object"]
                    gone = event["type"] == "DELETED"
                    self.seen.put(Seen(time.time(), plural, body["metadata"]["name"], None if gone else body))
            except (kubernetes.client.ApiException, urllib3.exceptions.HTTPError):
                self._stop.wait(0.5)  # the API server is away, or does not know the kind yet
