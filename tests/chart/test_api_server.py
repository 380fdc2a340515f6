"""The chart on a real API server: it accepts everything, and the ServiceAccount can do its work and nothing more."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.client import Client
from local.control_plane import ControlPlane
from palier.cluster.watches import WATCHES
from palier.kopf_app import LEASE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.chart.conftest import Chart

WATCHED = [f"{watch.plural}.{watch.group}".rstrip(".") for watch in WATCHES]
APPLIED = ["deployments.apps", "services", "configmaps", "httproutes.gateway.networking.k8s.io"]
NEEDED = [
    *((verb, resource) for resource in WATCHED for verb in ("list", "watch")),
    *((verb, resource) for resource in APPLIED for verb in ("create", "patch", "delete")),
    ("get", "services"),
    ("list", "pods"),
    ("create", "events.events.k8s.io"),
    ("patch", "modeldeployments.palier.dev/status"),
    ("update", "modeldeployments.palier.dev/finalizers"),
]
REFUSED = [
    *((verb, "modeldeployments.palier.dev") for verb in ("create", "update", "patch", "delete", "deletecollection")),
    *((verb, resource) for resource in APPLIED for verb in ("update", "deletecollection")),
    *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
    *((verb, "pods") for verb in ("create", "patch", "delete")),
    ("create", "pods/exec"),
    ("create", "pods/eviction"),
    ("create", "serviceaccounts/token"),
    ("patch", "deployments.apps/scale"),
    ("list", "namespaces"),
    ("list", "nodes"),
    ("create", "jobs.batch"),
    ("patch", "gateways.gateway.networking.k8s.io"),
    ("create", "leases.coordination.k8s.io"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("list", "customresourcedefinitions.apiextensions.k8s.io"),
    ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
]


@dataclass(frozen=True, slots=True)
class Installation:
    """One `helm install` on the API server."""

    server: ControlPlane
    client: Client
    chart: Chart

    @property
    def account(self) -> str:
        """The operator's ServiceAccount, as the API server calls it."""
        return f"system:serviceaccount:{self.chart.namespace}:palier"

    def upgrade(self, values: dict[str, Any]) -> None:
        """Install, or change what is installed, with these values on top of the required ones."""
        self.client.helm(
            "upgrade",
            "--install",
            self.chart.release,
            str(self.chart.folder),
            f"--namespace={self.chart.namespace}",
            "--create-namespace",
            "--values=-",
            stdin=json.dumps(self.chart.required | values),
        )

    def uninstall(self) -> None:
        """Take the release away."""
        self.client.helm("uninstall", self.chart.release, f"--namespace={self.chart.namespace}")

    def allowed(
        self, actions: Iterable[tuple[str, str]], *, user: str, groups: list[str], namespace: str
    ) -> dict[tuple[str, str], bool]:
        """What the API server's authorizer says about each verb and resource (`plural.group/subresource`)."""
        reviews: list[dict[str, Any]] = []
        asked = list(actions)
        for verb, full in asked:
            resource, _, subresource = full.partition("/")
            plural, _, group = resource.partition(".")
            action = {"verb": verb, "resource": plural, "group": group, "subresource": subresource}
            spec = {"user": user, "groups": groups, "resourceAttributes": {**action, "namespace": namespace}}
            reviews.append({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
        shown = '-o=jsonpath={.status.allowed}{"\\n"}'
        answers = self.client.kubectl("create", "-f", "-", shown, stdin=body).splitlines()
        return {action: answer == "true" for action, answer in zip(asked, answers, strict=True)}

    def operator_may(self, actions: Iterable[tuple[str, str]], *, namespace: str) -> set[tuple[str, str]]:
        """Which of the actions the operator's ServiceAccount may do in a namespace."""
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{self.chart.namespace}", "system:authenticated"]
        answers = self.allowed(actions, user=self.account, groups=groups, namespace=namespace)
        return {action for action, allowed in answers.items() if allowed}


@pytest.fixture(scope="module")
def installation(chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An API server of this module's own, with two namespaces and nothing installed."""
    folder: Path = tmp_path_factory.mktemp("api")
    with ControlPlane(folder / "state", controllers=True) as server:
        client = Client(server.kubeconfig, folder / "clients")
        for name in ("ml", "other", chart.namespace):
            client.kubectl("create", "namespace", name)
        yield Installation(server, client, chart)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "replicas": 2,
            "leaderElection": {"enabled": True},
            "watch": {"namespaces": ["ml"]},
            "networkPolicy": {"enabled": True},
            "podLabels": {"team": "platform"},
            "runAsUser": None,
        },
    ],
    ids=["plain", "everything"],
)
def test_the_api_server_accepts_every_object(installation: Installation, values: dict[str, Any]) -> None:
    """A dry run on the server, which refuses unknown fields, finds no fault in any rendered object."""
    rendered = installation.chart.render(**values)
    text = installation.client.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=rendered.text)
    assert len(text.splitlines()) == len(rendered.objects)
    assert all(line.endswith("(server dry run)") for line in text.splitlines())


