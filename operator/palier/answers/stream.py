"""The text of a streamed answer, put together from its events.

Two models never cut their texts into the same pieces, so only the whole can be compared. Events are those of the HTML
standard's server-sent events, with one leniency: an event at the end that no empty line closes counts, because what was
sent up to a broken connection is an answer too.
"""

import re
from collections.abc import Iterator
from typing import Final

from palier.answers.document import document_of, text_of_value
from palier.answers.paths import Pattern, find_places, steps_of

DONE: Final = "[DONE]"
"""What ends the streams of OpenAI's interface; no part of the text."""

_LINE_END: Final = re.compile(r"\r\n|\n|\r")


def is_stream(content_type: str | None) -> bool:
    """Whether an answer of this content type is a stream of server-sent events."""
    return (content_type or "").partition(";")[0].strip().lower() == "text/event-stream"


def events(body: str) -> Iterator[str]:
    """The data of every event, its lines as lines; comments, other fields and events without data are left out."""
    data: list[str] = []
    for line in _LINE_END.split(body.removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def text_of(body: str, path: str) -> str:
    """The texts at a path of every event in one; empty when no event has any.

    Raises:
        ValueError: it is no path.
    """
    return text_in(body, path) or ""


def text_in(body: str, path: str) -> str | None:
    """The same, and None when there is nothing at the path in any event: then no text was streamed at all.

    A `null` is a place without text, as in the last events of most servers. Events that are no JSON are one string,
    which the path `$` finds.

    Raises:
        ValueError: it is no path.
    """
    pattern = steps_of(path)
    pieces = [piece for data in events(body) if data.strip() != DONE for piece in _pieces(data, pattern)]
    return "".join(pieces) if pieces else None


def _pieces(data: str, pattern: Pattern) -> Iterator[str]:
    for _, value in find_places(document_of(data), pattern):
        yield "" if value is None else text_of_value(value)
