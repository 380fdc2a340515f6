"""`palier examine`: by hand for people, with a plan for the operator."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from palier.api.answers import Answers
from palier.api.status_values import Verdict
from palier.cli.main import main
from palier.golden.judge_plan import JudgePlan
from palier.golden.plan import GoldenPlan
from palier.golden.result import GoldenResult
from tests.unit.golden.models import Model, model, says

CHECKS = "checks:\n- {name: language, path: $.language, compare: Label}\n"


@pytest.fixture(scope="module")
def good() -> Iterator[Model]:
    """A model that is always right."""
    with model(says(lambda _: {"language": "fr"})) as one:
        yield one


@pytest.fixture(scope="module")
def bad() -> Iterator[Model]:
    """A model that is wrong about every other text."""
    with model(says(lambda asked: {"language": "fr" if asked["n"] % 2 else "de"})) as one:
        yield one


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Sixty requests."""
    file = tmp_path / "golden.jsonl"
    lines = [{"body": {"n": n}, "expected": {"language": "fr"}, "segment": "ab"[n % 2]} for n in range(60)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8-sig")
    return file


def plan(candidate: Model, stable: Model, **more: Any) -> GoldenPlan:  # noqa: ANN401
    """A plan as the operator writes it."""
    return GoldenPlan(
        candidate="0123456789",
        stable="abcdef0123",
        candidate_url=candidate.url,
        stable_url=stable.url,
        path="/predict",
        margin=0.1,
        **more,
    )


def test_people_read_the_scores_and_the_verdict(
    good: Model, bad: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Segments, the worst answers and why, the verdict in a sentence; 3 for not good enough."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(CHECKS)
    result = tmp_path / "result.json"
    options = ["--stable", good.url, "--corpus", str(corpus), "--answers-spec", str(spec), "--margin", "5%"]

    status = main(["examine", f"{bad.url}/predict", *options, "--min", "60%", "--result", str(result)])

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert status == 3
    assert lines[1].startswith("Candidate         ")
    assert lines[2] == "Stable            100.00 %"
    assert "segment  requests  candidate   stable" in lines
    assert any(line.startswith("b ") and "100.0 %" in line for line in lines)
    assert "$.language: 'de' instead of 'fr'" in told.out
    assert lines[-1].startswith("✗ Fail: Quality")
    assert "asked 0 of 60 requests" in told.err
    assert GoldenResult.from_json(result.read_text()).verdict is Verdict.FAIL


def test_programs_read_one_object(good: Model, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for good enough."""
    status = main(
        ["examine", f"{good.url}/predict", "--stable", good.url, "--corpus", str(corpus), "--margin", "10%", "--json"]
    )

    result = GoldenResult.from_json(capsys.readouterr().out)
    assert status == 0
    assert (result.verdict, result.reason, result.scored, result.requests) == (Verdict.PASS, "Proven", 53, 60)


def test_too_few_are_no_evidence(good: Model, corpus: Path) -> None:
    """4 for nothing can be said."""
    assert main(["examine", good.url, "--stable", good.url, "--corpus", str(corpus), "--margin", "1%"]) == 4


def test_the_operators_way(good: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a plan, standard output has progress and the result as JSON, the file the result, and the status is 0."""
    asked, left = tmp_path / "plan.json", tmp_path / "result.json"
    asked.write_text(plan(good, good, repeat=2).to_json())

    status = main(["examine", f"--plan={asked}", f"--corpus={corpus}", f"--result={left}"])

    first, *_, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert first == {"progress": {"asked": 0, "of": 120, "message": "asked 0 of 120 requests"}}
    assert GoldenResult.from_json(json.dumps(last)) == GoldenResult.from_json(left.read_text())
    assert (last["verdict"], last["requests"], last["scored"]) == ("Pass", 120, 106)
    assert len(left.read_text().splitlines()) == 1


@pytest.mark.parametrize("scores", ["all", "one missing", "no file"])
def test_the_three_containers_of_a_scorer(
    good: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], scores: str
) -> None:
    """Collect, score, judge; a scorer that fails leaves no evidence, and a result."""
    asked, answers, written, left = (tmp_path / name for name in ("plan", "answers", "scores", "result"))
    asked.write_text(plan(good, good, scored_elsewhere=True, scorer="x").to_json())
    arguments = ["examine", f"--plan={asked}", f"--corpus={corpus}"]

    assert main([*arguments, f"--collect={answers}"]) == 0
    collected = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(collected) == 60
    assert collected[0]["candidate"] == {"status": 200, "body": {"language": "fr"}}
    entries = [json.dumps({"id": one["id"], "candidate": 1, "stable": 0.5}) for one in collected]
    if scores != "no file":
        written.write_text("\n".join(entries[: 60 if scores == "all" else 59]))

    status = main([*arguments, f"--answers={answers}", f"--scores={written}", f"--result={left}"])

    result = GoldenResult.from_json(left.read_text())
    assert status == 0
    if scores == "all":
        assert (result.verdict, result.scored) == (Verdict.PASS, 60)
    else:
        assert (result.verdict, result.reason) == (Verdict.NO_EVIDENCE, "ScorerFailed")
    assert capsys.readouterr().out.splitlines()[-1] == left.read_text()


def test_answers_that_cannot_be_written_are_told(
    good: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing lies there that looks complete."""
    into = tmp_path / "missing" / "answers.jsonl"

    assert main(["examine", good.url, "--corpus", str(corpus), f"--collect={into}"]) == 1
    assert "--collect: cannot write" in capsys.readouterr().err


def test_sigterm_leaves_no_result(corpus: Path, tmp_path: Path) -> None:
    """A pod that has to go says nothing; the Job asks anew."""
    came = threading.Event()

    async def silent(_asked: Any) -> web.Response:  # noqa: ANN401
        came.set()
        await web.asyncio.sleep(60)
        return web.Response()

    asked, left = tmp_path / "plan.json", tmp_path / "result.json"
    with model(silent) as one:
        asked.write_text(plan(one, one).to_json())
        command = [sys.executable, "-c", "import sys; from palier.cli.main import main; sys.exit(main())"]
        arguments = ["examine", f"--plan={asked}", f"--corpus={corpus}", f"--result={left}"]
        process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert came.wait(30)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 143
    assert errors == ""
    assert not left.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "an address is needed"),
        (["host:8080", "--min", "90%"], "an address is written http://host:port/path"),
        (["http://host"], "say what the answers have to be as good as"),
        (["http://host", "--min", "90"], "a share is written in percent"),
        (["http://host", "--min", "100%"], "a share is written in percent"),
        (["http://host", "--margin", "0%"], "a share is written in percent"),
        (["http://host", "--min", "90%", "--repeat", "0"], "must be a whole number above 0"),
        (["http://host/a", "--stable", "http://other/b"], "--stable is asked at the candidate's path, /a"),
        (["http://host", "--min", "90%", "--answers", "a"], "--answers and --scores belong together"),
        (
            ["http://host", "--min", "90%", "--collect", "a", "--answers", "a", "--scores", "b"],
            "--collect comes before",
        ),
        (["http://host", "--stable", "http://b", "--judge", "http://j"], "--judge needs --judge-model"),
        (["http://host", "--stable", "http://b", "--judge-model", "j"], "belong to --judge URL"),
        (["http://host", "--min", "1%", "--judge", "http://j", "--judge-model", "j"], "it gives no score that --min"),
        (["http://host", "--collect", "a", "--judge", "http://j", "--judge-model", "j"], "not by both"),
        (["--plan", "x", "--repeat", "2"], "give none beside --plan"),
        (["http://host", "--plan", "x"], "give none beside --plan"),
    ],
)
def test_mistakes_at_the_command_line(
    capsys: pytest.CaptureFixture[str], corpus: Path, arguments: list[str], words: str
) -> None:
    """With the words that help."""
    with pytest.raises(SystemExit, match="2"):
        main(["examine", "--corpus", str(corpus), *arguments])

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read"),
        ("a: [", "--answers-spec: "),
        ("checks: []\n---\nchecks: []\n", "holds 2 objects with checks"),
        ("[]", "holds 0 objects with checks"),
        ("checks: [{name: a, path: language}]", "checks[0].path: a path begins with $"),
        ("checks: [{name: a, comparre: Label}]", "checks[0].comparre: Extra inputs are not permitted"),
        ("checks: [{name: a, compare: Text, tolerance: {}}]", "checks[0].tolerance: tolerance is about numbers"),
        ("answers: 5", "answers: Input should be"),
    ],
)
def test_mistakes_in_the_spec(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path, text: str | None, words: str
) -> None:
    """In one line, with the place."""
    spec = tmp_path / "spec.yaml"
    if text is not None:
        spec.write_text(text)

    arguments = ["examine", "http://host", "--min", "90%", "--corpus", str(corpus), "--answers-spec", str(spec)]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_model_deployment_says_how_answers_are_compared(good: Model, corpus: Path, tmp_path: Path) -> None:
    """The file that is released may be the one that is tried."""
    spec = tmp_path / "deployment.yaml"
    spec.write_text(
        "kind: Service\n---\nkind: ModelDeployment\nspec:\n  answers:\n    checks: [{name: a, path: $.x}]\n"
    )
    arguments = ["examine", good.url, "--corpus", str(corpus), "--min", "90%", "--answers-spec", str(spec), "--json"]

    assert main(arguments) == 4  # nothing is expected at $.x


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpus", "missing.jsonl"], "--corpus: cannot read missing.jsonl: No such file or directory"),
        (["--corpus", "LATIN"], "latin.jsonl: the text is not UTF-8"),
        (["--corpus", "BAD"], "bad.jsonl: line 2: it is no JSON"),
        (["--corpus", "GOOD", "--result", "missing/result"], "--result: cannot write missing/result"),
    ],
)
def test_mistakes_in_files(
    capsys: pytest.CaptureFixture[str], good: Model, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """In one line, and no traceback."""
    files = {"LATIN": b'{"body": "\xe4"}', "BAD": b'{"body": {"n": 1}, "expected": 1}\nx', "GOOD": b'{"expected": 1}'}
    for name, content in files.items():
        tmp_path.joinpath(f"{name.lower()}.jsonl").write_bytes(content)
    given = [str(tmp_path / f"{one.lower()}.jsonl") if one in files else one for one in arguments]

    assert main(["examine", good.url, "--min", "90%", *given]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) >= 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (None, [], "cannot read"),
        ("x", [], "is no JSON"),
        ("{}", [], "not the plan of golden answers"),
        (GoldenPlan(candidate="a").to_json(), [], "has not the addresses of all revisions"),
        (GoldenPlan(candidate="a", stable="b", candidate_url="http://a").to_json(), [], "has not the addresses"),
        (
            GoldenPlan(candidate="a", candidate_url="http://a", scored_elsewhere=True).to_json(),
            [],
            "wants a scorer",
        ),
        (GoldenPlan(candidate="a", candidate_url="http://a").to_json(), ["--collect", "x"], "knows of no scorer"),
        (
            GoldenPlan(
                candidate="a",
                candidate_url="http://a",
                judge=JudgePlan(url="http://j", model="j", calibration_digest="0"),
            ).to_json(),
            [],
            "do not agree whether there is one",
        ),
    ],
)
def test_mistakes_in_the_plan(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path, text: str | None, more: list[str], words: str
) -> None:
    """The operator's own would be a defect; it is told all the same."""
    file = tmp_path / "plan.json"
    if text is not None:
        file.write_text(text)

    assert main(["examine", "--plan", str(file), "--corpus", str(corpus), *more]) == 1
    assert words in capsys.readouterr().err


def test_a_judge_by_hand(good: Model, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options become its plan, and its token comes from the environment."""
    from palier.golden import run  # noqa: PLC0415

    given: list[Any] = []

    async def examine(plan: GoldenPlan, _lines: object, **more: Any) -> Any:  # noqa: ANN401
        given.append((plan, more["token"], list(more["calibration"])))
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "examine", examine)
    monkeypatch.setenv("PALIER_JUDGE_TOKEN", "secret")
    arguments = ["examine", good.url, "--stable", good.url, "--corpus", str(corpus), "--calibration", str(corpus)]

    assert main([*arguments, "--judge", "http://judge/v1", "--judge-model", "judge-70b"]) == 130
    plan, token, pairs = given[0]
    assert (plan.judge.url, plan.judge.model, plan.answers) == ("http://judge/v1", "judge-70b", Answers())
    assert token == "secret"  # noqa: S105
    assert len(pairs) == 60
