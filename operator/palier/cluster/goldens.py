"""The Job of golden answers in the cluster: what is known of it, and that there is one when it is needed."""

from dataclasses import dataclass
from typing import Final

from palier.api.status.golden import GoldenStatus
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster
from palier.cluster.denials import Denial
from palier.cluster.jobs import JobKind, look
from palier.cluster.keeper import WorkKeeper
from palier.cluster.store import Store
from palier.golden.result import GoldenResult
from palier.manifests.golden import LABEL_GOLDEN, golden_configs, golden_job, golden_name
from palier.manifests.workers import image_of
from palier.release.examining import GoldenFacts, GoldenRun


async def facts(cluster: Cluster, store: Store, deployment: ModelDeployment, run: GoldenRun) -> GoldenFacts:
    """What is known of a run's Job; asks the API server nothing where there is none, or none of its pods yet.

    Raises:
        ClusterError: the pods could not be read.
    """
    return await look(cluster, store, deployment, golden_name(deployment, run), kind=_GOLDEN)


@dataclass(frozen=True, slots=True)
class Goldens(WorkKeeper):
    """Writes the Jobs of golden answers and remembers the answers in the cache."""

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
        denial = await self.end_other_jobs(deployment, label=LABEL_GOLDEN, but=name)
        if run is None or self.store.get("Job", namespace, name) is not None:
            return denial
        job = golden_job(deployment, run, image=self.image)
        for config in golden_configs(deployment, run, plan_json, requests=requests, calibration=calibration):
            await self.claim_and_apply(deployment, config)
        # The Job is what a restarted operator looks for, so it comes last.
        await self.claim_and_apply(deployment, job)
        return denial


_GOLDEN: Final = JobKind(
    "examination",
    LABEL_GOLDEN,
    {"golden": "golden.resources", "collect": "golden.resources", "score": "golden.scorer.resources"},
    GoldenFacts,
    GoldenResult.from_json,
    GoldenStatus,
    {"candidate": "0" * 10, "digest": "0" * 16, "measuredAt": "2026-01-01T00:00:00Z"},
)
