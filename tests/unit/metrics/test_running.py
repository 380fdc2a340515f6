"""The fleet's answered requests: counted once, never made up, and unknown where they could not be read."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from palier.economics.running import Served
from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.metrics.owners import Key
from palier.metrics.running import RunningTraffic
from palier.release.answered import answered
from palier.release.look import Watched
from palier.release.sources import Origin, RouterSeries
from palier.release.state import Step
from tests.property.world import model_deployment
from tests.unit.release.examples import CANDIDATE, STABLE, releasing, serving

KEY: Key = ("ml", "demo")
START = 1_000_020.0
"""Not on the grid of anything."""
SCRAPE, MINUTE = 15, 60.0
REQUESTS, ERRORS = "requests_total", 'requests_total{code="500"}'


class Prometheus:
    """Answers from counters that rise as told, scraped every 15 s."""

    def __init__(self) -> None:
        self.counters: list[tuple[str, dict[str, str], Callable[[float], float | None]]] = []
        self.asked: list[tuple[str, float]] = []
        self.down: set[str] = set()
        self.away = False
        self.broken: Exception | None = None

    def pod(
        self,
        revision: str,
        *,
        per_second: float,
        failing: float = 0.0,
        name: str = "demo",
        since: float = START - 7200,
        until: float = START + 86_400,
        counts_from: float | None = None,
        namespace: str = "ml",
    ) -> str:
        """A pod that answers so many requests each second, from one instant to another."""
        pod = f"{name}-{revision}-6b7f9c8d5f-{len(self.counters):05d}"
        labels = {"namespace": namespace, "pod": pod, "job": "pods", "instance": pod}
        begun = since if counts_from is None else counts_from

        def up(time: float) -> float | None:
            return (0.0 if pod in self.down else 1.0) if since <= time <= until else None

        def rising(rate: float) -> Callable[[float], float | None]:
            def value(time: float) -> float | None:
                return rate * (time - since) if begun <= time <= until and pod not in self.down else None

            return value

        self.counters.append(("up", labels, up))
        self.counters.append((REQUESTS, {**labels, "code": "200"}, rising(per_second - failing)))
        if failing:
            self.counters.append((REQUESTS, {**labels, "code": "500"}, rising(failing)))
            self.counters.append((ERRORS, {**labels, "code": "500"}, rising(failing)))
        return pod

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        self.asked.append((selector, seconds))
        if self.broken:
            raise self.broken
        if self.away:
            raise MetricsUnavailable("Unreachable", "nobody there")
        head, within, _ = selector.partition('namespace=~"')
        plain = head.rstrip(",{") + "}" if within and "{" in head.rstrip(",{") else head.rstrip(",{")
        first = int((at - seconds) // SCRAPE) + 1
        times = [float(step * SCRAPE) for step in range(first, int(at // SCRAPE) + 1)]
        return [
            Series(labels, [(time, held) for time in times if (held := value(time)) is not None])
            for name, labels, value in self.counters
            if name == plain
        ]


class Fleet:
    """A reading every minute, on a clock of its own."""

    def __init__(self, prometheus: Prometheus, **options: object) -> None:
        self.now = START
        self.prometheus = prometheus
        self.traffic = RunningTraffic(prometheus, scrape_interval=SCRAPE, clock=lambda: self.now, **options)  # type: ignore[arg-type]

    async def pass_minutes(self, minutes: int) -> None:
        """Let so many readings happen."""
        for _ in range(minutes):
            self.now += MINUTE
            await self.traffic.read(self.now)


def stable_alone() -> Watched:
    """What is counted outside of a release."""
    found = answered(model_deployment(), serving())
    assert isinstance(found, Watched)
    return found


def with_candidate() -> Watched:
    """What is counted while the candidate has users."""
    found = answered(model_deployment(), releasing(Step.CANARY))
    assert isinstance(found, Watched)
    return found


@pytest.fixture
def prometheus() -> Prometheus:
    """One that answers."""
    return Prometheus()


@pytest.fixture
def fleet(prometheus: Prometheus) -> Fleet:
    """One ModelDeployment, outside of a release."""
    fleet = Fleet(prometheus)
    fleet.traffic.watch(KEY, stable_alone())
    return fleet


async def test_requests_without_failures_of_all_pods(prometheus: Prometheus, fleet: Fleet) -> None:
    """Two pods, 10 requests a second of which one fails: nine answered ones."""
    prometheus.pod(STABLE, per_second=4)
    prometheus.pod(STABLE, per_second=6, failing=1)
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.total(KEY) == Served(5400, 600.0)
    assert fleet.traffic.problem(KEY) == ""


async def test_an_hour_is_kept(prometheus: Prometheus, fleet: Fleet) -> None:
    """Older minutes are forgotten, so that last night's traffic does not make today's answers cheap."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(100)

    assert fleet.traffic.of(KEY, STABLE) == Served(3600, 3600.0)


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
    assert fleet.traffic.of(KEY, STABLE) == Served(600, 600.0)


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

    assert turns == 2


