"""What Palier remembers of a ModelDeployment between two looks, and how it is written to `status`.

The operator may be killed between any two lines, so everything a release needs to go on lives in `status` and is read
back from there. This module is that memory as immutable values; it decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from palier.api.status_values import Result, Step
from palier.economics.spending import Spending
from palier.evidence.objective import Evidence, begin_stage
from palier.release.cost import Reckoned, spending_of, spending_status
from palier.release.examining import GoldenRecord
from palier.release.sources import KnownReading
from palier.release.testing import LoadTestRecord
from palier.release.times import format_time, optional_time, parse_time

__all__ = [
    "HISTORY_LIMIT",
    "Drain",
    "Ending",
    "Former",
    "Outcome",
    "Release",
    "Result",
    "RevisionRef",
    "State",
    "Step",
]

HISTORY_LIMIT = 10


@dataclass(frozen=True, slots=True)
class RevisionRef:
    """A revision by its hash, with what a reader wants to know about it."""

    revision: str
    model: str
    version: str
    port: int
    since: float
    """When it took its present role, in seconds since the epoch."""
    runtime: str = ""
    """Its serving program, whose preset says how it is measured."""
    runtime_version: str = ""
    variant: str = ""
    """Name of the variant of the spec that it is; empty without variants."""
    family: str = ""
    """Hash of the whole spec that it is a variant of; empty without variants."""

    @property
    def asked_for_by(self) -> str:
        """The hash of the spec that asks for it: its own, or that of all variants together."""
        return self.family or self.revision


@dataclass(frozen=True, slots=True)
class Former:
    """The stable revision of before, kept warm for an immediate way back."""

    reference: RevisionRef
    until: float


@dataclass(frozen=True, slots=True)
class Drain:
    """A revision out of traffic, removed once proxies have surely forgotten it."""

    revision: str
    until: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How a release that is rolling back will be recorded once the traffic is back on stable."""

    result: Result
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the last release ended."""

    revision: str
    result: Result
    reason: str
    message: str
    time: float
    rules: str = ""
    """Digest of the objectives and stages it was judged by: changed rules are a reason to try again."""
    family: str = ""
    """Hash of the whole spec that the revision is a variant of; empty without variants."""

    @property
    def asked_for_by(self) -> str:
        """The hash of the spec that the release was for."""
        return self.family or self.revision


@dataclass(frozen=True, slots=True)
class Release:
    """A release in progress."""

    step: Step
    started_at: float
    stage_started_at: float
    stage_index: int = 0
    direct: bool = False
    """No canary: the first revision of all, or the return to a warm former stable."""
    traffic_since: float | None = None
    """When the gateway accepted the weight of the present stage; None while it has not."""
    last_look: float | None = None
    """The instant up to which evidence has been gathered."""
    cannot_measure_since: float | None = None
    router_last_look: float | None = None
    """The same instant for the objectives that read the router."""
    router_unseen_since: float | None = None
    breach: str = ""
    """The sentence of a breach that `onBreach: Hold` holds the release for."""
    tested: bool = False
    """The load tests are over and spoke for the candidate."""
    test_replicas: int = 0
    """Pods of the candidate that the present load test is about; 0 when there is none."""
    attempt: int = 0
    """Load tests and examinations that have ended in this release."""
    examined: bool = False
    """The golden answers were good enough."""
    shadowed: bool = False
    """The shadow spoke for the candidate."""
    ending: Ending | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    def at_stage(self, index: int, *, now: float) -> Self:
        """The same release at the start of another stage, with fresh per-stage evidence processes."""
        return replace(
            self,
            step=Step.CANARY,
            stage_index=index,
            stage_started_at=now,
            traffic_since=None,
            test_replicas=0,
            evidence={name: begin_stage(evidence) for name, evidence in self.evidence.items()},
        )

    @property
    def landing(self) -> int:
        """Tells the stages apart in which evidence is gathered: the number of the canary, -1 in the shadow."""
        return -1 if self.step is Step.SHADOWING else self.stage_index

    @property
    def with_users(self) -> Self:
        """The same release without what no user has met: all that a shadow counted."""
        return self.unjudged() if self.step is Step.SHADOWING else self

    def unjudged(self) -> Self:
        """The same release without the evidence of its shadow, which says nothing about what users meet."""
        return replace(
            self,
            traffic_since=None,
            last_look=None,
            cannot_measure_since=None,
            router_last_look=None,
            router_unseen_since=None,
            breach="",
            evidence={},
        )


@dataclass(frozen=True, slots=True)
class State:
    """Everything remembered of one ModelDeployment."""

    stable: RevisionRef | None = None
    candidate: RevisionRef | None = None
    former: Former | None = None
    slots: tuple[str, str] | None = None
    """The revision at each of the route's two backend positions: a position keeps its revision for a whole release."""
    drains: tuple[Drain, ...] = ()
    release: Release | None = None
    outcome: Outcome | None = None
    history: tuple[Outcome, ...] = ()
    handled_retry: str = ""
    readings: Mapping[str, KnownReading] = field(default_factory=dict)
    """How well the histograms answer, by latency objective, as last read."""
    load_tests: tuple[LoadTestRecord, ...] = ()
    """What the load tests found, oldest first."""
    golden: GoldenRecord | None = None
    """What the last golden answers found."""
    spending: Spending | None = None
    """What serving has cost; None while no price is known."""
    costs: Reckoned = field(default_factory=Reckoned)
    """What was last told of it."""

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """Read the memory back; unknown or missing parts read as never having happened.

        Raises:
            ValueError: a part is there but unreadable.
        """
        try:
            return cls(
                stable=_revision(status.get("stable")),
                candidate=_revision(status.get("candidate")),
                former=_former(status.get("former")),
                slots=_slots(status.get("slots")),
                drains=tuple(Drain(d["revision"], parse_time(d["until"])) for d in status.get("drains", ())),
                release=_release(status.get("release")),
                outcome=_outcome(status.get("outcome")),
                history=tuple(o for entry in status.get("history", ()) if (o := _outcome(entry))),
                handled_retry=status.get("handledRetry", ""),
                readings={entry["objective"]: KnownReading.from_status(entry) for entry in status.get("readings", ())},
                load_tests=tuple(LoadTestRecord.from_status(entry) for entry in status.get("loadTests", ())),
                golden=GoldenRecord.from_status(status["golden"]) if status.get("golden") else None,
                spending=spending_of(status.get("cost")),
                costs=Reckoned.from_status(status.get("cost")),
            )
        except (ArithmeticError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"status is unreadable: {error!r}") from error

    def to_status(self) -> dict[str, Any]:
        """The part of `status` that carries the memory; `from_status` reads the same value back."""
        parts: dict[str, Any] = {
            "stable": self.stable and _revision_status(self.stable),
            "candidate": self.candidate and _revision_status(self.candidate),
            "former": self.former
            and {**_revision_status(self.former.reference), "until": format_time(self.former.until)},
            "slots": self.slots and list(self.slots),
            "drains": [{"revision": d.revision, "until": format_time(d.until)} for d in self.drains],
            "release": self.release and _release_status(self.release),
            "outcome": self.outcome and _outcome_status(self.outcome),
            "history": [_outcome_status(outcome) for outcome in self.history],
            "handledRetry": self.handled_retry,
            "readings": [{"objective": name, **known.to_status()} for name, known in sorted(self.readings.items())],
            "loadTests": [record.to_status() for record in self.load_tests],
            "golden": self.golden and self.golden.to_status(),
            "cost": {**(spending_status(self.spending) if self.spending else {}), **self.costs.to_status()},
        }
        return {name: part for name, part in parts.items() if part}

    def ended(self, outcome: Outcome) -> Self:
        """The memory after a release ended."""
        return replace(self, release=None, outcome=outcome, history=(*self.history, outcome)[-HISTORY_LIMIT:])


