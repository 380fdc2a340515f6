"""The decision rules of other tools over the same recordings, so that Palier can be compared with them fairly.

Each engine asks what its documentation's example asks and acts on the answers as the tool's code does. The defaults of
the options are those documented examples; every knob can be turned. What is not the tool's own:

- Weights come from the recording. Flagger would halt its own weight while checks fail and promote after ten good ones,
  Argo would walk its own steps; here each engine watches the same traffic to the end and then promotes.
- Success is counted as requests minus errors, so the series of successes exists from the first request on. Series by
  response code are born with their first response; a rival would see less than here.
- Argo's first measurement is taken one interval after the start, as with `initialDelay`. Without it, the first one
  would always find no traffic and fail. After an error it measures again 10 seconds later.
- Kayenta's answers that fail because Prometheus is down are asked for again until it is back.
- The naive engine is nobody's product. It stands for a script that tests again and again at a fixed level.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from scipy import special

from palier.simulate import promql
from palier.simulate.kayenta import Classification, JudgeOptions, classify, score
from palier.simulate.outcome import Outcome
from palier.simulate.promql import Answer
from palier.simulate.recording import Arm, Booleans, Floats, PodRecording, Recording, are_within

ERRORS, LATENCY = "errors", "latency"
_ROUNDING = 1e-9

Function = Callable[[Floats, Floats, Floats, float], Floats]


@dataclass(frozen=True, slots=True)
class ArgoOptions:
    """Argo Rollouts: a background analysis with one Prometheus metric for each objective."""

    interval: float = 300.0
    """Seconds."""
    success: float = 0.95
    failure_limit: int = 3
    """Failed measurements that are tolerated: with 3, the fourth ends the release."""
    error_limit: int = 4
    """Errors in a row that are tolerated."""
    error_retry: float | None = None
    """Seconds until an error is repeated; None takes the interval, as Argo does where one is given (else 10 s)."""
    window: float = 300.0
    """Of `irate`, in seconds."""
    failure_condition: bool = False
    """Whether a condition for failure is given besides the one for success: NaN is then inconclusive and pauses."""
    percentile: float | None = None
    """Share of the latency query; None takes the objective's."""
    latency: float | None = None
    """Seconds; None takes the objective's."""


@dataclass(frozen=True, slots=True)
class FlaggerOptions:
    """Flagger: the builtin metrics, checked at every tick."""

    interval: float = 60.0
    """Seconds between ticks, and the range of `rate`."""
    threshold: int = 10
    """Failed checks after which the next tick rolls back; passed ones are never subtracted."""
    success: float = 0.99
    percentile: float = 0.99
    latency: float = 0.5
    """Seconds."""


@dataclass(frozen=True, slots=True)
class KayentaOptions:
    """Kayenta: judgements over a window that grows from the start; every metric is critical and may only increase."""

    interval: float = 600.0
    """Seconds between judgements."""
    step: float = 60.0
    """Seconds between the values of a metric, and the range of `rate`."""
    passing: float = 90.0
    """Least score of the last judgement."""
    marginal: float = 75.0
    """Least score of every other judgement."""
    replace_nan: bool = True
    """Whether a minute without requests counts as 0 errors; in latency it is always left out."""
    judge: JudgeOptions = field(default_factory=JudgeOptions)


@dataclass(frozen=True, slots=True)
class NaiveOptions:
    """A one-sided pooled z-test of two proportions at every look, over everything seen so far."""

    interval: float = 30.0
    """Seconds between looks."""
    alpha: float = 0.01
    """Level of every single look."""


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """What is promised, and the knobs of each peer."""

    errors: bool = True
    """Whether the share of failed requests is judged."""
    limit: float = 0.01
    """The promised largest share of failed requests; only shown, since every peer's example has its own number."""
    latency_threshold: float | None = None
    """Seconds; None where latency is not judged."""
    latency_percentile: float = 0.95
    """Share of the requests that must be answered within the threshold."""
    argo: ArgoOptions = field(default_factory=ArgoOptions)
    flagger: FlaggerOptions = field(default_factory=FlaggerOptions)
    kayenta: KayentaOptions = field(default_factory=KayentaOptions)
    naive: NaiveOptions = field(default_factory=NaiveOptions)


