"""From the answers of many short rounds to differences with their noise.

Rounds of all settings alternate in one run, so that whatever else the machine does meets all of them. A difference is
that of the medians over the rounds; its interval comes from drawing rounds again (bootstrap), and the same between two
halves of the rounds without copies shows what difference there is between nothing and nothing.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from local.traffic import percentile

DRAWS = 4000
HALVES = 400


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one setting."""

    percent: int
    """Share of the requests that were copied."""
    latencies: tuple[float, ...]
    """Seconds of every answered request."""
    failed: int

    def quantile(self, percent: float) -> float:
        """A percentile of the round, in seconds.

        Raises:
            ValueError: no request was answered.
        """
        found = percentile(self.latencies, percent)
        if found is None:
            raise ValueError("a round without a single answer")
        return found


@dataclass(frozen=True, slots=True)
class Difference:
    """How a setting differs from no copies, in seconds."""

    value: float
    low: float
    high: float
    """95 % interval."""

    @property
    def within_noise(self) -> bool:
        """Whether nothing lies within the interval."""
        return self.low <= 0 <= self.high


def difference(without: Sequence[Round], with_copies: Sequence[Round], *, quantile: float, seed: int) -> Difference:
    """Median over the rounds of a percentile: with copies less without."""
    draw = random.Random(seed)
    before, after = ([one.quantile(quantile) for one in rounds] for rounds in (without, with_copies))
    drawn = sorted(
        median(draw.choices(after, k=len(after))) - median(draw.choices(before, k=len(before))) for _ in range(DRAWS)
    )
    return Difference(median(after) - median(before), drawn[round(0.025 * DRAWS)], drawn[round(0.975 * DRAWS) - 1])


def noise(without: Sequence[Round], *, quantile: float, seed: int) -> float:
    """The difference, in seconds, between two halves of the rounds without copies that 95 of 100 do not exceed."""
    draw = random.Random(seed)
    values = [one.quantile(quantile) for one in without]
    half = len(values) // 2
    apart = []
    for _ in range(HALVES):
        draw.shuffle(values)
        apart.append(abs(median(values[:half]) - median(values[half:])))
    return sorted(apart)[round(0.95 * HALVES) - 1]


def by_setting(rounds: Sequence[Round]) -> Mapping[int, list[Round]]:
    """The rounds of each setting."""
    found: dict[int, list[Round]] = {}
    for one in rounds:
        found.setdefault(one.percent, []).append(one)
    return found
