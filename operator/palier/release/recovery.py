"""Which revision serves, when the memory is gone or older than the world?

A status can be lost or replaced: a backup is restored, an object is made anew, somebody writes the subresource. What
serves is then recognised by a mark on its Deployment, which Palier sets before it gives the revision all of the traffic
and never takes away; of several marks the newest counts. Without marks, a route that sends everything to one revision
is clear as well. Where nothing is clear, nothing moves until a person says which revision is stable: a revision never
becomes stable because the memory is gone.
"""

from dataclasses import replace

from palier.api.constants import ANNOTATION_STABLE
from palier.api.v1alpha1 import ModelDeployment
from palier.release.observation import Observation
from palier.release.situation import Hold, Note
from palier.release.state import Result, RevisionRef, State

ALL = 100
"""Percent."""


def recover_stable(
    deployment: ModelDeployment, observation: Observation, state: State, *, now: float
) -> tuple[State, tuple[Note, ...], Hold | None]:
    """The memory with the revision that serves, what to tell people, and why nothing may move if it is not known.

    Args:
        deployment: the spec.
        observation: the revisions with their marks, and the split that is in force.
        state: the memory.
        now: seconds since the epoch.
    """
    marked = _newest_mark(observation)
    if state.stable is not None:
        if marked is None or marked.since <= state.stable.since or marked.revision == state.stable.revision:
            return state, (), None
        if _is_promoting(state, marked.revision):
            return state, (), None
        return _restore_stable(observation, state, marked, "its mark is newer than the status")
    if state.release is not None and (marked is None or _is_promoting(state, marked.revision)):
        return state, (), None  # the first revision of all is on its way
    if marked is not None and not _was_given_up(state, observation, marked.revision):
        return _restore_stable(observation, state, marked, "its Deployment carries the mark")
    weights = {revision: weight for revision, weight in observation.route.weights.items() if weight}
    known = {revision for revision in weights if revision in observation.revisions}
    named = observation.requests.stable
    if not weights or not observation.route.ours:
        return state, (), None  # nobody has had users yet
    if named in observation.revisions and named in weights:
        return _restore_stable(
            observation, state, _describe_revision(deployment, observation, named, now), "a person named it"
        )
    if len(weights) == 1 and known:
        (only,) = known
        if weights[only] == ALL:
            return _restore_stable(
                observation, state, _describe_revision(deployment, observation, only, now), "it has all traffic"
            )
    shares = ", ".join(f"{revision} has {weight} %" for revision, weight in sorted(weights.items()))
    message = (
        f"the status does not say which revision serves, and {shares}: nothing moves until the annotation"
        f" {ANNOTATION_STABLE} names the one that is stable"
    )
    return state, (), Hold("StableUnknown", message)


def _newest_mark(observation: Observation) -> RevisionRef | None:
    marks = [facts.mark for facts in observation.revisions.values() if facts.mark is not None]
    return max(marks, key=lambda mark: (mark.since, mark.revision), default=None)


def _is_promoting(state: State, revision: str) -> bool:
    """Whether the release in progress is about to make a revision stable by itself."""
    release, candidate = state.release, state.candidate
    return release is not None and candidate is not None and candidate.revision == revision and release.stage is None


def _was_given_up(state: State, observation: Observation, revision: str) -> bool:
    """Whether a first revision was marked for its traffic, and its release ended before it got any."""
    last = next((outcome for outcome in reversed(state.history) if outcome.revision == revision), None)
    return last is not None and last.result is not Result.PROMOTED and observation.weight(revision) == 0


def _restore_stable(
    observation: Observation, state: State, stable: RevisionRef, why: str
) -> tuple[State, tuple[Note, ...], Hold | None]:
    message = f"{stable.model} {stable.version} ({stable.revision}) serves although the status did not say so: {why}"
    recovered = replace(
        state,
        stable=stable,
        candidate=None,
        release=None,
        former=None if state.former and state.former.reference.revision == stable.revision else state.former,
        backend_positions=observation.route.positions or state.backend_positions,
        drains=tuple(drain for drain in state.drains if drain.revision != stable.revision),
    )
    return recovered, (Note("Warning", "StableRecovered", message),), None


def _describe_revision(deployment: ModelDeployment, observation: Observation, revision: str, now: float) -> RevisionRef:
    """A revision without a mark, by what its Service and the spec tell of it."""
    model = deployment.spec.model
    option = next((option for option in observation.options_of(deployment) if option.revision == revision), None)
    port = observation.facts(revision).port or deployment.spec.serving.port
    if option is None:
        return RevisionRef(revision, model.name, "unknown", port, now)
    return RevisionRef(
        revision,
        option.deployment.spec.model.name,
        option.deployment.spec.model.version,
        port,
        now,
        variant=option.variant,
        family=observation.revision if option.variant else "",
    )
