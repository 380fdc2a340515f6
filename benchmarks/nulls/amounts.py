"""Amounts with rare large values: where no largest one is stated the bounds are asymptotic, and this shows how wrong.

With a largest one stated they must hold, whatever the amounts are like: the same amounts are cut off there.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from benchmarks.nulls.result import Result
from palier.evidence.interval import mean_interval
from palier.evidence.objective import Amounts, Evidence, MeanRule, Verdict, has_failed, judge, observe, start_evidence
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of

_LOOK = 30.0
_VALUES = 40
"""A value needs a hundred events; so many values are gathered at least."""
_LOOKS = 1500
"""And so many looks are made at least."""


@dataclass(frozen=True, slots=True)
class Means:
    """A release whose mean is judged; amounts are multiples of the maximum."""

    requests: int
    """Of the candidate in a look, on average; stable has nine times as many."""
    mean: float
    """The candidate's."""
    stable: float = 1.0
    """Stable's mean; by default exactly the maximum."""
    sigma: float = 2.0
    """Standard deviation of the logarithm: with 2, one answer in a thousand costs some 500 times the usual one."""
    most: float = math.inf
    """What is drawn above it counts as it; the means are those after that."""
    stated: bool = False
    """Whether the largest amount is stated, so that the mean can be proven."""
    ends: bool = False
    """Whether the release ends with its first verdict, so that nothing is known of later intervals."""


def play_means(world: Means, *, seed: int, run: int) -> Result:
    """Play one release: the first verdict, and whether the interval was ever wrong."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
    rule = _rule(world)
    evidence: Evidence = start_evidence()
    kind, at, values = "undecided", math.inf, 0
    missed = missed_late = False
    looks = max(_LOOKS, 100 * _VALUES // world.requests)
    for look in range(1, looks + 1):
        candidate, stable = (
            _amounts(requests, mean, world, random)
            for requests, mean in ((world.requests, world.mean), (9 * world.requests, world.stable))
        )
        evidence = observe(evidence, candidate, stable, rule)
        known = evidence.looks if world.stated else evidence.absolute_mean.looks
        if known == values:
            continue
        values = known
        judgement = judge(evidence, rule, promotion=True)
        # What is no 95 % interval stands in the sentence alone.
        interval = judgement.interval or mean_interval(evidence.absolute_mean, shift=rule.maximum)
        if interval is not None:
            misses = not interval[0] <= world.mean <= interval[1]
            missed, missed_late = missed or misses, missed_late or (misses and values >= rule.minimum_looks)
        if kind == "undecided" and (has_failed(evidence, rule) or judgement.verdict is Verdict.PASS):
            kind, at = "rollback" if has_failed(evidence, rule) else "promote", look * _LOOK
            if world.ends:
                break
    stopped = at if kind == "rollback" else math.inf
    return Result(kind, at, stopped=stopped, missed=missed, missed_late=missed_late)


def _rule(world: Means) -> MeanRule:
    """As the operator makes it for a maximum of 1."""
    rule = objectives_of(Case(objectives=("cost",), max_cost=1.0))[0].rule
    if not isinstance(rule, MeanRule):
        raise TypeError(f"a cost is judged as a mean, not by {rule!r}")
    return replace(rule, most=world.most) if world.stated else rule


def _amounts(requests: float, mean: float, world: Means, random: np.random.Generator) -> Amounts:
    number = int(random.poisson(requests))
    drawn = random.lognormal(_find_middle(mean, world.sigma, world.most), world.sigma, size=number)
    return Amounts(number, float(np.minimum(drawn, world.most).sum()))


@lru_cache(maxsize=64)
def _find_middle(mean: float, sigma: float, most: float) -> float:
    """The mean of the logarithm for which amounts that are cut off have the mean that is wanted."""
    uncut = math.log(mean) - sigma**2 / 2
    if math.isinf(most):
        return uncut

    def excess(middle: float) -> float:
        above = (middle - math.log(most)) / sigma
        whole = math.exp(middle + sigma**2 / 2)
        return float(whole * ndtr(-above - sigma) + most * ndtr(above)) - mean

    return float(brentq(excess, uncut, uncut + 20 * sigma, xtol=1e-12))
