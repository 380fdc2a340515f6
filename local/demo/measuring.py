"""From answers and route weights to the numbers of the closing table.

Palier's own word counts for nothing here: a weight is 0 when the gateway's route says so and when, besides, no answer
comes from that revision any more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from local.demo.acts import Breach
from local.traffic import Response, Responses

SETTLE = 1.0  # seconds that a data plane may take to follow its route

# The route's weights in percent for each revision, and the time (seconds since the epoch) from which they were seen.
Weights = Sequence[tuple[float, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed requests, by who is to blame."""

    own: int  # answered with an error by the candidate itself
    other: int  # everything else: no answer, an answer made up by a proxy, an error of the stable revision


@dataclass(frozen=True, slots=True)
class Served:
    """The candidate's part of the answers while the route had one weight."""

    weight: float  # percent
    candidate: int
    total: int

    @property
    def percent(self) -> float:
        """The served share in percent."""
        return 100 * self.candidate / self.total

    @property
    def band(self) -> float:
        """Three standard deviations of what chance alone does to the share, in percent."""
        share = self.weight / 100
        return 300 * math.sqrt(share * (1 - share) / self.total)

    @property
    def as_declared(self) -> bool:
        """Whether the share is within the band around the weight."""
        return abs(self.percent - self.weight) <= self.band


def breach_time(responses: Sequence[Response], *, candidate: str, breach: Breach) -> float | None:
    """When the first bad answer of the candidate had arrived; None if there was none."""
    bad = (each.completed for each in responses if each.revision == candidate and breach.seen_in(each))
    return min(bad, default=None)


def zero_time(responses: Sequence[Response], weights: Weights, *, candidate: str) -> float | None:
    """When the candidate was at weight 0 for good.

    The later of two moments: the route was seen without weight for it and kept so, and the last of the requests that
    it answered was sent. None if it never had weight, or still has.
    """
    if not weights or weights[-1][1].get(candidate):
        return None
    written = None
    for (_, before), (time, after) in pairwise(weights):
        if before.get(candidate) and not after.get(candidate):
            written = time
    if written is None:
        return None
    return max([written, *(each.sent for each in responses if each.revision == candidate)])


def blame(responses: Sequence[Response], *, candidate: str | None) -> Failures:
    """Count the failed requests; an error is the candidate's own only if its server signed it."""
    failed = [each for each in responses if each.failed]
    own = sum(candidate is not None and each.revision == candidate and each.model is not None for each in failed)
    return Failures(own=own, other=len(failed) - own)


def served(responses: Responses, weights: Weights, *, candidate: str, until: float) -> list[Served]:
    """The candidate's share at each of its weights, but for the moments in which the weight changed."""
    ends = [time for time, _ in weights[1:]] + [until]
    shares = []
    for (begin, weight), end in zip(weights, ends, strict=True):
        declared = weight.get(candidate, 0.0)
        if 0 < declared < 100:  # noqa: PLR2004 (percent)
            counts = responses.counts(begin + SETTLE, end - SETTLE / 4)
            if counts.total():
                shares.append(Served(declared, counts[candidate], counts.total()))
    return shares
