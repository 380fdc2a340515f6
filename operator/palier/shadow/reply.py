"""What one version made of one request: an answer, or the way in which it failed."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from palier.answers.comparison import Answer

__all__ = ["Failure", "Reply", "answer_of", "begins", "decoded"]

_FIRST_EVENT: Final = re.compile(rb"(?:\A|[\r\n])data: ?+(?!\[DONE\])[^\r\n]+[\r\n]")
"""A whole line of data of a stream, other than the mark of its end."""


class Failure(StrEnum):
    """Why a request was not answered."""

    TIMEOUT = "Timeout"
    BROKEN_CONNECTION = "BrokenConnection"
    SERVER_ERROR = "ServerError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One version's answer to one request."""

    seconds: float
    """Until the last byte of the answer."""
    failure: Failure | None = None
    status: int = 0
    """0 without an answer."""
    body: bytes = b""
    """Without its compression."""
    charset: str | None = None
    streamed: bool = False
    first_event: float | None = None
    """Seconds until the first data of a stream; None when there was none."""
    too_large: bool = False
    """The body is longer than what is compared; it was read, but not kept."""


def begins(body: bytes) -> bool:
    """Whether what has come of a stream has a first event with data."""
    return _FIRST_EVENT.search(body) is not None


def decoded(body: bytes, charset: str | None = None) -> str:
    """A body as text, and two different bodies always as two different texts.

    What is not in the declared encoding, and no UTF-8 either, becomes a character for each byte.
    """
    for encoding in (charset or "utf-8", "utf-8"):
        try:
            return body.decode(encoding)
        except (LookupError, ValueError):
            continue
    return body.decode("latin-1")


def answer_of(reply: Reply) -> Answer:
    """The answer to compare."""
    return Answer(reply.status, decoded(reply.body, reply.charset), streamed=reply.streamed)
