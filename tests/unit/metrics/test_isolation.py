"""What one tenant names, exports or forges concerns nobody else's release."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.measuring.coverage import Coverage
from palier.measuring.look import WatchedRelease
from palier.measuring.sources import CounterRatio, MeasuredObjective, Origin, RouterSeries
from palier.metrics.inquiries import Scope
from palier.metrics.looks import Key, Looks
from tests.support.metrics.promql import plain, selects
from tests.support.metrics.recorded import CANDIDATE, KEY, STABLE, START, found, looks_at, release

THREADS = 4
Labels = Mapping[str, str]


class Shared:
    """A Prometheus that a few threads ask, with every pod's counters and what is odd about some selectors."""

    def __init__(self) -> None:
        self.series: list[tuple[str, dict[str, str], float]] = []
        """Selector, labels and events in a second."""
        self.asked: list[str] = []
        self.slow: Callable[[str], bool] = lambda _selector: False
        self.most = math.inf
        """Series of an answer that is not too large."""
        self.longest = math.inf
        """Seconds of an answer that is not too large."""
        self.expected: set[str] = set()
        """What has to be asked before slow selectors come to an end."""
        self.others_done = asyncio.Event()
        self._free = asyncio.Semaphore(THREADS)

    def pods(self, name: str, *, namespace: str = "ml", per_second: float = 10, **labels: str) -> None:
        """A pod of each revision, which counts requests and no errors."""
        for revision in (CANDIDATE, STABLE):
            pod = f"{name}-{revision}-6b7f9c8d5f-{labels.get('cluster', 'x2x4z')}"
            known = {"namespace": namespace, "pod": pod, "job": "pods", "instance": pod, **labels}
            self.series.append(("up", known, 0.0))
            self.series.append(("requests_total", known | {"code": "200"}, per_second))
            self.series.append(("requests_total", known | {"code": "404"}, per_second))

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        async with self._free:
            self.asked.append(selector)
            self.expected.discard(plain(selector))
            if not self.expected:
                self.others_done.set()
            if self.slow(selector):
                await self.others_done.wait()
                raise MetricsUnavailable("Timeout", "too slow")
            await asyncio.sleep(0)
            times = [float(time) for time in range(math.floor(at - seconds) + 1, math.floor(at) + 1)]
            answer = [
                Series(labels, [(time, rate * (time - START + 1000) if rate else 1.0) for time in times])
                for name, labels, rate in self.series
                if name == plain(selector) and selects(selector, labels)
            ]
            if seconds > self.longest:
                raise MetricsUnavailable("AnswerTooLarge", f"the answer to {selector} has too much")
            if len(answer) > self.most:
                raise MetricsUnavailable("TooManySeries", f"the answer to {selector} has too many")
            return answer


def of(looks: Looks, key: Key) -> WatchedRelease:
    """What the looks know of one of several releases."""
    watched = looks.find_watched(key, candidate=CANDIDATE, begun_at=START - 10, stage_index=0)
    assert watched is not None
    return watched


