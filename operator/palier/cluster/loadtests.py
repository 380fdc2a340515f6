"""The Job of a load test in the cluster: what is known of it and its tested pods, and that there is one when needed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.status.status import LoadTestStatus
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster, Reference
from palier.cluster.denials import Denial, let_go
from palier.cluster.jobs import JobKind, look
from palier.cluster.leftovers import find_leftovers
from palier.cluster.observe import ready_addresses
from palier.cluster.ownership import claim
from palier.cluster.store import Store
from palier.errors import InvalidSpec
from palier.evidence.verdicts import Verdict
from palier.loadtest.plan import plan_for
from palier.loadtest.result import LoadTestResult
from palier.manifests.loadtest import LABEL_LOAD_TEST, load_test_config, load_test_job, load_test_name
from palier.manifests.metadata import child_name
from palier.release.testing import POD_REPLACED, LoadTestFacts, Run, Usage
from palier.release.times import optional_time, parse_time

__all__ = ["LoadTests", "cold_start", "facts", "nodes_of", "places_of"]

_ANY_RUN = {"revision": "0" * 10, "digest": "0" * 16, "replicas": 1, "measuredAt": "2026-01-01T00:00:00Z"}
"""What a record has besides the result: one that does not fit would keep the whole status from being written."""


async def facts(cluster: Cluster, store: Store, deployment: ModelDeployment, run: Run) -> LoadTestFacts:
    """What is known of a run's Job; asks the API server nothing where there is none, or none of its pods yet.

    Raises:
        ClusterError: the pods could not be read.
    """
    name = load_test_name(deployment, run)
    found = await look(cluster, store, deployment, name, kind=_LOAD_TEST)
    known = LoadTestFacts(
        exists=found.exists,
        running=found.running,
        finished=found.result is not None,
        failed=found.ended and found.result is None,
        message=found.message,
        progress=found.progress,
        started_at=found.started_at,
    )
    if found.result is None:
        return known
    labels = {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: run.revision}
    tested = await cluster.list_pods(deployment.metadata.namespace, labels)
    return replace(
        known,
        result=_of_the_same_pods(found.result, tested, replicas=run.replicas, since=found.started_at),
        node=next(iter(nodes_of(tested)), ""),
        usage=Usage(cold_start=cold_start(tested, before=found.started_at)),
    )


@dataclass(frozen=True, slots=True)
class LoadTests:
    """Writes the Jobs of load tests and remembers the answers in the cache."""

    cluster: Cluster
    store: Store
    image: str = ""
    """Image of their pods where the spec names none: the operator's own; empty when it is not known."""

    def demand_image(self, deployment: ModelDeployment, run: Run | None) -> None:
        """Refuse a load test that nothing could run, before anybody is told that it runs.

        Raises:
            InvalidSpec: neither the spec nor the operator's own settings name an image.
        """
        scale = deployment.spec.scale
        if run is None or self.image or (scale and scale.load_test.image):
            return
        if self.store.get("Job", deployment.metadata.namespace, load_test_name(deployment, run)) is None:
            raise InvalidSpec(
                "spec.scale.loadTest.image",
                "name an image: the operator would use its own, but was not started with --image",
            )

    async def keep(self, deployment: ModelDeployment, run: Run | None, *, requests: str) -> Denial:
        """Have the Job of a run with what its pod reads, and nothing of any other one; tells what may not go.

        Args:
            deployment: the spec, as the tested revision serves it.
            run: the run that has to be under way; None for none.
            requests: the text of the requests, where a ConfigMap has them.
        """
        namespace = deployment.metadata.namespace
        name = load_test_name(deployment, run) if run else ""
        over = find_leftovers(self.store, deployment, ("Job", "ConfigMap"), label=LABEL_LOAD_TEST, but=name)
        denial = await let_go(self.cluster, map(Reference.from_object, over))
        if run is None or self.store.get("Job", namespace, name) is not None:
            return denial
        addresses = sorted(ready_addresses(self.store, namespace, child_name(deployment, run.revision)))
        if len(addresses) != run.replicas:
            return denial  # a pod came or went since the decision: the next pass decides anew
        urls = tuple(f"http://{_in_url(address)}:{deployment.spec.serving.port}" for address in addresses)
        plan = plan_for(deployment, base_urls=urls, requests=requests).to_json()
        await self._apply(deployment, load_test_config(deployment, run, plan, requests=requests))
        # The Job is what a restarted operator looks for, so it comes last.
        await self._apply(deployment, load_test_job(deployment, run, image=self.image))
        return denial

    async def _apply(self, deployment: ModelDeployment, manifest: Mapping[str, Any]) -> None:
        await claim(self.cluster, self.store, deployment, manifest)
        self.store.put(await self.cluster.apply(manifest))


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


def _result(text: str) -> LoadTestResult | None:
    """The result of a load test, if that is what a text is, and one that a status could hold."""
    try:
        result = LoadTestResult.from_json(text)
        LoadTestStatus.model_validate(result.to_status() | _ANY_RUN)
    except ValueError:
        return None
    # Else no condition could have it as its reason.
    return result if re.fullmatch("[A-Z][A-Za-z]*", result.reason) else None


_LOAD_TEST: Final = JobKind("load test", LABEL_LOAD_TEST, {"load-test": "loadTest.resources"}, _result)
