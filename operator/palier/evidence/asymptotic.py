"""Bounds on a mean of values without a known range: the asymptotic confidence sequence.

Cost and tokens have no largest value, so no exact test exists that needs no assumption. This one needs a finite
variance and more than a few looks; its bounds hold at all looks at once. It mixes normal likelihoods over the mean
(Robbins' mixture; Waudby-Smith and others), tuned to be tightest around `TUNED_FOR` values:

    two-sided  sd sqrt(2 (t r^2 + 1) / (t^2 r^2) ln(sqrt(t r^2 + 1) / a))
    one-sided  sd sqrt(2 (t r^2 + 1) / (t^2 r^2) ln(1 + sqrt(t r^2 + 1) / (2 a)))
    r = sqrt((-2 ln a + ln(1 - 2 ln a)) / TUNED_FOR), with 2 a in place of a for one side
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

TUNED_FOR = 60
"""Looks at which the bounds are tightest: half an hour of looks every 30 s."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and spread of one value per look, updated one by one (Welford)."""

    looks: int = 0
    mean: float = 0.0
    spread: float = 0.0
    """Sum of the squared deviations from the mean."""

    def __post_init__(self) -> None:
        """Refuse moments that no values can have."""
        if self.looks < 0 or not math.isfinite(self.mean) or not 0 <= self.spread < math.inf:
            raise ValueError(f"impossible moments: {self}")

    def plus(self, value: float) -> Self:
        """The moments with one more value."""
        looks = self.looks + 1
        mean = self.mean + (value - self.mean) / looks
        return type(self)(looks, mean, self.spread + (value - self.mean) * (value - mean))

    @property
    def deviation(self) -> float:
        """Standard deviation of one value; 0 with fewer than two."""
        return math.sqrt(self.spread / (self.looks - 1)) if self.looks > 1 else 0.0

    def to_status(self) -> dict[str, Any]:
        """For `status`."""
        return {"looks": self.looks, "mean": repr(self.mean), "spread": repr(self.spread)}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """The inverse of `to_status`; what is missing reads as never observed."""
        return cls(int(status.get("looks") or 0), float(status.get("mean") or 0.0), float(status.get("spread") or 0.0))


NO_MOMENTS = Moments()


def margin_two_sided(moments: Moments, *, alpha: float, tuned_for: float = TUNED_FOR) -> float:
    """How far the true mean may lie from the measured one, on either side, at every look at once."""
    t = moments.looks * _rate(alpha, tuned_for) ** 2
    return moments.deviation * math.sqrt(2 * (t + 1) / (moments.looks * t) * math.log(math.sqrt(t + 1) / alpha))


def margin_one_sided(moments: Moments, *, alpha: float, tuned_for: float = TUNED_FOR) -> float:
    """How far the true mean may lie below the measured one; by symmetry also above it, each at its own alpha."""
    t = moments.looks * _rate(2 * alpha, tuned_for) ** 2
    inner = math.log1p(math.sqrt(t + 1) / (2 * alpha))
    return moments.deviation * math.sqrt(2 * (t + 1) / (moments.looks * t) * inner)


def _rate(alpha: float, tuned_for: float) -> float:
    twice = -2 * math.log(alpha)
    return math.sqrt((twice + math.log(twice + 1)) / tuned_for)
