"""Money, error budgets and data in a real Prometheus that scrapes the operator: who raises which alert."""

import re
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client import start_http_server

from local import build, catalogue, plan
from local.paths import Layout
from local.processes import Daemon
from local.waiting import until
from palier.cluster.budgets import BudgetFigures
from palier.cluster.costs import CostFigures, RevisionFigures, burn_figures
from palier.cluster.data_drift import DriftFigures
from palier.cluster.instruments import Instruments
from palier.economics.burn import burn
from palier.economics.money import Money
from palier.economics.spending import Spending, advance_spending, month_of
from tests.chart.conftest import Chart
from tests.prometheus.conftest import Prometheus

NAMESPACE = "palier-system"
PAGE = Path(__file__).parents[2] / "docs" / "running-cost.md"
BUDGET = Decimal(730)
HOUR = 3600.0


REVISION = RevisionFigures(
    "aaaaaaaaaa",
    "stable",
    hourly=Decimal(2),
    per_thousand=Decimal("0.2"),
    requests_per_second=10.0,
    capacity=Decimal(20),
)


def spent(hourly: str, *, hours: float, spent: int = 0) -> CostFigures:
    """What is exported of somebody who has spent so much an hour for so long, at this very moment."""
    now = time.time()
    spending = advance_spending(None, hourly=Money(Decimal(hourly), "EUR"), now=now - hours * HOUR)
    month = month_of(now)
    spending = Spending("EUR", month, Decimal(spent), now, spending.rates)
    found = burn(spending, monthly=BUDGET, now=now)
    burns, exceeded = burn_figures(found)
    return CostFigures("EUR", spent=found.spent, projected=found.projected, burns=burns, exceeded=exceeded)


MODELS: Mapping[str, tuple[CostFigures, set[str]]] = {
    "well": (spent("0.1", hours=100), set()),
    "runaway": (spent("20", hours=7, spent=600), {"PalierBudgetBurnsTooFast"}),
    "used-up": (spent("0", hours=100, spent=760), {"PalierBudgetSpent"}),
    "over-pace": (spent("1.02", hours=100), {"PalierBudgetWillNotLast"}),
    "idle": (
        CostFigures("EUR", per_thousand=Decimal("0.5"), budget_per_thousand=Decimal("0.4")),
        {"PalierInferencesOverBudget"},
    ),
    "busy": (
        CostFigures(
            "EUR",
            (REVISION,),
            projected=BUDGET,
            budget=BUDGET,
            per_thousand=Decimal("0.4"),
            budget_per_thousand=Decimal("0.4"),
        ),
        set(),
    ),
    "unpriced": (CostFigures("", budget=BUDGET, unpriced="PricesMissing"), {"PalierPriceMissing"}),
}
"""What is exported of each, and the alerts about it that must be raised at least."""

