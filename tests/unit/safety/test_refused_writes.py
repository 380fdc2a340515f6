"""Fault 2: whatever else is refused, a candidate that must go is out of the traffic at once, and all of it is told."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from palier.api.constants import KIND
from palier.errors import ClusterError, Conflict, Forbidden, Invalid, Unavailable
from tests.support.safety.api_server import ANY
from tests.support.safety.life import Life, releasing, serving
from tests.support.safety.specs import AGREEMENT, ERRORS, SHADOW, canary, experiment
from tests.support.thorough import some_of

SETTLES = 0.6
"""Seconds: a weight that goes to nothing stays at 1 % for half a second."""
ERRORS_OF_THE_API: tuple[type[ClusterError], ...] = (Forbidden, Invalid, Unavailable, Conflict)
WRITES = [
    ("Deployment", "create"),
    ("Deployment", "update"),
    ("Deployment", "delete"),
    ("Service", "create"),
    ("Service", "update"),
    ("Service", "delete"),
    ("ConfigMap", ANY),
    ("Job", ANY),
    ("PodDisruptionBudget", ANY),
    ("Event", "create"),
    (KIND, "status"),
    (ANY, "create"),
    (ANY, "update"),
    (ANY, "delete"),
    (ANY, "status"),
    (ANY, ANY),
]
FAULTS = ["breach", "abort", "no pods", "superseded"]


LONG = (canary(50, least="5m", most="20m"),)


MADE: dict[str, Life] = {}
"""The beginning of a story that many tests share, so that it is lived only once."""


async def crowded(share: int, *, stages: Sequence[Mapping[str, Any]] = LONG) -> Life:
    """Version 2 has a share, version 0 is kept warm, and version 9, which was asked for by mistake, waits to go."""
    about = f"{share} {stages}"
    if about not in MADE:
        MADE[about] = await _crowded(share, stages)
    return await MADE[about].twin()


async def _crowded(share: int, stages: Sequence[Mapping[str, Any]]) -> Life:
    rules = {"rollbackWindow": "1h", "drainDelay": "20s"}
    life = Life()
    life.ask_for("0", **rules)
    await life.run(5)
    life.ask_for("1", stages=(canary(50),), **rules)
    await life.run(20)
    assert life.serving() == "1", life.story()
    life.ask_for("9", stages=stages, **rules)
    await life.run(1)
    life.ask_for("2", stages=stages, **rules)
    await life.until("2", share)
    await life.settle()
    assert life.cluster.find("Deployment", f"demo-{life.revisions['9']}"), life.story()
    return life


def disturb(life: Life) -> None:
    """Palier has something to write of every verb.

    An autoscaler has changed stable's pods, somebody has deleted a Service that is kept warm, and what was asked for by
    mistake may go now.
    """
    workload = life.cluster.find("Deployment", f"demo-{life.revisions['1']}")
    assert workload is not None
    life.cluster.write({**workload, "spec": {**workload["spec"], "replicas": 7}})
    life.cluster.vanish("Service", f"demo-{life.revisions['0']}")
    life.now += 30
    life.elapsed += 30


def go_wrong(life: Life, fault: str) -> None:
    """What takes the candidate out of the traffic."""
    if fault == "breach":
        life.fails["2"] = 0.5
    elif fault == "abort":
        life.annotate(abort=life.revisions["2"])
    elif fault == "no pods":
        life.most_ready["2"] = 0
    else:
        life.ask_for("3")


CONFIRMED_IN = 4
"""Looks at 1 % within which a breach is confirmed, where other pods may be refused."""


async def falls_in_one_pass(life: Life, *, from_: int) -> None:
    """One pass after the operator can know it there is 1 % left, and half a second later nothing.

    A breach is confirmed by other looks before, until other pods of the candidate agree or it has done enough harm.
    """
    assert life.share("2") == from_
    life.tick(1)
    await life.look()
    await life.one_pass()
    assert life.share("2") <= 1, f"after one pass: {life.story()}"
    for _ in range(CONFIRMED_IN if life.fails else 0):
        life.tick(1)
        await life.look()
        await life.one_pass()
    life.tick(SETTLES)
    await life.one_pass()
    assert life.share("2") == 0, f"after the easing step: {life.story()}"
    assert life.share("1") == 100


@pytest.mark.parametrize(
    ("write", "error", "fault"), some_of(itertools.product(WRITES, ERRORS_OF_THE_API, FAULTS), one_in=3)
)
async def test_a_refused_write_stops_no_rollback(write: tuple[str, str], error: type[ClusterError], fault: str) -> None:
    """At 50 % of the traffic, by every way out of it."""
    kind, verb = write
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse(kind, verb, error("admission policy: not on Fridays"))
    go_wrong(life, fault)

    await falls_in_one_pass(life, from_=50)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_refusal_that_lasts_stops_no_rollback(fault: str) -> None:
    """It has been refused for a while before the candidate must go: nothing sits out its time first."""
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse(ANY, ANY, Forbidden("admission policy: not on Fridays"))
    await life.run(20)
    assert life.share("2") == 50
    go_wrong(life, fault)

    await falls_in_one_pass(life, from_=50)


@pytest.mark.parametrize("fault", ["breach", "abort", "no pods"])
@pytest.mark.parametrize("share", [5, 25])
async def test_in_every_canary(share: int, fault: str) -> None:
    """The same at the other stages."""
    life = await crowded(share, stages=(canary(5), canary(25), canary(50)))
    disturb(life)
    life.cluster.refuse(ANY, ANY, Invalid("admission policy: not on Fridays"))
    go_wrong(life, fault)

    await falls_in_one_pass(life, from_=share)


@pytest.mark.parametrize("fault", ["breach", "abort", "no pods"])
async def test_in_an_experiment(fault: str) -> None:
    """The same where users are split to find the better one."""
    life = await crowded(50, stages=(experiment(50, duration="20m"),))
    disturb(life)
    life.cluster.refuse(ANY, ANY, Forbidden("admission policy: not on Fridays"))
    go_wrong(life, fault)

    await falls_in_one_pass(life, from_=50)


@pytest.mark.parametrize("fault", ["abort", "no pods"])
async def test_on_the_way_to_all_of_the_traffic(fault: str) -> None:
    """The pods for everybody are not there yet: the candidate has its last stage's share and must go."""
    life = await crowded(50, stages=(canary(50),))
    life.most_ready["2"] = 1
    await life.run(10)
    assert life.release["step"] == "Promoting", life.story()
    disturb(life)
    life.cluster.refuse(ANY, ANY, Forbidden("admission policy: not on Fridays"))
    go_wrong(life, fault)

    await falls_in_one_pass(life, from_=50)


