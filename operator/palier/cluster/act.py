"""Writes the objects of a ModelDeployment, and only what differs; in which order, `palier.reconcile` says."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from palier.api.constants import ANNOTATION_ENDING, FIELD_MANAGER_MARK, FIELD_MANAGER_SCALE
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.keeper import Keeper
from palier.cluster.ownership import claim, find_owned
from palier.manifests.drift import still_holds
from palier.manifests.metadata import child_name, owned_by
from palier.manifests.revision import (
    deployment_manifest,
    mark_manifest,
    mounts_prompts,
    prompts_manifest,
    prompts_name,
    scale_manifest,
    service_manifest,
)
from palier.manifests.traffic import (
    Mirror,
    front_service_manifest,
    mirror_of,
    route_manifest,
    route_weights,
    settled_route_manifest,
    uncopied_route_manifest,
)
from palier.release.observation import Observation
from palier.release.requests import request_for
from palier.release.state import RevisionRef, State
from palier.release.targets import Targets

logger = logging.getLogger(__name__)

ENDING_LIMIT = 1024
"""Characters of the reason for the end of a release that its route remembers."""


@dataclass(frozen=True, slots=True)
class Steering:
    """A change of the traffic split that has to be written."""

    manifest: Mapping[str, Any]
    raises: bool
    """Whether a revision other than stable gets more, or the shadow proxy gets copies: the memory has to come first."""
    lowers: bool
    """Whether a revision other than stable gets less."""

    @property
    def content(self) -> str:
        """Digest of what is written, for telling one change from another."""
        stated = json.dumps([self.manifest["spec"], self.manifest["metadata"].get("annotations")], sort_keys=True)
        return hashlib.sha256(stated.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Actor(Keeper):
    """Writes the children of ModelDeployments and remembers the answers in the cache."""

    def lacks(self, deployment: ModelDeployment, revision: str, replicas: int) -> bool:
        """Whether something of a revision that has to exist is missing, or it has another number of pods."""
        child = child_name(deployment, revision)
        workload, service = (find_owned(self.store, deployment, kind, child) for kind in ("Deployment", "Service"))
        return workload is None or service is None or workload["spec"].get("replicas", 1) != replicas

    async def keep_revision(
        self,
        deployment: ModelDeployment,
        revision: str,
        replicas: int,
        *,
        port: int,
        described: ModelDeployment | None,
        prompts: Mapping[str, str],
    ) -> None:
        """Make a revision that has to exist, and give it its number of pods.

        Args:
            deployment: the owner.
            revision: which.
            replicas: its number of pods.
            port: the port on which its pods answer.
            described: the spec as the revision serves it; None where the spec does not describe it any more.
            prompts: the text of each prompt by its name.

        Raises:
            NameTaken: an object of somebody else has one of its names.
        """
        child = child_name(deployment, revision)
        workload = find_owned(self.store, deployment, "Deployment", child)
        if workload is None:
            if described is None:
                namespace = deployment.metadata.namespace
                logger.warning("%s/%s is gone and the spec no longer describes it", namespace, child)
                return
            if prompts:
                await self.claim_and_apply(deployment, prompts_manifest(deployment, revision, prompts))
            workload = await self.claim_and_apply(deployment, deployment_manifest(described, revision))
        if find_owned(self.store, deployment, "Service", child) is None:
            await self.claim_and_apply(deployment, service_manifest(deployment, revision, port=port))
        if workload["spec"].get("replicas", 1) != replicas:
            await self.apply(scale_manifest(deployment, revision, replicas), manager=FIELD_MANAGER_SCALE)

    async def mark_stable(self, deployment: ModelDeployment, reference: RevisionRef) -> None:
        """Mark the Deployment of a revision that serves, so that it is known without any status."""
        await self.apply(mark_manifest(deployment, reference), manager=FIELD_MANAGER_MARK)

    def plan_steering(
        self,
        deployment: ModelDeployment,
        state: State,
        targets: Targets,
        *,
        observation: Observation,
        mirror: Mirror | None = None,
    ) -> Steering | None:
        """The traffic split to write, if it differs from the one in place.

        Args:
            deployment: the spec.
            state: the memory.
            targets: the wanted split.
            observation: what is there now.
            mirror: where copies of the requests go; None for nowhere.
        """
        if targets.weights is None or targets.backend_positions is None:
            return None
        if observation.route.conflict and not observation.route.ours:
            return None
        present, stable = observation.route.weights, state.stable.revision if state.stable else ""
        others = {*present, *targets.weights} - {stable}
        raises = any(targets.weights.get(one, 0) > present.get(one, 0) for one in others)
        lowers = any(targets.weights.get(one, 0) < present.get(one, 0) for one in others)
        gateway, name = deployment.spec.traffic.gateway, deployment.metadata.name
        if gateway is None:
            manifest = self._front_service(deployment, state, targets)
            live = self.store.get("Service", deployment.metadata.namespace, name)
            return None if live is not None and _selects_alike(live, manifest) else Steering(manifest, raises, lowers)
        manifest = route_manifest(
            deployment,
            gateway,
            backend_positions=targets.backend_positions,
            weights=targets.weights,
            ports={**self._service_ports(deployment, targets.backend_positions), **ports_of(state)},
            mirror=mirror,
        )
        if (ending := _ending_of(state)) is not None:
            manifest["metadata"]["annotations"][ANNOTATION_ENDING] = ending
        live = self.store.get("HTTPRoute", deployment.metadata.namespace, name)
        if live is not None and owned_by(deployment, live) and still_holds(live, manifest):
            return None
        mirrors = mirror is not None and (live is None or mirror_of(live) is None)
        return Steering(manifest, raises or mirrors, lowers)

    async def steer(self, deployment: ModelDeployment, steering: Steering) -> bool:
        """Write a traffic split; tells whether the object of the API server is another one now.

        Raises:
            NameTaken: an object of somebody else has its name.
        """
        manifest = steering.manifest
        before = await claim(self.cluster, self.store, deployment, manifest)
        live = await self.apply(manifest)
        return before is None or before["metadata"].get("generation") != live["metadata"].get("generation")

    async def remove(self, deployment: ModelDeployment, targets: Targets) -> Denial:
        """Delete the revisions that nothing needs any more; tells the first that may not go."""
        namespace, name, denial = deployment.metadata.namespace, deployment.metadata.name, None
        for revision in sorted(targets.remove):
            if revision in route_weights(deployment, self.store.get("HTTPRoute", namespace, name) or {}):
                continue  # also a route that the spec does not have any more names nothing that is not there
            child = child_name(deployment, revision)
            service, workload = (self.store.get(kind, namespace, child) for kind in ("Service", "Deployment"))
            copied = prompts_name(deployment, revision)
            over = []
            if self.store.get("ConfigMap", namespace, copied) or (workload and mounts_prompts(workload)):
                over.append(Reference("v1", "ConfigMap", namespace, copied))
            # The Deployment goes last: while it is there, a restarted operator knows that something is left.
            over += [
                Reference.from_object(found) for found in (service, workload) if found and owned_by(deployment, found)
            ]
            kept = await let_go(self.cluster, over)
            denial = denial or kept
        return denial

    async def end_copies(self, deployment: ModelDeployment) -> None:
        """Take the copies out of a route that is left over from a spec with a gateway: nobody else would."""
        live = find_owned(self.store, deployment, "HTTPRoute", deployment.metadata.name)
        if deployment.spec.traffic.gateway is None and live is not None and mirror_of(live) is not None:
            await self.apply(uncopied_route_manifest(deployment, live))

    def settled_entrance(
        self, deployment: ModelDeployment, state: State, *, observation: Observation
    ) -> Mapping[str, Any] | None:
        """What gives stable alone the users of an entrance that the spec has no more; None where nothing has to change.

        An HTTPRoute is left over from a spec with a gateway, and a front Service from one without. Users may still come
        by it, and no stage is judged on them: they never meet a candidate there, and go along when stable changes.

        Args:
            deployment: the spec.
            state: the memory.
            observation: what is there now; while stable has no ready pod, nothing is changed.
        """
        stable = state.stable
        if stable is None or not observation.facts(stable.revision).endpoints:
            return None
        kind = "HTTPRoute" if deployment.spec.traffic.gateway is None else "Service"
        live = find_owned(self.store, deployment, kind, deployment.metadata.name)
        if live is None:
            return None
        if kind == "Service":
            front = front_service_manifest(deployment, stable.revision, port=stable.port)
            return None if _selects_alike(live, front) else front
        route = settled_route_manifest(deployment, live, stable.revision, port=stable.port)
        return None if still_holds(live, route) else route

    async def settle_entrance(self, deployment: ModelDeployment, manifest: Mapping[str, Any]) -> None:
        """Write what gives stable alone the users of an entrance that the spec does not have any more.

        Raises:
            NameTaken: an object of somebody else has its name.
        """
        await self.claim_and_apply(deployment, manifest)

    def _front_service(self, deployment: ModelDeployment, state: State, targets: Targets) -> dict[str, Any]:
        weights = {revision: weight for revision, weight in (targets.weights or {}).items() if weight}
        only = next(iter(weights)) if len(weights) == 1 else None
        named = only or (state.stable.revision if state.stable else next(iter(weights)))
        return front_service_manifest(deployment, only, port=ports_of(state)[named])

    def _service_ports(self, deployment: ModelDeployment, revisions: Iterable[str]) -> dict[str, int]:
        """Ports of revisions that are on their way out and no longer remembered: as their Services have them."""
        ports = {}
        for revision in revisions:
            service = self.store.get("Service", deployment.metadata.namespace, child_name(deployment, revision))
            ports[revision] = service["spec"]["ports"][0]["port"] if service else deployment.spec.serving.port
        return ports


def _selects_alike(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether a front Service already selects what is wanted, on the wanted port."""
    wanted = manifest["spec"]
    (port,) = wanted["ports"]
    return live["spec"].get("selector") == wanted["selector"] and any(
        port.items() <= other.items() for other in live["spec"].get("ports", ())
    )


def _ending_of(state: State) -> str | None:
    """The end of the release as the route remembers it, for a status that cannot be written."""
    release, candidate = state.release, state.candidate
    if release is None or candidate is None or release.ending is None:
        return None
    ending = release.ending
    known = {
        "request": request_for(candidate, release),
        "result": ending.result.value,
        "reason": ending.reason,
        "message": ending.message[:ENDING_LIMIT],
    }
    return json.dumps(known, sort_keys=True)


def ports_of(state: State) -> dict[str, int]:
    """The port of every revision that is remembered."""
    known = [state.stable, state.candidate, state.former.reference if state.former else None]
    return {reference.revision: reference.port for reference in known if reference}
