"""The capital scheme: moving capital makes none, and a late regression finds some."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.evidence.bets import CAP, NO_BETS, Bets, log_add, log_mean, log_sum


def after(*gains: tuple[float, ...], cap: float = math.inf) -> Bets:
    """The capital after looks with these gains."""
    bets = NO_BETS
    for looks, gain in enumerate(gains):
        bets = bets.add_look(gain, looks=looks, cap=cap)
    return bets


def test_it_starts_with_one() -> None:
    """Before any look, and after looks that say nothing, the e-value is 1."""
    assert NO_BETS.log_e == 0
    assert after(*[(0.0,) * 7] * 500).log_e == pytest.approx(0, abs=1e-12)


def test_the_first_look_finds_two_thirds_and_a_share_of_the_cash_in_the_bets() -> None:
    """The scheme to its last digit: a twentieth of the cash is moved, then the bets are multiplied."""
    bets = after((math.log(2), math.log(8)))
    each = 1 / 3 + 1 / 3 / 20 / 2
    assert [math.exp(log) for log in bets.logs] == pytest.approx([2 * each, 8 * each])
    assert math.exp(bets.cash) == pytest.approx(1 / 3 * 19 / 20)
    assert math.exp(bets.log_e) == pytest.approx(10 * each + 1 / 3 * 19 / 20)


def test_its_mean_stays_one_over_every_path() -> None:
    """Enumerating every path of fair gains through looks and stages: the mean of E is exactly 1."""
    fair = {"up": ((math.log(1.5), math.log(1.9)), 0.5), "down": ((math.log(0.5), math.log(0.1)), 0.5)}
    mean = 0.0
    for path in product(fair, repeat=8):
        bets, probability = NO_BETS, 1.0
        for looks, step in enumerate(path):
            gains, chance = fair[step]
            bets = bets.add_look(gains, looks=looks)
            bets = bets.stage_begun() if looks % 3 == 0 else bets
            probability *= chance
        mean += probability * math.exp(bets.log_e)
    assert mean == pytest.approx(1.0, abs=1e-12)


def test_a_stage_moves_a_quarter_of_the_cash_and_makes_no_capital() -> None:
    """The e-value just before a weight step is the one just after it."""
    before = after((0.3, -2.0, -900.0))
    begun = before.stage_begun()
    assert begun.log_e == pytest.approx(before.log_e, abs=1e-12)
    assert begun.cash == pytest.approx(before.cash + math.log(0.75))
    assert NO_BETS.stage_begun() == NO_BETS


@pytest.mark.parametrize("quiet", [0, 10, 80, 1000, 20_000])
def test_a_late_start_costs_only_a_logarithm(quiet: int) -> None:
    """However long the bets lost everything, eleven looks and twice the log of the time before make 1:400."""
    bets = NO_BETS
    for looks in range(quiet):
        bets = bets.add_look((-3.0,) * 7, looks=looks)
    needed = 0
    while bets.log_e < math.log(400):
        bets = bets.add_look((1.0,) * 7, looks=quiet + needed)
        needed += 1
    assert needed <= 11 + 2 * math.log(1 + quiet / 20)


def test_one_look_says_no_more_than_the_cap() -> None:
    """However much a look seems to say, it multiplies all capital by at most e^1.25."""
    assert after((1000.0,) * 7, cap=CAP).log_e <= CAP
    assert CAP == 1.25


def test_nothing_underflows_and_no_capital_appears() -> None:
    """Losses beyond any float leave the cash and its inflow, nothing more."""
    bets = after(*[(-1e6, -2e6)] * 3)
    assert bets.log_e == pytest.approx(bets.cash)
    assert all(math.isfinite(log) for log in bets.logs)


def test_bets_on_another_grid_start_anew() -> None:
    """What was bet on other alternatives cannot be continued."""
    assert Bets((5.0, 5.0), 3.0).add_look((0.0,) * 7, looks=0).log_e == pytest.approx(0, abs=1e-12)


@given(
    st.lists(st.floats(-50, 50), max_size=7).map(tuple),
    st.floats(-50, 50),
    st.one_of(st.floats(-60, 60), st.floats(-1e-6, 1e-6)),
)
def test_whether_a_bound_is_reached_is_known_as_the_e_value_says(
    logs: tuple[float, ...], cash: float, distance: float
) -> None:
    """The short way by the largest part of the capital never says anything else, also close to the bound."""
    bets = Bets(logs, cash)
    for bound in (distance, bets.log_e + distance, bets.log_e):
        assert bets.reaches(bound) == (bets.log_e >= bound)


def test_means_and_sums_of_logs_do_not_overflow() -> None:
    """Logs far beyond the range of a float are added exactly."""
    assert log_mean([10_000.0, 10_000.0]) == pytest.approx(10_000)
    assert log_sum([0.0, 0.0, 0.0, -9999.0]) == pytest.approx(math.log(3))
    assert log_add(-10_000.0, 10_000.0) == 10_000
    assert log_add(0.0, 0.0) == pytest.approx(math.log(2))
