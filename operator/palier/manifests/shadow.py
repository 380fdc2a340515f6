"""The shadow proxy of one comparison: its Deployment, the Service that copies are sent to, and what it works by.

The pods carry no label of the model's own pods, because requests of users must never reach the proxy as if it were one,
and no annotation that could not be the user's: by default those that many Prometheus servers look for.
"""

import hashlib
import json
from typing import Any, Final

from palier.api.constants import GROUP, LABEL_DEPLOYMENT, LABEL_WATCH, MANAGED_BY, MANAGED_BY_VALUE
from palier.api.v1alpha1 import ModelDeployment
from palier.manifests.metadata import metadata
from palier.manifests.revision import service_port
from palier.manifests.workers import CONFINED, PLAN_KEY, SCRATCH, SCRATCH_MOUNT, image_of, pod_spec
from palier.release.shadowing import ShadowRun

LABEL_SHADOW: Final = f"{GROUP}/shadow"
"""On the proxy's objects and on its pod: the name of the objects."""
ANNOTATION_RENDERED: Final = f"{GROUP}/rendered"
"""On the proxy's pod: digest of all that it is made of, the plan included; another one needs another pod."""

PORT: Final = 8080
"""Where the proxy takes copies of requests."""
METRICS_PORT: Final = 9090
"""Where it counts, and says whether it is ready."""
CONFIG_PATH: Final = "/etc/palier/shadow"

_DIGITS: Final = 10
_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
"""No CPU limit: a throttled proxy would take its own slowness for the model's."""
_GRACE: Final = 10
"""Seconds in which pairs under way end, when the pod has to."""


def shadow_name(deployment: ModelDeployment, run: ShadowRun) -> str:
    """Name of the proxy's objects: another pair of revisions, or another way to compare, has another one.

    The share of the requests is left out: it may change while the comparison goes on.
    """
    about = f"{run.candidate} {run.stable} {run.digest}"
    return f"shadow-{deployment.metadata.name}-{hashlib.sha256(about.encode()).hexdigest()[:_DIGITS]}"


def shadow_config(deployment: ModelDeployment, run: ShadowRun, plan: str) -> dict[str, Any]:
    """What the proxy reads.

    Args:
        deployment: the owner.
        run: the comparison.
        plan: the proxy's plan as JSON.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        # Watched, so that one whose Deployment was never made, because its operator was killed, is found and removed.
        "metadata": _metadata(deployment, run, **{LABEL_WATCH: "true"}),
        "data": {PLAN_KEY: plan},
    }


def shadow_service(deployment: ModelDeployment, run: ShadowRun) -> dict[str, Any]:
    """The Service that the route sends copies to."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(deployment, run),
        "spec": {"selector": _selector(deployment, run), "ports": [service_port(PORT)], "type": "ClusterIP"},
    }


def shadow_deployment(deployment: ModelDeployment, run: ShadowRun, plan: str, *, image: str) -> dict[str, Any]:
    """The Deployment of the proxy.

    There is never more than one pod, also not while it is replaced: a second one would count the same requests.

    Args:
        deployment: the owner.
        run: the comparison.
        plan: the proxy's plan as JSON: when it changes, so does the pod.
        image: image of the proxy where the spec names none: the operator's own; empty when it is not known.

    Raises:
        InvalidSpec: neither names an image.
    """
    shadow, selector = deployment.spec.shadow, _selector(deployment, run)
    template = {
        "metadata": {
            "labels": {**shadow.metadata.labels, MANAGED_BY: MANAGED_BY_VALUE, **selector},
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS_PORT),
                "prometheus.io/path": "/metrics",
                **shadow.metadata.annotations,
            },
        },
        "spec": _pod_spec(deployment, run, image=image_of(shadow.image, image, field="spec.shadow.image")),
    }
    # Names that are only shown are no reason to begin again: they are not known while a text of the spec is away.
    settings = {name: part for name, part in json.loads(plan).items() if name != "versions"} if plan else {}
    rendered = json.dumps([template, settings], sort_keys=True)
    template["metadata"]["annotations"][ANNOTATION_RENDERED] = hashlib.sha256(rendered.encode()).hexdigest()[:_DIGITS]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(deployment, run),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": template,
        },
    }


def _metadata(deployment: ModelDeployment, run: ShadowRun, **labels: str) -> dict[str, Any]:
    owned = {LABEL_DEPLOYMENT: deployment.metadata.name, **_selector(deployment, run), **labels}
    return metadata(deployment, name=shadow_name(deployment, run), labels=owned)


def _selector(deployment: ModelDeployment, run: ShadowRun) -> dict[str, str]:
    return {LABEL_SHADOW: shadow_name(deployment, run)}


def _pod_spec(deployment: ModelDeployment, run: ShadowRun, *, image: str) -> dict[str, Any]:
    shadow = deployment.spec.shadow
    container = {
        "name": "shadow-proxy",
        "image": image,
        "command": ["palier"],
        "args": ["shadow-proxy", f"--plan={CONFIG_PATH}/{PLAN_KEY}"],
        "ports": [
            {"name": "http", "containerPort": PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": METRICS_PORT}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": METRICS_PORT}, "initialDelaySeconds": 10},
        "resources": dict(shadow.resources) if shadow.resources is not None else _RESOURCES,
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "config", "mountPath": CONFIG_PATH, "readOnly": True}, SCRATCH_MOUNT],
    }
    volumes = [{"name": "config", "configMap": {"name": shadow_name(deployment, run)}}, SCRATCH]
    pod = pod_spec(deployment, shadow, containers=[container], volumes=volumes)
    return {"terminationGracePeriodSeconds": _GRACE, **pod}
