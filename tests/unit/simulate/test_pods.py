"""Pods that are not alike, and what happens to one of them, show in the counters of that pod and nowhere else."""

import math
from dataclasses import replace

import numpy as np
import pytest

from palier.simulate.case import Case, Span
from palier.simulate.promql import without_resets
from palier.simulate.recording import Arm, PodRecording, Recording
from palier.simulate.traffic import Traffic

BUSY = Case(rps=1000, minutes=30, stable_pods=9)
"""A hundred requests per second for each of ten pods."""
ALWAYS = Span(0, math.inf)


def record(run: int = 0, **changes: object) -> Recording:
    """The recording of one run of a busy case."""
    return Traffic(replace(BUSY, **changes), seed=1, run=run).make_recording()  # type: ignore[arg-type]


def grown(pod: PodRecording, counter: str, span: Span = ALWAYS) -> float:
    """What a counter of a pod grew by in a stretch of time."""
    values = without_resets(np.nan_to_num(pod.counters[counter]))[(pod.times >= span.start) & (pod.times <= span.end)]
    return float(values[-1] - values[0])


def fail_share(pod: PodRecording, span: Span = ALWAYS) -> float:
    """Share of the pod's requests that failed in a stretch of time."""
    return grown(pod, "errors", span) / grown(pod, "requests", span)


def slow_share(pod: PodRecording, span: Span = ALWAYS) -> float:
    """Share of its answers above the threshold in a stretch of time."""
    within = (pod.times >= span.start) & (pod.times <= span.end)
    fast, total = (np.diff(pod.buckets[edge][within][[0, -1]])[0] for edge in (0.3, math.inf))
    return float(1 - fast / total)


def test_alike_pods_fail_alike() -> None:
    """Without any of the parameters the pods differ by chance alone."""
    shares = [fail_share(pod) for pod in record().pods]
    assert max(shares) < 0.005 + 5 * math.sqrt(0.005 / 180_000)


def test_pods_draw_their_own_errors() -> None:
    """The logarithms of the odds of many pods, of either revision, are spread as asked for; each pod keeps its own."""
    pods = [pod for run in range(8) for pod in record(run, pod_error_spread=0.6).pods]
    factors = np.log([fail_share(pod) / 0.005 for pod in pods])
    assert factors.std() == pytest.approx(0.6, abs=0.15)
    assert factors.mean() == pytest.approx(0, abs=0.2)
    halves = [[fail_share(pod, Span(start, 900)) for pod in pods] for start in (0, 900)]
    assert np.corrcoef(np.array(halves))[0, 1] > 0.9


def test_pods_draw_their_own_speed() -> None:
    """Each pod's response times are multiplied by its own factor, the candidate's as well."""
    recording = record(objectives=("latency",), pod_speed_spread=0.2)
    shares = [slow_share(pod) for pod in recording.pods]
    assert min(shares) < BUSY.slow_share(0.9)
    assert max(shares) > BUSY.slow_share(1.1)
    assert slow_share(recording.pods_of(Arm.CANDIDATE)[0]) != pytest.approx(BUSY.slow_share(), rel=0.05)


def test_drift_wanders_and_forgets() -> None:
    """A pod is like itself a minute later and not an hour later, and the spread over many is as asked for."""
    case = replace(BUSY, minutes=120, pod_error_drift=0.5, drift_time=900)
    pods = [pod for run in range(6) for pod in Traffic(case, seed=1, run=run).make_recording().pods]
    logs = [[math.log(fail_share(pod, Span(start, 120)) / 0.005) for start in (600, 720, 6600)] for pod in pods]
    first, soon, late = np.array(logs).T
    assert first.std() == pytest.approx(0.5, abs=0.15)
    assert np.corrcoef(first, soon)[0, 1] > 0.7
    assert abs(np.corrcoef(first, late)[0, 1]) < 0.4


def test_drift_of_speed() -> None:
    """A pod's share of slow answers moves although its version's does not."""
    (pod,) = record(objectives=("latency",), pod_speed_drift=0.3, drift_time=300).pods_of(Arm.CANDIDATE)
    shares = [slow_share(pod, Span(start, 120)) for start in range(0, 1800, 120)]
    assert max(shares) > 1.3 * min(shares)


