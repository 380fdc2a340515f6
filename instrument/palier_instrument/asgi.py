"""Middleware for ASGI: FastAPI, Starlette and whatever else speaks it. Nothing of them is imported.

The application reads the body as if nobody else did; each message passes unchanged, and a copy is put aside. A body
that the application does not read to its end is not counted.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any, TypeAlias

from palier_instrument.bodies import MOST_BYTES, BodyError, count_body
from palier_instrument.declaration import Step
from palier_instrument.watching import Watch

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class WatchMiddleware:
    """Counts the features in JSON bodies: `app.add_middleware(WatchMiddleware, watch=..., paths=["/predict"])`.

    Args:
        app: the application.
        watch: what counts them.
        paths: the paths of the requests that have features, written out.
        within: steps to the object in the body that has them, such as `("instances", 0)`; empty for the body itself.
        most_bytes: larger bodies are an error of the part `body`, and their features are not counted.
    """

    def __init__(
        self,
        app: Application,
        *,
        watch: Watch,
        paths: Iterable[str],
        within: Sequence[Step] = (),
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._app = app
        self._watch = watch
        self._paths = frozenset(paths)
        self._within = tuple(within)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at its body while it is read."""
        if scope.get("type") != "http" or scope.get("path") not in self._paths:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        is_open = True

        async def receive_and_copy() -> Message:
            nonlocal is_open
            message = await receive()
            if is_open:
                is_open = self._copy(message, body)
            return message

        await self._app(scope, receive_and_copy, send)

    def _copy(self, message: Message, body: bytearray) -> bool:
        """Put the part of a body aside, and count a body that is complete; whether there is more to come."""
        try:
            if message.get("type") != "http.request":
                return False
            part = message.get("body", b"")
            if len(body) + len(part) > self._most_bytes:
                body.clear()
                raise BodyError("the body is too large")  # noqa: TRY301 - one place reports all that goes wrong
            body += part
            if message.get("more_body", False):
                return True
            count_body(self._watch, bytes(body), self._within)
        except Exception as error:  # noqa: BLE001 - a request is worth more than its count
            self._watch.report_error("body", error)
        return False
