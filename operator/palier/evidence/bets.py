"""Capital that follows a regression wherever it starts: the one scheme behind every test that may end a release.

Each test spreads bets over a grid of alternatives, because nobody knows how bad a bad candidate is. A bet that has lost
an hour long is worth nothing when the regression starts at last, so a part of the capital is held back as cash, and at
every look a share of the cash goes evenly into the bets:

    d     = 1 / (looks so far + 20)
    B_j  <- (B_j + d C / J) exp(min(cap, gain_j)),    C <- (1 - d) C,    E = C + sum of B_j

At the start the bets hold two thirds. Moving capital makes none, and each factor exp(min(cap, gain_j)) has a mean of at
most 1 under the hypothesis, whatever happened before; so E is a nonnegative supermartingale that starts at 1, and by
Ville's inequality the probability that it ever reaches 1/alpha is at most alpha. A regression that starts at look n
finds about 20/(3 (n + 20)^2) of the capital freshly bet at each look: late starts cost logarithmically, and nobody has
to say beforehand how long a release lasts.

Everything is kept as logs, so nothing overflows or underflows, and no bet needs a floor, which would make capital out
of nothing: the inflow of cash keeps every bet within sight.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

CAP = 1.25
"""The most that one look may add to the log of a bet, because requests of one look often fail together."""

_BET_AT_START = math.log(2 / 3)
_CASH_AT_START = math.log(1 / 3)
_PACE = 20
_ROUNDING = 1e-9
"""More than a sum of logarithms errs by."""
_MOVED_BY_A_STAGE = 0.25
"""A weight step is a likely moment for a regression to show."""


def read_logs(texts: Sequence[str] | None) -> tuple[float, ...]:
    """Logarithms as `status` has them.

    Raises:
        ValueError: one of them is unreadable or not finite.
    """
    logs = tuple(float(text) for text in texts or ())
    if not all(math.isfinite(log) for log in logs):
        raise ValueError(f"evidence is not finite: {texts}")
    return logs


def log_add(first: float, second: float) -> float:
    """Log of e^first + e^second without overflow."""
    if first < second:
        first, second = second, first
    return first + math.log1p(math.exp(second - first))


def log_sum(logs: Sequence[float]) -> float:
    """Log of the sum of e^log without overflow."""
    largest = max(logs)
    exp = math.exp
    return largest + math.log(math.fsum([exp(log - largest) for log in logs]))


def log_mean(logs: Sequence[float]) -> float:
    """Log of the mean of e^log: the e-value of bets with equal weights."""
    return log_sum(logs) - math.log(len(logs))


@dataclass(frozen=True, slots=True)
class Bets:
    """The capital of one test as logs; without any bet it is the test before its first look."""

    logs: tuple[float, ...] = ()
    cash: float = 0.0

    @classmethod
    def from_texts(cls, texts: Sequence[str] | None, cash: str | None) -> Self:
        """The capital as `status` has it; without any bet where there is none.

        Raises:
            ValueError: a number is unreadable or not finite.
        """
        logs = read_logs(texts)
        return cls(logs, read_logs((cash or "0.0",))[0]) if logs else cls()

    @property
    def log_e(self) -> float:
        """Log of all capital: the e-value."""
        return log_add(self.cash, log_sum(self.logs)) if self.logs else self.cash

    def reaches(self, log_e: float) -> bool:
        """Whether the log e-value is at least this large; mostly known from the largest part of the capital alone."""
        if not self.logs:
            return self.cash >= log_e
        most = max(self.cash, *self.logs) + math.log(len(self.logs) + 1)
        return most + _ROUNDING >= log_e and self.log_e >= log_e

    def add_look(self, gains: Sequence[float], *, looks: int, cap: float = CAP) -> "Bets":
        """The capital after one more look.

        Args:
            gains: what the look says for each alternative: the log of a factor with mean at most 1.
            looks: how many looks came before; anything known before the look keeps the test valid.
            cap: the most that may be added to the log of a bet.
        """
        before = self if len(self.logs) == len(gains) else _start_bets(len(gains))
        share = 1 / (looks + _PACE)
        inflow = before.cash + math.log(share / len(gains))
        exp, log1p = math.exp, math.log1p
        logs = []
        for log, gain in zip(before.logs, gains, strict=True):  # `log_add` written out: most of a look is spent here
            grown = log + log1p(exp(inflow - log)) if log >= inflow else inflow + log1p(exp(log - inflow))
            logs.append(grown + (min(cap, gain)))
        return Bets(tuple(logs), before.cash + log1p(-share))

    def stage_begun(self) -> "Bets":
        """A quarter of the cash is bet; the e-value stays what it is."""
        if not self.logs:
            return self
        inflow = self.cash + math.log(_MOVED_BY_A_STAGE / len(self.logs))
        return Bets(tuple(log_add(log, inflow) for log in self.logs), self.cash + math.log1p(-_MOVED_BY_A_STAGE))


def reach_together(parts: Sequence["Bets"], log_e: float) -> bool:
    """Whether the e-values of several tests that have begun add up to this much; cheap where all are far from it."""
    begun = [part for part in parts if part.logs]
    if not begun:
        return False
    near = log_e - math.log(len(begun))
    return any(part.reaches(near) for part in begun) and log_sum([part.log_e for part in begun]) >= log_e


def _start_bets(number: int) -> Bets:
    return Bets((_BET_AT_START - math.log(number),) * number, _CASH_AT_START)


NO_BETS = Bets()
