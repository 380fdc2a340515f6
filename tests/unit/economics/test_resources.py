"""What one replica asks for: as the scheduler counts it, not as a naive sum."""

from decimal import Decimal
from typing import Any

import pytest

from palier.economics.resources import Resources, node_selector, read_requests
from palier.errors import InvalidSpec
from tests.support.economics.examples import container, deployment

GPU = {"accelerator": "GPU", "gpu": {"product": "NVIDIA-L4", "count": 2}}


def asked(*containers: Any, placement: dict[str, Any] | None = None, **pod: Any) -> Resources:  # noqa: ANN401
    """What a pod of these containers asks for."""
    named = [{**one, "name": f"c{index}"} for index, one in enumerate(containers)]
    return read_requests(deployment({"containers": named, **pod}, placement=placement))


def test_requests_are_read_as_cores_and_gibibytes() -> None:
    """Half a core and 2 GiB are what the example asks for, and nothing else."""
    assert read_requests(deployment()) == Resources(Decimal("0.5"), Decimal(2), {})
    assert asked(container(requests={"cpu": "250m", "memory": "128974848"})) == Resources(
        Decimal("0.25"), Decimal(128974848) / Decimal(2**30), {}
    )


def test_containers_add_up() -> None:
    """A sidecar of the old kind, beside the server, is paid for too; one that asks for nothing costs nothing."""
    found = asked(
        container(requests={"cpu": "1", "memory": "1Gi"}),
        container(requests={"cpu": "100m", "memory": "512Mi"}),
        container(),
        {"name": "x", "image": "i", "resources": None},
    )
    assert (found.cpu, found.memory_gib) == (Decimal("1.1"), Decimal("1.5"))


def test_a_limit_stands_in_for_a_missing_request() -> None:
    """Kubernetes takes the limit as the request where there is none, resource by resource."""
    found = asked(container(requests={"cpu": "250m"}, limits={"cpu": "2", "memory": "4Gi"}))
    assert (found.cpu, found.memory_gib) == (Decimal("0.25"), Decimal(4))


def test_the_hungriest_init_container_counts_if_it_needs_more() -> None:
    """Init containers run one after the other, before the others: the largest of them, per resource, or the sum."""
    found = asked(
        container(requests={"cpu": "1", "memory": "1Gi"}),
        initContainers=[
            {**container(requests={"cpu": "500m", "memory": "8Gi"}), "name": "download"},
            {**container(requests={"cpu": "3", "memory": "1Gi"}), "name": "convert"},
        ],
    )
    assert (found.cpu, found.memory_gib) == (Decimal(3), Decimal(8))


def test_sidecars_run_beside_everything_that_starts_after_them() -> None:
    """A sidecar adds to the containers, and to the init containers that come after it, but not to those before it."""
    sidecar = {**container(requests={"cpu": "1", "memory": "1Gi"}), "name": "proxy", "restartPolicy": "Always"}
    download = {**container(requests={"cpu": "4", "memory": "2Gi"}), "name": "download"}
    server = container(requests={"cpu": "2", "memory": "4Gi"})
    after = asked(server, initContainers=[sidecar, download])
    before = asked(server, initContainers=[download, sidecar])
    assert (after.cpu, after.memory_gib) == (Decimal(5), Decimal(5))
    assert (before.cpu, before.memory_gib) == (Decimal(4), Decimal(5))


def test_requests_of_the_whole_pod_replace_the_sum() -> None:
    """Where the pod has a budget of its own, its containers only share it; devices stay what they are."""
    found = asked(
        container(requests={"cpu": "1", "memory": "1Gi"}, limits={"nvidia.com/gpu": 1}),
        container(requests={"cpu": "1"}),
        resources={"requests": {"cpu": "4", "nvidia.com/gpu": 9}},
    )
    assert (found.cpu, found.memory_gib, found.gpus) == (Decimal(4), Decimal(1), {"": 1})


def test_limits_of_the_whole_pod_stand_in_where_no_container_asks() -> None:
    """A limit of the pod is its request for what no container asks for; else the containers' sum stays."""
    found = asked(container(requests={"cpu": "1"}), resources={"limits": {"cpu": "8", "memory": "16Gi"}})
    assert (found.cpu, found.memory_gib) == (Decimal(1), Decimal(16))


def test_overhead_comes_on_top() -> None:
    """What the runtime class needs for each pod is reserved on the node as well."""
    found = asked(
        container(requests={"cpu": "1", "memory": "1Gi"}),
        resources={"requests": {"memory": "2Gi"}},
        overhead={"cpu": "250m", "memory": "128Mi"},
    )
    assert (found.cpu, found.memory_gib) == (Decimal("1.25"), Decimal("2.125"))


