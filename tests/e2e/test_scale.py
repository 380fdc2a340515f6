"""Load tests, prices and budgets on a real node: who may serve, and that nobody's users pay for finding out."""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local import cluster
from local.traffic import Traffic, TrafficThread
from tests.e2e.installation import CAPACITY_IMAGE
from tests.e2e.scale import (
    MONTHLY,
    charge,
    events,
    generator_of,
    leftovers,
    operators_metrics,
    planned,
    template,
    variants,
)
from tests.e2e.support import Model, Status, kubectl, ready, wait_until

pytestmark = [pytest.mark.long, pytest.mark.disturbs("operator")]
"""Prices are the operator's, which starts anew with each table of them."""

USERS = 20.0
"""Requests per second: what is tested here is not their number."""


@dataclass
class First:
    """A first version that is load-tested before it serves, while nobody has told Palier any price."""

    model: Model
    generator: dict[str, Any] = field(default_factory=dict)
    """The pod that sent the requests, while it did."""
    services: list[dict[str, Any]] = field(default_factory=list)
    """The Services of the namespace at that time."""
    slices: str = ""
    """The addresses behind them."""
    routes: str = ""
    """The routes at that time."""
    held: Status = field(default_factory=dict)
    """The status while prices were missing."""
    live: Status = field(default_factory=dict)
    """The status once it served."""
    users: TrafficThread | None = None


@pytest.fixture(scope="module")
def first(request: pytest.FixtureRequest) -> Iterator[First]:
    """The first version on its way: tested, held for want of prices, priced, live, with users."""
    namespace = f"e2e-{uuid.uuid4().hex[:6]}"
    charge(None)
    kubectl("create", "namespace", namespace)
    with Model(namespace, image=CAPACITY_IMAGE) as model:
        planned(model)
        story = First(model)
        model.apply()
        model.wait(lambda s: s["stage"] == "LoadTest", timeout=60, what="the load test to begin")
        story.generator = wait_until(lambda: generator_of(namespace), timeout=30, what="the generator to run")
        story.services = json.loads(kubectl("get", "services", "-n", namespace, "-o", "json"))["items"]
        story.slices = kubectl("get", "endpointslices", "-n", namespace, "-o", "yaml")
        story.routes = kubectl("get", "httproutes", "-n", namespace, "-o", "name")
        reason = lambda _s: model.condition("Ready").get("reason") == "PricesMissing"  # noqa: E731
        story.held = model.wait(reason, timeout=150, what="the release to be held for want of prices")
        charge("USD")
        story.live = model.wait(ready, timeout=60, what="the first revision to serve")
        traffic = Traffic(f"http://{cluster.gateway_address()}/", host=model.hostname, rate=USERS, duration=1800)
        with TrafficThread(traffic) as users:
            story.users = users
            yield story
        if request.session.testsfailed:
            print(model.story())  # noqa: T201 - shown by pytest with the failure
    kubectl("delete", "namespace", namespace, "--wait=false")


def test_the_first_version_serves_only_after_its_load_test(first: First) -> None:
    """While it is under load there is no route to it; afterwards it serves, and its test is on record."""
    stages = [status["stage"] for _, status in first.model.statuses if status.get("stage")]

    assert first.routes == ""
    assert stages.index("LoadTest") < stages.index("Serving")
    assert "stable" not in first.held
    assert first.live["loadTests"][0]["verdict"] == "Pass"
    assert first.live["loadTests"][0]["revision"] == first.live["stable"]["revision"]


def test_the_sender_of_the_load_is_nobodys_server(first: First) -> None:
    """No Service selects its pod, no address of it stands behind one, and it cannot reach the API server."""
    labels = first.generator["metadata"]["labels"].items()
    selecting = [
        service["metadata"]["name"]
        for service in first.services
        if (selector := service["spec"].get("selector")) and selector.items() <= labels
    ]

    assert first.services
    assert selecting == []
    assert first.generator["status"]["podIP"] not in first.slices
    assert first.generator["spec"]["automountServiceAccountToken"] is False


def test_a_missing_price_holds_and_a_price_lets_go_on_without_a_new_test(first: First) -> None:
    """What was measured stays; the verdict follows from it as soon as there is a price."""
    held, live = first.held, first.live
    within = next(c for c in held["conditions"] if c["type"] == "WithinBudget")

    assert held["stage"] == "LoadTest"
    assert (within["status"], within["reason"]) == ("Unknown", "PricesMissing")
    assert [test["measuredAt"] for test in held["loadTests"]] == [test["measuredAt"] for test in live["loadTests"]]
    assert len(live["loadTests"]) == 1
    assert live["plan"]["verdict"] == "Pass"
    assert live["plan"]["currency"] == "USD"


def test_nothing_is_left_of_a_load_test(first: First) -> None:
    """Neither Job nor ConfigMap nor pod."""
    wait_until(lambda: not leftovers(first.model.namespace), timeout=30, what="the load test to be cleared away")


