"""Carries out what was decided, in the order that keeps users served; writes only what differs.

Pods first, then the route, and nothing is deleted that the route still names.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from palier.api.constants import FIELD_MANAGER_SCALE
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.store import Store
from palier.errors import InvalidSpec
from palier.manifests.metadata import child_name, owned_by
from palier.manifests.revision import (
    deployment_manifest,
    mounts_prompts,
    prompts_manifest,
    prompts_name,
    scale_manifest,
    service_manifest,
)
from palier.manifests.traffic import front_service_manifest, route_manifest
from palier.release.observation import Observation
from palier.release.state import State
from palier.release.targets import Targets

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Writes the children of ModelDeployments and remembers the answers in the cache."""

    cluster: Cluster
    store: Store

    async def raise_revisions(
        self,
        deployment: ModelDeployment,
        state: State,
        targets: Targets,
        *,
        observation: Observation,
        prompts: Mapping[str, str],
    ) -> None:
        """Make the revisions that have to exist, and give them their number of pods."""
        namespace = deployment.metadata.namespace
        ports = ports_of(state)
        if deployment.spec.traffic.gateway is None and targets.weights is not None:
            await self._front_service(deployment)
        for revision, replicas in targets.replicas.items():
            child = child_name(deployment, revision)
            workload = self.store.get("Deployment", namespace, child)
            if workload is None:
                if revision != observation.revision:
                    logger.warning("%s/%s is gone and the spec no longer describes it", namespace, child)
                    continue
                if prompts:
                    await self._apply(prompts_manifest(deployment, revision, prompts))
                workload = await self._apply(deployment_manifest(deployment, revision))
            if self.store.get("Service", namespace, child) is None:
                await self._apply(service_manifest(deployment, revision, port=ports[revision]))
            if workload["spec"].get("replicas", 1) != replicas:
                await self._apply(scale_manifest(deployment, revision, replicas), manager=FIELD_MANAGER_SCALE)

    async def steer(
        self, deployment: ModelDeployment, state: State, targets: Targets, *, observation: Observation
    ) -> bool:
        """Write the traffic split if it differs from the one in place; tells whether it did."""
        if targets.weights is None or targets.slots is None:
            return False
        if observation.route.conflict and not observation.route.ours:
            return False
        gateway = deployment.spec.traffic.gateway
        if gateway is None:
            return await self._steer_front_service(deployment, state, targets)
        manifest = route_manifest(
            deployment,
            gateway,
            slots=targets.slots,
            weights=targets.weights,
            ports={**self._service_ports(deployment, targets.slots), **ports_of(state)},
        )
        live = self.store.get("HTTPRoute", deployment.metadata.namespace, deployment.metadata.name)
        # All defaults are rendered, so anything but equality is a difference, also what somebody else added.
        if live is not None and live["spec"] == manifest["spec"]:
            return False
        await self._apply(manifest)
        return True

    async def remove(self, deployment: ModelDeployment, targets: Targets) -> None:
        """Delete the revisions that nothing needs any more."""
        namespace = deployment.metadata.namespace
        for revision in sorted(targets.remove):
            child = child_name(deployment, revision)
            service, workload = (self.store.get(kind, namespace, child) for kind in ("Service", "Deployment"))
            copied = prompts_name(deployment, revision)
            if self.store.get("ConfigMap", namespace, copied) or (workload and mounts_prompts(workload)):
                await self.cluster.delete(Reference("v1", "ConfigMap", namespace, copied))
            # The Deployment goes last: while it is there, a restarted operator knows that something is left.
            for found in (service, workload):
                if found is not None and owned_by(deployment, found):
                    await self.cluster.delete(Reference.to(found))

    async def _steer_front_service(self, deployment: ModelDeployment, state: State, targets: Targets) -> bool:
        weights = {revision: weight for revision, weight in (targets.weights or {}).items() if weight}
        only = next(iter(weights)) if len(weights) == 1 else None
        named = only or (state.stable.revision if state.stable else next(iter(weights)))
        manifest = front_service_manifest(deployment, only, port=ports_of(state)[named])
        live = await self._front_service(deployment)
        wanted = manifest["spec"]
        if live is not None and live["spec"]["selector"] == wanted["selector"]:
            (port,) = wanted["ports"]
            if any(port.items() <= other.items() for other in live["spec"]["ports"]):
                return False
        await self._apply(manifest)
        return True

    async def _front_service(self, deployment: ModelDeployment) -> dict[str, Any] | None:
        """The front Service if there is one. Those of strangers are not watched: look before taking over a name.

        Raises:
            InvalidSpec: the name is taken.
        """
        namespace, name = deployment.metadata.namespace, deployment.metadata.name
        known = self.store.get("Service", namespace, name)
        if known is None:
            known = await self.cluster.get(Reference("v1", "Service", namespace, name))
            if known is not None and owned_by(deployment, known):
                self.store.put(known)
        if known is not None and not owned_by(deployment, known):
            raise InvalidSpec(
                "metadata.name", f"Service {name} exists and is not Palier's: remove it or choose another name"
            )
        return known

    def _service_ports(self, deployment: ModelDeployment, revisions: Iterable[str]) -> dict[str, int]:
        """Ports of revisions that are on their way out and no longer remembered: as their Services have them."""
        ports = {}
        for revision in revisions:
            service = self.store.get("Service", deployment.metadata.namespace, child_name(deployment, revision))
            ports[revision] = service["spec"]["ports"][0]["port"] if service else deployment.spec.serving.port
        return ports

    async def _apply(self, manifest: Mapping[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401
        live = await self.cluster.apply(manifest, **options)
        self.store.put(live)
        return live


def ports_of(state: State) -> dict[str, int]:
    """The port of every revision that is remembered."""
    known = [state.stable, state.candidate, state.former.reference if state.former else None]
    return {reference.revision: reference.port for reference in known if reference}