def _revision(value: Mapping[str, Any] | None) -> RevisionRef | None:
    if not value:
        return None
    return RevisionRef(
        revision=value["revision"],
        model=value["model"],
        version=value["version"],
        port=int(value["port"]),
        since=parse_time(value["since"]),
        runtime=value.get("runtime", ""),
        runtime_version=value.get("runtimeVersion", ""),
        variant=value.get("variant", ""),
        family=value.get("family", ""),
    )


def _revision_status(reference: RevisionRef) -> dict[str, Any]:
    return {
        "revision": reference.revision,
        "model": reference.model,
        "version": reference.version,
        "port": reference.port,
        "since": format_time(reference.since),
        **({"runtime": reference.runtime} if reference.runtime else {}),
        **({"runtimeVersion": reference.runtime_version} if reference.runtime_version else {}),
        **({"variant": reference.variant} if reference.variant else {}),
        **({"family": reference.family} if reference.family else {}),
    }


def _former(value: Mapping[str, Any] | None) -> Former | None:
    reference = _revision(value)
    return Former(reference, parse_time(value["until"])) if value and reference else None


def _slots(value: list[str] | None) -> tuple[str, str] | None:
    if not value:
        return None
    first, second = value
    return first, second


def _outcome(value: Mapping[str, Any] | None) -> Outcome | None:
    if not value:
        return None
    return Outcome(
        revision=value["revision"],
        result=Result(value["result"]),
        reason=value["reason"],
        message=value["message"],
        time=parse_time(value["time"]),
        rules=value.get("rules", ""),
        family=value.get("family", ""),
    )


