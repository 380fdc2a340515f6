"""A connection to the port that users will meet: what is accepted, what is refused, and what says nothing."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from palier.cluster.queue import Key
from palier.cluster.reach import AT_ONCE, REFUSED_AGAIN_AFTER, UNKNOWN_AGAIN_AFTER, PortProbe
from palier.cluster.store import Store
from palier.release.reach import NOT_ASKED, hold_for_reach
from palier.release.state import ReleasePhase, State
from tests.support.cluster.memory import MemoryCluster, endpoint_slice
from tests.support.release.examples import CANDIDATE, STABLE, first, releasing, serving
from tests.support.release.world import model_deployment

KEY = Key("ml", "demo")
REVISION = "aaaaaaaaaa"


def _socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        found = socket.socket(family)
        found.bind((address, 0))
    except OSError:
        pytest.skip(f"this machine has no {address}")
    return found


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """An address with a port on which somebody listens."""
    with _socket(request.param) as found:
        found.listen()
        yield request.param, found.getsockname()[1]


@pytest.fixture(params=["127.0.0.1", "::1"])
def closed(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """An address with a port that belongs to somebody who does not listen."""
    with _socket(request.param) as found:
        yield request.param, found.getsockname()[1]


@dataclass
class Pods:
    """Pods of a cluster that answer as told, with a clock that moves as told."""

    answers: dict[str, BaseException | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = 1000.0

    async def connect(self, address: str, _port: int) -> None:
        """Answer."""
        self.asked.append(address)
        if (answer := self.answers.get(address)) is not None:
            raise answer

    def probe(self) -> PortProbe:
        """A probe that asks these pods."""
        return PortProbe(self.connect, clock=lambda: self.now)


async def test_a_port_that_somebody_listens_on_is_reached(listener: tuple[str, int]) -> None:
    """A real socket, by IPv4 and by IPv6: nothing speaks against the revision."""
    address, port = listener

    assert await PortProbe().probe_pods(KEY, REVISION, {address}, port) == NOT_ASKED


async def test_a_port_without_a_listener_refuses(closed: tuple[str, int]) -> None:
    """A real socket again: the sentence names the port and the pod."""
    address, port = closed

    facts = await PortProbe().probe_pods(KEY, REVISION, {address}, port)

    assert facts.refused == f"port {port} refuses connections at pod {address}: nothing listens on serving.port"
    assert facts.unknown == ""


async def test_a_pod_that_begins_to_listen_is_reached() -> None:
    """A refusal does not stand for ever: the program may have been starting."""
    now = 0.0
    with _socket("127.0.0.1") as found:
        port = found.getsockname()[1]
        probe = PortProbe(clock=lambda: now)
        before = await probe.probe_pods(KEY, REVISION, {"127.0.0.1"}, port)
        found.listen()
        now = REFUSED_AGAIN_AFTER
        after = await probe.probe_pods(KEY, REVISION, {"127.0.0.1"}, port)

    assert (bool(before.refused), after) == (True, NOT_ASKED)


async def test_a_connection_that_takes_too_long_proves_nothing() -> None:
    """A network policy may keep the operator from the pods: it is told, and is no refusal."""

    async def never(_address: str, _port: int) -> None:
        await asyncio.Event().wait()

    facts = await PortProbe(never, answer_within=0.01).probe_pods(KEY, REVISION, {"10.0.0.7"}, 8080)

    assert facts.refused == ""
    assert facts.unknown == (
        "whether port 8080 accepts connections is not known at pod 10.0.0.7: no answer within 0.01 s"
    )


async def test_no_way_to_a_pod_proves_nothing() -> None:
    """Nor does a missing route; the system's own word for it is told."""
    pods = Pods({"10.0.0.7": OSError(errno.EHOSTUNREACH, "No route to host")})

    facts = await pods.probe().probe_pods(KEY, REVISION, {"10.0.0.7"}, 8080)

    assert (facts.refused, facts.unknown.endswith("10.0.0.7: No route to host")) == ("", True)


async def test_what_was_accepted_is_not_asked_again() -> None:
    """Only pods that are new are asked, and the same pod on another port, or of another object."""
    pods = Pods()
    probe = pods.probe()
    for _ in range(3):
        pods.now += 3600
        await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080)
    await probe.probe_pods(KEY, REVISION, {"10.0.0.1", "10.0.0.2"}, 8080)
    assert pods.asked == ["10.0.0.1", "10.0.0.2"]

    await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8081)
    await probe.probe_pods(Key("ml", "other"), REVISION, {"10.0.0.1"}, 8080)
    assert pods.asked[2:] == ["10.0.0.1", "10.0.0.1"]


@pytest.mark.parametrize(
    ("answer", "again_after"),
    [(ConnectionRefusedError(), REFUSED_AGAIN_AFTER), (TimeoutError(), UNKNOWN_AGAIN_AFTER)],
)
async def test_no_pod_is_asked_in_every_pass(answer: BaseException, again_after: float) -> None:
    """The last answer stands for some seconds, however often a release is looked at."""
    pods = Pods({"10.0.0.1": answer})
    probe = pods.probe()
    first = await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080)
    pods.now += again_after - 0.1
    assert await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080) == first
    assert len(pods.asked) == 1

    pods.now += 0.1
    await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080)
    assert len(pods.asked) == 2


