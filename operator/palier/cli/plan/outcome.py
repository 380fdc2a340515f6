"""The plan of one ModelDeployment: every way to serve it side by side, and the verdict on all of them together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from palier.api.status.values import PlannedTraffic
from palier.api.v1alpha1 import ModelDeployment
from palier.api.variants import resolve_variants
from palier.cli.plan.capacity import Capacity, capacity_of
from palier.cli.plan.file import Draft
from palier.cli.plan.latency import Latency, Work, latency_of, paid_replicas
from palier.economics.capacity import ScalingLaw
from palier.economics.plan import Plan, Point, plan_of
from palier.economics.prices import PriceTable
from palier.economics.variants import Choice, VariantFinding, VariantRecord, choose
from palier.evidence.verdicts import Verdict

_NO_THEORY = (
    "--concurrency alone says how fast answers come only where the capacity and a latency objective are known: give"
    " --service-time too"
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known in addition to the file; by variant, where a value is of one."""

    today: date
    prices: PriceTable | None
    prices_problem: str
    """Why there are none, as a sentence."""
    capacities: Mapping[str, Decimal]
    work: Mapping[str, Work]
    poc: Decimal | None


@dataclass(frozen=True, slots=True)
class ServingOption:
    """One way to serve, with everything that is known about it."""

    name: str
    """Name of the variant; empty where there is only one way."""
    deployment: ModelDeployment
    plan: Plan
    capacity: Capacity
    latency: Latency | None
    paid: int | None
    """Replicas that the monthly budget pays for; None where nothing is bounded."""
    notes: tuple[str, ...]
    """What was passed over, or does not fit together."""
    weighed: VariantRecord
    """What became of it in comparison with the others."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan."""

    draft: Draft
    serving_options: tuple[ServingOption, ...]
    choice: Choice

    @property
    def main_option(self) -> ServingOption:
        """The way whose numbers stand first: the chosen one, else the one that carries most for the budget."""
        chosen = next((option for option in self.serving_options if option.weighed.chosen), None)
        return chosen or max(self.serving_options, key=lambda option: option.plan.largest_affordable or Decimal(0))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was passed over, or does not fit together."""
        notes = list(self.draft.notes)
        for option in self.serving_options:
            notes += option.notes
        return tuple(dict.fromkeys(notes))


def outcome(draft: Draft, known: Knowledge) -> Outcome:
    """Compute everything that a file asks for."""
    serving_options = []
    for variant in resolve_variants(draft.deployment):
        capacity = capacity_of(
            variant.name,
            variant.deployment,
            declared=known.capacities.get(variant.name),
            load_tests=draft.load_tests,
        )
        plan = capacity.make_plan(partial(_plan, variant.deployment, known))
        work = known.work.get(variant.name)
        latency = latency_of(variant.name, capacity, draft.promise, work or Work())
        notes = (*capacity.notes, *(latency.notes if latency else ()))
        if work and not latency:
            notes = (*notes, f"{_NO_THEORY}{f' for {variant.name}' if variant.name else ''}")
        paid = paid_replicas(plan.inputs)
        serving_options.append((variant.name, variant.deployment, plan, capacity, latency, paid, notes))
    choice = choose([VariantFinding(name, name, plan) for name, _, plan, *_ in serving_options])
    return Outcome(
        draft,
        tuple(
            ServingOption(*option, weighed=weighed)
            for option, weighed in zip(serving_options, choice.findings, strict=True)
        ),
        choice,
    )


def _plan(deployment: ModelDeployment, known: Knowledge, law: ScalingLaw | None) -> Plan:
    return plan_of(
        deployment,
        today=known.today,
        law=law,
        prices=known.prices,
        prices_problem=known.prices_problem,
        poc=known.poc,
    )


def point(plan: Plan, name: PlannedTraffic) -> Point:
    """One of the points of a plan."""
    return next(one for one in plan.points if one.name == name)


def find_worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on several together: Fail beats NoEvidence beats Pass."""
    given = set(verdicts)
    return next((one for one in (Verdict.FAIL, Verdict.NO_EVIDENCE) if one in given), Verdict.PASS)
