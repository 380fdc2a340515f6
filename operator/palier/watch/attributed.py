"""All findings that are open, each with what is known of its cause: when a question begins, and which labels answer it.

A question begins with the alarm that names a group, or everyone, and goes on until its finding ends. An alarm about a
group whose question is open does not begin it anew: while answers go on being worse the detector goes on alarming, and
a question that began anew each time would never be answered. It only bets a part of what was kept for that.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from palier.evidence.segments import NAMED, OTHER, shorten_name
from palier.watch.attribution import Attribution, AttributionRule, PairGains, compute_pair_gains
from palier.watch.groups import EVERYONE
from palier.watch.pairs import PairedLabels

_MOST = NAMED + 2
"""Everyone, the groups with a place of their own, and all others."""


@dataclass(frozen=True, slots=True)
class Attributions:
    """The open questions, by the name that an alarm gave."""

    open: Mapping[str, Attribution] = field(default_factory=dict)

    def begin(self, named: Iterable[str]) -> "Attributions":
        """The questions after an alarm; those that are open already go on.

        Args:
            named: whom it named: groups, by the names under which the detector keeps them, or `EVERYONE`.
        """
        names = tuple(named)
        fresh = {name: Attribution(named=len(names)) for name in names if name not in self.open}
        known = {name: one.add_alarm() if name in names else one for name, one in self.open.items()}
        return Attributions({**known, **fresh})

    def end(self, name: str) -> "Attributions":
        """The questions without one whose finding has ended."""
        return Attributions({other: one for other, one in self.open.items() if other != name})

    def add_batch(
        self, batch: Mapping[str, PairedLabels], rule: AttributionRule, *, places: Collection[str]
    ) -> "Attributions":
        """What is known after one more batch, which must not have been part of what caused the alarm.

        Args:
            batch: the labels of one interval by group; those that belong to none have the name `EVERYONE`.
            rule: how causes are told apart.
            places: the groups that the detector keeps apart (`ConceptWatch.groups`); all others are together.
        """
        gathered: dict[str, tuple[PairedLabels, PairGains]] = {}
        for group, labels in sorted(batch.items()):
            gains = compute_pair_gains(labels, rule.find_tolerated(group), rule)
            name = shorten_name(group)
            place = name if name in places else OTHER
            for one in (EVERYONE,) if group == EVERYONE else (EVERYONE, place):
                before = gathered.get(one)
                gathered[one] = (before[0].plus(labels), before[1].plus(gains)) if before else (labels, gains)
        known = {name: one.add_batch(*gathered[name], rule) for name, one in self.open.items() if name in gathered}
        return Attributions({**self.open, **known})

    def to_status(self) -> list[dict[str, Any]]:
        """For `status`: see `Attribution.to_status`."""
        return [{"name": name, **one.to_status()} for name, one in self.open.items()]

    @classmethod
    def from_status(cls, status: Iterable[Mapping[str, Any]]) -> Self:
        """The inverse of `to_status`.

        Raises:
            ValueError: something is unreadable, or cannot have come about.
        """
        try:
            entries = [(str(entry["name"]), Attribution.from_status(entry)) for entry in status]
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"attributions are unreadable: {error}") from error
        known = dict(entries)
        if len(known) < len(entries) or len(known) > _MOST:
            raise ValueError(f"at most {_MOST} questions are open, each once, not {len(entries)}")
        return cls(known)
