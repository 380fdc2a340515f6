"""What is known of the Job of a load test, read no more often and no deeper than the answer needs.

The result travels in the termination message of the pod, which stays readable after the pod has ended and needs no
right to its log. The log is read only while the pod runs, for its progress, and only its end.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from palier.api.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from palier.api.status import LoadTestStatus
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster
from palier.cluster.store import Store
from palier.cluster.trouble import trouble_of
from palier.errors import ClusterError
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.manifests.loadtest import LABEL_LOAD_TEST, load_test_name
from palier.manifests.metadata import owned_by
from palier.release.testing import POD_REPLACED, LoadTestFacts, Run, Usage
from palier.release.times import optional_time, parse_time

__all__ = ["cold_start", "facts", "nodes_of"]

logger = logging.getLogger(__name__)

PROGRESS_LINES = 5
"""Lines of the log that are read for the progress: a step writes one, and a warning may follow it."""
_ANY_RUN = {"revision": "0" * 10, "digest": "0" * 16, "replicas": 1, "measuredAt": "2026-01-01T00:00:00Z"}
"""What a record has besides the result: one that does not fit would keep the whole status from being written."""
EXPLANATION_LIMIT = 300
"""Characters of what a program has said about its failure."""


async def facts(cluster: Cluster, store: Store, deployment: ModelDeployment, run: Run) -> LoadTestFacts:
    """What is known of a run's Job; asks the API server nothing where there is none, or none of its pods yet.

    Raises:
        ClusterError: the pods could not be read.
    """
    namespace = deployment.metadata.namespace
    name = load_test_name(deployment, run)
    job = store.get("Job", namespace, name)
    if job is None or not owned_by(deployment, job) or job["metadata"].get("deletionTimestamp"):
        return LoadTestFacts()
    status = job.get("status", {})
    started_at = optional_time(status.get("startTime"))
    ended = _ended(status)
    if ended is None and not (status.get("active") or status.get("failed")):
        return LoadTestFacts(exists=True, started_at=started_at)
    pods = await cluster.list_pods(namespace, {LABEL_LOAD_TEST: name})
    if ended is None:
        return await _under_way(cluster, pods, started_at=started_at)
    if (result := _result(pods)) is None:
        message = _failure(job, ended, pods)
        return LoadTestFacts(exists=True, failed=True, message=message, started_at=started_at)
    labels = {LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_REVISION: run.revision}
    tested = await cluster.list_pods(namespace, labels)
    return LoadTestFacts(
        exists=True,
        finished=True,
        result=_of_the_same_pods(result, tested, replicas=run.replicas, since=started_at),
        node=next(iter(nodes_of(tested)), ""),
        started_at=started_at,
        usage=Usage(cold_start=cold_start(tested, before=started_at)),
    )


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
        placed, ready = times.get("PodScheduled") or _born(pod), times.get("Ready")
        if placed is not None and ready is not None and (before is None or ready <= before):
            waits.append(Decimal(round(ready - placed)))
    return max(waits, default=None)


def nodes_of(pods: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The nodes on which pods run, by name."""
    return tuple(sorted({node for pod in pods if (node := pod.get("spec", {}).get("nodeName"))}))


def _of_the_same_pods(
    result: LoadTestResult, tested: Iterable[Mapping[str, Any]], *, replicas: int, since: float | None
) -> LoadTestResult:
    """The result, unless some of the pods that the test began with are gone: it is then about none of them."""
    began = [pod for pod in tested if since is None or (_born(pod) or 0.0) <= since]
    left = [pod for pod in began if not (pod["metadata"].get("deletionTimestamp") or _gone(pod))]
    if len(left) >= replicas:
        return result
    gone = "the tested pod was" if replicas == 1 else f"{replicas - len(left)} of the {replicas} tested pods were"
    told = f"{gone} replaced or lost meanwhile, so that the load test tells nothing about the model: {result.message}"
    return replace(result, verdict=Verdict.NO_EVIDENCE, reason=POD_REPLACED, message=told, capacity=None, ceiling=None)


