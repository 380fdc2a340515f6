"""What is measured: two versions of the language service, the shadow proxy between them, and a route that copies.

Everything is rendered by Palier's own code; only the operator is left out, so that copies can be turned on and off at
any moment of one run.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from local import cluster, containerfile
from palier.api.v1alpha1 import ModelDeployment, parse
from palier.manifests.metadata import child_name
from palier.manifests.revision import deployment_manifest, service_manifest
from palier.manifests.shadow import PORT, shadow_config, shadow_deployment, shadow_name, shadow_service
from palier.manifests.traffic import Mirror, route_manifest
from palier.release.shadowing import ShadowRun, comparison
from palier.shadow.plan import plan_for

ROOT = Path(__file__).parents[2]
NAMESPACE = "shadow-bench"
OPERATOR_IMAGE = "localhost/palier:dev"
MODEL_IMAGE = "localhost/language-id:1"
STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
_LIMIT = 180.0


def deployment() -> ModelDeployment:
    """The example's service, with answers that are compared by their language."""
    manifest: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "language-id" / "light.yaml").read_text("utf-8"))
    manifest["metadata"]["namespace"] = NAMESPACE
    spec = manifest["spec"]
    spec["traffic"]["gateway"]["hostnames"] = [f"{NAMESPACE}.example.com"]
    spec["answers"] = {"checks": [{"name": "language", "path": "$.language", "compare": "Label"}]}
    spec["shadow"] = {"methods": ["POST"]}
    spec["objectives"].append({"name": "answers", "agreement": {"minPercent": "97"}})
    spec["release"]["stages"] = [{"shadow": {"percent": 100}}]
    return parse(manifest)


class Stage:
    """The cluster's side of the benchmark."""

    def __init__(self) -> None:
        self.deployment = deployment()
        digest = comparison(self.deployment, candidate=CANDIDATE, stable=STABLE)
        self._run = ShadowRun(CANDIDATE, STABLE, 100, digest)

    @classmethod
    @contextmanager
    def up(cls) -> Iterator[Self]:
        """The stage with everything ready; gone afterwards."""
        if cluster.is_local():
            containerfile.build(ROOT, OPERATOR_IMAGE, None, {})
            containerfile.build(ROOT / "examples" / "language-id" / "server", MODEL_IMAGE, None, {})
        cluster.kubectl("create", "namespace", NAMESPACE)
        try:
            stage = cls()
            stage._make()
            yield stage
        finally:
            cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")

    @property
    def url(self) -> str:
        """Where users ask."""
        return f"http://{cluster.gateway_address()}/v1/detect"

    @property
    def host(self) -> str:
        """The host that they ask for."""
        return f"{NAMESPACE}.example.com"

    def copy(self, percent: int) -> None:
        """Have so many percent of the requests copied, 0 to 100."""
        service = shadow_name(self.deployment, self._run)
        mirror = Mirror(service, PORT, None if percent == 100 else percent) if percent else None  # noqa: PLR2004
        gateway = self.deployment.spec.traffic.gateway
        assert gateway is not None  # noqa: S101 - the example has one
        ports = dict.fromkeys((STABLE, CANDIDATE), self.deployment.spec.serving.port)
        route = route_manifest(
            self.deployment,
            gateway,
            backend_positions=(STABLE, STABLE),
            weights={STABLE: 100},
            ports=ports,
            mirror=mirror,
        )
        _apply(route)

    def counters(self) -> Callable[..., float]:
        """The proxy's counters now: a function that sums one over the series with certain labels."""
        with urllib.request.urlopen(self._metrics_url(), timeout=10) as answer:  # noqa: S310 - ours
            families = list(text_string_to_metric_families(answer.read().decode()))

        def summed(name: str, **labels: str) -> float:
            samples = (sample for family in families for sample in family.samples if sample.name == name)
            return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

        return summed

    def cpu_seconds(self) -> float:
        """Processor time that the proxy has used so far."""
        return self.counters()("process_cpu_seconds_total")

    def _make(self) -> None:
        for revision in (STABLE, CANDIDATE):
            _apply(deployment_manifest(self.deployment, revision))
            _apply(service_manifest(self.deployment, revision, port=self.deployment.spec.serving.port))
        addresses = {revision: self._address(revision) for revision in (STABLE, CANDIDATE)}
        plan = plan_for(
            self.deployment,
            candidate=CANDIDATE,
            stable=STABLE,
            candidate_url=addresses[CANDIDATE],
            stable_url=addresses[STABLE],
        ).to_json()
        _apply(shadow_config(self.deployment, self._run, plan))
        _apply(shadow_service(self.deployment, self._run))
        _apply(shadow_deployment(self.deployment, self._run, plan, image=OPERATOR_IMAGE))
        for name in (*(child_name(self.deployment, one) for one in addresses), shadow_name(self.deployment, self._run)):
            cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, f"--timeout={_LIMIT:.0f}s")
        self.copy(0)

    def _address(self, revision: str) -> str:
        name = child_name(self.deployment, revision)
        service = json.loads(cluster.kubectl("get", "service", name, "-n", NAMESPACE, "-o", "json"))["spec"]
        return f"http://{service['clusterIP']}:{service['ports'][0]['port']}"

    def _metrics_url(self) -> str:
        deadline = time.monotonic() + _LIMIT
        selector = f"palier.dev/shadow={shadow_name(self.deployment, self._run)}"
        while time.monotonic() < deadline:
            pods = json.loads(cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", selector, "-o", "json"))["items"]
            if pods and (address := pods[0]["status"].get("podIP")):
                return f"http://{address}:9090/metrics"
            time.sleep(0.5)
        raise TimeoutError("the proxy's pod has no address")


def _apply(manifest: Mapping[str, Any]) -> None:
    # Without its owner: there is no ModelDeployment here.
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "ownerReferences"}
    text = json.dumps({**manifest, "metadata": metadata})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