async def test_questions_do_not_grow_with_the_fleet(prometheus: Prometheus, fleet: Fleet) -> None:
    """A thousand ModelDeployments ask what one asks."""
    await fleet.pass_minutes(1)
    one = [selector for selector, _ in prometheus.asked]
    for number in range(1000):
        fleet.traffic.watch(("ml", f"demo-{number}"), stable_alone())
    prometheus.asked.clear()
    await fleet.pass_minutes(1)

    assert [selector for selector, _ in prometheus.asked] == one
    assert len(one) == 3


async def test_less_than_ten_minutes_are_nothing(prometheus: Prometheus, fleet: Fleet) -> None:
    """A short burst must not pass for the traffic."""
    prometheus.pod(STABLE, per_second=1, since=START - 30)
    await fleet.pass_minutes(10)  # the first reading begins before there was anything

    assert fleet.traffic.of(KEY, STABLE) is None
    await fleet.pass_minutes(1)
    assert fleet.traffic.of(KEY, STABLE) == Served(600, 600.0)


async def test_an_outage_of_prometheus_is_read_afterwards(prometheus: Prometheus, fleet: Fleet) -> None:
    """Counters go on counting while nobody reads them."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(5)
    prometheus.away = True
    await fleet.pass_minutes(3)

    assert fleet.traffic.problem(KEY) == "Unreachable: nobody there"
    prometheus.away = False
    await fleet.pass_minutes(1)
    assert fleet.traffic.of(KEY, STABLE) == Served(600 + 8 * 60, 600.0 + 8 * 60)
    assert fleet.traffic.problem(KEY) == ""


async def test_a_long_outage_is_a_gap(prometheus: Prometheus, fleet: Fleet) -> None:
    """Its requests *and* its time are left out: the rate stays true."""
    prometheus.pod(STABLE, per_second=2)
    await fleet.pass_minutes(10)
    prometheus.away = True
    await fleet.pass_minutes(20)
    prometheus.away = False
    await fleet.pass_minutes(1)

    served = fleet.traffic.of(KEY, STABLE)
    assert served == Served(2 * (600 + 9 * 60 + 600), 600.0 + 9 * 60 + 600)


async def test_traffic_that_was_not_read_for_long_is_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """It may have stopped."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(20)
    prometheus.away = True
    await fleet.pass_minutes(5)
    assert fleet.traffic.of(KEY, STABLE) is not None
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.total(KEY) is None


async def test_counters_that_are_not_there_are_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """A selector with a typing error must not look like no traffic."""
    prometheus.pod(STABLE, per_second=1, counts_from=START + 86_400)
    await fleet.pass_minutes(15)

    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == f"no fresh samples of requests_total for {STABLE} from its pods"


async def test_idle_pods_are_known_to_be_idle(prometheus: Prometheus, fleet: Fleet) -> None:
    """Counters that stand still are read, too: no request is known, and not unknown."""
    prometheus.pod(STABLE, per_second=0)
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(0, 600.0)


