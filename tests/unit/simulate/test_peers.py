"""The rules of other tools over small recordings: when they act, and what they do without data."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from palier.simulate.case import Span
from palier.simulate.outcome import Outcome
from palier.simulate.peers import ENGINES, ArgoOptions, FlaggerOptions, KayentaOptions, NaiveOptions, PeerOptions
from palier.simulate.recording import Arm, Floats, PodRecording, Recording, Truth

HOUR = 3600.0
EDGES = (0.1, 0.25, 0.5, 1.0, math.inf)
BOTH = PeerOptions(latency_threshold=0.25)


def _pod(
    arm: Arm,
    rate: float,
    share: float,
    *,
    slow: float = 0.0,
    phase: float = 5.0,
    born: float = 0.0,
    end: float = HOUR,
    gone: tuple[float, float] = (0, 0),
    seed: int | None = None,
) -> PodRecording:
    """A pod that is scraped every 15 s; without a seed its counts are as even as can be."""
    times = np.arange(born + phase, end, 15.0)
    rng = np.random.default_rng(seed) if seed is not None else None
    if rng is None:
        requests = np.floor(rate * (times - born))
        errors = np.floor(requests * share)
        late = np.floor(requests * slow)
    else:
        arrived = rng.poisson(rate * 15.0, times.size)
        requests = np.cumsum(arrived).astype(float)
        errors = np.cumsum(rng.binomial(arrived, share)).astype(float)
        late = np.cumsum(rng.binomial(arrived, slow)).astype(float)
    there = (times < gone[0]) | (times >= gone[1])
    first = np.where(np.cumsum(errors) > 0, errors, math.nan)
    buckets = {
        0.1: (requests - late) * 0.5,
        0.25: requests - late,
        0.5: requests - late,
        1.0: requests,
        math.inf: requests,
    }
    return PodRecording(
        arm,
        f"{arm}-{phase}-{born}",
        times[there],
        {"requests": requests[there], "errors": first[there]},
        {edge: values[there] for edge, values in buckets.items()},
        there.astype(float),
        times,
    )


NEVER = Span()


def _recording(pods: Sequence[PodRecording], unavailable: Span = NEVER) -> Recording:
    truth = Truth(30.0, np.zeros(120), np.zeros(120))
    return Recording(HOUR, ((0.0, 10),), tuple(pods), unavailable, truth)


def _release(
    candidate: float, stable: float = 0.005, *, rate: float = 10.0, seed: int | None = None, slow: float = 0.0
) -> Recording:
    stables = [
        _pod(Arm.STABLE, rate * 3, stable, born=-600, phase=phase, seed=None if seed is None else 1000 * phase + seed)
        for phase in (2, 7, 12)
    ]
    return _recording([_pod(Arm.CANDIDATE, rate, candidate, seed=seed, slow=slow), *stables])


@pytest.mark.parametrize("name", ENGINES)
def test_equal_revisions_are_promoted_at_the_end(name: str) -> None:
    """At a steady half percent of errors in both nobody acts."""
    assert ENGINES[name](_release(0.005), PeerOptions()) == Outcome("promote", HOUR)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        # The fourth failed measurement; the tenth failed check and one tick; the first judgement.
        ("argo", 1200.0),
        ("flagger", 660.0),
        ("kayenta", 600.0),
    ],
)
def test_a_broken_candidate_is_rolled_back_when_the_rule_says(name: str, at: float) -> None:
    """Thirty percent errors from the start, counted evenly."""
    assert ENGINES[name](_release(0.3), PeerOptions()) == Outcome("rollback", at)


def test_the_naive_test_acts_at_once() -> None:
    """Thirty percent errors are seen at the first look that has two scrapes."""
    found = ENGINES["naive"](_release(0.3), PeerOptions())
    assert found.kind == "rollback"
    assert found.at in {30.0, 60.0}


@pytest.mark.parametrize(("limit", "at"), [(0, 300.0), (1, 600.0), (5, 1800.0)])
def test_argo_tolerates_as_many_failures_as_its_limit(limit: int, at: float) -> None:
    """With a limit of n, failure n + 1 ends the release."""
    found = ENGINES["argo"](_release(0.3), PeerOptions(argo=ArgoOptions(failure_limit=limit)))
    assert found == Outcome("rollback", at)


def test_argos_example_overlooks_what_stays_above_ninety_five_percent() -> None:
    """Four percent errors pass for ever at a success rate of 95 %, and fail at 99 %."""
    assert ENGINES["argo"](_release(0.04), PeerOptions()).kind == "promote"
    strict = PeerOptions(argo=ArgoOptions(success=0.99))
    assert ENGINES["argo"](_release(0.04), strict) == Outcome("rollback", 1200.0)


def test_argo_gives_up_after_five_errors_in_a_row() -> None:
    """Without any series every measurement is an error, repeated at the interval; the fifth ends the release."""
    recording = _recording([_pod(Arm.STABLE, 10, 0.005)])
    sooner = PeerOptions(argo=ArgoOptions(error_retry=10.0))

    assert ENGINES["argo"](recording, PeerOptions()) == Outcome("rollback", 1500.0, on_absent_data=True)
    assert ENGINES["argo"](recording, sooner) == Outcome("rollback", 340.0, on_absent_data=True)


def test_argo_forgets_errors_once_prometheus_answers_again() -> None:
    """An outage of four measurements makes four errors; the fifth succeeds."""
    recording = replace(_release(0.005), unavailable=Span(600.0, 910.0))
    assert ENGINES["argo"](recording, PeerOptions()).kind == "promote"
    longer = replace(_release(0.005), unavailable=Span(600.0, 1210.0))
    assert ENGINES["argo"](longer, PeerOptions()) == Outcome("rollback", 1800.0, on_absent_data=True)


def test_argo_fails_a_measurement_without_requests() -> None:
    """A candidate that is asked nothing answers 0/0, which no condition for success accepts."""
    idle = _recording([_pod(Arm.CANDIDATE, 0.0, 0.0), _pod(Arm.STABLE, 10, 0.005)])
    assert ENGINES["argo"](idle, PeerOptions()) == Outcome("rollback", 1200.0, on_absent_data=True)
    pausing = PeerOptions(argo=ArgoOptions(failure_condition=True))
    assert ENGINES["argo"](idle, pausing) == Outcome("undecided", 300.0, on_absent_data=True)


def test_argo_sees_only_the_last_two_scrapes() -> None:
    """Errors between the measurements go unseen; the same share in the last 15 s before each is a failure."""
    times = np.arange(5.0, HOUR, 15.0)
    requests: Floats = 10 * times
    in_view = (times % 300) > 285
    for seen, kind in ((in_view, "rollback"), (~in_view & ((times % 300) < 270), "promote")):
        errors = np.cumsum(np.where(seen, 75.0, 0.0))
        pod = PodRecording(
            Arm.CANDIDATE, "c", times, {"requests": requests, "errors": errors}, {}, np.ones(times.size), times
        )
        assert ENGINES["argo"](_recording([pod]), PeerOptions()).kind == kind


@pytest.mark.parametrize(("threshold", "at"), [(1, 120.0), (3, 240.0)])
def test_flagger_rolls_back_at_the_tick_after_the_threshold(threshold: int, at: float) -> None:
    """The check that reaches the threshold only counts; the next tick acts."""
    options = PeerOptions(flagger=FlaggerOptions(threshold=threshold))
    assert ENGINES["flagger"](_release(0.3), options) == Outcome("rollback", at)


def test_flagger_never_forgets_a_failed_check() -> None:
    """Ten bad minutes that are spread over the hour add up."""
    times = np.arange(5.0, HOUR, 15.0)
    bad = (times // 60) % 5 == 0
    errors = np.cumsum(np.where(bad, 30.0, 0.0))
    pod = PodRecording(
        Arm.CANDIDATE, "c", times, {"requests": 10 * times, "errors": errors}, {}, np.ones(times.size), times
    )
    assert ENGINES["flagger"](_recording([pod]), PeerOptions()).kind == "rollback"


@pytest.mark.parametrize("unavailable", [True, False])
def test_flagger_counts_every_absence_as_a_failure(*, unavailable: bool) -> None:
    """Twelve minutes without Prometheus, or without the candidate's samples, end a good release."""
    span = (1200.0, 1920.0)
    stable = _pod(Arm.STABLE, 30, 0.005)
    if unavailable:
        recording = _recording([_pod(Arm.CANDIDATE, 10, 0.005), stable], Span(1200.0, 720.0))
    else:
        recording = _recording([_pod(Arm.CANDIDATE, 10, 0.005, gone=span), stable])
    found = ENGINES["flagger"](recording, PeerOptions())
    assert found.kind == "rollback"
    assert found.on_absent_data


