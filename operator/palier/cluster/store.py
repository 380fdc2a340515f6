"""Our own cache of the objects we watch, which never shows us a past that we have already changed.

A watch lags behind our own writes. A reconcile that reads the cache right after it wrote would see the state before
its write and act on it again. So the answers of our writes are put here too, and an object replaces the one in the
cache only when its resource version is newer. Kubernetes compares resource versions of one resource as integers
(officially since 1.35; etcd's revision before), and so do we.

Removals are remembered by version as well: an answer or an event that was overtaken by the deletion cannot bring the
object back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from palier.api.constants import GROUP, KIND
from palier.cluster.indices import HOSTNAME, INDEXED_LABELS, NO_HOSTNAME, entries_of

Identity = tuple[str, str, str]  # kind, namespace, name

REMEMBERED_REMOVALS = 10_000  # an overtaken event arrives within seconds; far fewer objects vanish in that time


@dataclass(frozen=True, slots=True)
class Writer:
    """Who last wrote something, according to the API server's bookkeeping of managed fields."""

    manager: str
    """The field manager's name, such as `kubectl-annotate` or `palier-cli`: a program, not a person."""
    time: str
    """RFC 3339, UTC; empty when the API server does not say."""


class Store:
    """Objects by kind, namespace and name. Callers must not change what they get: it is shared."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        """By kind, namespace and name: what is asked for is mostly of one namespace, and asked for in every pass."""
        self._entered: dict[tuple[str, str, str], dict[str, dict[str, dict[str, Any]]]] = {}
        """The same by kind, index and value there, then by namespace and name: see `indices`."""
        self._versions: dict[Identity, int] = {}
        self._removals: dict[Identity, int] = {}
        self._writers: dict[Identity, dict[str, Writer]] = {}

    def put(self, obj: Mapping[str, Any]) -> bool:
        """Take in an object as the API server sent it; False when what we hold is as new or newer.

        Works on any object with `kind` and `metadata.resourceVersion`; answers of a dry run must not come here.
        """
        identity, version = _identity(obj), _version(obj)
        if version <= max(self._versions.get(identity, -1), self._removals.get(identity, -1)):
            return False
        metadata = dict(obj["metadata"])
        managed = metadata.pop("managedFields", ())
        if identity[0] == KIND:
            self._writers[identity] = _annotation_writers(managed)
        self._drop(identity)
        kind, namespace, name = identity
        held = {**obj, "metadata": metadata}
        self._objects.setdefault(kind, {}).setdefault(namespace, {})[name] = held
        for index, value in entries_of(held):
            self._entered.setdefault((kind, index, value), {}).setdefault(namespace, {})[name] = held
        self._versions[identity] = version
        self._removals.pop(identity, None)
        return True

    def remove(self, obj: Mapping[str, Any]) -> bool:
        """Forget a deleted object, given as last seen; False when what we hold is newer or nothing was held."""
        return self._remove(_identity(obj), _version(obj))

    def retain(
        self, kind: str, namespace: str | None, names: Iterable[tuple[str, str]], *, version: str
    ) -> list[dict[str, Any]]:
        """Forget what a complete list no longer contains, and return it: a watch that broke may have lost deletions.

        Args:
            kind: the kind that was listed.
            namespace: the namespace that was listed; None for all.
            names: namespace and name of every object in the list.
            version: the list's own resource version; objects that are newer than the list stay.
        """
        present = set(names)
        gone = [obj for obj in self.list(kind, namespace) if _identity(obj)[1:] not in present]
        return [obj for obj in gone if self._remove(_identity(obj), int(version))]

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The newest version that we have seen, without its managed fields."""
        return self._objects.get(kind, {}).get(namespace, {}).get(name)

    def list(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a kind, in one namespace or in all, that carry all the given labels; ordered by name."""
        return [obj for _, obj in sorted(self._select(kind, namespace, labels or {}), key=lambda item: item[0])]

    def list_routes_of(self, hostnames: Iterable[str]) -> Sequence[dict[str, Any]]:
        """The HTTPRoutes of the cluster that name one of these hostnames, ordered by namespace and name.

        They are compared literally. For no hostname at all, those that name none: they are for every host.
        """
        return self._list_entered("HTTPRoute", HOSTNAME, set(hostnames) or {NO_HOSTNAME})

    def list_deployments_of(self, hostnames: Iterable[str]) -> Sequence[dict[str, Any]]:
        """The ModelDeployments behind a gateway that name one of these hostnames, which are given in lower case."""
        return self._list_entered(KIND, HOSTNAME, set(hostnames))

    def _list_entered(self, kind: str, index: str, values: Iterable[str]) -> Sequence[dict[str, Any]]:
        found = {
            (namespace, name): obj
            for value in values
            for namespace, among in self._entered.get((kind, index, value), {}).items()
            for name, obj in among.items()
        }
        return [found[place] for place in sorted(found)]

    def who_wrote(self, namespace: str, name: str, annotation: str) -> Writer | None:
        """Who last wrote this `palier.dev/…` annotation of a ModelDeployment; None when nobody is on record."""
        return self._writers.get((KIND, namespace, name), {}).get(annotation)

    def _select(
        self, kind: str, namespace: str | None, labels: Mapping[str, str]
    ) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        label = next((label for label in INDEXED_LABELS if label in labels), None)
        places = self._objects.get(kind, {}) if label is None else self._entered.get((kind, label, labels[label]), {})
        for place in places if namespace is None else (namespace,):
            for name, obj in places.get(place, {}).items():
                if labels.items() <= (obj["metadata"].get("labels") or {}).items():
                    yield (place, name), obj

    def _remove(self, identity: Identity, version: int) -> bool:
        held = self._versions.get(identity)
        if held is not None and held > version:
            return False
        self._removals.pop(identity, None)
        self._removals[identity] = max(version, held or 0)
        while len(self._removals) > REMEMBERED_REMOVALS:
            del self._removals[next(iter(self._removals))]
        self._versions.pop(identity, None)
        self._writers.pop(identity, None)
        return self._drop(identity)

    def _drop(self, identity: Identity) -> bool:
        """Take an object out; tells whether it was there."""
        kind, namespace, name = identity
        held = self._objects.get(kind, {}).get(namespace, {}).pop(name, None)
        if held is None:
            return False
        for index, value in entries_of(held):
            places = self._entered[kind, index, value]
            del places[namespace][name]
            if not places[namespace]:
                del places[namespace]
            if not places:
                del self._entered[kind, index, value]
        return True


def _identity(obj: Mapping[str, Any]) -> Identity:
    metadata = obj["metadata"]
    return obj["kind"], metadata.get("namespace", ""), metadata["name"]


def _version(obj: Mapping[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _annotation_writers(managed: Iterable[Mapping[str, Any]]) -> dict[str, Writer]:
    """Read `managedFields`: per annotation of our group the manager that owns it and wrote last."""
    writers: dict[str, Writer] = {}
    for entry in managed:
        annotations = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
        writer = Writer(manager=entry.get("manager", ""), time=entry.get("time", ""))
        for field in annotations:
            name = field.removeprefix("f:")
            if name.startswith(f"{GROUP}/") and (name not in writers or writers[name].time <= writer.time):
                writers[name] = writer
    return writers
