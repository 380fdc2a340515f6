"""What is measured of users' requests, with the rules by which it is judged."""

from palier.api.v1alpha1 import Experiment, Landing, ModelDeployment
from palier.release.rules import Objectives, objectives_of
from palier.release.state import State


def measure_users_requests(deployment: ModelDeployment, state: State, *, landing: Landing | None = None) -> Objectives:
    """The objectives of the spec, read from both versions.

    Args:
        deployment: the spec as the candidate serves it.
        state: the memory.
        landing: the stage that they are for; an experiment asks one of them for a proof that the candidate is better.
    """
    return objectives_of(
        deployment,
        stable=state.stable.serving if state.stable else None,
        experiment=landing if isinstance(landing, Experiment) else None,
    )
