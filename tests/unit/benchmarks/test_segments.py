"""The benchmark of groups of users runs as the documentation says, and gives the same numbers again."""

import pytest

from benchmarks.segments.__main__ import main
from benchmarks.segments.play import play
from benchmarks.segments.rows import EVEN, HEALTHY, HURT, MANY, Row


def test_it_tells_false_alarms_with_a_bound_and_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each row, with the releases that were played and the upper end of an interval."""
    assert main(["--releases", "1", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(HEALTHY) + len(MANY) + 1 + 2 + len(HURT)
    assert "| all together |  | 9 | 0 (34 %) |" in printed


def test_a_release_is_the_same_whoever_plays_it() -> None:
    """Only seed and run decide."""
    row = Row(EVEN, 100, (50,), 1, harm=0.1)
    assert play(row, seed=3, run=5) == play(row, seed=3, run=5)
    assert play(row, seed=3, run=5) != play(row, seed=3, run=6)
