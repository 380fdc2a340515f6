"""Why pods are not ready, as the person who waits for them reads it; statuses as kubelets and schedulers write them."""

from collections.abc import Mapping
from typing import Any

import pytest

from palier.cluster.trouble import Troubles, trouble_of
from palier.errors import Unavailable
from tests.unit.cluster.memory import MemoryCluster


def pod(
    *,
    phase: str = "Pending",
    containers: list[dict[str, Any]] | None = None,
    inits: list[dict[str, Any]] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    name: str = "demo-x",
) -> dict[str, Any]:
    """A pod."""
    status: dict[str, Any] = {"phase": phase, "conditions": conditions or []}
    if containers is not None:
        status["containerStatuses"] = containers
    if inits is not None:
        status["initContainerStatuses"] = inits
    return {"metadata": {"name": name, "namespace": "ml"}, "status": status}


def waiting(reason: str, message: str = "", *, last: dict[str, Any] | None = None) -> dict[str, Any]:
    """A container that waits; `last` is how it ended the last time."""
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {"name": "m", "state": state, "lastState": {"terminated": last} if last else {}}


RUNNING = {"name": "m", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "lastState": {}}
NOT_READY = {
    "type": "Ready",
    "status": "False",
    "reason": "ContainersNotReady",
    "message": "containers with unready status: [m]",
}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
}


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
def test_an_image_that_cannot_be_pulled(reason: str) -> None:
    """The image and the registry's answer are in the kubelet's message."""
    found = trouble_of([pod(containers=[waiting(reason, 'failed to pull "m:2": not found')])])

    assert found == f'pod demo-x, container m: {reason}: failed to pull "m:2": not found'


def test_a_crash_loop_is_told_with_how_it_ended() -> None:
    """The back-off alone says nothing; the exit code and `OOMKilled` do."""
    crashing = waiting("CrashLoopBackOff", "back-off 20s restarting", last={"exitCode": 137, "reason": "OOMKilled"})
    found = trouble_of([pod(phase="Running", containers=[crashing], conditions=[NOT_READY])])

    assert found == (
        "pod demo-x, container m: CrashLoopBackOff: back-off 20s restarting (last exit code 137, OOMKilled)"
    )


def test_a_container_that_just_ended_is_told_before_the_back_off() -> None:
    """Between the end and the next try the container is terminated and waits for nothing."""
    ended = {"name": "m", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}

    assert trouble_of([pod(containers=[ended])]) == "pod demo-x, container m: ended with exit code 1, Error"


def test_a_missing_configuration_is_told() -> None:
    """A Secret that does not exist keeps the container from being created."""
    found = trouble_of([pod(containers=[waiting("CreateContainerConfigError", 'secret "token" not found')])])

    assert found == 'pod demo-x, container m: CreateContainerConfigError: secret "token" not found'


def test_an_init_container_comes_first() -> None:
    """The main container only waits for it, silently."""
    failing = {**waiting("CrashLoopBackOff", "back-off", last={"exitCode": 3, "reason": "Error"}), "name": "download"}
    found = trouble_of([pod(inits=[failing], containers=[waiting("PodInitializing")], conditions=[NOT_READY])])

    assert found == "pod demo-x, container download: CrashLoopBackOff: back-off (last exit code 3, Error)"


def test_an_init_container_that_did_its_work_is_no_trouble() -> None:
    """Ending with exit code 0 is what it is for."""
    done = {"name": "download", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}

    assert trouble_of([pod(phase="Running", inits=[done], containers=[RUNNING])]) == ""


def test_a_pod_that_no_node_can_take() -> None:
    """The scheduler's own count of the nodes says what is missing."""
    found = trouble_of([pod(conditions=[UNSCHEDULABLE])])

    assert found == "pod demo-x cannot be placed: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_a_pod_that_no_node_can_take_without_a_message() -> None:
    """The reason is better than nothing."""
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}

    assert trouble_of([pod(conditions=[gated])]) == "pod demo-x cannot be placed: SchedulingGated"


def test_a_pod_that_runs_but_is_not_ready() -> None:
    """The probe says no: the server is up and not able to answer."""
    found = trouble_of([pod(phase="Running", containers=[RUNNING], conditions=[NOT_READY])])

    assert found == "pod demo-x runs but is not ready: containers with unready status: [m]"


