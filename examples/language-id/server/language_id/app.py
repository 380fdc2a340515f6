"""The HTTP side: one question, two probes, one page of metrics. It knows no model by name.

Readiness is the server's only way to steer traffic, so it says exactly what it means: this process has loaded its
model, has answered a question with it, and is not about to leave.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from language_id.faults import Faults
from language_id.models import Detector

# Seconds. An objective is exact only where its threshold is an edge: 0.25 s is the one our manifests ask for.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MAX_TEXT = 2000  # characters; the slower model needs a millisecond for them, so no text holds up the others
MAX_BODY = 16 * 1024  # bytes; 2000 characters of any script fit
WRONG_LANGUAGE = "xx"  # no language has this code
SHADOW_HEADER = "x-palier-shadow"  # on copies of users' requests
MOST_RECORDED = 100_000
WARM_UP = "Bonjour, je voudrais savoir quand ma commande sera livrée."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("language_id")


class QuestionError(ValueError):
    """The client's mistake, in words for the client."""


class Service:
    """The state of one server process, and its HTTP application.

    Args:
        load: returns the loaded model; runs once, in a thread.
        faults: what to do wrong on purpose; by default nothing.
        record: keep the answers to shadowed requests, for a test that compares them itself, and show them at /recorded.
        pause: waits for so many seconds; tests replace it.
    """

    def __init__(
        self,
        load: Callable[[], Detector],
        *,
        faults: Faults | None = None,
        record: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._load = load
        self._faults = faults or Faults()
        self._pause = pause
        self._recorded: dict[str, str] | None = {} if record else None
        self._detector: Detector | None = None
        self._ready_since = 0.0
        self._draining = False
        # A registry of its own: two servers in one process, as in the tests, do not meet.
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter("http_requests_total", "Answered API requests.", ["code"], registry=self.registry)
        # Known series start at 0, so that the very first failure is an increase.
        for code in ("200", "400", "500"):
            self._requests.labels(code)
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._load_time = Gauge("model_load_seconds", "Time the model took to load.", registry=self.registry)

    def application(self) -> web.Application:
        """Build the application; metrics and probes are not counted as requests of users."""
        application = web.Application(client_max_size=MAX_BODY, middlewares=[self._measure])
        application.router.add_post("/v1/detect", self._detect)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        if self._recorded is not None:
            application.router.add_get("/recorded", self._show_recorded)
        return application

    async def load(self) -> None:
        """Load the model and let it answer once; only then is the server ready."""
        started = time.perf_counter()
        detector = await asyncio.to_thread(self._load)
        detector.detect(WARM_UP)
        took = time.perf_counter() - started
        self._load_time.set(took)
        self._detector, self._ready_since = detector, time.monotonic()
        log.info("ready: %s %s, loaded in %.1f s", detector.name, detector.version, took)
        if faults := self._faults.describe():
            log.warning("injecting faults: %s", faults)

    def drain(self) -> None:
        """Ask to be left: not ready any more, and clients that keep connections are told to close them."""
        self._draining = True

    async def _detect(self, request: web.Request) -> web.Response:
        detector = self._detector
        if detector is None:
            return _error(503, "the model is still loading")
        if self._faults.latency_seconds:
            await self._pause(self._faults.latency_seconds)
        if self._faults.next_fails(seconds_since_ready=time.monotonic() - self._ready_since):
            return _error(500, "injected fault")
        try:
            guess = detector.detect(_text(await request.read()))
        except QuestionError as error:
            return _error(400, str(error))
        language = guess.language if not self._faults.next_is_wrong() else WRONG_LANGUAGE
        answer = {"language": language, "confidence": guess.confidence}
        if self._recorded is not None and SHADOW_HEADER in request.headers and len(self._recorded) < MOST_RECORDED:
            self._recorded[request.headers.get("x-request-id", "")] = language
        return web.json_response({**answer, "model": detector.name, "version": detector.version})

    async def _show_recorded(self, _: web.Request) -> web.Response:
        return web.json_response(self._recorded)

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self._draining:
            return web.Response(status=503, text="draining\n")
        if self._detector is None:
            return web.Response(status=503, text="loading the model\n")
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @web.middleware
    async def _measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count and time every API request, whatever becomes of it, and put the model's name on its answer."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        started = time.perf_counter()
        try:
            response = await handler(request)
        except web.HTTPException as refusal:  # aiohttp's own: no such path, wrong method, body too large
            response = _error(refusal.status, refusal.reason)
            if "Allow" in refusal.headers:
                response.headers["Allow"] = refusal.headers["Allow"]
        except Exception:
            log.exception("the model failed")
            response = _error(500, "the model failed")
        if self._detector is not None:
            response.headers["x-model"] = f"{self._detector.name}/{self._detector.version}"
        if self._draining:
            response.force_close()
        self._requests.labels(str(response.status)).inc()
        self._duration.observe(time.perf_counter() - started)
        return response


def _text(body: bytes) -> str:
    """Return the text to look at.

    Raises:
        QuestionError: the body is not JSON, has no text, or the text is empty or too long.
    """
    try:
        question = json.loads(body)
    except ValueError:  # also what undecodable bytes raise
        raise QuestionError('the body must be JSON such as {"text": "Bonjour"}') from None
    text = question.get("text") if isinstance(question, dict) else None
    if not isinstance(text, str):
        raise QuestionError('the body must be an object with a string "text"')
    if not text.strip():
        raise QuestionError('"text" is empty')
    if len(text) > MAX_TEXT:
        raise QuestionError(f'"text" has {len(text)} characters, at most {MAX_TEXT} are allowed')
    return text


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
