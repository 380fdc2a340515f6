"""What Palier renders, beside what its author wrote: `golden/<case>.input.yaml` and `golden/<case>.expected.yaml`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.manifests.affinity import affinity_manifest
from palier.manifests.golden import golden_configs, golden_job
from palier.manifests.loadtest import load_test_config, load_test_job
from palier.manifests.revision import deployment_manifest, prompts_manifest, scale_manifest, service_manifest
from palier.manifests.shadow import PORT, shadow_config, shadow_deployment, shadow_name, shadow_service
from palier.manifests.traffic import Mirror, front_service_manifest, route_manifest
from palier.release.examining import GoldenRun
from palier.release.shadowing import ShadowRun
from palier.release.testing import Run

GOLDEN = Path(__file__).parent / "golden"
REVISION, STABLE = "0a1b2c3d4e", "5f6a7b8c9d"
RUN = Run("", REVISION, replicas=1, index=2, attempt=1, digest="0123456789abcdef")
EXAMINATION = GoldenRun(REVISION, STABLE, attempt=1, digest="0123456789abcdef")
SHADOW = ShadowRun(REVISION, STABLE, percent=20, digest="0123456789abcdef")
IMAGE = "registry.example.com/palier:1"
TEXTS = {"system": "You are helpful.", "refusal": "I would rather not."}

Objects = list[dict[str, Any]]


def routed(deployment: ModelDeployment, slots: tuple[str, str], weights: dict[str, int]) -> dict[str, Any]:
    """The route; the candidate serves on the port of the spec, stable still on another one."""
    gateway = deployment.spec.traffic.gateway
    assert gateway is not None
    ports = {STABLE: 9000, REVISION: deployment.spec.serving.port}
    return route_manifest(deployment, gateway, backend_positions=slots, weights=weights, ports=ports)


def behind_a_gateway(deployment: ModelDeployment) -> Objects:
    """Everything of a revision behind a gateway."""
    return [
        deployment_manifest(deployment, REVISION),
        scale_manifest(deployment, REVISION, deployment.spec.serving.replicas),
        service_manifest(deployment, REVISION, port=deployment.spec.serving.port),
        routed(deployment, (STABLE, REVISION), {STABLE: 75, REVISION: 25}),
        routed(deployment, (REVISION, REVISION), {REVISION: 100}),
    ]


def behind_a_service(deployment: ModelDeployment) -> Objects:
    """The front Service, closed and open."""
    port = deployment.spec.serving.port
    return [
        front_service_manifest(deployment, REVISION, port=port),
        front_service_manifest(deployment, None, port=port),
    ]


def on_accelerators(deployment: ModelDeployment) -> Objects:
    """The Deployment alone."""
    return [deployment_manifest(deployment, REVISION)]


def with_prompts(deployment: ModelDeployment) -> Objects:
    """The copy of the prompts and the Deployment that mounts it."""
    return [prompts_manifest(deployment, REVISION, TEXTS), deployment_manifest(deployment, REVISION)]


def load_tested(deployment: ModelDeployment) -> Objects:
    """What a run of a load test is told, and the Job that does it."""
    return [
        load_test_config(deployment, RUN, '{"path": "/v1/chat/completions"}'),
        load_test_job(deployment, RUN, image=IMAGE),
    ]


def examined(deployment: ModelDeployment) -> Objects:
    """What golden answers are asked with, and the Job that asks."""
    return [
        *golden_configs(deployment, EXAMINATION, '{"path": "/predict"}', requests='{"body": 1}\n'),
        golden_job(deployment, EXAMINATION, image=IMAGE),
    ]


def shadowed(deployment: ModelDeployment) -> Objects:
    """The proxy, the route that sends it copies, and the policy that keeps users apart."""
    gateway = deployment.spec.traffic.gateway
    assert gateway is not None
    assert gateway.sticky is not None
    plan, name = '{"timeout": 5}', shadow_name(deployment, SHADOW)
    ports = {STABLE: 9000, REVISION: deployment.spec.serving.port}
    return [
        shadow_config(deployment, SHADOW, plan),
        shadow_service(deployment, SHADOW),
        shadow_deployment(deployment, SHADOW, plan, image=IMAGE),
        route_manifest(
            deployment,
            gateway,
            backend_positions=(STABLE, ""),
            weights={STABLE: 100},
            ports=ports,
            mirror=Mirror(name, PORT, SHADOW.percent),
        ),
        affinity_manifest(deployment, gateway.sticky),
    ]


CASES: dict[str, Callable[[ModelDeployment], Objects]] = {
    "gateway": behind_a_gateway,
    "service": behind_a_service,
    "golden-judge": examined,
    "golden-scorer": examined,
    "gpu": on_accelerators,
    "load-test": load_tested,
    "prompts": with_prompts,
    "shadow": shadowed,
}


@pytest.mark.parametrize("case", CASES)
def test_rendered_objects_are_those_on_file(case: str) -> None:
    """Every object has exactly the fields of its golden file, no more and no fewer."""
    deployment = parse(yaml.safe_load((GOLDEN / f"{case}.input.yaml").read_text()))

    assert CASES[case](deployment) == list(yaml.safe_load_all((GOLDEN / f"{case}.expected.yaml").read_text()))


def test_every_golden_file_has_a_case() -> None:
    """No golden file is forgotten."""
    assert {path.name.split(".")[0] for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_rendering_leaves_the_spec_as_it_was(case: str) -> None:
    """The same spec renders the same objects again: nothing is added to the author's template in place."""
    deployment = parse(yaml.safe_load((GOLDEN / f"{case}.input.yaml").read_text()))
    before = deployment.model_dump(mode="json")

    assert CASES[case](deployment) == CASES[case](deployment)
    assert deployment.model_dump(mode="json") == before
