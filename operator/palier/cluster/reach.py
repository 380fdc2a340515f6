"""Does anything listen on the port that users will meet? The operator asks the pods themselves, by a TCP connection.

It is asked only while a release waits for its candidate, never on the way back. What was once accepted is not asked
again; everything else is asked now and then, a few pods at a time, and for one second at most.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from palier.api.v1alpha1 import ModelDeployment
from palier.cluster.observe import ready_addresses
from palier.cluster.queue import Key
from palier.cluster.store import Store
from palier.manifests.metadata import child_name
from palier.release.reach import NOT_ASKED, ReachFacts
from palier.release.state import Release, ReleasePhase, RevisionRef, State

ANSWER_WITHIN = 1.0
"""Seconds that a connection may take."""

AT_ONCE = 3
"""Pods of one revision that are asked in one pass."""

REFUSED_AGAIN_AFTER = 2.0
"""Seconds after which a pod that refused is asked again: its program may still be starting."""

UNKNOWN_AGAIN_AFTER = 30.0
"""Seconds after which a pod that said nothing is asked again: that costs a whole second of a pass."""

Connect = Callable[[str, int], Awaitable[None]]
"""Opens a connection to an IP address and a port, and closes it again.

Raises:
    OSError: it was not accepted.
"""


async def connect(address: str, port: int) -> None:
    """Open a TCP connection to an IPv4 or IPv6 address and close it again.

    Raises:
        OSError: it was not accepted.
    """
    _, writer = await asyncio.open_connection(address, port)
    writer.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a pod said to the last connection."""

    at: float
    refused: bool
    why: str

    def stands(self, *, now: float) -> bool:
        """Whether it is too early to ask again."""
        return now - self.at < (REFUSED_AGAIN_AFTER if self.refused else UNKNOWN_AGAIN_AFTER)


@dataclass(slots=True)
class _Known:
    """What is known of the pods of one revision."""

    accepted: set[str] = field(default_factory=set)
    """Addresses on which the port has accepted a connection."""
    open: dict[str, _Answer] = field(default_factory=dict)
    """The last answer of the others."""

    def keep(self, addresses: Collection[str]) -> None:
        """Forget pods that are gone."""
        self.accepted.intersection_update(addresses)
        self.open = {address: answer for address, answer in self.open.items() if address in addresses}


class PortProbe:
    """Connects to the pods of revisions that are about to get users.

    Args:
        connect: opens a connection.
        clock: seconds that never go back.
        answer_within: seconds that a connection may take.
    """

    def __init__(
        self,
        connect: Connect = connect,
        *,
        clock: Callable[[], float] = time.monotonic,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._answer_within = answer_within
        self._known: dict[Key, dict[tuple[str, int], _Known]] = {}

    async def probe_pods(self, key: Key, revision: str, addresses: Collection[str], port: int) -> ReachFacts:
        """What the pods of a revision say to a connection.

        Args:
            key: the ModelDeployment; `forget` takes the same.
            revision: whose pods.
            addresses: IP addresses of its ready pods.
            port: on which they are to serve.
        """
        known = self._known.setdefault(key, {}).setdefault((revision, port), _Known())
        known.keep(addresses)
        now = self._clock()
        due = [
            address
            for address in sorted(set(addresses) - known.accepted)
            if (answer := known.open.get(address)) is None or not answer.stands(now=now)
        ][:AT_ONCE]
        for address, answer in zip(due, await asyncio.gather(*(self._ask(one, port) for one in due)), strict=True):
            known.open.pop(address, None)
            if answer is None:
                known.accepted.add(address)
            else:
                known.open[address] = answer
        return _facts(known, port)

    def forget(self, key: Key) -> None:
        """No release of this ModelDeployment is under way any more."""
        self._known.pop(key, None)

    async def before_weight(
        self, store: Store, deployment: ModelDeployment, state: State
    ) -> tuple[ReachFacts, ReachFacts]:
        """What the candidate's pods say before its next weight, and what stable's say where the candidate's refuse.

        Nobody is asked while a weight is in force or goes back, nor on the way back to a former stable revision.
        """
        key = Key(deployment.metadata.namespace, deployment.metadata.name)
        release, candidate, stable = state.release, state.candidate, state.stable
        if release is None or candidate is None:
            self.forget(key)
            return NOT_ASKED, NOT_ASKED
        if not _waits_for_weight(release) or (release.is_direct and stable is not None):
            return NOT_ASKED, NOT_ASKED
        mine = await self._of_revision(store, deployment, candidate)
        if stable is None or not mine.refused:
            return mine, NOT_ASKED
        return mine, await self._of_revision(store, deployment, stable)

    async def _of_revision(self, store: Store, deployment: ModelDeployment, reference: RevisionRef) -> ReachFacts:
        namespace, name = deployment.metadata.namespace, deployment.metadata.name
        addresses = ready_addresses(store, namespace, child_name(deployment, reference.revision))
        return await self.probe_pods(Key(namespace, name), reference.revision, addresses, reference.port)

    async def _ask(self, address: str, port: int) -> _Answer | None:
        """None where the connection was accepted."""
        try:
            async with asyncio.timeout(self._answer_within):
                await self._connect(address, port)
        except ConnectionRefusedError:
            return _Answer(self._clock(), refused=True, why="")
        except TimeoutError:
            return _Answer(self._clock(), refused=False, why=f"no answer within {self._answer_within:g} s")
        except OSError as error:
            return _Answer(self._clock(), refused=False, why=error.strerror or str(error) or type(error).__name__)
        return None


def _waits_for_weight(release: Release) -> bool:
    """Whether the candidate is about to get its first weight, or more than it has."""
    awaiting = release.phase is ReleasePhase.CANARY and release.traffic_since is None
    return awaiting or release.phase in {ReleasePhase.PREPARING, ReleasePhase.PROMOTING}


def _facts(known: _Known, port: int) -> ReachFacts:
    refused = sorted(address for address, answer in known.open.items() if answer.refused)
    silent = sorted((address, answer.why) for address, answer in known.open.items() if not answer.refused)
    if not (refused or silent):
        return NOT_ASKED
    return ReachFacts(
        refused=f"port {port} refuses connections at {_pods(refused)}: nothing listens on serving.port"
        if refused
        else "",
        unknown=f"whether port {port} accepts connections is not known at {_pods([one for one, _ in silent])}: "
        f"{silent[0][1]}"
        if silent
        else "",
    )


def _pods(addresses: list[str]) -> str:
    """Whose addresses they are: the first three, and how many others."""
    named = ", ".join(addresses[:AT_ONCE])
    others = f" and {len(addresses) - AT_ONCE} more" if len(addresses) > AT_ONCE else ""
    return f"{'pod' if len(addresses) == 1 else 'pods'} {named}{others}"
