"""Fault 10: an object is known by its uid, memory has bounds, and no clock that is set back stops a step."""

import pytest

from palier.api.constants import KIND
from palier.errors import Forbidden, Invalid
from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import canary


@pytest.mark.parametrize("error", [Invalid, Forbidden])
async def test_an_object_that_was_made_again_is_a_new_object(error: type[Forbidden | Invalid]) -> None:
    """It was refused, deleted and made again before any worker was free: the new one is not told to wait."""
    life = Life()
    life.cluster.refuse("Deployment", "create", error("admission policy: not on Fridays"))
    life.ask_for("1")
    await life.run(3)
    assert "not on Fridays" in life.words(), life.story()
    life.cluster.refused.clear()
    old = life.body["metadata"]["uid"]
    assert life.make_anew()["metadata"]["uid"] != old
    await life.one_pass()

    assert [name for kind, _, name in life.cluster.objects if kind == "Deployment"], (
        "nothing was made in the first pass"
    )
    await life.run(10)
    assert life.serving() == "1", life.story()


async def test_an_object_that_was_made_again_is_told_of_a_mistake_of_its_own() -> None:
    """The same for a spec that is refused again: the new object says so too."""
    life = Life()
    life.cluster.refuse("Deployment", "create", Invalid("spec.template: Invalid value"))
    life.ask_for("1")
    await life.run(3)
    life.make_anew()
    assert life.words() == ""
    await life.run(1)

    assert "spec.template: Invalid value" in life.words(), life.story()


async def test_children_of_the_object_before_are_not_taken_for_its_own() -> None:
    """The garbage collector has not come by yet; when it does, the new object makes what it needs."""
    life = await serving()
    left = life.children()
    life.lenient = True
    life.make_anew()
    await life.run(2)
    for kind, name in left:
        if life.cluster.find(kind, name):
            life.cluster.vanish(kind, name)
    await life.run(40)

    assert life.serving() == "1", life.story()
    assert life.share("1") == 100
    uid = life.body["metadata"]["uid"]
    for kind in ("Deployment", "Service", "HTTPRoute"):
        owners = [
            owner["uid"]
            for (of, _, _), obj in life.cluster.objects.items()
            if of == kind
            for owner in obj["metadata"].get("ownerReferences", ())
        ]
        assert set(owners) == {uid}, kind


@pytest.mark.parametrize("drain_delay", ["10m", "2s"])
async def test_forty_quick_edits_leave_the_status_writable(drain_delay: str) -> None:
    """Each is a release that is superseded and leaves pods that drain: more than the status can hold."""
    life = await serving(drainDelay=drain_delay)
    for number in range(40):
        life.ask_for(f"2.{number}", drainDelay=drain_delay)
        await life.run(1)
        life.tick(0.1)
        await life.settle()
    assert life.raised == [], life.raised[-1:]
    life.ask_for("3", drainDelay=drain_delay)
    await life.run(60)

    assert life.raised == []
    assert life.serving() == "3", life.story()
    assert life.status["observedGeneration"] == life.body["metadata"]["generation"]
    assert "Invalid" not in life.words()


async def test_what_forty_quick_edits_leave_goes_in_the_end() -> None:
    """No pod of them is forgotten."""
    life = await serving(drainDelay="1m")
    for number in range(40):
        life.ask_for(f"2.{number}", drainDelay="1m")
        await life.run(1)
    life.ask_for("1", drainDelay="1m")
    await life.run(150)

    left = {name for kind, _, name in life.cluster.objects if kind == "Deployment"}
    assert left == {f"demo-{life.revisions['1']}"}, life.story()


@pytest.mark.parametrize("back", [3600, 60, 1])
async def test_a_clock_that_is_set_back_freezes_no_easing_step(back: int) -> None:
    """50 % went to 1 %, then NTP corrects the wall clock: half a second later nobody is left."""
    life = await releasing(50, stages=(canary(50, least="5m", most="10m"),))
    life.annotate(abort=life.revisions["2"])
    life.tick(1)
    await life.settle()
    assert life.share("2") == 1, life.story()
    life.now -= back
    life.tick(0.6)
    await life.one_pass()

    assert life.share("2") == 0, life.story()


async def test_a_clock_that_is_set_back_stops_no_rise() -> None:
    """The same on the way up: from 1 % to the weight of the stage."""
    life = await serving()
    life.ask_for("2")
    for _ in range(20):
        life.tick(0.25)
        await life.look()
        await life.settle()
        if life.share("2") == 1:
            break
    assert life.share("2") == 1, life.story()
    life.now -= 3600
    await life.run(2)

    assert life.share("2") == 5, life.story()


@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_a_clock_that_jumps_ends_no_release(jump: int) -> None:
    """In the middle of a canary: it goes on to its end."""
    life = await releasing(25)
    life.now += jump
    await life.run(3)
    assert life.release, life.story()
    assert life.share("2") in {25, 50}

    await life.run(60)
    if jump > 0:
        assert life.serving() == "2", life.story()
    assert life.share("2") >= 25, life.story()


async def test_a_clock_that_was_set_back_stops_no_breach() -> None:
    """A candidate that fails is taken back, whatever time it is."""
    life = await releasing(25)
    life.now -= 3600
    life.fails["2"] = 0.5
    life.most_ready["2"] = 0
    await life.run(2)

    assert life.share("2") == 0, life.story()
    assert life.cluster.find(KIND, "demo")
