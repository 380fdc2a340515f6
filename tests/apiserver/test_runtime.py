"""The runtime on a real API server: the right keys arrive, nothing is written or lost, and it ends in order."""

import asyncio
import itertools
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import override

from local.control_plane import ControlPlane
from palier import kopf_app
from palier.cluster.client import Reference
from palier.cluster.queue import Key
from palier.errors import InvalidSettings
from tests.apiserver.runtime_support import (
    LABELS,
    Plane,
    StubApplication,
    config_map,
    eventually,
    model_deployment,
    service,
)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:kopf")
numbers = itertools.count(1)

HTTP_ROUTES = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: gateway.networking.k8s.io
  names: {kind: HTTPRoute, listKind: HTTPRouteList, plural: httproutes, singular: httproute}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One API server for the tests that leave its kinds alone."""
    with ControlPlane(tmp_path_factory.mktemp("runtime")) as control_plane:
        plane = Plane(control_plane)
        plane.install_crds()
        yield plane


@pytest.fixture
def own_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """An API server of the test's own, without any CRD."""
    with ControlPlane(tmp_path_factory.mktemp("runtime")) as control_plane:
        yield Plane(control_plane)


@pytest.fixture
def namespace(plane: Plane) -> str:
    """A namespace of the test's own."""
    name = f"runtime-{next(numbers)}"
    plane.kubectl("create", "namespace", name)
    return name


async def test_every_kind_of_change_reaches_its_owner(plane: Plane, namespace: str) -> None:
    """The object itself, its children and the ConfigMap it reads: each change is one key, and others' stay away."""
    application, key = StubApplication(), Key(namespace, "a")
    prompts = [{"name": "system", "configMapKeyRef": {"name": "prompts", "key": "system"}}]
    model = {"name": "lingua", "version": "2.1.1", "prompts": prompts}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a-1", "namespace": namespace, "labels": LABELS},
        "spec": {
            "selector": {"matchLabels": {"x": "y"}},
            "template": {
                "metadata": {"labels": {"x": "y"}},
                "spec": {"containers": [{"name": "c", "image": "example.com/c"}]},
            },
        },
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "a-1", "namespace": namespace, "labels": LABELS},
        "addressType": "IPv4",
        "endpoints": [],
    }
    async with plane.cluster() as cluster, plane.operator(application):
        await application.looks.wait()
        changes: list[dict[str, Any]] = [
            model_deployment(namespace, model=model),
            deployment,
            service(namespace, "a-1", LABELS),
            endpoints,
            config_map(namespace, "prompts", {"palier.dev/watch": "true"}),
        ]
        for change in changes:
            application.keys.clear()
            await cluster.apply(change)
            await eventually(lambda: key in application.keys, f"the key of {change['kind']}")
            assert application.holds(change["kind"], namespace, change["metadata"]["name"])

        # These must not arrive; what comes after them proves that they would have.
        await cluster.apply(service(namespace, "foreign"))
        await cluster.apply(config_map(namespace, "secretive"))
        await cluster.apply(service(namespace, "last", LABELS))
        await cluster.apply(config_map(namespace, "last", {"palier.dev/watch": "true"}))
        for kind in ("Service", "ConfigMap"):
            await eventually(lambda kind=kind: application.holds(kind, namespace, "last"), f"the last {kind}")  # type: ignore[misc]
    assert not application.holds("Service", namespace, "foreign")
    assert not application.holds("ConfigMap", namespace, "secretive")


async def test_what_goes_is_forgotten_and_told(plane: Plane, namespace: str) -> None:
    """Deleted objects, and those that lose our labels, leave the cache, and their owner looks again."""
    application, key = StubApplication(), Key(namespace, "a")
    async with plane.cluster() as cluster, plane.operator(application):
        await application.looks.wait()
        await cluster.apply(model_deployment(namespace))
        for name in ("gone", "unlabelled"):
            await cluster.apply(service(namespace, name, LABELS))
            await eventually(lambda name=name: application.holds("Service", namespace, name), name)  # type: ignore[misc]
        application.keys.clear()
        await cluster.delete(Reference("v1", "Service", namespace, "gone"))
        await eventually(lambda: not application.holds("Service", namespace, "gone"), "the deletion")
        await eventually(lambda: key in application.keys, "the key after the deletion")
        application.keys.clear()
        plane.kubectl("-n", namespace, "label", "service", "unlabelled", "palier.dev/modeldeployment-")
        await eventually(lambda: not application.holds("Service", namespace, "unlabelled"), "the lost label")
        await eventually(lambda: key in application.keys, "the key after the lost label")
        application.keys.clear()
        await cluster.delete(Reference("palier.dev/v1alpha1", "ModelDeployment", namespace, "a"))
        await eventually(lambda: not application.holds("ModelDeployment", namespace, "a"), "the end")
        await eventually(lambda: key in application.keys, "the key after the end")


