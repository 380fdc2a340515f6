"""What one replica asks of its node, by Kubernetes' own rules: this is what a price is multiplied by.

Requests are priced, not use: a node is full when the requests on it are. What a pod does not ask for cannot be priced,
and nothing is guessed in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from palier.api.spec.serving import Gpu
from palier.api.v1alpha1 import ModelDeployment
from palier.economics.quantities import GIBIBYTE, quantity
from palier.errors import InvalidSpec

_POD: Final = "spec.serving.template.spec"
_CPU: Final = "cpu"
_MEMORY: Final = "memory"
_NATIVE: Final = "kubernetes.io"
_WHOLE_GPU: Final = "gpu"

Amounts = dict[str, Decimal]
"""Quantities by name of the resource."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one replica asks for."""

    cpu: Decimal
    """Cores."""
    memory_gib: Decimal
    gpus: Mapping[str, int] = field(default_factory=dict)
    """Devices by product, such as `NVIDIA-L4`; an empty product where none is named, and the name of the resource for
    devices that are not whole GPUs, such as `nvidia.com/mig-1g.10gb`: the product would be that of the whole card."""

    @property
    def missing_names(self) -> tuple[str, ...]:
        """What is not asked for, and therefore costs nothing in a plan."""
        return tuple(name for name, amount in ((_CPU, self.cpu), (_MEMORY, self.memory_gib)) if not amount)


def read_requests(deployment: ModelDeployment) -> Resources:
    """What one pod of a ModelDeployment asks for, as the scheduler counts it.

    A resource of the pod is the sum over its containers and over its sidecars (init containers with `restartPolicy:
    Always`), or what the largest init container needs besides the sidecars before it, whichever is more
    (component-helpers' `PodRequests`, after KEP-753). A container's limit stands in for a missing request. Requests of
    the whole pod (`resources`, KEP-2837) replace the sum, and `overhead` comes on top.

    Raises:
        InvalidSpec: nothing is asked for that has a price, or something cannot be read; the field is named.
    """
    pod = dict(deployment.spec.serving.template.spec)
    if pod.get("resourceClaims"):
        raise InvalidSpec(
            f"{_POD}.resourceClaims",
            "devices of resource claims cannot be priced: what they are is decided in the cluster; ask for them by"
            " spec.serving.placement.gpu",
        )
    amounts = _with_pod_level(
        _of_containers(pod, deployment.spec.serving.placement.gpu), _mapping(pod, "resources", _POD)
    )
    for name, amount in _amounts(_mapping(pod, "overhead", _POD), f"{_POD}.overhead").items():
        amounts[name] = amounts.get(name, Decimal(0)) + amount
    resources = Resources(
        cpu=amounts.get(_CPU, Decimal(0)),
        memory_gib=amounts.get(_MEMORY, Decimal(0)) / GIBIBYTE,
        gpus=_devices(amounts, node_selector(deployment)),
    )
    if not (resources.cpu or resources.memory_gib or resources.gpus):
        raise InvalidSpec(
            f"{_POD}.containers[0].resources.requests",
            "the pod asks for nothing and cannot be priced: write how much cpu and memory one replica needs, such as"
            " requests: {cpu: 500m, memory: 1Gi}",
        )
    return resources


def node_selector(deployment: ModelDeployment) -> dict[str, str]:
    """The labels that the nodes of a ModelDeployment must have, with that of the accelerator's product."""
    written = _mapping(deployment.spec.serving.template.spec, "nodeSelector", _POD)
    selector = {str(label): str(value) for label, value in written.items()}
    gpu = deployment.spec.serving.placement.gpu
    if gpu is not None and gpu.product:
        selector[_product_label(gpu.resource)] = gpu.product
    return selector


def _product_label(resource: str) -> str:
    return f"{resource.partition('/')[0]}/gpu.product"


def _of_containers(pod: Mapping[str, Any], gpu: Gpu | None) -> Amounts:
    """The effective requests of all containers together; the accelerators of the placement are the first one's."""
    together: Amounts = {}
    for index, container in enumerate(_list(pod, "containers")):
        own = _requests(container, f"{_POD}.containers[{index}]")
        if index == 0 and gpu is not None:
            own[gpu.resource] = Decimal(gpu.count)
        together = _sum(together, own)
    sidecars: Amounts = {}
    starting: Amounts = {}
    for index, container in enumerate(_list(pod, "initContainers")):
        own = _requests(container, f"{_POD}.initContainers[{index}]")
        beside = _sum(sidecars, own)
        if container.get("restartPolicy") == "Always":
            together, sidecars = _sum(together, own), beside
        starting = _take_larger(starting, beside)
    return _take_larger(together, starting)


def _with_pod_level(amounts: Amounts, resources: Mapping[str, Any]) -> Amounts:
    """The requests of the pod as a whole; its limits stand in where no container asks for the resource."""
    path = f"{_POD}.resources"
    limits = _amounts(_mapping(resources, "limits", path), f"{path}.limits")
    requests = _amounts(_mapping(resources, "requests", path), f"{path}.requests")
    return {**_only_native(limits), **amounts, **_only_native(requests)}


def _only_native(amounts: Amounts) -> Amounts:
    """Requests of a whole pod exist for cpu and memory, not for devices."""
    return {name: amounts[name] for name in (_CPU, _MEMORY) if name in amounts}


def _requests(container: Mapping[str, Any], path: str) -> Amounts:
    """What one container asks for."""
    resources, path = _mapping(container, "resources", path), f"{path}.resources"
    limits = _amounts(_mapping(resources, "limits", path), f"{path}.limits")
    return {**limits, **_amounts(_mapping(resources, "requests", path), f"{path}.requests")}


def _amounts(written: Mapping[str, Any], path: str) -> Amounts:
    amounts: Amounts = {}
    for name, value in written.items():
        try:
            amount = quantity(value)
        except ValueError as error:
            raise InvalidSpec(f"{path}.{name}", str(error)) from None
        if amount < 0:
            raise InvalidSpec(f"{path}.{name}", f"{value!r} is below zero")
        amounts[name] = amount
    return amounts


def _devices(amounts: Amounts, selector: Mapping[str, str]) -> dict[str, int]:
    """Extended resources by what they are priced as."""
    devices: dict[str, int] = {}
    for resource, amount in amounts.items():
        domain, slash, kind = resource.partition("/")
        if not slash or domain.endswith(_NATIVE) or not amount:
            continue
        product = selector.get(_product_label(resource), "") if kind == _WHOLE_GPU else resource
        devices[product] = devices.get(product, 0) + int(amount)
    return devices


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in (one | other)}


def _take_larger(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, Decimal(0)), other.get(name, Decimal(0))) for name in (one | other)}


def _mapping(parent: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """A field of a pod that is written freely: a mapping, or left empty."""
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidSpec(f"{path}.{name}", f"it must be a mapping, not {value!r}")
    return value


def _list(pod: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    entries = pod.get(name)
    if entries is None:
        return ()
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise InvalidSpec(f"{_POD}.{name}", f"it must be a list, not {entries!r}")
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise InvalidSpec(f"{_POD}.{name}[{index}]", f"it must be a mapping, not {entry!r}")
    return entries
