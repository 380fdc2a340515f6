"""Simulated traffic: seeded, and its recordings hold what a Prometheus would hold."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from palier.simulate.case import Case, Span, Stage
from palier.simulate.conditions import OTHERS, SEGMENT
from palier.simulate.recording import Arm, PodRecording, Recording
from palier.simulate.scenarios import SCENARIOS
from palier.simulate.traffic import Traffic

ALL = sorted(SCENARIOS)


def recorded(case: Case, *, seed: int = 1, run: int = 0) -> Recording:
    """The recording of one run."""
    return Traffic(case, seed=seed, run=run).make_recording()


def same(one: Recording, other: Recording) -> bool:
    """Whether two recordings hold the same samples."""
    return all(
        np.array_equal(mine.times, theirs.times)
        and mine.counters.keys() == theirs.counters.keys()
        and all(np.array_equal(mine.counters[name], theirs.counters[name], equal_nan=True) for name in mine.counters)
        and all(np.array_equal(mine.buckets[edge], theirs.buckets[edge]) for edge in mine.buckets)
        for mine, theirs in zip(one.pods, other.pods, strict=True)
    )


def events(recording: Recording, arm: Arm, counter: str) -> float:
    """What a counter grew by over the whole recording, where no process ends."""
    return sum(
        float(np.nanmax(pod.counters[counter]) - np.nanmin(pod.counters[counter])) for pod in recording.pods_of(arm)
    )


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_recording(name: str) -> None:
    """A run depends on its seed and its number, and on nothing else."""
    case = Case(**SCENARIOS[name].changes)
    assert same(recorded(case, seed=5, run=3), recorded(case, seed=5, run=3))
    if name != "no-data":
        assert not same(recorded(case, seed=5, run=3), recorded(case, seed=5, run=4))
        assert not same(recorded(case, seed=5, run=3), recorded(case, seed=6, run=3))


@pytest.mark.parametrize("name", ALL)
def test_recording_is_what_prometheus_holds(name: str) -> None:
    """Times ascend, counters are whole and only fall where a process began anew, and every sample was a scrape."""
    case = Case(**SCENARIOS[name].changes)
    recording = recorded(case)
    assert {pod.arm for pod in recording.pods} == set(Arm)
    for pod in recording.pods:
        assert (np.diff(pod.times) > 0).all()
        assert pod.times.size == 0 or pod.times[-1] <= recording.duration
        assert np.array_equal(pod.times, pod.up_times[pod.up == 1])
        for counter, values in pod.counters.items():
            there = values[~np.isnan(values)]
            assert values.size == pod.times.size
            assert (there >= 0).all()
            if counter != "cost_sum":
                assert (there == np.round(there)).all()
            if not case.churn:
                assert (np.diff(there) >= 0).all()
        errors = np.nan_to_num(pod.counters["errors"])
        assert (errors <= pod.counters["requests"]).all()
        check_buckets(pod)


def check_buckets(pod: PodRecording) -> None:
    """Buckets are cumulative, and the last one counts every request."""
    edges = sorted(pod.buckets)
    for lower, upper in pairwise(edges):
        assert (pod.buckets[lower] <= pod.buckets[upper]).all()
    if edges:
        assert edges[-1] == math.inf
        assert np.array_equal(np.diff(pod.buckets[math.inf]), np.diff(pod.counters["requests"]))


def test_arrivals_have_the_expected_rates() -> None:
    """Requests are shared by weight, and errors follow each arm's own rate."""
    case = Case(rps=200, error_delta=0.02)
    recording = recorded(case)
    # 72,000 and 648,000 requests are expected, and 2.5 % of the candidate's fail: 5 standard deviations each.
    assert events(recording, Arm.CANDIDATE, "requests") == pytest.approx(72_000, abs=5 * math.sqrt(72_000) + 400)
    assert events(recording, Arm.STABLE, "requests") == pytest.approx(670_000, abs=30_000)
    assert events(recording, Arm.CANDIDATE, "errors") == pytest.approx(0.025 * 72_000, abs=5 * math.sqrt(1_800) + 10)


def test_truth_is_what_the_candidate_adds() -> None:
    """Harm is what the difference costs, from the onset on."""
    truth = recorded(Case(error_delta=0.05, onset=1800)).truth
    assert truth.extra_bad.sum() == pytest.approx(100 * 0.1 * 0.05 * 1800)
    assert truth.extra_bad[:1800].sum() == 0
    assert truth.candidate_requests.sum() == pytest.approx(36_000)


def test_truth_of_slow_answers() -> None:
    """A slow candidate's harm is the answers over the threshold that stable would have given in time."""
    truth = recorded(Case(objectives=("latency",), latency_factor=1.5)).truth
    # Normal distribution: P(> 300 ms) is 3.35 % at a median of 100 ms and 12.40 % at 150 ms.
    assert truth.extra_bad.sum() / truth.candidate_requests.sum() == pytest.approx(0.1240 - 0.0335, abs=0.0003)


def test_slow_answers_fill_the_upper_buckets() -> None:
    """The candidate's share of slow answers is that of its response times."""
    recording = recorded(Case(objectives=("latency",), latency_factor=1.5))
    (pod,) = recording.pods_of(Arm.CANDIDATE)
    slow = 1 - pod.buckets[0.3][-1] / pod.buckets[math.inf][-1]
    assert slow == pytest.approx(0.1240, abs=5 * math.sqrt(0.124 / 36_000))


