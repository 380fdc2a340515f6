"""Whose counts may be added: the parts of a metric, and never the same pod twice or another cluster's."""

from dataclasses import replace
from typing import Any

import pytest

from palier.evidence.counters import Series
from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import SCRAPED, WatchedRelease
from palier.measuring.provenance import of_several_servers
from palier.measuring.questions import Question
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries

NEW, OLD = "new", "old"
RULE = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)
BAD, ALL = Question("errors_total"), Question("requests_total")
Rows = dict[tuple[str, ...], list[tuple[str, Series]]]


def watched(origin: Origin = Origin.PODS, **changes: Any) -> WatchedRelease:  # noqa: ANN401 - fields of a release
    """A release with one objective."""
    ratio = CounterRatio(("errors_total",), ("requests_total",))
    known = WatchedRelease(NEW, OLD, 0, 0.0, 0.0, (MeasuredObjective(RULE, ratio, ratio, origin=origin),), {})
    return replace(known, **changes)


def rows(*series: tuple[str, dict[str, str]]) -> Rows:
    """Series by target, each with its revision."""
    found: Rows = {}
    for revision, labels in series:
        one = Series({"namespace": "ml", "job": "pods", **labels}, [(1.0, 1.0)])
        found.setdefault(one.target, []).append((revision, one))
    return found


def pod(name: str, revision: str = NEW, **labels: str) -> tuple[str, dict[str, str]]:
    """The `up` of a pod."""
    return revision, {"pod": name, "instance": f"{name}:8080", **labels}


def told(*ups: tuple[str, dict[str, str]], **options: Any) -> dict[tuple[Question, str], str]:  # noqa: ANN401
    """What is told of the pods' series."""
    return of_several_servers({}, rows(*ups), watched(), **options)


@pytest.mark.parametrize(
    "labels",
    [
        ({}, {}),
        ({"node": "a", "host_ip": "10.0.0.1"}, {"node": "b", "host_ip": "10.0.0.2"}),
        ({"pod_template_hash": "6b7f"}, {"pod_template_hash": "7c8f"}),
        ({"topology_kubernetes_io_zone": "a"}, {"topology_kubernetes_io_zone": "b"}),
        ({"cluster": "eu", "prometheus": "m/k8s"}, {"cluster": "eu", "prometheus": "m/k8s"}),
    ],
)
def test_pods_of_one_cluster(labels: tuple[dict[str, str], dict[str, str]]) -> None:
    """Plain Kubernetes discovery, with node and pod labels, and the external labels of one server."""
    assert told(pod("a", **labels[0]), pod("b", **labels[1])) == {}


def test_monitors_that_both_scrape_a_pod_may_give_it_different_labels() -> None:
    """A PodMonitor and a ServiceMonitor of the Prometheus Operator; each target is read once, elsewhere."""
    both = (
        pod("a", job="ml/models", container="model", endpoint="http"),
        pod("a", job="models", container="model", endpoint="http", service="models", team="nlp"),
    )
    assert told(*both) == {}


def test_revisions_may_differ_in_labels_of_their_template() -> None:
    """Whoever maps all pod labels sees the version there."""
    assert told(pod("a", version="2"), pod("b", OLD, version="1"), pod("c", OLD, version="1")) == {}


@pytest.mark.parametrize("label", ["cluster", "replica", "prometheus_replica", "tenant_id", "something"])
def test_pods_of_one_revision_that_differ_in_an_unknown_label(label: str) -> None:
    """External labels of several servers, whatever they are called: no objective of that revision can be told."""
    found = told(pod("a", **{label: "eu"}), pod("b", **{label: "us"}), pod("c", OLD, **{label: "eu"}))

    assert {(BAD, NEW), (ALL, NEW)} <= set(found)
    assert f'differ in the label {label} ("eu", "us")' in found[ALL, NEW]
    assert f'prometheus.matchers, such as {label}="us"' in found[ALL, NEW]


def test_a_pod_that_two_servers_scrape_and_a_pod_with_and_without_a_label() -> None:
    """Undeduplicated replicas double everything; a server without external labels counts as another one, too."""
    assert (ALL, NEW) in told(pod("a", replica="0"), pod("a", replica="1"))
    assert (ALL, NEW) in told(pod("a"), pod("b", site="us"))


def test_the_candidate_of_one_cluster_is_not_compared_with_the_stable_of_another() -> None:
    """Where a label is known to name clusters, it has to be the same for both revisions."""
    found = told(pod("a", cluster="staging"), pod("b", OLD, cluster="production"))
    assert {revision for _, revision in found} == {NEW, OLD}


def test_the_operator_may_know_a_label() -> None:
    """It is then no sign of another server."""
    ups = (pod("a", rack="1"), pod("b", rack="2"))
    assert told(*ups)
    assert told(*ups, pod_labels=frozenset({"rack"})) == {}


def test_the_parts_of_a_metric_belong_together() -> None:
    """Labels that `up` does not have are the metric's own, also where they are called like those of servers."""
    up = rows(pod("a"))
    parts = rows(*((NEW, {"pod": "a", "instance": "a:8080", "code": code, "cluster": code}) for code in "24"))
    assert of_several_servers({SCRAPED: up, ALL: parts}, up, watched()) == {}


@pytest.mark.parametrize("origin", [Origin.ROUTER, Origin.ELSEWHERE, Origin.SHADOW])
def test_targets_whose_up_is_not_known(origin: Origin) -> None:
    """Labels by which servers are commonly named tell it, for the very question."""
    question = Question.from_origin("requests_total", origin)
    answer = rows(*((NEW, {"pod": "envoy", "instance": "1", "cluster": name, "code": "2"}) for name in ("eu", "us")))
    found = of_several_servers({question: answer}, {}, watched(origin))
    assert set(found) == {(question, NEW)}


def test_labels_that_somebody_has_named_are_known() -> None:
    """The router's own label, and the one by which segments are told apart."""
    question = Question.from_origin("requests_total", Origin.ROUTER)
    answer = rows(*((NEW, {"pod": "envoy", "instance": "1", "cluster": name}) for name in ("eu", "us")))
    router = RouterSeries("cluster", "eu", "us", ("gateways",))
    assert of_several_servers({question: answer}, {}, watched(Origin.ROUTER, router=router)) == {}
    (objective,) = watched(Origin.ROUTER).objectives
    segmented = watched(Origin.ROUTER, objectives=(replace(objective, segment_by="cluster"),))
    assert of_several_servers({question: answer}, {}, segmented) == {}
