"""`palier simulate --scenario data-drift`: what it prints, and which options belong to it."""

import json

import pytest

from palier.cli.main import main
from palier.cli.simulate import data_drift
from palier.simulate.data_drift import Shift

SHORT = ["simulate", "--scenario", "data-drift", "--windows", "6", "--features", "6", "--runs", "6", "--seed", "3"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The measures, and what they were measured of; the number of processes changes nothing."""
    assert main([*SHORT, "--shift", "psi-0.3", "--json", "--jobs", "1"]) == 0
    alone = json.loads(capsys.readouterr().out)

    assert {key: alone[key] for key in ("detectedRate", "medianWindowsToDetection", "falseActionsPer30Days")} == {
        "detectedRate": 1.0,
        "medianWindowsToDetection": 2,
        "falseActionsPer30Days": 0.0,
    }
    assert (alone["runs"], alone["seed"], alone["scenario"]) == (6, 3, "data-drift")
    assert alone["parameters"] == {"features": 6, "windows": 6, "rows": 5000, "shift": "psi-0.3"}
    assert main([*SHORT, "--shift", "psi-0.3", "--json", "--jobs", "2"]) == 0
    assert json.loads(capsys.readouterr().out) == alone


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """For people: how often, how soon, and by which name."""
    assert main([*SHORT, "--shift", "null", "--rows", "1000"]) == 0
    page = capsys.readouterr().out

    assert "6 runs of 6 windows, 6 features, 1000 rows in a window, shift null, seed 3" in page
    assert "  shift found                         100 %   (95 %: 54.1 % to 100 %)" in page
    assert "  windows to detection, median            2" in page
    assert "  called by its fault                 100 %" in page
    assert "  false actions in 30 days                0" in page
    assert main(SHORT) == 0
    assert "shift found" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*SHORT, "--rps", "5"], "argument --rps: it is about a canary, and the scenario data-drift has none"),
        ([*SHORT, "--stages", "5,10"], "argument --stages: it is about a canary, and the scenario data-drift has none"),
        ([*SHORT, "deployment.yaml"], "argument FILE: it is about a canary, and the scenario data-drift has none"),
        (["simulate", "--features", "5"], "argument --features: only the scenario data-drift has it"),
        ([*SHORT, "--shift", "sideways"], "argument --shift: invalid choice: 'sideways'"),
        ([*SHORT, "--rows", "0"], "argument --rows: must be a whole number above 0, not '0'"),
    ],
)
def test_options_of_another_scenario(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused, and not ignored."""
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2
    assert words in capsys.readouterr().err


def test_shifts_are_those_that_exist() -> None:
    """The parser knows every one without loading NumPy."""
    assert tuple(str(shift) for shift in Shift) == data_drift.SHIFTS


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With its sentence, as the other scenarios are."""
    assert main(["simulate", "--list"]) == 0

    assert f"  data-drift       {data_drift.SENTENCE}" in capsys.readouterr().out
