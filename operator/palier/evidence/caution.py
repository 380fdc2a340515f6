"""When is a candidate suspect enough that fewer users should meet it, although nothing is certain yet?

The tests that end a release wait until a good candidate would fail in 1 of 100 releases at most, also where requests
fail together: one look may say only so much, and gains are weakened. Meanwhile users meet the candidate. The test here
has no such guard as long as nothing shows that requests fail together, so it answers within a look or two, and what it
asks for can be taken back: the candidate's share goes down to 1 %, and the requests that are answered there tell
whether the suspicion was right.

The suspicion rises at 1/alpha, to the power of the measured design effect, on the weighted mean of two e-values that
are never capped: against "hardly worse than stable" and against "within the limit". Each has a mean of at most 1 for a
good candidate whose requests fail independently, and so has their weighted mean: it ever reaches 1/alpha with
probability at most alpha.

What is suspected is the bet that has won most: an odds ratio against stable, or a share above the limit. From then on
only that bet is followed, on fresh requests alone, as a sequential probability ratio test (Wald): ten to one for it
confirms the suspicion, twenty to one against it clears the candidate. A suspicion that is right is cleared with
probability at most 1/20, and one that is wrong is confirmed with probability at most 1/10. Bets that few fresh requests
could answer are left out (see `palier.evidence.stepping`): where neither version fails any request, the comparison with
stable says nothing, and only the limit can clear a candidate that is well again.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from palier.api.status.values import SuspectedBy
from palier.evidence.bets import NO_BETS, Bets, log_add
from palier.evidence.counts import Counts
from palier.evidence.odds_ratio import RATIOS

WEIGHT_OF_RELATIVE: Final = 0.8
"""Share of the comparison with stable in the mean of both e-values: it finds most of what is wrong first."""
_LOG_RELATIVE: Final = math.log(WEIGHT_OF_RELATIVE)
_LOG_ABSOLUTE: Final = math.log1p(-WEIGHT_OF_RELATIVE)
_SHARES: Final = (0.02, 0.05, 0.15, 0.3, 0.25, 0.15, 0.08)
"""Shares of the bets at the start, one for each odds ratio: what is a little worse could not be told at 1 % anyway."""
_START: Final = Bets(tuple(math.log(2 / 3 * share) for share in _SHARES), math.log(1 / 3))
CONFIRMED: Final = math.log(10)
CLEARED: Final = -math.log(20)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a candidate is suspected of, and what fresh requests say about it."""

    by: SuspectedBy
    bet: int
    """Position in the bets of that test."""
    log_ratio: float = 0.0
    """Log of how much better the suspicion explains the fresh requests than a candidate that is just good enough."""
    looks: int = 0
    """Looks with fresh requests."""
    total: int = 0
    """Fresh requests."""
    bad: int = 0
    """Those that were surely bad."""

    def __post_init__(self) -> None:
        """Refuse what cannot have been suspected."""
        counted = self.bet >= 0 and self.looks >= 0 and 0 <= self.bad <= self.total
        if not (counted and math.isfinite(self.log_ratio)):
            raise ValueError(f"impossible suspicion: {self}")

    @property
    def is_confirmed(self) -> bool:
        """Whether fresh requests speak for the suspicion."""
        return self.log_ratio >= CONFIRMED

    @property
    def is_cleared(self) -> bool:
        """Whether fresh requests speak against the suspicion."""
        return self.log_ratio <= CLEARED

    def add_look(self, relative: Sequence[float], absolute: Sequence[float], candidate: Counts) -> Self:
        """The suspicion after one more look.

        It is never more than confirmed: where pods are an excuse, it has to be possible to clear it later.
        """
        gains = relative if self.by is SuspectedBy.RELATIVE else absolute
        gain = gains[self.bet] if self.bet < len(gains) else 0.0
        total, bad = self.total + candidate.total, self.bad + candidate.bad
        log_ratio = min(CONFIRMED, self.log_ratio + gain)
        return type(self)(self.by, self.bet, log_ratio, self.looks + 1, total, bad)


