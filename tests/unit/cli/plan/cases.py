"""A small ModelDeployment with its prices, and how the command is run with them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.revision import revision_hash
from palier.api.v1alpha1 import parse
from palier.api.variants import resolve_variants
from palier.cli.main import main

PRICES: dict[str, Any] = {
    "currency": "EUR",
    "source": "a price list",
    "asOf": "2026-11-01",
    "cpuHour": "0.05",
    "memoryGiBHour": "0.01",
    "gpuHour": {"L4": "0.69"},
    "maxAge": "36500d",
}
"""2 cores and 4 GiB cost 0.14 an hour, 102.20 a month."""


def model(**spec: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a spec
    """A model on 2 cores and 4 GiB with a target of 200 requests/s and 550 EUR of overheads."""
    return {
        "apiVersion": "palier.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "demo", "namespace": "ml"},
        "spec": {
            "owner": {"name": "NLP platform lead", "email": "nlp@example.com", "team": "nlp"},
            "model": {"name": "lingua", "version": "2.1.1"},
            "serving": {"port": 8080, "template": template()},
            "traffic": {"service": {}},
            "budget": {"currency": "EUR", "monthly": "3000"},
            "scale": {
                "poc": {"requestsPerSecond": "2"},
                "target": {"requestsPerSecond": "200"},
                "overheads": {"maintenanceMonthly": "400", "monitoringMonthly": "150"},
            },
            **copy.deepcopy(spec),
        },
    }


def template(cpu: str = "2") -> dict[str, Any]:
    """Pods that ask for so many cores and 4 GiB."""
    resources = {"requests": {"cpu": cpu, "memory": "4Gi"}}
    return {"spec": {"containers": [{"name": "server", "image": "m:1", "resources": resources}]}}


def variants() -> dict[str, Any]:
    """A model of three sizes; the parts of a spec."""
    serving = {
        "port": 8080,
        "template": template(),
        "variants": [
            {"name": "heavy", "template": template("16")},
            {"name": "middle"},
            {"name": "light", "model": {"name": "fast"}, "template": template("1")},
        ],
    }
    return {"serving": serving, "release": {"stages": [{"loadTest": {}}, {"canary": {"weight": 50}}]}}


def entry(body: dict[str, Any], name: str = "", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """What a load test of one replica found about the present spec."""
    way = next(way for way in resolve_variants(parse(body)) if way.name == name)
    spec = way.deployment.spec
    return {
        "revision": revision_hash(spec.model, spec.serving, {}),
        **({"variant": name} if name else {}),
        "digest": "0123456789abcdef",
        "replicas": 1,
        "measuredAt": "2026-11-20T10:00:00Z",
        "verdict": "Pass",
        "reason": "CapacityFound",
        "message": "10 requests/s hold",
        "capacity": "10",
        "ceiling": "10.5",
        "requests": 5000,
        "steps": [
            {**step("1", "9"), "phase": "WarmUp"},
            step("5", "0.2"),
            step("10", "0.4"),
            step("12", "3.0"),
        ],
        **changes,
    }


def step(offered: str, p95: str) -> dict[str, Any]:
    """One rate that was tried."""
    numbers = {"p50": "0.1", "p95": p95, "p99": "5", "lag": "0.001"}
    counts = {"requests": 1000, "errors": 0, "holds": p95 < "1"}
    return {"phase": "Climb", "offered": offered, "achieved": offered, **numbers, **counts}


def measured(body: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    """The object as a cluster keeps it."""
    return {**body, "status": {"loadTests": list(entries)}}


class Command:
    """`palier plan` in a folder of its own.

    Args:
        folder: where its files are written.
        capsys: what catches its output.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.errors = ""
        self.prices = self.written("prices.yaml", PRICES)

    def written(self, name: str, *documents: Any) -> str:  # noqa: ANN401 - anything that YAML can hold
        """A file; a document that is a text is written as it is."""
        path = self.folder / name
        texts = (one if isinstance(one, str) else yaml.safe_dump(one, sort_keys=False) for one in documents)
        path.write_text("\n---\n".join(texts), encoding="utf-8")
        return str(path)

    def text(self, status: int, body: dict[str, Any], *arguments: str) -> str:
        """What it prints for one object, with the usual prices."""
        return self.raw(status, self.written("model.yaml", body), "--prices", self.prices, *arguments)

    def json(self, status: int, body: dict[str, Any], *arguments: str) -> dict[str, Any]:
        """The object that it prints for one object, with the usual prices."""
        told: dict[str, Any] = json.loads(self.text(status, body, *arguments, "--json"))
        return told

    def raw(self, status: int, *arguments: str) -> str:
        """What it prints, whatever it is given."""
        assert main(["plan", *arguments]) == status
        captured = self._capsys.readouterr()
        self.errors = captured.err
        return captured.out

    def misunderstood(self, *arguments: str) -> str:
        """The last line about words that are not understood."""
        with pytest.raises(SystemExit) as caught:
            main(["plan", *arguments])
        assert caught.value.code == 2
        return self._capsys.readouterr().err.splitlines()[-1]