async def test_a_pod_that_cannot_be_scraped_makes_its_minutes_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """Its requests are missing: with them left out, the others would seem too dear."""
    prometheus.pod(STABLE, per_second=1)
    other = prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(10)
    before = fleet.traffic.of(KEY, STABLE)
    prometheus.down.add(other)
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == before
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

    assert fleet.traffic.of(KEY, STABLE) == Served(660, 660.0)


async def test_the_first_failures_are_failures(prometheus: Prometheus, fleet: Fleet) -> None:
    """Their counter is born with them, in a pod that was scraped before without it."""
    pod = prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    labels = {"namespace": "ml", "pod": pod, "job": "pods", "instance": pod, "code": "500"}
    born = fleet.now + MINUTE / 2
    prometheus.counters.append((ERRORS, labels, lambda time: 20.0 if time >= born else None))
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(660 - 20, 660.0)


async def test_pods_that_come_and_go_are_counted_while_they_are_there(prometheus: Prometheus, fleet: Fleet) -> None:
    """An autoscaler's pods lose nothing but what was before their first and after their last scrape."""
    prometheus.pod(STABLE, per_second=1, until=START + 10 * MINUTE)
    prometheus.pod(STABLE, per_second=1, since=START + 10 * MINUTE)
    await fleet.pass_minutes(20)

    served = fleet.traffic.of(KEY, STABLE)
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

    served = fleet.traffic.of(KEY, STABLE)
    assert served is not None
    assert served.requests == pytest.approx(served.seconds, abs=SCRAPE)


async def test_pods_that_two_jobs_scrape_are_counted_once(prometheus: Prometheus, fleet: Fleet) -> None:
    """As a ServiceMonitor and a PodMonitor for the same pods do."""
    prometheus.pod(STABLE, per_second=1)
    prometheus.counters += [(name, {**labels, "job": "again"}, value) for name, labels, value in prometheus.counters]
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(600, 600.0)


async def test_stable_and_candidate(prometheus: Prometheus) -> None:
    """Each for itself, and both together."""
    fleet = Fleet(prometheus)
    prometheus.pod(STABLE, per_second=9)
    prometheus.pod(CANDIDATE, per_second=1)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.of(KEY, CANDIDATE) == Served(600, 600.0)
    assert fleet.traffic.total(KEY) == Served(6000, 600.0)


async def test_each_by_the_counters_of_its_own_program(prometheus: Prometheus) -> None:
    """A release that changes the runtime reads stable by the old names and the candidate by the new ones."""
    fleet = Fleet(prometheus)
    state = releasing(Step.CANARY)
    assert state.stable is not None
    assert state.candidate is not None
    state = replace(
        state, stable=replace(state.stable, runtime="triton"), candidate=replace(state.candidate, runtime="tgi")
    )
    deployment = model_deployment()
    found = answered(
        deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"signals": None})}), state
    )
    assert isinstance(found, Watched)
    fleet.traffic.watch(KEY, found)
    for revision, counter, rate in ((STABLE, "nv_inference_request_success", 9), (CANDIDATE, "tgi_request_success", 1)):
        labels = {"namespace": "ml", "pod": f"demo-{revision}-6b7f9c8d5f-aaaaa", "job": "pods", "instance": revision}
        prometheus.counters.append(("up", labels, lambda _time: 1.0))
        prometheus.counters.append((counter, labels, lambda time, rate=rate: rate * time))
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.of(KEY, CANDIDATE) == Served(600, 600.0)


async def test_the_total_is_unknown_while_one_of_them_is(prometheus: Prometheus) -> None:
    """Half of the traffic would make the candidate look twice as dear."""
    fleet = Fleet(prometheus)
    prometheus.pod(STABLE, per_second=9)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.total(KEY) is None
    assert fleet.traffic.problem(KEY) == f"no fresh samples of requests_total for {CANDIDATE} from its pods"


