"""The shadow proxies in the cluster: what is known of one, and that there is one when it is needed.

A proxy outlives the route that sends it copies: Envoy Gateway answers all users of a route with 500 when the Service
that it mirrors to does not exist. So nothing is removed before the gateways have taken over a route without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.keeper import WorkKeeper
from palier.cluster.observe import acceptance, ready_addresses
from palier.cluster.ownership import find_owned, find_staying
from palier.cluster.store import Store
from palier.manifests.shadow import (
    ANNOTATION_RENDERED,
    LABEL_SHADOW,
    shadow_config,
    shadow_deployment,
    shadow_name,
    shadow_service,
)
from palier.manifests.traffic import mirror_of
from palier.manifests.workers import image_of
from palier.release.shadowing import NO_SHADOW, ShadowFacts, ShadowRun

_MADE = ("Deployment", "ConfigMap", "Service")
"""Kinds of a proxy's objects, in the order in which they go."""


def facts(store: Store, deployment: ModelDeployment, run: ShadowRun) -> ShadowFacts:
    """What the cache knows of the proxy of a run, and of the copies that it gets."""
    namespace, name = deployment.metadata.namespace, shadow_name(deployment, run)
    workload, service = (find_staying(store, deployment, kind, name) for kind in ("Deployment", "Service"))
    if workload is None or service is None:
        return NO_SHADOW
    status, generation = workload.get("status", {}), int(workload["metadata"].get("generation", 0))
    current = int(status.get("observedGeneration", generation)) >= generation
    ready = current and int(status.get("availableReplicas", 0)) > 0 and bool(ready_addresses(store, namespace, name))
    return ShadowFacts(
        exists=True,
        ready=ready,
        message="" if ready else _hindrance(status),
        mirrored=_is_mirrored(store, deployment, name),
    )


@dataclass(frozen=True, slots=True)
class Shadows(WorkKeeper):
    """Writes the proxies' objects and remembers the answers in the cache."""

    def demand_image(self, deployment: ModelDeployment, run: ShadowRun | None) -> None:
        """Refuse a shadow that nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        if run is None or find_staying(self.store, deployment, "Deployment", shadow_name(deployment, run)) is not None:
            return
        image_of(deployment.spec.shadow.image, self.image, field="spec.shadow.image")

    async def keep(self, deployment: ModelDeployment, run: ShadowRun | None, *, plan_json: str = "") -> Denial:
        """Have the proxy of a run, and none that no route can still send copies to; tells which may not go.

        Args:
            deployment: the spec.
            run: the comparison that has to be under way; None for none.
            plan_json: what the proxy is told; another plan than before starts its pod anew.

        Raises:
            InvalidSpec: nothing names the image of the proxy.
        """
        wanted = shadow_name(deployment, run) if run else ""
        left = self.find_leftovers(deployment, _MADE, label=LABEL_SHADOW, but=wanted)
        over = (one for one in left if _let_go(self.store, deployment, one["metadata"]["labels"][LABEL_SHADOW]))
        denial = await let_go(self.cluster, map(Reference.from_object, over))
        if run is None:
            return denial
        # The Deployment states a digest of everything, so it comes last: an operator that was killed begins anew.
        workload = shadow_deployment(deployment, run, plan_json, image=self.image)
        config, service = shadow_config(deployment, run, plan_json), shadow_service(deployment, run)
        if (self._find_live(config) or {}).get("data") != config["data"]:
            await self.claim_and_apply(deployment, config)
        if self._find_live(service) is None:
            await self.claim_and_apply(deployment, service)
        if _read_stated(self._find_live(workload)) != _read_stated(workload):
            await self.claim_and_apply(deployment, workload)
        return denial

    def _find_live(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        metadata = manifest["metadata"]
        return self.store.get(manifest["kind"], metadata["namespace"], metadata["name"])


def _read_stated(workload: Mapping[str, Any] | None) -> tuple[str, int]:
    """What is ours to say about a proxy's Deployment: the digest of its pod, and that there is one."""
    if workload is None:
        return "", 0
    spec = workload["spec"]
    annotations = spec["template"]["metadata"].get("annotations") or {}
    return annotations.get(ANNOTATION_RENDERED, ""), spec.get("replicas", 1)


def _is_mirrored(store: Store, deployment: ModelDeployment, name: str) -> bool:
    """Whether a route that the gateways have accepted names the proxy's Service."""
    route = find_staying(store, deployment, "HTTPRoute", deployment.metadata.name)
    return route is not None and mirror_of(route) == name and _is_accepted(deployment, route)


def _let_go(store: Store, deployment: ModelDeployment, name: str) -> bool:
    """Whether no gateway can send copies to a proxy any more."""
    route = find_owned(store, deployment, "HTTPRoute", deployment.metadata.name)
    return route is None or (mirror_of(route) != name and _is_accepted(deployment, route))


def _is_accepted(deployment: ModelDeployment, route: Mapping[str, Any]) -> bool:
    """Whether the gateways have taken over a route as it is now.

    Where the spec names none any more, those that it named before may still serve the route: all that have answered.
    """
    gateway = deployment.spec.traffic.gateway
    if gateway is None:
        generation = int(route["metadata"].get("generation", 0))
        answers = route.get("status", {}).get("parents", ())
        return all(
            int(condition.get("observedGeneration", 0)) >= generation
            for answer in answers
            for condition in answer.get("conditions", ())
            if condition["type"] == "Accepted"
        )
    accepted, _, _ = acceptance(route, gateway, namespace=deployment.metadata.namespace)
    return accepted


def _hindrance(status: Mapping[str, Any]) -> str:
    """Why the proxy's pod cannot be created (quota, admission) or does not get ready, as its Deployment tells."""
    for condition in status.get("conditions") or ():
        failed = condition["type"] == "ReplicaFailure" and condition["status"] == "True"
        late = condition["type"] == "Progressing" and condition["status"] == "False"
        if failed or late:
            return str(condition.get("message", ""))
    return ""
