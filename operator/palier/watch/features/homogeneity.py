"""Do two histograms come from the same shares? An exact answer, on any number of events and for bins however rare.

Chi-square's law is an approximation, worst where it is needed here: far out in the tail, because a thousand features
and groups are asked in every window, and in rare bins, because a category that nobody has seen before is what people
want to hear of. So the evidence is an e-value: a number that is at most 1 on average if nothing has changed, and then
reaches x with a probability of at most 1/x.

The bins are halved, and each half again, which gives one two-by-two table for each halving: events of the window and of
the reference, left and right. Given how many each side has, and how many of all stand left, the window's number u on
the left follows the hypergeometric distribution h(u) if all events are exchangeable, whatever the shares are; and so
does each table given those above it. Against it stand Polya's urns, which spread u wider around the same mean:

    q_d(u) = C(k, u) B(u + a, k - u + b) / B(a, b),   a = s n / (n + m),  b = s m / (n + m)

with n, m events of window and reference in the table, k of them on the side that has fewer, and the concentration s
such that the standard deviation is d times that of h, for d = 1.5, 3 and 6. An urn may exceed what is there, so q_d
sums to at most 1 and the mean of q_d / h is at most 1. Half of the capital of each table is not bet:

    E = product over the tables of (1/2 + 1/6 (q_1.5 + q_3 + q_6) / h)

A product of factors whose mean is at most 1 given those before has a mean of at most 1. Bins without an order are
sorted by the events of both sides together, which says nothing of how they are divided between the sides.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, gammaln, logsumexp

from palier.watch.features.distances import Floats

SPREADS: Final = (1.5, 3.0, 6.0)
"""How many times wider than chance the alternatives are."""
_LEAST_CONCENTRATION: Final = 0.5
"""Of the urns where so few events are on the smaller side that they cannot be spread so wide."""
_CASH: Final = math.log(0.5)

_COST: Final = 2.5
_COST_OF_BIN: Final = 0.8
_CERTAIN: Final = 1.2816
"""Standard normal quantile of 90 %."""


def find_log_evidence(reference: ArrayLike, current: ArrayLike, *, ordered: int | None = None) -> Floats:
    """The log of the e-value against equal shares; the histograms stand along the last axis.

    Args:
        reference: counts.
        current: counts of the same bins.
        ordered: how many of the first bins have an order; None for all. The others are sorted by their size.
    """
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    width = r.shape[-1]
    if ordered is not None and ordered < width:
        order = np.argsort(-(r + c)[..., ordered:], axis=-1, kind="stable")
        r, c = (
            np.concatenate([n[..., :ordered], np.take_along_axis(n[..., ordered:], order, axis=-1)], axis=-1)
            for n in (r, c)
        )
    halvings = np.array(_list_halvings(0, width), dtype=np.intp).reshape(-1, 3).T
    start, middle, end = halvings
    sums_r, sums_c = (np.concatenate([np.zeros((*n.shape[:-1], 1)), np.cumsum(n, axis=-1)], axis=-1) for n in (r, c))
    return np.asarray(
        _bet_on_tables(
            sums_c[..., middle] - sums_c[..., start],
            sums_c[..., end] - sums_c[..., start],
            sums_r[..., middle] - sums_r[..., start],
            sums_r[..., end] - sums_r[..., start],
        ).sum(axis=-1)
    )


def find_needed_events(psi: float, *, bins: int, log_threshold: float) -> float:
    """How many events find a PSI in nine of ten cases: n with 1/n = 1/N + 1/M, for N of a reference and M of a window.

    Chi-square's noncentrality is about x = n PSI. The log of the e-value is then on average x/2 less what not knowing
    the alternative costs, and its standard deviation is about sqrt(x). The cost, 2.5 and 0.8 for each bin but one, was
    fitted to simulations of 2 to 20 bins whose shares change in no order; an even slope over the bins costs less.

    Args:
        psi: the change that is to be found.
        bins: that are not empty.
        log_threshold: what the log of the e-value has to reach.
    """
    wanted = log_threshold + _COST + _COST_OF_BIN * (bins - 1)
    root = _CERTAIN + math.sqrt(_CERTAIN**2 + 2 * wanted)
    return root**2 / psi


def _list_halvings(start: int, end: int) -> list[tuple[int, int, int]]:
    """Every halving of a stretch of bins: where it starts, where its right half starts, and where it ends."""
    if end - start < 2:  # noqa: PLR2004 - one bin has no halves
        return []
    middle = (start + end) // 2
    return [(start, middle, end), *_list_halvings(start, middle), *_list_halvings(middle, end)]


def _bet_on_tables(left_c: Floats, all_c: Floats, left_r: Floats, all_r: Floats) -> Floats:
    """The log of each table's factor."""
    some = (all_c > 0) & (all_r > 0) & (left_c + left_r > 0) & (left_c + left_r < all_c + all_r)
    # A table with an empty side says nothing; the numbers in its place only have to be possible.
    n, m = np.where(some, all_c, 1.0), np.where(some, all_r, 1.0)
    u, v = np.where(some, left_c, 1.0), np.where(some, left_r, 0.0)
    k = u + v
    more = 2 * k > n + m
    u, k = np.where(more, n - u, u), np.where(more, n + m - k, k)
    chance = _log_choose(n, u) + _log_choose(m, k - u) - _log_choose(n + m, k)
    share = n / (n + m)
    narrow = 1 - k / (n + m)
    bets = []
    for spread in SPREADS:
        wide = spread**2 * narrow  # above 1: k is at most half of all
        concentration = np.maximum((k - wide) / (wide - 1), _LEAST_CONCENTRATION)
        a, b = concentration * share, concentration * (1 - share)
        bets.append(_log_choose(k, u) + betaln(u + a, k - u + b) - betaln(a, b))
    against = logsumexp(np.stack(bets), axis=0) - math.log(len(SPREADS)) - chance
    return np.where(some, np.logaddexp(_CASH, _CASH + against), 0.0)


def _log_choose(n: Floats, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
