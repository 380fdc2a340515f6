"""What each strength of proof costs at the traffic of a case: how long it takes until an equal candidate is proven.

A proof that never comes is as bad for a team as a wrong promotion, and which of the two threatens depends on traffic
alone. So the answer is shown beside every simulation, for more traffic and for less than the case has.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from palier.api.spec.values import Proof
from palier.evidence.objective import ObjectiveRule
from palier.evidence.waiting import Landing, Traffic, seconds_until_proven
from palier.release.rules import demand_proof
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of
from palier.simulate.runs import Plan

LADDER = (Proof.NO_BREACH, Proof.BELOW_TWICE_THE_LIMIT, Proof.BELOW_THE_LIMIT, Proof.NO_WORSE_THAN_STABLE)
"""The strengths of proof, each under one name."""

RATES = (1.0, 10.0, 100.0)
"""Requests a second of both revisions together."""


class Waiting(NamedTuple):
    """How long one strength of proof takes."""

    proof: Proof
    seconds: tuple[float | None, ...]
    """For each rate; None where no wait leads there."""


def list_waits(case: Case, rates: Iterable[float] = RATES) -> tuple[Waiting, ...]:
    """How long each strength takes for a candidate that is as good as stable, at an even rate of requests.

    Returns:
        Nothing where no objective limits a share.
    """
    promised = [(one.rule, _bad_share(case, one.rule.name)) for one in objectives_of(case)]
    shares = [(rule, share) for rule, share in promised if isinstance(rule, ObjectiveRule)]
    if not shares:
        return ()
    landings = [Landing(stage.weight / 100, stage.minimum) for stage in case.stages]
    return tuple(
        Waiting(
            proof,
            tuple(
                seconds_until_proven(
                    [(demand_proof(rule, proof), Traffic(rate, share, share, case.look)) for rule, share in shares],
                    landings,
                )
                for rate in rates
            ),
        )
        for proof in LADDER
    )


def describe_proofs(plan: Plan) -> dict[str, Any]:
    """What has to be proven in a simulation, and how long each strength takes, ready for JSON."""
    limited = [name for name in plan.case.objectives if name != "cost"]
    rates = sorted({*RATES, plan.case.rps})
    return {
        "proofs": {name: plan.proofs.get(name, Proof.BELOW_TWICE_THE_LIMIT).value for name in limited},
        "untilProven": {
            "requestsPerSecond": rates,
            "seconds": {wait.proof.value: list(wait.seconds) for wait in list_waits(plan.case, rates)},
        },
    }


def _bad_share(case: Case, objective: str) -> float:
    """The share of stable's requests that an objective counts as bad."""
    if objective == "latency":
        return case.slow_share()
    inside = case.base_error if case.segment_base_error is None else case.segment_base_error
    return case.segment_share * inside + (1 - case.segment_share) * case.base_error
