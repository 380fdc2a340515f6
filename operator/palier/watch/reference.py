"""Which share of wrong answers is tolerated, where nobody has stated one: a bound from labels of a good time.

The plain share of the labels of a reference window is too low in half of all cases, and a detector that tolerates less
than the truth keeps no promise. So what is tolerated is an upper bound that is wrong in at most one case of twenty. Few
labels make it high, and then a small rise is found late or never: whoever knows what is tolerated should state it.
"""

from scipy.special import betaincinv

from palier.evidence.interval import share_interval
from palier.watch.edetector import Batch

ERROR = 0.05
"""Probability that the true share is above the bound, at most."""


def bound_error_rate(labels: Batch, *, size_was_fixed: bool) -> float:
    """The upper end of a one-sided 95 % interval of the share of wrong labels; at most 1.

    Args:
        labels: of the reference window; at least one.
        size_was_fixed: whether it was settled beforehand how many labels the window has, such as "the first 1,000".
            Then the bound is that of Clopper and Pearson. A window that ended when a release was promoted ended because
            of what was in it; then the bound is one that holds at all sizes at once, and it is wider.

    Raises:
        ValueError: there is no label.
    """
    if not labels.labels:
        raise ValueError("the reference window has no label")
    right = labels.labels - labels.wrong
    if size_was_fixed:
        return float(betaincinv(labels.wrong + 1, right, 1 - ERROR)) if right else 1.0
    _, high = share_interval(round(labels.wrong), labels.labels) or (0.0, 1.0)
    return high
