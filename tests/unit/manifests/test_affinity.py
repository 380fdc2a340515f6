"""What keeps users apart, where the spec is unlike the golden file."""

from typing import Any

import pytest

from palier.manifests.affinity import affinity_manifest
from palier.manifests.traffic import route_manifest
from tests.support.release.world import model_deployment

REVISION = "aaaaaaaaaa"


def behind(**sticky: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The policy and the route of a ModelDeployment with these words of `sticky`."""
    gateway = {"parentRefs": [{"name": "public"}], "router": "EnvoyGateway", "sticky": sticky}
    deployment = model_deployment(traffic={"gateway": gateway})
    written = deployment.spec.traffic.gateway
    assert written is not None
    assert written.sticky is not None
    route = route_manifest(
        deployment, written, backend_positions=(REVISION, ""), weights={REVISION: 100}, ports={REVISION: 8080}
    )
    return affinity_manifest(deployment, written.sticky), route


@pytest.mark.parametrize(
    ("given", "hashed"),
    [
        ({"header": "x-user"}, {"type": "Header", "header": {"name": "x-user"}}),
        ({"cookie": "user"}, {"type": "Cookie", "cookie": {"name": "user"}}),
    ],
    ids=str,
)
def test_a_user_is_known_by_what_the_spec_names(given: dict[str, str], hashed: dict[str, Any]) -> None:
    """A cookie is the application's own: without a time to live, Envoy makes none up."""
    policy, _ = behind(**given)
    balancer = policy["spec"]["loadBalancer"]

    assert balancer["type"] == "ConsistentHash"
    assert {key: value for key, value in balancer["consistentHash"].items() if key != "tableSize"} == hashed


def test_the_policy_is_about_our_route() -> None:
    """Its target is the HTTPRoute of the same ModelDeployment."""
    policy, route = behind(header="x-user")

    assert policy["spec"]["targetRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": route["kind"], "name": route["metadata"]["name"]}
    ]
    assert policy["metadata"]["namespace"] == route["metadata"]["namespace"]


def test_every_backend_has_a_filter() -> None:
    """Without one Envoy Gateway puts both versions into one cluster, whose hash does not know the weights."""
    _, route = behind(header="x-user")

    assert all(backend["filters"] for backend in route["spec"]["rules"][0]["backendRefs"])
