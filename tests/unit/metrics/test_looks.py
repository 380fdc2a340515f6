"""Looks: the right counts for the right revision, the same after a restart, in a few questions for everybody."""

from palier.measuring.look import first_instant, instants
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from palier.release.rules import measured_objectives
from tests.support.metrics.promql import plain
from tests.support.metrics.recorded import (
    CANDIDATE,
    KEY,
    STABLE,
    START,
    Recorded,
    found,
    looks_at,
    release,
    signals,
    steady,
)


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
    assert found(again).pods_read.until == found(whole).pods_read.until


async def test_a_question_is_for_dozens_of_releases() -> None:
    """Forty releases cost as many questions as one, in whatever namespaces; those at rest are not asked for."""
    source = Recorded()
    looks = looks_at(source, serving=lambda: {("ml", f"idle-{number}"): {STABLE} for number in range(1000)})
    for number in range(40):
        looks.watch((f"team-{number}", f"demo-{number}"), release())
    await looks.look(START + 1)

    assert len(source.asked) == 3
    assert not [selector for selector in source.asked if "idle" in selector]


def test_the_grid_is_shared_by_everybody() -> None:
    """Instants are multiples of the interval, whenever somebody began."""
    assert first_instant(START + 7.3, interval=5) == START + 5
    assert instants(START + 1, START + 16, interval=5) == [START + 5, START + 10, START + 15]


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
    assert found(looks).router_read.until == START + 5
    tally = found(looks).evidence["errors"].release
    assert (tally.total, tally.stable_total) == (50, 150)
