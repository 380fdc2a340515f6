"""Values: what is refused, in which words, and that what is written about values is true."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from palier.economics.prices import PriceTable
from tests.chart.conftest import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.chart.conftest import Chart


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything that can be set; an empty mapping or a list is a value.

    `resources` is a Kubernetes object, not a group of values.
    """
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and path != "resources":
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def schema_of(chart: Chart) -> dict[str, Any]:
    """The chart's values schema."""
    schema: dict[str, Any] = json.loads((chart.folder / "values.schema.json").read_text())
    return schema


def defaults_of(chart: Chart) -> dict[str, Any]:
    """The chart's default values."""
    values: dict[str, Any] = yaml.safe_load((chart.folder / "values.yaml").read_text())
    return values


def test_lint_has_nothing_to_say(chart: Chart) -> None:
    """`helm lint --strict` passes with the required values."""
    done = chart.lint()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"prometheus": {"url": ""}}, "prometheus.url is required: Palier judges releases by what Prometheus"),
        ({"image": {"repository": ""}}, "image.repository is required: build the image with the Dockerfile"),
        ({"replicas": 2}, "replicas above 1 need leaderElection.enabled: true"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name is required when serviceAccount.create is false"),
        ({"monitor": {"enabled": True}, "service": {"enabled": False}}, "monitor.kind ServiceMonitor needs service"),
    ],
)
def test_what_cannot_work_is_refused_with_the_cure(chart: Chart, values: dict[str, Any], sentence: str) -> None:
    """Values that would install something broken stop Helm with a sentence that says what to set."""
    assert sentence in chart.refusal(**values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicaCount": 2}, "replicaCount"),
        ({"prometheus": {"url": "http://p", "uri": "x"}}, "uri"),
        ({"operator": {"lookInterval": "15"}}, "lookInterval"),
        ({"operator": {"workers": 0}}, "workers"),
        ({"operator": {"logFormat": "yaml"}}, "logFormat"),
        ({"prometheus": {"url": "prometheus:9090"}}, "url"),
        ({"prometheus": {"url": "http://p", "matchers": ["eu-1"]}}, "matchers"),
        ({"prometheus": {"url": "http://p", "matchers": ['cluster="eu']}}, "matchers"),
        ({"prometheus": {"url": "http://p", "maxSeries": 10}}, "maxSeries"),
        ({"prometheus": {"url": "http://p", "podLabels": ["a-b"]}}, "podLabels"),
        ({"prometheus": {"url": "http://p", "routerNamespaces": ["Not_A_Namespace"]}}, "routerNamespaces"),
        ({"prometheus": {"url": "https://user:password@prometheus"}}, "url"),
        ({"prometheus": {"url": "https://p", "credentialsSecret": "Not_A_Name"}}, "credentialsSecret"),
        ({"image": {"repository": "registry.example.com/palier:1.0"}}, "repository"),
        ({"image": {"repository": "r.example.com/palier", "digest": "sha256:short"}}, "digest"),
        ({"watch": {"namespaces": ["Not_A_Namespace"]}}, "namespaces"),
        ({"watch": {"namespaces": ["ml", "ml"]}}, "namespaces"),
        ({"monitor": {"kind": "Monitor"}}, "kind"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"loadTest": {"image": "two words"}}, "image"),
        ({"loadTest": {"tag": "dev"}}, "tag"),
        ({"prices": PRICES | {"cpuHour": "-1"}}, "cpuHour"),
        ({"prices": PRICES | {"cpuHour": -1}}, "cpuHour"),
        ({"prices": PRICES | {"memoryGiBHour": "cheap"}}, "memoryGiBHour"),
        ({"prices": PRICES | {"currency": "Euro"}}, "currency"),
        ({"prices": PRICES | {"asOf": "November"}}, "asOf"),
        ({"prices": PRICES | {"maxAge": "1y"}}, "maxAge"),
        ({"prices": PRICES | {"gpuHour": {"NVIDIA-L4": "free"}}}, "NVIDIA-L4"),
        ({"prices": PRICES | {"cpu": "1"}}, "cpu"),
        ({"prices": PRICES | {"nodePools": [{"name": "spot", "cpuHour": "0.01"}]}}, "nodeSelector"),
        ({"prices": PRICES | {"openCost": {}}}, "currency"),
        ({"prices": {"cpuHour": "0.03"}}, "memoryGiBHour"),
        ({"prices": {"gpuHour": {"L4": "0.7"}}}, "currency"),
    ],
)
def test_the_schema_refuses_and_names_the_value(chart: Chart, values: dict[str, Any], named: str) -> None:
    """A misspelt name or a value of the wrong form is refused, and the message names it."""
    message = chart.refusal(**values)
    assert "values don't meet the specifications of the schema" in message
    assert named in message


