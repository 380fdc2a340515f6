"""ADWIN beside our detector: what it says where River is installed, and what is said where it is not."""

import sys

import pytest

from palier.watch.edetector import Batch
from palier.watch.second_opinion import Opinion, ask_adwin

GOOD, BAD = [Batch(10, 1)] * 200, [Batch(10, 4)] * 60


def test_a_rise_is_worse() -> None:
    """Four times as many wrong labels from some moment on."""
    assert ask_adwin([*GOOD, *BAD]) is Opinion.WORSE


def test_a_fall_or_nothing_is_not() -> None:
    """It is asked for one direction only, and hardly any labels say nothing."""
    assert ask_adwin([*BAD, *GOOD]) is Opinion.NOT_WORSE
    assert ask_adwin(GOOD) is Opinion.NOT_WORSE
    assert ask_adwin([Batch(0, 0), Batch(3, 3)]) is Opinion.NOT_WORSE


def test_without_river_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; nothing fails without it."""
    monkeypatch.setitem(sys.modules, "river.drift", None)
    assert ask_adwin([*GOOD, *BAD]) is Opinion.NOT_INSTALLED
