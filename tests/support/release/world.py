"""A small world around the pure core: pods that come up late or die, a gateway that is slow, evidence that arrives.

It executes decisions in the same order as the shell (memory, then route, then removal) and can be killed after each
write, so that properties of whole releases can be checked without a cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.evidence.objective import Counts, Evidence, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence, Observation, Requests, RevisionFacts, RouteFacts
from palier.release.plan import pin_stages
from palier.release.rules import measured_objectives
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, State
from palier.release.targets import Targets, find_targets, replicas_for
from tests.support.release.examples import STABLE

SECOND = 1.0


def model_deployment(**changes: Any) -> ModelDeployment:  # noqa: ANN401
    """A valid ModelDeployment; `changes` replace keys of `release`."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1", "generation": 1},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {
                    "port": 8080,
                    "replicas": changes.pop("replicas", 2),
                    "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}},
                },
                "traffic": changes.pop(
                    "traffic", {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}}
                ),
                "signals": {"requests": "requests_total", "errors": 'requests_total{code="500"}'},
                "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}],
                "release": {
                    "stages": [
                        {"canary": {"weight": weight, "minDuration": "5s", "maxDuration": "40s"}}
                        for weight in changes.pop("weights", (5, 25, 50))
                    ],
                    "rollbackWindow": "20s",
                    "progressDeadline": "60s",
                    "drainDelay": "3s",
                    **changes,
                },
            },
        }
    )


