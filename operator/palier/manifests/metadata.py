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
    """The labels that tell a revision's pods from all others; they never change."""
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


def owned_by(deployment: ModelDeployment, obj: Mapping[str, Any]) -> bool:
    """Whether an existing object belongs to this very ModelDeployment."""
    owners = obj.get("metadata", {}).get("ownerReferences", ())
    return any(owner.get("uid") == deployment.metadata.uid for owner in owners)
