"""Looks and reconciles at the same time: neither throws away what the other has set or found."""

from dataclasses import replace

from palier.evidence.counters import Measurable, Series
from palier.measuring.coverage import Coverage
from palier.measuring.sources import Reading, RouterSeries
from palier.release.rules import measured_objectives
from tests.support.metrics.recorded import (
    CANDIDATE,
    KEY,
    STABLE,
    START,
    Recorded,
    found,
    looks_at,
    pod,
    release,
    signals,
    steady,
)


async def test_a_stage_change_during_a_look_wins_over_the_look() -> None:
    """What a reconcile has set meanwhile is not overwritten by the answer to an older question."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    looks = looks_at(source)
    looks.watch(KEY, release())
    original = source.samples

    async def meanwhile(selector: str, *, at: float, seconds: float) -> list[Series]:
        looks.watch(KEY, release(stage_index=1, pods_read=Coverage(START)))
        return await original(selector, at=at, seconds=seconds)

    source.samples = meanwhile  # type: ignore[method-assign]
    await looks.look(START + 1)

    assert looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=1) == release(
        stage_index=1, pods_read=Coverage(START)
    )


async def test_what_a_histogram_can_tell_is_still_known_in_the_next_stage() -> None:
    """A reconcile knows nothing of readings, and must not make them unknown for a look."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    for edge in ("0.5", "+Inf"):
        question = '{__name__=~"seconds|seconds_bucket"}'
        source.record(question, {"pod": pod(CANDIDATE), "le": edge}, [(START + second, 5.0) for second in range(9)])
    looks = looks_at(source)
    objectives = measured_objectives(signals())
    looks.watch(KEY, release(objectives=objectives))
    await looks.look(START + 2)
    readings = found(looks).readings
    assert readings["p95"] == Reading(Measurable.EXACT, 0.5, 0.5)

    looks.watch(KEY, release(objectives=objectives, stage_index=1, pods_read=Coverage(START + 2)))
    later = looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=1)
    assert later is not None
    assert later.readings == readings


async def test_a_reconcile_during_a_look_does_not_throw_the_look_away() -> None:
    """Reconciles come at any moment and mostly change nothing; a new objective or router joins what the look found."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    known = found(looks)
    looks.watch(KEY, release())
    assert found(looks) is known

    original, routed = source.samples, RouterSeries("cluster", "new", "old", ("gateways",))
    changed = tuple(replace(one, remedy="another") for one in release().objectives)

    async def meanwhile(selector: str, *, at: float, seconds: float) -> list[Series]:
        looks.watch(KEY, release(objectives=changed, router=routed))
        return await original(selector, at=at, seconds=seconds)

    source.samples = meanwhile  # type: ignore[method-assign]
    for second in range(1, 6):
        await looks.look(START + second)

        assert found(looks).pods_read.until == START + second
    assert found(looks).evidence["errors"].release.total == 60
    assert (found(looks).objectives, found(looks).router) == (changed, routed)


async def test_another_weight_that_came_into_force_during_a_look_wins_over_the_look() -> None:
    """The evidence that a reconcile has begun anew for it is not overwritten by an answer from before."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    looks = looks_at(source)
    looks.watch(KEY, release())
    later = release(traffic_since=START + 0.5, pods_read=Coverage(START))
    original = source.samples

    async def meanwhile(selector: str, *, at: float, seconds: float) -> list[Series]:
        looks.watch(KEY, later)
        return await original(selector, at=at, seconds=seconds)

    source.samples = meanwhile  # type: ignore[method-assign]
    await looks.look(START + 1)

    assert found(looks) == later


async def test_what_was_seen_before_a_step_of_the_share_is_not_taken_for_what_came_after() -> None:
    """The memory says that the candidate is suspected, and the looks were never told: they begin from the memory."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 2)
    stage = {"candidate": CANDIDATE, "begun_at": START - 10, "stage_index": 0}

    assert looks.find_watched(KEY, **stage, cautious=True) is None  # type: ignore[arg-type]
    looks.watch(KEY, release(cautious=True, pods_read=Coverage(START + 1)))
    assert looks.find_watched(KEY, **stage) is None  # type: ignore[arg-type]
    again = looks.find_watched(KEY, **stage, cautious=True)  # type: ignore[arg-type]
    assert again is not None
    assert again.pods_read.until == START + 1
