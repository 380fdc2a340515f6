"""The e-values against a fixed limit: reference values, enumeration, and counts at the end of the scale."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaincc, betaln
from scipy.stats import binom

from palier.evidence.absolute import gains, log_e_above, log_e_below


@pytest.mark.parametrize(
    ("bad", "total", "limit", "expected"),
    [(10, 500, 0.01, 0.111381), (100, 1000, 0.05, 2.3357843e7), (5, 5, 0.2, 651.0), (6, 6, 0.2, 2790.142857)],
)
def test_reference_values(bad: int, total: int, limit: float, expected: float) -> None:
    """The published e-values are reproduced."""
    assert math.exp(log_e_above(bad, total, limit=limit)) == pytest.approx(expected, rel=4e-6)


@pytest.mark.parametrize("total", [1, 5, 6, 40, 400])
def test_all_failing_has_its_closed_form(total: int) -> None:
    """If every request failed, E = (1 - p^(n+1)) / ((1 - p) (n + 1) p^n)."""
    expected = math.log1p(-(0.2 ** (total + 1))) - math.log(0.8 * (total + 1)) - total * math.log(0.2)
    assert log_e_above(total, total, limit=0.2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("bad", "total", "limit"),
    [
        *((0, 0, 0.3), (0, 30, 0.05), (3, 60, 0.05), (4, 60, 0.05), (20, 60, 0.05), (59, 60, 0.9)),
        *((0.004, 30, 0.05), (2.75, 60, 0.05), (3.001, 60, 0.05), (19.6, 60.5, 0.05), (58.3, 60, 0.9)),
    ],
)
def test_both_directions_agree_with_numerical_integration(bad: float, total: float, limit: float) -> None:
    """The closed forms are the integrals that the module promises, on both sides of the limit and for fractions."""

    def density(share: float) -> float:
        return float((share / limit) ** bad * ((1 - share) / (1 - limit)) ** (total - bad))

    above = quad(density, limit, 1)[0] / (1 - limit)
    below = quad(density, 0, limit)[0] / limit
    assert math.exp(log_e_above(bad, total, limit=limit)) == pytest.approx(above, rel=1e-8)
    assert math.exp(log_e_below(bad, total, limit=limit)) == pytest.approx(below, rel=1e-8)


@pytest.mark.parametrize("log_e", [log_e_above, log_e_below])
@pytest.mark.parametrize(("total", "limit"), [(30, 0.05), (60, 0.3)])
def test_its_mean_is_one_at_the_limit(log_e: Callable[..., float], total: int, limit: float) -> None:
    """Enumerating every outcome with the share exactly at the limit: the mean of E is exactly 1."""
    mean = sum(binom.pmf(bad, total, limit) * math.exp(log_e(bad, total, limit=limit)) for bad in range(total + 1))
    assert mean == pytest.approx(1.0, abs=1e-9)


def test_no_failure_in_a_million_requests() -> None:
    """Where the incomplete beta underflows to 0 the answer is still exact: E = 1 / (n + 1)."""
    assert log_e_above(0, 10**6, limit=0.05) == pytest.approx(-math.log(10**6 + 1), rel=1e-12)


def test_ten_thousand_failures_in_a_row() -> None:
    """At the other end of the scale E is beyond any float, its log is not."""
    expected = -(10**4) * math.log(0.01) - math.log(10**4 + 1) - math.log(0.99)
    assert log_e_above(10**4, 10**4, limit=0.01) == pytest.approx(expected, rel=1e-12)
    assert log_e_below(10**4, 10**4, limit=0.02) == pytest.approx(-math.log(10**4 + 1), rel=1e-12)


def test_a_million_good_requests_prove_a_small_share() -> None:
    """The mirrored test has a closed form without bad requests: about -ln(1 - limit) with every good one."""
    expected = -(10**6) * math.log1p(-0.02) - math.log(0.02 * (10**6 + 1))
    assert log_e_below(0, 10**6, limit=0.02) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("limit", [1e-6, 0.01, 0.2, 0.5, 0.99])
def test_the_two_formulas_meet_at_the_limit(limit: float) -> None:
    """Integration by parts ties neighbouring counts together, also across the change of method between them."""
    total = 200_000
    for bad in range(max(1, round(limit * total) - 2), round(limit * total) + 4):
        good = total - bad
        neighbour = math.exp(log_e_above(bad - 1, total, limit=limit))
        expected = (1 + bad * (1 - limit) / limit * neighbour) / (good + 1)
        assert math.exp(log_e_above(bad, total, limit=limit)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("total", [10**7, 10**8])
@pytest.mark.parametrize("share", [0.0, 0.0499, 0.05, 0.051, 0.9, 1.0])
def test_huge_counts_are_finite_and_on_the_right_side(total: int, share: float) -> None:
    """Nothing overflows, underflows or loops; the sign is that of the truth wherever that is clear."""
    bad = round(share * total)
    log_e = log_e_above(bad, total, limit=0.05)
    assert math.isfinite(log_e)
    assert (log_e > 0) == (share > 0.05)


@pytest.mark.parametrize("limit", [0.01, 0.3])
def test_the_bets_of_one_look_have_mean_one_at_the_limit_and_less_below(limit: float) -> None:
    """Enumerating every outcome: exactly 1 for every bet at the limit, and no more than that below it."""
    total = 40
    for share, exact in ((limit, True), (limit / 2, False)):
        sums = [0.0] * 7
        for bad in range(total + 1):
            factors = [math.exp(gain) for gain in gains(bad, total, limit=limit)]
            sums = [a + binom.pmf(bad, total, share) * factor for a, factor in zip(sums, factors, strict=True)]
        assert all(mean == pytest.approx(1.0) if exact else mean < 1 for mean in sums)


@pytest.mark.parametrize("total", [40, 41.5])
@pytest.mark.parametrize("limit", [1e-6, 0.2, 0.5, 0.999])
def test_fractional_counts_lie_between_their_neighbours(total: float, limit: float) -> None:
    """Both e-values are smooth in the counts, also where the method changes: a little more is a little more."""
    for log_e, sign in ((log_e_above, 1), (log_e_below, -1)):
        along = [sign * log_e(share * total, total, limit=limit) for share in np.linspace(0, 1, 400)]
        steps = np.diff(along)
        assert (steps > -1e-9).all()
        assert np.abs(np.diff(steps)).max() < 0.1 * max(1.0, float(steps.max()))


def test_other_ratios_can_be_bet_on() -> None:
    """A mean bets on smaller ones than a share of failures."""
    assert gains(2.5, 10, limit=0.2, ratios=(1.5, 3.0)) == pytest.approx(
        (gains(2.5, 10, limit=0.2)[1], gains(2.5, 10, limit=0.2)[3]), rel=1e-12
    )


def test_the_bets_are_odds_ratios_above_the_limit() -> None:
    """One bad event is worth the log of the share bet on over the limit; here odds three times as high."""
    share = 3 * 0.01 / (1 + 2 * 0.01)
    assert gains(1, 1, limit=0.01)[3] == pytest.approx(math.log(share / 0.01))
    assert gains(0, 1, limit=0.01)[3] == pytest.approx(math.log((1 - share) / 0.99))


@pytest.mark.parametrize("total", [10**8, 10**12, 2**53])
def test_counts_of_any_size_are_answered_at_once_and_prove_nothing_by_rounding(total: int) -> None:
    """At the limit itself no count is proof; clearly beyond it, the largest is."""
    for limit in (0.01, 0.5):
        bad = round(total * limit)
        assert log_e_above(bad, total, limit=limit) < 1
        assert log_e_below(bad, total, limit=limit) < 1
        assert log_e_above(2 * bad, total, limit=limit) > 1000
        assert log_e_below(bad // 2, total, limit=limit) > 1000


def test_very_many_events_say_no_more_than_they_would_exactly() -> None:
    """Counting fifty million as ten million is on the safe side."""
    exact = betaln(510_001, 49_500_001) + np.log(betaincc(510_001, 49_500_001, 0.01))
    exact -= 510_000 * math.log(0.01) + 49_500_001 * math.log(0.99)
    assert 0 < log_e_above(510_000, 50_010_000, limit=0.01) < exact
