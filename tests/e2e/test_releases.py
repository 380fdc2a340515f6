"""The main job under continuous traffic: promoted when good, rolled back when not, and users never notice Palier."""

import math
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from local import cluster
from local.errors import LocalError
from local.traffic import Responses, TrafficThread
from tests.e2e.support import Model, asked_by_palier, kubectl, not_the_candidates

SETTLE = 2.0
"""Seconds that a data plane may take to follow its route."""

Users = Callable[..., TrafficThread]


@pytest.mark.long
@pytest.mark.bears("operator")
def test_promotions_in_a_row_fail_no_request_and_give_each_version_its_share(model: Model, users: Users) -> None:
    """Three versions in a row are promoted while 100 requests a second go on; all of them are answered.

    At every step of the first the share counted from responses lies within three standard deviations of the weight.
    """
    model.manifest["spec"]["serving"]["replicas"] = 2
    model.manifest["spec"]["release"]["stages"] = stages(20, 35, 50, least="8s")
    model.serve_first()
    traffic = users(rate=100)
    second = model.release("2")
    model.promoted(second)
    model.manifest["spec"]["release"]["stages"] = stages(20, 50, least="2s")
    for version in ("3", "4"):
        model.promoted(model.release(version))
    responses = traffic.stop()

    assert len(responses) > 1000
    assert responses.failures() == []
    assert measured_shares(model, responses, second) >= 3


def stages(*weights: int, least: str) -> list[dict[str, dict[str, object]]]:
    """Stages with these weights, which last at least so long."""
    return [{"canary": {"weight": weight, "minDuration": least, "maxDuration": "10m"}} for weight in weights]


def measured_shares(model: Model, responses: Responses, revision: str) -> int:
    """How often a revision's share could be counted at one weight; each time it has to be that weight."""
    steps = [step for step in pairwise(model.weights) if 0 < step[0][1].get(revision, 0) < 100]
    measured = 0
    for (begin, weights), (end, _) in steps:
        counts = responses.counts(begin + SETTLE, end - SETTLE / 4)
        if counts.total() < 300:
            continue
        measured += 1
        share, weight = counts[revision] / counts.total(), weights[revision] / 100

        assert abs(share - weight) <= 3 * math.sqrt(weight * (1 - weight) / counts.total()), (weight, share)
    return measured


@pytest.mark.long
def test_rollbacks_of_slow_versions_fail_no_request_and_move_the_traffic_first(model: Model, users: Users) -> None:
    """Three slow versions are rolled back; slow answers are the candidate's, failed ones would be Palier's.

    The route is at weight 0 before a status or an Event says so; and tools tell a rollback from progress.
    """
    release = model.manifest["spec"]["release"]
    release["stages"] = stages(20, least="2s")
    # What Palier tidies up later is no part of the order of a rollback.
    release["drainDelay"] = "5m"
    stable = model.serve_first()
    traffic = users()
    roll_back_slow(model, "slow-0", stable)
    told_to_tools(model)
    if cluster.is_local():
        route_moved_first(model)
    model.manifest["spec"]["release"]["drainDelay"] = "3s"
    for version in ("slow-1", "slow-2"):
        roll_back_slow(model, version, stable)
    responses = traffic.stop()

    assert len(responses) > 1000
    assert responses.failures() == []


def roll_back_slow(model: Model, version: str, stable: str) -> None:
    """See a slow version come and go."""
    revision = model.release(version, EXTRA_LATENCY_MS="800")
    status = model.rolled_back(revision)

    assert status["stable"]["revision"] == stable
    assert "slower than 500ms" in status["outcome"]["message"]


def told_to_tools(model: Model) -> None:
    """Stalled and Available are true and Ready is not, so that they fail fast and know that users are served."""
    target = (f"modeldeployment/{model.name}", "-n", model.namespace)
    kubectl("wait", "--for=condition=Stalled", *target, "--timeout=10s")
    kubectl("wait", "--for=condition=Available", *target, "--timeout=10s")

    assert model.condition("Ready")["reason"] == "RolledBack"
    assert model.condition("Reconciling") == {}
    with pytest.raises(LocalError, match="timed out"):
        kubectl("wait", "--for=condition=Ready", *target, "--timeout=2s")


def route_moved_first(model: Model) -> None:
    """The last write of the route came before the last status and the last Event."""
    order = [entry["objectRef"] for entry in asked_by_palier(model.namespace)]
    last_route = max(index for index, about in enumerate(order) if about["resource"] == "httproutes")
    last_event = max(index for index, about in enumerate(order) if about["resource"] == "events")
    last_status = max(index for index, about in enumerate(order) if about.get("subresource") == "status")

    assert last_route < last_status
    assert last_route < last_event


def test_a_dead_version_is_at_weight_0_within_5_seconds_of_its_sixth_failure(model: Model, users: Users) -> None:
    """With 1 s scrapes and looks, at 5 % of 50 requests a second."""
    model.manifest["spec"]["release"]["stages"][0]["canary"]["weight"] = 5
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("dead", FAIL_PERCENT="100")
    model.rolled_back(revision)
    failures = sorted(each.completed for each in traffic.responses.failures() if each.revision == revision)

    assert len(failures) >= 6
    assert model.zero_since(revision) - failures[5] <= 5.0
    assert not_the_candidates(traffic, revision) == []


def test_five_percent_of_failures_are_found_within_a_minute_at_25_percent(model: Model, users: Users) -> None:
    """5 % against 0 % at 12.5 candidate requests a second."""
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 25, "minDuration": "2m", "maxDuration": "10m"}}
    ]
    model.serve_first()
    traffic = users(rate=50)
    revision = model.release("flaky", FAIL_PERCENT="5")
    status = model.in_traffic(revision, weight=25)
    begun = time.time()
    status = model.rolled_back(revision)

    assert model.zero_since(revision) - begun <= 60
    assert status["outcome"]["reason"] == "ObjectiveBreached"
    assert not_the_candidates(traffic, revision) == []
