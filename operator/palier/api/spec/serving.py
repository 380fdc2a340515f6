"""What a revision is made of: the model and how it is served.

Any change to these objects, except to the number of replicas and to `placement.surge`, makes a new revision that has to
earn its traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from palier.api.constants import GROUP, MANAGED_BY
from palier.api.rule import BY_NAME, ApiObject, Reason, Rule
from palier.api.spec.template import check_template
from palier.api.spec.values import Accelerator, LabelName, LabelValue, ObjectName, Runtime, Surge

ModelName = Annotated[str, Field(min_length=1, max_length=253)]
Version = Annotated[str, Field(min_length=1, max_length=128)]
Uri = Annotated[str, Field(min_length=1, max_length=2048)]
RuntimeVersion = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9]+(\.[0-9]+){0,3}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Image = Annotated[str, Field(min_length=1, max_length=1024)]


class ConfigMapKey(ApiObject):
    """One key of a ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap; it needs the label `palier.dev/watch: "true"`, or its changes are not seen."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """Key under `data`. Example: `system`."""


class Prompt(ApiObject):
    """A prompt that belongs to the model: a change of its text is a new revision and is released like one."""

    name: LabelName
    """Name of the prompt, unique in the list: lower-case letters, digits and `-`. Example: `system`."""
    config_map_key_ref: ConfigMapKey
    """Where the text is kept."""


class ModelVersion(ApiObject):
    """Which model is served; any change here makes a new revision."""

    name: ModelName
    """Name of the model, as your registry or your team calls it. Example: `lingua`."""
    version: Version
    """Version of the model; quote it, or YAML makes a number of `2.1`. Example: `"2.1.1"`."""
    uri: Uri | None = None
    """Where the model comes from, best with a digest; Palier records it and does not fetch it.
    Example: `oci://registry.example.com/models/lingua@sha256:4a0b...`."""
    runtime: Runtime | None = None
    """The serving program, which selects a preset of signals; `custom` or left out for none.
    Example: `vllm`."""
    runtime_version: RuntimeVersion | None = None
    """Version of the serving program, because names of metrics change between versions; the newest known when left out.
    Example: `"0.11.2"`."""
    prompts: Annotated[list[Prompt], Field(max_length=16), BY_NAME] = Field(default_factory=list)
    """Prompts that are released together with the model; at most 16. Every container finds each of them as the file
    `/etc/palier/prompts/<name>`; a change of a text makes a new revision."""


class Gpu(ApiObject):
    """The accelerators of one replica."""

    resource: Annotated[
        str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[-._a-zA-Z0-9]+$")
    ] = "nvidia.com/gpu"
    """Extended resource that the node's device plugin offers. Other examples: `amd.com/gpu`,
    `nvidia.com/mig-1g.10gb`."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Whole accelerators for each replica, 1 to 64; the first container gets them."""
    product: LabelValue | None = None
    """Product that the node must have: the value of its label `<vendor>/gpu.product`, where the vendor is the part of
    `resource` before the slash. Example: `NVIDIA-L4`."""


class Placement(ApiObject):
    """What the model computes on."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.accelerator != 'GPU' || has(self.gpu)",
            holds=lambda placement: placement.accelerator is not Accelerator.GPU or placement.gpu is not None,
            message="accelerator GPU needs placement.gpu; gpu: {} means one nvidia.com/gpu for each replica",
            field=".gpu",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel="self.accelerator == 'GPU' || !has(self.gpu)",
            holds=lambda placement: placement.accelerator is Accelerator.GPU or placement.gpu is None,
            message="placement.gpu is only allowed with accelerator: GPU",
            field=".gpu",
            reason=Reason.FORBIDDEN,
        ),
    )

    accelerator: Accelerator = Accelerator.CPU
    """`CPU`, or `GPU`, which needs `gpu`."""
    gpu: Gpu | None = None
    """The accelerators of one replica; only with `accelerator: GPU`."""
    surge: Surge = Surge.WAIT
    """What happens when no node has an accelerator left for the candidate: `Wait` holds the release until there is one;
    `Swap` lends it one of stable's replicas, if stable has at least two. No part of the revision."""


def _no_reserved_key(keys: Mapping[str, str]) -> bool:
    return not any(key.startswith(f"{GROUP}/") or key == MANAGED_BY for key in keys)


