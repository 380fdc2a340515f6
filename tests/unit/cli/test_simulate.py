"""`palier simulate`: what it prints, what it refuses, and that the same words give the same numbers."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from palier.cli import main, simulate
from palier.cli.simulate import page, plot, pool, values
from palier.cli.simulate.watches import WATCHES
from palier.simulate.case import Case
from palier.simulate.runs import ENGINES, Plan, play
from palier.simulate.scenarios import SCENARIOS

SHORT = ["--minutes", "10", "--runs", "3", "--jobs", "1"]

DEPLOYMENT = """\
apiVersion: v1
kind: ConfigMap
---
apiVersion: palier.dev/v1alpha1
kind: ModelDeployment
metadata: {name: demo}
spec:
  owner: {name: NLP platform lead, email: nlp@example.com}
  model: {name: m, version: "1"}
  serving:
    port: 8080
    replicas: 4
    template: {spec: {containers: [{name: m, image: "m:1"}]}}
  traffic: {service: {}}
  signals:
    requests: requests_total
    errors: errors_total
    latency: {histogram: latency_seconds}
  objectives:
  - {name: availability, errorRate: {maxPercent: "2"}}
  - {name: fast, latency: {percentile: 90, threshold: 400ms}}
  - {name: feedback, ratio: {bad: bad_total, total: all_total, maxPercent: "10"}}
  release:
    onNoEvidence: Rollback
    stages:
    - canary: {weight: 5, minDuration: 2m, maxDuration: 5m}
    - canary: {weight: 50, minDuration: 3m, maxDuration: 5m, warmUp: 90s}
"""


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON object of a simulation."""
    assert main.main(["simulate", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    result: dict[str, Any] = json.loads(captured.out)
    return result


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line of the message about words that are not understood."""
    with pytest.raises(SystemExit) as caught:
        main.main(["simulate", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("engine", ENGINES)
def test_json(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with the measures of the contract, whoever decides."""
    arguments = ["--scenario", "errors", "--error-delta", "0.05", "--rps", "50", "--weight", "20", "--seed", "9"]
    result = told(capsys, *arguments, "--engine", engine, *SHORT)
    assert result["rollbackRate"] + result["promoteRate"] + result["undecidedRate"] == pytest.approx(1)
    assert result.keys() >= {
        "medianSecondsToRollback",
        "p90SecondsToRollback",
        "medianExtraFailures",
        "meanExtraFailures",
        "medianCandidateRequestsToRollback",
        "medianSecondsToPromote",
        "rollbackRateInterval",
    }
    assert (result["scenario"], result["engine"], result["runs"], result["seed"]) == ("errors", engine, 3, 9)
    assert result["parameters"]["errorDelta"] == 0.05
    assert result["parameters"]["rps"] == 50
    assert result["parameters"]["stages"] == [{"weight": 20, "minimum": 600, "maximum": 600}]
    assert result["decidedOnAbsentData"] == 0


def test_contract_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """An hour with looks every 30 s, at most 1 % errors, 0.5 % on stable, unless told otherwise."""
    parameters = told(capsys, "--scenario", "aa", "--runs", "1")["parameters"]
    assert parameters["minutes"] == 60
    assert (parameters["look"], parameters["maxErrors"], parameters["baseError"]) == (30, 0.01, 0.005)
    assert [stage["weight"] for stage in parameters["stages"]] == [10]


def test_number_of_jobs_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One process and two give the same numbers."""
    arguments = ["--scenario", "errors", "--minutes", "3", "--rps", "20", "--runs", "100"]
    alone = told(capsys, *arguments, "--jobs", "1")
    assert told(capsys, *arguments, "--jobs", "2") == alone
    assert told(capsys, *arguments, "--jobs", "1", "--seed", "2") != alone


def test_pool_is_asked_for_enough_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few runs are not worth starting processes for."""
    monkeypatch.setattr(pool, "ProcessPoolExecutor", None)
    plan = Plan(Case(minutes=2), engine="naive", seed=1)
    assert len(pool.play_all(partial(play, plan), 20, jobs=8)) == 20


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """People read the rates with their intervals, the times, the harm, a conclusion and the bars."""
    assert main.main(["simulate", "--scenario", "dead", *SHORT]) == 0
    page = capsys.readouterr().out
    assert "palier; 3 releases of 10 min, 100 requests/s, 10 % to the candidate, seed 1" in page
    assert "with error-delta 1" in page
    assert "rolled back                             100 %   (95 %: 29.2 % to 100 %)" in page
    assert "palier found the bad candidate in 100 % of the releases" in page
    assert "within 1 min; 328 requests failed or were slow only because of it (median)." in page
    assert "   1 min  ████████████████████████████████████████ 3" in page


def test_times_are_told_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """And the scenario's sentence does not contradict them."""
    times = ["--onset", "5m", "--ramp", "90s", "--latency-median", "60ms", "--outage", "6m+30s", "--look", "15"]

    assert main.main(["simulate", "--scenario", "late", *times, *SHORT]) == 0

    sentence, _, changed, *_ = capsys.readouterr().out.splitlines()
    assert "minute 40" not in sentence.partition("(by default")[0]
    assert changed == ("with look 15s, error-delta 0.01, onset 5m, ramp 1m30s, latency-median 60ms, outage 6m+30s")


def test_every_time_is_told_as_one() -> None:
    """An option that is added with a time must not be told as a bare number."""
    options = [one for group in simulate.CASE_OPTIONS.values() for one in group]
    names = {name for name, kind, *_ in options if kind is values.seconds}

    assert {"".join([one[0], *(part.capitalize() for part in one[1:])]) for one in map(split, names)} == page.TIMES


def split(name: str) -> list[str]:
    """The words of an option."""
    return name.split("-")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.0, "0s"),
        (0.25, "250ms"),
        (1.5, "1500ms"),
        (45.0, "45s"),
        (5400.0, "1h30m"),
        (86400.0, "24h"),
        (0.0005, "0.5ms"),
    ],
)
def test_a_time_can_be_typed_as_it_is_told(given: float, told: str) -> None:
    """As a duration, where there is one so short."""
    assert values.write_time(given) == told
    assert given < 0.001 or values.seconds(told) == given


