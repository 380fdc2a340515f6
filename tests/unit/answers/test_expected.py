"""An answer against what a golden corpus expects of it, which may be only a part."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from palier.answers.comparison import Answer, compare_values, to_embed
from palier.api.v1alpha1 import Answers

CONTENT = "$.choices[0].message.content"


def answers(*checks: Mapping[str, Any], **more: Any) -> Answers:  # noqa: ANN401
    """Checks as people write them, named by their place."""
    return Answers.model_validate(
        {"checks": [{"name": f"c{place}", **one} for place, one in enumerate(checks)], **more}
    )


def body(value: object) -> Answer:
    """A successful answer."""
    return Answer(200, value if isinstance(value, str) else json.dumps(value))


def chat(content: object) -> Answer:
    """An answer of a language model."""
    return body({"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]})


@pytest.mark.parametrize(
    ("check", "expected", "answer"),
    [
        ({}, {"language": "fr"}, {"language": "fr", "confidence": 0.9}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({}, {"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}),
        ({}, {}, {"a": 1}),
        ({"compare": "Exact"}, {"a": {}}, {"a": {"b": 1}}),
        ({"compare": "Normalized"}, {"a": "Yes"}, {"a": "yes!", "b": 1}),
        ({"compare": "Shape"}, {"a": [{"b": 1}]}, {"a": [{"b": 7, "c": 2}], "d": 1}),
        ({"tolerance": {"absolute": "1"}}, {"a": 1}, {"a": 2, "b": 3}),
        ({"unordered": ["$.a"]}, {"a": [{"x": 1}, {"x": 1, "y": 2}]}, {"a": [{"x": 1, "y": 2}, {"x": 1, "y": 3}]}),
        ({"path": "$.a", "compare": "Label"}, {"a": "fr"}, {"a": "fr", "b": 1}),
        ({"path": "$.a.*"}, {"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}),
        ({}, "fr", "fr"),
        ({}, "fr", '"fr"'),
        ({}, "42", "42"),
        ({}, '{"a": 1}', {"a": 1, "b": 2}),
        ({}, 42, "42.0"),
        ({}, None, "null"),
        ({}, [1, 2], "[1, 2]"),
        ({"path": "$.a"}, "3", {"a": 3}),
        ({"path": "$.a"}, "3", {"a": "3"}),
        ({"path": "$.a"}, None, {"a": None}),
        ({"path": "$.a"}, '{"a": 3}', {"a": 3, "b": 1}),
        ({"path": "$.a", "compare": "Text", "text": {"min": "60"}}, "one two three", {"a": "one two"}),
    ],
)
def test_what_is_as_expected(check: Mapping[str, Any], expected: Any, answer: object) -> None:  # noqa: ANN401
    """Fields that are not expected may be there; a text or number alone is expected at the check's path."""
    assert compare_values(expected, body(answer), answers(check)).agrees is True


@pytest.mark.parametrize(
    ("check", "expected", "answer", "message"),
    [
        ({}, {"language": "fr"}, {"language": "de"}, "$.language: 'de' instead of 'fr'"),
        ({}, {"language": "fr"}, {}, "$.language: nothing instead of 'fr'"),
        ({}, {"language": "fr"}, "a text", '$: \'a text\' instead of {"language": "fr"}'),
        ({}, {"a": [1]}, {"a": [1, 2]}, "$.a: 2 elements instead of 1 element"),
        ({}, "fr", {"language": "fr"}, '$: {"language": "fr"} instead of \'fr\''),
        ({}, "42", "43", "$: 43 instead of 42"),
        ({}, True, "1", "$: 1 instead of true"),
        ({"compare": "Shape"}, {"a": 1}, {"a": "x", "b": 1}, "$.a: text instead of number"),
        (
            {"unordered": ["$.a"]},
            {"a": [{"x": 1}, {"x": 1}]},
            {"a": [{"x": 1, "y": 1}, {"x": 2}]},
            '$.a: {"x": 2} instead of {"x": 1}',
        ),
        ({"path": "$.a"}, {"a": 1}, {"b": 1}, "$.a: nothing instead of 1"),
        ({"path": "$.a[*]"}, {"a": [1]}, {"a": [1, 2]}, "$.a[1]: 2 instead of nothing"),
        ({"path": "$.a[*].b"}, "x", {"a": []}, "$.a[*].b: nothing instead of 'x'"),
        ({"path": "$.a[*].b"}, "x", {"a": [{"b": "x"}, {"b": "y"}]}, "$.a[1].b: 'y' instead of 'x'"),
        ({"path": "$.a"}, "x", "a text", "$.a: nothing instead of 'x'"),
    ],
)
def test_what_is_not(check: Mapping[str, Any], expected: Any, answer: object, message: str) -> None:  # noqa: ANN401
    """What is expected and is not there, or is something else, is told."""
    compared = compare_values(expected, body(answer), answers(check))

    assert (compared.agrees, compared.message, compared.score) == (False, message, 0)


