"""Fault 3: a field of somebody else in the route is left alone, and stops nothing."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from palier.errors import Forbidden
from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import canary

NO_HOSTNAMES: dict[str, Any] = {"traffic": {"gateway": {"parentRefs": [{"name": "public"}]}}}
Change = Callable[[dict[str, Any]], None]


def _first_rule(spec: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = spec["rules"][0]
    return rule


def _first_backend(spec: dict[str, Any]) -> dict[str, Any]:
    backend: dict[str, Any] = _first_rule(spec)["backendRefs"][0]
    return backend


CHANGES: dict[str, Change] = {
    "a hostname": lambda spec: spec.update(hostnames=["added.example.com"]),
    "an unknown field": lambda spec: spec.update(useDefaultGateways="All"),
    "an unknown field of the rule": lambda spec: _first_rule(spec).update(futureField={"of": "a newer API"}),
    "a retry policy": lambda spec: _first_rule(spec).update(retry={"codes": [503], "attempts": 2}),
    "a session persistence": lambda spec: _first_rule(spec).update(sessionPersistence={"type": "Cookie"}),
    "a field of a backend": lambda spec: _first_backend(spec).update(futureField=True),
    "a timeout": lambda spec: _first_rule(spec).setdefault("timeouts", {}).update(backendRequest="30s"),
}


def webhook(change: Change) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A mutating webhook, or a default of a newer Gateway API: it is there after every write."""

    def changed(obj: dict[str, Any]) -> dict[str, Any]:
        if obj["kind"] != "HTTPRoute":
            return obj
        obj = copy.deepcopy(obj)
        change(obj["spec"])
        return obj

    return changed


async def hundred_passes(life: Life) -> int:
    """Passes of an operator that is called again and again; how often it wrote the route."""
    before, written = life.cluster.requests, 0
    for number in range(100):
        version = (life.cluster.find("HTTPRoute", "demo") or {})["metadata"]["resourceVersion"]
        await life.one_pass()
        written += version != (life.cluster.find("HTTPRoute", "demo") or {})["metadata"]["resourceVersion"]
        if number % 10 == 9:
            life.tick(1)
    assert life.cluster.requests - before <= 20, f"{life.cluster.requests - before} writes in a hundred passes"
    return written


@pytest.mark.parametrize("what", CHANGES)
async def test_a_webhook_makes_no_hot_loop(what: str) -> None:
    """A stable version serves: whatever the webhook adds, a hundred passes write next to nothing."""
    life = Life()
    life.cluster.mutate = webhook(CHANGES[what])
    life.ask_for("1", spec=NO_HOSTNAMES)
    await life.run(10)
    assert life.share("1") == 100, life.story()

    assert await hundred_passes(life) == 0
    assert life.serving() == "1", life.story()


@pytest.mark.parametrize("what", CHANGES)
async def test_a_webhook_that_comes_later_makes_no_hot_loop(what: str) -> None:
    """The same in the middle of a canary."""
    life = await releasing(25, stages=(canary(25, least="10m", most="30m"),), spec=NO_HOSTNAMES)
    life.cluster.mutate = webhook(CHANGES[what])
    life.cluster.write(life.cluster.objects["HTTPRoute", "ml", "demo"])

    await hundred_passes(life)
    assert life.share("2") == 25


@pytest.mark.parametrize("what", CHANGES)
async def test_a_rollback_reaches_nothing_all_the_same(what: str) -> None:
    """The candidate is aborted: next to nobody in one pass, nobody half a second later."""
    life = await serving(spec=NO_HOSTNAMES)
    life.cluster.mutate = webhook(CHANGES[what])
    life.ask_for("2", stages=(canary(50, least="5m", most="10m"),), spec=NO_HOSTNAMES)
    for _ in range(10):
        life.tick(1)
        await life.look()
        for _ in range(10):
            await life.one_pass()
    assert life.share("2") == 50, life.story()
    life.annotate(abort=life.revisions["2"])
    life.tick(1)
    await life.one_pass()
    assert life.share("2") == 1, life.story()
    for _ in range(8):  # an operator that is called ten times a second
        life.tick(0.1)
        await life.one_pass()

    assert life.share("2") == 0, life.story()
    for _ in range(10):
        await life.one_pass()
    assert life.outcome[1] == "Aborted" or life.release["step"] == "RollingBack"


@pytest.mark.parametrize("what", CHANGES)
async def test_a_whole_release_under_a_webhook(what: str) -> None:
    """Each stage is reached and passed; the operator comes to rest after every second."""
    life = await serving(spec=NO_HOSTNAMES)
    life.cluster.mutate = webhook(CHANGES[what])
    life.ask_for("2", spec=NO_HOSTNAMES)
    await life.run(60)

    assert life.serving() == "2", life.story()
    assert [split.get("2", 0) for split in life.splits if "2" in split] == [1, 5, 25, 50, 99, 100]


@pytest.mark.parametrize("what", ["a hostname", "an unknown field"])
async def test_a_persons_field_stays(what: str) -> None:
    """A field that is not Palier's is left to whoever wrote it, also over the next weights."""
    life = await releasing(5, spec=NO_HOSTNAMES)
    route = copy.deepcopy(life.cluster.objects["HTTPRoute", "ml", "demo"])
    CHANGES[what](route["spec"])
    life.cluster.write(route)
    await life.run(60)
    assert life.serving() == "2", life.story()
    spec = life.cluster.objects["HTTPRoute", "ml", "demo"]["spec"]

    assert {"hostnames", "useDefaultGateways"} & spec.keys(), "what a person added is still there"


async def test_a_weight_that_a_person_changed_is_put_right() -> None:
    """The weights are Palier's: a hand in them does not last."""
    life = await releasing(25, stages=(canary(25, least="10m", most="30m"),))
    route = copy.deepcopy(life.cluster.objects["HTTPRoute", "ml", "demo"])
    for backend, weight in zip(route["spec"]["rules"][0]["backendRefs"], (10, 90), strict=True):
        backend["weight"] = weight
    life.cluster.write(route)
    await life.run(4)

    assert life.share("2") == 25, life.story()


async def test_a_route_that_is_refused_for_good_is_not_written_at_once_again() -> None:
    """Every repeated action backs off: a hundred passes at one instant are no hundred writes."""
    life = await releasing(50)
    life.cluster.refuse("HTTPRoute", "update", Forbidden("no routes today"))
    life.annotate(abort=life.revisions["2"])
    life.tick(1)
    rests = [await life.one_pass() for _ in range(10)]

    assert all(rest is None or rest > 0 for rest in rests[3:]), rests
