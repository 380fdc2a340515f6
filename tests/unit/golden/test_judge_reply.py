"""Replies of a judge: an opinion is found wherever it stands, and whatever else comes is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.golden.judge_reply import LONGEST_REPLY, MOST_TOKENS_OF_A_VOTE, Opinion, opinion_of, reply_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["better", "choices", "message", "content", "usage"]), inner)
    ),
)


def body(content: Any, **more: Any) -> bytes:  # noqa: ANN401
    """An answer of chat completions."""
    return json.dumps({"choices": [{"message": {"content": content}}], **more}).encode()


@pytest.mark.parametrize(
    "text",
    [
        '{"better": "second"}',
        '  {\n "better"\t:\n"second" }\n',
        '```json\n{"better": "second"}\n```',
        'The second is right {and the first is not}.\n\n{"better": "second", "why": "{\\"better\\": 1"} Hope it helps!',
        '{"result": {"better": "second"}}',
        '{"better": "second"} I repeat: {"better": "second"}',
        '<think>Perhaps {"better": "first"}? No.</think>{"better": "second"}',
        '{"a": {"a": ' * 500 + '{"better": "second"}',
    ],
)
def test_an_opinion_is_found(text: str) -> None:
    """Fences, words and thoughts around the object do not matter."""
    assert opinion_of(text) is Opinion.SECOND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "second",
        "{",
        '{"better": "sec',
        '{"better": "both"}',
        '{"better": "Second answer"}',
        '{"better": null}',
        '{"better": ["second"]}',
        '{"better": {"better": "second"}}',
        '{"Better": "second"}',
        "{'better': 'second'}",
        '["better", "second"]',
        '{"better": "first"} or {"better": "second"}',
        '{"better": "first"} or {"better": 2}',
        '{"better": "second"}' + " " * LONGEST_REPLY,
        "{" * LONGEST_REPLY,
        '{"a":' * (LONGEST_REPLY // 5),
        '[{"better":"first"},{"better":"tie"}]',
        '{"better": ' + "9" * 10_000 + "}",
    ],
)
def test_anything_else_is_no_opinion(text: str) -> None:
    """What is unclear counts for nobody, not even as a tie."""
    assert opinion_of(text) is None


@given(st.text() | st.lists(st.sampled_from(['{"better":', '"first"', "}", "{", " ", "</think>", '"'])).map("".join))
def test_no_text_raises(text: str) -> None:
    """Whatever a model writes, it is an opinion or none; an opinion needs its word."""
    found = opinion_of(text)

    assert found is None or found.value in text


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(body))
def test_no_body_raises(sent: bytes) -> None:
    """Whatever a server sends, there is an opinion or the reason why not."""
    reply = reply_of(sent)

    assert (reply.opinion is None) == bool(reply.fault)


@given(JSON)
def test_no_usage_raises(usage: Any) -> None:  # noqa: ANN401
    """Whatever a server says about its tokens, it is a number within reason or nothing."""
    tokens = reply_of(body('{"better": "tie"}', usage={"total_tokens": usage})).tokens

    assert tokens is None or (type(tokens) is int and 0 < tokens <= MOST_TOKENS_OF_A_VOTE)


def test_tokens_are_told_without_an_opinion_too() -> None:
    """A vote that cannot be read has cost the same."""
    assert reply_of(body("no", usage={"total_tokens": 7})).tokens == 7
    assert reply_of(b'{"usage": {"total_tokens": 7}}').tokens == 7


@pytest.mark.parametrize("opinion", list(Opinion))
def test_opinions_turn_with_the_order(opinion: Opinion) -> None:
    """Twice the other order is the same order, and a tie is a tie in both."""
    assert opinion.opposite.opposite is opinion
    assert (opinion.opposite is opinion) == (opinion is Opinion.TIE)
