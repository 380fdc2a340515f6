"""What one version made of one request: an answer, or the way in which it failed."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from palier.answers.comparison import Answer

_DATA: Final = re.compile(rb"data: ?+(?!\[DONE\])[^\r\n]")
"""How a line of data of a stream begins, other than the mark of its end."""
_LINE_END: Final = re.compile(rb"[\r\n]")
_TELLING: Final = len(b"data: [DONE]")
"""Bytes of a line that show whether it has data."""


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


class FirstEvent:
    """Watches a stream for its first whole line of data, other than the mark of its end.

    Each byte is looked at once, and of a line that has not ended only its beginning is kept: however small the pieces
    are in which a stream comes, the work grows with its length alone.
    """

    def __init__(self) -> None:
        self.kept = b""
        """How the line begins that has not ended yet."""

    def take(self, piece: bytes) -> bool:
        """Take in the next bytes of the stream, and say whether a line of data has ended in them."""
        start = 0
        for end in _LINE_END.finditer(piece):
            if _DATA.match(self._join_beginning(piece[start : min(end.start(), start + _TELLING)])):
                return True
            self.kept, start = b"", end.end()
        self.kept = self._join_beginning(piece[start : start + _TELLING])
        return False

    def _join_beginning(self, more: bytes) -> bytes:
        return (self.kept + more)[:_TELLING]


def decode_body(body: bytes, charset: str | None = None) -> str:
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
    return Answer(reply.status, decode_body(reply.body, reply.charset), streamed=reply.streamed)
