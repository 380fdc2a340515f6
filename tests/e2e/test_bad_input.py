"""What goes wrong before any traffic moves has a clear message in a condition, and stable keeps serving."""

import copy
import json

import yaml

from tests.e2e.support import Model, kubectl, wait_until


def container(model: Model) -> dict[str, object]:
    """The model's container in the manifest."""
    found: dict[str, object] = model.manifest["spec"]["serving"]["template"]["spec"]["containers"][0]
    return found


def next_version(model: Model) -> None:
    """A manifest of its own for the next version."""
    model.manifest = copy.deepcopy(model.manifest)
    model.manifest["spec"]["model"]["version"] = "2"


def still_serves(model: Model, stable: str) -> None:
    """The stable revision has everything."""
    assert model.status["stable"]["revision"] == stable
    assert model.weight(stable) == 100
    assert model.condition("Available")["status"] == "True"


def test_an_image_that_does_not_exist_is_named(model: Model) -> None:
    """The release fails at its deadline with the kubelet's word for it."""
    stable = model.serve_first()
    next_version(model)
    model.manifest["spec"]["release"]["progressDeadline"] = "8s"
    container(model)["image"] = "localhost/no-such-image:1"
    container(model)["imagePullPolicy"] = "Never"
    model.apply()
    status = model.wait(
        lambda s: s.get("outcome", {}).get("result") == "Failed", timeout=60, what="the release to fail"
    )

    assert "ErrImageNeverPull" in status["outcome"]["message"]
    assert "no-such-image" in status["outcome"]["message"]
    still_serves(model, stable)


def test_a_container_that_never_gets_ready_is_named(model: Model) -> None:
    """So is a pod that runs without ever being ready."""
    stable = model.serve_first()
    next_version(model)
    model.manifest["spec"]["release"]["progressDeadline"] = "8s"
    container(model)["readinessProbe"] = {"httpGet": {"path": "/nowhere", "port": 8080}, "periodSeconds": 1}
    model.apply()
    status = model.wait(
        lambda s: s.get("outcome", {}).get("result") == "Failed", timeout=60, what="the release to fail"
    )

    assert "not ready" in status["outcome"]["message"]
    still_serves(model, stable)


def test_an_accelerator_that_no_node_has_holds_the_release(model: Model) -> None:
    """A GPU is wanted and there is none: the scheduler's sentence is in the condition, nothing else happens."""
    stable = model.serve_first()
    next_version(model)
    model.manifest["spec"]["serving"]["placement"] = {"accelerator": "GPU", "gpu": {}}
    model.apply()
    model.wait(
        lambda _status: "Insufficient nvidia.com/gpu" in model.condition("Ready").get("message", ""),
        timeout=60,
        what="the condition to name the accelerator",
    )

    still_serves(model, stable)


def test_a_gateway_that_does_not_exist_is_named(model: Model) -> None:
    """The first revision waits for a route that nobody accepts, and says which Gateway it waits for."""
    model.manifest["spec"]["traffic"]["gateway"]["parentRefs"] = [{"name": "nowhere", "namespace": "infra"}]
    model.apply()
    model.wait(
        lambda _status: (
            model.condition("Ready").get("reason") == "RouteNotAccepted"
            and "infra/nowhere" in model.condition("Ready")["message"]
        ),
        timeout=60,
        what="the condition to name the Gateway",
    )


def test_a_listener_that_does_not_allow_the_route_is_named(model: Model) -> None:
    """A route that the Gateway refuses carries the Gateway's reason."""
    reference = {"name": "public", "namespace": "infra", "sectionName": "no-such-listener"}
    model.manifest["spec"]["traffic"]["gateway"]["parentRefs"] = [reference]
    model.apply()
    model.wait(
        lambda _status: "NoMatchingParent" in model.condition("Ready").get("message", ""),
        timeout=60,
        what="the condition to carry the gateway's reason",
    )


def test_a_hostname_taken_by_another_is_named(model: Model) -> None:
    """A second ModelDeployment with the same host waits and says who has it; the first keeps its traffic."""
    stable = model.serve_first()
    second = copy.deepcopy(model.manifest)
    second["metadata"]["name"] = "latecomer"
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(second))

    def message() -> str:
        body = json.loads(kubectl("get", "modeldeployment", "latecomer", "-n", model.namespace, "-o", "json"))
        conditions = body.get("status", {}).get("conditions", ())
        return next((c["message"] for c in conditions if c["type"] == "Ready"), "")

    wait_until(
        lambda: f"taken by the older HTTPRoute {model.namespace}/demo" in message(), timeout=60, what="its condition"
    )

    still_serves(model, stable)


def test_a_prompt_that_is_not_there_is_named(model: Model) -> None:
    """A missing ConfigMap is a sentence with the label that it needs, and the old revision serves on."""
    stable = model.serve_first()
    next_version(model)
    model.manifest["spec"]["model"]["prompts"] = [
        {"name": "system", "configMapKeyRef": {"name": "nowhere", "key": "system"}}
    ]
    model.apply()
    model.wait(
        lambda _status: model.condition("Stalled").get("reason") == "InvalidSpec",
        timeout=30,
        what="the object to be stalled",
    )

    assert "palier.dev/watch" in model.condition("Stalled")["message"]
    still_serves(model, stable)
