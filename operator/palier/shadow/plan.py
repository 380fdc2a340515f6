"""What one shadow works by: which versions are compared, how, and within which limits.

The operator writes the plan as JSON into the ConfigMap of the proxy's pod. Its digest says whether a proxy that runs
already still counts what is asked for: another way to compare is another shadow, whose counts begin at 0.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from pydantic import ValidationError

from palier.api.field_names import to_camel
from palier.api.spec.answers import Answers
from palier.api.spec.objectives import TimeSignal
from palier.api.spec.shadow import Disagreements
from palier.api.v1alpha1 import ModelDeployment
from palier.errors import describe_fault

_DIGITS: Final = 16
_WHERE_AND_HOW_MANY: Final = {"candidateUrl", "stableUrl", "percent", "versions", "comparison"}
"""What does not change the question: addresses, the size of the sample, and names that are only shown.
The name of the comparison is a digest of the question."""
TIMED: Final = frozenset({TimeSignal.LATENCY, TimeSignal.TIME_TO_FIRST_TOKEN})
"""What the proxy times."""
_HIGHEST_PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPlan:
    """One shadow. Times are in seconds."""

    candidate: str
    """Hash of the revision that is tried."""
    stable: str
    """Hash of the revision that it is compared with."""
    candidate_url: str = ""
    """`http://host:port` of the revision's Service."""
    stable_url: str = ""
    percent: int = _HIGHEST_PERCENT
    """What the proxy itself samples of the requests that reach it, 1 to 100."""
    methods: tuple[str, ...]
    timeout: float
    """Longest wait for a whole answer."""
    max_body_bytes: int
    max_queue: int
    max_concurrent: int
    segment_header: str = ""
    answers: Answers
    thresholds: tuple[float, ...] = ()
    """Edges that the histograms must have."""
    factors: tuple[str, ...] = ()
    """Slowdown factors, as written in the spec."""
    disagreements: Disagreements | None = None
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For `candidate` and `stable`: `model`, `version`, `uri` and `prompt/<name>` with the digest of the prompt."""
    comparison: str = ""
    """What every counter names as its `comparison`, so that those of a former one are not added: the digest."""

    def to_json(self) -> str:
        """The plan as one line; `from_json` reads the same value back."""
        return json.dumps(_entry(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan back.

        Raises:
            ValueError: it is no plan; the text is one line.
        """
        try:
            entry = json.loads(text)
            known = {one.name: entry[to_camel(one.name)] for one in fields(cls)}
            plan = cls(**known | _read(known))
        except json.JSONDecodeError:
            raise
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"not the plan of a shadow: {place}: {first['msg']}") from error
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the plan of a shadow: {describe_fault(error)}") from error
        _check(plan)
        return plan


def digest(plan: ShadowPlan) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of what a plan compares and how."""
    questions = {name: value for name, value in _entry(plan).items() if name not in _WHERE_AND_HOW_MANY}
    return hashlib.sha256(json.dumps(questions, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def plan_for(
    deployment: ModelDeployment,
    *,
    candidate: str,
    stable: str,
    percent: int = _HIGHEST_PERCENT,
    candidate_url: str = "",
    stable_url: str = "",
    versions: Mapping[str, Mapping[str, str]] | None = None,
    comparison: str = "",
) -> ShadowPlan:
    """The plan for a deployment, as `spec.shadow`, `spec.answers` and the objectives ask for it.

    Args:
        deployment: the spec.
        candidate: hash of the revision that is tried.
        stable: hash of the revision that answers the users.
        percent: what the proxy itself samples; 100 where the gateway does.
        candidate_url: `http://host:port` of the candidate's Service.
        stable_url: the same of stable's.
        versions: what both serve, for people who read the metrics.
        comparison: what every counter names as its `comparison`.
    """
    shadow, objectives = deployment.spec.shadow, deployment.spec.objectives
    times = {
        one.latency.threshold.seconds for one in objectives if one.latency is not None and one.latency.signal in TIMED
    }
    factors = (str(one.slowdown.factor) for one in objectives if one.slowdown is not None)
    return ShadowPlan(
        candidate=candidate,
        stable=stable,
        candidate_url=candidate_url,
        stable_url=stable_url,
        percent=percent,
        methods=tuple(sorted(method.value for method in shadow.methods)),
        timeout=shadow.timeout.seconds,
        max_body_bytes=shadow.max_body_bytes,
        max_queue=shadow.max_queue,
        max_concurrent=shadow.max_concurrent,
        segment_header=str(shadow.segment_header or ""),
        answers=deployment.spec.answers,
        thresholds=tuple(sorted(times)),
        factors=tuple(dict.fromkeys(factors)),
        disagreements=shadow.disagreements,
        versions=versions or {},
        comparison=comparison,
    )


def _entry(plan: ShadowPlan) -> dict[str, Any]:
    entry = {to_camel(one.name): getattr(plan, one.name) for one in fields(plan)}
    sample = plan.disagreements
    return entry | {
        "answers": plan.answers.model_dump(mode="json", by_alias=True, exclude_none=True),
        "disagreements": None if sample is None else sample.model_dump(mode="json", by_alias=True, exclude_none=True),
        "versions": {arm: dict(facts) for arm, facts in plan.versions.items()},
    }


def _read(known: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a plan that JSON has no type for, and those that have to be numbers."""
    sample = known["disagreements"]
    whole = ("percent", "max_body_bytes", "max_queue", "max_concurrent")
    return {
        "methods": tuple(map(str, known["methods"])),
        "thresholds": tuple(map(float, known["thresholds"])),
        "factors": tuple(map(str, known["factors"])),
        "timeout": float(known["timeout"]),
        "answers": Answers.model_validate(known["answers"]),
        "disagreements": None if sample is None else Disagreements.model_validate(sample),
        "versions": {arm: dict(facts) for arm, facts in known["versions"].items()},
    } | {name: int(known[name]) for name in whole}


def _check(plan: ShadowPlan) -> None:
    """Refuse limits with which a proxy would do nothing, or never end.

    Raises:
        ValueError: there is one; the text names it.
    """
    if not 1 <= plan.percent <= _HIGHEST_PERCENT:
        raise ValueError(f"not the plan of a shadow: percent must be 1 to 100, not {plan.percent}")
    for name in ("timeout", "max_body_bytes", "max_queue", "max_concurrent"):
        value = getattr(plan, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"not the plan of a shadow: {to_camel(name)} must be above 0, not {value}")
    for edge in plan.thresholds:
        if not (math.isfinite(edge) and edge > 0):
            raise ValueError(f"not the plan of a shadow: a threshold must be above 0, not {edge}")
    for factor in plan.factors:
        if not _is_factor(factor):
            raise ValueError(f"not the plan of a shadow: a factor must be a number of at least 1, not {factor!r}")


def _is_factor(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and number >= 1
