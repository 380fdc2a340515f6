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

pytestmark = [pytest.mark.long, pytest.mark.bears("operator")]

Users = Callable[..., TrafficThread]


def met(traffic: TrafficThread, revision: str) -> int:
    """How many users got an answer from a revision."""
    return sum(each.revision == revision for each in traffic.responses)


def test_a_version_that_answers_differently_or_slower_is_refused_before_any_user(model: Model, users: Users) -> None:
    """Five of a hundred answers differ, three are allowed: refused with its numbers, without weight or failure.

    So is one that is far within the latency objective, but slower than stable for the same requests.
    """
    shadows.shadowed(model)
    stable = model.serve_first()
    traffic = users(rate=50)
    different = model.release("different", WRONG_PERCENT="5")
    status = shadows.ended(model, different, "Refused")
    kubectl("wait", f"mdep/{model.name}", "-n", model.namespace, "--for=condition=Stalled", "--timeout=10s")
    wait_until(lambda: not shadows.proxies(model), timeout=60, what="the proxy to go")

    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert "pairs answered differently" in status["outcome"]["message"]
    assert status["stable"]["revision"] == stable
    assert shadows.mirrors(model) == []

    # Ten times what stable takes on an idle machine, and more than twice what it takes on a busy one.
    slower = model.release("slower", EXTRA_LATENCY_MS="150")
    status = shadows.ended(model, slower, "Refused")
    responses = traffic.stop()

    assert "took the candidate more than 2 times as long" in status["outcome"]["message"]
    for revision in (different, slower):
        assert met(traffic, revision) == 0
        assert all(not weights.get(revision) for _, weights in model.weights)
    assert responses.failures() == []


def test_a_proxy_takes_its_sample_and_changes_nothing_for_users_when_it_breaks(model: Model, users: Users) -> None:
    """It samples half where the gateway has not said that it can; it crashes and hangs, and every user is answered.

    Nothing is concluded while there are no pairs.
    """
    shadows.shadowed(model, percent=50, minPairs=100000)
    model.serve_first()
    traffic = users(rate=50)
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

    for _ in range(3):
        crash(model)
    if cluster.is_local():  # a proxy can only be frozen where its process can be reached
        hang(model, traffic)
    status = model.status
    responses = traffic.stop()

    assert status["candidate"]["revision"] == revision
    assert status["stage"] == "Shadow 50"
    assert met(traffic, revision) == 0
    assert responses.failures() == []


def crash(model: Model) -> None:
    """Kill the proxy, and wait until it is gone."""
    (pod,) = wait_until(lambda: shadows.proxies(model), timeout=30, what="a proxy")
    name = pod["metadata"]["name"]
    kubectl("delete", "pod", name, "-n", model.namespace, "--grace-period=0", "--force")
    wait_until(
        lambda: all(one["metadata"]["name"] != name for one in shadows.proxies(model)),
        timeout=30,
        what="another proxy",
    )


def hang(model: Model, traffic: TrafficThread) -> None:
    """Freeze the proxy for 400 requests of users."""
    pods = wait_until(lambda: shadows.proxies(model), timeout=30, what="a proxy")
    frozen = shadows.processes(pods)
    assert frozen
    try:
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        before = len(traffic.responses)
        wait_until(lambda: len(traffic.responses) > before + 400, timeout=60, what="400 more answers")
    finally:
        for process in frozen:
            os.kill(process, signal.SIGCONT)


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
