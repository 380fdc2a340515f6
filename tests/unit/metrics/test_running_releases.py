"""Answered requests of two revisions, of the router, and of ModelDeployments that come and go."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from palier.economics.running import Served
from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import Origin, RouterSeries
from palier.release.answer_counters import choose_counters
from palier.release.state import ReleasePhase
from tests.support.metrics.fleet import (
    ERRORS,
    KEY,
    MINUTE,
    REQUESTS,
    START,
    Fleet,
    Prometheus,
    stable_alone,
    with_candidate,
)
from tests.support.metrics.promql import plain
from tests.support.release.examples import CANDIDATE, STABLE, releasing, serving
from tests.support.release.world import model_deployment

if TYPE_CHECKING:
    from palier.metrics.owners import Key


async def test_stable_and_candidate(prometheus: Prometheus) -> None:
    """Each for itself, and both together."""
    fleet = Fleet(prometheus)
    prometheus.pod(STABLE, per_second=9)
    prometheus.pod(CANDIDATE, per_second=1)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.measure_revision(KEY, CANDIDATE) == Served(600, 600.0)
    assert fleet.traffic.measure_all(KEY) == Served(6000, 600.0)


async def test_each_by_the_counters_of_its_own_program(prometheus: Prometheus) -> None:
    """A release that changes the runtime reads stable by the old names and the candidate by the new ones."""
    fleet = Fleet(prometheus)
    state = releasing(ReleasePhase.CANARY)
    assert state.stable is not None
    assert state.candidate is not None
    state = replace(
        state, stable=replace(state.stable, runtime="triton"), candidate=replace(state.candidate, runtime="tgi")
    )
    deployment = model_deployment()
    found = choose_counters(
        deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"signals": None})}), state
    )
    assert isinstance(found, WatchedRelease)
    fleet.traffic.watch(KEY, found)
    for revision, counter, rate in ((STABLE, "nv_inference_request_success", 9), (CANDIDATE, "tgi_request_success", 1)):
        labels = {"namespace": "ml", "pod": f"demo-{revision}-6b7f9c8d5f-aaaaa", "job": "pods", "instance": revision}
        prometheus.counters.append(("up", labels, lambda _time: 1.0))
        prometheus.counters.append((counter, labels, lambda time, rate=rate: rate * time))
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.measure_revision(KEY, CANDIDATE) == Served(600, 600.0)


async def test_the_total_is_unknown_while_one_of_them_is(prometheus: Prometheus) -> None:
    """Half of the traffic would make the candidate look twice as dear."""
    fleet = Fleet(prometheus)
    prometheus.pod(STABLE, per_second=9)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(5400, 600.0)
    assert fleet.traffic.measure_all(KEY) is None
    assert fleet.traffic.problem(KEY) == f"no fresh samples of requests_total for {CANDIDATE} from its pods"


async def test_the_traffic_from_before_a_release_counts_for_the_total(prometheus: Prometheus, fleet: Fleet) -> None:
    """A candidate can be judged as soon as it has users: the traffic is the same as before."""
    prometheus.pod(STABLE, per_second=9)
    await fleet.pass_minutes(10)
    prometheus.pod(CANDIDATE, per_second=1, since=fleet.now - MINUTE)
    fleet.traffic.watch(KEY, with_candidate())
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, CANDIDATE) is None
    total = fleet.traffic.measure_all(KEY)
    assert total is not None
    assert total.seconds == 600.0 + 10 * 60


async def test_idle_minutes_before_the_traffic_do_not_count(prometheus: Prometheus) -> None:
    """A candidate whose pods wait for their first user is not slow for that."""
    fleet = Fleet(prometheus)
    prometheus.pod(CANDIDATE, per_second=0)
    fleet.traffic.watch(KEY, replace(with_candidate(), stable=CANDIDATE))
    await fleet.pass_minutes(20)

    assert fleet.traffic.measure_revision(KEY, CANDIDATE, since=START + 10 * MINUTE) == Served(0, 600.0)
    assert fleet.traffic.measure_revision(KEY, CANDIDATE, since=START + 11 * MINUTE) is None


async def test_the_routers_counters(prometheus: Prometheus) -> None:
    """They are told apart by the router's own label, and read where its proxies run; no pod has to be scraped."""
    fleet = Fleet(prometheus)
    deployment = model_deployment(
        traffic={
            "gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["m.example.com"], "router": "EnvoyGateway"}
        }
    )
    deployment = deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"signals": None})})
    found = choose_counters(deployment, serving())
    assert isinstance(found, WatchedRelease)
    assert isinstance(found.router, RouterSeries)
    labels = {"namespace": "envoy-gateway-system", "pod": "envoy", "envoy_cluster_name": found.router.stable}
    prometheus.counters.append(("envoy_cluster_upstream_rq_completed", labels, lambda time: 3 * time))
    fleet.traffic.watch(KEY, found)
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(1800, 600.0)
    assert {plain(selector) for selector, _ in prometheus.asked} == {
        "envoy_cluster_upstream_rq_completed",
        'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',
    }


