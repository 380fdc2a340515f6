"""The HTTP side: one question, and two probes."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from embedding_server.model import Array, Model

MAX_TEXTS = 64
MAX_TEXT = 100_000  # characters
MAX_BODY = 4 * 2**20  # bytes; two of the longest texts in any script fit, however they are escaped
WARM_UP = "The weather is lovely today."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("embedding_server")


class QuestionError(ValueError):
    """The client's mistake, in words for the client."""


class UnknownModelError(QuestionError):
    """The client asks for another model."""


class Service:
    """The state of one server process, and its HTTP application.

    Args:
        load: returns the loaded model; runs once, in the thread that computes.
    """

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._model: Model | None = None
        self._draining = False
        # One computation at a time; whoever gives up while waiting for it is not computed.
        self._thread = ThreadPoolExecutor(1, "model")

    def application(self) -> web.Application:
        """Build the application."""
        application = web.Application(client_max_size=MAX_BODY, middlewares=[self._errors])
        application.router.add_post("/v1/embeddings", self._embeddings)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        return application

    async def load(self) -> None:
        """Load the model and let it answer once; only then is the server ready."""
        started, loop = time.perf_counter(), asyncio.get_running_loop()
        model = await loop.run_in_executor(self._thread, self._load)
        await loop.run_in_executor(self._thread, model.embed, [WARM_UP])
        self._model = model
        log.info("ready: %s, loaded in %.1f s", model.name, time.perf_counter() - started)

    def drain(self) -> None:
        """Ask to be left: not ready any more, and clients that keep connections are told to close them."""
        self._draining = True

    async def _embeddings(self, request: web.Request) -> web.Response:
        model = self._model
        if model is None:
            return _error(503, "the model is being loaded")
        question = _question(await request.read())
        texts = _texts(question)
        encode = _encoding(question, model)
        embedded = await asyncio.get_running_loop().run_in_executor(self._thread, model.embed, texts)
        return web.json_response(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": place, "embedding": encode(vector)}
                    for place, vector in enumerate(embedded.vectors)
                ],
                "model": model.name,
                "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
            }
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self._draining:
            return web.Response(status=503, text="draining\n")
        if self._model is None:
            return web.Response(status=503, text="loading the model\n")
        return web.Response(text="ok\n")

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Say what is wrong, in the form that OpenAI's clients expect."""
        try:
            response = await handler(request)
        except UnknownModelError as error:
            response = _error(404, str(error))
        except QuestionError as error:
            response = _error(400, str(error))
        except web.HTTPException as refusal:  # aiohttp's own: no such path, wrong method, body too large
            response = _error(refusal.status, refusal.text or refusal.reason)
            if "Allow" in refusal.headers:
                response.headers["Allow"] = refusal.headers["Allow"]
        except Exception:
            log.exception("the model failed")
            response = _error(500, "the model failed")
        if self._draining:
            response.force_close()
        return response


def _question(body: bytes) -> dict[str, Any]:
    """Return the question.

    Raises:
        QuestionError: the body is not a JSON object.
    """
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):  # also what undecodable bytes raise
        question = None
    if not isinstance(question, dict):
        raise QuestionError('the body must be JSON such as {"input": ["Good morning"]}')
    return question


def _texts(question: dict[str, Any]) -> list[str]:
    """Return the texts.

    Raises:
        QuestionError: there are none or too many, or one is empty, too long or not a text.
    """
    asked = question.get("input")
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise QuestionError('"input" must be a text or a list of texts; tokens are not taken')
    if not 0 < len(texts) <= MAX_TEXTS:
        raise QuestionError(f'"input" has {len(texts)} texts, 1 to {MAX_TEXTS} are allowed')
    for place, text in enumerate(texts):
        if not text:
            raise QuestionError(f"text {place} is empty")
        if len(text) > MAX_TEXT:
            raise QuestionError(f"text {place} has {len(text)} characters, at most {MAX_TEXT} are allowed")
        if not _is_text(text):
            raise QuestionError(f"text {place} has half a character: a surrogate without the other")
    return texts


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(question: dict[str, Any], model: Model) -> Callable[[Array], list[float] | str]:
    """Return how a vector is written into the answer.

    Raises:
        UnknownModelError: another model is asked for.
        QuestionError: vectors of another form are asked for.
    """
    if question.get("model", model.name) not in (model.name, None):
        raise UnknownModelError(f'"model" must be {model.name} or left out')
    if question.get("dimensions", model.size) not in (model.size, None):
        raise QuestionError(f'"dimensions" must be {model.size} or left out')
    match question.get("encoding_format"):
        case None | "float":
            return lambda vector: vector.tolist()
        case "base64":  # what OpenAI's own client asks for
            return lambda vector: base64.b64encode(vector.astype("<f4").tobytes()).decode()
        case _:
            raise QuestionError('"encoding_format" must be float or base64')


def _error(status: int, message: str) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004 (where servers' own begin)
    return web.json_response({"error": {"message": message, "type": kind}}, status=status)
