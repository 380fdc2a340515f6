"""Does the candidate get the share of traffic that it was given?

A route that sends everything to one arm, or a client that sticks to a connection, makes a comparison of something else
than was configured. The requests of both arms are tested against the configured weight by the multinomial e-process
(Lindon and Malek), with a Dirichlet prior of total mass 2 around the configured weights:

    ln E = lnB(a + S) - lnB(a) - sum S_i ln theta_i,    a = 2 theta

A test on millions of requests finds every difference, also one that matters to nobody, so only a share that is off by
more than two percentage points and more than a fifth of the smaller arm is told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from palier.evidence.sentences import percent, two_digits

_BOUND = math.log(1 / 0.001)
_PRIOR_MASS = 2.0
_POINTS = 0.02
_OF_SMALLER = 0.2


@dataclass(frozen=True, slots=True)
class ServedShare:
    """A share of traffic that is not the configured one."""

    share: float
    """Of the candidate, measured."""
    configured: float
    total: int
    """Requests of both arms."""
    log_e: float

    @property
    def message(self) -> str:
        """One sentence for people."""
        return (
            f"the candidate got {_percent(self.share)} of {self.total} requests, "
            f"but its weight is {100 * self.configured:g} %"
        )


def served_share(candidate_total: int, stable_total: int, *, weight: int) -> ServedShare | None:
    """The served share where it clearly differs from the weight, also in practice.

    Args:
        candidate_total: requests of the candidate since its weight was last changed.
        stable_total: requests of stable in the same time.
        weight: the candidate's weight in percent.

    Returns:
        None where nothing is wrong, where nobody can tell yet, or where the weight leaves nothing to compare.
    """
    total = candidate_total + stable_total
    if total == 0 or not 0 < weight < 100:  # noqa: PLR2004 - percent
        return None
    configured, share = weight / 100, candidate_total / total
    if abs(share - configured) <= max(_POINTS, _OF_SMALLER * min(configured, 1 - configured)):
        return None
    log_e = multinomial_log_e((candidate_total, stable_total), (configured, 1 - configured))
    return ServedShare(share, configured, total, log_e) if log_e >= _BOUND else None


def multinomial_log_e(counts: Sequence[int], shares: Sequence[float], *, mass: float = _PRIOR_MASS) -> float:
    """Log e-value against "the counts fall in these shares"; `mass` is the prior's, small for large differences."""
    prior = [mass * share for share in shares]
    likelihood = math.fsum(count * math.log(share) for count, share in zip(counts, shares, strict=True))
    after = [a + count for a, count in zip(prior, counts, strict=True)]
    return _log_beta(after) - _log_beta(prior) - likelihood


def _percent(share: float) -> str:
    """With two significant digits of the smaller arm: "3.2 %", "99.6 %", and "100 %" only for all of them."""
    rest = two_digits(100 * (1 - share))
    return percent(share) if share <= 0.5 else f"{100 - float(rest):.10g} %"  # noqa: PLR2004 - half


def _log_beta(parameters: Sequence[float]) -> float:
    return math.fsum(map(math.lgamma, parameters)) - math.lgamma(math.fsum(parameters))
