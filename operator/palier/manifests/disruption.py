"""How many pods of a revision may be evicted at once, while users depend on it: its PodDisruptionBudget.

Without one a drained node may take every pod of a revision in the same second. But a budget must never keep a node from
being drained: with a single pod there is none, and pods that are not ready may always go. Kubernetes also refuses every
eviction of a pod that two budgets select, so Palier makes none where the pods have one of their author's.
"""

from collections.abc import Mapping
from typing import Any, Final

from palier.api.v1alpha1 import ModelDeployment
from palier.manifests.metadata import child_name, metadata, selector_labels

BUDGET_VERSION: Final = "policy/v1"
BUDGET_KIND: Final = "PodDisruptionBudget"

_FEWEST: Final = 2
"""Pods of which one may be missing."""


def disruption_budget_manifest(deployment: ModelDeployment, revision: str, replicas: int) -> dict[str, Any] | None:
    """The budget of a revision, named as its other objects; None where there are too few pods for one.

    Args:
        deployment: the owner.
        revision: a revision that has traffic.
        replicas: the number of pods that it is meant to have.
    """
    if replicas < _FEWEST:
        return None
    labels = selector_labels(deployment, revision)
    return {
        "apiVersion": BUDGET_VERSION,
        "kind": BUDGET_KIND,
        "metadata": metadata(deployment, name=child_name(deployment, revision), labels=labels),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": labels},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def selects(budget: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an existing budget is about pods with these labels: no selector selects none, an empty one all."""
    selector = budget.get("spec", {}).get("selector")
    if selector is None:
        return False
    return (selector.get("matchLabels") or {}).items() <= labels.items() and all(
        _meets(labels, requirement) for requirement in selector.get("matchExpressions") or ()
    )


def _meets(labels: Mapping[str, str], requirement: Mapping[str, Any]) -> bool:
    value, values = labels.get(requirement["key"]), requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:  # an operator of a later Kubernetes: two budgets would be worse than none
            return True
