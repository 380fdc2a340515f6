"""How far back looks ask: no longer than anybody needs, and as long as it takes to lose nothing."""

from dataclasses import replace

from palier.evidence.counters import Series
from palier.measuring.coverage import Coverage
from palier.measuring.look import instants
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from tests.support.metrics.promql import plain
from tests.support.metrics.recorded import CANDIDATE, KEY, STABLE, START, Recorded, found, looks_at, release, steady


def test_a_long_gap_is_replayed_in_a_bounded_number_of_steps() -> None:
    """A day of missed looks does not take a day to replay, and still ends at the last instant."""
    replayed = instants(START, START + 86_400, interval=1)

    assert len(replayed) <= 242
    assert replayed[-1] == START + 86_400


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
    assert (blind.pods_read.until, len(reach)) == (START + 12, 199 * 3)
    assert max(reach) <= 4

    await looks.look(START + 200)
    late = looks.find_watched(("ml", "late"), candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert late is not None
    assert (late.pods_read.until, late.evidence["errors"].release.total) == (START + 200, 2000)
    assert len(reach) == 199 * 3 + 6

    await looks.look(START + 201)
    assert len(reach) == 199 * 3 + 9


async def test_what_is_older_than_can_be_asked_for_is_given_up() -> None:
    """An operator that was away for two hours counts on from its last interval, not from what is left of the past."""
    source = Recorded()
    for revision in (CANDIDATE, STABLE):
        labels = {"pod": f"demo-{revision}-6b7f9c8d5f-x2x4z"}
        scrapes = range(0, 7301, 10)
        source.record("up", labels, [(START + second, 1) for second in scrapes])
        source.record("requests_total", labels, [(START + second, second) for second in scrapes])
    looks = looks_at(source)
    looks.watch(KEY, release(traffic_since=START, pods_read=Coverage(START + 20)))
    await looks.look(START + 7300)

    assert found(looks).pods_read.until == START + 7300
    assert found(looks).evidence["errors"].release.total <= 10


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
    assert "no counters of the router" in found(looks).router_read.unseen

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
