"""Likeness by vectors: whose texts are asked for, and what is told with and without them."""

import math

import pytest

from palier.answers.comparison import Answer, compare, own_texts, to_embed
from tests.support.answers.checks import ONE, answers, body

EMBEDDED = answers(
    {"path": "$.t", "compare": "Text", "text": {"metric": "embedding", "min": "80"}},
    embeddings={"url": "http://embeddings.ml/v1/embeddings"},
)


def test_likeness_by_vectors() -> None:
    """The cosine is given from outside; without it nothing can be told, unless the texts are the same."""
    reference, candidate = body({"t": "hello"}), body({"t": "good day"})

    assert to_embed(reference, candidate, EMBEDDED) == {ONE: ("hello", "good day")}
    assert own_texts(reference, EMBEDDED) == {ONE: "hello"}
    assert compare(reference, candidate, EMBEDDED).agrees is None
    assert compare(reference, candidate, EMBEDDED).score is None
    assert compare(reference, candidate, EMBEDDED).message == "$.t: no vectors were given for the two texts"
    assert compare(reference, candidate, EMBEDDED, likenesses={ONE: 0.85}).score == 0.85
    assert compare(reference, candidate, EMBEDDED, likenesses={ONE: 0.8}).agrees is True
    assert compare(reference, candidate, EMBEDDED, likenesses={ONE: 0.79}).agrees is False
    assert compare(reference, candidate, EMBEDDED, likenesses={ONE: -0.5}).score == 0
    assert compare(reference, candidate, EMBEDDED, likenesses={ONE: math.nan}).agrees is None
    assert compare(reference, reference, EMBEDDED).agrees is True


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        (body({"t": "x"}), body({"t": "x"})),
        (body({"t": "x"}), body({})),
        (body({}), body({})),
        (body({"t": "x"}), Answer(500, '{"t": "y"}')),
        (body("x"), body("y")),
    ],
)
def test_what_needs_no_vectors(reference: Answer, candidate: Answer) -> None:
    """Nobody is asked for what is known."""
    assert to_embed(reference, candidate, EMBEDDED) == {}


def test_the_references_own_texts() -> None:
    """Also where nobody is asked for the candidate's; none where it has no text, or the check needs no vectors."""
    assert own_texts(body({"t": ""}), EMBEDDED) == {ONE: ""}
    assert own_texts(Answer(500, '{"t": "y"}'), EMBEDDED) == {ONE: "y"}
    for nothing in (body({}), body("x"), Answer(200, "data: [DONE]\n\n", streamed=True)):
        assert own_texts(nothing, EMBEDDED) == {}
    assert own_texts(body({"t": "x"}), answers({"path": "$.t", "compare": "Text"})) == {}


def test_a_disagreement_counts_though_another_check_cannot_be_told() -> None:
    """It would not agree, whatever the vectors said; but nothing is known of the score."""
    asked = answers(
        {"path": "$.l"},
        {"path": "$.t", "compare": "Text", "text": {"metric": "embedding"}},
        embeddings={"url": "http://embeddings.ml/v1/embeddings"},
    )

    compared = compare(body({"l": 1, "t": "x"}), body({"l": 2, "t": "y"}), asked)

    assert (compared.agrees, compared.score, compared.message) == (False, None, "$.l: 2 instead of 1")
