"""`palier compare`: what agrees, what was compared at all, and mistakes in the checks."""

import json

import pytest

from palier.errors import InvalidSettings, InvalidSpec, PalierError
from tests.support.cli.answer_files import Folder

CHECKS = """\
checks:
  - {name: language, path: $.language, compare: Label}
  - {name: confidence, path: $.confidence, compare: Number, tolerance: {absolute: "0.05"}}
"""


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
                "compared": 3,
                "agreeing": 2,
                "score": pytest.approx(2 / 3),
                "confusion": {"de": {"nl": 1}, "fr": {"fr": 2}},
            },
            {"name": "confidence", "compared": 2, "agreeing": 1, "score": pytest.approx(1 / 2)},
        ],
        "disagreements": [{"line": 2, "message": "$.language: 'nl' instead of 'de'"}],
    }


def test_without_checks_whole_documents_are_compared(folder: Folder) -> None:
    """A line that is not JSON is a text."""
    folder.compare('{"a": 1, "b": 2}\nnot JSON\n[1', '{"b": 2, "a": 1.0}\nnot JSON\n[2', "--json")

    found = folder.found
    assert (found["n"], found["agreeing"]) == (3, 2)
    assert found["checks"] == [{"name": "answer", "compared": 3, "agreeing": 2, "score": pytest.approx(2 / 3)}]
    assert found["disagreements"] == [{"line": 3, "message": "$: '[2' instead of '[1'"}]


def test_a_whole_manifest(folder: Folder) -> None:
    """Its `spec.answers` counts, whatever else it says; without one it has the default."""
    indented = "".join(f"    {line}\n" for line in CHECKS.splitlines())
    other = "kind: ConfigMap\nmetadata: {name: x}\n---\n"
    manifest = folder.write("manifest.yaml", f"{other}kind: ModelDeployment\nspec:\n  answers:\n{indented}")

    folder.compare('{"language": "fr", "x": 1}', '{"language": "fr", "x": 2}', "--answers", manifest, "--json")
    part = folder.write("part.yaml", f"answers:\n{indented}")
    assert [check["name"] for check in folder.found["checks"]] == ["language", "confidence"]

    bare = folder.write("bare.yaml", "kind: ModelDeployment\nspec: {}\n")
    folder.compare("1", "2", "--answers", bare, "--json")
    assert [check["name"] for check in folder.found["checks"]] == ["answer"]

    folder.compare('{"language": "fr"}', '{"language": "fr"}', "--answers", part, "--json")
    assert [check["name"] for check in folder.found["checks"]] == ["language", "confidence"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("checks: [", InvalidSettings, "answers.yaml: while parsing"),
        ("", InvalidSettings, "holds 0 objects with checks; one is needed"),
        ("- a\n", InvalidSettings, "holds 0 objects"),
        ("kind: ModelDeployment\n---\nkind: ModelDeployment\n", InvalidSettings, "holds 2 objects"),
        ("a: 2001-99-99\n", InvalidSettings, "answers.yaml: month must be"),
        ("[" * 5000, InvalidSettings, "answers.yaml: maximum recursion"),
        (
            "check: []\n",
            InvalidSpec,
            "answers.yaml: check: there is no such field; the fields are checks, streamPath, embeddings",
        ),
        (
            "checks: [{name: x, comprae: Label}]\n",
            InvalidSpec,
            r"checks\[0\].comprae: there is no such field; the fields are name, path, compare, text, tolerance, ignore",
        ),
        (
            "checks: [{name: x, compare: Text, text: {metrik: bleu}}]\n",
            InvalidSpec,
            r"checks\[0\].text.metrik: there is no such field; the fields are metric, min$",
        ),
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
        "check       compared  agreeing   score\n"
        "language           9   77.78 %  0.7778\n"
        "confidence         9  100.00 %  1.0000\n"
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


def test_a_check_that_compared_nothing_is_an_error(folder: Folder) -> None:
    """A misspelled path would agree everywhere, and a build would believe it."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.tpoic}, {name: text, path: $.text}]")
    answers = '{"topic": 1, "text": 1}\n{"text": 1}'

    assert folder.compare(answers, answers, "--answers", checks, "--min-percent", "100") == 1

    told = folder.captured.readouterr()
    assert told.err == (
        "palier: check topic compared nothing in 2 pairs: no answer has anything at $.tpoic; is the path right?\n"
    )
    assert "topic         0         -       -\ntext          2  100.00 %  1.0000\n" in told.out


def test_the_error_wins_over_the_minimum(folder: Folder) -> None:
    """A share of pairs that were not compared is no share: 1 before 3, whatever is printed."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.tpoic}]")

    assert folder.compare('{"topic": 1}', '{"topic": 2}', "--answers", checks, "--min-percent", "97", "--json") == 1

    found = folder.found
    assert (found["agreeing"], found["agreement"]) == (0, 0)
    assert found["checks"] == [{"name": "topic", "compared": 0, "agreeing": 0, "score": None}]


def test_a_pair_in_which_no_check_finds_anything_does_not_agree(folder: Folder) -> None:
    """As in the shadow, where it is `NotCompared`: that nothing is there twice proves nothing."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.topic}, {name: text, path: $.text}]")
    answers = '{"topic": 1}\n{"error": "busy"}\n{"text": "a"}'

    assert folder.compare(answers, answers, "--answers", checks, "--json", "--min-percent", "60") == 0

    found = folder.found
    assert (found["n"], found["agreeing"]) == (3, 2)
    assert [(one["compared"], one["agreeing"], one["score"]) for one in found["checks"]] == [(1, 1, 1), (1, 1, 1)]
    assert found["disagreements"] == [{"line": 2, "message": "no check found anything in either answer"}]


def test_a_pair_that_cannot_be_told_does_not_agree(folder: Folder) -> None:
    """Two texts have no fields that could be compared."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.topic}]")

    folder.compare('{"topic": 1}\nsorry', '{"topic": 1}\nsorry', "--answers", checks, "--json")

    found = folder.found
    assert (found["agreeing"], found["checks"][0]) == (1, {"name": "topic", "compared": 1, "agreeing": 1, "score": 1})
    assert found["disagreements"] == [
        {"line": 2, "message": "$.topic: both answers are texts, which have no places in them"}
    ]


def test_a_check_of_texts_that_cannot_be_told_is_an_error_with_its_reason(folder: Folder) -> None:
    """It is no misspelled path then."""
    checks = folder.write("answers.yaml", "checks: [{name: topic, path: $.topic}]")

    assert folder.compare("sorry", "sorry", "--answers", checks) == 1

    assert folder.captured.readouterr().err == (
        "palier: check topic compared nothing in 1 pair: $.topic: both answers are texts, which have no places in"
        " them\n"
    )
