"""What is known of a load test's Job, from objects as API server, Job controller and kubelet write them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from typing_extensions import override

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.loadtests import facts
from palier.cluster.store import Store
from palier.errors import Unavailable
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.manifests.loadtest import load_test_job, load_test_name
from palier.release.testing import LoadTestFacts, Run
from tests.support.cluster.memory import MemoryCluster
from tests.support.cluster.tested_pods import REVISION, STARTED, STARTED_AT, serving_pod

RUN = Run("", REVISION, replicas=1, index=0, attempt=1, digest="0123456789abcdef")

RESULT = LoadTestResult(Verdict.PASS, "CapacityFound", "42 requests/s held", capacity=Decimal(42), requests=9000)
COMPLETE = {"type": "Complete", "status": "True", "reason": "CompletionsReached"}
FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the limit"}
OVERDUE = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "Job was active too long"}


class Away(MemoryCluster):
    """An API server that cannot be asked for pods and logs."""

    @override
    async def list_pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        raise Unavailable("the API server is away")

    @override
    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        raise Unavailable("the API server is away")


class Silent(MemoryCluster):
    """One that has no log of a pod that it knows."""

    log_tail = Away.log_tail


@pytest.fixture
def deployment() -> ModelDeployment:
    """A ModelDeployment with a load test."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "u1"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "scale": {"target": {"requestsPerSecond": "10"}, "loadTest": {"maxDuration": "10m"}},
            },
        }
    )


def stored(deployment: ModelDeployment, *, conditions: tuple[dict[str, str], ...] = (), **status: Any) -> Store:  # noqa: ANN401
    """A cache that has seen the run's Job."""
    job = load_test_job(deployment, RUN, image="registry.example.com/palier:1")
    job["metadata"]["resourceVersion"] = "5"
    job["status"] = {"startTime": STARTED, **status, **({"conditions": list(conditions)} if conditions else {})}
    store = Store()
    store.put(job)
    return store