Engine = Callable[[Recording, PeerOptions], Outcome]


def argo(recording: Recording, options: PeerOptions) -> Outcome:
    """Argo Rollouts' background analysis: the first metric that ends badly ends the release."""
    knobs = options.argo
    endings = []
    if options.errors:

        def check_success(at: Floats) -> tuple[Booleans, Answer]:
            answer = _success(recording, at, promql.irate, knobs.window)
            return _at_least(answer.value, knobs.success), answer

        endings.append(_argo_metric(recording, knobs, check_success))
    if options.latency_threshold is not None:
        share = options.latency_percentile if knobs.percentile is None else knobs.percentile
        bound = options.latency_threshold if knobs.latency is None else knobs.latency

        def check_speed(at: Floats) -> tuple[Booleans, Answer]:
            answer = _quantile(recording, Arm.CANDIDATE, share, at, promql.irate, knobs.window)
            return _at_most(answer.value, bound), answer

        endings.append(_argo_metric(recording, knobs, check_speed))
    ended = [ending for ending in endings if ending.kind != "promote"]
    if ended:
        return min(ended, key=lambda ending: ending.at or 0.0)
    return Outcome("promote", recording.duration, on_absent_data=any(ending.on_absent_data for ending in endings))


def flagger(recording: Recording, options: PeerOptions) -> Outcome:
    """Flagger's advance at every tick; no value, NaN and a failed query are failed checks."""
    knobs = options.flagger
    ticks = _list_instants(knobs.interval, recording.duration)
    passed, seen = np.ones(ticks.size, dtype=bool), ~are_within(ticks, recording.unavailable)
    if options.errors:
        answer = _success(recording, ticks, promql.rate, knobs.interval)
        passed &= _at_least(answer.value, knobs.success)
        seen &= answer.present & ~np.isnan(answer.value)
    if options.latency_threshold is not None:
        answer = _quantile(recording, Arm.CANDIDATE, knobs.percentile, ticks, promql.rate, knobs.interval)
        passed &= _at_most(answer.value, knobs.latency)
        seen &= answer.present & ~np.isnan(answer.value)
    failures = np.cumsum(~(passed & seen))
    last = int(np.searchsorted(failures, knobs.threshold))
    if last + 1 < ticks.size:
        return Outcome("rollback", float(ticks[last + 1]), on_absent_data=not seen[last])
    return Outcome("promote", recording.duration, on_absent_data=not seen.any())


def kayenta(recording: Recording, options: PeerOptions) -> Outcome:
    """Kayenta's canary analysis with the NetflixACAJudge."""
    knobs = options.kayenta
    steps = _list_instants(knobs.step, recording.duration)
    metrics: list[tuple[Floats, Floats, bool]] = []
    if options.errors:
        stable, candidate = (_error_share(recording, arm, steps, knobs.step) for arm in (Arm.STABLE, Arm.CANDIDATE))
        metrics.append((stable, candidate, knobs.replace_nan))
    if options.latency_threshold is not None:
        share = options.latency_percentile
        stable, candidate = (
            _values(_quantile(recording, arm, share, steps, promql.rate, knobs.step))
            for arm in (Arm.STABLE, Arm.CANDIDATE)
        )
        metrics.append((stable, candidate, False))
    judgements = _list_instants(knobs.interval, recording.duration)
    for at in judgements:
        until = int(np.searchsorted(steps, at, side="right"))
        classes = [
            classify(
                _clean_values(stable[:until], replace_nan=replace),
                _clean_values(candidate[:until], replace_nan=replace),
                knobs.judge,
            )
            for stable, candidate, replace in metrics
        ]
        needed = knobs.passing if at == judgements[-1] else knobs.marginal
        if score(classes) < needed:
            down = recording.unavailable
            answered = down.end if down.covers(float(at)) else float(at)
            return Outcome("rollback", answered, on_absent_data=Classification.NODATA in classes)
    absent = all(np.isnan(candidate).all() for _, candidate, _ in metrics)
    return Outcome("promote", recording.duration, on_absent_data=absent)


