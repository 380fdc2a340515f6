"""The objects of one revision: Deployment, Service, and the copy of its prompts.

They are rendered once, when the revision is born, and never again: a newer Palier that would render them differently
must not restart pods. Only the number of replicas changes later, through a field manager of its own.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from palier.api.blame import blame
from palier.api.constants import ANNOTATION_MARK, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.v1alpha1 import Accelerator, ModelDeployment
from palier.manifests.metadata import child_name, metadata, selector_labels
from palier.release.memory import write_revision
from palier.release.state import RevisionRef

PROMPTS_VOLUME = "palier-prompts"
PROMPTS_PATH = "/etc/palier/prompts"
"""Where a revision's containers find its prompts, one file by prompt name."""


def deployment_manifest(deployment: ModelDeployment, revision: str) -> dict[str, Any]:
    """The Deployment of a revision, without `replicas` (see `scale_manifest`).

    Raises:
        InvalidSpec: the pod template has a shape that nothing can be added to.
    """
    with blame("spec.serving.template"):
        pod = _pod_spec(deployment, revision)
    serving = deployment.spec.serving
    labels = selector_labels(deployment, revision)
    template_metadata: dict[str, Any] = {
        "labels": {**serving.template.metadata.labels, MANAGED_BY: MANAGED_BY_VALUE, **labels}
    }
    if serving.template.metadata.annotations:
        template_metadata["annotations"] = dict(serving.template.metadata.annotations)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(deployment, name=child_name(deployment, revision), labels=labels),
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": template_metadata, "spec": pod},
        },
    }


def scale_manifest(deployment: ModelDeployment, revision: str, replicas: int) -> dict[str, Any]:
    """The number of pods of a revision, and nothing else, for the field manager that owns only this."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": child_name(deployment, revision), "namespace": deployment.metadata.namespace},
        "spec": {"replicas": replicas},
    }


def mark_manifest(deployment: ModelDeployment, reference: RevisionRef) -> dict[str, Any]:
    """The mark of a revision that serves, and nothing else, for the field manager that owns only this."""
    mark = json.dumps(write_revision(reference), sort_keys=True)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": child_name(deployment, reference.revision),
            "namespace": deployment.metadata.namespace,
            "annotations": {ANNOTATION_MARK: mark},
        },
    }


def service_manifest(deployment: ModelDeployment, revision: str, *, port: int) -> dict[str, Any]:
    """The Service of a revision: what the route names."""
    labels = selector_labels(deployment, revision)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(deployment, name=child_name(deployment, revision), labels=labels),
        "spec": {"selector": labels, "ports": [service_port(port)], "type": "ClusterIP"},
    }


def service_port(port: int) -> dict[str, Any]:
    """The one port of a Service, with every default written out."""
    return {"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}


def prompts_name(deployment: ModelDeployment, revision: str) -> str:
    """Name of the ConfigMap that holds a revision's prompts."""
    return f"{child_name(deployment, revision)}-prompts"


def prompts_manifest(deployment: ModelDeployment, revision: str, prompts: Mapping[str, str]) -> dict[str, Any]:
    """An immutable copy of the prompts: editing the original makes a new revision and leaves running pods alone."""
    labels = selector_labels(deployment, revision)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(deployment, name=prompts_name(deployment, revision), labels=labels),
        "data": dict(prompts),
        "immutable": True,
    }


def _pod_spec(deployment: ModelDeployment, revision: str) -> dict[str, Any]:
    """The user's pod, with what placement and prompts ask for added to it."""
    spec = copy.deepcopy(dict(deployment.spec.serving.template.spec))
    placement = deployment.spec.serving.placement
    if placement.accelerator is Accelerator.GPU and placement.gpu:
        resources = _fill_field(spec["containers"][0], "resources", {})
        # Kubernetes wants extended resources as limits; requests follow by themselves.
        _fill_field(resources, "limits", {})[placement.gpu.resource] = str(placement.gpu.count)
        if placement.gpu.product:
            vendor = placement.gpu.resource.partition("/")[0]
            _fill_field(spec, "nodeSelector", {})[f"{vendor}/gpu.product"] = placement.gpu.product
    if deployment.spec.model.prompts:
        source = {"name": PROMPTS_VOLUME, "configMap": {"name": prompts_name(deployment, revision)}}
        _fill_field(spec, "volumes", []).append(source)
        mount = {"name": PROMPTS_VOLUME, "mountPath": PROMPTS_PATH, "readOnly": True}
        for container in spec["containers"]:
            _fill_field(container, "volumeMounts", []).append(mount)
    return spec


def mounts_prompts(workload: Mapping[str, Any]) -> bool:
    """Whether an existing Deployment was made with prompts."""
    volumes = workload["spec"]["template"]["spec"].get("volumes") or ()
    return any(volume.get("name") == PROMPTS_VOLUME for volume in volumes)


def _fill_field(parent: dict[str, Any], name: str, empty: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The field of a mapping, put there empty if it is missing or was left empty in YAML (`volumes:`)."""
    if parent.get(name) is None:
        parent[name] = empty
    return parent[name]
