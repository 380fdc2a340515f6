"""Runs the operator: Kopf watches, our queue works, and everything ends together. The only module that imports Kopf.

Kopf is used for what it does well, watching many kinds with relisting, reconnecting and re-authentication, and only
through its stateless handlers. Its stateful ones would write annotations and finalizers to the objects of users; here
it writes nothing at all. An `index` handler sees every object before any event handler of any kind runs, so it feeds
the store; an `event` handler sees deletions, which indices swallow.

Kopf waits for, and then cancels, every task of the event loop that began after it. So our own tasks begin first and
end first, and Kopf ends last.
"""

import asyncio
import contextlib
import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import kopf

from palier.cluster.cache import Cache, served_watches
from palier.cluster.client import KubernetesCluster
from palier.cluster.health import Health, serve
from palier.cluster.instruments import Instruments
from palier.cluster.lease import lease_of
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.reading import ShallowResponse
from palier.cluster.store import Store
from palier.cluster.watches import WATCHES, Watch
from palier.errors import ClusterError, Forbidden, Unavailable
from palier.settings import Settings

logger = logging.getLogger(__name__)

RECONCILE_LIMIT = 120.0
"""Seconds after which one reconcile is given up and retried: a worker must not be lost to it."""
FIRST_RESYNC = 30.0
"""Seconds from the first list to the second, which finds what vanished before the watches stood."""
RESYNC_PERIOD = 600.0
"""Seconds between later lists."""
DISCOVERY_PERIOD = 60.0
"""Seconds between two looks for kinds that were not served at the start."""
RETRY_PERIOD = 5.0
"""Seconds after which a list that failed is tried again."""
GRACE = 2.0
"""Seconds that reconciles under way get to finish when the process is asked to end."""
WATCH_GRACE = 5.0
"""Seconds that Kopf gets to end."""


class Application(Protocol):
    """What the runtime runs: the operator's own logic."""

    @property
    def store(self) -> Store:
        """The cache of watched objects."""
        ...

    @property
    def queue(self) -> WorkQueue[Key]:
        """The ModelDeployments to reconcile."""
        ...

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelDeployment forward; return the seconds after which to look again, or None.

        A `Rest` that is urgent says that what remains to be done may not wait for the rest of the fleet.
        """
        ...

    async def run_looks(self) -> None:
        """Look at the metrics of the whole fleet, again and again, for ever."""
        ...


async def run(
    application: Application,
    *,
    cluster: KubernetesCluster,
    settings: Settings,
    instruments: Instruments,
    last_turn: Callable[[], float | None],
    stop: asyncio.Event | None = None,
) -> None:
    """Run the operator until SIGTERM, SIGINT or `stop`.

    Args:
        application: the operator's own logic.
        cluster: its connection to the cluster, which Kopf uses the credentials of; the caller closes it.
        settings: what it was told at its start.
        instruments: what it counts about itself.
        last_turn: when the loop of the looks last turned, in seconds since the epoch; None before it did.
        stop: ends the operator when set.

    Raises:
        Exception: a part of the operator failed; nothing goes on running, and the process should end with an error.
    """
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it reports every event that it delivers
    stop = stop or asyncio.Event()
    _end_on_signals(stop)
    watches = await _watches(cluster, stop)
    if watches:
        health = Health(application.queue, instruments, last_turn, settings.look_interval)
        await _Runtime(application, cluster, settings, health, watches, stop).run()


@dataclass
class _Runtime:
    """The parts of a running operator and the order in which they begin and end."""

    application: Application
    cluster: KubernetesCluster
    settings: Settings
    health: Health
    watches: Sequence[Watch]
    stop: asyncio.Event
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    acting: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.cache = Cache(self.application.store, self.application.queue)
        self.lease = lease_of(self.cluster, self.settings) if self.settings.leader_elect else None

    async def run(self) -> None:
        """Run until asked to end or until a part fails."""
        work = asyncio.create_task(self._work(), name="work")
        watching = asyncio.create_task(self._watch(), name="watching")
        try:
            await asyncio.wait({work, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            await asyncio.wait({work})
            self.over.set()
            if self.begun.is_set():
                await asyncio.wait({watching}, timeout=WATCH_GRACE)
            watching.cancel()
            await asyncio.wait({watching})
            if self.lease is not None:
                await self.lease.release()
        for task in (work, watching):
            if not task.cancelled():
                task.result()

    async def _work(self) -> None:
        """Everything of ours; ends in order when asked to, and at once when a part fails."""
        server = await serve(self.health, port=self.settings.health_port)
        try:
            async with asyncio.TaskGroup() as group:
                workers = group.create_task(
                    self.application.queue.run(self._reconcile, workers=self.settings.workers, start=self.acting),
                    name="workers",
                )
                group.create_task(self._endless(self._look()), name="looks")
                group.create_task(self._endless(self._lead()), name="lead")
                group.create_task(self._endless(self._resync()), name="resync")
                group.create_task(self._endless(self._discover()), name="discovery")
                group.create_task(self._end(workers), name="end")
                await asyncio.sleep(0)  # the workers begin in the first turn of their task
                self.begun.set()
        except* _Ended:
            logger.info("ended as asked")
        finally:
            await server.cleanup()

    async def _watch(self) -> None:
        """Kopf, from the moment that our tasks exist until they have ended."""
        await self.begun.wait()
        namespaces = self.settings.namespaces
        ours = asyncio.all_tasks()
        login = _Login(self.cluster)
        tasks = await kopf.spawn_tasks(
            registry=_registry(self.cache, self.watches, login),
            settings=_kopf_settings(self.watches),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=self.over,
        )
        _end_on_signals(self.stop)  # Kopf has just put its own handlers in place
        try:
            await kopf.run_tasks(tasks, ignored=ours)
        finally:
            await login.close()
        if not self.over.is_set():
            raise RuntimeError("watching ended although nobody asked for it")

    async def _reconcile(self, key: Key) -> float | None:
        with self.health.instruments.reconcile():
            async with asyncio.timeout(RECONCILE_LIMIT):
                return await self.application.reconcile(key)

    async def _look(self) -> None:
        await self.acting.wait()
        await self.application.run_looks()

    async def _lead(self) -> None:
        await self.synced.wait()
        if self.lease is not None:
            await self.lease.acquire()
        self.health.acting_since = time.time()
        self.acting.set()
        logger.info("acting; %d ModelDeployments to look at", self.application.queue.depth)
        await (self.lease.keep() if self.lease is not None else asyncio.Event().wait())

    async def _resync(self) -> None:
        while True:
            try:
                await self.cache.resync(self.cluster, self.watches, self.settings.namespaces)
            except Forbidden:
                if not self.synced.is_set():
                    raise
                logger.exception("the cluster could not be listed")
                pause = RETRY_PERIOD
            except ClusterError as error:
                logger.warning("the cluster could not be listed: %s", error)
                pause = RETRY_PERIOD
            else:
                pause = RESYNC_PERIOD if self.synced.is_set() else FIRST_RESYNC
                self.synced.set()
                self.health.synced = True
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311 - spreads the load of many operators

    async def _discover(self) -> None:
        """End, to be started again, when a kind appears that was missing: Kopf learns of kinds only at its start."""
        missing = [watch for watch in WATCHES if watch not in self.watches]
        while not missing:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(DISCOVERY_PERIOD)
            with contextlib.suppress(ClusterError):
                for watch in missing:
                    if watch.kind in await self.cluster.served_kinds(watch.api_version):
                        logger.warning("%s.%s is served now: ending, to be started again", watch.plural, watch.group)
                        self.stop.set()

    async def _end(self, workers: asyncio.Task[None]) -> None:
        await self.stop.wait()
        logger.info("ending")
        self.application.queue.shut_down()
        if self.acting.is_set():
            await asyncio.wait({workers}, timeout=GRACE)
        raise _Ended

    @staticmethod
    async def _endless(part: Coroutine[Any, Any, None]) -> None:
        await part
        raise RuntimeError("a part of the operator ended although it should run for ever")


class _Ended(Exception):  # noqa: N818 - not an error: ends a task group in order
    pass


async def _watches(cluster: KubernetesCluster, stop: asyncio.Event) -> Sequence[Watch]:
    """The kinds to watch, once the API server answers; none when asked to end before."""
    while not stop.is_set():
        try:
            return await served_watches(cluster)
        except Unavailable as error:
            logger.warning("waiting for the API server: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_PERIOD)
    return ()


def _registry(cache: Cache, watches: Sequence[Watch], login: "_Login") -> kopf.OperatorRegistry:
    """Kopf's handlers: a way to log in, and for each kind one that sees objects and one that sees deletions."""
    registry = kopf.OperatorRegistry()

    async def update_object(*, body: Mapping[str, Any], **_: object) -> None:
        cache.update_object(dict(body))

    async def handle_event(*, type: str | None, body: Mapping[str, Any], **_: object) -> None:  # noqa: A002 - Kopf's name
        if type == "DELETED":
            cache.remove_object(dict(body))

    kopf.on.login(id="login", registry=registry)(login.answer)
    for watch in watches:
        place = (watch.group, watch.version, watch.plural)
        kopf.index(*place, id=watch.plural, registry=registry)(update_object)
        kopf.on.event(*place, id=watch.plural, registry=registry)(handle_event)
    return registry


