"""How many requests reached each of two revisions in the same time, although their pods are scraped at different times.

The counters of two revisions never tell of the same moment: between two looks stable's may have been scraped and the
candidate's not yet, and then stable has counted requests that the candidate has not had the chance to. For a comparison
of shares that hardly matters in the long run, but to say "the candidate got nothing" it does. So requests are counted
from mark to mark. A mark is a look by which every pod of each revision has been scraped after the other's last scrape
before the mark before. What stable counted between two marks is then set beside what the candidate counted between the
mark before them and the mark after: a longer time that surely contains stable's, whatever the phases of the scrapes.
That can only speak for the candidate.

Nothing is counted across what is not known: where a look lacks a revision, or a pod of the candidate is scraped for the
first time and may have answered before, counting begins anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

MOST_ALIKE = 2
"""Blocks of one size that are kept apart; of more, the two oldest become one, so that their number stays small."""


@dataclass(frozen=True, slots=True)
class Scrapes:
    """When the pods of one revision that are still scraped were scraped last, as one look sees it."""

    pods: int
    oldest: float
    """The oldest of the pods' last scrapes, in seconds since the epoch."""
    newest: float
    joined: bool = False
    """Whether a pod was scraped for the first time since the look before."""


@dataclass(frozen=True, slots=True)
class ScrapedStep:
    """The scrapes that one step between two looks rests on."""

    start: float
    """Instants of the two looks in seconds since the epoch."""
    end: float
    candidate: Scrapes
    stable: Scrapes
    weight_since: float
    """Since when the present weight is in force."""


@dataclass(frozen=True, slots=True)
class Block:
    """Requests of stable in a stretch of time, and of the candidate in a longer one around it."""

    candidate: int
    stable: int
    size: int = 1
    """How many blocks from mark to mark it is made up of."""

    def plus(self, later: "Block") -> Self:
        """Both together."""
        return type(self)(self.candidate + later.candidate, self.stable + later.stable, self.size + later.size)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What both revisions counted from one mark to the next."""

    candidate: int = 0
    stable: int = 0
    in_force: bool = False
    """Whether stable's pods had all been scraped under the present weight when it began."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests of both revisions under one weight."""

    pods: int
    """The fewest pods of the candidate that were scraped in any look."""
    until: float
    """The last look."""
    candidate_read: float
    """The candidate's newest scrape at the last mark."""
    stable_read: float
    """Stable's newest scrape at the last mark."""
    stretches: tuple[Stretch, ...]
    """The last three: two that are over, oldest first, and the present one."""
    blocks: tuple[Block, ...] = ()
    """What can be compared, oldest first."""

    def to_status(self) -> dict[str, Any]:
        """For `status`; floats as decimal strings that read back exactly."""
        return {
            "pods": self.pods,
            "until": repr(self.until),
            "candidateRead": repr(self.candidate_read),
            "stableRead": repr(self.stable_read),
            "stretches": [
                {"total": one.candidate, "stableTotal": one.stable, "inForce": one.in_force} for one in self.stretches
            ],
            "blocks": [{"total": one.candidate, "stableTotal": one.stable, "size": one.size} for one in self.blocks],
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self | None:
        """The inverse of `to_status`; None where there is nothing.

        Raises:
            KeyError, TypeError, ValueError: something is there but unreadable.
        """
        if not status:
            return None
        stretches = tuple(Stretch(*_counts(one), in_force=bool(one.get("inForce"))) for one in status["stretches"])
        after = cls(
            pods=int(status["pods"]),
            until=float(status["until"]),
            candidate_read=float(status["candidateRead"]),
            stable_read=float(status["stableRead"]),
            stretches=stretches,
            blocks=tuple(Block(*_counts(one), size=int(one["size"])) for one in status.get("blocks") or ()),
        )
        possible = bool(stretches) and all(block.size > 0 for block in after.blocks)
        if not possible or not all(map(math.isfinite, (after.until, after.candidate_read, after.stable_read))):
            raise ValueError(f"arrivals are impossible: {status}")
        return after


def add_arrivals(before: Arrivals | None, candidate: int, stable: int, scraped: ScrapedStep | None) -> Arrivals | None:
    """The arrivals after one more look.

    Args:
        before: those before; None where counting has not begun.
        candidate: requests that the candidate counted since the look before.
        stable: those that stable counted.
        scraped: the scrapes that these numbers come from; None where a revision was not scraped.
    """
    if scraped is None:
        return None
    mine, theirs = scraped.candidate, scraped.stable
    if before is None or before.until != scraped.start or mine.joined or mine.pods > before.pods:
        return Arrivals(mine.pods, scraped.end, mine.newest, theirs.newest, (_begin_stretch(scraped),))
    *over, present = before.stretches
    present = Stretch(present.candidate + candidate, present.stable + stable, present.in_force)
    pods, stretches = min(before.pods, mine.pods), (*over, present)
    if mine.oldest < before.stable_read or theirs.oldest < before.candidate_read:
        return Arrivals(pods, scraped.end, before.candidate_read, before.stable_read, stretches, before.blocks)
    return Arrivals(
        pods,
        scraped.end,
        mine.newest,
        theirs.newest,
        (*stretches[-2:], _begin_stretch(scraped)),
        _condense_blocks((*before.blocks, *_make_blocks(stretches))),
    )


def _counts(status: Mapping[str, Any]) -> tuple[int, int]:
    counts = int(status.get("total") or 0), int(status.get("stableTotal") or 0)
    if min(counts) < 0:
        raise ValueError(f"arrivals are impossible: {status}")
    return counts


def _begin_stretch(scraped: ScrapedStep) -> Stretch:
    return Stretch(in_force=scraped.stable.oldest >= scraped.weight_since)


def _make_blocks(stretches: Sequence[Stretch]) -> tuple[Block, ...]:
    """The middle one of three stretches as a block, if it began under the present weight."""
    if len(stretches) < 3 or not stretches[1].in_force:  # noqa: PLR2004 - the one before, itself, and the one after
        return ()
    return (Block(sum(one.candidate for one in stretches), stretches[1].stable),)


def _condense_blocks(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The same blocks, the older the larger."""
    kept, size = list(blocks), 1
    while len(same := [number for number, one in enumerate(kept) if one.size == size]) > MOST_ALIKE:
        first = same[0]
        kept[first : first + 2] = [kept[first].plus(kept[first + 1])]
        size *= 2
    return tuple(kept)
