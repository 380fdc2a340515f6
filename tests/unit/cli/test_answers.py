"""`palier score`, and what it has in common with `palier compare`: files in, numbers out, mistakes told in a line."""

import hashlib
import io
import subprocess
import sys

import pytest

from palier.answers.text import METRICS, score
from palier.errors import InvalidCorpus, InvalidSettings
from tests.support.cli.answer_files import Folder, palier


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score", "--metric", "chrf", "--min", "0.8"), "--min 0.8: chrf lies between 0 and 100; is 80 meant?"),
        (("score", "--metric", "bleu", "--min", "1"), "--min 1: bleu lies between 0 and 100; is 100 meant?"),
        (("compare", "--min-percent", "0.97"), "--min-percent 0.97: percent lie between 0 and 100; is 97 meant?"),
        (("score", "--metric", "exact", "--min", "0.8"), ""),
        (("score", "--metric", "chrf", "--min", "0"), ""),
        (("score", "--metric", "chrf", "--min", "1.5"), ""),
    ],
)
def test_a_minimum_on_another_scale_is_doubted(folder: Folder, arguments: tuple[str, ...], words: str) -> None:
    """0.8 of 100 lets everything pass; it is allowed, and told."""
    file = folder.write("texts", "hello world")

    assert palier(*arguments, "--references", file, "--candidates", file) == 0

    assert folder.captured.readouterr().err == (f"palier: {words}\n" if words else "")


@pytest.mark.parametrize("option", ["--model", "--model-version", "--prompt"])
def test_versions_need_json(folder: Folder, option: str) -> None:
    """The page for people has no place for them, so they would be lost."""
    with pytest.raises(SystemExit) as left:
        folder.score("a", "a", option, folder.write("prompt", "x"))

    assert left.value.code == 2
    assert "add --json: --model, --model-version and --prompt are for its record" in folder.captured.readouterr().err


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
