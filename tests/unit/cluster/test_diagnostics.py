"""Why pods are not ready, as the person who waits for them reads it; statuses as kubelets and schedulers write them."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from typing_extensions import override

from palier.cluster.diagnostics import PodDiagnostics, describe_problem
from palier.errors import Unavailable
from tests.support.cluster.memory import MemoryCluster


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


def waiting(reason: str, message: str = "", *, last: dict[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    """A container that waits; `last` is how it ended the last time."""
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {"name": "m", "state": state, "lastState": {"terminated": last} if last else {}, "restartCount": restarts}


def running(*, last: dict[str, Any], ready: bool = False, started: str = "2026-01-01T00:05:00Z") -> dict[str, Any]:
    """A container that was started again after it had ended so."""
    state = {"running": {"startedAt": started}}
    return {"name": "m", "ready": ready, "state": state, "lastState": {"terminated": last}, "restartCount": 3}


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
    found = describe_problem([pod(containers=[waiting(reason, 'failed to pull "m:2": not found')])])

    assert found == f'pod demo-x, container m: {reason}: failed to pull "m:2": not found'


def test_a_crash_loop_is_told_with_how_it_ended() -> None:
    """The back-off alone says nothing; the exit code and `OOMKilled` do."""
    crashing = waiting("CrashLoopBackOff", "back-off 20s restarting", last={"exitCode": 137, "reason": "OOMKilled"})
    found = describe_problem([pod(phase="Running", containers=[crashing], conditions=[NOT_READY])])

    assert found == (
        "pod demo-x, container m: ended with exit code 137, OOMKilled (it needs more memory than its limit allows)"
    )


KILLED = {"exitCode": 137, "reason": "OOMKilled"}
FAILED = {"exitCode": 3, "reason": "Error", "message": "loading\nno such file: /models/m.onnx\n"}


@pytest.mark.parametrize(
    "container",
    [
        waiting("CrashLoopBackOff", "back-off 20s restarting", last=FAILED, restarts=3),
        running(last=FAILED),
        waiting("ContainerCreating", last=FAILED, restarts=3),
        {"name": "m", "state": {"terminated": FAILED}, "restartCount": 3},
    ],
    ids=["waits", "runs again", "is made again", "just ended"],
)
def test_how_a_crashing_container_ended_is_told_in_the_same_words_all_the_time(container: dict[str, Any]) -> None:
    """It waits, runs again and ends again: whenever somebody looks, the exit code and its last words are there."""
    assert describe_problem([pod(phase="Running", containers=[container], conditions=[NOT_READY])]) == (
        "pod demo-x, container m: ended with exit code 3, Error, restarted 3 times: no such file: /models/m.onnx"
    )


def test_a_crash_without_any_known_end_is_told_as_it_is() -> None:
    """A kubelet that was restarted may have forgotten how the container ended."""
    found = describe_problem(
        [pod(containers=[waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container")])]
    )

    assert found == "pod demo-x, container m: CrashLoopBackOff: back-off 5m0s restarting failed container"


def test_a_container_that_has_recovered_is_no_trouble() -> None:
    """The kubelet remembers an end for as long as the pod lives."""
    assert describe_problem([pod(phase="Running", containers=[running(last=KILLED, ready=True)])]) == ""


def test_a_probe_that_fails_long_after_a_crash_is_not_blamed_on_the_crash() -> None:
    """The pod was ready again after it: what keeps it from being so now is something else."""
    later = {**NOT_READY, "lastTransitionTime": "2026-01-01T01:00:00Z"}
    found = describe_problem([pod(phase="Running", containers=[running(last=KILLED)], conditions=[later])])

    assert found == "pod demo-x runs but is not ready: containers with unready status: [m]"


LEAVING = {"type": "DisruptionTarget", "status": "True", "message": "Eviction API: evicting"}
BY_TELLING = {
    "cannot start": (pod(containers=[waiting("ErrImagePull", "not found")]), "ErrImagePull"),
    "out of memory": (pod(phase="Running", containers=[running(last=KILLED)]), "OOMKilled"),
    "ended": (pod(phase="Running", containers=[running(last=FAILED)]), "exit code 3"),
    "not placed": (pod(conditions=[UNSCHEDULABLE]), "cannot be placed"),
    "removed": (
        {
            "metadata": {"name": "demo-x"},
            "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        },
        "was ended by its node: Evicted: The node was low on resource: memory.",
    ),
    "not ready": (pod(phase="Running", containers=[RUNNING], conditions=[NOT_READY]), "runs but is not ready"),
    "leaving": (pod(conditions=[LEAVING]), "pod demo-x is being removed: Eviction API: evicting"),
}


@pytest.mark.parametrize("better", range(len(BY_TELLING)))
def test_the_most_telling_trouble_wins(better: int) -> None:
    """Whichever pod comes first: a cause is told before a symptom, and what nobody can wait away before the rest."""
    shown = [one for one, _ in BY_TELLING.values()][better:]
    words = [word for _, word in BY_TELLING.values()][better]

    assert words in describe_problem(shown)
    assert words in describe_problem(shown[::-1])


def test_a_pod_that_is_being_deleted_is_no_crash() -> None:
    """It ends because it was asked to, with whatever exit code."""
    going = pod(containers=[{"name": "m", "state": {"terminated": {"exitCode": 143, "reason": "Error"}}}])
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert describe_problem([going]) == "pod demo-x is being removed"


def test_a_container_that_just_ended_is_told_before_the_back_off() -> None:
    """Between the end and the next try the container is terminated and waits for nothing."""
    ended = {"name": "m", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}

    assert describe_problem([pod(containers=[ended])]) == "pod demo-x, container m: ended with exit code 1, Error"


def test_a_missing_configuration_is_told() -> None:
    """A Secret that does not exist keeps the container from being created."""
    found = describe_problem([pod(containers=[waiting("CreateContainerConfigError", 'secret "token" not found')])])

    assert found == 'pod demo-x, container m: CreateContainerConfigError: secret "token" not found'


def test_an_init_container_comes_first() -> None:
    """The main container only waits for it, silently."""
    failing = {**waiting("CrashLoopBackOff", "back-off", last={"exitCode": 3, "reason": "Error"}), "name": "download"}
    found = describe_problem([pod(inits=[failing], containers=[waiting("PodInitializing")], conditions=[NOT_READY])])

    assert found == "pod demo-x, container download: ended with exit code 3, Error"


def test_an_init_container_that_did_its_work_is_no_trouble() -> None:
    """Ending with exit code 0 is what it is for."""
    done = {"name": "download", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}

    assert describe_problem([pod(phase="Running", inits=[done], containers=[RUNNING])]) == ""


def test_a_pod_that_no_node_can_take() -> None:
    """The scheduler's own count of the nodes says what is missing."""
    found = describe_problem([pod(conditions=[UNSCHEDULABLE])])

    assert found == "pod demo-x cannot be placed: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_a_pod_that_no_node_can_take_without_a_message() -> None:
    """The reason is better than nothing."""
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}

    assert describe_problem([pod(conditions=[gated])]) == "pod demo-x cannot be placed: SchedulingGated"


