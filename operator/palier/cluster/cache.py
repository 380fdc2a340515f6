"""Keeps the store complete and tells the queue what changed.

Watches alone are not enough. Kopf lists again after a watch broke for too long, but it cannot tell which objects
vanished meanwhile, and with an empty cluster it never says that the first list is over. So every kind is listed by
ourselves once at the start, which is our barrier before the first reconcile, and again every ten minutes, which
finds lost deletions. Both are cheap: the store ignores what it knows, and only real changes reach the queue.

What concerns a ModelDeployment whose candidate is being taken back from its users is urgent, whatever it is: the
gateway's answer is a step of the rollback, and so is the first sight of the object after a restart. A ModelDeployment
that was deleted, or made again under its name, begins anew in the queue.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from palier.api.constants import KIND
from palier.api.status.values import ReleasePhase
from palier.cluster.client import KubernetesCluster
from palier.cluster.indices import look_up
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.store import Store
from palier.cluster.watches import WATCHES, Watch, find_affected
from palier.errors import InvalidSettings

logger = logging.getLogger(__name__)


class Cache:
    """The store, fed from outside, and the queue that hears about it."""

    def __init__(self, store: Store, queue: WorkQueue[Key]) -> None:
        self._store = store
        self._queue = queue

    def update_object(self, obj: Mapping[str, Any]) -> None:
        """An object exists as given."""
        before = self._find_known(obj)
        if self._store.put(obj):
            self._announce(before, obj)

    def remove_object(self, obj: Mapping[str, Any]) -> None:
        """An object was deleted, or no longer has the labels we watch; given as last seen."""
        before = self._find_known(obj)
        if self._store.remove(obj):
            self._announce(before, None)

    async def resync(self, cluster: KubernetesCluster, watches: Sequence[Watch], namespaces: Sequence[str]) -> None:
        """List everything that is watched, and take in what differs.

        Raises:
            ClusterError: a list failed; what came before it is taken in.
        """
        for watch in watches:
            for namespace in namespaces or (None,):
                objects, version = await cluster.list(
                    watch.api_version, watch.kind, namespace=namespace, selector=watch.selector
                )
                for obj in objects:
                    self.update_object(obj)
                names = [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in objects]
                for lost in self._store.retain(watch.kind, namespace, names, version=version):
                    self._announce(lost, None)

    def _find_known(self, obj: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._store.get(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])

    def _announce(self, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        if before is not None and before["kind"] == KIND and _is_another(before, after):
            self._queue.begin_anew(Key(before["metadata"]["namespace"], before["metadata"]["name"]))
        for key in find_affected(self._store, before, after):
            self._queue.add(key, urgent=_is_taken_back(self._store.get(KIND, *key)))


def _is_another(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> bool:
    """Whether the object as it was known is not there any more: identity is the uid, not the name."""
    return after is None or after["metadata"].get("uid") != before["metadata"].get("uid")


def _is_taken_back(deployment: Mapping[str, Any] | None) -> bool:
    """Whether users are on their way from a candidate back to stable."""
    return bool(look_up(deployment, "status", "release", "step") == ReleasePhase.ROLLING_BACK)


async def served_watches(cluster: KubernetesCluster) -> tuple[Watch, ...]:
    """The kinds that this cluster serves, of those that we watch.

    Raises:
        InvalidSettings: one is missing that the operator cannot do without.
        ClusterError: the API server could not be asked.
    """
    served = {version: await cluster.served_kinds(version) for version in {watch.api_version for watch in WATCHES}}
    for watch in WATCHES:
        if watch.kind in served[watch.api_version]:
            continue
        if not watch.without:
            raise InvalidSettings(
                f"this cluster does not serve {watch.plural}.{watch.group}: install Palier's CRDs first"
            )
        logger.warning("this cluster does not serve %s.%s: %s until it does", watch.plural, watch.group, watch.without)
    return tuple(watch for watch in WATCHES if watch.kind in served[watch.api_version])
