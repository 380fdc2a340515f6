"""Writes what some targets ask for, as a pass does, for tests of the single writes."""

from collections.abc import Mapping

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.act import Actor, ports_of
from palier.manifests.traffic import Mirror
from palier.release.observation import Observation
from palier.release.state import State
from palier.release.targets import Targets


async def keep_revisions(
    actor: Actor,
    deployment: ModelDeployment,
    state: State,
    targets: Targets,
    *,
    observation: Observation,
    prompts: Mapping[str, str] | None = None,
) -> None:
    """Make the revisions that have to exist, where something of them is missing."""
    ways = {way.revision: way.deployment for way in observation.options_of(deployment)}
    for revision, replicas in targets.replicas.items():
        if actor.lacks(deployment, revision, replicas):
            port = ports_of(state).get(revision, deployment.spec.serving.port)
            await actor.keep_revision(
                deployment, revision, replicas, port=port, described=ways.get(revision), prompts=prompts or {}
            )


async def steer(
    actor: Actor,
    deployment: ModelDeployment,
    state: State,
    targets: Targets,
    *,
    observation: Observation,
    mirror: Mirror | None = None,
) -> bool:
    """Write the traffic split where it differs; tells whether the API server has another one now."""
    await actor.end_copies(deployment)
    steering = actor.plan_steering(deployment, state, targets, observation=observation, mirror=mirror)
    return steering is not None and await actor.steer(deployment, steering)
