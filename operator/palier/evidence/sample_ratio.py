"""Does the candidate get the share of traffic that it was given?

A route that sends everything to one arm, or a client that sticks to a connection, makes a comparison of something else
than was configured. The requests of both arms are tested against the configured weight by the multinomial e-process
(Lindon and Malek), with a Dirichlet prior of total mass 2 around the configured weights:

    ln E = lnB(a + S) - lnB(a) - sum S_i ln theta_i,    a = 2 theta

A test on millions of requests finds every difference, also one that matters to nobody, so only a share that is off by
more than two percentage points and more than a fifth of the smaller arm is told.

A candidate that gets next to nothing is another thing: no split of traffic explains it, so nobody reaches it, or it
answers nobody. That is tested by the likelihood ratio of a tenth of the weight against the weight, see `not_reached`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from palier.evidence.arrivals import Block
from palier.evidence.sentences import odds, percent, two_digits

_BOUND = math.log(1 / 0.001)
_PRIOR_MASS = 2.0
_POINTS = 0.02
_OF_SMALLER = 0.2

NEXT_TO_NOTHING = 0.1
"""Part of the requests that are due to a candidate under its weight; with less than that nobody reaches it."""

NOT_REACHED_BY_CHANCE = 1e-6
"""Probability with which a candidate that gets its share is ever said not to be reached, under one weight."""

FEWEST_REQUESTS = 50
"""Requests of stable beside which it says something that the candidate has none."""


@dataclass(frozen=True, slots=True)
class ServedShare:
    """A share of traffic that is not the configured one."""

    share: float
    """The candidate's measured share."""
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


@dataclass(frozen=True, slots=True)
class NotReached:
    """A candidate that has a weight and next to no requests."""

    candidate: int
    """At most so many requests."""
    stable: int
    """Those of stable in the same time, or a shorter one."""
    weight: int
    log_e: float

    @property
    def message(self) -> str:
        """One sentence for people."""
        had = f"at most {self.candidate}" if self.candidate else "not one"
        return (
            f"with a weight of {self.weight} % the candidate counted {had} of its requests while stable counted "
            f"{self.stable}, odds {odds(self.log_e)} against chance: nobody reaches it, or it answers nobody"
        )


def not_reached(blocks: Sequence[Block], *, weight: int) -> NotReached | None:
    """The clearest stretch of time up to now in which a candidate that has a weight got next to none of the requests.

    A gateway that splits requests gives each of them to the candidate with probability p, its weight, whatever came
    before. The likelihood ratio of p/10 against p over n requests of stable and k of the candidate,

        ln E = k ln(1/10) + n ln((1 - p/10) / (1 - p)),

    is then a nonnegative martingale with mean 1, so the probability that it ever reaches 1/alpha is at most alpha
    (Ville's inequality; Wald's sequential probability ratio test). It may have begun at any block: the one that begins
    at block i is asked for i (i + 1) / alpha, and as the sum of 1 / (i (i + 1)) is 1, all of them together are wrong
    with probability at most alpha. Blocks count for the candidate what may belong to their neighbours, which only makes
    E smaller. So few requests, less than a tenth of those that are due, are asked for besides: a gateway that gives
    40 % instead of 50 % makes E large in the end, and is not what is meant. `docs/statistics.md` has what a simulation
    says about both kinds of error.

    Args:
        blocks: requests of both revisions under the present weight, oldest first.
        weight: the candidate's in percent.

    Returns:
        None where the candidate gets requests, where nobody can tell yet, or where nothing is shared out.
    """
    if not 0 < weight < 100:  # noqa: PLR2004 - percent
        return None
    share = weight / 100
    per_stable = math.log((1 - NEXT_TO_NOTHING * share) / (1 - share))
    candidate = stable = 0
    first = sum(block.size for block in blocks) + 1
    clearest: NotReached | None = None
    for block in reversed(blocks):
        candidate, stable, first = candidate + block.candidate, stable + block.stable, first - block.size
        log_e = candidate * math.log(NEXT_TO_NOTHING) + stable * per_stable
        due = stable * share / (1 - share)
        if stable < FEWEST_REQUESTS or candidate > NEXT_TO_NOTHING * due:
            continue
        needed = math.log(first * (first + 1) / NOT_REACHED_BY_CHANCE)
        if log_e >= needed and (clearest is None or log_e > clearest.log_e):
            clearest = NotReached(candidate, stable, weight, log_e)
    return clearest


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
