"""One vote of a judge over HTTP: asked once, read with bounds, counted, and given up when the judge is gone.

Whatever the server does, a vote ends within its time and is an opinion or none. No words of the server get into a
message, because servers repeat the token that they were shown.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from palier.golden.judge_plan import JudgePlan
from palier.golden.judge_reply import Opinion, Reply, reply_of
from palier.workers.connections import Connections, read_body

FAILURES_IN_A_ROW: Final = 10
"""After so many a judge is considered down, so that a dead one does not take hours."""
LONGEST_BODY: Final = 1024 * 1024
"""Bytes of an answer that are read."""

_AT_ONCE: Final = 8
"""Votes that are asked for at the same time."""
_TOKENS_OF_A_REPLY: Final = 2000
"""Most that a reply may take; enough to think aloud first."""
_CHARACTERS_PER_TOKEN: Final = 4
_BELIEVED: Final = 10
"""How many times fewer tokens than estimated a server may report and be believed."""
_COME_BACK: Final = {429, 503}
_LONGEST_PAUSE: Final = 5.0

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one request."""

    reply: Reply
    reached: bool = True
    """Whether a model may have worked for it, so that its tokens count."""
    again_in: float | None = None
    """Seconds after which asking once more may help; None when it would not."""


class Votes(Connections):
    """The votes of one judge.

    Args:
        plan: whom to ask, and how much at most.
        token: shown as a bearer token; empty for none.
        pause: waits so many seconds.

    Attributes:
        received: votes that could be read.
        failed: votes that never came or could not be read.
        tokens: what all of them have taken.
        estimated: whether some of it is estimated from the length of texts.
        ended: why nobody is asked any more, as a sentence; empty while votes still come in.
    """

    def __init__(self, plan: JudgePlan, *, token: str = "", pause: Pause = asyncio.sleep) -> None:
        # No decompression: a small answer could become a huge one. No time of its own: a vote as a whole has one.
        super().__init__(auto_decompress=False)
        self.received = 0
        self.failed = 0
        self.tokens = 0
        self.estimated = False
        self.ended = ""
        self._plan = plan
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pause = pause
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._promised = 0
        """Tokens of the questions that are under way."""
        self._in_a_row = 0

    async def vote(self, question: str) -> Opinion | None:
        """Ask once; None when there is no vote."""
        async with self._places:
            tokens = _estimate(len(question))
            if not self.ended and self.tokens + self._promised + tokens > self._plan.max_tokens_total:
                self.ended = (
                    f"the judge's votes have taken {self.tokens} tokens, and maxTokensTotal,"
                    f" {self._plan.max_tokens_total}, does not suffice for another"
                )
            if self.ended:
                return None
            self._promised += tokens
            try:
                answer = await self._ask_judge(question)
            finally:
                self._promised -= tokens
            self._count(answer, len(question))
            return answer.reply.opinion

    async def _ask_judge(self, question: str) -> _Answer:
        try:
            async with asyncio.timeout(self._plan.timeout):
                answer = await self._answer(question)
                if answer.again_in is not None:
                    await self._pause(answer.again_in)
                    answer = await self._answer(question)
                return answer
        except TimeoutError:
            return _Answer(Reply(None, fault=f"no answer within {self._plan.timeout:g} s"))

    async def _answer(self, question: str) -> _Answer:
        body = {
            "model": self._plan.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": _TOKENS_OF_A_REPLY,
            "stream": False,
        }
        try:
            # Redirects are not followed: they would take the token along to wherever they lead.
            async with self._session.post(
                self._plan.url, json=body, headers=self._headers, allow_redirects=False
            ) as response:
                return await _read(response)
        except aiohttp.ClientConnectorError:
            host = urlsplit(self._plan.url).netloc.rpartition("@")[2]
            return _Answer(Reply(None, fault=f"{host} cannot be reached"), reached=False)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
            return _Answer(Reply(None, fault="it broke off the connection"), again_in=_moment())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _Answer(Reply(None, fault=f"no answer was received ({type(error).__name__})"))

    def _count(self, answer: _Answer, characters: int) -> None:
        reply = answer.reply
        if answer.reached:
            estimate = _estimate(characters + reply.characters)
            believed = reply.tokens is not None and reply.tokens * _BELIEVED >= estimate
            self.tokens += reply.tokens if reply.tokens and believed else estimate
            self.estimated |= not believed
        if reply.opinion is not None:
            self.received += 1
            self._in_a_row = 0
            return
        self.failed += 1
        self._in_a_row += 1
        if self._in_a_row >= FAILURES_IN_A_ROW and not self.ended:
            self.ended = (
                f"the judge is down: {self._in_a_row} votes in a row have failed, the last because {reply.fault}"
            )


async def _read(response: aiohttp.ClientResponse) -> _Answer:
    if response.status != 200:  # noqa: PLR2004 - as HTTP writes it
        again = _again_in(response.headers.get("Retry-After")) if response.status in _COME_BACK else None
        return _Answer(Reply(None, fault=f"it answers with HTTP {response.status}"), reached=False, again_in=again)
    kind = response.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        return _Answer(Reply(None, fault="its answer has another type than application/json"))
    body = await read_body(response, most=LONGEST_BODY)
    if body is None:
        response.close()
        return _Answer(Reply(None, fault=f"its answer is longer than {LONGEST_BODY} bytes"))
    return _Answer(reply_of(body))


def _again_in(pause: str | None) -> float:
    """Seconds to wait: as the server asks, within bounds, and never all at the same moment."""
    seconds = float(pause) if pause and pause.isdecimal() and len(pause) < len("100000") else 0.0
    return min(seconds, _LONGEST_PAUSE) + _moment()


def _moment() -> float:
    return random.uniform(0.2, 1.0)  # noqa: S311 - no secret


def _estimate(characters: int) -> int:
    return math.ceil(characters / _CHARACTERS_PER_TOKEN)
