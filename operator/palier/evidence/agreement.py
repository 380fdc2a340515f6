"""Do the candidate's other pods agree with its worst one? One bad pod alone blames no version.

A candidate often begins with one pod. If that one pod is on a bad node, all that is known of the version is wrong, and
no number of requests tells. So a version is blamed only when its other pods look bad as well, apart from the worst:

    log ratio = bad log(q/p) + good log((1 - q)/(1 - p))

over the requests of the other pods, where q is the share of bad events of the candidate as a whole, or that of its last
requests where nearly all of those fail, and p is that of stable; nobody is asked where q is no larger. Ten to one says
that they agree, one to ten that they do not (Wald's sequential probability ratio test). Where they do not, nobody
blames the version, however long it takes.

Nobody waits for ever to hear what they say: no longer than ten minutes, nor until users have met more bad events than
`MOST_HARM` too many, nor where the candidate has so few requests that the others could not tell in that time. Then
three to one is enough, and so is silence.
"""

import math
from enum import Enum, auto
from typing import Final

from palier.evidence.pods import COMPARED_PODS, LEAST_EXPECTED, Pods, sum_up

MOST_HARM: Final = 50
"""Bad events beyond the limit, since pods are an excuse, after which nobody waits for other pods."""
LONGEST_WAIT: Final = 600.0
"""Seconds after which nobody waits for them."""
_SOON: Final = 300.0
"""Seconds within which they have to be expected to meet `LEAST_EXPECTED` bad events, if they are as bad."""
_AGREED: Final = math.log(10)
_LEANS: Final = math.log(3)
"""What is enough when nobody waits any longer."""
_SUREST: Final = 0.99
"""The largest share of bad events that is supposed of a version."""


class Others(Enum):
    """What the candidate's other pods say about its worst one."""

    AGREE = auto()
    """They are bad as well, or nobody can wait for them: the version may be blamed."""
    WAIT = auto()
    """They will tell soon."""
    DISAGREE = auto()
    """They are well: it is one pod that is bad."""


def ask_others(pods: Pods, *, limit: float, may_grow: bool, failing: float = 0.0) -> Others:
    """What the candidate's other pods say about its worst one.

    Args:
        pods: the events of both versions by pod.
        limit: share of bad events that is allowed.
        may_grow: whether a candidate with one pod may have more of them.
        failing: share of bad events among the last requests of a candidate that fails nearly everything, for which the
            time before that says nothing; else 0.
    """
    if not (pods.candidate and pods.stable) or (len(pods.candidate) == 1 and not may_grow):
        return Others.AGREE
    every, stable, excused = sum_up(pods.candidate), sum_up(pods.stable), pods.excused
    share, usual = min(_SUREST, max(failing, every.bad / every.total)), (stable.bad + 0.5) / (stable.total + 1)
    if share <= usual:
        return Others.AGREE
    worst = max(pods.candidate, key=lambda one: (one.bad - usual * one.total, one.name))
    log_ratio = _weigh(every.bad - worst.bad, every.total - worst.total, share=share, usual=usual)
    if abs(log_ratio) >= _AGREED:
        return Others.AGREE if log_ratio > 0 else Others.DISAGREE
    # What was excused counts as well: a pod that was followed anew has lost what it had shown.
    lately = max(failing, (every.bad + excused.bad) / (every.total + excused.total))
    others = every.total * (1 - 1 / COMPARED_PODS) * _SOON
    could_tell = lately * others >= LEAST_EXPECTED * pods.watched
    if could_tell and excused.seconds < LONGEST_WAIT and excused.count_harm(limit) < MOST_HARM:
        return Others.WAIT
    return Others.AGREE if every.total == worst.total or log_ratio >= _LEANS else Others.DISAGREE


def _weigh(bad: float, total: float, *, share: float, usual: float) -> float:
    """How much better a share of bad events explains some events than the usual one, as a log of likelihoods."""
    return bad * math.log(share / usual) + (total - bad) * (math.log1p(-share) - math.log1p(-usual))
