"""Are pods of one version as different from each other as the two versions are?

A test that counts requests is certain of any difference after enough of them. But pods of one version differ, too: one
runs on a slower node, one has a broken connection. With one pod of the candidate and three of stable, speeds that
differ by 5 % from pod to pod look like a slower version in 1 of 7 releases, and no number of requests helps. So a
version is blamed only for a difference that is large beside the differences between pods of one version.

Each pod has the logarithm of the odds of a bad event, over the last looks. The mean over the candidate's pods, minus
that over stable's, is compared with what pods differ by, as in the t-test for two samples. From three pods on the worst
one is left out of the candidate's mean: a candidate often gets more pods because its first one looked bad, and that one
would speak for the others.

    W = t sqrt(v (1/m + 1/n)),    v = (NU0 s0^2 + S) / (NU0 + m + n - 2)

where m and n are the pods of candidate and stable, S is the sum of the squared deviations of each version's pods from
their mean, less what chance alone would give, t is the quantile of Student's distribution with NU0 + m + n - 2 degrees
of freedom, and s0 is what pods are supposed to differ by where there are too few to tell, as if NU0 pods had shown it.
One bad pod beside a good one of the same version makes S large, so that it is not the version's fault; two bad pods
that agree make it small. Only pods count for S in which their version's share would give some bad events.

To be blamed, the difference has to exceed W, and some standard errors by chance.

Whether the candidate's other pods agree with its worst one is another question: see `palier.evidence.agreement`.

What was seen is forgotten slowly: it loses half of its weight in 17 minutes. So a regression that starts late is
compared with pods as they are now, and pods that wander are compared while they do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

from scipy.special import stdtrit

PodCounts = Mapping[str, tuple[float, float]]
"""All and bad events of one look by the name of the pod."""

COMPARED_PODS: Final = 3
"""Pods of the candidate that are compared where the difference may be that of pods."""
NU0: Final = 5.0
"""Pods that the supposed spread weighs as much as."""
ENOUGH_TO_TELL: Final = 3
"""Pods of the candidate from which on the worst of them has no part in its level."""
MOST_PODS: Final = 8
"""Pods of each version that are kept: of those that are read, the first by name; more would tell hardly more."""
LEAST_EXPECTED: Final = 3.0
"""Bad events that the version's share has to give a pod so that the pod tells something."""
_SURPRISE: Final = 0.9985
"""Quantile of Student's distribution, chosen by `benchmarks.evidence --nulls`."""
SURE: Final = 2.0
"""Standard errors by which the difference has to be more than chance, which picks the look at which that is asked."""
SURER: Final = 5.0
"""The same where the candidate has but 1 % of the requests, and it harms few to be sure."""
_LEAST_NOISE: Final = 0.1
"""The least that counts as the information of a tally, so that nothing is divided by 0."""
_HALF_LIFE: Final = 1030.0
"""Seconds after which what was seen has half of its weight."""
_HALF_LIFE_OF_GONE: Final = 30.0
"""The same of a pod that nobody reads any more: what it was says little about those that are there."""
_GONE: Final = 120.0
"""Seconds without a reading after which a pod is gone; a look may be shorter than the interval of the scrapes."""
_NONE: Final = (0.0, 0.0)
_FORGOTTEN: Final = 0.1
"""Events below which a pod is forgotten."""
_LARGEST: Final = 1e18
"""Events beyond which nothing is counted, so that no sum of them overflows."""
_LONGEST_NAME: Final = 253
"""Characters that the name of a pod has at most; the status has no room for more."""


class PodTally(NamedTuple):
    """The events of one pod, older ones counted less."""

    name: str
    total: float
    bad: float
    unread: float = 0.0
    """Seconds since it was read."""

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "PodTally":
        """The tally as `status` has it.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable, or no pod can have counted that.
        """
        found = cls(
            str(status["pod"]), float(status["total"]), float(status["bad"]), float(status.get("unread") or 0.0)
        )
        counted = 0 <= found.bad <= found.total <= _LARGEST and found.total > 0
        if not (counted and 0 <= found.unread < math.inf):
            raise ValueError(f"impossible counts of a pod: {found}")
        return found

    def to_status(self) -> dict[str, Any]:
        """For `status`; numbers as decimal strings that read back exactly."""
        status = {"pod": self.name, "total": repr(self.total), "bad": repr(self.bad)}
        return {**status, "unread": repr(self.unread)} if self.unread else status

    @property
    def log_odds(self) -> float:
        """Logarithm of the odds of a bad event, with half an event added to either side."""
        return math.log((self.bad + 0.5) / (self.total - self.bad + 0.5))


Arm = tuple[PodTally, ...]


