"""How the evidence of the whole release and that of the current stage become one number.

A regression that starts late must not have to work off an hour of evidence for "fine", so every stage also runs fresh
processes of its own. Taking the best of them, or their plain average, would hand out new capital at every weight step
and with it more false rollbacks than alpha allows. Instead the capital is split once:

    E = 1/2 E_release + 1/2 R (2/3 + 1/3 E_stage)

where the reserve R starts at 1 and becomes R (2/3 + 1/3 E_stage) when a stage ends. Every step only moves capital that
is there, so E stays one e-process over the whole release; the insurance costs at most ln 2, and a regression that only
the third stage sees pays ln(27/2) = 2.6. All arguments and results are logs.
"""

import math
from collections.abc import Sequence

_HALF = math.log(1 / 2)
_KEPT = math.log(2 / 3)
_STAKED = math.log(1 / 3)


def log_add(first: float, second: float) -> float:
    """Log of e^first + e^second without overflow."""
    larger, smaller = max(first, second), min(first, second)
    return larger + math.log1p(math.exp(smaller - larger))


def log_mean(logs: Sequence[float]) -> float:
    """Log of the mean of e^log: the e-value of bets with equal weights."""
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(log - largest) for log in logs) / len(logs))


def reserve_after(stage: float, *, reserve: float) -> float:
    """The reserve that the next stage starts with."""
    return reserve + log_add(_KEPT, _STAKED + stage)


def capital(release: float, stage: float, *, reserve: float) -> float:
    """Log e-value of release and stage together."""
    return _HALF + log_add(release, reserve_after(stage, reserve=reserve))


def stage_dominates(release: float, stage: float, *, reserve: float) -> bool:
    """Whether the stage's own process has won capital, and holds more of it than the release's."""
    return stage > 0 and reserve + _STAKED + stage > release
