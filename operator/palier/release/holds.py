"""Why a release waits, in sentences with their numbers."""

from palier.api.spec.values import OnStableUnavailable
from palier.evidence.objective import Judgement, Verdict
from palier.evidence.sample_ratio import served_share
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, SlowerThan
from palier.release.cost import burn_stops
from palier.release.situation import Hold, Situation
from palier.release.targets import accelerator_short, stage_replicas

JUDGING = "Judging"
"""Reason of the ordinary hold: the stage's time is not over or its evidence not complete."""

CANNOT_MEASURE = "CannotMeasure"
"""Reason of the hold while there is nothing to judge by."""

BLIND_FOR = 3.0
"""Seconds without a measurement after which the release says so."""

SILENT_FOR = 10.0
"""Seconds without any answer from a gateway after which the release says so."""


def first_gap(situation: Situation, judgements: tuple[Judgement, ...]) -> Hold | None:
    """The first objective without a verdict; one missed scrape is not yet worth a reason of its own."""
    for judgement in judgements:
        if judgement.verdict is Verdict.NO_EVIDENCE:
            return Hold(CANNOT_MEASURE if _is_blind(situation, judgement) else JUDGING, judgement.message)
    return None


def _is_blind(situation: Situation, judgement: Judgement) -> bool:
    """Whether an objective cannot be measured, and not merely for a moment."""
    measured, name = situation.observation.measured, judgement.objective
    origins = {objective.rule.name: objective.origin for objective in situation.objectives.measured}
    since = measured.coverage(origins.get(name, Origin.PODS)).unseen_since
    if since is not None and situation.now - since >= BLIND_FOR:
        return True
    return name in measured.missing or name in dict(situation.objectives.unmeasurable)


def is_briefly_blind(situation: Situation, judgements: tuple[Judgement, ...]) -> bool:
    """Whether only a moment's blindness is in the way of a verdict: a missed scrape, or an operator that just started.

    The next look tells, so not even a deadline decides now.
    """
    unmeasured = [judgement for judgement in judgements if judgement.reason == CANNOT_MEASURE]
    return bool(unmeasured) and not any(_is_blind(situation, judgement) for judgement in unmeasured)


def served_share_mismatch(situation: Situation) -> Hold | None:
    """The gateway does not serve the share that the route says: whoever is judged then, it is not this stage.

    Without a gateway the share follows connections, not requests, and is only as fine as the replicas: not tested.
    """
    if situation.deployment.spec.traffic.gateway is None:
        return None
    weight = situation.observation.weight(situation.candidate.revision)
    for objective in situation.objectives.measured:
        evidence = situation.release.evidence.get(objective.rule.name)
        if evidence is None or evidence.served is None or not _counts_requests(objective):
            continue
        found = served_share(*evidence.served, weight=weight)
        return Hold("ServedShareDiffers", f"{objective.rule.name}: {found.message}") if found else None
    return None


def _counts_requests(objective: MeasuredObjective) -> bool:
    """Whether its events are all requests of both arms."""
    if objective.stable_source is None:
        return False
    if isinstance(objective.source, SlowerThan):
        return objective.origin is Origin.ROUTER
    return isinstance(objective.source, CounterRatio) and objective.origin in {Origin.PODS, Origin.ROUTER}


def stable_unavailable(situation: Situation) -> Hold | None:
    """Stable has no ready pod while the candidate beside it has some, in a stage that users meet."""
    state, observation, revision = situation.state, situation.observation, situation.candidate.revision
    if state.stable is None or situation.release.landing is None or situation.release.traffic_since is None:
        return None
    healthy = observation.facts(revision).endpoints
    if not healthy or not observation.weight(revision) or observation.facts(state.stable.revision).endpoints:
        return None
    stable, weight = state.stable, observation.weight(revision)
    trouble = observation.facts(stable.revision).trouble
    does = (
        "all requests go to the candidate until it is back (onStableUnavailable: SendToCandidate)"
        if situation.deployment.spec.release.on_stable_unavailable is OnStableUnavailable.SEND_TO_CANDIDATE
        else "the weights stay (onStableUnavailable: Hold); promote the candidate to let it serve everybody"
    )
    return Hold(
        "StableUnavailable",
        f"no pod of stable {stable.version} ({stable.revision}) is ready{f': {trouble}' if trouble else ''}, while"
        f" {healthy} pods of the candidate {revision} are, with {weight} % of the requests; {does}",
    )


