"""Are pods of one version as different from each other as the two versions are?

A test that counts requests is certain of any difference after enough of them. But pods of one version differ, too: one
runs on a slower node, one has a broken connection. With one pod of the candidate and three of stable, speeds that
differ by 5 % from pod to pod look like a slower version in 1 of 7 releases, and no number of requests helps. So a
version is blamed only for a difference that is large beside the differences between pods of one version.

Each pod has the logarithm of the odds of a bad event, over the last looks. The mean over the candidate's pods, minus
that over stable's, is compared with what pods differ by, as in the t-test for two samples:

    W = t sqrt(v (1/m + 1/n)),    v = (NU0 s0^2 + S) / (NU0 + m + n - 2)

where m and n are the pods of candidate and stable, S is the sum of the squared deviations of each version's pods from
their mean, less what chance alone would give, t is the quantile of Student's distribution with NU0 + m + n - 2 degrees
of freedom, and s0 is what pods are supposed to differ by where there are too few to tell, as if NU0 pods had shown it.
One bad pod beside a good one of the same version makes S large, so that it is not the version's fault; two bad pods
that agree make it small. Only pods count for S in which their version's share would give some bad events.

To be blamed, the difference has to exceed W, and some standard errors by chance.

Looks are forgotten slowly: each takes a fiftieth of the weight of those before. So a regression that starts late is
compared with pods as they are now, and pods that wander are compared while they do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from scipy.special import stdtrit

PodCounts = Mapping[str, tuple[float, float]]
"""All and bad events of one look by the name of the pod."""

COMPARED_PODS: Final = 3
"""Pods of the candidate that are compared where the difference may be that of pods."""
NU0: Final = 4.0
"""Pods that the supposed spread weighs as much as."""
MOST_PODS: Final = 8
"""Pods of each version that are kept: of those that are read, the first by name; more would tell hardly more."""
LEAST_EXPECTED: Final = 3.0
"""Bad events that the version's share has to give a pod so that the pod tells something."""
_SURPRISE: Final = 0.9985
"""Quantile of Student's distribution, chosen by `benchmarks.evidence --nulls`."""
_SURE: Final = 2.5
"""Standard errors by which the difference has to exceed that, because chance picks the look at which it is asked.

They count at most as much as what pods are supposed to differ by, so that few requests do not excuse everything.
"""
_LEAST_NOISE: Final = 0.1
"""The least that counts as the information of a tally, so that nothing is divided by 0."""
DISAGREEMENT: Final = 1.0
"""Standard deviation of the log odds from which on pods of one version are not bad alike."""
_KEPT: Final = 0.98
"""Part of the weight that older looks keep at each look."""
_KEPT_OF_GONE: Final = 0.5
"""The same of a pod that nobody reads any more: what it was says little about those that are there."""
_NONE: Final = (0.0, 0.0)
_FORGOTTEN: Final = 0.5
"""Events below which a pod is forgotten."""
_LARGEST: Final = 1e18
"""More events than a pod can have counted: 2^53 in each of the looks that still count."""
_LONGEST_NAME: Final = 253
"""Characters that the name of a pod has at most; the status has no room for more."""


class PodTally(NamedTuple):
    """The events of one pod, older ones counted less."""

    name: str
    total: float
    bad: float

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "PodTally":
        """The tally as `status` has it.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable, or no pod can have counted that.
        """
        found = cls(str(status["pod"]), float(status["total"]), float(status["bad"]))
        if not (0 <= found.bad <= found.total <= _LARGEST and found.total > 0):
            raise ValueError(f"impossible counts of a pod: {found}")
        return found

    @property
    def log_odds(self) -> float:
        """Logarithm of the odds of a bad event, with half an event added to either side."""
        return math.log((self.bad + 0.5) / (self.total - self.bad + 0.5))


Arm = tuple[PodTally, ...]


