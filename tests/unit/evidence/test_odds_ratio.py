"""The odds-ratio e-process against values from outside: published tables, scipy, exact integers, enumeration."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, nchypergeom_fisher

from palier.evidence.bets import log_mean
from palier.evidence.odds_ratio import NO_WORSE_RATIOS, RATIOS, Look, gains, log_likelihood_ratios, log_z


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(10, 100, 9, 900), (3.131117, 5.133222, 9.825509)),
        (Look(3, 100, 9, 900), (0.632259, 0.940613, 0.838817)),
        (Look(0, 50, 4, 450), (-0.194915, -0.380348, -1.337077)),
    ],
)
def test_log_likelihood_ratio_has_its_reference_values(look: Look, expected: tuple[float, ...]) -> None:
    """The table of odds ratios 1.5, 2 and 5 against 1 is reproduced to its last digit."""
    assert log_likelihood_ratios(look, (1.5, 2, 5)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("theta", "expected"), [(0.7, 1.116161), (1 / 0.7, 0.7665818)])
def test_it_is_the_exact_logrank_e_value_of_safestats(theta: float, expected: float) -> None:
    """The documented example of safestats, another team's implementation of the same formula, gives its numbers."""
    at_risk_0, at_risk_1 = (5, 4, 3, 3, 2, 1), (5, 5, 4, 2, 2, 0)
    events_0, events_1 = (1, 1, 0, 1, 0, 1), (0, 0, 1, 0, 1, 0)
    looks = [Look(*row) for row in zip(events_1, at_risk_1, events_0, at_risk_0, strict=True)]
    log_e = sum(log_likelihood_ratios(look, (theta,))[0] for look in looks)
    assert math.exp(log_e) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("cap", "expected"), [(math.inf, (0.747997, 3.915181, 52.540644)), (1.0, (0.747997, 1.816046, 4.727178))]
)
def test_three_looks_on_the_grid_have_their_reference_values(cap: float, expected: tuple[float, ...]) -> None:
    """The mixture over the grid grows as in the reference, with and without the cap."""
    logs = (0.0,) * len(RATIOS)
    seen = []
    for look in (Look(1, 100, 5, 900), Look(3, 100, 4, 900), Look(4, 100, 6, 900)):
        logs = tuple(log + min(cap, gain) for log, gain in zip(logs, gains(look, margin=1.0), strict=True))
        seen.append(math.exp(log_mean(logs)))
    assert seen == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("look", [Look(4, 60, 9, 300), Look(0, 7, 3, 5), Look(7, 7, 5, 5), Look(40, 500, 10, 80)])
def test_it_agrees_with_scipys_distribution(look: Look) -> None:
    """The likelihood ratio is that of Fisher's noncentral hypergeometric distribution, here with a margin of 1.25."""
    total = look.candidate_total + look.stable_total
    bad = look.candidate_bad + look.stable_bad
    expected = [
        nchypergeom_fisher.logpmf(look.candidate_bad, total, bad, look.candidate_total, w)
        - nchypergeom_fisher.logpmf(look.candidate_bad, total, bad, look.candidate_total, 1.25)
        for w in (1.5, 3, 30)
    ]
    assert log_likelihood_ratios(look, (1.5, 3, 30), margin=1.25) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("candidate", "stable", "bad"),
    [(3, 4, 2), (100, 900, 20), (400, 900, 350), (500, 2000, 900), (2000, 300, 1500), (1500, 1500, 2990)],
)
def test_z_agrees_with_exact_integers(candidate: int, stable: int, bad: int) -> None:
    """Leaving out the far terms changes nothing that a float could show, also where many are left out."""
    for odds_ratio in (Fraction(1), Fraction(3, 2), Fraction(75, 2)):
        exact = sum(
            math.comb(candidate, u) * math.comb(stable, bad - u) * odds_ratio**u
            for u in range(max(0, bad - stable), min(bad, candidate) + 1)
        )
        logs = log_z((float(odds_ratio),), candidate_total=candidate, stable_total=stable, bad=bad)
        assert logs[0] == pytest.approx(math.log(exact.numerator) - math.log(exact.denominator), rel=1e-13, abs=1e-12)


