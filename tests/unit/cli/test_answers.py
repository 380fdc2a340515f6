"""`palier score` and `palier compare`: files in, numbers out, and mistakes told in a line."""

import argparse
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from palier.answers.text import METRICS, score
from palier.cli.answers import add_commands
from palier.errors import InvalidCorpus, InvalidSettings, InvalidSpec, PalierError


def palier(*arguments: object) -> int:
    """Run one command; mistakes in files stay exceptions, of which `palier` makes exit status 1."""
    parser = argparse.ArgumentParser(prog="palier")
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options)
    return status


class Folder:
    """Files of answers, and the commands that read them."""

    def __init__(self, path: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.captured = captured

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of exactly these bytes."""
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def score(self, references: str | bytes, candidates: str | bytes, *more: object, metric: str = "exact") -> int:
        """`palier score` of two files."""
        files = self.write("references", references), self.write("candidates", candidates)
        return palier("score", "--metric", metric, "--references", files[0], "--candidates", files[1], *more)

    def compare(self, references: str | bytes, candidates: str | bytes, *more: object) -> int:
        """`palier compare` of two files."""
        files = self.write("references", references), self.write("candidates", candidates)
        return palier("compare", "--references", files[0], "--candidates", files[1], *more)

    @property
    def printed(self) -> str:
        """What went to the standard output."""
        return self.captured.readouterr().out

    @property
    def found(self) -> Mapping[str, Any]:
        """The same, read as one JSON object in one line."""
        text = self.printed
        assert text.count("\n") == 1
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    """An empty folder."""
    return Folder(tmp_path, capsys)


CHECKS = """\
checks:
  - {name: language, path: $.language, compare: Label}
  - {name: confidence, path: $.confidence, compare: Number, tolerance: {absolute: "0.05"}}
"""


@pytest.mark.parametrize("metric", METRICS)
def test_scores_as_json(folder: Folder, metric: str) -> None:
    """Exactly four keys; the scores are those of the metric, the mean is theirs."""
    references, candidates = ["the cat sat", "", "Où est la gare ?"], ["the cat sat down", "", "Où est la plage ?"]

    assert folder.score("\n".join(references), "\n".join(candidates) + "\n", "--json", metric=metric) == 0

    found = folder.found
    expected = [score(metric, *pair) for pair in zip(references, candidates, strict=True)]
    assert found == {"metric": metric, "n": 3, "mean": pytest.approx(sum(expected) / 3), "scores": expected}


@pytest.mark.parametrize(
    ("references", "candidates", "expected"),
    [
        (b"a\nb", b"a\nb\n", [1, 1]),  # the last newline ends a line and begins none
        (b"a\r\nb\r\n", b"a\nb", [1, 1]),
        (b"\n", b"x\n", [0]),
        (b"\n\n", b"\n\n", [1, 1]),
        (b"a\n\n\nb\n", b"a\n\nx\nb\n", [1, 1, 0, 1]),
        (b"a", b"a\r", [0]),  # nothing but the end of a line loses its carriage return
        (
            "a\u2028b\x0bc\x85d\x0ce\n".encode(),
            "a\u2028b\x0bc\x85d\x0ce".encode(),
            [1],
        ),  # Unicode's ends of lines are text
        (b"\xef\xbb\xbfa\n", b"a\n", [1]),
        (b"a\rb\n", b"a\rb\r\n", [1]),
    ],
)
def test_lines(folder: Folder, references: bytes, candidates: bytes, expected: list[float]) -> None:
    """One text a line, ended by a newline or a carriage return and a newline."""
    folder.score(references, candidates, "--json")

    assert folder.found["scores"] == expected


def test_different_numbers_of_lines(folder: Folder) -> None:
    """Both are named with their numbers: a shifted line would make every score meaningless."""
    with pytest.raises(InvalidCorpus, match=r"references has 3 lines, .*candidates has 1 line: each candidate needs"):
        folder.score("a\nb\nc", "a\n")
    with pytest.raises(InvalidCorpus, match=r"has 1 line, .* has 0 lines"):
        folder.compare("a", "")
    with pytest.raises(InvalidCorpus, match=r"references and .*candidates are empty"):
        folder.score("", "")


def test_what_is_not_utf8(folder: Folder) -> None:
    """The line is named."""
    with pytest.raises(InvalidCorpus, match=r"candidates: line 2: the text is not UTF-8"):
        folder.score("a\nb", b"a\n\xff\n")


def test_files_that_cannot_be_read(folder: Folder) -> None:
    """Missing, a folder, or a name that no file can have."""
    there = folder.write("there", "a")
    for path in (folder.path / "missing", folder.path, "nul\0"):
        with pytest.raises(InvalidSettings, match="cannot read"):
            palier("score", "--metric", "exact", "--references", there, "--candidates", path)
        with pytest.raises(InvalidSettings, match="cannot read"):
            palier("compare", "--references", there, "--candidates", there, "--answers", path)


def test_the_input_is_a_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one of the two."""
    expected = folder.write("expected", "a\nb\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nx\n"), encoding="ascii"))

    assert palier("score", "--metric", "exact", "--references", expected, "--candidates", "-", "--json") == 0

    assert folder.found["scores"] == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("score --metric exact --references - --candidates -", "cannot both be read from the input"),
        ("score --metric rouge --references a --candidates b", "invalid choice: 'rouge'"),
        ("score --references a --candidates b", "required: --metric"),
        ("score --metric exact --references a", "required: --candidates"),
        ("score --metric exact --references a --candidates b --min nan", "must be a number, not 'nan'"),
        ("score --metric rougeL --references a --candidates b --min 80", "rougeL lies between 0 and 1"),
        ("score --metric bleu --references a --candidates b --min 101", "bleu lies between 0 and 100"),
        ("compare --references a --candidates b --min-percent 101", "a share lies between 0 and 100 percent"),
        ("compare --references - --candidates -", "cannot both be read from the input"),
    ],
)
def test_mistakes_at_the_command_line(arguments: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and what was expected."""
    with pytest.raises(SystemExit) as left:
        palier(*arguments.split())

    assert left.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("metric", "least", "status"),
    [("exact", "0.5", 0), ("exact", "0.51", 3), ("chrf", "50", 0), ("chrf", "51", 3), ("exact", "0", 0)],
)
def test_a_build_fails_below_the_minimum(folder: Folder, metric: str, least: str, status: int) -> None:
    """On the metric's own scale; the result is printed all the same."""
    assert folder.score("a\nb", "a\nx", "--json", "--min", least, metric=metric) == status

    assert folder.found["n"] == 2


def test_the_mean_may_be_exactly_the_minimum(folder: Folder) -> None:
    """Ten F-measures of 0.8, of which each is rounded."""
    assert folder.score("a b c d e\n" * 10, "b c d e f\n" * 10, "--min", "0.8", metric="rouge1") == 0


def test_versions_for_the_record(folder: Folder) -> None:
    """What was scored: the model, and each prompt by its SHA-256."""
    system, few = folder.write("system.txt", "You are kind.\n"), folder.write("few.txt", b"\xff")

    folder.score("a", "a", "--json", "--model", "lingua", "--model-version", "2.1", "--prompt", system, "--prompt", few)

    assert folder.found == {
        "metric": "exact",
        "n": 1,
        "mean": 1,
        "scores": [1],
        "versions": {
            "model": "lingua",
            "version": "2.1",
            f"prompt/{system}": hashlib.sha256(b"You are kind.\n").hexdigest(),
            f"prompt/{few}": hashlib.sha256(b"\xff").hexdigest(),
        },
    }


def test_scores_for_people(folder: Folder) -> None:
    """The mean, and the worst lines with both texts, nothing of which a terminal would obey."""
    folder.score("\n".join("abcdefghijkl"), "\n".join(["a", "\x1b[2Jx", *"cdefghijkl"]))

    assert folder.printed == (
        "exact   0.9167   mean of 12, between 0 and 1\n"
        "\n"
        "line     score  candidate instead of reference\n"
        "   2    0.0000  '\\x1b[2Jx' instead of 'b'\n"
    )


def test_comparison_as_json(folder: Folder) -> None:
    """All keys, the confusion table of labels alone."""
    checks = folder.write("answers.yaml", CHECKS)
    references = [{"language": "fr", "confidence": 0.9}, {"language": "de", "confidence": 0.8}, {"language": "fr"}]
    candidates = [{"language": "fr", "confidence": 0.95}, {"language": "nl", "confidence": 0.5}, {"language": "fr"}]

    status = folder.compare(
        "\n".join(map(json.dumps, references)), "\n".join(map(json.dumps, candidates)), "--answers", checks, "--json"
    )

    assert status == 0
    assert folder.found == {
        "n": 3,
        "agreeing": 2,
        "agreement": pytest.approx(2 / 3),
        "checks": [
            {
                "name": "language",
                "agreeing": 2,
                "score": pytest.approx(2 / 3),
                "confusion": {"de": {"nl": 1}, "fr": {"fr": 2}},
            },
            {"name": "confidence", "agreeing": 2, "score": pytest.approx(2 / 3)},
        ],
        "disagreements": [{"line": 2, "message": "$.language: 'nl' instead of 'de'"}],
    }


def test_without_checks_whole_documents_are_compared(folder: Folder) -> None:
    """A line that is no JSON is a text."""
    folder.compare('{"a": 1, "b": 2}\nnot JSON\n[1', '{"b": 2, "a": 1.0}\nnot JSON\n[2', "--json")

    found = folder.found
    assert (found["n"], found["agreeing"]) == (3, 2)
    assert found["checks"] == [{"name": "answer", "agreeing": 2, "score": pytest.approx(2 / 3)}]
    assert found["disagreements"] == [{"line": 3, "message": "$: '[2' instead of '[1'"}]


def test_a_whole_manifest(folder: Folder) -> None:
    """Its `spec.answers` counts, whatever else it says; without one it has the default."""
    indented = "".join(f"    {line}\n" for line in CHECKS.splitlines())
    other = "kind: ConfigMap\nmetadata: {name: x}\n---\n"
    manifest = folder.write("manifest.yaml", f"{other}kind: ModelDeployment\nspec:\n  answers:\n{indented}")

    folder.compare('{"language": "fr", "x": 1}', '{"language": "fr", "x": 2}', "--answers", manifest, "--json")
    assert [check["name"] for check in folder.found["checks"]] == ["language", "confidence"]

    bare = folder.write("bare.yaml", "kind: ModelDeployment\nspec: {}\n")
    folder.compare("1", "2", "--answers", bare, "--json")
    assert [check["name"] for check in folder.found["checks"]] == ["answer"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("checks: [", InvalidSettings, "cannot read .*answers.yaml: while parsing"),
        ("", InvalidSettings, "holds 0 objects with checks; one is needed"),
        ("- a\n", InvalidSettings, "holds 0 objects"),
        ("kind: ModelDeployment\n---\nkind: ModelDeployment\n", InvalidSettings, "holds 2 objects"),
        ("a: 2001-99-99\n", InvalidSettings, "cannot read"),
        ("[" * 5000, InvalidSettings, "cannot read"),
        ("check: []\n", InvalidSpec, "answers.yaml: check: Extra inputs"),
        ("checks: [{name: x, comprae: Label}]\n", InvalidSpec, r"checks\[0\].comprae: Extra inputs"),
        ("checks: [{name: x, compare: Labels}]\n", InvalidSpec, r"checks\[0\].compare: Input should be 'Exact'"),
        ("checks: [{name: x, ignore: [$.a], compare: Exact}]\n", InvalidSpec, r"checks\[0\].compare: ignore and"),
        ("kind: ModelDeployment\nspec: {answers: 7}\n", InvalidSpec, "answers: Input should be a valid dict"),
        (
            "checks: [{name: x, compare: Text, text: {metric: embedding}}]\nembeddings: {url: 'http://x/v1'}\n",
            InvalidSpec,
            r"checks\[0\].text.metric: palier compare asks no server",
        ),
    ],
)
def test_mistakes_in_the_checks(folder: Folder, text: str, error: type[PalierError], words: str) -> None:
    """A misspelled check must not pass as the default one."""
    checks = folder.write("answers.yaml", text)

    with pytest.raises(error, match=words):
        folder.compare("1", "1", "--answers", checks)


