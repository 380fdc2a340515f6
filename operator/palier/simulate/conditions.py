"""What the world is like in each second of a simulated release: how many requests come, and how many of them are bad.

Chance that both revisions share (bursts, clusters of failures) is drawn here, once for each run, and does not depend on
what an engine does; the arrivals themselves are drawn from these rates in `traffic`.
"""

import math
from dataclasses import dataclass

import numpy as np

from palier.simulate.case import Case, Span
from palier.simulate.recording import Arm, Floats, are_within

HISTORY = 120
"""Seconds before the canary that are simulated, too: stable's counters are old when it begins."""

_CLUSTER = 15
"""Seconds for which one draw of a correlated error rate holds."""

_BURST = 60.0
"""Mean seconds at one level of bursty traffic."""

SEGMENT, OTHERS = "segment", "others"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the users of one arm, over the seconds of the grid."""

    name: str
    """Empty where all users are one part."""
    share: float
    """Share of the arm's requests."""
    bad: Floats
    """Probability that a request fails."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The rates of one run; every array has one entry for each second of the grid."""

    begins: Floats
    """Start of each second; the first lies `HISTORY` before the canary."""
    rate: Floats
    """Requests per second of both arms together."""
    parts: dict[Arm, tuple[Part, ...]]
    slow: Floats
    """1 while the candidate's response times are multiplied by the latency factor, else 0."""
    worse: Floats
    """1 from the onset on."""
    expected_delta: Floats
    """The candidate's expected share of failures minus stable's, both with the candidate's mix of users."""


def conditions(case: Case, rng: np.random.Generator) -> Conditions:
    """Draw the conditions of one run."""
    begins = np.arange(-HISTORY, math.ceil(case.duration), dtype=np.float64)
    phase = np.sin(2 * math.pi * begins / case.duration)
    rate = case.rps * (1 + case.diurnal * phase)
    if case.burst > 1:
        rate = rate * _bursts(begins.size, case.burst, rng)
    worse = (begins >= case.onset).astype(np.float64)
    growth = np.clip((begins - case.onset) / case.ramp, 0, 1) if case.ramp else worse
    shared = _share_factor(case, begins, phase)
    parts: dict[Arm, tuple[Part, ...]] = {}
    expected_delta = np.zeros(begins.size)
    for arm in Arm:
        made = []
        for name, share, base in _users(case, arm):
            expected = np.clip(base * shared, 0, 1)
            if case.outage.length:
                out = are_within(begins, case.outage)
                expected = np.where(out, np.maximum(expected, case.outage_share), expected)
            if arm is Arm.CANDIDATE and name != OTHERS:
                with_delta = np.clip(expected + case.error_delta * growth, 0, 1)
                expected_delta += share * (with_delta - expected)
                expected = with_delta
            made.append(Part(name, share, _cluster_rates(expected, case.overdispersion, rng)))
        parts[arm] = tuple(made)
    return Conditions(
        begins=begins,
        rate=rate,
        parts=parts,
        slow=are_within(begins, Span(case.onset, case.slow_for)).astype(np.float64),
        worse=worse,
        expected_delta=expected_delta,
    )


def _users(case: Case, arm: Arm) -> list[tuple[str, float, float]]:
    """The parts of an arm's users: name, share and error rate."""
    share = case.segment_share
    if not share:
        return [("", 1.0, case.base_error)]
    if arm is Arm.CANDIDATE and case.segment_share_candidate is not None:
        share = case.segment_share_candidate
    inside = case.base_error if case.segment_base_error is None else case.segment_base_error
    return [(SEGMENT, share, inside), (OTHERS, 1 - share, case.base_error)]


def _share_factor(case: Case, begins: Floats, phase: Floats) -> Floats:
    """What the error rates of both arms are multiplied by."""
    factor = 1 + case.diurnal * phase
    if case.base_error_end is not None and case.base_error:
        done = np.clip(begins / case.duration, 0, 1)
        factor = factor * (1 + done * (case.base_error_end / case.base_error - 1))
    return np.asarray(factor, dtype=np.float64)


def _bursts(seconds: int, ratio: float, rng: np.random.Generator) -> Floats:
    """Two levels whose mean is 1 in the long run, with exponential stays."""
    stays = rng.exponential(_BURST, size=math.ceil(seconds / _BURST * 4) + 8)
    ends = np.cumsum(stays)
    number = np.searchsorted(ends, np.arange(seconds), side="right") + rng.integers(2)
    low = 2 / (1 + ratio)
    return np.where(number % 2, low * ratio, low)


def _cluster_rates(expected: Floats, correlation: float, rng: np.random.Generator) -> Floats:
    """Error rates of which each holds for `_CLUSTER` seconds, so that counts become beta-binomial."""
    if not correlation:
        return expected
    mean = expected[::_CLUSTER]
    size = 1 / correlation - 1
    certain = (mean <= 0) | (mean >= 1)
    inside = np.where(certain, 0.5, mean)
    drawn = np.where(certain, mean, rng.beta(inside * size, (1 - inside) * size))
    return np.repeat(drawn, _CLUSTER)[: expected.size]
