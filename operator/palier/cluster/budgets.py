"""The error budgets of what serves, as metrics: for dashboards, and for alerts that reach people by their own ways."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""
SEVERITIES: Final = ("Page", "Ticket")
_LABELS: Final = ("model_namespace", "model_deployment", "objective")


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """What is exported of one objective; None is not exported: what is unknown is not there, and never 0."""

    left: float | None
    """Part of the budget, 1 for all of it and below 0 where more was spent than there was."""
    burn: float | None
    """The present burn."""
    alert: str
    """Who is told, one of `SEVERITIES`; empty for nobody."""
    known: bool
    """Whether the last minute could be counted."""


class BudgetCollector(Collector):
    """The error budgets of all ModelDeployments, made into metrics whenever somebody reads them."""

    def __init__(self) -> None:
        self._figures: dict[Key, Mapping[str, BudgetFigures]] = {}

    def put(self, key: Key, figures: Mapping[str, BudgetFigures]) -> None:
        """Export these figures of a ModelDeployment, by objective, instead of those before."""
        self._figures[key] = figures

    def forget(self, key: Key) -> None:
        """Export nothing of a ModelDeployment any more."""
        self._figures.pop(key, None)

    @override
    def collect(self) -> Iterable[Metric]:
        """The metrics of all figures."""
        left = GaugeMetricFamily(
            "palier_error_budget_left_ratio",
            "What is left of an objective's error budget, 1 for all of it; below 0 more was spent than there was.",
            labels=_LABELS,
        )
        burn = GaugeMetricFamily(
            "palier_error_budget_burn_ratio",
            "How fast an objective's error budget is used up at present; at 1 it lasts just as long as its window.",
            labels=_LABELS,
        )
        alert = GaugeMetricFamily(
            "palier_error_budget_alert",
            "1 while an objective's error budget is used up too fast, by who should know of it, else 0.",
            labels=(*_LABELS, "severity"),
        )
        known = GaugeMetricFamily(
            "palier_objective_watched",
            "1 where the last minute of an objective could be counted, else 0.",
            labels=_LABELS,
        )
        for key, objectives in self._figures.items():
            for name, one in objectives.items():
                labels = (*key, name)
                for metric, value in ((left, one.left), (burn, one.burn), (known, float(one.known))):
                    if value is not None:
                        metric.add_metric(labels, value)
                for severity in SEVERITIES:
                    alert.add_metric((*labels, severity), float(one.alert == severity))
        return (metric for metric in (left, burn, alert, known) if metric.samples)
