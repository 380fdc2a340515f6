"""What there is in a namespace, over a connection of the test's own: starting kubectl for each look costs more."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import kubernetes

from local import cluster

_GROUPS = {
    "configmaps": "/api/v1",
    "pods": "/api/v1",
    "services": "/api/v1",
    "events": "/api/v1",
    "deployments": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "httproutes": "/apis/gateway.networking.k8s.io/v1",
    "modeldeployments": "/apis/palier.dev/v1alpha1",
}


def list_objects(namespace: str, *kinds: str, selector: str = "") -> list[dict[str, Any]]:
    """The objects of some kinds (by their plurals), perhaps only those with certain labels."""
    query = {"labelSelector": selector} if selector else {}
    return [one for kind in kinds for one in _read(f"{_GROUPS[kind]}/namespaces/{namespace}/{kind}", query)["items"]]


def list_names(namespace: str, *kinds: str, selector: str = "") -> list[str]:
    """The names of such objects."""
    return [one["metadata"]["name"] for one in list_objects(namespace, *kinds, selector=selector)]


def get_object(namespace: str, kind: str, name: str) -> dict[str, Any]:
    """One object, by the plural of its kind."""
    return _read(f"{_GROUPS[kind]}/namespaces/{namespace}/{kind}/{name}", {})


def _read(path: str, query: Mapping[str, str]) -> dict[str, Any]:
    client = _connect()
    request = client.param_serialize("GET", path, query_params=list(query.items()), auth_settings=["BearerToken"])
    response = client.call_api(*request, _request_timeout=10)
    body = response.read()
    if response.status != 200:
        raise AssertionError(f"GET {path} was answered with {response.status}: {body.decode()}")
    answer: dict[str, Any] = json.loads(body)
    return answer


@functools.cache
def _connect() -> Any:  # noqa: ANN401 - the client has no types
    return kubernetes.config.new_client_from_config(str(cluster.kubeconfig_path()))
