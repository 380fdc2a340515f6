"""One real cluster for the session: gateway, Prometheus, and Palier installed by its chart, under its own account.

Palier reads Prometheus through a small proxy of the tests, which can misbehave on request. With PALIER_KUBECONFIG set,
all of this happens in that cluster (push the images first, see docs/contributing.md).

Each test has a namespace, objects, a hostname and users of its own, so that `pytest -n 5` may run
several at a time on the one cluster; who disturbs what they share says so (see `turns`).
"""

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from local import cluster
from local.build import exclusive
from local.errors import LocalError
from local.paths import cache
from local.traffic import Traffic, TrafficThread
from tests.e2e.installation import MODEL_IMAGE, SYSTEM, install_palier
from tests.e2e.objects import list_objects
from tests.e2e.support import Faults, Model, kubectl, wait_until
from tests.e2e.turns import company_of, turn

LOCKS = cache() / "locks"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known."""
    config.addinivalue_line("markers", "disturbs(part): runs only beside tests that bear that, or disturb the same")
    config.addinivalue_line("markers", "bears(part, …): passes also while another test disturbs that part")
    config.addinivalue_line("markers", "long: begins before others, so that it does not end long after them")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring them into an order in which few wait for each other; long ones begin early."""
    items.sort(key=lambda item: (*company_of(item).place, item.get_closest_marker("long") is None))


class Distribution(LoadScopeScheduling):
    """Hands tests to workers one by one in their order, but some files whole: those whose tests must not meet.

    The mark `xdist_group` would say the same, but pytest-xdist 3.8 loses it with pytest 9.2.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return file if file.endswith(("test_bad_input.py", "test_scale.py", "test_shadow.py")) else nodeid

    @override
    def _reschedule(self, node: WorkerController) -> None:
        """Give a worker no more than the test that it needs to know while it runs one: others may be free earlier."""
        if self.workqueue and self._pending_of(self.assigned_work[node]) >= 2:
            return
        super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Distribution:
    """Distribute tests as above, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return Distribution(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Bring the cluster up before the first test, once for all workers, and take it down after the last."""
    options = session.config.option
    if hasattr(session.config, "workerinput") or options.collectonly or (options.dist == "no" and not session.items):
        return (yield)
    with ExitStack() as stack:
        try:
            stack.enter_context(install_palier())
        except LocalError as error:
            pytest.exit(str(error), returncode=2)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test when it may run beside those that do."""
    with turn(company_of(item), LOCKS):
        return (yield)


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
        with exclusive(LOCKS / "e2e-restart", "another test to restart the operator"):
            before = {pod["metadata"]["name"] for pod in operators()}
            kubectl("delete", "pods", *before, "-n", SYSTEM, "--grace-period=0", "--force")
            wait_until(
                lambda: (now := operators()) and all(is_successor(pod, before) for pod in now),
                timeout=60,
                what="the operator's successor to be ready",
            )

    def operators() -> list[dict[str, Any]]:
        return list_objects(SYSTEM, "pods", selector="app.kubernetes.io/name=palier")

    def is_successor(pod: dict[str, Any], before: set[str]) -> bool:
        ready = {"type": "Ready", "status": "True"}.items()
        conditions = pod["status"].get("conditions", ())
        return pod["metadata"]["name"] not in before and any(ready <= one.items() for one in conditions)

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
    """Starts users of the model, 40 requests a second unless told otherwise; every response is recorded."""
    running: list[TrafficThread] = []

    def start(*, rate: float = 40, url: str | None = None, reuse_connections: bool = True) -> TrafficThread:
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
