"""What a gateway can do, and the policies that are the business of one kind of gateway alone."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from palier.api.v1alpha1 import Gateway, ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.keeper import Keeper
from palier.cluster.ownership import claim, find_staying
from palier.errors import ClusterError, Forbidden, Invalid, InvalidSpec, NotFound
from palier.manifests.affinity import AFFINITY_KIND, affinity_manifest
from palier.manifests.drift import still_holds

logger = logging.getLogger(__name__)

GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
PERCENTAGE: Final = "HTTPRouteRequestPercentageMirror"
"""How a GatewayClass says that it honours the `percent` of a mirror."""
ASKED_FOR: Final = 600.0
"""Seconds for which an answer is kept."""


class Gateways:
    """Remembers what gateways can do, so that the API server is asked now and then only.

    One that says nothing is taken for one that cannot: at worst the proxy takes the sample, which is right everywhere.
    """

    def __init__(
        self, cluster: Cluster, *, cluster_wide: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster = cluster
        self._cluster_wide = cluster_wide
        self._clock = clock
        self._classes: dict[tuple[str, str], tuple[str, float]] = {}
        """By namespace and name of a Gateway: its class, and when it was asked for."""
        self._answers: dict[str, tuple[bool, float]] = {}
        """By class: whether it can, and when it was asked for."""

    async def mirrors_percent(self, deployment: ModelDeployment, gateway: Gateway) -> bool:
        """Whether every Gateway of a route says that it can copy a share of the requests.

        False when one does not, is not there, or may not be read; an answer once had stands while the API server is
        away, because another one would start a shadow anew.
        """
        if not self._cluster_wide:
            return False  # rights in single namespaces never reach a class, and asking would only be refused
        answers = [
            await self._mirrors_percent(parent.namespace or deployment.metadata.namespace, parent.name)
            for parent in gateway.parent_refs
        ]
        return all(answers)

    async def _mirrors_percent(self, namespace: str, name: str) -> bool:
        known, asked_at = self._classes.get((namespace, name), ("", -math.inf))
        if self._clock() - asked_at >= ASKED_FOR:
            found = await self._read(Reference(GATEWAY_API, "Gateway", namespace, name))
            known = known if found is None else str(found.get("spec", {}).get("gatewayClassName", ""))
            self._classes[namespace, name] = known, self._clock()
        return bool(known) and await self._of_class(known)

    async def _of_class(self, name: str) -> bool:
        known, asked_at = self._answers.get(name, (False, -math.inf))
        if self._clock() - asked_at >= ASKED_FOR:
            found = await self._read(Reference(GATEWAY_API, "GatewayClass", "", name))
            known = known if found is None else PERCENTAGE in _features(found)
            self._answers[name] = known, self._clock()
        return known

    async def _read(self, reference: Reference) -> dict[str, Any] | None:
        try:
            return await self._cluster.get(reference)
        except ClusterError as error:
            logger.info("what the gateway can do is not known: %s", error)
            return None


def _features(gateway_class: Mapping[str, Any]) -> frozenset[str]:
    """Names of what a GatewayClass supports; releases of the Gateway API before 1.3 wrote them as plain strings."""
    entries = gateway_class.get("status", {}).get("supportedFeatures") or ()
    return frozenset(str(entry.get("name", "")) if isinstance(entry, Mapping) else str(entry) for entry in entries)


@dataclass(frozen=True, slots=True)
class SessionAffinity(Keeper):
    """Writes the policies that keep users with one version, and remembers the answers in the cache."""

    async def keep(self, deployment: ModelDeployment) -> Denial:
        """Have the policy that the spec asks for, or none; tells when that is denied.

        It stays between releases: a gateway that changes how it balances loses requests for a moment.

        Raises:
            InvalidSpec: the cluster has no such policies.
            NameTaken: the name of ours is somebody else's.
        """
        gateway = deployment.spec.traffic.gateway
        if gateway is None or gateway.sticky is None:
            over = find_staying(self.store, deployment, AFFINITY_KIND, deployment.metadata.name)
            return await let_go(self.cluster, [Reference.from_object(over)] if over else [])
        manifest = affinity_manifest(deployment, gateway.sticky)
        live = await claim(self.cluster, self.store, deployment, manifest)
        if live is not None and still_holds(live, manifest):
            return None
        try:
            await self.apply(manifest)
        except (Forbidden, Invalid) as error:
            return error
        except NotFound:
            raise InvalidSpec(
                "spec.traffic.gateway.sticky",
                "this cluster serves no BackendTrafficPolicies, which Envoy Gateway brings along",
            ) from None
        return None
