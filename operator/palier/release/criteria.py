"""By what is a candidate judged where its release stands? In the shadow by pairs, in an experiment by proof."""

from palier.api.v1alpha1 import Experiment, ModelDeployment
from palier.release.resolve import serving_of
from palier.release.rules import Objectives, alpha_of, objectives_of
from palier.release.shadow_objectives import shadow_objectives
from palier.release.state import ReleasePhase, State
from palier.shadow.plan import digest, plan_for


def criteria(deployment: ModelDeployment, state: State) -> Objectives:
    """The objectives of the stage that a release is at, or comes to.

    Args:
        deployment: the spec as the candidate serves it.
        state: the memory.
    """
    release, stable, shadow = state.release, state.stable, deployment.spec.release.shadow
    if release and release.phase is ReleasePhase.SHADOWING and shadow and stable and state.candidate:
        about = comparison(deployment, candidate=state.candidate.revision, stable=stable.revision)
        return Objectives(shadow_objectives(deployment, shadow, alpha=alpha_of(deployment), about=about))
    # On the way to all of the traffic it is still judged by what the last stage asked for.
    landings = deployment.spec.release.canaries if release and release.stage is None else []
    stage = release.landing if release and release.stage else (landings[-1] if landings else None)
    return objectives_of(
        deployment,
        stable=serving_of(stable) if stable else None,
        experiment=stage if isinstance(stage, Experiment) else None,
    )


def comparison(deployment: ModelDeployment, *, candidate: str, stable: str) -> str:
    """Digest of how the answers of two revisions are compared in the shadow."""
    return digest(plan_for(deployment, candidate=candidate, stable=stable))