def test_page_of_a_good_candidate(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was rolled back, times are never and there are no bars."""
    assert main.main(["simulate", "--scenario", "aa", *SHORT]) == 0
    page = capsys.readouterr().out
    assert "palier rolled a good candidate back in 0 % of the releases" in page
    assert "time to rollback, median                never" in page
    assert "Rolled back within" not in page


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """All scenarios with their sentences, and the knobs of the other tools."""
    assert main.main(["simulate", "--list"]) == 0
    page = capsys.readouterr().out
    assert all(f"  {name} " in page and scenario.sentence in page for name, scenario in SCENARIOS.items())
    assert "threshold=10" in page


def test_every_scenario_is_documented() -> None:
    """The page on simulations names every scenario and every option."""
    page = (Path(__file__).parents[3] / "docs" / "simulate.md").read_text(encoding="utf-8")
    assert [name for name in (*SCENARIOS, *WATCHES) if f"| `{name}` |" not in page] == []
    options = [name for group in simulate.CASE_OPTIONS.values() for name, *_ in group]
    options += [name for watch in WATCHES.values() for name in watch.OPTIONS]
    assert [name for name in options if f"`--{name}`" not in page] == []


def test_engines_are_those_that_exist() -> None:
    """The parser knows every engine without loading one."""
    assert simulate.ENGINES == ENGINES


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows lines that can be typed and says what infinite quantiles are."""
    with pytest.raises(SystemExit) as caught:
        main.main(["simulate", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "\n  palier simulate --scenario errors --error-delta 0.05 " in out
    assert "an infinite quantile is" in " ".join(out.split())


def test_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ModelDeployment gives the objectives, the stages and the deadline's policy; the rest is told."""
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT)
    assert main.main(["simulate", str(file), "--scenario", "errors", "--runs", "2", "--json"]) == 0
    captured = capsys.readouterr()
    parameters = json.loads(captured.out)["parameters"]
    assert parameters["objectives"] == ["errors", "latency"]
    assert (parameters["maxErrors"], parameters["latencyThreshold"], parameters["percentile"]) == (0.02, 0.4, 90)
    assert parameters["stages"] == [
        {"weight": 5, "minimum": 120, "maximum": 300},
        {"weight": 50, "minimum": 180, "maximum": 300, "warmUp": 90},
    ]
    assert (parameters["minutes"], parameters["stablePods"], parameters["rollbackWithoutEvidence"]) == (10, 4, True)
    assert captured.err == ("palier: objective feedback is not simulated: the first errorRate and latency ones are\n")


def test_options_win_over_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is typed changes what is written."""
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT)
    result = told(capsys, str(file), "--weight", "20", "--max-errors", "3%", "--minutes", "5", "--runs", "1")
    assert result["parameters"]["maxErrors"] == 0.03
    assert result["parameters"]["stages"] == [{"weight": 20, "minimum": 300, "maximum": 300}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "palier: cannot read {file}: No such file or directory\n"),
        ("a: [", "palier: cannot read {file}: while parsing"),
        ("kind: Service", "palier: {file} holds 0 ModelDeployments; one is needed\n"),
        (DEPLOYMENT.replace("port: 8080", "port: 0"), "palier: spec.serving.port: "),
        (
            DEPLOYMENT.replace('- {name: availability, errorRate: {maxPercent: "2"}}', "").replace(
                "- {name: fast, latency: {percentile: 90, threshold: 400ms}}", ""
            ),
            "palier: spec.objectives: there is no errorRate and no latency objective to simulate\n",
        ),
        (
            DEPLOYMENT.partition("    stages:")[0] + "    stages: []\n",
            "palier: spec.release.stages: without a canary stage there is nothing to simulate\n",
        ),
    ],
)
def test_files_that_are_refused(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong, and the exit status is 1."""
    file = tmp_path / "deployment.yaml"
    if text is not None:
        file.write_text(text)
    assert main.main(["simulate", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines(keepends=True)[-1].startswith(message.format(file=file))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "storm"], "argument --scenario: invalid choice: 'storm'"),
        (["--engine", "oracle"], "argument --engine: invalid choice: 'oracle'"),
        (["--runs", "0"], "argument --runs: must be a whole number of at least 1, not 0"),
        (["--runs", "1.5"], "argument --runs: must be a whole number of at least 1, not 1.5"),
        (["--seed", "-1"], "argument --seed: must be a whole number of at least 0, not -1"),
        (["--error-delta", "much"], "argument --error-delta: a share is written 0.05 or 5%, not 'much'"),
        (["--error-delta", "5"], "argument --error-delta: from -1 to 1, not 5"),
        (["--weight", "100"], "argument --weight: the candidate has 1 to 99 percent of the requests"),
        (["--onset", "soon"], "argument --onset: a time is written 30, 30s, 5m or 1h30m, not 'soon'"),
        (["--outage", "20m"], "argument --outage: a stretch of time is written START+LENGTH"),
        (["--stages", "5:1m:2m:3m"], "argument --stages: a stage is written WEIGHT[:MIN[:MAX]]"),
        (["--stages", "5", "--weight", "5"], "argument --weight: not allowed with argument --stages"),
        (["--scenario", "late", "--minutes", "30"], "argument --onset: 40m is not before the end (30m)"),
        (["--scenario", "outage", "--minutes", "20"], "argument --outage: 20m is not before the end (20m)"),
        (["--set", "a=1"], "argument --set: Palier has no knobs here"),
        (["--engine", "flagger", "--set", "a=1"], "argument --set: flagger has no knob 'a'"),
        (["--engine", "naive", "--scenario", "cost"], "argument --objectives: naive is simulated for errors"),
    ],
)
def test_words_that_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line names the option and what would have been right; the exit status is 2."""
    assert f"palier simulate: error: {message}" in refused(capsys, *arguments)


def test_stages_option(capsys: pytest.CaptureFixture[str]) -> None:
    """Stages are written with their times; the API's own times where there are none."""
    result = told(capsys, "--stages", "5:2m:10m,25", "--minutes", "15", "--runs", "1")
    assert result["parameters"]["stages"] == [
        {"weight": 5, "minimum": 120, "maximum": 600},
        {"weight": 25, "minimum": 60, "maximum": 3600},
    ]


