"""Many groups of users of which some fail more than others, whichever version they meet."""

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.nulls.result import Result
from benchmarks.segments import play as segments
from benchmarks.segments.rows import Mix
from benchmarks.segments.rows import Row as SegmentsRow

_RATE = 100.0
_WEIGHTS = (10, 25, 50)
_HOURS = 0.5


@dataclass(frozen=True, slots=True)
class Groups:
    """Half an hour at a climbing weight; the group of rank r has 1/r as many users as the largest one."""

    number: int
    sticks: bool
    """Whether each group meets one version at a time."""


def play_groups(world: Groups, *, seed: int, run: int) -> Result:
    """Play one release with the groups apart; whether it might be promoted is asked at the end only."""
    sizes = 1 / np.arange(1, world.number + 1)
    shares = sizes / sizes.sum()
    bad = np.where(np.arange(world.number) % 5 == 1, 0.08, 0.02)
    mix = Mix("", shares, shares, bad, np.zeros(world.number), sticks=world.sticks)
    found = segments.play(SegmentsRow(mix, _RATE, _WEIGHTS, _HOURS), seed=seed, run=run).apart
    if math.isfinite(found.seconds):
        return Result("rollback", found.seconds)
    return Result("promote", _HOURS * 3600) if found.proven else Result("undecided", math.inf)