class Idempotent(StubApplication):
    """An application that writes a status, the same every time, and caches the answer."""

    def __init__(self, plane: Plane) -> None:
        super().__init__()
        self.plane = plane

    @override
    async def reconcile(self, key: Key) -> float | None:
        """Write the status."""
        await super().reconcile(key)
        if body := self.store.get("ModelDeployment", *key):
            status = {name: body[name] for name in ("apiVersion", "kind")} | {
                "metadata": {"namespace": key.namespace, "name": key.name},
                "status": {"observedGeneration": body["metadata"]["generation"], "stage": "Serving"},
            }
            async with self.plane.cluster() as cluster:
                self.store.put(await cluster.apply_status(status))
        return None


async def test_own_status_is_not_news(plane: Plane, namespace: str) -> None:
    """A reconcile that writes a status is not followed by others on and on, and user objects bear no trace of Kopf."""
    application = Idempotent(plane)
    async with plane.operator(application):
        await application.looks.wait()
        async with plane.cluster() as cluster:
            await cluster.apply(model_deployment(namespace), manager="a-user")
            # The echo may overtake the answer, which costs one more run; a loop would make hundreds.
            await eventually(lambda: application.queue.depth == 0 and application.keys, "the first run")
            await cluster.apply(service(namespace, "marker", LABELS | {"palier.dev/modeldeployment": "marker"}))
            await eventually(lambda: Key(namespace, "marker") in application.keys, "a change made later")
            await eventually(
                lambda: "status" in (application.store.get("ModelDeployment", namespace, "a") or {}), "a status"
            )
            stored = await cluster.get(Reference("palier.dev/v1alpha1", "ModelDeployment", namespace, "a"))
    assert application.keys.count(Key(namespace, "a")) <= 3
    assert stored is not None
    assert {"annotations", "finalizers"}.isdisjoint(stored["metadata"])
    assert {entry["manager"] for entry in stored["metadata"]["managedFields"]} == {"a-user", "palier-status"}


async def test_kopf_only_reads(plane: Plane, namespace: str) -> None:
    """In the audit log of all these tests Kopf has listed and watched, and written nothing."""
    async with plane.cluster() as cluster, plane.operator() as operator:
        await cluster.apply(model_deployment(namespace))
        await eventually(lambda: Key(namespace, "a") in operator.application.keys, "the key")
    requests = [entry for entry in plane.audit("kopf/") if "objectRef" in entry]
    assert {entry["verb"] for entry in requests} == {"list", "watch"}
    assert {entry["objectRef"]["resource"] for entry in requests} == {
        "modeldeployments",
        "deployments",
        "services",
        "endpointslices",
        "configmaps",
        "jobs",
        "poddisruptionbudgets",
    }
    assert all(
        "labelSelector=" in entry["requestURI"]
        # A budget of somebody else for the pods of a revision has to be known, too.
        or entry["objectRef"]["resource"] in {"modeldeployments", "poddisruptionbudgets"}
        for entry in requests
    )


async def test_restart_looks_at_everything_again(plane: Plane, namespace: str) -> None:
    """What changed while no operator ran is found by the next one, and what is gone is not there for it."""
    async with plane.cluster() as cluster:
        for name in ("kept", "gone"):
            await cluster.apply(model_deployment(namespace, name))
        async with plane.operator() as first:
            await eventually(lambda: Key(namespace, "gone") in first.application.keys, "the first operator's look")
        await cluster.delete(Reference("palier.dev/v1alpha1", "ModelDeployment", namespace, "gone"))
        await cluster.apply(model_deployment(namespace, "new"))
        async with plane.operator() as second:
            keys = {Key(namespace, "kept"), Key(namespace, "new")}
            await eventually(lambda: keys <= set(second.application.keys), "the second operator's look")
    assert Key(namespace, "gone") not in second.application.keys


