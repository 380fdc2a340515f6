"""Two answers to the same request: what agrees, what does not, and how it is told."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from palier.answers.checks import LONGEST_TEXT, MISSING
from palier.answers.comparison import Answer, CheckResult, ComparisonResult, compare
from palier.api.v1alpha1 import Answers
from tests.support.answers.checks import ONE, answers, body


def one(check: Mapping[str, Any], reference: object, candidate: object) -> CheckResult:
    """The result of a single check."""
    (result,) = compare(body(reference), body(candidate), answers(check)).results
    return result


SAME: list[tuple[Mapping[str, Any], object, object]] = [
    # the whole document, by default
    ({}, {"a": 1, "b": [1, 2]}, '{"b": [1.0, 2e0], \n "a": 1}'),
    ({}, "no JSON at all", "no JSON at all"),
    ({}, "", ""),
    ({}, "[]", " []\n"),
    ({}, "\ufeff{}", "{}"),
    ({}, '{"a": 1, "a": 2}', '{"a": 2}'),
    ({"compare": "Exact"}, '"x"', '"\\u0078"'),
    # Normalized
    ({"compare": "Normalized"}, "Le Café, déjà !", "le cafe  deja\n"),
    ({"compare": "Normalized"}, '"Straße"', '"STRASSE"'),
    ({"compare": "Normalized"}, {"a": ["Yes.", 1]}, {"a": ["yes", 1.0]}),
    ({"compare": "Normalized"}, "ﬁne ①", "FINE 1"),
    ({"compare": "Normalized"}, "«bon» — \u00a0jour…", "bon jour"),
    ({"compare": "Normalized"}, "е\u0308лка", "Ёлка"),
    # Json
    ({"ignore": ["$.id"]}, {"id": 1, "a": 2}, {"a": 2}),
    ({"ignore": ["$.id"]}, {"id": 1, "a": 2}, {"id": {"x": []}, "a": 2}),
    ({"ignore": ["$.c[*].i", "$.d.*"]}, {"c": [{"i": 1, "x": 0}], "d": {"e": 1}}, {"c": [{"i": 2, "x": 0}], "d": {}}),
    ({"ignore": ["$.c[1]"]}, {"c": [1, 2, 3]}, {"c": [1, 9, 3]}),
    ({"ignore": ["$"]}, {"a": 1}, {"b": 2}),
    ({"path": "$.a", "ignore": ["$.a.x"]}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 3, "y": 2}}),
    ({"path": "$.a", "ignore": ["$.a"]}, {"a": 1}, {}),
    ({"unordered": ["$.tags"]}, {"tags": ["a", "b", "a"]}, {"tags": ["b", "a", "a"]}),
    ({"unordered": ["$"]}, [{"a": 1, "b": 2}, {"c": 3}], [{"c": 3.0}, {"b": 2, "a": 1}]),
    ({"unordered": ["$", "$[*].t"]}, [{"t": [1, 2]}, {"t": [3]}], [{"t": [3]}, {"t": [2, 1]}]),
    ({"unordered": ["$"], "ignore": ["$[*].i"]}, [{"i": 1, "a": 1}, {"i": 2, "a": 2}], [{"a": 2}, {"i": 9, "a": 1}]),
    ({"tolerance": {"absolute": "0.1"}}, {"a": 0.7, "b": "x"}, {"a": 0.8, "b": "x"}),  # in floats 0.1 and a bit apart
    ({"tolerance": {"relativePercent": "10"}}, {"a": -100}, {"a": -110}),
    ({"tolerance": {"absolute": "0.1", "relativePercent": "10"}}, [100, 0.1], [110, 0.2]),  # the larger of both
    ({"tolerance": {"absolute": "1"}, "unordered": ["$"]}, [0, 1], [1, 2]),  # 1 must not take 1, which 0 needs
    # Shape
    ({"compare": "Shape"}, {"a": 1, "b": "x", "c": None}, {"c": None, "b": "", "a": 2.5}),
    ({"compare": "Shape"}, {"a": [{"b": 1}]}, {"a": [{"b": 2}, {"b": 3}]}),
    ({"compare": "Shape"}, {"a": []}, {"a": [{"b": 2}]}),
    ({"compare": "Shape"}, [1, "x"], ["y", 2, 3]),
    ({"compare": "Shape", "path": "$[*].a"}, [{"a": 1}, {"a": 2}], [{"a": 3}]),
    # Label
    ({"compare": "Label"}, '"fr"', '"fr "'),
    ({"compare": "Label", "path": "$.l"}, {"l": 1}, {"l": 1.0}),
    # Number
    ({"compare": "Number"}, "1", "1.0"),
    ({"compare": "Number"}, '"42"', "42"),
    ({"compare": "Number", "tolerance": {"absolute": "0.01"}}, '"0.93 "', '"0.94"'),
    ({"compare": "Number", "tolerance": {"absolute": "0.1"}}, "0.3", "0.2"),
    ({"compare": "Number", "tolerance": {"relativePercent": "1"}}, "1000", "990"),
    ({"compare": "Number"}, "I do not know", "I do not know"),
    ({"compare": "Number"}, "null", "null"),
    # Text
    ({"compare": "Text"}, "the cat sat on the mat", "the cat sat on the mat !"),
    ({"compare": "Text"}, "", ""),
    ({"compare": "Text"}, "只有汉字", "只有汉字"),
    ({"compare": "Text", "text": {"metric": "tokenF1", "min": "80"}}, "a b c d e", "b c d e f"),  # exactly the least
    (
        {"compare": "Text", "path": "$.s[*].t"},
        {"s": [{"t": "one two"}, {"t": "three"}]},
        {"s": [{"t": "one two three"}]},
    ),
    # places
    ({"path": "$.a"}, {"b": 1}, {"b": 2}),
    ({"path": "$.a[*].b"}, {"a": [{"b": 1}, {"c": 1}]}, {"a": [{"b": 1}, {"c": 2}]}),
    ({"path": "$.a.*"}, {"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}),
]

DIFFERENT: list[tuple[Mapping[str, Any], object, object, str]] = [
    ({}, {"a": 1}, {"a": 2}, "$.a: 2 instead of 1"),
    ({}, {"a": 1}, {"a": True}, "$.a: true instead of 1"),
    ({}, {"a": 0}, {"a": False}, "$.a: false instead of 0"),
    ({}, {"a": None}, {}, "$.a: nothing instead of null"),
    ({}, {"a": 1}, {"a": "1"}, "$.a: '1' instead of 1"),
    ({}, {}, {"b c": 1}, "$['b c']: 1 instead of nothing"),
    ({}, {"a": [1, 2]}, {"a": [1, 2, 3]}, "$.a: 3 elements instead of 2 elements"),
    ({}, {"a": [1]}, {"a": []}, "$.a: 0 elements instead of 1 element"),
    ({}, {"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "$.a[1].b: 3 instead of 2"),
    ({}, [1, 2], [2, 1], "$[0]: 2 instead of 1"),
    ({}, {"a": 1}, "plain", "$: 'plain' instead of {\"a\": 1}"),
    ({}, "1", '"1"', "$: '1' instead of 1"),
    ({}, {"a": [1]}, {"a": {"0": 1}}, '$.a: {"0": 1} instead of [1]'),
    ({}, "NaN", "nan", "$: 'nan' instead of 'NaN'"),
    ({"compare": "Exact"}, '"Fr"', '"fr"', "$: 'fr' instead of 'Fr'"),
    ({"compare": "Normalized"}, '"yes"', '"no"', "$: 'no' instead of 'yes'"),
    ({"compare": "Normalized"}, "$5", "€5", "$: '€5' instead of '$5'"),
    ({"ignore": ["$.id"]}, {"id": 1, "a": 2}, {"id": 2, "a": 3}, "$.a: 3 instead of 2"),
    ({"ignore": ["$.a.id"]}, {"id": 1}, {"id": 2}, "$.id: 2 instead of 1"),
    ({"ignore": ["$.c[1]"]}, {"c": [1, 2, 3]}, {"c": [1, 9, 4]}, "$.c[2]: 4 instead of 3"),
    ({"unordered": ["$.t"]}, {"t": ["a", "a", "b"]}, {"t": ["a", "b", "b"]}, "$.t: 'b' instead of 'a'"),
    ({"unordered": ["$.t"]}, {"t": [1]}, {"t": [True]}, "$.t: true instead of 1"),
    ({"unordered": ["$.t"]}, {"t": [["x", "y"]]}, {"t": [["y", "x"]]}, '$.t: ["y", "x"] instead of ["x", "y"]'),
    ({"tolerance": {"absolute": "0.1"}}, {"a": 0.7}, {"a": 0.81}, "$.a: 0.81 instead of 0.7"),
    ({"tolerance": {"absolute": "1"}, "unordered": ["$"]}, [0, 1], [1, 3], "$: 3 instead of 1"),
    ({"tolerance": {"relativePercent": "10"}}, [0], [0.001], "$[0]: 0.001 instead of 0"),
    ({"compare": "Shape"}, {"a": 1}, {"a": "x"}, "$.a: text instead of number"),
    ({"compare": "Shape"}, {"a": 1}, {"a": None}, "$.a: null instead of number"),
    ({"compare": "Shape"}, {"a": True}, {"a": 1}, "$.a: number instead of boolean"),
    ({"compare": "Shape"}, {"a": {}}, {"a": []}, "$.a: list instead of object"),
    ({"compare": "Shape"}, {"a": 1, "b": 2}, {"a": 1}, "$.b: nothing instead of number"),
    ({"compare": "Shape"}, {"a": 1}, {"a": 1, "b": 2}, "$.b: number instead of nothing"),
    (
        {"compare": "Shape"},
        {"a": [{"b": 1}]},
        {"a": [{"b": "x"}, {"b": 1}]},
        "$.a[*].b: number or text instead of number",
    ),
    ({"compare": "Shape", "path": "$.x[*]"}, {"x": [1, 2]}, {"x": ["y"]}, "$.x[*]: text instead of number"),
    (
        {"compare": "Label", "path": "$.language"},
        {"language": "de"},
        {"language": "fr"},
        "$.language: 'fr' instead of 'de'",
    ),
    ({"compare": "Label"}, '"fr"', '"FR"', "$: 'FR' instead of 'fr'"),
    ({"compare": "Number"}, "1", "1.01", "$: 1.01 instead of 1"),
    ({"compare": "Number"}, "1", "true", "$: true instead of 1"),
    ({"compare": "Number"}, "1", "one", "$: 'one' instead of 1"),
    ({"compare": "Number", "tolerance": {"absolute": "0.1"}}, "0.3", "0.19", "$: 0.19 instead of 0.3"),
    ({"compare": "Text"}, "one two", "three", "$: rougeL 0.000, below 0.8: 'three' instead of 'one two'"),
    ({"compare": "Text"}, "两", "二", "$: rougeL 0.000, below 0.8: '二' instead of '两'"),
    ({"path": "$.a"}, {"a": 1}, {"b": 1}, "$.a: nothing instead of 1"),
    ({"path": "$.a"}, {"b": 1}, {"a": 1}, "$.a: 1 instead of nothing"),
    ({"path": "$.a"}, {"a": 1}, "text", "$.a: nothing instead of 1"),
    ({"path": "$.a", "compare": "Text"}, {"a": "x"}, {}, "$.a: nothing instead of 'x'"),
    ({"path": "$.a", "compare": "Shape"}, {}, {"a": 1}, "$.a: 1 instead of nothing"),
    ({"path": "$[*].a"}, [{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], "$[1].a: 3 instead of 2"),
    ({"path": "$[*].a"}, [{"a": 1}, {"a": 2}], [{"a": 1}], "$[1].a: nothing instead of 2"),
    ({"path": "$[*].a"}, [{"a": 1}], [{"a": 1}, {"a": 2}], "$[1].a: 2 instead of nothing"),
    ({"path": "$.*"}, {"x": 1}, {"y": 1}, "$.x: nothing instead of 1"),
]


@pytest.mark.parametrize(("check", "reference", "candidate"), SAME)
def test_what_agrees(check: Mapping[str, Any], reference: object, candidate: object) -> None:
    """With a score of 1, unless it is a likeness."""
    compared = compare(body(reference), body(candidate), answers(check))

    assert compared.agrees is True
    assert (compared.message, compared.failed_checks) == ("", ())
    assert compared.score is not None
    assert check.get("compare") == "Text" or compared.score == 1


@pytest.mark.parametrize(("check", "reference", "candidate", "message"), DIFFERENT)
def test_what_does_not(check: Mapping[str, Any], reference: object, candidate: object, message: str) -> None:
    """The first difference is told with its place and both values."""
    compared = compare(body(reference), body(candidate), answers(check))

    assert compared.agrees is False
    assert compared.message == message
    assert compared.results[0].message == message
    assert compared.failed_checks == (ONE,)
    assert compared.score == 0


@pytest.mark.parametrize(("check", "reference", "candidate"), SAME)
def test_agreement_is_mutual(check: Mapping[str, Any], reference: object, candidate: object) -> None:
    """Which of two alike answers is the reference does not matter, but for a relative tolerance."""
    if "relativePercent" not in str(check):
        assert compare(body(candidate), body(reference), answers(check)).agrees is True


def test_without_checks_the_whole_document_counts() -> None:
    """The default of the API."""
    assert compare(body({"a": 1}), body({"a": 1.0}), Answers()).agrees is True
    assert compare(body({"a": 1}), body({"a": 2}), Answers()).failed_checks == ("answer",)


def test_the_status_code_comes_first() -> None:
    """Answers of different status never agree, and what they say is not looked at."""
    compared = compare(Answer(200, "{}"), Answer(503, "{}"), Answers())

    assert compared == ComparisonResult(agrees=False, results=(), message="status 503 instead of 200")
    assert (compared.score, compared.failed_checks) == (0.0, ("status",))
    assert compare(Answer(404, "{}"), Answer(404, "{}"), Answers()).agrees is True


def test_a_tolerance_is_relative_to_the_reference() -> None:
    """Ten percent of 100 are 10, of 110 are 11."""
    check = {"tolerance": {"relativePercent": "10"}}

    assert one(check, "110", "100").agrees is True
    assert one(check, "100", "110").agrees is True
    assert one(check, "100", "111").agrees is False
    assert one(check, "111", "100").agrees is True


def test_labels_are_told_for_the_confusion_table() -> None:
    """Also where one is missing; several are one label."""
    check = {"path": "$.l", "compare": "Label"}

    assert one(check, {"l": "fr"}, {"l": " fr"}).labels == ("fr", "fr")
    assert one(check, {"l": "fr"}, {"l": "de"}).labels == ("fr", "de")
    assert one(check, {"l": "fr"}, {}).labels == ("fr", MISSING)
    assert one(check, {}, {"l": True}).labels == (MISSING, "true")
    assert one(check, {}, {}).labels is None
    assert one({"path": "$.l[*]", "compare": "Label"}, {"l": ["a", "b"]}, {"l": ["a", "c"]}).labels == ("a, b", "a, c")
    assert one({"path": "$.l"}, {"l": "fr"}, {"l": "de"}).labels is None


def test_all_checks_together() -> None:
    """One disagreement is enough; the score is the mean; names of checks have nothing of the answers in them."""
    asked = answers(
        {"path": "$.language", "compare": "Label"},
        {"path": "$.secret"},
        {"path": "$.text", "compare": "Text", "text": {"metric": "tokenF1", "min": "50"}},
    )

    compared = compare(
        body({"language": "fr", "secret": "hunter2", "text": "one two"}),
        body({"language": "fr", "secret": "hunter3", "text": "one three"}),
        asked,
    )

    assert [result.agrees for result in compared.results] == [True, False, True]
    assert compared.agrees is False
    assert compared.score == pytest.approx((1 + 0 + 0.5) / 3)
    assert compared.message == "$.secret: 'hunter3' instead of 'hunter2'"
    assert compared.failed_checks == (f"{ONE}-1",)


def test_nothing_in_both_agrees_and_says_so() -> None:
    """A path that finds nothing is told, so that a misspelled one is noticed; the pair's message stays empty."""
    asked = answers({"path": "$.a"})

    compared = compare(body({}), body({}), asked)

    nothing = CheckResult(ONE, agrees=True, score=1.0, message="$.a: nothing in both", found=False)
    assert compared.results == (nothing,)
    assert compared.message == ""
    for one_has_it in ((body({"a": None}), body({})), (body({}), body({"a": 1})), (body({"a": 1}), body({"a": 1}))):
        assert [result.found for result in compare(*one_has_it, asked).results] == [True]


