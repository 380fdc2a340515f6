"""Fault 1: a request of a person belongs to one release, acts once, and never comes back by itself."""

from typing import Any

import pytest

from tests.support.safety.life import Life, releasing, revision_of, serving
from tests.support.safety.specs import ERRORS, canary

STRICTER = {"name": "errors", "errorRate": {"maxPercent": "0.9"}}
SLOW = (canary(5, least="30s", most="2m"), canary(50, least="30s", most="2m"))
"""Stages that nobody passes by evidence within half a minute."""


def highest(life: Life, version: str, *, since: int) -> int:
    """The largest share of a version in the splits from a position on."""
    return max((split.get(version, 0) for split in life.splits[since:]), default=0)


async def stays_low(life: Life, version: str, *, seconds: int = 20) -> None:
    """A release is under way for a while, and its version gets no more than its first stage."""
    since = len(life.splits) - 1
    await life.run(seconds)
    assert life.release, f"no release is under way: {life.story()}"
    assert highest(life, version, since=since) == 5, life.story()
    assert life.share(version) == 5, life.story()


async def refused_in_promotion(**changes: Any) -> Life:  # noqa: ANN401 - arguments of `written`
    """Version 2 was promoted by request, its pods did not suffice, and it was rolled back; the annotation is left."""
    life = await serving(stages=SLOW, progressDeadline="10s", replicas=4, **changes)
    life.ask_for("2", stages=SLOW, progressDeadline="10s", replicas=4, **changes)
    await life.until("2", 5)
    life.most_ready["2"] = 1
    life.annotate(promote=life.revisions["2"])
    await life.run(30)
    assert life.outcome[:2] == ("2", "RolledBack"), life.story()
    life.most_ready.clear()
    return life


async def test_a_promotion_acts_at_once() -> None:
    """A person who promotes the candidate need not wait for evidence; what was handled is told."""
    life = await releasing(5, stages=SLOW)
    asked = life.revisions["2"]
    life.annotate(promote=asked)
    await life.run(6)

    assert life.serving() == "2", life.story()
    assert life.status["handledRequests"]["promote"] == asked


async def test_a_promotion_of_this_very_release_acts() -> None:
    """With the instant at which the release began behind the revision it can mean no other one."""
    life = await releasing(5, stages=SLOW)
    asked = f"{life.revisions['2']}@{life.release['startedAt']}"
    life.annotate(promote=asked)
    await life.run(6)

    assert life.serving() == "2", life.story()
    assert life.status["handledRequests"]["promote"] == asked


async def test_an_abort_of_this_very_release_acts() -> None:
    """The same for an abort."""
    life = await releasing(5, stages=SLOW)
    asked = f"{life.revisions['2']}@{life.release['startedAt']}"
    life.annotate(abort=asked)
    await life.run(6)

    assert life.outcome[:2] == ("2", "Aborted"), life.story()
    assert life.share("1") == 100
    assert life.status["handledRequests"]["abort"] == asked


@pytest.mark.parametrize("request_", ["promote", "abort"])
@pytest.mark.parametrize("when", ["2026-11-24T23:59:59.000000Z", "2031-01-01T00:00:00.000000Z", "", "soon"])
async def test_a_request_of_another_start_never_acts(request_: str, when: str) -> None:
    """It was meant for another release of the same revision."""
    life = await releasing(5, stages=SLOW)
    life.annotate(**{request_: f"{life.revisions['2']}@{when}"})

    await stays_low(life, "2")


@pytest.mark.parametrize("request_", ["promote", "abort"])
@pytest.mark.parametrize("value", ["0123456789", "", "2", "stable"])
async def test_a_request_of_another_revision_never_acts(request_: str, value: str) -> None:
    """Whatever it names, it is not this candidate."""
    life = await releasing(5, stages=SLOW)
    life.annotate(**{request_: value})

    await stays_low(life, "2")


async def test_stables_own_revision_is_no_candidate() -> None:
    """An abort that names what serves does nothing to it."""
    life = await releasing(5, stages=SLOW)
    life.annotate(abort=life.revisions["1"], promote=life.revisions["1"])

    await stays_low(life, "2")


@pytest.mark.parametrize("request_", ["promote", "abort"])
async def test_what_was_there_before_the_release_never_acts(request_: str) -> None:
    """Somebody has left it in Git, or wrote it for a release that never came."""
    asked = await revision_of("2", stages=SLOW)
    life = await serving(stages=SLOW)
    life.annotate(**{request_: asked})
    await life.run(3)
    life.ask_for("2", stages=SLOW)
    await life.run(8)

    await stays_low(life, "2")


async def test_a_promotion_that_comes_with_the_spec_never_acts() -> None:
    """The annotation and the new version are in one commit: nobody has seen the release when it is asked for."""
    asked = await revision_of("2", stages=SLOW)
    life = await serving(stages=SLOW)
    life.ask_for("2", stages=SLOW, promote=asked)
    await life.run(8)

    await stays_low(life, "2")


