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

from palier.api.spec.answers import Answers
from palier.api.status.values import Verdict
from palier.cli.main import main
from palier.golden.plan import GoldenPlan
from palier.golden.result import GoldenResult
from tests.support.golden.judges import pairs
from tests.support.golden.models import Model, model, says

CHECKS = "checks:\n- {name: language, path: $.language, compare: Label}\n"


@pytest.fixture(scope="module")
def bad() -> Iterator[Model]:
    """A model that is wrong about every other text."""
    with model(says(lambda asked: {"language": "fr" if asked["n"] % 2 else "de"})) as one:
        yield one


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
    left = json.loads(result.read_text())
    assert left["verdict"] == "Fail"
    assert left["stableScore"] == 1


def test_programs_read_one_object(good: Model, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for good enough."""
    status = main(
        ["examine", f"{good.url}/predict", "--stable", good.url, "--corpus", str(corpus), "--margin", "10%", "--json"]
    )

    result = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (result["verdict"], result["reason"], result["scored"], result["requests"]) == ("Pass", "Proven", 53, 60)


def test_programs_read_numbers_as_numbers(
    good: Model, bad: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To jq every text is more than every number: `.score >= 0.9` would hold for any score. Ids stay texts."""
    result = tmp_path / "result.json"
    options = ["--stable", good.url, "--corpus", str(corpus), "--margin", "10%", "--json", "--result", str(result)]

    assert main(["examine", f"{bad.url}/predict", *options]) == 3

    found = json.loads(capsys.readouterr().out)
    assert 0 < found["score"] < found["stableScore"] == 1
    assert -1 < found["differenceLow"] < found["differenceHigh"] < 0
    assert all(isinstance(one, str) for one in found["worst"])
    assert json.loads(result.read_text()) == found


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
    assert (last["verdict"], last["requests"], last["scored"], last["score"]) == ("Pass", 120, 106, "1.0000")
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


def test_a_score_that_is_no_text_is_told_with_its_line(
    good: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not with the line at which so much of the file had been read."""
    answers, scores = tmp_path / "answers.jsonl", tmp_path / "scores.jsonl"
    arguments = ["examine", good.url, "--min", "90%", f"--corpus={corpus}"]
    assert main([*arguments, f"--collect={answers}"]) == 0
    scores.write_bytes(b'{"id": "1", "candidate": 1}\n{"id": "2", "candidate": 1}\n{"id": "\xff"}\n')

    assert main([*arguments, f"--answers={answers}", f"--scores={scores}", "--json"]) == 4

    found = json.loads(capsys.readouterr().out)
    assert found["reason"] == "ScorerFailed"
    assert "scores, line 3: the text is not UTF-8" in found["message"]


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


def interrupted(corpus: Path, *arguments: str) -> tuple[int, str, str]:
    """`palier examine` of a model that answers three requests and then hangs, ended by Ctrl-C: status and outputs."""
    came, hangs = [], threading.Event()

    async def three(_asked: Any) -> web.Response:  # noqa: ANN401
        came.append(1)
        if len(came) > 3:
            hangs.set()
            await web.asyncio.sleep(60)
        return web.json_response({"language": "fr"})

    with model(three) as one:
        # A shell that runs the tests in the background has its children ignore Ctrl-C.
        code = "import signal, sys; from palier.cli.main import main; "
        code += "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
        command = [sys.executable, "-c", code, "examine"]
        given = [one.url, "--min", "90%", "--concurrency", "1", f"--corpus={corpus}", *arguments]
        process = subprocess.Popen([*command, *given], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert hangs.wait(30)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def test_ctrl_c_says_that_nothing_was_decided(corpus: Path, tmp_path: Path) -> None:
    """With how far it was; no verdict, no result, no traceback."""
    status, out, errors = interrupted(corpus, f"--result={tmp_path}/result.json")

    assert (status, out) == (130, "")
    assert errors.splitlines()[-1] == "palier: stopped after 3 of 60 requests: nothing was decided"
    assert "Traceback" not in errors
    assert not (tmp_path / "result.json").exists()


def test_ctrl_c_keeps_the_answers_that_were_collected(corpus: Path, tmp_path: Path) -> None:
    """Under a name that nobody takes for all of them."""
    into = tmp_path / "answers.jsonl"

    status, out, errors = interrupted(corpus, f"--collect={into}")

    assert (status, out) == (130, "")
    assert errors.splitlines()[-1] == (
        f"palier: stopped after 3 of 60 requests: nothing was decided; {into}.part has the answers so far"
    )
    assert len(tmp_path.joinpath("answers.jsonl.part").read_text().splitlines()) == 3
    assert not into.exists()


def test_a_model_deployment_says_how_answers_are_compared(good: Model, corpus: Path, tmp_path: Path) -> None:
    """The file that is released may be the one that is tried."""
    spec = tmp_path / "deployment.yaml"
    spec.write_text(
        "kind: Service\n---\nkind: ModelDeployment\nspec:\n  answers:\n    checks: [{name: a, path: $.x}]\n"
    )
    arguments = ["examine", good.url, "--corpus", str(corpus), "--min", "90%", "--answers-spec", str(spec), "--json"]

    assert main(arguments) == 4  # nothing is expected at $.x


def test_a_judge_by_hand(good: Model, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options become its plan, and its token comes from the environment."""
    from palier.workers.golden import run  # noqa: PLC0415

    given: list[Any] = []

    async def examine(plan: GoldenPlan, _lines: object, **more: Any) -> Any:  # noqa: ANN401
        given.append((plan, more["token"], list(more["calibration"])))
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "examine", examine)
    monkeypatch.setenv("PALIER_JUDGE_TOKEN", "secret")
    people = tmp_path / "people.jsonl"
    people.write_text("\n".join(pairs(60)))
    arguments = ["examine", good.url, "--stable", good.url, "--corpus", str(corpus), "--calibration", str(people)]

    assert main([*arguments, "--judge", "http://judge/v1", "--judge-model", "judge-70b"]) == 130
    plan, token, calibration = given[0]
    assert (plan.judge.url, plan.judge.model, plan.answers) == ("http://judge/v1", "judge-70b", Answers())
    assert token == "secret"  # noqa: S105
    assert len(calibration) == 60
