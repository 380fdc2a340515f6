"""The connections of a program that asks a server, for as long as a block lasts."""

from typing import Any, Self

import aiohttp


class Connections:
    """A context manager that holds a session of aiohttp: without cookies, and without a time for a whole request.

    Args:
        connector: options of the connector.
        sock_connect: seconds after which an address that takes no connection is given up; None for any time.
        options: further ones of the session.
    """

    def __init__(
        self,
        *,
        connector: dict[str, Any] | None = None,
        sock_connect: float | None = None,
        **options: Any,  # noqa: ANN401 - as aiohttp takes them
    ) -> None:
        self._connector, self._sock_connect, self._options = connector or {}, sock_connect, options
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Begin."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, **self._connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._sock_connect),
            **self._options,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()


async def read_body(response: aiohttp.ClientResponse, *, most: int) -> bytes | None:
    """The body of an answer; None where it is longer than so many bytes."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            return None
    return bytes(body)
