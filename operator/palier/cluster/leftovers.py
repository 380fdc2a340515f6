"""What was made for work that is over, found by a label that names the work: names alone could be another's."""

from collections.abc import Iterable, Iterator
from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.store import Store
from palier.manifests.metadata import owned_by

__all__ = ["find_leftovers"]


def find_leftovers(
    store: Store, deployment: ModelDeployment, kinds: Iterable[str], *, label: str, but: str
) -> Iterator[dict[str, Any]]:
    """The objects of a ModelDeployment that carry a label with another value than the one that is wanted.

    Args:
        store: the cache.
        deployment: the owner; objects that merely look like its own are left alone.
        kinds: of which kinds.
        label: says what work an object is for.
        but: the work that is wanted; empty for none.
    """
    for kind in kinds:
        for found in store.list(kind, deployment.metadata.namespace, {LABEL_DEPLOYMENT: deployment.metadata.name}):
            metadata = found["metadata"]
            over = metadata["labels"].get(label, but) != but and not metadata.get("deletionTimestamp")
            if over and owned_by(deployment, found):
                yield found
