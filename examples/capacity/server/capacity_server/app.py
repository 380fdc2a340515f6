"""The HTTP side: every path is a question but for two probes and one page of metrics."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from capacity_server.settings import Settings, Stream
from capacity_server.workers import FullError, Thread, Workers, burn, times

_DONE = b"data: [DONE]\n\n"


class Service:
    """The state of one server process, and its HTTP handler.

    Args:
        settings: what it is asked to be.
        pause: waits for so many seconds while the model is loaded; tests replace it.
        burn: uses so many seconds of the processor; tests replace it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        burn: Callable[[float], None] = burn,
    ) -> None:
        self._settings = settings
        self._pause = pause
        self._ready = False
        self._draining = False
        self._workers = Workers(settings.workers, room=settings.waiting_room, clock=time.monotonic)
        self._thread = Thread(room=settings.waiting_room, burn=burn)
        mean = settings.work or settings.service_time or 0.0
        self._seconds = times(mean, settings.law, seed=settings.seed)
        self._own = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        requests = Counter("http_requests_total", "Answered requests.", ["code"], registry=self.registry)
        # Known series start at 0, so that the very first failure is an increase.
        self._requests = {code: requests.labels(str(code)) for code in (200, 400, 503)}
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            buckets=settings.buckets,
            registry=self.registry,
        )
        self._first = Histogram(
            "time_to_first_token_seconds",
            "Time from a request's arrival to its first token.",
            buckets=settings.buckets,
            registry=self.registry,
        )
        self._tokens = Counter("tokens_total", "Tokens that were sent.", registry=self.registry)

    async def load(self) -> None:
        """Be ready after the time that loading a model is said to take."""
        await self._pause(self._settings.load_seconds)
        self._ready = True

    def drain(self) -> None:
        """Ask to be left: not ready any more, and clients that keep connections are told to close them."""
        self._draining = True

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request; metrics and probes are not counted as requests of users."""
        if own := self._own.get(request.path):
            return own()
        started = time.monotonic()
        try:
            response = await self._answer(request, started)
        except FullError:
            response = _error(503, "the waiting room is full")
        if self._draining:
            response.force_close()
        self._requests[response.status].inc()
        self._duration.observe(time.monotonic() - started)
        return response

    async def _answer(self, request: web.BaseRequest, started: float) -> web.StreamResponse:
        if not self._ready:
            return _error(503, "the model is still loading")
        if self._settings.stream is not None:
            return await self._stream(request, self._settings.stream, started)
        await request.read()
        if self._settings.work is not None:
            await self._thread.work(self._seconds())
        else:
            await _until(self._workers.enter(self._seconds()).end)
        return web.json_response({"answer": "ok"})

    async def _stream(self, request: web.BaseRequest, stream: Stream, started: float) -> web.StreamResponse:
        """Send the tokens as they come, in the form of OpenAI's API, or all of them in the end if `stream` is false."""
        try:
            asked = json.loads(await request.read() or b"{}")
            tokens = min(int(asked.get("max_tokens", stream.tokens)), stream.tokens)
            wanted = asked.get("stream", True) is not False
        except (ValueError, TypeError, AttributeError):
            tokens, wanted = 0, False
        if tokens < 1:
            return _error(400, 'the body must be empty or JSON such as {"max_tokens": 20, "stream": true}')
        turn = self._workers.enter(stream.seconds(tokens))
        if not wanted:
            await _until(turn.end)
            self._tokens.inc(tokens)
            message = {"role": "assistant", "content": "token " * tokens}
            return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "length"}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        for index in range(tokens):
            await _until(turn.start + stream.seconds(index + 1))
            if not index:
                self._first.observe(time.monotonic() - started)
                if self._draining:
                    response.force_close()
                await response.prepare(request)
            self._tokens.inc()
            await response.write(_event(last=index == tokens - 1))
        await response.write(_DONE)
        await response.write_eof()
        return response

    def _healthz(self) -> web.Response:
        return web.Response(text="ok\n")

    def _readyz(self) -> web.Response:
        if self._draining:
            return web.Response(status=503, text="draining\n")
        if not self._ready:
            return web.Response(status=503, text="loading\n")
        return web.Response(text="ok\n")

    def _metrics(self) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _until(moment: float) -> None:
    """Wait until the event loop's clock has come there; it wakes up to a millisecond late."""
    loop = asyncio.get_running_loop()
    reached = loop.create_future()
    loop.call_at(moment, reached.set_result, None)
    await reached


def _event(*, last: bool) -> bytes:
    choice = {"index": 0, "delta": {"content": "token "}, "finish_reason": "length" if last else None}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n".encode()


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
