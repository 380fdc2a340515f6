"""What sets the pods of a revision apart, and what happens to a single one of them.

The textbook takes the pods of a revision for alike. In a cluster one sits on a slower node, another fails for some
minutes, and a client tries the same broken request again and again. None of that says anything about a version, so an
engine must not conclude anything from it. All of it is drawn once for each run and does not depend on what an engine
does; only which revision a request reaches follows from the weight at its moment.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from palier.simulate.case import Case
from palier.simulate.recording import Arm, Floats, Integers, are_within

_STEP = 15
"""Seconds for which a value of a drift holds."""

_PAUSE = 0.5
"""Seconds between two tries of a poisoned request."""


@dataclass(frozen=True, slots=True)
class Pod:
    """What is peculiar to one pod; every array has one entry for each second of the grid.

    A pod that takes another's place inherits it, as it would on the same node.
    """

    speed: Floats
    """What its response times are multiplied by."""
    odds: Floats
    """What the odds of a failure are multiplied by."""
    failing: Floats
    """Share of its requests that fail at least."""

    def fail_share(self, usual: Floats) -> Floats:
        """Probability that a request to it fails, where it is the given one for the usual pod."""
        raised = usual * self.odds
        return np.maximum(raised / (1 - usual + raised), self.failing)


@dataclass(frozen=True, slots=True)
class Retries:
    """The tries of all poisoned requests, each of which fails; every array has one entry for each try."""

    first: Floats
    """When the request was tried first."""
    times: Floats
    reached: Floats
    """Between 0 and 1: the candidate is reached where its share of the traffic at the first try is larger."""
    pod: Floats
    """Between 0 and 1: which of the pods, in their order."""

    def go_to(self, arm: Arm, weights: Floats, pods: Integers) -> list[tuple[float, int]]:
        """Time and number of the pod for each try that reaches the revision.

        Args:
            arm: the revision.
            weights: the candidate's share of the traffic at each entry of `first`.
            pods: how many pods the revision has at each entry of `times`.
        """
        chosen = (self.reached < weights) == (arm is Arm.CANDIDATE)
        numbers = (self.pod * pods).astype(int)
        return list(zip(self.times[chosen].tolist(), numbers[chosen].tolist(), strict=True))


def pods(case: Case, begins: Floats, rng: np.random.Generator) -> Mapping[Arm, tuple[Pod, ...]]:
    """Draw the pods of each revision; none where they are alike and stay so.

    Args:
        case: the parameters.
        begins: start of each second of the grid.
        rng: drawn from only where something sets pods apart.
    """
    if not _set_apart(case):
        return dict.fromkeys(Arm, ())
    return {
        arm: tuple(_draw_pod(case, arm, number, begins, rng) for number in range(case.pods_of(arm.value)))
        for arm in Arm
    }


def draw_one_more(case: Case, number: int, begins: Floats, rng: np.random.Generator) -> tuple[Pod, ...]:
    """Draw what is peculiar to a pod that the candidate gets later; nothing where pods are alike and stay so.

    Args:
        case: the parameters.
        number: of the pod among those of the candidate.
        begins: start of each second of the grid.
        rng: drawn from only where something sets pods apart.
    """
    return (_draw_pod(case, Arm.CANDIDATE, number, begins, rng),) if _set_apart(case) else ()


def retries(case: Case, rng: np.random.Generator) -> Retries:
    """Draw the poisoned requests and when they are tried."""
    number = int(rng.poisson(case.poison * case.duration / 3600)) if case.poison else 0
    first = np.repeat(np.sort(rng.uniform(0, case.duration, size=number)), case.poison_tries)
    reached = np.repeat(rng.random(number), case.poison_tries)
    pauses = np.tile(np.arange(case.poison_tries) * _PAUSE, number)
    return Retries(first, first + pauses, reached, rng.random(first.size))


def _set_apart(case: Case) -> bool:
    return bool(
        case.pod_speed_spread
        or case.pod_error_spread
        or case.pod_speed_drift
        or case.pod_error_drift
        or case.bad_pod.length
        or case.spells
    )


def _draw_pod(case: Case, arm: Arm, number: int, begins: Floats, rng: np.random.Generator) -> Pod:
    speed = np.exp(case.pod_speed_spread * rng.standard_normal() + _drift(case, case.pod_speed_drift, begins, rng))
    odds = np.exp(case.pod_error_spread * rng.standard_normal() + _drift(case, case.pod_error_drift, begins, rng))
    failing = np.zeros(begins.size)
    for _ in range(int(rng.poisson(case.spells * case.duration / 3600))):
        start = rng.uniform(0, case.duration)
        failing[(begins >= start) & (begins < start + rng.exponential(case.spell_time))] = case.spell_share
    if arm is Arm.CANDIDATE and number == 0:
        failing[are_within(begins, case.bad_pod)] = case.spell_share
    return Pod(speed, odds, failing)


def _drift(case: Case, spread: float, begins: Floats, rng: np.random.Generator) -> Floats:
    """A process that wanders around 0 and forgets where it was after the drift time; stationary from the start."""
    if not spread:
        return np.zeros(begins.size)
    steps = rng.standard_normal(math.ceil(begins.size / _STEP)).tolist()
    kept = math.exp(-_STEP / case.drift_time)
    moved = math.sqrt(1 - kept**2)
    at, walked = steps[0], []
    for step in steps:
        walked.append(at)
        at = kept * at + moved * step
    return np.repeat(spread * np.array(walked), _STEP)[: begins.size]