class Excused(NamedTuple):
    """What users have met since pods are an excuse for a version that looks bad."""

    seconds: float = 0.0
    total: int = 0
    bad: int = 0

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "Excused":
        """As `status` has it.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable, or nobody can have met that.
        """
        found = cls(float(status["seconds"]), int(status["total"]), int(status["bad"]))
        if not (0 <= found.bad <= found.total and 0 <= found.seconds < math.inf):
            raise ValueError(f"impossible counts of excused looks: {found}")
        return found

    def count_harm(self, limit: float) -> float:
        """Bad events beyond the share that is allowed."""
        return self.bad - limit * self.total


NEVER_EXCUSED: Final = Excused()


@dataclass(frozen=True, slots=True)
class Pods:
    """The events of both versions by pod."""

    candidate: Arm = ()
    stable: Arm = ()
    excused: Excused = NEVER_EXCUSED
    watched: float = 0.0
    """Seconds in which the candidate's events came, older ones counted less."""

    def add_look(self, candidate: PodCounts, stable: PodCounts, *, seconds: float) -> "Pods":
        """The tallies after one more look."""
        watched = self.watched * _keep(seconds, _HALF_LIFE) + seconds
        mine, theirs = _add(self.candidate, candidate, seconds), _add(self.stable, stable, seconds)
        return Pods(mine, theirs, self.excused, round(watched, 3))

    def follow_anew(self) -> "Pods":
        """The same where others come beside the candidate's only pod, which is hardly remembered.

        What it was like before says nothing about the version if it is well now.
        """
        (one,) = self.candidate
        return replace(self, candidate=(PodTally(one.name, 1.0, one.bad / one.total, one.unread),), watched=0.0)

    def thin(self, *, candidate: float, stable: float, share: float) -> "Pods":
        """The same with at most so many events of each version, when the candidate's share of the requests changes.

        Args:
            candidate: events of the candidate that are left at most.
            stable: the same of stable.
            share: part of its requests that the candidate keeps.
        """
        mine, theirs = _thin(self.candidate, candidate), _thin(self.stable, stable)
        left = sum_up(mine).total / sum_up(self.candidate).total / share if mine else 0.0
        return Pods(mine, theirs, watched=round(self.watched * left, 3))

    def excuse(self, total: int, bad: int, *, seconds: float) -> "Pods":
        """The same after a look whose bad events may be the pods' fault."""
        before = self.excused
        return replace(self, excused=Excused(before.seconds + seconds, before.total + total, before.bad + bad))

    def to_status(self) -> dict[str, Any]:
        """For `status`."""
        status: dict[str, Any] = {
            name: [one.to_status() for one in arm]
            for name, arm in (("candidate", self.candidate), ("stable", self.stable))
            if arm
        }
        seconds, total, bad = self.excused
        if self.excused != NEVER_EXCUSED:
            status["excused"] = {"seconds": repr(seconds), "total": total, "bad": bad}
        if self.watched:
            status["watched"] = repr(self.watched)
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Raises:
            KeyError, TypeError, ValueError: something is there but unreadable.
        """
        candidate, stable = (
            tuple(PodTally.from_status(one) for one in status.get(name) or ()) for name in ("candidate", "stable")
        )
        excused = status.get("excused")
        watched = float(status.get("watched") or 0.0)
        if not 0 <= watched < math.inf:
            raise ValueError(f"pods cannot have been watched for {watched} seconds")
        return cls(candidate, stable, Excused.from_status(excused) if excused else NEVER_EXCUSED, watched)


NO_PODS: Final = Pods()


def find_worst(pods: Pods) -> PodTally | None:
    """The candidate's pod with the highest share of bad events; None without any pod."""
    return max(pods.candidate, key=lambda one: one.log_odds, default=None)


def differ_as_much(
    pods: Pods, *, spread: float, limit: float | None = None, lone: bool = True, sure: float = SURE
) -> bool:
    """Whether pods of one version differ so much that the candidate's need not be worse because of their version.

    Args:
        pods: the events of both versions by pod.
        spread: standard deviation of the log odds that pods are supposed to have.
        limit: share of bad events that is allowed, where that is a reason to blame the candidate as well.
        lone: whether one pod alone is excused, because there may be more of them.
        sure: standard errors by which the difference has to be more than chance.
    """
    if not (pods.candidate and pods.stable):
        return False
    mine, theirs = _find_telling(pods.candidate), _find_telling(pods.stable)
    if len(mine) <= 1 and not lone:
        return False
    (mine_free, deviations), (theirs_free, others) = (_sum_deviations(one, spread) for one in (mine, theirs))
    freedom = NU0 + mine_free + theirs_free
    variance = (NU0 * spread**2 + deviations + others) / freedom
    reach = _quantile(freedom) * math.sqrt(variance)
    m, n = len(mine) or len(pods.candidate), len(theirs) or len(pods.stable)
    here, there = _find_level(_drop_worst(mine), pods.candidate), _find_level(theirs, pods.stable)
    own, other = sum_up(pods.candidate), sum_up(pods.stable)
    own_noise, noise = _noise(own, own.bad / own.total), _noise(other, other.bad / other.total)
    if here - there >= math.hypot(reach * math.sqrt(1 / m + 1 / n), sure * math.sqrt(own_noise + noise)):
        return False
    if limit is None:
        return True
    return here - math.log(limit / (1 - limit)) < math.hypot(reach / math.sqrt(m), sure * math.sqrt(own_noise))