@pytest.mark.parametrize(("least", "status"), [("66.66", 0), ("66.67", 3), ("0", 0), ("100", 3)])
def test_a_build_fails_below_the_agreement(folder: Folder, least: str, status: int) -> None:
    """In percent of the pairs."""
    assert folder.compare("1\n2\n3", "1\n2\n4", "--json", "--min-percent", least) == status

    assert folder.found["agreeing"] == 2


def test_comparison_for_people(folder: Folder) -> None:
    """Agreement, checks, the table of labels, and where they disagree."""
    checks = folder.write("answers.yaml", CHECKS)
    pairs = [("fr", "fr")] * 7 + [("de", "fr"), ("fr", "de")]
    lines = ["\n".join(json.dumps({"language": pair[side], "confidence": 1}) for pair in pairs) for side in (0, 1)]

    folder.compare(*lines, "--answers", checks)

    assert folder.printed == (
        "7 of 9 pairs agree: 77.78 %\n"
        "\n"
        "check        agreeing   score\n"
        "language      77.78 %  0.7778\n"
        "confidence   100.00 %  1.0000\n"
        "\n"
        "language: reference  de  fr  candidate\n"
        "de                    0   1\n"
        "fr                    1   7\n"
        "\n"
        "Disagreements\n"
        "  line 8: $.language: 'fr' instead of 'de'\n"
        "  line 9: $.language: 'de' instead of 'fr'\n"
    )