async def test_the_traffic_from_before_a_release_counts_for_the_total(prometheus: Prometheus, fleet: Fleet) -> None:
    """A candidate can be judged as soon as it has users: the traffic is the same as before."""
    prometheus.pod(STABLE, per_second=9)
    await fleet.pass_minutes(10)
    prometheus.pod(CANDIDATE, per_second=1, since=fleet.now - MINUTE)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, CANDIDATE) is None
    total = fleet.traffic.total(KEY)
    assert total is not None
    assert total.seconds == 600.0 + 10 * 60


async def test_idle_minutes_before_the_traffic_do_not_count(prometheus: Prometheus) -> None:
    """A candidate whose pods wait for their first user is not slow for that."""
    fleet = Fleet(prometheus)
    prometheus.pod(CANDIDATE, per_second=0)
    fleet.traffic.watch(KEY, replace(with_candidate(), stable=CANDIDATE))
    await fleet.pass_minutes(20)

    assert fleet.traffic.of(KEY, CANDIDATE, since=START + 10 * MINUTE) == Served(0, 600.0)
    assert fleet.traffic.of(KEY, CANDIDATE, since=START + 11 * MINUTE) is None


async def test_the_routers_counters(prometheus: Prometheus) -> None:
    """They are told apart by the router's own label, wherever its proxies run; no pod has to be scraped."""
    fleet = Fleet(prometheus)
    deployment = model_deployment(
        traffic={
            "gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"], "router": "EnvoyGateway"}
        }
    )
    deployment = deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"signals": None})})
    found = answered(deployment, serving())
    assert isinstance(found, Watched)
    assert isinstance(found.router, RouterSeries)
    labels = {"namespace": "infra", "pod": "envoy", "envoy_cluster_name": found.router.stable}
    prometheus.counters.append(("envoy_cluster_upstream_rq_completed", labels, lambda time: 3 * time))
    fleet.traffic.watch(KEY, found)
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) == Served(1800, 600.0)
    assert {selector for selector, _ in prometheus.asked} == {
        "envoy_cluster_upstream_rq_completed",
        'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',
    }


async def test_who_is_scraped_at_all_has_to_be_known_of_pods_alone(prometheus: Prometheus, fleet: Fleet) -> None:
    """Without it no pod could be told from one that is gone; the router's proxies are read without it."""
    prometheus.pod(STABLE, per_second=1)
    routed = replace(stable_alone(), router=RouterSeries("cluster", candidate="none", stable="ours"))
    routed = replace(routed, objectives=(replace(routed.objectives[0], origin=Origin.ROUTER),))
    fleet.traffic.watch(("ml", "routed"), routed)
    for name in (REQUESTS, ERRORS):
        prometheus.counters.append((name, {"pod": "envoy", "cluster": "ours"}, lambda time: time))
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        if selector.startswith("up"):
            raise MetricsUnavailable("Timeout", "too slow")
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == "Timeout: too slow"
    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.of(("ml", "routed"), STABLE) == Served(0, 600.0)


async def test_one_bad_counter_blinds_only_those_who_named_it(prometheus: Prometheus, fleet: Fleet) -> None:
    """And does not make everybody's readings long."""
    prometheus.pod(STABLE, per_second=1)
    other = replace(stable_alone(), objectives=tuple(_renamed(stable_alone(), "no such thing")))
    fleet.traffic.watch(("ml", "other"), other)
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        if selector.startswith("no such thing"):
            prometheus.asked.append((selector, seconds))
            raise MetricsUnavailable("QueryFailed", "parse error")
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(3)

    assert fleet.traffic.of(KEY, STABLE) == Served(720, 720.0)
    assert fleet.traffic.problem(("ml", "other")) == "QueryFailed: parse error"
    assert max(seconds for _, seconds in prometheus.asked[-4:]) == 98.0


async def test_an_odd_answer_is_no_end(prometheus: Prometheus, fleet: Fleet) -> None:
    """A bug in one question leaves the loop alive and the traffic unknown."""
    prometheus.pod(STABLE, per_second=1)
    prometheus.broken = ZeroDivisionError("odd")
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == "the question failed: ZeroDivisionError: odd"
    prometheus.broken = None
    await fleet.pass_minutes(1)
    assert fleet.traffic.of(KEY, STABLE) == Served(600, 600.0)


