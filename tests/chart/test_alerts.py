"""The alerts: they speak of metrics that exist, of this installation alone, and of every rule of a budget."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import generate_latest

from palier.cluster.budgets import BudgetFigures
from palier.cluster.costs import CostFigures, RevisionFigures
from palier.cluster.data_drift import DriftFigures
from palier.cluster.instruments import Instruments
from palier.economics.burn import BurnRule

if TYPE_CHECKING:
    from tests.chart.conftest import Chart


@pytest.fixture
def alerts(chart: Chart) -> dict[str, dict[str, Any]]:
    """All alerts by name."""
    rule = chart.render(prometheusRule={"enabled": True, "labels": {"release": "prom"}}).one("PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prom"
    (group,) = rule["spec"]["groups"]
    return {alert["alert"]: alert for alert in group["rules"]}


def labels_exposed() -> dict[str, set[str]]:
    """The labels of each metric of an operator that has met everything once."""
    instruments = Instruments()
    instruments.request_finished(verb="GET", kind="Pod", code=200)
    number = Decimal(1)
    instruments.cost(
        ("ml", "chat"),
        CostFigures(
            currency="EUR",
            revisions=(RevisionFigures("aaaaaaaaaa", "stable", number, number, number, number),),
            per_thousand=number,
            spent=number,
            projected=number,
            budget=number,
            budget_per_thousand=number,
            burns={"1h": number},
            exceeded={rule.value: False for rule in BurnRule},
            unpriced="PricesMissing",
        ),
    )
    instruments.put_error_budgets(("ml", "chat"), {"errors": BudgetFigures(left=1.0, burn=0.0, alert="", known=True)})
    instruments.put_data_drift(("ml", "chat"), DriftFigures((("amount", "fr"),), known=True))
    exposed: dict[str, set[str]] = {}
    text = generate_latest(instruments.registry).decode()
    for name, labels in re.findall(r"^(palier_\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        exposed.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return exposed


def test_alerts_speak_of_metrics_that_exist(chart: Chart, alerts: dict[str, dict[str, Any]]) -> None:
    """Every metric that an alert names is one that the operator exposes, and other installations' are left out."""
    exposed = labels_exposed()
    for name, alert in alerts.items():
        named = re.findall(r"(palier_\w+)(\{[^}]*\})?", alert["expr"])
        assert named
        assert {metric for metric, _ in named} <= exposed.keys(), name
        assert all(f'namespace="{chart.namespace}"' in labels for _, labels in named), name
        assert {"summary", "description"} <= alert["annotations"].keys()


def test_alerts_name_labels_that_their_metrics_have(alerts: dict[str, dict[str, Any]]) -> None:
    """A label that is not there would be empty in the message, and match nothing in the expression."""
    exposed = labels_exposed()
    for name, alert in alerts.items():
        metrics = re.findall(r"(palier_\w+)", alert["expr"])
        asked = set(re.findall(r"[{,] *(\w+) *(?:=|!=|=~)", alert["expr"])) - {"namespace"}
        kept = {label for group in re.findall(r"by \(([^)]*)\)", alert["expr"]) for label in re.split(r", *", group)}
        told = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))

        assert all(asked | kept <= exposed[metric] for metric in metrics), name
        assert not told or told <= kept, name


def test_every_rule_of_a_budget_raises_an_alert(alerts: dict[str, dict[str, Any]]) -> None:
    """A rule that stops releases and tells nobody would be found out by chance."""
    watched = [rule for alert in alerts.values() for rule in re.findall(r'rule=~?"([^"]+)"', alert["expr"])]

    assert sorted("|".join(watched).split("|")) == sorted(rule.value for rule in BurnRule)


def test_an_alert_about_a_model_outlives_the_operators_pod(alerts: dict[str, dict[str, Any]]) -> None:
    """Six hours begin anew whenever a label changes: the pod of the operator must not be among them."""
    about_models = {name: alert for name, alert in alerts.items() if "$labels.model_deployment" in str(alert)}

    assert len(about_models) == 8
    for name, alert in about_models.items():
        assert re.match(r"max by \(model_namespace, model_deployment(, \w+)*\) \(", alert["expr"]), name
