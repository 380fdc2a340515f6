"""The real Prometheus understands how releases are named, and names no more than is asked for."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import SCRAPED, WatchedRelease
from palier.measuring.questions import Question
from palier.measuring.sources import AboveLevel, MeasuredObjective, Origin, RouterSeries
from palier.metrics.inquiries import Inquirer
from palier.metrics.prometheus import PrometheusSource
from tests.prometheus.conftest import NAMESPACE, Scraped

KEY = (NAMESPACE, "llama")
PHASE = Question("test_phase")


def release(origin: Origin = Origin.PODS) -> WatchedRelease:
    """A release whose candidate's pods have names that begin with llama-cpp."""
    rule = ObjectiveRule("phase", limit=0.1, margin=1.25, alpha=0.01)
    phase = MeasuredObjective(rule, AboveLevel("test_phase", 1.0), None, origin=origin)
    return WatchedRelease("cpp", "none", 0, 0.0, 0.0, (phase,), {})


def answers(scraped: Scraped, question: Question, watched: WatchedRelease, *matchers: str) -> list[list[Series]]:
    """What Prometheus answers to each selector of a question."""

    async def ask(source: PrometheusSource, selectors: Sequence[str]) -> list[list[Series]]:
        return [await source.samples(selector, at=scraped.after, seconds=60) for selector in selectors]

    (inquiry,) = Inquirer({KEY: watched}).inquiries(question, [KEY])
    with closing(PrometheusSource(scraped.url, threads=1, matchers=matchers)) as source:
        return asyncio.run(ask(source, inquiry.selectors))


def test_pods_are_named_and_nobody_else(scraped: Scraped) -> None:
    """Dozens of other pods of the namespace export the same metric."""
    for question in (SCRAPED, PHASE):
        ((one,),) = answers(scraped, question, release())
        assert one.labels["pod"] == "llama-cpp-0"


def test_what_is_counted_elsewhere_is_asked_for_without_the_pods(scraped: Scraped) -> None:
    """Nobody here has a label `revision`, so that the second question finds nothing."""
    by_pod, by_revision = answers(scraped, PHASE, release(Origin.ELSEWHERE))
    assert ([one.labels["pod"] for one in by_pod], by_revision) == (["llama-cpp-0"], [])


def test_backends_are_named_literally(scraped: Scraped) -> None:
    """The dots of a value stand for dots, here as in the names of services and routes."""
    job = "llama-cpp"
    routed = RouterSeries("job", candidate=job, stable="none.of(them)", namespaces=(NAMESPACE, "gateways"))
    question = Question("test_phase", of_router=True)
    ((one,),) = answers(scraped, question, replace(release(Origin.ROUTER), router=routed))
    assert one.labels["job"] == job
    for other in (replace(routed, candidate="llama.cpp"), replace(routed, namespaces=("gateways",))):
        assert answers(scraped, question, replace(release(Origin.ROUTER), router=other)) == [[]]


def test_matchers_choose(scraped: Scraped) -> None:
    """Another cluster's series are not there."""
    assert answers(scraped, SCRAPED, release(), 'cluster="eu-1"') == [[]]
    ((one,),) = answers(scraped, SCRAPED, release(), 'cluster!="eu-1"', 'job=~"llama.*"')
    assert one.labels["job"] == "llama-cpp"


def test_a_selector_for_everything_is_given_up(scraped: Scraped) -> None:
    """The real server's answer is counted while it comes."""
    with pytest.raises(MetricsUnavailable) as caught, closing(PrometheusSource(scraped.url, most_series=100)) as source:
        asyncio.run(source.samples('{__name__=~".+"}', at=scraped.after, seconds=60))
    assert caught.value.reason == "TooManySeries"
