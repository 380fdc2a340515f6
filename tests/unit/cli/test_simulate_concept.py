"""`palier simulate --scenario concept-drift`: what it prints, what it refuses, and the goals that it has to meet."""

import json
from typing import Any

import pytest

from palier.cli import main

CONCEPT = ("simulate", "--scenario", "concept-drift")
SHORT = (*CONCEPT, "--runs", "20", "--labels", "2000", "--jobs", "1")


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON object of a simulation."""
    assert main.main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    result: dict[str, Any] = json.loads(captured.out)
    return result


def write_page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What people read."""
    assert main.main([*arguments]) == 0
    return capsys.readouterr().out


def test_the_goals_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    """From 90 % to 80 %: half within 250 labels and within a day at 10 an hour, at one false alarm in 10,000 labels."""
    accuracies = ("--accuracy-before", "0.90", "--accuracy-after", "0.80")
    result = simulate(capsys, *CONCEPT, *accuracies, "--labels", "4000", "--runs", "100", "--seed", "1")
    assert result["detectedRate"] == 1.0
    assert result["medianLabelsToDetection"] <= 250
    assert result["medianHoursToDetection"] <= 24
    assert result["falseAlarmsPer10000"] <= 1
    assert (result["scenario"], result["runs"], result["seed"]) == ("concept-drift", 100, 1)
    assert result["labelsWithoutChange"] == 200_000
    assert result["parameters"]["changeAt"] == 2000
    assert result["promisedFalseAlarmsPer10000"] == 1


def test_hours_are_labels_at_the_stated_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the median and of nine in ten."""
    result = simulate(capsys, *SHORT, "--labels-per-hour", "40")
    assert result["medianHoursToDetection"] == result["medianLabelsToDetection"] / 40
    assert result["p90HoursToDetection"] == result["p90LabelsToDetection"] / 40


def test_the_same_words_give_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """However many processes play; another seed gives others."""
    arguments = (*CONCEPT, "--runs", "120", "--labels", "600")
    alone = simulate(capsys, *arguments, "--jobs", "1")
    assert simulate(capsys, *arguments, "--jobs", "2") == alone
    assert simulate(capsys, *arguments, "--jobs", "1", "--seed", "2") != alone


def test_without_a_change_every_alarm_is_false(capsys: pytest.CaptureFixture[str]) -> None:
    """All labels are counted, and nothing is said to be detected."""
    arguments = (*CONCEPT, "--accuracy-after", "90%", "--runs", "10", "--labels", "5000")
    result = simulate(capsys, *arguments)
    assert not result["accuracyIsWorse"]
    assert result["labelsWithoutChange"] == 50_000
    assert result["medianLabelsToDetection"] is None
    assert result["falseAlarms"] <= 5
    page = write_page(capsys, *arguments)
    assert "Accuracy stays within what is tolerated, so every alarm is false" in page
    assert "detected" not in page
    assert "Labels to detection" not in page


def test_a_change_from_the_first_label_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Then there are no labels in which an alarm could be false."""
    result = simulate(capsys, *SHORT, "--change-at", "0")
    assert result["falseAlarmsPer10000"] is None
    assert result["medianLabelsToDetection"] <= 250
    assert "none   (the change comes with the first label)" in write_page(capsys, *SHORT, "--change-at", "0")


def test_a_change_that_nobody_finds_is_never(capsys: pytest.CaptureFixture[str]) -> None:
    """Too few labels come after it."""
    arguments = (*CONCEPT, "--runs", "5", "--labels", "100", "--change-at", "90")
    assert simulate(capsys, *arguments)["medianLabelsToDetection"] is None
    page = write_page(capsys, *arguments)
    assert "labels to detection, median                 never" in page
    assert "Fewer than half of the streams had an alarm after the change" in page


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """People read what is played, what is promised, the labels and hours, the false alarms, a conclusion and bars."""
    page = write_page(capsys, *SHORT)
    assert "20 streams of 2000 labels in batches of 10; 90 % right, and 80 % from label 1001 on; seed 1" in page
    assert "tolerated: 10 % wrong answers; promised: a false alarm in 10000 labels at most" in page
    assert "detected                                    100 %   (95 %: 83.2 % to 100 %)" in page
    assert "hours at 10 labels/h, median" in page
    assert "promised: at most 1)" in page
    assert "Half of the changes were found within" in page
    assert "\nLabels to detection\n" in page