@dataclass(frozen=True, slots=True)
class Caution:
    """The early test of one objective: it watches, or it follows a suspicion."""

    relative: Bets = NO_BETS
    absolute: Bets = NO_BETS
    looks: int = 0
    """Looks since it began to watch."""
    suspicion: Suspicion | None = None

    def reaches(self, bound: float, *, compares: bool) -> bool:
        """Whether the log e-value is at least this large; that is cheap to tell where it is far away.

        Args:
            bound: the log e-value at which a candidate is suspected.
            compares: whether the objective compares with stable at all.
        """
        if not compares:
            return self.absolute.reaches(bound)
        if not (self.relative.reaches(bound) or self.absolute.reaches(bound)):
            return False  # then their mean is below it as well
        return log_add(_LOG_RELATIVE + self.relative.log_e, _LOG_ABSOLUTE + self.absolute.log_e) >= bound

    def add_look(self, relative: Sequence[float], absolute: Sequence[float], candidate: Counts) -> Self:
        """The test after one more look.

        Args:
            relative: what the look says for each bet on "worse than stable"; empty where nothing is compared.
            absolute: what it says for each bet on "over the limit".
            candidate: what the candidate has answered in it.
        """
        if self.suspicion is not None:
            return type(self)(suspicion=self.suspicion.add_look(relative, absolute, candidate))
        looks, compared, limited = self.looks, self.relative, self.absolute
        if relative:
            compared = (compared if compared.logs else _START).add_look(relative, looks=looks, cap=math.inf)
        limited = (limited if limited.logs else _START).add_look(absolute, looks=looks, cap=math.inf)
        return type(self)(compared, limited, looks + 1)

    def begin_stage(self) -> Self:
        """A weight step: a part of the cash is bet on it."""
        return type(self)(self.relative.stage_begun(), self.absolute.stage_begun(), self.looks, self.suspicion)

    def to_status(self) -> dict[str, Any]:
        """For `status`; floats as decimal strings that read back exactly."""
        if self.suspicion is not None:
            one = self.suspicion
            return {
                "suspectedBy": one.by.value,
                "bet": one.bet,
                "logRatio": repr(one.log_ratio),
                "freshLooks": one.looks,
                "freshTotal": one.total,
                "freshBad": one.bad,
            }
        status: dict[str, Any] = {"looks": self.looks}
        for name, bets in (("relative", self.relative), ("absolute", self.absolute)):
            if bets.logs:
                status[name] = [repr(log) for log in bets.logs]
                status[f"{name}Cash"] = repr(bets.cash)
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Raises:
            TypeError, ValueError: something is there but unreadable.
        """
        if by := status.get("suspectedBy"):
            return cls(
                suspicion=Suspicion(
                    SuspectedBy(by),
                    int(status.get("bet") or 0),
                    float(status.get("logRatio") or 0.0),
                    int(status.get("freshLooks") or 0),
                    int(status.get("freshTotal") or 0),
                    int(status.get("freshBad") or 0),
                )
            )
        looks = int(status.get("looks") or 0)
        if looks < 0:
            raise ValueError(f"caution has a negative count: {looks}")
        return cls(
            Bets.from_texts(status.get("relative"), status.get("relativeCash")),
            Bets.from_texts(status.get("absolute"), status.get("absoluteCash")),
            looks,
        )


NO_CAUTION: Final = Caution()


def list_suspicions(
    watching: Caution, *, relative: Bets, absolute: Bets, compared: bool = False
) -> Iterator[tuple[float, Suspicion]]:
    """The bets that have won something, each with the log of its part in the e-value.

    Args:
        watching: the test before.
        relative: the bets against "no worse than stable" of the test that ends a release, which may have failed the
            candidate before the early test has seen anything.
        absolute: its bets against "within the limit".
        compared: whether only the comparison is followed. A look in which stable is over the limit as well says nothing
            against the candidate, but it may speak for it: where there are many of them, the limit clears everybody.
    """
    if watching.looks:
        relative, absolute = watching.relative, watching.absolute
    for number, log in enumerate(relative.logs[: len(RATIOS)]):  # a status may hold bets that nobody knows
        if log >= 0:
            yield log + _LOG_RELATIVE, Suspicion(SuspectedBy.RELATIVE, number)
    for number, log in enumerate(() if compared else absolute.logs[: len(RATIOS)]):
        if log >= 0:
            yield log + _LOG_ABSOLUTE, Suspicion(SuspectedBy.ABSOLUTE, number)
