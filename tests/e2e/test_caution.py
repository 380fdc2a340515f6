"""A suspected version keeps 1 % of the users until fresh requests tell, and one bad pod blames no version."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from local.traffic import TrafficThread
from palier.api.constants import LABEL_REVISION
from tests.e2e.objects import list_objects
from tests.e2e.support import Model, kubectl, not_the_candidates, wait_until

Users = Callable[..., TrafficThread]

RATE = 150
"""Requests a second of which 1 % is enough to tell more within seconds."""
BAD = "/tmp/bad"  # noqa: S108 - in a container of its own


@pytest.mark.long
def test_one_bad_pod_is_spared_users_and_a_second_one_is_asked(model: Model, users: Users) -> None:
    """The only pod of a new version fails everything for a while: it has 1 %, gets company, and is promoted when well.

    A version of which the second pod is as bad as the first is rolled back.
    """
    spec = model.manifest["spec"]
    spec["serving"]["replicas"] = 2
    spec["objectives"] = [{"name": "errors", "errorRate": {"maxPercent": "10"}}]
    spec["release"]["stages"] = [{"canary": {"weight": 30, "minDuration": "5s", "maxDuration": "10m"}}]
    stable = model.serve_first()
    traffic = users(rate=RATE)
    second = model.release("2", FAIL_FILE=BAD)
    model.in_traffic(second, weight=30)
    (pod,) = pods_of(model, second)
    execute(model, pod, f"open({BAD!r}, 'w').close()")
    begun = time.time()

    cautious = model.wait(lambda s: s.get("stage") == "Cautious", timeout=30, what="the version to be suspected")
    failures = sorted(each.completed for each in traffic.responses.failures() if each.revision == second)
    assert first_at(model, second, weight=1, since=begun) - failures[5] <= 10.0
    assert cautious["stable"]["revision"] == stable
    assert "1 % of the traffic" in model.condition("Ready")["message"]
    wait_until(lambda: len(pods_of(model, second)) == 2, timeout=60, what="a second pod")
    execute(model, pod, f"import os; os.unlink({BAD!r})")
    model.in_traffic(second, weight=30)
    model.promoted(second)
    assert {event["reason"] for event in list_objects(model.namespace, "events")} >= {"Cautious", "Cleared", "Promoted"}

    bad = model.release("bad", FAIL_PERCENT="100")
    status = model.rolled_back(bad)
    assert status["stable"]["revision"] == second
    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert not_the_candidates(traffic, second, bad) == []


def pods_of(model: Model, revision: str) -> list[str]:
    """The names of a revision's pods that are ready."""
    ready: dict[str, Any] = {"type": "Ready", "status": "True"}
    return [
        pod["metadata"]["name"]
        for pod in list_objects(model.namespace, "pods", selector=f"{LABEL_REVISION}={revision}")
        if any(ready.items() <= one.items() for one in pod["status"].get("conditions", ()))
    ]


def execute(model: Model, pod: str, program: str) -> None:
    """Run a few words of Python in a pod."""
    kubectl("exec", pod, "-n", model.namespace, "--", "python", "-c", program)


def first_at(model: Model, revision: str, *, weight: int, since: float) -> float:
    """When the route first gave a revision this weight after a moment."""
    model.see()
    return next(at for at, weights in model.weights if at >= since and weights.get(revision) == weight)
