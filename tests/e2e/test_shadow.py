"""The shadow on a real cluster: a candidate is compared with stable on users' requests before any user meets it.

One at a time (see `conftest`): two cores carry one shadow, where each request is answered twice and compared.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from local import cluster
from local.traffic import TrafficThread
from tests.e2e import shadows
from tests.e2e.support import Model, kubectl, wait_until

pytestmark = pytest.mark.long

Users = Callable[..., TrafficThread]


def met(traffic: TrafficThread, revision: str) -> int:
    """How many users got an answer from a revision."""
    return sum(each.revision == revision for each in traffic.responses)


def test_a_version_that_answers_differently_is_refused_before_any_user(model: Model, users: Users) -> None:
    """Five of a hundred answers differ, three are allowed: refused with its numbers, without weight or failure."""
    shadows.shadowed(model)
    stable = model.serve_first()
    traffic = users(rate=50)
    revision = model.release("different", WRONG_PERCENT="5")
    status = shadows.ended(model, revision, "Refused")
    kubectl("wait", f"mdep/{model.name}", "-n", model.namespace, "--for=condition=Stalled", "--timeout=10s")
    wait_until(lambda: not shadows.proxies(model), timeout=60, what="the proxy to go")
    responses = traffic.stop()

    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert "pairs answered differently" in status["outcome"]["message"]
    assert status["stable"]["revision"] == stable
    assert met(traffic, revision) == 0
    assert all(not weights.get(revision) for _, weights in model.weights)
    assert shadows.mirrors(model) == []
    assert responses.failures() == []


def test_a_version_that_is_merely_slower_is_found_by_pairs(model: Model, users: Users) -> None:
    """Far within the latency objective, but slower than stable for the same requests."""
    shadows.shadowed(model)
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("slower", EXTRA_LATENCY_MS="30")
    status = shadows.ended(model, revision, "Refused")
    responses = traffic.stop()

    assert "took the candidate more than 2 times as long" in status["outcome"]["message"]
    assert met(traffic, revision) == 0
    assert responses.failures() == []


@pytest.mark.parametrize("how", ["crash", "hang"])
def test_a_broken_proxy_changes_nothing_for_users(model: Model, users: Users, how: str) -> None:
    """All of their requests are answered as before, and nothing is concluded while there are no pairs."""
    if how == "hang" and not cluster.is_local():
        pytest.skip("a proxy can only be frozen where its process can be reached")
    shadows.shadowed(model, minPairs=100000)
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("2")
    shadows.in_shadow(model, revision)
    if how == "crash":
        for _ in range(3):
            (pod,) = wait_until(lambda: shadows.proxies(model), timeout=30, what="a proxy")
            kubectl("delete", "pod", pod["metadata"]["name"], "-n", model.namespace, "--grace-period=0", "--force")
            wait_until(
                lambda gone=pod["metadata"]["name"]: all(
                    one["metadata"]["name"] != gone for one in shadows.proxies(model)
                ),
                timeout=30,
                what="another proxy",
            )
    else:
        frozen = shadows.processes("shadow-proxy")
        assert frozen
        try:
            for process in frozen:
                os.kill(process, signal.SIGSTOP)
            before = len(traffic.responses)
            wait_until(lambda: len(traffic.responses) > before + 400, timeout=60, what="400 more answers")
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)
    status = model.status
    responses = traffic.stop()

    assert status["candidate"]["revision"] == revision
    assert status["stage"] == "Shadow 100"
    assert met(traffic, revision) == 0
    assert responses.failures() == []


def test_an_overloaded_proxy_drops_and_counts(model: Model, users: Users) -> None:
    """A candidate that takes a second for each answer: copies are dropped, users wait for nothing."""
    shadows.shadowed(model, minPairs=100000)
    spec = model.manifest["spec"]
    spec["shadow"] |= {"maxQueue": 20, "maxConcurrent": 4}
    # Nothing was promised that such a candidate breaks: it is not refused for being slow.
    spec["objectives"] = [one for one in spec["objectives"] if one["name"] not in {"latency", "slowdown"}]
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("2", EXTRA_LATENCY_MS="1000")
    shadows.in_shadow(model, revision)
    wait_until(
        lambda: shadows.summed(shadows.counters(model), "palier_shadow_unpaired_total", reason="QueueFull") > 200,
        timeout=60,
        what="copies to be dropped",
    )
    responses = traffic.stop()

    assert responses.failures() == []
    slow = responses.percentile(99)
    assert slow is not None
    assert slow < 1.0


def test_half_of_the_requests_are_sampled(model: Model, users: Users) -> None:
    """The proxy takes the sample where the gateway has not said that it can."""
    shadows.shadowed(model, percent=50, minPairs=100000)
    model.serve_first()
    users(rate=50)
    revision = model.release("2")
    shadows.in_shadow(model, revision)
    seen: dict[Any, float] = wait_until(
        lambda: (
            found if shadows.summed(found := shadows.counters(model), "palier_shadow_mirrored_total") > 500 else None
        ),
        timeout=60,
        what="500 copies",
    )
    mirrored = shadows.summed(seen, "palier_shadow_mirrored_total")
    sampled = shadows.summed(seen, "palier_shadow_sampled_total")

    assert [one.get("percent") for one in shadows.mirrors(model)] == [None]
    assert 0.42 < sampled / mirrored < 0.58
