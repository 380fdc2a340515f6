"""Looks: the right counts for the right revision, the same after a restart, and silence where nothing was measured."""

import gc
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from palier.api.v1alpha1 import ModelDeployment, parse
from palier.errors import MetricsUnavailable
from palier.evidence.counters import Measurable, Series
from palier.evidence.objective import ObjectiveRule
from palier.measuring.look import WatchedRelease, first_instant, instants
from palier.measuring.sources import CounterRatio, MeanOf, MeasuredObjective, Origin, Reading, RouterSeries
from palier.metrics.looks import Looks
from palier.release.rules import measured_objectives
from tests.support.metrics.promql import plain, selects
from tests.support.release.world import model_deployment

KEY = ("ml", "demo")
STABLE, CANDIDATE = "aaaaaaaaaa", "bbbbbbbbbb"
START = 1_000_000.0


def pod(revision: str) -> str:
    """A pod's name as Kubernetes makes it."""
    return f"demo-{revision}-6b7f9c8d5f-x2x4z"


class Recorded:
    """Stands for Prometheus: answers from a list of samples, as a range selector would."""

    def __init__(self) -> None:
        self.series: dict[str, list[Series]] = {}
        self.asked: list[str] = []
        self.broken = ""

    def record(self, selector: str, labels: dict[str, str], samples: Sequence[tuple[float, float]]) -> None:
        """Add a series."""
        self.series.setdefault(selector, []).append(Series({"namespace": "ml", **labels}, tuple(samples)))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.asked.append(selector)
        if self.broken:
            raise MetricsUnavailable("Unreachable", self.broken)
        return [
            Series(one.labels, kept)
            for one in self.series.get(plain(selector), [])
            if selects(selector, one.labels) and (kept := tuple(s for s in one.samples if at - seconds < s[0] <= at))
        ]


def steady(revision: str, source: Recorded, *, per_second: int, failing: int = 0, until: int = 60) -> None:
    """A pod that counts so many requests each second, scraped at 0.3 s past the second."""
    times = [START - 5 + 0.3 + second for second in range(until + 5)]
    labels = {"pod": pod(revision)}
    source.record("up", labels, [(t, 1) for t in times])
    source.record(
        "requests_total", {**labels, "code": "200"}, [(t, max(0, i - 4) * per_second) for i, t in enumerate(times)]
    )
    source.record(
        'requests_total{code="500"}',
        {**labels, "code": "500"},
        [(t, max(0, i - 4) * failing) for i, t in enumerate(times) if i > 4],
    )


def looks_at(source: Recorded, **options: Any) -> Looks:  # noqa: ANN401 - arguments of `Looks`
    """Looks every second."""
    return Looks(source, interval=1, scrape_interval=1, looked=lambda _keys: None, clock=lambda: START, **options)


def release(**changes: object) -> WatchedRelease:
    """A candidate that has had traffic since START."""
    watched = WatchedRelease(
        candidate=CANDIDATE,
        stable=STABLE,
        stage_index=0,
        begun_at=START - 10,
        traffic_since=START,
        objectives=measured_objectives(model_deployment()),
        evidence={},
    )
    return replace(watched, **changes)


def found(looks: Looks) -> WatchedRelease:
    """What the looks know about the release."""
    watched = looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert watched is not None
    return watched


async def test_counts_go_to_the_revision_whose_pod_counted_them() -> None:
    """Ten looks at 12 and 40 requests a second give 120 and 400."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12, failing=2)
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    for second in range(1, 11):
        await looks.look(START + second)
    tally = found(looks).evidence["errors"].release

    assert (tally.total, tally.bad, tally.stable_total, tally.stable_bad) == (120, 20, 400, 0)


async def test_an_operator_killed_in_between_finds_the_same_evidence() -> None:
    """From a checkpoint of the third look, one look at the tenth replays all of them to the same numbers."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12, failing=1)
    steady(STABLE, source, per_second=40)
    whole = looks_at(source)
    whole.watch(KEY, release())
    for second in range(1, 11):
        await whole.look(START + second)
        if second == 3:
            checkpoint = found(whole)
    again = looks_at(source)
    again.watch(KEY, checkpoint)
    await again.look(START + 10)

    assert found(again).evidence == found(whole).evidence
    assert found(again).last_look == found(whole).last_look


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
    assert "connection refused" in found(looks).cannot_measure
    assert found(looks).cannot_measure_since == START + 2

    source.broken = ""
    await looks.look(START + 4)

    assert found(looks).cannot_measure == ""
    assert found(looks).evidence["errors"].release.total == 48


