"""Templates: every place is filled, and what other programs mean by their own signs is left alone."""

import json
from pathlib import Path

import pytest
import yaml

from local import node, plan, render
from local.paths import Layout


def test_a_place_is_replaced_by_its_value_and_other_signs_are_left_alone() -> None:
    """Prometheus's own $1 and braces without an at sign must reach Prometheus."""
    assert render.fill('a: @{x}, b: "$1:$2", c: {d}', {"x": 7}) == 'a: 7, b: "$1:$2", c: {d}'


def test_a_place_without_a_value_is_an_error() -> None:
    """A half-filled configuration must never reach a program."""
    with pytest.raises(KeyError):
        render.fill("@{missing}", {})


def test_every_configuration_file_of_the_node_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No place is left open in a rendered file, and those in YAML or JSON can be read."""
    monkeypatch.setattr(node, "need", lambda program: Path("/usr/sbin", program))
    layout = Layout(tmp_path / "s")
    layout.make()
    node.configure(layout, plan.for_cluster())
    rendered = [path for path in layout.config.rglob("*") if path.is_file()]
    assert {path.name for path in rendered} == {
        *("containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "Corefile", "pods.conflist"),
    }
    for path in rendered:
        text = path.read_text()
        assert "@{" not in text, path.name
        if path.suffix == ".yaml":
            assert yaml.safe_load(text)["kind"].endswith("Configuration")
    assert json.loads((layout.config / "cni" / "pods.conflist").read_text())["plugins"][0]["bridge"] == plan.BRIDGE


def test_pods_have_no_route_out_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only route that a pod gets leads to Services."""
    monkeypatch.setattr(node, "need", lambda program: Path("/usr/sbin", program))
    layout = Layout(tmp_path / "s")
    layout.make()
    node.configure(layout, plan.for_cluster())
    bridge = json.loads((layout.config / "cni" / "pods.conflist").read_text())["plugins"][0]
    assert bridge["ipam"]["routes"] == [{"dst": plan.SERVICES}]
    assert bridge["ipMasq"] is False
