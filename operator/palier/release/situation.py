"""The words that the rules of a release are written in: the arguments of a decision and the forms of its answer."""

from dataclasses import dataclass
from typing import Literal

from palier.api.v1alpha1 import Landing, ModelDeployment
from palier.economics.burn import Burn
from palier.evidence.objective import Judgement
from palier.release.examining import GoldenRun
from palier.release.observation import Observation
from palier.release.prospects import Survey
from palier.release.rules import NO_OBJECTIVES, Objectives
from palier.release.shadowing import ShadowRun
from palier.release.state import Release, RevisionRef, State
from palier.release.testing import Run


@dataclass(frozen=True, slots=True)
class Note:
    """Something people should be told: becomes an Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing moves at the moment."""

    reason: str
    message: str


Work = Run | GoldenRun | ShadowRun
"""What a program in a pod of its own has to do for a stage: a load test, golden answers, or a shadow."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next memory, what to tell people, and when to look again at the latest."""

    state: State
    notes: tuple[Note, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    hold: Hold | None = None
    wake_at: float | None = None
    objectives: Objectives = NO_OBJECTIVES
    """What the candidate is measured and judged by."""
    work: Work | None = None
    """The program that has to run in a pod of its own now."""
    work_stays: bool = False
    """Whether a program that runs is left alone, because it is not known for the moment what it has to do."""
    survey: Survey | None = None
    """What serving the target would take, where the spec has a plan for it."""
    burn: Burn | None = None
    """Where the monthly budget stands, if there is one."""

    @property
    def run(self) -> Run | None:
        """The load test that has to run now."""
        return self.work if isinstance(self.work, Run) else None

    @property
    def examination(self) -> GoldenRun | None:
        """The golden answers that have to be asked now."""
        return self.work if isinstance(self.work, GoldenRun) else None

    @property
    def shadow(self) -> ShadowRun | None:
        """The shadow that has to be there now."""
        return self.work if isinstance(self.work, ShadowRun) else None


@dataclass(frozen=True, slots=True)
class Situation:
    """The arguments of one decision, gathered so that the rules read as sentences."""

    deployment: ModelDeployment
    observation: Observation
    state: State
    now: float
    objectives: Objectives = NO_OBJECTIVES
    """What the candidate is measured and judged by."""
    burn: Burn | None = None
    """Where the monthly budget stands, if there is one."""
    written: ModelDeployment | None = None
    """The spec as it is written now, where `deployment` has the stages of the release instead; None for the same."""

    @property
    def release(self) -> Release:
        """The release in progress."""
        assert self.state.release is not None  # noqa: S101 - only asked for while a release is in progress
        return self.state.release

    @property
    def candidate(self) -> RevisionRef:
        """The revision under trial."""
        assert self.state.candidate is not None  # noqa: S101 - a release in progress always has one
        return self.state.candidate

    @property
    def landing(self) -> Landing:
        """The stage with users that the release is at."""
        landing = self.release.landing
        assert landing is not None  # noqa: S101 - only asked for in such a stage
        return landing
