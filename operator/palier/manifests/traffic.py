"""The one object that changes while traffic moves: the HTTPRoute, or without a gateway the front Service.

Every default of the Gateway API is written out, so that what we apply is what the API server stores and GitOps tools
see no drift. The order of the two backends is given by the caller and stays fixed for a whole release.

The filters of the rule are always stated: a filter that somebody adds could send users elsewhere, and a mirror that is
no longer wanted has to be a difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from palier.api.constants import (
    GOLDEN_HEADER,
    LABEL_DEPLOYMENT,
    LABEL_REVISION,
    REVISION_HEADER,
    SHADOW_HEADER,
)
from palier.api.v1alpha1 import Gateway, ModelDeployment
from palier.manifests.drift import ANNOTATION_FIELDS, fields_digest
from palier.manifests.metadata import child_name, entrance_metadata
from palier.manifests.revision import service_port

RULE = "weighted"

MIRROR: Final = "RequestMirror"
"""Type of the filter that copies requests."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies of requests, which the gateway sends to one more Service, whose answers it throws away."""

    service: str
    """Name of the Service. It has to exist as long as the route names it: Envoy Gateway answers all users of a route
    whose mirror has no Service with 500. One without ready pods harms nobody."""
    port: int
    percent: int | None
    """Share of the requests, 1 to 100; None for all of them, also where a gateway knows no share."""


def route_manifest(
    deployment: ModelDeployment,
    gateway: Gateway,
    *,
    backend_positions: tuple[str, str],
    weights: Mapping[str, int],
    ports: Mapping[str, int],
    mirror: Mirror | None = None,
) -> dict[str, Any]:
    """The HTTPRoute that splits the traffic.

    Args:
        deployment: the owner.
        gateway: `spec.traffic.gateway`.
        backend_positions: the revision at each of the two backend positions; empty where the other one is alone.
        weights: percent by revision, summing to 100.
        ports: Service port by revision.
        mirror: where copies of requests go; None for nowhere.
    """
    first, second = backend_positions
    if second == first:
        second = ""
    shares = (weights.get(first, 0) if first else 0, weights.get(second, 0) if second else 0)
    # An empty position names the other one's Service at weight 0, so that the weight never changes its position.
    named = (first or second, second or first)
    if sum(shares) != 100:  # noqa: PLR2004 - percent
        raise ValueError(f"weights {dict(weights)} at positions {backend_positions} do not sum to 100")
    spec: dict[str, Any] = {
        "parentRefs": [_parent(parent.model_dump(by_alias=True, exclude_none=True)) for parent in gateway.parent_refs],
        "rules": [
            {
                "name": RULE,
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [
                    _backend(deployment, revision, weight=weight, port=ports[revision])
                    for revision, weight in zip(named, shares, strict=True)
                ],
                "filters": [_own_headers_filter(), *([_mirror_filter(mirror)] if mirror is not None else ())],
            }
        ],
    }
    if gateway.request_timeout is not None:
        spec["rules"][0]["timeouts"] = {"request": str(gateway.request_timeout)}
    if gateway.hostnames:
        spec["hostnames"] = list(gateway.hostnames)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {**entrance_metadata(deployment), "annotations": {ANNOTATION_FIELDS: fields_digest(spec)}},
        "spec": spec,
    }


def route_weights(deployment: ModelDeployment, route: Mapping[str, Any]) -> dict[str, int]:
    """Percent by revision as an existing route splits the traffic; revisions at weight 0 are named too."""
    prefix = child_name(deployment, "")
    weights: dict[str, int] = {}
    for rule in route.get("spec", {}).get("rules", ()):
        for backend in rule.get("backendRefs", ()):
            name = str(backend.get("name", ""))
            if name.startswith(prefix):
                revision = name.removeprefix(prefix)
                weights[revision] = weights.get(revision, 0) + int(backend.get("weight", 1))
    return weights