def test_bad_spell_of_one_pod() -> None:
    """The first pod of the candidate fails for the time, and no other pod does; it is no harm of the version."""
    recording = record(candidate_pods=2, bad_pod=Span(600, 300), spell_share=0.4)
    spell, later = Span(615, 270), Span(915, 800)
    sick, *others = sorted(recording.pods, key=lambda pod: pod.pod)
    assert sick.arm is Arm.CANDIDATE
    assert fail_share(sick, spell) == pytest.approx(0.4, abs=0.03)
    assert fail_share(sick, later) < 0.01
    assert all(fail_share(pod, spell) < 0.02 for pod in others)
    assert recording.truth.extra_bad.sum() == 0


def test_spells_hit_any_pod() -> None:
    """Pods of both revisions have bad spells, about as many as asked for, of about the mean length."""
    pods = [pod for run in range(10) for pod in record(run, spells=4, spell_time=90, spell_share=0.5).pods]
    # Two spells of 90 s in half an hour: a tenth of the time, less where two meet or the end is near.
    bad = {arm: np.mean([fail_share(pod) for pod in pods if pod.arm is arm]) for arm in Arm}
    assert bad[Arm.STABLE] == pytest.approx(0.05, abs=0.015)
    assert bad[Arm.CANDIDATE] > 0.01


def test_poisoned_requests_stay_at_one_revision() -> None:
    """All tries of one fail within seconds, at the revision that chance has chosen by weight."""
    case = replace(BUSY, rps=1, base_error=0, poison=20, poison_tries=12)
    failures = dict.fromkeys(Arm, 0.0)
    for run in range(30):
        recording = Traffic(case, seed=1, run=run).make_recording()
        for arm in Arm:
            one = sum(float(np.nan_to_num(pod.counters["errors"])[-1]) for pod in recording.pods_of(arm))
            failures[arm] += one
    assert sum(failures.values()) == pytest.approx(30 * 10 * 12, rel=0.25)
    assert failures[Arm.CANDIDATE] / sum(failures.values()) == pytest.approx(0.1, abs=0.06)


def test_poisoned_requests_follow_the_weight() -> None:
    """After a climb the candidate gets more of them, and what has been scraped stays."""
    traffic = Traffic(replace(BUSY, rps=1, base_error=0, poison=200), seed=1, run=0)
    before = traffic.make_recording().pods_of(Arm.CANDIDATE)[0]
    traffic.climb([(900, 99)])
    after = traffic.make_recording().pods_of(Arm.CANDIDATE)[0]
    past = before.times <= 900
    assert np.array_equal(before.counters["errors"][past], after.counters["errors"][past], equal_nan=True)
    assert grown(after, "errors", Span(930, 900)) > 5 * grown(after, "errors", Span(0, 900))


def test_part_of_the_answers_slow() -> None:
    """A cold cache slows a share of the answers for a while, and the harm is theirs."""
    recording = record(objectives=("latency",), latency_factor=20.0, slow_for=300.0, slow_part=0.5)
    (pod,) = recording.pods_of(Arm.CANDIDATE)
    usual, slow = BUSY.slow_share(), BUSY.slow_share(20)
    assert slow_share(pod, Span(0, 300)) == pytest.approx((usual + slow) / 2, abs=0.02)
    assert slow_share(pod, Span(315, 1400)) == pytest.approx(usual, abs=0.005)
    assert recording.truth.extra_bad.sum() == pytest.approx(100 * 300 * (slow - usual) / 2, rel=0.01)


def test_pods_that_change_in_turn_keep_what_is_peculiar() -> None:
    """Another pod in the same place has the same factor, as on the same node."""
    pods = record(churn=300, pod_error_spread=1.0, base_error=0.02).pods_of(Arm.CANDIDATE)
    shares = [fail_share(pod) for pod in pods]
    assert len({pod.pod for pod in pods}) > 1
    assert max(shares) < 1.5 * min(shares)
