"""Memories, evidence and observations of golden answers, shadows and experiments from which their tests start."""

from dataclasses import replace
from typing import Any

from palier.api.spec.release import Stage
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Counts, Evidence, observe, start_evidence
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.measuring.coverage import Coverage
from palier.measuring.sources import MeasuredObjective
from palier.release.decide import decide
from palier.release.examining import GoldenFacts, GoldenRecord, GoldenRun
from palier.release.observation import MeasuredEvidence, Observation
from palier.release.shadowing import ShadowFacts
from palier.release.situation import Decision
from palier.release.stages.table import criteria
from palier.release.state import Ending, ReleasePhase, State
from tests.support.release.examples import (
    CANDIDATE,
    NOW,
    STABLE,
    observed,
    planned,
    ready,
    ref,
    release_at,
    release_of,
    serving,
)
from tests.support.release.trial_specs import MIN_PAIRS

QUESTION = "0123456789abcdef"
"""Digest of the golden answers that the spec asks for."""
HEALTHY = {STABLE: ready(2), CANDIDATE: ready(1)}
COMPARING = ShadowFacts(exists=True, ready=True, mirrored=True)

GOOD = GoldenResult(verdict=Verdict.PASS, reason="NotWorse", message="0.91 on the golden answers, stable 0.9")
BAD = GoldenResult(verdict=Verdict.FAIL, reason="WorseThanStable", message="0.7 on the golden answers, stable 0.9")
UNKNOWN = GoldenResult(verdict=Verdict.NO_EVIDENCE, reason="TooFewGoldenAnswers", message="90 more are needed")
UNJUDGED = GoldenResult(verdict=Verdict.NO_EVIDENCE, reason="JudgeUnavailable", message="the judge did not answer")


def trying(
    step: ReleasePhase,
    *,
    first: bool = False,
    plan: tuple[Stage, ...] | None = None,
    **changes: Any,  # noqa: ANN401 - fields of the release
) -> State:
    """A release at a step before users meet its candidate; the first one has nothing to be compared with."""
    release = release_at(step, plan=() if first and plan is None else plan, **changes)
    if first:
        return State(candidate=ref(CANDIDATE), release=release)
    return serving(candidate=ref(CANDIDATE), backend_positions=(STABLE, ""), release=release)


def run_of(state: State, *, digest: str = QUESTION) -> GoldenRun:
    """The examination that a release needs."""
    assert state.candidate is not None
    assert state.release is not None
    stable = state.stable.revision if state.stable else ""
    return GoldenRun(state.candidate.revision, stable, state.release.attempt, digest)


def recorded(state: State, result: GoldenResult, *, at: float = NOW, digest: str = QUESTION) -> State:
    """The same memory with what the golden answers found."""
    return replace(state, golden=GoldenRecord(run_of(state, digest=digest), at, result))


def seen(
    *,
    wanted: str = CANDIDATE,
    golden: GoldenFacts | None = None,
    shadow: ShadowFacts = COMPARING,
    measured: MeasuredEvidence | None = None,
    pods: int = 1,
    weights: dict[str, int] | None = None,
    route: dict[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - fields of the observation
) -> Observation:
    """What the shell saw: stable has all users, the candidate's pods are ready, and so is whatever tries them."""
    facts = {STABLE: ready(2), CANDIDATE: ready(pods)}
    observation = observed(facts, weights or {STABLE: 100}, wanted=wanted, **(route or {}))
    return replace(
        observation,
        golden=golden or GoldenFacts(exists=True, running=True),
        golden_digest=QUESTION,
        shadow=shadow,
        measured=measured or MeasuredEvidence(),
        **changes,
    )


def objectives_of(deployment: ModelDeployment, state: State) -> dict[str, MeasuredObjective]:
    """What the candidate is judged by where its release stands."""
    return {one.rule.name: one for one in criteria(deployment, state).measured}


def gathered(
    objective: MeasuredObjective,
    total: int,
    bad: int,
    *,
    stable: int | None = None,
    stable_bad: int = 0,
    looks: int = 20,
) -> Evidence:
    """The evidence of an objective after some looks, over which its events are spread as evenly as they go."""
    evidence, others = start_evidence(objective.digest), total if stable is None else stable
    if objective.warms_up:
        evidence = replace(evidence, warm_since=NOW)
    for look in range(looks):
        of, failed, other, also = (
            number * (look + 1) // looks - number * look // looks for number in (total, bad, others, stable_bad)
        )
        evidence = observe(evidence, Counts(of, failed, failed), Counts(other, also, also), objective.rule)
    return evidence


def compared(
    deployment: ModelDeployment, state: State, *, pairs: int = 4 * MIN_PAIRS, **bad: int
) -> dict[str, Evidence]:
    """The evidence of a shadow: so many pairs, and bad ones by the name of the objective, `_` for `-`."""
    return {
        name: gathered(objective, pairs, bad.get(name.replace("-", "_"), 0))
        for name, objective in objectives_of(deployment, state).items()
    }


def looked(evidence: dict[str, Evidence], *, at: float, **changes: Any) -> MeasuredEvidence:  # noqa: ANN401 - its fields
    """What the looks have gathered up to an instant."""
    return MeasuredEvidence(evidence=evidence, pods_read=Coverage(at), **changes)


def decided(deployment: ModelDeployment, state: State, observation: Observation, *, after: float = 0.0) -> Decision:
    """What is decided, so many seconds after everything began."""
    return decide(deployment, observation, state, now=NOW + after)


def in_shadow(
    deployment: ModelDeployment,
    *,
    after: float = 4.0,
    state: State | None = None,
    shadow: ShadowFacts = COMPARING,
    pairs: int = 4 * MIN_PAIRS,
    **bad: int,
) -> Decision:
    """What is decided in a shadow whose copies began with it, by pairs of which so many were bad."""
    state = state or trying(ReleasePhase.SHADOWING, plan=planned(deployment), traffic_since=NOW)
    measured = looked(compared(deployment, state, pairs=pairs, **bad), at=NOW + after)
    return decided(deployment, state, seen(shadow=shadow, measured=measured), after=after)


def ending_of(decision: Decision) -> Ending:
    """How it will be recorded."""
    ending = release_of(decision).ending
    assert ending is not None
    return ending


def reasons(decision: Decision) -> list[str]:
    """What people are told."""
    return [note.reason for note in decision.notes]