def test_texts_have_no_places() -> None:
    """A check of a field cannot be told for two texts, or a wrong path would agree with everything."""
    asked = answers({"path": "$.a"}, {})

    compared = compare(body("one"), body("one"), asked)

    assert [result.agrees for result in compared.results] == [None, True]
    assert (compared.agrees, compared.score, compared.failed_checks) == (None, None, ())
    assert compared.message == "$.a: both answers are texts, which have no places in them"
    assert compare(body("one"), body("two"), asked).agrees is False
    assert compare(Answer(400, "no"), Answer(400, "no"), asked).agrees is True


def test_messages_are_short() -> None:
    """Eighty characters of each value, however much there is, and nothing that a terminal would obey."""
    long = one({}, ["x" * 500] * 1000, ["y" * 500] * 1000).message
    assert long == f"$[0]: '{'y' * 80}'… instead of '{'x' * 80}'…"

    nested = one({"compare": "Exact"}, {"a": list(range(1000))}, '"\x7f"').message
    assert nested.startswith("$: '\\x7f' instead of {\"a\": [0, 1, 2")
    assert len(nested) < 120

    strange = one({}, {"a": "\x1b[31m\n\ud800"}, {"a": ["\u202e", "\x9b"]}).message
    assert strange == '$.a: ["\\u202e", "\\x9b"] instead of \'\\x1b[31m\\n\\ud800\''
    assert strange.isprintable()


