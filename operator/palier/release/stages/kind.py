"""What a release asks of every kind of stage."""

from collections.abc import Callable
from dataclasses import dataclass

from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.objective import Judgement
from palier.release.rules import Objectives
from palier.release.situation import Decision, Situation, Work
from palier.release.state import Release, ReleasePhase, State

Judgements = tuple[Judgement, ...]


def _judge_nothing(_situation: Situation) -> Judgements:
    return ()


def _need_nothing(_situation: Situation) -> Work | None:
    return None


def _have_no_way_out(_situation: Situation, _why: str) -> Decision | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """One kind of stage as the rules of a release see it; every question is a pure function."""

    phase: ReleasePhase
    """Where a release stands while a stage of this kind is open."""
    word: str
    """The stage in one or two words, for a column; {share} stands for the share of the requests."""
    standing: str
    """A sentence for people about a release at the stage, with the places {candidate}, {weight} and {since}."""
    shifting: str = ""
    """The same until the share is in force, where that is another sentence."""
    open: Callable[[Situation, Situation], Decision]
    """The candidate's pods are ready for the stage: the release before the stage opens, and the same with it open."""
    follow: Callable[[Situation, Judgements], Decision]
    """What happens in an open stage: it holds, goes on to the next stage, or ends the release."""
    timed_from: Callable[[Release], float | None]
    """When the time of the stage began, in seconds since the epoch; None while it has not."""
    judge: Callable[[Situation], Judgements] = _judge_nothing
    """The verdicts on the objectives; none in a stage that judges a result as a whole."""
    measure: Callable[[ModelDeployment, State], Objectives | None] = lambda _deployment, _state: None
    """What is measured; None for the objectives of the users' requests without any special rule."""
    work: Callable[[Situation], Work | None] = _need_nothing
    """The program that has to run in a pod of its own now."""
    reads_texts: bool = False
    """Whether its program is told texts that the spec only names: while one cannot be read, what runs goes on."""
    begin: Callable[[Situation], Decision] | None = None
    """A release whose first stage is of this kind, where it does not simply wait for the candidate's pods."""
    give_up: Callable[[Situation, str], Decision | None] = _have_no_way_out
    """What can be tried instead of a candidate that does not get ready, with the reason; None where nothing can be."""
