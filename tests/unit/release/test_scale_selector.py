"""An autoscaler sees the pods whose number it writes, and no others."""

from typing import Any

import pytest

from palier.release.report import status_of
from palier.release.situation import Decision
from palier.release.state import Former, ReleasePhase, State
from tests.support.release.examples import (
    CANDIDATE,
    FORMER,
    NOW,
    STABLE,
    THIRD,
    first,
    observed,
    ready,
    ref,
    releasing,
    serving,
)
from tests.support.release.world import model_deployment

PODS = {STABLE: ready(4), CANDIDATE: ready(3), FORMER: ready(5)}


def selected(state: State, weights: dict[str, int]) -> tuple[list[str], int]:
    """The revisions whose pods `status.selector` selects, and `status.replicas`."""
    observation = observed(PODS, weights, wanted=THIRD)
    status: dict[str, Any] = status_of(model_deployment(), Decision(state), observation, found=[])
    wanted = dict(term.split("=") for term in status["selector"].split(","))
    labels = [{"palier.dev/modeldeployment": "demo", "palier.dev/revision": revision} for revision in (*PODS, THIRD)]
    return [each["palier.dev/revision"] for each in labels if wanted.items() <= each.items()], status["replicas"]


def test_a_warm_former_revision_is_not_averaged_over() -> None:
    """It has nothing to do: an autoscaler would keep half of the pods that stable needs."""
    assert selected(serving(former=Former(ref(FORMER), NOW + 600)), {STABLE: 100}) == ([STABLE], 4)


@pytest.mark.parametrize("weights", [{STABLE: 95, CANDIDATE: 5}, {STABLE: 50, CANDIDATE: 50}, {CANDIDATE: 100}])
def test_a_candidate_is_not_averaged_over(weights: dict[str, int]) -> None:
    """Whatever its share is: the number of its pods follows the share and not the autoscaler."""
    assert selected(releasing(ReleasePhase.CANARY, index=1), weights) == ([STABLE], 4)


def test_before_there_is_a_stable_revision_it_is_the_candidate() -> None:
    """It is about to become stable, with all the pods that the autoscaler asks for."""
    assert selected(first(ReleasePhase.PREPARING), {}) == ([CANDIDATE], 3)


def test_before_there_is_anything_it_is_what_the_spec_asks_for() -> None:
    """No pod of any other revision, such as one on its way out, is taken for it."""
    assert selected(State(), {}) == ([THIRD], 0)