def test_kayenta_judges_again_and_again() -> None:
    """A shorter interval acts sooner; the window begins at the start each time."""
    options = PeerOptions(kayenta=KayentaOptions(interval=300.0))
    assert ENGINES["kayenta"](_release(0.3), options) == Outcome("rollback", 300.0)


def test_kayenta_waits_for_prometheus() -> None:
    """A judgement that falls into an outage is made after it."""
    recording = replace(_release(0.3), unavailable=Span(590.0, 110.0))
    assert ENGINES["kayenta"](recording, PeerOptions()) == Outcome("rollback", 700.0)


def test_kayenta_cannot_judge_a_candidate_without_data() -> None:
    """No data in the only metric scores 0."""
    found = ENGINES["kayenta"](_recording([_pod(Arm.STABLE, 30, 0.005)]), PeerOptions())
    assert found == Outcome("rollback", 600.0, on_absent_data=True)


def test_kayenta_is_blind_to_how_many_requests_a_minute_has() -> None:
    """At six candidate requests a minute a tenfold error rate is mostly missed, and found at six hundred."""
    found = {
        rate: [ENGINES["kayenta"](_release(0.05, rate=rate, seed=seed), PeerOptions()).kind for seed in range(20)]
        for rate in (0.1, 10.0)
    }
    assert found[0.1].count("rollback") <= 3
    assert found[10.0].count("rollback") == 20