def _add(before: Arm, looked: PodCounts, seconds: float) -> Arm:
    """The pods after one more look; three decimals are enough, and keep the status short."""
    after, known = [], set()
    for name, total, bad, unread in before:
        known.add(name)
        more, worse = looked.get(name, _NONE)
        since = 0.0 if name in looked else round(unread + seconds, 3)
        kept = _keep(seconds, _HALF_LIFE if since < _GONE else _HALF_LIFE_OF_GONE)
        total = min(_LARGEST, round(total * kept + more, 3))  # noqa: PLW2901 - the same pod a look later
        if total >= _FORGOTTEN:
            after.append(PodTally(name, total, min(total, round(bad * kept + worse, 3)), since))
    new = [
        PodTally(name, round(min(total, _LARGEST), 3), round(min(bad, _LARGEST), 3))
        for name, (total, bad) in looked.items()
        if name not in known and total >= _FORGOTTEN and len(name) <= _LONGEST_NAME
    ]
    if new:
        after = sorted((*after, *new), key=lambda one: (one.unread, one.name))[:MOST_PODS]
    return tuple(after)


def _thin(arm: Arm, most: float) -> Arm:
    """The pods with at most so many events together."""
    part = min(1.0, most / max(most, sum_up(arm).total)) if most > 0 else 0.0
    thinned = (PodTally(one.name, round(one.total * part, 3), round(one.bad * part, 3), one.unread) for one in arm)
    return tuple(one._replace(bad=min(one.bad, one.total)) for one in thinned if one.total >= _FORGOTTEN)


def _keep(seconds: float, half_life: float) -> float:
    """What is left of the weight of what was seen so long ago."""
    return math.exp2(-seconds / half_life)


def _find_telling(arm: Arm) -> Sequence[PodTally]:
    total = math.fsum(one.total for one in arm)
    share = math.fsum(one.bad for one in arm) / total if total else 0.0
    return [one for one in arm if one.total * share >= LEAST_EXPECTED]


def _drop_worst(telling: Sequence[PodTally]) -> Sequence[PodTally]:
    """The pods without the worst, which may be why anybody asks; all of them where there are too few to do without."""
    if len(telling) < ENOUGH_TO_TELL:
        return telling
    worst = max(telling, key=lambda one: (one.log_odds, one.name))
    return [one for one in telling if one is not worst]


def _find_level(telling: Sequence[PodTally], arm: Arm) -> float:
    """The mean log odds of the pods that tell something; that of all events together where none does."""
    return math.fsum(one.log_odds for one in telling) / len(telling) if telling else sum_up(arm).log_odds


def sum_up(arm: Arm) -> PodTally:
    """All pods of a version as one."""
    return PodTally("", math.fsum(one.total for one in arm), math.fsum(one.bad for one in arm))


def _noise(tally: PodTally, share: float) -> float:
    """Variance of the log odds by chance alone, if that is the share of bad events."""
    return 1 / max(tally.total * share * (1 - share), _LEAST_NOISE)


def _sum_deviations(telling: Sequence[PodTally], spread: float) -> tuple[float, float]:
    """Degrees of freedom, and squared deviations from the mean beyond what chance gives.

    A pod counts for as much as it can tell about the spread, which is less where chance makes it differ more.
    """
    if len(telling) < 2:  # noqa: PLR2004 - one pod differs from nobody
        return 0.0, 0.0
    every = sum_up(tuple(telling))
    mean = math.fsum(one.log_odds for one in telling) / len(telling)
    found = []
    for one in telling:
        noise = _noise(one, every.bad / every.total)
        told = spread**2 / (spread**2 + noise)
        found.append((told, told * ((one.log_odds - mean) ** 2 - noise * (1 - 1 / len(telling)))))
    free = math.fsum(told for told, _ in found) * (1 - 1 / len(telling))
    return free, max(0.0, math.fsum(deviation for _, deviation in found))


def _quantile(freedom: float) -> float:
    return float(stdtrit(freedom, _SURPRISE))
