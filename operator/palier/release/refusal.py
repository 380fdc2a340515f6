"""The ends of a stage that no user sees: refused, or undecided until its deadline decides as the spec says."""

from dataclasses import replace

from palier.api.v1alpha1 import Duration, OnNoEvidence
from palier.release.holds import find_hold
from palier.release.situation import Decision, Hold, Situation
from palier.release.state import Ending, Result


def refusal(situation: Situation, reason: str, message: str) -> Decision:
    """The release ends before any user met its candidate."""
    release = situation.release.roll_back(Ending(Result.REFUSED, reason, message), now=situation.now)
    return Decision(replace(situation.state, release=release), hold=Hold(reason, message))


def stay_undecided(situation: Situation, gap: Hold, *, stage: str, since: float, limit: Duration) -> Decision:
    """No verdict yet: the stage holds until its deadline; a pause is stronger than that.

    Args:
        situation: the arguments of the decision.
        gap: why there is none.
        stage: its name in sentences, such as `shadow`.
        since: when its time began, in seconds since the epoch.
        limit: its longest time.
    """
    if situation.now - since < limit.seconds:
        return Decision(situation.state, hold=gap)
    if held := find_hold(situation, f"in the {stage}"):
        return Decision(situation.state, hold=held)
    undecided = f"no verdict of the {stage} within {limit}"
    if situation.deployment.spec.release.on_no_evidence is OnNoEvidence.ROLLBACK:
        return refusal(situation, "NoEvidence", f"{undecided}: {gap.message}")
    message = f"{undecided}, so the release is held (onNoEvidence: Hold): {gap.message}"
    return Decision(situation.state, hold=Hold("DeadlineWithoutEvidence", message))
