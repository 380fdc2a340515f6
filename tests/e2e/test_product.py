"""Product signals on a real cluster: what customers do with the answers decides, and it is said for whom."""

from datetime import datetime

import pytest

from tests.e2e.installation import FRONT_END_IMAGE
from tests.e2e.products import HORIZON, Customers, FrontEnd
from tests.e2e.support import Model, Status

PENDING = f"abandonment: what is answered in this stage is known only {HORIZON} s later"


def canary(weight: int, *, least: str) -> dict[str, object]:
    """A stage with a part of the customers."""
    return {"canary": {"weight": weight, "minDuration": least, "maxDuration": "5m"}}


def judged_by_customers(model: Model) -> None:
    """Sessions that nothing helped decide, by kind of customer; by their own time stages would be over early."""
    spec = model.manifest["spec"]
    abandoned = {"product": {"signal": "Abandonment", "maxPercent": "30"}, "segmentBy": "customer_kind"}
    spec["objectives"] = [
        {"name": "abandonment", "labelDelay": f"{HORIZON}s", **abandoned},
        {"name": "errors", "errorRate": {"maxPercent": "5"}},
    ]
    spec["release"]["stages"] = [canary(20, least="1s"), canary(50, least="1s")]


def verdict(status: Status) -> Status:
    """What is said of the abandoned sessions; empty where nothing is."""
    return next((one for one in status.get("verdicts", ()) if one["objective"] == "abandonment"), {})


def waited(model: Model, stage: str) -> tuple[float, list[Status]]:
    """How many seconds a stage had its traffic, and the statuses meanwhile."""
    seen = [
        (at, status)
        for at, status in model.statuses
        if status.get("stage") == stage and "trafficSince" in status["release"]
    ]
    over = next(at for at, _ in model.statuses if at > seen[-1][0])
    return over - datetime.fromisoformat(seen[0][1]["release"]["trafficSince"]).timestamp(), [one for _, one in seen]


@pytest.mark.long
def test_a_version_that_only_new_customers_suffer_from_is_rolled_back_and_says_so(model: Model) -> None:
    """A good version is kept once its sessions are known; one that a twentieth of the customers flee from is not."""
    judged_by_customers(model)
    front_end = FrontEnd(model, image=FRONT_END_IMAGE)
    first = model.serve_first()
    with Customers(front_end.address, rate=80) as customers:
        good = model.release("2")
        model.promoted(good)
        stages = [waited(model, "Canary 20"), waited(model, "Canary 50")]
        # Nothing but its customers ends the next release within the time of this test.
        model.manifest["spec"]["release"]["stages"] = [canary(50, least="4m")]
        harmful = model.release("harmful", WRONG_PERCENT="70")
        status = model.rolled_back(harmful)
    counted = front_end.counts(len(customers.visits))

    for seconds, statuses in stages:
        assert seconds >= HORIZON
        assert "LabelsPending" in {verdict(one).get("reason") for one in statuses}
        assert PENDING in {one["message"] for each in statuses for one in each["conditions"]}

    judged = [one for _, each in model.statuses if (one := verdict(each)).get("verdict") == "Fail"][-1]
    assert status["stable"]["revision"] == good
    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert status["outcome"]["message"].startswith('abandonment: worse for "new": ')
    assert (judged["reason"], judged["segments"]) == ("SegmentWorse", ["new"])
    assert float(judged["estimate"].split()[0]) < 20  # of all customers together, where 30 are allowed

    assert [one for one in customers.visits if not one.version] == []
    assert counted == customers.counted({"1": first, "2": good, "harmful": harmful})