def test_cluster_mode_rights(installation: Installation) -> None:
    """Installed for the whole cluster the operator may do all it needs in any namespace, and nothing of the rest."""
    installation.upgrade({})
    assert installation.operator_may(NEEDED, namespace="ml") == set(NEEDED)
    assert installation.operator_may(NEEDED, namespace="other") == set(NEEDED)
    assert installation.operator_may(REFUSED, namespace="ml") == set()
    assert installation.operator_may(REFUSED, namespace=installation.chart.namespace) == set()


def test_listed_namespace_rights(installation: Installation) -> None:
    """Installed for one namespace the operator may do all it needs there, and nothing anywhere else."""
    installation.upgrade({"watch": {"namespaces": ["ml"]}})
    assert installation.operator_may(NEEDED, namespace="ml") == set(NEEDED)
    assert installation.operator_may(REFUSED, namespace="ml") == set()
    for elsewhere in ("other", installation.chart.namespace, ""):
        assert installation.operator_may(NEEDED + REFUSED, namespace=elsewhere) == set()


def test_lease_rights(installation: Installation) -> None:
    """When it elects a leader the operator may make and renew its Lease in its own namespace only."""
    installation.upgrade({"replicas": 2, "leaderElection": {"enabled": True}})
    create = [("create", "leases.coordination.k8s.io")]
    assert installation.operator_may(create, namespace=installation.chart.namespace) == set(create)
    assert installation.operator_may(create, namespace="ml") == set()
    account = f"--as={installation.account}"
    for name, answer in ((LEASE_NAME, "yes"), ("other", "no")):
        question = ("auth", "can-i", "update", f"leases.coordination.k8s.io/{name}", "-n", installation.chart.namespace)
        assert installation.client.kubectl(*question, account, check=False).strip() == answer, name


def test_uninstalling_keeps_what_users_wrote(installation: Installation) -> None:
    """After an uninstall the CRD is still there, and a new install takes it over again."""
    installation.upgrade({})
    installation.uninstall()
    crd = ("get", "customresourcedefinition", "modeldeployments.palier.dev", "-o", "name")
    assert installation.client.kubectl(*crd).strip()
    installation.upgrade({})
    installation.upgrade({"crds": {"keep": False}})
    installation.uninstall()
    installation.client.kubectl("wait", "--for=delete", *crd[1:3], "--timeout=30s")


def test_the_examples_that_the_chart_shows_are_valid(installation: Installation) -> None:
    """What the notes after an install and the chart's metadata tell people to write, the API server accepts."""
    installation.upgrade({"watch": {"namespaces": ["ml"]}})
    notes = installation.client.helm("get", "notes", installation.chart.release, "-n", installation.chart.namespace)
    lines = notes[notes.index("   apiVersion:") : notes.index("   kubectl apply")]
    annotations = yaml.safe_load((installation.chart.folder / "Chart.yaml").read_text())["annotations"]
    (listed,) = yaml.safe_load(annotations["artifacthub.io/crdsExamples"])
    for example in (yaml.safe_load(textwrap.dedent(lines)), listed):
        installation.client.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(example))
