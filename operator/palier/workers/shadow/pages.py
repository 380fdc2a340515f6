"""What the proxy says about itself: counts for Prometheus, whether it is alive, and some disagreements for people."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from palier.errors import InvalidSettings
from palier.workers.shadow.metrics import registry_of
from palier.workers.shadow.proxy import ShadowProxy, listen

LOOPBACK: Final = "127.0.0.1"

Page = Callable[[web.Request], Awaitable[web.Response]]


async def serve_pages(proxy: ShadowProxy, *, port: int) -> web.AppRunner:
    """Start to answer on a port; clean up the returned runner to stop.

    Raises:
        InvalidSettings: the port is taken.
    """
    registry = registry_of(proxy)

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_request: web.Request) -> web.Response:
        if proxy.stopping:
            return web.Response(text="not ready: stopping", status=503)
        return web.Response(text="ready")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return await _serve({"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}, port=port, host=None)


async def serve_disagreements(proxy: ShadowProxy, *, port: int) -> web.AppRunner | None:
    """Start to answer with the disagreements that are kept, as `serve_pages`; None where none are to be kept.

    Only at the loopback: they have parts of users' requests, and whatever scrapes metrics can reach the pod.

    Raises:
        InvalidSettings: the port is taken.
    """
    if proxy.plan.disagreements is None:
        return None

    async def disagreements(_request: web.Request) -> web.Response:
        page = {"seen": proxy.pairs.kept.offered, "kept": proxy.pairs.kept.items()}
        return web.Response(text=json.dumps(page, indent=2), content_type="application/json")

    return await _serve({"/disagreements": disagreements}, port=port, host=LOOPBACK)


async def _serve(pages: Mapping[str, Page], *, port: int, host: str | None) -> web.AppRunner:
    application = web.Application()
    application.add_routes([web.get(path, page) for path, page in pages.items()])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await listen(runner, port, host=host)
    except InvalidSettings:
        await runner.cleanup()
        raise
    return runner
