"""The small world with load tests: Jobs that find what is true of a revision, or nothing, and prices that come and go.

What a load test finds is a function of the revision alone, so that two runs of one fate can be compared, and the best
variant is known without asking Palier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from typing_extensions import override

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.inputs import SpecInputs, read_inputs
from palier.cluster.store import Store
from palier.economics.prices import PriceTable
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.manifests.loadtest import load_test_name
from palier.release.observation import Observation
from palier.release.situation import Decision, Situation
from palier.release.stages.table import work_at
from palier.release.state import ReleasePhase, Result, State
from palier.release.testing import POD_REPLACED, LoadTestFacts, Run
from tests.support.release.world import SECOND, World

Kind = Literal["Pass", "Fail", "NoEvidence", "Replaced", "Nothing"]

BORN = 1_795_564_800.0
"""2026-11-25, midnight."""
CPU_HOUR, HOURS = Decimal("0.10"), 730
PRICES = PriceTable.parse(
    {"currency": "EUR", "source": "list", "asOf": "2026-11-01", "cpuHour": "0.10", "memoryGiBHour": "0.01"}
)
BUDGET = {"currency": "EUR", "monthly": "1000"}
GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}}


def pod(cpu: str) -> dict[str, Any]:
    """A pod that asks for so many cores, and for nothing else that costs."""
    return {"spec": {"containers": [{"name": "m", "image": "m:1", "resources": {"requests": {"cpu": cpu}}}]}}


def load_tested(  # noqa: PLR0913 - every part of a spec that a test may want otherwise
    version: str = "1",
    *,
    variants: Mapping[str, str] | None = None,
    target: str = "100",
    budget: Mapping[str, Any] | None = BUDGET,
    test: Mapping[str, Any] | None = None,
    stage: Mapping[str, Any] | None = None,
    staged: bool = True,
    weights: tuple[int, ...] = (5, 50),
    replicas: int = 2,
    objectives: tuple[Mapping[str, Any], ...] = (),
    serving: Mapping[str, Any] | None = None,
    scale: Mapping[str, Any] | None = None,
    traffic: Mapping[str, Any] | None = None,
    **release: Any,  # noqa: ANN401 - values are what YAML can hold
) -> ModelDeployment:
    """A ModelDeployment whose releases begin with a load test.

    Args:
        version: of the model.
        variants: cores of each variant by its name; without any, the model takes one core.
        target: requests per second.
        budget: as in the spec; None for none.
        test: fields of `scale.loadTest`.
        stage: fields of the stage `loadTest`.
        staged: whether there is such a stage.
        weights: of the canaries.
        replicas: of stable.
        objectives: besides the one about errors.
        serving: more fields of `spec.serving`.
        scale: more fields of `spec.scale`.
        traffic: as in the spec; behind a gateway when None.
        release: more fields of `spec.release`.
    """
    canaries = [{"canary": {"weight": weight, "minDuration": "3s", "maxDuration": "20s"}} for weight in weights]
    tested = [{"loadTest": {"maxDuration": "60s", **(stage or {})}}] if staged else []
    ways = [{"name": name, "template": pod(cpu)} for name, cpu in (variants or {}).items()]
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1", "generation": 1},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": version},
                "serving": {
                    "port": 8080,
                    "replicas": replicas,
                    "template": pod("1"),
                    **({"variants": ways} if ways else {}),
                    **(serving or {}),
                },
                "traffic": traffic or GATEWAY,
                "signals": {"requests": "requests_total", "errors": 'requests_total{code="500"}'},
                "objectives": [{"name": "errors", "errorRate": {"maxPercent": "1"}}, *objectives],
                **({"budget": dict(budget)} if budget else {}),
                "scale": {"target": {"requestsPerSecond": target}, "loadTest": dict(test or {}), **(scale or {})},
                "release": {
                    "stages": [*tested, *canaries],
                    "rollbackWindow": "10s",
                    "progressDeadline": "15s",
                    "drainDelay": "3s",
                    **release,
                },
            },
        }
    )


def asked(deployment: ModelDeployment) -> SpecInputs:
    """What a spec asks for, as the shell reads it; these specs name no texts, so nothing else counts."""
    return read_inputs(Store(), deployment, State())


@dataclass(frozen=True)
class Truth:
    """What is so about a revision, and what a load test finds of it."""

    kind: Kind = "Pass"
    capacity: Decimal = Decimal(100)
    """Requests per second of one replica."""

    def found(self, replicas: int) -> LoadTestResult | None:
        """The result of a load test; None where it fails without any."""
        match self.kind:
            case "Pass":
                capacity = self.capacity * replicas
                return LoadTestResult(Verdict.PASS, "CapacityFound", f"{capacity} requests/s held", capacity=capacity)
            case "Fail":
                return LoadTestResult(Verdict.FAIL, "ObjectiveUnreachable", "too slow at any rate")
            case "NoEvidence":
                return LoadTestResult(Verdict.NO_EVIDENCE, "GeneratorLimited", "the generator was too slow")
            case "Replaced":
                return LoadTestResult(Verdict.NO_EVIDENCE, POD_REPLACED, "the tested pod was replaced")
            case "Nothing":
                return None


def monthly(cpu: str, truth: Truth, *, target: str = "100") -> Decimal:
    """What serving the target costs a month, computed by hand: 70 % of the capacity is planned for."""
    replicas = (Decimal(target) / (truth.capacity * Decimal("0.7"))).to_integral_value(ROUND_CEILING)
    return replicas * Decimal(cpu) * CPU_HOUR * HOURS


@dataclass
class LoadWorld(World):
    """A world whose releases begin with load tests."""

    now: float = BORN
    truths: dict[str, Truth] = field(default_factory=dict)
    """By revision; a revision that is not here carries 100 requests/s."""
    prices: PriceTable | None = PRICES
    readable: bool = True
    """Whether the texts that the spec names can be read."""
    test_takes: float = 3.0
    jobs: dict[str, tuple[Run, float]] = field(default_factory=dict)
    """Run and start by the name of the Job."""
    made: list[Run] = field(default_factory=list)
    """Every Job that was ever made."""
    ended: set[tuple[float, str, str, int]] = field(default_factory=set)
    """Release, revision, digest and replicas of every Job that ended with a verdict that the release can use."""
    refusals: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Why releases were refused, and the revisions that the spec asked for at that instant."""
    decision: Decision | None = None
    """The last one."""
    _asked: tuple[ModelDeployment, SpecInputs] | None = None
    """The last spec that was read, and what it asks for."""

    @classmethod
    def born(cls, deployment: ModelDeployment, **fields: Any) -> "LoadWorld":  # noqa: ANN401 - fields of the world
        """A world in which a spec was just applied."""
        return cls(deployment, asked(deployment).revision, **fields)

    @override
    def observation(self) -> Observation:
        """With the ways, the Job of the moment and the prices."""
        seen = super().observation()
        found = self.asked()
        if not self.readable and self.state.release and self.state.candidate:
            family = self.state.candidate.asked_for_by
            return replace(seen, revision=family, unreadable="no ConfigMap texts", **self._priced())
        return replace(seen, revision=found.revision, options=found.options, load_test=self._facts(), **self._priced())

    @override
    def act_besides(self, decision: Decision) -> Iterator[str]:
        """Has the Job of the decision and no other one, as the shell does."""
        self.decision = decision
        release = decision.state.release
        if release and release.ending and release.ending.result is Result.REFUSED:
            self.refusals.append((release.ending.reason, tuple(self.revisions().values())))
        if decision.work_stays:
            return
        name = load_test_name(self.deployment, decision.run) if decision.run else ""
        for other in [other for other in self.jobs if other != name]:
            del self.jobs[other]
            yield f"removed {other}"
        if decision.run and name not in self.jobs and self.ready.get(decision.run.revision) == decision.run.replicas:
            assert self._identity(decision.run) not in self.ended, "the verdict of this run is known already"
            self.jobs[name] = decision.run, self.now
            self.made.append(decision.run)
            yield f"made {name}"

    @override
    def tick(self, *, kill_after: int | None = None) -> None:
        """One second passes for the Jobs, too."""
        for name, (run, started) in self.jobs.items():
            useful = self.truth(run.revision).kind in {"Pass", "Fail", "NoEvidence"}
            if useful and started + self.test_takes <= self.now + SECOND and self._is_wanted(name):
                self.ended.add(self._identity(run))
        super().tick(kill_after=kill_after)

    def truth(self, revision: str) -> Truth:
        """What is so about a revision."""
        return self.truths.get(revision, Truth())

    def ask_for(self, deployment: ModelDeployment) -> None:
        """The author applies a spec."""
        generation = self.deployment.metadata.generation + 1
        metadata = deployment.metadata.model_copy(update={"generation": generation})
        self.deployment = deployment.model_copy(update={"metadata": metadata})
        self.revision = self.asked().revision

    def asked(self) -> SpecInputs:
        """What the spec asks for; each is read once, because that takes long and nobody changes it in place."""
        if self._asked is None or self._asked[0] is not self.deployment:
            self._asked = self.deployment, asked(self.deployment)
        return self._asked[1]

    def revisions(self) -> dict[str, str]:
        """The revision of each variant that the spec asks for."""
        return {way.variant: way.revision for way in self.asked().options}

    def left_behind(self) -> set[str]:
        """What exists and belongs to nothing that serves or is kept warm."""
        kept = {reference.revision for reference in (self.state.stable,) if reference}
        if self.state.former:
            kept.add(self.state.former.reference.revision)
        return {*(set(self.replicas) - kept), *self.jobs}

    def _identity(self, run: Run) -> tuple[float, str, str, int]:
        began = self.state.release.started_at if self.state.release else 0.0
        return began, run.revision, run.digest, run.replicas

    def _is_wanted(self, name: str) -> bool:
        """Whether the spec as it is now still asks for the Job of this name: nobody reads the result of another."""
        run = self._run()
        return run is not None and load_test_name(self.deployment, run) == name

    def _priced(self) -> dict[str, Any]:
        return {"prices": {"": self.prices} if self.prices else {}, "prices_problem": "nobody has told any prices"}

    def _facts(self) -> LoadTestFacts:
        release = self.state.release
        if release is None or release.phase is not ReleasePhase.LOAD_TESTING:
            return LoadTestFacts()
        under_way = self.jobs.get(load_test_name(self.deployment, run)) if (run := self._run()) else None
        if under_way is None:
            return LoadTestFacts()
        run, started = under_way
        if self.now < started + self.test_takes:
            return LoadTestFacts(exists=True, running=True, started_at=started)
        result = self.truth(run.revision).found(run.replicas)
        if result is None:
            return LoadTestFacts(exists=True, failed=True, message="the pod was evicted", started_at=started)
        return LoadTestFacts(exists=True, result=result, node="node-7", started_at=started)

    def _run(self) -> Run | None:
        """The run that the memory of the moment asks for, as the shell finds it before it decides."""
        found = self.asked()
        seen = replace(super().observation(), revision=found.revision, options=found.options, **self._priced())
        work = work_at(Situation(self.pinned(), seen, self.state, self.now))
        return work if isinstance(work, Run) else None