def _kopf_settings(watches: Sequence[Watch]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = None  # the kubelet kills what does not end
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True  # no watch of CRDs and namespaces: kinds and namespaces are known at the start
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 630
    settings.watching.chunk_size = 500
    for watch in watches:
        if watch.selector:
            settings.watching.label_selectors[watch.group, watch.version, watch.plural] = watch.selector
    return settings


class _Login:
    """The identity of our own client, so that both halves of the operator are one user to the API server.

    Kopf gets a session of ours, in which no object can be too deep for it to read. It asks again after the API server
    refuses the token; the client library has then read the rotated one. The same credentials get the same answer as
    before, by which Kopf knows that they are refused already.
    """

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._known: kopf.ConnectionInfo | None = None
        self._answer: kopf.AiohttpSession | None = None

    async def answer(self, **_: object) -> kopf.AiohttpSession:
        """Log in, as Kopf asks for it."""
        credentials = await _credentials(self._cluster)
        if self._answer is None or credentials != self._known:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=credentials.as_ssl_context()),
                headers=credentials.as_http_headers(),
                proxy=credentials.proxy_url,
                trust_env=credentials.trust_env,
                response_class=ShallowResponse,
            )
            self._known = credentials
            self._answer = kopf.AiohttpSession(server=credentials.server, aiohttp_session=session)
        return self._answer

    async def close(self) -> None:
        """Close the session, which Kopf does only where it has used it."""
        if self._answer is not None:
            await self._answer.aiohttp_session.close()


async def _credentials(cluster: KubernetesCluster) -> kopf.ConnectionInfo:
    configuration = cluster.configuration
    scheme, _, token = (await configuration.get_api_key_with_prefix("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        trust_env=(configuration.client_session_kwargs or {}).get("trust_env", True),
    )


def _end_on_signals(stop: asyncio.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