@dataclass(frozen=True, slots=True)
class Pods:
    """The events of both versions by pod."""

    candidate: Arm = ()
    stable: Arm = ()

    def add_look(self, candidate: PodCounts, stable: PodCounts) -> "Pods":
        """The tallies after one more look."""
        return Pods(_add(self.candidate, candidate), _add(self.stable, stable))

    def to_status(self) -> dict[str, Any]:
        """For `status`; counts as decimal strings that read back exactly."""
        return {
            name: [{"pod": one.name, "total": repr(one.total), "bad": repr(one.bad)} for one in arm]
            for name, arm in (("candidate", self.candidate), ("stable", self.stable))
            if arm
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Raises:
            KeyError, TypeError, ValueError: something is there but unreadable.
        """
        candidate, stable = (
            tuple(PodTally.from_status(one) for one in status.get(name) or ()) for name in ("candidate", "stable")
        )
        return cls(candidate, stable)


NO_PODS: Final = Pods()


def count_telling(arm: Arm) -> int:
    """The pods of a version that tell something about it."""
    return len(_find_telling(arm))


def find_worst(pods: Pods) -> PodTally | None:
    """The candidate's pod with the highest share of bad events; None without any pod."""
    return max(pods.candidate, key=lambda one: one.log_odds, default=None)


def differ_as_much(pods: Pods, *, spread: float, limit: float | None = None, lone: bool = True) -> bool:
    """Whether pods of one version differ so much that the candidate's need not be worse because of their version.

    Args:
        pods: the events of both versions by pod.
        spread: standard deviation of the log odds that pods are supposed to have.
        limit: share of bad events that is allowed, where that is a reason to blame the candidate as well.
        lone: whether one pod alone is excused, because there may be more of them.
    """
    if not (pods.candidate and pods.stable):
        return False
    mine, theirs = _find_telling(pods.candidate), _find_telling(pods.stable)
    if len(mine) <= 1 and not lone:
        return False
    freedom = NU0 + max(0, len(mine) - 1) + max(0, len(theirs) - 1)
    variance = (NU0 * spread**2 + _sum_deviations(mine) + _sum_deviations(theirs)) / freedom
    reach = _quantile(freedom) * math.sqrt(variance)
    m, n = len(mine) or len(pods.candidate), len(theirs) or len(pods.stable)
    here, there = _find_level(mine, pods.candidate), _find_level(theirs, pods.stable)
    own, other = _sum_up(pods.candidate), _sum_up(pods.stable)
    both = (own.bad + other.bad) / (own.total + other.total)
    by_chance = min(spread, _SURE * math.sqrt(_noise(own, both) + _noise(other, both)))
    if here - there >= reach * math.sqrt(1 / m + 1 / n) + by_chance:
        return False
    if limit is None:
        return True
    by_chance = min(spread, _SURE * math.sqrt(_noise(own, limit)))
    return here - math.log(limit / (1 - limit)) < reach / math.sqrt(m) + by_chance


def disagree(arm: Arm) -> bool:
    """Whether pods of one version differ so much that some are dead or very bad and others are not."""
    telling = _find_telling(arm)
    return len(telling) > 1 and _sum_deviations(telling) / (len(telling) - 1) >= DISAGREEMENT**2


def _add(before: Arm, looked: PodCounts) -> Arm:
    """The pods after one more look; three decimals are enough, and keep the status short."""
    after, known = [], set()
    for name, total, bad in before:
        known.add(name)
        more, worse = looked.get(name, _NONE)
        kept = _KEPT if name in looked else _KEPT_OF_GONE
        total = round(total * kept + more, 3)  # noqa: PLW2901 - the same pod a look later
        if total >= _FORGOTTEN:
            after.append(PodTally(name, total, min(total, round(bad * kept + worse, 3))))
    new = [
        PodTally(name, round(total, 3), round(bad, 3))
        for name, (total, bad) in looked.items()
        if name not in known and total >= _FORGOTTEN and len(name) <= _LONGEST_NAME
    ]
    if new:
        after = sorted((*after, *new), key=lambda one: (one.name not in looked, one.name))[:MOST_PODS]
    return tuple(after)


def _find_telling(arm: Arm) -> Sequence[PodTally]:
    total = math.fsum(one.total for one in arm)
    share = math.fsum(one.bad for one in arm) / total if total else 0.0
    return [one for one in arm if one.total * share >= LEAST_EXPECTED]


def _find_level(telling: Sequence[PodTally], arm: Arm) -> float:
    """The mean log odds of the pods that tell something; that of all events together where none does."""
    return math.fsum(one.log_odds for one in telling) / len(telling) if telling else _sum_up(arm).log_odds


def _sum_up(arm: Arm) -> PodTally:
    """All pods of a version as one."""
    return PodTally("", math.fsum(one.total for one in arm), math.fsum(one.bad for one in arm))


def _noise(tally: PodTally, share: float) -> float:
    """Variance of the log odds by chance alone, if that is the share of bad events."""
    return 1 / max(tally.total * share * (1 - share), _LEAST_NOISE)


def _sum_deviations(telling: Sequence[PodTally]) -> float:
    """Squared deviations from the mean beyond what chance gives."""
    if len(telling) < 2:  # noqa: PLR2004 - one pod differs from nobody
        return 0.0
    every = _sum_up(tuple(telling))
    mean = math.fsum(one.log_odds for one in telling) / len(telling)
    by_chance = math.fsum(_noise(one, every.bad / every.total) for one in telling) * (1 - 1 / len(telling))
    return max(0.0, math.fsum((one.log_odds - mean) ** 2 for one in telling) - by_chance)


@lru_cache(maxsize=64)
def _quantile(freedom: float) -> float:
    return float(stdtrit(freedom, _SURPRISE))
