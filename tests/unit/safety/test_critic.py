"""Odd moments that a hostile reader found: each is a small story with the end that the users are owed."""

from collections.abc import Iterable
from typing import Any

import pytest

from palier.api.constants import KIND, LABEL_REVISION
from palier.errors import Forbidden
from tests.support.cluster.memory import endpoint_slice
from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import Stage, canary

GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"]}}
SERVICE: dict[str, Any] = {"service": {}}
LONG: tuple[Stage, ...] = (canary(25, least="5m", most="10m"), canary(50))


def follow_front_service(life: Life) -> None:
    """The endpoints of the front Service are those of the revisions that it selects."""
    front = life.cluster.find("Service", "demo")
    if front is None:
        return
    only = front["spec"]["selector"].get(LABEL_REVISION)
    ready = sum(life.ready(revision) for revision in life.versions if only in {None, revision})
    life.cluster.put(endpoint_slice("demo", "demo", ready=ready))


async def run(life: Life, seconds: int) -> None:
    """The world goes on, with a front Service where there is one."""
    for _ in range(seconds):
        life.tick()
        follow_front_service(life)
        await life.look()
        await life.settle()


def set_traffic(life: Life, traffic: dict[str, Any]) -> None:
    """A person edits `spec.traffic`."""
    life.cluster.write({**life.body, "spec": {**life.body["spec"], "traffic": traffic}})


def selected_by_front_service(life: Life) -> str:
    """The only version that the front Service selects; empty where it selects the pods of all."""
    front = life.cluster.find("Service", "demo")
    assert front is not None
    return life.version_of(front["spec"]["selector"].get(LABEL_REVISION, ""))


async def test_an_aborted_first_revision_gets_no_traffic() -> None:
    """Its route could not be written before the abort; when it can be, nothing is sent to it and it is not stable."""
    life = Life()
    life.ask_for("1")
    life.cluster.refuse("HTTPRoute", "create", Forbidden("no routes today"))
    await life.run(5)
    life.annotate(abort=life.revisions["1"])
    await life.settle()
    life.cluster.refused.clear()
    await life.run(40)

    assert life.weights() == {}, life.story()
    assert life.serving() == ""
    assert life.outcome == ("1", "Aborted", "AbortRequested")
    assert not [name for kind, name in life.children() if kind == "Deployment"]


async def test_a_superseded_first_revision_gets_no_traffic() -> None:
    """The same where the spec asks for another version meanwhile: that one is the first to serve."""
    life = Life()
    life.ask_for("1")
    life.cluster.refuse("HTTPRoute", "create", Forbidden("no routes today"))
    await life.run(5)
    life.ask_for("2")
    await life.settle()
    life.cluster.refused.clear()
    await life.run(40)

    assert life.splits == [{"2": 100}], life.story()
    assert life.serving() == "2"


@pytest.mark.parametrize("role", ["former", "rolled back"])
async def test_a_service_goes_also_without_its_deployment(role: str) -> None:
    """Somebody has deleted the Deployment of a revision on its way out: nothing of it is left in the end."""
    if role == "former":
        life = await releasing(50)
        await life.until("2", 100)
        await life.run(2)
        gone = life.revisions["1"]
    else:
        life = await releasing(25)
        gone = life.revisions["2"]
        life.annotate(abort=gone)
        await life.run(2)
    life.cluster.vanish("Deployment", f"demo-{gone}")
    await life.run(60)

    assert not [name for _, name in life.children() if gone in name], life.story()


async def test_users_of_a_left_over_route_are_taken_back_too() -> None:
    """The spec goes on without a gateway in mid-canary, and the candidate is aborted: the old route sends it nobody."""
    life = await releasing(25, stages=LONG, replicas=4)
    set_traffic(life, SERVICE)
    life.annotate(abort=life.revisions["2"])
    await run(life, 20)

    assert life.share("2") == 0, life.story()
    assert life.share("1") == 100
    assert selected_by_front_service(life) == "1"
    assert life.outcome == ("2", "Aborted", "AbortRequested")


async def test_a_left_over_route_follows_what_is_stable() -> None:
    """Releases go on without a gateway: the old route never names a revision that is gone."""
    life = await serving(replicas=4)
    set_traffic(life, SERVICE)
    await run(life, 3)
    life.ask_for("2", spec={"traffic": SERVICE}, replicas=4, stages=[])
    await run(life, 60)

    assert life.serving() == "2", life.story()
    assert life.weights() == {life.revisions["2"]: 100}
    assert not life.cluster.find("Deployment", f"demo-{life.revisions['1']}")


