"""What the cluster should look like for a memory, pods and a route."""

from typing import Any

from palier.release.observation import RevisionFacts
from palier.release.state import State
from palier.release.targets import Targets, find_targets
from tests.support.release.examples import CANDIDATE, NOW, STABLE, observed, ready
from tests.support.release.world import model_deployment

BOTH = {STABLE: ready(2), CANDIDATE: ready(2)}


def wanted(
    state: State,
    facts: dict[str, RevisionFacts] | None = None,
    weights: dict[str, int] | None = None,
    *,
    now: float = NOW,
    **changes: Any,  # noqa: ANN401
) -> Targets:
    """What the cluster should look like; stages are 5, 25, 50 and stable has two replicas unless changed."""
    return find_targets(
        model_deployment(**changes), state, observed(BOTH if facts is None else facts, weights), now=now
    )
