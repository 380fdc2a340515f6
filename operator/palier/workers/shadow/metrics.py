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
    excluded = _label_rows(candidate, ledger.excluded.items())
    unpaired = _label_rows(candidate, ledger.unpaired.items())
    yield _counter("mirrored", "Requests that reached the proxy.", [(candidate, ledger.mirrored)])
    yield _counter("excluded", "Requests that were left out, by reason.", excluded, "reason")
    yield _counter("sampled", "Requests that were taken for a pair.", [(candidate, ledger.sampled)])
    yield _counter("unpaired", "Requests that were taken and made no pair, by reason.", unpaired, "reason")


def _of_pairs(candidate: Arm, ledger: Ledger) -> Iterator[Metric]:
    pairs = ((name, counts.pairs) for name, counts in ledger.segments.items())
    about = "Requests that stable answered, with what the candidate made of them."
    yield _counter("pairs", about, _label_rows(candidate, pairs), "segment")
    disagreements = ((name, counts.disagreements) for name, counts in ledger.segments.items())
    about = "Pairs in which the candidate failed or answered differently."
    yield _counter("disagreements", about, _label_rows(candidate, disagreements), "segment")
    about = "Pairs in which the candidate failed or took more than this many times stable's time."
    yield _counter("slower", about, _label_rows(candidate, ledger.slower.items()), "factor")


def _of_checks(candidate: Arm, ledger: Ledger) -> Iterator[Metric]:
    checks = ledger.checks.items()
    pairs = _label_rows(candidate, ((name, counts.pairs) for name, counts in checks))
    yield _counter("check_pairs", "Pairs that a check has looked at.", pairs, "check")
    disagreements = _label_rows(candidate, ((name, counts.disagreements) for name, counts in checks))
    yield _counter("check_disagreements", "Pairs in which a check did not hold.", disagreements, "check")
    scores = SummaryMetricFamily(
        "palier_shadow_check_score", "How alike a check found the answers, 0 to 1.", labels=[*_ARM, "check"]
    )
    for name, counts in checks:
        scores.add_metric((*candidate, name), count_value=counts.scores, sum_value=counts.score_sum)
    yield scores
    rows = [
        ((*candidate, name, *labels), count)
        for name, table in ledger.labels.items()
        for labels, count in table.counts.items()
    ]
    about = "Pairs by the class that stable named and the one that the candidate named."
    yield _counter("labels", about, rows, "check", "stable", "candidate")


def _of_arms(arms: Mapping[str, Arm], ledger: Ledger) -> Iterator[Metric]:
    groups = [((*arms[arm], name), counts.arms[arm]) for arm in arms for name, counts in ledger.segments.items()]
    copies = [(arms[arm], counts) for arm, counts in ledger.copies.items()]
    about = "Requests that were sent to both versions and came to an end."
    yield _counter("answers", about, [(labels, counts.answers) for labels, counts in groups], "segment")
    about = "Requests among them that failed: HTTP 5xx, no answer in time, a broken connection."
    yield _counter("failed_answers", about, [(labels, counts.failed) for labels, counts in groups], "segment")
    about = "Requests that were sent to both versions and came to an end, at once and in no order."
    yield _counter("copies", about, [(arm, counts.answers) for arm, counts in copies])
    yield _counter(
        "failed_copies", "Requests among them that failed.", [(arm, counts.failed) for arm, counts in copies]
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


def _label_rows(arm: Arm, counts: Iterable[tuple[str, float]]) -> Rows:
    """A row for each name that something was counted under."""
    return [((*arm, str(name)), count) for name, count in counts]


def _counter(name: str, about: str, rows: Rows, *labels: str) -> Metric:
    return _fill(CounterMetricFamily(f"palier_shadow_{name}", about, labels=[*_ARM, *labels]), rows)


def _gauge(name: str, about: str, rows: Rows, *labels: str) -> Metric:
    return _fill(GaugeMetricFamily(f"palier_shadow_{name}", about, labels=[*_ARM, *labels]), rows)


def _fill(metric: CounterMetricFamily | GaugeMetricFamily, rows: Rows) -> Metric:
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
