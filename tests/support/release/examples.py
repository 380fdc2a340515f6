"""Memories and observations from which the tests of a release's parts start."""

from dataclasses import replace
from typing import Any

from palier.api.spec.release import Stage
from palier.api.v1alpha1 import ModelDeployment
from palier.release.observation import Observation, RevisionFacts, RouteFacts
from palier.release.situation import Decision, Hold
from palier.release.state import Ending, Former, Outcome, Release, ReleasePhase, Result, RevisionRef, State

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
    return replace(State(stable=ref(STABLE), backend_positions=(STABLE, STABLE)), **changes)


CANARIES = tuple(Stage.model_validate({"canary": {"weight": weight}}) for weight in (5, 25, 50))
"""The stages that a spec has without saying so."""
_KINDS = {ReleasePhase.LOAD_TESTING: "loadTest", ReleasePhase.EXAMINING: "golden", ReleasePhase.SHADOWING: "shadow"}


def release_at(
    step: ReleasePhase,
    *,
    index: int = 0,
    plan: tuple[Stage, ...] | None = None,
    at: float = NOW,
    **changes: Any,  # noqa: ANN401 - fields of the release
) -> Release:
    """A release whose present stage is the one that a step is about; `changes` replace its fields.

    Args:
        step: where it stands; what comes before users has its stage in front of the canaries of the plan.
        index: position of the canary among those of the plan.
        plan: the stages; the default canaries when None.
        at: when it and its stage began.
        **changes: fields of the release.
    """
    stages = CANARIES if plan is None else plan
    if step in _KINDS and not any(_is_about(stage, step) for stage in stages):
        stages = (Stage.model_validate({_KINDS[step]: {}}), *stages)
    cursor = next((place for place, stage in enumerate(stages) if _is_about(stage, step)), None)
    landings = [place for place, stage in enumerate(stages) if stage.landing]
    if step is ReleasePhase.PREPARING and not index:
        cursor = 0
    elif step is ReleasePhase.PROMOTING or (cursor is None and not landings):
        cursor = len(stages)
    elif cursor is None:
        cursor = landings[index]
    opened = None if step is ReleasePhase.PREPARING else at
    release = Release(started_at=at, stage_started_at=at, plan=stages, cursor=cursor, opened_at=opened)
    if step is ReleasePhase.ROLLING_BACK:
        release = replace(release, ending=Ending(Result.ROLLED_BACK, "ObjectiveBreached", "errors: too many"))
    return replace(release, **changes)


def _is_about(stage: Stage, step: ReleasePhase) -> bool:
    kinds = {
        ReleasePhase.LOAD_TESTING: stage.load_test,
        ReleasePhase.EXAMINING: stage.golden,
        ReleasePhase.SHADOWING: stage.shadow,
    }
    return kinds.get(step) is not None


def planned(deployment: ModelDeployment) -> tuple[Stage, ...]:
    """The plan of a release that starts with this spec beside a stable revision."""
    return tuple(deployment.spec.release.stages)


def releasing(
    step: ReleasePhase,
    *,
    index: int = 0,
    plan: tuple[Stage, ...] | None = None,
    **changes: Any,  # noqa: ANN401
) -> State:
    """A release at a step, its traffic in force; `changes` replace fields of the release."""
    release = release_at(step, index=index, plan=plan, traffic_since=NOW)
    slots = (STABLE, STABLE) if step is ReleasePhase.PREPARING else (STABLE, CANDIDATE)
    return State(
        stable=ref(STABLE), candidate=ref(CANDIDATE), backend_positions=slots, release=replace(release, **changes)
    )


def first(step: ReleasePhase, **changes: Any) -> State:  # noqa: ANN401
    """The very first release: there is no stable revision yet."""
    return State(candidate=ref(CANDIDATE), release=release_at(step, plan=(), **changes))


def ended(result: Result, **changes: Any) -> State:  # noqa: ANN401
    """After a release of the candidate ended that way, with stable serving."""
    outcome = Outcome(CANDIDATE, result, "ObjectiveBreached", "errors: 9 of 100 requests failed", NOW)
    kept = ref(CANDIDATE) if result.refuses else None
    return replace(serving(candidate=kept, outcome=outcome, history=(outcome,)), **changes)


def warm(until: float = NOW + 600) -> Former:
    """The stable revision of before, still warm."""
    return Former(ref(FORMER), until)


def release_of(decision: Decision) -> Release:
    """The release, which goes on."""
    assert decision.state.release is not None
    return decision.state.release


def hold_of(decision: Decision) -> Hold:
    """Why it waits."""
    assert decision.hold is not None
    return decision.hold
