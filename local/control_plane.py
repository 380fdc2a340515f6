"""A real API server with its etcd, for tests that need nothing else: no root, no node, ready in a few seconds.

The whole cluster starts its control plane through the same code, so that what tests see is what the cluster runs.
"""

import http.client
import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from local import build, catalogue, pki, plan
from local.client import Client
from local.components import Components
from local.errors import LocalError
from local.paths import Layout
from local.plan import Plan
from local.processes import Daemon
from local.render import render
from local.waiting import until

_READY_LIMIT = 90.0


class ControlPlane:
    """An API server of one's own, as a context manager.

    Args:
        directory: for its state; need not exist, and is left behind for a look at the logs.
        audit: whether it writes an audit log, with one line for each answered request.
        controllers: whether the controller manager runs too (garbage collection, ServiceAccounts, Deployments, …).
    """

    def __init__(self, directory: Path, *, audit: bool = True, controllers: bool = False) -> None:
        self.layout = Layout(directory.absolute())
        self._audit = audit
        self._controllers = controllers
        self._plan: Plan | None = None

    def __enter__(self) -> Self:
        """Starts it."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops it."""
        self.stop()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def url(self) -> str:
        """The API server's URL."""
        if self._plan is None:
            raise LocalError("the control plane has not been started")
        return self._plan.url

    @property
    def audit_log(self) -> Path:
        """One JSON line for each answered request, if the audit log is on."""
        return self.layout.audit_log

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002 (as in subprocess)
        """What kubectl prints when run as the administrator."""
        client = Client(self.kubeconfig, self.layout.root / "clients")
        return client.kubectl(*arguments, stdin=input, check=check)

    def start(self) -> None:
        """Starts it, with everything ending when this process does, and waits until it answers."""
        build.ensure([catalogue.CLIENTS, catalogue.KUBE])
        if self._plan is None:
            self._plan = plan.for_control_plane()
            prepare(self.layout, self._plan)
        start(self.layout, self._plan, audit=self._audit, end_with_us=True)
        wait_ready(self.layout, self._plan)
        if self._controllers:
            start_controllers(self.layout, self._plan, end_with_us=True)
            self._wait_for_default_account()

    def stop(self) -> None:
        """Stops it; a second time does nothing."""
        stop(self.layout)

    def kill_apiserver(self) -> None:
        """Ends the API server without notice; ``start`` brings it back with the same data, at the same address."""
        Daemon("apiserver", self.layout).stop(0)

    def _wait_for_default_account(self) -> None:
        client = Client(self.kubeconfig, self.layout.root / "clients")
        until(
            lambda: client.succeeds("get", "serviceaccount", "default", "--namespace", "default"),
            "the controllers to make the default ServiceAccount",
            limit=_READY_LIMIT,
            needs=[Daemon("controller-manager", self.layout)],
        )


def prepare(layout: Layout, planned: Plan) -> None:
    """Makes the folders, the certificates and the kubeconfigs, and remembers the plan."""
    layout.make()
    leaves = pki.control_plane(planned.address, plan.API_SERVICE)
    if planned.node:
        leaves += pki.node(plan.NODE, plan.NODE_ADDRESS)
    pki.create(layout.pki, leaves)
    pki.write_private(layout.kubeconfig, pki.kubeconfig(layout.pki, "admin", planned.url))
    for name in {leaf.name for leaf in leaves} & {"controller-manager", "kubelet", "scheduler", "proxy", "coredns"}:
        pki.write_private(layout.pki / f"{name}.kubeconfig", pki.kubeconfig(layout.pki, name, planned.url))
    (layout.config / "audit-policy.yaml").write_text(render("audit-policy.yaml", {}))
    planned.save(layout)


def start(layout: Layout, planned: Plan, *, audit: bool = True, end_with_us: bool = False) -> None:
    """Starts etcd and the API server unless they run."""
    components = Components(layout, planned)
    Daemon("etcd", layout).start(components.etcd(), end_with_us=end_with_us)
    Daemon("apiserver", layout).start(components.apiserver(audit=audit), end_with_us=end_with_us)


def start_controllers(layout: Layout, planned: Plan, *, end_with_us: bool = False) -> None:
    """Starts the controller manager, if it does not run."""
    command = Components(layout, planned).controller_manager()
    Daemon("controller-manager", layout).start(command, end_with_us=end_with_us)


def wait_ready(layout: Layout, planned: Plan) -> None:
    """Waits until the API server says that it is ready."""
    needs = [Daemon("etcd", layout), Daemon("apiserver", layout)]
    until(probe(layout, planned), "the API server to be ready", limit=_READY_LIMIT, needs=needs)


def probe(layout: Layout, planned: Plan) -> Callable[[], bool]:
    """A function that says whether the API server is ready."""
    trust = ssl.create_default_context(cafile=layout.pki / "ca.crt")
    trust.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")

    def ready() -> bool:
        connection = http.client.HTTPSConnection(planned.address, planned.api, timeout=5, context=trust)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready


def stop(layout: Layout) -> None:
    """Stops the control plane; its data is thrown away, so nothing needs to end gracefully."""
    for name in ("scheduler", "controller-manager", "apiserver", "etcd"):
        Daemon(name, layout).stop(0)
