"""One real cluster for the session: gateway, Prometheus, and Palier installed by its chart, under its own account.

Palier reads Prometheus through a small proxy of the tests, which can misbehave on request. With PALIER_KUBECONFIG set,
all of this happens in that cluster (push the images first, see docs/contributing.md).
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import cluster, containerfile, lifecycle
from local.paths import Layout, state
from local.traffic import Traffic, TrafficThread
from tests.e2e.support import Faults, Model, kubectl, wait_until

ROOT = Path(__file__).parents[2]
SYSTEM = "palier-system"
OPERATOR_IMAGE = os.environ.get("PALIER_IMAGE", "localhost/palier:dev")
MODEL_IMAGE = os.environ.get("PALIER_MODEL_IMAGE", "localhost/language-id:1")
CAPACITY_IMAGE = os.environ.get("PALIER_CAPACITY_IMAGE", "localhost/capacity:1")
FRONT_END_IMAGE = os.environ.get("PALIER_FRONT_END_IMAGE", "localhost/front-end:1")


@pytest.fixture(scope="session", autouse=True)
def cluster_with_palier() -> Iterator[None]:
    """The cluster, started if it is not there, with Palier looking every second; taken down if it was started."""
    started = cluster.is_local() and not Layout(state()).root.exists()
    if not cluster.is_local() and "palier" in cluster.helm("list", "--namespace", SYSTEM, "--short").split():
        pytest.exit(
            f"Palier is installed in {SYSTEM} of this cluster already: the tests would replace it", returncode=2
        )
    if cluster.is_local():
        lifecycle.up()
        containerfile.build(ROOT, OPERATOR_IMAGE, None, {})
        containerfile.build(ROOT / "examples" / "language-id" / "server", MODEL_IMAGE, None, {})
        containerfile.build(ROOT / "examples" / "capacity" / "server", CAPACITY_IMAGE, None, {})
        containerfile.build(ROOT / "examples" / "product-signals" / "server", FRONT_END_IMAGE, None, {})
    kubectl("create", "namespace", SYSTEM, "--dry-run=client", "-o", "name")
    if SYSTEM not in kubectl("get", "namespaces", "-o", "name"):
        kubectl("create", "namespace", SYSTEM)
    Faults.install(SYSTEM, image=OPERATOR_IMAGE, prometheus=cluster.prometheus_address())
    repository, _, tag = OPERATOR_IMAGE.rpartition(":")
    cluster.helm(
        *("upgrade", "--install", "palier", str(ROOT / "charts" / "palier"), "--namespace", SYSTEM),
        *("--set", f"image.repository={repository}", "--set", f"image.tag={tag}"),
        *("--set", f"prometheus.url=http://faults.{SYSTEM}:9090", "--set", "prometheus.scrapeInterval=1s"),
        *("--set", "operator.lookInterval=1s", "--wait", "--timeout", "3m"),
    )
    # The image may be new under the same tag.
    kubectl("rollout", "restart", "deployment", "-n", SYSTEM, "-l", "app.kubernetes.io/name=palier")
    kubectl("rollout", "status", "deployment", "-n", SYSTEM, "-l", "app.kubernetes.io/name=palier", "--timeout=120s")
    yield
    if started:
        lifecycle.down()
    else:
        cluster.helm("uninstall", "palier", "--namespace", SYSTEM)
        kubectl("delete", "namespace", SYSTEM, "--wait=false")


@pytest.fixture
def faults() -> Iterator[Faults]:
    """The proxy in front of Prometheus; behaves again after the test."""
    proxy = Faults(SYSTEM)
    yield proxy
    proxy.behave()


@pytest.fixture
def restart_operator() -> Callable[[], None]:
    """Kills the operator's pod without mercy and waits until its successor is ready."""

    def restart() -> None:
        selector = ("-n", SYSTEM, "-l", "app.kubernetes.io/name=palier")
        before = kubectl("get", "pods", *selector, "-o", "name").split()
        kubectl("delete", *before, "-n", SYSTEM, "--grace-period=0", "--force")
        wait_until(
            lambda: (
                (now := kubectl("get", "pods", *selector, "-o", "name").split())
                and not set(now) & set(before)
                and "True"
                in kubectl(
                    "get",
                    "pods",
                    *selector,
                    "-o",
                    'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
                )
            ),
            timeout=60,
            what="the operator's successor to be ready",
        )

    return restart


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    """A served model in a namespace of its own, with a fast first revision."""
    namespace = f"e2e-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    with Model(namespace, image=MODEL_IMAGE) as served:
        yield served
        if request.session.testsfailed:
            print(served.story())  # noqa: T201 - shown by pytest with the failure
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def users(model: Model) -> Iterator[Callable[..., TrafficThread]]:
    """Starts users of the model, 100 requests a second unless told otherwise; every response is recorded."""
    running: list[TrafficThread] = []

    def start(*, rate: float = 100, url: str | None = None, reuse_connections: bool = True) -> TrafficThread:
        thread = TrafficThread(
            Traffic(
                url or f"http://{cluster.gateway_address()}/v1/detect",
                host=model.hostname,
                rate=rate,
                duration=1800,
                reuse_connections=reuse_connections,
            )
        )
        running.append(thread.start())
        return thread

    yield start
    for thread in running:
        thread.stop()
