"""The HTTP side: it passes questions on to the model and reads from each answer which revision gave it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from front_end.sessions import OTHER, Rating, Sessions

REVISION_HEADER = "x-palier-revision"
USER_HEADER = "x-user"
"""Tells the gateway who asks, so that it keeps each user with one version (`traffic.gateway.sticky`)."""
GROUP_HEADER = "x-customer-kind"
"""Set by whoever knows the user; here the client is believed."""


class FrontEnd:
    """The front end.

    Args:
        model: URL that questions go to, through the gateway.
        sessions: what is counted.
        registry: where the counters are.
    """

    def __init__(self, *, model: str, sessions: Sessions, registry: CollectorRegistry) -> None:
        self._model, self._sessions, self._registry = model, sessions, registry
        self._client: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """Build the application."""
        application = web.Application()
        application.cleanup_ctx.append(self._connected)
        application.router.add_post("/sessions/{session}/questions", self._ask)
        application.router.add_post("/sessions/{session}/helped", self._handle_report(self._sessions.helped))
        application.router.add_post("/sessions/{session}/hand-over", self._handle_report(self._sessions.handed_over))
        application.router.add_post("/sessions/{session}/votes/{rating}", self._vote)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as self._client:
            yield

    async def _ask(self, request: web.Request) -> web.Response:
        assert self._client is not None  # noqa: S101 (set before the first request)
        session = request.match_info["session"]
        headers = {"Content-Type": request.content_type, USER_HEADER: request.headers.get(USER_HEADER, session)}
        try:
            async with self._client.post(self._model, data=await request.read(), headers=headers) as answer:
                body, status, kind = await answer.read(), answer.status, answer.content_type
                revision = answer.headers.get(REVISION_HEADER, "")
        except (aiohttp.ClientError, TimeoutError):
            # Nobody knows which revision it would have been: such a failure is for the router's counters.
            return web.json_response({"error": "the model does not answer"}, status=502)
        if revision:
            self._sessions.answered(session, revision=revision, group=request.headers.get(GROUP_HEADER, OTHER))
        return web.Response(body=body, status=status, content_type=kind)

    def _handle_report(self, report: Callable[[str], bool]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            return _noted(report(request.match_info["session"]))

        return handler

    async def _vote(self, request: web.Request) -> web.Response:
        try:
            rating = Rating(request.match_info["rating"])
        except ValueError:
            return web.json_response({"error": "a vote is up or down"}, status=404)
        return _noted(self._sessions.voted(request.match_info["session"], rating))

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        self._sessions.close()  # so nothing has to run besides: what became old since the last scrape is counted now
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _noted(noted: bool) -> web.Response:
    if noted:
        return web.json_response({})
    return web.json_response({"error": "no such session, or its time is over"}, status=404)
