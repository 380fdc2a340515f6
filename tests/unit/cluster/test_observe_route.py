"""Whether a route of ours is in force, and whether its host is free: read from the routes of the whole cluster."""

import copy
from typing import Any

import pytest

from palier.cluster.inputs import SpecInputs
from palier.cluster.observe import observe
from palier.cluster.store import Store
from palier.manifests.traffic import route_manifest
from palier.release.observation import MeasuredEvidence, RouteFacts
from palier.release.state import State
from tests.support.cluster.memory import MemoryCluster, answer
from tests.support.release.world import model_deployment

STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
PUBLIC = {"name": "public", "namespace": "infra", "sectionName": "https"}
INTERNAL = {"name": "internal"}
HOST = "m.example.com"
LONG_AGO, JUST_NOW = "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"

Parents = list[dict[str, str]]


def through(parents: Parents, hostnames: list[str] | None = None) -> dict[str, Any]:
    """`spec.traffic` through these gateways."""
    return {"gateway": {"parentRefs": parents, "hostnames": [HOST] if hostnames is None else hostnames}}


def ours(parents: Parents, hostnames: list[str] | None = None) -> dict[str, Any]:
    """Our route as rendered, at the fourth generation."""
    deployment = model_deployment(traffic=through(parents, hostnames))
    gateway = deployment.spec.traffic.gateway
    assert gateway is not None
    weights = {STABLE: 95, CANDIDATE: 5}
    ports = dict.fromkeys(weights, 8080)
    return route_manifest(deployment, gateway, backend_positions=(STABLE, CANDIDATE), weights=weights, ports=ports)


def observed(routes: list[dict[str, Any]], parents: Parents, hostnames: list[str] | None = None) -> RouteFacts:
    """What the operator sees of the traffic when these routes exist."""
    cluster, store = MemoryCluster(), Store()
    for route in routes:
        cluster.put(route)
    cluster.tell(store)
    deployment = model_deployment(traffic=through(parents, hostnames))
    return observe(
        store, deployment, State(), inputs=SpecInputs(STABLE), measured=MeasuredEvidence(), troubles={}
    ).route


def answered(*answers: dict[str, Any], parents: Parents) -> RouteFacts:
    """What the operator sees when gateways gave these answers to the fourth generation of our route."""
    route = ours(parents)
    cluster, store = MemoryCluster(), Store()
    for number in range(4):  # every change of the spec is a generation
        cluster.put(
            {**route, "spec": {**route["spec"], "rules": [{**route["spec"]["rules"][0], "name": f"r{number}"}]}}
        )
    cluster.put({**cluster.objects["HTTPRoute", "ml", "demo"], "status": {"parents": list(answers)}})
    cluster.tell(store)
    assert cluster.objects["HTTPRoute", "ml", "demo"]["metadata"]["generation"] == 4
    deployment = model_deployment(traffic=through(parents))
    return observe(
        store, deployment, State(), inputs=SpecInputs(STABLE), measured=MeasuredEvidence(), troubles={}
    ).route


def test_no_route_yet() -> None:
    """Before the first write nothing exists, nothing serves, and nothing is in the way."""
    assert observed([], [PUBLIC]) == RouteFacts()


def test_weights_are_those_of_the_route() -> None:
    """What the route says is read back, and without any answer of a gateway it is not in force."""
    assert observed([ours([PUBLIC])], [PUBLIC]) == RouteFacts(
        exists=True, ours=True, weights={STABLE: 95, CANDIDATE: 5}, positions=(STABLE, CANDIDATE)
    )


def test_accepted_at_the_present_generation() -> None:
    """This very split is in force."""
    route = answered(answer(PUBLIC, generation=4), parents=[PUBLIC])

    assert (route.accepted, route.serving, route.problem) == (True, True, "")


def test_accepted_at_an_earlier_generation_is_not_accepted_but_serves() -> None:
    """The gateway has not seen the last change: the split before it is still in force."""
    route = answered(answer(PUBLIC, generation=3), parents=[PUBLIC])

    assert (route.accepted, route.serving) == (False, True)


@pytest.mark.parametrize("late", ["Accepted", "ResolvedRefs"])
def test_every_condition_has_to_be_of_the_present_generation(late: str) -> None:
    """One condition that lags is a gateway that is not done yet."""
    route = answered(answer(PUBLIC, generation=4, **{late: {"observedGeneration": 3}}), parents=[PUBLIC])

    assert (route.accepted, route.serving) == (False, True)


