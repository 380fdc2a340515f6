"""What serves goes on being watched: a spent error budget is told, freezes the next version, and lets a fix through."""

from collections.abc import Callable

import pytest

from local.traffic import TrafficThread
from palier.api.constants import LABEL_REVISION
from tests.e2e.objects import list_objects
from tests.e2e.support import Model, kubectl, wait_until

Users = Callable[..., TrafficThread]

BAD = "/tmp/bad"  # noqa: S108 - in a container of its own


@pytest.mark.long
def test_a_spent_budget_freezes_releases_until_a_fix(model: Model, users: Users) -> None:
    """All answers of what serves fail after its promotion: people are told, a new version waits, and a fix does not."""
    spec = model.manifest["spec"]
    spec["objectives"] = [{"name": "errors", "errorRate": {"maxPercent": "1"}}]
    spec["watch"] = {"errorBudgetDays": 7, "errorBudgetPolicy": {"freezeAt": 99}}
    spec["release"]["stages"] = [{"canary": {"weight": 50, "minDuration": "5s", "maxDuration": "10m"}}]
    spec["serving"]["template"]["spec"]["containers"][0]["env"] += [{"name": "FAIL_FILE", "value": BAD}]
    stable = model.serve_first()
    users(rate=20)
    pods = [
        one["metadata"]["name"] for one in list_objects(model.namespace, "pods", selector=f"{LABEL_REVISION}={stable}")
    ]
    for pod in pods:
        kubectl("exec", pod, "-n", model.namespace, "--", "python", "-c", f"open({BAD!r}, 'w').close()")

    model.wait(
        lambda s: any("alert" in one for one in s.get("watch", {}).get("objectives", ())),
        timeout=240,
        what="the error budget to burn",
    )
    assert model.condition("WithinErrorBudget")["reason"] in {"ErrorBudgetBurns", "ErrorBudgetSpent"}
    assert model.condition("Ready")["status"] == "True"
    wait_until(
        lambda: "ErrorBudgetBurns" in {event["reason"] for event in list_objects(model.namespace, "events")},
        timeout=30,
        what="the Event",
    )
    spec = model.manifest["spec"]
    spec["model"]["version"] = "2"
    model.apply()
    model.wait(lambda _: model.condition("Ready")["reason"] == "ReleasesFrozen", timeout=120, what="releases to freeze")
    assert model.weight(stable) == 100

    spec["serving"]["template"]["spec"]["containers"][0]["env"].pop()
    model.manifest["metadata"]["annotations"] = {"palier.dev/fix": "2"}
    model.apply()
    status = model.wait(lambda s: s.get("candidate", {}).get("version") == "2", timeout=60, what="the fix to be tried")
    model.promoted(status["candidate"]["revision"], timeout=180)
