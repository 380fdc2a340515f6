"""The operator is killed in the midst of things: what it had begun goes on from where it was."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from local.traffic import TrafficThread
from tests.e2e import shadows
from tests.e2e.objects import list_names
from tests.e2e.support import Model, wait_until

pytestmark = [pytest.mark.long, pytest.mark.disturbs("operator")]

Users = Callable[..., TrafficThread]


def test_the_operator_may_be_killed_in_every_stage(
    model: Model, users: Users, restart_operator: Callable[[], None]
) -> None:
    """In the shadow and at each weight the release goes on from where it was, and no request fails.

    No step is repeated, no weight jumps, and nothing of the shadow is left behind.
    """
    shadows.shadowed(model, minDuration="20s", canaries=(20, 35, 50))
    stages = model.manifest["spec"]["release"]["stages"]
    for stage in stages[1:]:
        stage["canary"]["minDuration"] = "4s"
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("2")
    began = shadows.in_shadow(model, revision)["release"]["trafficSince"]
    restart_operator()
    status = shadows.in_shadow(model, revision)

    assert status["release"]["trafficSince"] == began

    for weight in (20, 35, 50):
        model.in_traffic(revision, weight=weight)
        restart_operator()
    model.promoted(revision)
    wait_until(lambda: not shadows.proxies(model), timeout=60, what="the proxy to go")
    responses = traffic.stop()
    shares = [weights.get(revision, 0) for _, weights in model.weights]
    steps = [share for share, following in pairwise([*shares, None]) if share != following]
    left = list_names(model.namespace, "deployments", "services", "configmaps")

    assert [step for step in steps if step] == [1, 20, 35, 50, 99, 100]
    assert [name for name in left if name.startswith("shadow-")] == []
    assert shadows.mirrors(model) == []
    assert responses.failures() == []