def test_accelerators_of_the_placement_are_counted_by_product() -> None:
    """What Palier adds to the first container is paid for, once, whatever the author wrote beside it."""
    found = asked(
        container(requests={"cpu": "4"}, limits={"nvidia.com/gpu": "7"}),
        container(requests={"cpu": "1"}),
        placement=GPU,
    )
    assert (found.cpu, found.gpus) == (Decimal(5), {"NVIDIA-L4": 2})


def test_an_accelerator_without_a_product_is_counted_without_one() -> None:
    """A GPU of an unknown product is a GPU all the same: it is not free."""
    assert asked(container(), placement={"accelerator": "GPU", "gpu": {}}).gpus == {"": 1}


def test_a_product_that_the_pod_selects_by_itself_is_known() -> None:
    """An author who writes limits and a node selector by hand gets the same price as one who uses the placement."""
    found = asked(container(limits={"nvidia.com/gpu": 1}), nodeSelector={"nvidia.com/gpu.product": "NVIDIA-L4"})
    assert found.gpus == {"NVIDIA-L4": 1}


def test_a_part_of_a_gpu_is_not_priced_as_a_whole_one() -> None:
    """A slice stands under the name of its resource, because the product is that of the whole card."""
    slice_of = {"accelerator": "GPU", "gpu": {"resource": "nvidia.com/mig-1g.10gb", "product": "NVIDIA-H100-80GB-HBM3"}}
    assert asked(container(), placement=slice_of).gpus == {"nvidia.com/mig-1g.10gb": 1}


def test_what_is_no_device_is_not_counted_as_one() -> None:
    """Huge pages, scratch space and Kubernetes' own resources are no accelerators, and none of a device is none."""
    found = asked(
        container(
            requests={"cpu": "1", "ephemeral-storage": "1Gi", "hugepages-2Mi": "64Mi", "node.kubernetes.io/x": 1},
            limits={"amd.com/gpu": 0},
        )
    )
    assert found.gpus == {}


def test_what_is_not_asked_for_is_named() -> None:
    """A pod without a memory request is priced without it, and whoever prints the plan can say so."""
    assert asked(container(requests={"cpu": "1"})).missing_names == ("memory",)
    assert asked(container(), placement=GPU).missing_names == ("cpu", "memory")
    assert read_requests(deployment()).missing_names == ()


@pytest.mark.parametrize("resources", [None, {}, {"requests": None}, {"requests": {"cpu": "0"}}])
def test_a_pod_that_asks_for_nothing_cannot_be_priced(resources: dict[str, Any] | None) -> None:
    """Nothing costs nothing, which would pass every budget: it is refused, with the field and what to write."""
    with pytest.raises(InvalidSpec) as error:
        asked({"image": "i", "resources": resources})
    assert error.value.field == "spec.serving.template.spec.containers[0].resources.requests"
    assert "cannot be priced" in error.value.message


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"containers": [container(requests={"cpu": "1Gx"})]}, "containers[0].resources.requests.cpu"),
        ({"containers": [container(limits={"memory": "-1"})]}, "containers[0].resources.limits.memory"),
        ({"containers": [container(requests=["cpu"])]}, "containers[0].resources.requests"),  # type: ignore[arg-type]
        ({"containers": [container()], "resources": "1"}, "resources"),
        ({"containers": [container()], "overhead": {"cpu": "x"}}, "overhead.cpu"),
        ({"containers": [container()], "resources": {"limits": {"cpu": []}}}, "resources.limits.cpu"),
        (
            {"containers": [container()], "initContainers": [container(requests={"cpu": "1e3m"})]},
            "initContainers[0].resources.requests.cpu",
        ),
        ({"containers": [container()], "initContainers": ["x"]}, "initContainers[0]"),
        ({"containers": [container()], "initContainers": {"name": "x"}}, "initContainers"),
        ({"containers": [container()], "nodeSelector": "x"}, "nodeSelector"),
        ({"containers": [container(requests={"cpu": 1})], "resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
    ],
)
def test_what_cannot_be_read_is_named(pod: dict[str, Any], field: str) -> None:
    """A pod is written freely, so that anything may stand anywhere: the error tells where, and nothing is guessed."""
    with pytest.raises(InvalidSpec) as error:
        read_requests(deployment(pod))
    assert error.value.field == f"spec.serving.template.spec.{field}"


def test_the_node_selector_has_the_label_of_the_product() -> None:
    """A pool of nodes is found by what the pod selects and by what Palier adds to it."""
    pod = {"containers": [container(requests={"cpu": "1"})], "nodeSelector": {"pool": "inference"}}
    assert node_selector(deployment(pod, placement=GPU)) == {
        "pool": "inference",
        "nvidia.com/gpu.product": "NVIDIA-L4",
    }
    assert node_selector(deployment()) == {}