def test_every_default_is_in_the_schema_and_every_group_is_closed(chart: Chart) -> None:
    """The schema knows exactly the values that values.yaml documents, so that no misspelling slips through."""
    schema = schema_of(chart)

    def paths(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
        for key, child in node["properties"].items():
            if "properties" in child and f"{prefix}{key}" != "resources":
                assert child["additionalProperties"] is False, f"{prefix}{key} accepts unknown values"
                yield from paths(child, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is False
    for_parent_charts = {"global", "enabled"}
    assert set(paths(schema)) - for_parent_charts == {path for path, _ in leaves(defaults_of(chart))}


def test_the_readme_lists_every_value_with_its_default(chart: Chart) -> None:
    """The table in the chart's README has one row for each value, with the default that values.yaml has."""
    row = re.compile(r"^\| `([^`]+)` \| `([^`]*)` \| .+ \|$", re.MULTILINE)
    section = (chart.folder / "README.md").read_text().split("## Values")[1].split("\n## ")[0]
    table = {name: json.loads(default) for name, default in row.findall(section)}
    assert table == dict(leaves(defaults_of(chart)))


def test_the_prices_that_the_readme_shows_are_those_that_the_operator_takes(chart: Chart) -> None:
    """The example passes the chart's schema and the operator's own reader, and shows every field of both."""
    section = (chart.folder / "README.md").read_text().split("## Prices")[1]
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[:1]
    prices = yaml.safe_load(shown)["prices"]
    text = chart.render(prices=prices).one("ConfigMap")["data"]["prices.yaml"]
    assert PriceTable.parse(yaml.safe_load(text)) == PriceTable.parse(prices)
    assert prices.keys() == PRICES.keys() == schema_of(chart)["definitions"]["prices"]["properties"].keys()


def test_what_the_chart_lets_through_the_operator_can_read(chart: Chart) -> None:
    """Numbers as Helm writes them, and dates that YAML could take for something else, are prices and dates again."""
    table = {**PRICES, "cpuHour": 0.000001, "memoryGiBHour": 3, "asOf": "2026-11-01"}
    text = chart.render(prices=table).one("ConfigMap")["data"]["prices.yaml"]
    read = PriceTable.parse(yaml.safe_load(text))
    assert (str(read.as_of), read.memory_gib_hour, read.cpu_hour) == ("2026-11-01", Decimal(3), Decimal("0.000001"))


def test_every_value_has_a_comment(chart: Chart) -> None:
    """Each value in values.yaml is explained on the line above it."""
    lines = (chart.folder / "values.yaml").read_text().splitlines()
    names = {path.rsplit(".", 1)[-1] for path, _ in leaves(defaults_of(chart))}
    explained = {
        line.split(":")[0].strip() for above, line in itertools.pairwise(lines) if above.lstrip().startswith("# -- ")
    }
    assert names - explained == set()


def test_versions_agree(chart: Chart) -> None:
    """The chart, the image and the Python package carry one version."""
    root = chart.folder.parents[1]
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    meta = yaml.safe_load((chart.folder / "Chart.yaml").read_text())
    assert meta["appVersion"] == version
    assert f"ARG VERSION={version}\n" in (root / "Dockerfile").read_text()


def test_a_parent_chart_may_pass_its_own_values(chart: Chart) -> None:
    """A chart that depends on this one can pass `global` and use `palier.enabled` as the condition."""
    assert chart.render(**{"global": {"imageRegistry": "registry.example.com"}, "enabled": True}).of_kind("Deployment")