def test_a_cause_in_one_pod_comes_before_a_symptom_in_another() -> None:
    """A pod that merely is not ready yet explains less than one that cannot start."""
    slow = pod(phase="Running", containers=[RUNNING], conditions=[NOT_READY], name="demo-a")
    broken = pod(containers=[waiting("ErrImagePull", "not found")], name="demo-b")

    assert trouble_of([slow, broken]) == "pod demo-b, container m: ErrImagePull: not found"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_takes_its_time_is_no_trouble(reason: str) -> None:
    """While an image of many gigabytes is pulled the pod is not ready either, but it does not run yet."""
    assert trouble_of([pod(containers=[waiting(reason)], conditions=[NOT_READY])]) == ""


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [{"metadata": {"name": "demo-x"}}],
        [{"metadata": {"name": "demo-x"}, "status": {"initContainerStatuses": None, "containerStatuses": None}}],
        [pod(phase="Running", containers=[RUNNING], conditions=[{"type": "Ready", "status": "True"}])],
    ],
    ids=["no pod", "no status", "null lists", "ready"],
)
def test_no_trouble(pods: list[dict[str, Any]]) -> None:
    """No pod, a pod that nobody has looked at yet, and a pod that is well."""
    assert trouble_of(pods) == ""


class Leaving(MemoryCluster):
    """A cluster whose API server can be away for those who read pods."""

    away = False

    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """See `Cluster.list_pods`."""
        if self.away:
            raise Unavailable("the API server is away")
        return await super().list_pods(namespace, labels)


def happens(cluster: MemoryCluster, reason: str, **labels: str) -> None:
    """A pod with these labels waits for this reason."""
    stuck = pod(containers=[waiting(reason, "it says")])
    cluster.pods = [{**stuck, "metadata": {**stuck["metadata"], "labels": labels}}]


async def test_the_reason_is_looked_up_now_and_then() -> None:
    """Not while a start may merely be slow, and not in every pass."""
    cluster = Leaving()
    troubles = Troubles(cluster)
    labels = {"app": "demo"}

    async def told(now: float) -> str:
        return await troubles.of("ml", "demo", labels, since=100.0, now=now)

    happens(cluster, "ErrImagePull", **labels)
    assert await told(109.0) == ""
    assert await told(110.0) == "pod demo-x, container m: ErrImagePull: it says"
    happens(cluster, "CrashLoopBackOff", **labels)
    assert "ErrImagePull" in await told(119.0)
    assert "CrashLoopBackOff" in await told(120.0)
    troubles.forget("ml", "demo")
    assert await told(109.0) == ""


async def test_what_could_not_be_read_is_not_nothing() -> None:
    """An API server that is away has not said that all is well, nor that it is as before; it is asked again at once."""
    cluster = Leaving()
    troubles = Troubles(cluster)
    labels = {"app": "demo"}
    happens(cluster, "ErrImagePull", **labels)

    async def told(now: float) -> str:
        return await troubles.of("ml", "demo", labels, since=100.0, now=now)

    cluster.away = True
    with pytest.raises(Unavailable):
        await told(110.0)
    cluster.away = False
    assert "ErrImagePull" in await told(111.0)
    cluster.away = True
    assert "ErrImagePull" in await told(120.0)
    with pytest.raises(Unavailable):
        await told(121.0)


async def test_what_is_known_of_other_pods_is_not_told() -> None:
    """A release goes from one variant to the next: the trouble of the former's pods is none of the next one's."""
    cluster = Leaving()
    troubles = Troubles(cluster)

    async def told(revision: str, *, since: float, now: float) -> str:
        return await troubles.of("ml", "demo", {"revision": revision}, since=since, now=now)

    happens(cluster, "ErrImagePull", revision="a")
    assert "ErrImagePull" in await told("a", since=100.0, now=110.0)
    assert await told("b", since=112.0, now=113.0) == ""
    happens(cluster, "CrashLoopBackOff", revision="b")
    assert "CrashLoopBackOff" in await told("b", since=112.0, now=122.0)


async def test_a_deadline_finds_the_reason_looked_up() -> None:
    """However short it is: what is decided then rests on what is known then."""
    cluster = Leaving()
    troubles = Troubles(cluster)
    happens(cluster, "ErrImagePull", app="demo")

    async def told(now: float) -> str:
        return await troubles.of("ml", "demo", {"app": "demo"}, since=100.0, now=now, due=105.0)

    assert await told(104.0) == ""
    assert "ErrImagePull" in await told(105.0)
    happens(cluster, "CrashLoopBackOff", app="demo")
    assert "ErrImagePull" in await told(114.0)
    assert "CrashLoopBackOff" in await told(115.0)
