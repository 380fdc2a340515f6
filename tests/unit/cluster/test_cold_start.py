"""How long a pod took to be ready, and where it runs, from what the kubelet tells."""

from decimal import Decimal
from typing import Any

import pytest

from palier.cluster.loadtests import cold_start, nodes_of
from palier.manifests.metadata import selector_labels
from tests.support.cluster.tested_pods import REVISION, STARTED_AT, ready_at, serving_pod
from tests.support.release.world import model_deployment


def test_a_cold_start_is_counted_from_the_node() -> None:
    """Waiting for a free accelerator is no part of it; of several pods the slowest counts."""
    slower = serving_pod("demo-y", conditions=ready_at("2026-11-24T09:51:05Z"))
    assert selector_labels(model_deployment(), REVISION).items() <= slower["metadata"]["labels"].items()
    assert cold_start([serving_pod()]) == Decimal(25)
    assert cold_start([slower, serving_pod()]) == Decimal(60)


def test_without_the_time_of_the_placing_the_creation_stands_in() -> None:
    """Some schedulers do not write the condition."""
    (_, ready) = ready_at("2026-11-24T09:50:30Z")
    assert cold_start([serving_pod(conditions=[ready])]) == Decimal(30)


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions": ready_at("2026-11-24T10:03:00Z")},
        {"conditions": ready_at("2026-11-24T09:50:30Z")[:1]},
        {"containerStatuses": [{"name": "m", "restartCount": 1}]},
        {"conditions": None},
    ],
    ids=["ready again during the test", "not ready", "started again", "nothing told"],
)
def test_a_pod_that_cannot_tell_its_cold_start_has_none(changes: dict[str, Any]) -> None:
    """Under too much load a pod may lose its readiness and get it back: that is no start."""
    assert cold_start([serving_pod(**changes)], before=STARTED_AT) is None


def test_nodes_are_told_once_and_only_where_pods_are() -> None:
    """A pod that was not placed yet is on no node."""
    unplaced = {"metadata": {"name": "z"}, "spec": {}}
    other = {"metadata": {"name": "y"}, "spec": {"nodeName": "node-1"}}
    assert nodes_of([serving_pod(), other, serving_pod("w"), unplaced]) == ("node-1", "node-7")
