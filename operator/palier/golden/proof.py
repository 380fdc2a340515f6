"""Bets on a mean score, kept up answer by answer, and the interval that they leave.

One strategy of ten bets (`palier.evidence.betting`) serves both: as a test of one statement, which is proven when the
bets together have won enough, and turned around as the interval of all means that they have not refuted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from palier.evidence import betting
from palier.evidence.bets import log_mean

_ERROR: Final = 0.05
_PARTS: Final = 10_000
"""Values are rounded to so many parts of 1, away from what would make the interval narrower: few are then different."""
_HALVINGS: Final = 30


@dataclass(slots=True)
class Bets:
    """Bets on "the mean is above `bound`".

    By Ville's inequality the highest value that they ever have together reaches `needed` with a probability of at most
    1 / `needed` if the statement is false; so what was proven once stays proven.
    """

    bound: float
    """Between 0 and 1, both excluded."""
    needed: float
    """How many times their stake they have to win."""
    highest: float = 0.0
    """Log of the highest value that they ever had together."""
    _logs: list[float] = field(default_factory=lambda: [0.0] * betting.BETS)
    _looks: int = 0

    def look(self, value: float) -> None:
        """Bet on one more value between 0 and 1."""
        self._logs = [log + gain for log, gain in zip(self._logs, betting.gains(value, bound=self.bound), strict=True)]
        self._looks += 1
        self.highest = max(self.highest, log_mean(self._logs))

    @property
    def is_won(self) -> bool:
        """Whether the statement is proven."""
        return self.highest >= math.log(self.needed)

    @property
    def values_needed(self) -> int | None:
        """How many more values like those so far would prove it; None where no number of them would."""
        if self._looks == 0 or max(self._logs) <= 0:
            return None
        rates = [log / self._looks for log in self._logs]
        needed = math.log(self.needed)
        low, high = self._looks, self._looks + math.ceil((needed + math.log(betting.BETS)) / max(rates))
        while low < high:
            middle = (low + high) // 2
            if log_mean([rate * middle for rate in rates]) >= needed:
                high = middle
            else:
                low = middle + 1
        return low - self._looks


def mean_between(values: Iterable[float]) -> tuple[float, float]:
    """Where the mean of values between 0 and 1 lies, with 95 % confidence after every value at once.

    Each end is the mean at which bets that the mean lies beyond it have won 40 times their stake, so that it is wrong
    with a probability of 2.5 %. Without values it is all from 0 to 1.
    """
    given = list(values)
    low = _lowest(Counter(math.floor(_PARTS * value) for value in given))
    return low, 1 - _lowest(Counter(math.floor(_PARTS * (1 - value)) for value in given))


def _lowest(counted: Mapping[int, int]) -> float:
    """The smallest mean that the bets on more do not refute: they win less, the higher the mean is."""
    values = [(parts / _PARTS, number) for parts, number in counted.items()]
    number = sum(counted.values())
    if number == 0:
        return 0.0
    low, high = 0.0, sum(value * times for value, times in values) / number
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle and _measure_wealth(values, bound=middle) >= math.log(2 / _ERROR):
            low = middle
        else:
            high = middle
    return low


def _measure_wealth(values: Iterable[tuple[float, int]], *, bound: float) -> float:
    """Log of what the bets on "above `bound`" have after values that came so many times each."""
    logs = [0.0] * betting.BETS
    for value, times in values:
        logs = [log + times * gain for log, gain in zip(logs, betting.gains(value, bound=bound), strict=True)]
    return log_mean(logs)
