"""A real operator beside a real API server, a good ModelDeployment that is released on and on, and raw requests."""

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from palier.api.constants import API_VERSION, KIND, LABEL_DEPLOYMENT
from palier.cluster.client import KubernetesCluster
from palier.cluster.kinds import Reference, collection_path, object_path
from palier.cluster.transport import MERGE_PATCH, Request
from palier.errors import ClusterError
from tests.apiserver.runtime_support import ROOT, Plane, eventually, model_deployment
from tests.support.cluster.memory import answer, endpoint_slice

GOOD = "good"
NOBODY = "http://127.0.0.1:9"
"""A Prometheus that is not there."""

HTTP_ROUTES = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: gateway.networking.k8s.io
  names: {kind: HTTPRoute, listKind: HTTPRouteList, plural: httproutes, singular: httproute}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


class OperatorProcess:
    """`palier operator` as users run it, in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def log(self) -> list[dict[str, Any]]:
        """What it has written, line by line."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) if line.startswith("{") else {"level": "error", "message": line} for line in lines]

    def troubles(self) -> list[str]:
        """Every error and every traceback in the log, shortened."""
        return [
            f"{entry['message'][:200]} {entry.get('exception', '')[-300:]}"
            for entry in self.log()
            if entry["level"] in {"error", "critical"} or "exception" in entry
        ]


@contextlib.contextmanager
def run_operator(plane: Plane, folder: Path) -> Iterator[OperatorProcess]:
    """The operator from its start until it has ended."""
    log = folder / "operator.log"
    command = [
        sys.executable,
        "-c",
        "from palier.cli.main import main; main()",
        "operator",
        "--health-port=0",
        "--log-format=json",
    ]
    command += [f"--kubeconfig={plane.control_plane.kubeconfig}", f"--prometheus-url={NOBODY}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    with log.open("wb") as output, subprocess.Popen(command, stderr=output, env=environment) as process:
        try:
            yield OperatorProcess(process, log)
        finally:
            process.terminate()
            process.wait(15)


class Writer:
    """Writes texts to the API server as they are, which no client library would."""

    def __init__(self, session: aiohttp.ClientSession, host: str, namespace: str) -> None:
        self._session = session
        self._host = host
        self._namespace = namespace

    async def create(self, text: str) -> int:
        """Create a ModelDeployment; the HTTP status."""
        path = collection_path(API_VERSION, KIND, self._namespace)
        return await self._send("POST", path, text, "application/json")

    async def change(self, name: str, text: str, *, part: str = "") -> int:
        """Merge a text into a ModelDeployment, or into its status; the HTTP status."""
        return await self._send("PATCH", f"{self._path(name)}{part}", text, MERGE_PATCH)

    async def delete(self, name: str) -> int:
        """Delete a ModelDeployment; the HTTP status."""
        return await self._send("DELETE", self._path(name), "", "application/json")

    def _path(self, name: str) -> str:
        return object_path(Reference(API_VERSION, KIND, self._namespace, name))

    async def _send(self, method: str, path: str, text: str, content_type: str) -> int:
        headers = {"Content-Type": content_type, "User-Agent": "somebody"}
        async with self._session.request(method, f"{self._host}{path}", data=text.encode(), headers=headers) as done:
            await done.read()
            return done.status


@contextlib.asynccontextmanager
async def open_writer(cluster: KubernetesCluster, namespace: str) -> AsyncIterator[Writer]:
    """A writer with the identity of a client."""
    configuration = cluster.configuration
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield Writer(session, configuration.host, namespace)


class GoodNeighbour:
    """A ModelDeployment that gets a new version whenever the last one serves, and the kubelets and gateways for it."""

    def __init__(self, cluster: KubernetesCluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.promotions = 0
        """Versions that came to serve after the first one."""

    async def tend(self) -> None:
        """Keep it going until cancelled."""
        stages = [{"canary": {"weight": 50, "minDuration": "1ms", "maxDuration": "1m"}}]
        release = {"stages": stages, "rollbackWindow": "1ms", "drainDelay": "1ms"}
        # A hostname of its own: a route of an earlier test would come first.
        gateway = {"parentRefs": [{"name": "public"}], "hostnames": [f"{self._namespace}.example.com"]}
        body = model_deployment(self._namespace, GOOD, release=release, traffic={"gateway": gateway})
        await self._cluster.apply(body, manager="owner")
        while True:
            with contextlib.suppress(ClusterError):  # the operator writes too
                await self._step()
            await asyncio.sleep(0.1)

    async def _step(self) -> None:
        labels = f"{LABEL_DEPLOYMENT}={GOOD}"
        workloads, _ = await self._cluster.list("apps/v1", "Deployment", namespace=self._namespace, selector=labels)
        for workload in workloads:
            count = workload["spec"]["replicas"]
            if (workload.get("status") or {}).get("availableReplicas") != count:
                ready = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), count)
                await self._tell(workload, {**ready, "observedGeneration": workload["metadata"]["generation"]})
                slices = endpoint_slice(workload["metadata"]["name"], GOOD, ready=count)
                slices["metadata"]["namespace"] = self._namespace
                for number, endpoint in enumerate(slices["endpoints"]):
                    endpoint["addresses"] = [f"10.0.0.{number + 1}"]
                await self._cluster.apply({**slices, "addressType": "IPv4"}, manager="kubelet")
        route = await self._cluster.get(Reference("gateway.networking.k8s.io/v1", "HTTPRoute", self._namespace, GOOD))
        if route:
            generation = route["metadata"]["generation"]
            parents = [answer(parent, generation=generation) for parent in route["spec"]["parentRefs"]]
            if (route.get("status") or {}).get("parents") != parents:
                await self._tell(route, {"parents": parents})
        await self._ask_for_more()

    async def _ask_for_more(self) -> None:
        reference = Reference(API_VERSION, KIND, self._namespace, GOOD)
        body = await self._cluster.get(reference)
        status = (body or {}).get("status") or {}
        if body is None or status.get("stage") != "Serving":
            return
        version = body["spec"]["model"]["version"]
        if status["stable"]["version"] == version:
            self.promotions = int(version) if version.isdecimal() else 0
            change = {"spec": {"model": {"version": str(self.promotions + 1)}}}
            await self._cluster.patch(reference, change, manager="owner")

    async def _tell(self, obj: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        reference = Reference.from_object(obj)
        request = Request(
            method="PATCH",
            path=f"{object_path(reference)}/status",
            subject=f"telling the status of {reference}",
            kind=reference.kind,
            body={"status": dict(status)},
            content_type=MERGE_PATCH,
        )
        await self._cluster._transport.request(request)


@contextlib.asynccontextmanager
async def release_on_and_on(cluster: KubernetesCluster, namespace: str) -> AsyncIterator[GoodNeighbour]:
    """The good neighbour, from its first promotion on."""
    neighbour = GoodNeighbour(cluster, namespace)
    task = asyncio.create_task(neighbour.tend())
    try:
        await eventually(lambda: neighbour.promotions >= 1 or task.done(), "the first promotion", within=60)
        yield neighbour
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
