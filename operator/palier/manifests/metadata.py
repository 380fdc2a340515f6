"""Names, labels and ownership that every object made by Palier shares."""

from collections.abc import Mapping
from typing import Any

from palier.api.constants import (
    API_VERSION,
    KIND,
    LABEL_DEPLOYMENT,
    LABEL_REVISION,
    MANAGED_BY,
    MANAGED_BY_VALUE,
)
from palier.api.v1alpha1 import ModelDeployment


def child_name(deployment: ModelDeployment, revision: str) -> str:
    """Name of a revision's Deployment and Service."""
    return f"{deployment.metadata.name}-{revision}"


def pod_prefix(deployment_name: str, revision: str) -> str:
    """What the names of a revision's pods start with."""
    return f"{deployment_name}-{revision}-"


def selector_labels(deployment: ModelDeployment, revision: str) -> dict[str, str]:
    """The labels that distinguish a revision's pods from all others; they never change."""
    return {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: revision}


def metadata(deployment: ModelDeployment, *, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of an owned object: it goes when the ModelDeployment goes."""
    return {
        "name": name,
        "namespace": deployment.metadata.namespace,
        "labels": {MANAGED_BY: MANAGED_BY_VALUE, **labels},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": deployment.metadata.name,
                "uid": deployment.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def entrance_metadata(deployment: ModelDeployment) -> dict[str, Any]:
    """Metadata of what users come by, which has the ModelDeployment's own name."""
    name = deployment.metadata.name
    return metadata(deployment, name=name, labels={LABEL_DEPLOYMENT: name})


def owned_by(deployment: ModelDeployment, obj: Mapping[str, Any]) -> bool:
    """Whether an existing object belongs to this very ModelDeployment."""
    owners = obj.get("metadata", {}).get("ownerReferences", ())
    return any(owner.get("uid") == deployment.metadata.uid for owner in owners)


def belongs_to_namesake(deployment: ModelDeployment, obj: Mapping[str, Any]) -> bool:
    """Whether an object belongs to an earlier ModelDeployment of the same name, with which Kubernetes removes it."""
    wanted = (API_VERSION, KIND, deployment.metadata.name)
    return not owned_by(deployment, obj) and any(
        (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) == wanted
        for owner in obj.get("metadata", {}).get("ownerReferences") or ()
    )


def tell_owner(deployment: ModelDeployment, obj: Mapping[str, Any]) -> str:
    """Whose an existing object is that has a name which Palier needs, and what to do; empty when it is ours.

    Palier never takes such an object over: what it selects or runs may be somebody's.

    Args:
        deployment: the ModelDeployment that needs the name.
        obj: the live object, with its kind.
    """
    if owned_by(deployment, obj):
        return ""
    meta, owner_metadata = obj.get("metadata", {}), deployment.metadata
    kind, name = obj.get("kind", "object"), meta.get("name", "")
    exists = f"{kind} {name} exists and is not Palier's"
    remove = f"remove it (kubectl delete {kind.lower()} {name} -n {owner_metadata.namespace}) and Palier makes its own"
    owners = meta.get("ownerReferences") or ()
    owner = next((one for one in owners if one.get("controller")), next(iter(owners), None))
    if owner is None:
        if (meta.get("labels") or {}).get(MANAGED_BY) != MANAGED_BY_VALUE:
            return f"{exists}: nothing says whose it is; {remove}, or choose another name for the ModelDeployment"
        return f"{exists} any more: an earlier ModelDeployment left it behind, as --cascade=orphan does; {remove}"
    owner_name = f"{owner.get('kind')} {owner.get('name')}"
    if owner.get("kind") != KIND:
        return f"{exists}: it belongs to {owner_name}; choose another name for the ModelDeployment"
    if owner.get("name") == owner_metadata.name:
        return (
            f"{exists} any more: it belongs to an earlier {owner_name} with the uid {owner.get('uid')}; "
            f"Kubernetes removes it soon, or {remove}"
        )
    return f"{exists}: it belongs to {owner_name}; choose another name for one of the two"