@dataclass
class World:
    """What a cluster would hold, and the memory in its status."""

    deployment: ModelDeployment
    revision: str
    now: float = 1_000_000.0
    state: State = field(default_factory=State)
    replicas: dict[str, int] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Revisions whose pods never become ready."""
    failing: dict[str, float] = field(default_factory=dict)
    """Share of failed requests by revision."""
    weights: dict[str, int] = field(default_factory=dict)
    accepted: bool = True
    gateway_answers: bool = True
    measurable: bool = True
    requests: Requests = field(default_factory=Requests)
    requests_per_second: int = 400
    history: list[dict[str, int]] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    evidence_of: tuple[Any, ...] = ()
    last_look: float | None = None
    counted: dict[float, tuple[float, float]] = field(default_factory=dict)
    """What Prometheus keeps: the candidate's share of the requests and of failures in each second."""
    steered_at: float = 0.0

    def observation(self) -> Observation:
        """What the shell would see now."""
        facts = {
            revision: RevisionFacts(
                exists=True,
                replicas=count,
                available=self.ready.get(revision, 0),
                endpoints=self.ready.get(revision, 0),
                pods=count,
            )
            for revision, count in self.replicas.items()
        }
        release = self.state.release
        known = release is not None and self.evidence_of == (
            self.state.candidate,
            release.started_at,
            release.cursor,
            release.cautious_since is not None,
        )
        measured = MeasuredEvidence(pods_read=Coverage(unseen="Prometheus is away", unseen_since=self.now))
        if self.measurable and release and release.phase is ReleasePhase.PREPARING:
            measured = MeasuredEvidence()
        elif self.measurable and known:
            measured = MeasuredEvidence(evidence=dict(self.evidence), pods_read=Coverage(self.last_look))
        return Observation(
            revision=self.revision,
            revisions=facts,
            route=RouteFacts(
                exists=bool(self.weights),
                weights=dict(self.weights),
                accepted=self.accepted,
                serving=bool(self.weights),
                unchanged_for=self.now - self.steered_at,
            ),
            measured=measured,
            requests=self.requests,
        )

    def reconcile(self) -> Iterator[str]:
        """One pass of the shell; a caller that stops iterating kills the operator after that write."""
        observation = self.observation()
        decision = decide(self.deployment, observation, self.state, now=self.now)
        wanted = find_targets(self.pinned(decision.state), decision.state, observation, now=self.now)
        for revision, count in wanted.replicas.items():
            if self.replicas.get(revision) != count:
                self.replicas[revision] = count
                self.ready[revision] = min(self.ready.get(revision, 0), count)
                yield f"scaled {revision} to {count}"
        remembered = read_state(write_state(decision.state), self.deployment.spec.release)
        # As the real reporter, it does not write moving numbers at every look.
        if _essence(remembered) != _essence(self.state):
            self.state = remembered
            yield "remembered"
        yield from self.act_besides(decision)
        if self._steer(wanted):
            yield "steered"
        for revision in wanted.remove:
            if revision in self.replicas:
                del self.replicas[revision]
                self.ready.pop(revision, None)
                yield f"removed {revision}"

    def pinned(self, state: State | None = None) -> ModelDeployment:
        """The spec with the stages of the release in progress."""
        release = (state or self.state).release
        return pin_stages(self.deployment, release.plan if release else None)

    def act_besides(self, decision: Decision) -> Iterator[str]:  # noqa: ARG002 - for worlds that have more to do
        """What a pass does besides pods and traffic, after the memory was written: nothing here."""
        yield from ()

    def settle(self, *, kill_after: int | None = None) -> None:
        """Reconcile until nothing changes; `kill_after` writes the operator dies once and starts again."""
        for _ in range(50):
            writes = 0
            for _write in self.reconcile():
                writes += 1
                if kill_after is not None and writes >= kill_after:
                    kill_after = None
                    self.forget()
                    break
            if not writes:
                return
        raise AssertionError("the release does not come to rest")

    def tick(self, *, kill_after: int | None = None) -> None:
        """One second passes: pods come up, the gateway answers, a look is made."""
        self.now += SECOND
        for revision, count in self.replicas.items():
            if revision not in self.broken and self.ready.get(revision, 0) < count:
                self.ready[revision] = count
            if revision in self.broken:
                self.ready[revision] = 0
        self.accepted = self.accepted or self.gateway_answers
        tried = self.state.candidate.revision if self.state.candidate else ""
        self.counted[self.now] = (self.weights.get(tried, 0) / 100, self.failing.get(tried, 0.0))
        self._look()
        self.settle(kill_after=kill_after)

    def _steer(self, wanted: Targets) -> bool:
        if wanted.weights is None or wanted.backend_positions is None:
            return False
        split = {revision: wanted.weights.get(revision, 0) for revision in wanted.backend_positions if revision}
        if split == self.weights:
            return False
        for revision, weight in split.items():
            if weight > self.weights.get(revision, 0) and any(self.ready.get(other) for other in split):
                assert self.ready.get(revision), f"{revision} gets {weight} % without a ready pod"
            if self.state.candidate and revision == self.state.candidate.revision and self.state.stable:
                able = self.ready.get(revision, 0) >= replicas_for(self.deployment, weight)
                assert able or weight <= self.weights.get(revision, 0), (
                    f"{weight} % for {self.ready.get(revision)} pods"
                )
        self.weights = split
        self.steered_at = self.now
        self.accepted = self.gateway_answers
        self.history.append(split)
        return True

    def _look(self) -> None:
        """The look's counts are a function of the instant alone, as they are in Prometheus."""
        release, candidate = self.state.release, self.state.candidate
        if not release or not candidate or release.phase is not ReleasePhase.CANARY or release.traffic_since is None:
            return
        name = (candidate, release.started_at, release.cursor, release.cautious_since is not None)
        if self.evidence_of != name or (release.pods_read.until or 0) > (self.last_look or 0):
            self.evidence_of, self.evidence, self.last_look = name, dict(release.evidence), release.pods_read.until
        if not self.measurable:
            return
        # While a candidate is away the real looks go on and count nothing of it; here that time is left out.
        begin = max(self.last_look or 0.0, release.traffic_since - (SECOND if self.last_look else 0.0))
        for instant in [moment for moment in self.counted if begin < moment <= self.now]:
            share, failing = self.counted[instant]
            total = int(self.requests_per_second * share)
            bad = round(total * failing)
            for objective in measured_objectives(self.deployment):
                self.evidence[objective.rule.name] = observe(
                    self.evidence.get(objective.rule.name, start_evidence(objective.digest)),
                    Counts(total, bad, bad),
                    Counts(int(self.requests_per_second * (1 - share)), 0, 0),
                    objective.rule,
                )
        self.last_look = self.now

    def forget(self) -> None:
        """The process dies; the next one knows only the status."""
        self.evidence_of, self.evidence, self.last_look = (), {}, None

    def run(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.tick()

    def change(self, revision: str) -> None:
        """The spec asks for another revision."""
        self.revision = revision
        metadata = self.deployment.metadata.model_copy(update={"generation": self.deployment.metadata.generation + 1})
        self.deployment = self.deployment.model_copy(update={"metadata": metadata})

    def ask(self, **requests: str) -> None:
        """A person writes an annotation."""
        self.requests = replace(self.requests, **requests)


def serving_world(**changes: Any) -> World:  # noqa: ANN401
    """A world whose first revision serves."""
    world = World(model_deployment(**changes), STABLE)
    world.settle()
    world.run(3)

    assert world.state.stable is not None
    assert world.state.stable.revision == STABLE
    return world


def _essence(state: State) -> State:
    """The memory without what moves from look to look."""
    if state.release is None:
        return state
    return replace(state, release=replace(state.release, evidence={}, pods_read=Coverage()))