@pytest.mark.parametrize(("candidate", "stable", "share"), [(20, 80, 0.3), (5, 15, 0.5), (12, 3, 0.1)])
@pytest.mark.parametrize("odds_ratio", [0.5, 1.5, 3.0])
def test_its_mean_is_one_when_the_candidate_is_no_worse(
    candidate: int, stable: int, share: float, odds_ratio: float
) -> None:
    """Enumerating every outcome of a look of equal arms: the mean of the likelihood ratio is exactly 1."""
    mean = sum(
        binom.pmf(x, candidate, share)
        * binom.pmf(y, stable, share)
        * math.exp(log_likelihood_ratios(Look(x, candidate, y, stable), (odds_ratio,))[0])
        for x in range(candidate + 1)
        for y in range(stable + 1)
    )
    assert mean == pytest.approx(1.0, abs=1e-9)


def test_a_candidate_inside_the_margin_gains_nothing() -> None:
    """With an odds ratio below the margin the mean is below 1: the margin makes the test conservative, not blind."""
    share, odds = 0.1, 0.1 / 0.9 * 1.1
    mean = sum(
        binom.pmf(x, 10, odds / (1 + odds))
        * binom.pmf(y, 40, share)
        * math.exp(log_likelihood_ratios(Look(x, 10, y, 40), (2.5,), margin=1.25)[0])
        for x in range(11)
        for y in range(41)
    )
    assert 0.5 < mean < 1


@pytest.mark.parametrize("look", [Look(0, 100, 0, 900), Look(0, 0, 5, 900), Look(5, 100, 0, 0), Look(0, 0, 0, 0)])
def test_a_look_that_cannot_compare_says_nothing(look: Look) -> None:
    """Without bad events, or with only one arm, no odds ratio is likelier than another."""
    assert log_likelihood_ratios(look, RATIOS) == (0.0,) * len(RATIOS)


def test_a_look_with_millions_of_bad_events_is_finite_and_sane() -> None:
    """A huge shared outage neither overflows nor looks like a bad candidate; a huge real difference does."""
    shared = log_likelihood_ratios(Look(100_000, 1_000_000, 900_000, 9_000_000), RATIOS)
    real = log_likelihood_ratios(Look(200_000, 1_000_000, 900_000, 9_000_000), (2.0,))
    assert np.isfinite(shared).all()
    assert max(shared) < 0
    assert real[0] > 10_000


@pytest.mark.parametrize(
    "look",
    [
        Look(1, 300, 14, 2700),
        Look(16, 300, 14, 2700),
        Look(0, 7, 3, 5),
        Look(7, 7, 5, 5),
        Look(20, 500, 20, 8),
        Look(30, 10**9, 3, 40),
    ],
)
def test_polynomials_and_logs_are_the_same(look: Look) -> None:
    """The fast way for few bad events and the general one agree to rounding."""
    bad = look.candidate_bad + look.stable_bad
    ratios = (1.25, *(1.25 * ratio for ratio in RATIOS))
    logs = log_z(ratios, candidate_total=look.candidate_total, stable_total=look.stable_total, bad=bad)
    expected = [
        look.candidate_bad * math.log(ratio / 1.25) + logs[0] - log
        for ratio, log in zip(ratios[1:], logs[1:], strict=True)
    ]
    assert gains(look, margin=1.25) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("candidate", "stable", "bad"),
    [(5000, 45_000, 390), (5000, 45_000, 410), (3000, 2500, 2600), (900, 9000, 4000), (4000, 9000, 500)],
)
def test_many_terms_and_those_near_the_largest_one_are_the_same(candidate: int, stable: int, bad: int) -> None:
    """Where numpy changes from all terms to those that count, both agree with exact integers."""
    for odds_ratio in (1, 2):
        exact = sum(
            math.comb(candidate, u) * math.comb(stable, bad - u) * odds_ratio**u
            for u in range(max(0, bad - stable), min(bad, candidate) + 1)
        )
        logs = log_z((float(odds_ratio),), candidate_total=candidate, stable_total=stable, bad=bad)
        assert logs[0] == pytest.approx(math.log(exact), rel=1e-12)