def test_a_text_is_expected_where_the_checks_look() -> None:
    """A corpus says only the words; where they stand in the answer is said once."""
    asked = answers({"path": CONTENT, "compare": "Text", "text": {"metric": "tokenF1", "min": "60"}})

    assert compare_values("Paris is the capital", chat("The capital is Paris."), asked).score == 1
    assert compare_values("Paris", chat("London"), asked).score == 0
    assert compare_values("42", chat("42"), answers({"path": CONTENT})).agrees is True
    assert compare_values('{"a": 1}', chat('{"a": 1}'), answers({"path": CONTENT})).agrees is True
    assert compare_values('{"a": 1}', chat('{"a": 2}'), answers({"path": CONTENT})).agrees is False


def test_a_streamed_answer() -> None:
    """Its text is what is compared; a stream without any text is not what was expected."""
    event = 'data: {"choices": [{"delta": {"content": "42"}}]}\n\n'

    assert compare_values("42", Answer(200, event, streamed=True), Answers()).agrees is True
    assert compare_values("42", Answer(200, "data: {}\n\n", streamed=True), Answers()).agrees is False


def test_checks_of_which_nothing_is_expected_are_left_out() -> None:
    """They would hold for any answer; if none is left, nothing is known."""
    asked = answers({"path": "$.language", "compare": "Label"}, {"path": "$.confidence", "compare": "Number"})

    compared = compare_values({"language": "fr"}, body({"language": "de", "confidence": 1}), asked)
    assert [result.name for result in compared.results] == ["c0"]
    assert compared.results[0].labels == ("fr", "de")

    nothing = compare_values({"other": 1}, body({"language": "de"}), asked)
    assert (nothing.agrees, nothing.score, nothing.results, nothing.failed_checks) == (None, None, (), ())
    assert nothing.message == "nothing is expected at the path of any check"


@pytest.mark.parametrize("status", [199, 302, 404, 500])
def test_an_answer_that_failed_is_not_as_expected(status: int) -> None:
    """Whatever its body says."""
    compared = compare_values({"a": 1}, Answer(status, '{"a": 1}'), Answers())

    assert (compared.agrees, compared.score, compared.failed_checks) == (False, 0.0, ("status",))
    assert compared.message == f"status {status} instead of a success"
    assert compare_values({"a": 1}, Answer(201, '{"a": 1}'), Answers()).agrees is True


def test_vectors_of_what_is_expected() -> None:
    """The same texts that `compare_values` compares."""
    check = {"path": CONTENT, "compare": "Text", "text": {"metric": "embedding"}}
    asked = answers(check, embeddings={"url": "http://embeddings.ml/v1/embeddings"})

    assert to_embed("Paris", chat("London"), asked) == {"c0": ("Paris", "London")}
    assert to_embed("Paris", chat("Paris"), asked) == {}
    assert to_embed("Paris", Answer(500, "London"), asked) == {}
    assert to_embed({"other": 1}, chat("London"), asked) == {}
    assert compare_values("Paris", chat("London"), asked, likenesses={"c0": 0.9}).agrees is True
    assert compare_values("Paris", chat("London"), asked).agrees is None


def test_what_is_expected_may_be_broken() -> None:
    """A corpus nested without end cannot be compared with, and says so."""
    deep: object = 1
    for _ in range(500):
        deep = [deep]

    compared = compare_values(deep, body("[]"), Answers())

    assert (compared.agrees, compared.message) == (None, "what is expected is nested deeper than 100 levels")
    assert to_embed(deep, body("[]"), Answers()) == {}
