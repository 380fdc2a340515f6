"""Has the world changed, or is the model worse? Asked of the former version, from an alarm on.

An alarm about the present version says that more of its answers are wrong, and not why. The former version answers a
part of the same requests, so it can tell (see `pairs`): if it has fallen as well, the world has changed and going back
does not help; if it has not, the present version is worse. Two claims need two e-values each:

    WorldChanged     the former version is worse than it was, and more than a part s of the fall is the world's
    ModelIsWorse     the present version is worse than the former, and more than a part s of the fall is its own

with s = a fifth. Both may be true: then it is `ModelIsWorse`, because going back helps, and `world_too` says the rest.
What is not shown is `Unattributed`, and so is an alarm without labels of the former version. The second e-value keeps a
small difference between the versions, that was there before, from explaining a large fall; the first one keeps a false
alarm, where there is no fall to be divided, from being explained at all.

**The promise, for each alarm and for all time after it.** Let F be what is known at the alarm. If the former version is
no worse than is tolerated of it in every batch after the alarm, or if in every batch at most a part s of the fall is
the world's, then

    P(WorldChanged is ever said | F) <= alpha,

and if in every batch the present version is no worse than the former, or in every batch at most a part s of the fall is
its own, then

    P(ModelIsWorse is ever said | F) <= alpha.

Proof: each e-value is the capital of `bets`, begun with 1 at the alarm; its factors have a mean of at most 1 given the
past under its own hypothesis, so it ever reaches 1 / alpha with probability at most alpha (Ville's inequality). A
verdict needs both of its e-values, and the one whose hypothesis is true is already that rare. **Only labels that come
after the alarm count**, and the alarm is a stopping time: how it chose its moment is part of F, and takes nothing from
the proof. So the labels that caused the alarm are not counted twice, and a long good past before it dilutes nothing.
**Each further alarm** about the same bets a quarter of the cash that is left, which makes no capital. So where the
first alarm was false and its bets have lost, a fall that comes long after it is found hardly later. Where the alarm is
right, both versions are tolerated the same share, the margin is 1 and s is below a half, only one of the two verdicts
can be wrong: what is not the world's is the present version's own. Then alpha bounds both together.

An e-detector of pairs that runs since the promotion would not need the alarm to begin. For as few wrong attributions in
1,000 pairs it has to reach a bound of 100,000 pairs instead of 100, which takes about as many labels as are lost before
the alarm, and its promise is a rate only.

**Groups of users.** Each group that the alarm names is attributed for itself, against its own tolerated shares. If it
names k of them, each claim has alpha / k, so the promise holds for all of them together. For everyone, what the groups
say is added up, each against its own shares: other users are no change. The hypotheses are then about every group.

**Assumed:** the pairs of a batch are independent given the past. As in the detector, gains are divided by the design
effect that batches have shown (`dispersion`), and no batch says more than the cap of `bets`: neither is a theorem.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from palier.evidence.bets import NO_BETS, Bets
from palier.evidence.dispersion import NO_JUMPS, Jumps, temper_gain
from palier.watch.edetector import NO_LABELS, Batch
from palier.watch.pairs import (
    NO_PAIRS,
    PairedLabels,
    Tolerated,
    blame_present,
    blame_world,
    compare_versions,
    watch_former,
)

ALPHA: Final = 0.01
"""Probability of each wrong verdict after an alarm, at most."""
PART: Final = 0.2
"""The part of a fall that has to be shown before somebody is blamed for it."""
_HALF: Final = 0.5


class Cause(StrEnum):
    """Why answers are worse."""

    WORLD_CHANGED = "WorldChanged"
    """The former version has become worse as well; going back does not help."""
    MODEL_IS_WORSE = "ModelIsWorse"
    """The present version is worse than the former; going back helps."""
    UNATTRIBUTED = "Unattributed"
    """Nobody knows yet."""


@dataclass(frozen=True, slots=True)
class AttributionRule:
    """How causes are told apart.

    Raises:
        ValueError: a number makes no sense.
    """

    everyone: Tolerated
    groups: Mapping[str, Tolerated] = field(default_factory=dict)
    """What is tolerated in each group, by its name."""
    margin: float = 1.0
    """Odds ratio up to which the present version is no worse than the former, at least 1."""
    alpha: float = ALPHA
    """Probability of each wrong verdict after an alarm, at most, over all groups that it names."""
    part: float = PART
    """The part of a fall that has to be shown before somebody is blamed for it."""

    def __post_init__(self) -> None:
        """Refuse what nothing can be promised for."""
        for tolerated in (self.everyone, *self.groups.values()):
            for share in tolerated:
                if not 0 < share < 1:
                    raise ValueError(f"the tolerated share must be above 0 and below 1, not {share:g}")
        if not (math.isfinite(self.margin) and self.margin >= 1):
            raise ValueError(f"the margin must be an odds ratio of at least 1, not {self.margin:g}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be above 0 and below 1, not {self.alpha:g}")
        if not 0 < self.part < _HALF:
            raise ValueError(f"the part of a fall must be above 0 and below a half, not {self.part:g}")

    def find_tolerated(self, group: str) -> Tolerated:
        """What is tolerated in a group: its own shares, or those of everyone."""
        return self.groups.get(group, self.everyone)


class PairGains(NamedTuple):
    """What labels say for each bet of each claim, in nats, before it is tempered and capped."""

    worse: tuple[float, ...]
    own: tuple[float, ...]
    fallen: tuple[float, ...]
    world: tuple[float, ...]

    def plus(self, other: "PairGains") -> "PairGains":
        """The sums for each bet of each claim."""
        return PairGains(*[tuple(map(sum, zip(*both, strict=True))) for both in zip(self, other, strict=True)])


def compute_pair_gains(labels: PairedLabels, tolerated: Tolerated, rule: AttributionRule) -> PairGains:
    """What the labels of one group say, against what is tolerated there."""
    return PairGains(
        compare_versions(labels, margin=rule.margin),
        blame_present(labels, tolerated, part=rule.part),
        watch_former(labels, tolerated),
        blame_world(labels, tolerated, part=rule.part),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """One e-value since the alarm, until it has been shown; then it stays so."""

    bets: Bets = NO_BETS
    is_shown: bool = False

    def add_batch(self, gains: Sequence[float], *, bound: float) -> "Claim":
        """The claim after one more batch.

        Args:
            gains: the logs of factors with a mean of at most 1 if the claim is false.
            bound: the log of the e-value that shows it.
        """
        if self.is_shown:
            return self
        bets = self.bets.add_look(gains, looks=_HELD)
        return Claim(is_shown=True) if bets.reaches(bound) else Claim(bets)

    def add_alarm(self) -> "Claim":
        """The claim after another alarm: a quarter of the cash is bet, and the e-value stays what it is."""
        return Claim(self.bets.stage_begun(), self.is_shown)

    def to_status(self) -> dict[str, Any]:
        """For `status`; floats as decimal strings that read back exactly."""
        if self.is_shown:
            return {"shown": True}
        return {"bets": [repr(log) for log in self.bets.logs], "cash": repr(self.bets.cash)} if self.bets.logs else {}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`.

        Raises:
            TypeError, ValueError: something is unreadable, or cannot have come about.
        """
        is_shown = status.get("shown", False)
        if not isinstance(is_shown, bool):
            raise TypeError(f"a claim is shown or not, and not {is_shown!r}")
        if is_shown:
            return cls(is_shown=True)
        if status.get("bets") and "cash" not in status:
            raise ValueError("the bets of a claim have no cash")
        return cls(Bets.from_texts(status.get("bets"), status.get("cash")))