def waiting_for_stable(situation: Situation) -> Hold | None:
    """Why the share of a stage does not come into force while stable has no ready pod: the weights stay until then."""
    state, revision = situation.state, situation.candidate.revision
    if state.stable is None or situation.observation.facts(state.stable.revision).endpoints:
        return None
    stable, weight = state.stable, situation.observation.weight(revision)
    trouble = situation.observation.facts(stable.revision).trouble
    return Hold(
        "StableUnavailable",
        f"no pod of stable {stable.version} ({stable.revision}) is ready{f': {trouble}' if trouble else ''}; the"
        f" candidate {revision} stays at {weight} % of the requests until it is back; promote the candidate to let it"
        " serve everybody",
    )


def describe_shift(entered: Situation, message: str) -> Hold:
    """Why the traffic does not move this very instant, if it does not."""
    needed = stage_replicas(entered.deployment, entered.state, entered.observation, now=entered.now)
    if entered.observation.facts(entered.candidate.revision).carries(needed):
        return Hold("Shifting", message)
    return waiting_for_pods(entered, needed)


def find_hold(situation: Situation, where: str) -> Hold | None:
    """Why the release stays where it is although nothing speaks against its candidate."""
    if situation.deployment.spec.release.paused:
        return Hold("Paused", f"the release is paused by spec.release.paused {where}")
    burns = not situation.release.is_direct and burn_stops(situation.deployment, situation.burn, under_way=True)
    if situation.burn and burns:
        return Hold(situation.burn.reason, f"held {where} (budget.onBurn: Hold): {situation.burn.message}")
    return None


def waiting_for_pods(situation: Situation, needed: int) -> Hold:
    """How many of the candidate's pods are ready, and what is in their way if that is known."""
    facts = situation.observation.facts(situation.candidate.revision)
    if facts.refused and facts.ready(needed):
        return Hold("PortRefused", facts.refused)
    ready = min(facts.available, facts.endpoints)
    trouble = f": {facts.trouble}" if facts.trouble else ""
    if facts.unexplained:
        trouble += f"; why is not known: {facts.unexplained}"
    short = accelerator_short(situation.deployment, situation.observation, situation.state)
    return Hold(
        "AcceleratorShortage" if short else "CandidateNotReady",
        f"{ready} of {needed} pods of {situation.candidate.revision} are ready{trouble}",
    )


def waiting_for_route(situation: Situation) -> Hold:
    """What the gateway has said about the route, or that it keeps silent.

    It cannot have been silent for longer than the route is there in its present form.
    """
    route = situation.observation.route
    if route.conflict:
        return Hold("RouteConflict", route.conflict)
    if route.problem:
        return Hold("RouteNotAccepted", route.problem)
    gateway = situation.deployment.spec.traffic.gateway
    if gateway is None:
        return Hold("Shifting", "moving the front Service")
    waited = min(situation.now - situation.release.stage_started_at, route.unchanged_for)
    if waited >= SILENT_FOR:
        names = ", ".join(
            f"{parent.namespace or situation.deployment.metadata.namespace}/{parent.name}"
            for parent in gateway.parent_refs
        )
        message = f"no gateway has accepted the route for {waited:.0f} s: does Gateway {names} exist and run?"
        return Hold("RouteNotAccepted", message)
    return Hold("Shifting", "waiting for the gateway to accept the route")


def pods_in_the_way(situation: Situation) -> list[str]:
    """Without a gateway, revisions whose pods the open front Service would also select."""
    if situation.deployment.spec.traffic.gateway is not None or situation.release.is_direct:
        return []
    known = {situation.candidate.revision, *([situation.state.stable.revision] if situation.state.stable else [])}
    return sorted(
        revision for revision, facts in situation.observation.revisions.items() if revision not in known and facts.pods
    )
