"""Asks a server for the vectors of two texts, as OpenAI's `/v1/embeddings` does, and computes how alike they are.

A server that is down or answers nonsense makes a check without a result, never one that holds or fails. Only the
reference's text decides about that: a candidate must not escape a comparison by a text that the server refuses.
"""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from typing import Any, Final

import aiohttp

from palier.api.spec.answers import Embeddings
from palier.workers.connections import Connections, read_body

_LONGEST: Final = 8 * 2**20
"""Bytes of an answer: two vectors of some thousand numbers are far shorter."""
_LATELY: Final = 1.0
"""Seconds for which one question decides whether the server answers."""
_WORD: Final = "word"
"""What no server refuses."""
_GOOD: Final = 200
_BUSY: Final = frozenset({429, 502, 503, 504})
"""Status codes that speak of the server and of nobody's text."""


class _Busy(Exception):  # noqa: N818 - as in palier.errors
    """The server has too much to do, or is not there, whatever it is asked."""


class Embedder(Connections):
    """A client of the server; a context manager that holds its connections."""

    def __init__(self, server: Embeddings) -> None:
        super().__init__()
        self._server = server
        self._asked = -math.inf
        self._answered = False
        self._asking = asyncio.Lock()

    async def likeness(self, reference: str, candidate: str) -> float | None:
        """The cosine of the texts' vectors, -1 to 1; None when the server does not give the reference's.

        A text without a vector is like no other: an empty one, and one of the candidate that the server refuses.
        """
        if not reference:
            return float(not candidate) if await self.answers() else None
        if not candidate:
            return 0.0 if await self.embeds(reference) else None
        try:
            vectors = await self._ask([reference, candidate])
            alike = None if vectors is None else cosine(*vectors)
            return await self._one_by_one(reference, candidate) if alike is None else alike
        except _Busy:
            return None

    async def embeds(self, text: str) -> bool:
        """Whether the server has a vector of a text; of an empty one, whether it is there."""
        if not text:
            return await self.answers()
        try:
            return await self._vector(text) is not None
        except _Busy:
            return False

    async def answers(self) -> bool:
        """Whether the server answers at all; it is asked for a word when it was not lately."""
        async with self._asking:
            if time.monotonic() - self._asked > _LATELY:
                self._answered = await self.embeds(_WORD)
                self._asked = time.monotonic()
            return self._answered

    async def _one_by_one(self, reference: str, candidate: str) -> float | None:
        """The likeness of two texts that the server did not take together: too long, or one of them is refused."""
        first = await self._vector(reference)
        if first is None:
            return None
        second = await self._vector(candidate)
        if second is not None:
            return cosine(first, second)
        # The server may have gone down in between, which is not the candidate's fault.
        return 0.0 if await self.embeds(reference) else None

    async def _vector(self, text: str) -> list[float] | None:
        """The vector of one text; None without one that has a direction."""
        vectors = await self._ask([text])
        return None if vectors is None or cosine(vectors[0], vectors[0]) is None else vectors[0]

    async def _ask(self, texts: list[str]) -> list[list[float]] | None:
        payload: dict[str, Any] = {"input": texts}
        if self._server.model is not None:
            payload["model"] = self._server.model
        try:
            async with (
                asyncio.timeout(self._server.timeout.seconds),
                self._session.post(self._server.url, json=payload, allow_redirects=False) as response,
            ):
                body = await read_body(response, most=_LONGEST)
                if body is None:
                    return None
                if response.status in _BUSY:
                    raise _Busy
                return _read(body, len(texts)) if response.status == _GOOD else None
        except (aiohttp.ClientError, OSError, UnicodeError):  # a timeout is an OSError; half a character cannot be sent
            return None


def cosine(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The cosine of the angle between two vectors, -1 to 1; None when there is none."""
    if len(first) != len(second):
        return None
    lengths = math.hypot(*first) * math.hypot(*second)
    if not (math.isfinite(lengths) and lengths > 0):
        return None
    return min(max(math.fsum(a * b for a, b in zip(first, second, strict=True)) / lengths, -1.0), 1.0)


def _read(body: bytes, count: int) -> list[list[float]] | None:
    """The vectors in the order of the texts; None when the answer has others than were asked for."""
    try:
        entries = json.loads(body)["data"]
        vectors = {
            entry.get("index", place): list(map(float, entry["embedding"])) for place, entry in enumerate(entries)
        }
        return [vectors[place] for place in range(count)] if len(entries) == count else None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
