"""The chart on a real API server: it accepts everything, and the ServiceAccount can do its work and nothing more."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.client import Client
from local.control_plane import ControlPlane
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.cluster.watches import WATCHES
from palier.manifests.golden import golden_configs, golden_job
from palier.manifests.loadtest import load_test_config, load_test_job
from palier.manifests.shadow import shadow_config, shadow_deployment, shadow_service
from palier.release.examining import GoldenRun
from palier.release.shadowing import ShadowRun
from palier.release.testing import Run
from tests.chart.conftest import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.chart.conftest import Chart

WATCHED = [f"{watch.plural}.{watch.group}".rstrip(".") for watch in WATCHES]
APPLIED = [
    "deployments.apps",
    "services",
    "configmaps",
    "httproutes.gateway.networking.k8s.io",
    "backendtrafficpolicies.gateway.envoyproxy.io",
    "poddisruptionbudgets.policy",
    "jobs.batch",
]
NEEDED = [
    *((verb, resource) for resource in WATCHED for verb in ("list", "watch")),
    *((verb, resource) for resource in APPLIED for verb in ("create", "patch", "delete")),
    ("get", "services"),
    ("list", "pods"),
    ("get", "pods/log"),
    ("get", "gateways.gateway.networking.k8s.io"),
    ("create", "events.events.k8s.io"),
    ("patch", "modeldeployments.palier.dev/status"),
    ("update", "modeldeployments.palier.dev/finalizers"),
]
CLASSES = ("get", "gatewayclasses.gateway.networking.k8s.io")
"""Needed, and had, only in the whole cluster: they live in no namespace."""
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
    *((verb, "gateways.gateway.networking.k8s.io") for verb in ("list", "watch", "patch")),
    *((verb, "gatewayclasses.gateway.networking.k8s.io") for verb in ("list", "watch", "patch")),
    ("create", "leases.coordination.k8s.io"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("list", "customresourcedefinitions.apiextensions.k8s.io"),
    ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
]


def demo(**spec: Any) -> ModelDeployment:  # noqa: ANN401 - values are what YAML can hold
    """A ModelDeployment in namespace ml, with more fields."""
    return parse(
        {
            "metadata": {"name": "demo", "namespace": "ml", "uid": "11111111-2222-3333-4444-555555555555"},
            "spec": {
                "owner": {"name": "Somebody", "email": "somebody@example.com"},
                "model": {"name": "m", "version": "1"},
                "serving": {"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}},
                "traffic": {"service": {}},
                **spec,
            },
        }
    )


IMAGE = "registry.example.com/palier:1"
CORPORA: dict[str, dict[str, Any]] = {
    "inline": {"inline": ["Bonjour"]},
    "volume": {"volume": {"claimName": "requests", "path": "chat.jsonl"}},
    "image": {"image": {"reference": "registry.example.com/corpora/chat:1", "path": "chat.jsonl"}},
}


def load_test_objects(corpus: dict[str, Any]) -> list[dict[str, Any]]:
    """The ConfigMap and the Job of a load test."""
    deployment = demo(scale={"target": {"requestsPerSecond": "10"}, "loadTest": {"corpus": corpus}})
    run = Run("", "aaaaaaaaaa", replicas=1, index=0, attempt=1, digest="0123456789abcdef")
    return [load_test_config(deployment, run, "{}"), load_test_job(deployment, run, image=IMAGE)]


def golden_objects(corpus: dict[str, Any], **golden: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The ConfigMaps and the Job of golden answers."""
    stages = {"stages": [{"golden": {}}]}
    deployment = demo(golden={"corpus": corpus, **golden}, release=stages)
    run = GoldenRun("aaaaaaaaaa", "bbbbbbbbbb", attempt=1, digest="0123456789abcdef")
    return [*golden_configs(deployment, run, "{}"), golden_job(deployment, run, image=IMAGE)]


JUDGE = {
    "url": "http://judge:8000/v1/chat/completions",
    "model": "judge",
    "calibration": {"corpus": {"inline": ["{}"]}},
    "tokenSecretRef": {"name": "judge", "key": "token"},
}
SCORER = {"image": "registry.example.com/scorer:1", "args": ["--fast"], "resources": {"limits": {"memory": "2Gi"}}}


def shadow_objects() -> list[dict[str, Any]]:
    """The objects of a shadow proxy."""
    run = ShadowRun("aaaaaaaaaa", "bbbbbbbbbb", 20, "0123456789abcdef")
    return [
        shadow_config(demo(), run, "{}"),
        shadow_service(demo(), run),
        shadow_deployment(demo(), run, "{}", image=IMAGE),
    ]