def test_what_serving_costs_is_told_and_exported(first: First) -> None:
    """By status and by metrics, with the currency; what a single answer costs takes ten minutes of traffic to know."""
    namespace = first.model.namespace
    status = first.model.wait(lambda s: s.get("cost"), timeout=30, what="the cost to be known")
    cost, plan = status["cost"], status["plan"]
    exported = operators_metrics()
    money = {"model_namespace": namespace, "currency": "USD"}

    assert cost["currency"] == "USD"
    assert float(cost["hourly"]) == pytest.approx(float(plan["hourlyPerReplica"]))
    assert float(cost["monthlyProjection"]) > 0
    assert exported("palier_cost_hourly", {**money, "role": "stable"}) == [pytest.approx(float(cost["hourly"]))]
    assert exported("palier_budget_monthly", money) == [float(MONTHLY)]
    assert exported("palier_capacity_requests_per_second", {"model_namespace": namespace}) == [float(plan["capacity"])]


def test_what_the_budget_does_not_pay_for_is_refused_before_any_user(first: First) -> None:
    """The candidate carries the load and costs too much: the numbers say so, and users never hear of it."""
    assert first.users is not None
    model, stable = first.model, first.live["stable"]["revision"]
    began = time.time()
    model.manifest = copy.deepcopy(model.manifest)
    spec = model.manifest["spec"]
    spec["model"]["version"] = "large"
    spec["serving"]["template"] = template(model, memory="4Gi")
    model.apply()
    status = model.wait(
        lambda s: not s.get("release") and s.get("outcome", {}).get("result") == "Refused",
        timeout=180,
        what="the candidate to be refused",
    )
    refused = status["outcome"]["revision"]
    target = next(point for point in status["plan"]["points"] if point["name"] == "Target")
    within = model.condition("WithinBudget")
    answers = first.users.responses

    assert status["stage"] == "Refused"
    assert status["outcome"]["reason"] == "OverBudget"
    assert status["stable"]["revision"] == stable != refused
    assert model.condition("Available")["status"] == "True"
    assert {weights.get(refused, 0) for at, weights in model.weights if at >= began} <= {0}
    assert {each.revision for each in answers.between(began)} == {stable}
    assert answers.failures() == []
    assert (within["status"], within["reason"]) == ("False", "OverBudget")
    assert float(target["monthlyTotal"]) > float(MONTHLY)
    assert target["withinBudget"] is False
    assert 0 < float(status["plan"]["largestAffordableRequestsPerSecond"]) < float(target["requestsPerSecond"])
    wait_until(lambda: not leftovers(model.namespace), timeout=30, what="the load test to be cleared away")


def test_of_three_variants_the_one_that_fits_is_released_though_the_operator_is_killed(
    model_of_variants: Model, restart_operator: Callable[[], None]
) -> None:
    """One is too slow, one too expensive; a kill in the second's test costs neither a result nor a second test."""
    model = model_of_variants
    model.apply()
    status = model.wait(
        lambda s: s.get("release", {}).get("testing", {}).get("run") == 1 and "passed" in s["release"]["testing"],
        timeout=120,
        what="the second variant to be under load",
    )
    before, first_test = jobs(model), status["loadTests"][0]
    restart_operator()
    after = jobs(model)
    status = model.wait(ready, timeout=240, what="the variant that fits to serve")
    found = {variant["name"]: variant for variant in status["plan"]["variants"]}
    kept = kubectl("get", "deployments", "-n", model.namespace, "-o", "name").split()

    assert len(before) == 1
    assert after == before
    assert status["stable"]["variant"] == "small"
    assert [test["variant"] for test in status["loadTests"]] == ["slow", "large", "small"]
    assert status["loadTests"][0]["measuredAt"] == first_test["measuredAt"]
    assert len(events(model, "LoadTestStarted")) == 3
    assert (found["slow"]["verdict"], found["slow"]["reason"]) == ("Fail", "ObjectiveUnreachable")
    assert (found["large"]["verdict"], found["large"]["reason"]) == ("Fail", "OverBudget")
    assert (found["small"]["verdict"], found["small"]["reason"]) == ("Pass", "Cheapest")
    assert [name for name, variant in found.items() if variant.get("chosen")] == ["small"]
    assert kept == [f"deployment.apps/{model.name}-{status['stable']['revision']}"]
    assert leftovers(model.namespace) == []


@pytest.fixture
def model_of_variants(request: pytest.FixtureRequest) -> Iterator[Model]:
    """A first version with three ways to serve it."""
    namespace = f"e2e-{uuid.uuid4().hex[:6]}"
    charge("USD")
    kubectl("create", "namespace", namespace)
    with Model(namespace, image=CAPACITY_IMAGE) as model:
        planned(model)
        # Long enough for an operator to be killed and to come back meanwhile.
        model.manifest["spec"]["scale"]["loadTest"]["soak"] = "4s"
        model.manifest["spec"]["serving"]["variants"] = variants(model)
        yield model
        if request.session.testsfailed:
            print(model.story())  # noqa: T201 - shown by pytest with the failure
    kubectl("delete", "namespace", namespace, "--wait=false")


def jobs(model: Model) -> set[str]:
    """The identities of the load tests that there are."""
    return set(kubectl("get", "jobs", "-n", model.namespace, "-o", "jsonpath={.items[*].metadata.uid}").split())
