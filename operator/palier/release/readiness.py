"""For how long has a candidate not been ready? Deadlines count that time alone, and nobody else's.

A pause, a silent gateway or a Prometheus that is away cost a candidate nothing, and a node that is drained costs it its
weight but not its release, unless its pods stay away.
"""

from dataclasses import replace

from palier.release.situation import Note, Situation
from palier.release.state import Release
from palier.release.targets import accelerator_short, stage_replicas

LOSSES_ENDURED = 2
"""How often a candidate may lose all its ready pods in one stage while it has users; the next loss ends its release."""


def follow_readiness(situation: Situation) -> tuple[Release, tuple[Note, ...]]:
    """The release with the instants since which its candidate is not ready, and what to tell of a loss.

    A candidate that loses all its pods while it has users goes back to the beginning of its stage: its weight is 0
    until its pods are ready again. It is not to blame while stable has no ready pod either: something else is wrong.
    """
    now, facts = situation.now, situation.observation.facts(situation.candidate.revision)
    release = situation.release.not_ahead_of(now)
    situation = replace(situation, state=replace(situation.state, release=release))
    if release.ending is not None:
        return release, ()
    needed = stage_replicas(situation.deployment, situation.state, situation.observation, now=now)
    if facts.carries(needed):
        return replace(release, unready_since=None, gone_since=None), ()
    release, notes = _follow_loss(situation, release)
    excused = _is_excused(situation) or release.gone_since is not None  # a loss has a time of its own
    return replace(release, unready_since=None if excused else _find_earlier(release.unready_since, now)), notes


def _follow_loss(situation: Situation, release: Release) -> tuple[Release, tuple[Note, ...]]:
    """The release with the loss of all its candidate's ready pods, if it has just happened or is over."""
    facts = situation.observation.facts(situation.candidate.revision)
    if facts.endpoints > 0:
        return replace(release, gone_since=None), ()
    if _stable_is_gone(situation):
        return replace(release, gone_since=None, traffic_since=None), ()  # nobody is served: the stage's time stands
    weight = situation.observation.weight(situation.candidate.revision)
    had_users = weight > 0 or (release.landing is not None and release.traffic_since is not None)
    if situation.state.stable is None or release.gone_since is not None or not had_users:
        return release, ()
    trouble = f": {facts.trouble}" if facts.trouble else ""
    share = f"{weight} %" if weight else "a share"
    message = f"no pod of the candidate is ready: it had {share} of the traffic and has none until they are{trouble}"
    lost = replace(release.reopen(), gone_since=situation.now, losses=release.losses + 1)
    return lost, (Note("Warning", "CandidateUnavailable", message),)


def is_too_late(situation: Situation) -> bool:
    """Whether the candidate has not been ready for as long as `progressDeadline` allows."""
    since = situation.release.unready_since
    deadline = situation.deployment.spec.release.progress_deadline.seconds
    return since is not None and situation.now - since >= deadline


def is_gone_for_good(situation: Situation) -> bool:
    """Whether a candidate that had users has no ready pod for longer than `candidateGrace`, or once too often."""
    release = situation.release
    if release.gone_since is None or _stable_is_gone(situation):
        return False
    grace = situation.deployment.spec.release.candidate_grace.seconds
    return release.losses > LOSSES_ENDURED or situation.now - release.gone_since >= grace


def _find_earlier(known: float | None, now: float) -> float:
    return now if known is None else min(known, now)


def _is_excused(situation: Situation) -> bool:
    """Whether nobody can blame the candidate's pods for not being ready, or tell whether they are to blame."""
    facts = situation.observation.facts(situation.candidate.revision)
    short = accelerator_short(situation.deployment, situation.observation, situation.state)
    return bool(facts.unexplained) or short or _stable_is_gone(situation)


def _stable_is_gone(situation: Situation) -> bool:
    stable = situation.state.stable
    return stable is not None and situation.observation.facts(stable.revision).endpoints == 0
