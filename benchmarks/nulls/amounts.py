"""Amounts with rare large values: the mean's bounds are asymptotic, and this shows how wrong they are."""

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.nulls.result import Result
from palier.evidence.objective import Amounts, Evidence, MeanRule, Verdict, has_failed, judge, observe, start_evidence
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of

_LOOK = 30.0
_SIGMA = 2.0
"""Standard deviation of the logarithm: one answer in a thousand costs some 500 times the usual one."""
_VALUES = 40
"""A value needs a hundred events; so many values are gathered at least."""
_LOOKS = 1500
"""And so many looks are made at least."""


@dataclass(frozen=True, slots=True)
class Means:
    """A release whose mean is judged; stable's is exactly at the maximum."""

    requests: int
    """Of the candidate in a look, on average; stable has nine times as many."""
    mean: float
    """The candidate's, as a multiple of the maximum."""


def play_means(world: Means, *, seed: int, run: int) -> Result:
    """Play one release to its end: the first verdict, and whether the interval was ever wrong."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
    rule = _rule()
    evidence: Evidence = start_evidence()
    kind, at, values = "undecided", math.inf, 0
    missed = missed_late = False
    looks = max(_LOOKS, 100 * _VALUES // world.requests)
    for look in range(1, looks + 1):
        candidate, stable = (
            _amounts(requests, mean, random)
            for requests, mean in ((world.requests, world.mean), (9 * world.requests, 1.0))
        )
        evidence = observe(evidence, candidate, stable, rule)
        if evidence.absolute_mean.looks == values:
            continue
        values = evidence.absolute_mean.looks
        judgement = judge(evidence, rule, promotion=True)
        if judgement.interval is not None:
            misses = not judgement.interval[0] <= world.mean <= judgement.interval[1]
            missed, missed_late = missed or misses, missed_late or (misses and values >= rule.minimum_looks)
        if kind == "undecided" and (has_failed(evidence, rule) or judgement.verdict is Verdict.PASS):
            kind, at = "rollback" if has_failed(evidence, rule) else "promote", look * _LOOK
    return Result(kind, at, missed=missed, missed_late=missed_late)


def _rule() -> MeanRule:
    """As the operator makes it for a maximum of 1."""
    rule = objectives_of(Case(objectives=("cost",), max_cost=1.0))[0].rule
    if not isinstance(rule, MeanRule):
        raise TypeError(f"a cost is judged as a mean, not by {rule!r}")
    return rule


def _amounts(requests: float, mean: float, random: np.random.Generator) -> Amounts:
    number = int(random.poisson(requests))
    drawn = random.lognormal(math.log(mean) - _SIGMA**2 / 2, _SIGMA, size=number)
    return Amounts(number, float(drawn.sum()))