async def test_a_value_that_no_counter_has(prometheus: Prometheus, fleet: Fleet) -> None:
    """A gauge that was named by mistake counts nothing."""
    labels = {"namespace": "ml", "pod": f"demo-{STABLE}-6b7f9c8d5f-aaaaa", "job": "pods", "instance": "1"}
    prometheus.counters.append(("up", labels, lambda _time: 1.0))
    prometheus.counters.append((REQUESTS, labels, lambda _time: -5.0))
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == f"requests_total of {STABLE} was -5, which no counter can be"


async def test_why_there_are_no_counters(fleet: Fleet) -> None:
    """The words of the spec's problem are kept, and nothing is asked for it."""
    fleet.traffic.watch(KEY, "nothing counts the requests")
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == "nothing counts the requests"
    assert fleet.prometheus.asked == []
    fleet.traffic.watch(KEY, stable_alone())
    assert fleet.traffic.problem(KEY) == "the answered requests have not been counted yet"


async def test_what_is_forgotten_is_unknown(prometheus: Prometheus, fleet: Fleet) -> None:
    """An object that is made again under the same name begins anew."""
    prometheus.pod(STABLE, per_second=1)
    await fleet.pass_minutes(1)
    fleet.traffic.forget(KEY)

    assert fleet.traffic.of(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == "the answered requests have not been counted yet"
    fleet.traffic.watch(KEY, stable_alone())
    assert fleet.traffic.of(KEY, STABLE) is None


async def test_an_object_that_goes_while_it_is_read(prometheus: Prometheus, fleet: Fleet) -> None:
    """The answer that comes afterwards is for nobody."""
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        fleet.traffic.forget(KEY)
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(1)

    assert fleet.traffic.of(KEY, STABLE) is None


async def test_those_who_wait_for_the_counts_are_told(prometheus: Prometheus) -> None:
    """After every reading, also one that failed."""
    told: list[Sequence[Key]] = []
    fleet = Fleet(prometheus, counted=told.append)
    fleet.traffic.watch(KEY, stable_alone())
    prometheus.away = True
    await fleet.pass_minutes(1)

    assert told == [[KEY]]


@pytest.mark.parametrize(("options", "waits"), [({}, [15.5, 60.0, 60.0]), ({"interval": 1.0}, [0.45, 1.0, 1.0])])
async def test_readings_are_a_minute_apart_and_beside_the_looks(
    prometheus: Prometheus, options: dict[str, float], waits: list[float]
) -> None:
    """At a quarter past the minute: looks are made at full and half minutes, and must not wait."""
    slept: list[float] = []

    class Enough(Exception):  # noqa: N818 - ends an endless loop
        pass

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        fleet.now += seconds
        if len(slept) == 3:
            raise Enough

    fleet = Fleet(prometheus, sleep=sleep, **options)
    fleet.now = 1_200_000.0
    fleet.traffic.watch(KEY, stable_alone())
    with pytest.raises(Enough):
        await fleet.traffic.run()

    assert slept == pytest.approx(waits)
    assert len(prometheus.asked) == 2 * 3


async def test_nothing_is_asked_for_nobody(prometheus: Prometheus) -> None:
    """An operator without ModelDeployments leaves Prometheus alone."""
    fleet = Fleet(prometheus)
    reading = asyncio.create_task(Fleet(prometheus, sleep=lambda _seconds: asyncio.sleep(0)).traffic.run())
    for _ in range(10):
        await asyncio.sleep(0)
    reading.cancel()

    assert prometheus.asked == []
    assert fleet.traffic.total(KEY) is None


def _renamed(watched: Watched, selector: str) -> Sequence[object]:
    """The same counter under another name."""
    (counter,) = watched.objectives
    source = replace(counter.source, total=(selector,))  # type: ignore[call-arg]
    return (replace(counter, source=source, stable_source=source),)