async def test_who_is_scraped_at_all_has_to_be_known_of_pods_alone(prometheus: Prometheus, fleet: Fleet) -> None:
    """Without it no pod could be told from one that is gone; the router's proxies are read without it."""
    prometheus.pod(STABLE, per_second=1)
    routed = replace(
        stable_alone(), router=RouterSeries("cluster", candidate="none", stable="ours", namespaces=("gw",))
    )
    routed = replace(routed, objectives=(replace(routed.objectives[0], origin=Origin.ROUTER),))
    fleet.traffic.watch(("ml", "routed"), routed)
    for name in (REQUESTS, ERRORS):
        prometheus.counters.append((name, {"namespace": "gw", "pod": "envoy", "cluster": "ours"}, lambda time: time))
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        if selector.startswith("up"):
            raise MetricsUnavailable("Timeout", "too slow")
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(1)

    assert fleet.traffic.problem(KEY) == "Timeout: too slow"
    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.measure_revision(("ml", "routed"), STABLE) == Served(0, 600.0)


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

    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(720, 720.0)
    assert fleet.traffic.problem(("ml", "other")) == "QueryFailed: parse error"
    assert max(seconds for _, seconds in prometheus.asked[-4:]) == 98.0


async def test_an_odd_answer_is_no_end(prometheus: Prometheus, fleet: Fleet) -> None:
    """A bug in one question leaves the loop alive and the traffic unknown."""
    prometheus.pod(STABLE, per_second=1)
    prometheus.broken = ZeroDivisionError("odd")
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == "the question failed: ZeroDivisionError: odd"
    prometheus.broken = None
    await fleet.pass_minutes(1)
    assert fleet.traffic.measure_revision(KEY, STABLE) == Served(600, 600.0)


async def test_a_value_that_no_counter_has(prometheus: Prometheus, fleet: Fleet) -> None:
    """A gauge that was named by mistake counts nothing."""
    labels = {"namespace": "ml", "pod": f"demo-{STABLE}-6b7f9c8d5f-aaaaa", "job": "pods", "instance": "1"}
    prometheus.counters.append(("up", labels, lambda _time: 1.0))
    prometheus.counters.append((REQUESTS, labels, lambda _time: -5.0))
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
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

    assert fleet.traffic.measure_revision(KEY, STABLE) is None
    assert fleet.traffic.problem(KEY) == "the answered requests have not been counted yet"
    fleet.traffic.watch(KEY, stable_alone())
    assert fleet.traffic.measure_revision(KEY, STABLE) is None


async def test_an_object_that_goes_while_it_is_read(prometheus: Prometheus, fleet: Fleet) -> None:
    """The answer that comes afterwards is for nobody."""
    ask = prometheus.samples

    async def samples(selector: str, *, at: float, seconds: float) -> list[Series]:
        fleet.traffic.forget(KEY)
        return await ask(selector, at=at, seconds=seconds)

    prometheus.samples = samples  # type: ignore[method-assign]
    await fleet.pass_minutes(1)

    assert fleet.traffic.measure_revision(KEY, STABLE) is None


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
    assert fleet.traffic.measure_all(KEY) is None


def _renamed(watched: WatchedRelease, selector: str) -> Sequence[object]:
    """The same counter under another name."""
    (counter,) = watched.objectives
    source = replace(counter.source, total=(selector,))  # type: ignore[call-arg]
    return (replace(counter, source=source, stable_source=source),)
