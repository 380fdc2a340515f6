"""The gateway's own counters: they speak when a pod does not."""

import copy
from collections.abc import Callable

from local.traffic import TrafficThread
from tests.e2e.support import Model

Users = Callable[..., TrafficThread]


def judged_by_the_router(model: Model) -> None:
    """Errors and latency are read from the gateway's proxies, and nothing from the pods."""
    model.manifest = copy.deepcopy(model.manifest)
    spec = model.manifest["spec"]
    del spec["signals"]
    spec["traffic"]["gateway"] |= {"router": "EnvoyGateway", "requestTimeout": "1s"}
    spec["objectives"] = [
        {"name": "errors", "errorRate": {"maxPercent": "5"}},
        {"name": "latency", "latency": {"percentile": 95, "threshold": "300ms", "source": "Router"}},
    ]


def test_a_good_version_is_promoted_on_the_routers_counters(model: Model, users: Users) -> None:
    """No pod exports anything that is read."""
    judged_by_the_router(model)
    model.serve_first()
    traffic = users(rate=100)
    revision = model.release("2")
    status = model.in_traffic(revision, weight=50)
    model.promoted(revision)

    assert {verdict["objective"] for verdict in status["verdicts"]} == {"errors", "latency"}
    assert traffic.stop().failures() == []


def test_a_version_that_never_answers_is_rolled_back(model: Model, users: Users) -> None:
    """Its pods are ready and count nothing, because no request ever ends; the router counts its own 504."""
    judged_by_the_router(model)
    stable = model.serve_first()
    traffic = users(rate=50)
    revision = model.release("hung", EXTRA_LATENCY_MS="60000")
    status = model.rolled_back(revision)

    assert status["stable"]["revision"] == stable
    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert "errors" in status["outcome"]["message"]
    assert {each.status for each in traffic.stop().failures()} <= {504}
