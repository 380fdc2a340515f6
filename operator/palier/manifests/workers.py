"""What every pod of Palier's own has in common: generators of load, askers of golden answers and shadow proxies.

They run next to users' pods, therefore with no rights at all: no token, no root, nothing that they could write but a
scratch folder. And they must never look like one of the pods that they test: Services and autoscalers select those by
their labels, so the labels of a revision stand on the Job or the Deployment and not on its pods.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from palier.api.constants import LABEL_DEPLOYMENT
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec

__all__ = [
    "CONFINED",
    "PLAN_KEY",
    "RESULT_PATH",
    "SCRATCH",
    "SCRATCH_MOUNT",
    "SPARE_SECONDS",
    "image_of",
    "job_name",
    "pod_spec",
]

PLAN_KEY: Final = "plan.json"
"""Key of the ConfigMap, and name of the file, with what the pod has to do."""

CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of a container with our own program."""

SCRATCH: Final = {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}
SCRATCH_MOUNT: Final = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - a mount of the pod's own

RESULT_PATH: Final = "/dev/termination-log"
"""The kubelet copies what is written there into the pod's status."""
SPARE_SECONDS: Final = 300
"""For placing the pod of a Job and pulling its image, on top of the longest time that its work may take."""

_LONGEST_NAME: Final = 63
"""Characters: the name of a Job is also the value of a label of its pods."""
_ABOUT: Final = 6
"""Hexadecimal digits of what is asked, and of the whole name of which a long one loses its end."""


def job_name(head: str, deployment: ModelDeployment, *, tail: str, about: str) -> str:
    """Name of a Job and of what its pod reads.

    Args:
        head: what the Job does.
        deployment: the owner; a long name loses its end.
        tail: what distinguishes this Job from the others of the same owner.
        about: what it is asked: a Job about another question has another name, so that it never passes for this one.
    """
    digest = hashlib.sha256(f"{deployment.metadata.name} {about}".encode()).hexdigest()[:_ABOUT]
    end = f"-{digest}-{tail}"
    return f"{head}-{deployment.metadata.name}"[: _LONGEST_NAME - len(end)] + end


def image_of(chosen: str | None, own: str, *, field: str) -> str:
    """The image of a pod: the one that the spec names, else the operator's own.

    Args:
        chosen: as the spec has it.
        own: the operator's own image; empty when it is not known.
        field: where the spec could name one.

    Raises:
        InvalidSpec: neither names an image.
    """
    if image := chosen or own:
        return image
    raise InvalidSpec(field, "name an image: the operator would use its own, but was not started with --image")


def pod_spec(
    deployment: ModelDeployment,
    *,
    containers: Sequence[Mapping[str, Any]],
    volumes: Sequence[Mapping[str, Any]],
    node_selector: Mapping[str, str],
    tolerations: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A pod with no rights, on another node than the model's pods where there is one.

    Args:
        deployment: the owner.
        containers: its containers.
        volumes: its volumes.
        node_selector: labels of the nodes that it may run on.
        tolerations: taints of nodes that it may run on all the same.
    """
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # No user id: the image has its own, and some platforms choose one.
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": _apart_from(deployment),
        "containers": list(containers),
        "volumes": list(volumes),
    }
    if node_selector:
        spec["nodeSelector"] = dict(node_selector)
    if tolerations:
        spec["tolerations"] = [dict(toleration) for toleration in tolerations]
    if secrets := _pull_secrets(deployment.spec.serving.template.spec):
        spec["imagePullSecrets"] = secrets
    return spec


def _apart_from(deployment: ModelDeployment) -> dict[str, Any]:
    """Rather another node than those of the model's pods, from which this one would take CPU."""
    term = {
        "labelSelector": {"matchLabels": {LABEL_DEPLOYMENT: deployment.metadata.name}},
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _pull_secrets(template: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Secrets for pulling images are known in this namespace by what the user's own pods name."""
    return [dict(secret) for secret in template.get("imagePullSecrets") or ()]
