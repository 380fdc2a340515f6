"""How many releases a question names: each exactly once, and never more than fit into the URL of a request."""

from dataclasses import replace
from urllib.parse import quote_plus

import pytest

from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import WatchedRelease
from palier.measuring.matchers import narrow_selector
from palier.measuring.questions import Question
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from palier.metrics.inquiries import LONGEST_QUESTION, RELEASES_AT_ONCE, Inquirer

REQUESTS = "requests_total"
LONG = f'requests_total{{{",".join(f"""label_{number}="{"é" * 20}" """.strip() for number in range(12))}}}'
"""A selector that takes more than two thousand characters of a URL."""


def release(name: str, origin: Origin, selector: str) -> WatchedRelease:
    """A release whose one objective reads a counter from somewhere."""
    source = CounterRatio(('errors_total{code="500"}',), (selector,))
    rule = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)
    place = f"httproute/a.very.long.namespace.of.a.team/{name}/rule/0/backend"
    return WatchedRelease(
        candidate="9e4d7a3c61",
        stable="5f0c1b7d2a",
        stage_index=0,
        begun_at=1_000.0,
        traffic_since=None,
        objectives=(MeasuredObjective(rule, source, source, origin=origin),),
        evidence={},
        router=RouterSeries("envoy_cluster_name", f"{place}/0", f"{place}/1", ("envoy-gateway-system",)),
    )


@pytest.mark.parametrize("origin", [Origin.PODS, Origin.ROUTER, Origin.SHADOW, Origin.ELSEWHERE])
@pytest.mark.parametrize("selector", [REQUESTS, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", ["m", "a.model.with.dots-in-its.name", "n" * 200])
def test_every_release_is_named_once_in_a_question_that_fits(origin: Origin, selector: str, name: str) -> None:
    """Names with dots and slashes, names of any length, and series that others export take no more than there is."""
    fleet: dict[tuple[str, str], WatchedRelease] = {
        (f"team-{number % 7}", f"{name}-{number}"): release(f"{name}-{number}", origin, selector)
        for number in range(250)
    }
    question = Question.from_origin(selector, origin)
    inquiries = list(Inquirer(fleet).inquiries(question, list(fleet)))

    assert sorted(key for inquiry in inquiries for key in inquiry.keys) == sorted(fleet)
    assert max(len(inquiry.keys) for inquiry in inquiries) <= RELEASES_AT_ONCE
    longest = max(len(quote_plus(asked)) for inquiry in inquiries for asked in inquiry.selectors)
    assert longest <= LONGEST_QUESTION
    assert len(inquiries) == 3 or longest > LONGEST_QUESTION / 2, "room was wasted"


def test_what_the_operator_adds_has_its_room() -> None:
    """Forty namespaces of gateways, and matchers that every question gets when it is sent."""
    namespaces = tuple(f"a-namespace-of-many-gateways-{number:02}" for number in range(40))
    fleet = {("ml", f"m-{number}"): release(f"m-{number}", Origin.ROUTER, REQUESTS) for number in range(100)}
    for key, one in fleet.items():
        assert one.router is not None
        fleet[key] = replace(one, router=replace(one.router, namespaces=namespaces))
    matchers = tuple(f'region_{number}="a-region-with-a-long-name"' for number in range(20))
    inquirer = Inquirer(fleet, matchers=matchers)

    for inquiry in inquirer.inquiries(Question.from_origin(REQUESTS, Origin.ROUTER), list(fleet)):
        for asked in inquiry.selectors:
            assert len(quote_plus(narrow_selector(asked, *matchers))) <= LONGEST_QUESTION
