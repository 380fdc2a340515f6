"""Error budgets as metrics: what is known of each objective, and nothing of what is gone."""

from prometheus_client import generate_latest

from palier.cluster.budgets import BudgetFigures
from palier.cluster.instruments import Instruments

KEY = ("ml", "demo")
LABELS = 'model_deployment="demo",model_namespace="ml",objective="errors"'


def read(instruments: Instruments) -> dict[str, float]:
    """What a scrape reads of error budgets, by metric and labels."""
    lines = generate_latest(instruments.registry).decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith(("palier_error_budget", "palier_objective")))
    return {name: float(value) for name, _, value in found}


def test_what_is_known_is_exported() -> None:
    """The part that is left, the burn, who is told, and whether the last minute was counted."""
    instruments = Instruments()
    instruments.put_error_budgets(KEY, {"errors": BudgetFigures(left=0.83, burn=15.0, alert="Page", known=True)})

    assert read(instruments) == {
        f"palier_error_budget_left_ratio{{{LABELS}}}": 0.83,
        f"palier_error_budget_burn_ratio{{{LABELS}}}": 15.0,
        f'palier_error_budget_alert{{{LABELS},severity="Page"}}': 1.0,
        f'palier_error_budget_alert{{{LABELS},severity="Ticket"}}': 0.0,
        f"palier_objective_watched{{{LABELS}}}": 1.0,
    }


def test_what_is_unknown_is_not_there() -> None:
    """An absent metric is unknown, and never 0; of an object that is gone there is none at all."""
    instruments = Instruments()
    instruments.put_error_budgets(KEY, {"errors": BudgetFigures(left=None, burn=None, alert="", known=False)})

    assert set(read(instruments)) == {
        f'palier_error_budget_alert{{{LABELS},severity="Page"}}',
        f'palier_error_budget_alert{{{LABELS},severity="Ticket"}}',
        f"palier_objective_watched{{{LABELS}}}",
    }
    instruments.forget_error_budgets(KEY)
    assert read(instruments) == {}
