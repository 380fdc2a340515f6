"""Prometheus gone, hanging or lying in mid-canary: nothing moves, the object says why, and afterwards it goes on."""

import os
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from local.traffic import TrafficThread
from tests.e2e.support import Faults, Model, kubectl, wait_until

OUTAGE = float(os.environ.get("PALIER_OUTAGE_SECONDS", "2"))
"""Seconds of each outage; make it longer for a soak."""


@pytest.mark.long
@pytest.mark.disturbs("prometheus")
def test_no_decision_rests_on_absent_data(model: Model, users: Callable[..., TrafficThread], faults: Faults) -> None:
    """Each time the weight stays and the reason is CannotMeasure; nothing is decided, and in the end it goes on."""
    stages = model.manifest["spec"]["release"]["stages"]
    stages[1]["canary"] |= {"minDuration": "2h", "maxDuration": "3h"}
    stable = model.serve_first()
    traffic = users()
    revision = model.release("2")
    model.in_traffic(revision, weight=35)
    before = model.weights[-1][1]
    began = len(model.weights)
    for how in ("refuse", "hang", "error", "empty", "nan"):
        faults.misbehave(how)
        reason(model, "CannotMeasure", f"the condition to say that nothing can be measured ({how})")
        clock = Stopwatch(OUTAGE)
        wait_until(clock.over, timeout=OUTAGE + 5, what="the outage to pass")
        status = model.status

        assert [weights for _, weights in model.weights[began:] if weights != before] == []
        assert model.weight(revision) == 35
        assert status["stable"]["revision"] == stable
        assert status["release"]["cursor"] == 1

        faults.behave()
        reason(model, "MinimumDuration", f"measuring to go on ({how})")
    request = f"{revision}@{model.status['release']['startedAt']}"
    kubectl("annotate", "modeldeployment", model.name, "-n", model.namespace, f"palier.dev/promote={request}")
    model.promoted(revision)
    shares = [weights.get(revision, 0) for _, weights in model.weights]

    assert [share for share, after in pairwise([*shares, None]) if share and share != after] == [1, 20, 35, 99, 100]
    assert traffic.stop().failures() == []


def reason(model: Model, wanted: str, what: str) -> None:
    """Wait for the reason of the Ready condition."""
    model.wait(lambda _status: model.condition("Ready").get("reason") == wanted, timeout=40, what=what)


class Stopwatch:
    """Tells when so many seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def over(self) -> bool:
        """Whether they have passed."""
        return time.monotonic() >= self._end


@pytest.mark.bears("operator")
def test_a_version_that_nobody_scrapes_gets_no_users(model: Model, users: Callable[..., TrafficThread]) -> None:
    """It stays ready and unseen: nothing is promoted, nothing rolled back, and the object says why."""
    stable = model.serve_first()
    traffic = users()
    model.manifest["spec"]["serving"]["template"]["metadata"]["annotations"]["prometheus.io/scrape"] = "false"
    revision = model.release("2")
    reason(model, "WaitingForMetrics", "the object to say that the candidate cannot be seen")
    clock = Stopwatch(OUTAGE)
    wait_until(clock.over, timeout=OUTAGE + 5, what="some looks to pass")

    assert model.status["stable"]["revision"] == stable
    assert model.status["stage"] == "Preparing"
    assert {weights.get(revision, 0) for _, weights in model.weights} == {0}
    assert traffic.stop().failures() == []
