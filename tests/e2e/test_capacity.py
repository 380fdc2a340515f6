"""The capacity that a load test finds on a real node is that of theory: the server has a known law (M/D/4)."""

import uuid
from collections.abc import Iterator

import pytest

from palier.economics.queueing import Law, largest_rate
from tests.e2e.installation import CAPACITY_IMAGE
from tests.e2e.scale import EXACT_LATENCY, SERVICE_TIME, WORKERS, planned, search_exactly
from tests.e2e.support import Model, kubectl, ready

THEORY = largest_rate(Law.FIXED, servers=WORKERS, service_time=SERVICE_TIME, threshold=EXACT_LATENCY, quantile=0.95)


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    """A first version that is load-tested before it serves, whatever it costs."""
    namespace = f"e2e-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    with Model(namespace, image=CAPACITY_IMAGE) as tested:
        planned(tested)
        search_exactly(tested)
        del tested.manifest["spec"]["budget"]
        yield tested
        if request.session.testsfailed:
            print(tested.story())  # noqa: T201 - shown by pytest with the failure
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.disturbs("machine")
def test_the_capacity_is_what_theory_says(model: Model) -> None:
    """Within 15 % of M/D/c through the whole path, with a sender that was on time."""
    model.apply()
    status = model.wait(ready, timeout=180, what="the version to serve after its load test")
    (test,) = status["loadTests"]

    assert float(test["capacity"]) == pytest.approx(THEORY, rel=0.15)
    assert float(test["scheduleLag"]) < EXACT_LATENCY
    assert float(status["plan"]["capacity"]) == float(test["capacity"])
