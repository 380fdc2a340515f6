"""What everything has in common that writes objects of a ModelDeployment, and that removes those of work that is over.

Those are found by a label that names the work: names alone could be another's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.ownership import claim
from palier.cluster.store import Store
from palier.manifests.metadata import owned_by


@dataclass(frozen=True, slots=True)
class Keeper:
    """Writes objects of ModelDeployments and remembers the answers in the cache."""

    cluster: Cluster
    store: Store

    async def apply(self, manifest: Mapping[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Write an object that is known to be the ModelDeployment's own."""
        live = await self.cluster.apply(manifest, **options)
        self.store.put(live)
        return live

    async def claim_and_apply(self, deployment: ModelDeployment, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Write an object whose name may be somebody else's."""
        await claim(self.cluster, self.store, deployment, manifest)
        return await self.apply(manifest)


@dataclass(frozen=True, slots=True)
class WorkKeeper(Keeper):
    """Keeps the objects of one kind of work: those of the run that is wanted, and no others."""

    image: str = ""
    """Image of their pods where the spec names none: the operator's own; empty when it is not known."""

    def find_leftovers(
        self, deployment: ModelDeployment, kinds: Iterable[str], *, label: str, but: str
    ) -> Iterator[dict[str, Any]]:
        """The objects of a ModelDeployment that carry a label with another value than the one that is wanted.

        Args:
            deployment: the owner; objects that merely look like its own are left alone.
            kinds: of which kinds.
            label: says what work an object is for.
            but: the work that is wanted; empty for none.
        """
        owner = {LABEL_DEPLOYMENT: deployment.metadata.name}
        for kind in kinds:
            for found in self.store.list(kind, deployment.metadata.namespace, owner):
                metadata = found["metadata"]
                over = metadata["labels"].get(label, but) != but and not metadata.get("deletionTimestamp")
                if over and owned_by(deployment, found):
                    yield found

    async def end_other_jobs(self, deployment: ModelDeployment, *, label: str, but: str) -> Denial:
        """Remove every Job of a kind, with what its pod reads, except the one that is wanted."""
        over = self.find_leftovers(deployment, ("Job", "ConfigMap"), label=label, but=but)
        return await let_go(self.cluster, map(Reference.from_object, over))