WATCHED: Mapping[str, tuple[BudgetFigures, set[str]]] = {
    "kept": (BudgetFigures(left=0.9, burn=0.4, alert="", known=True), set()),
    "burns": (BudgetFigures(left=0.5, burn=20.0, alert="Page", known=True), {"PalierErrorBudgetBurns"}),
    "wears": (BudgetFigures(left=0.2, burn=1.5, alert="Ticket", known=True), {"PalierErrorBudgetTicket"}),
    "unseen": (BudgetFigures(left=None, burn=None, alert="", known=False), set()),
}
"""The same of error budgets."""
DATA: Mapping[str, tuple[DriftFigures, set[str]]] = {
    "as-before": (DriftFigures((), known=True), set()),
    "drifted": (DriftFigures((("amount", ""),), known=True), {"PalierDataDrifts"}),
    "unread": (DriftFigures((), known=False), set()),
}
"""The same of data."""
EXPECTED: Mapping[str, set[str]] = {
    **{name: alerts for name, (_, alerts) in MODELS.items()},
    **{name: alerts for name, (_, alerts) in WATCHED.items()},
    **{name: alerts for name, (_, alerts) in DATA.items()},
}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """The chart's alerts."""
    clients = build.named(["clients"])
    build.ensure(clients)
    chart = Chart(helm=clients[0].file("helm"), namespace=NAMESPACE)
    (group,) = chart.render(prometheusRule={"enabled": True}).one("PrometheusRule")["spec"]["groups"]
    return list(group["rules"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, rules: list[dict[str, Any]]) -> Iterator[Prometheus]:
    """One that knows the rules and has scraped an operator."""
    build.ensure([catalogue.METRICS])
    instruments = Instruments()
    for name, (figures, _) in MODELS.items():
        instruments.cost(("ml", name), figures)
    for name, (budget, _) in WATCHED.items():
        instruments.put_error_budgets(("ml", name), {"errors": budget})
    for name, (data, _) in DATA.items():
        instruments.put_data_drift(("ml", name), data)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=instruments.registry)
    layout = Layout(tmp_path_factory.mktemp("prometheus"))
    layout.make()
    daemon = Daemon("prometheus", layout)
    groups = {"groups": [{"name": "palier", "rules": rules}]}
    (layout.config / "rules.yaml").write_text(yaml.safe_dump(groups), encoding="utf-8")
    operator = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"namespace": NAMESPACE, "pod": "palier-0"}}
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "operator", "static_configs": [operator]}],
    }
    (layout.config / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    port = next(plan.free_ports())
    try:
        daemon.start(
            [
                str(catalogue.METRICS.file("prometheus")),
                f"--config.file={layout.config / 'prometheus.yaml'}",
                f"--storage.tsdb.path={layout.root / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            end_with_us=True,
        )
        found = Prometheus(f"http://127.0.0.1:{port}", daemon)
        until(found.ready, f"Prometheus to be ready (see {daemon.log})", limit=60)
        found.wait_for("count(palier_price_missing)", 1)
        yield found
    finally:
        daemon.stop(5)
        server.shutdown()
        thread.join()
        server.server_close()


def asked(prometheus: Prometheus, expression: str) -> list[dict[str, Any]]:
    """The answer to an instant query."""
    answer = requests.get(f"{prometheus.url}/api/v1/query", params={"query": expression}, timeout=5).json()
    assert answer["status"] == "success", (expression, answer)
    return list(answer["data"]["result"])


def raised(prometheus: Prometheus, expression: str) -> set[str]:
    """The models about which an expression says something now."""
    return {one["metric"]["model_deployment"] for one in asked(prometheus, expression)}


def test_every_expression_can_be_evaluated(prometheus: Prometheus, rules: list[dict[str, Any]]) -> None:
    """Prometheus itself says so, of all alerts of the chart."""

    def groups() -> list[dict[str, Any]]:
        answer = requests.get(f"{prometheus.url}/api/v1/rules", timeout=5).json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    until(lambda: all(rule["health"] != "unknown" for rule in groups()), "all rules to be evaluated", limit=60)

    assert {rule["name"]: rule["health"] for rule in groups()} == {rule["alert"]: "ok" for rule in rules}


def test_each_model_raises_the_alerts_that_are_about_it(prometheus: Prometheus, rules: list[dict[str, Any]]) -> None:
    """A budget that is kept or unknown raises none, and every other one the alert that was made for it."""
    about_models = {rule["alert"]: rule["expr"] for rule in rules if "$labels.model_deployment" in str(rule)}
    found: dict[str, set[str]] = {name: set() for name in EXPECTED}
    for alert, expression in about_models.items():
        for model in raised(prometheus, expression):
            found[model].add(alert)

    assert set().union(*(found[name] for name, alerts in EXPECTED.items() if not alerts)) == set()
    assert {name: alerts & EXPECTED[name] for name, alerts in found.items()} == EXPECTED
    assert set(about_models) == set.union(*EXPECTED.values())


def test_the_queries_of_the_documentation_have_answers(prometheus: Prometheus) -> None:
    """People copy them: each must name metrics that are there and labels that match."""
    queries = re.findall(r"^```promql\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert len(queries) == 6
    for written in queries:
        query = written.replace("[1h:1m]", "[1h:1s]")  # it has not been scraped for a minute yet
        until(lambda query=query: bool(asked(prometheus, query)), f"an answer to {written}", limit=30)
        if "capacity" in query:
            assert {float(one["value"][1]) for one in asked(prometheus, query)} <= {0.5, 2 / 20 / 3.6}
