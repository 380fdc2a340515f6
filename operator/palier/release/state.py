"""What Palier remembers of a ModelDeployment between two looks, as immutable values; it decides nothing.

The operator may be killed between any two lines, so everything a release needs to go on is in here and is written to
`status`, which `palier.release.memory` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from palier.api.spec.release import Landing, Stage
from palier.api.status.values import ReleasePhase, Result
from palier.economics.spending import Spending
from palier.evidence.objective import Evidence, begin_stage
from palier.evidence.stepping import LEAST_WEIGHT
from palier.measuring.coverage import UNREAD, Coverage
from palier.measuring.resolve import Serving
from palier.measuring.sources import KnownReading
from palier.release.cost import ReportedCosts
from palier.release.drift_memory import DriftMemory
from palier.release.examining import GoldenRecord
from palier.release.testing import LoadTestRecord, ServingOption
from palier.release.watch_memory import WatchMemory

__all__ = [
    "DRAIN_LIMIT",
    "HISTORY_LIMIT",
    "Drain",
    "Ending",
    "Former",
    "Outcome",
    "Release",
    "ReleasePhase",
    "Result",
    "RevisionRef",
    "State",
]

ALL = 100
"""Percent."""

HISTORY_LIMIT = 10

DRAIN_LIMIT = 32
"""Revisions on their way out that are remembered at once; more of them wait for their turn."""


_PHASES: Final[Mapping[str, ReleasePhase]] = {
    "load_test": ReleasePhase.LOAD_TESTING,
    "golden": ReleasePhase.EXAMINING,
    "shadow": ReleasePhase.SHADOWING,
    "canary": ReleasePhase.CANARY,
    "experiment": ReleasePhase.CANARY,
}
"""Where a release stands at an open stage, by the kind of the stage."""

CLOCKS_DIFFER = 1.0
"""Seconds by which the clocks of two operators may differ without any harm."""


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

    @classmethod
    def from_option(cls, option: ServingOption, *, family: str, now: float) -> Self:
        """A way to serve as a revision that takes a part in a release.

        Args:
            option: which.
            family: hash of the whole spec that the option is a variant of.
            now: seconds since the epoch.
        """
        spec = option.deployment.spec
        return cls(
            revision=option.revision,
            model=spec.model.name,
            version=spec.model.version,
            port=spec.serving.port,
            since=now,
            runtime=spec.model.runtime.value if spec.model.runtime else "",
            runtime_version=spec.model.runtime_version or "",
            variant=option.variant,
            family=family if option.variant else "",
        )

    @property
    def serving(self) -> Serving:
        """Its serving program."""
        return Serving(self.runtime, self.runtime_version)

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
    """A release in progress: the plan that was pinned when it started, and where it stands in it."""

    started_at: float
    stage_started_at: float
    plan: tuple[Stage, ...] = ()
    """The stages in order, as the spec had them at the start. After the last one the candidate gets all traffic."""
    cursor: int = 0
    """Position of the present stage in the plan; the plan's length once all of its stages are passed."""
    opened_at: float | None = None
    """When the candidate's pods were ready for the present stage; None while they are not. No stage gives a candidate
    weight, load or questions before."""
    traffic_since: float | None = None
    """When the gateway accepted the weight of the present stage, or its copies; None while it has not."""
    unready_since: float | None = None
    """Since when the candidate has too few ready pods for the present stage through nobody else's fault."""
    gone_since: float | None = None
    """Since when a candidate that had weight has no ready pod at all; None once enough of them are back."""
    losses: int = 0
    """How often that has happened in the present stage."""
    cautious_since: float | None = None
    """Since when the candidate has the least share because it is suspected of a breach; None while it is not."""
    steps_down: int = 0
    """How often that has happened in the present stage."""
    pods_wanted: int = 0
    """Pods that the candidate gets at least, because fewer tell too little of its version."""
    skipped: bool = False
    """A person has asked for all of the traffic; the stages that were left are in the plan no more."""
    attempt: int = 0
    """Load tests and examinations that have ended in the present stage: no Job has the name of an earlier one."""
    pods_read: Coverage = UNREAD
    """Up to when evidence has been gathered, and since when it cannot be; without the reason."""
    router_read: Coverage = UNREAD
    """The same for the objectives that read the router."""
    breach: str = ""
    """The sentence of a breach that `onBreach: Hold` holds the release for."""
    ending: Ending | None = None
    """How the release ends; its traffic is on the way back to stable then."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    @property
    def stage(self) -> Stage | None:
        """The present stage; None once all stages are passed and the candidate gets everything."""
        return self.plan[self.cursor] if self.cursor < len(self.plan) else None

    @property
    def landing(self) -> Landing | None:
        """The present stage, if users meet the candidate in it."""
        return self.stage.landing if self.stage else None

    @property
    def weight(self) -> int:
        """The candidate's share of the users' requests in the present stage, in percent; all of them after the last."""
        if self.stage is None:
            return ALL
        return min(LEAST_WEIGHT, self.stage.weight) if self.cautious_since is not None else self.stage.weight

    @property
    def reached_weight(self) -> int:
        """The candidate's share of the users' requests in the stage before, in percent: what it has earned so far."""
        return max((stage.weight for stage in self.plan[: self.cursor]), default=0)

    @property
    def is_direct(self) -> bool:
        """Whether no stage compares: the first revision of all, the return to a warm one, or a spec without stages."""
        return not any(stage.landing or stage.shadow for stage in self.plan)

    @property
    def is_last(self) -> bool:
        """Whether nothing but all of the traffic comes after the present stage."""
        return self.cursor >= len(self.plan) - 1

    @property
    def phase(self) -> ReleasePhase:
        """Where it stands, in one word."""
        if self.ending:
            return ReleasePhase.ROLLING_BACK
        if self.opened_at is None and not self.reached_weight and not self.skipped:
            return ReleasePhase.PREPARING
        return _PHASES[self.stage.kind] if self.stage else ReleasePhase.PROMOTING

    @property
    def has_met_users(self) -> bool:
        """Whether users may have met the candidate in this release."""
        if self.stage is None:
            return self.reached_weight > 0 or self.opened_at is not None
        begun = self.traffic_since is not None or self.steps_down > 0
        return self.reached_weight > 0 or (self.landing is not None and begun)

    def not_ahead_of(self, now: float) -> Self:
        """The same release after the wall clock was set back: what would last until then begins now.

        Args:
            now: seconds since the epoch.
        """
        times = (self.traffic_since, self.unready_since, self.gone_since, self.cautious_since)
        if all(instant is None or instant - now <= CLOCKS_DIFFER for instant in times):
            return self
        traffic, unready, gone, cautious = (None if instant is None else min(instant, now) for instant in times)
        return replace(self, traffic_since=traffic, unready_since=unready, gone_since=gone, cautious_since=cautious)

    def reopen(self) -> Self:
        """The same release at the beginning of its present stage: the candidate's pods have to be ready first."""
        return replace(self, opened_at=None, traffic_since=None)

    def shorten(self, *, now: float) -> Self:
        """The same release on its way to all of the traffic, without the stages that it has not reached."""
        reached = self.cursor + (1 if self.landing and self.traffic_since is not None else 0)
        return replace(self.advance(now=now), plan=self.plan[:reached], cursor=reached, skipped=True)

    def advance(self, *, now: float) -> Self:
        """The same release at its next stage.

        What a shadow has counted says nothing about what users meet, and each stage with users has evidence processes
        of its own; the way to all of the traffic goes on with those of the last stage.

        Args:
            now: seconds since the epoch.
        """
        cursor = self.cursor + 1
        passed = self.drop_evidence() if self.stage and self.stage.shadow else self
        evidence = passed.evidence
        if cursor < len(self.plan) and self.plan[cursor].landing:
            evidence = {name: begin_stage(one) for name, one in evidence.items()}
        return replace(
            passed.reopen(),
            cursor=cursor,
            stage_started_at=now,
            unready_since=now,
            gone_since=None,
            losses=0,
            attempt=0,
            cautious_since=None,
            steps_down=0,
            evidence=evidence,
        )

    def step_down(self, evidence: Mapping[str, Evidence], *, now: float) -> Self:
        """The same release with the least share for its candidate, because it is suspected of a breach.

        Args:
            evidence: what goes on from here.
            now: seconds since the epoch.
        """
        return replace(self, cautious_since=now, steps_down=self.steps_down + 1, traffic_since=None, evidence=evidence)

    def step_up(self, evidence: Mapping[str, Evidence]) -> Self:
        """The same release with its stage's share again, whose time begins anew.

        Args:
            evidence: what goes on from here.
        """
        return replace(self, cautious_since=None, traffic_since=None, evidence=evidence)

    def drop_evidence(self) -> Self:
        """The same release without the evidence of its shadow, which says nothing about what users meet."""
        return replace(
            self,
            traffic_since=None,
            pods_read=UNREAD,
            router_read=UNREAD,
            breach="",
            evidence={},
        )

    def roll_back(self, ending: Ending, *, now: float) -> Self:
        """The same release on its way back to stable; what a shadow has counted is forgotten, for no user met it."""
        left = self.drop_evidence() if self.stage and self.stage.shadow else self
        return replace(left, stage_started_at=now, ending=ending)