def test_a_pod_that_runs_but_is_not_ready() -> None:
    """The probe says no: the server is up and not able to answer."""
    found = describe_problem([pod(phase="Running", containers=[RUNNING], conditions=[NOT_READY])])

    assert found == "pod demo-x runs but is not ready: containers with unready status: [m]"


def test_a_cause_in_one_pod_comes_before_a_symptom_in_another() -> None:
    """A pod that merely is not ready yet explains less than one that cannot start."""
    slow = pod(phase="Running", containers=[RUNNING], conditions=[NOT_READY], name="demo-a")
    broken = pod(containers=[waiting("ErrImagePull", "not found")], name="demo-b")

    assert describe_problem([slow, broken]) == "pod demo-b, container m: ErrImagePull: not found"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_takes_its_time_is_no_trouble(reason: str) -> None:
    """While an image of many gigabytes is pulled the pod is not ready either, but it does not run yet."""
    assert describe_problem([pod(containers=[waiting(reason)], conditions=[NOT_READY])]) == ""


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
    assert describe_problem(pods) == ""


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


class Counting(Leaving):
    """A cluster that counts how often pods were asked for."""

    asked = 0

    @override
    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """See `Cluster.list_pods`."""
        self.asked += 1
        return await super().list_pods(namespace, labels)


async def test_a_reason_that_exists_is_known_in_the_first_pass() -> None:
    """An image that does not exist is told before anybody has waited for it."""
    cluster = Leaving()
    happens(cluster, "ErrImagePull", app="demo")

    told = await PodDiagnostics(cluster).diagnose("ml", "demo", {"app": "demo"}, since=100.0, now=100.0)

    assert told == "pod demo-x, container m: ErrImagePull: it says"


