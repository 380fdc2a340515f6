"""A cold cache is no reason to blame a version: when does it begin to count how fast a candidate answers?

A candidate that has just got traffic answers slowly for a while: caches are empty, code is not compiled, connections
are not open. Whether such slowness passes cannot be told from one that stays, so its looks are left out as a whole.

Which looks count is decided before they are made: by the clock, or by an earlier look that is left out itself. So what
is counted is chosen by nothing that is in it, and the tests keep their bounds whenever the warm-up ends.
"""

import math
from dataclasses import dataclass
from typing import Final

from palier.evidence.objective import Amounts, Counts, MeanRule, ObjectiveRule, Rule

USUALLY_LEFT_OUT: Final = 60.0
"""Seconds that are left out where nothing else is said, however fast the candidate answers."""

LONGEST: Final = 240.0
"""Seconds after which a slow candidate is cold no more where nothing else is said."""

STAGES: Final = 4
"""The same as a multiple of the shortest time of the stage, for short stages."""

LEAST: Final = 10
"""Requests of the candidate in a look, below which it does not show that the candidate is warm."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How long the time that an answer takes does not count, in seconds after a candidate got its traffic."""

    shortest: float = 0.0
    longest: float = 0.0

    def find_end(self, start: float, end: float, *, begun: float, is_steady: bool) -> float | None:
        """When it was over, if it is over after a step between two looks; what begins earlier does not count.

        Args:
            start: the look before, in seconds since the epoch.
            end: this look.
            begun: when the candidate got its traffic.
            is_steady: whether the candidate was not slow in this step.
        """
        if self.longest == 0 or start >= begun + self.longest:
            return start
        return end if is_steady and end >= begun + self.shortest else None


NO_WARM_UP: Final = WarmUp()


def choose_warm_up(written: float | None, *, minimum: float, maximum: float) -> WarmUp:
    """The warm-up of a stage.

    Args:
        written: seconds that its author asks for; None for as long as the candidate needs.
        minimum: shortest time of the stage in seconds.
        maximum: longest time of the stage in seconds.
    """
    if written is not None:
        return WarmUp(written, written)
    return WarmUp(min(USUALLY_LEFT_OUT, minimum / 2), min(LONGEST, STAGES * minimum, maximum / 2))


def is_steady(candidate: Counts | Amounts, stable: Counts | Amounts | None, rule: Rule) -> bool:
    """Whether a candidate was not slow in a step: as fast as promised, and as stable was, but for chance."""
    if candidate.total < LEAST:
        return False
    match rule, candidate, stable:
        case ObjectiveRule(), Counts(), Counts() | None:
            share = rule.limit
            if stable is not None and stable.total and rule.compare_with_stable:
                share = min(share, rule.margin * stable.bad_possible / stable.total)
            expected = share * candidate.total
            return candidate.bad <= expected + math.sqrt(expected)
        case MeanRule(), Amounts(), Amounts() | None:
            mean = rule.maximum
            if stable is not None and stable.total:
                mean = min(mean, rule.margin * stable.amount / stable.total)
            return candidate.amount <= mean * candidate.total
        case _:
            return True
