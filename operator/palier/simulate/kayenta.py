"""The statistics of Kayenta's NetflixACAJudge: how it classifies one metric and scores several.

The judge asks whether the two revisions' values of each minute differ in location (Mann-Whitney), so it sees as many
observations as there are minutes, however many requests there were. Its confidence interval comes from a root search
on a function that only changes at the differences of pairs. Here the place of the change is taken from the sorted
differences, which is where that search ends up within its tolerance of one millionth. Where the function is flat at
zero, the search may stop anywhere on the flat; the middle is taken here, as for the Hodges-Lehmann estimate.

A mean of 0 in stable makes the ratio of means infinite here, which counts as an effect.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from palier.simulate.recording import Floats

PERCENT = 100.0


class Classification(StrEnum):
    """What the judge says of one metric."""

    PASS = "Pass"  # noqa: S105 - not a password
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"


class Effect(StrEnum):
    """How the size of a difference is measured."""

    MEAN_RATIO = "meanRatio"
    CLES = "cles"


class Outliers(StrEnum):
    """What happens to values far from the others."""

    KEEP = "keep"
    REMOVE = "remove"
    """Those beyond three interquartile ranges and beyond the 1st and 99th percentile."""


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the experiment's values lie above the control's: interval and Hodges-Lehmann estimate."""

    low: float
    high: float
    estimate: float


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """The judge's own numbers, with its defaults; direction is `increase`: only High is bad."""

    confidence: float = 0.98
    tolerance: float = 0.25
    effect: Effect = Effect.MEAN_RATIO
    allowed_increase: float = 1.0
    """Smallest effect that is High; for `cles` its default is 0.5."""
    outliers: Outliers = Outliers.KEEP


def shift(control: Floats, experiment: Floats, *, confidence: float) -> Shift:
    """The location shift of two samples that are not all equal, by the normal approximation of Mann-Whitney.

    Args:
        control: at least one value.
        experiment: at least one value.
        confidence: of the two-sided interval, below 1.
    """
    differences = np.sort(np.subtract.outer(experiment, control), axis=None)
    pairs = differences.size
    spread = _spread(control, experiment)
    reach = float(special.ndtri(0.5 + confidence / 2))
    # With a shift m between two differences, the statistic is the number of differences above m.
    above = pairs / 2 + reach * spread + 0.5
    low, high = _fallen_below(differences, above), _fallen_below(differences, pairs - above)
    if statistic(control, experiment, at=float(differences[0])) <= reach:
        low = float(differences[0])
    if statistic(control, experiment, at=float(differences[-1])) >= -reach:
        high = float(differences[-1])
    return Shift(low, high, float(np.median(differences)))


def statistic(control: Floats, experiment: Floats, *, at: float = 0.0) -> float:
    """The Mann-Whitney z with tie and continuity correction, once the experiment is lowered by `at`.

    Positive where the experiment is larger. 0 where every value is tied.
    """
    lowered = experiment - at
    excess = float(np.sign(np.subtract.outer(lowered, control)).sum()) / 2
    spread = _spread_of_ranks(control.size, experiment.size, np.concatenate([lowered, control]))
    if spread == 0:
        return 0.0
    return (excess - math.copysign(0.5, excess) * (excess != 0)) / spread


def cles(control: Floats, experiment: Floats) -> float:
    """The common language effect size: how often a value of the experiment is above one of the control; ties half."""
    return float((np.sign(np.subtract.outer(experiment, control)) + 1).mean()) / 2


def classify(control: Floats, experiment: Floats, options: JudgeOptions) -> Classification:
    """What the judge says of one metric whose NaN are already replaced or removed."""
    if options.outliers is Outliers.REMOVE:
        control, experiment = _drop_outliers(control), _drop_outliers(experiment)
    if control.size == 0 or experiment.size == 0:
        return Classification.NODATA
    if control.size == experiment.size and np.array_equal(np.sort(control), np.sort(experiment)):
        return Classification.PASS
    if min(control.min(), experiment.min()) == max(control.max(), experiment.max()):
        return Classification.PASS
    estimate = shift(control, experiment, confidence=options.confidence)
    bound = options.tolerance * abs(estimate.estimate)
    if estimate.low > bound and _effect(control, experiment, options.effect) >= options.allowed_increase:
        return Classification.HIGH
    return Classification.PASS


def score(metrics: Sequence[Classification], *, critical: bool = True) -> float:
    """The score, 0 to 100, of metrics of one group.

    0 where a critical metric is High or Low, or where half of the metrics or more have no data.
    """
    if critical and any(metric in {Classification.HIGH, Classification.LOW} for metric in metrics):
        return 0.0
    seen = [metric for metric in metrics if metric is not Classification.NODATA]
    if 2 * len(seen) <= len(metrics):
        return 0.0
    return PERCENT * sum(metric is Classification.PASS for metric in seen) / len(seen)


def _effect(control: Floats, experiment: Floats, effect: Effect) -> float:
    if effect is Effect.CLES:
        return cles(control, experiment)
    base = float(control.mean())
    return float(experiment.mean()) / base if base else math.inf


def _fallen_below(ascending: Floats, bound: float) -> float:
    """The smallest value above which fewer than `bound` values lie."""
    index = math.floor(ascending.size - bound)
    return float(ascending[min(max(index, 0), ascending.size - 1)])


def _spread(control: Floats, experiment: Floats) -> float:
    """Standard deviation of the statistic for a shift at which no value of one sample is tied with one of the other."""
    far = float(control.max() - experiment.min()) + 1.0
    return _spread_of_ranks(control.size, experiment.size, np.concatenate([experiment + far, control]))


def _spread_of_ranks(controls: int, experiments: int, values: Floats) -> float:
    size = controls + experiments
    tied = np.unique(values, return_counts=True)[1].astype(float)
    ties = float((tied**3 - tied).sum()) / (size * (size - 1))
    return math.sqrt(max(controls * experiments / 12 * (size + 1 - ties), 0.0))


def _drop_outliers(values: Floats) -> Floats:
    if values.size == 0:
        return values
    low, first, third, high = np.percentile(values, [1, 25, 75, 99])
    fence = 3.0 * (third - first)
    inside: Floats = values[(values >= min(first - fence, low)) & (values <= max(third + fence, high))]
    return inside
