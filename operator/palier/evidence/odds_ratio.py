"""Candidate against stable: the stratified conditional odds-ratio e-process.

Comparing two error rates look by look goes wrong in three ways: looking often finds a difference by chance, a shared
outage looks like a bad candidate, and a changed traffic weight mixes good and bad hours. This test has none of the
three. Given how many requests each arm had in a look, and how many of all of them were bad, the candidate's share of
the bad ones follows Fisher's noncentral hypergeometric distribution, whose only parameter is the odds ratio; the base
rate has dropped out. The likelihood ratio of that distribution has mean 1 under the hypothesis, so the product over
looks is an e-process: the probability that it ever reaches 1/alpha is at most alpha (Ville's inequality).

    Z(w) = sum over u of C(nc, u) C(ns, k - u) w^u
    LR   = (w / w0)^xc Z(w0) / Z(w)

where nc, ns are the requests of candidate and stable, xc, xs their bad ones, k = xc + xs, and w0 the margin: the odds
ratio up to which a candidate counts as no worse. It is the formula of the exact e-value for the logrank test in
safestats (ter Schure, Pérez-Ortiz, Ly, Grünwald), which gives outside reference values for the tests.

The terms of Z come from the ratio of neighbours, so that a look costs microseconds: few terms are summed as a
polynomial in plain Python, more of them by numpy, and of many only some around the largest one.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Odds ratios bet on, relative to the margin: not knowing the true one costs at most ln 7."""

NO_WORSE_RATIOS = (1.0, 0.8, 0.6, 0.4)
"""Odds ratios bet on when a promotion must prove that the candidate is not worse than by its margin."""

BETTER_RATIOS = (0.9, 0.8, 0.65, 0.5, 0.3, 0.15)
"""Odds ratios bet on when a promotion must prove that the candidate is better than stable: against 1."""

_FEW = 40
_MANY = 400
_AROUND = np.arange(-128, 129, dtype=np.float64)
"""Terms around the largest one, in strides: Bernstein's bound needs 97 of one, and fewer of longer ones."""

_LOST = 64 * float(np.finfo(np.float64).eps)
"""A fraction of the largest logarithm in Z: what rounding may have added to the difference of two of them."""


class Look(NamedTuple):
    """The two arms of one look as a two-by-two table."""

    candidate_bad: int
    candidate_total: int
    stable_bad: int
    stable_total: int


def log_likelihood_ratios(look: Look, odds_ratios: Sequence[float], *, margin: float = 1.0) -> tuple[float, ...]:
    """Log LR of each odds ratio against the margin; 0 for a look without bad events or with an empty arm."""
    bad = look.candidate_bad + look.stable_bad
    if bad == 0 or look.candidate_total == 0 or look.stable_total == 0:
        return (0.0,) * len(odds_ratios)
    lowest, highest = max(0, bad - look.stable_total), min(bad, look.candidate_total)
    if highest - lowest <= _FEW:
        few = _from_polynomials(look, (margin, *odds_ratios), lowest=lowest, highest=highest)
        if few is not None:
            return few
    logs = log_z((margin, *odds_ratios), candidate_total=look.candidate_total, stable_total=look.stable_total, bad=bad)
    _, above_margin = _logs_of(tuple(ratio / margin for ratio in odds_ratios))
    # Of counts beyond 1e12 the differences drown in rounding: then a look says less than it could, but never more.
    lost = 0.0
    if highest - lowest > _MANY:
        total = float(look.candidate_total + look.stable_total)
        lost = _LOST * (math.lgamma(total + 1) + bad * float(np.abs(above_margin).max()))
    return tuple((look.candidate_bad * above_margin + logs[0] - logs[1:] - lost).tolist())


def gains(look: Look, *, margin: float) -> tuple[float, ...]:
    """What one look says for each bet in `RATIOS`: log likelihood ratios against the margin."""
    return log_likelihood_ratios(look, _list_alternatives(margin), margin=margin)


def gains_beside(look: Look, *, margin: float, nearer: float) -> tuple[float, ...]:
    """The same, and at the end the log likelihood ratio of another margin against this one.

    Taking the last one away from the others gives what the look says for each bet against the other margin.
    """
    return log_likelihood_ratios(look, (*_list_alternatives(margin), nearer), margin=margin)


def multiply_odds(share: float, ratio: float) -> float:
    """The share whose odds are so many times those of another share."""
    return ratio * share / (1 + (ratio - 1) * share)


def proof_ratios(margin: float) -> tuple[float, ...]:
    """The odds ratios bet on when it must be proven that the odds ratio is below `margin`."""
    return NO_WORSE_RATIOS if margin > 1 else BETTER_RATIOS


