"""Load tests as a release knows them: which runs it needs, what each found, and for how long a result may stand.

A run is one search for capacity at one revision and one number of replicas. Nothing counts the runs off: the next run
is the first one without a usable record, so that a restart, an added variant or a changed corpus need no bookkeeping.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from palier.api.figures import figure_of, number_of
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.release.jobs import AGAIN_AFTER, JobFacts
from palier.release.times import format_time, parse_time

NO_RESULT = "LoadTestFailed"
"""Reason of a record about a Job that ended without any result."""

NOT_READY = "CandidateNotReady"
"""Reason of a record about pods that were not ready in time to be tested."""

POD_REPLACED = "TestedPodReplaced"
"""Reason of a record about pods that were not the same to the end."""

_BY_CHANCE = frozenset({NO_RESULT, NOT_READY, POD_REPLACED})
"""Reasons that say nothing about the next try."""

RECORD_LIMIT = 32
"""Records kept in `status`: as many as the variants of one spec, at all their numbers of replicas, can need."""

DETAILED = 4
"""Records that keep their single steps: the last ones."""


@dataclass(frozen=True, slots=True)
class ServingOption:
    """One way to run what the spec asks for: a variant, or the spec itself where it has none."""

    variant: str
    """Name of the variant; empty without variants."""
    revision: str
    deployment: ModelDeployment
    """The spec as this way serves it."""
    digest: str = ""
    """Digest of the load test: the corpus, the rules and the objectives; empty without a load test."""


@dataclass(frozen=True, slots=True)
class Run:
    """One search for capacity."""

    variant: str
    revision: str
    replicas: int
    index: int
    """Its position among the runs that this release needs."""
    attempt: int
    """Counts the runs of a release, so that no Job has the name of an earlier one."""
    digest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the tested pods needed at their capacity; None where nothing measures it."""

    cold_start: Decimal | None = None
    """Seconds from the creation of the pod until it was ready."""
    cpu_cores: Decimal | None = None
    """Cores of one replica."""
    memory_bytes: int | None = None
    """Bytes of one replica."""
    gpu_utilization: Decimal | None = None
    """Between 0 and 1."""


@dataclass(frozen=True, slots=True)
class LoadTestFacts(JobFacts[LoadTestResult]):
    """What is known of the Job of one run; its progress has the fields of `status.release.testing`."""

    node: str = ""
    """The node on which the tested pod runs; empty when unknown."""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class LoadTestRecord:
    """What a run found, and about what."""

    revision: str
    variant: str
    digest: str
    replicas: int
    measured_at: float
    """Seconds since the epoch."""
    result: LoadTestResult
    node: str = ""
    usage: Usage = Usage()

    def answers(self, run: Run) -> bool:
        """Whether it is about the same thing as a run."""
        return (self.revision, self.digest, self.replicas) == (run.revision, run.digest, run.replicas)

    def worth_another(self, *, now: float) -> bool:
        """Whether the same load test may well end differently by now."""
        by_chance = self.result.verdict is Verdict.NO_EVIDENCE and self.result.reason in _BY_CHANCE
        return by_chance and now - self.measured_at >= AGAIN_AFTER

    def to_status(self) -> dict[str, Any]:
        """The entry of `status.loadTests`; `from_status` reads the same value back."""
        usage = {
            "coldStart": figure_of(self.usage.cold_start),
            "cpuCores": figure_of(self.usage.cpu_cores),
            "memoryBytes": self.usage.memory_bytes,
            "gpuUtilization": figure_of(self.usage.gpu_utilization),
        }
        known: dict[str, Any] = {"variant": self.variant or None, "node": self.node or None, **usage}
        return {
            "revision": self.revision,
            "digest": self.digest,
            "replicas": self.replicas,
            "measuredAt": format_time(self.measured_at),
            **{name: value for name, value in known.items() if value is not None},
            **self.result.to_status(),
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry back.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable.
        """
        return cls(
            revision=entry["revision"],
            variant=entry.get("variant", ""),
            digest=entry["digest"],
            replicas=int(entry["replicas"]),
            measured_at=parse_time(entry["measuredAt"]),
            result=LoadTestResult.from_status(entry),
            node=entry.get("node", ""),
            usage=Usage(
                cold_start=number_of(entry.get("coldStart")),
                cpu_cores=number_of(entry.get("cpuCores")),
                memory_bytes=entry.get("memoryBytes"),
                gpu_utilization=number_of(entry.get("gpuUtilization")),
            ),
        )


def runs_of(options: Iterable[ServingOption], *, attempt: int) -> tuple[Run, ...]:
    """Every run that the ways ask for: all numbers of replicas of one, then of the next."""
    wanted = [
        (option, replicas)
        for option in options
        if option.deployment.spec.scale is not None
        for replicas in option.deployment.spec.scale.load_test.replicas
    ]
    return tuple(
        Run(option.variant, option.revision, replicas, index, attempt, option.digest)
        for index, (option, replicas) in enumerate(wanted)
    )


def record_for(
    run: Run, records: Iterable[LoadTestRecord], *, began_at: float, fresh_for: float
) -> LoadTestRecord | None:
    """The record that stands for a run, if there is one.

    A result of an earlier release counts while it is fresh, and an inconclusive one only in the release that it was
    made in.

    Args:
        run: what has to be known.
        records: what was found before.
        began_at: when the release began, in seconds since the epoch; later results are its own.
        fresh_for: how old a result may be when the release begins, in seconds.
    """

    def is_usable(record: LoadTestRecord) -> bool:
        if not record.answers(run):
            return False
        if record.result.verdict is Verdict.NO_EVIDENCE:
            return record.measured_at >= began_at
        return began_at - record.measured_at <= fresh_for

    return max(filter(is_usable, records), key=lambda record: record.measured_at, default=None)


def add_record(records: tuple[LoadTestRecord, ...], new: LoadTestRecord) -> tuple[LoadTestRecord, ...]:
    """The records with a new one, which replaces an older one about the same."""
    same = (new.revision, new.digest, new.replicas)
    others = tuple(record for record in records if (record.revision, record.digest, record.replicas) != same)
    kept = (*others, new)[-RECORD_LIMIT:]
    older = tuple(replace(record, result=replace(record.result, steps=())) for record in kept[:-DETAILED])
    return (*older, *kept[-DETAILED:])
