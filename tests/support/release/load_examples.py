"""Memories, records and observations of load tests from which the tests of their parts start."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.release.decide import decide
from palier.release.observation import Observation, RevisionFacts
from palier.release.situation import Decision
from palier.release.state import ReleasePhase, RevisionRef, State
from palier.release.testing import LoadTestFacts, LoadTestRecord, ServingOption
from tests.support.release.examples import STABLE, observed, ready, release_at, serving
from tests.support.release.load_world import BORN, PRICES, asked

NOW = BORN
"""Prices are fresh then, which the instants of other examples are too old for."""


def passed(capacity: int | str = 100) -> LoadTestResult:
    """A capacity was found."""
    return LoadTestResult(Verdict.PASS, "CapacityFound", f"{capacity} requests/s held", capacity=Decimal(capacity))


FAILED = LoadTestResult(Verdict.FAIL, "ObjectiveUnreachable", "errors: 9 % at 1 requests/s")
UNKNOWN = LoadTestResult(Verdict.NO_EVIDENCE, "GeneratorLimited", "the generator was too slow")


def ways(deployment: ModelDeployment) -> dict[str, ServingOption]:
    """The ways of a spec by variant; under the empty word without variants."""
    return {way.variant: way for way in asked(deployment).options}


def recorded_of(way: ServingOption, result: LoadTestResult, *, at: float = NOW, replicas: int = 1) -> LoadTestRecord:
    """What a run of a way found."""
    return LoadTestRecord(way.revision, way.variant, way.digest, replicas, at, result)


def under_load(deployment: ModelDeployment, variant: str = "", **changes: Any) -> State:  # noqa: ANN401
    """A release whose candidate is a variant under load; `changes` replace fields of the memory, `step` the step."""
    found = asked(deployment)
    (way,) = (way for way in found.options if way.variant == variant)
    step = changes.pop("step", ReleasePhase.LOAD_TESTING)
    release = release_at(step, plan=tuple(deployment.spec.release.stages), at=NOW)
    candidate = RevisionRef.from_option(way, family=found.revision, now=NOW)
    return replace(serving(candidate=candidate, release=release, backend_positions=(STABLE, "")), **changes)


def seen(
    deployment: ModelDeployment,
    pods: dict[str, RevisionFacts] | None = None,
    *,
    job: LoadTestFacts | None = None,
    priced: bool = True,
    **changes: Any,  # noqa: ANN401 - fields of the observation
) -> Observation:
    """What the shell saw: stable has all users, every way of the spec has one ready pod, and prices are known."""
    found = asked(deployment)
    every = {STABLE: ready(2), **{way.revision: ready(1) for way in found.options}}
    observation = observed(every if pods is None else pods, {STABLE: 100}, wanted=found.revision)
    return replace(
        observation,
        options=found.options,
        load_test=job or LoadTestFacts(exists=True, running=True),
        prices={"": PRICES} if priced else {},
        prices_problem="nobody has told any prices",
        **changes,
    )


def ended(result: LoadTestResult, **facts: Any) -> LoadTestFacts:  # noqa: ANN401 - fields of the facts
    """A Job that has ended with a result."""
    return LoadTestFacts(exists=True, result=result, **facts)


def decided(
    deployment: ModelDeployment,
    state: State,
    observation: Observation | None = None,
    *,
    now: float = NOW,
) -> Decision:
    """What is decided."""
    return decide(deployment, observation or seen(deployment), state, now=now)


def candidate_of(decision: Decision) -> str:
    """Revision of the candidate."""
    assert decision.state.candidate is not None
    return decision.state.candidate.revision
