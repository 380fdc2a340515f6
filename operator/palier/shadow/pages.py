"""What the proxy says about itself: counts for Prometheus, whether it is alive, and some disagreements for people."""

import json

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from palier.errors import InvalidSettings
from palier.shadow.metrics import registry_of
from palier.shadow.proxy import ShadowProxy, listen

__all__ = ["serve_pages"]


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

    async def disagreements(_request: web.Request) -> web.Response:
        if proxy.plan.disagreements is None:
            raise web.HTTPNotFound
        page = {"seen": proxy.pairs.kept.offered, "kept": proxy.pairs.kept.items()}
        return web.Response(text=json.dumps(page, indent=2), content_type="application/json")

    application = web.Application()
    application.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            web.get("/disagreements", disagreements),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await listen(runner, port)
    except InvalidSettings:
        await runner.cleanup()
        raise
    return runner
