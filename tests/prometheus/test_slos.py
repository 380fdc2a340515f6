"""The real Prometheus understands the queries in SLOs for other tools, and counts by them what happened."""

import re
from typing import Any

import pytest

from palier.api.v1alpha1 import parse
from palier.measuring.resolve import Serving
from palier.watch.slo import openslo, pyrra, sloth
from palier.watch.slo.export import Scope, export_objectives
from palier.watch.slo.record import SloRecord
from tests.prometheus.conftest import NAMESPACE, Scraped, ask
from tests.prometheus.expected import CASES, Slow
from tests.support.watch.models import describe_model

WINDOW = "10m"
CASE = next(case for case in CASES if case.answer == "ray-serve")


def records(*, revision: str = "serve") -> list[SloRecord]:
    """The objectives of a model whose pod is called `ray-serve-0`."""
    slow = CASE.expected["latency"]
    assert isinstance(slow, Slow)
    objectives: list[dict[str, Any]] = [
        {"name": "errors", "errorRate": {"maxPercent": "1"}},
        {"name": "slow", "latency": {"percentile": 95, "threshold": f"{slow.edge:g}ms"}},
    ]
    body = describe_model(objectives, signals=None, runtime="ray-serve")
    body["metadata"] = {"name": "ray", "namespace": NAMESPACE}
    return list(export_objectives(parse(body), Scope(revision, Serving("ray-serve"))).records)


def expected_shares() -> list[float]:
    """The shares of failed and of slow requests between the two scrapes."""
    slow, errors, requests = (CASE.expected[name] for name in ("latency", "errors", "requests"))
    assert isinstance(slow, Slow)
    assert isinstance(errors, int)
    assert isinstance(requests, int)
    return [errors / requests, slow.above / slow.total]


def ask_exactly(scraped: Scraped, query: str) -> float:
    """The value of a query of rates with what was really counted in their place.

    Between two scrapes a second apart a rate is mostly extrapolation. The query itself has a value, too.
    """
    assert ask(scraped.url, query) is not None
    counted = re.sub(r"rate\((\S+?\}\[10m\])\)", r"(max_over_time(\1) - min_over_time(\1))", query)
    found = ask(scraped.url, counted)
    assert counted != query
    assert found is not None
    return found


def test_queries_of_sloth(scraped: Scraped) -> None:
    """Bad events divided by all events, as Sloth's rules divide them."""
    for record, share in zip(records(), expected_shares(), strict=True):
        events = sloth.write_slo(record)["spec"]["slos"][0]["sli"]["events"]
        bad, total = (events[name].replace("{{.window}}", WINDOW) for name in ("errorQuery", "totalQuery"))

        assert ask_exactly(scraped, f"({bad}) / ({total})") == pytest.approx(share)


def test_selectors_of_pyrra(scraped: Scraped) -> None:
    """Their rates, as Pyrra's rules take them."""
    errors, slow = (pyrra.write_slo(record)["spec"]["indicator"] for record in records())
    parts = [
        (errors["ratio"]["errors"], errors["ratio"]["total"]),
        (slow["latency"]["success"], slow["latency"]["total"]),
    ]
    failed, fast = (
        ask_exactly(scraped, f"sum(rate({one['metric']}[{WINDOW}])) / sum(rate({other['metric']}[{WINDOW}]))")
        for one, other in parts
    )

    assert [failed, 1 - fast] == pytest.approx(expected_shares())


def test_queries_of_openslo(scraped: Scraped) -> None:
    """Counters of the same series, as they stand."""
    for record in records():
        metrics = openslo.write_slo(record)["spec"]["indicator"]["spec"]["ratioMetric"]
        counted, total = (
            ask(scraped.url, f"sum({metrics[name]['metricSource']['spec']['query']})")
            for name in ("good" if "good" in metrics else "bad", "total")
        )
        assert counted is not None
        assert total is not None
        assert 0 < counted <= total


def test_nobody_elses_pods_are_counted(scraped: Scraped) -> None:
    """Dozens of other pods are scraped; of another revision there is nothing, and that is no share of bad events."""
    for record in records(revision="other"):
        events = sloth.write_slo(record)["spec"]["slos"][0]["sli"]["events"]
        bad, total = (events[name].replace("{{.window}}", WINDOW) for name in ("errorQuery", "totalQuery"))

        assert ask(scraped.url, total) is None
        assert ask(scraped.url, f"({bad}) / ({total})") is None
