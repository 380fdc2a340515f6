"""Each variant is the spec as if it had been written without variants: the same revision, the same rules."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.revision import revision_hash
from palier.api.spec.values import Accelerator, Runtime
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.api.variants import resolve_variants

ROOT = Path(__file__).parents[3]


@pytest.fixture
def manifest() -> dict[str, Any]:
    """A manifest with four variants: as written, a distilled model, on CPU, on two accelerators."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "tests/apiserver/accept/scaling-every-field.yaml").read_text())
    return loaded


def _revision(deployment: ModelDeployment) -> str:
    return revision_hash(deployment.spec.model, deployment.spec.serving, {})


def test_without_variants_there_is_the_spec_itself() -> None:
    """Everything that asks for the ways to serve works with one, too."""
    deployment = parse(yaml.safe_load((ROOT / "examples/minimal.yaml").read_text()))

    (only,) = resolve_variants(deployment)

    assert (only.name, only.deployment) == ("", deployment)


def test_variants_come_in_the_order_of_the_spec(manifest: dict[str, Any]) -> None:
    """They are tested in this order, and the first one is the first to be tested."""
    assert [variant.name for variant in resolve_variants(parse(manifest))] == [
        "as-written",
        "distilled",
        "cpu-int8",
        "two-gpus",
    ]


def test_a_variant_has_the_revision_that_it_would_have_alone(manifest: dict[str, Any]) -> None:
    """Who later writes the chosen variant as the spec gets no new revision, and so no new release of the same pods."""
    variants = resolve_variants(parse(manifest))
    alone = copy.deepcopy(manifest)
    given = alone["spec"]["serving"].pop("variants")[2]
    alone["spec"]["model"] |= given["model"]
    alone["spec"]["serving"] |= {name: given[name] for name in ("placement", "template", "port")}
    as_written = copy.deepcopy(manifest)
    del as_written["spec"]["serving"]["variants"]

    assert _revision(variants[2].deployment) == _revision(parse(alone))
    assert _revision(variants[0].deployment) == _revision(parse(as_written))
    assert len({_revision(variant.deployment) for variant in variants}) == 4


def test_what_a_variant_leaves_out_is_as_in_the_spec(manifest: dict[str, Any]) -> None:
    """Only the given parts are replaced, and nothing outside of model and serving."""
    deployment = parse(manifest)
    _, distilled, on_cpu, two_gpus = (variant.deployment.spec for variant in resolve_variants(deployment))

    assert (distilled.model.name, distilled.model.runtime) == ("lingua-distilled", Runtime.SGLANG)
    assert distilled.serving.placement == deployment.spec.serving.placement
    assert (on_cpu.model.name, on_cpu.model.version) == ("lingua", "2.1.1-int8")
    assert (on_cpu.model.runtime, on_cpu.model.runtime_version) == (Runtime.VLLM, "0.11.2")
    assert (on_cpu.serving.port, on_cpu.serving.placement.accelerator) == (8081, Accelerator.CPU)
    assert on_cpu.serving.placement.gpu is None
    assert two_gpus.serving.template == deployment.spec.serving.template
    assert two_gpus.serving.variants == []
    assert (two_gpus.budget, two_gpus.release) == (deployment.spec.budget, deployment.spec.release)


def test_the_version_of_a_runtime_is_not_that_of_another(manifest: dict[str, Any]) -> None:
    """A variant on another serving program would else be measured by a preset of a version that it never had."""
    _, distilled, *_ = manifest["spec"]["serving"]["variants"]
    del distilled["model"]["runtimeVersion"]

    _, other, *_ = resolve_variants(parse(manifest))
    distilled["model"]["runtime"] = "vllm"
    _, same, *_ = resolve_variants(parse(manifest))

    assert other.deployment.spec.model.runtime_version is None
    assert same.deployment.spec.model.runtime_version == "0.11.2"
