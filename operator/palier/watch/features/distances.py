"""How far apart two histograms are: the distances that people know from other tools, on the same bins.

All functions take counts, never shares, along the last axis of an array: what comes before it are histograms that are
computed at once. A bin that is empty on both sides counts nowhere.

Only PSI needs a rule for a bin that is empty on one side, because its logarithm would be infinite: such a bin counts as
half an event there, and shares are taken of the events and these halves together. The half follows the number of
events: of 100 events it is half a percent, of a million next to nothing. A fixed share, such as 0.0001, would be more
than what was counted of one window and less than half an event of another.

PSI is biased upward on few events: where nothing has changed, it is about (1/N + 1/M) times a chi-square variable with
as many degrees of freedom as there are bins less one (Yurdakul and Naranjo, 2020). `find_psi_bias` is its mean.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, xlogy

Floats: TypeAlias = NDArray[np.float64]

_HALF: Final = 0.5
_LEAST_EXPECTED: Final = 5.0
"""Events that a bin is expected to have at least on the smaller side, so that chi-square's law may be used."""


def compute_psi(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The population stability index, sum of (c - r) ln(c / r); the same in both directions.

    Raises:
        ValueError: the histograms have different bins, or one has no events.
    """
    r, c = _fill_zeros(*_read_counts(reference, current))
    return np.asarray(((c - r) * np.log(_divide(c, r))).sum(axis=-1))


def find_psi_bias(reference: ArrayLike, current: ArrayLike) -> Floats:
    """What PSI has on average where nothing has changed: (1/N + 1/M) (B - 1), of B bins that are not empty.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _read_counts(reference, current)
    return np.asarray(_count_free(r, c) * (1 / r.sum(axis=-1) + 1 / c.sum(axis=-1)))


def find_psi_error(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The standard error of PSI.

    Two variances are added: that of its linear part (the delta method for two multinomial samples), which is large
    where much has changed, and that of its chi-square part, 2 (B - 1) (1/N + 1/M)^2. Where nothing has changed, the
    linear part of a sample is not 0 as that of its source is, so that the sum is too large, by up to 1.8 times: PSI is
    shown to be small a little later than it could be, and not too early.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _read_counts(reference, current)
    many_r, many_c = r.sum(axis=-1), c.sum(axis=-1)
    free = _count_free(r, c)
    r, c = _fill_zeros(r, c)
    log = np.log(_divide(c, r))
    by_c = log + 1 - _divide(r, c)
    by_r = 1 - log - _divide(c, r)
    linear = _find_variance(c, by_c) / many_c + _find_variance(r, by_r) / many_r
    return np.asarray(np.sqrt(linear + 2 * free * (1 / many_r + 1 / many_c) ** 2))


def compute_jensen_shannon(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The Jensen-Shannon distance with natural logarithms: 0 for equal shares, sqrt(ln 2) for shares without overlap.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _find_shares(reference, current)
    middle = (r + c) / 2
    inside = xlogy(r, r) + xlogy(c, c) - 2 * xlogy(middle, middle)
    return np.asarray(np.sqrt(np.maximum(inside.sum(axis=-1) / 2, 0)))


def compute_total_variation(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Half the sum of the differences: the share of events that stand in another bin.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _find_shares(reference, current)
    return np.asarray(np.abs(r - c).sum(axis=-1) / 2)


def compute_kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The largest difference of the shares up to an edge: for bins that have an order only.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _find_shares(reference, current)
    return np.asarray(np.abs(np.cumsum(r - c, axis=-1)).max(axis=-1))


class ChiSquare(NamedTuple):
    """The two-sample chi-square test of one pair of histograms."""

    statistic: float
    free: int
    """Degrees of freedom: bins that are not empty, less one."""
    p: float
    """How often a difference as large comes about by chance; 1 where there is one bin only."""


def run_chi_square(reference: ArrayLike, current: ArrayLike, *, least_expected: float = _LEAST_EXPECTED) -> ChiSquare:
    """Test whether two histograms come from the same shares.

    Args:
        reference: counts in one dimension.
        current: counts of the same bins.
        least_expected: bins that are expected to have fewer events on the smaller side are added together, and to the
            next larger bin if that is not enough; 0 for none. On fewer events p is too small.

    Raises:
        ValueError: as of `compute_psi`.
    """
    r, c = _read_counts(reference, current)
    r, c = _add_sparse(r, c, least_expected)
    some = r + c > 0
    r, c = r[some], c[some]
    together = (r + c) / (r.sum() + c.sum())
    statistic = sum(float(((n - n.sum() * together) ** 2 / (n.sum() * together)).sum()) for n in (r, c))
    free = len(r) - 1
    return ChiSquare(statistic, free, float(chdtrc(free, statistic)) if free else 1.0)


def _add_sparse(r: Floats, c: Floats, least: float) -> tuple[Floats, Floats]:
    """The histograms with their sparse bins in one, which comes last."""
    expected = (r + c) * (min(r.sum(), c.sum()) / (r.sum() + c.sum()))
    order = np.argsort(expected, kind="stable")
    sparse = int(np.searchsorted(expected[order], least))
    while sparse < len(order) and 0 < expected[order[:sparse]].sum() < least:
        sparse += 1
    kept, joined = order[sparse:], order[:sparse]
    return np.append(r[kept], r[joined].sum()), np.append(c[kept], c[joined].sum())


def _read_counts(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if r.shape[-1:] != c.shape[-1:]:
        raise ValueError(f"the histograms have {r.shape[-1:]} and {c.shape[-1:]} bins")
    r, c = np.broadcast_arrays(r, c)
    if not ((r >= 0).all() and (c >= 0).all() and (r.sum(axis=-1) > 0).all() and (c.sum(axis=-1) > 0).all()):
        raise ValueError("a histogram needs events, and no bin may have less than none")
    return r, c


def _find_shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    r, c = _read_counts(reference, current)
    return r / r.sum(axis=-1, keepdims=True), c / c.sum(axis=-1, keepdims=True)


def _fill_zeros(r: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Shares in which a bin that is empty on one side has half an event there; one that is empty on both stays at 0."""
    some = r + c > 0
    r, c = (np.where(some & (n == 0), _HALF, n) for n in (r, c))
    return r / r.sum(axis=-1, keepdims=True), c / c.sum(axis=-1, keepdims=True)


def _divide(one: Floats, other: Floats) -> Floats:
    """The ratios of shares; 1 where both are 0."""
    return np.divide(one, other, out=np.ones_like(one), where=other > 0)


def _count_free(r: Floats, c: Floats) -> Floats:
    """Degrees of freedom: bins that are not empty, less one."""
    return np.asarray((r + c > 0).sum(axis=-1) - 1, dtype=np.float64)


def _find_variance(shares: Floats, values: Floats) -> Floats:
    """The variance of a value that is drawn by shares."""
    mean = (shares * values).sum(axis=-1, keepdims=True)
    return np.asarray((shares * (values - mean) ** 2).sum(axis=-1))
