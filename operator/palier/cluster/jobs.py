"""What is known of a Job of ours, read no more often and no deeper than the answer needs.

The result travels in the termination message of the pod, which stays readable after the pod has ended and needs no
right to its log. The log is read only while the pod runs, for its progress, and only its end.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from palier.api.rule import ApiObject
from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.client import Cluster
from palier.cluster.diagnostics import describe_problem
from palier.cluster.ownership import find_staying
from palier.cluster.store import Store
from palier.errors import ClusterError
from palier.release.jobs import JobFacts
from palier.release.times import optional_time

logger = logging.getLogger(__name__)

PROGRESS_LINES = 5
"""Lines of the log that are read for the progress: a step writes one, and a warning may follow it."""
EXPLANATION_LIMIT = 300
"""Characters of what a program has said about its failure."""

Facts = TypeVar("Facts", bound=JobFacts[Any])


@dataclass(frozen=True, slots=True)
class JobKind(Generic[Facts]):
    """What the Jobs of one kind have in common."""

    name: str
    """What people call one, such as `load test`."""
    label: str
    """Key of the label of the pods; its value is the name of the Job."""
    resources: Mapping[str, str]
    """By container, the field of the spec that gives it memory."""
    facts: type[Facts]
    """What is known of one."""
    parse: Callable[[str], Any]
    """Reads the result from the pod's last words; raises ValueError when they are none."""
    status: type[ApiObject]
    """What the status says of a result."""
    any_run: Mapping[str, Any]
    """What it has besides the result: one that does not fit would keep the whole status from being written."""

    def read(self, text: str) -> Any:  # noqa: ANN401 - the result of this kind
        """The result, if that is what a text tells, and one that a status could hold; else None."""
        try:
            result = self.parse(text)
            self.status.model_validate(result.to_status() | self.any_run)
        except ValueError:
            return None
        # Else no condition could have it as its reason.
        return result if re.fullmatch("[A-Z][A-Za-z]*", result.reason) else None


async def look(
    cluster: Cluster, store: Store, deployment: ModelDeployment, name: str, *, kind: JobKind[Facts]
) -> Facts:
    """What is known of a Job; asks the API server nothing where there is none, or none of its pods yet.

    Args:
        cluster: where its pods and their log are read.
        store: where the Job is.
        deployment: the owner.
        name: name of the Job.
        kind: what it does.

    Raises:
        ClusterError: the pods could not be read.
    """
    namespace = deployment.metadata.namespace
    job = find_staying(store, deployment, "Job", name)
    if job is None:
        return kind.facts()
    status = job.get("status", {})
    started_at = optional_time(status.get("startTime"))
    ended = _find_end(status)
    if ended is None and not (status.get("active") or status.get("failed")):
        return kind.facts(exists=True, started_at=started_at)
    pods = _latest_first(await cluster.list_pods(namespace, {kind.label: name}))
    if ended is None:
        return await _under_way(cluster, pods, kind, started_at=started_at)
    result = _result(pods, kind)
    message = _failure(job, ended, pods, kind) if result is None else ""
    return kind.facts(exists=True, failed=result is None, message=message, result=result, started_at=started_at)


def _latest_first(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Pods by the time at which they were made, the last one first."""
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


async def _under_way(
    cluster: Cluster, pods: Sequence[Mapping[str, Any]], kind: JobKind[Facts], *, started_at: float | None
) -> Facts:
    runs = next((pod for pod in pods if pod.get("status", {}).get("phase") == "Running"), None)
    if runs is None:
        if _result(pods, kind) is not None:
            return kind.facts(exists=True, message="it is over", started_at=started_at)
        if any(_prepares(pod) for pod in pods):
            return kind.facts(exists=True, running=True, started_at=started_at)
        message = describe_problem([pod for pod in pods if not _ended_pod(pod, kind)])
        if not message:
            failed = next((sentence for pod in pods if (sentence := _ended_pod(pod, kind))), "")
            message = f"{failed}; it is tried once more" if failed else ""
        return kind.facts(exists=True, message=message, started_at=started_at)
    metadata = runs["metadata"]
    try:
        tail = await cluster.log_tail(metadata["namespace"], metadata["name"], PROGRESS_LINES)
    except ClusterError as error:  # it only says how far the work is
        logger.debug("no progress of %s: %s", metadata["name"], error)
        tail = ""
    return kind.facts(exists=True, running=True, progress=_progress(tail), started_at=started_at)


def _find_end(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition by which a Job says that it is over."""
    return next(
        (
            condition
            for condition in status.get("conditions") or ()
            if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True"
        ),
        None,
    )


def _prepares(pod: Mapping[str, Any]) -> bool:
    """Whether a container at work comes before the one that makes the result: such a pod counts as pending."""
    return any("running" in container.get("state", {}) for container in _containers(pod, "initContainerStatuses"))


def _containers(pod: Mapping[str, Any], which: str) -> Sequence[Mapping[str, Any]]:
    return pod.get("status", {}).get(which) or ()


def _result(pods: Sequence[Mapping[str, Any]], kind: JobKind[Facts]) -> Any:  # noqa: ANN401 - that of the kind
    for pod in pods:
        for container in _containers(pod, "containerStatuses"):
            ended = container.get("state", {}).get("terminated") or {}
            if (result := kind.read(ended.get("message", ""))) is not None:
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
    except (ValueError, RecursionError):  # the pod may be anybody's
        return None
    progress = said.get("progress") if isinstance(said, Mapping) else None
    return progress if isinstance(progress, Mapping) else None


def _failure(
    job: Mapping[str, Any], ended: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], kind: JobKind[Facts]
) -> str:
    """Why a Job is over without a result, in one sentence."""
    if ended.get("reason") == "DeadlineExceeded":
        minutes = job["spec"]["activeDeadlineSeconds"] / 60
        return f"the {kind.name} was stopped because it was not over after {minutes:.0f} minutes"
    for pod in pods:
        if sentence := _ended_pod(pod, kind):
            return sentence
    said = ended.get("message") or ended.get("reason", "")
    return f"the {kind.name} failed, and its pods are gone: {said}"


def _ended_pod(pod: Mapping[str, Any], kind: JobKind[Facts]) -> str:
    """How a pod ended without a result; empty when it has not."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    container, terminated = _last_container(pod)
    if terminated.get("reason") == "OOMKilled":
        allowed = kind.resources.get(container, "its resources")
        return f"pod {name} of the {kind.name} was killed: it needs more memory than {allowed} allows"
    if terminated:
        words, code = _last_words(terminated.get("message", "")), terminated.get("exitCode")
        if code:
            return f"pod {name} of the {kind.name} ended with exit code {code}{words}"
        return f"pod {name} of the {kind.name} left no readable result{words}"
    if status.get("reason"):  # the kubelet ended it: evicted, node shut down
        return f"pod {name} of the {kind.name} was ended: {status['reason']}, {status.get('message', '')}"
    return ""


def _last_container(pod: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The container that ended the pod, by name, and how; empty when the pod has not ended, or never began.

    One that comes before the others ends the pod only when it fails.
    """
    for container in _containers(pod, "containerStatuses"):
        if ended := container.get("state", {}).get("terminated"):
            return container.get("name", ""), ended
    for container in _containers(pod, "initContainerStatuses"):
        ended = container.get("state", {}).get("terminated")
        if ended and ended.get("exitCode"):
            return container.get("name", ""), ended
    return "", {}


def _last_words(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip() and _progress_of(line) is None]
    return f": {lines[-1][:EXPLANATION_LIMIT]}" if lines else ""