@pytest.mark.parametrize("refused", ["Accepted", "ResolvedRefs"])
def test_a_refused_route_is_a_problem_with_the_gateways_own_words(refused: str) -> None:
    """Who refuses it and why is what its owner has to read."""
    said = {refused: {"status": "False", "reason": "NotAllowed", "message": "ask the platform team"}}
    route = answered(answer(PUBLIC, generation=4, **said), parents=[PUBLIC])

    assert (route.accepted, route.serving) == (False, False)
    assert route.problem == "Gateway infra/public says NotAllowed: ask the platform team"


def test_a_refusal_of_an_earlier_generation_is_no_problem_of_this_one() -> None:
    """The change may be the cure: only the answer to it tells."""
    said = {"Accepted": {"status": "False", "reason": "NotAllowed", "observedGeneration": 3}}
    route = answered(answer(PUBLIC, generation=4, **said), parents=[PUBLIC])

    assert (route.accepted, route.serving, route.problem) == (False, False, "")


def test_an_answer_with_half_its_conditions_is_no_answer() -> None:
    """Accepted alone does not say that the backends were found."""
    half = answer(PUBLIC, generation=4)
    half["conditions"] = [condition for condition in half["conditions"] if condition["type"] == "Accepted"]

    assert not answered(half, parents=[PUBLIC]).accepted


def test_every_gateway_has_to_accept() -> None:
    """With several parents the split is in force when the last of them has taken it over."""
    both = [PUBLIC, INTERNAL]

    assert answered(answer(PUBLIC, generation=4), answer(INTERNAL, generation=4), parents=both).accepted
    assert not answered(answer(PUBLIC, generation=4), answer(INTERNAL, generation=3), parents=both).accepted
    assert not answered(answer(PUBLIC, generation=4), parents=both).accepted
    assert not answered(answer(PUBLIC, generation=4), parents=both).serving


def test_one_gateway_that_refuses_is_named() -> None:
    """Of several gateways the one with the problem is told, in the namespace that was meant."""
    said = {"Accepted": {"status": "False", "reason": "NoMatchingParent"}}
    route = answered(answer(PUBLIC, generation=4), answer(INTERNAL, generation=4, **said), parents=[PUBLIC, INTERNAL])

    assert route.problem == "Gateway ml/internal says NoMatchingParent: "


@pytest.mark.parametrize(
    "other",
    [
        {**PUBLIC, "sectionName": "http"},
        {"name": "public", "namespace": "infra"},
        {**PUBLIC, "namespace": "elsewhere"},
        {**PUBLIC, "name": "internal"},
    ],
)
def test_the_answer_of_another_listener_does_not_count(other: dict[str, str]) -> None:
    """Acceptance by another listener, namespace or Gateway says nothing about ours."""
    assert not answered(answer(other, generation=4), parents=[PUBLIC]).accepted


def test_an_answer_names_the_namespace_or_leaves_it_out() -> None:
    """Gateways may write the route's own namespace into the answer, or not."""
    assert answered(answer(INTERNAL, generation=4), parents=[INTERNAL]).accepted
    assert answered(answer({**INTERNAL, "namespace": "ml"}, generation=4), parents=[INTERNAL]).accepted


def foreign(
    name: str = "other",
    *,
    born: str = LONG_AGO,
    namespace: str = "ml",
    parents: Parents | None = None,
    **spec: list[Any] | None,
) -> dict[str, Any]:
    """A route of somebody else for our host on our gateway, unless said otherwise."""
    everything = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "web"}]}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": born},
        "spec": {"parentRefs": parents or [PUBLIC], "hostnames": [HOST], "rules": everything, **spec},
    }


def conflict(other: dict[str, Any], *, hostnames: list[str] | None = None, exists: bool = True) -> str:
    """What stands in the way of our route, which was born in 2026."""
    routes = [ours([PUBLIC], hostnames)] if exists else []
    return observed([*routes, other], [PUBLIC], hostnames).conflict


@pytest.mark.parametrize("exists", [True, False])
def test_an_older_route_has_the_host(exists: bool) -> None:
    """It gets all the traffic, so ours would only seem to shift it; whether ours exists already or not."""
    assert conflict(foreign(), exists=exists) == f"{HOST} is taken by the older HTTPRoute ml/other"