def hostile(number: int = 8) -> WatchedRelease:
    """A release whose selectors are its own, and sort before everybody else's."""
    rule = release().objectives[0].rule
    sources = [CounterRatio((f"a_{index}",), (f"b_{index}",)) for index in range(number // 2)]
    return release(
        objectives=tuple(
            MeasuredObjective(replace(rule, name=f"objective-{index}"), source, source)
            for index, source in enumerate(sources)
        )
    )


@pytest.mark.parametrize("namespace", ["other", "ml"], ids=["another namespace", "the same namespace"])
async def test_eight_slow_selectors_of_one_object_blind_only_that_object(namespace: str) -> None:
    """Its questions never hold more than one thread while others wait for their answers."""
    source = Shared()
    source.pods("demo")
    source.pods("hostile", namespace=namespace)
    source.slow = lambda selector: selector.startswith(("a_", "b_"))
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch((namespace, "hostile"), hostile())
    looks.watch(KEY, release())
    source.expected = {"up", "requests_total", 'requests_total{code="500"}'}
    async with asyncio.timeout(5):
        await looks.look(START + 1)

    assert found(looks).pods_read.unseen == ""
    assert "too slow" in of(looks, (namespace, "hostile")).pods_read.unseen


async def test_an_object_that_takes_too_long_rests_and_is_asked_for_again() -> None:
    """One of its questions is enough to know; the pause grows to a minute, and ends when all is well."""
    source = Shared()
    source.pods("demo")
    source.pods("hostile")
    source.slow = lambda selector: selector.startswith(("a_", "b_"))
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(("ml", "hostile"), hostile())
    looks.watch(KEY, release())
    for second in range(1, 200):
        await looks.look(START + second)
    slow_ones = [one for one in source.asked if source.slow(one)]
    assert len(slow_ones) < 20
    assert "asked again in" in of(looks, ("ml", "hostile")).pods_read.unseen
    assert found(looks).evidence["errors"].release.total == 199 * 20

    source.slow = lambda _selector: False
    for second in range(200, 262):
        await looks.look(START + second)
    assert of(looks, ("ml", "hostile")).pods_read.unseen == ""


async def test_a_server_that_answers_nobody_is_nobodys_fault() -> None:
    """After an outage everybody is asked for at once."""
    source = Shared()
    source.pods("demo")
    source.slow = lambda _selector: True
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, release())
    for second in range(1, 50):
        await looks.look(START + second)
    assert "too slow" in found(looks).pods_read.unseen
    source.slow = lambda _selector: False
    await looks.look(START + 50)

    assert found(looks).pods_read.unseen == ""
    assert found(looks).evidence["errors"].release.total == 50 * 20


@pytest.mark.parametrize("namespace", ["other", "ml"], ids=["another namespace", "the same namespace"])
async def test_an_answer_that_is_too_large_blinds_the_object_whose_pods_make_it_so(namespace: str) -> None:
    """All have the same selector; the pods of one export thousands of series under it."""
    source = Shared()
    names = [f"demo-{number}" for number in range(10)]
    for name in (*names, "hostile"):
        source.pods(name, namespace=namespace if name == "hostile" else "ml")
    (pod,) = [labels for name, labels, _ in source.series if name == "up" and "hostile-bbb" in labels["pod"]]
    source.series += [("requests_total", pod | {"user": str(number)}, 1.0) for number in range(200)]
    source.most = 100
    looks = looks_at(source)  # type: ignore[arg-type]
    for name in (*names, "hostile"):
        looks.watch((namespace if name == "hostile" else "ml", name), release())
    for second in range(1, 6):
        await looks.look(START + second)

    assert "TooManySeries" in of(looks, (namespace, "hostile")).pods_read.unseen
    for name in names:
        assert of(looks, ("ml", name)).pods_read.unseen == ""
        assert of(looks, ("ml", name)).evidence["errors"].release.total == 5 * 20


async def test_all_answers_of_one_object_together_are_bounded() -> None:
    """Each of them is small enough, and all would fill the memory."""
    source = Shared()
    source.pods("demo")
    source.pods("hostile")
    (pod,) = [labels for name, labels, _ in source.series if name == "up" and "hostile-bbb" in labels["pod"]]
    for selector in ("b_0", "b_1", "b_2", "b_3"):
        source.series += [(selector, pod | {"user": str(number)}, 1.0) for number in range(60)]
    looks = looks_at(source, scope=Scope(most_series=100))  # type: ignore[arg-type]
    looks.watch(("ml", "hostile"), hostile())
    looks.watch(KEY, release())
    await looks.look(START + 1)

    assert of(looks, ("ml", "hostile")).pods_read.unseen == "TooManySeries: it has more than 200 series altogether"
    assert found(looks).pods_read.unseen == ""


async def test_a_past_that_is_too_large_to_be_read_is_given_up() -> None:
    """The release goes on with what is counted now, as it does after a gap that is too long."""
    source = Shared()
    source.pods("demo")
    source.longest = 30
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, release(traffic_since=START - 500, pods_read=Coverage(START - 100)))
    for second in range(1, 20):
        await looks.look(START + second)

    assert found(looks).pods_read.unseen == ""
    assert found(looks).pods_read.until == START + 19
    assert 0 < found(looks).evidence["errors"].release.total <= 19 * 20


async def test_an_object_has_a_bounded_number_of_questions() -> None:
    """What is beyond them is not asked, and told."""
    source = Shared()
    source.pods("hostile")
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(("ml", "hostile"), hostile(200))
    await looks.look(START + 1)

    assert len(source.asked) == 64
    assert "TooManyQuestions" in of(looks, ("ml", "hostile")).pods_read.unseen


