"""One release: requests that a gateway shares out, pods that are scraped in phases of their own, and looks at them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from palier.evidence.arrivals import Arrivals, ScrapedStep, Scrapes, add_arrivals
from palier.evidence.sample_ratio import not_reached


@dataclass(frozen=True, slots=True)
class Case:
    """What happens to a candidate whose weight is in force from second 0 on."""

    weight: int
    """In percent."""
    rate: float
    """Requests per second of all users."""
    interval: float = 15.0
    """Seconds between looks."""
    scrape: float = 15.0
    """Seconds between scrapes of one pod."""
    candidates: int = 1
    """Pods."""
    stables: int = 3
    """Pods."""
    lasts: float = 0.0
    """Seconds for which a request is under way before it is counted."""
    lost_from: float = math.inf
    """From when on requests no longer reach the candidate."""
    served: float = 1.0
    """Part of its weight that the gateway really gives the candidate."""


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod, with the instants at which it was scraped and its counter at each of them."""

    times: np.ndarray
    counted: np.ndarray

    def at(self, instant: float) -> int:
        """Which scrape was the last one."""
        return int(np.searchsorted(self.times, instant, side="right")) - 1


def looks(case: Case, *, until: float, chance: Generator) -> Iterator[tuple[float, Arrivals | None]]:
    """The instants of the looks with the arrivals that are known then."""
    share = case.weight / 100 * case.served
    begin = -4 * max(case.scrape, case.interval) - case.lasts
    mine = [
        _pod(
            case,
            ((case.lasts, case.lost_from + case.lasts, case.rate * share / case.candidates),),
            begin,
            until,
            chance,
        )
        for _ in range(case.candidates)
    ]
    split = (
        (begin - case.scrape, case.lasts, case.rate / case.stables),
        (
            case.lasts,
            math.inf,
            case.rate * (1 - share) / case.stables,
        ),
    )
    theirs = [_pod(case, split, begin, until, chance) for _ in range(case.stables)]
    first = float(chance.random()) * case.interval
    instants = [first + number * case.interval for number in range(-2, int((until - first) // case.interval) + 1)]
    arrivals: Arrivals | None = None
    for before, at in pairwise(instants):
        if at < 0:
            continue
        arrivals = add_arrivals(
            arrivals,
            _risen(mine, before, at),
            _risen(theirs, before, at),
            ScrapedStep(before, at, _scrapes(mine, at), _scrapes(theirs, at), 0.0),
        )
        yield at, arrivals


def found_at(case: Case, *, until: float, chance: Generator, patience: float = 5.0) -> float | None:
    """The look at which the candidate is said not to be reached, in seconds; None where that never happens.

    Args:
        case: what happens.
        until: end of the stage in seconds.
        chance: the source of randomness.
        patience: seconds before which nobody asks.
    """
    for at, arrivals in looks(case, until=until, chance=chance):
        if arrivals and at >= patience and not_reached(arrivals.blocks, weight=case.weight):
            return at
    return None


def _pod(
    case: Case, rates: Sequence[tuple[float, float, float]], begin: float, until: float, chance: Generator
) -> _Pod:
    """A pod that counts requests at these rates: from when until when, and how many in a second."""
    times = np.arange(begin + float(chance.random()) * case.scrape, until + case.scrape, case.scrape)
    expected = np.zeros(len(times))
    for since, end, rate in rates:
        spent = np.minimum(times, end) - np.maximum(times - case.scrape, since)
        expected += rate * np.maximum(spent, 0.0)
    return _Pod(times, np.cumsum(chance.poisson(expected)))


def _risen(pods: Sequence[_Pod], before: float, at: float) -> int:
    return sum(int(pod.counted[pod.at(at)] - pod.counted[pod.at(before)]) for pod in pods)


def _scrapes(pods: Sequence[_Pod], at: float) -> Scrapes:
    times = [float(pod.times[pod.at(at)]) for pod in pods]
    return Scrapes(len(pods), min(times), max(times))
