"""What the world should look like for a given memory: traffic weights, replica counts, and what may be removed.

Weights are given only to revisions that can carry them, and nothing that a route still names is ever removed: the order
of traffic changes lives here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from palier.api.spec.values import OnStableUnavailable, Surge
from palier.api.v1alpha1 import ModelDeployment
from palier.release.observation import Observation
from palier.release.prospects import run_needed
from palier.release.state import ReleasePhase, State

ALL = 100
"""Percent."""

LEAST = 1
"""Percent over which a backend comes into traffic and leaves it (see `ease_weight`)."""

SETTLED_AFTER = 0.5
"""Seconds after an accepted write within which a data plane follows; 0.34 s was the longest seen with Envoy Gateway."""

UNANSWERED_AFTER = 3.0
"""Seconds after which a write that no gateway has answered is no longer waited for on the way down."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The wanted state of the cluster for one ModelDeployment."""

    weights: Mapping[str, int] | None
    """Percent by revision, summing to 100; None while there is nothing to send traffic to."""
    backend_positions: tuple[str, str] | None
    """Revisions at the route's two positions."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Pods by revision, for every revision that has to exist."""
    remove: frozenset[str] = frozenset()
    """Revisions to delete now."""
    again_in: float | None = None
    """Seconds after which the next intermediate weight may be written."""
    mirrored: bool = False
    """Whether the shadow proxy gets copies of the requests."""


def full_replicas(deployment: ModelDeployment) -> int:
    """Pods for all of the traffic."""
    return deployment.spec.serving.replicas


def replicas_for(deployment: ModelDeployment, weight: int) -> int:
    """Pods that a candidate needs for a share of the traffic, in percent.

    Behind a gateway the share is the gateway's business and the pods only have to carry it. Without one, the number of
    pods next to the full stable set is what makes the share: c / (c + n) as near to the weight as whole pods allow.
    """
    full = full_replicas(deployment)
    if deployment.spec.traffic.gateway is None:
        if weight == ALL:
            return full
        below = max(1, math.floor(full * weight / (ALL - weight)))
        nearest = min((below, below + 1), key=lambda pods: abs(ALL * pods / (pods + full) - weight))
        return min(full, nearest)
    return max(1, math.ceil(full * weight / ALL))


def stage_replicas(deployment: ModelDeployment, state: State, observation: Observation, *, now: float) -> int:
    """Pods that the candidate needs for the stage it is at.

    A load test is about exactly as many as its next run asks for. While it cannot be said which run that is, the pods
    that are there stay.
    """
    release, full = state.release, full_replicas(deployment)
    stage = release.stage if release else None
    if stage is None or release is None:
        return full
    if stage.load_test:
        present = observation.facts(state.candidate.revision).replicas if state.candidate else 0
        if observation.unreadable:
            return max(1, present)
        run = run_needed(deployment, observation, state, now=now)
        return run.replicas if run else max(1, present)
    ahead = next((one.share for one in release.plan[release.cursor :] if one.share), ALL)
    return replicas_for(deployment, ahead)


def accelerator_short(deployment: ModelDeployment, observation: Observation, state: State) -> bool:
    """Whether the candidate waits for an accelerator that no node has left: no fault of its own."""
    candidate = state.candidate
    if candidate is None or state.release is None:
        return False
    gpu = observation.describe_revision(deployment, candidate.revision).spec.serving.placement.gpu
    return gpu is not None and f"Insufficient {gpu.resource}" in observation.facts(candidate.revision).trouble


