"""The example scorers: they read what Palier has collected, and write what Palier takes.

RAGAS and DeepEval are no requirements of ours. Their metrics are tested where they happen to be installed, all around
them always.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from palier.answers.comparison import Answer
from palier.api.spec.golden import Golden
from palier.golden import corpus
from palier.golden.plan import GoldenPlan
from palier.workers.golden.ask import Reply
from palier.workers.golden.scorer import answer_line, read_items

SCORERS = Path(__file__).parents[3] / "examples" / "scorers"
NAMES = ("ragas", "deepeval")
PLAN = GoldenPlan(candidate="c", stable="s", scored_elsewhere=True)
CASES = corpus.read(
    [
        '{"id": "text", "body": "q", "expected": "the answer is four"}',
        '{"id": "chat", "body": "q", "expected": "the answer is four"}',
        '{"id": "json", "body": "q", "expected": {"b": 1, "a": "ä"}}',
        '{"id": "failed", "body": "q", "expected": "the answer is four"}',
    ],
    expects=True,
)
BODIES = {
    "text": ("the answer is four", "five"),
    "chat": (json.dumps({"choices": [{"message": {"content": "the answer is four"}}]}), '{"choices": []}'),
    "json": ('{"a": "\\u00e4", "b": 1}', "the answer is four"),
    "failed": (None, "the answer is four"),
}


def load(name: str) -> ModuleType:
    """The script of a scorer."""
    spec = importlib.util.spec_from_file_location(f"scorer_{name}", SCORERS / name / "score.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def reply(body: str | None) -> Reply:
    """An answer, or the failure of one."""
    return Reply(failure="HTTP 500", status=500) if body is None else Reply(Answer(200, body), status=200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with answers as Palier collects them."""
    answers = [
        answer_line(case, 0, dict(zip(("candidate", "stable"), map(reply, BODIES[case.id]), strict=True)), PLAN)
        for case in CASES
    ]
    (tmp_path / "answers.jsonl").write_text("".join(f"{line}\n" for line in answers), encoding="utf-8")
    return tmp_path


def lines(path: Path) -> list[Any]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_answers_become_scores(folder: Path, name: str) -> None:
    """Texts, chats and JSON are compared by their words; failures have 0; rounding is no score above 1."""
    script = load(name)

    assert script.write_scores(folder, lambda expected, answer: 1.0000000000000004 * (expected == answer)) == 4
    assert lines(folder / "scores.jsonl") == [
        {"id": "text", "candidate": 1.0, "stable": 0.0},
        {"id": "chat", "candidate": 1.0, "stable": 0.0},
        {"id": "json", "candidate": 1.0, "stable": 0.0},
        {"id": "failed", "candidate": 0.0, "stable": 1.0},
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["answers.jsonl", "scores.jsonl"]


@pytest.mark.parametrize("name", NAMES)
def test_palier_takes_the_scores(folder: Path, name: str) -> None:
    """What the script writes, the examination reads."""
    load(name).write_scores(folder, lambda expected, answer: float(expected == answer))
    answers, scores = (
        (folder / f"{what}.jsonl").read_text(encoding="utf-8").splitlines() for what in ("answers", "scores")
    )
    items = read_items(CASES, answers, scores, PLAN)

    assert {case: (item.candidate, item.stable) for case, item in items.items()} == {
        "text": (1, 0),
        "chat": (1, 0),
        "json": (1, 0),
        "failed": (0, 1),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "JSONDecodeError"),
        ("3", "TypeError"),
        ('{"id": "a"}', "KeyError('expected')"),
        ('{"id": "a", "expected": null}', "a has no expected answer"),
        ('{"id": "a", "expected": "b", "candidate": {}}', "KeyError('body')"),
    ],
)
def test_answers_that_cannot_be_scored_leave_no_scores(tmp_path: Path, name: str, line: str, words: str) -> None:
    """The script ends with one line, and no file is there that looks like scores."""
    (tmp_path / "answers.jsonl").write_text(f"{line}\n", encoding="utf-8")
    program = f"""
import runpy, sys
script = runpy.run_path({str(SCORERS / name / "score.py")!r})
script["main"].__globals__["scorer"] = lambda metric: lambda expected, answer: 1.0
sys.argv = ["score.py", {str(tmp_path)!r}]
script["main"]()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("the answers cannot be scored: ")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "scores.jsonl").exists()


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_metric_is_told(name: str) -> None:
    """With the names of those that there are, before the library is imported."""
    script = SCORERS / name / "score.py"
    ended = subprocess.run(
        [sys.executable, script, "/nowhere"], env={"METRIC": "vibes"}, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("METRIC must be one of rouge, ")


@pytest.mark.parametrize("name", NAMES)
def test_the_real_metrics(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric that the script names gives the same text 1 and another less."""
    pytest.importorskip(name)
    monkeypatch.setenv("RAGAS_DO_NOT_TRACK", "true")
    monkeypatch.setenv("DEEPEVAL_TELEMETRY_OPT_OUT", "1")
    script = load(name)
    for metric in script.METRICS:
        script.write_scores(folder, script.scorer(metric))
        text, *_, failed = lines(folder / "scores.jsonl")
        assert text["candidate"] == 1 > text["stable"] >= 0, metric
        assert (failed["candidate"], failed["stable"]) == (0, 1), metric


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_what_there_is(name: str) -> None:
    """Its manifest can be read, and its table has the metrics of the script."""
    page = (SCORERS / name / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    golden = Golden.model_validate(yaml.safe_load(block)["spec"]["golden"])

    assert golden.scorer is not None
    assert tuple(re.findall(r"^\| `(\w+)`(?: \(default\))? \|", page, re.MULTILINE)[1:]) == load(name).METRICS


@pytest.mark.parametrize("name", NAMES)
def test_every_requirement_is_pinned(name: str) -> None:
    """An image that is built anew scores as the former did."""
    pinned = (SCORERS / name / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = (SCORERS / name / "requirements.in").read_text(encoding="utf-8").splitlines()
    names = {line.partition("==")[0].lower().replace("_", "-") for line in pinned}

    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert {re.split("[=< ]", line)[0] for line in wanted if not line.startswith("#")} <= names
