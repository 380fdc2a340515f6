"""Bets and the interval that they leave: valid, as strong as they should be, and the same statement twice."""

import math
import random

import pytest

from palier.golden.proof import Bets, mean_between

REFERENCE = (0.6, 0.7, 0.4, 0.8, 0.9, 0.5, 0.7, 0.6, 0.8, 0.7)


def test_the_reference_value() -> None:
    """What confseq's own source gives for ten bets and these values."""
    bets = Bets(0.5, 20)
    for value in REFERENCE:
        bets.look(value)

    assert math.exp(bets.highest) == pytest.approx(4.035980, rel=1e-6)
    assert not bets.is_won


def test_what_was_proven_stays_proven() -> None:
    """The highest value counts: later values cannot take a proof back."""
    bets = Bets(0.5, 20)
    for _ in range(20):
        bets.look(1.0)
    assert bets.is_won
    for _ in range(200):
        bets.look(0.0)

    assert bets.is_won


def test_how_many_are_missing_is_how_many_it_takes() -> None:
    """If all goes on as it was, the proof comes exactly when it was promised."""
    bets = Bets(0.49, 20)
    for _ in range(50):
        bets.look(0.5)
    missing = bets.values_needed
    assert missing is not None
    for number in range(missing):
        assert not bets.is_won, number
        bets.look(0.5)

    assert bets.is_won


def test_nobody_knows_how_many_are_missing_from_what_does_not_pay() -> None:
    """Values at the bound or below never prove that the mean is above it."""
    bets = Bets(0.5, 20)
    assert bets.values_needed is None
    for value in (0.5, 0.0, 1.0, 0.0):
        bets.look(value)

    assert bets.values_needed is None


@pytest.mark.parametrize("values", [REFERENCE, (0.0,) * 30 + (1.0,) * 70, (0.25, 0.5) * 40], ids=len)
def test_the_interval_ends_where_the_bets_have_won(values: tuple[float, ...]) -> None:
    """A test against the lower end is just about won at 40, and the same upside down."""
    low, high = mean_between(values)

    for end, turned in ((low, values), (1 - high, tuple(1 - value for value in values))):
        logs = [sum(math.log1p(0.075 * j * (value / end - 1)) for value in turned) for j in range(1, 11)]
        assert sum(map(math.exp, logs)) / 10 == pytest.approx(40, rel=0.05)


def test_intervals_at_the_edges() -> None:
    """Nothing is known without values; all of one kind leave the other end open."""
    assert mean_between(()) == (0.0, 1.0)
    low, high = mean_between((0.0,) * 100)
    assert low == 0.0
    assert 0 < high < 0.1
    low, high = mean_between((1.0,) * 100)
    assert 0.9 < low < 1
    assert high == 1.0


def test_intervals_hold_at_every_look() -> None:
    """Of 120 sequences at most 5 % ever leave the true mean outside, although every tenth value is looked at."""
    draw = random.Random(1)  # noqa: S311
    wrong = 0
    for _ in range(120):
        values: list[float] = []
        for _ in range(15):
            values += [float(draw.random() < 0.3) for _ in range(10)]
            low, high = mean_between(values)
            if not low <= 0.3 <= high:
                wrong += 1
                break

    assert wrong <= 6 + 3 * math.sqrt(120 * 0.05 * 0.95)
