"""Judges on the loopback, good ones and bad ones, that really speak HTTP."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from palier.golden.calibration import CONTROLS
from palier.golden.judge_plan import JudgePlan
from palier.golden.judge_reply import Opinion
from palier.workers.golden.judge import LiveJudge

PROMPT = "request={request}\x1eexpected={expected}\x1efirst={first}\x1esecond={second}"
"""A prompt that the judges here can read."""

Answer = Callable[["Question"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Question:
    """One vote that was asked for."""

    request: web.Request
    asked: dict[str, object]
    texts: dict[str, str]
    number: int

    @property
    def first(self) -> str:
        """The first answer."""
        return self.texts["first"]

    @property
    def second(self) -> str:
        """The second answer."""
        return self.texts["second"]


@dataclass
class Served:
    """A server under way."""

    answer: Answer
    url: str = ""
    questions: list[Question] = field(default_factory=list)
    most_at_once: int = 0
    _open: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Note the question, and answer it."""
        asked = await request.json()
        parts = asked["messages"][0]["content"].split("\x1e")
        question = Question(request, asked, dict(part.split("=", 1) for part in parts), len(self.questions))
        self.questions.append(question)
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            return await self.answer(question)
        finally:
            self._open -= 1


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[Served]:
    """A server until the end of the block."""
    server = Served(answer)
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/chat/completions"
        yield server
    finally:
        await runner.cleanup()


def completion(text: object, usage: object = None) -> web.Response:
    """An answer of chat completions with this reply."""
    document: dict[str, object] = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    if usage is not None:
        document["usage"] = usage
    return web.json_response(document)


def opinion(said: str, tokens: int = 100) -> web.Response:
    """An answer with an opinion."""
    return completion(json.dumps({"better": said}), {"total_tokens": tokens})


def quality(text: str) -> int:
    """How good an answer is: controls as they are known, others by how often they say `good`."""
    best = {pair.first if pair.better is Opinion.FIRST else pair.second for pair in CONTROLS}
    return 9 if text in best else text.count("good")


def better(question: Question) -> str:
    """The right opinion."""
    first, second = quality(question.first), quality(question.second)
    return "first" if first > second else "second" if second > first else "tie"


async def good(question: Question) -> web.StreamResponse:
    """A judge who is right."""
    return opinion(better(question))


async def lost(question: Question) -> web.StreamResponse:
    """A judge whose opinion has nothing to do with the answers: the same for the same question, else any."""
    drawn = hashlib.sha256(f"{question.first}\x1e{question.second}".encode()).digest()[0]
    return opinion(("first", "second", "tie")[drawn % 3])


def always(said: str) -> Answer:
    """A judge with one opinion."""

    async def answer(_: Question) -> web.StreamResponse:
        return opinion(said)

    return answer


def says(response: Callable[[], web.StreamResponse]) -> Answer:
    """A judge who gives one answer."""

    async def answer(_: Question) -> web.StreamResponse:
        return response()

    return answer


def after(questions: int, answer: Answer) -> Answer:
    """A good judge who becomes another after so many questions."""

    async def turn(question: Question) -> web.StreamResponse:
        return await (good if question.number < questions else answer)(question)

    return turn


async def silent(_: Question) -> web.StreamResponse:
    """A judge who never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def hangs_up(question: Question) -> web.StreamResponse:
    """A judge who breaks off the connection."""
    transport = question.request.transport
    assert transport is not None
    transport.abort()
    return web.Response()


async def endless(question: Question) -> web.StreamResponse:
    """A judge who does not stop."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(question.request)
    while True:
        await response.write(b" " * 2**16)


def pairs(count: int = 40) -> Iterator[str]:
    """Lines of a calibration: people prefer what is `good`, in either place, and some pairs are ties."""
    for number in range(count):
        texts = [(f"good {number}", f"bad {number}"), (f"bad {number}", f"good {number}"), (f"x {number}", "y")]
        first, second = texts[number % 3]
        said = ("first", "second", "tie")[number % 3]
        yield json.dumps({"request": f"r{number}", "first": first, "second": second, "better": said})


CONTROL_VOTES = 2 * len(CONTROLS)

PLAN = JudgePlan(url="http://127.0.0.1:1/", model="judge-1", prompt=PROMPT, timeout=10)


class Pauses:
    """Pauses that take no time, counted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Pause."""
        self.seconds.append(seconds)


@asynccontextmanager
async def judging(
    answer: Answer,
    plan: JudgePlan = PLAN,
    *,
    token: str = "",
    lines: Iterable[str] = (),
    pause: Pauses | None = None,
) -> AsyncIterator[tuple[LiveJudge, Served]]:
    """A judge with its server."""
    async with served(answer) as server:
        at = replace(plan, url=server.url)
        async with LiveJudge(at, token=token, calibration=lines, pause=pause or Pauses()) as judge:
            yield judge, server


def calibrated(plan: JudgePlan = PLAN) -> JudgePlan:
    """A plan with a calibration."""
    return replace(plan, calibration_digest="0123456789abcdef")


async def prefers(judge: LiveJudge, candidate: str, stable: str, request: str = "r") -> float | None:
    """The preference between two answers."""
    return await judge.preference(request, "good", candidate, stable)
