"""What a judge has said: read so strictly that nothing but a clear opinion becomes one.

A model may say anything, and so may a proxy in front of it. What cannot be read is no opinion, never a tie: a tie would
speak for a candidate that nobody has judged.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

LONGEST_REPLY: Final = 20_000
"""Characters of a reply; who says more to a question with three answers does not answer it."""
MOST_TOKENS_OF_A_VOTE: Final = 2_000_000
"""No model reads or writes more at once, so a server that says so is not believed."""

_DECODER: Final = json.JSONDecoder()
_THOUGHTS_END: Final = "</think>"


class Opinion(StrEnum):
    """Which of two answers is better."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"

    @property
    def opposite(self) -> "Opinion":
        """The same opinion about the same answers in the other order."""
        return {Opinion.FIRST: Opinion.SECOND, Opinion.SECOND: Opinion.FIRST}.get(self, self)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the judge's server."""

    opinion: Opinion | None
    """None when it has none that can be read."""
    tokens: int | None = None
    """What the server says it has taken; None when it does not say, or says what cannot be."""
    characters: int = 0
    """Length of the text that the model has written."""
    fault: str = ""
    """Why there is no opinion; empty when there is one."""


def reply_of(body: bytes) -> Reply:
    """Read an answer of `/v1/chat/completions`. Never raises."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(None, fault="its answer is not JSON")
    if not isinstance(document, dict):
        return Reply(None, fault="its answer is not a JSON object")
    tokens = _tokens(document.get("usage"))
    text = _text(document.get("choices"))
    if text is None:
        return Reply(None, tokens, fault="its answer has no choices with a message")
    opinion = opinion_of(text)
    if opinion is None:
        return Reply(None, tokens, len(text), 'its reply has no clear {"better": "first", "second" or "tie"}')
    return Reply(opinion, tokens, len(text))


def opinion_of(text: str) -> Opinion | None:
    """The opinion in what a model has written; None when there is none, or more than one. Never raises.

    Code fences and words around the JSON object do not matter, and neither does what a model has thought before.
    """
    if len(text) > LONGEST_REPLY:
        return None
    opinions = list(_find_opinions(text.rpartition(_THOUGHTS_END)[2]))
    if not opinions or any(one != opinions[0] for one in opinions):
        return None
    return Opinion(opinions[0]) if opinions[0] in list(Opinion) else None


def _find_opinions(text: str) -> Iterator[Any]:
    """The values of `better` in all JSON objects of a text."""
    place = text.find("{")
    while place >= 0:
        following = place + 1
        try:
            document, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            document, end = None, following
        if isinstance(document, dict) and "better" in document:
            yield document["better"]
            following = end
        place = text.find("{", following)


def _text(choices: Any) -> str | None:  # noqa: ANN401 - whatever a server has sent
    match choices:
        case [{"message": {"content": str(text)}}, *_]:
            return text
        case _:
            return None


def _tokens(usage: Any) -> int | None:  # noqa: ANN401 - whatever a server has sent
    match usage:
        case {"total_tokens": int(total)} if not isinstance(total, bool) and 0 < total <= MOST_TOKENS_OF_A_VOTE:
            return total
        case _:
            return None
