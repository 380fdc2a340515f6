"""`palier load-test`: by hand for people, with a plan for the operator."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from palier.cli.loadtest import page
from palier.cli.main import main
from palier.evidence.verdicts import Verdict
from palier.loadtest.measure import Phase, Step
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.result import LoadTestResult, StepRecord
from palier.workers import load_test as run
from tests.support.loadtest.served import Served, served

FOUND = LoadTestResult(
    verdict=Verdict.PASS,
    reason="CapacityFound",
    message="152 requests/s held for 2 minutes",
    capacity=Decimal(152),
    ceiling=Decimal(197),
    requests=8743,
    first_token=Decimal("0.212"),
    steps=(
        StepRecord(
            phase="Soak",
            offered=Decimal(152),
            achieved=Decimal(151),
            requests=993,
            errors=2,
            lag=Decimal("0.0022"),
            holds=True,
            p50=Decimal("0.0254"),
            p95=Decimal("1.25"),
        ),
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server for all tests here."""
    with served() as one:
        yield one


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[LoadTestPlan, list[str] | None]]:
    """What the command asks for; no test is made."""
    plans: list[tuple[LoadTestPlan, list[str] | None]] = []

    def load_test(plan: LoadTestPlan, lines: Any, *, tell: object) -> LoadTestResult:  # noqa: ANN401
        del tell
        plans.append((plan, lines and list(lines)))
        return FOUND

    monkeypatch.setattr(run, "load_test", load_test)
    return plans


def test_options_become_a_plan(asked: list[tuple[LoadTestPlan, list[str] | None]], tmp_path: Path) -> None:
    """Every option has its place in the plan, and what is left out its default."""
    corpus = tmp_path / "requests.jsonl"
    corpus.write_bytes(b"\xef\xbb\xbfone\xe2\x80\xa8line\r\ntwo\n")  # a mark at the beginning, a separator inside
    options = (
        f"--corpus {corpus} --method POST --latency p95=250ms --latency p99.9=1s --errors 0.5% --timeout 5s"
        " --warm-up 2s --step 5s --soak 30s --max-duration 10m --max-requests 1000 --start 2.5 --max-rate 80 --seed 9"
    )

    assert main(["load-test", "https://host:8443/v1/predict?top=3", *options.split()]) == 0

    assert asked == [
        (
            LoadTestPlan(
                objectives=(
                    LoadObjective("latency p95", Promise.LATENCY, 0.05, 0.25),
                    LoadObjective("latency p99.9", Promise.LATENCY, 0.001, 1.0),
                    LoadObjective("errors", Promise.ERRORS, 0.005),
                ),
                base_urls=("https://host:8443",),
                path="/v1/predict?top=3",
                method="POST",
                timeout=5.0,
                warm_up=2.0,
                step_duration=5.0,
                soak=30.0,
                max_duration=600.0,
                max_requests=1000,
                start_rate=2.5,
                max_rate=80.0,
                seed=9,
            ),
            ["one\u2028line\n", "two\n"],
        )
    ]


def test_promises_about_tokens_imply_streams(asked: list[tuple[LoadTestPlan, list[str] | None]]) -> None:
    """Otherwise they could not be kept or broken."""
    options = ["--first-token", "p95=1s", "--per-token", "p50=30ms", "--between-tokens", "p99=100ms"]

    main(["load-test", "http://host", *options])

    plan, lines = asked[0]
    assert (plan.stream, plan.path, lines) == (True, "/", None)
    assert [one.kind for one in plan.objectives] == [Promise.FIRST_TOKEN, Promise.PER_TOKEN, Promise.BETWEEN_TOKENS]


@pytest.mark.parametrize(
    ("verdict", "status"), [(Verdict.PASS, 0), (Verdict.FAIL, 3), (Verdict.NO_EVIDENCE, 4)], ids=str
)
def test_statuses(monkeypatch: pytest.MonkeyPatch, verdict: Verdict, status: int) -> None:
    """Scripts see the verdict, as of `palier plan`."""
    monkeypatch.setattr(run, "load_test", lambda *_args, **_options: replace(FOUND, verdict=verdict))

    assert main(["load-test", "http://host", "--errors", "1%"]) == status


@pytest.mark.usefixtures("asked")
def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """People read a row for each step, the capacity and the verdict."""
    main(["load-test", "http://host", "--errors", "1%"])

    assert capsys.readouterr().out.splitlines() == [
        "phase  offered/s  sent/s  judged  failed      p50     p95  p99  sent late  holds",
        "Soak         152     151     993       2  25.4 ms  1.25 s    -     2.2 ms  yes",
        "",
        "Capacity          152 requests/s",
        "First token       p95 212 ms at the capacity",
        "Requests          8743",
        "✓ Pass: CapacityFound: 152 requests/s held for 2 minutes",
    ]


