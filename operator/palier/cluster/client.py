"""What Palier does to a cluster: a small port, and its one implementation on `kubernetes.aio`.

The port is what the controller needs and no more, so that a test can stand in for it and a reader can see at a glance
everything that the operator may do. Objects are plain dictionaries in both directions.

Writes are server-side apply: the operator states the fields it owns, and applying the same again changes nothing.
"""

import asyncio
import datetime as dt
import functools
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Self, TypedDict

from typing_extensions import Unpack

from palier.api.constants import API_VERSION, FIELD_MANAGER, FIELD_MANAGER_STATUS, GROUP, KIND
from palier.api.printable import make_printable
from palier.cluster.instruments import Instruments
from palier.cluster.kinds import Reference, collection_path, object_path, version_path
from palier.cluster.transport import APPLY_PATCH, MERGE_PATCH, Request, Transport, configure
from palier.errors import ClusterError, NotFound

__all__ = ["Cluster", "KubernetesCluster", "Reference"]

logger = logging.getLogger(__name__)

CHUNK = 500
"""Objects per page of a list: bounds the memory of both sides."""
EVENT_TIMEOUT = 5.0
"""Seconds: an Event is news for people and must not hold up the work it reports."""
NOTE_LIMIT = 1024
"""Bytes of an Event's note that the API server accepts."""
LOG_LIMIT = 65_536
"""Bytes of a log that are read at once: whoever writes longer lines does not fill our memory."""

_OURS = (("fieldManager", FIELD_MANAGER),)


class _Rest(TypedDict, total=False):
    """What a `Request` may have besides the object that it is about."""

    query: Sequence[tuple[str, str]]
    body: Mapping[str, Any]
    content_type: str