def test_a_younger_route_takes_nothing() -> None:
    """Ours was there first."""
    assert conflict(foreign(born=JUST_NOW)) == ""


def test_a_younger_route_still_comes_before_one_that_does_not_exist() -> None:
    """A route that we have yet to write will be the youngest of all."""
    assert conflict(foreign(born=JUST_NOW), exists=False) != ""


@pytest.mark.parametrize(
    ("namespace", "name", "wins"), [("infra", "zzz", True), ("ml", "aaa", True), ("ml", "zzz", False)]
)
def test_of_two_routes_of_one_age_the_first_by_name_wins(namespace: str, name: str, wins: bool) -> None:
    """The Gateway API breaks ties by namespace and name."""
    cluster, store = MemoryCluster(), Store()
    born = cluster.put(ours([PUBLIC]))["metadata"]["creationTimestamp"]
    cluster.put(foreign(name, namespace=namespace, born=born))
    cluster.tell(store)
    deployment = model_deployment(traffic=through([PUBLIC]))
    route = observe(
        store, deployment, State(), inputs=SpecInputs(STABLE), measured=MeasuredEvidence(), troubles={}
    ).route

    assert bool(route.conflict) is wins


@pytest.mark.parametrize(
    "other",
    [
        {"parents": [{"name": "public", "namespace": "elsewhere"}]},
        {"parents": [{"name": "internal", "namespace": "infra"}]},
        {"hostnames": ["other.example.com"]},
        {"hostnames": None},
        {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/docs"}}]}]},
        {"rules": [{"matches": [{"path": {"type": "Exact", "value": "/"}}]}]},
        {"rules": [{"matches": [{"method": "GET", "path": {"type": "PathPrefix", "value": "/"}}]}]},
        {"rules": [{"matches": [{"headers": [{"name": "x-debug", "value": "1"}]}]}]},
    ],
)
def test_an_older_route_beside_ours_takes_nothing(other: dict[str, Any]) -> None:
    """Another gateway, another host, or only some of the paths: there is room for both."""
    assert conflict(foreign(**other)) == ""


@pytest.mark.parametrize("rule", [{}, {"matches": []}, {"matches": [{}]}])
def test_a_rule_without_a_match_takes_everything(rule: dict[str, Any]) -> None:
    """What is left out matches every path."""
    assert conflict(foreign(rules=[rule])) != ""


def test_without_hostnames_every_host_can_be_taken() -> None:
    """Two routes for all the hosts of a listener are rivals too."""
    other = foreign(hostnames=None)

    assert conflict(other, hostnames=[]) == "every host is taken by the older HTTPRoute ml/other"


def test_a_route_of_another_name_with_our_hosts_is_told_with_the_shared_ones() -> None:
    """Only the hosts in question are named."""
    other = foreign(hostnames=["b.example.com", "a.example.com", "x.example.com"])

    assert conflict(other, hostnames=["a.example.com", "b.example.com"]).startswith("a.example.com, b.example.com is")


def test_a_route_on_another_listener_takes_nothing() -> None:
    """The usual redirect from http to https is an older route for the same host, and no rival of ours on https."""
    assert conflict(foreign(parents=[{**PUBLIC, "sectionName": "http"}])) == ""
    assert conflict(foreign(parents=[{"name": "public", "namespace": "infra"}])) != ""


def test_a_route_that_the_gateway_refused_takes_nothing() -> None:
    """Somebody who may not attach to our gateway cannot keep a host from us either."""
    other = foreign(namespace="elsewhere")
    said = {"Accepted": {"status": "False", "reason": "NotAllowedByListeners"}}

    assert conflict({**other, "status": {"parents": [answer(PUBLIC, generation=1, **said)]}}) == ""


def test_a_route_of_a_stranger_under_our_name_is_a_conflict() -> None:
    """Its weights are not ours to read and its name is not ours to take, even if it serves another host."""
    stranger = copy.deepcopy(ours([PUBLIC]))
    stranger["metadata"]["ownerReferences"][0]["uid"] = "somebody else"

    found = observed([stranger], [PUBLIC])

    assert found.conflict.startswith("HTTPRoute demo exists and is not Palier's")
    assert found == RouteFacts(exists=True, conflict=found.conflict)