@pytest.mark.parametrize(("kind", "verb"), [("Deployment", ANY), ("ConfigMap", ANY), (KIND, "status"), (ANY, ANY)])
async def test_a_shadow_that_cannot_begin_gives_nobody_to_the_candidate(kind: str, verb: str) -> None:
    """Before any traffic there is nothing to take back, and no refusal lets a stage be skipped."""
    changes: dict[str, Any] = {"stages": (SHADOW, canary(50)), "objectives": (ERRORS, AGREEMENT)}
    life = await serving(**changes)
    life.cluster.refuse(kind, verb, Forbidden("admission policy: not on Fridays"))
    life.ask_for("2", **changes)
    await life.run(30)

    assert life.share("2") == 0, life.story()
    assert life.share("1") == 100


async def test_a_refused_status_raises_no_weight() -> None:
    """What is not remembered does not happen: the next stage waits until it can be written down."""
    life = await releasing(5)
    life.cluster.refuse(KIND, "status", Forbidden("admission policy: not on Fridays"))
    await life.run(40)
    assert life.share("2") == 5, life.story()

    life.cluster.refused.clear()
    await life.run(60)
    assert life.serving() == "2", life.story()


@pytest.mark.parametrize("error", ERRORS_OF_THE_API)
async def test_every_failure_is_told(error: type[ClusterError]) -> None:
    """Two things are refused for two reasons: the status names both."""
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse("Deployment", "update", error("no more than six pods"))
    life.cluster.refuse("Service", "create", error("no Services today"))
    await life.run(5)

    assert "no more than six pods" in life.words(), life.story()
    assert "no Services today" in life.words(), life.story()


