"""The simulated watch of features: every shift is found in time and called by its name, and nothing else is found."""

from dataclasses import replace

import numpy as np
import pytest

from palier.simulate import data_drift
from palier.simulate.data_drift import (
    EXPECTED,
    DriftCase,
    DriftRun,
    Shift,
    play_drift,
    summarize_drift,
    tilt_shares,
)
from palier.watch.features.distances import compute_psi

SHORT = DriftCase(windows=8)


@pytest.mark.parametrize("shift", [shift for shift in Shift if shift is not Shift.NONE])
def test_every_shift_is_found_by_its_second_window(shift: Shift) -> None:
    """With its name where it is broken, and with no feature beside it."""
    case = replace(SHORT, shift=shift)

    runs = [play_drift(case, seed=1, run=run) for run in range(10)]

    found = summarize_drift(runs, case)
    assert found["detectedRate"] == 1
    assert found["medianWindowsToDetection"] == 2
    assert (
        found["detectedWithin2WindowsRate"] >= 0.9
    )  # of a PSI that is exactly the limit one in a hundred takes longer
    assert found["falseActionsPer30Days"] == 0
    assert found.get("namedRate", 1.0) == 1
    assert ("namedRate" in found) == (shift in EXPECTED)


@pytest.mark.parametrize("rows", [100, 1000])
def test_nothing_is_found_where_nothing_shifts(rows: int) -> None:
    """Neither in few rows nor in many."""
    case = DriftCase(windows=240, rows=rows)

    run = play_drift(case, seed=2, run=0)

    assert run == DriftRun(240, 0)
    found = summarize_drift([run], case)
    assert (found["detectedRate"], found["medianWindowsToDetection"]) == (None, None)
    assert found["falseActionsPer30Days"] == 0


def test_too_few_rows_find_nothing_and_break_nothing() -> None:
    """A PSI of 0.1 cannot be seen in windows of ten rows."""
    case = replace(SHORT, rows=10, shift=Shift.PSI_01)

    assert summarize_drift([play_drift(case, seed=1, run=0)], case)["detectedRate"] == 0


def test_a_shift_of_a_group_is_one_of_that_group() -> None:
    """The other groups keep their values, and all users together have the sum; the next feature is left alone."""
    counts = np.array([[[16, 16], [8, 8], [4, 4], [2, 2], [2, 2]]] * 2)
    sizes = np.array([16, 8, 4, 4])

    data_drift._replace(counts, np.array([1.0, 0.0]), sizes, Shift.GROUP, np.random.default_rng(1))

    assert counts[0].tolist() == [[18, 14], [8, 8], [4, 4], [2, 2], [4, 0]]
    assert counts[1].tolist() == [[16, 16], [8, 8], [4, 4], [2, 2], [2, 2]]


def test_a_run_is_the_same_whoever_plays_it() -> None:
    """Only seed and run decide."""
    case = replace(SHORT, rows=250, shift=Shift.PSI_01, windows=40, features=6)

    runs = [play_drift(case, seed=3, run=run) for run in range(4)]
    assert runs == [play_drift(case, seed=3, run=run) for run in range(4)]
    assert len({run.found_after for run in [*runs, *(play_drift(case, seed=4, run=run) for run in range(4))]}) > 1


def test_false_actions_are_counted() -> None:
    """Of all windows that were played, as many as there would be in 30 days."""
    found = summarize_drift([DriftRun(720, 3), DriftRun(720, 0)], DriftCase())

    assert (found["falseActionsPer30Days"], found["falseActions"], found["windowsPlayed"]) == (1.5, 3, 1440)


def test_runs_that_found_nothing_are_infinitely_late() -> None:
    """The median is over all runs."""
    case = replace(SHORT, shift=Shift.NULL)

    found = summarize_drift([DriftRun(8, 0), DriftRun(8, 0), DriftRun(6, 0, 2, named=True)], case)

    assert found["detectedRate"] == pytest.approx(1 / 3)
    assert found["medianWindowsToDetection"] is None


def test_shares_are_tilted_to_a_psi() -> None:
    """Exactly, and what was never there stays away."""
    random = np.random.default_rng(1)
    shares = np.array([0.5, 0.3, 0.2, 0.0])

    tilted = tilt_shares(shares, 0.3, random)

    assert compute_psi(10**9 * shares, 10**9 * tilted) == pytest.approx(0.3, abs=1e-6)
    assert tilted[3] == 0
