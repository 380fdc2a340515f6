"""`palier simulate --scenario world-or-model`: what it prints, what it refuses, and the goals that it has to meet."""

import json
from typing import Any

import pytest

from palier.cli import main

SCENARIO = ("simulate", "--scenario", "world-or-model", "--jobs", "1")
MODEL = ("--former-accuracy-after", "0.9")
"""The former version goes on as before."""


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON object of a simulation."""
    assert main.main([*SCENARIO, *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    result: dict[str, Any] = json.loads(captured.out)
    return result


def write_page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What people read."""
    assert main.main([*SCENARIO, *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "cause", "rate"),
    [((), "WorldChanged", "worldChangedRate"), (MODEL, "ModelIsWorse", "modelIsWorseRate")],
)
def test_the_goals_are_met(
    arguments: tuple[str, ...], cause: str, rate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From 90 % to 80 % right, all requests copied: 95 % are right within 1,000 labels, and at most 1 % are wrong."""
    result = simulate(capsys, "--runs", "80", "--labels", "1200", "--change-at", "200", *arguments)
    assert result["parameters"]["labels"] - result["parameters"]["changeAt"] == 1000
    assert result["rightCauses"] == [cause]
    assert result["rightRate"] >= 0.95
    assert result[rate] >= 0.95
    assert result["wrongRate"] == 0
    assert result["medianLabelsToAlarm"] <= 200
    assert result["medianLabelsToVerdict"] <= 500
    assert result["medianPairsToVerdict"] <= 350
    assert (result["scenario"], result["runs"], result["seed"]) == ("world-or-model", 80, 1)


def test_few_copied_requests_take_long(capsys: pytest.CaptureFixture[str]) -> None:
    """With 2 % of them hardly anything is known after 1,000 labels, and what is said is not wrong for it."""
    result = simulate(capsys, "--runs", "20", "--copied", "2%", *MODEL)
    assert result["undecidedRate"] >= 0.9
    assert result["wrongRate"] == 0
    assert result["noAlarmRate"] == 0
    assert result["medianLabelsToVerdict"] is None
    page = write_page(capsys, "--runs", "5", "--copied", "2%", *MODEL)
    assert "2 % of the requests copied" in page
    assert "labels to a right verdict, median               never" in page


def test_a_late_change_takes_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    """A long good past counts for nothing: the question begins with the alarm."""
    early = simulate(capsys, "--runs", "20", "--labels", "1000", "--change-at", "100", *MODEL)
    late = simulate(capsys, "--runs", "20", "--labels", "3900", "--change-at", "3000", *MODEL)
    assert late["medianLabelsToVerdict"] <= early["medianLabelsToVerdict"] + 60


def test_hours_are_labels_at_the_stated_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the median and of nine in ten."""
    result = simulate(capsys, "--runs", "5", "--labels-per-hour", "40")
    assert result["medianHoursToVerdict"] == result["medianLabelsToVerdict"] / 40
    assert result["p90HoursToVerdict"] == result["p90LabelsToVerdict"] / 40


def test_the_same_words_give_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Another seed gives others."""
    assert simulate(capsys, "--runs", "10") == simulate(capsys, "--runs", "10")
    assert simulate(capsys, "--runs", "10", "--seed", "2") != simulate(capsys, "--runs", "10")


def test_without_a_fall_every_verdict_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """False alarms are nearly all left unexplained."""
    result = simulate(capsys, "--runs", "25", "--accuracy-after", "0.9", "--run-length", "200")
    assert result["rightCauses"] == []
    assert result["noAlarmRate"] < 0.6
    assert result["wrongRate"] <= 0.04
    assert "right is: no verdict" in write_page(capsys, "--runs", "5", "--accuracy-after", "0.9")


def test_where_both_are_true_both_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the fall is the world's."""
    arguments = ("--runs", "10", "--labels", "4000", "--change-at", "500", "--former-accuracy-after", "0.85")
    result = simulate(capsys, *arguments)
    assert result["rightCauses"] == ["ModelIsWorse", "WorldChanged"]
    assert result["rightRate"] == 1.0
    assert "right is: ModelIsWorse or WorldChanged" in write_page(capsys, *arguments)


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """People read what is played, which verdict is right, how often it was said, and after how many labels."""
    page = write_page(capsys, "--runs", "10")
    assert "10 streams of 2000 labels in batches of 10; both versions 90 % right, and from label 1001 on" in page
    assert "the present one 80 % and the former one 80 %; 100 % of the requests copied; seed 1" in page
    assert "right is: WorldChanged\n" in page
    assert "right verdict                                   100 %   (95 %: 69.2 % to 100 %)" in page
    assert "wrong verdict                                     0 %" in page
    assert "hours at 10 labels/h, median" in page
    assert "pairs after the alarm, 90 % of streams" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rps", "5"], "argument --rps: it is about a canary, and the scenario world-or-model has none"),
        (["--segment-share", "5%"], "argument --segment-share: it is about a canary"),
        (["--rows", "5"], "argument --rows: only the scenario data-drift has it"),
        (["--tolerated-accuracy", "0.9"], "argument --tolerated-accuracy: only the scenario concept-drift has it"),
        (["--copied", "1.5"], "argument --copied: from 0 to 1, not 1.5"),
        (["--copied", "-1"], "argument --copied: from 0 to 1, not -1"),
        (["--copied", "many"], "argument --copied: a share is written 0.05 or 5%, not 'many'"),
        (["--shared-mistakes", "2"], "argument --shared-mistakes: from 0 to 1, not 2"),
        (["--former-accuracy-after", "nan"], "argument --former-accuracy-after: from 0 to 1, not nan"),
        (["--accuracy-before", "1"], "argument --accuracy-before: from 0.01 to 0.9999, not 1"),
        (["--accuracy-after", "-1"], "argument --accuracy-after: from 0 to 1, not -1"),
        (["--labels-per-hour", "0"], "argument --labels-per-hour: from 0.001 to 1e+09, not 0"),
        (["--run-length", "1"], "argument --run-length: from 10 to 1e+09, not 1"),
        (["--batch", "2000"], "argument --batch: at most a tenth of the 10000 labels of a false alarm, not 2000"),
        (["--change-at", "2000"], "argument --change-at: from 0 to 1999, before the last label, not 2000"),
    ],
)
def test_words_that_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line names the option and what would have been right; the exit status is 2."""
    with pytest.raises(SystemExit) as caught:
        main.main([*SCENARIO, *arguments])
    assert caught.value.code == 2
    assert f"palier simulate: error: {message}" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("option", ["former-accuracy-after", "copied", "shared-mistakes"])
def test_other_scenarios_have_no_former_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that would change nothing is refused there, too."""
    for scenario in ("errors", "concept-drift"):
        with pytest.raises(SystemExit):
            main.main(["simulate", "--scenario", scenario, f"--{option}", "0.5"])
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == f"palier simulate: error: argument --{option}: only the scenario world-or-model has it"


def test_it_is_taught(capsys: pytest.CaptureFixture[str]) -> None:
    """By the help, with a line that can be typed, and by the list of scenarios."""
    with pytest.raises(SystemExit):
        main.main(["simulate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "palier simulate --scenario world-or-model --former-accuracy-after 0.9" in text
    assert "Only with --scenario world-or-model" in text
    assert main.main(["simulate", "--list"]) == 0
    assert "  world-or-model  " in capsys.readouterr().out
