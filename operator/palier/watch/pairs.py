"""What labels of two versions on the same requests say: which one is worse, and whose fall it is.

After a promotion the former version answers a part of the requests a second time, as a shadow. Where both answers get a
label, the two labels are a **pair**. x = 1 says that the present version's answer is wrong, y = 1 that the former one's
is; p and f are the shares of wrong answers of both now, m and n the shares that are tolerated of them. The present
version has lost p - m, the former one f - n. Each function here gives, for one batch, the logs of factors whose mean is
at most 1 under one hypothesis, one for each bet, given all that came before:

**"The present version is no worse than the former."** Only pairs in which just one answer is wrong can tell. Among
these the present one is wrong with probability at most w / (1 + w), where w is the margin in odds; 1 is "no worse at
all". If the two answers to one request are independent, and the odds of a wrong one are at most w times the former's on
each request, however hard it is, then p (1 - f) <= w f (1 - p) on each, and so on average. With w = 1 it is the same as
p <= f, however answers depend on each other. The factors are likelihood ratios of the odds that the other tests bet on:
the test of McNemar as a test martingale.

**"The former version is as good as it was":** f <= n. Likelihood ratios of larger shares, from all of its labels.

**"At most a part s of the fall is the world's":** f - n <= s (p - m). And **"at most a part s of it is the present
version's own":** f - n >= (1 - s)(p - m). Both are about the mean of one number of a pair, z = y - t x with t = s or
t = 1 - s, against c = n - t m. z is -t (only the present one is wrong), 0, 1 - t (both are) or 1 (only the former one
is). The factor 1 + k (z - c) has a mean of at most 1 if z has a mean of at most c, for every stake k from 0 to
1 / (t + c), at which -t costs everything; 1 + k (c - z) has that for the other side, with stakes up to 1 / (1 - c).
Pairs in which both are right or both are wrong count here as well, therefore answers that are alike are no obstacle:
the more alike, the sooner it is known.

Labels of requests with a label for one version only are no part of a comparison. They would have to be taken for a
random choice of all requests, and a former version that answers no hard request in time would seem better for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Final, NamedTuple, Self

from palier.evidence import absolute
from palier.watch.edetector import NO_LABELS, Batch

STAKES: Final = (0.05, 0.1, 0.2, 0.35, 0.6)
"""Stakes on whose fall it is, as parts of the largest one possible."""


@dataclass(frozen=True, slots=True)
class PairedLabels:
    """Labels of both versions that came in one interval.

    Raises:
        ValueError: they cannot have come.
    """

    both_right: int = 0
    present_wrong: int = 0
    """Pairs in which only the present version was wrong."""
    former_wrong: int = 0
    """Pairs in which only the former version was wrong."""
    both_wrong: int = 0
    former_alone: Batch = NO_LABELS
    """Labels of the former version on requests whose other answer has none."""

    def __post_init__(self) -> None:
        """Refuse counts that cannot have been seen."""
        if not all(count >= 0 for count in self.counts):
            raise ValueError(f"impossible pairs of labels: {self}")

    @classmethod
    def from_counts(cls, counts: Sequence[int], former_alone: Batch = NO_LABELS) -> Self:
        """The labels by the four kinds of pairs, in the order of `counts`.

        Raises:
            ValueError: there are not four of them, or they cannot have come.
        """
        both_right, present_wrong, former_wrong, both_wrong = counts
        return cls(both_right, present_wrong, former_wrong, both_wrong, former_alone)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Pairs in which both are right, only the present version is wrong, only the former one is, and both are."""
        return self.both_right, self.present_wrong, self.former_wrong, self.both_wrong

    @property
    def pairs(self) -> int:
        """Requests with a label for both answers."""
        return sum(self.counts)

    @property
    def differing(self) -> Batch:
        """The pairs in which just one answer is wrong; as `wrong` those in which it is the present version's."""
        return Batch(self.present_wrong + self.former_wrong, self.present_wrong)

    @property
    def present(self) -> Batch:
        """The present version's labels in pairs."""
        return Batch(self.pairs, self.present_wrong + self.both_wrong)

    @property
    def former(self) -> Batch:
        """All labels of the former version, in pairs and alone."""
        return self.former_paired.plus(self.former_alone)

    @property
    def former_paired(self) -> Batch:
        """The former version's labels in pairs."""
        return Batch(self.pairs, self.former_wrong + self.both_wrong)

    def plus(self, other: "PairedLabels") -> "PairedLabels":
        """The labels of both."""
        counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        return PairedLabels.from_counts(counts, self.former_alone.plus(other.former_alone))


NO_PAIRS: Final = PairedLabels()


class Tolerated(NamedTuple):
    """Which shares of wrong answers are no fall, each between 0 and 1."""

    present: float
    """What the detector of the present version tolerates."""
    former: float
    """What the former version had before, or an upper bound of it."""


def compare_versions(labels: PairedLabels, *, margin: float) -> tuple[float, ...]:
    """What a batch says against "the present version is no worse than the former"."""
    differing = labels.differing
    return absolute.gains(differing.wrong, differing.labels, limit=margin / (1 + margin))


def watch_former(labels: PairedLabels, tolerated: Tolerated) -> tuple[float, ...]:
    """What a batch says against "the former version is as good as it was"."""
    return absolute.gains(labels.former.wrong, labels.former.labels, limit=tolerated.former)


def blame_world(labels: PairedLabels, tolerated: Tolerated, *, part: float) -> tuple[float, ...]:
    """What a batch says against "at most this part of the fall is the world's"."""
    return _sum_steps(labels, _list_steps(tolerated, part, upward=True))


def blame_present(labels: PairedLabels, tolerated: Tolerated, *, part: float) -> tuple[float, ...]:
    """What a batch says against "at most this part of the fall is the present version's own"."""
    return _sum_steps(labels, _list_steps(tolerated, 1 - part, upward=False))


Steps = tuple[tuple[float, float, float, float], ...]
"""What each kind of pair adds to the log of each bet: both right, only the present wrong, only the former, both."""


def _sum_steps(labels: PairedLabels, steps: Steps) -> tuple[float, ...]:
    return tuple([sum(map(mul, labels.counts, step)) for step in steps])


@lru_cache(maxsize=256)
def _list_steps(tolerated: Tolerated, part: float, *, upward: bool) -> Steps:
    centre = tolerated.former - part * tolerated.present
    sign, largest = (1, 1 / (part + centre)) if upward else (-1, 1 / (1 - centre))
    values = (0.0, -part, 1.0, 1 - part)
    rows = [[math.log1p(sign * stake * largest * (value - centre)) for value in values] for stake in STAKES]
    return tuple([(row[0], row[1], row[2], row[3]) for row in rows])
