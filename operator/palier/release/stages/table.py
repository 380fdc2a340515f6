"""All kinds of stages, and what is asked of the kind that a release stands at."""

from collections.abc import Mapping
from typing import Final

from palier.api.v1alpha1 import ModelDeployment, Stage
from palier.release.criteria import measure_users_requests
from palier.release.rules import Objectives
from palier.release.situation import Situation, Work
from palier.release.stages.canary import CANARY
from palier.release.stages.experiment import EXPERIMENT
from palier.release.stages.golden import GOLDEN
from palier.release.stages.kind import Judgements, StageKind
from palier.release.stages.load_test import LOAD_TEST
from palier.release.stages.promotion import PROMOTION
from palier.release.stages.shadow import SHADOW
from palier.release.state import Release, ReleasePhase, State

KINDS: Final[Mapping[str, StageKind]] = {
    "load_test": LOAD_TEST,
    "golden": GOLDEN,
    "shadow": SHADOW,
    "canary": CANARY,
    "experiment": EXPERIMENT,
}
"""By the kind of a stage as `api.spec.release` names it."""


def kind_of(stage: Stage | None) -> StageKind:
    """The kind of a stage; after the last one the candidate gets all of the traffic."""
    return PROMOTION if stage is None else KINDS[stage.kind]


def kind_at(release: Release) -> StageKind | None:
    """The kind of the open stage; None while the candidate's pods come up, and on the way back to stable."""
    return None if release.phase in {ReleasePhase.PREPARING, ReleasePhase.ROLLING_BACK} else kind_of(release.stage)


def deadlines_of(release: Release) -> list[float]:
    """The instants at which the time of the present stage can decide something, in seconds since the epoch."""
    stage = release.stage
    since = kind_of(stage).timed_from(release)
    return [] if stage is None or since is None else [since + duration for duration in stage.durations]


def criteria(deployment: ModelDeployment, state: State) -> Objectives:
    """The objectives of the stage that a release is at, or comes to.

    Args:
        deployment: the spec as the candidate serves it.
        state: the memory.
    """
    own = kind_of(state.release.stage).measure(deployment, state) if state.release else None
    return measure_users_requests(deployment, state) if own is None else own


def judge_stage(situation: Situation) -> Judgements:
    """Verdicts on every objective; a look that could not measure leaves no verdict but NoEvidence."""
    release = situation.release
    if release.is_direct or (release.traffic_since is None and not release.evidence):
        return ()
    kind = kind_at(release)
    return kind.judge(situation) if kind else ()


def work_at(situation: Situation) -> Work | None:
    """The program that has to run in a pod of its own where the release stands."""
    kind = kind_at(situation.state.release) if situation.state.release else None
    return kind.work(situation) if kind else None


def is_work_unknown(situation: Situation) -> bool:
    """Whether it cannot be said for the moment what the program of the present stage has to do."""
    kind = kind_at(situation.state.release) if situation.state.release else None
    return bool(kind and kind.reads_texts and situation.observation.unreadable)
