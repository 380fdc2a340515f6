"""Keeps each user with one version: Envoy Gateway's BackendTrafficPolicy on our HTTPRoute.

The policy hashes what names the user, so that nothing has to be remembered anywhere. The hash reaches across versions
only because every backend of our route has a filter of its own (see `traffic`): without one, Envoy Gateway ignores the
weights. Every default is written out, so that what we apply is what the API server stores.
"""

from typing import Any, Final

from palier.api.v1alpha1 import ModelDeployment, Stickiness
from palier.manifests.metadata import entrance_metadata

AFFINITY_VERSION: Final = "gateway.envoyproxy.io/v1alpha1"
AFFINITY_KIND: Final = "BackendTrafficPolicy"

_TABLE_SIZE: Final = 65_537
"""Envoy Gateway's default, a prime number."""


def affinity_manifest(deployment: ModelDeployment, sticky: Stickiness) -> dict[str, Any]:
    """The policy, named as the ModelDeployment.

    A cookie has no time to live here: Envoy would then make one up for requests without it, and name another user than
    the application means.
    """
    name = deployment.metadata.name
    kind, field = ("Header", sticky.header) if sticky.header is not None else ("Cookie", sticky.cookie)
    return {
        "apiVersion": AFFINITY_VERSION,
        "kind": AFFINITY_KIND,
        "metadata": entrance_metadata(deployment),
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}],
            "loadBalancer": {
                "type": "ConsistentHash",
                "consistentHash": {"type": kind, kind.lower(): {"name": field}, "tableSize": _TABLE_SIZE},
            },
        },
    }
