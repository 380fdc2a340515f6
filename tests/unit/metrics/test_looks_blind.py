"""Looks that cannot measure: absent, refused and broken answers are no evidence, and concern nobody else."""

import gc
import math
from dataclasses import replace

import pytest

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.coverage import Coverage
from palier.measuring.sources import CounterRatio, MeanOf, MeasuredObjective
from tests.support.metrics.recorded import CANDIDATE, KEY, STABLE, START, Recorded, found, looks_at, release, steady


async def test_a_failing_prometheus_is_no_evidence_and_loses_none() -> None:
    """While it is away the evidence stands still and says so; afterwards the events of the gap are counted."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 1)
    before = found(looks)
    source.broken = "connection refused"
    await looks.look(START + 2)
    await looks.look(START + 3)

    assert found(looks).evidence == before.evidence
    assert "connection refused" in found(looks).pods_read.unseen
    assert found(looks).pods_read.unseen_since == START + 2

    source.broken = ""
    await looks.look(START + 4)

    assert found(looks).pods_read.unseen == ""
    assert found(looks).evidence["errors"].release.total == 48


async def test_pods_that_are_not_scraped_are_no_evidence() -> None:
    """An empty answer is not zero requests: the release is blind until samples come back."""
    source = Recorded()
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 5)

    assert "no fresh samples" in found(looks).pods_read.unseen
    assert not found(looks).evidence


async def test_samples_that_are_no_numbers_are_no_evidence() -> None:
    """A Prometheus that answers NaN for everything leaves the release blind, and its evidence as it was."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 3)
    before = found(looks)
    source.series = {
        selector: [Series(one.labels, tuple((instant, math.nan) for instant, _ in one.samples)) for one in series]
        for selector, series in source.series.items()
    }
    await looks.look(START + 4)

    assert "no fresh samples" in found(looks).pods_read.unseen
    assert found(looks).evidence == before.evidence


async def test_failed_scrapes_are_not_taken_for_fresh_ones() -> None:
    """While `up` is 0 nothing was read from the pod, however recently it was 1: the look is blind."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12, until=10)
    steady(STABLE, source, per_second=40, until=30)
    down = [(START + 10.3 + second, 0.0) for second in range(5)]
    (candidate, *others) = source.series["up"]
    source.series["up"] = [Series(candidate.labels, (*candidate.samples, *down)), *others]
    looks = looks_at(source)
    looks.watch(KEY, release(pods_read=Coverage(START + 8)))
    await looks.look(START + 14.0)

    assert "no fresh samples" in found(looks).pods_read.unseen


async def test_a_refused_question_blinds_only_those_who_asked_it() -> None:
    """One ModelDeployment with a selector that Prometheus refuses does not stop the others."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    wrong = CounterRatio(("refused",), ("requests_total",))
    rule = release().objectives[0].rule
    looks.watch(("ml", "other"), release(objectives=(MeasuredObjective(rule, wrong, wrong),)))
    original = source.samples

    async def refusing(selector: str, *, at: float, seconds: float) -> list[Series]:
        if selector.startswith("refused"):
            raise MetricsUnavailable("QueryFailed", "a parse error")
        return await original(selector, at=at, seconds=seconds)

    source.samples = refusing  # type: ignore[method-assign]
    await looks.look(START + 5)

    assert found(looks).evidence["errors"].release.total == 60
    other = looks.find_watched(("ml", "other"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert other is not None
    assert "a parse error" in other.pods_read.unseen


async def test_the_garbage_collector_works_again_after_a_look() -> None:
    """It is left out while the answers are read, whatever becomes of them."""
    source = Recorded()
    source.broken = "connection refused"
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 1)

    assert gc.isenabled()


async def test_one_release_that_breaks_the_look_is_blind_and_the_others_are_measured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever is odd about it ends neither the look nor the operator, is told in its status and logged once."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    unjudgeable = replace(
        release().objectives[0], rule=replace(release().objectives[0].rule, name="odd"), source=MeanOf("a", ("b",))
    )
    looks.watch(("ml", "odd"), release(objectives=(unjudgeable,)))
    looks.watch(KEY, release())
    for revision in (CANDIDATE, STABLE):
        labels = {"pod": f"odd-{revision}-6b7f9c8d5f-x2x4z"}
        source.record("up", labels, [(START - 5 + second, 1) for second in range(20)])
    for second in range(1, 6):
        await looks.look(START + second)

    odd = looks.find_watched(("ml", "odd"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert odd is not None
    assert "TypeError: odd: ObjectiveRule does not judge" in odd.pods_read.unseen
    assert odd.pods_read.unseen_since == START + 1
    assert found(looks).evidence["errors"].release.total == 60
    assert len([record for record in caplog.records if "cannot be measured" in record.message]) == 1

    looks.watch(("ml", "odd"), release(objectives=release().objectives))
    await looks.look(START + 6)
    healed = looks.find_watched(("ml", "odd"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert healed is not None
    assert healed.pods_read.unseen == ""


async def test_a_question_that_breaks_is_a_question_without_an_answer() -> None:
    """A fault in reading one answer makes those blind who asked, and is no end of the looks."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    original = source.samples

    async def breaking(selector: str, *, at: float, seconds: float) -> list[Series]:
        if selector.startswith("requests_total{code"):
            raise RecursionError("too deep")
        return await original(selector, at=at, seconds=seconds)

    source.samples = breaking  # type: ignore[method-assign]
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 1)

    assert "RecursionError: too deep" in found(looks).pods_read.unseen