def _gone(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet has ended a pod for good, evicted for instance: its record stays for a while."""
    return bool(pod.get("status", {}).get("phase") == "Failed")


async def _under_way(cluster: Cluster, pods: Sequence[Mapping[str, Any]], *, started_at: float | None) -> LoadTestFacts:
    runs = next((pod for pod in _latest_first(pods) if pod.get("status", {}).get("phase") == "Running"), None)
    if runs is None:
        if _result(pods) is not None:
            return LoadTestFacts(exists=True, message="it is over", started_at=started_at)
        message = trouble_of([pod for pod in pods if not _ended_pod(pod)])
        if not message:
            failed = next((sentence for pod in _latest_first(pods) if (sentence := _ended_pod(pod))), "")
            message = f"{failed}; it is tried once more" if failed else ""
        return LoadTestFacts(exists=True, message=message, started_at=started_at)
    metadata = runs["metadata"]
    try:
        tail = await cluster.log_tail(metadata["namespace"], metadata["name"], PROGRESS_LINES)
    except ClusterError as error:  # it only says how far the test is
        logger.debug("no progress of a load test: %s", error)
        tail = ""
    return LoadTestFacts(exists=True, running=True, progress=_progress(tail), started_at=started_at)


def _ended(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition by which a Job says that it is over."""
    return next(
        (
            condition
            for condition in status.get("conditions") or ()
            if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True"
        ),
        None,
    )


def _latest_first(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def _born(pod: Mapping[str, Any]) -> float | None:
    created = pod["metadata"].get("creationTimestamp")
    return parse_time(created) if created else None


def _terminated(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the only container of a pod ended; empty when it has not, or never began."""
    for container in pod.get("status", {}).get("containerStatuses") or ():
        if ended := container.get("state", {}).get("terminated"):
            return dict(ended)
    return {}


def _result(pods: Sequence[Mapping[str, Any]]) -> LoadTestResult | None:
    for pod in _latest_first(pods):
        try:
            result = LoadTestResult.from_json(_terminated(pod).get("message", ""))
            LoadTestStatus.model_validate(result.to_status() | _ANY_RUN)
        except ValueError:
            continue
        if re.fullmatch("[A-Z][A-Za-z]*", result.reason):  # else no condition could have it
            return result
    return None


def _progress(tail: str) -> Mapping[str, Any] | None:
    for line in reversed(tail.splitlines()):
        if (progress := _progress_of(line)) is not None:
            return progress
    return None


def _progress_of(line: str) -> Mapping[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    progress = said.get("progress") if isinstance(said, Mapping) else None
    return progress if isinstance(progress, Mapping) else None


def _failure(job: Mapping[str, Any], ended: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> str:
    """Why a Job is over without a result, in one sentence."""
    if ended.get("reason") == "DeadlineExceeded":
        minutes = job["spec"]["activeDeadlineSeconds"] / 60
        return f"the load test was stopped because it was not over after {minutes:.0f} minutes"
    for pod in _latest_first(pods):
        if sentence := _ended_pod(pod):
            return sentence
    said = ended.get("message") or ended.get("reason", "")
    return f"the load test failed, and its pods are gone: {said}"


def _ended_pod(pod: Mapping[str, Any]) -> str:
    """How a pod ended without a result; empty when it has not."""
    name, status, terminated = pod["metadata"]["name"], pod.get("status", {}), _terminated(pod)
    if terminated.get("reason") == "OOMKilled":
        return f"pod {name} of the load test was killed: it needs more memory than loadTest.resources allows"
    if terminated:
        words, code = _last_words(terminated.get("message", "")), terminated.get("exitCode")
        if code:
            return f"pod {name} of the load test ended with exit code {code}{words}"
        return f"pod {name} of the load test left no readable result{words}"
    if status.get("reason"):  # the kubelet ended it: evicted, node shut down
        return f"pod {name} of the load test was ended: {status['reason']}, {status.get('message', '')}"
    return ""


def _last_words(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip() and _progress_of(line) is None]
    return f": {lines[-1][:EXPLANATION_LIMIT]}" if lines else ""
