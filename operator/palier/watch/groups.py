"""Worse for everybody, or for one group of users only? Detectors of all groups, under one promise.

Each group has a detector of its own (`edetector`), in which only its own labels begin capital: for group g with T_g
labels so far, M_g - T_g is a supermartingale while the group has not changed. One more, for everyone, adds up what the
groups say in each batch. With all labels T = sum of T_g,

    M = M_everyone / 2 + sum over the groups of M_g / 2

makes M - T a supermartingale, however the groups depend on each other. So an alarm at M >= A keeps the promise of a
single detector over all groups together, and how many groups there are costs nothing: a small group has as small a part
in the false alarms as it has in the labels. What it costs to watch them is the half, which is ln 2 in the log.

**Each group against its own tolerated share.** Users differ, and a group that has always been served worse has not
changed. As the gains are summed group by group (likelihood ratios of the same odds ratios, each against the group's own
share), more users of a hard group are no change either: a shift of the mix moves nothing. A group without a tolerated
share of its own is judged for everyone only.

**Who is named.** At an alarm, with M_g in descending order, the first k* groups are named, where k* is the largest k
whose M_g is at least A / k (the e-BH procedure). Among the named groups, the mean share of those that have not changed
is at most

    sum over them of the mean of 1(M_g >= A / k*) / k*  <=  sum of the mean of M_g / A  <=  (their labels) / A

with the mean number of labels that they have had since the detectors began. So where alarms come after 250 of their
labels on average, at most 2.5 % of what is named is wrong if A is 10,000. Everyone is named where M_everyone / 2 alone
reaches A, and where no group is.

At most twenty groups are kept apart, by first appearance. All others share one more detector, which adds up what they
say; it is named "(other)".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

from palier.evidence.bets import log_sum
from palier.evidence.segments import NAMED, OTHER, count_rejected, shorten_name
from palier.watch.edetector import NO_LABELS, Batch, Detector, DetectorRule, compute_gains

EVERYONE = ""
"""In findings, in place of the name of a group."""
_HALF = math.log(0.5)
Gains = tuple[float, ...]
"""What labels say for each bet, in nats."""
_NO_GAINS: Gains = ()


@dataclass(frozen=True, slots=True)
class WatchRule:
    """How all groups are judged; without any group, everyone has one detector at the full bound.

    Raises:
        ValueError: a tolerated share makes no sense.
    """

    everyone: DetectorRule
    groups: Mapping[str, float] = field(default_factory=dict)
    """The tolerated share of each group, by its name."""
    elsewhere: float | None = None
    """The tolerated share of each other group; None where these are judged for everyone only."""

    def __post_init__(self) -> None:
        """Refuse shares for which nothing can be promised."""
        for share in (*self.groups.values(), *(() if self.elsewhere is None else (self.elsewhere,))):
            replace(self.everyone, tolerated=share)

    @property
    def by_group(self) -> bool:
        """Whether groups are watched apart."""
        return bool(self.groups) or self.elsewhere is not None

    def find_tolerated(self, group: str) -> float | None:
        """The tolerated share of a group; None where it is judged for everyone only, as labels without a group are."""
        return None if group == EVERYONE else self.groups.get(group, self.elsewhere)


class Finding(NamedTuple):
    """What has become worse."""

    group: str
    """`EVERYONE`, or the name of a group."""
    risen: Batch
    """The labels since the rise seems to have begun."""


@dataclass(frozen=True, slots=True)
class ConceptWatch:
    """What is kept between two batches, for everyone and for each group."""

    everyone: Detector = field(default_factory=Detector)
    groups: Mapping[str, Detector] = field(default_factory=dict)

    def add_batch(self, batch: Mapping[str, Batch], rule: WatchRule) -> "ConceptWatch":
        """The watch after one more batch.

        Args:
            batch: the labels of one interval by group; those that belong to none have the name `EVERYONE`.
            rule: how they are judged.
        """
        total, gained = NO_LABELS, _NO_GAINS
        apart: dict[str, tuple[Batch, Gains]] = {}
        for group, labels in sorted(batch.items()):
            if not labels.labels:
                continue
            own = rule.find_tolerated(group)
            gains = compute_gains(labels, rule.everyone.tolerated if own is None else own)
            gained = _add_gains(gained, gains)
            total = total.plus(labels)
            if own is not None:
                place = self._find_place(shorten_name(group), apart)
                before = apart.get(place, (NO_LABELS, _NO_GAINS))
                apart[place] = before[0].plus(labels), _add_gains(before[1], gains)
        if not total.labels:
            return self
        groups = dict(self.groups)
        for place, (labels, gains) in apart.items():
            groups[place] = groups.get(place, Detector()).add_batch(labels, gains, rule.everyone)
        return ConceptWatch(self.everyone.add_batch(total, gained, rule.everyone), groups)

    def _find_place(self, name: str, apart: Mapping[str, object]) -> str:
        """Under which name a group is kept."""
        known = self.groups.keys() | apart.keys()
        return name if name in known or len(known - {OTHER}) < NAMED else OTHER

    def log_capital(self, rule: WatchRule) -> float:
        """Log of M, which has to reach the bound for an alarm."""
        if not rule.by_group:
            return self.everyone.log_capital
        parts = [self.everyone.log_capital, *(one.log_capital for one in self.groups.values())]
        begun = [part for part in parts if math.isfinite(part)]
        return log_sum(begun) + _HALF if begun else -math.inf

    def find_changes(self, rule: WatchRule) -> tuple[Finding, ...]:
        """What has become worse, everyone first, then the groups by how clear it is; nothing where there is no alarm.

        After an alarm the watch starts anew: see `start_anew`.
        """
        bound = rule.everyone.log_bound
        if self.log_capital(rule) < bound:
            return ()
        clearest = sorted(self.groups.items(), key=lambda one: -one[1].log_capital)
        number = count_rejected([one.log_capital - bound for _, one in clearest], capacity=1, alpha=1)
        named = tuple(Finding(name, one.risen) for name, one in clearest[:number])
        if named and self.everyone.log_capital + _HALF < bound:
            return named
        return (Finding(EVERYONE, self.everyone.risen), *named)

    def start_anew(self) -> "ConceptWatch":
        """The watch after an alarm."""
        groups = {name: one.start_anew() for name, one in self.groups.items()}
        return ConceptWatch(self.everyone.start_anew(), groups)

    def to_status(self) -> dict[str, Any]:
        """For `status`: see `Detector.to_status`."""
        status: dict[str, Any] = {"everyone": self.everyone.to_status()}
        if self.groups:
            status["groups"] = [{"name": name, **one.to_status()} for name, one in self.groups.items()]
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Raises:
            ValueError: something is unreadable, or cannot have come about.
        """
        try:
            entries = [(str(entry["name"]), Detector.from_status(entry)) for entry in status.get("groups") or ()]
            everyone = Detector.from_status(status.get("everyone") or {})
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"a watch is unreadable: {error}") from error
        groups = dict(entries)
        if len(groups) < len(entries) or len(groups) > NAMED + 1:
            raise ValueError(f"a watch has at most {NAMED + 1} groups, each once, not {len(entries)}")
        return cls(everyone, groups)


def _add_gains(first: Gains, second: Gains) -> Gains:
    """The sums for each bet."""
    return tuple(map(sum, zip(first, second, strict=True))) if first else second