def test_a_table_without_steps() -> None:
    """A search may end before its first step."""
    nothing = LoadTestResult(Verdict.NO_EVIDENCE, "OutOfTime", "not enough")

    assert page(nothing).splitlines()[-1] == "? NoEvidence: OutOfTime: not enough"


@pytest.mark.usefixtures("asked")
def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Programs read one object, which can be left in a file too."""
    file = tmp_path / "result.json"

    main(["load-test", "http://host", "--errors", "1%", "--json", "--result", str(file)])

    found = json.loads(capsys.readouterr().out)
    assert json.loads(file.read_text()) == found
    # To jq every text is more than every number.
    assert (found["verdict"], found["capacity"], found["ceiling"], found["firstToken"]) == ("Pass", 152, 197, 0.212)
    assert found["steps"][0] == {
        "phase": "Soak",
        "offered": 152,
        "achieved": 151,
        "p50": 0.0254,
        "p95": 1.25,
        "lag": 0.0022,
        "requests": 993,
        "errors": 2,
        "holds": True,
    }


@pytest.mark.usefixtures("asked")
def test_every_figure_becomes_a_number(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A decimal that is added to a result must not be a text for programs; nothing of the steps is left out."""
    half = Decimal("0.5")
    step = replace(FOUND.steps[0], p50=half, p95=half, p99=half)
    numbers = {"schedule_lag": half, "tokens_per_second": half, "per_token": half}
    whole = replace(FOUND, **numbers, steps=(step,) * 60, soak_began=1000.0, soak_ended=1060.5)
    monkeypatch.setattr(run, "load_test", lambda *_args, **_options: whole)

    main(["load-test", "http://host", "--errors", "1%", "--json"])

    found = json.loads(capsys.readouterr().out)
    texts = {name for name, value in {**found["steps"][0], **found}.items() if isinstance(value, str)}
    assert texts == {"phase", "verdict", "reason", "message"}
    assert len(found["steps"]) == 60
    assert (found["soakBegan"], found["soakEnded"]) == (1000, 1060.5)


def stopped(steps: tuple[StepRecord, ...]) -> Any:  # noqa: ANN401
    """A load test that is stopped in a further step."""

    def load_test(_plan: LoadTestPlan, _lines: Any, *, tell: Any) -> LoadTestResult:  # noqa: ANN401
        tell(run.Progress(Step(Phase.CLIMB, 12.5, 20.0), None, None, "tries 12.5 requests/s", finished=steps))
        raise KeyboardInterrupt

    return load_test


def test_ctrl_c_leaves_the_finished_steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They have cost something; and it says that they decide nothing."""
    monkeypatch.setattr(run, "load_test", stopped(FOUND.steps * 2))

    assert main(["load-test", "http://host", "--errors", "1%"]) == 130

    told = capsys.readouterr()
    row = "Soak         152     151     993       2  25.4 ms  1.25 s    -     2.2 ms  yes"
    assert told.out.splitlines()[1:] == [row, row]
    assert told.err.splitlines()[-1] == (
        "palier: stopped after 2 finished steps, in which 1986 requests were judged: nothing was decided"
    )


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_ctrl_c_before_the_first_step_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    """There is no table then."""
    monkeypatch.setattr(run, "load_test", stopped(()))

    assert main(["load-test", "http://host", "--errors", "1%", *more]) == 130

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "palier: stopped before a step was over: nothing was decided"


def test_ctrl_c_leaves_no_table_to_a_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for JSON reads no table."""
    monkeypatch.setattr(run, "load_test", stopped(FOUND.steps))

    assert main(["load-test", "http://host", "--errors", "1%", "--json"]) == 130

    told = capsys.readouterr()
    assert told.out == ""
    assert "stopped after 1 finished step, in which 993 requests were judged" in told.err


@pytest.mark.usefixtures("generator")
def test_the_operators_way(capsys: pytest.CaptureFixture[str], tmp_path: Path, server: Served) -> None:
    """With a plan, standard output has progress and the result as JSON, the file the result, and the status is 0."""
    plan = LoadTestPlan(
        objectives=(LoadObjective("errors", Promise.ERRORS, 0.01),),
        base_urls=(server.url,),
        path="/missing",
        warm_up=1.0,
    )
    asked, left = tmp_path / "plan.json", tmp_path / "result.json"
    asked.write_text(plan.to_json())

    status = main(["load-test", f"--plan={asked}", f"--result={left}"])

    *progress, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert [set(line) for line in progress] == [{"progress"}] * len(progress)
    assert progress[0]["progress"]["phase"] == "WarmUp"
    assert (last["verdict"], last["reason"]) == ("NoEvidence", "CorpusRefused")
    assert isinstance(last["steps"][0]["offered"], str)  # as in status
    assert LoadTestResult.from_json(left.read_text()).reason == "CorpusRefused"


