"""The objects of a revision where the author's template is unusual."""

from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.manifests.metadata import owned_by, pod_prefix, selector_labels
from palier.manifests.revision import deployment_manifest, scale_manifest
from tests.support.release.world import model_deployment

REVISION = "aaaaaaaaaa"


def with_pod(spec: dict[str, Any], *, model: dict[str, Any] | None = None, **serving: Any) -> ModelDeployment:  # noqa: ANN401
    """A ModelDeployment whose pods are as given."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1", **(model or {})},
                "serving": {"port": 8080, "template": {"spec": spec}, **serving},
                "traffic": {"service": {}},
            },
        }
    )


def pod_of(deployment: ModelDeployment) -> dict[str, Any]:
    """The rendered pod."""
    spec: dict[str, Any] = deployment_manifest(deployment, REVISION)["spec"]["template"]["spec"]
    return spec


PROMPTS = {"prompts": [{"name": "system", "configMapKeyRef": {"name": "prompts", "key": "system"}}]}
GPU = {"accelerator": "GPU", "gpu": {"count": 1, "product": "L4"}}


@pytest.mark.parametrize("empty", [{}, {"volumes": None}])
@pytest.mark.parametrize("mounts", [{}, {"volumeMounts": None}])
def test_prompts_are_mounted_where_the_author_left_a_field_empty(empty: dict[str, Any], mounts: dict[str, Any]) -> None:
    """A template engine that leaves `volumes:` without a value does not stop a release."""
    pod = pod_of(with_pod({"containers": [{"name": "m", "image": "m:1", **mounts}], **empty}, model=PROMPTS))

    assert [volume["name"] for volume in pod["volumes"]] == ["palier-prompts"]
    assert [mount["name"] for mount in pod["containers"][0]["volumeMounts"]] == ["palier-prompts"]


@pytest.mark.parametrize("resources", [{}, {"resources": None}, {"resources": {"limits": None}}])
@pytest.mark.parametrize("empty", [{}, {"nodeSelector": None}])
def test_accelerators_are_asked_for_where_the_author_left_a_field_empty(
    resources: dict[str, Any], empty: dict[str, Any]
) -> None:
    """The same for `resources:` and `nodeSelector:`."""
    pod = pod_of(with_pod({"containers": [{"name": "m", "image": "m:1", **resources}], **empty}, placement=GPU))

    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "L4"}


def test_a_gpu_of_any_product_needs_no_label_of_the_node() -> None:
    """Without a product the scheduler may take any node that offers the resource."""
    pod = pod_of(with_pod({"containers": [{"name": "m", "image": "m:1"}]}, placement={"accelerator": "GPU", "gpu": {}}))

    assert pod["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
    assert "nodeSelector" not in pod


def test_replicas_belong_to_one_manifest_alone() -> None:
    """The Deployment says nothing about replicas and the scale manifest nothing else: neither undoes the other."""
    assert "replicas" not in deployment_manifest(model_deployment(), REVISION)["spec"]
    assert scale_manifest(model_deployment(), REVISION, 7)["spec"] == {"replicas": 7}


def test_the_selector_is_part_of_the_pods_labels() -> None:
    """A Deployment whose selector misses its own pods is refused by Kubernetes, also with labels of the author."""
    manifest = deployment_manifest(model_deployment(), REVISION)

    assert manifest["spec"]["selector"]["matchLabels"] == selector_labels(model_deployment(), REVISION)
    assert (
        selector_labels(model_deployment(), REVISION).items()
        <= manifest["spec"]["template"]["metadata"]["labels"].items()
    )


def test_pods_are_known_by_the_start_of_their_names() -> None:
    """The names that Kubernetes makes from the Deployment's start as the counters' reader expects."""
    name = deployment_manifest(model_deployment(), REVISION)["metadata"]["name"]

    assert f"{name}-6b7f9c8d5f-x2x4z".startswith(pod_prefix("demo", REVISION))


def test_a_namesake_made_again_owns_nothing_of_its_predecessor() -> None:
    """Ownership goes by uid: the children of a deleted ModelDeployment are strangers to the next of that name."""
    deployment = model_deployment()
    child = deployment_manifest(deployment, REVISION)
    again = deployment.model_copy(update={"metadata": deployment.metadata.model_copy(update={"uid": "u2"})})

    assert owned_by(deployment, child)
    assert not owned_by(again, child)
    assert not owned_by(deployment, {"metadata": {}})
