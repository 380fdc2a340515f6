"""More pods of the candidate in the middle of a run: they share its requests, and nothing before them changes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from palier.simulate.case import Case, Span
from palier.simulate.promql import without_resets
from palier.simulate.recording import Arm, PodRecording, Recording
from palier.simulate.traffic import Traffic

BUSY = Case(rps=1000, minutes=30, objectives=("errors", "latency", "cost"))
"""A hundred requests per second for the candidate."""


def record_scaled(case: Case, *changes: tuple[float, int], run: int = 0) -> Recording:
    """A run in which the candidate gets so many pods at these moments."""
    traffic = Traffic(case, seed=1, run=run)
    for at, pods in changes:
        traffic.scale(at, pods)
    return traffic.make_recording()


def grown(pod: PodRecording, counter: str, since: float, until: float) -> float:
    """What a counter of a pod grew by from the first to the last scrape of a stretch of time."""
    values = without_resets(np.nan_to_num(pod.counters[counter]))[(pod.times >= since) & (pod.times <= until)]
    return float(values[-1] - values[0])


def rate(pod: PodRecording, since: float, until: float) -> float:
    """Requests per second of a pod in a stretch of time."""
    times = pod.times[(pod.times >= since) & (pod.times <= until)]
    return grown(pod, "requests", since, until) / float(times[-1] - times[0])


def fail_share(pod: PodRecording, since: float, until: float) -> float:
    """Share of a pod's requests that failed in a stretch of time."""
    return grown(pod, "errors", since, until) / grown(pod, "requests", since, until)


def slow_share(pod: PodRecording) -> float:
    """Share of all answers of a pod above the threshold."""
    return float(1 - pod.buckets[0.3][-1] / pod.buckets[math.inf][-1])


def check_past(before: Recording, after: Recording, at: float) -> None:
    """Every sample that was scraped up to the moment is the same, of either revision."""
    known = {pod.pod: pod for pod in after.pods}
    for pod in before.pods:
        past, later = pod.times <= at, known[pod.pod]
        assert np.array_equal(pod.times, later.times)
        assert np.array_equal(pod.up_times, later.up_times)
        for name, values in pod.counters.items():
            assert np.array_equal(values[past], later.counters[name][past], equal_nan=True)
        for edge, counts in pod.buckets.items():
            assert np.array_equal(counts[past], later.buckets[edge][past])


@pytest.mark.parametrize("changes", [{}, {"pod_speed_spread": 0.001}])
def test_all_pods_share_the_requests_evenly(changes: dict[str, float]) -> None:
    """One pod serves a hundred per second; from the moment on three serve a third of it each, drawn apart or not."""
    pods = record_scaled(replace(BUSY, **changes), (900, 3)).pods_of(Arm.CANDIDATE)  # type: ignore[arg-type]
    assert [pod.pod for pod in pods] == ["candidate-1", "candidate-2", "candidate-3"]
    assert rate(pods[0], 0, 900) == pytest.approx(100, abs=5 * math.sqrt(100 / 850))
    for pod in pods:
        assert rate(pod, 916, 1800) == pytest.approx(100 / 3, abs=5 * math.sqrt(100 / 3 / 850))


@pytest.mark.parametrize("at", [900, 900.5])
def test_requests_are_neither_lost_nor_doubled(at: float) -> None:
    """However the moment lies to the seconds and the scrapes, the candidate serves what it serves without more pods."""
    case = replace(BUSY, rps=100_000, minutes=16, scrape=2.0, objectives=("errors",))
    pods = record_scaled(case, (at, 9)).pods_of(Arm.CANDIDATE)
    # Ten thousand per second up to the last scrape of each pod; a second too many or too few would show.
    lost = sum((960 - float(pod.times[-1])) * 10_000 / 9 for pod in pods)
    total = grown(pods[0], "requests", 0, 960) + float(sum(pod.counters["requests"][-1] for pod in pods[1:]))
    assert total == pytest.approx(10_000 * (960 - float(pods[0].times[pods[0].times >= 0][0])) - lost, abs=5 * 3100)


def test_new_pods_begin_to_count_at_zero() -> None:
    """Their first scrape, in a phase of its own, holds what they have served since the moment, and none lies before."""
    _, *new = record_scaled(BUSY, (900, 3)).pods_of(Arm.CANDIDATE)
    for pod in new:
        assert np.array_equal(pod.up_times, pod.times)
        first = float(pod.times[0])
        assert 900 < first <= 915
        served = (first - 900) * 100 / 3
        assert pod.counters["requests"][0] == pytest.approx(served, abs=5 * math.sqrt(served) + 1)
        assert pod.buckets[math.inf][0] == pod.counters["requests"][0]
        assert math.isnan(pod.counters["errors"][0]) or pod.counters["errors"][0] < 10
        assert pod.counters["cost_sum"][0] < 10 * served
    assert len({round(float(pod.times[0]) % 15, 6) for pod in new}) == 2


