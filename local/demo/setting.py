"""Everything that must stand before the story begins, on the local cluster or on one of the user's own."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local import addons, cluster, containerfile, lifecycle
from local.demo.acts import EXAMPLE, NAME
from local.errors import LocalError
from local.paths import checkout
from local.progress import say, step
from local.waiting import until

RELEASE = "palier"
OPERATOR_NAMESPACE = "palier-system"
MARK = "palier.dev/demo"  # label of a namespace that the demonstration made, and may therefore empty

PRICES = {
    "currency": "USD",
    "source": "OpenCost's default prices (configs/default.json), after GCP us-central1",
    "asOf": "2024-10-01",  # the file bears no date of its own
    "maxAge": "3650d",  # so that the demonstration goes on working; your own table is to be looked through every year
    "cpuHour": "0.031611",
    "memoryGiBHour": "0.004237",
}

OWN_CLUSTER = """\
On a cluster of your own the demonstration brings up nothing but Palier and the model server. It needs there:

  - the Gateway API with a Gateway 'public' in namespace 'infra' that accepts routes from namespace '{namespace}'
  - a Prometheus that scrapes pods annotated with prometheus.io/scrape, port and path, and puts the labels
    'namespace' and 'pod' on their series
  - two images in a registry that its nodes can pull from:

      docker build -t REGISTRY/palier:dev .                                  && docker push REGISTRY/palier:dev
      docker build -t REGISTRY/language-id:1 examples/language-id/server     && docker push REGISTRY/language-id:1

  - PALIER_PROMETHEUS_URL: how the operator reaches that Prometheus, such as http://prometheus.monitoring.svc:9090
  - PALIER_GATEWAY_ADDRESS: how this machine reaches the Gateway, if not by the address in its status

