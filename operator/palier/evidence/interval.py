"""Where the true value lies: 95 % intervals that hold at every look at once.

A plain confidence interval is right at one moment that was chosen beforehand; somebody who reads it after every look
meets a wrong one sooner or later. These hold at all looks together with the stated confidence, and are wider for it.
"""

import math

from palier.evidence.asymptotic import Moments, margin_two_sided

ERROR = 0.05
_LOG_PI = math.log(math.pi)
_STEPS = 50
_CLOSE = 1e-9
_MOST = 1e9
"""Shares of more events count as if it were so many: intervals are wider then, and no rounding matters."""


def share_interval(bad: float, total: float, *, bad_possible: float | None = None) -> tuple[float, float] | None:
    """Where the share of bad events lies; None without events.

    The e-value against a share p mixes the binomial likelihood over a Beta(1/2, 1/2) and divides it by that of p; the
    interval is where it stays below 20. At 0 bad events it begins at 0, at nothing but bad ones it ends at 1. Counts
    may be fractional, as the sum of amounts between 0 and 1 is (see `bounded_mean`): then it holds their mean.

    Args:
        bad: surely bad events, for the lower end.
        total: all events.
        bad_possible: possibly bad events, for the upper end, where they differ. Then each end is a statement
            of its own, and holds with 97.5 %, so that both hold with 95 %.
    """
    if total == 0:
        return None
    most = bad if bad_possible is None else bad_possible
    error = ERROR if most == bad else ERROR / 2
    scale = min(1.0, _MOST / total)
    low, high = (_lowest_share(number * scale, total * scale, error=error) for number in (bad, total - most))
    return min(low, bad / total), max(1 - high, most / total)


def mean_interval(moments: Moments, *, shift: float = 0.0) -> tuple[float, float] | None:
    """Where the mean of values without a known range lies (see `asymptotic`); None with fewer than two values."""
    if moments.looks < 2:  # noqa: PLR2004 - one value has no spread
        return None
    middle, margin = shift + moments.mean, margin_two_sided(moments, alpha=ERROR)
    return middle - margin, middle + margin


def score_interval(moments: Moments) -> tuple[float, float] | None:
    """Where the mean of values between 0 and 1 lies; None without values.

    Exact but wide: such values are sub-Gaussian with variance 1/4, for which the normal mixture gives
    sqrt((v + r) (ln(1 + v / r) + 2 ln(1 / a))) on the sum of `v / (1/4)` values; r is tuned for a hundred looks.
    """
    if moments.looks == 0:
        return None
    margin = normal_mixture_bound(moments.looks / 4, alpha=ERROR, tuned_for=25.0) / moments.looks
    return max(0.0, moments.mean - margin), min(1.0, moments.mean + margin)


def normal_mixture_bound(variance: float, *, alpha: float, tuned_for: float) -> float:
    """How far a sub-Gaussian sum with this variance ever gets from its mean, but for a probability of alpha.

    Args:
        variance: intrinsic time, in squared units of the sum.
        alpha: allowed probability of ever getting further, in either direction.
        tuned_for: the variance at which the bound is tightest.
    """
    twice = 2 * math.log(1 / alpha)
    r = tuned_for / (twice + math.log1p(twice))
    return math.sqrt((variance + r) * (math.log1p(variance / r) + twice))


def _lowest_share(bad: float, total: float, *, error: float) -> float:
    """The smallest share that the counts do not exclude.

    In log-odds z the excess of the log e-value over its bound is mixed - bad z + total ln(1 + e^z), a convex function.
    Newton's steps from below its smaller zero never pass it, so the result is never too large.
    """
    if bad < 1:
        return 0.0
    good = total - bad
    mixed = math.lgamma(bad + 0.5) + math.lgamma(good + 0.5) - math.lgamma(total + 1) - _LOG_PI + math.log(error)
    z = mixed / bad
    for _ in range(_STEPS):
        share = 1 / (1 + math.exp(-z))
        excess = mixed - bad * z + total * (max(z, 0.0) + math.log1p(math.exp(-abs(z))))
        if excess < _CLOSE:
            break
        z += excess / (bad * (1 - share) - good * share)
    return 1 / (1 + math.exp(-z))