@pytest.mark.parametrize(
    "case",
    [BUSY, replace(BUSY, churn=400, missing=0.1, poison=60, pod_error_drift=0.3), replace(BUSY, segment_share=0.2)],
)
@pytest.mark.parametrize("at", [900, 907.3])
def test_nothing_before_changes(case: Case, at: float) -> None:
    """What has been scraped up to the moment stays, sample by sample, and what follows is drawn anew."""
    before, after = record_scaled(case), record_scaled(case, (at, 3))
    check_past(before, after, at)
    check_past(after, record_scaled(case, (at, 3), (1200, 5)), 1200)
    old, new = (
        [pod.counters["requests"][-1] for pod in recording.pods_of(Arm.STABLE)] for recording in (before, after)
    )
    assert new != old


def test_the_same_changes_make_the_same_run() -> None:
    """A scaled run depends on its seed, its number and the changes, and on nothing else."""
    case = replace(BUSY, pod_error_spread=0.5, missing=0.2)
    one, again, other = (record_scaled(case, (600, 3), run=run) for run in (3, 3, 4))
    assert len(one.pods) == len(again.pods) == 6
    check_past(one, again, math.inf)
    assert not np.array_equal(one.pods[-1].times, other.pods[-1].times)


def test_new_pods_are_as_unlike_as_the_others() -> None:
    """Each has factors of its own for failures and for speed, spread as asked for, whenever it comes."""
    case = replace(BUSY, pod_error_spread=0.6, pod_speed_spread=0.2, base_error=0.02, objectives=("errors", "latency"))
    factors, speeds = [], []
    for run in range(12):
        for early, late in zip(
            record_scaled(case, (60, 4), run=run).pods_of(Arm.CANDIDATE)[1:],
            record_scaled(case, (600, 2), (800, 4), run=run).pods_of(Arm.CANDIDATE)[1:],
            strict=True,
        ):
            factors.append([math.log(fail_share(pod, 815, 1800) / 0.02) for pod in (early, late)])
            speeds.append(slow_share(early))
    assert np.std(factors) == pytest.approx(0.6, abs=0.15)
    assert np.mean(factors) == pytest.approx(0, abs=0.25)
    assert np.corrcoef(np.array(factors).T)[0, 1] > 0.9
    assert min(speeds) < case.slow_share(0.9)
    assert max(speeds) > case.slow_share(1.1)


def test_new_pods_wander() -> None:
    """A new pod is like itself two minutes later and not more than an hour later."""
    case = Case(rps=20_000, minutes=100, pod_error_drift=0.5, drift_time=900)
    pods = [pod for run in range(6) for pod in record_scaled(case, (300, 6), run=run).pods_of(Arm.CANDIDATE)[1:]]
    first, soon, late = np.array(
        [[math.log(fail_share(pod, start, start + 120) / 0.005) for pod in pods] for start in (600, 720, 5600)]
    )
    assert first.std() == pytest.approx(0.5, abs=0.15)
    assert np.corrcoef(first, soon)[0, 1] > 0.7
    assert abs(np.corrcoef(first, late)[0, 1]) < 0.5


def test_spells_hit_new_pods() -> None:
    """A new pod has as many bad spells as any."""
    case = replace(BUSY, spells=4, spell_time=90, spell_share=0.5, objectives=("errors",))
    new = [pod for run in range(12) for pod in record_scaled(case, (60, 6), run=run).pods_of(Arm.CANDIDATE)[1:]]
    assert np.mean([fail_share(pod, 60, 1800) for pod in new]) == pytest.approx(0.05, abs=0.02)


def test_a_bad_pod_stays_the_only_one() -> None:
    """The bad spell of one pod hits the first one and none of those that come, and is no harm of the version."""
    recording = record_scaled(replace(BUSY, bad_pod=Span(600, 600), spell_share=0.4), (800, 3))
    sick, *new = recording.pods_of(Arm.CANDIDATE)
    assert fail_share(sick, 816, 1200) == pytest.approx(0.4, abs=0.03)
    assert all(fail_share(pod, 816, 1200) < 0.02 for pod in new)
    assert recording.truth.extra_bad.sum() == 0


