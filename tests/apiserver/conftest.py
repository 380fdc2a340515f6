"""A real API server with Palier's CRD installed, and kubectl as the users of the API have it."""

import itertools
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml

from local.client import Client
from local.control_plane import ControlPlane
from local.waiting import until

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LEFT = "Exception ignored in. <(socket.socket|function _SelectorTransport.__del__)"
"""How the warning begins about a connection that nobody closed; everything else that is raised unseen fails a test."""
CRDS = ROOT / "crds"

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Connections that Kopf leaves to the loop when it ends are no fault of the test in which Python finds them."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{LEFT}:pytest.PytestUnraisableExceptionWarning"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What kubectl said."""

    status: int
    output: str
    complaints: str
    """Standard error: the refusal, or the warnings of the API server."""


@dataclass(frozen=True, slots=True)
class Api:
    """kubectl for one namespace of the API server."""

    client: Client
    namespace: str

    def run(self, *arguments: str, given: str | Mapping[str, Any] | None = None) -> Answer:
        """Run kubectl; `given` goes in as a manifest."""
        command = [*self.client.command("kubectl", arguments), "--namespace", self.namespace]
        text = given if isinstance(given, str) else json.dumps(given)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, env=self.client.environment()
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments: str, given: str | Mapping[str, Any] | None = None) -> str:
        """Run kubectl, which has to succeed without a warning; its output."""
        answer = self.run(*arguments, given=given)
        assert (answer.status, answer.complaints) == (0, "")
        return answer.output

    def apply(
        self, manifest: str | Mapping[str, Any], *, manager: str = "kubectl", status: bool = False
    ) -> dict[str, Any]:
        """Server-side apply a manifest, or its status, and return the stored object."""
        subresource = ["--subresource=status"] if status else []
        text = self.must(
            "apply", "--server-side", f"--field-manager={manager}", *subresource, "-f-", "-ojson", given=manifest
        )
        stored: dict[str, Any] = json.loads(text)
        return stored

    def get(self, name: str) -> dict[str, Any]:
        """A stored ModelDeployment."""
        stored: dict[str, Any] = json.loads(self.must("get", "modeldeployment", name, "-ojson"))
        return stored


@dataclass(frozen=True, slots=True)
class Case:
    """A manifest of the data files, with what its first comment lines say."""

    path: Path
    text: str
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Case":
        """Read a data file."""
        text = path.read_text(encoding="utf-8")
        remarks = [
            line.removeprefix("# ") for line in itertools.takewhile(lambda line: line[:1] == "#", text.splitlines())
        ]
        return cls(path, text, remarks)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest as an object."""
        loaded: dict[str, Any] = yaml.safe_load(self.text)
        return loaded


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One API server for all tests, with the CRD established and served."""
    with ControlPlane(tmp_path_factory.mktemp("apiserver"), audit=False) as control_plane:
        control_plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        client = Client(control_plane.kubeconfig, tmp_path_factory.mktemp("clients"))
        until(lambda: client.succeeds("get", "modeldeployments"), "the API server to serve ModelDeployments", limit=30)
        until(lambda: client.succeeds("explain", "modeldeployments"), "the API server to publish the schema", limit=30)
        yield client


@pytest.fixture(scope="session")
def core(client: Client) -> kubernetes.client.CoreV1Api:
    """The API server without kubectl, for what every test needs and none is about."""
    return kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(client.kubeconfig)))


@pytest.fixture
def api(client: Client, core: kubernetes.client.CoreV1Api) -> Api:
    """A namespace of the test's own."""
    namespace = f"test-{next(_numbers)}"
    core.create_namespace({"metadata": {"name": namespace}})
    return Api(client, namespace)


@pytest.fixture
def minimal() -> dict[str, Any]:
    """The smallest manifest."""
    return Case.read(ROOT / "examples" / "minimal.yaml").manifest
