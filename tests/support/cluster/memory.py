"""A cluster in memory: objects with increasing resource versions, field managers, and a kubelet and a gateway on call.

It stands behind the same port as the real cluster, so that tests look at the state of the world after the code under
test has acted on it, and never at which methods were called.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal

from palier.api.constants import FIELD_MANAGER, LABEL_DEPLOYMENT, LABEL_REVISION, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.same_json import is_same_json
from palier.cluster.kinds import Reference
from palier.cluster.store import Store
from palier.cluster.watches import WATCHES
from palier.errors import ClusterError, Invalid, NotFound, Unavailable
from tests.support.cluster.schema import violations

Identity = tuple[str, str, str]
_UNCHANGEABLE = {str, int, float, bool, type(None)}


class MemoryCluster:
    """Keeps objects as an API server would."""

    def __init__(self) -> None:
        self.objects: dict[Identity, dict[str, Any]] = {}
        self.gone: dict[Identity, dict[str, Any]] = {}
        """Deleted objects as last seen, at the version of their deletion."""
        self.version = 100
        """Grows with every change and with nothing else."""
        self.requests = 0
        """Writes that were asked for, whether they changed anything or not."""
        self.events: list[tuple[str, str, str]] = []
        """Type, reason and note of every Event."""
        self.pods: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {}
        """What the container of each pod has written, by the pod's name."""
        self.breaks_after: int | None = None
        """Writes that still succeed before the API server is away for good."""
        self.refuses: dict[str, ClusterError] = {}
        """What an admission policy answers to every write of a kind, or of a kind and the beginning of a name."""
        self.refuses_deletion: dict[str, ClusterError] = {}
        """The same for deletions."""
        self.after_write: Callable[[], None] = lambda: None
        """Called at every instant at which the world differs."""
        self._applied: dict[tuple[Identity, str], dict[str, Any]] = {}
        self._fitting: dict[str, Any] = {}
        """The last value of each part of a status that the CRD was found to take."""

    async def apply(
        self, manifest: Mapping[str, Any], *, manager: str = FIELD_MANAGER, dry_run: bool = False
    ) -> dict[str, Any]:
        """See `Cluster.apply`: what this manager stated before and no longer states goes."""
        assert not dry_run
        self._reach()
        _admit(self.refuses, Reference.from_object(manifest), "applying")
        identity = _identity(manifest)
        live = copied(self.objects.get(identity, _born(manifest, number=self.version + 1)))
        before = self._applied.get((identity, manager), {})
        self._applied[identity, manager] = copied(dict(manifest))
        return self._keep(identity, _merged(_without(live, before, manifest), manifest))

    async def apply_status(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """See `Cluster.apply_status`."""
        self._reach()
        identity = _identity(manifest)
        if identity not in self.objects:
            raise NotFound(f"{identity} is gone")
        self._check_status(manifest["status"])
        return self._keep(identity, {**self.objects[identity], "status": copied(manifest["status"])})

    async def delete(self, reference: Reference) -> None:
        """See `Cluster.delete`."""
        self._reach()
        identity = (reference.kind, reference.namespace, reference.name)
        if identity not in self.objects:
            return
        _admit(self.refuses_deletion, reference, "deleting")
        assert reference.uid in {None, self.objects[identity]["metadata"]["uid"]}
        self.version += 1
        obj = self.objects.pop(identity)
        self.gone[identity] = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        self._applied = {key: value for key, value in self._applied.items() if key[0] != identity}
        self.after_write()

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """See `Cluster.get`."""
        return copied(self.objects.get((reference.kind, reference.namespace, reference.name)))

    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """See `Cluster.list_pods`."""
        return [
            pod
            for pod in self.pods
            if pod["metadata"]["namespace"] == namespace and labels.items() <= pod["metadata"]["labels"].items()
        ]

    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        """See `Cluster.log_tail`."""
        there = {(found["metadata"]["namespace"], found["metadata"]["name"]) for found in self.pods}
        if (namespace, pod) not in there:
            return ""
        return "".join(self.logs.get(pod, "").splitlines(keepends=True)[-lines:])

    async def emit_event(
        self,
        *,
        regarding: Mapping[str, Any],
        type_: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        note: str,
    ) -> None:
        """See `Cluster.emit_event`."""
        assert regarding["metadata"]["name"]
        assert action
        self.events.append((type_, reason, note))

    def find(self, kind: str, name: str, namespace: str = "ml") -> dict[str, Any] | None:
        """The object as it is now."""
        return self.objects.get((kind, namespace, name))

    def put(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody else writes a whole object."""
        identity = _identity(obj)
        live = self.objects.get(identity)
        if live is not None and self._says_nothing_new(live, obj):
            return copied(live)
        known = live or _born(obj, number=self.version + 1)
        return self._keep(identity, _merged({"metadata": known["metadata"]}, obj))

    def tell(self, store: Store) -> None:
        """The watches catch up: the store learns of everything that changed and is watched at all."""
        for obj in self.gone.values():
            store.remove(obj)
        for (kind, namespace, name), obj in self.objects.items():
            known = store.get(kind, namespace, name)
            new = known is None or known["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]
            if new and _watched(obj):
                store.put(copied(obj))

    def bring_up_pods(self, *, but: frozenset[str] = frozenset()) -> None:
        """The kubelets start every pod that is asked for, except those of the given revisions."""
        for identity, workload in list(self.objects.items()):
            labels = workload["metadata"].get("labels", {})
            if identity[0] != "Deployment" or labels.get(LABEL_REVISION) in but:
                continue
            count = workload["spec"]["replicas"]
            self.put({**workload, "status": {"replicas": count, "availableReplicas": count}})
            if ("Service", *identity[1:]) in self.objects:
                self.put(endpoint_slice(identity[2], labels[LABEL_DEPLOYMENT], ready=count))
        self._follow_front_services()

    def _follow_front_services(self) -> None:
        """The endpoints of a Service without a revision of its own are those of the revisions that it selects."""
        for identity, service in list(self.objects.items()):
            owner = service["metadata"].get("labels", {}).get(LABEL_DEPLOYMENT)
            if identity[0] != "Service" or not owner or LABEL_REVISION in service["metadata"]["labels"]:
                continue
            if LABEL_DEPLOYMENT not in service["spec"]["selector"]:
                continue  # a shadow proxy's
            only = service["spec"]["selector"].get(LABEL_REVISION)
            ready = sum(
                len(part.get("endpoints") or ())
                for other, part in list(self.objects.items())
                if other[0] == "EndpointSlice" and other[2] != f"{identity[2]}-a" and (not only or only in other[2])
            )
            self.put(endpoint_slice(identity[2], owner, ready=ready))

    def accept_routes(self) -> None:
        """The gateways accept every route as it is now."""
        for identity, route in list(self.objects.items()):
            if identity[0] == "HTTPRoute":
                parents = [answer(parent, generation=route["metadata"]["generation"]) for parent in _parents(route)]
                self.put({**route, "status": {"parents": parents}})

    def _reach(self) -> None:
        self.requests += 1
        if self.breaks_after is not None:
            if self.breaks_after == 0:
                raise Unavailable("the API server is away")
            self.breaks_after -= 1

    def _check_status(self, status: Mapping[str, Any]) -> None:
        """Refuse a status that the CRD does not take; most parts are as they were in the last one."""
        new = {
            name: part
            for name, part in status.items()
            if name not in self._fitting or not is_same_json(part, self._fitting[name])
        }
        if wrong := list(violations(new)):
            raise Invalid("; ".join(wrong))
        self._fitting |= new

    def _says_nothing_new(self, live: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
        """Whether an object is already as somebody else writes it: kubelets and gateways write the same all day."""
        return live.keys() == obj.keys() and all(
            _has(part, obj[name]) if name == "metadata" else part == obj[name] for name, part in live.items()
        )

    def _keep(self, identity: Identity, obj: dict[str, Any]) -> dict[str, Any]:
        before = self.objects.get(identity)
        if before is not None and obj == before:
            return copied(before)
        self.version += 1
        generation = obj["metadata"].get("generation", 0)
        if before is None or before.get("spec") != obj.get("spec"):
            generation += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version), "generation": generation}}
        if identity[0] == "Deployment":
            obj["spec"] = {"replicas": 1, **obj["spec"]}
        self.objects[identity] = obj
        self.gone.pop(identity, None)
        self.after_write()
        return copied(obj)


def copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A copy that shares nothing that can be changed; much faster than `copy.deepcopy` for what JSON can hold."""
    if type(value) is dict:
        return {name: copied(part) for name, part in value.items()}
    if type(value) is list:
        return [copied(part) for part in value]
    return value if type(value) in _UNCHANGEABLE else copy.deepcopy(value)


def endpoint_slice(service: str, deployment: str, *, ready: int, part: str = "a") -> dict[str, Any]:
    """The ready pods behind a Service; a large Service has several of these."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-{part}",
            "namespace": "ml",
            "labels": {
                "kubernetes.io/service-name": service,
                LABEL_DEPLOYMENT: deployment,
                MANAGED_BY: MANAGED_BY_VALUE,
            },
        },
        "endpoints": [
            {"addresses": [f"{service}.{part}.{number}"], "conditions": {"ready": True}} for number in range(ready)
        ],
    }


def answer(parent: Mapping[str, Any], *, generation: int, **changes: dict[str, Any]) -> dict[str, Any]:
    """What a gateway says about a route; `changes` alter the condition of that type, None takes it away."""
    said = {
        kind: {"type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": generation}
        for kind in ("Accepted", "ResolvedRefs")
    }
    return {
        "parentRef": dict(parent),
        "controllerName": "example.com/gateway",
        "conditions": [{**condition, **changes.get(kind, {})} for kind, condition in said.items()],
    }


def _admit(refuses: Mapping[str, ClusterError], reference: Reference, doing: str) -> None:
    """Raise what is refused, with the words of the client: they name the object."""
    for what, error in refuses.items():
        if f"{reference.kind} {reference.name}".startswith(what):
            raise type(error)(f"{doing} {reference}: {error}")


def _watched(obj: Mapping[str, Any]) -> bool:
    """Whether an object carries the labels that the watch of its kind selects."""
    labels = obj["metadata"].get("labels", {})
    for watch in WATCHES:
        if watch.kind == obj["kind"]:
            wanted = [term.partition("=") for term in watch.selector.split(",") if term]
            return all(labels.get(key) == value if equals else key in labels for key, equals, value in wanted)
    return False


def _parents(route: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(route["spec"]["parentRefs"])


def _identity(obj: Mapping[str, Any]) -> Identity:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _born(manifest: Mapping[str, Any], *, number: int) -> dict[str, Any]:
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"uid": f"uid-{number}", "creationTimestamp": f"2026-01-01T00:00:00.{number:06d}Z"},
    }


def _merged(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(live)
    for name, value in manifest.items():
        known = result.get(name)
        nested = isinstance(value, Mapping) and isinstance(known, Mapping)
        result[name] = _merged(known, value) if nested else copied(value)
    return result


def _has(live: Any, stated: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value stays as it is when another one is merged into it."""
    if isinstance(live, dict) and isinstance(stated, dict):
        return all(name in live and _has(live[name], value) for name, value in stated.items())
    return bool(live == stated)


def _without(live: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The live object without the fields that were stated before and are not stated now."""
    result = {}
    for name, value in live.items():
        if name in before and name not in now:
            continue
        stated = before.get(name), now.get(name)
        nested = isinstance(value, Mapping) and all(isinstance(part, Mapping) for part in stated)
        result[name] = _without(value, *stated) if nested else value
    return result
