"""The fleet's answered requests: counted once, never made up, and unknown where they could not be read."""

import asyncio

import pytest

from palier.economics.running import Served
from palier.metrics.running import RunningTraffic
from tests.support.metrics.fleet import (
    ERRORS,
    KEY,
    MINUTE,
    REQUESTS,
    SCRAPE,
    START,
    Fleet,
    Prometheus,
    stable_alone,
)
from tests.support.release.examples import STABLE


async def test_requests_without_failures_of_all_pods(prometheus: Prometheus, fleet: Fleet) -> None:
    """Two pods, 10 requests a second of which one fails: nine answered ones."""
    prometheus.pod(STABLE, per_second=4)
    prometheus.pod(STABLE, per_second=6, failing=1)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.measure_all(KEY) == Served(5400, 600.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_an_hour_is_kept(prometheus: Prometheus, fleet: Fleet) -> None:
    """Older minutes are forgotten, so that last night's traffic does not make today's answers cheap."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(100)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(3600, 3600.0)


async def test_only_the_last_minute_is_read(prometheus: Prometheus, fleet: Fleet) -> None:
    """After the first reading, which fetches ten minutes, a reading is as short as can be."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    first = [seconds for _, seconds in prometheus.asked]
    prometheus.asked.clear()
    await fleet.pass_minutes(1)

    assert first == [638.0] * 3
    assert [seconds for _, seconds in prometheus.asked] == [98.0] * 3


@pytest.mark.parametrize(("scrape", "seconds"), [(1, 60 + 3.0), (10, 400 + 25.5), (60, 600 + 150.5)])
async def test_the_first_reading_is_bounded(scrape: int, seconds: float) -> None:
    """By ten minutes and by forty samples: ten minutes of a scrape each second would be 600 samples of every series."""
    prometheus = Prometheus()
    traffic = RunningTraffic(prometheus, scrape_interval=scrape, clock=lambda: START)
    traffic.watch(KEY, stable_alone())
    await traffic.read(START)

    assert {seconds for _, seconds in prometheus.asked} == {seconds}


async def test_an_instant_is_read_once(prometheus: Prometheus, fleet: Fleet) -> None:
    """A clock that goes back must not count a minute twice."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    prometheus.asked.clear()
    await fleet.traffic.read(fleet.now)
    await fleet.traffic.read(fleet.now - 30)

    assert prometheus.asked == []
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(600, 600.0)


async def test_others_get_their_turns(fleet: Fleet) -> None:
    """A reading of a large fleet does not hold up the looks."""
    for number in range(1, 100):
        fleet.traffic.watch(("ml", f"demo-{number}"), stable_alone())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await fleet.pass_minutes(1)
    waiting.cancel()

    assert turns > 2


async def test_a_question_is_for_dozens_of_models(prometheus: Prometheus, fleet: Fleet) -> None:
    """A thousand ModelDeployments ask ten times what one asks, each for a hundred of them by name."""
    await fleet.pass_minutes(1)
    assert len(prometheus.asked) == 3
    for number in range(999):
        fleet.traffic.watch(("ml", f"demo-{number}"), stable_alone())
    prometheus.asked.clear()
    await fleet.pass_minutes(1)

    assert len(prometheus.asked) == 3 * 1000 / 100
    assert all(selector.count(STABLE) == 100 for selector, _ in prometheus.asked)


async def test_less_than_ten_minutes_are_nothing(prometheus: Prometheus, fleet: Fleet) -> None:
    """A short burst must not pass for the traffic."""
    prometheus.pod(STABLE, per_second=1, since=START - 30)
    await fleet.pass_minutes(10)  # the first reading begins before there was anything

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(600, 600.0)


async def test_an_outage_of_prometheus_is_read_afterwards(prometheus: Prometheus, fleet: Fleet) -> None:
    """Counters go on counting while nobody reads them."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(5)
    prometheus.away = True
    await fleet.pass_minutes(3)

    assert fleet.traffic.problem(KEY) == "Unreachable: nobody there"
    prometheus.away = False
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(600 + 8 * 60, 600.0 + 8 * 60)
    assert fleet.traffic.problem(KEY) == ""


async def test_a_long_outage_is_a_gap(prometheus: Prometheus, fleet: Fleet) -> None:
    """Its requests *and* its time are left out: the rate stays true."""
    prometheus.pod(STABLE, per_second=2)
    await fleet.pass_minutes(10)
    prometheus.away = True
    await fleet.pass_minutes(20)
    prometheus.away = False
    await fleet.pass_minutes(1)

    served = fleet.traffic.measure_revision(KEY, STABLE)
    assert served == Served(2 * (600 + 9 * 60 + 600), 600.0 + 9 * 60 + 600)


async def test_traffic_that_was_not_read_for_long_is_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """It may have stopped."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(20)
    prometheus.away = True
    await fleet.pass_minutes(5)
    assert fleet.traffic.measure_revision(KEY, STABLE) is not None
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.measure_all(KEY) is None


async def test_counters_that_are_not_there_are_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """A selector with a typing error must not look like no traffic."""
    prometheus.pod(STABLE, per_second=1, counts_from=START + 86_400)
    await fleet.pass_minutes(15)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == f"no fresh samples of requests_total for {STABLE} from its pods"


async def test_idle_pods_are_known_to_be_idle(prometheus: Prometheus, fleet: Fleet) -> None:
    """Counters that stand still are read, too: no request is known, and not unknown."""
    prometheus.pod(STABLE, per_second=0)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(0, 600.0)


async def test_a_pod_that_cannot_be_scraped_makes_its_minutes_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """Its requests are missing: with them left out, the others would seem too dear."""
    prometheus.pod(STABLE, per_second=1)
    other = prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(10)
    before = fleet.traffic.measure_revision(KEY, STABLE)
    prometheus.down.add(other)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == before
    assert fleet.traffic.problem(KEY) == f"pod {other} of {STABLE} could not be scraped"


async def test_the_last_scrape_alone_is_enough_to_be_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """What a pod has answered since the last one is missing."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(10)
    labels = {"namespace": "ml", "pod": f"demo-{STABLE}-6b7f9c8d5f-zzzzz", "job": "pods", "instance": "z"}
    last = fleet.now + MINUTE - SCRAPE
    prometheus.counters.append(("up", labels, lambda time: 0.0 if time > last else 1.0))
    await fleet.pass_minutes(1)

    assert "could not be scraped" in fleet.traffic.problem(KEY)


async def test_a_new_pod_that_was_never_scraped_is_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """It may have users already."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(10)
    prometheus.down.add(prometheus.pod(STABLE, per_second=1, since=fleet.now + MINUTE - 1))
    await fleet.pass_minutes(1)

    assert "could not be scraped" in fleet.traffic.problem(KEY)


async def test_what_an_old_process_counted_before_it_was_found_is_not_new(prometheus: Prometheus, fleet: Fleet) -> None:
    """Its first scrape failed, the second shows a million requests: of which time nobody knows."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    labels = {"namespace": "ml", "pod": f"demo-{STABLE}-6b7f9c8d5f-zzzzz", "job": "pods", "instance": "z"}
    found, scraped = fleet.now + 2 * SCRAPE, fleet.now + 3 * SCRAPE
    prometheus.counters.append(("up", labels, lambda time: None if time < found else float(time >= scraped)))
    prometheus.counters.append((REQUESTS, labels, lambda time: 1e6 if time >= scraped else None))
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(660, 660.0)


async def test_the_first_failures_are_failures(prometheus: Prometheus, fleet: Fleet) -> None:
    """Their counter is born with them, in a pod that was scraped before without it."""
    pod = prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    labels = {"namespace": "ml", "pod": pod, "job": "pods", "instance": pod, "code": "500"}
    born = fleet.now + MINUTE / 2
    prometheus.counters.append((ERRORS, labels, lambda time: 20.0 if time >= born else None))
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(660 - 20, 660.0)


async def test_pods_that_come_and_go_are_counted_while_they_are_there(prometheus: Prometheus, fleet: Fleet) -> None:
    """An autoscaler's pods lose nothing but what was before their first and after their last scrape."""
    prometheus.pod(STABLE, per_second=1, until=START + 10 * MINUTE)
    prometheus.pod(STABLE, per_second=1, since=START + 10 * MINUTE)
    await fleet.pass_minutes(20)

    served = fleet.traffic.measure_revision(KEY, STABLE)
    assert served is not None
    assert served.seconds == 600.0 + 19 * 60
    assert served.requests == pytest.approx(served.seconds, abs=2 * SCRAPE)


async def test_a_restarted_process_counts_on(prometheus: Prometheus, fleet: Fleet) -> None:
    """A counter that falls has begun anew; it does not take requests back."""
    labels = {"namespace": "ml", "pod": f"demo-{STABLE}-6b7f9c8d5f-aaaaa", "job": "pods", "instance": "1"}
    restart = START + 5 * MINUTE
    prometheus.counters.append(("up", labels, lambda _time: 1.0))
    prometheus.counters.append((REQUESTS, labels, lambda time: time if time < restart else time - restart))
    await fleet.pass_minutes(10)

    served = fleet.traffic.measure_revision(KEY, STABLE)
    assert served is not None
    assert served.requests == pytest.approx(served.seconds, abs=SCRAPE)


async def test_pods_that_two_jobs_scrape_are_counted_once(prometheus: Prometheus, fleet: Fleet) -> None:
    """As a ServiceMonitor and a PodMonitor for the same pods do."""
    prometheus.pod(STABLE, per_second=1)
    prometheus.counters += [(name, {**labels, "job": "again"}, value) for name, labels, value in prometheus.counters]
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(600, 600.0)
