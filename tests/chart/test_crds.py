"""The CRD in the chart: the same as the generated one, and never deleted by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tests.chart.conftest import Chart


def test_the_chart_holds_the_generated_crds(chart: Chart) -> None:
    """The chart's copies are the files of the top-level crds folder.

    To refresh them: `cp crds/*.yaml charts/palier/files/crds/`.
    """
    generated = {file.name: file.read_text() for file in (chart.folder.parents[1] / "crds").glob("*.yaml")}
    copies = {file.name: file.read_text() for file in (chart.folder / "files" / "crds").glob("*.yaml")}
    assert generated
    assert copies == generated


def test_rendering_changes_only_metadata(chart: Chart) -> None:
    """Helm's way through its own YAML reader leaves name and spec as generated, big numbers included."""
    rendered = chart.render().one("CustomResourceDefinition")
    (file,) = (chart.folder / "files" / "crds").glob("*.yaml")
    generated = yaml.safe_load(file.read_text())
    assert rendered["spec"] == generated["spec"]
    assert rendered["metadata"]["name"] == generated["metadata"]["name"] == "modeldeployments.palier.dev"
    assert rendered["metadata"]["annotations"].items() >= generated["metadata"].get("annotations", {}).items()


def test_uninstalling_keeps_the_crd_unless_told_otherwise(chart: Chart) -> None:
    """With the CRD go all ModelDeployments, so Helm keeps it by default."""
    policy = "helm.sh/resource-policy"
    kept = chart.render().one("CustomResourceDefinition")["metadata"]["annotations"]
    assert kept[policy] == "keep"
    let_go = chart.render(crds={"keep": False}).one("CustomResourceDefinition")["metadata"]
    assert policy not in (let_go.get("annotations") or {})


def test_the_crd_can_be_left_to_others(chart: Chart) -> None:
    """With `crds.install: false` the release holds no CRD."""
    assert not chart.render(crds={"install": False}).of_kind("CustomResourceDefinition")