async def test_a_few_pods_are_asked_in_one_pass_and_at_the_same_time() -> None:
    """Ten pods that say nothing cost one second, not ten, and every one of them gets its turn."""
    waiting, most = 0, 0

    async def never(_address: str, _port: int) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        try:
            await asyncio.Event().wait()
        finally:
            waiting -= 1

    pods = {f"10.0.0.{number}" for number in range(10)}
    probe = PortProbe(never, clock=lambda: 0.0, answer_within=0.01)
    first = await probe.probe_pods(KEY, REVISION, pods, 8080)
    assert most == AT_ONCE
    assert "at pods 10.0.0.0, 10.0.0.1, 10.0.0.2: " in first.unknown

    for _ in range(3):
        facts = await probe.probe_pods(KEY, REVISION, pods, 8080)
    assert "at pods 10.0.0.0, 10.0.0.1, 10.0.0.2 and 7 more: " in facts.unknown


async def test_pods_that_are_gone_are_forgotten() -> None:
    """A refusal of a pod that was replaced says nothing about the next one; nor does its address for ever."""
    pods = Pods({"10.0.0.1": ConnectionRefusedError()})
    probe = pods.probe()
    await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080)
    assert await probe.probe_pods(KEY, REVISION, {"10.0.0.2"}, 8080) == NOT_ASKED

    await probe.probe_pods(KEY, REVISION, set(), 8080)
    await probe.probe_pods(KEY, REVISION, {"10.0.0.2"}, 8080)
    assert pods.asked == ["10.0.0.1", "10.0.0.2", "10.0.0.2"]


async def test_after_the_release_everything_is_forgotten() -> None:
    """The next release of the same object asks anew."""
    pods = Pods()
    probe = pods.probe()
    forget: list[Callable[[], None]] = [lambda: None, lambda: probe.forget(KEY), lambda: probe.forget(KEY)]
    for done in forget:
        await probe.probe_pods(KEY, REVISION, {"10.0.0.1"}, 8080)
        done()

    assert len(pods.asked) == 2


def _store() -> Store:
    """A cluster with one ready pod of stable and one of the candidate."""
    cluster, store = MemoryCluster(), Store()
    for revision in (STABLE, CANDIDATE):
        cluster.put(endpoint_slice(f"demo-{revision}", "demo", ready=1))
    cluster.tell(store)
    return store


STABLES, CANDIDATES = f"demo-{STABLE}.a.0", f"demo-{CANDIDATE}.a.0"
"""The addresses of the two pods."""


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (releasing(ReleasePhase.PREPARING), True),
        (releasing(ReleasePhase.CANARY, index=1, traffic_since=None), True),
        (releasing(ReleasePhase.PROMOTING), True),
        (first(ReleasePhase.PREPARING), True),
        (releasing(ReleasePhase.CANARY), False),
        (releasing(ReleasePhase.ROLLING_BACK), False),
        (releasing(ReleasePhase.PROMOTING, plan=(), cursor=0), False),
        (serving(), False),
    ],
    ids=["first weight", "next weight", "all", "first revision", "in force", "rollback", "way back", "no release"],
)
async def test_a_candidate_is_asked_before_a_weight_and_at_no_other_time(state: State, *, asked: bool) -> None:
    """Nothing that goes back waits for an answer."""
    pods = Pods()
    facts = await pods.probe().before_weight(_store(), model_deployment(), state)

    assert facts == (NOT_ASKED, NOT_ASKED)
    assert pods.asked == ([CANDIDATES] if asked else [])


async def test_a_candidate_that_refuses_is_held_while_stable_accepts() -> None:
    """The pods that serve the users show that the network lets the operator through."""
    pods = Pods({CANDIDATES: ConnectionRefusedError()})
    mine, theirs = await pods.probe().before_weight(_store(), model_deployment(), releasing(ReleasePhase.PREPARING))

    assert pods.asked == [CANDIDATES, STABLES]
    hold = hold_for_reach(mine, stable=theirs)
    assert hold is not None
    assert CANDIDATES in hold.message


async def test_a_network_that_refuses_the_operator_holds_nobody() -> None:
    """Where stable's pods refuse as well, it is not the candidate's fault."""
    pods = Pods({CANDIDATES: ConnectionRefusedError(), STABLES: ConnectionRefusedError()})
    mine, theirs = await pods.probe().before_weight(_store(), model_deployment(), releasing(ReleasePhase.PREPARING))

    assert hold_for_reach(mine, stable=theirs) is None


async def test_a_first_revision_that_refuses_is_held() -> None:
    """Nobody stands beside it."""
    pods = Pods({CANDIDATES: ConnectionRefusedError()})
    mine, theirs = await pods.probe().before_weight(_store(), model_deployment(), first(ReleasePhase.PREPARING))

    assert (pods.asked, bool(hold_for_reach(mine, stable=theirs))) == ([CANDIDATES], True)


async def test_the_end_of_a_release_forgets_what_was_asked() -> None:
    """Without a release there is nothing to remember."""
    pods = Pods()
    probe, store, deployment = pods.probe(), _store(), model_deployment()
    for state in (releasing(ReleasePhase.PREPARING), serving(), releasing(ReleasePhase.PREPARING)):
        await probe.before_weight(store, deployment, state)

    assert pods.asked == [CANDIDATES, CANDIDATES]