async def test_lost_deletions_are_found(plane: Plane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object whose deletion no watch told leaves the cache with the next complete list."""
    monkeypatch.setattr(kopf_app, "FIRST_RESYNC", 0.2)
    application = StubApplication()
    async with plane.operator(application):
        await application.looks.wait()
        ghost = service(namespace, "ghost", LABELS)
        ghost["metadata"]["resourceVersion"] = "1"
        application.store.put(ghost)
        await eventually(lambda: not application.holds("Service", namespace, "ghost"), "the ghost to go")
        await eventually(lambda: Key(namespace, "a") in application.keys, "its owner to look again")


async def test_namespaced_operator_asks_for_its_namespaces_only(plane: Plane, namespace: str) -> None:
    """With a list of namespaces no request of either half of the operator reaches beyond them."""
    elsewhere = f"{namespace}-elsewhere"
    plane.kubectl("create", "namespace", elsewhere)
    # The audit log is one for all tests: what was there before is not counted.
    before = [sum(1 for _ in plane.audit(agent)) for agent in ("kopf/", "palier/")]
    async with plane.cluster() as cluster, plane.operator(namespaces=(namespace,)) as operator:
        await cluster.apply(model_deployment(elsewhere))
        await cluster.apply(model_deployment(namespace))
        await eventually(lambda: Key(namespace, "a") in operator.application.keys, "the key of the watched namespace")
    assert not operator.application.holds("ModelDeployment", elsewhere, "a")
    requests: list[dict[str, Any]] = []
    for agent, known in zip(("kopf/", "palier/"), before, strict=True):
        requests += list(plane.audit(agent))[known:]
    read = {entry["objectRef"].get("namespace") for entry in requests if entry["verb"] in {"list", "watch"}}
    assert read == {namespace}


async def test_ends_promptly(plane: Plane, namespace: str) -> None:
    """Being asked to end takes a moment, also while connections to the health port stay open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with plane.operator(port=port) as operator:
        await operator.application.looks.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        began = time.monotonic()
        await operator.end()
        assert time.monotonic() - began < 3
        writer.close()
    assert namespace


class Failing(StubApplication):
    """An application whose looks fail."""

    @override
    async def run_looks(self) -> None:
        """Fail."""
        raise ZeroDivisionError


async def test_part_that_fails_ends_the_whole(plane: Plane) -> None:
    """A dead look loop must not leave an operator that only seems to live."""
    async with plane.operator(Failing()) as operator:
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(operator.task, 10)
    assert caught.value.subgroup(ZeroDivisionError) is not None


async def test_port_that_is_taken_ends_the_whole(plane: Plane) -> None:
    """Without its health port the operator does not start, and says why at once."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - the port has to be taken on every address
        taken.listen()
        async with plane.operator(port=taken.getsockname()[1]) as operator:
            with pytest.raises(OSError, match="address already in use"):
                await asyncio.wait_for(operator.task, 4)


async def test_outage_of_the_api_server_is_survived(own_plane: Plane) -> None:
    """After an outage the same operator goes on: new changes arrive."""
    own_plane.install_crds()
    async with own_plane.cluster() as cluster, own_plane.operator() as operator:
        await operator.application.looks.wait()
        own_plane.control_plane.kill_apiserver()
        await asyncio.to_thread(own_plane.control_plane.start)
        await cluster.apply(model_deployment("default"))
        await eventually(lambda: Key("default", "a") in operator.application.keys, "the key", within=60)
        assert not operator.task.done()


async def test_missing_crd_is_told(own_plane: Plane) -> None:
    """Without our own kind the operator ends with a message that says what to do."""
    async with own_plane.operator() as operator:
        with pytest.raises(
            InvalidSettings, match=r"does not serve modeldeployments\.palier\.dev: install Palier's CRDs"
        ):
            await operator.task


async def test_gateway_api_may_come_later(
    own_plane: Plane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without HTTPRoutes the operator works and says so; when they appear it ends in order and then watches them."""
    monkeypatch.setattr(kopf_app, "DISCOVERY_PERIOD", 0.2)
    own_plane.install_crds()
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "theirs", "namespace": "kube-public"},
        "spec": {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["a.example.com"]},
    }
    caplog.set_level(logging.WARNING)
    async with own_plane.cluster() as cluster:
        async with own_plane.operator() as operator:
            await cluster.apply(model_deployment("default"))
            await eventually(lambda: Key("default", "a") in operator.application.keys, "the key")
            assert "does not serve httproutes.gateway.networking.k8s.io" in caplog.text
            own_plane.kubectl("apply", "-f-", input=HTTP_ROUTES)
            await asyncio.wait_for(operator.task, 10)
        async with own_plane.operator() as operator:
            await eventually(lambda: Key("default", "a") in operator.application.keys, "the key")
            operator.application.keys.clear()
            await cluster.apply(route)
            await eventually(lambda: Key("default", "a") in operator.application.keys, "the key of the shared host")
