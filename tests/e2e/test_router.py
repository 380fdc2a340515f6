"""The gateway's own counters: they speak when a pod does not."""

import copy
from collections.abc import Callable

import pytest

from local.traffic import TrafficThread
from tests.e2e.support import Model

Users = Callable[..., TrafficThread]


def judged_by_the_router(model: Model) -> None:
    """Errors and latency are read from the gateway's proxies, and nothing from the pods."""
    model.manifest = copy.deepcopy(model.manifest)
    spec = model.manifest["spec"]
    del spec["signals"]
    spec["traffic"]["gateway"] |= {"router": "EnvoyGateway", "requestTimeout": "3s"}
    spec["objectives"] = [
        {"name": "errors", "errorRate": {"maxPercent": "5"}},
        {"name": "latency", "latency": {"percentile": 95, "threshold": "500ms", "source": "Router"}},
    ]


@pytest.mark.long
@pytest.mark.bears("operator")
def test_the_routers_counters_promote_a_good_version_and_roll_back_one_that_never_answers(
    model: Model, users: Users
) -> None:
    """No pod exports anything that is read.

    The pods of the second are ready and count nothing, because no request ever ends; the router counts its own 504.
    """
    judged_by_the_router(model)
    model.serve_first()
    traffic = users(rate=50)
    good = model.release("2")
    status = model.in_traffic(good, weight=50)
    model.promoted(good)

    assert {verdict["objective"] for verdict in status["verdicts"]} == {"errors", "latency"}
    assert traffic.responses.failures() == []

    hung = model.release("hung", EXTRA_LATENCY_MS="60000")
    status = model.rolled_back(hung)

    assert status["stable"]["revision"] == good
    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert "errors" in status["outcome"]["message"]
    assert {each.status for each in traffic.stop().failures()} <= {504}