class Cluster(Protocol):
    """What the controller may do to the cluster."""

    async def apply(
        self, manifest: Mapping[str, Any], *, manager: str = FIELD_MANAGER, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create or change an object by server-side apply, taking over fields that others own; return the live object.

        Raises:
            ClusterError: Invalid also for a field that the API server does not know, which it would drop silently.
        """
        ...

    async def apply_status(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the status of a ModelDeployment; the manifest states all of it: what is left out is removed.

        Raises:
            NotFound: the ModelDeployment is gone.
            ClusterError: anything else that went wrong.
        """
        ...

    async def delete(self, reference: Reference) -> None:
        """Delete an object, its dependents in the background. One that is not there is a success.

        Raises:
            Conflict: another object has taken the name of the one with the reference's uid.
            ClusterError: anything else that went wrong.
        """
        ...

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """Read one object from the API server, past every cache; None when it, or its kind, does not exist.

        Raises:
            ClusterError: it could not be read.
        """
        ...

    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """The pods of a namespace that carry all the labels, read from the API server."""
        ...

    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines that the only container of a pod has written; empty when there is no such pod.

        Raises:
            ClusterError: they could not be read, also because the container has not started yet.
        """
        ...

    async def emit_event(
        self,
        *,
        regarding: Mapping[str, Any],
        type_: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        note: str,
    ) -> None:
        """Tell people about an object by an Event. A failure is logged and never raised."""
        ...


class KubernetesCluster:
    """The cluster behind an API server. Close it when done: it holds connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._instance = os.environ.get("POD_NAME") or socket.gethostname()

    @classmethod
    async def connect(
        cls, *, kubeconfig: str | None = None, context: str | None = None, instruments: Instruments | None = None
    ) -> Self:
        """Use the service account inside a cluster, else the kubeconfig; nothing is sent yet.

        Raises:
            InvalidSettings: there is no usable configuration.
        """
        return cls(Transport(await configure(kubeconfig=kubeconfig, context=context), instruments=instruments))

    @property
    def configuration(self) -> Any:  # noqa: ANN401 - the client library's own type, handed to Kopf and nobody else
        """How this cluster is reached."""
        return self._transport.configuration

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def apply(
        self, manifest: Mapping[str, Any], *, manager: str = FIELD_MANAGER, dry_run: bool = False
    ) -> dict[str, Any]:
        """See `Cluster.apply`."""
        reference = Reference.from_object(manifest)
        query = [("fieldManager", manager), ("force", "true"), ("fieldValidation", "Strict")]
        if dry_run:
            query.append(("dryRun", "All"))
        return await self._request(
            "PATCH", reference, f"applying {reference}", query=query, body=manifest, content_type=APPLY_PATCH
        )

    async def apply_status(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """See `Cluster.apply_status`."""
        reference = Reference.from_object(manifest)
        query = [("fieldManager", FIELD_MANAGER_STATUS)]
        patch = functools.partial(
            self._request, "PATCH", reference, f"applying the status of {reference}", part="/status"
        )
        live = await patch(query=[*query, ("force", "true")], body=manifest, content_type=APPLY_PATCH)
        if not _is_shared(live):
            return live
        # Whoever replaced the status, or restored it from a backup, owns fields of it that no apply of ours removes.
        surplus = _find_leftovers(live.get("status") or {}, manifest["status"])
        if not surplus:
            return live
        change = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}, "status": surplus}
        return await patch(query=query, body=change, content_type=MERGE_PATCH)

    async def delete(self, reference: Reference) -> None:
        """See `Cluster.delete`."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if reference.uid:
            options["preconditions"] = {"uid": reference.uid}
        try:
            await self._request("DELETE", reference, f"deleting {reference}", body=options)
        except NotFound:
            logger.debug("deleting %s: it is gone already", reference)

    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """See `Cluster.list_pods`."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        pods, _ = await self.list("v1", "Pod", namespace=namespace, selector=selector)
        return pods

    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        """See `Cluster.log_tail`."""
        reference = Reference("v1", "Pod", namespace, pod)
        query = [("tailLines", str(lines)), ("limitBytes", str(LOG_LIMIT))]
        try:
            return await self._transport.text(
                _describe_request(reference, "GET", f"reading the log of {reference}", part="/log", query=query)
            )
        except NotFound:
            return ""

    async def emit_event(
        self,
        *,
        regarding: Mapping[str, Any],
        type_: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        note: str,
    ) -> None:
        """See `Cluster.emit_event`; an Event of the API group events.k8s.io."""
        reference = Reference.from_object(regarding)
        now = dt.datetime.now(dt.UTC)
        name = f"{reference.name}.{int(now.timestamp() * 1e9):x}"
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": reference.namespace},
            "eventTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "type": type_,
            "reason": reason,
            "action": action,
            "note": make_printable(note).encode()[:NOTE_LIMIT].decode(errors="ignore"),
            "regarding": {
                "apiVersion": reference.api_version,
                "kind": reference.kind,
                "namespace": reference.namespace,
                "name": reference.name,
                "uid": reference.uid,
            },
            "reportingController": f"{GROUP}/palier",
            "reportingInstance": self._instance,
        }
        try:
            async with asyncio.timeout(EVENT_TIMEOUT):
                await self.create(event)
        except (ClusterError, TimeoutError) as error:
            logger.warning("the Event %s about %s is lost: %r", reason, reference, error)

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """See `Cluster.get`."""
        try:
            return await self._request("GET", reference, f"reading {reference}")
        except NotFound:
            return None

    async def list(
        self, api_version: str, kind: str, *, namespace: str | None, selector: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """Read all objects of a kind that a label selector matches, page by page.

        Returns:
            The objects, with their `apiVersion` and `kind`, and the resource version of the list.
        """
        found: list[dict[str, Any]] = []
        query = [("limit", str(CHUNK)), *([("labelSelector", selector)] if selector else [])]
        following = ""
        while True:
            request = Request(
                method="GET",
                path=collection_path(api_version, kind, namespace),
                subject=f"listing every {kind}" + (f" of {namespace}" if namespace else ""),
                kind=kind,
                query=[*query, ("continue", following)] if following else query,
            )
            answer = await self._transport.request(request)
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]
            following = answer["metadata"].get("continue", "")
            if not following:
                return found, answer["metadata"]["resourceVersion"]

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object that must not exist yet.

        Raises:
            Conflict: it exists.
            ClusterError: anything else that went wrong.
        """
        reference = Reference.from_object(manifest)
        return await self._request("POST", reference, f"creating {reference}", query=_OURS, body=manifest)

    async def replace(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object if it still has the resource version that the manifest states.

        Raises:
            Conflict: it changed in between.
            ClusterError: anything else that went wrong.
        """
        reference = Reference.from_object(manifest)
        return await self._request("PUT", reference, f"replacing {reference}", query=_OURS, body=manifest)

    async def patch(self, reference: Reference, changes: Mapping[str, Any], *, manager: str) -> dict[str, Any]:
        """Change the given fields of an existing object (JSON merge patch), in the name of a field manager.

        Raises:
            NotFound: it does not exist.
            ClusterError: anything else that went wrong.
        """
        query = [("fieldManager", manager)]
        return await self._request(
            "PATCH", reference, f"changing {reference}", query=query, body=changes, content_type=MERGE_PATCH
        )

    async def annotate(self, namespace: str, name: str, annotations: Mapping[str, str | None], *, manager: str) -> None:
        """Set annotations of a ModelDeployment, or remove those given as None, in the name of a field manager.

        Raises:
            NotFound: it does not exist.
            ClusterError: anything else that went wrong.
        """
        reference = Reference(API_VERSION, KIND, namespace, name)
        await self.patch(reference, {"metadata": {"annotations": dict(annotations)}}, manager=manager)

    async def served_kinds(self, api_version: str) -> frozenset[str]:
        """The kinds that the API server serves under an API version; none when it does not know the version.

        Raises:
            ClusterError: it could not be asked.
        """
        try:
            subject = f"asking what {api_version} serves"
            request = Request(method="GET", path=version_path(api_version), subject=subject, kind="APIResourceList")
            answer = await self._transport.request(request)
        except NotFound:
            return frozenset()
        return frozenset(resource["kind"] for resource in answer["resources"])

    async def _request(
        self, method: str, reference: Reference, subject: str, *, part: str = "", **rest: Unpack[_Rest]
    ) -> dict[str, Any]:
        return await self._transport.request(_describe_request(reference, method, subject, part=part, **rest))