@pytest.mark.parametrize("restarted", [False, True])
async def test_edited_objectives_do_not_repeat_a_promotion(restarted: bool) -> None:
    """A revision that was rolled back is tried again by other rules: from its first stage."""
    life = await refused_in_promotion()
    if restarted:
        life.restart()
    life.promise(STRICTER)
    await life.run(8)

    await stays_low(life, "2")


async def test_a_retry_does_not_repeat_a_promotion() -> None:
    """Whoever asks for another try asks for its stages."""
    life = await refused_in_promotion()
    life.annotate(retry="1")
    await life.run(8)

    await stays_low(life, "2")


async def test_a_revert_to_a_once_promoted_revision_takes_its_stages() -> None:
    """It was promoted by request long ago; the annotation still names it when its turn comes again."""
    life = await releasing(5, stages=SLOW)
    life.annotate(promote=life.revisions["2"])
    await life.run(15)
    assert life.serving() == "2"
    quick = (canary(50),)
    life.ask_for("3", stages=quick)
    await life.run(40)
    assert life.serving() == "3", life.story()
    life.ask_for("2", stages=SLOW)
    await life.run(8)

    await stays_low(life, "2")


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_abort_does_not_end_the_next_try(restarted: bool) -> None:
    """It is left where it was when a person asks for another try: that one goes to its end."""
    life = await releasing(25)
    life.annotate(abort=life.revisions["2"])
    await life.run(12)
    assert life.outcome[1] == "Aborted"
    if restarted:
        life.restart()
    life.annotate(retry="once more")
    await life.run(60)

    assert life.serving() == "2", life.story()
    assert life.status["handledRequests"]["abort"] == life.revisions["2"]
    assert life.status["handledRequests"]["retry"] == "once more"


async def test_an_abort_that_was_taken_away_can_be_asked_for_again() -> None:
    """The operator has seen that it was gone in between: this is another request."""
    life = await releasing(25)
    asked = life.revisions["2"]
    life.annotate(abort=asked)
    await life.run(12)
    life.annotate(abort=None)
    await life.run(2)
    life.annotate(retry="once more")
    await life.until("2", 25)
    life.annotate(abort=asked)
    await life.run(5)

    assert life.outcome[1] == "Aborted", life.story()
    assert life.share("1") == 100


async def test_an_abort_with_another_value_in_between_can_be_asked_for_again() -> None:
    """The same for a value that was overwritten."""
    life = await releasing(25)
    asked = life.revisions["2"]
    life.annotate(abort=asked)
    await life.run(12)
    life.annotate(abort="something else")
    await life.run(2)
    life.annotate(retry="once more")
    await life.until("2", 25)
    life.annotate(abort=asked)
    await life.run(5)

    assert life.outcome[1] == "Aborted", life.story()


async def test_a_retry_acts_once() -> None:
    """The same value asks for nothing more, also after a restart, and after it was the last of several releases."""
    life = await releasing(25)
    life.fails["2"] = 0.5
    await life.run(12)
    assert life.outcome[1] == "RolledBack"
    life.annotate(retry="once more")
    await life.run(40)
    assert life.outcome[1] == "RolledBack"
    ended = life.status["outcome"]["time"]
    life.restart()
    await life.run(40)

    assert life.status["outcome"]["time"] == ended, life.story()
    assert life.share("1") == 100
    assert life.status["handledRequests"]["retry"] == "once more"


async def test_a_left_over_promotion_does_not_act_when_the_memory_is_lost() -> None:
    """It was handled; that this is not known any more makes it no new request."""
    life = await refused_in_promotion()
    life.set_status(None)
    life.restart()
    since = len(life.splits)
    await life.run(20)

    assert highest(life, "2", since=since) <= 5, life.story()
    assert life.serving() != "2", life.story()


async def test_a_promotion_waits_for_readiness() -> None:
    """It skips evidence and nothing else: one ready pod of four does not get all of the users."""
    life = await releasing(5, stages=SLOW, replicas=4)
    life.most_ready["2"] = 1
    life.annotate(promote=life.revisions["2"])
    since = len(life.splits)
    await life.run(8)
    assert highest(life, "2", since=since) <= 5, life.story()

    life.most_ready.clear()
    await life.run(6)
    assert life.serving() == "2", life.story()


async def test_a_promotion_before_any_traffic_waits_for_pods() -> None:
    """The candidate has no ready pod yet: it has no users for as long as that."""
    life = await serving(stages=SLOW)
    life.most_ready["2"] = 0
    life.ask_for("2", stages=SLOW)
    await life.run(3)
    life.annotate(promote=life.revisions["2"])
    await life.run(5)
    assert life.share("2") == 0

    life.most_ready.clear()
    await life.run(8)
    assert life.serving() == "2", life.story()


async def test_requests_that_stay_cost_nothing() -> None:
    """Annotations that were handled are in the object for ever, and no pass writes anything because of them."""
    life = await releasing(25, objectives=(ERRORS,))
    life.annotate(promote=life.revisions["2"], abort="0123456789", retry="no")
    await life.run(200)
    await life.settle()
    assert life.serving() == "2"
    written, told = life.cluster.requests, len(life.cluster.events)
    for _ in range(60):
        life.tick(60)
        await life.look()
        await life.settle()

    assert (life.cluster.requests, len(life.cluster.events)) == (written, told)