class PodMetadata(ApiObject):
    """Labels and annotations of the pods."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!has(self.labels) || !self.labels.exists(key, key.startsWith('{GROUP}/') || key == '{MANAGED_BY}')",
            holds=lambda metadata: _no_reserved_key(metadata.labels),
            message=f"labels under {GROUP}/ and {MANAGED_BY} are set by Palier; choose other keys",
            field=".labels",
            reason=Reason.FORBIDDEN,
        ),
    )

    labels: Annotated[dict[str, LabelValue], Field(max_length=64)] = Field(default_factory=dict)
    """Labels added to the pods; keys under `palier.dev/` are Palier's own. Example: `app: language-id`."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Annotations added to the pods. Example: `prometheus.io/scrape: "true"`."""


class Container(ApiObject):
    """One container of the pod; every field of a Kubernetes container is allowed."""

    model_config = ConfigDict(extra="allow")

    name: LabelName
    """Name of the container, unique in the pod."""
    image: Image
    """Image of the container, best with a digest. Example: `registry.example.com/language-id@sha256:9f2c...`."""


class PodSpec(ApiObject):
    """The pod of one replica; every field of a Kubernetes PodSpec is allowed and passed on as written."""

    model_config = ConfigDict(extra="allow")

    containers: Annotated[list[Container], Field(min_length=1, max_length=32), BY_NAME]
    """The containers, at least one, each with a `name` and an `image`. The first one serves the model; one of them
    answers on `serving.port`. Give it a readinessProbe: traffic reaches a replica as soon as it is ready."""


@dataclass(frozen=True, slots=True)
class AsWritten:
    """Check a mapping against a model, then keep the mapping itself: nothing added, nothing renamed."""

    model: type[ApiObject]

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The model's schema, whose result is thrown away."""
        return core_schema.no_info_wrap_validator_function(
            self._check_value,
            handler.generate_schema(self.model),
            serialization=core_schema.plain_serializer_function_ser_schema(dict),
        )

    @staticmethod
    def _check_value(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> dict[str, Any]:  # noqa: ANN401
        if fault := check_template(value):
            field, message = fault
            raise PydanticCustomError("rule", "{message}", {"message": message, "field": field})
        validate(value)
        return dict(value)


class PodTemplate(ApiObject):
    """The pods that serve the model; any change here makes a new revision."""

    metadata: PodMetadata = Field(default_factory=PodMetadata)
    """Labels and annotations of the pods."""
    spec: Annotated[dict[str, Any], AsWritten(PodSpec)]
    """The pod of one replica, as in a Deployment; `containers` is required."""


class VariantModel(ApiObject):
    """The parts of `spec.model` that a variant replaces."""

    name: ModelName | None = None
    """Name of the model. Example: `lingua-distilled`."""
    version: Version | None = None
    """Version of the model. Example: `"2.1.1-int8"`."""
    uri: Uri | None = None
    """Where the model comes from."""
    runtime: Runtime | None = None
    """The serving program."""
    runtime_version: RuntimeVersion | None = None
    """Version of the serving program; with another `runtime` than that of `spec.model`, the newest known when left
    out."""


class Variant(ApiObject):
    """One way to serve the model; what it leaves out is as in `spec.model` and `spec.serving`."""

    name: LabelName
    """Name of the variant, unique in the list: lower-case letters, digits and `-`. Example: `cpu-int8`."""
    model: VariantModel | None = None
    """The parts of `spec.model` that are different."""
    placement: Placement | None = None
    """What it computes on, in place of the whole of `spec.serving.placement`."""
    template: PodTemplate | None = None
    """Its pods, in place of the whole of `spec.serving.template`."""
    port: Port | None = None
    """TCP port on which its pods answer, in place of `spec.serving.port`. Example: `8081`."""


class Serving(ApiObject):
    """How the model is served; any change here except of `replicas` and `placement.surge` makes a new revision."""

    port: Port
    """TCP port on which the pods answer HTTP. Example: `8080`."""
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Pods of the stable revision, 1 to 1000. `kubectl scale` and autoscalers write it through the scale subresource;
    leave it out of manifests then. The candidate gets the replicas that its share of the traffic needs."""
    placement: Placement = Field(default_factory=Placement)
    """What the model computes on; CPU unless written otherwise."""
    template: PodTemplate
    """The pods that serve the model."""
    variants: Annotated[list[Variant], Field(max_length=8), BY_NAME] = Field(default_factory=list)
    """Ways to serve the model, at most 8, of which only one is released: each is load-tested, and the cheapest at
    `spec.scale.target` that keeps every objective and the budget becomes the candidate. An entry of nothing but a
    `name` is what `spec.model` and `spec.serving` say themselves."""
