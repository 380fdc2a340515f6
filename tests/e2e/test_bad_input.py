"""What goes wrong before any traffic moves has a clear message in a condition, and stable keeps serving.

One after another, and most of them on one model: each mistake is taken back before the next.
"""

import copy
import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.installation import MODEL_IMAGE
from tests.e2e.objects import get_object
from tests.e2e.support import Model, Status, kubectl, wait_until

pytestmark = [pytest.mark.long, pytest.mark.bears("operator", "prometheus")]


@pytest.fixture(scope="module")
def serving() -> Iterator[Model]:
    """A model that serves its first revision."""
    namespace = f"e2e-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    with Model(namespace, image=MODEL_IMAGE) as model:
        model.serve_first()
        yield model
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def served_model(request: pytest.FixtureRequest, serving: Model) -> Iterator[Model]:
    """The same, which gets its first manifest back afterwards."""
    first = serving.manifest
    stable = serving.status["stable"]["revision"]
    yield serving
    if request.session.testsfailed:
        print(serving.story())  # noqa: T201 - shown by pytest with the failure
    serving.manifest = first
    serving.apply()
    serving.promoted(stable)


def container(model: Model) -> dict[str, object]:
    """The model's container in the manifest."""
    found: dict[str, object] = model.manifest["spec"]["serving"]["template"]["spec"]["containers"][0]
    return found


def next_version(model: Model) -> None:
    """A manifest of its own for the next version."""
    model.manifest = copy.deepcopy(model.manifest)
    model.manifest["spec"]["model"]["version"] = "2"


def await_failure(model: Model) -> Status:
    """See the next version's release begin and fail."""
    status = model.wait(lambda s: s.get("candidate"), timeout=30, what="the next version to be the candidate")
    revision = status["candidate"]["revision"]
    return model.wait(
        lambda s: s["outcome"]["revision"] == revision and s["outcome"]["result"] == "Failed",
        timeout=60,
        what="the release to fail",
    )


def still_serves(model: Model, stable: str) -> None:
    """The stable revision has everything."""
    assert model.status["stable"]["revision"] == stable
    assert model.weight(stable) == 100
    assert model.condition("Available")["status"] == "True"


def test_an_image_that_does_not_exist_is_named(served_model: Model) -> None:
    """The release fails at its deadline with the kubelet's word for it."""
    stable = served_model.status["stable"]["revision"]
    next_version(served_model)
    served_model.manifest["spec"]["release"]["progressDeadline"] = "8s"
    container(served_model)["image"] = "localhost/no-such-image:1"
    container(served_model)["imagePullPolicy"] = "Never"
    served_model.apply()
    status = await_failure(served_model)

    assert "ErrImageNeverPull" in status["outcome"]["message"]
    assert "no-such-image" in status["outcome"]["message"]
    still_serves(served_model, stable)


def test_a_container_that_never_gets_ready_is_named(served_model: Model) -> None:
    """So is a pod that runs without ever being ready."""
    stable = served_model.status["stable"]["revision"]
    next_version(served_model)
    served_model.manifest["spec"]["release"]["progressDeadline"] = "8s"
    container(served_model)["readinessProbe"] = {"httpGet": {"path": "/nowhere", "port": 8080}, "periodSeconds": 1}
    served_model.apply()
    status = await_failure(served_model)

    assert "not ready" in status["outcome"]["message"]
    still_serves(served_model, stable)


def test_an_accelerator_that_no_node_has_holds_the_release(served_model: Model) -> None:
    """A GPU is wanted and there is none: the scheduler's sentence is in the condition, nothing else happens."""
    stable = served_model.status["stable"]["revision"]
    next_version(served_model)
    served_model.manifest["spec"]["serving"]["placement"] = {"accelerator": "GPU", "gpu": {}}
    served_model.apply()
    served_model.wait(
        lambda _status: "Insufficient nvidia.com/gpu" in served_model.condition("Ready").get("message", ""),
        timeout=60,
        what="the condition to name the accelerator",
    )

    still_serves(served_model, stable)


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


def test_a_hostname_taken_by_another_is_named(served_model: Model) -> None:
    """A second ModelDeployment with the same host waits and says who has it; the first keeps its traffic."""
    stable = served_model.status["stable"]["revision"]
    second = copy.deepcopy(served_model.manifest)
    second["metadata"]["name"] = "latecomer"
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(second))

    def message() -> str:
        body = get_object(served_model.namespace, "modeldeployments", "latecomer")
        conditions = body.get("status", {}).get("conditions", ())
        return next((c["message"] for c in conditions if c["type"] == "Ready"), "")

    wait_until(
        lambda: f"taken by the older HTTPRoute {served_model.namespace}/demo" in message(),
        timeout=60,
        what="its condition",
    )
    kubectl("delete", "modeldeployment", "latecomer", "-n", served_model.namespace)

    still_serves(served_model, stable)


def test_a_prompt_that_is_not_there_is_named(served_model: Model) -> None:
    """A missing ConfigMap is a sentence with the label that it needs, and the old revision serves on."""
    stable = served_model.status["stable"]["revision"]
    next_version(served_model)
    served_model.manifest["spec"]["model"]["prompts"] = [
        {"name": "system", "configMapKeyRef": {"name": "nowhere", "key": "system"}}
    ]
    served_model.apply()
    served_model.wait(
        lambda _status: served_model.condition("Stalled").get("reason") == "InvalidSpec",
        timeout=30,
        what="the object to be stalled",
    )

    assert "palier.dev/watch" in served_model.condition("Stalled")["message"]
    still_serves(served_model, stable)
