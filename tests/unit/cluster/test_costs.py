"""Costs as metrics: what is known is exported with its currency, what is not known or gone is not there."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from prometheus_client import generate_latest

from palier.cluster.costs import CostFigures, RevisionFigures, burn_figures
from palier.cluster.instruments import Instruments
from palier.economics.burn import BurnRule, burn
from palier.economics.money import Money
from palier.economics.spending import advance_spending

KEY = ("ml", "chat")
WHO = {"model_namespace": "ml", "model_deployment": "chat"}
STABLE = {**WHO, "revision": "aaaaaaaaaa", "role": "stable"}
CANDIDATE = {**WHO, "revision": "bbbbbbbbbb", "role": "candidate"}
EUR = {"currency": "EUR"}

EVERYTHING = CostFigures(
    currency="EUR",
    revisions=(
        RevisionFigures(
            "aaaaaaaaaa",
            "stable",
            hourly=Decimal("1.5"),
            per_thousand=Decimal("0.25"),
            requests_per_second=1.7,
            capacity=Decimal(40),
        ),
        RevisionFigures("bbbbbbbbbb", "candidate", hourly=Decimal("0.5")),
    ),
    per_thousand=Decimal("0.35"),
    spent=Decimal(300),
    projected=Decimal(900),
    budget=Decimal(1000),
    budget_per_thousand=Decimal("0.40"),
    burns={"1h": Decimal("0.9")},
    exceeded={"BurnsTooFast": False, "BudgetSpent": True},
)


@pytest.fixture
def instruments() -> Instruments:
    """Those of one operator."""
    return Instruments()


def exported(instruments: Instruments, prefixes: tuple[str, ...] = ("palier_cost", "palier_budget")) -> set[str]:
    """Names of the metrics that have any sample."""
    return {
        sample.name
        for metric in instruments.registry.collect()
        for sample in metric.samples
        if sample.name.startswith((*prefixes, "palier_price", "palier_answered", "palier_capacity"))
    }


def test_everything_that_is_known(instruments: Instruments) -> None:
    """Each number under its name, with the labels that tell whose it is."""
    instruments.cost(KEY, EVERYTHING)
    value = instruments.registry.get_sample_value

    assert value("palier_cost_hourly", {**STABLE, **EUR}) == 1.5
    assert value("palier_cost_hourly", {**CANDIDATE, **EUR}) == 0.5
    assert value("palier_cost_per_thousand_inferences", {**STABLE, **EUR}) == 0.25
    assert value("palier_cost_per_thousand_inferences_overall", {**WHO, **EUR}) == 0.35
    assert value("palier_answered_requests_per_second", STABLE) == 1.7
    assert value("palier_capacity_requests_per_second", STABLE) == 40
    assert value("palier_cost_month_spent", {**WHO, **EUR}) == 300
    assert value("palier_cost_month_projected", {**WHO, **EUR}) == 900
    assert value("palier_budget_monthly", {**WHO, **EUR}) == 1000
    assert value("palier_budget_per_thousand_inferences", {**WHO, **EUR}) == 0.4
    assert value("palier_budget_burn_ratio", {**WHO, "window": "1h"}) == 0.9
    assert value("palier_budget_exceeded", {**WHO, "rule": "BurnsTooFast"}) == 0
    assert value("palier_budget_exceeded", {**WHO, "rule": "BudgetSpent"}) == 1


def test_what_is_not_known_is_not_there(instruments: Instruments) -> None:
    """A candidate without enough traffic has no cost for each request, and not one of 0."""
    instruments.cost(KEY, EVERYTHING)
    value = instruments.registry.get_sample_value

    assert value("palier_cost_per_thousand_inferences", {**CANDIDATE, **EUR}) is None
    assert value("palier_capacity_requests_per_second", CANDIDATE) is None
    assert "palier_price_missing" not in exported(instruments)


def test_without_prices_no_amount_is_exported(instruments: Instruments) -> None:
    """Only that the price is missing, and what does not need one."""
    revision = RevisionFigures("aaaaaaaaaa", "stable", hourly=1.0, per_thousand=1.0, capacity=Decimal(40))
    instruments.cost(
        KEY, CostFigures(currency="", revisions=(revision,), budget=Decimal(1000), unpriced="GpuPriceMissing")
    )

    assert exported(instruments) == {"palier_price_missing", "palier_capacity_requests_per_second"}
    missing = {**WHO, "reason": "GpuPriceMissing"}
    assert instruments.registry.get_sample_value("palier_price_missing", missing) == 1


def test_new_figures_leave_nothing_of_the_old_ones(instruments: Instruments) -> None:
    """Neither a revision that was removed nor a currency that is not used any more."""
    instruments.cost(KEY, EVERYTHING)
    instruments.cost(
        KEY,
        CostFigures(currency="USD", revisions=(RevisionFigures("bbbbbbbbbb", "stable", hourly=Decimal(2)),)),
    )

    assert exported(instruments) == {"palier_cost_hourly"}
    hourly = [one for one in instruments.registry.collect() if one.name == "palier_cost_hourly"]
    assert [sample.labels for metric in hourly for sample in metric.samples] == [
        {**WHO, "revision": "bbbbbbbbbb", "role": "stable", "currency": "USD"}
    ]


def test_an_object_that_is_gone_costs_nothing(instruments: Instruments) -> None:
    """And others stay."""
    instruments.cost(KEY, EVERYTHING)
    instruments.cost(("ml", "other"), CostFigures(currency="EUR", spent=Decimal(1)))
    instruments.forget_cost(KEY)
    instruments.forget_cost(("ml", "never there"))

    assert exported(instruments) == {"palier_cost_month_spent"}


def test_an_operator_without_costs_exports_none(instruments: Instruments) -> None:
    """Not even their names."""
    assert exported(instruments) == set()
    assert b"palier_cost" not in generate_latest(instruments.registry)


def test_where_a_budget_stands_as_figures() -> None:
    """Windows as PromQL writes them; rules that hold and rules that do not, so that alerts end."""
    now = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()
    spending = advance_spending(None, hourly=Money(Decimal(20), "EUR"), now=now - 7 * 3600)
    burns, exceeded = burn_figures(burn(spending, monthly=Decimal(730), now=now))

    assert burns == {"1h": 20, "5m": 20, "6h": 20, "30m": 20}
    assert exceeded == {
        BurnRule.OVERHEADS: False,
        BurnRule.SPENT: False,
        BurnRule.FAST: True,
        BurnRule.PROJECTED: True,
        BurnRule.PACE: False,
    }
    three_days = advance_spending(None, hourly=Money(Decimal(20), "EUR"), now=now - 3 * 86_400)
    assert burn_figures(burn(three_days, monthly=Decimal(730), now=now))[0]["3d"] == 20
