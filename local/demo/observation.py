"""What the demonstration reads from the cluster, as plain values: the object's status and the route's weights.

Both are read leniently. A field that is not there yet is a moment in the story, not an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A revision, and the model that it runs."""

    revision: str
    model: str
    version: str

    def describe(self) -> str:
        """Describe it for a person."""
        return f"{self.model} {self.version} ({self.revision})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Palier thinks of one objective."""

    verdict: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the object's conditions."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a release ended."""

    revision: str
    result: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """How far a load test has come."""

    phase: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What serving the target takes and costs; numbers are as the status writes them, empty while unknown."""

    verdict: str
    message: str
    currency: str
    capacity: str
    target: str
    replicas: int | None
    monthly: str
    per_thousand: str
    affordable: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A ModelDeployment at one moment."""

    generation: int = 0
    observed: int = 0
    stage: str = ""
    weight: int = 0
    stable: Version | None = None
    candidate: Version | None = None
    outcome: Outcome | None = None
    testing: UnderLoad | None = None
    plan: Plan | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def is_true(self, condition: str) -> bool:
        """Whether a condition is True for the spec as it is now."""
        stored = self.conditions.get(condition)
        return stored is not None and stored.status == "True" and self.observed == self.generation


def read(body: Body) -> Snapshot:
    """Read a ModelDeployment."""
    status = body.get("status") or {}
    outcome = status.get("outcome")
    return Snapshot(
        generation=int(body["metadata"].get("generation", 0)),
        observed=int(status.get("observedGeneration", 0)),
        stage=status.get("stage", ""),
        weight=int(status.get("weight", 0)),
        stable=_version(status.get("stable")),
        candidate=_version(status.get("candidate")),
        outcome=None
        if outcome is None
        else Outcome(outcome["revision"], outcome["result"], outcome.get("reason", ""), outcome.get("message", "")),
        testing=_testing((status.get("release") or {}).get("testing")),
        plan=_plan(status.get("plan")),
        verdicts={
            each["objective"]: Verdict(each["verdict"], each.get("reason", ""), each.get("message", ""))
            for each in status.get("verdicts") or ()
        },
        conditions={
            each["type"]: Condition(each["status"], each.get("reason", ""), each.get("message", ""))
            for each in status.get("conditions") or ()
        },
    )


def route_weights(route: Body, name: str) -> dict[str, float]:
    """Read a route's weights as percent for each revision of the ModelDeployment with this name."""
    weights: dict[str, float] = {}
    for rule in route.get("spec", {}).get("rules") or ():
        backends = rule.get("backendRefs") or ()
        total = sum(each.get("weight", 1) for each in backends)
        for each in backends:
            if each["name"].startswith(f"{name}-") and total:
                revision = each["name"].removeprefix(f"{name}-")
                weights[revision] = weights.get(revision, 0.0) + 100 * each.get("weight", 1) / total
    return weights


def _version(value: Body | None) -> Version | None:
    return Version(value["revision"], value.get("model", ""), value.get("version", "")) if value else None


def _testing(value: Body | None) -> UnderLoad | None:
    return UnderLoad(value.get("phase", ""), value["message"]) if value and value.get("message") else None


def _plan(value: Body | None) -> Plan | None:
    if not value:
        return None
    target: Body = next((point for point in value.get("points") or () if point["name"] == "Target"), {})
    return Plan(
        verdict=value.get("verdict", ""),
        message=value.get("message", ""),
        currency=value.get("currency", ""),
        capacity=value.get("capacity", ""),
        target=target.get("requestsPerSecond", ""),
        replicas=value.get("replicas"),
        monthly=target.get("monthlyTotal", ""),
        per_thousand=target.get("perThousandInferences", ""),
        affordable=value.get("largestAffordableRequestsPerSecond", ""),
    )