async def test_a_slow_start_is_looked_up_less_and_less_often() -> None:
    """An hour of loading costs a handful of requests in the beginning and one every 10 s after it."""
    cluster = Counting()
    troubles = PodDiagnostics(cluster)
    happens(cluster, "ContainerCreating", app="demo")
    asked_at = []
    for second in range(61):
        before = cluster.asked
        await troubles.diagnose("ml", "demo", {"app": "demo"}, since=100.0, now=100.0 + second)
        asked_at += [second] * (cluster.asked - before)

    assert asked_at == [0, 1, 2, 4, 8, 16, 26, 36, 46, 56]


async def test_a_known_reason_is_looked_up_every_10_seconds() -> None:
    """Not in every pass; and the controller knows when a pass is worth its while."""
    cluster = Leaving()
    troubles = PodDiagnostics(cluster)
    labels = {"app": "demo"}

    async def told(now: float) -> str:
        return await troubles.diagnose("ml", "demo", labels, since=100.0, now=now)

    assert troubles.again_in("ml", "demo", now=100.0) == math.inf
    happens(cluster, "ErrImagePull", **labels)
    assert "ErrImagePull" in await told(100.0)
    assert troubles.again_in("ml", "demo", now=103.0) == 7.0
    happens(cluster, "CreateContainerError", **labels)
    assert "ErrImagePull" in await told(109.0)
    assert "CreateContainerError" in await told(110.0)
    troubles.forget("ml", "demo")
    assert troubles.again_in("ml", "demo", now=110.0) == math.inf


async def test_what_the_cluster_tells_by_itself_is_a_reason_to_look() -> None:
    """Another pod, or one ready pod less: whatever was known may be over. Many changes at once are one reason."""
    cluster = Counting()
    troubles = PodDiagnostics(cluster)
    happens(cluster, "ErrImagePull", app="demo")

    async def told(now: float, *seen: int) -> str:
        return await troubles.diagnose("ml", "demo", {"app": "demo"}, since=0.0, now=now, seen=seen)

    await told(100.0, 1, 0)
    happens(cluster, "CreateContainerError", app="demo")
    assert "ErrImagePull" in await told(102.0, 1, 0)
    assert "CreateContainerError" in await told(103.0, 2, 0)
    for pods in range(3, 20):
        await told(103.5, pods, 0)

    assert cluster.asked == 2


async def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    """The next look is not left to an instant that comes in an hour."""
    cluster = Leaving()
    troubles = PodDiagnostics(cluster)
    happens(cluster, "ErrImagePull", app="demo")
    await troubles.diagnose("ml", "demo", {"app": "demo"}, since=100.0, now=7200.0)
    happens(cluster, "CreateContainerError", app="demo")

    assert "CreateContainerError" in await troubles.diagnose("ml", "demo", {"app": "demo"}, since=100.0, now=3600.0)


async def test_what_could_not_be_read_is_not_nothing() -> None:
    """An API server that is away has not said that all is well, nor that it is as before; it is asked again at once."""
    cluster = Leaving()
    troubles = PodDiagnostics(cluster)
    labels = {"app": "demo"}
    happens(cluster, "ErrImagePull", **labels)

    async def told(now: float) -> str:
        return await troubles.diagnose("ml", "demo", labels, since=100.0, now=now)

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
    troubles = PodDiagnostics(cluster)

    async def told(revision: str, *, since: float, now: float) -> str:
        return await troubles.diagnose("ml", "demo", {"revision": revision}, since=since, now=now)

    happens(cluster, "ErrImagePull", revision="a")
    assert "ErrImagePull" in await told("a", since=100.0, now=110.0)
    assert await told("b", since=112.0, now=113.0) == ""
    happens(cluster, "CreateContainerError", revision="b")
    assert "CreateContainerError" in await told("b", since=112.0, now=122.0)


async def test_a_deadline_finds_the_reason_looked_up() -> None:
    """However short it is: what is decided then rests on what is known then."""
    cluster = Leaving()
    troubles = PodDiagnostics(cluster)
    happens(cluster, "ErrImagePull", app="demo")

    async def told(now: float) -> str:
        return await troubles.diagnose("ml", "demo", {"app": "demo"}, since=100.0, now=now, due=105.0)

    assert "ErrImagePull" in await told(104.0)
    happens(cluster, "CreateContainerError", app="demo")
    assert "CreateContainerError" in await told(105.0)
    happens(cluster, "InvalidImageName", app="demo")
    assert "CreateContainerError" in await told(114.0)
    assert "InvalidImageName" in await told(115.0)