Then: python -m local.demo --kubeconfig FILE --image-registry REGISTRY [--prometheus-deployment NAMESPACE/NAME]
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How the demonstration was started.

    Args:
        namespace: where the ModelDeployment goes.
        rate: users' requests per second.
        fast: shorter stages and a shorter outage.
        image_registry: where the images are, on a cluster of the user's own.
        metrics: namespace and name of Prometheus's Deployment; None if it must not be touched.
        scrape_interval: seconds between two scrapes there, and between two looks.
    """

    namespace: str
    rate: float
    fast: bool
    image_registry: str | None
    metrics: tuple[str, str] | None
    scrape_interval: int

    def image(self, name: str) -> str:
        """Where an image is found: name without tag."""
        return f"{self.image_registry or 'localhost'}/{name}"


class Setting:
    """The cluster with all that the story needs, and the way back.

    Args:
        options: how the demonstration was started.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._started_cluster = False
        self._installed = False
        self._made_namespace = False

    def prepare(self) -> None:
        """Bring up what is missing.

        Raises:
            LocalError: something is missing that only the user can provide; the message says what.
        """
        if cluster.is_local():
            self._started_cluster = not _is_up()
            lifecycle.up()
            containerfile.build(checkout(), "palier:dev", None, {})
            containerfile.build(EXAMPLE / "server", "language-id:1", None, {})
        elif self.options.image_registry is None:
            raise LocalError(OWN_CLUSTER.format(namespace=self.options.namespace))
        with step("Palier, by its chart"):
            self._install()
        with step(f"namespace {self.options.namespace}"):
            self._clear_namespace()

    def withdraw(self, *, keep: bool) -> None:
        """Undo what `prepare` did, unless it is to be kept; say which."""
        if keep:
            say("everything is left as it is (--keep)")
        elif cluster.is_local():
            if self._started_cluster:
                say("taking the cluster down again (--keep would leave it)")
                lifecycle.down()
            else:
                say(f"the cluster was up before and stays, with namespace {self.options.namespace};")
                say("'python -m local down' removes it")
        else:
            say("removing what the demonstration made from your cluster (--keep would leave it)")
            if self._made_namespace:
                cluster.kubectl("delete", "namespace", self.options.namespace, "--wait=false", check=False)
            if self._installed:
                with suppress(LocalError):
                    cluster.helm("uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE)

    def _install(self) -> None:
        interval = f"{self.options.scrape_interval}s"
        values = {
            "image": {"repository": self.options.image("palier"), "tag": "dev", "pullPolicy": "IfNotPresent"},
            "prometheus": {"url": cluster.prometheus_address(), "scrapeInterval": interval},
            "operator": {"lookInterval": interval},
            "prices": PRICES,
            # A new pod each time: the image may have been rebuilt under the same tag.
            "podAnnotations": {MARK: f"{time.time():.0f}"},
        }
        before = _installations()
        if others := [installation for installation in before if installation != (OPERATOR_NAMESPACE, RELEASE)]:
            namespace, name = others[0]
            raise LocalError(
                f"Palier is already installed, and two of them would quarrel: helm uninstall {name} -n {namespace}"
            )
        cluster.client().helm(
            *("upgrade", "--install", RELEASE, str(checkout() / "charts" / "palier")),
            *("--namespace", OPERATOR_NAMESPACE, "--create-namespace"),
            *("--values", "-", "--wait", "--timeout", "180s"),
            stdin=yaml.safe_dump(values),
        )
        self._installed = not before

    def _clear_namespace(self) -> None:
        """Make the namespace, or remove what an earlier demonstration left in it."""
        namespace = self.options.namespace
        where = ("--namespace", namespace)
        existing = cluster.kubectl("get", "namespace", namespace, "--output=json", "--ignore-not-found")
        if not existing:
            cluster.kubectl("create", "namespace", namespace)
            cluster.kubectl("label", "namespace", namespace, f"{MARK}=true")
            self._made_namespace = True
        elif cluster.kubectl("get", "modeldeployment", NAME, *where, "--output=name", "--ignore-not-found"):
            if MARK not in json.loads(existing)["metadata"].get("labels", {}):
                raise LocalError(
                    f"namespace {namespace} has a ModelDeployment {NAME} that is not the demonstration's: choose "
                    "another namespace (--namespace)"
                )
            cluster.kubectl("delete", "modeldeployment", NAME, *where, "--timeout=60s")
        selector = f"--selector=palier.dev/modeldeployment={NAME}"
        until(
            lambda: not cluster.kubectl("get", "pods,services,httproutes", selector, *where, "--output=name"),
            f"what an earlier demonstration left in namespace {namespace} to be gone",
            limit=120,
        )

    def manifest(self, path: Path) -> dict[str, Any]:
        """Read a manifest of the example, as it is applied here."""
        return adapted(yaml.safe_load(path.read_text("utf-8")), self.options)


def adapted(manifest: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Return the manifest with this run's namespace, images and, if it is to be fast, shorter times."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(manifest)))
    copy["metadata"]["namespace"] = options.namespace
    for container in copy["spec"]["serving"]["template"]["spec"]["containers"]:
        container["image"] = container["image"].replace("localhost/", options.image(""), 1)
    if options.fast:
        for stage in copy["spec"]["release"]["stages"]:
            if "canary" in stage:
                stage["canary"]["minDuration"] = "5s"
        copy["spec"]["release"]["drainDelay"] = "5s"
        copy["spec"]["release"]["rollbackWindow"] = "10s"
    return copy


def applied(manifest: Mapping[str, Any]) -> int:
    """Apply a manifest as its author would, and return the generation that this made."""
    command = ("apply", "--server-side", "--field-manager=demo", "--filename=-")
    return int(cluster.kubectl(*command, "--output=jsonpath={.metadata.generation}", input=json.dumps(manifest)))


class Metrics:
    """Takes Prometheus away and brings it back, in any case.

    Args:
        deployment: namespace and name of its Deployment.
    """

    def __init__(self, deployment: tuple[str, str]) -> None:
        self._namespace, self._name = deployment
        self._replicas: str | None = None

    def take_away(self) -> None:
        """Scale it to nothing, and wait until its pods are gone."""
        where = ("--namespace", self._namespace)
        deployment = json.loads(cluster.kubectl("get", "deployment", self._name, *where, "--output=json"))
        self._replicas = str(deployment["spec"]["replicas"])
        self._scale("0")
        labels = ",".join(f"{name}={value}" for name, value in deployment["spec"]["selector"]["matchLabels"].items())
        until(
            lambda: not cluster.kubectl("get", "pods", f"--selector={labels}", *where, "--output=name"),
            "Prometheus to be gone",
            limit=60,
        )

    def bring_back(self) -> None:
        """Scale it to what it was, if it was taken away."""
        if self._replicas is not None:
            self._scale(self._replicas)
            self._replicas = None

    def _scale(self, replicas: str) -> None:
        cluster.kubectl("scale", "deployment", self._name, "--namespace", self._namespace, f"--replicas={replicas}")


LOCAL_METRICS = (addons.METRICS_NAMESPACE, "prometheus")


def _installations() -> list[tuple[str, str]]:
    """Namespace and name of every Helm release of our chart."""
    releases = json.loads(cluster.helm("list", "--all-namespaces", "--output=json"))
    return [(each["namespace"], each["name"]) for each in releases if each["chart"].startswith("palier-")]


def _is_up() -> bool:
    try:
        return cluster.kubectl("get", "--raw", "/readyz") == "ok"
    except LocalError:
        return False
