"""Stands between Palier and Prometheus and misbehaves on request: POST /mode/{pass,refuse,hang,error,empty,nan}.

Runs in a pod, on the operator's image.
"""

import asyncio
import sys

import aiohttp
from aiohttp import web

MODES = ("pass", "refuse", "hang", "error", "empty", "nan")


class Proxy:
    """Passes requests on, or does what the mode says."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream.rstrip("/")
        self._mode = "pass"

    async def get_mode(self, _request: web.Request) -> web.Response:
        """The present mode."""
        return web.Response(text=self._mode)

    async def set_mode(self, request: web.Request) -> web.Response:
        """Change the mode."""
        mode = request.match_info["mode"]
        if mode not in MODES:
            return web.Response(status=400, text=f"one of {MODES}")
        self._mode = mode
        return web.Response(text=mode)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a question to Prometheus."""
        match self._mode:
            case "refuse":
                if request.transport is not None:
                    request.transport.close()
                return web.Response(status=503)
            case "hang":
                await asyncio.sleep(3600)
            case "error":
                return web.Response(status=500, text="broken on request")
            case "empty":
                return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})
            case _:
                pass
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self._upstream}{request.path}", params=request.query) as answer,
        ):
            body = await answer.json()
            if self._mode == "nan":
                for series in body.get("data", {}).get("result", ()):
                    series["values"] = [[instant, "NaN"] for instant, _ in series["values"]]
            return web.json_response(body, status=answer.status)


def main() -> None:
    """Serve."""
    proxy = Proxy(sys.argv[1])
    application = web.Application()
    application.add_routes(
        [
            web.get("/mode", proxy.get_mode),
            web.post("/mode/{mode}", proxy.set_mode),
            web.route("*", "/{path:.*}", proxy.answer),
        ]
    )
    web.run_app(application, port=9090, print=None)


if __name__ == "__main__":
    main()
