"""Leadership: never two at a time, handed over on exit, given up when it cannot be renewed."""

import asyncio
import contextlib
import copy
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from palier.cluster.kinds import Reference
from palier.cluster.lease import DURATION, RENEW_DEADLINE, Lease, lease_of
from palier.errors import Conflict, LeadershipLost, Unavailable
from palier.settings import Settings
from tests.unit.cluster.conftest import in_faked_time

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(name="in_faked_time")
def in_faked_time_of_a_running_machine() -> Run:
    """Faked time of a machine that has been up for a while: its clock does not begin at zero."""

    async def later(scenario: Coroutine[Any, Any, Any]) -> object:
        await asyncio.sleep(100_000)
        return await scenario

    return lambda scenario: in_faked_time(later(scenario))


class OneObject:
    """A cluster that keeps one object with the API server's rules for resource versions."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.broken = False
        self.slowness = 0.0
        self.swallows_answers = False

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """Read the object."""
        assert reference.kind == "Lease"
        await self._travel()
        return copy.deepcopy(self.stored)

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create the object unless it exists."""
        await self._travel()
        if self.stored is not None:
            raise Conflict("exists")
        return self._store(manifest, version=1)

    async def replace(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the object unless it changed."""
        await self._travel()
        assert self.stored is not None
        version = self.stored["metadata"]["resourceVersion"]
        if manifest["metadata"]["resourceVersion"] != version:
            raise Conflict("changed")
        answer = self._store(manifest, version=int(version) + 1)
        if self.swallows_answers:
            self.swallows_answers = False
            raise Unavailable("the connection broke after the write")
        return answer

    async def _travel(self) -> None:
        await asyncio.sleep(self.slowness)
        if self.broken:
            raise Unavailable("the API server is down")

    def _store(self, manifest: Mapping[str, Any], *, version: int) -> dict[str, Any]:
        stored = copy.deepcopy(dict(manifest))
        stored["metadata"]["resourceVersion"] = str(version)
        self.stored = stored
        return copy.deepcopy(stored)

    @property
    def holder(self) -> str:
        """Who holds the Lease."""
        assert self.stored is not None
        return str(self.stored["spec"]["holderIdentity"])


class Namespace:
    """A cluster that keeps the Leases of one namespace."""

    def __init__(self) -> None:
        self.leases: dict[str, OneObject] = {}

    async def get(self, reference: Reference) -> dict[str, Any] | None:
        """Read the Lease of that name."""
        return await self.leases.setdefault(reference.name, OneObject()).get(reference)

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create the Lease of that name."""
        return await self.leases[manifest["metadata"]["name"]].create(manifest)

    async def replace(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the Lease of that name."""
        return await self.leases[manifest["metadata"]["name"]].replace(manifest)


def lease(cluster: OneObject, identity: str) -> Lease:
    """One replica."""
    return Lease(cluster, namespace="palier", name="palier", identity=identity)


def now() -> float:
    """The faked time."""
    return asyncio.get_running_loop().time()


async def lead(replica: Lease) -> None:
    """Acquire and keep."""
    await replica.acquire()
    await replica.keep()


@contextlib.asynccontextmanager
async def leading(replica: Lease) -> Any:  # noqa: ANN401 - an async generator
    """A replica that leads until the block ends, as if it were killed then."""
    await replica.acquire()
    task = asyncio.create_task(replica.keep())
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, LeadershipLost):
        await task


def test_second_replica_waits(in_faked_time: Run) -> None:
    """While one renews, another stands by for as long as it takes."""

    async def scenario() -> None:
        cluster = OneObject()
        async with leading(lease(cluster, "one")):
            standby = asyncio.create_task(lead(lease(cluster, "two")))
            await asyncio.sleep(3600)
            assert cluster.holder == "one"
            assert not standby.done()
            standby.cancel()

    in_faked_time(scenario())


def test_killed_leader_is_replaced_after_its_lease_ran_out(in_faked_time: Run) -> None:
    """After a kill the lead changes hands, but not before the duration has passed since the last renewal."""

    async def scenario() -> float:
        cluster = OneObject()
        async with leading(lease(cluster, "one")):
            standby = asyncio.create_task(lease(cluster, "two").acquire())
            await asyncio.sleep(61)
        killed = now()
        await standby
        assert cluster.holder == "two"
        return now() - killed

    waited = in_faked_time(scenario())
    assert DURATION - 2 <= waited <= DURATION + 4


def test_released_lead_is_taken_at_once(in_faked_time: Run) -> None:
    """On an orderly exit the next replica need not wait for the duration."""

    async def scenario() -> float:
        cluster, one = OneObject(), None
        one = lease(cluster, "one")
        async with leading(one):
            standby = asyncio.create_task(lease(cluster, "two").acquire())
            await asyncio.sleep(60)
        released = now()
        await one.release()
        await standby
        assert cluster.holder == "two"
        return now() - released

    assert in_faked_time(scenario()) <= 2


def test_release_without_the_lead_changes_nothing(in_faked_time: Run) -> None:
    """A replica that never led lets go of nothing."""

    async def scenario() -> str:
        cluster = OneObject()
        await lease(cluster, "one").acquire()
        await lease(cluster, "two").release()
        return cluster.holder

    assert in_faked_time(scenario()) == "one"


@pytest.mark.parametrize("slowness", [0.0, 60.0])
def test_leader_that_cannot_renew_stops_before_another_may_start(in_faked_time: Run, slowness: float) -> None:
    """Whether the API server fails or hangs: the leader stops within the renew deadline, which is before the expiry."""

    async def scenario() -> float:
        cluster, one = OneObject(), None
        one = lease(cluster, "one")
        await one.acquire()
        since = now()
        cluster.broken, cluster.slowness = not slowness, slowness
        with pytest.raises(LeadershipLost, match="could not be renewed"):
            await one.keep()
        return now() - since

    assert in_faked_time(scenario()) <= RENEW_DEADLINE < DURATION


def test_short_outage_costs_no_leadership(in_faked_time: Run) -> None:
    """A few failed renewals are waited out."""

    async def scenario() -> bool:
        cluster = OneObject()
        async with leading(lease(cluster, "one")) as keeping:
            for _ in range(10):
                cluster.broken = True
                await asyncio.sleep(6)
                cluster.broken = False
                await asyncio.sleep(6)
            return bool(keeping.done())

    assert in_faked_time(scenario()) is False


def test_renewal_whose_answer_was_lost_costs_no_leadership(in_faked_time: Run) -> None:
    """The conflict with our own renewal is recognised."""

    async def scenario() -> bool:
        cluster = OneObject()
        async with leading(lease(cluster, "one")) as keeping:
            await asyncio.sleep(5)
            cluster.swallows_answers = True
            await asyncio.sleep(60)
            return bool(keeping.done())

    assert in_faked_time(scenario()) is False


def test_leader_that_was_replaced_stops(in_faked_time: Run) -> None:
    """A leader that finds another holder in the Lease stops at its next renewal."""

    async def scenario() -> float:
        cluster, one = OneObject(), None
        one = lease(cluster, "one")
        await one.acquire()
        assert cluster.stored is not None
        taken = copy.deepcopy(cluster.stored)
        taken["spec"]["holderIdentity"] = "two"
        await cluster.replace(taken)
        since = now()
        with pytest.raises(LeadershipLost, match="taken by another"):
            await one.keep()
        return now() - since

    assert in_faked_time(scenario()) <= 2


def test_of_many_replicas_one_leads(in_faked_time: Run) -> None:
    """However many start in the same instant, one acquires."""

    async def scenario() -> int:
        cluster = OneObject()
        cluster.slowness = 0.01
        tasks = [asyncio.create_task(lead(lease(cluster, str(number)))) for number in range(5)]
        await asyncio.sleep(120)
        assert cluster.stored is not None
        transitions = int(cluster.stored["spec"]["leaseTransitions"])
        for task in tasks:
            task.cancel()
        return transitions

    assert in_faked_time(scenario()) == 0


def test_lease_waits_out_an_outage_before_it_leads(in_faked_time: Run) -> None:
    """A standby that cannot reach the API server keeps trying."""

    async def scenario() -> str:
        cluster = OneObject()
        cluster.broken = True
        acquiring = asyncio.create_task(lease(cluster, "one").acquire())
        await asyncio.sleep(600)
        cluster.broken = False
        await acquiring
        return cluster.holder

    assert in_faked_time(scenario()) == "one"


def test_installations_in_one_namespace_have_leases_of_their_own(in_faked_time: Run) -> None:
    """Replicas of one installation agree on a leader; another installation does not keep them from acting."""

    def replica(name: str) -> Lease:
        settings = Settings(prometheus_url="http://p:9090", lease_namespace="palier-system", lease_name=name)
        return lease_of(cluster, settings)

    async def scenario() -> None:
        async with leading(replica("team-a")), leading(replica("team-b")):
            standby = asyncio.create_task(lead(replica("team-b")))
            await asyncio.sleep(3600)
            assert not standby.done()
            standby.cancel()
            holders = {name: lease.holder for name, lease in cluster.leases.items()}
            assert holders.keys() == {"team-a", "team-b"}
            assert holders["team-a"] != holders["team-b"]

    cluster = Namespace()
    in_faked_time(scenario())
