"""The data of what serves, as metrics: for dashboards, and for alerts that reach people by their own ways.

Names of features and groups are those of somebody's pods. So only what has drifted is exported, of which a
ModelDeployment has twenty findings at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""
_LABELS: Final = ("model_namespace", "model_deployment")


@dataclass(frozen=True, slots=True)
class DriftFigures:
    """What is exported of one ModelDeployment."""

    drifting: tuple[tuple[str, str], ...]
    """Features that have drifted or are broken, each with its group; empty for all users."""
    known: bool
    """Whether it is known of all features whether they have drifted."""


class DriftCollector(Collector):
    """The data of all ModelDeployments, made into metrics whenever somebody reads them."""

    def __init__(self) -> None:
        self._figures: dict[Key, DriftFigures] = {}

    def put(self, key: Key, figures: DriftFigures) -> None:
        """Export these figures of a ModelDeployment instead of those before."""
        self._figures[key] = figures

    def forget(self, key: Key) -> None:
        """Export nothing of a ModelDeployment any more."""
        self._figures.pop(key, None)

    @override
    def collect(self) -> Iterable[Metric]:
        """The metrics of all figures."""
        drift = GaugeMetricFamily(
            "palier_data_drift",
            "1 while a feature or prediction has drifted or is broken; group is empty for all users.",
            labels=(*_LABELS, "feature", "group"),
        )
        known = GaugeMetricFamily(
            "palier_data_known",
            "1 where it is known of all features together whether they have drifted, else 0.",
            labels=_LABELS,
        )
        for key, figures in self._figures.items():
            known.add_metric(key, float(figures.known))
            for feature, group in figures.drifting:
                drift.add_metric((*key, feature, group), 1.0)
        return (metric for metric in (drift, known) if metric.samples)