MADE: dict[str, list[dict[str, Any]]] = {
    **{f"load test, {name}": load_test_objects(corpus) for name, corpus in CORPORA.items()},
    **{f"golden, {name}": golden_objects(corpus) for name, corpus in CORPORA.items()},
    "golden, judge": golden_objects(CORPORA["volume"], judge=JUDGE),
    "golden, scorer": golden_objects(CORPORA["inline"], scorer=SCORER),
    "shadow": shadow_objects(),
}
"""What the operator makes besides revisions."""
PODS = ["load test, inline", "golden, volume", "golden, scorer", "shadow"]


@dataclass(frozen=True, slots=True)
class Installation:
    """One `helm install` on the API server."""

    server: ControlPlane
    client: Client
    chart: Chart
    present: list[dict[str, Any]] = field(default_factory=list)
    """The values that are installed; none before the first install."""

    @property
    def account(self) -> str:
        """The operator's ServiceAccount, as the API server calls it."""
        return f"system:serviceaccount:{self.chart.namespace}:palier"

    def upgrade(self, values: dict[str, Any]) -> None:
        """Install, or change what is installed, to these values on top of the required ones."""
        if self.present == [values]:
            return
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
        self.present[:] = [values]

    def uninstall(self) -> None:
        """Take the release away."""
        self.client.helm("uninstall", self.chart.release, f"--namespace={self.chart.namespace}")
        self.present.clear()

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
    assert installation.operator_may([CLASSES], namespace="") == {CLASSES}
    assert installation.operator_may(REFUSED, namespace="ml") == set()
    assert installation.operator_may(REFUSED, namespace=installation.chart.namespace) == set()


def test_listed_namespace_rights(installation: Installation) -> None:
    """Installed for one namespace the operator may do all it needs there, and nothing anywhere else."""
    installation.upgrade({"watch": {"namespaces": ["ml"]}})
    assert installation.operator_may(NEEDED, namespace="ml") == set(NEEDED)
    assert installation.operator_may(REFUSED, namespace="ml") == set()
    for elsewhere in ("other", installation.chart.namespace, ""):
        assert installation.operator_may([*NEEDED, *REFUSED, CLASSES], namespace=elsewhere) == set()


def test_lease_rights(installation: Installation) -> None:
    """When it elects a leader the operator may make and renew its Lease in its own namespace only."""
    installation.upgrade({"replicas": 2, "leaderElection": {"enabled": True}})
    create = [("create", "leases.coordination.k8s.io")]
    assert installation.operator_may(create, namespace=installation.chart.namespace) == set(create)
    assert installation.operator_may(create, namespace="ml") == set()
    account = f"--as={installation.account}"
    for name, answer in ((installation.chart.release, "yes"), ("other", "no")):
        question = ("auth", "can-i", "update", f"leases.coordination.k8s.io/{name}", "-n", installation.chart.namespace)
        assert installation.client.kubectl(*question, account, check=False).strip() == answer, name


@pytest.mark.parametrize("objects", MADE.values(), ids=MADE)
def test_the_operator_may_make_what_it_needs(installation: Installation, objects: list[dict[str, Any]]) -> None:
    """What tests and compares is applied with the operator's own rights, and has no field that is unknown."""
    installation.upgrade({})
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    flags = ("--server-side", "--dry-run=server", "--field-manager=palier", f"--as={installation.account}")
    answer = installation.client.kubectl("apply", *flags, "-f", "-", stdin=text)
    assert len(answer.splitlines()) == len(objects)


@pytest.mark.parametrize("objects", [MADE[name] for name in PODS], ids=PODS)
def test_the_pods_meet_the_restricted_standard(installation: Installation, objects: list[dict[str, Any]]) -> None:
    """In a namespace that enforces the restricted Pod Security Standard they are let in."""
    kubectl = installation.client.kubectl
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted", "labels": enforce}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "restricted"}}
    for obj in (namespace, account):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(obj))
    pod = {"apiVersion": "v1", "kind": "Pod", **objects[-1]["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "made", "namespace": "restricted"}
    careless = {**pod, "spec": {**pod["spec"], "securityContext": {}}}
    assert kubectl("create", "--dry-run=server", "-o=name", "-f", "-", stdin=json.dumps(pod)).strip() == "pod/made"
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
