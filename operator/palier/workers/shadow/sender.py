"""Sends a request to one version, once, and times what comes back.

Once: what is sent again would hide that the first attempt failed. And without anything that belongs to a browser:
no cookies are kept, and no redirect is followed, because the user's program decides about those.
"""

import asyncio
import io
import time
from dataclasses import dataclass
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from palier.answers.stream import is_stream
from palier.api.constants import SHADOW_HEADER
from palier.shadow.reply import Failure, FirstEvent, Reply
from palier.workers.connections import Connections

LONGEST_HEADER: Final = 65536
"""Bytes of a header, and of the line with the path; Envoy passes on as many."""

_IDLE: Final = 1.5
"""Seconds that an unused connection is kept: less than servers keep it (gunicorn 2 s, uvicorn 5 s), or a request could
meet a connection that is being closed, and would count as failed."""
_AT_ONCE: Final = 2**20
"""Bytes of a body that are written in one piece; aiohttp wants longer ones as files."""
_FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that both versions are asked."""

    method: str
    target: str
    """Path and query, as they came."""
    headers: CIMultiDict[str]
    body: bytes
    segment: str
    """Group of users that it belongs to."""


class _Broken(Exception):  # noqa: N818 - as in palier.errors
    """A connection that could not be made, or was lost."""


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Let no failed request be sent again: aiohttp does that to those that it takes for harmless."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectionError as error:
        raise _Broken from error


class Sender(Connections):
    """Asks one version; a context manager that holds its connections."""

    def __init__(self, arm: str, base_url: str, *, timeout: float, most_bytes: int) -> None:
        super().__init__(
            connector={"keepalive_timeout": _IDLE},
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            middlewares=(_send_once,),
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )
        self._arm = arm
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._most_bytes = most_bytes

    async def send(self, request: Outgoing, *, last: bool = False) -> Reply:
        """Send a request and read the answer to its end; every failure is a reply too.

        Args:
            request: what is asked.
            last: whether its connection is closed afterwards.
        """
        seen = _AnswerTiming(time.perf_counter())
        try:
            async with asyncio.timeout(self._timeout):
                return await self._answer(request, seen, last=last)
        except TimeoutError:
            return Reply(seconds=self._timeout, failure=Failure.TIMEOUT, streamed=seen.streamed)
        except (_Broken, aiohttp.ClientError, OSError):
            return Reply(seconds=seen.elapsed_seconds, failure=Failure.BROKEN_CONNECTION, streamed=seen.streamed)

    async def _answer(self, request: Outgoing, seen: "_AnswerTiming", *, last: bool) -> Reply:
        headers = request.headers.copy()
        headers[SHADOW_HEADER] = self._arm
        if last:
            headers["Connection"] = "close"
        content = request.body
        async with self._session.request(
            request.method,
            URL(f"{self._base_url}{request.target}", encoded=True),
            headers=headers,
            data=(io.BytesIO(content) if len(content) > _AT_ONCE else content) if content else None,
            allow_redirects=False,
        ) as response:
            seen.streamed = is_stream(response.headers.get("content-type", ""))
            first_event: float | None = None
            watched = FirstEvent() if seen.streamed else None
            body = bytearray()
            size = 0
            while piece := await response.content.readany():
                size += len(piece)
                if size <= self._most_bytes:
                    body += piece
                    if watched is not None and watched.take(piece):
                        first_event, watched = seen.elapsed_seconds, None
            return Reply(
                seconds=seen.elapsed_seconds,
                failure=Failure.SERVER_ERROR if response.status >= _FAILED else None,
                status=response.status,
                body=bytes(body) if size <= self._most_bytes else b"",
                charset=response.charset,
                streamed=seen.streamed,
                first_event=first_event,
                too_large=size > self._most_bytes,
            )


@dataclass(slots=True)
class _AnswerTiming:
    """What is known of an answer while it comes."""

    began: float
    streamed: bool = False

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the request was sent."""
        return time.perf_counter() - self.began
