"""The Job of a load test in the cluster: what is known of it and its tested pods, and that there is one when needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.status.load_test import LoadTestStatus
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster
from palier.cluster.denials import Denial
from palier.cluster.jobs import JobKind, look
from palier.cluster.keeper import WorkKeeper
from palier.cluster.observe import ready_addresses
from palier.cluster.store import Store
from palier.evidence.verdicts import Verdict
from palier.loadtest.plan import plan_for
from palier.loadtest.result import LoadTestResult
from palier.manifests.loadtest import LABEL_LOAD_TEST, load_test_config, load_test_job, load_test_name
from palier.manifests.metadata import child_name
from palier.manifests.workers import image_of
from palier.release.testing import POD_REPLACED, LoadTestFacts, Run, Usage
from palier.release.times import optional_time, parse_time


async def facts(cluster: Cluster, store: Store, deployment: ModelDeployment, run: Run) -> LoadTestFacts:
    """What is known of a run's Job; asks the API server nothing where there is none, or none of its pods yet.

    Raises:
        ClusterError: the pods could not be read.
    """
    found = await look(cluster, store, deployment, load_test_name(deployment, run), kind=_LOAD_TEST)
    if found.result is None:
        return found
    labels = {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: run.revision}
    tested = await cluster.list_pods(deployment.metadata.namespace, labels)
    return replace(
        found,
        result=_of_the_same_pods(found.result, tested, replicas=run.replicas, since=found.started_at),
        node=next(iter(nodes_of(tested)), ""),
        usage=Usage(cold_start=cold_start(tested, before=found.started_at)),
    )


@dataclass(frozen=True, slots=True)
class LoadTests(WorkKeeper):
    """Writes the Jobs of load tests and remembers the answers in the cache."""

    def demand_image(self, deployment: ModelDeployment, run: Run | None) -> None:
        """Refuse a load test that nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        scale = deployment.spec.scale
        if run is None:
            return
        if self.store.get("Job", deployment.metadata.namespace, load_test_name(deployment, run)) is None:
            image_of(scale.load_test.image if scale else None, self.image, field="spec.scale.loadTest.image")

    async def keep(self, deployment: ModelDeployment, run: Run | None, *, requests: str) -> Denial:
        """Have the Job of a run with what its pod reads, and nothing of any other one; tells what may not go.

        Args:
            deployment: the spec, as the tested revision serves it.
            run: the run that has to be under way; None for none.
            requests: the text of the requests, where a ConfigMap has them.
        """
        namespace = deployment.metadata.namespace
        name = load_test_name(deployment, run) if run else ""
        denial = await self.end_other_jobs(deployment, label=LABEL_LOAD_TEST, but=name)
        if run is None or self.store.get("Job", namespace, name) is not None:
            return denial
        addresses = sorted(ready_addresses(self.store, namespace, child_name(deployment, run.revision)))
        if len(addresses) != run.replicas:
            return denial  # a pod came or went since the decision: the next pass decides anew
        urls = tuple(f"http://{_in_url(address)}:{deployment.spec.serving.port}" for address in addresses)
        plan = plan_for(deployment, base_urls=urls, requests=requests).to_json()
        await self.claim_and_apply(deployment, load_test_config(deployment, run, plan, requests=requests))
        # The Job is what a restarted operator looks for, so it comes last.
        await self.claim_and_apply(deployment, load_test_job(deployment, run, image=self.image))
        return denial


def cold_start(pods: Iterable[Mapping[str, Any]], *, before: float | None = None) -> Decimal | None:
    """Seconds from the placing of a pod on its node until it was ready; of several pods the longest.

    Args:
        pods: pods as the API server tells them.
        before: seconds since the epoch; who became ready later, perhaps for the second time after too much load, or
            was started again, does not tell how long a start takes.
    """
    waits = []
    for pod in pods:
        status = pod.get("status", {})
        if any(container.get("restartCount") for container in status.get("containerStatuses") or ()):
            continue
        times = {
            condition["type"]: optional_time(condition.get("lastTransitionTime"))
            for condition in status.get("conditions") or ()
            if condition["status"] == "True"
        }
        placed, ready = times.get("PodScheduled") or _read_creation_time(pod), times.get("Ready")
        if placed is not None and ready is not None and (before is None or ready <= before):
            waits.append(Decimal(round(ready - placed)))
    return max(waits, default=None)


def nodes_of(pods: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The nodes on which pods run, by name."""
    return tuple(sorted(set(places_of(pods))))


def places_of(pods: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The node of each pod that runs, by name: one on which three of them run stands there three times."""
    return tuple(sorted(node for pod in pods if not _has_failed(pod) and (node := pod.get("spec", {}).get("nodeName"))))


def _of_the_same_pods(
    result: LoadTestResult, tested: Iterable[Mapping[str, Any]], *, replicas: int, since: float | None
) -> LoadTestResult:
    """The result, unless some of the pods that the test began with are gone: it is then about none of them."""
    began = [pod for pod in tested if since is None or (_read_creation_time(pod) or 0.0) <= since]
    left = [pod for pod in began if not (pod["metadata"].get("deletionTimestamp") or _has_failed(pod))]
    if len(left) >= replicas:
        return result
    gone = "the tested pod was" if replicas == 1 else f"{replicas - len(left)} of the {replicas} tested pods were"
    told = f"{gone} replaced or lost meanwhile, so that the load test tells nothing about the model: {result.message}"
    return replace(result, verdict=Verdict.NO_EVIDENCE, reason=POD_REPLACED, message=told, capacity=None, ceiling=None)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _has_failed(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet has ended a pod for good, evicted for instance: its record stays for a while."""
    return bool(pod.get("status", {}).get("phase") == "Failed")


def _read_creation_time(pod: Mapping[str, Any]) -> float | None:
    created = pod["metadata"].get("creationTimestamp")
    return parse_time(created) if created else None


_LOAD_TEST: Final = JobKind(
    "load test",
    LABEL_LOAD_TEST,
    {"load-test": "loadTest.resources"},
    LoadTestFacts,
    LoadTestResult.from_json,
    LoadTestStatus,
    {"revision": "0" * 10, "digest": "0" * 16, "replicas": 1, "measuredAt": "2026-01-01T00:00:00Z"},
)