async def test_a_revision_that_a_left_over_route_names_stays() -> None:
    """While the old route may not be written, what it names is not deleted."""
    life = await serving(replicas=4)
    set_traffic(life, SERVICE)
    await run(life, 3)
    life.cluster.refuse("HTTPRoute", "update", Forbidden("no routes today"))
    life.ask_for("2", spec={"traffic": SERVICE}, replicas=4, stages=[])
    await run(life, 60)
    first = life.revisions["1"]

    assert life.serving() == "2", life.story()
    assert life.share("1") == 100
    assert life.cluster.find("Service", f"demo-{first}")
    assert life.cluster.find("Deployment", f"demo-{first}")

    life.cluster.refused.clear()
    await run(life, 60)
    assert life.share("2") == 100
    assert not life.cluster.find("Service", f"demo-{first}")


async def test_a_left_over_front_service_never_selects_a_candidate() -> None:
    """The spec gets a gateway in mid-canary: users of the old Service meet no candidate, this one or a later one."""
    life = Life()
    life.ask_for("1", spec={"traffic": SERVICE}, replicas=4)
    await run(life, 10)
    life.ask_for("2", spec={"traffic": SERVICE}, replicas=4, stages=LONG)
    await run(life, 8)
    set_traffic(life, GATEWAY)
    await run(life, 3)

    assert selected_by_front_service(life) == "1", life.story()


def replicas_of(life: Life, versions: Iterable[str]) -> dict[str, int]:
    """Ready pods by version."""
    return {version: life.ready(life.revisions[version]) for version in versions}


@pytest.mark.parametrize("policy", ["Hold", "SendToCandidate"])
async def test_it_is_stable_that_is_missing_and_not_the_gateway(policy: str) -> None:
    """Stable dies while the candidate waits for its next share: the status says so, and blames no gateway."""
    stages = (canary(25, least="3s", most="60s"), canary(50))
    life = await releasing(25, stages=stages, replicas=4, onStableUnavailable=policy)
    life.most_ready["2"] = 1
    await life.run(8)
    life.most_ready["1"] = 0
    await life.run(2)
    life.most_ready.pop("2")
    await life.run(20)

    assert life.said("Ready")["reason"] == "StableUnavailable", life.story()
    assert "gateway" not in life.words()
    assert life.share("2") == 25

    life.most_ready.pop("1")
    await life.run(2)
    assert 0 < life.share("1") < 100, life.story()
    await life.run(60)
    assert life.serving() == "2"
    assert replicas_of(life, "2") == {"2": 4}


async def test_an_unreadable_part_of_the_status_is_told_once() -> None:
    """It may stay there, because somebody else's field manager owns it: a pass a second makes no Event a second."""
    life = await serving()
    life.set_status({**life.status, "former": 5})
    told = len(life.cluster.events)
    await life.run(30)

    assert [reason for _, reason, _ in life.cluster.events[told:]] == ["StatusUnreadable"]


async def test_a_promotion_that_cannot_be_remembered_is_not_written_again_and_again() -> None:
    """The candidate has everybody and the status may not be written: the mark on its Deployment backs off."""
    life = await releasing(50, stages=(canary(50),))
    for _ in range(100):
        life.tick(0.2)
        await life.look()
        await life.one_pass()
        if life.share("2") == 100:
            break
    life.cluster.refuse(KIND, "status", Forbidden("no status today"))
    before = life.cluster.requests
    await life.run(60, idly=True)

    assert life.share("2") == 100, life.story()
    assert life.cluster.requests - before < 15

    life.cluster.refused.clear()
    await life.run(40)
    assert life.serving() == "2"


async def test_the_grace_of_a_lost_candidate_outlives_a_clock_that_is_set_back() -> None:
    """Its pods are gone when the wall clock is set back by an hour: the release ends a minute later, not an hour."""
    life = await releasing(25, stages=LONG)
    life.most_ready["2"] = 0
    await life.run(3)
    life.now -= 3600
    await life.run(70)

    assert life.outcome == ("2", "RolledBack", "CandidateUnavailable"), life.story()


async def test_a_spec_that_became_unreadable_keeps_no_bad_candidate_in_traffic() -> None:
    """The template is odd now: the status says where, nothing goes forward, and a breach is answered all the same."""
    life = await releasing(25, stages=LONG)
    serving_part = life.body["spec"]["serving"]
    odd = {**serving_part, "template": {"spec": {"containers": "none"}}}
    life.cluster.write({**life.body, "spec": {**life.body["spec"], "serving": odd}})
    await life.run(5)
    assert life.share("2") == 25, life.story()
    assert "InvalidSpec" in life.words(), life.story()

    life.fails["2"] = 0.5
    await life.run(30)

    assert life.share("2") == 0, life.story()
    assert life.outcome[1] == "RolledBack", life.story()
    assert "spec.serving.template" in life.words(), life.story()
