"""How does a release end that is not promoted? The weight goes first, and then the outcome is remembered."""

from dataclasses import replace

from palier.release.holds import waiting_for_route
from palier.release.rules import rules_digest
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.standing import tell_taking_back
from palier.release.state import Drain, Ending, Outcome, Result

ALL = 100
"""Percent."""


def roll_back(situation: Situation, ending: Ending) -> Decision:
    """The release on its way back to stable."""
    release = situation.release.roll_back(ending, now=situation.now)
    hold = Hold("RollingBack", f"taking the traffic back: {ending.message}")
    return Decision(replace(situation.state, release=release), hold=hold)


def follow_rollback(situation: Situation) -> Decision:
    """The release has ended only when the gateway sends nothing more to the candidate."""
    state, now, observation, candidate = situation.state, situation.now, situation.observation, situation.candidate
    ending = situation.release.ending or Ending(Result.ROLLED_BACK, "Unknown", "the reason was lost")
    if state.stable:
        back = observation.weight(candidate.revision) == 0 and observation.weight(state.stable.revision) == ALL
        if not back or not observation.route.accepted:
            return Decision(state, hold=_describe_wait(situation, ending, back=back))
    outcome = Outcome(
        revision=candidate.revision,
        result=ending.result,
        reason=ending.reason,
        message=ending.message,
        time=now,
        rules=rules_of(situation),
        family=candidate.family,
    )
    ended = state.end_release(outcome)
    ended = replace(
        ended,
        candidate=candidate if ending.result.refuses else None,
        drains=(
            *(drain for drain in ended.drains if drain.revision != candidate.revision),
            Drain(candidate.revision, now + situation.deployment.spec.release.drain_delay.seconds),
        ),
    )
    note = Note(
        "Warning" if ending.result.refuses else "Normal",
        ending.result.value,
        f"{candidate.model} {candidate.version} ({candidate.revision}): {ending.message}",
    )
    return Decision(ended, notes=(note,))


def rules_of(situation: Situation) -> str:
    """Digest of the rules as they are written when the release ends: an edit made before then is no reason to retry."""
    return rules_digest(situation.written or situation.deployment)


def _describe_wait(situation: Situation, ending: Ending, *, back: bool) -> Hold:
    """What the way back waits for."""
    state, observation = situation.state, situation.observation
    assert state.stable is not None  # noqa: S101 - there is no way back without it
    if not back and observation.facts(state.stable.revision).endpoints == 0:
        message = f"no pod of the stable revision is ready to take the traffic back ({ending.message})"
        return Hold("StableUnavailable", message)
    gateway = waiting_for_route(situation)
    in_the_way = "" if gateway.reason == "Shifting" else gateway.message
    return Hold("RollingBack", tell_taking_back(ending.message, in_the_way=in_the_way))
