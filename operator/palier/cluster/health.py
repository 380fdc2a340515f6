"""Whether this process does its work, for the kubelet, and what it counts, for Prometheus.

An operator whose event loop turns but whose work stands still looks alive to every simple probe. So /healthz asks the
two things that must move: the queue and the look at the metrics. A replica that stands by is ready, because it can
take over at once and because a Deployment would otherwise never finish its rollout.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key, WorkQueue

LONGEST_STANDSTILL = 60.0
"""Seconds for which no worker may take up a key although some wait. A restart would make a long line no shorter."""
MISSED_LOOKS = 4
"""Looks in a row that may be missing; one that fails because Prometheus is down is not missing."""
LONGEST_LOOK = 30.0
"""Seconds that one look may take on top."""


@dataclass(slots=True)
class Health:
    """What is known about the process; the runtime keeps it up to date."""

    queue: WorkQueue[Key]
    instruments: Instruments
    last_turn: Callable[[], float | None]
    """When the loop of the looks last turned, in seconds since the epoch; None before it did."""
    look_interval: float
    """Seconds between two looks."""
    synced: bool = False
    """Whether every watched kind was listed once."""
    acting_since: float | None = None
    """When this replica began to act, in seconds since the epoch; None while it does not."""

    def problems(self) -> list[str]:
        """What stands still, in words; empty while all is well."""
        if self.acting_since is None:
            return []
        found = []
        if self.queue.standstill > LONGEST_STANDSTILL:
            found.append(
                f"a ModelDeployment has waited for {self.queue.oldest_ready_age:.0f} s to be reconciled, and for "
                f"{self.queue.standstill:.0f} s no worker has taken up any"
            )
        silence = time.time() - max(self.last_turn() or 0.0, self.acting_since)
        if silence > MISSED_LOOKS * self.look_interval + LONGEST_LOOK:
            found.append(f"there was no look at the metrics for {silence:.0f} s")
        return found

    def readiness(self) -> tuple[bool, str]:
        """Whether this replica can act, and where it stands."""
        if not self.synced:
            return False, "not ready: the cluster has not been read yet"
        return True, "ready: acting" if self.acting_since is not None else "ready: standing by"


async def serve(health: Health, *, port: int) -> web.AppRunner:
    """Start to answer on a port; clean up the returned runner to stop.

    Raises:
        OSError: the port is taken.
    """
    application = web.Application()

    async def healthz(_request: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(text="; ".join(problems) or "ok", status=503 if problems else 200)

    async def readyz(_request: web.Request) -> web.Response:
        ready, text = health.readiness()
        return web.Response(text=text, status=200 if ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        health.instruments.record_state(queue_depth=health.queue.depth, acting=health.acting_since is not None)
        body = generate_latest(health.instruments.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