def test_stable_that_keeps_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    """Where stable itself breaches an objective, the user learns it with the numbers and the options."""
    arguments = ["--objectives", "errors,latency", "--base-error", "2%", "--latency-threshold", "250ms", *SHORT]
    assert main.main(["simulate", *arguments, "--json"]) == 0
    assert capsys.readouterr().err == (
        "palier: stable itself fails 2.00% of its requests and 1.00% are allowed: see --base-error and --max-errors\n"
        "palier: stable itself answers 6.34% of its requests later than 250ms and 5.00% are allowed: "
        "see --latency-median and --latency-threshold\n"
    )


@pytest.mark.parametrize(("suffix", "begin"), [(".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_plot(suffix: str, begin: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture is written beside the usual output."""
    file = tmp_path / f"picture{suffix}"
    told(capsys, "--scenario", "dead", "--plot", str(file), *SHORT)
    assert file.read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.gif", "--plot writes .svg or .png files, not picture.gif"),
        ("absent/picture.svg", "--plot: there is no folder {folder}/absent"),
    ],
)
def test_plots_that_are_refused(name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture that cannot be drawn is refused before the work."""
    assert main.main(["simulate", "--plot", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err == f"palier: {message.format(folder=tmp_path)}\n"


def test_plot_without_matplotlib(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Matplotlib is not installed, the message says how it is."""
    monkeypatch.setattr(plot.importlib.util, "find_spec", lambda _name: None)
    assert main.main(["simulate", "--plot", str(tmp_path / "a.svg")]) == 1
    assert capsys.readouterr().err == "palier: --plot needs Matplotlib: pip install 'palier[plot]'\n"


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130 and no traceback."""

    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "play_all", interrupted)
    assert main.main(["simulate", *SHORT]) == 130


def test_parser_does_not_wait_for_numpy() -> None:
    """The command is known without loading what simulates."""
    code = "import sys, palier.cli.simulate; print(sorted({'numpy', 'scipy', 'matplotlib', 'yaml'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_proof_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """It reaches the engine, the JSON and the page; what it costs is shown for each strength, beside what it missed."""
    arguments = ["--scenario", "errors", "--error-delta", "0.004", "--rps", "200", *SHORT]
    strict = told(capsys, *arguments, "--proof", "BelowTheLimit")
    usual = told(capsys, *arguments)
    assert (strict["proofs"], usual["proofs"]) == ({"errors": "BelowTheLimit"}, {"errors": "BelowTwiceTheLimit"})
    assert strict["promoteRate"] < usual["promoteRate"]
    assert strict["untilProven"] == usual["untilProven"]
    assert strict["untilProven"]["requestsPerSecond"] == [1, 10, 100, 200]
    assert main.main(["simulate", *arguments, "--proof", "BelowTheLimit"]) == 0
    page = capsys.readouterr().out
    assert "with error-delta 0.004, proof BelowTheLimit of errors" in page
    assert "It was promoted in " in page
    told_waits = [" ".join(line.split()) for line in page.splitlines()]
    assert "1/s 10/s 100/s 200/s" in told_waits
    assert "BelowTwiceTheLimit 79 minutes 8 minutes 60 seconds 30 seconds" in told_waits
    assert "Nothing is promoted before the shortest times of the stages are over (10 minutes)." in page


def test_a_file_says_what_has_to_be_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Objective by objective, unless an option says otherwise for all."""
    path = tmp_path / "deployment.yaml"
    path.write_text(DEPLOYMENT.replace('"2"}}', '"2"}, proof: BelowTheLimit}'))
    arguments = [str(path), "--runs", "1", "--jobs", "1"]
    assert told(capsys, *arguments)["proofs"] == {"errors": "BelowTheLimit", "latency": "BelowTwiceTheLimit"}
    asked = told(capsys, *arguments, "--proof", "NoBreach")
    assert asked["proofs"] == {"errors": "NoBreach", "latency": "NoBreach"}
    assert "proofs" not in told(capsys, *arguments, "--engine", "naive")


def test_only_palier_proves_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """Another tool's rules have no proof that could be chosen."""
    message = refused(capsys, "--engine", "flagger", "--proof", "NoBreach")
    assert message.endswith("argument --proof: only Palier proves anything, and flagger decides here")
