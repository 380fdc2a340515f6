"""Where the API server keeps each kind that Palier reads or writes.

A table instead of discovery: the operator may touch these kinds and no others, which is also what its RBAC says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from typing_extensions import override

from palier.api.constants import API_VERSION, KIND, PLURAL

PLURALS: Mapping[tuple[str, str], str] = {
    (API_VERSION, KIND): PLURAL,
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Pod"): "pods",
    ("v1", "Service"): "services",
    ("apps/v1", "Deployment"): "deployments",
    ("batch/v1", "Job"): "jobs",
    ("coordination.k8s.io/v1", "Lease"): "leases",
    ("discovery.k8s.io/v1", "EndpointSlice"): "endpointslices",
    ("events.k8s.io/v1", "Event"): "events",
    ("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"): "backendtrafficpolicies",
    ("gateway.networking.k8s.io/v1", "Gateway"): "gateways",
    ("gateway.networking.k8s.io/v1", "GatewayClass"): "gatewayclasses",
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): "httproutes",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
}
"""API version and kind → the plural that its path uses."""

CLUSTER_SCOPED: frozenset[tuple[str, str]] = frozenset({("gateway.networking.k8s.io/v1", "GatewayClass")})
"""The kinds of them that live in no namespace, and that rights in single namespaces therefore never reach."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Names one object; with a uid, that very object and not a later one of the same name."""

    api_version: str
    kind: str
    namespace: str
    """Empty for what lives in none."""
    name: str
    uid: str | None = None

    @classmethod
    def from_object(cls, obj: Mapping[str, Any]) -> Self:
        """A reference to this very object; without a uid when it has none yet."""
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"], metadata.get("uid"))

    @override
    def __str__(self) -> str:
        """The kind and the name, as messages call the object."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def version_path(api_version: str) -> str:
    """The path under which an API version lists what it serves."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection_path(api_version: str, kind: str, namespace: str | None) -> str:
    """The path of all objects of a kind, in one namespace or in all."""
    plural = PLURALS[api_version, kind]
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{version_path(api_version)}{where}/{plural}"


def object_path(reference: Reference) -> str:
    """The path of one object."""
    collection = collection_path(reference.api_version, reference.kind, reference.namespace)
    return f"{collection}/{quote(reference.name, safe='')}"
