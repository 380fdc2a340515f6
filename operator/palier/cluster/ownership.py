"""Whose an object is, before the first write to its name.

Server-side apply takes over whatever has the name: a Service that somebody made beforehand, with a selector of its own,
would get the users of a revision. The objects of strangers are not watched, so that the cache cannot tell; the API
server is asked once for each name, before the first write, and never again while the cache has the object.
"""

from collections.abc import Mapping
from typing import Any

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.store import Store
from palier.errors import Conflict, NameTaken
from palier.manifests.metadata import belongs_to_namesake, owned_by, tell_owner


async def claim(
    cluster: Cluster, store: Store, deployment: ModelDeployment, manifest: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Make sure that a manifest may be applied: that its name is free, or already this ModelDeployment's.

    Args:
        cluster: where to ask for what the cache does not have.
        store: the cache; an own object that it did not have is put there.
        deployment: who wants the name.
        manifest: what is to be applied.

    Returns:
        The object as it is; None where there is none yet.

    Raises:
        NameTaken: it is somebody else's.
        Conflict: it belongs to an earlier ModelDeployment of this name, and goes with it.
        ClusterError: the API server could not be asked.
    """
    reference = Reference.from_object(manifest)
    known = store.get(reference.kind, reference.namespace, reference.name)
    if known is None:
        known = await cluster.get(reference)
        if known is not None and owned_by(deployment, known):
            store.put(known)
    if known is None or owned_by(deployment, known):
        return known
    told = tell_owner(deployment, known)
    if belongs_to_namesake(deployment, known):
        raise Conflict(told)  # Kubernetes is about to remove it: that is no reason to give up
    raise NameTaken(told)


def find_owned(store: Store, deployment: ModelDeployment, kind: str, name: str) -> dict[str, Any] | None:
    """An object of a ModelDeployment as the cache has it; None where there is none, or only somebody else's."""
    found = store.get(kind, deployment.metadata.namespace, name)
    return found if found is not None and owned_by(deployment, found) else None


def find_staying(store: Store, deployment: ModelDeployment, kind: str, name: str) -> dict[str, Any] | None:
    """The same, unless it is being deleted."""
    found = find_owned(store, deployment, kind, name)
    return None if found is None or found["metadata"].get("deletionTimestamp") else found