def naive(recording: Recording, options: PeerOptions) -> Outcome:
    """A z-test at every look, as if it were the only one."""
    looks = _list_instants(options.naive.interval, recording.duration)
    looks = looks[~are_within(looks, recording.unavailable)]
    fired = np.zeros(looks.size, dtype=bool)
    seen = np.zeros(looks.size, dtype=bool)
    for bad, requests, stable_bad, stable_requests in _naive_metrics(recording, options, looks):
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = (bad + stable_bad) / (requests + stable_requests)
            error = np.sqrt(pooled * (1 - pooled) * (1 / requests + 1 / stable_requests))
            score_z = (bad / requests - stable_bad / stable_requests) / error
        fired |= np.nan_to_num(score_z, nan=0.0, posinf=0.0, neginf=0.0) > float(special.ndtri(1 - options.naive.alpha))
        seen |= requests > 0
    if fired.any():
        return Outcome("rollback", float(looks[int(np.argmax(fired))]))
    return Outcome("promote", recording.duration, on_absent_data=not seen.any())


ENGINES: Mapping[str, Engine] = MappingProxyType({"argo": argo, "flagger": flagger, "kayenta": kayenta, "naive": naive})
"""The engines by name."""


def _argo_metric(
    recording: Recording, knobs: ArgoOptions, measure: Callable[[Floats], tuple[Booleans, Answer]]
) -> Outcome:
    """How one metric of an AnalysisRun ends."""
    failed, errors_in_a_row, answered = 0, 0, False
    begin = knobs.interval
    while begin <= recording.duration:
        instants = np.arange(begin, recording.duration + _ROUNDING, knobs.interval)
        passed, answer = measure(instants)
        available = answer.present & ~are_within(instants, recording.unavailable)
        begin = math.inf
        for at, good, value, is_available in zip(instants.tolist(), passed, answer.value, available, strict=True):
            if not is_available:
                errors_in_a_row += 1
                if errors_in_a_row > knobs.error_limit:
                    return Outcome("rollback", at, on_absent_data=True)
                begin = at + (knobs.interval if knobs.error_retry is None else knobs.error_retry)
                break
            errors_in_a_row = 0
            nan = math.isnan(value)
            if nan and knobs.failure_condition:
                return Outcome("undecided", at, on_absent_data=True)
            answered |= not nan
            failed += not good
            if failed > knobs.failure_limit:
                return Outcome("rollback", at, on_absent_data=nan)
    return Outcome("promote", recording.duration, on_absent_data=not answered)


def _success(recording: Recording, at: Floats, function: Function, window: float) -> Answer:
    """The candidate's share of requests that did not fail."""
    return promql.ratio(
        _sum(recording, Arm.CANDIDATE, ("requests", "errors"), at, function, window),
        _sum(recording, Arm.CANDIDATE, ("requests",), at, function, window),
    )


def _error_share(recording: Recording, arm: Arm, at: Floats, window: float) -> Floats:
    """An arm's share of requests that failed, NaN where there is no answer or no request."""
    requests = _sum(recording, arm, ("requests",), at, promql.rate, window)
    succeeded = _sum(recording, arm, ("requests", "errors"), at, promql.rate, window)
    failed = np.maximum(requests.value - succeeded.value, 0.0)
    failed[failed < _ROUNDING * requests.value] = 0.0
    return _values(promql.ratio(Answer(failed, succeeded.present), requests))


