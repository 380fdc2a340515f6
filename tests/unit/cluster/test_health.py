"""The health endpoints: they fail when work stands still, and only then."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from palier.cluster.health import Health, serve
from palier.cluster.instruments import Instruments
from palier.cluster.queue import Key, WorkQueue
from palier.settings import VERSION


class Process:
    """A process whose health can be set and asked for over HTTP."""

    def __init__(self) -> None:
        self.turned: float | None = None
        self.queue = WorkQueue[Key]()
        self.health = Health(self.queue, Instruments(), lambda: self.turned, look_interval=15.0)
        self.runner: web.AppRunner

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer."""
        # Port 0 gives every address family a port of its own.
        port = next(address[1] for address in self.runner.addresses if ":" not in address[0])
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """A process that answers on a free port."""
    process = Process()
    process.runner = await serve(process.health, port=0)
    yield process
    await process.runner.cleanup()


async def test_starting_process_is_alive_but_not_ready(process: Process) -> None:
    """Reading the cluster takes a while; that is no reason to be killed, and none to be counted as ready."""
    process.queue.add(Key("ml", "a"))
    assert await process.get("/healthz") == (200, "ok")
    assert await process.get("/readyz") == (503, "not ready: the cluster has not been read yet")


async def test_standby_is_ready(process: Process) -> None:
    """A replica that could take over is ready, or a rollout of two replicas would never end."""
    process.health.synced = True
    assert await process.get("/readyz") == (200, "ready: standing by")


async def test_acting_process_is_ready(process: Process) -> None:
    """The replica that acts says so."""
    process.health.synced = True
    process.health.acting_since = time.time()
    assert await process.get("/readyz") == (200, "ready: acting")
    assert await process.get("/healthz") == (200, "ok")


async def test_stuck_queue_is_unhealthy(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no worker takes a key for a minute, the process is to be restarted."""
    process.health.acting_since = process.turned = time.time()
    process.queue.add(Key("ml", "a"))
    loop = asyncio.get_running_loop()
    later = loop.time() + 61
    monkeypatch.setattr("palier.cluster.queue._now", lambda: later)
    status, text = await process.get("/healthz")
    assert status == 503
    assert "has waited for 61 s" in text


async def test_long_queue_that_moves_is_healthy(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large fleet behind a slow API server is not handled any faster by an operator that starts anew."""
    process.health.acting_since = process.turned = time.time()
    for number in range(10):
        process.queue.add(Key("ml", str(number)))
    begun, taken = asyncio.get_running_loop().time(), list[Key]()

    async def handler(key: Key) -> None:
        taken.append(key)
        monkeypatch.setattr("palier.cluster.queue._now", lambda: begun + 20 * len(taken))
        if len(taken) == 5:
            process.queue.shut_down()

    await process.queue.run(handler, workers=1)
    assert process.queue.oldest_ready_age == pytest.approx(100, abs=1)
    assert await process.get("/healthz") == (200, "ok")


@pytest.mark.parametrize(("silence", "status"), [(60, 200), (89, 200), (91, 503)])
async def test_looks_that_stand_still_are_unhealthy(process: Process, silence: float, status: int) -> None:
    """Four missed looks and the time for a slow one: then the process is to be restarted."""
    process.health.acting_since = time.time() - 10_000
    process.turned = time.time() - silence
    assert (await process.get("/healthz"))[0] == status


async def test_first_look_gets_its_time(process: Process) -> None:
    """A replica that has just begun to act is not blamed for looks that it could not make before."""
    process.health.acting_since = time.time()
    assert (await process.get("/healthz"))[0] == 200


async def test_metrics_tell_what_happened(process: Process) -> None:
    """Counters, timings and the present state are exposed for Prometheus."""
    instruments = process.health.instruments
    with instruments.reconcile():
        pass
    with pytest.raises(ValueError, match="broken"), instruments.reconcile():
        raise ValueError("broken")
    instruments.look_finished(seconds=0.2, failed=False)
    instruments.look_finished(seconds=0.2, failed=True)
    instruments.request_finished(verb="PATCH", kind="Service", code=200)
    process.queue.add(Key("ml", "a"))
    process.health.acting_since = time.time()

    status, text = await process.get("/metrics")

    assert status == 200
    for line in (
        "palier_reconcile_duration_seconds_count 2.0",
        "palier_reconcile_errors_total 1.0",
        "palier_look_duration_seconds_count 2.0",
        "palier_looks_failed_total 1.0",
        'palier_api_requests_total{code="200",kind="Service",verb="PATCH"} 1.0',
        "palier_queue_depth 1.0",
        "palier_leader 1.0",
        f'palier_build_info{{version="{VERSION}"}} 1.0',
    ):
        assert line in text.splitlines()