@dataclass(frozen=True, slots=True)
class State:
    """Everything remembered of one ModelDeployment."""

    stable: RevisionRef | None = None
    candidate: RevisionRef | None = None
    former: Former | None = None
    backend_positions: tuple[str, str] | None = None
    """The revision at each of the route's two backend positions: a position keeps its revision for a whole release."""
    drains: tuple[Drain, ...] = ()
    release: Release | None = None
    outcome: Outcome | None = None
    history: tuple[Outcome, ...] = ()
    handled: Mapping[str, str] = field(default_factory=dict)
    """The value of each request that has been dealt with, by its name: `abort`, `promote`, `retry`. A request whose
    annotation is removed is forgotten, so that the same value is a new request afterwards."""
    readings: Mapping[str, KnownReading] = field(default_factory=dict)
    """How well the histograms answer, by latency objective, as last read."""
    load_tests: tuple[LoadTestRecord, ...] = ()
    """What the load tests found, oldest first."""
    golden: GoldenRecord | None = None
    """What the last golden answers found."""
    spending: Spending | None = None
    """What serving has cost; None while no price is known."""
    costs: ReportedCosts = field(default_factory=ReportedCosts)
    """What was last told of it."""
    watch: WatchMemory = field(default_factory=WatchMemory)
    """What was counted of the objectives of what serves, as last written."""
    data: DriftMemory = field(default_factory=DriftMemory)
    """What is known of its data, as last written."""

    def end_release(self, outcome: Outcome) -> Self:
        """The memory after a release ended."""
        return replace(self, release=None, outcome=outcome, history=(*self.history, outcome)[-HISTORY_LIMIT:])
