"""The benchmarks that the documentation names run as it says, with few repetitions."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.evidence import settings
from benchmarks.evidence.settings import DOCUMENTED


class Ended(NamedTuple):
    """What a benchmark has said, and what it ended with."""

    returncode: object
    stdout: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A benchmark as its reader starts it with `python -m`, in this process: to load its libraries takes seconds."""

    def run_module(module: str, *arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        try:
            runpy.run_module(module, run_name="__main__")
            status: object = 0
        except SystemExit as end:
            status = end.code or 0
        return Ended(status, capsys.readouterr().out)

    return run_module


def test_the_comparison_of_decisions_writes_its_report(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every goal is in it, met or not; the numbers are there for machines, too, and the pictures are drawn."""
    few = (*DOCUMENTED, *settings.swept()[len(DOCUMENTED) :: 9])
    monkeypatch.setattr(settings, "swept", lambda: few)
    ended = run("benchmarks.evidence", "--scale", "0.0001", "--jobs", "1", "--out", str(tmp_path))
    report = (tmp_path / "report.md").read_text(encoding="utf-8")

    assert ended.returncode in {0, 1}
    assert ended.stdout.count("\n") >= report.count("| met |") + report.count("| **NOT met** |") > 20
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["seed"] == 1
    assert {picture.name for picture in tmp_path.glob("*.svg")} == {"five-points.svg", "one-point.svg"}


def test_worlds_without_the_assumptions_are_reported(tmp_path: Path, run: Run) -> None:
    """The rows that were asked for, with their numbers for people and for machines, and every goal printed."""
    arguments = ("benchmarks.evidence", "--nulls", "--scale", "0.0001", "--jobs", "1", "--out", str(tmp_path))

    ended = run(*arguments, "--only", "dead-100-30")

    assert ended.returncode == 0
    assert ended.stdout.startswith("met      Every request to the candidate fails: 100 requests/s")
    report = (tmp_path / "nulls.md").read_text(encoding="utf-8")
    assert "1 of 1 are met." in report
    assert "| 100 requests/s at 10 %, looks every 30 s, scrapes every 15 s | 1 | 100.0 [2.5, 100.0] |" in report
    written = json.loads((tmp_path / "nulls.json").read_text(encoding="utf-8"))
    assert [row["row"] for row in written["rows"]] == ["dead-100-30-15"]
    # A single run proves no bound: a full run says so with its exit status, a quick one tells the numbers.
    assert run(*arguments, "--only", "gauge-0.02-1").returncode == 1
    assert run(*arguments, "--only", "gauge-0.02-1", "--quick").returncode == 0
    assert run(*arguments, "--only", "nonsense").returncode == 2


def test_the_cost_of_a_look_is_told(run: Run) -> None:
    """In a table with the number of questions."""
    ended = run("benchmarks.looks", "--releases", "3", "--looks", "1")

    assert ended.returncode == 0
    assert "questions" in ended.stdout
    assert "reading of error budgets" in run("benchmarks.looks", "--served", "--releases", "3", "--looks", "1").stdout


def test_who_is_not_reached_is_told(run: Run) -> None:
    """Healthy candidates first, of which none is said not to be reached; then those that get nothing, all found."""
    ended = run("benchmarks.reach", "--releases", "2", "--lost", "2")

    assert ended.returncode == 0
    assert "| 50 %, served 0.4 of it | 100 | 15 s, 15 s | 0 s | 2 | 0 " in ended.stdout
    assert "| 10 % | 50 | 1 s, 1 s | 0 s | 2 of 2 | " in ended.stdout


def test_gauges_in_spells_are_played(run: Run) -> None:
    """Rows within the limit, and rows above it with the time until that is found."""
    ended = run("benchmarks.levels", "--releases", "1", "--high", "1")

    assert ended.returncode in {0, 1}
    assert "| 5% | 100% | no end | 1 of 1 | 30 | 30 |" in ended.stdout
