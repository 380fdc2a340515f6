"""A gauge such as a queue is bad for minutes on end, so its scrapes are no independent events."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.nulls.result import Result
from palier.api.v1alpha1 import Objective
from palier.evidence.objective import Counts, Evidence, Verdict, has_failed, judge, observe, start_evidence
from palier.release.rules import RELEASE_ALPHA, rule_of

_LOOK, _SCRAPE, _HOUR = 30.0, 15.0, 3600.0

_OBJECTIVE = {"name": "queue", "level": {"gauge": "waiting", "max": "20", "maxPercent": "5"}}


@dataclass(frozen=True, slots=True)
class Gauges:
    """An hour of one pod whose gauge is too high in spells; 5 % of the scrapes may be."""

    share: float
    """Of the time that it is too high, in the long run."""
    minutes: float
    """Mean length of a spell; both kinds of time have exponential lengths."""


def play_gauges(world: Gauges, *, seed: int, run: int) -> Result:
    """Play one release: judged at every look, promoted at the end of the hour if that is proven."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
    rule = rule_of(Objective.model_validate(_OBJECTIVE), alpha=RELEASE_ALPHA)
    evidence: Evidence = start_evidence()
    high = _scrapes(world, random)
    each = round(_LOOK / _SCRAPE)
    for look in range(1, round(_HOUR / _LOOK) + 1):
        bad = int(high[(look - 1) * each : look * each].sum())
        evidence = observe(evidence, Counts(each, bad, bad), None, rule)
        if has_failed(evidence, rule):
            return Result("rollback", look * _LOOK)
    if judge(evidence, rule, promotion=True).verdict is Verdict.PASS:
        return Result("promote", _HOUR)
    return Result("undecided", math.inf)


def _scrapes(world: Gauges, random: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the gauge is too high, at each scrape of the hour."""
    bad = 60 * world.minutes
    good = bad * (1 - world.share) / world.share
    is_high = bool(random.random() < world.share)
    number = math.ceil(_HOUR / bad) * 8 + 8
    lengths = random.exponential(np.where((np.arange(number) % 2 == 0) == is_high, bad, good))
    times = np.arange(1, round(_HOUR / _SCRAPE) + 1) * _SCRAPE
    stretch = np.searchsorted(np.cumsum(lengths), times)
    return np.asarray((stretch % 2 == 0) == is_high)
