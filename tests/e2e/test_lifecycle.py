"""What people do in mid-release: supersede, revert, pause, abort, retry, promote, change a prompt, delete."""

import copy
import json
import socket
from collections.abc import Callable

import pytest

from local.traffic import TrafficThread
from tests.e2e.objects import get_object, list_objects
from tests.e2e.support import Model, kubectl, not_the_candidates, ready, wait_until

Users = Callable[..., TrafficThread]


def answers(address: str) -> bool:
    """Whether anybody answers behind an address yet."""
    try:
        with socket.create_connection((address, 8080), timeout=1):
            return True
    except OSError:
        return False


def annotate(model: Model, annotation: str) -> None:
    """Write an annotation as a person would."""
    kubectl("annotate", "modeldeployment", model.name, "-n", model.namespace, "--overwrite", annotation)


@pytest.mark.bears("operator")
def test_a_third_version_supersedes_the_candidate_through_stable(model: Model, users: Users) -> None:
    """Traffic returns to stable before the third version gets any."""
    model.manifest["spec"]["release"]["stages"][1]["canary"]["minDuration"] = "10m"
    stable = model.serve_first()
    traffic = users()
    second = model.release("2")
    model.in_traffic(second, weight=35)
    model.manifest["spec"]["release"]["stages"][1]["canary"]["minDuration"] = "2s"
    third = model.release("3")
    model.promoted(third)

    assert all(not (weights.get(second) and weights.get(third)) for _, weights in model.weights)
    assert any(
        weights.get(stable) == 100 and not weights.get(second)
        for at, weights in model.weights
        if at >= model.zero_since(second)
    )
    assert [outcome["result"] for outcome in model.status["history"]] == ["Promoted", "Superseded", "Promoted"]
    assert traffic.stop().failures() == []


def test_the_old_manifest_ends_a_release_and_brings_a_warm_former_stable_back(model: Model, users: Users) -> None:
    """The way back is the old manifest: in mid-release traffic is on stable again at once.

    After the promotion, within the rollback window, the old version takes over in seconds, without a canary or a pod.
    """
    model.manifest["spec"]["release"]["rollbackWindow"] = "5m"
    stable = model.serve_first()
    first = model.manifest
    traffic = users()
    model.manifest = copy.deepcopy(first)
    model.manifest["spec"]["release"]["stages"][0]["canary"]["minDuration"] = "10m"
    second = model.release("2")
    model.in_traffic(second, weight=20)
    model.manifest = first
    model.apply()
    status = model.promoted(stable, timeout=20)

    assert model.weight(second) == 0
    assert status["outcome"]["result"] == "Reverted"

    second = model.release("2")
    model.promoted(second)
    pods = pods_of(model)
    model.manifest = first
    model.apply()
    model.promoted(stable, timeout=15)

    assert pods_of(model) == pods
    assert traffic.stop().failures() == []


def pods_of(model: Model) -> set[str]:
    """The pods that are there to stay."""
    pods = list_objects(model.namespace, "pods")
    return {pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")}


def test_pause_abort_retry_and_promote_on_request(model: Model, users: Users) -> None:
    """Each request does what it says, and who asked is on record."""
    stable = model.serve_first()
    traffic = users()
    model.manifest["spec"]["release"]["paused"] = True
    second = model.release("2")
    model.wait(
        lambda _status: model.condition("Ready").get("reason") == "Paused", timeout=60, what="the release to be paused"
    )

    assert model.weight(second) == 0

    model.manifest["spec"]["release"]["paused"] = False
    model.manifest["spec"]["release"]["stages"][0]["canary"]["minDuration"] = "10m"
    model.apply()
    model.in_traffic(second, weight=20)
    annotate(model, f"palier.dev/abort={second}")
    status = model.wait(
        lambda s: s.get("outcome", {}).get("result") == "Aborted", timeout=20, what="the release to be aborted"
    )

    assert status["stable"]["revision"] == stable
    assert "kubectl" in status["outcome"]["message"]
    assert model.condition("Stalled")["status"] == "True"

    kubectl("annotate", "modeldeployment", model.name, "-n", model.namespace, "palier.dev/abort-")
    annotate(model, "palier.dev/retry=once-more")
    model.in_traffic(second, weight=20)
    annotate(model, f"palier.dev/promote={second}")
    model.promoted(second, timeout=30)

    assert traffic.stop().failures() == []


@pytest.mark.bears("operator")
def test_a_changed_prompt_is_a_new_revision_whose_copy_goes_with_the_model(model: Model) -> None:
    """Editing the ConfigMap releases it; running pods keep the text that they were released with.

    Once the ModelDeployment is deleted, nothing that Palier has made is left in the namespace.
    """
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prompts", "namespace": model.namespace, "labels": {"palier.dev/watch": "true"}},
        "data": {"system": "Answer in one word."},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(source))
    model.manifest["spec"]["model"]["prompts"] = [
        {"name": "system", "configMapKeyRef": {"name": "prompts", "key": "system"}}
    ]
    model.manifest["spec"]["objectives"] = []
    first = model.serve_first()
    source["data"] = {"system": "Answer in two words."}
    kubectl("apply", "-f", "-", stdin=json.dumps(source))
    status = model.wait(
        lambda s: ready(s) and s["stable"]["revision"] != first, timeout=90, what="the new prompt to be promoted"
    )
    second = status["stable"]["revision"]
    texts = {
        revision: get_object(model.namespace, "configmaps", f"{model.name}-{revision}-prompts")["data"]["system"]
        for revision in (first, second)
    }

    assert texts == {first: "Answer in one word.", second: "Answer in two words."}

    kubectl("delete", "modeldeployment", model.name, "-n", model.namespace)
    kinds = ("deployments", "services", "endpointslices", "httproutes", "configmaps", "pods")
    wait_until(
        lambda: not list_objects(model.namespace, *kinds, selector="palier.dev/modeldeployment"),
        timeout=60,
        what="everything to be gone",
    )


@pytest.mark.long
@pytest.mark.bears("operator")
def test_without_a_gateway_replicas_make_the_share(model: Model, users: Users) -> None:
    """A slow version is rolled back and a good one promoted behind a plain Service; nobody gets an error."""
    model.manifest["spec"]["traffic"] = {"service": {}}
    model.manifest["spec"]["serving"]["replicas"] = 2
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 30, "minDuration": "3s", "maxDuration": "10m"}}
    ]
    stable = model.serve_first()
    address = get_object(model.namespace, "services", model.name)["spec"]["clusterIP"]
    wait_until(lambda: answers(address), timeout=10, what="the node's proxy to know the new Service")
    traffic = users(url=f"http://{address}:8080/v1/detect", reuse_connections=False)
    slow = model.release("slow", EXTRA_LATENCY_MS="800")
    status = model.rolled_back(slow)

    assert status["stable"]["revision"] == stable

    good = model.release("2")
    model.promoted(good)

    assert not_the_candidates(traffic) == []