def log_z(odds_ratios: Sequence[float], *, candidate_total: int, stable_total: int, bad: int) -> NDArray[np.float64]:
    """Log of Z(w) for each odds ratio w, given the requests of both arms and the bad ones of both together.

    Where there are many terms, only some around the largest one are summed. The distribution is that of a sum of
    independent indicators, because Z has only real zeros; with variance v, Bernstein's inequality leaves less than
    1e-20 of the sum beyond 16 + sqrt(256 + 96 v). Where the standard deviation is large, every s-th term is taken s
    times, with s at most a quarter of it: by Poisson's summation formula that errs by less than e^-120, relatively,
    because the characteristic function of such a sum is at most exp(-v (1 - cos t)). So a look costs the same
    however many requests it has.
    """
    w, log_w = _logs_of(tuple(odds_ratios))
    lowest, highest = max(0, bad - stable_total), min(bad, candidate_total)
    if highest - lowest <= _MANY:
        u = np.arange(lowest + 1, highest + 1, dtype=np.float64)
        steps = np.log((candidate_total - u + 1) * (bad - u + 1) / (u * (stable_total - bad + u)))
        coefficients = np.concatenate(((0.0,), np.cumsum(steps)))
        first = _log_choose(candidate_total, lowest) + _log_choose(stable_total, bad - lowest)
        return first + _log_sums(coefficients + log_w[:, np.newaxis] * np.arange(lowest, highest + 1, dtype=np.float64))
    centre = np.clip(
        _mode(w, candidate_total=candidate_total, stable_total=stable_total, bad=bad), float(lowest), float(highest)
    )
    parts = (centre, candidate_total - centre, bad - centre, stable_total - bad + centre)
    variance = 1 / sum(1 / (np.maximum(part, 0.0) + 1) for part in parts)
    stride = np.maximum(1.0, np.floor(np.sqrt(variance) / 4))
    u = centre[:, np.newaxis] + stride[:, np.newaxis] * _AROUND
    possible = (u >= lowest) & (u <= highest)
    u = np.clip(u, float(lowest), float(highest))
    terms = (
        u * log_w[:, np.newaxis]
        - gammaln(u + 1)
        - gammaln(candidate_total - u + 1)
        - gammaln(bad - u + 1)
        - gammaln(stable_total - bad + u + 1)
    )
    sums = _log_sums(np.where(possible, terms, -np.inf)) + np.log(stride)
    return sums + float(gammaln(candidate_total + 1) + gammaln(stable_total + 1))


def _from_polynomials(
    look: Look, odds_ratios: Sequence[float], *, lowest: int, highest: int
) -> tuple[float, ...] | None:
    """The log LRs from Z as a polynomial in w, divided by its first term; None if a float cannot hold it."""
    n, m, bad = look.candidate_total, look.stable_total, look.candidate_bad + look.stable_bad
    term, coefficients = 1.0, [1.0]
    for u in range(lowest + 1, highest + 1):
        term *= (n - u + 1) * (bad - u + 1) / (u * (m - bad + u))
        coefficients.append(term)
    coefficients.reverse()
    above = look.candidate_bad - lowest
    logs = []
    for w in odds_ratios:
        value = 0.0
        for coefficient in coefficients:
            value = value * w + coefficient
        if value == math.inf:
            return None
        logs.append(above * math.log(w) - math.log(value))
    margin = logs[0]
    return tuple([log - margin for log in logs[1:]])


def _log_sums(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the sum of e^term over the second axis."""
    largest = terms.max(axis=1)
    total: NDArray[np.float64] = largest + np.log(np.exp(terms - largest[:, np.newaxis]).sum(axis=1))
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@lru_cache(maxsize=256)
def _logs_of(odds_ratios: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The odds ratios and their logs, which are the same in every look."""
    w = np.asarray(odds_ratios, dtype=np.float64)
    return w, np.log(w)


@lru_cache(maxsize=64)
def _list_alternatives(margin: float) -> tuple[float, ...]:
    return tuple(margin * ratio for ratio in RATIOS)


def _mode(w: NDArray[np.float64], *, candidate_total: int, stable_total: int, bad: int) -> NDArray[np.float64]:
    """Largest term of Z(w): where the ratio of two neighbouring terms falls through 1, a quadratic equation."""
    a = w - 1
    b = bad - stable_total - (candidate_total + bad + 2) * w
    c = (candidate_total + 1) * (bad + 1) * w
    return np.floor(-2 * c / (b - np.sqrt(b * b - 4 * a * c)))
