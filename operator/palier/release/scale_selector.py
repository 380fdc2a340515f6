"""Which pods the scale subresource is about: those of the one revision whose number `spec.serving.replicas` is.

An autoscaler averages over the pods that the selector selects. A warm former revision is idle, and a candidate has as
many pods as its share takes: with either of them in the average, too few pods would be kept for the users of stable.
"""

from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.v1alpha1 import ModelDeployment
from palier.release.observation import Observation
from palier.release.state import State


def scale_status(deployment: ModelDeployment, state: State, observation: Observation) -> dict[str, Any]:
    """`status.replicas` and `status.selector`: the pods of stable, or of what is to become it first."""
    reference = state.stable or state.candidate
    revision = reference.revision if reference else observation.revision
    return {
        "replicas": observation.facts(revision).available,
        "selector": f"{LABEL_DEPLOYMENT}={deployment.metadata.name},{LABEL_REVISION}={revision}",
    }