def _outcome_status(outcome: Outcome) -> dict[str, Any]:
    return {
        "revision": outcome.revision,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "message": outcome.message,
        "time": format_time(outcome.time),
        **({"rules": outcome.rules} if outcome.rules else {}),
        **({"family": outcome.family} if outcome.family else {}),
    }


def _release(value: Mapping[str, Any] | None) -> Release | None:
    if not value:
        return None
    ending = value.get("ending")
    return Release(
        step=Step(value["step"]),
        started_at=parse_time(value["startedAt"]),
        stage_started_at=parse_time(value["stageStartedAt"]),
        stage_index=int(value.get("stageIndex", 0)),
        direct=bool(value.get("direct", False)),
        traffic_since=optional_time(value.get("trafficSince")),
        last_look=optional_time(value.get("lastLook")),
        cannot_measure_since=optional_time(value.get("cannotMeasureSince")),
        router_last_look=optional_time(value.get("routerLastLook")),
        router_unseen_since=optional_time(value.get("routerUnseenSince")),
        breach=value.get("breach", ""),
        tested=bool(value.get("tested", False)),
        test_replicas=int(value.get("testReplicas", 0)),
        attempt=int(value.get("attempt", 0)),
        examined=bool(value.get("examined", False)),
        shadowed=bool(value.get("shadowed", False)),
        ending=Ending(Result(ending["result"]), ending["reason"], ending["message"]) if ending else None,
        evidence={entry["objective"]: Evidence.from_status(entry) for entry in value.get("evidence", ())},
    )


def _release_status(release: Release) -> dict[str, Any]:
    status: dict[str, Any] = {
        "step": release.step.value,
        "stageIndex": release.stage_index,
        "startedAt": format_time(release.started_at),
        "stageStartedAt": format_time(release.stage_started_at),
    }
    for name, passed in (
        ("direct", release.direct),
        ("tested", release.tested),
        ("examined", release.examined),
        ("shadowed", release.shadowed),
    ):
        if passed:
            status[name] = True
    if release.test_replicas:
        status["testReplicas"] = release.test_replicas
    if release.attempt:
        status["attempt"] = release.attempt
    for name, instant in (
        ("trafficSince", release.traffic_since),
        ("lastLook", release.last_look),
        ("cannotMeasureSince", release.cannot_measure_since),
        ("routerLastLook", release.router_last_look),
        ("routerUnseenSince", release.router_unseen_since),
    ):
        if instant is not None:
            status[name] = format_time(instant)
    if release.breach:
        status["breach"] = release.breach
    if release.ending:
        status["ending"] = {
            "result": release.ending.result.value,
            "reason": release.ending.reason,
            "message": release.ending.message,
        }
    if release.evidence:
        status["evidence"] = [
            {"objective": name, **evidence.to_status()} for name, evidence in sorted(release.evidence.items())
        ]
    return status
