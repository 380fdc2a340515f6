"""One arm against a fixed limit: is the share of bad events above it, or provably below it?

Two kinds of bets. Those of the test that may end a release are a grid of shares above the limit, with the odds ratios
that the comparison with stable bets on, so that they can follow a late regression (see `bets`):

    gain_j = bad ln(p_j / p0) + good ln((1 - p_j) / (1 - p0)),    odds of p_j = RATIOS_j times odds of p0

The others are for evidence that is read as a whole: the hard stop, the proof for a promotion, and stable's own breach.
They bet on the share being anywhere on the far side of the limit, uniformly (a truncated beta mixture), and are
e-processes in the number of requests, so they may be read after every look:

    E = integral over the far side of (p / p0)^bad ((1 - p) / (1 - p0))^good dp, divided by the length of that side.

Counts may be fractional, as the sum of amounts between 0 and 1 is: the formulas are exact for them as well, and the
bounds hold (see `bounded_mean`).

The closed form is an incomplete beta function, and it has two faces. On the far side of the limit the incomplete beta
is near 1 and the textbook formula is exact. On the near side it underflows (no failure in a million requests) while E
itself is a harmless number around 1/requests; there the incomplete beta's continued fraction gives E directly, with
nothing to underflow and nothing to cancel.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from scipy.special import betaincc, betaln

from palier.evidence.odds_ratio import RATIOS, multiply_odds

_MOST = 1e7


def gains(bad: float, total: float, *, limit: float, ratios: Sequence[float] = RATIOS) -> tuple[float, ...]:
    """What one look says for each bet on a share above the limit: log likelihood ratios against the limit."""
    good = total - bad
    return tuple([bad * hit + good * miss for hit, miss in steps(limit, tuple(ratios))])


@lru_cache(maxsize=256)
def steps(limit: float, ratios: tuple[float, ...] = RATIOS) -> tuple[tuple[float, float], ...]:
    """What one bad and one good event add to the log of each bet."""
    shares = [multiply_odds(limit, ratio) for ratio in ratios]
    return tuple((math.log(share / limit), math.log1p(-share) - math.log1p(-limit)) for share in shares)


def log_e_above(bad: float, total: float, *, limit: float) -> float:
    """Log e-value against "the share is at most `limit`": large when it is breached. Counts may be fractional."""
    return _log_e(bad, total - bad, boundary=limit, beyond=1 - limit)


def log_e_below(bad: float, total: float, *, limit: float) -> float:
    """Log e-value against "the share is at least `limit`": large when the share is proven to be smaller."""
    return _log_e(total - bad, bad, boundary=1 - limit, beyond=limit)


def _log_e(hits: float, misses: float, *, boundary: float, beyond: float) -> float:
    """Log of the mean of (p / boundary)^hits ((1 - p) / beyond)^misses over p from `boundary` to 1.

    The share of more than ten million events counts as if it were of ten million: each factor to a power below 1, whose
    mean is no larger than that power of the mean. So it takes no longer, and no rounding grows into evidence.
    """
    if hits + misses > _MOST:
        scale = _MOST / (hits + misses)
        hits, misses = hits * scale, misses * scale
    if hits <= boundary * (hits + misses):
        return math.log(boundary) - math.log1p(misses) + math.log(_tail_fraction(beyond, misses + 1, hits + 1))
    integral = math.log(betaincc(hits + 1, misses + 1, boundary)) + float(betaln(hits + 1, misses + 1))
    return integral - hits * math.log(boundary) - (misses + 1) * math.log(beyond)


def _tail_fraction(x: float, a: float, b: float) -> float:
    """The incomplete beta's I_x(a, b) divided by its leading term x^a (1 - x)^b / (a B(a, b)).

    Continued fraction DLMF 8.17.22 by the modified Lentz method; for x below the mean a / (a + b), where it is used,
    the number of steps is at most of the order of sqrt(a + b).
    """
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    m = 0
    change = 0.0
    while abs(change - 1) > 1e-14:  # noqa: PLR2004 - as exact as a float gets
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + even * d)
        c = 1 + even / c
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + odd * d)
        c = 1 + odd / c
        change = d * c
        fraction *= change
    return fraction
