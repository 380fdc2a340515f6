"""What ends a release at once, whatever stage it is at: a person, another spec, a candidate that is gone, a breach."""

from palier.api.v1alpha1 import OnBreach
from palier.evidence.objective import Judgement, Verdict
from palier.release.reach import end_unreached
from palier.release.readiness import LOSSES_ENDURED, is_gone_for_good
from palier.release.requests import is_asked
from palier.release.situation import Situation
from palier.release.state import Ending, ReleasePhase, Result


def ending_of(situation: Situation, judgements: tuple[Judgement, ...], *, doubted: bool = False) -> Ending | None:
    """How the release ends now; None while it goes on. People and the spec go before the candidate's own faults.

    Args:
        situation: the arguments of the decision.
        judgements: the verdicts.
        doubted: whether a breach of what is measured waits until fresh requests confirm it.
    """
    return (
        _asked_to_end(situation)
        or _candidate_gone(situation)
        or _candidate_unreached(situation)
        or _find_breach(situation, judgements, doubted=doubted)
    )


def _asked_to_end(situation: Situation) -> Ending | None:
    """A person aborted, or the spec now asks for something else."""
    state, observation, candidate = situation.state, situation.observation, situation.candidate
    if is_asked(state, observation.requests, "abort"):
        return Ending(
            Result.ABORTED,
            "AbortRequested",
            f"the release was aborted on request{observation.requests.asked_by('abort')}",
        )
    if observation.revision == candidate.asked_for_by:
        return None
    if state.stable is None:
        # Nothing else can serve: a first revision that already has the traffic is completed before it is replaced.
        if observation.weight(candidate.revision) > 0:
            return None
        return Ending(Result.SUPERSEDED, "Superseded", f"the spec now asks for {observation.revision}")
    if observation.revision in {state.stable.revision, state.stable.asked_for_by}:
        return Ending(Result.REVERTED, "Reverted", "the spec was set back to the stable revision")
    return Ending(Result.SUPERSEDED, "Superseded", f"the spec now asks for {observation.revision}")


def _candidate_gone(situation: Situation) -> Ending | None:
    """A candidate that had users and whose pods do not come back: no statistics are needed for that."""
    if not is_gone_for_good(situation):
        return None
    release, facts = situation.release, situation.observation.facts(situation.candidate.revision)
    grace = situation.deployment.spec.release.candidate_grace
    message = (
        f"the candidate lost all its ready pods {release.losses} times in one stage while it had users"
        if release.losses > LOSSES_ENDURED
        else f"no pod of the candidate has been ready for {grace} (candidateGrace) after it had users"
    )
    return Ending(
        Result.ROLLED_BACK, "CandidateUnavailable", f"{message}: {facts.trouble}" if facts.trouble else message
    )


def _candidate_unreached(situation: Situation) -> Ending | None:
    """A candidate with weight whose counters know of no request, beside a stable revision that counts many."""
    release, observation, revision = situation.release, situation.observation, situation.candidate.revision
    if situation.state.stable is None or release.landing is None or release.traffic_since is None:
        return None
    name = next((one.rule.name for one in situation.objectives.measured if one.counts_every_request), "")
    evidence = release.evidence.get(name)
    return end_unreached(
        situation.deployment,
        arrivals=evidence.arrivals if evidence else None,
        weight=observation.weight(revision),
        endpoints=observation.facts(revision).endpoints,
        traffic_for=situation.now - release.traffic_since,
    )


def _find_breach(situation: Situation, judgements: tuple[Judgement, ...], *, doubted: bool) -> Ending | None:
    """An objective is breached with enough evidence, and the user wants that to end the release."""
    if situation.deployment.spec.release.on_breach is not OnBreach.ROLLBACK:
        return None
    waiting = {objective.rule.name for objective in situation.objectives.measured} if doubted else set()
    failed = [one for one in judgements if one.verdict is Verdict.FAIL and one.objective not in waiting]
    if not failed:
        return None
    # Nobody has met a candidate that fails in the shadow: there is nothing to roll back.
    result = Result.REFUSED if situation.release.phase is ReleasePhase.SHADOWING else Result.ROLLED_BACK
    return Ending(result, "ObjectiveBreached", "; ".join(judgement.message for judgement in failed))
