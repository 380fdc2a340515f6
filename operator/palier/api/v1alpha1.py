"""The ModelDeployment as its author writes it, and the parser that reads stored ones.

Every docstring below is also the field's description in the CRD, in `kubectl explain` and in the reference, so it says
units, defaults and an example. Lists and strings are bounded because the API server prices CEL rules by the bounds.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from palier.api.blame import blame
from palier.api.constants import NAME_MAX_LENGTH
from palier.api.rule import ApiObject, Rule
from palier.api.rules.measuring import measuring_rules
from palier.api.rules.planning import planning_rules
from palier.api.rules.quality import quality_rules
from palier.api.spec.answers import Answers, Check, Comparison, Embeddings, JsonPath, Similarity, TextMetric, Tolerance
from palier.api.spec.budget import Budget
from palier.api.spec.golden import Calibration, Golden, Judge, Scorer, SecretKey
from palier.api.spec.load_test import Corpus, CorpusImage, CorpusVolume, LoadTest
from palier.api.spec.objectives import (
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
from palier.api.spec.release import (
    Canary,
    Experiment,
    GoldenStage,
    Landing,
    LoadTestStage,
    ReleaseRules,
    ShadowStage,
    Stage,
)
from palier.api.spec.scale import ApiPrice, Overheads, ProofOfConcept, Scale, Target
from palier.api.spec.serving import (
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
from palier.api.spec.shadow import Disagreements, Sampling, Shadow, ShadowMethod
from palier.api.spec.spec import Owner, SpecFields
from palier.api.spec.template import LARGEST, step_of
from palier.api.spec.traffic import Gateway, ParentRef, ServiceTraffic, Stickiness, Traffic
from palier.api.spec.values import (
    Accelerator,
    Duration,
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
"""Characters of a wrong value that are quoted."""

_NAME: Final = rf"^[a-z]([-a-z0-9]{{0,{NAME_MAX_LENGTH - 2}}}[a-z0-9])?$"


class Spec(SpecFields):
    """What its owner wants."""

    constraints: ClassVar[tuple[Rule, ...]] = (*measuring_rules(), *planning_rules(), *quality_rules())


class Metadata(ApiObject):
    """The part of the object's metadata that Palier reads."""

    name: str
    """Name of the object."""
    namespace: str = "default"
    """Namespace of the object."""
    uid: str = ""
    """Unique identity of the object, new when it is recreated under the same name."""
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


def parse(body: Mapping[str, Any], *, known: Spec | None = None) -> ModelDeployment:
    """Read a stored object; fields that this version does not know are ignored.

    Args:
        body: the object.
        known: what was read from its spec before; None where it has to be read now.

    Raises:
        InvalidSpec: the object breaks a rule of the API, for instance because it was stored before the rule existed.
            The first offending field is named.
    """
    with blame("spec"):
        try:
            return ModelDeployment.model_validate(dict(body) if known is None else {**body, "spec": known})
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
    """What was given instead, where that helps: the beginning of a long text, and no number without end."""
    match given:
        case str():
            return f", not {given[:LONGEST_SHOWN]!r}{' …' if len(given) > LONGEST_SHOWN else ''}"
        case bool() | float():
            return f", not {given!r}"
        case int() if abs(given) < LARGEST:
            return f", not {given!r}"
        case _:
            return ""
