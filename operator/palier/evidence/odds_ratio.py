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
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Odds ratios bet on, relative to the margin, with equal weights: not knowing the true one costs at most ln 7."""


def log_z(odds_ratios: Sequence[float], *, candidate_total: int, stable_total: int, bad: int) -> NDArray[np.float64]:
    """Log of Z(w) for each odds ratio w, given the requests of both arms and the bad ones of both together.

    Only terms near the largest one are summed. The distribution is that of a sum of (highest - lowest) independent
    indicators, because Z has only real zeros; by Hoeffding's inequality what lies further than 5 sqrt(highest - lowest)
    from its centre is less than 1e-21 of the sum. That keeps a look with a million bad events in milliseconds.
    """
    w = np.asarray(odds_ratios, dtype=np.float64)
    lowest, highest = max(0, bad - stable_total), min(bad, candidate_total)
    reach = math.ceil(5 * math.sqrt(highest - lowest)) + 2
    if 2 * reach >= highest - lowest:
        bad_in_candidate = np.arange(lowest, highest + 1, dtype=np.float64)[np.newaxis, :]
    else:
        centre = _mode(w, candidate_total=candidate_total, stable_total=stable_total, bad=bad)
        first = np.clip(centre - reach, lowest, highest - 2 * reach)
        bad_in_candidate = first[:, np.newaxis] + np.arange(2 * reach + 1, dtype=np.float64)
    log_terms = (
        bad_in_candidate * np.log(w)[:, np.newaxis]
        - gammaln(bad_in_candidate + 1)
        - gammaln(candidate_total - bad_in_candidate + 1)
        - gammaln(bad - bad_in_candidate + 1)
        - gammaln(stable_total - bad + bad_in_candidate + 1)
    )
    largest = log_terms.max(axis=1)
    total: NDArray[np.float64] = largest + np.log(np.exp(log_terms - largest[:, np.newaxis]).sum(axis=1))
    return total + float(gammaln(candidate_total + 1) + gammaln(stable_total + 1))


class Look(NamedTuple):
    """The two arms of one look as a two-by-two table."""

    candidate_bad: int
    candidate_total: int
    stable_bad: int
    stable_total: int


def log_likelihood_ratios(look: Look, odds_ratios: Sequence[float], *, margin: float = 1.0) -> NDArray[np.float64]:
    """Log LR of each odds ratio against the margin; 0 for a look without bad events or with an empty arm."""
    bad = look.candidate_bad + look.stable_bad
    if bad == 0 or look.candidate_total == 0 or look.stable_total == 0:
        return np.zeros(len(odds_ratios))
    logs = log_z((margin, *odds_ratios), candidate_total=look.candidate_total, stable_total=look.stable_total, bad=bad)
    ratios = np.asarray(odds_ratios, dtype=np.float64) / margin
    log_ratios: NDArray[np.float64] = look.candidate_bad * np.log(ratios) + logs[0] - logs[1:]
    return log_ratios


def gains(look: Look, *, margin: float, cap: float) -> tuple[float, ...]:
    """What one look adds to the log of each bet in `RATIOS`.

    The cap bounds what a single look can say, because requests of one look often fail together (one broken client, one
    dead node). `min(cap, .)` only lowers the mean of the likelihood ratio, so the test stays valid.
    """
    logs = log_likelihood_ratios(look, tuple(margin * ratio for ratio in RATIOS), margin=margin)
    return tuple(min(cap, float(log)) for log in logs)


def _mode(w: NDArray[np.float64], *, candidate_total: int, stable_total: int, bad: int) -> NDArray[np.float64]:
    """Largest term of Z(w): where the ratio of two neighbouring terms falls through 1, a quadratic equation."""
    a = w - 1
    b = bad - stable_total - (candidate_total + bad + 2) * w
    c = (candidate_total + 1) * (bad + 1) * w
    return np.floor(-2 * c / (b - np.sqrt(b * b - 4 * a * c)))
