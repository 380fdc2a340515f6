"""`palier examine`: mistakes at the command line and in files, told in one line before anybody is asked."""

import json
from pathlib import Path

import pytest

from palier.cli.main import main
from palier.golden.judge_plan import JudgePlan
from palier.golden.plan import GoldenPlan
from tests.support.golden.judges import pairs
from tests.support.golden.models import Model


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
        (
            ["http://host", "--min", "1%", "--judge", "http://j", "--judge-model", "j"],
            "it gives no score to which --min",
        ),
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
        ("checks: [{name: a, comparre: Label}]", "checks[0].comparre: there is no such field; the fields are name,"),
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpus", "missing.jsonl"], "--corpus: cannot read missing.jsonl: No such file or directory"),
        (["--corpus", "LATIN"], "latin.jsonl: line 2: the text is not UTF-8"),
        (["--corpus", "BAD"], "bad.jsonl: line 2: it is not JSON"),
        (["--corpus", "GOOD", "--result", "missing/result"], "--result: cannot write missing/result: No such file"),
        (["--corpus", "GOOD", "--result", "/"], "--result: cannot write /: Is a directory"),
        (["--corpus", "GOOD", "--collect", "missing/answers"], "--collect: cannot write missing/answers: No such file"),
        (["--corpus", "GOOD", "--collect", "/"], "--collect: cannot write /: Is a directory"),
        (["--corpus", "GOOD", "--answers", "GOOD", "--scores", "nofile"], "--scores: cannot read nofile: No such file"),
        (
            ["--corpus", "GOOD", "--answers", "nofile", "--scores", "GOOD"],
            "--answers: cannot read nofile: No such file",
        ),
    ],
)
def test_mistakes_in_files(
    capsys: pytest.CaptureFixture[str], good: Model, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """In one line, and before anything is asked."""
    files = {
        "LATIN": b'{"expected": 1}\n{"body": "\xe4"}',
        "BAD": b'{"body": {"n": 1}, "expected": 1}\nx',
        "GOOD": b'{"expected": 1}',
    }
    for name, content in files.items():
        tmp_path.joinpath(f"{name.lower()}.jsonl").write_bytes(content)
    given = [str(tmp_path / f"{one.lower()}.jsonl") if one in files else one for one in arguments]

    asked = len(good.seen)

    assert main(["examine", good.url, "--min", "90%", *given]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("palier: ")
    assert words in error
    assert len(good.seen) == asked


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (None, [], "cannot read"),
        ("x", [], "is not JSON"),
        ("{}", [], "not the plan of golden answers: the field candidate is missing"),
        ("[]", [], "not the plan of golden answers: it is not a JSON object"),
        (
            json.dumps(json.loads(GoldenPlan(candidate="a").to_json()) | {"judge": {}}),
            [],
            "not the plan of golden answers: not the plan of a judge: the field url is missing",
        ),
        (GoldenPlan(candidate="a").to_json(), [], "lacks the address of a revision"),
        (GoldenPlan(candidate="a", stable="b", candidate_url="http://a").to_json(), [], "lacks the address"),
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


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (list(pairs(5)), "there are 5 pairs, and fewer than 20 cannot tell a good judge from a lucky one"),
        ([*pairs(25), "x"], "line 26: it is not JSON"),
        (None, "No such file or directory"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_a_mistake_in_a_file(
    good: Model, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str] | None, words: str
) -> None:
    """By hand nobody needs a verdict about it, nor anybody to be asked."""
    people, asked = tmp_path / "people.jsonl", len(good.seen)
    if lines is not None:
        people.write_text("\n".join(lines))
    judge = ["--judge", "http://127.0.0.1:1/", "--judge-model", "j", "--calibration", str(people)]

    assert main(["examine", good.url, "--stable", good.url, "--corpus", str(corpus), *judge]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("palier: --calibration: ")
    assert str(people) in error
    assert words in error
    assert len(good.seen) == asked
