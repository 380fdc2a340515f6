"""A candidate that nobody can reach gets no weight, and loses the weight that it has."""

from typing import Any

import pytest

from palier.api.spec.objectives import Objective
from palier.api.v1alpha1 import ModelDeployment
from palier.evidence.arrivals import Arrivals, Block, Stretch
from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import AboveLevel, CounterRatio, MeasuredObjective, Origin, SlowerThan
from palier.release.reach import (
    ANSWERED_WITHIN,
    NOT_ASKED,
    UNKNOWN_DURATION,
    ReachFacts,
    answered_within,
    end_unreached,
    hold_for_reach,
    note_of_reach,
)
from palier.release.situation import Hold
from palier.release.state import Ending, Result
from tests.support.release.world import model_deployment

REFUSED = ReachFacts(refused="port 8080 refuses connections at pod 10.0.0.7: nothing listens on serving.port")
UNKNOWN = ReachFacts(unknown="whether port 8080 accepts connections is not known at pod 10.0.0.7: no route to host")
GATEWAY = {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}
STICKY = {"gateway": {**GATEWAY, "router": "EnvoyGateway", "sticky": {"header": "x-user"}}}


def described(*objectives: dict[str, Any]) -> ModelDeployment:
    """A ModelDeployment with these objectives besides the one on errors."""
    deployment = model_deployment()
    body = {"objectives": [*deployment.spec.objectives, *map(Objective.model_validate, objectives)]}
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update=body)})


def counted(*blocks: tuple[int, int], pods: int = 1) -> Arrivals:
    """What both revisions have counted, block by block."""
    return Arrivals(pods, 0.0, 0.0, 0.0, (Stretch(),), tuple(Block(*block) for block in blocks))


def ending(
    arrivals: Arrivals | None,
    deployment: ModelDeployment | None = None,
    *,
    weight: int = 10,
    endpoints: int = 1,
    traffic_for: float = 300.0,
) -> Ending | None:
    """How the release ends with these arrivals."""
    return end_unreached(
        deployment or model_deployment(),
        arrivals=arrivals,
        weight=weight,
        endpoints=endpoints,
        traffic_for=traffic_for,
    )


def test_a_refusal_holds_the_release_with_its_sentence() -> None:
    """The reason names what is wrong, the message the port and the pod."""
    assert hold_for_reach(REFUSED) == Hold("PortRefused", REFUSED.refused)
    assert hold_for_reach(NOT_ASKED) is None


def test_what_is_not_known_holds_nothing_and_is_told() -> None:
    """The operator may not be allowed to reach pods that users reach."""
    assert hold_for_reach(UNKNOWN) is None
    note = note_of_reach(UNKNOWN)
    assert note is not None
    assert (note.type, note.reason, note.message) == ("Warning", "PortUnknown", UNKNOWN.unknown)
    assert note_of_reach(NOT_ASKED) is None


def test_a_network_that_refuses_everything_holds_nothing() -> None:
    """Where the pods that serve the users refuse the operator as well, a refusal proves nothing."""
    assert hold_for_reach(REFUSED, stable=REFUSED) is None
    note = note_of_reach(REFUSED, stable=REFUSED)
    assert note is not None
    assert note.message.startswith(REFUSED.refused)
    assert hold_for_reach(REFUSED, stable=UNKNOWN) == hold_for_reach(REFUSED)


def test_a_candidate_that_gets_nothing_is_taken_back() -> None:
    """The message has the weight, both counts, and what it means."""
    ended = ending(counted((0, 450), (0, 450)))

    assert ended is not None
    assert (ended.result, ended.reason) == (Result.ROLLED_BACK, "NotReached")
    assert ended.message.startswith("with a weight of 10 % the candidate counted not one of its requests")
    assert "while stable counted 900" in ended.message


def test_a_candidate_that_gets_its_share_stays() -> None:
    """Whatever else may be wrong with it."""
    assert ending(counted((50, 450), (50, 450))) is None


def test_nobody_is_blamed_for_what_is_not_counted() -> None:
    """No arrivals, or the counters of a ready pod that are not read."""
    assert ending(None) is None
    assert ending(counted((0, 9000), pods=1), endpoints=2) is None
    assert ending(counted((0, 9000), pods=0), endpoints=0) is None


@pytest.mark.parametrize("traffic", [STICKY, {"service": {}}], ids=["users that stay", "connections"])
def test_it_is_not_asked_where_requests_are_not_shared_out(traffic: dict[str, Any]) -> None:
    """A few users may make most of the requests, and so may a few connections."""
    assert ending(counted((0, 9000)), model_deployment(traffic=traffic)) is None


def test_requests_under_way_are_waited_for() -> None:
    """Stable counts at first what began before the weight; a long answer of the candidate takes its time."""
    slow = described({"name": "latency", "latency": {"percentile": 95, "threshold": "30s"}})
    fast = described({"name": "latency", "latency": {"percentile": 95, "threshold": "250ms"}})
    token = {"percentile": 95, "threshold": "1s", "signal": "timeToFirstToken"}

    assert answered_within(slow) == 90.0
    assert answered_within(fast) == ANSWERED_WITHIN
    assert answered_within(described({"name": "first", "latency": token})) == UNKNOWN_DURATION
    assert ending(counted((0, 9000)), slow, traffic_for=89.9) is None
    assert ending(counted((0, 9000)), slow, traffic_for=90.0) is not None


def test_only_the_pods_own_counters_of_requests_tell() -> None:
    """The router counts the requests that reach nobody as well, and a histogram may leave some out."""
    rule = ObjectiveRule("errors", limit=0.01, margin=1.25, alpha=0.01)
    ratio = CounterRatio(("errors_total",), ("requests_total",))

    assert MeasuredObjective(rule, ratio, ratio).counts_every_request
    assert not MeasuredObjective(rule, ratio, None).counts_every_request
    for origin in (Origin.ROUTER, Origin.SHADOW, Origin.ELSEWHERE):
        assert not MeasuredObjective(rule, ratio, ratio, origin).counts_every_request
    for source in (SlowerThan("latency_seconds", 0.25), AboveLevel("queue", 10)):
        assert not MeasuredObjective(rule, source, source).counts_every_request