def test_many_labels_and_many_disagreements(folder: Folder) -> None:
    """A table that does not fit becomes a list, and of the disagreements the first are told."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, compare: Label}]")
    references = [f"label {number % 12}" for number in range(60)]
    candidates = ["label 0" for _ in references]

    folder.compare("\n".join(references), "\n".join(candidates), "--answers", checks)

    printed = folder.printed
    assert "topic: most frequent confusions\n       5  label 0 instead of label 9\n" in printed
    assert printed.count("  line ") == 10
    assert "First disagreements\n  line 2: " in printed


def test_a_check_that_compared_nothing_is_told(folder: Folder) -> None:
    """A misspelled path agrees everywhere; somebody should notice."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.tpoic}, {name: text, path: $.text}]")

    assert folder.compare('{"topic": 1}\n{"text": 1}', '{"topic": 2}\n{"text": 1}', "--answers", checks) == 0

    told = folder.captured.readouterr().err
    assert told == "palier: check topic compared nothing: no two answers have a value at its path\n"


def test_a_pair_that_cannot_be_told_does_not_agree(folder: Folder) -> None:
    """Two texts have no fields that could be compared."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.topic}]")

    folder.compare('{"topic": 1}\nsorry', '{"topic": 1}\nsorry', "--answers", checks, "--json")

    found = folder.found
    assert (found["agreeing"], found["checks"][0]) == (1, {"name": "topic", "agreeing": 1, "score": 1})
    assert found["disagreements"] == [
        {"line": 2, "message": "$.topic: both answers are texts, which have no places in them"}
    ]


@pytest.mark.parametrize("command", ["score", "compare"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Examples, scales and exit statuses, in lines that fit."""
    with pytest.raises(SystemExit) as left:
        palier(command, "--help")

    told = capsys.readouterr().out
    assert left.value.code == 0
    assert told.count(f"palier {command} --") >= 3
    assert "0 to 100" in told or command == "compare"
    assert "Exit status: 0 done, 1 a mistake in a file" in told
    assert max(map(len, told.splitlines())) <= 120


def test_the_commands_load_little() -> None:
    """Neither the operator nor other commands wait for sacrebleu, and scoring without it never loads it."""
    code = (
        "import sys, palier.answers.comparison, palier.answers.confusion, palier.cli.answers;"
        " from palier.answers.text import score; score('rougeL', 'a', 'a');"
        " print([name for name in ('sacrebleu', 'numpy', 'kopf', 'yaml') if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"