def test_overdispersion_spreads_the_counts() -> None:
    """With correlated failures the errors of 15 seconds vary far more than a Poisson count."""
    spread = {}
    for correlation in (0.0, 0.05):
        (pod,) = recorded(Case(rps=1000, base_error=0.05, overdispersion=correlation)).pods_of(Arm.CANDIDATE)
        grown = np.diff(np.nan_to_num(pod.counters["errors"]))[10:]
        spread[correlation] = float(grown.var() / grown.mean())
    assert spread[0.0] == pytest.approx(1, abs=0.5)
    assert spread[0.05] > 10


def test_missing_scrapes() -> None:
    """The share of failed scrapes is as asked for, and a failed one leaves only its `up` sample."""
    recording = recorded(Case(missing=0.2))
    up = np.concatenate([pod.up for pod in recording.pods])
    assert 1 - up.mean() == pytest.approx(0.2, abs=0.06)


def test_target_gone() -> None:
    """While a target is unknown there is no sample of it at all, and its counters go on afterwards."""
    recording = recorded(Case(target_gone=Span(600, 300)))
    (candidate,) = recording.pods_of(Arm.CANDIDATE)
    assert not ((candidate.up_times >= 600) & (candidate.up_times < 900)).any()
    assert candidate.counters["requests"][-1] == pytest.approx(36_000, rel=0.05)
    assert all(((pod.up_times >= 600) & (pod.up_times < 900)).any() for pod in recording.pods_of(Arm.STABLE))


def test_prometheus_down() -> None:
    """While Prometheus is down nothing is scraped, and it says so."""
    recording = recorded(Case(prometheus_down=Span(600, 180)))
    assert recording.unavailable == Span(600, 180)
    assert not any(((pod.up_times >= 600) & (pod.up_times < 780)).any() for pod in recording.pods)


def test_no_data() -> None:
    """Without any scrape there is not a single sample."""
    assert all(pod.up_times.size == 0 and pod.times.size == 0 for pod in recorded(Case(no_data=True)).pods)


def test_churn() -> None:
    """Counters start anew in the same pod, then another pod takes its place."""
    recording = recorded(Case(churn=300))
    assert len(recording.pods_of(Arm.CANDIDATE)) == 6
    assert any((np.diff(pod.counters["requests"]) < 0).any() for pod in recording.pods_of(Arm.CANDIDATE))


def test_segments_add_up() -> None:
    """The segments' counters add up to the whole, and each arm has its own mix."""
    recording = recorded(Case(segment_share=0.1, segment_share_candidate=0.4, segment_base_error=0.05))
    (pod,) = recording.pods_of(Arm.CANDIDATE)
    parts = [np.nan_to_num(pod.counters[f"requests/{part}"]) for part in (SEGMENT, OTHERS)]
    assert np.array_equal(sum(parts), pod.counters["requests"])
    assert parts[0][-1] / pod.counters["requests"][-1] == pytest.approx(0.4, abs=0.02)
    stable = recording.pods_of(Arm.STABLE)[0].counters
    assert np.diff(stable[f"requests/{SEGMENT}"]).sum() / np.diff(stable["requests"]).sum() == pytest.approx(
        0.1, abs=0.01
    )


def test_bursts_keep_the_mean() -> None:
    """Bursty traffic has two levels, one ten times the other, and its mean over many runs."""
    totals = [recorded(Case(burst=10), run=run).truth.candidate_requests for run in range(60)]
    levels = np.unique(np.round(np.concatenate(totals), 9))
    assert levels.size == 2
    assert levels[1] / levels[0] == pytest.approx(10)
    assert np.mean([total.sum() for total in totals]) == pytest.approx(36_000, rel=0.06)


def test_no_request_costs_more_than_the_most() -> None:
    """What is drawn above the largest cost is cut off, of a dearer candidate as of stable; the rest stays as it is."""
    case = Case(minutes=10, stages=(Stage(10, 600, 600),), objectives=("cost",), cost_factor=3.0)
    free, cut = (recorded(replace(case, most_cost=most)) for most in (None, 2.0))
    for arm in Arm:
        for dear, cheap in zip(free.pods_of(arm), cut.pods_of(arm), strict=True):
            requests, costs = (np.diff(cheap.counters[name]) for name in ("requests", "cost_sum"))
            assert (costs <= 2.0 * requests + 1e-9).all()
            assert costs.sum() < np.diff(dear.counters["cost_sum"]).sum()
    assert all(np.array_equal(a.times, b.times) for a, b in zip(free.pods, cut.pods, strict=True))
    loose = recorded(replace(case, most_cost=1e9))
    for one, other in zip(free.pods, loose.pods, strict=True):
        assert one.counters["cost_sum"] == pytest.approx(other.counters["cost_sum"])


def test_climbing_changes_only_what_follows() -> None:
    """Another weight leaves the past as it was and changes the future."""
    traffic = Traffic(Case(), seed=1, run=0)
    (before,) = traffic.make_recording().pods_of(Arm.CANDIDATE)
    traffic.climb([(1800, 50)])
    recording = traffic.make_recording()
    (after,) = recording.pods_of(Arm.CANDIDATE)
    past = before.times <= 1800
    assert np.array_equal(before.counters["requests"][past], after.counters["requests"][past])
    grown = after.counters["requests"][-1] - after.counters["requests"][past][-1]
    assert grown == pytest.approx(90_000, rel=0.05)
    assert recording.weights == ((0, 10), (1800, 50))
