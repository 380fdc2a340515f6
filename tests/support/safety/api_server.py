"""The API server, the admission policies and the Prometheus of the lives in this folder.

Every write can be refused by its kind and verb, the status and Events included, and a webhook may change what is
written, because what the release path owes its users has to hold whatever of that happens.
"""

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from palier.cluster.kinds import Reference
from palier.errors import ClusterError, MetricsUnavailable
from palier.evidence.counters import Series
from tests.support.cluster.memory import MemoryCluster, copied

Object = dict[str, Any]
ANY = "*"
"""As a kind: every kind but the HTTPRoute. As a verb: every verb."""


def _keep_object(obj: Object) -> Object:
    return obj


class StrictCluster(MemoryCluster):
    """A cluster in memory with admission policies for every verb, and with webhooks that change what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[tuple[str, str], ClusterError] = {}
        """By kind and verb: `create`, `update`, `delete`, or `status`; Events are created."""
        self.turned_away: list[str] = []
        """What was refused, in order: verb, kind and name."""
        self.mutate: Callable[[Object], Object] = _keep_object
        """The webhooks: what becomes of an object that is written."""

    def refuse(self, kind: str, verb: str, error: ClusterError) -> None:
        """From now on nobody may do this."""
        self.refused[kind, verb] = error

    @override
    async def apply(self, manifest: Mapping[str, Any], **options: Any) -> Object:
        """See `Cluster.apply`."""
        there = (manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
        self._admit(there[0], "update" if there in self.objects else "create", there[2])
        return await super().apply(manifest, **options)

    @override
    async def apply_status(self, manifest: Mapping[str, Any]) -> Object:
        """See `Cluster.apply_status`."""
        self._admit(manifest["kind"], "status", manifest["metadata"]["name"])
        return await super().apply_status(manifest)

    @override
    async def delete(self, reference: Reference) -> None:
        """See `Cluster.delete`."""
        if (reference.kind, reference.namespace, reference.name) in self.objects:
            self._admit(reference.kind, "delete", reference.name)
        await super().delete(reference)

    @override
    async def emit_event(self, *, reason: str, **said: Any) -> None:
        """See `Cluster.emit_event`."""
        self._admit("Event", "create", reason)
        await super().emit_event(reason=reason, **said)

    def write(self, obj: Mapping[str, Any]) -> Object:
        """Somebody else replaces a whole object, so that what it does not name goes."""
        meta = obj["metadata"]
        return self._keep((obj["kind"], meta.get("namespace", ""), meta["name"]), copied(dict(obj)))

    def load(self, obj: Mapping[str, Any]) -> None:
        """An object is there already, just as it was written down."""
        meta = obj["metadata"]
        self.objects[obj["kind"], meta.get("namespace", ""), meta["name"]] = copied(dict(obj))
        self.version = max(self.version, int(meta["resourceVersion"]))

    def vanish(self, kind: str, name: str, namespace: str = "ml") -> None:
        """Somebody else, such as a person or the garbage collector, deletes an object."""
        self.version += 1
        obj = self.objects.pop((kind, namespace, name))
        stamped = {**obj["metadata"], "resourceVersion": str(self.version)}
        self.gone[kind, namespace, name] = {**obj, "metadata": stamped}
        self._applied = {key: value for key, value in self._applied.items() if key[0] != (kind, namespace, name)}

    @override
    def _says_nothing_new(self, live: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
        # A webhook may have something to add to what was there before it.
        return self.mutate is _keep_object and super()._says_nothing_new(live, obj)

    @override
    def _keep(self, identity: tuple[str, str, str], obj: Object) -> Object:
        return super()._keep(identity, self.mutate(obj))

    def _admit(self, kind: str, verb: str, name: str) -> None:
        for (what, how), error in self.refused.items():
            matches = what == kind or (what == ANY and kind != "HTTPRoute")
            if matches and how in {verb, ANY}:
                self.turned_away.append(f"{verb} {kind} {name}")
                raise type(error)(f"{verb} {kind} ml/{name}: {error}")


class Counted:
    """Stands for a Prometheus: counters that a life adds to, scraped every second."""

    def __init__(self) -> None:
        self.away = False
        self._held: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._samples: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]] = {}

    def add(self, selector: str, amount: float, *, at: float, **labels: str) -> None:
        """A counter rises and is scraped."""
        known = selector, tuple(sorted({"namespace": "ml", "job": "pods", **labels}.items()))
        self._held[known] = self._held.get(known, 0.0) + amount
        self._samples.setdefault(known, []).append((at, self._held[known]))

    def up(self, pod: str, *, at: float) -> None:
        """A pod is scraped."""
        labels = tuple(sorted({"namespace": "ml", "job": "pods", "pod": pod, "instance": pod}.items()))
        self._samples.setdefault(("up", labels), []).append((at, 1.0))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        if self.away:
            raise MetricsUnavailable("Unreachable", "nobody there")
        head = selector.partition('namespace=~"')[0].rstrip(",{")
        plain = f"{head}}}" if "{" in head else head
        return [
            Series(dict(labels), [sample for sample in samples if at - seconds < sample[0] <= at])
            for (name, labels), samples in self._samples.items()
            if name == plain
        ]

    def close(self) -> None:
        """Nothing is held."""
