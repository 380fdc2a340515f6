"""Carries out what was decided, in the order that keeps users served; writes only what differs.

Pods first, then the route, and nothing is deleted that the route still names.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from palier.api.constants import FIELD_MANAGER_SCALE, LABEL_DEPLOYMENT
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.observe import ready_addresses
from palier.cluster.store import Store
from palier.cluster.surplus import surplus
from palier.errors import InvalidSpec
from palier.loadtest.plan import plan_for
from palier.manifests.loadtest import LABEL_LOAD_TEST, load_test_config, load_test_job, load_test_name
from palier.manifests.metadata import child_name, metadata, owned_by
from palier.manifests.revision import (
    deployment_manifest,
    mounts_prompts,
    prompts_manifest,
    prompts_name,
    scale_manifest,
    service_manifest,
)
from palier.manifests.traffic import Mirror, front_service_manifest, mirror_of, route_manifest
from palier.release.observation import Observation
from palier.release.state import State
from palier.release.targets import Targets
from palier.release.testing import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Writes the children of ModelDeployments and remembers the answers in the cache."""

    cluster: Cluster
    store: Store
    load_test_image: str = ""
    """Image of the pods that send the requests of load tests, where the spec names none."""

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
        ways = {way.revision: way.deployment for way in observation.ways_of(deployment)}
        for revision, replicas in targets.replicas.items():
            child = child_name(deployment, revision)
            workload = self.store.get("Deployment", namespace, child)
            if workload is None:
                if revision not in ways:
                    logger.warning("%s/%s is gone and the spec no longer describes it", namespace, child)
                    continue
                if prompts:
                    await self._apply(prompts_manifest(deployment, revision, prompts))
                workload = await self._apply(deployment_manifest(ways[revision], revision))
            if self.store.get("Service", namespace, child) is None:
                await self._apply(service_manifest(deployment, revision, port=ports[revision]))
            if workload["spec"].get("replicas", 1) != replicas:
                await self._apply(scale_manifest(deployment, revision, replicas), manager=FIELD_MANAGER_SCALE)

    async def steer(
        self,
        deployment: ModelDeployment,
        state: State,
        targets: Targets,
        *,
        observation: Observation,
        mirror: Mirror | None = None,
    ) -> bool:
        """Write the traffic split if it differs from the one in place; tells whether it did.

        Args:
            deployment: the spec.
            state: the memory.
            targets: the wanted split.
            observation: what is there now.
            mirror: where copies of the requests go; None for nowhere.
        """
        if targets.weights is None or targets.slots is None:
            return False
        if observation.route.conflict and not observation.route.ours:
            return False
        gateway = deployment.spec.traffic.gateway
        if gateway is None:
            await self._end_copies(deployment)
            return await self._steer_front_service(deployment, state, targets)
        manifest = route_manifest(
            deployment,
            gateway,
            slots=targets.slots,
            weights=targets.weights,
            ports={**self._service_ports(deployment, targets.slots), **ports_of(state)},
            mirror=mirror,
        )
        live = self.store.get("HTTPRoute", deployment.metadata.namespace, deployment.metadata.name)
        # All defaults are rendered, so anything but equality is a difference, also what somebody else added.
        if live is not None and live["spec"] == manifest["spec"]:
            return False
        await self._apply(manifest)
        return True

    def demand_image(self, deployment: ModelDeployment, run: Run | None) -> None:
        """Refuse a load test that nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        scale = deployment.spec.scale
        if run is None or self.load_test_image or (scale and scale.load_test.image):
            return
        if self.store.get("Job", deployment.metadata.namespace, load_test_name(deployment, run)) is None:
            raise InvalidSpec(
                "spec.scale.loadTest.image",
                "it is needed: this operator was not told its own image (--image), which sends the requests otherwise",
            )

    async def load_test(
        self, deployment: ModelDeployment, run: Run | None, *, observation: Observation, requests: str
    ) -> Denial:
        """Have the Job of a load test with what its pod reads, and nothing of any other one; tells what may not go.

        Args:
            deployment: the spec.
            run: the run that has to be under way; None for none.
            observation: the ways to serve, of which the run tests one.
            requests: the text of the requests, where a ConfigMap has them.
        """
        namespace = deployment.metadata.namespace
        name = load_test_name(deployment, run) if run else ""
        over = surplus(self.store, deployment, ("Job", "ConfigMap"), label=LABEL_LOAD_TEST, but=name)
        denial = await let_go(self.cluster, map(Reference.to, over))
        if run is None or self.store.get("Job", namespace, name) is not None:
            return denial
        described = observation.described(deployment, run.revision)
        addresses = sorted(ready_addresses(self.store, namespace, child_name(deployment, run.revision)))
        if len(addresses) != run.replicas:
            return denial  # a pod came or went since the decision: the next pass decides anew
        urls = tuple(f"http://{_in_url(address)}:{described.spec.serving.port}" for address in addresses)
        plan = plan_for(described, base_urls=urls, requests=requests).to_json()
        # The Job is what a restarted operator looks for, so it comes last.
        await self._apply(load_test_config(described, run, plan, requests=requests))
        await self._apply(load_test_job(described, run, image=self.load_test_image))
        return denial

    async def remove(self, deployment: ModelDeployment, targets: Targets) -> Denial:
        """Delete the revisions that nothing needs any more; tells the first that may not go."""
        namespace, denial = deployment.metadata.namespace, None
        for revision in sorted(targets.remove):
            child = child_name(deployment, revision)
            service, workload = (self.store.get(kind, namespace, child) for kind in ("Service", "Deployment"))
            copied = prompts_name(deployment, revision)
            over = []
            if self.store.get("ConfigMap", namespace, copied) or (workload and mounts_prompts(workload)):
                over.append(Reference("v1", "ConfigMap", namespace, copied))
            # The Deployment goes last: while it is there, a restarted operator knows that something is left.
            over += [Reference.to(found) for found in (service, workload) if found and owned_by(deployment, found)]
            kept = await let_go(self.cluster, over)
            denial = denial or kept
        return denial

    async def _end_copies(self, deployment: ModelDeployment) -> None:
        """Take the copies out of a route that is left over from a spec with a gateway: nobody else would."""
        live = self.store.get("HTTPRoute", deployment.metadata.namespace, deployment.metadata.name)
        if live is None or not owned_by(deployment, live) or mirror_of(live) is None:
            return
        rules = [{name: part for name, part in rule.items() if name != "filters"} for rule in live["spec"]["rules"]]
        labels = {LABEL_DEPLOYMENT: deployment.metadata.name}
        await self._apply(
            {
                "apiVersion": live["apiVersion"],
                "kind": "HTTPRoute",
                "metadata": metadata(deployment, name=deployment.metadata.name, labels=labels),
                "spec": {**live["spec"], "rules": rules},
            }
        )

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


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def ports_of(state: State) -> dict[str, int]:
    """The port of every revision that is remembered."""
    known = [state.stable, state.candidate, state.former.reference if state.former else None]
    return {reference.revision: reference.port for reference in known if reference}
