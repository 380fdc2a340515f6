"""The lines of a golden corpus: read strictly, refused with their place."""

import json
from typing import Any

import pytest

from palier.errors import InvalidCorpus
from palier.golden import corpus
from palier.golden.corpus import Case, read


def test_a_line_has_all_that_is_asked_and_expected() -> None:
    """Every field has its place."""
    line = {
        "id": "fr-1",
        "method": "PUT",
        "path": "/detect?top=3",
        "headers": {"Accept": "application/json", "X-Empty": ""},
        "body": {"text": "{{not replaced}}"},
        "expected": {"language": "fr"},
        "segment": "short",
    }

    assert read([json.dumps(line)], expects=True) == (Case(line=1, **line),)


def test_lines_without_an_id_are_known_by_their_number() -> None:
    """Empty lines count, so that an editor shows the same number."""
    cases = read(['{"expected": 1}', "", '{"expected": null, "body": "x"}'], expects=True)

    assert [(case.id, case.line) for case in cases] == [("1", 1), ("3", 3)]


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (None, None, "application/json"),
        ("ä", "ä".encode(), "text/plain; charset=utf-8"),
        ({"text": "ä"}, '{"text": "ä"}'.encode(), "application/json"),
        (0, b"0", "application/json"),
    ],
)
def test_what_is_sent(body: Any, sent: bytes | None, kind: str) -> None:  # noqa: ANN401
    """A text as it is, any other JSON as JSON."""
    case = Case(line=1, id="1", body=body)

    assert case.request_body == sent
    assert sent is None or case.content_type == kind


def test_a_judge_and_a_scorer_need_nothing_expected() -> None:
    """They say themselves what is good."""
    assert read(['{"body": "x"}'], expects=False)[0].expected is None
    with pytest.raises(InvalidCorpus, match=r"^line 1: expected is missing"):
        read(['{"body": "x"}'], expects=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Bonjour", "line 2: it is not JSON"),
        ('{"expected": NaN}', "line 2: it is not JSON"),
        ("[" * 100_000, "line 2: it is not JSON"),
        ("[1]", "line 2: a line is a JSON object"),
        ('{"expects": 1}', 'line 2: "expects" is not known; a line has id, method, path, headers, body, expected'),
        ('{"expected": 1, "weight": 2}', 'line 2: "weight" is not known'),
        ('{"expected": 1, "id": ""}', "line 2: id must be a text of one line and 1 to 80 characters"),
        ('{"expected": 1, "id": 5}', "line 2: id must be a text"),
        ('{"expected": 1, "id": "a\\u0007"}', "line 2: id must be a text"),
        ('{"expected": 1, "segment": "\\n"}', "line 2: segment must be a text"),
        ('{"expected": 1, "method": "post"}', 'line 2: method must be a method such as POST, not "post"'),
        ('{"expected": 1, "path": "predict"}', "line 2: path must be a path that begins with /"),
        ('{"expected": 1, "path": "/a#b"}', "line 2: path must be"),
        ('{"expected": 1, "headers": {"A b": "x"}}', "line 2: headers must be names and texts"),
        ('{"expected": 1, "headers": {"A": "x\\r\\nB: y"}}', "line 2: headers must be"),
        ('{"expected": "\\ud83d"}', "line 2: an escape such as"),
        ('{"expected": 1, "id": "1"}', 'line 2: the id "1" is already that of line 1'),
    ],
)
def test_mistakes_are_told_with_their_line(line: str, words: str) -> None:
    """Nothing is guessed in what decides about a release."""
    with pytest.raises(InvalidCorpus) as caught:
        read(['{"expected": 1}', line], expects=True)

    assert str(caught.value).startswith(words)


def test_an_empty_corpus_is_refused() -> None:
    """Nothing to ask is no reason to pass."""
    with pytest.raises(InvalidCorpus, match="no line"):
        read(["", "  \n"], expects=True)


@pytest.mark.parametrize("limit", ["MOST_LINES", "MOST_CHARACTERS"])
def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """All of it is kept in memory."""
    monkeypatch.setattr(corpus, limit, 2)
    with pytest.raises(InvalidCorpus, match="take a sample"):
        read(['{"body": 1}'] * 3, expects=False)
