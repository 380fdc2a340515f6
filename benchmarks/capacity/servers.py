"""What is measured: the example server of a known capacity, in a pod of its own, with what is promised to its users."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from local import cluster, containerfile

EXAMPLE = Path(__file__).parents[2] / "examples" / "capacity"
IMAGE = "localhost/capacity:1"
PORT = 8080
_READY_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Known:
    """The law of a server whose capacity can be worked out."""

    arrivals: Literal["M/D/c", "M/M/c"]
    workers: int
    service_time: float
    """Seconds, on average."""


@dataclass(frozen=True, slots=True)
class Server:
    """One row of the report."""

    key: str
    title: str
    environment: Mapping[str, str] = field(hash=False)
    threshold: float
    """95 % of the answers are promised within so many seconds."""
    bound: float
    """Requests per second that it can answer at all, without waiting and without overhead."""
    cpu: str | None = None
    """Limit on its use of the processor; None for no limit."""
    known: Known | None = None


SERVERS = (
    Server("cpu-200m", "200m CPU, 5 ms of computing", {"WORK": "5ms"}, threshold=0.25, bound=40, cpu="200m"),
    Server("cpu-1", "1 CPU, 5 ms of computing", {"WORK": "5ms"}, threshold=0.05, bound=200, cpu="1"),
    Server(
        "fixed",
        "4 workers, 20 ms each",
        {"SERVICE_TIME": "20ms", "WORKERS": "4"},
        threshold=0.06,
        bound=200,
        known=Known("M/D/c", 4, 0.02),
    ),
    Server(
        "exponential",
        "4 workers, exponential, 20 ms on average",
        {"SERVICE_TIME": "20ms", "WORKERS": "4", "LAW": "exponential"},
        threshold=0.1,
        bound=200,
        known=Known("M/M/c", 4, 0.02),
    ),
)


def manifest(server: Server, *, image: str = IMAGE) -> dict[str, Any]:
    """The example's Deployment, made into this server."""
    made: dict[str, Any] = yaml.safe_load((EXAMPLE / "deployment.yaml").read_text("utf-8"))
    made["metadata"]["name"] = server.key
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": server.key}
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container["image"] = image
    container["env"] = [{"name": name, "value": value} for name, value in server.environment.items()]
    if server.cpu is not None:
        container["resources"]["limits"]["cpu"] = server.cpu
    return made


@contextmanager
def namespace(name: str, *, image: str) -> Iterator[None]:
    """A namespace that is gone afterwards; the image is built first, where the cluster is the local one."""
    if cluster.is_local():
        containerfile.build(EXAMPLE / "server", image, None, {})
    cluster.kubectl("create", "namespace", name)
    try:
        yield
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def running(server: Server, *, namespace: str, image: str) -> Iterator[str]:
    """The base URL of the one pod of the server, which is gone afterwards."""
    where = ("--namespace", namespace)
    cluster.kubectl("apply", *where, "--filename", "-", input=json.dumps(manifest(server, image=image)))
    try:
        yield f"http://{_address(server, where)}:{PORT}"
    finally:
        cluster.kubectl("delete", "deployment", server.key, *where, "--wait=true", "--cascade=foreground")


def _address(server: Server, where: tuple[str, str]) -> str:
    deadline = time.monotonic() + _READY_LIMIT
    while time.monotonic() < deadline:
        pods = json.loads(cluster.kubectl("get", "pods", *where, "--selector", f"app={server.key}", "--output", "json"))
        for pod in pods["items"]:
            conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
            if conditions.get("Ready") == "True":
                address: str = pod["status"]["podIP"]
                return address
        time.sleep(0.5)
    raise TimeoutError(f"{server.key} was not ready within {_READY_LIMIT:g} s")
