"""Whose an object is, before the first write to its name.

Server-side apply takes over whatever has the name: a Service that somebody made beforehand, with a selector of its own,
would get the users of a revision. The objects of strangers are not watched, so that the cache cannot tell; the API
server is asked once for each name, before the first write, and never again while the cache has the object.
"""

from collections.abc import Mapping
from typing import Any

from palier.api.constants import API_VERSION, KIND, LABEL_DEPLOYMENT, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.store import Store
from palier.errors import NameTaken
from palier.manifests.metadata import owned_by

__all__ = ["claim"]


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
        ClusterError: the API server could not be asked.
    """
    reference = Reference.to(manifest)
    known = store.get(reference.kind, reference.namespace, reference.name)
    if known is None:
        known = await cluster.get(reference)
        if known is not None and owned_by(deployment, known):
            store.put(known)
    if known is not None and not owned_by(deployment, known):
        raise NameTaken(reference.kind, f"{reference.namespace}/{reference.name}", _owner(deployment, known))
    return known


def _owner(deployment: ModelDeployment, obj: Mapping[str, Any]) -> str:
    """Whose an object is, as a sentence without its end; empty when nothing tells."""
    metadata, name = obj["metadata"], deployment.metadata.name
    labels = metadata.get("labels") or {}
    for owner in metadata.get("ownerReferences") or ():
        if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) == (API_VERSION, KIND, name):
            return "it belongs to an earlier ModelDeployment of this name, and Kubernetes is about to remove it"
        return f"it belongs to {owner.get('kind')} {owner.get('name')}"
    if labels.get(MANAGED_BY) == MANAGED_BY_VALUE and labels.get(LABEL_DEPLOYMENT) == name:
        return "an earlier ModelDeployment of this name has left it behind"
    if manager := labels.get(MANAGED_BY):
        return f"it is managed by {manager}"
    writers = [entry["manager"] for entry in metadata.get("managedFields") or () if entry.get("manager")]
    return f"it was written by {writers[0]}" if writers else ""