async def test_nobody_but_the_pods_of_releases_is_asked_for() -> None:
    """A namespace may have a thousand other pods that count under the same name."""
    source = Shared()
    source.pods("demo")
    source.pods("demo-two")
    source.pods("other")
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, release())
    await looks.look(START + 1)

    for selector in source.asked:
        for _, labels, _ in source.series:
            assert selects(selector, labels) == labels["pod"].startswith((f"demo-{CANDIDATE}-", f"demo-{STABLE}-"))


ROUTED = RouterSeries("cluster_name", candidate="route/new", stable="route/old", namespaces=("gateways",))


def at_router() -> WatchedRelease:
    """A release that is judged by the gateway's counters."""
    ratio = CounterRatio(("router_errors",), ("router_requests",))
    rule = release().objectives[0].rule
    return release(objectives=(MeasuredObjective(rule, ratio, ratio, origin=Origin.ROUTER),), router=ROUTED)


def proxies(source: Shared, namespace: str, *, per_second: float, errors: float = 0.0) -> None:
    """A pod that exports what a gateway's proxy would."""
    labels = {"namespace": namespace, "pod": "envoy", "job": "pods", "instance": "1"}
    for backend in ("route/new", "route/old"):
        source.series.append(("router_requests", labels | {"cluster_name": backend}, per_second))
        if errors and backend == "route/new":
            source.series.append(("router_errors", labels | {"cluster_name": backend}, errors))


@pytest.mark.parametrize("namespace", ["tenant", "ml"])
async def test_a_pod_of_a_tenant_cannot_speak_for_the_gateway(namespace: str) -> None:
    """It exports the series of another's backends, with errors that never were: they are no evidence."""
    source = Shared()
    proxies(source, "gateways", per_second=10)
    proxies(source, namespace, per_second=100, errors=90)
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, at_router())
    for second in range(1, 6):
        await looks.look(START + second)
    tally = found(looks).evidence["errors"].release

    assert (tally.total, tally.bad, tally.stable_total) == (50, 0, 50)


async def test_forged_series_alone_are_no_router() -> None:
    """Where the gateway's own proxies are not scraped, the release is blind and says where it has looked."""
    source = Shared()
    proxies(source, "tenant", per_second=100)
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, at_router())
    await looks.look(START + 5)

    assert found(looks).router_read.unseen.endswith("from its proxies in gateways")
    assert not found(looks).evidence


async def test_the_operator_may_be_told_where_the_proxies_run() -> None:
    """That goes before what the preset says."""
    source = Shared()
    proxies(source, "elsewhere", per_second=10)
    looks = looks_at(source, scope=Scope(router_namespaces=("elsewhere",)))  # type: ignore[arg-type]
    looks.watch(KEY, at_router())
    known = found(looks)
    looks.watch(KEY, at_router())
    assert found(looks) is known
    for second in range(1, 6):
        await looks.look(START + second)

    assert found(looks).evidence["errors"].release.total == 50


async def test_counts_of_another_cluster_are_not_added() -> None:
    """Staging runs the same model in the same namespace, behind the same query address."""
    source = Shared()
    source.pods("demo", cluster="eu")
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, release())
    for second in range(1, 4):
        await looks.look(START + second)
    before = found(looks).evidence["errors"]
    assert before.release.total == 3 * 20

    source.pods("demo", cluster="staging", per_second=1000)
    for second in range(4, 7):
        await looks.look(START + second)

    assert found(looks).evidence["errors"] == before
    reason = found(looks).missing["errors"]
    assert 'differ in the label cluster ("eu", "staging")' in reason
    assert "prometheus.matchers" in reason


@pytest.mark.parametrize("label", ["prometheus_replica", "who_knows"])
async def test_two_servers_that_scrape_the_same_pods_do_not_double_the_counts(label: str) -> None:
    """Their series differ in one label, whatever its name is."""
    source = Shared()
    source.pods("demo")
    twice = [(name, labels | {label: which}, rate) for name, labels, rate in source.series for which in "ab"]
    source.series = twice
    looks = looks_at(source)  # type: ignore[arg-type]
    looks.watch(KEY, release())
    for second in range(1, 4):
        await looks.look(START + second)

    assert not found(looks).evidence
    assert f'differ in the label {label} ("a", "b")' in found(looks).missing["errors"]
