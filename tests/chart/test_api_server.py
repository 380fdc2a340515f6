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
from palier.api.v1alpha1 import parse
from palier.cluster.watches import WATCHES
from palier.kopf_app import LEASE_NAME
from palier.manifests.loadtest import load_test_config, load_test_job
from palier.release.testing import Run
from tests.chart.conftest import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.chart.conftest import Chart

WATCHED = [f"{watch.plural}.{watch.group}".rstrip(".") for watch in WATCHES]
APPLIED = ["deployments.apps", "services", "configmaps", "httproutes.gateway.networking.k8s.io", "jobs.batch"]
NEEDED = [
    *((verb, resource) for resource in WATCHED for verb in ("list", "watch")),
    *((verb, resource) for resource in APPLIED for verb in ("create", "patch", "delete")),
    ("get", "services"),
    ("list", "pods"),
    ("get", "pods/log"),
    ("create", "events.events.k8s.io"),
    ("patch", "modeldeployments.palier.dev/status"),
    ("update", "modeldeployments.palier.dev/finalizers"),
]
REFUSED = [
    *((verb, "modeldeployments.palier.dev") for verb in ("create", "update", "patch", "delete", "deletecollection")),
    *((verb, resource) for resource in APPLIED for verb in ("update", "deletecollection")),
    *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
    *((verb, "pods") for verb in ("get", "watch", "create", "patch", "delete")),
    ("create", "pods/exec"),
    ("get", "pods/exec"),
    ("create", "pods/portforward"),
    ("create", "pods/eviction"),
    ("create", "serviceaccounts/token"),
    ("patch", "deployments.apps/scale"),
    ("list", "namespaces"),
    ("list", "nodes"),
    ("create", "cronjobs.batch"),
    ("patch", "jobs.batch/status"),
    ("list", "persistentvolumeclaims"),
    ("patch", "gateways.gateway.networking.k8s.io"),
    ("create", "leases.coordination.k8s.io"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("list", "customresourcedefinitions.apiextensions.k8s.io"),
    ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
]


def load_test_objects(corpus: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ConfigMap and the Job of a load test in namespace ml."""
    deployment = parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "11111111-2222-3333-4444-555555555555"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                "scale": {"target": {"requestsPerSecond": "10"}, "loadTest": {"corpus": corpus}},
            },
        }
    )
    run = Run("", "aaaaaaaaaa", replicas=1, index=0, attempt=1, digest="0123456789abcdef")
    return load_test_config(deployment, run, "{}"), load_test_job(
        deployment, run, image="registry.example.com/palier:1"
    )


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
            "prices": PRICES,
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


@pytest.mark.parametrize(
    "corpus",
    [
        {"inline": ["Bonjour"]},
        {"volume": {"claimName": "requests", "path": "chat.jsonl"}},
        {"image": {"reference": "registry.example.com/corpora/chat:1", "path": "chat.jsonl"}},
    ],
    ids=["inline", "volume", "image"],
)
def test_the_operator_may_start_a_load_test(installation: Installation, corpus: dict[str, Any]) -> None:
    """The Job and its ConfigMap are applied with the operator's own rights, and have no field that is unknown."""
    installation.upgrade({})
    config, job = load_test_objects(corpus)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [config, job]})
    flags = ("--server-side", "--dry-run=server", "--field-manager=palier", f"--as={installation.account}")
    answer = installation.client.kubectl("apply", *flags, "-f", "-", stdin=text)
    assert len(answer.splitlines()) == 2


def test_the_pod_of_a_load_test_meets_the_restricted_standard(installation: Installation) -> None:
    """In a namespace that enforces the restricted Pod Security Standard the pod is let in."""
    kubectl = installation.client.kubectl
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted", "labels": enforce}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "restricted"}}
    for obj in (namespace, account):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(obj))
    _, job = load_test_objects({"inline": ["Bonjour"]})
    pod = {"apiVersion": "v1", "kind": "Pod", **job["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "load-test", "namespace": "restricted"}
    careless = {**pod, "spec": {**pod["spec"], "securityContext": {}}}
    assert kubectl("create", "--dry-run=server", "-o=name", "-f", "-", stdin=json.dumps(pod)).strip() == "pod/load-test"
    refused = kubectl("create", "--dry-run=server", "-o=name", "-f", "-", stdin=json.dumps(careless), check=False)
    assert not refused.strip()


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
