"""Runs the operator: Kopf watches, our queue works, and everything ends together. The only module that imports Kopf.

Kopf is used for what it does well, watching many kinds with relisting, reconnecting and re-authentication, and only
through its stateless handlers. Its stateful ones would write annotations and finalizers to the objects of users; here
it writes nothing at all. An `index` handler sees every object before any event handler of any kind runs, so it feeds
the store; an `event` handler sees deletions, which indices swallow.

Kopf waits for, then cancels, every task of the event loop that began after it. So our own long-lived tasks begin
first, end first, and Kopf ends last.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Protocol

import kopf

from palier.api.constants import GROUP
from palier.cluster.cache import Cache, served_watches
from palier.cluster.client import KubernetesCluster
from palier.cluster.health import Health, serve
from palier.cluster.instruments import Instruments
from palier.cluster.lease import Lease
from palier.cluster.queue import Key, WorkQueue
from palier.cluster.store import Store
from palier.cluster.transport import default_namespace
from palier.cluster.watches import WATCHES, Watch
from palier.errors import ClusterError, Forbidden, PalierError
from palier.settings import Settings

__all__ = ["Application", "build_registry", "build_settings", "run"]

logger = logging.getLogger(__name__)

RECONCILE_LIMIT = 120.0
"""Seconds after which one reconcile is given up and retried: a worker must not be lost to it."""
RESYNC_PERIOD = 600.0
"""Seconds between two complete lists of everything watched."""
DISCOVERY_PERIOD = 60.0
"""Seconds between two looks for optional kinds that were not served at the start."""
RETRY_PERIOD = 5.0
"""Seconds after which a failed list is tried again."""
GRACE = 2.0
"""Seconds that reconciles under way get to finish when the process is asked to end."""
LEASE_NAME: Final = "palier"


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
        """Bring one ModelDeployment forward; return the seconds after which to look again, or None."""
        ...

    async def run_looks(self) -> None:
        """Look at the metrics of the whole fleet, again and again, for ever."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...
