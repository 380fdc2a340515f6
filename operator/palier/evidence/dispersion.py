"""Do failures come together? Measured from look to look, because no count within one look can tell.

A broken client or a dead node makes many requests of one look fail together, and a test that takes them for
independent is wrong too often. Such failures betray themselves by shares that jump between neighbouring looks of the
same arm. Given the bad events K of two neighbouring looks with n1 and n2 requests, those of the second one are
hypergeometric while the share stands still, so

    (x2 - K n2/N)^2 / (n1 n2 K (N - K) / (N^2 (N - 1))),    N = n1 + n2

has mean 1 exactly, at any counts. Its average over looks is the arm's design effect. A slow drift hardly moves it, and
a regression moves it once and not at every look; so that this once does not hide a regression from its own test, no
pair counts more than eight times the average before it.

A gain is divided by the design effect, a loss is not: that only lowers the factors of the test, so whatever the
estimate is, the test keeps its error bound.
"""

import math
from dataclasses import dataclass
from typing import Self

_MOST = 8.0
"""Times the average so far: what a single pair may count."""

_DOUBT = 1.5
"""Standard errors that the design effect must exceed 1 by before it counts: fewer would punish chance."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """How much the share of bad events of one arm jumps between neighbouring looks.

    Raises:
        ValueError: sums that no looks can have given.
    """

    pairs: int = 0
    """Pairs of neighbouring looks with bad events."""
    total: float = 0.0
    """Sum of their statistics, each with mean at most 1 where requests fail independently."""

    def __post_init__(self) -> None:
        """Refuse sums that no looks can have given."""
        if self.pairs < 0 or not (math.isfinite(self.total) and self.total >= 0):
            raise ValueError(f"impossible jumps: {self}")

    def add_look(self, bad_before: float, total_before: int, bad: float, total: int) -> Self:
        """The jumps with one more look of an arm, given its counts in the look before."""
        failed, requests = bad_before + bad, total_before + total
        if total_before == 0 or total == 0 or failed in (0, requests):
            return self
        expected = failed * (total / requests)
        variance = expected * (total_before / requests) * (requests - failed) / (requests - 1)
        most = _MOST * max(1.0, self.total / self.pairs if self.pairs else 1.0)
        return type(self)(self.pairs + 1, self.total + min(most, (bad - expected) ** 2 / variance))

    @property
    def design_effect(self) -> float:
        """By how much the variance surely exceeds that of independent requests; at least 1.

        Neighbouring pairs share a look, which makes the variance of the average 3 instead of 2 over the pairs.
        """
        if self.pairs == 0:
            return 1.0
        return max(1.0, self.total / self.pairs - _DOUBT * math.sqrt(3 / self.pairs))


NO_JUMPS = Jumps()


def temper_gain(gain: float, design_effect: float) -> float:
    """A gain weakened by the design effect; a loss as it is."""
    return gain / design_effect if gain > 0 else gain