def find_targets(deployment: ModelDeployment, state: State, observation: Observation, *, now: float) -> Targets:
    """The wanted state of the cluster.

    Args:
        deployment: the spec.
        state: the memory as just decided.
        observation: what is there now; a weight rises only onto ready pods.
        now: seconds since the epoch.
    """
    weights, again_in = _smooth_weights(
        deployment, state, observation, _weights(deployment, state, observation, now=now)
    )
    replicas: dict[str, int] = {}
    if state.former:
        # A warm revision has no users: it keeps the pods that it had, whatever an autoscaler wants for those of stable.
        former = observation.facts(state.former.reference.revision)
        replicas[state.former.reference.revision] = former.replicas or full_replicas(deployment)
    if state.stable:
        replicas[state.stable.revision] = full_replicas(deployment) - _count_lent(deployment, state, observation)
    if state.candidate and state.release:
        revision = state.candidate.revision
        present = observation.facts(revision).replicas
        needed = stage_replicas(deployment, state, observation, now=now)
        if state.release.ending:
            if present:
                replicas[revision] = max(present, 1)
        elif state.release.stage and state.release.stage.load_test:
            replicas[revision] = needed  # a load test is about exactly so many
        elif deployment.spec.traffic.gateway is None and state.release.stage is not None:
            replicas[revision] = needed  # here the number of pods makes the share: surplus ones go before any traffic
        else:
            most = full_replicas(deployment)
            replicas[revision] = max(needed, min(present, most), min(state.release.pods_wanted, most))
    named = set(observation.route.weights) | set(state.backend_positions or ())
    remove = frozenset(d.revision for d in state.drains if now >= d.until and d.revision not in named | set(replicas))
    shadowed = state.release is not None and state.release.phase is ReleasePhase.SHADOWING
    return Targets(
        weights=weights,
        backend_positions=_existing_positions(state, observation, weights),
        replicas=replicas,
        remove=remove,
        again_in=again_in,
        # A breach that is held for a person needs no more pairs, and stable need not carry them.
        mirrored=shadowed and observation.shadow.ready and not (state.release and state.release.breach),
    )


def _existing_positions(
    state: State, observation: Observation, weights: Mapping[str, int] | None
) -> tuple[str, str] | None:
    """The route's two positions without a revision that is not there: a name in a route always has a Service."""
    if state.backend_positions is None:
        return None
    first, second = (
        one if (weights or {}).get(one) or observation.facts(one).exists else "" for one in state.backend_positions
    )
    return first, second


def _count_lent(deployment: ModelDeployment, state: State, observation: Observation) -> int:
    """Replicas of stable that make room for the candidate, where the owner allows that: one at most.

    While nobody can tell whether the candidate still lacks its accelerator, what was lent stays lent.
    """
    if deployment.spec.serving.placement.surge is not Surge.SWAP or full_replicas(deployment) < 2:  # noqa: PLR2004
        return 0
    lent = state.stable is not None and observation.facts(state.stable.revision).replicas < full_replicas(deployment)
    if lent and state.release and state.candidate and observation.facts(state.candidate.revision).unexplained:
        return 1
    return int(accelerator_short(deployment, observation, state))


def ease_weight(present: int, wanted: int) -> int:
    """The next weight on the way from one to another, in percent: in and out of traffic goes over the least weight.

    A gateway that keeps a cluster for each backend makes it when the backend gets weight and drops it when the weight
    is gone. For some milliseconds its routes and its clusters disagree, and the requests that are sent to the missing
    cluster fail. At 1 % that is next to nobody; measured with Envoy Gateway at 700 requests/s: 12 failed in ten steps
    from 50 % to 0, none in ten over 1 %.
    """
    if present == wanted:
        return wanted
    if present == 0:
        return LEAST
    if present == ALL:
        return ALL - LEAST
    if wanted == 0:
        return LEAST if present > LEAST else 0
    if wanted == ALL:
        return ALL - LEAST if present < ALL - LEAST else ALL
    return wanted


def _smooth_weights(
    deployment: ModelDeployment, state: State, observation: Observation, wanted: Mapping[str, int] | None
) -> tuple[Mapping[str, int] | None, float | None]:
    """The weights to write now on the way to the wanted ones, and when to look again if more steps follow."""
    candidate, stable, route = state.candidate, state.stable, observation.route
    if wanted is None or not candidate or not stable or not route.exists or deployment.spec.traffic.gateway is None:
        return wanted, None
    if candidate.revision not in (state.backend_positions or ()):
        return wanted, None
    present, share = observation.weight(candidate.revision), wanted.get(candidate.revision, 0)
    following = ease_weight(present, share)
    gone = observation.facts(candidate.revision).endpoints == 0
    if following == present or present + observation.weight(stable.revision) != ALL or (gone and share == 0):
        return wanted, None
    between = present in {LEAST, ALL - LEAST}
    patience = SETTLED_AFTER if route.accepted else UNANSWERED_AFTER
    if between and route.unchanged_for < patience:
        return {stable.revision: ALL - present, candidate.revision: present}, patience - route.unchanged_for
    split = {stable.revision: ALL - following, candidate.revision: following}
    return split, (None if following == share else SETTLED_AFTER)


