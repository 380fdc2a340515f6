"""A gauge that is too high stays so for minutes: is it too high too often, or was that a few bad moments?

Scrapes of one queue follow each other. A test that takes them for independent events calls one bad moment of five
minutes twenty failures. So the looks of a level are judged as a chain of two states, high and low, in which any
length of spells is innocent up to a mean of `LONGEST_MEAN`, and only the share of the time counts.

With counts n of the transitions between neighbouring looks, the evidence is the likelihood of what was seen, averaged
over all chances of a spell to begin and to end, divided by the largest one that any innocent chain gives it:

    E = M(begun, quiet) M(ended, held) / sup of b^begun (1 - b)^quiet e^ended (1 - e)^held,   b / (b + e) <= limit

Each average is that of a Beta(1/2, 1/2), that of the ends half and half with "it never ends". Whatever innocent chain
is the true one, E is at most a likelihood ratio against it, whose mean is 1 at any look; so a good candidate reaches
1/alpha with probability at most alpha (universal inference). Everything is computed from five counts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

LONGEST_MEAN = 600.0
"""Seconds that a spell may last on average without any fault of the candidate.

Without such a bound a gauge that is always too high could be in a single spell without end.
"""


@dataclass(frozen=True, slots=True)
class Spells:
    """How a gauge went from look to look between high and low; high is a look with half of its scrapes above.

    Raises:
        ValueError: numbers that no looks can have given.
    """

    quiet: int = 0
    """Pairs of neighbouring looks of which neither is high."""
    begun: int = 0
    """Pairs of which only the second one is: here a spell begins."""
    held: int = 0
    """Pairs of which both are."""
    ended: int = 0
    """Pairs of which only the first one is."""
    seconds: float = 0.0
    """From the first look to the last one."""
    looks: int = 0
    high: bool = False
    """Whether the last look is high."""

    def __post_init__(self) -> None:
        """Refuse numbers that no looks can have given."""
        possible = min(self.quiet, self.begun, self.held, self.ended) >= 0 and self.began_high in {0, 1}
        finite = math.isfinite(self.seconds) and self.seconds >= 0
        counted = self.looks == self._pairs + 1 or not (self.looks or self._pairs or self.high)
        if not (possible and finite and counted):
            raise ValueError(f"impossible spells: {self}")

    @property
    def began_high(self) -> int:
        """1 where the first look was high, else 0."""
        return int(self.high) - self.begun + self.ended

    @property
    def spells(self) -> int:
        """Spells so far, the one under way included."""
        return self.begun + self.began_high

    @property
    def _pairs(self) -> int:
        return self.quiet + self.begun + self.held + self.ended

    def add_look(self, bad: int, total: int, *, seconds: float) -> Self:
        """The same with one more look.

        Args:
            bad: scrapes above.
            total: all scrapes, at least one.
            seconds: since the look before.
        """
        high = 2 * bad >= total
        if self.looks == 0:
            return type(self)(looks=1, high=high)
        return type(self)(
            quiet=self.quiet + (not self.high and not high),
            begun=self.begun + (not self.high and high),
            held=self.held + (self.high and high),
            ended=self.ended + (self.high and not high),
            seconds=self.seconds + seconds,
            looks=self.looks + 1,
            high=high,
        )

    def log_e(self, limit: float) -> float:
        """Log e-value against "the gauge is high for at most this share of the time, in spells of any length"."""
        if self.looks == 0:
            return 0.0
        first = math.log(0.5 / limit) if self.began_high else math.log(0.5)
        ends = _log_average(self.ended, self.held)
        if self.ended == 0:
            ends = max(ends, 0.0) + math.log1p(math.exp(-abs(ends)))
        seen = _log_average(self.begun, self.quiet) + ends - math.log(2)
        return first + seen - self._log_likelihood(limit)

    def _log_likelihood(self, limit: float) -> float:
        """Log of the largest likelihood that an innocent chain gives to what was seen."""
        pairs, odds = self._pairs, limit / (1 - limit)
        least = -math.expm1(-self.seconds / pairs / LONGEST_MEAN) if pairs else 0.0
        ends = max(least, _share(self.ended, self.held))
        begins = _share(self.begun, self.quiet)
        if begins > odds * ends:
            # The best innocent chain is just innocent: the smaller root of a quadratic equation.
            switched = self.begun + self.ended
            linear = switched * (1 + odds) + self.quiet * odds + self.held
            root = math.sqrt(max(0.0, linear**2 - 4 * odds * switched * pairs))
            ends = max(least, 2 * switched / (linear + root))
            begins = odds * ends
        return _log_chance(begins, self.begun, self.quiet) + _log_chance(ends, self.ended, self.held)

    def to_status(self) -> dict[str, Any]:
        """For `status`; the float as a decimal string that reads back exactly."""
        counts = {"quiet": self.quiet, "begun": self.begun, "held": self.held, "ended": self.ended}
        return {**counts, "seconds": repr(self.seconds), "looks": self.looks, "high": self.high}

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self:
        """The inverse of `to_status`; nothing seen where there is nothing.

        Raises:
            TypeError, ValueError: something is there but unreadable.
        """
        known = status or {}
        return cls(
            quiet=int(known.get("quiet") or 0),
            begun=int(known.get("begun") or 0),
            held=int(known.get("held") or 0),
            ended=int(known.get("ended") or 0),
            seconds=float(known.get("seconds") or 0.0),
            looks=int(known.get("looks") or 0),
            high=bool(known.get("high")),
        )


NO_SPELLS = Spells()


def _share(hits: int, misses: int) -> float:
    return hits / (hits + misses) if hits else 0.0


def _log_average(hits: int, misses: int) -> float:
    """Log of the mean of p^hits (1 - p)^misses over p from a Beta(1/2, 1/2)."""
    together = math.lgamma(hits + 0.5) + math.lgamma(misses + 0.5) - math.lgamma(hits + misses + 1)
    return together - math.log(math.pi)


def _log_chance(chance: float, hits: int, misses: int) -> float:
    """Log of p^hits (1 - p)^misses; a power of 0 is 1."""
    hit = hits * math.log(chance) if hits else 0.0
    return hit + (misses * math.log1p(-chance) if misses else 0.0)
