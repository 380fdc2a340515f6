"""The chart as its users meet it: rendered by a real Helm, and what it renders as plain objects."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local import build

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parents[2] / "charts" / "palier"
REQUIRED: dict[str, Any] = {
    "image": {"repository": "registry.example.com/palier"},
    "prometheus": {"url": "http://prometheus.monitoring.svc:9090"},
}
PRICES: dict[str, Any] = {
    "currency": "EUR",
    "source": "list prices",
    "asOf": "2026-11-01",
    "maxAge": "180d",
    "cpuHour": "0.034",
    "memoryGiBHour": 0.0045,
    "gpuHour": {"NVIDIA-L4": "0.70", "H100": 3},
    "nodePools": [{"name": "spot", "nodeSelector": {"pool": "spot"}, "cpuHour": "0.011", "gpuHour": {"H100": "1.9"}}],
    "openCost": {"currency": "EUR"},
}
"""Every field of the price table."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What `helm template` printed, as objects."""

    text: str
    objects: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, in the order rendered."""
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """The only object of a kind."""
        (item,) = self.of_kind(kind)
        return item

    @property
    def pod(self) -> dict[str, Any]:
        """Pod spec of the operator."""
        spec: dict[str, Any] = self.one("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> dict[str, Any]:
        """The operator's container."""
        (container,) = self.pod["containers"]
        return dict(container)


@dataclass(frozen=True, slots=True)
class Chart:
    """Helm and the chart; values go in as they would from a values file."""

    helm: Path
    folder: Path = CHART
    release: str = "palier"
    namespace: str = "palier-system"

    @property
    def required(self) -> dict[str, Any]:
        """The values without which the chart does not render."""
        return REQUIRED

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Run Helm; `values`, if given, are its values file."""
        command = [str(self.helm), *arguments]
        if values is not None:
            command += ["--values", "-"]
        text = None if values is None else json.dumps(values)
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def template(self, values: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """`helm template` with exactly these values."""
        return self.run("template", self.release, str(self.folder), "--namespace", self.namespace, values=values)

    def lint(self) -> subprocess.CompletedProcess[str]:
        """`helm lint --strict` with the required values."""
        return self.run("lint", "--strict", str(self.folder), values=REQUIRED)

    def render(self, **values: Any) -> Rendered:  # noqa: ANN401 - values are what YAML can hold
        """Objects for these values on top of the required ones; nested values replace whole top-level keys."""
        done = self.template({**REQUIRED, **values})
        assert done.returncode == 0, done.stderr
        return Rendered(text=done.stdout, objects=[item for item in yaml.safe_load_all(done.stdout) if item])

    def refusal(self, **values: Any) -> str:  # noqa: ANN401 - the same
        """Helm's message for values that must not render."""
        done = self.template({**REQUIRED, **values})
        assert done.returncode != 0, "Helm accepted the values"
        return done.stderr


@pytest.fixture(scope="session")
def helm() -> Path:
    """The Helm of the local cluster's tools, fetched if it is not there yet; PALIER_HELM names another one."""
    if chosen := os.environ.get("PALIER_HELM"):
        return Path(chosen)
    clients = build.named(["clients"])
    build.ensure(clients)
    return clients[0].file("helm")


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart, rendered by the tools' Helm."""
    return Chart(helm=helm)
