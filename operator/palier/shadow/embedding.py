"""Asks a server for the vectors of two texts, as OpenAI's `/v1/embeddings` does, and tells how alike they are.

A server that is down or answers nonsense makes a check that cannot be told, never one that holds or fails.
"""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import aiohttp

from palier.api.answers import Embeddings

__all__ = ["Embedder", "cosine"]

_LONGEST: Final = 8 * 2**20
"""Bytes of an answer: two vectors of some thousand numbers are far shorter."""
_LATELY: Final = 1.0
"""Seconds for which one question tells whether the server answers."""
_GOOD: Final = 200


class Embedder:
    """A client of the server; a context manager that holds its connections."""

    def __init__(self, server: Embeddings) -> None:
        self._server = server
        self._session: aiohttp.ClientSession
        self._asked = -math.inf
        self._answered = False

    async def __aenter__(self) -> Self:
        """Begin."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def likeness(self, reference: str, candidate: str) -> float | None:
        """The cosine of the texts' vectors, -1 to 1; None when the server does not tell.

        Empty texts have no vectors: nothing else is like one.
        """
        if not (reference and candidate):
            return float(reference == candidate) if await self.answers() else None
        vectors = await self._vectors([reference, candidate])
        likeness = None if vectors is None else cosine(*vectors)
        self._answered = likeness is not None
        return likeness

    async def answers(self) -> bool:
        """Whether the server answers at all; it is asked for a word when it was not asked for anything lately."""
        if time.monotonic() - self._asked > _LATELY:
            await self._vectors(["word"])
        return self._answered

    async def _vectors(self, texts: list[str]) -> list[list[float]] | None:
        self._asked = time.monotonic()
        vectors = await self._ask(texts)
        self._answered = vectors is not None
        return vectors

    async def _ask(self, texts: list[str]) -> list[list[float]] | None:
        asked: dict[str, Any] = {"input": texts}
        if self._server.model is not None:
            asked["model"] = self._server.model
        try:
            async with (
                asyncio.timeout(self._server.timeout.seconds),
                self._session.post(self._server.url, json=asked, allow_redirects=False) as response,
            ):
                body = bytearray()
                while chunk := await response.content.readany():
                    body += chunk
                    if len(body) > _LONGEST:
                        return None
                return _read(bytes(body), len(texts)) if response.status == _GOOD else None
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