@pytest.mark.usefixtures("generator")
def test_progress_does_not_mix_with_the_result(capsys: pytest.CaptureFixture[str], server: Served) -> None:
    """By hand, progress goes to standard error, and the result alone to standard output."""
    status = main(["load-test", f"{server.url}/missing", "--errors", "1%", "--warm-up", "1s", "--json"])

    told = capsys.readouterr()
    assert status == 4
    assert json.loads(told.out)["reason"] == "CorpusRefused"
    assert "warms up" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "an address is needed"),
        (["http://host"], "say what has to hold"),
        (["host:8080", "--errors", "1%"], "an address is written http://host:port/path"),
        (["ftp://host/", "--errors", "1%"], "an address is written"),
        (["http://host:99999/", "--errors", "1%"], "an address is written"),
        (["http://host/a b", "--errors", "1%"], "an address is written"),
        (["http://host/50%off", "--errors", "1%"], "with a percent sign in it as %25"),
        (["http://host/x?share=5%", "--errors", "1%"], "with a percent sign in it as %25"),
        (["http://host", "--latency", "p95=60s"], "--timeout is 30 s, and a promise allows 60 s"),
        (["http://host", "--latency", "p95=2s", "--first-token", "p95=5s", "--timeout", "5s"], "--timeout is 5 s"),
        (["http://host", "--errors", "1"], "a share is written in percent"),
        (["http://host", "--errors", "0%"], "a share is written in percent"),
        (["http://host", "--latency", "250ms"], "a promise is written as a percentile and a time"),
        (["http://host", "--latency", "p100=1s"], "a promise is written"),
        (["http://host", "--latency", "p95=soon"], "a time is written"),
        (["http://host", "--latency", "p95=1s", "--latency", "p95=2s"], "latency p95 is given twice"),
        (["http://host", "--errors", "1%", "--max-requests", "0"], "a whole number above 0"),
        (["http://host", "--errors", "1%", "--max-duration", "1m"], "must not be shorter than"),
        (["http://host", "--errors", "1%", "--start", "9", "--max-rate", "8"], "--start must not be above --max-rate"),
        (["http://host", "--errors", "1%", "--plan", "plan.json"], "exclude each other"),
        (["--plan", "plan.json", "--errors", "1%"], "give none beside --plan"),
        (["--plan", "plan.json", "--seed", "3"], "give none beside --plan"),
    ],
)
def test_mistakes_at_the_command_line(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """They end with status 2 and one line that says what is expected."""
    with pytest.raises(SystemExit) as ended:
        main(["load-test", *arguments])

    assert ended.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("--plan", b"{", "is not JSON"),
        ("--plan", b"[]", "not the plan of a load test"),
        ("--plan", b"\xff", "not UTF-8"),
        ("--plan", None, "cannot read"),
        ("--corpus", None, "cannot read"),
        ("--corpus", b"", "the corpus has no line"),
        ("--corpus", b"coffee\ncaf\xe9", "line 2: the text is not UTF-8"),
        ("--corpus", b'{"path": "x"}', "line 1: path must be"),
    ],
)
def test_mistakes_in_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, content: bytes | None, words: str
) -> None:
    """They end with status 1 and one line that names the file."""
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    others = ["http://127.0.0.1:1/", "--errors", "1%"] if option == "--corpus" else []

    assert main(["load-test", *others, option, str(file)]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("palier: ")
    assert str(file) in line
    assert words in line


def test_a_plan_for_nobody(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A plan without addresses has nothing to test."""
    file = tmp_path / "plan.json"
    file.write_text(LoadTestPlan(objectives=(LoadObjective("errors", Promise.ERRORS, 0.01),)).to_json())

    assert main(["load-test", "--plan", str(file)]) == 1
    assert "has no baseUrls" in capsys.readouterr().err


def test_a_result_that_cannot_be_left(
    capsys: pytest.CaptureFixture[str], asked: list[tuple[LoadTestPlan, list[str] | None]], tmp_path: Path
) -> None:
    """It is told before half an hour of load, not after it."""
    status = main(["load-test", "http://host", "--errors", "1%", "--result", f"{tmp_path}/none/result.json"])

    assert (status, asked) == (1, [])
    assert "--result: cannot write" in capsys.readouterr().err


def test_other_commands_do_not_wait_for_it() -> None:
    """Neither NumPy nor the API's models are loaded to print the version."""
    code = "import sys; from palier.cli.main import main; main(['version']); print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"numpy", "scipy", "palier.workers.load_test"} & set(done.stdout.split()) == set()