@pytest.mark.parametrize("name", ENGINES)
def test_slow_answers_are_seen_where_latency_is_judged(name: str) -> None:
    """A third of the requests takes up to a second; without a promise on latency that is no matter."""
    slow = _release(0.005, slow=0.33, seed=5)
    assert ENGINES[name](slow, BOTH).kind == "rollback"
    assert ENGINES[name](slow, PeerOptions()).kind == "promote" or name == "naive"


def test_latency_can_be_judged_alone() -> None:
    """Errors are no matter where only latency is promised."""
    only = PeerOptions(errors=False, latency_threshold=0.25)
    for engine in ENGINES.values():
        assert engine(_release(0.3), only).kind == "promote"


def test_peeking_finds_differences_that_are_none() -> None:
    """A test at 1 % in each of 120 looks wrongly fires for far more than 1 % of equal pairs."""
    found = [ENGINES["naive"](_release(0.005, seed=seed), PeerOptions()).kind for seed in range(200)]
    assert 12 <= found.count("rollback") <= 70
    never = PeerOptions(naive=NaiveOptions(alpha=1e-9))
    assert ENGINES["naive"](_release(0.005, seed=1), never).kind == "promote"


def test_a_restart_is_not_an_error() -> None:
    """Counters that begin anew change no verdict."""
    pods = [_pod(Arm.CANDIDATE, 10, 0.005, born=born, end=born + 300, phase=4.0) for born in range(0, 3600, 300)]
    recording = _recording([*pods, _pod(Arm.STABLE, 30, 0.005, born=-600)])
    for name in ("argo", "flagger", "kayenta"):
        assert ENGINES[name](recording, PeerOptions()).kind == "promote"