def _sum(
    recording: Recording, arm: Arm, names: tuple[str, ...], at: Floats, function: Function, window: float
) -> Answer:
    """The sum over pods of a function of the first counter, less the others where they exist."""
    series = []
    for pod in recording.pods_of(arm):
        if names[0] not in pod.counters:
            continue
        values = pod.counters[names[0]]
        exists = ~np.isnan(values)
        for name in names[1:]:
            values = values - np.nan_to_num(pod.counters.get(name, np.zeros(values.size)))
        series.append(function(pod.times[exists], values[exists], at, window))
    return promql.total(series) if series else _answer_nothing(at)


def _quantile(recording: Recording, arm: Arm, share: float, at: Floats, function: Function, window: float) -> Answer:
    """A quantile of the response times of an arm."""
    edges: Floats = np.array(sorted({edge for pod in recording.pods_of(arm) for edge in pod.buckets}))
    series = []
    for pod in recording.pods_of(arm):
        if len(pod.buckets) != edges.size:
            continue
        values = np.stack([pod.buckets[edge] for edge in edges.tolist()])
        exists = ~np.isnan(values).any(axis=0)
        series.append(function(pod.times[exists], values[:, exists], at, window))
    return promql.histogram_quantile(share, edges, promql.total(series)) if series else _answer_nothing(at)


def _answer_nothing(at: Floats) -> Answer:
    return Answer(np.full(at.size, np.nan), np.zeros(at.size, dtype=bool))


def _naive_metrics(recording: Recording, options: PeerOptions, looks: Floats) -> Iterator[list[Floats]]:
    """Bad and all requests of candidate and stable since the start, at each look."""
    arms = (recording.pods_of(Arm.CANDIDATE), recording.pods_of(Arm.STABLE))
    if options.errors:
        yield [_count_scraped(pods, looks, name) for pods in arms for name in ("errors", "requests")]
    if options.latency_threshold is not None:
        counts = []
        for pods in arms:
            requests = _count_scraped(pods, looks, math.inf)
            counts += [requests - _count_scraped(pods, looks, options.latency_threshold), requests]
        yield counts


def _count_scraped(pods: Sequence[PodRecording], looks: Floats, counter: str | float) -> Floats:
    """What pods have counted from the start to each look, where it was scraped; no rate, nothing extrapolated.

    Args:
        pods: whose counters.
        looks: instants in seconds.
        counter: the name of a counter, or the least upper edge of a bucket.
    """
    counted = np.zeros(looks.size)
    for pod in pods:
        values = pod.counters.get(counter) if isinstance(counter, str) else _bucket(pod, counter)
        if values is None or not values.size:
            continue
        risen = np.concatenate([[0.0], promql.without_resets(np.nan_to_num(values))])
        at_start = risen[np.searchsorted(pod.times, 0.0, side="right")]
        counted += np.maximum(risen[np.searchsorted(pod.times, looks, side="right")] - at_start, 0.0)
    return counted


def _bucket(pod: PodRecording, threshold: float) -> Floats | None:
    edge = min((edge for edge in pod.buckets if edge >= threshold - _ROUNDING), default=None)
    return None if edge is None else pod.buckets[edge]


def _values(answer: Answer) -> Floats:
    return np.where(answer.present, answer.value, np.nan)


def _clean_values(values: Floats, replace_nan: bool) -> Floats:
    if np.isnan(values).all():
        return values[:0]
    return np.nan_to_num(values) if replace_nan else values[~np.isnan(values)]


def _list_instants(interval: float, duration: float) -> Floats:
    return np.arange(1, math.floor(duration / interval + _ROUNDING) + 1, dtype=np.float64) * interval


def _at_least(values: Floats, bound: float) -> Booleans:
    """A comparison that NaN never passes, with room for a bound that binary fractions cannot hold."""
    return np.asarray(values >= bound - _ROUNDING)


def _at_most(values: Floats, bound: float) -> Booleans:
    return np.asarray(values <= bound + _ROUNDING)