async def test_pods_that_are_not_scraped_are_no_evidence() -> None:
    """An empty answer is not zero requests: the release is blind until samples come back."""
    source = Recorded()
    steady(STABLE, source, per_second=40)
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 5)

    assert "no fresh samples" in found(looks).cannot_measure
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

    assert "no fresh samples" in found(looks).cannot_measure
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
    looks.watch(KEY, release(last_look=START + 8))
    await looks.look(START + 14.0)

    assert "no fresh samples" in found(looks).cannot_measure


async def test_a_question_is_for_dozens_of_releases() -> None:
    """Forty releases cost as many questions as one, in whatever namespaces; those at rest are not asked for."""
    source = Recorded()
    looks = looks_at(source, serving=lambda: {("ml", f"idle-{number}"): {STABLE} for number in range(1000)})
    for number in range(40):
        looks.watch((f"team-{number}", f"demo-{number}"), release())
    await looks.look(START + 1)

    assert len(source.asked) == 3
    assert not [selector for selector in source.asked if "idle" in selector]


async def test_a_stage_change_during_a_look_wins_over_the_look() -> None:
    """What a reconcile has set meanwhile is not overwritten by the answer to an older question."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    looks = looks_at(source)
    looks.watch(KEY, release())
    original = source.samples

    async def meanwhile(selector: str, *, at: float, seconds: float) -> list[Series]:
        looks.watch(KEY, release(stage_index=1, last_look=START))
        return await original(selector, at=at, seconds=seconds)

    source.samples = meanwhile  # type: ignore[method-assign]
    await looks.look(START + 1)

    assert looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=1) == release(
        stage_index=1, last_look=START
    )


def test_the_grid_is_shared_by_everybody() -> None:
    """Instants are multiples of the interval, whenever somebody began."""
    assert first_instant(START + 7.3, interval=5) == START + 5
    assert instants(START + 1, START + 16, interval=5) == [START + 5, START + 10, START + 15]


def test_a_long_gap_is_replayed_in_a_bounded_number_of_steps() -> None:
    """A day of missed looks does not take a day to replay, and still ends at the last instant."""
    replayed = instants(START, START + 86_400, interval=1)

    assert len(replayed) <= 242
    assert replayed[-1] == START + 86_400


def signals(**changes: object) -> ModelDeployment:
    """A ModelDeployment that counts errors and times requests."""
    deployment = model_deployment().model_dump(mode="json", by_alias=True, exclude_none=True)
    deployment["spec"]["signals"] |= {"latency": {"histogram": "seconds", "unit": "Seconds"}}
    deployment["spec"]["objectives"].append({"name": "p95", "latency": {"percentile": "95", "threshold": "500ms"}})
    deployment["spec"].update(changes)
    return parse(deployment)


async def test_a_histogram_of_the_whole_fleet_is_one_question() -> None:
    """However many releases there are, and whichever kind of histogram they export."""
    objectives = measured_objectives(signals())
    for number in (1, 30):
        source = Recorded()
        looks = looks_at(source)
        for index in range(number):
            looks.watch(("ml", f"demo-{index}"), release(objectives=objectives))
        await looks.look(START + 1)

        assert sorted(map(plain, source.asked)) == [
            "requests_total",
            'requests_total{code="500"}',
            "up",
            '{__name__=~"seconds|seconds_bucket"}',
        ]


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
    assert "a parse error" in other.cannot_measure


async def test_the_routers_series_are_known_by_their_label_and_where_it_runs() -> None:
    """Shared proxies are told apart by the exact value of the label."""
    source = Recorded()
    for cluster, per_second in (("route/new", 10), ("route/old", 30), ("route/new/2", 700)):
        labels = {"namespace": "gateways", "pod": "envoy", "cluster": cluster}
        source.record("router_requests", labels, [(START + second, per_second * second) for second in range(11)])
    ratio = CounterRatio(("router_errors",), ("router_requests",))
    rule = release().objectives[0].rule
    looks = looks_at(source)
    looks.watch(
        KEY,
        release(
            objectives=(MeasuredObjective(rule, ratio, ratio, origin=Origin.ROUTER),),
            router=RouterSeries("cluster", candidate="route/new", stable="route/old", namespaces=("gateways",)),
        ),
    )
    for second in range(1, 6):
        await looks.look(START + second)

    assert {"router_requests", "router_errors"} <= set(map(plain, source.asked))
    assert found(looks).router_last_look == START + 5
    tally = found(looks).evidence["errors"].release
    assert (tally.total, tally.stable_total) == (50, 150)


async def test_one_release_that_has_fallen_behind_does_not_make_everybody_read_its_past() -> None:
    """It costs nothing while it is blind, and one longer question when it can be read again; then it has everything."""
    source = Recorded()
    reach: list[float] = []
    names = [f"demo-{number}" for number in range(3)]
    for name in (*names, "late"):
        for revision, ends in ((CANDIDATE, 10 if name == "late" else 300), (STABLE, 300)):
            labels = {"pod": f"{name}-{revision}-6b7f9c8d5f-x2x4z"}
            scrapes = [second for second in range(-3, 300) if second <= ends or second >= 200]
            source.record("up", labels, [(START + second, 1) for second in scrapes])
            source.record("requests_total", labels, [(START + second, 10 * max(0, second)) for second in scrapes])
    looks = looks_at(source)
    for name in (*names, "late"):
        looks.watch(("ml", name), release())
    original = source.samples

    async def measuring(selector: str, *, at: float, seconds: float) -> list[Series]:
        reach.append(seconds)
        return await original(selector, at=at, seconds=seconds)

    source.samples = measuring  # type: ignore[method-assign]
    for second in range(1, 200):
        await looks.look(START + second)
    blind = looks.find_watched(("ml", "late"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert blind is not None
    assert (blind.last_look, len(reach)) == (START + 12, 199 * 3)
    assert max(reach) <= 4

    await looks.look(START + 200)
    late = looks.find_watched(("ml", "late"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert late is not None
    assert (late.last_look, late.evidence["errors"].release.total) == (START + 200, 2000)
    assert len(reach) == 199 * 3 + 6

    await looks.look(START + 201)
    assert len(reach) == 199 * 3 + 9


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

    looks.watch(KEY, release(objectives=objectives, stage_index=1, last_look=START + 2))
    later = looks.find_watched(KEY, candidate=CANDIDATE, begun_at=START - 10, stage_index=1)
    assert later is not None
    assert later.readings == readings


async def test_the_garbage_collector_works_again_after_a_look() -> None:
    """It is left out while the answers are read, whatever becomes of them."""
    source = Recorded()
    source.broken = "connection refused"
    looks = looks_at(source)
    looks.watch(KEY, release())
    await looks.look(START + 1)

    assert gc.isenabled()


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

        assert found(looks).last_look == START + second
    assert found(looks).evidence["errors"].release.total == 60
    assert (found(looks).objectives, found(looks).router) == (changed, routed)


async def test_another_weight_that_came_into_force_during_a_look_wins_over_the_look() -> None:
    """The evidence that a reconcile has begun anew for it is not overwritten by an answer from before."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12)
    looks = looks_at(source)
    looks.watch(KEY, release())
    later = release(traffic_since=START + 0.5, last_look=START)
    original = source.samples

    async def meanwhile(selector: str, *, at: float, seconds: float) -> list[Series]:
        looks.watch(KEY, later)
        return await original(selector, at=at, seconds=seconds)

    source.samples = meanwhile  # type: ignore[method-assign]
    await looks.look(START + 1)

    assert found(looks) == later


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
    assert "TypeError: odd: ObjectiveRule does not judge" in odd.cannot_measure
    assert odd.cannot_measure_since == START + 1
    assert found(looks).evidence["errors"].release.total == 60
    assert len([record for record in caplog.records if "cannot be measured" in record.message]) == 1

    looks.watch(("ml", "odd"), release(objectives=release().objectives))
    await looks.look(START + 6)
    healed = looks.find_watched(("ml", "odd"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert healed is not None
    assert healed.cannot_measure == ""


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

    assert "RecursionError: too deep" in found(looks).cannot_measure


async def test_a_router_that_nobody_scrapes_does_not_make_looks_longer() -> None:
    """However many releases are blind at the router, everybody's questions stay a few intervals long."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12, until=400)
    steady(STABLE, source, per_second=40, until=400)
    ratio = CounterRatio(("router_errors",), ("router_requests",))
    [errors] = release().objectives
    routed = MeasuredObjective(replace(errors.rule, name="routed"), ratio, ratio, origin=Origin.ROUTER)
    looks = looks_at(source)
    looks.watch(
        KEY,
        release(objectives=(errors, routed), router=RouterSeries("cluster", "new", "old", ("gateways",))),
    )
    reach: list[float] = []
    original = source.samples

    async def measuring(selector: str, *, at: float, seconds: float) -> list[Series]:
        reach.append(seconds)
        return await original(selector, at=at, seconds=seconds)

    source.samples = measuring  # type: ignore[method-assign]
    for second in range(1, 300):
        await looks.look(START + second)
    assert (max(reach), len(reach)) == (4, 299 * 5)
    assert found(looks).evidence["errors"].release.total == 299 * 12
    assert "no counters of the router" in found(looks).router_unseen

    for cluster, per_second in (("new", 10), ("old", 30)):
        labels = {"namespace": "gateways", "pod": "envoy", "cluster": cluster}
        source.record("router_requests", labels, [(START + second, per_second * second) for second in range(400)])
    source.asked.clear()
    await looks.look(START + 300)
    assert [plain(selector) for selector in source.asked].count("router_requests") == 2
    assert [plain(selector) for selector in source.asked].count("up") == 1
    tallies = found(looks).evidence["routed"].release, found(looks).evidence["errors"].release
    assert [tally.total for tally in tallies] == [3000, 3600]


async def test_releases_that_were_blind_together_do_not_make_the_usual_look_long() -> None:
    """After an outage of Prometheus everybody is asked for what is missing once, and then for a moment again."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=12, until=400)
    steady(STABLE, source, per_second=40, until=400)
    looks = looks_at(source)
    looks.watch(KEY, release())
    source.broken = "connection refused"
    for second in range(1, 200):
        await looks.look(START + second)
    source.broken = ""
    reach: list[float] = []
    original = source.samples

    async def measuring(selector: str, *, at: float, seconds: float) -> list[Series]:
        reach.append(seconds)
        return await original(selector, at=at, seconds=seconds)

    source.samples = measuring  # type: ignore[method-assign]
    await looks.look(START + 200)
    assert (min(reach), max(reach), len(reach)) == (4, 203, 6)
    assert found(looks).evidence["errors"].release.total == 2400

    await looks.look(START + 201)
    assert (reach[6:], found(looks).evidence["errors"].release.total) == ([4, 4, 4], 2412)


PAIRED = MeasuredObjective(
    ObjectiveRule("answers", limit=0.03, margin=1.25, alpha=0.01, compare_with_stable=False),
    CounterRatio(("palier_shadow_disagreements_total",), ("palier_shadow_pairs_total",)),
    None,
    origin=Origin.SHADOW,
    about="0123456789abcdef",
)
FEEDBACK = MeasuredObjective(
    ObjectiveRule("feedback", limit=0.1, margin=1.25, alpha=0.01),
    CounterRatio(("bad_votes_total",), ("votes_total",)),
    CounterRatio(("bad_votes_total",), ("votes_total",)),
    origin=Origin.ELSEWHERE,
)


def paired(source: Recorded, name: str, *, per_second: int, differing: int = 0) -> None:
    """The proxy of a shadow of this name, which compares as everybody does."""
    labels = {"pod": f"shadow-{name}-0123456789-6b7f9c8d5f-x2x4z", "revision": CANDIDATE, "comparison": PAIRED.about}
    for selector, rate in (("palier_shadow_pairs_total", per_second), ("palier_shadow_disagreements_total", differing)):
        source.record(selector, labels, [(START - 4.7 + second, second * rate) for second in range(65)])


@pytest.mark.parametrize("both", [True, False], ids=["both in their shadow", "one was just refused"])
async def test_twins_in_the_shadow_are_judged_each_by_its_own_pairs(both: bool) -> None:
    """The same model and serving under two names, compared alike: the answers of the one are no fault of the other."""
    source = Recorded()
    steady(CANDIDATE, source, per_second=1)
    paired(source, "demo", per_second=10)
    paired(source, "us", per_second=30, differing=15)
    looks = looks_at(source)
    looks.watch(KEY, release(objectives=(PAIRED,)))
    if both:
        looks.watch(("ml", "us"), release(objectives=(PAIRED,)))
    for second in range(1, 11):
        await looks.look(START + second)
    tally = found(looks).evidence["answers"].release

    assert (tally.total, tally.bad, found(looks).missing) == (100, 0, {})


@pytest.mark.parametrize("shared", [CANDIDATE, STABLE])
@pytest.mark.parametrize("watched", [True, False], ids=["under judgement", "at rest"])
async def test_votes_that_may_be_a_twins_are_no_evidence(shared: str, watched: bool) -> None:
    """A front end tells revisions apart and nothing else: with a twin its votes count for nobody, and that is said."""
    source = Recorded()
    for revision in (CANDIDATE, STABLE):
        steady(revision, source, per_second=1)
        for selector in ("votes_total", "bad_votes_total"):
            labels = {"pod": "front-end-0", "revision": revision}
            source.record(selector, labels, [(START - 4.7 + second, second * 7) for second in range(65)])
    twin: dict[tuple[str, str], frozenset[str]] = {}
    looks = looks_at(source, serving=lambda: twin)
    looks.watch(KEY, release(objectives=(FEEDBACK,)))
    for second in range(1, 6):
        await looks.look(START + second)
    before = found(looks)
    assert (before.missing, before.evidence["feedback"].release.total) == ({}, 35)

    if watched:
        other = release(objectives=(FEEDBACK,), candidate="cccccccccc", stable=shared)
        looks.watch(("ml", "us"), other)
    else:
        twin["ml", "us"] = frozenset({shared})
    for second in range(6, 11):
        await looks.look(START + second)

    assert found(looks).evidence == before.evidence
    assert "votes_total" in found(looks).missing["feedback"]
    assert "may belong to us as well, which has the same revision in namespace ml" in found(looks).missing["feedback"]