def stream(*pieces: object) -> Answer:
    """A streamed answer with these texts."""
    events = [f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}\n\n" for piece in pieces]
    return Answer(200, "".join(events) + "data: [DONE]\n\n", streamed=True)


def test_streams_are_compared_as_wholes() -> None:
    """However they were cut; a wrong path or an error in place of a text is never agreement."""
    broken = Answer(200, 'data: {"error": "overloaded"}\n\n', streamed=True)

    assert compare(stream("Hel", "lo"), stream("Hello", None), Answers()).agrees is True
    assert compare(stream("Hello"), stream("Hullo"), Answers()).message == "$: 'Hullo' instead of 'Hello'"
    assert compare(stream("4", "2"), stream("42"), answers({"compare": "Number"})).agrees is True
    assert compare(stream("Hello"), broken, Answers()).message == "$: nothing instead of 'Hello'"
    assert compare(broken, stream("Hello"), Answers()).message == "$: 'Hello' instead of nothing"
    told = compare(broken, broken, Answers())
    assert (told.agrees, told.score) == (None, None)
    assert told.message == "no event of both streams has a text at $.choices[0].delta.content"
    assert compare(stream("x"), stream("x"), answers({"path": "$.choices[0].delta.content"})).agrees is None
    assert compare(stream(""), stream(""), Answers()).agrees is True


