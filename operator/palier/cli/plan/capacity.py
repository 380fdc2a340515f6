"""How much one replica carries, and who says so: a load test in the object's status, or the person at the keyboard."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from palier.api.revision import revision_hash
from palier.api.v1alpha1 import ModelDeployment
from palier.economics.capacity import ScalingLaw
from palier.economics.measured_capacity import NOTHING_MEASURED, MeasuredCapacity, combine_results
from palier.economics.plan import Plan
from palier.loadtest.result import LoadTestResult, StepRecord

DECLARED = "declared"
MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is known about one way to serve."""

    law: ScalingLaw | None = None
    source: str = ""
    """`declared` or `measured`; empty where nothing is known."""
    origin: str = "not known"
    """Where it comes from, for people."""
    steps: tuple[StepRecord, ...] = ()
    """What the load test of one replica saw at each rate."""
    measured: MeasuredCapacity = NOTHING_MEASURED
    """What the load tests say, where nothing is declared."""
    notes: tuple[str, ...] = ()

    def make_plan(self, planned_with: Callable[[ScalingLaw | None], Plan]) -> Plan:
        """The plan by it; see `MeasuredCapacity.make_plan`."""
        return planned_with(self.law) if self.source == DECLARED else self.measured.make_plan(planned_with)


@dataclass(frozen=True, slots=True)
class _Record:
    replicas: int
    day: str
    result: LoadTestResult


def capacity_of(
    name: str, deployment: ModelDeployment, *, declared: Decimal | None, load_tests: Iterable[Mapping[str, Any]]
) -> Capacity:
    """The capacity of one way to serve: what is declared comes before what was measured.

    Args:
        name: of the variant; empty where there is none.
        deployment: the spec as this way serves it.
        declared: requests per second of one replica.
        load_tests: the entries of `status.loadTests`.
    """
    records, notes = _records(name, deployment, load_tests)
    single = next((record for record in records if record.replicas == 1), None)
    steps = single.result.steps if single else ()
    if declared is not None:
        return Capacity(ScalingLaw(declared), DECLARED, "declared, not measured", steps, notes=notes)
    known = combine_results((record.replicas, record.result) for record in records)
    if known.found is None:
        return Capacity(steps=steps, measured=known, notes=notes)
    day = max(record.day for record in records)
    more = f"; {known.found.message}" if known.found.message else ""
    least = " (more was not tried)" if any(record.result.at_least for record in records) else ""
    return Capacity(known.law, MEASURED, f"measured on {day}{least}{more}", steps, measured=known, notes=notes)


def _records(
    name: str, deployment: ModelDeployment, load_tests: Iterable[Mapping[str, Any]]
) -> tuple[list[_Record], tuple[str, ...]]:
    """The newest record for each number of replicas, and what was passed over."""
    spec = deployment.spec
    # Texts of prompts are in the cluster: with prompts, a file does not show which revision it describes.
    revision = "" if spec.model.prompts else revision_hash(spec.model, spec.serving, {})
    newest: dict[int, _Record] = {}
    notes: list[str] = []
    of = f" of {name}" if name else ""
    for entry in load_tests:
        if entry.get("variant", "") != name:
            continue
        if revision and entry.get("revision") != revision:
            notes.append(
                f"the load test{of} of {entry.get('measuredAt', '?')} is not used: it measured revision"
                f" {entry.get('revision', '?')}, and the file describes {revision}"
            )
            continue
        try:
            record = _Record(int(entry["replicas"]), str(entry["measuredAt"])[:10], LoadTestResult.from_status(entry))
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            notes.append(f"a load test{of} in status.loadTests cannot be read: {error!r}")
            continue
        if record.replicas not in newest or record.day >= newest[record.replicas].day:
            newest[record.replicas] = record
    return sorted(newest.values(), key=lambda record: record.replicas), tuple(notes)
