"""The benchmarks that the documentation names run as it says, with few repetitions."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A benchmark as its reader starts it."""
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_comparison_of_decisions_writes_its_report(tmp_path: Path) -> None:
    """Every goal is in it, met or not; the numbers are there for machines, too, and the pictures are drawn."""
    ended = run("benchmarks.evidence", "--scale", "0.0001", "--jobs", "1", "--out", str(tmp_path))
    report = (tmp_path / "report.md").read_text(encoding="utf-8")

    assert ended.returncode in {0, 1}, ended.stderr
    assert ended.stdout.count("\n") >= report.count("| met |") + report.count("| **NOT met** |") > 20
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["seed"] == 1
    assert {picture.name for picture in tmp_path.glob("*.svg")} == {"five-points.svg", "one-point.svg"}


def test_the_cost_of_a_look_is_told() -> None:
    """In a table with the number of questions."""
    ended = run("benchmarks.looks", "--releases", "3", "--looks", "1")

    assert ended.returncode == 0, ended.stderr
    assert "questions" in ended.stdout


def test_who_is_not_reached_is_told() -> None:
    """Healthy candidates first, of which none is said not to be reached; then those that get nothing, all found."""
    ended = run("benchmarks.reach", "--releases", "2", "--lost", "2")

    assert ended.returncode == 0, ended.stderr
    assert "| 50 %, served 0.4 of it | 100 | 15 s, 15 s | 0 s | 2 | 0 " in ended.stdout
    assert "| 10 % | 50 | 1 s, 1 s | 0 s | 2 of 2 | " in ended.stdout
