"""Experiments: users are split for a stated time, and the candidate stays only if it is shown to be better."""

from dataclasses import replace

from palier.api.v1alpha1 import Experiment, ModelDeployment
from palier.evidence.verdicts import Verdict
from palier.release.criteria import measure_users_requests
from palier.release.holds import CANNOT_MEASURE
from palier.release.rollback import roll_back
from palier.release.rules import Objectives
from palier.release.situation import Decision, Situation
from palier.release.stages.canary import CANARY, follow_landing
from palier.release.stages.kind import Judgements
from palier.release.state import Ending, Result, State

_NOT_MEASURED = frozenset({CANNOT_MEASURE, "NoRequests", "TooFewRequests", "LabelsPending", "WarmingUp"})


def _follow(situation: Situation, judgements: Judgements) -> Decision:
    return follow_landing(situation, judgements, when_over=_keep_stable)


def _keep_stable(situation: Situation, judgements: Judgements) -> Decision | None:
    """The time is over and the deciding objective was measured, but does not show that the candidate is better."""
    stage = situation.landing
    assert isinstance(stage, Experiment)  # noqa: S101 - only asked for in such a stage
    for one in judgements:
        unproven = one.verdict is Verdict.NO_EVIDENCE and one.reason not in _NOT_MEASURED
        if one.objective == stage.objective and unproven and one.message:
            message = f"the candidate was not shown to be better than stable within {stage.duration}: {one.message}"
            return roll_back(situation, Ending(Result.KEPT_STABLE, "NotBetter", message))
    return None


def _measure(deployment: ModelDeployment, state: State) -> Objectives:
    """The objective that decides has to prove that the candidate is better."""
    return measure_users_requests(deployment, state, landing=state.release.landing if state.release else None)


EXPERIMENT = replace(CANARY, word="Experiment {share}", follow=_follow, measure=_measure)