def _describe_request(
    reference: Reference, method: str, subject: str, *, part: str = "", **rest: Unpack[_Rest]
) -> Request:
    """A request about one object, or about a part of it such as `/status`; a new one is sent to all of its kind."""
    new = method == "POST"
    path = (
        collection_path(reference.api_version, reference.kind, reference.namespace) if new else object_path(reference)
    )
    return Request(method=method, path=f"{path}{part}", subject=subject, kind=reference.kind, **rest)


def _is_shared(live: Mapping[str, Any]) -> bool:
    """Whether somebody else owns a part of the status of an object."""
    return any(
        entry.get("subresource") == "status"
        and (entry.get("manager"), entry.get("operation")) != (FIELD_MANAGER_STATUS, "Apply")
        for entry in live["metadata"].get("managedFields") or ()
    )


def _find_leftovers(live: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that takes out of a status what is not stated in it; empty where there is nothing to take out."""
    change: dict[str, Any] = {}
    for name, value in live.items():
        wanted = stated.get(name)
        if wanted is None:
            change[name] = None
        elif isinstance(value, Mapping) and isinstance(wanted, Mapping):
            if inner := _find_leftovers(value, wanted):
                change[name] = inner
        elif isinstance(value, list) and isinstance(wanted, list) and len(value) != len(wanted):
            change[name] = wanted
    return change