NO_CLAIM: Final = Claim()
_HELD: Final = 10**9
"""As many looks as if the cash were to stay what it is: it is bet at alarms."""


@dataclass(frozen=True, slots=True)
class Series:
    """How labels of one kind come together, from batch to batch."""

    jumps: Jumps = NO_JUMPS
    last: Batch = NO_LABELS
    """The last batch that had labels."""

    def add_batch(self, batch: Batch) -> "Series":
        """The series with one more batch; without labels nothing changes."""
        if not batch.labels:
            return self
        return Series(self.jumps.add_look(self.last.wrong, self.last.labels, batch.wrong, batch.labels), batch)

    def to_status(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "pairs": self.jumps.pairs,
            "sum": repr(self.jumps.total),
            "lastLabels": self.last.labels,
            "lastWrong": repr(self.last.wrong),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`.

        Raises:
            ValueError: something is unreadable, or cannot have come about.
        """
        return cls(
            Jumps(int(status.get("pairs") or 0), float(status.get("sum") or 0.0)),
            Batch(int(status.get("lastLabels") or 0), float(status.get("lastWrong") or 0.0)),
        )


NO_SERIES: Final = Series()
_CLAIMS: Final = ("worse", "own", "fallen", "world")
_SERIES: Final = ("differing", "former")


@dataclass(frozen=True, slots=True)
class Attribution:
    """What is known since an alarm, of everyone or of one group.

    Raises:
        ValueError: it cannot have come about.
    """

    named: int = 1
    """How many groups the alarm named; alpha is divided by it."""
    labels: PairedLabels = NO_PAIRS
    """All labels since the alarm: they were not chosen for being wrong."""
    worse: Claim = NO_CLAIM
    """The present version is worse than the former."""
    own: Claim = NO_CLAIM
    """More than a part of its fall is its own."""
    fallen: Claim = NO_CLAIM
    """The former version is worse than it was."""
    world: Claim = NO_CLAIM
    """More than a part of the fall is the world's."""
    differing: Series = NO_SERIES
    """How pairs in which just one answer is wrong come together."""
    former: Series = NO_SERIES
    """How wrong answers of the former version come together."""

    def __post_init__(self) -> None:
        """Refuse what no batch can have led to."""
        if self.named < 1:
            raise ValueError(f"impossible attribution: {self}")

    @property
    def cause(self) -> Cause:
        """The verdict so far: from `Unattributed` to another one, from `WorldChanged` to `ModelIsWorse`, never back."""
        if self.worse.is_shown and self.own.is_shown:
            return Cause.MODEL_IS_WORSE
        return Cause.WORLD_CHANGED if self.world_too else Cause.UNATTRIBUTED

    @property
    def world_too(self) -> bool:
        """Whether the world has changed, also where the present version is worse besides."""
        return self.fallen.is_shown and self.world.is_shown

    def add_alarm(self) -> "Attribution":
        """What is known after another alarm about the same: nothing more, and what was lost is bet again in part."""
        return replace(self, **{name: getattr(self, name).add_alarm() for name in _CLAIMS})

    def add_batch(self, labels: PairedLabels, gains: PairGains, rule: AttributionRule) -> "Attribution":
        """What is known after one more batch.

        Args:
            labels: those that came; without a label of the former version nothing changes.
            gains: what they say (see `compute_pair_gains`).
            rule: how causes are told apart.
        """
        if not labels.former.labels:
            return self
        differing, former = self.differing.add_batch(labels.differing), self.former.add_batch(labels.former)
        effect = max(differing.jumps.design_effect, former.jumps.design_effect)
        bound = math.log(self.named / rule.alpha)
        claims = {
            name: getattr(self, name).add_batch([temper_gain(gain, effect) for gain in gained], bound=bound)
            for name, gained in gains._asdict().items()
        }
        return Attribution(self.named, self.labels.plus(labels), differing=differing, former=former, **claims)

    def to_status(self) -> dict[str, Any]:
        """For `status`: counts as integers, floats as decimal strings that read back exactly."""
        return {
            "named": self.named,
            "pairs": list(self.labels.counts),
            "aloneLabels": self.labels.former_alone.labels,
            "aloneWrong": repr(self.labels.former_alone.wrong),
            **{name: getattr(self, name).to_status() for name in (*_CLAIMS, *_SERIES)},
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Bets of another number than today's start anew at the next batch.

        Raises:
            ValueError: something is unreadable, or cannot have come about.
        """
        try:
            counts = [int(count) for count in status.get("pairs") or (0, 0, 0, 0)]
            alone = Batch(int(status.get("aloneLabels") or 0), float(status.get("aloneWrong") or 0.0))
            worse, own, fallen, world = (Claim.from_status(status.get(name) or {}) for name in _CLAIMS)
            differing, former = (Series.from_status(status.get(name) or {}) for name in _SERIES)
            return cls(
                int(status.get("named", 1)),
                PairedLabels.from_counts(counts, alone),
                worse,
                own,
                fallen,
                world,
                differing,
                former,
            )
        except (TypeError, AttributeError) as error:
            raise ValueError(f"an attribution is unreadable: {error}") from error
