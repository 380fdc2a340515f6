"""Play runs of a case to one engine.

A run depends on the case, the seed and its number, and on nothing else, so runs may be played in any order, by any
number of processes, and give the same results.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from palier.api.spec.values import Proof
from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import MeasuredObjective
from palier.release.rules import demand_proof
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of, palier
from palier.simulate.knobs import peer_options
from palier.simulate.outcome import Outcome
from palier.simulate.peers import ENGINES as PEERS
from palier.simulate.recording import Arm, Floats, Recording, Truth
from palier.simulate.traffic import Traffic

ENGINES = ("palier", *PEERS)
"""By the names that `palier simulate --engine` takes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played."""

    case: Case
    engine: str
    seed: int
    settings: tuple[str, ...] = ()
    """Knobs of a peer as `key=value`."""
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """What Palier has to prove for a promotion, by objective; the default where nothing is said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in one run."""

    outcome: Outcome
    extra_bad: float
    """Expected requests that were bad only because the candidate served them, until the rollback or the end."""
    candidate_requests: float
    """Expected requests that the candidate served until then."""
    on_absent_data: bool
    """Whether the decision was taken while there was no fresh sample of the candidate to read."""


def play(plan: Plan, numbers: Iterable[int]) -> Iterator[Run]:
    """Play the runs of these numbers, in their order.

    Raises:
        ValueError: the engine cannot judge the case, or has no such knob.
        InvalidSpec: the case promises what the API cannot write.
    """
    judged_by = _engine(plan)
    for number in numbers:
        traffic = Traffic(plan.case, seed=plan.seed, run=number)
        outcome = judged_by(traffic)
        recording = traffic.make_recording()
        until = outcome.at if outcome.kind == "rollback" and outcome.at is not None else recording.duration
        yield Run(
            outcome=outcome,
            extra_bad=_sum_until(recording.truth, recording.truth.extra_bad, until),
            candidate_requests=_sum_until(recording.truth, recording.truth.candidate_requests, until),
            on_absent_data=outcome.on_absent_data
            or (outcome.at is not None and _is_unseen(recording, plan.case, outcome.at)),
        )


def check(plan: Plan) -> None:
    """Raise what `play` would raise, before any run."""
    _engine(plan)


def _engine(plan: Plan) -> Callable[[Traffic], Outcome]:
    if plan.engine == "palier":
        if plan.settings:
            raise ValueError("set: Palier has no knobs here; its rules follow from the objectives alone")
        objectives = demand_proofs(objectives_of(plan.case), plan.proofs)
        return lambda traffic: palier(traffic, objectives)
    peer, options = PEERS[plan.engine], peer_options(plan.case, plan.engine, plan.settings)

    def judge_traffic(traffic: Traffic) -> Outcome:
        _climb_by_the_clock(traffic)
        return peer(traffic.make_recording(), options)

    return judge_traffic


def demand_proofs(
    objectives: Iterable[MeasuredObjective], proofs: Mapping[str, Proof]
) -> tuple[MeasuredObjective, ...]:
    """The objectives as those of a spec that asks for these proofs; a cost has a proof of its own."""
    return tuple(
        replace(one, rule=demand_proof(one.rule, proofs.get(one.rule.name)))
        if isinstance(one.rule, ObjectiveRule)
        else one
        for one in objectives
    )


def _climb_by_the_clock(traffic: Traffic) -> None:
    """Peers watch a weight that climbs as soon as each stage's shortest time is over."""
    at = 0.0
    for before, stage in zip(traffic.case.stages, traffic.case.stages[1:], strict=False):
        at += before.minimum
        traffic.climb([(at, stage.weight)])


def _sum_until(truth: Truth, amounts: Floats, until: float) -> float:
    """The sum up to an instant, part of a step included."""
    whole, part = divmod(until / truth.step, 1)
    first = math.floor(whole)
    rest = part * float(amounts[first]) if first < amounts.size else 0.0
    return float(amounts[:first].sum()) + rest


def _is_unseen(recording: Recording, case: Case, at: float) -> bool:
    """Whether Prometheus had nothing fresh of the candidate at that moment."""
    if recording.unavailable.covers(at):
        return True
    oldest = at - 2.5 * case.scrape - 0.5
    return not any(bool(((pod.times > oldest) & (pod.times <= at)).any()) for pod in recording.pods_of(Arm.CANDIDATE))
