"""What the operator counts about itself, for Prometheus and for its own health check.

One object per process with a registry of its own, so that tests can run many operators side by side.
"""

import contextlib
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from palier.cluster.budgets import BudgetCollector, BudgetFigures
from palier.cluster.costs import CostCollector, CostFigures
from palier.cluster.data_drift import DriftCollector, DriftFigures
from palier.settings import VERSION

RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LOOK_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)


class Instruments:
    """Counters, gauges and histograms of one operator."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._reconciles = Histogram(
            "palier_reconcile_duration_seconds",
            "Time that one reconcile took; its count is the number of reconciles.",
            buckets=RECONCILE_BUCKETS,
            registry=self.registry,
        )
        self._reconcile_errors = Counter(
            "palier_reconcile_errors", "Reconciles that failed and will be tried again.", registry=self.registry
        )
        self._looks = Histogram(
            "palier_look_duration_seconds",
            "Time that one look at the metrics of the whole fleet took; its count is the number of looks.",
            buckets=LOOK_BUCKETS,
            registry=self.registry,
        )
        self._looks_failed = Counter(
            "palier_looks_failed", "Looks in which something could not be measured.", registry=self.registry
        )
        self._requests = Counter(
            "palier_api_requests",
            "Requests of the operator to the Kubernetes API; code 0 stands for no answer.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self._queue_depth = Gauge(
            "palier_queue_depth", "ModelDeployments that wait to be reconciled.", registry=self.registry
        )
        self._leader = Gauge(
            "palier_leader", "1 while this replica acts, 0 while it stands by.", registry=self.registry
        )
        self._costs = CostCollector()
        self.registry.register(self._costs)
        self._error_budgets = BudgetCollector()
        self.registry.register(self._error_budgets)
        self._data_drift = DriftCollector()
        self.registry.register(self._data_drift)
        Gauge("palier_build_info", "Always 1.", ["version"], registry=self.registry).labels(VERSION).set(1)

    @contextlib.contextmanager
    def reconcile(self) -> Iterator[None]:
        """Count and time one reconcile, and its failure."""
        with self._reconciles.time(), self._reconcile_errors.count_exceptions():
            yield

    def look_finished(self, *, seconds: float, failed: bool) -> None:
        """Record one finished look: how long it took, and whether something could not be measured."""
        self._looks.observe(seconds)
        if failed:
            self._looks_failed.inc()

    def request_finished(self, *, verb: str, kind: str, code: int) -> None:
        """Record one request to the Kubernetes API: its HTTP status, or 0 when there was no answer."""
        self._requests.labels(verb, kind, str(code)).inc()

    def cost(self, key: tuple[str, str], figures: CostFigures) -> None:
        """Export what serving one ModelDeployment costs, by namespace and name, instead of what was exported before."""
        self._costs.put(key, figures)

    def forget_cost(self, key: tuple[str, str]) -> None:
        """Export nothing of what a ModelDeployment costs any more: it is gone, or has no budget and no price."""
        self._costs.forget(key)

    def put_error_budgets(self, key: tuple[str, str], figures: Mapping[str, BudgetFigures]) -> None:
        """Export the error budgets of one ModelDeployment, by objective, instead of what was exported before."""
        self._error_budgets.put(key, figures)

    def forget_error_budgets(self, key: tuple[str, str]) -> None:
        """Export no error budgets of a ModelDeployment any more."""
        self._error_budgets.forget(key)

    def put_data_drift(self, key: tuple[str, str], figures: DriftFigures) -> None:
        """Export what is known of the data of one ModelDeployment instead of what was exported before."""
        self._data_drift.put(key, figures)

    def forget_data_drift(self, key: tuple[str, str]) -> None:
        """Export nothing of the data of a ModelDeployment any more."""
        self._data_drift.forget(key)

    def record_state(self, *, queue_depth: int, acting: bool) -> None:
        """Record what is true right now, just before the metrics are read."""
        self._queue_depth.set(queue_depth)
        self._leader.set(int(acting))
