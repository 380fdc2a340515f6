"""What the shell saw, as plain values for the decision to read.

Nothing here is inferred: a fact that could not be observed is absent, and absence has its own meaning for `decide`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from palier.api.v1alpha1 import ModelDeployment
from palier.economics.prices import PriceTable
from palier.evidence.objective import Evidence
from palier.measuring.coverage import UNREAD, Coverage
from palier.measuring.sources import Origin, Reading
from palier.release.cost import RunningFacts
from palier.release.examining import GoldenFacts
from palier.release.shadowing import NO_SHADOW, ShadowFacts
from palier.release.state import Ending, RevisionRef
from palier.release.testing import LoadTestFacts, ServingOption
from palier.watch.data_watch import DataWatch
from palier.watch.objectives import ObjectiveWatch


@dataclass(frozen=True, slots=True)
class RevisionFacts:
    """One revision's Deployment, Service and endpoints as the API server last told them."""

    exists: bool = False
    """Both its Deployment and its Service are there."""
    replicas: int = 0
    """Pods asked for."""
    available: int = 0
    """Pods that the Deployment counts as available."""
    endpoints: int = 0
    """Ready addresses behind its Service."""
    pods: int = 0
    """Pods that exist in any condition."""
    trouble: str = ""
    """Why its pods are not ready, in one sentence, when that is known."""
    unexplained: str = ""
    """Why that could not be asked; until it can, nothing is decided by pods that are not ready."""
    refused: str = ""
    """Why users would not reach its pods although they are ready; empty while nothing speaks against it."""
    unproven: str = ""
    """Why it is not known whether users would reach them; empty where it is."""
    mark: RevisionRef | None = None
    """What the mark of a revision says that serves or has served; None where there is none."""
    port: int = 0
    """The port of its Service; 0 when that is not there."""

    def ready(self, replicas: int) -> bool:
        """Whether that many replicas are ready, by their probes."""
        return self.exists and self.available >= replicas and self.endpoints >= replicas

    def carries(self, replicas: int) -> bool:
        """Whether that many replicas are ready and reachable."""
        return self.ready(replicas) and not self.refused


@dataclass(frozen=True, slots=True)
class RouteEnding:
    """The end of a release as the route remembers it, for a status that could not be written meanwhile."""

    request: str
    """The release: its candidate's revision and its start (see `palier.release.requests.request_for`)."""
    ending: Ending


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """The traffic split that is in force."""

    exists: bool = False
    ours: bool = False
    """It is Palier's own: a host that somebody took meanwhile does not keep traffic from being taken back."""
    positions: tuple[str, str] | None = None
    """The revisions at its two backend positions; None where it has no two."""
    ending: RouteEnding | None = None
    """Why its candidate is losing its traffic, as the route itself remembers it."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """Percent by revision, as written in the route (or as given by replicas without a gateway)."""
    accepted: bool = False
    """The gateway has accepted the route at its present generation."""
    serving: bool = False
    """It was accepted at some generation and has not been refused since: the last accepted split is in force."""
    problem: str = ""
    """Why it is not accepted, in one sentence."""
    unchanged_for: float = math.inf
    """Seconds since Palier last wrote it; infinite when that was before this operator started."""
    conflict: str = ""
    """Why the route may not be written at all (a hostname or a name that another object holds)."""


@dataclass(frozen=True, slots=True)
class MeasuredEvidence:
    """The evidence gathered so far for the release in progress."""

    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    pods_read: Coverage = UNREAD
    router_read: Coverage = UNREAD
    """For the objectives that read the router."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How well the histograms answer, by latency objective, as far as they have been read."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why single objectives could not be measured although their source could, by name."""

    def coverage(self, origin: Origin) -> Coverage:
        """How far and how well the source of the objectives of one origin has been read."""
        return self.router_read if origin is Origin.ROUTER else self.pods_read


@dataclass(frozen=True, slots=True)
class Requests:
    """What people asked for through annotations."""

    abort: str = ""
    promote: str = ""
    retry: str = ""
    stable: str = ""
    """The revision that a person names as stable, for a memory that is lost."""
    fix: str = ""
    """The version, or the revision, that a person has marked as a fix."""
    by: Mapping[str, str] = field(default_factory=dict)
    """Who wrote each of them, by request name, where the API server tells."""

    def value(self, name: str) -> str:
        """The value of a request by its name; empty when it is not made."""
        return {"abort": self.abort, "promote": self.promote, "retry": self.retry}[name]

    def asked_by(self, name: str) -> str:
        """' by WHO' for a message, empty when unknown."""
        who = self.by.get(name, "")
        return f" by {who}" if who else ""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything one decision reads besides the spec, the memory and the clock."""

    revision: str
    """Hash of what the spec asks for now."""
    revisions: Mapping[str, RevisionFacts]
    route: RouteFacts
    measured: MeasuredEvidence = MeasuredEvidence()
    requests: Requests = Requests()
    options: tuple[ServingOption, ...] = ()
    """The ways to run what the spec asks for; empty when the spec itself is the only one."""
    unreadable: str = ""
    """Why a text that the spec names cannot be read; until it can, the ways are not known."""
    load_test: LoadTestFacts = field(default_factory=LoadTestFacts)
    """The run under way."""
    golden: GoldenFacts = field(default_factory=GoldenFacts)
    """The golden answers that are asked."""
    golden_digest: str = ""
    """Digest of the golden answers that the spec asks for now."""
    shadow: ShadowFacts = NO_SHADOW
    """The shadow under way."""
    prices: Mapping[str, PriceTable] = field(default_factory=dict)
    """What a replica's resources cost where it runs, by revision; under the empty word, anywhere."""
    prices_problem: str = "no prices are configured"
    """Why there are no prices."""

    running: RunningFacts = field(default_factory=RunningFacts)
    """What the running pods cost and have answered."""
    budgets: Mapping[str, ObjectiveWatch] | None = None
    """What was counted of each objective of what serves, by name; None while nobody counts."""
    data: DataWatch | None = None
    """What is known of the data of what serves; None while nobody looks."""

    def options_of(self, deployment: ModelDeployment) -> tuple[ServingOption, ...]:
        """The ways to run what the spec asks for, at least one."""
        return self.options or (ServingOption("", self.revision, deployment),)

    def describe_revision(self, deployment: ModelDeployment, revision: str) -> ModelDeployment:
        """The spec as a revision serves it: a variant's own, else the spec; always with the rules of the spec given."""
        found = next((option.deployment for option in self.options if option.revision == revision), deployment)
        if found.spec.release is deployment.spec.release:
            return found
        spec = found.spec.model_copy(update={"release": deployment.spec.release})
        return found.model_copy(update={"spec": spec})

    def prices_of(self, revision: str) -> tuple[PriceTable | None, str]:
        """The prices that hold for a revision, or None and why there are none."""
        found = self.prices.get(revision) or self.prices.get("")
        return found, "" if found else self.prices_problem

    def with_reach(self, revision: str, *, refused: str, unproven: str) -> "Observation":
        """The same, with what connections to the ready pods of a revision have told."""
        facts = replace(self.facts(revision), refused=refused, unproven=unproven)
        return replace(self, revisions={**self.revisions, revision: facts})

    def facts(self, revision: str) -> RevisionFacts:
        """Facts of a revision; all absent when it was never made."""
        return self.revisions.get(revision, RevisionFacts())

    def weight(self, revision: str) -> int:
        """Percent of the traffic that the route gives a revision now."""
        return self.route.weights.get(revision, 0)
