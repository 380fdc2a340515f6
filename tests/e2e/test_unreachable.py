"""A candidate that is Ready and that nobody can reach: it gets no users, or loses them before many are hurt."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from local.traffic import TrafficThread
from tests.e2e.support import Model

Users = Callable[..., TrafficThread]

ELSEWHERE = 8081
"""Where the model really listens; users are sent to 8080."""

HANGS_UP = """
import socket
door = socket.create_server(("", 8080))
while True:
    door.accept()[0].close()
"""
"""Accepts every connection and answers none, as the sidecar of a service mesh does whose program is not there."""


def next_version(model: Model, first: dict[str, Any], version: str) -> dict[str, Any]:
    """Another version, whose program listens elsewhere, where its probe and Prometheus find it; its pod's spec."""
    model.manifest = copy.deepcopy(first)
    model.manifest["spec"]["model"]["version"] = version
    template: dict[str, Any] = model.manifest["spec"]["serving"]["template"]
    template["metadata"]["annotations"]["prometheus.io/port"] = str(ELSEWHERE)
    pod: dict[str, Any] = template["spec"]
    server = pod["containers"][0]
    server["env"].append({"name": "PORT", "value": str(ELSEWHERE)})
    server["readinessProbe"]["httpGet"]["port"] = ELSEWHERE
    return pod


@pytest.mark.long
def test_a_candidate_that_nobody_can_reach_gets_no_users_or_loses_them(model: Model, users: Users) -> None:
    """Nobody listens on the port of one, and the other accepts connections and hangs up."""
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 10, "minDuration": "2s", "maxDuration": "10m"}}
    ]
    stable = model.serve_first()
    first = model.manifest
    traffic = users(rate=50)
    refused_port(model, first)

    assert model.status["stable"]["revision"] == stable
    assert len(traffic.responses) > 200
    assert traffic.responses.failures() == []

    begun, ended = hung_up(model, first)

    assert model.status["stable"]["revision"] == stable
    failures = traffic.stop().failures()
    assert [each for each in failures if not begun - 2 <= each.completed <= ended + 2] == []
    assert len(failures) < 50 * 0.2 * (ended - begun + 4)


def refused_port(model: Model, first: dict[str, Any]) -> None:
    """The condition names the port while pods are Ready; at the deadline the release fails, and no user noticed."""
    next_version(model, first, "2")
    model.manifest["spec"]["release"]["progressDeadline"] = "15s"
    model.apply()
    model.wait(
        lambda _status: model.condition("Ready").get("reason") == "PortRefused",
        timeout=60,
        what="the condition to say that the port refuses",
    )

    assert "port 8080" in model.condition("Ready")["message"]
    candidate = str(model.status["candidate"]["revision"])
    status = model.wait(
        lambda s: s.get("outcome", {}).get("result") == "Failed", timeout=60, what="the release to fail"
    )
    assert status["outcome"]["reason"] == "PortRefused"
    assert "port 8080" in status["outcome"]["message"]
    assert all(not weights.get(candidate) for _, weights in model.weights)


def hung_up(model: Model, first: dict[str, Any]) -> tuple[float, float]:
    """The counters of one stand still while stable's rise, and that is enough; when it had users."""
    pod = next_version(model, first, "3")
    pod["containers"].append(
        {
            "name": "door",
            "image": pod["containers"][0]["image"],
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "-c", HANGS_UP],
            "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}},
        }
    )
    model.apply()
    status = model.wait(
        lambda s: s.get("candidate", {}).get("version") == "3", timeout=60, what="version 3 to be the candidate"
    )
    candidate = str(status["candidate"]["revision"])
    model.in_traffic(candidate, weight=10)
    status = model.rolled_back(candidate, timeout=60)

    assert status["outcome"]["reason"] == "NotReached"
    assert "while stable counted" in status["outcome"]["message"]
    begun, ended = model.weighed(candidate, 10)
    assert ended - begun < 20
    return begun, ended
