"""The ModelDeployment as its author writes it, and the parser that reads stored ones.

Every docstring below is also the field's description in the CRD, in `kubectl explain` and in the reference, so it says
units, defaults and an example. Lists and strings are bounded because the API server prices CEL rules by the bounds.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from palier.api.answers import Answers, Check, Comparison, Embeddings, JsonPath, Similarity, TextMetric, Tolerance
from palier.api.blame import blame
from palier.api.budget import Budget
from palier.api.constants import NAME_MAX_LENGTH
from palier.api.golden import Calibration, Golden, Judge, Scorer, SecretKey
from palier.api.load_test import Corpus, CorpusImage, CorpusVolume, LoadTest
from palier.api.measuring import measuring_rules
from palier.api.objectives import (
    Agreement,
    ErrorRate,
    HistogramSignal,
    Latency,
    Level,
    Mean,
    Objective,
    Product,
    Ratio,
    Score,
    Signals,
    Slowdown,
    TimeSignal,
    UnitCost,
)
from palier.api.planning import planning_rules
from palier.api.quality import quality_rules
from palier.api.release import Canary, Experiment, GoldenStage, Landing, LoadTestStage, ReleaseRules, ShadowStage, Stage
from palier.api.rules import ATOMIC, BY_NAME, SET, ApiObject, Rule
from palier.api.scale import ApiPrice, Overheads, ProofOfConcept, Scale, Target
from palier.api.serving import (
    ConfigMapKey,
    Container,
    Gpu,
    ModelVersion,
    Placement,
    PodMetadata,
    PodSpec,
    PodTemplate,
    Prompt,
    Serving,
    Variant,
    VariantModel,
)
from palier.api.shadow import Disagreements, Sampling, Shadow, ShadowMethod
from palier.api.template import LARGEST, step_of
from palier.api.values import (
    Accelerator,
    Duration,
    Email,
    HeaderName,
    HostName,
    LabelName,
    ObjectName,
    OnBreach,
    OnBurn,
    OnNoEvidence,
    OnStableUnavailable,
    Percent,
    Router,
    Surge,
    TimeUnit,
)
from palier.errors import InvalidSpec

__all__ = [
    "Accelerator",
    "Agreement",
    "Answers",
    "ApiPrice",
    "Budget",
    "Calibration",
    "Canary",
    "Check",
    "Comparison",
    "ConfigMapKey",
    "Container",
    "Corpus",
    "CorpusImage",
    "CorpusVolume",
    "Disagreements",
    "Duration",
    "Embeddings",
    "ErrorRate",
    "Experiment",
    "Gateway",
    "Golden",
    "GoldenStage",
    "Gpu",
    "HistogramSignal",
    "JsonPath",
    "Judge",
    "Landing",
    "Latency",
    "Level",
    "LoadTest",
    "LoadTestStage",
    "Mean",
    "Metadata",
    "ModelDeployment",
    "ModelVersion",
    "Objective",
    "OnBreach",
    "OnBurn",
    "OnNoEvidence",
    "OnStableUnavailable",
    "Overheads",
    "Owner",
    "ParentRef",
    "Percent",
    "Placement",
    "PodMetadata",
    "PodSpec",
    "PodTemplate",
    "Product",
    "Prompt",
    "ProofOfConcept",
    "Ratio",
    "ReleaseRules",
    "Router",
    "Sampling",
    "Scale",
    "Score",
    "Scorer",
    "SecretKey",
    "ServiceTraffic",
    "Serving",
    "Shadow",
    "ShadowMethod",
    "ShadowStage",
    "Signals",
    "Similarity",
    "Slowdown",
    "Spec",
    "Stage",
    "Stickiness",
    "Surge",
    "Target",
    "TextMetric",
    "TimeSignal",
    "TimeUnit",
    "Tolerance",
    "Traffic",
    "UnitCost",
    "Variant",
    "VariantModel",
    "parse",
]

LONGEST_SHOWN: Final = 100
"""Characters of a wrong value that are told."""

_NAME: Final = rf"^[a-z]([-a-z0-9]{{0,{NAME_MAX_LENGTH - 2}}}[a-z0-9])?$"


class Owner(ApiObject):
    """The Scalability Owner: the accountable person for this model in production."""

    name: Annotated[str, Field(min_length=3, max_length=100)]
    """Name of the person or of the role, at least 3 characters. Example: `NLP platform lead`."""
    email: Email
    """Where this owner is reached when a release is held or rolled back. Example: `nlp-platform@example.com`."""
    team: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """The owner's team. Example: `nlp`."""


class ParentRef(ApiObject):
    """A Gateway, or one listener of it, that the HTTPRoute attaches to."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: LabelName | None = None
    """Namespace of the Gateway; the ModelDeployment's own when left out. Example: `infra`."""
    section_name: ObjectName | None = None
    """Name of one listener of the Gateway; all its listeners when left out. Example: `http`."""


