"""For a candidate that is simply dead: six failures in a row end a release, without any other guard.

The hard stop bets against "at most a fifth fails". It starts anew whenever its e-value falls to 1 or below (an e-CUSUM:
every run is a fresh e-process, and each run is wrong with probability at most `hard_stop_alpha`), so that a candidate
that dies after a long good life is stopped as fast as one that was born dead. Only where the requests before were
already failing at about that rate does it take a few more.

Two things look like a dead candidate and are none. A single request that no version could answer, tried ten times,
fails ten times in a row, and mostly within one look: so the failures must come from three looks, unless there are a
dozen in two looks or thirty in one. And in an outage that both versions share, stable may have so few requests that
none of them shows it in the same look: so stable's requests of the run have to tell, a thousand to one, that it does
not fail as the candidate does, and where it does, that is no fault of the candidate. What has recovered in the last
look is not dead either.
"""

import math
from dataclasses import dataclass
from typing import Final

from palier.evidence import absolute
from palier.evidence.counts import Counts, Tally
from palier.evidence.rules import ObjectiveRule

_NO_CHANCE: Final = math.log(100)
"""What the log e-value of stable's failures against the limit has to reach, so that a chance failure is no outage."""
_TELLS: Final = math.log(1000)
"""What stable's requests have to say against an outage that both share, as the log of a likelihood ratio."""
_SUREST: Final = 0.99
"""The largest share of failures that is supposed of a dead candidate: even in an outage some requests may be answered.
"""
_LEAST_FAILURES: Final = {0: 30, 1: 30, 2: 12}
"""How many failures in so many looks are more than one request that is tried again and again."""
_WITHOUT_STABLE: Final = 4
"""Looks with failures after which nobody waits any longer for requests of stable, where it had none in them."""


@dataclass(frozen=True, slots=True)
class HardStopRun:
    """The requests since the hard stop last started anew."""

    bad: int = 0
    total: int = 0
    looks: int = 0
    """Looks in which some of them failed."""
    stable_bad: int = 0
    stable_total: int = 0

    def __post_init__(self) -> None:
        """Refuse a run that cannot have happened."""
        if not (0 <= self.bad <= self.total and 0 <= self.stable_bad <= self.stable_total and self.looks >= 0):
            raise ValueError(f"hard stop: {self} is impossible")

    def add_look(self, candidate: Counts, stable: Counts | None, rule: ObjectiveRule) -> "HardStopRun":
        """The run after one more look; a new one where nothing speaks for a dead candidate any more."""
        bad, total = self.bad + candidate.bad, self.total + candidate.total
        # With no more bad events than the share allows the e-value is below 1 by Jensen's inequality.
        if bad <= _share(rule) * total:
            return NO_RUN
        other = stable or _NOTHING
        run = HardStopRun(
            bad=bad,
            total=total,
            looks=self.looks + (candidate.bad > 0),
            stable_bad=self.stable_bad + other.bad,
            stable_total=self.stable_total + other.total,
        )
        shared = _fails_as_well(other.bad, other.total, rule) or _fails_as_well(run.stable_bad, run.stable_total, rule)
        return NO_RUN if shared or run.log_e(rule) <= 0 else run

    def log_e(self, rule: ObjectiveRule) -> float:
        """Log e-value against "at most the hard stop's share fails"; 0 where the objective allows too much for one."""
        share = _share(rule)
        if share >= 1 or self.total == 0:
            return 0.0
        return absolute.log_e_above(self.bad, self.total, limit=share)

    def is_over(self, rule: ObjectiveRule, *, last: Tally, beside_stable: bool) -> bool:
        """Whether the candidate is dead, and has not just recovered.

        Args:
            rule: how the objective is judged.
            last: the last look.
            beside_stable: whether stable has had any requests in the release.
        """
        if last.total and last.bad <= _share(rule) * last.total:
            return False
        if self.bad < _LEAST_FAILURES.get(self.looks, 0) or self.log_e(rule) < -math.log(rule.hard_stop_alpha):
            return False
        if not beside_stable or (self.stable_total == 0 and self.looks >= _WITHOUT_STABLE):
            return True
        shared = self._log_shared(self.stable_bad, self.stable_total, rule)
        last_shared = self._log_shared(last.stable_bad, last.stable_total, rule)
        return shared <= -_TELLS and last_shared <= 0

    def _log_shared(self, bad: int, total: int, rule: ObjectiveRule) -> float:
        """How much better it explains requests of stable that it fails as the candidate does, than that it is well.

        The log of the likelihood ratio; negative where stable is seen to be well, 0 without any requests.
        """
        share = min(_SUREST, self.bad / max(1, self.total))
        return bad * math.log(share / rule.limit) + (total - bad) * (math.log1p(-share) - math.log1p(-rule.limit))


NO_RUN: Final = HardStopRun()
_NOTHING: Final = Counts(0, 0, 0)


def _share(rule: ObjectiveRule) -> float:
    return max(rule.hard_stop_share, 2 * rule.limit)


def _fails_as_well(bad: int, total: int, rule: ObjectiveRule) -> bool:
    """Whether stable fails too, perhaps only at the end of a look: then the candidate need not be the cause."""
    if bad <= max(_share(rule) / 4, 1.5 * rule.limit) * total:
        return False
    return absolute.log_e_above(bad, total, limit=rule.limit) >= _NO_CHANCE