def test_very_long_texts() -> None:
    """Texts that would take seconds are not compared; whether one can be told depends on the reference alone."""
    long = "word " * (LONGEST_TEXT // 5 + 1)
    check = {"compare": "Text", "text": {"min": "10"}}

    for candidate in (long, long + "word", "word", long[:LONGEST_TEXT]):
        told = one(check, long, candidate)
        assert (told.agrees, told.score) == (None, None)
        assert told.message == "$: a reference of more than 200000 characters is not compared"
    for candidate in (long, long + "word"):
        told = one(check, long[:LONGEST_TEXT], candidate)
        assert (told.agrees, told.score) == (False, 0)
    assert one(check, "word", long).score == 0
    assert one(check, long[:LONGEST_TEXT], long[: LONGEST_TEXT - 5]).agrees is True
    assert one(check, long[:LONGEST_TEXT], long[:LONGEST_TEXT]).agrees is True


def test_a_small_pair_is_fast() -> None:
    """Below 100 microseconds, so that a proxy compares thousands of pairs a second beside its other work."""
    asked = answers(
        {"path": "$.language", "compare": "Label"},
        {"path": "$.confidence", "compare": "Number", "tolerance": {"absolute": "0.05"}},
    )
    reference, candidate = body({"language": "fr", "confidence": 0.93}), body({"language": "fr", "confidence": 0.95})
    times = []
    for _ in range(20):
        began = time.process_time()
        for _ in range(100):
            compare(reference, candidate, asked)
        times.append((time.process_time() - began) / 100)

    assert min(times) < 100e-6