def route_positions(deployment: ModelDeployment, route: Mapping[str, Any]) -> tuple[str, str] | None:
    """The revisions at the two backend positions of an existing route; None where it has not two of them."""
    prefix = child_name(deployment, "")
    named = [
        str(backend.get("name", ""))
        for rule in route.get("spec", {}).get("rules", ())[:1]
        for backend in rule.get("backendRefs", ())
    ]
    if len(named) != 2 or not all(name.startswith(prefix) for name in named):  # noqa: PLR2004 - the two positions
        return None
    first, second = (name.removeprefix(prefix) for name in named)
    return (first, second) if first != second else (first, "")


def mirror_of(route: Mapping[str, Any]) -> str | None:
    """Name of the Service that an existing route sends copies of requests to; None when it sends none."""
    for rule in route.get("spec", {}).get("rules", ()):
        for one in rule.get("filters", ()):
            if one.get("type") == MIRROR:
                return str(one.get("requestMirror", {}).get("backendRef", {}).get("name", ""))
    return None


def uncopied_route_manifest(deployment: ModelDeployment, route: Mapping[str, Any]) -> dict[str, Any]:
    """An existing HTTPRoute as it is, but without any filter that copies requests."""
    rules = []
    for rule in route.get("spec", {}).get("rules", ()):
        filters = [one for one in rule.get("filters", ()) if one.get("type") != MIRROR]
        others = {name: part for name, part in rule.items() if name != "filters"}
        rules.append({**others, "filters": filters} if filters else others)
    return {
        "apiVersion": route["apiVersion"],
        "kind": "HTTPRoute",
        "metadata": entrance_metadata(deployment),
        "spec": {**route["spec"], "rules": rules},
    }


def settled_route_manifest(
    deployment: ModelDeployment, route: Mapping[str, Any], revision: str, *, port: int
) -> dict[str, Any]:
    """An existing HTTPRoute whose every rule sends everything to one revision, and copies to nobody.

    Args:
        deployment: the owner.
        route: as it is; all the rest of it stays.
        revision: the only one that gets requests.
        port: of its Service.
    """
    backends = [_backend(deployment, revision, weight=100, port=port)]
    kept = uncopied_route_manifest(deployment, route)
    rules = [{**rule, "backendRefs": backends} for rule in kept["spec"]["rules"]]
    return {**kept, "spec": {**kept["spec"], "rules": rules}}


def front_service_manifest(deployment: ModelDeployment, revision: str | None, *, port: int) -> dict[str, Any]:
    """The Service that users call where there is no gateway.

    Args:
        deployment: the owner.
        revision: the only revision it selects, or None to select the pods of stable and candidate together.
        port: port of users and pods.
    """
    selector = {LABEL_DEPLOYMENT: deployment.metadata.name}
    if revision is not None:
        selector[LABEL_REVISION] = revision
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": entrance_metadata(deployment),
        "spec": {"selector": selector, "ports": [service_port(port)], "type": "ClusterIP"},
    }


def _parent(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", **given}


def _own_headers_filter() -> dict[str, Any]:
    """A filter that takes Palier's own headers off what users send: servers may trust them.

    The shadow proxy and golden answers ask the Services of the revisions past the gateway, and keep theirs.
    """
    return {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [SHADOW_HEADER, GOLDEN_HEADER]}}


def _mirror_filter(mirror: Mirror) -> dict[str, Any]:
    """A filter of the whole rule: copies of a backend's requests alone would miss those of the other one."""
    copied: dict[str, Any] = {
        "backendRef": {"group": "", "kind": "Service", "name": mirror.service, "port": mirror.port}
    }
    if mirror.percent is not None:
        copied["percent"] = mirror.percent
    return {"type": MIRROR, "requestMirror": copied}


def _backend(deployment: ModelDeployment, revision: str, *, weight: int, port: int) -> dict[str, Any]:
    """A backend with a filter of its own, which names the revision in answers and keeps its metrics apart."""
    return {
        "group": "",
        "kind": "Service",
        "name": child_name(deployment, revision),
        "port": port,
        "weight": weight,
        "filters": [
            {
                "type": "ResponseHeaderModifier",
                "responseHeaderModifier": {"set": [{"name": REVISION_HEADER, "value": revision}]},
            }
        ],
    }
