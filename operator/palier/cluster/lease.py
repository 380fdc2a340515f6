"""Agreement on the one replica that acts, by a Lease as Kubernetes' own components use it.

The rules are client-go's: a Lease that nobody renewed for its duration, as observed on our own clock, may be taken; a
leader that cannot renew within the renew deadline, which is shorter, must stop before anybody else can start. Stopping
means ending the process: no code then needs to know whether it still leads. `kubernetes.aio.leaderelection` is not
used because it survives the death of the work that it guards, and lets go of nothing on SIGTERM.
"""

import asyncio
import datetime as dt
import logging
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from palier.cluster.kinds import Reference
from palier.cluster.transport import default_namespace
from palier.errors import ClusterError, Conflict, LeadershipLost
from palier.settings import Settings

logger = logging.getLogger(__name__)

DURATION = 15
"""Seconds after which a Lease that is not renewed may be taken."""
RENEW_DEADLINE = 10.0
"""Seconds without a successful renewal after which the leader stops."""
RETRY_PERIOD = 2.0
"""Seconds between two tries, of the leader to renew and of the others to take over."""


class LeaseCluster(Protocol):
    """What a Lease needs from the cluster."""

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """Read one object; None when it does not exist."""
        ...

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object that must not exist yet."""
        ...

    async def replace(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object if it still has the stated resource version."""
        ...


@dataclass(frozen=True, slots=True)
class _Sighting:
    """The Lease as it was when it last changed, and when that was on our clock."""

    spec: Mapping[str, Any]
    at: float

    def is_expired(self, now: float) -> bool:
        return not self.spec.get("holderIdentity") or now >= self.at + self.spec.get("leaseDurationSeconds", DURATION)


class Lease:
    """One replica's view of one Lease."""

    def __init__(self, cluster: LeaseCluster, *, namespace: str, name: str, identity: str) -> None:
        self._cluster = cluster
        self._reference = Reference("coordination.k8s.io/v1", "Lease", namespace, name)
        self._identity = identity
        self._sighting: _Sighting | None = None
        self._held: dict[str, Any] | None = None
        self._renewed_at = 0.0

    async def acquire(self) -> None:
        """Return once this replica leads; failures of the API server are waited out."""
        logger.info("standing by for %s as %s", self._reference, self._identity)
        while True:
            try:
                if await self._try_to_take():
                    logger.info("leading as %s", self._identity)
                    return
            except ClusterError as error:
                logger.warning("cannot take the lead: %s", error)
            await asyncio.sleep(RETRY_PERIOD)

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LeadershipLost: somebody else leads, or no renewal succeeded for the renew deadline.
        """
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(self._renewed_at + RENEW_DEADLINE):
                    await asyncio.sleep(RETRY_PERIOD)
                    started = clock()
                    if await self._renew():
                        self._renewed_at = started
            except TimeoutError:
                raise LeadershipLost(f"{self._reference} could not be renewed for {RENEW_DEADLINE:.0f} s") from None

    async def release(self) -> None:
        """Let another replica take over at once; does nothing when this one does not lead."""
        if self._held is None:
            return
        held, self._held = self._held, None
        spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _timestamp()}
        try:
            async with asyncio.timeout(RETRY_PERIOD):
                await self._cluster.replace({**held, "spec": spec})
        except (ClusterError, TimeoutError) as error:
            logger.warning("the lead is not handed over but will expire: %r", error)

    async def _try_to_take(self) -> bool:
        now = asyncio.get_running_loop().time()
        found = await self._cluster.get(self._reference)
        try:
            if found is None:
                self._held = await self._cluster.create(self._manifest(transitions=0))
            else:
                spec = found.get("spec") or {}
                if self._sighting is None or self._sighting.spec != spec:
                    self._sighting = _Sighting(spec, now)
                if not self._sighting.is_expired(now):
                    return False
                transitions = int(spec.get("leaseTransitions", 0)) + 1
                taken = {**found, "spec": self._manifest(transitions=transitions)["spec"]}
                self._held = await self._cluster.replace(taken)
        except Conflict:  # another replica was faster
            return False
        self._renewed_at = now
        return True

    async def _renew(self) -> bool:
        if self._held is None:
            raise LeadershipLost(f"{self._reference} is not held")
        spec = {**self._held["spec"], "renewTime": _timestamp()}
        try:
            self._held = await self._cluster.replace({**self._held, "spec": spec})
        except Conflict:
            await self._read_again()
            return False
        except ClusterError as error:
            logger.warning("cannot renew the lead: %s", error)
            return False
        return True

    async def _read_again(self) -> None:
        """After a conflict: a renewal of ours arrived whose answer was lost, or somebody else leads."""
        try:
            found = await self._cluster.get(self._reference)
        except ClusterError as error:
            logger.warning("cannot tell who leads: %s", error)
            return
        if found is None or found.get("spec", {}).get("holderIdentity") != self._identity:
            self._held = None
            raise LeadershipLost(f"{self._reference} was taken by another replica")
        self._held = found

    def _manifest(self, *, transitions: int) -> dict[str, Any]:
        now = _timestamp()
        return {
            "apiVersion": self._reference.api_version,
            "kind": self._reference.kind,
            "metadata": {"namespace": self._reference.namespace, "name": self._reference.name},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": DURATION,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }


def lease_of(cluster: LeaseCluster, settings: Settings) -> Lease:
    """This process's view of the Lease of its installation, which no other installation shares."""
    namespace = settings.lease_namespace or default_namespace(kubeconfig=settings.kubeconfig, context=settings.context)
    # A pod keeps its name when its container restarts: the random part tells the two processes apart.
    identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    return Lease(cluster, namespace=namespace, name=settings.lease_name, identity=identity)


def _timestamp() -> str:
    """Now, as Kubernetes' MicroTime; only people read it, expiry is measured on the observer's own clock."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
