"""Palier next to GitOps tools and on a small diet: no drift, few requests, conditions that tools understand."""

import copy
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from local import cluster
from local.traffic import TrafficThread
from palier.api.constants import FIELD_MANAGER, FIELD_MANAGER_SCALE
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.act import ports_of
from palier.manifests.affinity import affinity_manifest
from palier.manifests.revision import deployment_manifest, scale_manifest, service_manifest
from palier.manifests.shadow import PORT, shadow_deployment, shadow_name, shadow_service
from palier.manifests.traffic import Mirror, mirror_of, route_manifest, route_weights
from palier.release.memory import read_state
from palier.release.shadowing import ShadowRun, comparison
from palier.release.state import ReleasePhase, State
from tests.e2e.objects import get_object
from tests.e2e.shadows import in_shadow, shadowed
from tests.e2e.support import Model, asked_by_palier, kubectl, wait_until

Users = Callable[..., TrafficThread]

MOST_REQUESTS = 55
"""API requests that a release through three stages may cost, all told."""


@contextmanager
def git_applied(model: Model) -> Iterator[list[str]]:
    """What a GitOps controller does: compare and apply the manifest every two seconds; yields the differences seen."""
    differences: list[str] = []
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(2):
            manifest = yaml.safe_dump(model.manifest)
            before = get_object(model.namespace, "modeldeployments", model.name)
            after = json.loads(
                kubectl(*("apply", "--server-side", "--field-manager=git", "-f", "-", "-o", "json"), stdin=manifest)
            )
            if before["metadata"]["generation"] != after["metadata"]["generation"]:
                differences.append(f"generation {after['metadata']['generation']}")

    model.apply("--server-side", "--field-manager=git")
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield differences
    finally:
        stop.set()
        thread.join()


def requests_of_palier(namespace: str) -> Counter[tuple[str, str, str]]:
    """What Palier has asked the API server for in a namespace, by verb, resource and subresource."""
    references = ((entry["verb"], entry["objectRef"]) for entry in asked_by_palier(namespace))
    return Counter((verb, about["resource"], about.get("subresource", "")) for verb, about in references)


def drift(model: Model) -> list[str]:
    """Rendered objects that a second apply would change, as the API server's dry run says."""
    kinds = "modeldeployments,deployments,services,httproutes,configmaps"
    if "sticky" in model.manifest["spec"]["traffic"]["gateway"]:
        kinds += ",backendtrafficpolicies"
    items = json.loads(kubectl("get", kinds, "-n", model.namespace, "-o", "json"))["items"]
    seen = {(item["kind"], item["metadata"]["name"]): item for item in items}
    body, route = seen["ModelDeployment", model.name], seen["HTTPRoute", model.name]
    deployment = parse(body)
    state = read_state(body["status"], deployment.spec.release)
    gateway = deployment.spec.traffic.gateway
    assert gateway is not None
    assert state.backend_positions is not None
    assert state.candidate is not None
    candidate, ports = state.candidate.revision, ports_of(state)
    replicas = seen["Deployment", f"{model.name}-{candidate}"]["spec"]["replicas"]
    rendered = [
        deployment_manifest(deployment, candidate),
        service_manifest(deployment, candidate, port=ports[candidate]),
        route_manifest(
            deployment,
            gateway,
            backend_positions=state.backend_positions,
            weights=route_weights(deployment, route),
            ports=ports,
            mirror=Mirror(copied, PORT, None) if (copied := mirror_of(route)) else None,
        ),
        *of_the_shadow(deployment, state, seen),
        *([affinity_manifest(deployment, gateway.sticky)] if gateway.sticky else []),
    ]
    changed = []
    for manager, manifests in (
        (FIELD_MANAGER, rendered),
        (FIELD_MANAGER_SCALE, [scale_manifest(deployment, candidate, replicas)]),
    ):
        command = ("apply", "--server-side", f"--field-manager={manager}", "--dry-run=server", "-f", "-", "-o", "json")
        answered = json.loads(kubectl(*command, stdin="\n---\n".join(map(json.dumps, manifests))))
        for again in answered.get("items", [answered]):
            live = seen[again["kind"], again["metadata"]["name"]]
            if again["spec"] != live["spec"] or again["metadata"]["labels"] != live["metadata"]["labels"]:
                changed.append(f"{again['kind']}: {live['spec']} != {again['spec']}")
    return changed