@pytest.mark.parametrize(("candidate", "stable", "share"), [(20, 80, 0.3), (12, 3, 0.1)])
@pytest.mark.parametrize("odds_ratio", [0.8, 0.4])
def test_the_proof_of_no_worse_has_mean_one_at_its_margin(
    candidate: int, stable: int, share: float, odds_ratio: float
) -> None:
    """Enumerating every outcome of a candidate that is worse by exactly the margin: the mean is exactly 1."""
    odds = 2 * share / (1 - share)
    mean = sum(
        binom.pmf(x, candidate, odds / (1 + odds))
        * binom.pmf(y, stable, share)
        * math.exp(log_likelihood_ratios(Look(x, candidate, y, stable), (odds_ratio,), margin=2.0)[0])
        for x in range(candidate + 1)
        for y in range(stable + 1)
    )
    assert mean == pytest.approx(1.0, abs=1e-9)


def test_more_bad_events_never_prove_that_a_candidate_is_no_worse() -> None:
    """Each bad event of the candidate lowers every bet of the proof."""
    before = log_likelihood_ratios(Look(0, 100, 9, 900), NO_WORSE_RATIOS, margin=2.0)
    for bad in range(1, 30):
        after = log_likelihood_ratios(Look(bad, 100, 9, 900), NO_WORSE_RATIOS, margin=2.0)
        assert all(a < b for a, b in zip(after, before, strict=True))
        before = after


MOST = 2**53
"""The largest number up to which counters count."""


@pytest.mark.parametrize(
    "look",
    [
        Look(MOST // 2, MOST, MOST // 2, MOST),
        Look(MOST // 100, MOST // 10, MOST // 10, MOST),
        Look(MOST, MOST, MOST, MOST),
        Look(0, MOST, MOST, MOST),
        Look(1, MOST, 500, MOST),
        Look(10**12 // 100, 10**12, 10**12 // 100, 10**12),
        Look(10**9, 2 * 10**9, 10**9, 2 * 10**9),
    ],
)
def test_counts_of_any_size_take_no_more_time_or_memory_and_give_no_evidence_from_rounding(look: Look) -> None:
    """Equal arms of the largest counts are no evidence, and a look never holds more than some thousand numbers."""
    tracemalloc.start()
    logs = gains(look, margin=1.25)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert np.isfinite(logs).all()
    assert max(logs) <= 0


@pytest.mark.parametrize("scale", [10**4, 10**6, 10**9])
def test_a_real_difference_stays_evidence_at_any_size(scale: int) -> None:
    """Ten times the odds are found, and in proportion to the counts."""
    log = log_likelihood_ratios(Look(9 * scale, 100 * scale, 9 * scale, 900 * scale), (10.0,))[0]
    assert log / scale == pytest.approx(9.825509, rel=0.2)


@pytest.mark.parametrize("bad", [401, 900, 2500])
def test_its_mean_is_one_where_only_some_terms_are_summed(bad: int) -> None:
    """Summed over every outcome of a large table under the margin, the mean of the likelihood ratio is 1."""
    candidate, stable = 3000, 9000
    possible = np.arange(min(bad, candidate) + 1)
    shares = nchypergeom_fisher.pmf(possible, candidate + stable, bad, candidate, 1.25)
    logs = [
        log_likelihood_ratios(Look(int(x), candidate, bad - int(x), stable), (1.5,), margin=1.25)[0] for x in possible
    ]
    mean = math.fsum(share * math.exp(log) for share, log in zip(shares, logs, strict=True) if share > 0)
    assert mean == pytest.approx(1.0, abs=1e-5)
