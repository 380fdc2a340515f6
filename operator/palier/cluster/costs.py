"""What serving costs, as metrics: for dashboards, alerts and the tools of FinOps.

A unit of money cannot be part of a metric's name, because budgets have different currencies: it is a label. The labels
that name a ModelDeployment are not `namespace` and `name`: Prometheus itself sets `namespace` to the operator's own,
and would rename ours. All metrics of one object are made from one record at the moment they are read, so that they
agree with each other, and nothing stays behind of an object, a revision or a currency that is gone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from palier.economics.burn import Burn, BurnRule

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""
Role = Literal["stable", "candidate", "former"]
Number = Decimal | float | None
"""None is not exported: a metric that is not there is unknown, and never 0."""

_OBJECT: Final = ("model_namespace", "model_deployment")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

_AMOUNTS: Final = (
    (
        "palier_cost_per_thousand_inferences_overall",
        "What a thousand answered requests cost, with all pods and the overheads.",
    ),
    ("palier_cost_month_spent", "What serving has cost in this calendar month (UTC); a new month begins at 0."),
    (
        "palier_cost_month_projected",
        "What this calendar month will have cost at the mean rate of the last day, overheads included.",
    ),
    ("palier_budget_monthly", "The budget of a month of 730 hours, overheads included."),
    ("palier_budget_per_thousand_inferences", "The budget of a thousand requests, overheads included."),
)


@dataclass(frozen=True, slots=True)
class RevisionFigures:
    """What one revision costs and carries."""

    revision: str
    role: Role
    hourly: Number = None
    """Of all of its pods."""
    per_thousand: Number = None
    """Of its pods, for each thousand of the requests that it answered."""
    requests_per_second: Number = None
    """Answered without failure."""
    capacity: Number = None
    """Requests per second that its pods carry, as measured by the load test."""


@dataclass(frozen=True, slots=True)
class CostFigures:
    """Everything that is exported of one ModelDeployment."""

    currency: str
    """Empty while there are no prices; then no amount is exported."""
    revisions: tuple[RevisionFigures, ...] = ()
    per_thousand: Number = None
    """All pods and the overheads, for each thousand answered requests."""
    spent: Number = None
    """By serving, in this calendar month."""
    projected: Number = None
    """For this calendar month, overheads included."""
    budget: Number = None
    """For a month of 730 hours."""
    budget_per_thousand: Number = None
    burns: Mapping[str, Decimal] = field(default_factory=dict)
    """Times what the budget has for an hour, by window."""
    exceeded: Mapping[str, bool] = field(default_factory=dict)
    """Whether the budget is exceeded, by rule."""
    unpriced: str = ""
    """Why there is no price, as one CamelCase word."""


def burn_figures(burn: Burn) -> tuple[dict[str, Decimal], dict[str, bool]]:
    """The burns by window and the rules by name, as `CostFigures` wants them."""
    burns = {
        _window(length): value
        for window in burn.windows
        for length, value in ((window.long, window.long_burn), (window.short, window.short_burn))
        if value is not None
    }
    return burns, {rule.value: rule in burn.exceeded for rule in BurnRule}


class CostCollector(Collector):
    """The costs of all ModelDeployments, made into metrics whenever somebody reads them."""

    def __init__(self) -> None:
        self._figures: dict[Key, CostFigures] = {}

    def put(self, key: Key, figures: CostFigures) -> None:
        """Export these figures of a ModelDeployment instead of those before."""
        self._figures[key] = figures

    def forget(self, key: Key) -> None:
        """Export nothing of a ModelDeployment any more."""
        self._figures.pop(key, None)

    @override
    def collect(self) -> Iterable[Metric]:
        """The metrics of all figures."""
        return (metric for metric in _metrics(self._figures) if metric.samples)


def _metrics(figures: Mapping[Key, CostFigures]) -> Iterator[Metric]:
    yield from _of_revisions(figures)
    yield from _of_money(figures)
    burn = GaugeMetricFamily(
        "palier_budget_burn_ratio",
        "Mean cost of an hour over a window, divided by what the monthly budget has for an hour.",
        labels=[*_OBJECT, "window"],
    )
    exceeded = GaugeMetricFamily(
        "palier_budget_exceeded",
        "1 while the monthly budget is exceeded by a rule, else 0.",
        labels=[*_OBJECT, "rule"],
    )
    missing = GaugeMetricFamily(
        "palier_price_missing",
        "1 while no price is known for what a ModelDeployment with a budget uses.",
        labels=[*_OBJECT, "reason"],
    )
    for key, one in figures.items():
        for window, value in one.burns.items():
            _add(burn, (*key, window), value)
        for rule, holds in one.exceeded.items():
            _add(exceeded, (*key, rule), float(holds))
        if one.unpriced:
            _add(missing, (*key, one.unpriced), 1.0)
    yield from (burn, exceeded, missing)


def _of_revisions(figures: Mapping[Key, CostFigures]) -> Iterator[Metric]:
    which = [*_OBJECT, "revision", "role"]
    hourly = GaugeMetricFamily(
        "palier_cost_hourly", "What the pods of a revision cost in an hour.", labels=[*which, "currency"]
    )
    per_thousand = GaugeMetricFamily(
        "palier_cost_per_thousand_inferences",
        "What a thousand answered requests of a revision cost, idle pods included.",
        labels=[*which, "currency"],
    )
    answered = GaugeMetricFamily(
        "palier_answered_requests_per_second",
        "Requests that a revision has answered without failure, over the last hour.",
        labels=which,
    )
    capacity = GaugeMetricFamily(
        "palier_capacity_requests_per_second",
        "Requests that the pods of a revision carry within every objective, as measured by a load test.",
        labels=which,
    )
    for key, one in figures.items():
        for revision in one.revisions:
            labels = (*key, revision.revision, revision.role)
            if one.currency:
                _add(hourly, (*labels, one.currency), revision.hourly)
                _add(per_thousand, (*labels, one.currency), revision.per_thousand)
            _add(answered, labels, revision.requests_per_second)
            _add(capacity, labels, revision.capacity)
    yield from (hourly, per_thousand, answered, capacity)


def _of_money(figures: Mapping[Key, CostFigures]) -> Iterator[Metric]:
    metrics = [GaugeMetricFamily(name, about, labels=[*_OBJECT, "currency"]) for name, about in _AMOUNTS]
    for key, one in figures.items():
        if one.currency:
            amounts = (one.per_thousand, one.spent, one.projected, one.budget, one.budget_per_thousand)
            for metric, amount in zip(metrics, amounts, strict=True):
                _add(metric, (*key, one.currency), amount)
    yield from metrics


def _add(metric: GaugeMetricFamily, labels: tuple[str, ...], value: Number) -> None:
    if value is not None:
        metric.add_metric(labels, float(value))


def _window(seconds: float) -> str:
    """A window as PromQL writes it: `5m`, `6h`, `3d`."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h")):
        if seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / _MINUTE:.0f}m"
