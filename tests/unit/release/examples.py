"""Memories and observations from which the tests of a release's parts start."""

from dataclasses import replace
from typing import Any

from palier.release.observation import Observation, RevisionFacts, RouteFacts
from palier.release.state import Ending, Former, Outcome, Release, Result, RevisionRef, State, Step

STABLE, CANDIDATE, FORMER, THIRD = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"
NOW = 1_000_000.0
SERVICE: dict[str, Any] = {"service": {}}


def ref(revision: str, *, port: int = 8080) -> RevisionRef:
    """A revision that took its role at `NOW`."""
    return RevisionRef(revision=revision, model="lingua", version=f"v-{revision[0]}", port=port, since=NOW)


def ready(pods: int, **changes: Any) -> RevisionFacts:  # noqa: ANN401
    """A revision all of whose pods are ready."""
    facts = RevisionFacts(exists=True, replicas=pods, available=pods, endpoints=pods, pods=pods)
    return replace(facts, **changes)


def observed(
    revisions: dict[str, RevisionFacts],
    weights: dict[str, int] | None = None,
    *,
    wanted: str = STABLE,
    **route: Any,  # noqa: ANN401
) -> Observation:
    """What the shell saw: an accepted route with these weights, unless `route` says otherwise."""
    facts = RouteFacts(exists=True, weights=weights or {}, accepted=True, serving=True)
    return Observation(revision=wanted, revisions=revisions, route=replace(facts, **route))


def serving(**changes: Any) -> State:  # noqa: ANN401
    """A first revision that serves and nothing else."""
    return replace(State(stable=ref(STABLE), slots=(STABLE, STABLE)), **changes)


def releasing(step: Step, *, index: int = 0, **changes: Any) -> State:  # noqa: ANN401
    """A release at a step, its traffic in force; `changes` replace fields of the release."""
    ending = Ending(Result.ROLLED_BACK, "ObjectiveBreached", "errors: too many") if step is Step.ROLLING_BACK else None
    release = Release(
        step=step, started_at=NOW, stage_started_at=NOW, stage_index=index, traffic_since=NOW, ending=ending
    )
    slots = (STABLE, STABLE) if step is Step.PREPARING else (STABLE, CANDIDATE)
    return State(stable=ref(STABLE), candidate=ref(CANDIDATE), slots=slots, release=replace(release, **changes))


def first(step: Step, **changes: Any) -> State:  # noqa: ANN401
    """The very first release: there is no stable revision yet."""
    release = Release(step=step, started_at=NOW, stage_started_at=NOW, direct=True)
    return State(candidate=ref(CANDIDATE), release=replace(release, **changes))


def ended(result: Result, **changes: Any) -> State:  # noqa: ANN401
    """After a release of the candidate ended that way, with stable serving."""
    outcome = Outcome(CANDIDATE, result, "ObjectiveBreached", "errors: 9 of 100 requests failed", NOW)
    kept = ref(CANDIDATE) if result.refuses else None
    return replace(serving(candidate=kept, outcome=outcome, history=(outcome,)), **changes)


def warm(until: float = NOW + 600) -> Former:
    """The stable revision of before, still warm."""
    return Former(ref(FORMER), until)
