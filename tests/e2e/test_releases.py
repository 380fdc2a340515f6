"""The main job under continuous traffic: promoted when good, rolled back when not, and users never notice Palier."""

import math
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from local.traffic import TrafficThread
from tests.e2e.support import Model, not_the_candidates

SETTLE = 1.0
"""Seconds that a data plane may take to follow its route."""

Users = Callable[..., TrafficThread]


@pytest.mark.long
def test_promotions_in_a_row_fail_no_request(model: Model, users: Users) -> None:
    """Five versions in a row are promoted while 100 requests a second go on; all of them are answered."""
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": weight, "minDuration": "2s", "maxDuration": "10m"}} for weight in (20, 50)
    ]
    model.manifest["spec"]["serving"]["replicas"] = 2
    model.serve_first()
    traffic = users(rate=100)
    for number in range(2, 7):
        revision = model.release(str(number))
        model.promoted(revision)
    responses = traffic.stop()

    assert len(responses) > 1000
    assert responses.failures() == []


@pytest.mark.long
def test_rollbacks_of_slow_versions_fail_no_request(model: Model, users: Users) -> None:
    """Five slow versions are rolled back; slow answers are the candidate's, failed ones would be Palier's."""
    model.manifest["spec"]["release"]["stages"] = [
        {"canary": {"weight": 20, "minDuration": "2s", "maxDuration": "10m"}}
    ]
    stable = model.serve_first()
    traffic = users()
    for number in range(5):
        revision = model.release(f"slow-{number}", EXTRA_LATENCY_MS="400")
        status = model.rolled_back(revision)

        assert status["stable"]["revision"] == stable
        assert "slower than 250ms" in status["outcome"]["message"]
    responses = traffic.stop()

    assert len(responses) > 1000
    assert responses.failures() == []


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


def test_the_served_share_is_the_declared_weight(model: Model, users: Users) -> None:
    """At every step the share counted from responses lies within three standard deviations of the weight."""
    for stage in model.manifest["spec"]["release"]["stages"]:
        stage["canary"]["minDuration"] = "7s"
    model.serve_first()
    traffic = users(rate=100)
    revision = model.release("2")
    model.promoted(revision)
    responses = traffic.stop()
    steps = [step for step in pairwise(model.weights) if 0 < step[0][1].get(revision, 0) < 100]
    measured = 0
    for (begin, weights), (end, _) in steps:
        counts = responses.counts(begin + SETTLE, end - SETTLE / 4)
        if counts.total() < 300:
            continue
        measured += 1
        share, weight = counts[revision] / counts.total(), weights[revision] / 100

        assert abs(share - weight) <= 3 * math.sqrt(weight * (1 - weight) / counts.total()), (weight, share)

    assert measured == 3
