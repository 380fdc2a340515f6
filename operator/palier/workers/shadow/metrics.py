"""The counts of a shadow as Prometheus reads them.

Everything that is known beforehand is there from the first scrape, with 0: a counter that appears only with its first
event has lost that event for every rate.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from palier.shadow.ledger import ARMS, Ledger, Times
from palier.shadow.plan import ShadowPlan
from palier.workers.shadow.proxy import ShadowProxy

__all__ = ["LedgerCollector", "registry_of"]

_ARM: Final = ("revision", "comparison")
"""Labels of every metric: which version, and in which comparison."""
_PROMPT: Final = "prompt/"
_PROMPT_DIGITS: Final = 12


def registry_of(proxy: ShadowProxy) -> CollectorRegistry:
    """Everything that a proxy exports, what it takes of CPU and memory too."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(LedgerCollector(proxy))
    return registry


class LedgerCollector(Collector):
    """The counts of one proxy, made into metrics whenever somebody reads them."""

    def __init__(self, proxy: ShadowProxy) -> None:
        self._proxy = proxy

    @override
    def collect(self) -> Iterator[Metric]:
        """The metrics of all counts."""
        plan, ledger = self._proxy.plan, self._proxy.ledger
        arms = {"candidate": (plan.candidate, plan.comparison), "stable": (plan.stable, plan.comparison)}
        candidate = arms["candidate"]
        yield from _of_requests(candidate, ledger)
        yield from _of_pairs(candidate, ledger)
        yield from _of_checks(candidate, ledger)
        yield from _of_arms(arms, ledger)
        yield _gauge("queue", "Requests that wait to be sent.", [(candidate, self._proxy.waiting_count)])
        yield _gauge("in_flight", "Requests that are being sent and compared.", [(candidate, self._proxy.in_flight)])
        yield _gauge(
            "held", "Requests that ended and wait for an earlier one.", [(candidate, self._proxy.turns.held_requests)]
        )
        yield _gauge(
            "info",
            "Always 1: what both versions serve.",
            [((*arms[arm], *_facts(plan, arm)), 1) for arm in ARMS],
            "model",
            "version",
            "prompts",
        )


Arm = tuple[str, str]
"""The values of `_ARM`."""
Rows = Iterable[tuple[tuple[str, ...], float]]


def _of_requests(candidate: Arm, ledger: Ledger) -> Iterator[Metric]:
    yield _counter("mirrored", "Requests that reached the proxy.", [(candidate, ledger.mirrored)])
    yield _counter(
        "excluded",
        "Requests that were left out, by reason.",
        [((*candidate, reason.value), count) for reason, count in ledger.excluded.items()],
        "reason",
    )
    yield _counter("sampled", "Requests that were taken for a pair.", [(candidate, ledger.sampled)])
    yield _counter(
        "unpaired",
        "Requests that were taken and made no pair, by reason.",
        [((*candidate, reason.value), count) for reason, count in ledger.unpaired.items()],
        "reason",
    )


def _of_pairs(candidate: Arm, ledger: Ledger) -> Iterator[Metric]:
    segments = ledger.segments.items()
    yield _counter(
        "pairs",
        "Requests that stable answered, with what the candidate made of them.",
        [((*candidate, name), counts.pairs) for name, counts in segments],
        "segment",
    )
    yield _counter(
        "disagreements",
        "Pairs in which the candidate failed or answered differently.",
        [((*candidate, name), counts.disagreements) for name, counts in segments],
        "segment",
    )
    yield _counter(
        "slower",
        "Pairs in which the candidate failed or took more than this many times stable's time.",
        [((*candidate, factor), count) for factor, count in ledger.slower.items()],
        "factor",
    )


def _of_checks(candidate: Arm, ledger: Ledger) -> Iterator[Metric]:
    checks = ledger.checks.items()
    yield _counter(
        "check_pairs",
        "Pairs that a check has looked at.",
        [((*candidate, name), counts.pairs) for name, counts in checks],
        "check",
    )
    yield _counter(
        "check_disagreements",
        "Pairs in which a check did not hold.",
        [((*candidate, name), counts.disagreements) for name, counts in checks],
        "check",
    )
    scores = SummaryMetricFamily(
        "palier_shadow_check_score", "How alike a check found the answers, 0 to 1.", labels=[*_ARM, "check"]
    )
    for name, counts in checks:
        scores.add_metric((*candidate, name), count_value=counts.scores, sum_value=counts.score_sum)
    yield scores
    yield _counter(
        "labels",
        "Pairs by the class that stable named and the one that the candidate named.",
        [
            ((*candidate, name, stable, other), count)
            for name, table in ledger.labels.items()
            for (stable, other), count in table.counts.items()
        ],
        "check",
        "stable",
        "candidate",
    )


def _of_arms(arms: Mapping[str, Arm], ledger: Ledger) -> Iterator[Metric]:
    groups = [((*arms[arm], name), counts.arms[arm]) for arm in arms for name, counts in ledger.segments.items()]
    yield _counter(
        "answers",
        "Requests that were sent to both versions and came to an end.",
        [(labels, counts.answers) for labels, counts in groups],
        "segment",
    )
    yield _counter(
        "failed_answers",
        "Requests among them that failed: HTTP 5xx, no answer in time, a broken connection.",
        [(labels, counts.failed) for labels, counts in groups],
        "segment",
    )
    yield _counter(
        "copies",
        "Requests that were sent to both versions and came to an end, at once and in no order.",
        [(arms[arm], counts.answers) for arm, counts in ledger.copies.items()],
    )
    yield _counter(
        "failed_copies",
        "Requests among them that failed.",
        [(arms[arm], counts.failed) for arm, counts in ledger.copies.items()],
    )
    yield _histogram(
        "answer_seconds",
        "Time until the whole answer; what failed is beyond all edges.",
        {arms[arm]: times for arm, times in ledger.times.items()},
    )
    yield _histogram(
        "first_token_seconds",
        "Time until the first event of a streamed answer; what failed is beyond all edges.",
        {arms[arm]: times for arm, times in ledger.first_events.items()},
    )


def _counter(name: str, about: str, rows: Rows, *labels: str) -> Metric:
    metric = CounterMetricFamily(f"palier_shadow_{name}", about, labels=[*_ARM, *labels])
    for values, count in rows:
        metric.add_metric(values, count)
    return metric


def _gauge(name: str, about: str, rows: Rows, *labels: str) -> Metric:
    metric = GaugeMetricFamily(f"palier_shadow_{name}", about, labels=[*_ARM, *labels])
    for values, number in rows:
        metric.add_metric(values, number)
    return metric


def _histogram(name: str, about: str, times: Mapping[Arm, Times]) -> Metric:
    metric = HistogramMetricFamily(f"palier_shadow_{name}", about, labels=_ARM)
    for arm, one in times.items():
        buckets = [("+Inf" if edge == float("inf") else str(edge), float(count)) for edge, count in one.buckets()]
        metric.add_metric(arm, buckets=buckets, sum_value=one.sum)
    return metric


def _facts(plan: ShadowPlan, arm: str) -> tuple[str, str, str]:
    facts = plan.versions.get(arm, {})
    prompts = (
        f"{name.removeprefix(_PROMPT)}={value[:_PROMPT_DIGITS]}"
        for name, value in sorted(facts.items())
        if name.startswith(_PROMPT)
    )
    return (facts.get("model", ""), facts.get("version", ""), ",".join(prompts))