def of_the_shadow(
    deployment: ModelDeployment, state: State, seen: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What Palier renders for the shadow that is under way; nothing when there is none."""
    shadow, candidate, stable = deployment.spec.release.shadow, state.candidate, state.stable
    if not (state.release and state.release.phase is ReleasePhase.SHADOWING and shadow and candidate and stable):
        return []
    digest = comparison(deployment, candidate=candidate.revision, stable=stable.revision)
    run = ShadowRun(candidate.revision, stable.revision, shadow.percent, digest)
    name = shadow_name(deployment, run)
    told = seen["ConfigMap", name]["data"]["plan.json"]
    image = seen["Deployment", name]["spec"]["template"]["spec"]["containers"][0]["image"]
    return [shadow_service(deployment, run), shadow_deployment(deployment, run, told, image=image)]


@pytest.mark.long
def test_a_release_leaves_git_alone_and_costs_few_requests(model: Model, users: Users) -> None:
    """A Git loop sees no difference in any stage, no render drifts, and three stages cost at most 55 requests."""
    for stage in model.manifest["spec"]["release"]["stages"]:
        stage["canary"]["minDuration"] = "8s"
    model.manifest["spec"]["release"]["rollbackWindow"] = "3s"
    model.serve_first()
    before = requests_of_palier(model.namespace) if cluster.is_local() else Counter()
    users()
    revision = model.release("2")
    with git_applied(model) as differences:
        for weight in (20, 35, 50):
            model.in_traffic(revision, weight=weight)

            assert drift(model) == []
            assert model.condition("Reconciling")["status"] == "True"
            assert model.condition("Ready")["status"] == "Unknown"
        model.promoted(revision)
    kubectl("wait", "--for=condition=Ready", f"modeldeployment/{model.name}", "-n", model.namespace, "--timeout=10s")

    assert differences == []
    assert model.condition("Reconciling") == {}
    assert model.condition("Stalled") == {}

    model.wait(
        lambda s: "former" not in s and "drains" not in s, timeout=30, what="the former stable revision to be removed"
    )
    if not cluster.is_local():
        return
    spent = requests_of_palier(model.namespace) - before

    assert spent.total() <= MOST_REQUESTS, spent

    end = time.monotonic() + 6
    wait_until(lambda: time.monotonic() > end, timeout=20, what="a quiet while")

    assert requests_of_palier(model.namespace) - before == spent


def test_reverting_the_commit_in_mid_release_goes_back_to_stable(model: Model, users: Users) -> None:
    """The Git loop applies the old commit: traffic returns, the release ends, nothing fights."""
    model.manifest["spec"]["release"]["stages"][1]["canary"]["minDuration"] = "10m"
    stable = model.serve_first()
    first = copy.deepcopy(model.manifest)
    traffic = users()
    revision = model.release("2")
    with git_applied(model):
        model.in_traffic(revision, weight=35)
        model.manifest = first
        model.promoted(stable, timeout=30)

    assert model.weight(revision) == 0
    assert traffic.stop().failures() == []


@pytest.mark.long
@pytest.mark.bears("operator")
def test_a_shadow_leaves_git_alone_too(model: Model, users: Users) -> None:
    """The proxy, the route with its copies and the policy for users who stay: nothing drifts while they are there."""
    shadowed(model, minDuration="10s")
    model.manifest["spec"]["traffic"]["gateway"] |= {"sticky": {"header": "x-user"}, "router": "EnvoyGateway"}
    model.serve_first()
    users()
    revision = model.release("2")
    with git_applied(model) as differences:
        in_shadow(model, revision)

        assert drift(model) == []

        model.promoted(revision, timeout=180)

    assert differences == []
