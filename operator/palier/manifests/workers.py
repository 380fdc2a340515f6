"""What every pod of Palier's own has in common: generators of load, askers of golden answers and shadow proxies.

They run next to users' pods, therefore with no rights at all: no token, no root, nothing that they could write but a
scratch folder. And they must never look like one of the pods that they test: Services and autoscalers select those by
their labels, so the labels of a revision stand on the Job or the Deployment and not on its pods.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_WATCH, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.spec.golden import Golden
from palier.api.spec.load_test import LoadTest
from palier.api.spec.shadow import Shadow
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import InvalidSpec
from palier.manifests.metadata import metadata, selector_labels

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


def job_manifest(meta: Mapping[str, Any], pod: Mapping[str, Any], *, label: str, longest: float) -> dict[str, Any]:
    """A Job whose pod is tried once more when it fails.

    Args:
        meta: its metadata.
        pod: its pod.
        label: on the pod: the name of the Job.
        longest: seconds that its work may take.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": math.ceil(longest) + SPARE_SECONDS,
            "template": {
                "metadata": {"labels": {MANAGED_BY: MANAGED_BY_VALUE, label: meta["name"]}},
                "spec": {"restartPolicy": "Never", **pod},
            },
        },
    }


def config_manifest(
    deployment: ModelDeployment, name: str, data: Mapping[str, str], *, revision: str, label: str, job: str
) -> dict[str, Any]:
    """A ConfigMap that the pod of a Job reads.

    Not immutable: an operator that was killed before it made the Job must be able to write the addresses again.
    """
    # Watched, so that one whose Job was never made, because its operator was killed, is found and removed.
    labels = {**selector_labels(deployment, revision), LABEL_WATCH: "true", label: job}
    meta = metadata(deployment, name=name, labels=labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict(data)}


def reporting_container(image: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    """A container with our own program, which leaves its result where the kubelet reads it."""
    return {
        "image": image,
        "command": ["palier"],
        "resources": dict(resources),
        "securityContext": CONFINED,
        "terminationMessagePath": RESULT_PATH,
        # A program that could not even begin has left no result, but has said why.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


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
    placed: Golden | LoadTest | Shadow,
    *,
    containers: Sequence[Mapping[str, Any]],
    volumes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A pod with no rights, on another node than the model's pods where there is one.

    Args:
        deployment: the owner.
        placed: the part of the spec that says on which nodes it may run.
        containers: its containers.
        volumes: its volumes.
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
    if placed.node_selector:
        spec["nodeSelector"] = dict(placed.node_selector)
    if placed.tolerations:
        spec["tolerations"] = [dict(toleration) for toleration in placed.tolerations]
    # Secrets for pulling images are known in this namespace by what the user's own pods name.
    if secrets := deployment.spec.serving.template.spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in secrets]
    return spec


def _apart_from(deployment: ModelDeployment) -> dict[str, Any]:
    """Rather another node than those of the model's pods, from which this one would take CPU."""
    term = {
        "labelSelector": {"matchLabels": {LABEL_DEPLOYMENT: deployment.metadata.name}},
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
