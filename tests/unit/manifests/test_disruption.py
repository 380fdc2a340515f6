"""Budgets keep pods from being evicted all at once, and never keep a node from being drained."""

from typing import Any

import pytest

from palier.manifests.disruption import disruption_budget_manifest, selects
from tests.support.release.world import model_deployment

REVISION = "aaaaaaaaaa"
LABELS = {"app": "demo", "tier": "models"}


@pytest.mark.parametrize("replicas", [2, 3, 1000])
def test_one_pod_of_several_may_be_missing(replicas: int) -> None:
    """It goes with its ModelDeployment, selects the pods of one revision and lets those go that serve nobody."""
    deployment = model_deployment()
    budget = disruption_budget_manifest(deployment, REVISION, replicas)

    assert budget is not None
    labels = {"palier.dev/modeldeployment": "demo", "palier.dev/revision": REVISION}
    assert (budget["apiVersion"], budget["kind"]) == ("policy/v1", "PodDisruptionBudget")
    assert budget["metadata"]["name"] == f"demo-{REVISION}"
    assert budget["metadata"]["ownerReferences"][0]["uid"] == deployment.metadata.uid
    assert labels.items() <= budget["metadata"]["labels"].items()
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": labels},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    assert selects(budget, {**LABELS, **labels})
    assert not selects(budget, {**LABELS, **labels, "palier.dev/revision": "bbbbbbbbbb"})


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_single_pod_has_none(replicas: int) -> None:
    """A budget of one pod would keep its node from ever being drained."""
    assert disruption_budget_manifest(model_deployment(), REVISION, replicas) is None


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "demo"}}, True),
        ({"matchLabels": {"app": "demo", "tier": "models"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["other", "demo"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["other"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]}, True),
        ({"matchExpressions": [{"key": "away", "operator": "NotIn", "values": ["other"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["demo"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "away", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "away", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Resembles"}]}, True),
        ({"matchLabels": {"app": "demo"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_selector_selects_as_kubernetes_says(selector: dict[str, Any] | None, selected: bool) -> None:
    """Labels and expressions all have to be met; an operator that is not known counts as met."""
    spec = {} if selector is None else {"selector": selector}

    assert selects({"spec": spec}, LABELS) is selected
