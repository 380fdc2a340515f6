"""What people do in mid-release: supersede, revert, pause, abort, retry, promote, change a prompt, delete."""

import json
import socket
from collections.abc import Callable

import pytest

from local import cluster
from local.errors import LocalError
from local.traffic import TrafficThread
from tests.e2e.support import Model, asked_by_palier, kubectl, not_the_candidates, ready, wait_until

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


def test_reverting_the_spec_ends_the_release_at_once(model: Model, users: Users) -> None:
    """The way back is the old manifest: traffic is on stable again and the object is ready."""
    model.manifest["spec"]["release"]["stages"][0]["canary"]["minDuration"] = "10m"
    stable = model.serve_first()
    first = model.manifest
    traffic = users()
    second = model.release("2")
    model.in_traffic(second, weight=20)
    model.manifest = first
    model.apply()
    status = model.promoted(stable, timeout=20)

    assert model.weight(second) == 0
    assert status["outcome"]["result"] == "Reverted"
    assert traffic.stop().failures() == []


def test_the_warm_former_stable_takes_over_without_a_canary(model: Model, users: Users) -> None:
    """Within the rollback window the old manifest brings the old version back in seconds, without starting a pod."""
    model.manifest["spec"]["release"]["rollbackWindow"] = "5m"
    stable = model.serve_first()
    first = model.manifest
    traffic = users()
    second = model.release("2")
    model.promoted(second)
    pods = set(kubectl("get", "pods", "-n", model.namespace, "-o", "name").split())
    model.manifest = first
    model.apply()
    model.promoted(stable, timeout=15)

    assert set(kubectl("get", "pods", "-n", model.namespace, "-o", "name").split()) == pods
    assert traffic.stop().failures() == []


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


def test_a_changed_prompt_is_a_new_revision_with_a_copy_of_its_own(model: Model) -> None:
    """Editing the ConfigMap releases it; running pods keep the text that they were released with."""
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
        revision: kubectl(
            *("get", "configmap", f"{model.name}-{revision}-prompts", "-n", model.namespace),
            *("-o", "jsonpath={.data.system}"),
        )
        for revision in (first, second)
    }

    assert texts == {first: "Answer in one word.", second: "Answer in two words."}


def test_deleting_a_model_deployment_removes_everything_it_made(model: Model) -> None:
    """Nothing with Palier's label is left in the namespace."""
    model.serve_first()
    kubectl("delete", "modeldeployment", model.name, "-n", model.namespace)
    kinds = "deployments,services,endpointslices,httproutes,configmaps,pods"
    wait_until(
        lambda: (
            not kubectl("get", kinds, "-n", model.namespace, "-l", "palier.dev/modeldeployment", "-o", "name").strip()
        ),
        timeout=60,
        what="everything to be gone",
    )


def test_without_a_gateway_replicas_make_the_share(model: Model, users: Users) -> None:
    """A slow version is rolled back and a good one promoted behind a plain Service; nobody gets an error."""
    model.manifest["spec"]["traffic"] = {"service": {}}
    model.manifest["spec"]["serving"]["replicas"] = 2
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 30, "minDuration": "3s", "maxDuration": "10m"}}
    ]
    stable = model.serve_first()
    address = kubectl("get", "service", model.name, "-n", model.namespace, "-o", "jsonpath={.spec.clusterIP}")
    wait_until(lambda: answers(address), timeout=10, what="the node's proxy to know the new Service")
    traffic = users(url=f"http://{address}:8080/v1/detect", reuse_connections=False)
    slow = model.release("slow", EXTRA_LATENCY_MS="400")
    status = model.rolled_back(slow)

    assert status["stable"]["revision"] == stable

    good = model.release("2")
    model.promoted(good)

    assert not_the_candidates(traffic) == []


def test_a_breach_moves_the_traffic_before_anybody_is_told(model: Model, users: Users) -> None:
    """The route is at weight 0 before a status or an Event says so; and tools tell a rollback from progress.

    Stalled and Available are true and Ready is not, so that they fail fast and know that users are served.
    """
    # What Palier tidies up later is no part of the order of a rollback.
    model.manifest["spec"]["release"]["drainDelay"] = "5m"
    model.serve_first()
    users()
    slow = model.release("slow", EXTRA_LATENCY_MS="400")
    model.rolled_back(slow)
    target = (f"modeldeployment/{model.name}", "-n", model.namespace)
    kubectl("wait", "--for=condition=Stalled", *target, "--timeout=10s")
    kubectl("wait", "--for=condition=Available", *target, "--timeout=10s")

    assert model.condition("Ready")["reason"] == "RolledBack"
    assert model.condition("Reconciling") == {}
    with pytest.raises(LocalError, match="timed out"):
        kubectl("wait", "--for=condition=Ready", *target, "--timeout=2s")

    if not cluster.is_local():
        return
    order = [entry["objectRef"] for entry in asked_by_palier(model.namespace)]
    last_route = max(index for index, about in enumerate(order) if about["resource"] == "httproutes")
    last_event = max(index for index, about in enumerate(order) if about["resource"] == "events")
    last_status = max(index for index, about in enumerate(order) if about.get("subresource") == "status")

    assert last_route < last_status
    assert last_route < last_event