def positions_after(state: State, *, now: float) -> tuple[str, str] | None:
    """The revisions at the route's two positions.

    The stable revision never changes its position, because a gateway that keeps one cluster per position would start
    that cluster anew under full traffic. The other position follows the candidate and is empty once its last holder
    may be removed; the route then names stable's Service there too, at weight 0: every name has ready endpoints.
    """
    release, candidate = state.release, state.candidate
    in_traffic = release is not None and release.phase in {ReleasePhase.CANARY, ReleasePhase.PROMOTING}
    if state.stable is None:
        return (candidate.revision, "") if candidate and in_traffic else None
    stable = state.stable.revision
    first, second = state.backend_positions or (stable, "")
    if stable not in {first, second}:
        first, second = stable, ""
    position = 0 if first == stable else 1
    held = second if position == 0 else first
    if candidate and in_traffic:
        other = candidate.revision
    elif held in _may_stay_named(state, now=now):
        other = held
    else:
        other = ""
    return (stable, other) if position == 0 else (other, stable)


def _may_stay_named(state: State, *, now: float) -> set[str]:
    named = {drain.revision for drain in state.drains if now < drain.until}
    if state.former:
        named.add(state.former.reference.revision)
    if state.candidate and state.release:
        named.add(state.candidate.revision)
    return named


def _weights(
    deployment: ModelDeployment, state: State, observation: Observation, *, now: float
) -> Mapping[str, int] | None:
    release, candidate, stable = state.release, state.candidate, state.stable
    if stable is None:
        opened = release is not None and release.stage is None and release.opened_at is not None
        if candidate and opened and not (release and release.ending) and _can_take_all(deployment, state, observation):
            return {candidate.revision: ALL}
        return None
    share = _candidate_share(deployment, state, observation, now=now) if candidate and release else 0
    if candidate is None or share == 0:
        return {stable.revision: ALL}
    if share == ALL:
        return {candidate.revision: ALL}
    return {stable.revision: ALL - share, candidate.revision: share}


def _candidate_share(deployment: ModelDeployment, state: State, observation: Observation, *, now: float) -> int:
    """The candidate's share: never more than its present stage has opened, and never more than its ready pods carry."""
    release, candidate, stable = state.release, state.candidate, state.stable
    assert release is not None  # noqa: S101 - asked only while a release is in progress
    assert candidate is not None  # noqa: S101
    assert stable is not None  # noqa: S101
    present, pods = observation.weight(candidate.revision), observation.facts(candidate.revision).endpoints
    promoted = release.stage is None and release.opened_at is not None and not release.ending
    if observation.facts(stable.revision).endpoints == 0 and not (promoted and pods):
        return _share_without_stable(deployment, state, present=present, pods=pods)
    if release.ending or pods == 0:
        return 0
    stage = release.stage
    allowed = release.weight if release.opened_at is not None else min(present, release.reached_weight)
    if present >= allowed or (present == ALL and stage is None):
        return allowed
    needed = stage_replicas(deployment, state, observation, now=now)
    return allowed if observation.facts(candidate.revision).carries(needed) else min(present, release.reached_weight)


def _share_without_stable(deployment: ModelDeployment, state: State, *, present: int, pods: int) -> int:
    """The candidate's share while stable has no ready pod: nobody else could answer what is taken from it."""
    release, candidate = state.release, state.candidate
    if release is None or candidate is None or candidate.revision not in (state.backend_positions or ()):
        return 0
    if pods == 0:
        return 0 if release.ending else present
    sends = deployment.spec.release.on_stable_unavailable is OnStableUnavailable.SEND_TO_CANDIDATE
    in_traffic = release.landing is not None and release.traffic_since is not None and not release.ending
    return ALL if sends and in_traffic else present


def _can_take_all(deployment: ModelDeployment, state: State, observation: Observation) -> bool:
    assert state.candidate is not None  # noqa: S101 - asked only while there is one
    revision = state.candidate.revision
    if observation.weight(revision) == ALL and observation.facts(revision).endpoints > 0:
        return True
    return observation.facts(revision).carries(full_replicas(deployment))
