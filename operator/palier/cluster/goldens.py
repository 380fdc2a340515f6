"""The Job of golden answers in the cluster: what is known of it, and that there is one when it is needed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from palier.api.status.golden import GoldenStatus
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.jobs import JobKind, look
from palier.cluster.leftovers import find_leftovers
from palier.cluster.ownership import claim
from palier.cluster.store import Store
from palier.golden.result import GoldenResult
from palier.manifests.golden import LABEL_GOLDEN, golden_configs, golden_job, golden_name
from palier.manifests.workers import image_of
from palier.release.examining import GoldenFacts, GoldenRun

__all__ = ["Goldens", "facts"]

_ANY_RUN: Final = {"candidate": "0" * 10, "digest": "0" * 16, "measuredAt": "2026-01-01T00:00:00Z"}
"""What `status.golden` has besides the result: one that does not fit would keep the whole status from being written."""


async def facts(cluster: Cluster, store: Store, deployment: ModelDeployment, run: GoldenRun) -> GoldenFacts:
    """What is known of a run's Job; asks the API server nothing where there is none, or none of its pods yet.

    Raises:
        ClusterError: the pods could not be read.
    """
    found = await look(cluster, store, deployment, golden_name(deployment, run), kind=_GOLDEN)
    return GoldenFacts(
        exists=found.exists,
        running=found.running,
        finished=found.result is not None,
        failed=found.ended and found.result is None,
        message=found.message,
        progress=found.progress,
        result=found.result,
        started_at=found.started_at,
    )


@dataclass(frozen=True, slots=True)
class Goldens:
    """Writes the Jobs of golden answers and remembers the answers in the cache."""

    cluster: Cluster
    store: Store
    image: str = ""
    """Image of their pods where the spec names none: the operator's own; empty when it is not known."""

    def demand_image(self, deployment: ModelDeployment, run: GoldenRun | None) -> None:
        """Refuse an examination that nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        golden = deployment.spec.golden
        if run is None or golden is None:
            return
        if self.store.get("Job", deployment.metadata.namespace, golden_name(deployment, run)) is None:
            image_of(golden.image, self.image, field="spec.golden.image")

    async def keep(
        self,
        deployment: ModelDeployment,
        run: GoldenRun | None,
        *,
        plan_json: str,
        requests: str = "",
        calibration: str = "",
    ) -> Denial:
        """Have the Job of a run with what its pod reads, and nothing of any other one; tells what may not go.

        Args:
            deployment: the spec, as the candidate serves it.
            run: the run that has to be under way; None for none.
            plan_json: what is examined and how.
            requests: the text of the requests, where a ConfigMap has them.
            calibration: the text of the pairs that people have judged, where a ConfigMap has them.

        Raises:
            InvalidSpec: nothing names the image of the pod.
        """
        namespace = deployment.metadata.namespace
        name = golden_name(deployment, run) if run else ""
        over = find_leftovers(self.store, deployment, ("Job", "ConfigMap"), label=LABEL_GOLDEN, but=name)
        denial = await let_go(self.cluster, map(Reference.from_object, over))
        if run is None or self.store.get("Job", namespace, name) is not None:
            return denial
        job = golden_job(deployment, run, image=self.image)
        for config in golden_configs(deployment, run, plan_json, requests=requests, calibration=calibration):
            await self._apply(deployment, config)
        # The Job is what a restarted operator looks for, so it comes last.
        await self._apply(deployment, job)
        return denial

    async def _apply(self, deployment: ModelDeployment, manifest: Mapping[str, Any]) -> None:
        await claim(self.cluster, self.store, deployment, manifest)
        self.store.put(await self.cluster.apply(manifest))


def _result(text: str) -> GoldenResult | None:
    """What golden answers found, if that is what a text tells, and one that a status could hold."""
    try:
        result = GoldenResult.from_json(text)
        GoldenStatus.model_validate(result.to_status() | _ANY_RUN)
    except ValueError:
        return None
    # Else no condition could have it as its reason.
    return result if re.fullmatch("[A-Z][A-Za-z]*", result.reason) else None


_GOLDEN: Final = JobKind(
    "examination",
    LABEL_GOLDEN,
    {"golden": "golden.resources", "collect": "golden.resources", "score": "golden.scorer.resources"},
    _result,
)