def test_weights_and_pods_change_in_turn() -> None:
    """Each change keeps the others, and the truth is that of the weights alone."""
    climbed, both = (Traffic(replace(BUSY, error_delta=0.02), seed=1, run=0) for _ in range(2))
    both.scale(300, 2)
    both.climb([(600, 50)])
    both.scale(600, 4)
    both.climb([(1200, 1)])
    climbed.climb([(600, 50), (1200, 1)])
    recording, plain = both.make_recording(), climbed.make_recording()

    first, second, third, fourth = recording.pods_of(Arm.CANDIDATE)
    for since, until, pods, expected in (
        (0, 300, (first,), 100),
        (316, 600, (first, second), 50),
        (616, 1200, (first, second, third, fourth), 125),
        (1216, 1800, (first, second, third, fourth), 2.5),
    ):
        for pod in pods:
            assert rate(pod, since, until) == pytest.approx(expected, abs=5 * math.sqrt(expected / 250))
    for stable in recording.pods_of(Arm.STABLE):
        assert rate(stable, 616, 1200) == pytest.approx(500 / 3, abs=5 * math.sqrt(500 / 3 / 550))
    assert recording.weights == plain.weights == ((0.0, 10), (600, 50), (1200, 1))
    assert np.array_equal(recording.truth.candidate_requests, plain.truth.candidate_requests)
    assert np.array_equal(recording.truth.extra_bad, plain.truth.extra_bad)


def test_poisoned_requests_are_tried_at_the_pods_that_there_are() -> None:
    """Before the moment all go to the one pod; from then on they are spread over all, and none gets lost."""
    case = Case(rps=0.01, stages=BUSY.stages, base_error=0, poison=3000, poison_tries=20, minutes=30)
    before, after = record_scaled(case), record_scaled(case, (900, 4))
    failures = [float(np.nan_to_num(pod.counters["errors"])[-1]) for pod in after.pods_of(Arm.CANDIDATE)]
    (alone,) = before.pods_of(Arm.CANDIDATE)
    assert sum(failures) == pytest.approx(float(alone.counters["errors"][-1]), rel=0.03)
    later = sum(failures) - float(alone.counters["errors"][alone.times <= 900][-1])
    assert failures[1:] == pytest.approx([later / 4] * 3, rel=0.25)


def test_new_pods_restart_and_are_replaced() -> None:
    """Where processes end after a while, those of new pods do so as well."""
    pods = record_scaled(replace(BUSY, churn=200), (600, 2)).pods_of(Arm.CANDIDATE)
    new = [pod for pod in pods if pod.pod.startswith("candidate-2-")]
    assert [pod.pod for pod in new] == ["candidate-2-1", "candidate-2-2", "candidate-2-3"]
    assert min(pod.times[0] for pod in new) > 600
    assert (np.diff(new[0].counters["requests"]) < 0).any()
    assert sum(grown(pod, "requests", 0, 1800) for pod in new) > 0.8 * 50 * 1200


def test_scrapes_of_new_pods_fail_as_often() -> None:
    """A share of them, and those of a target that is unknown are not there at all."""
    _, *new = record_scaled(replace(BUSY, missing=0.3, target_gone=Span(1200, 300)), (60, 6)).pods_of(Arm.CANDIDATE)
    assert 1 - np.concatenate([pod.up for pod in new]).mean() == pytest.approx(0.3, abs=0.07)
    assert not any(((pod.up_times >= 1200) & (pod.up_times < 1500)).any() for pod in new)


def test_pods_that_come_at_the_end_have_no_samples() -> None:
    """They are there, and nobody has scraped them."""
    recording = record_scaled(BUSY, (1800, 3))
    check_past(record_scaled(BUSY), recording, 1800)
    assert [pod.times.size for pod in recording.pods_of(Arm.CANDIDATE)[1:]] == [0, 0]


@pytest.mark.parametrize(
    ("at", "pods", "told"),
    [
        (900, 2, "pods: more than the 2 that there are, not 2"),
        (900, 1, "pods: more than the 2 that there are, not 1"),
        (500, 3, "at: not before the change at 600 s, but 500 s"),
        (650, 3, "at: not before the change at 700 s, but 650 s"),
    ],
)
def test_changes_that_are_refused(at: float, pods: int, told: str) -> None:
    """Pods do not go away, and what has happened stays."""
    traffic = Traffic(BUSY, seed=1, run=0)
    traffic.scale(600, 2)
    if at > 600:
        traffic.climb([(700, 20)])
    with pytest.raises(ValueError, match=f"^{told}$"):
        traffic.scale(at, pods)