def test_a_segment_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Where only a group of users becomes worse, also with what is tolerated learned group by group."""
    arguments = (*SHORT, "--segment-share", "20%", "--accuracy-after", "60%")
    for more in ((), ("--reference-labels", "2000")):
        result = simulate(capsys, *arguments, *more)
        assert result["detectedRate"] == 1
        assert result["onlySegmentNamedRate"] >= 0.7
    page = write_page(capsys, *arguments)
    assert "from label 1001 on in a segment with 20 % of the labels" in page
    assert "of them, only the segment was named" in page


def test_what_is_tolerated_may_be_learned_or_stated(capsys: pytest.CaptureFixture[str]) -> None:
    """More is tolerated then, so there are fewer false alarms and changes are found later."""
    usual = simulate(capsys, *SHORT)["medianLabelsToDetection"]
    for more in (("--reference-labels", "500"), ("--tolerated-accuracy", "0.87")):
        assert simulate(capsys, *SHORT, *more)["medianLabelsToDetection"] > usual
    page = write_page(capsys, *SHORT, "--reference-labels", "500")
    assert "tolerated: the upper 95 % bound of wrong answers in 500 labels of before" in page
    assert "tolerated: 13 % wrong answers" in write_page(capsys, *SHORT, "--tolerated-accuracy", "0.87")


def test_fewer_false_alarms_cost_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A longer run length."""
    usual = simulate(capsys, *SHORT)["medianLabelsToDetection"]
    assert simulate(capsys, *SHORT, "--run-length", "1000000")["medianLabelsToDetection"] > usual


def test_labels_that_come_together_are_played(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a batch is good or bad as a whole, a change takes longer to be told from it."""
    usual = simulate(capsys, *SHORT)["p90LabelsToDetection"]
    assert simulate(capsys, *SHORT, "--overdispersion", "0.2")["p90LabelsToDetection"] > usual


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rps", "5"], "argument --rps: it is about a canary, and the scenario concept-drift has none"),
        (["--error-delta", "5%"], "argument --error-delta: it is about a canary"),
        (["--weight", "5"], "argument --weight: it is about a canary"),
        (["--stages", "5,10"], "argument --stages: it is about a canary"),
        (["--proof", "NoBreach"], "argument --proof: it is about a canary"),
        (["--objectives", "errors"], "argument --objectives: it is about a canary"),
        (["--rollback-without-evidence"], "argument --rollback-without-evidence: it is about a canary"),
        (["--engine", "flagger"], "argument --engine: it is about a canary"),
        (["--set", "a=1"], "argument --set: it is about a canary"),
        (["--plot", "a.svg"], "argument --plot: it is about a canary"),
        (["deployment.yaml"], "argument FILE: it is about a canary"),
        (["--labels", "0"], "argument --labels: must be a whole number of at least 1, not 0"),
        (["--change-at", "-1"], "argument --change-at: must be a whole number of at least 0, not -1"),
        (["--change-at", "10000"], "argument --change-at: from 0 to 9999, before the last label, not 10000"),
        (["--accuracy-before", "1.5"], "argument --accuracy-before: from 0.01 to 0.9999, not 1.5"),
        (["--accuracy-after", "much"], "argument --accuracy-after: a share is written 0.05 or 5%, not 'much'"),
        (["--accuracy-after", "-1"], "argument --accuracy-after: from 0 to 1, not -1"),
        (["--labels-per-hour", "0"], "argument --labels-per-hour: from 0.001 to 1e+09, not 0"),
        (["--labels-per-hour", "nan"], "argument --labels-per-hour: from 0.001 to 1e+09, not nan"),
        (["--run-length", "1"], "argument --run-length: from 10 to 1e+09, not 1"),
        (["--batch", "2000"], "argument --batch: at most a tenth of the 10000 labels of a false alarm, not 2000"),
        (
            ["--tolerated-accuracy", "0.95"],
            "argument --tolerated-accuracy: at most the accuracy before the change (0.9), or every alarm would be",
        ),
        (
            ["--tolerated-accuracy", "0.85", "--reference-labels", "9"],
            "argument --tolerated-accuracy: it is stated, or learned from --reference-labels",
        ),
    ],
)
def test_words_that_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line names the option and what would have been right; the exit status is 2."""
    with pytest.raises(SystemExit) as caught:
        main.main([*CONCEPT, *arguments])
    assert caught.value.code == 2
    assert f"palier simulate: error: {message}" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("option", ["labels", "change-at", "batch", "run-length"])
def test_other_scenarios_have_no_labels(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that would change nothing is refused there, too, with the scenarios that have it."""
    having = "the scenarios concept-drift and world-or-model have"
    for scenario in ("errors", "data-drift"):
        assert refuse(capsys, scenario, option) == f"argument --{option}: only {having} it"


def test_nothing_is_learned_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """What only this scenario has is refused by others about labels as well."""
    for scenario in ("errors", "world-or-model"):
        refused = refuse(capsys, scenario, "reference-labels")
        assert refused == "argument --reference-labels: only the scenario concept-drift has it"


def refuse(capsys: pytest.CaptureFixture[str], scenario: str, option: str) -> str:
    """What is said about an option that a scenario has not."""
    with pytest.raises(SystemExit):
        main.main(["simulate", "--scenario", scenario, f"--{option}", "100"])
    return capsys.readouterr().err.splitlines()[-1].removeprefix("palier simulate: error: ")


def test_it_is_taught(capsys: pytest.CaptureFixture[str]) -> None:
    """By the help, with a line that can be typed, and by the list of scenarios."""
    with pytest.raises(SystemExit):
        main.main(["simulate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "palier simulate --scenario concept-drift --accuracy-after 0.85" in text
    assert "Only with --scenario concept-drift" in text
    assert main.main(["simulate", "--list"]) == 0
    assert "  concept-drift  " in capsys.readouterr().out
