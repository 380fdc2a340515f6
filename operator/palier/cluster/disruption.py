"""The PodDisruptionBudgets of the revisions that have traffic, as they are in the cluster."""

from collections.abc import Mapping
from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.ownership import claim
from palier.cluster.store import Store
from palier.errors import Forbidden, Invalid, NotFound
from palier.manifests.disruption import BUDGET_KIND, disruption_budget_manifest, selects
from palier.manifests.drift import still_holds
from palier.manifests.metadata import child_name, owned_by, selector_labels


async def keep_disruption_budgets(
    cluster: Cluster, store: Store, deployment: ModelDeployment, wanted: Mapping[str, int]
) -> Denial:
    """Have a budget for each revision with traffic, and no other; write only what differs.

    No release needs a budget, so that one that is denied stops nothing, not even the others.

    Args:
        cluster: where they are.
        store: the cache.
        deployment: the owner.
        wanted: the number of pods that each revision with traffic is meant to have, by revision.

    Returns:
        The first answer by which the API server denied one; a name that is taken counts as such.

    Raises:
        ClusterError: the API server could not answer.
    """
    denial: Denial = None
    kept = set()
    for revision, replicas in sorted(wanted.items()):
        manifest = disruption_budget_manifest(deployment, revision, replicas)
        if manifest is None or _has_budget(store, deployment, revision):
            continue
        kept.add(manifest["metadata"]["name"])
        try:
            live = await claim(cluster, store, deployment, manifest)
            if live is None or not still_holds(live, manifest):
                store.put(await cluster.apply(manifest))
        except (Forbidden, Invalid) as error:
            denial = denial or error
        except (
            NotFound
        ):  # the cluster serves no budgets, which was told at the start, or the namespace is on its way out
            return denial
    own = store.list(BUDGET_KIND, deployment.metadata.namespace, {LABEL_DEPLOYMENT: deployment.metadata.name})
    over = (one for one in own if owned_by(deployment, one) and one["metadata"]["name"] not in kept)
    refused = await let_go(cluster, map(Reference.from_object, over))  # also after a denial: neither hides the other
    return denial or refused


def _has_budget(store: Store, deployment: ModelDeployment, revision: str) -> bool:
    """Whether the author of the pods, or an administrator, has given them a budget already."""
    namespace = deployment.metadata.namespace
    labels = _pod_labels(store.get("Deployment", namespace, child_name(deployment, revision)))
    return any(
        selects(budget, {**labels, **selector_labels(deployment, revision)})
        for budget in store.list(BUDGET_KIND, namespace)
        if not owned_by(deployment, budget)
    )


def _pod_labels(workload: Mapping[str, Any] | None) -> Mapping[str, str]:
    return {} if workload is None else workload["spec"]["template"]["metadata"].get("labels") or {}
