"""Streams: events as the standard has them, and the text that they make."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.answers.stream import events, is_stream, text_in, text_of

CONTENT = "$.choices[0].delta.content"


def chunk(content: object) -> str:
    """One event as most servers of language models send it."""
    return "data: " + json.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": content}}]}) + "\n\n"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/event-stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("Text/Event-Stream ;charset=utf-8", True),
        ("application/json", False),
        ("text/event-streams", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_a_stream(content_type: str | None, expected: bool) -> None:
    """Only the media type counts, in any case."""
    assert is_stream(content_type) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("data: a\n\ndata: b\n\n", ["a", "b"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data:a\ndata: b\ndata:  c\n\n", ["a\nb\n c"]),  # one space after the colon is no part of it
        (": comment\n\nevent: x\nid: 1\ndata: a\nretry: 5\n\n:\n\n", ["a"]),
        ("data\n\ndata:\ndata\n\n", ["", "\n"]),
        ("event: ping\n\ndata: a\n\n", ["a"]),
        ("data: a\n\ndata: cut off", ["a", "cut off"]),
        ("\ufeffdata: a\n\n", ["a"]),
        ("data: one\u2028line\x0b\x85\n\n", ["one\u2028line\x0b\x85"]),
        ("database: x\n data: y\n\n", []),
        ("", []),
        ("\n\n\n", []),
    ],
)
def test_events(body: str, expected: list[str]) -> None:
    """Ends of lines, comments, other fields, data of several lines, and a connection that broke."""
    assert list(events(body)) == expected


@given(st.lists(st.text(max_size=8), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_text_comes_together_however_it_was_cut(pieces: list[str], end: str) -> None:
    """The text is the same for every way of cutting and every end of line."""
    body = "".join(map(chunk, pieces)) + "data: [DONE]\n\n"

    assert text_of(body.replace("\n", end), CONTENT) == "".join(pieces)


def test_events_without_text() -> None:
    """The role at the beginning, null at the end, usage without choices, and what ends a stream are no text."""
    body = (
        'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'
        + chunk("Hello")
        + ": keep-alive\n\n"
        + chunk(None)
        + 'data: {"choices": [], "usage": {"total_tokens": 7}}\n\ndata: [DONE]\n\n'
    )

    assert text_of(body, CONTENT) == "Hello"


def test_nothing_at_the_path_is_not_an_empty_text() -> None:
    """A wrong path or a stream of errors must not look like an answer without words."""
    assert text_in(chunk(""), CONTENT) == ""
    assert text_in(chunk(None), CONTENT) == ""
    assert text_in(chunk("x"), "$.text") is None
    assert text_in('data: {"error": "overloaded"}\n\n', CONTENT) is None
    assert text_in("plain text, no stream at all", CONTENT) is None
    assert text_of("plain text", CONTENT) == ""


def test_other_streams() -> None:
    """Plain texts are found by `$`; numbers are written; several places of an event follow each other."""
    assert text_of("data: Hel\n\ndata: lo\n\ndata: [DONE]\n\n", "$") == "Hello"
    assert text_of('data: {"token": {"id": 17}}\n\n', "$.token.id") == "17"
    assert text_of('data: {"c": [{"t": "a"}, {"t": "b"}]}\n\ndata: {"c": [{"t": "c"}]}\n\n', "$.c[*].t") == "abc"
