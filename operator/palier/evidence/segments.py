"""Worse for one group of users only: the comparison with stable, one group at a time.

A regression that only new users meet drowns in the average, and a shift of the mix of users between the arms can look
like one. So the counts of each segment are compared with stable's of the same segment. Asking many questions finds
something by chance, therefore the segments are named by e-BH: with K possible segments and e-values in descending
order, the first k* are worse, where k* is the largest k with

    E_(k) >= K / (k alpha)

At most a share alpha of the named ones is named wrongly, on average and however they depend on each other. If any is
named, the mean over all K is at least k* E_(k*) / K >= 1/alpha, and that mean is an e-process if no segment is worse:
so the probability that a release without a worse segment ever fails is at most alpha.

K is a constant: at most twenty segments by their first appearance, and all others pooled. Segments that were never
seen count as an e-value of 1. Users that stick to one
version, as tenants may, cannot be compared: whoever meets one arm only is left out.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from palier.evidence.bets import NO_BETS, Bets
from palier.evidence.counts import Counts
from palier.evidence.dispersion import temper_gain
from palier.evidence.odds_ratio import Look, gains
from palier.evidence.rules import ObjectiveRule

NAMED = 20
LONGEST_NAME = 128
_DIGITS = 8
OTHER = "(other)"
"""All segments that have no place of their own."""
UNLABELLED = "(none)"
"""Events that have no such label."""
_LEAST_MEETINGS = 3.0
"""Expected meetings of both arms from which on it shows whether segments stick to one of them."""
_OFTEN = 0.75
"""Share of the expected meetings from which on segments do not stick to one arm."""
_CAPACITY = NAMED + 1


@dataclass(frozen=True, slots=True)
class SegmentEvidence:
    """What is kept of one segment over the whole release."""

    name: str
    relative: Bets = NO_BETS
    total: int = 0
    bad: int = 0
    stable_total: int = 0
    stable_bad: int = 0
    bad_looks: int = 0
    met_both: int = 0
    """How often one of the segments of the pool met both arms in a look; 0 for all others."""
    expected_both: float = 0.0
    """How often that would have happened if every event had chosen its arm by chance."""

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not (0 <= self.bad <= self.total and 0 <= self.stable_bad <= self.stable_total):
            raise ValueError(f"impossible counts: {self}")
        if self.met_both < 0 or not (math.isfinite(self.expected_both) and self.expected_both >= 0):
            raise ValueError(f"impossible meetings: {self}")

    @property
    def meets_both(self) -> bool:
        """Whether the segments of the pool meet both arms about as often as by chance."""
        return self.expected_both >= _LEAST_MEETINGS and self.met_both >= _OFTEN * self.expected_both

    def count_meetings(self, looked: Iterable[tuple[Counts, Counts]]) -> Self:
        """The pool, with how often its segments have met both arms in a look, and how often by chance they would."""
        arms = list(looked)
        mine, theirs = (sum(arm.total for arm in side) for side in zip(*arms, strict=True)) if arms else (0, 0)
        if not (mine and theirs):
            return self
        share = mine / (mine + theirs)
        met = sum(bool(one.total and other.total) for one, other in arms)
        totals = (one.total + other.total for one, other in arms)
        expected = math.fsum(1 - share**number - (1 - share) ** number for number in totals if number)
        return replace(self, met_both=self.met_both + met, expected_both=self.expected_both + expected)

    def add_look(
        self, candidate: Counts, stable: Counts, rule: ObjectiveRule, *, looks: int, design_effect: float
    ) -> Self:
        """The segment after one more look in which it had events of the candidate."""
        gained = gains(Look(candidate.bad, candidate.total, stable.bad, stable.total), margin=rule.margin)
        return replace(
            self,
            relative=self.relative.add_look(
                [temper_gain(gain, design_effect) for gain in gained], looks=looks, cap=rule.cap
            ),
            total=self.total + candidate.total,
            bad=self.bad + candidate.bad,
            stable_total=self.stable_total + stable.total,
            stable_bad=self.stable_bad + stable.bad,
            bad_looks=self.bad_looks + (candidate.bad > 0),
        )


Segments = tuple[SegmentEvidence, ...]
Pairs = Mapping[str, tuple[Counts, Counts]]
"""Candidate's and stable's counts of one look by segment."""


def shorten_names(seen: Pairs) -> Pairs:
    """The segments under names that fit into `status`: of longer ones the beginning and a digest of all of it."""
    if all(len(name) <= LONGEST_NAME for name in seen):
        return seen
    found: dict[str, tuple[Counts, Counts]] = {}
    for name, arms in seen.items():
        _add(found, shorten_name(name), arms)
    return found


class Placed(NamedTuple):
    """One look, each of its events in the place where it is judged."""

    known: Segments
    """The segments before the look, with those that have got a place of their own."""
    arms: Pairs
    """Candidate's and stable's counts by place: those without a place of their own are together in `OTHER`."""


def place(known: Segments, seen: Pairs) -> Placed:
    """Where the events of a look are judged.

    Whoever has no place of its own is pooled, before anybody asks which arm has events of it: else the pool would hold
    all of stable's rare segments and only some of the candidate's. So all places are those from before the look, unless
    there is room for every new segment. Who gets a place depends on how many events there are, never on bad ones.

    The pool is compared only as long as its segments meet both arms about as often as chance would have it. Where each
    of them sticks to one arm, the arms have other users, and a difference says nothing about the versions.

    Args:
        known: the segments before the look, in the order of first appearance.
        seen: the look; new segments appear in the order of their names.
    """
    own = {one.name for one in known} - {OTHER}
    new = sorted(name for name, (mine, _) in seen.items() if mine.total and name not in own and name != OTHER)
    room = NAMED - len(own)
    begun = tuple(SegmentEvidence(name) for name in new[: max(0, room)])
    if len(new) <= room and OTHER not in seen:  # else some of the new ones may be in there already
        own.update(new)
    arms: dict[str, tuple[Counts, Counts]] = {}
    for name, pair in sorted(seen.items()):
        _add(arms, name if name in own else OTHER, pair)
    every = {one.name: one for one in (*known, *begun)}
    if OTHER in arms and (OTHER in every or arms[OTHER][0].total):
        pool = every.get(OTHER) or SegmentEvidence(OTHER)
        every[OTHER] = pool = pool.count_meetings(pair for name, pair in seen.items() if name not in {*own, OTHER})
        if not pool.meets_both:
            arms[OTHER] = (arms[OTHER][0], _NONE)
    return Placed(tuple(every.values()), arms)


def strata(placed: Placed) -> tuple[tuple[Counts, Counts], ...]:
    """What is compared with what in one look: the arms of each segment in which both have events.

    A segment that meets one arm only cannot be compared with anything; it is left out, never counted against anybody.
    """
    return tuple(arms for arms in placed.arms.values() if arms[0].total and arms[1].total)


def add_looks(placed: Placed, rule: ObjectiveRule, *, looks: int, design_effect: float) -> Segments:
    """The evidence of all segments after one more look.

    Args:
        placed: the look.
        rule: how the objective is judged.
        looks: how many looks of the objective came before.
        design_effect: by how much gains are weakened (see `dispersion`).
    """
    return tuple(
        segment.add_look(*placed.arms[segment.name], rule, looks=looks, design_effect=design_effect)
        if segment.name in placed.arms and placed.arms[segment.name][0].total
        else segment
        for segment in placed.known
    )


def list_incomparable(known: Segments) -> tuple[str, ...]:
    """The segments of the candidate that cannot be compared with stable, because each of them meets one arm only."""
    return tuple(
        one.name
        for one in known
        if one.total and not one.stable_total and (one.name != OTHER or one.expected_both >= _LEAST_MEETINGS)
    )


def stage_begun(known: Segments) -> Segments:
    """A weight step for every segment."""
    return tuple(replace(one, relative=one.relative.stage_begun()) for one in known)


def find_worse(known: Segments, *, alpha: float) -> Segments:
    """The segments for which the candidate is worse than stable, the clearest first."""
    clearest = sorted(known, key=lambda one: -one.relative.log_e)
    return tuple(clearest[: count_rejected([one.relative.log_e for one in clearest], capacity=_CAPACITY, alpha=alpha)])


def count_rejected(descending: list[float], *, capacity: int, alpha: float) -> int:
    """How many hypotheses e-BH rejects, given log e-values in descending order out of `capacity` hypotheses."""
    return max(
        (k for k, log_e in enumerate(descending, start=1) if log_e >= math.log(capacity / (k * alpha))), default=0
    )


def to_status(known: Segments) -> list[dict[str, Any]]:
    """For `status`."""
    return [
        {
            "name": one.name,
            "relative": [repr(log) for log in one.relative.logs],
            "cash": repr(one.relative.cash),
            "total": one.total,
            "bad": one.bad,
            "stableTotal": one.stable_total,
            "stableBad": one.stable_bad,
            "badLooks": one.bad_looks,
            **({"metBoth": one.met_both, "expectedBoth": repr(one.expected_both)} if one.expected_both else {}),
        }
        for one in known
    ]


def shorten_name(name: str) -> str:
    """A name that fits into `status`."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{name[: LONGEST_NAME - _DIGITS - 1]}~{digest}"


_NONE = Counts(0, 0, 0)


def _add(found: dict[str, tuple[Counts, Counts]], name: str, arms: tuple[Counts, Counts]) -> None:
    before = found.get(name)
    found[name] = arms if before is None else (_sum(before[0], arms[0]), _sum(before[1], arms[1]))


def _sum(first: Counts, second: Counts) -> Counts:
    return Counts(first.total + second.total, first.bad + second.bad, first.bad_possible + second.bad_possible)
