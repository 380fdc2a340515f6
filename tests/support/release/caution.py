"""Releases whose candidate is suspected, well, or in breach, and what is decide_at about them."""

from dataclasses import replace
from typing import Any

from palier.api.status.values import SuspectedBy
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.caution import Caution, Suspicion
from palier.evidence.objective import Evidence, begin_share, observe, start_evidence
from palier.measuring.coverage import Coverage
from palier.release.decide import decide
from palier.release.memory import read_state, write_state
from palier.release.observation import MeasuredEvidence, Observation, Requests
from palier.release.plan import pin_stages
from palier.release.rules import measured_objectives
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, State
from palier.release.targets import find_targets
from tests.support.evidence.objectives import arm
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    observed,
    planned,
    ready,
    releasing,
)
from tests.support.release.world import model_deployment

SPEC = model_deployment()
"""Canaries of 5, 25 and 50 %, each from 5 to 40 seconds."""
ERRORS = measured_objectives(SPEC)[0]
LOOKED = NOW + 10


def gather(*looks: tuple[int, int]) -> Evidence:
    """The evidence after looks with so many requests of the candidate, of which so many failed; stable fails none."""
    evidence = begin_share(start_evidence(ERRORS.digest))
    for total, bad in looks:
        evidence = observe(evidence, arm(total, bad), arm(3 * total, 0), ERRORS.rule)
    return evidence


WELL = gather(*[(1000, 0)] * 4)
SUSPECT = gather((1000, 0), (1000, 50))
BREACH = gather(*[(1000, 100)] * 12)


def doubt(evidence: Evidence, log_ratio: float = 0.0, *, looks: int = 2) -> Evidence:
    """The same evidence beside a suspicion of which fresh requests have said so much."""
    return replace(evidence, caution=Caution(suspicion=Suspicion(SuspectedBy.RELATIVE, 4, log_ratio, looks)))


def at_stage(*, index: int = 1, spec: ModelDeployment = SPEC, **changes: Any) -> State:  # noqa: ANN401
    """A release at its canary of 25 %, in force."""
    return releasing(ReleasePhase.CANARY, index=index, plan=planned(spec), **changes)


def cautious(**changes: Any) -> State:  # noqa: ANN401
    """The same after a step down, in force."""
    return at_stage(**{"cautious_since": NOW, "steps_down": 1, **changes})


def look(
    evidence: Evidence | None,
    *,
    weight: int = 25,
    unseen: str = "",
    pods: int = 2,
    requests: Requests | None = None,
    **route: Any,  # noqa: ANN401
) -> Observation:
    """What the shell saw: this evidence, and a route that gives the candidate this share."""
    split = {STABLE: 100 - weight, CANDIDATE: weight}
    seen = observed({STABLE: ready(2), CANDIDATE: ready(pods)}, split, wanted=CANDIDATE, **route)
    measured = MeasuredEvidence(
        evidence={"errors": evidence} if evidence else {}, pods_read=Coverage(LOOKED, unseen=unseen)
    )
    return replace(seen, measured=measured, requests=requests or Requests())


def decide_at(state: State, seen: Observation, *, spec: ModelDeployment = SPEC, now: float = LOOKED) -> Decision:
    """What is decide_at, after the memory was written and read again."""
    decision = decide(spec, seen, state, now=now)
    remembered = read_state(write_state(decision.state), spec.spec.release)
    assert remembered == decision.state
    return decision


def share(decision: Decision, seen: Observation, *, spec: ModelDeployment = SPEC, now: float = LOOKED) -> int:
    """The candidate's share of the traffic that a decision asks for."""
    pinned = pin_stages(spec, decision.state.release.plan if decision.state.release else None)
    weights = find_targets(pinned, decision.state, seen, now=now).weights
    assert weights is not None
    return weights.get(CANDIDATE, 0)


def is_cautious(decision: Decision) -> bool:
    """Whether the candidate has the least share because it is suspected."""
    return decision.state.release is not None and decision.state.release.cautious_since is not None


def reasons(decision: Decision) -> list[str]:
    """Of the Events."""
    return [note.reason for note in decision.notes]