def pod(
    deployment: ModelDeployment,
    *,
    name: str = "load-x",
    at: str = STARTED,
    phase: str,
    **status: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A pod of the run's Job."""
    labels = {"palier.dev/load-test": load_test_name(deployment, RUN)}
    metadata = {"name": name, "namespace": "ml", "labels": labels, "creationTimestamp": at}
    return {"metadata": metadata, "spec": {"nodeName": "tools-1"}, "status": {"phase": phase, **status}}


def ended(message: str, *, code: int = 0, reason: str = "Completed") -> list[dict[str, Any]]:
    """The status of a container that has ended and left a message."""
    return [{"name": "load-test", "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}]


async def test_without_a_job_nothing_is_asked(deployment: ModelDeployment) -> None:
    """Most reconciles have no load test: they cost the API server nothing, and also work while it is away."""
    assert await facts(Away(), Store(), deployment, RUN) == LoadTestFacts()


async def test_a_job_without_pods_is_there_and_nothing_is_asked(deployment: ModelDeployment) -> None:
    """Between the creation of a Job and its pod's there is nothing to read."""
    found = await facts(Away(), stored(deployment), deployment, RUN)
    assert found == LoadTestFacts(exists=True, started_at=STARTED_AT)


@pytest.mark.parametrize(
    "change", [{"deletionTimestamp": STARTED}, {"ownerReferences": [{"uid": "of an earlier object of this name"}]}]
)
async def test_a_job_that_goes_or_is_anothers_is_none(deployment: ModelDeployment, change: dict[str, Any]) -> None:
    """What is on its way out says nothing about this run."""
    store = stored(deployment, active=1)
    job = store.get("Job", "ml", load_test_name(deployment, RUN))
    assert job is not None
    store.put({**job, "metadata": {**job["metadata"], **change, "resourceVersion": "6"}})
    assert await facts(Away(), store, deployment, RUN) == LoadTestFacts()


async def test_the_progress_is_in_the_last_line_that_tells_it(deployment: ModelDeployment) -> None:
    """Warnings and broken lines between the steps do not hide how far the test is."""
    cluster = MemoryCluster()
    cluster.pods = [pod(deployment, phase="Running")]
    lines = [
        json.dumps({"progress": {"phase": "Climb", "requestsPerSecond": "10"}}),
        json.dumps({"progress": {"phase": "Search", "requestsPerSecond": "20"}}),
        json.dumps(["progress"]),
        json.dumps({"progress": 3}),
        "warning: one answer was not JSON",
    ]
    cluster.logs["load-x"] = "\n".join(lines) + "\n"
    found = await facts(cluster, stored(deployment, active=1), deployment, RUN)
    assert found == LoadTestFacts(
        exists=True,
        running=True,
        progress={"phase": "Search", "requestsPerSecond": "20"},
        started_at=STARTED_AT,
    )


async def test_a_run_whose_log_cannot_be_read_runs_all_the_same(deployment: ModelDeployment) -> None:
    """The progress is only for people: without it the test goes on, and so does the release."""
    cluster = Silent()
    cluster.pods = [pod(deployment, phase="Running")]
    found = await facts(cluster, stored(deployment, active=1), deployment, RUN)
    assert found == LoadTestFacts(exists=True, running=True, started_at=STARTED_AT)


async def test_a_pod_that_waits_says_what_for(deployment: ModelDeployment) -> None:
    """A generator that finds no node, or no image, is shown with its reason while it waits."""
    cluster = MemoryCluster()
    unplaced = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes: pool=tools",
    }
    cluster.pods = [pod(deployment, phase="Pending", conditions=[unplaced])]
    found = await facts(cluster, stored(deployment, active=1), deployment, RUN)
    assert (found.exists, found.running, found.failed) == (True, False, False)
    assert found.message == "pod load-x cannot be placed: 0/1 nodes: pool=tools"


@pytest.mark.parametrize("counts", [{"failed": 1}, {"failed": 1, "active": 1}])
async def test_between_two_tries_it_says_why_there_is_a_second(
    deployment: ModelDeployment, counts: dict[str, int]
) -> None:
    """Kubernetes waits a while before the second pod, and the first one's reason must not be lost meanwhile."""
    cluster = MemoryCluster()
    broken = ended("corpus, line 3: body is missing", code=1, reason="Error")
    cluster.pods = [pod(deployment, phase="Failed", containerStatuses=broken)]
    if "active" in counts:
        cluster.pods.append(pod(deployment, name="load-y", at="2026-11-24T10:00:20Z", phase="Pending"))
    found = await facts(cluster, stored(deployment, **counts), deployment, RUN)
    assert (found.exists, found.running, found.failed) == (True, False, False)
    assert found.message == (
        "pod load-x of the load test ended with exit code 1: corpus, line 3: body is missing; it is tried once more"
    )


async def test_a_result_that_the_job_has_not_noticed_yet_is_no_failure(deployment: ModelDeployment) -> None:
    """Between the end of the pod and that of its Job there is a moment in which nothing is wrong."""
    cluster = MemoryCluster()
    cluster.pods = [pod(deployment, phase="Succeeded", containerStatuses=ended(RESULT.to_json()))]
    found = await facts(cluster, stored(deployment, failed=1, active=1), deployment, RUN)
    assert found == LoadTestFacts(exists=True, message="it is over", started_at=STARTED_AT)


async def test_pods_that_cannot_be_read_are_an_error(deployment: ModelDeployment) -> None:
    """An API server that is away is no failed test: the object is looked at again."""
    for store in (stored(deployment, active=1), stored(deployment, conditions=(COMPLETE,))):
        with pytest.raises(Unavailable):
            await facts(Away(), store, deployment, RUN)


async def test_a_result_comes_with_the_node_and_the_cold_start_of_the_serving_pod(deployment: ModelDeployment) -> None:
    """What was measured belongs to the node on which the model ran, not to that of the generator."""
    cluster = MemoryCluster()
    cluster.pods = [pod(deployment, phase="Succeeded", containerStatuses=ended(RESULT.to_json())), serving_pod()]
    found = await facts(cluster, stored(deployment, conditions=(COMPLETE,), succeeded=1), deployment, RUN)
    assert (found.exists, found.running, found.failed) == (True, False, False)
    assert found.result == RESULT
    assert found.node == "node-7"
    assert found.usage.cold_start == Decimal(25)
    assert found.started_at == STARTED_AT


async def test_the_second_pod_of_a_job_may_have_the_result(deployment: ModelDeployment) -> None:
    """A Job tries once more after a pod that was evicted: what the later one found counts."""
    cluster = MemoryCluster()
    cluster.pods = [
        pod(deployment, name="first", phase="Failed", containerStatuses=ended("", code=137, reason="Error")),
        pod(
            deployment,
            name="second",
            at="2026-11-24T10:05:00Z",
            phase="Succeeded",
            containerStatuses=ended(RESULT.to_json()),
        ),
        serving_pod(),
    ]
    found = await facts(cluster, stored(deployment, conditions=(COMPLETE,)), deployment, RUN)
    assert found.result == RESULT


def replaced(pod: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A pod with other metadata."""
    return {**pod, "metadata": {**pod["metadata"], **changes}}


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [replaced(serving_pod(), creationTimestamp="2026-11-24T10:00:01Z")],
        [serving_pod(phase="Failed"), replaced(serving_pod("new"), creationTimestamp="2026-11-24T10:01:00Z")],
        [replaced(serving_pod(), deletionTimestamp="2026-11-24T10:01:00Z")],
    ],
    ids=["gone", "made anew", "evicted", "going"],
)
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
async def test_a_result_about_a_pod_that_was_replaced_blames_nobody(
    deployment: ModelDeployment, pods: list[dict[str, Any]], verdict: Verdict
) -> None:
    """An eviction in mid-test looks like a model that breaks down, or like one that has just started."""
    cluster = MemoryCluster()
    result = replace(RESULT, verdict=verdict)
    cluster.pods = [pod(deployment, phase="Succeeded", containerStatuses=ended(result.to_json())), *pods]
    found = await facts(cluster, stored(deployment, conditions=(COMPLETE,)), deployment, RUN)
    assert found.result is not None
    assert (found.result.verdict, found.result.reason) == (Verdict.NO_EVIDENCE, "TestedPodReplaced")
    assert found.result.capacity is None
    assert found.result.message == (
        "the tested pod was replaced or lost meanwhile, so that the load test tells nothing about the model:"
        " 42 requests/s held"
    )


async def test_of_several_tested_pods_every_one_has_to_stay(deployment: ModelDeployment) -> None:
    """The capacity is that of all of them together; a pod that was started again in its place is still the same."""
    cluster = MemoryCluster()
    run = replace(RUN, replicas=3)
    job = load_test_job(deployment, run, image="registry.example.com/palier:1")
    store = Store()
    store.put(
        {
            **job,
            "metadata": {**job["metadata"], "resourceVersion": "5"},
            "status": {"startTime": STARTED, "conditions": [COMPLETE]},
        }
    )
    again = serving_pod("b", containerStatuses=[{"name": "m", "restartCount": 2}])
    generator = pod(deployment, phase="Succeeded", containerStatuses=ended(RESULT.to_json()))
    cluster.pods = [generator, serving_pod("a"), again, serving_pod("c")]
    assert (await facts(cluster, store, deployment, run)).result == RESULT
    cluster.pods = [generator, serving_pod("a"), again, serving_pod("c", phase="Failed")]
    found = (await facts(cluster, store, deployment, run)).result
    assert found is not None
    assert found.message.startswith("1 of the 3 tested pods were replaced or lost meanwhile")


@pytest.mark.parametrize(
    "change",
    [
        {"capacity": "NaN"},
        {"reason": "no word"},
        {"reason": "Ä"},
        {"message": "no" * 20_000},
        {"requests": -1},
        {"steps": [{"phase": "Dancing", "offered": "1", "achieved": "1", "requests": 1, "errors": 0, "lag": "0"}]},
    ],
    ids=str,
)
async def test_a_result_that_no_status_could_hold_is_none(deployment: ModelDeployment, change: dict[str, Any]) -> None:
    """Whatever image wrote it: a status that the API server refuses would stop the release for ever."""
    cluster = MemoryCluster()
    written = json.dumps({**json.loads(RESULT.to_json()), **change})
    cluster.pods = [pod(deployment, phase="Succeeded", containerStatuses=ended(written)), serving_pod()]
    found = await facts(cluster, stored(deployment, conditions=(COMPLETE,)), deployment, RUN)
    assert (found.failed, found.result) == (True, None)
    assert found.message.startswith("pod load-x of the load test left no readable result")


@pytest.mark.parametrize(
    ("condition", "pods", "told"),
    [
        (
            FAILED,
            [{"containerStatuses": ended("warming up\ncorpus, line 3: body is missing\n", code=1, reason="Error")}],
            "pod load-0 of the load test ended with exit code 1: corpus, line 3: body is missing",
        ),
        (
            FAILED,
            [{"containerStatuses": ended('oh no\n{"progress": {"phase": "Climb"}}\n', code=1, reason="Error")}],
            "pod load-0 of the load test ended with exit code 1: oh no",
        ),
        (
            FAILED,
            [
                {"containerStatuses": ended("the first reason", code=1, reason="Error")},
                {"containerStatuses": ended("", code=2, reason="Error")},
            ],
            "pod load-1 of the load test ended with exit code 2",
        ),
        (
            FAILED,
            [{"containerStatuses": ended("", code=137, reason="OOMKilled")}],
            "pod load-0 of the load test was killed: it needs more memory than loadTest.resources allows",
        ),
        (
            FAILED,
            [{"reason": "Evicted", "message": "The node was low on resource: memory."}],
            "pod load-0 of the load test was ended: Evicted, The node was low on resource: memory.",
        ),
        (FAILED, [], "the load test failed, and its pods are gone: Job has reached the limit"),
        (OVERDUE, [], "the load test was stopped because it was not over after 16 minutes"),
        (COMPLETE, [{"containerStatuses": ended("{}")}], "pod load-0 of the load test left no readable result: {}"),
        (COMPLETE, [{"containerStatuses": ended("")}], "pod load-0 of the load test left no readable result"),
    ],
)
async def test_a_job_that_ended_without_a_result_says_why(
    deployment: ModelDeployment, condition: dict[str, str], pods: list[dict[str, Any]], told: str
) -> None:
    """One sentence with what a person needs: who ended, how, and the last thing it said."""
    cluster = MemoryCluster()
    cluster.pods = [
        pod(deployment, name=f"load-{number}", at=f"2026-11-24T10:0{number}:00Z", phase="Failed", **status)
        for number, status in enumerate(pods)
    ]
    found = await facts(cluster, stored(deployment, conditions=(condition,)), deployment, RUN)
    assert found == LoadTestFacts(exists=True, failed=True, message=told, started_at=STARTED_AT)


async def test_a_job_that_is_about_to_end_is_not_judged_early(deployment: ModelDeployment) -> None:
    """Kubernetes announces the end of a Job before its pods have ended and left what they have to say."""
    announced = {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"}
    undone = {"type": "Complete", "status": "False"}
    found = await facts(Away(), stored(deployment, conditions=(announced, undone)), deployment, RUN)
    assert (found.exists, found.result, found.failed) == (True, None, False)
