"""What the tests of the runtime share: an API server with an audit log, an operator around a stub, and waiting."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from local.client import Client
from local.control_plane import ControlPlane
from local.waiting import until
from palier.cluster.client import KubernetesCluster
from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.store import Store
from palier.kopf_app import run
from palier.settings import Settings

ROOT = Path(__file__).parents[2]
LABELS = {"app.kubernetes.io/managed-by": "palier", "palier.dev/modeldeployment": "a"}


def model_deployment(namespace: str, name: str = "a", **spec: object) -> dict[str, Any]:
    """A small valid ModelDeployment."""
    container = {"name": "model", "image": "example.com/model:1"}
    return {
        "apiVersion": "palier.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "owner": {"name": "NLP platform lead", "email": "nlp@example.com"},
            "model": {"name": "lingua", "version": "2.1.1"},
            "serving": {"port": 8080, "template": {"spec": {"containers": [container]}}},
            "traffic": {
                "gateway": {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["a.example.com"]}
            },
            **spec,
        },
    }


def config_map(namespace: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A ConfigMap with a prompt."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"system": "Be kind."}}


def service(namespace: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A Service."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}


async def eventually(holds: Callable[[], object | Awaitable[object]], what: str, *, within: float = 15.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.02)


class StubApplication:
    """An application that only remembers which keys it was given."""

    def __init__(self) -> None:
        self.store = Store()
        self.queue = WorkQueue[Key]()
        self.keys: list[Key] = []
        self.looks = asyncio.Event()

    async def reconcile(self, key: Key) -> float | None:
        """Remember the key."""
        self.keys.append(key)
        return None

    async def run_looks(self) -> None:
        """Look at nothing."""
        self.looks.set()
        await asyncio.Event().wait()

    def holds(self, kind: str, namespace: str, name: str) -> bool:
        """Whether an object is in the cache."""
        return self.store.get(kind, namespace, name) is not None


class Operator:
    """A running operator around an application."""

    def __init__(self, application: StubApplication, task: asyncio.Task[None], stop: asyncio.Event) -> None:
        self.application = application
        self.task = task
        self._stop = stop

    async def end(self) -> None:
        """Ask it to end and wait until it has; raises what made it fail."""
        self._stop.set()
        await asyncio.wait_for(self.task, 10)


class Plane:
    """An API server with our CRD, and ways to look at it."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self.kubectl = control_plane.kubectl

    def install_crds(self) -> None:
        """Install our CRD and wait until it is served."""
        self.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        client = Client(self.control_plane.kubeconfig, self.control_plane.layout.root / "clients")
        until(lambda: client.succeeds("get", "modeldeployments"), "the API server to serve ModelDeployments", limit=30)

    @contextlib.asynccontextmanager
    async def cluster(self, instruments: Instruments | None = None) -> AsyncIterator[KubernetesCluster]:
        """Our client, as the administrator."""
        cluster = await KubernetesCluster.connect(
            kubeconfig=str(self.control_plane.kubeconfig), instruments=instruments
        )
        try:
            yield cluster
        finally:
            await cluster.close()

    @contextlib.asynccontextmanager
    async def operator(
        self, application: StubApplication | None = None, *, port: int = 0, namespaces: tuple[str, ...] = ()
    ) -> AsyncIterator[Operator]:
        """An operator in this process, from its start until it has ended.

        Not for fixtures: at its end Kopf cancels what began after it, which would be the test.
        """
        application = application or StubApplication()
        instruments, stop = Instruments(), asyncio.Event()
        settings = Settings(
            prometheus_url="http://unused", health_port=port, kubeconfig="unused", namespaces=namespaces
        )
        async with self.cluster(instruments) as cluster:
            task = asyncio.create_task(
                run(
                    application,
                    cluster=cluster,
                    settings=settings,
                    instruments=instruments,
                    last_turn=lambda: None,
                    stop=stop,
                )
            )
            operator = Operator(application, task, stop)
            try:
                yield operator
            finally:
                if not task.done():
                    await operator.end()

    def audit(self, agent: str) -> Iterator[dict[str, Any]]:
        """The requests of a program, by the start of its User-Agent."""
        for line in self.control_plane.audit_log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if entry.get("userAgent", "").startswith(agent):
                yield entry
