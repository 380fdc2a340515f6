"""What Prometheus would read of a watch: its page, written by prometheus-client and parsed again."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from palier.watch.features.bins import count_buckets, count_categories
from palier.watch.features.profile import Categories, Numbers
from palier_instrument.ledger import Ledger


class Page:
    """The series of a page of metrics."""

    def __init__(self, source: CollectorRegistry | Ledger) -> None:
        registry = source
        if isinstance(source, Ledger):
            registry = CollectorRegistry()
            registry.register(source)
        assert isinstance(registry, CollectorRegistry)
        self.text = generate_latest(registry).decode()
        self.series: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.series
                self.series[key] = sample.value

    def read(self, name: str, **labels: str) -> float:
        """The value of one series."""
        return self.series[name, frozenset(labels.items())]

    def select(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """All series of a name that have some labels."""
        wanted = set(labels.items())
        return [(dict(found), value) for (own, found), value in self.series.items() if own == name and wanted <= found]

    def count_errors(self) -> dict[str, float]:
        """Errors by their part, without those that never happened."""
        found = self.select("palier_instrument_errors_total")
        return {labels["part"]: value for labels, value in found if value}

    def read_number(self, name: str, *, group: str = "", kind: str = "feature") -> Numbers:
        """A number as the watch reads it from the increases since the start."""
        labels = {kind: name, "group": group}
        buckets = {
            float(found["le"]): round(value) for found, value in self.select(f"palier_{kind}_value_bucket", **labels)
        }
        return count_buckets(
            buckets,
            total=next((value for _, value in self.select(f"palier_{kind}_value_sum", **labels)), None),
            nulls=round(self.read(f"palier_{kind}_missing_total", **labels)),
            unreadable=round(self.read(f"palier_{kind}_unreadable_total", **labels)),
        )

    def read_category(self, name: str, *, group: str = "", kind: str = "feature") -> Categories:
        """A category as the watch reads it from the increases since the start."""
        labels = {kind: name, "group": group}
        found = self.select(f"palier_{kind}_category_total", **labels)
        return count_categories(
            {labels["category"]: round(value) for labels, value in found},
            nulls=round(self.read(f"palier_{kind}_missing_total", **labels)),
        )
