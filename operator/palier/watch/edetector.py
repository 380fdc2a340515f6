"""Are more answers wrong than is tolerated, since some unknown moment? An e-detector, asked after each batch of labels.

A label says whether an answer was wrong. Labels come in batches: `wrong` of `labels`, as an interval of a counter has
them. H0: given all that came before and the numbers of labels of the batches, each label is wrong with a probability of
at most m0 (`tolerated`), independently of the others of its batch. Bet j on a share p_j > m0 gets from a batch

    log L_j = wrong log(p_j / m0) + (labels - wrong) log((1 - p_j) / (1 - m0))

the log of a likelihood ratio, whose mean under H0 is at most 1: it is 1 at m0, and it rises with `wrong`. The guards
below only lower it. With b <= labels units of capital that begin in the batch, and M_j = 0 before the first one,

    Shiryaev-Roberts   M_j <- L_j (M_j + b)          CUSUM   M_j <- L_j max(M_j, b)          M = mean over j of M_j

and there is an alarm when M >= A (`run_length`), upon which the detector starts anew. This is the e-detector of Shin,
Ramdas and Rinaldo ("E-detectors: a nonparametric framework for sequential change detection", 2022) with whole batches
as steps.

**The promise is counted in labels.** Let T be the labels so far. Under H0 the mean of the new M_j, given the past and
the size of the batch, is at most M_j + b for both recursions (max(M, b) <= M + b), so M - T is a supermartingale. Let R
be the number of alarms so far. An alarm takes away at least A and adds A to A R, so M + A R - T is one as well, and it
starts at 0. Therefore

    the mean number of false alarms in any T labels is at most T / A,

for every T, and for a T that is a stopping time with a finite mean. For the first alarm it says that the mean number of
labels until it is at least A: if N batches come before it, A <= E[M at N] <= E[T at N] by Fatou's lemma, and where it
may never come that mean is infinite as long as labels do not end.

**How labels are split into batches changes M and not the promise.** A batch counts like its labels one by one, but that
all of its capital begins before the first of them:

    M_j = sum over batches k of b_k times the product of L_j over the batches from k on.

**Values between 0 and 1** may be summed in `wrong` instead of counts (one minus a score). With u = p_j / m0 and
v = (1 - p_j) / (1 - m0), the factor x u + (1 - x) v of a value x is linear in x and has a mean of at most 1; as the
logarithm is concave, its log is at least x log u + (1 - x) log v. So what is gained from the sum is at most what the
values themselves would have given, and the promise holds.

**Labels that come together.** One angry user may send a hundred labels in a minute, which are not independent. Two
guards help, and are no theorem. Gains are divided by the design effect that the batches so far have shown
(`dispersion`). And no batch multiplies the capital by more than e^2, and no more than a hundredth of A begins in it; so
there are at least three batches between nothing and an alarm, however large they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from palier.evidence import absolute
from palier.evidence.bets import log_add, log_mean, read_logs
from palier.evidence.dispersion import NO_JUMPS, Jumps, temper_gain
from palier.evidence.odds_ratio import RATIOS

RUN_LENGTH: Final = 10_000
"""Labels to a false alarm, on average and at least, where nobody says otherwise."""
CAP: Final = 2.0
"""The most that one batch may add to the log of a bet."""
_BEGUN: Final = 0.01
"""Share of the bound that may begin in one batch."""
_DATING: Final = RATIOS.index(1.5)
"""The bet by which the beginning of a rise is dated: it goes down while nothing has changed, and up for all but the
smallest rises."""


class Recursion(StrEnum):
    """What becomes of the capital that has been lost."""

    SHIRYAEV_ROBERTS = "ShiryaevRoberts"
    """Each batch begins capital of its own, and all of it is added up: the fastest at the promised rate."""
    CUSUM = "Cusum"
    """Only what has done best since its beginning is kept: fewer false alarms than promised, and later."""


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """How a detector judges.

    Raises:
        ValueError: a number makes no sense.
    """

    tolerated: float
    """Largest share of wrong answers that is no change, between 0 and 1."""
    run_length: float = RUN_LENGTH
    """Labels to a false alarm, on average and at least."""
    recursion: Recursion = Recursion.SHIRYAEV_ROBERTS

    def __post_init__(self) -> None:
        """Refuse what nothing can be promised for."""
        if not 0 < self.tolerated < 1:
            raise ValueError(f"the tolerated share must be above 0 and below 1, not {self.tolerated:g}")
        if not (math.isfinite(self.run_length) and self.run_length >= 1):
            raise ValueError(f"a false alarm may come in so many labels, at least 1, not {self.run_length:g}")

    @property
    def log_bound(self) -> float:
        """What the log of the capital has to reach for an alarm."""
        return math.log(self.run_length)


@dataclass(frozen=True, slots=True)
class Batch:
    """The labels that came in one interval.

    Raises:
        ValueError: they cannot have come.
    """

    labels: int
    wrong: float
    """How many of them were wrong; with values between 0 and 1, their sum."""

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not 0 <= self.wrong <= self.labels:
            raise ValueError(f"impossible labels: {self.wrong} wrong of {self.labels}")

    def plus(self, other: "Batch") -> "Batch":
        """The labels of both."""
        return Batch(self.labels + other.labels, self.wrong + other.wrong)


NO_LABELS: Final = Batch(0, 0)


@dataclass(frozen=True, slots=True)
class Detector:
    """What is kept between two batches; without any bet it is the detector before its first label.

    Raises:
        ValueError: it cannot have come about.
    """

    logs: tuple[float, ...] = ()
    """Log of the capital of each bet."""
    rise: float = 0.0
    """How much the dating bet has gained since the rise began, in nats; 0 where none has."""
    risen: Batch = NO_LABELS
    """The labels since then: what a person is shown, and no unbiased estimate, because they were chosen for being
    wrong."""
    jumps: Jumps = NO_JUMPS
    """How much the share of wrong labels jumps from batch to batch."""
    last: Batch = NO_LABELS
    """The last batch that had labels."""

    def __post_init__(self) -> None:
        """Refuse what no batch can have led to."""
        if not (math.isfinite(self.rise) and self.rise >= 0 and all(map(math.isfinite, self.logs))):
            raise ValueError(f"impossible capital: {self}")

    @property
    def log_capital(self) -> float:
        """Log of M; minus infinity before the first label."""
        return log_mean(self.logs) if self.logs else -math.inf

    def add_batch(self, batch: Batch, gains: Sequence[float], rule: DetectorRule) -> "Detector":
        """The detector after one more batch.

        Args:
            batch: the labels; without any, nothing changes.
            gains: what they say for each bet (see `compute_gains`).
            rule: how it judges.
        """
        if not batch.labels:
            return self
        jumps = self.jumps.add_look(self.last.wrong, self.last.labels, batch.wrong, batch.labels)
        effect = jumps.design_effect
        kept = [min(CAP, temper_gain(gain, effect)) for gain in gains]
        rise = max(0.0, self.rise + kept[_DATING])
        return Detector(
            multiply_capital(
                self.logs if len(self.logs) == len(kept) else (),
                kept,
                begun=min(batch.labels, _BEGUN * rule.run_length),
                recursion=rule.recursion,
            ),
            rise,
            self.risen.plus(batch) if rise else NO_LABELS,
            jumps,
            batch,
        )

    def start_anew(self) -> "Detector":
        """The detector after an alarm: without capital, and with what it knows of how labels come together."""
        return Detector(jumps=self.jumps, last=self.last)

    def to_status(self) -> dict[str, Any]:
        """For `status`: counts as integers, floats as decimal strings that read back exactly."""
        return {
            "logs": [repr(log) for log in self.logs],
            "rise": repr(self.rise),
            "labels": self.risen.labels,
            "wrong": repr(self.risen.wrong),
            "pairs": self.jumps.pairs,
            "sum": repr(self.jumps.total),
            "lastLabels": self.last.labels,
            "lastWrong": repr(self.last.wrong),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed.

        Capital of another number of bets than today's starts anew at the next batch.

        Raises:
            ValueError: something is unreadable, or cannot have come about.
        """
        try:
            return cls(
                logs=read_logs(status.get("logs")),
                rise=float(status.get("rise") or 0.0),
                risen=Batch(int(status.get("labels") or 0), float(status.get("wrong") or 0.0)),
                jumps=Jumps(int(status.get("pairs") or 0), float(status.get("sum") or 0.0)),
                last=Batch(int(status.get("lastLabels") or 0), float(status.get("lastWrong") or 0.0)),
            )
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a detector is unreadable: {error}") from error


def compute_gains(batch: Batch, tolerated: float) -> tuple[float, ...]:
    """What a batch says for each bet: the log likelihood ratios of the shares `absolute` bets on, before the cap."""
    right = batch.labels - batch.wrong
    return tuple([batch.wrong * hit + right * miss for hit, miss in absolute.steps(tolerated)])


def multiply_capital(
    logs: Sequence[float], gains: Sequence[float], *, begun: float, recursion: Recursion
) -> tuple[float, ...]:
    """The log of each bet's capital after one more step.

    Args:
        logs: before it; none where nothing has begun yet.
        gains: log of the factor of each bet.
        begun: units of capital that begin with the step, above 0; the unit is that of the promise.
        recursion: how old and new capital become one.
    """
    fresh = math.log(begun)
    if not logs:
        return tuple(gain + fresh for gain in gains)
    join = log_add if recursion is Recursion.SHIRYAEV_ROBERTS else max
    return tuple(gain + join(log, fresh) for log, gain in zip(logs, gains, strict=True))