class Stickiness(ApiObject):
    """What tells users apart, so that each stays with one version while the weights change: one of both."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.header) != has(self.cookie)",
            holds=lambda sticky: (sticky.header is None) != (sticky.cookie is None),
            message="sticky takes exactly one of header and cookie, such as header: x-user",
        ),
    )

    header: HeaderName | None = None
    """Header of the request that names the user. Example: `x-user`."""
    cookie: HeaderName | None = None
    """Cookie of the request that names the user; your application sets it. Example: `user`."""


class Gateway(ApiObject):
    """Traffic split by weight in an HTTPRoute of the Gateway API, named as the ModelDeployment."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=16), ATOMIC]
    """The Gateways that carry the traffic, at least one."""
    hostnames: Annotated[
        list[HostName],
        Field(max_length=16),
        SET,
    ] = Field(default_factory=list)
    """Host names of the route, `*.` as first label allowed; all of the listener's when empty.
    Example: `language.example.com`."""
    router: Router | None = None
    """Whose counters the gateway's proxies export, for objectives that read the router: `EnvoyGateway` or `Istio`. The
    proxies must be scraped by the Prometheus that Palier asks. No objective reads the router when left out."""
    sticky: Stickiness | None = None
    """Keeps each user with one version during a release: by hash, so that a user who has met the candidate stays with
    it while its weight rises. Needs `router: EnvoyGateway`, whose BackendTrafficPolicy it makes; requests that do not
    name a user are split at random."""
    request_timeout: Duration | None = None
    """Longest time of a request; the gateway then answers 504 in the pod's place, so that a pod that never answers is
    seen in the router's errors. The gateway's own default when left out. Example: `30s`."""


class ServiceTraffic(ApiObject):
    """Traffic split by the number of replicas behind one Service, named as the ModelDeployment."""


class Traffic(ApiObject):
    """How users reach the model: exactly one of `gateway` and `service`."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.gateway) != has(self.service)",
            holds=lambda traffic: (traffic.gateway is None) != (traffic.service is None),
            message="traffic takes exactly one of gateway and service; service: {} works without a gateway",
        ),
    )

    gateway: Gateway | None = None
    """Split by weight with the Gateway API: exact shares with few replicas. Needs a Gateway controller."""
    service: ServiceTraffic | None = None
    """Split by the number of replicas behind one Service: needs no gateway; shares are as fine as replicas allow.
    Write `service: {}`."""


class Spec(ApiObject):
    """What its owner wants."""

    constraints: ClassVar[tuple[Rule, ...]] = (*measuring_rules(), *planning_rules(), *quality_rules())

    owner: Owner
    """The accountable person for this model in production."""
    model: ModelVersion
    """Which model is served; any change here makes a new revision."""
    serving: Serving
    """How the model is served; any change here except of `replicas` and `placement.surge` makes a new revision."""
    traffic: Traffic
    """How users reach the model."""
    signals: Signals | None = None
    """The series of the pods that objectives read, where no preset of `model.runtime` names them or other ones are
    wanted."""
    objectives: Annotated[list[Objective], Field(max_length=16), BY_NAME] = Field(default_factory=list)
    """The promises that every candidate is judged by; at most 16. Without any, only readiness is checked."""
    budget: Budget | None = None
    """What serving may cost: a candidate that would cost more at `scale.target` is refused by the stage `loadTest`."""
    scale: Scale | None = None
    """The traffic that production has to carry, and how capacity and cost at it are found."""
    answers: Answers = Field(default_factory=Answers)
    """How two answers to the same request are compared, in the shadow and with golden answers."""
    golden: Golden | None = None
    """Requests whose good answers are known, for the stage `golden`."""
    shadow: Shadow = Field(default_factory=Shadow)
    """How requests are copied in the stage `shadow`."""
    release: ReleaseRules = Field(default_factory=ReleaseRules)
    """How a new revision becomes stable."""


class Metadata(ApiObject):
    """The part of the object's metadata that Palier reads."""

    name: str
    """Name of the object."""
    namespace: str = "default"
    """Namespace of the object."""
    uid: str = ""
    """Unique identity of the object, new when it is made again under the same name."""
    generation: int = 0
    """Number of the spec's last change."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the object."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the object: requests such as `palier.dev/abort` come this way."""


class ModelDeployment(ApiObject):
    """One served model endpoint that takes new versions to production step by step, and back when evidence says so."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.metadata.name.matches('{_NAME}')",
            holds=lambda deployment: re.fullmatch(_NAME, deployment.metadata.name) is not None,
            message=(
                f"the name must be at most {NAME_MAX_LENGTH} characters, lower-case letters, digits and '-', starting"
                " with a letter and not ending with '-': Palier adds 11 characters for what it creates"
            ),
            field=".metadata.name",
        ),
    )

    metadata: Metadata
    """Name, namespace, labels and annotations; the name is at most 40 characters."""
    spec: Spec
    """What its owner wants."""


def parse(body: Mapping[str, Any]) -> ModelDeployment:
    """Read a stored object; fields that this version does not know are ignored.

    Raises:
        InvalidSpec: the object breaks a rule of the API, for instance because it was stored before the rule existed.
            The first offending field is named.
    """
    with blame("spec"):
        try:
            return ModelDeployment.model_validate(dict(body))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InvalidSpec(_path(first), _words(first)) from None


def _path(error: ErrorDetails) -> str:
    """The offending field as Kubernetes writes paths: `spec.objectives[1].errorRate.maxPercent`."""
    path = ""
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else step_of(step)
    if error["type"] == "rule":
        path += error["ctx"]["field"]
    return path.removeprefix(".")


def _words(error: ErrorDetails) -> str:
    """What is wrong, for the person who wrote the manifest."""
    match error["type"]:
        case "rule":
            return error["msg"]
        case "missing":
            return "this field is required"
        case _:
            return error["msg"].replace("Input ", "it ", 1) + _show_given(error["input"])


def _show_given(given: object) -> str:
    """What was given instead, as far as it helps: the beginning of a long text, and no number without end."""
    match given:
        case str():
            return f", not {given[:LONGEST_SHOWN]!r}{' …' if len(given) > LONGEST_SHOWN else ''}"
        case bool() | float():
            return f", not {given!r}"
        case int() if abs(given) < LARGEST:
            return f", not {given!r}"
        case _:
            return ""
