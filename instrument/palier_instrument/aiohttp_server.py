"""Middleware for the server of aiohttp. Only who imports this module needs aiohttp.

The handler reads the body as if nobody else did. It is looked at afterwards, and only if the handler has read it to its
end: then aiohttp has kept it, and nothing has to be waited for.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from palier_instrument.bodies import MOST_BYTES, BodyError, count_body
from palier_instrument.declaration import Step
from palier_instrument.watching import Watch

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def watch_bodies(
    watch: Watch, *, paths: Iterable[str], within: Sequence[Step] = (), most_bytes: int = MOST_BYTES
) -> Middleware:
    """A middleware that counts the features in JSON bodies: `web.Application(middlewares=[watch_bodies(...)])`.

    Args:
        watch: what counts them.
        paths: the paths of the requests that have features, written out.
        within: steps to the object in the body that has them, such as `("instances", 0)`; empty for the body itself.
        most_bytes: larger bodies are an error of the part `body`, and their features are not counted.
    """
    chosen = frozenset(paths)

    @web.middleware
    async def count_and_handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in chosen or not request.body_exists:
            return await handler(request)
        try:
            return await handler(request)
        finally:
            await _count_request(watch, request, within, most_bytes)

    return count_and_handle


async def _count_request(watch: Watch, request: web.Request, within: Sequence[Step], most_bytes: int) -> None:
    """Count the features of a request that was handled. Never raises, and never waits."""
    try:
        if not request.content.at_eof():
            return
        body = await request.read()
        if len(body) > most_bytes:
            raise BodyError("the body is too large")  # noqa: TRY301 - one place reports all that goes wrong
    except Exception as error:  # noqa: BLE001 - a request is worth more than its count
        watch.report_error("body", error)
        return
    count_body(watch, body, within)
