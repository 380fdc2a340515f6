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
seen count as an e-value of 1; those that miss a guard count as 0, which is an e-value too.
"""

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from palier.evidence.bets import NO_BETS, Bets
from palier.evidence.counts import Counts
from palier.evidence.dispersion import temper_gain
from palier.evidence.odds_ratio import Look, gains
from palier.evidence.rules import ObjectiveRule

NAMED = 20
LONGEST_NAME = 128
_DIGITS = 8
OTHER = "(other)"
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

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not (0 <= self.bad <= self.total and 0 <= self.stable_bad <= self.stable_total):
            raise ValueError(f"impossible counts: {self}")

    def add_look(
        self, candidate: Counts, stable: Counts, rule: ObjectiveRule, *, looks: int, design_effect: float
    ) -> Self:
        """The segment after one more look in which it had events of the candidate."""
        gained = gains(Look(candidate.bad, candidate.total, stable.bad, stable.total), margin=rule.margin)
        return type(self)(
            name=self.name,
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
        _add(found, _shorten_name(name), arms)
    return found


def strata(known: Segments, seen: Pairs) -> tuple[tuple[Counts, Counts], ...]:
    """What is compared with what in one look: the arms of each segment, and what has no segment in common in one.

    A segment that was never seen in both arms cannot be compared: perhaps only one version has the label, or they have
    other values. The totals of all these together can, as if nobody had told them apart. A segment that was seen in
    both arms before and is absent from one in this look is left out; it is only rare.

    Args:
        known: the segments before this look.
        seen: the look.
    """
    matched = {one.name for one in known if one.total and one.stable_total}
    alike = [arms for arms in seen.values() if arms[0].total and arms[1].total]
    apart = [arms for name, arms in seen.items() if not (arms[0].total and arms[1].total) and name not in matched]
    if apart:
        nothing = Counts(0, 0, 0)
        candidate, stable = (functools.reduce(_sum, side, nothing) for side in zip(*apart, strict=True))
        if candidate.total and stable.total:
            alike.append((candidate, stable))
    return tuple(alike)


def add_looks(
    known: Segments,
    seen: Pairs,
    rule: ObjectiveRule,
    *,
    looks: int,
    design_effect: float,
) -> Segments:
    """The evidence of all segments after one more look.

    Args:
        known: what was known before, in the order of first appearance.
        seen: candidate's and stable's counts by segment; new ones appear in the order of their names.
        rule: how the objective is judged.
        looks: how many looks of the objective came before.
        design_effect: by how much gains are weakened (see `dispersion`).
    """
    by_name = {segment.name: segment for segment in known}
    pooled: dict[str, tuple[Counts, Counts]] = {}
    for name, (candidate, stable) in sorted(seen.items()):
        if candidate.total == 0:
            continue
        if name not in by_name and len(by_name) - (OTHER in by_name) < NAMED and name != OTHER:
            by_name[name] = SegmentEvidence(name)
        key = name if name in by_name else OTHER
        _add(pooled, key, (candidate, stable))
    for name, (candidate, stable) in pooled.items():
        segment = by_name.get(name) or SegmentEvidence(name)
        by_name[name] = segment.add_look(candidate, stable, rule, looks=looks, design_effect=design_effect)
    return tuple(by_name.values())


def stage_begun(known: Segments) -> Segments:
    """A weight step for every segment."""
    return tuple(
        SegmentEvidence(
            one.name,
            one.relative.stage_begun(),
            one.total,
            one.bad,
            one.stable_total,
            one.stable_bad,
            one.bad_looks,
        )
        for one in known
    )


def find_worse(known: Segments, rule: ObjectiveRule, *, alpha: float) -> Segments:
    """The segments for which the candidate is worse than stable, the clearest first."""
    guarded = [one for one in known if one.bad >= rule.minimum_bad_events and one.bad_looks >= rule.minimum_bad_looks]
    guarded.sort(key=lambda one: -one.relative.log_e)
    return tuple(guarded[: count_rejected([one.relative.log_e for one in guarded], capacity=_CAPACITY, alpha=alpha)])


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
        }
        for one in known
    ]


def _shorten_name(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{name[: LONGEST_NAME - _DIGITS - 1]}~{digest}"


def _add(found: dict[str, tuple[Counts, Counts]], name: str, arms: tuple[Counts, Counts]) -> None:
    before = found.get(name)
    found[name] = arms if before is None else (_sum(before[0], arms[0]), _sum(before[1], arms[1]))


def _sum(first: Counts, second: Counts) -> Counts:
    return Counts(first.total + second.total, first.bad + second.bad, first.bad_possible + second.bad_possible)