async def test_they_are_told_as_soon_as_the_status_can_be_written() -> None:
    """The status itself was refused meanwhile: afterwards it tells of the others."""
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse("Deployment", "update", Forbidden("no more than six pods"))
    life.cluster.refuse("Service", "create", Invalid("no Services today"))
    life.cluster.refuse(KIND, "status", Unavailable("etcd is away"))
    await life.run(5)
    del life.cluster.refused[KIND, "status"]
    await life.run(35)

    assert "no more than six pods" in life.words(), life.story()
    assert "no Services today" in life.words(), life.story()


async def test_a_failure_that_is_over_is_not_told_any_more() -> None:
    """The words go with what they spoke of, and the release goes on to its end."""
    life = await crowded(25, stages=(canary(5), canary(25), canary(50)))
    disturb(life)
    life.cluster.refuse("Deployment", "update", Forbidden("no more than six pods"))
    await life.run(5)
    assert "no more than six pods" in life.words()
    life.cluster.refused.clear()
    await life.run(100)

    assert "no more than six pods" not in life.words()
    assert life.serving() == "2", life.story()


async def test_a_refused_route_is_told_beside_the_rest() -> None:
    """Nothing can be taken back then: the status says so, and it is done as soon as it may."""
    life = await releasing(50)
    life.cluster.refuse("HTTPRoute", ANY, Forbidden("no routes today"))
    life.cluster.refuse("Event", "create", Forbidden("no Events today"))
    life.fails["2"] = 0.5
    await life.run(5)
    assert life.share("2") == 50
    assert "no routes today" in life.words(), life.story()

    del life.cluster.refused["HTTPRoute", ANY]
    await life.run(40)
    assert life.share("2") == 0, life.story()
    assert life.outcome[:2] == ("2", "RolledBack"), life.story()


@pytest.mark.parametrize("error", ERRORS_OF_THE_API)
async def test_refused_events_change_nothing(error: type[ClusterError]) -> None:
    """A whole release without a single Event ends as any other."""
    life = await serving()
    life.cluster.refuse("Event", "create", error("no Events today"))
    life.ask_for("2")
    await life.run(60)

    assert life.serving() == "2", life.story()


async def test_a_standing_refusal_is_no_hot_loop() -> None:
    """It is tried again now and then, and said once."""
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse("Deployment", "update", Forbidden("no more than six pods"))
    await life.run(10)
    version = life.cluster.version
    rest = [await life.one_pass() for _ in range(10)]

    assert life.cluster.version == version
    assert all(seconds is None or seconds > 0 for seconds in rest), rest


async def test_a_write_that_does_not_succeed_delays_no_step_down() -> None:
    """The API server answers nothing about pods: the way from 1 % to 0 waits for the gateway alone, not for a retry."""
    life = await crowded(50)
    disturb(life)
    life.cluster.refuse("Deployment", "update", Unavailable("no answer"))
    life.cluster.refuse("Service", "create", Unavailable("no answer"))
    life.annotate(abort=life.revisions["2"])
    await life.one_pass()
    assert life.share("2") == 1, life.story()

    life.raised.clear()
    rest = await life.one_pass()
    assert rest is not None, "the queue would wait longer and longer"
    assert rest <= 1
    life.tick(0.6)
    await life.one_pass()
    assert life.share("2") == 0, life.story()
