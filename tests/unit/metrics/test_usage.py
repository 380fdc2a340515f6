"""What pods used between two instants, from samples as kubelets and exporters give them; absent where nobody does."""

import re
from collections.abc import Sequence
from decimal import Decimal

import pytest

from palier.errors import MetricsUnavailable
from palier.evidence.counters import Series
from palier.metrics.usage import usage
from palier.release.testing import Usage

BEGAN, ENDED = 1_000_000.0, 1_000_120.0
PREFIX = "demo-aaaaaaaaaa-"
POD = f"{PREFIX}6b7f9c8d5f-x2x4z"
OTHER = f"{PREFIX}6b7f9c8d5f-abcde"

CPU = "container_cpu_usage_seconds_total"
MEMORY = "container_memory_working_set_bytes"
GPU = "DCGM_FI_DEV_GPU_UTIL"


class Recorded:
    """Stands for Prometheus: knows the matchers of the questions that are asked here."""

    def __init__(self) -> None:
        self.series: list[tuple[str, Series]] = []
        self.broken = False

    def record(self, name: str, samples: Sequence[tuple[float, float]], **labels: str) -> None:
        """Add a series of a pod."""
        self.series.append((name, Series(labels, samples)))

    def count(self, per_second: float, *, every: float = 15.0, **labels: str) -> None:
        """Add the CPU of a container that always uses as much, before, within and after the time asked for."""
        times = [BEGAN - 60 + 7 + every * number for number in range(int(300 / every))]
        given = {"namespace": "ml", "pod": POD, "container": "server", "id": "/a", "image": "m:1", **labels}
        self.record(CPU, [(time, 500 + per_second * (time - BEGAN)) for time in times], **given)

    async def samples(self, selector: str, *, at: float, seconds: float) -> list[Series]:
        """See `MetricSource.samples`."""
        if self.broken:
            raise MetricsUnavailable("Unreachable", "Prometheus is away")
        name, _, matchers = selector.rstrip("}").partition("{")
        wanted = re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers)
        found = []
        for named, one in self.series:
            fits = all(
                re.fullmatch(value if how == "=~" else re.escape(value), one.labels.get(label, ""))
                for label, how, value in wanted
            )
            held = [(moment, value) for moment, value in one.samples if at - seconds < moment <= at]
            if named == name and fits and held:
                found.append(Series(one.labels, held))
        return found


@pytest.fixture
def source() -> Recorded:
    """A Prometheus that has scraped nothing."""
    return Recorded()


async def used(source: Recorded) -> Usage:
    """What the pods of the revision used."""
    return await usage(source, namespace="ml", pod_prefix=PREFIX, began=BEGAN, ended=ENDED)


async def test_what_nobody_measures_is_absent(source: Recorded) -> None:
    """Without the metrics of kubelets and accelerators nothing is known, which is not the same as nothing used."""
    assert await used(source) == Usage()


async def test_cores_are_those_of_one_replica(source: Recorded) -> None:
    """A pod's containers are added up, and pods averaged; other pods of the namespace do not count."""
    source.count(0.5)
    source.count(0.25, container="sidecar", id="/b")
    source.count(0.25, pod=OTHER, id="/c")
    source.count(4, pod="demo-bbbbbbbbbb-6b7f9c8d5f-zzzzz", id="/d")
    source.count(4, pod=f"load-{PREFIX}0-1-x2x4z", id="/e")
    source.count(4, namespace="other", id="/f")
    assert (await used(source)).cpu_cores == Decimal("0.500")


async def test_what_belongs_to_the_whole_pod_is_not_counted_twice(source: Recorded) -> None:
    """The kubelet tells the pod as a whole and its pause process beside the containers."""
    source.count(0.5)
    source.count(0.51, container="", image="", id="/pod")
    source.count(0.01, container="", image="pause:3", id="/pause")
    source.count(0.01, container="POD", image="pause:3", id="/pause")
    assert (await used(source)).cpu_cores == Decimal("0.500")


async def test_a_kubelet_that_knows_only_pods_is_enough(source: Recorded) -> None:
    """Some kubelets do not tell of containers; then the pod as a whole is read."""
    source.count(0.51, container="", image="", id="/pod")
    source.count(0.01, container="", image="pause:3", id="/pause")
    assert (await used(source)).cpu_cores == Decimal("0.510")


async def test_two_jobs_that_scrape_one_kubelet_count_once(source: Recorded) -> None:
    """The same container by way of two jobs is one container."""
    source.count(0.5, job="kubelet")
    source.count(0.5, job="cadvisor", every=30)
    assert (await used(source)).cpu_cores == Decimal("0.500")


async def test_a_container_that_began_anew_keeps_its_use(source: Recorded) -> None:
    """A counter that falls began from zero: what it counted since then is use."""
    labels = {"namespace": "ml", "pod": POD, "container": "server", "id": "/a"}
    source.record(CPU, [(BEGAN + 20, 900.0), (BEGAN + 50, 915.0), (BEGAN + 80, 15.0)], **labels)
    assert (await used(source)).cpu_cores == Decimal("0.500")


async def test_one_sample_is_no_rate(source: Recorded) -> None:
    """Where the kubelet is scraped too rarely for so short a time, nothing is known."""
    source.count(0.5, every=100)
    assert (await used(source)).cpu_cores is None


async def test_memory_is_the_most_that_any_pod_had(source: Recorded) -> None:
    """Requests are made from it, and they must be enough for every pod at every time."""
    for pod, sizes in ((POD, (100.0, 300.0, 200.0)), (OTHER, (150.0, 160.0, 170.0))):
        samples = [(BEGAN + 20.0 * (1 + number), size) for number, size in enumerate(sizes)]
        source.record(MEMORY, samples, namespace="ml", pod=pod, container="server", id=pod)
        source.record(MEMORY, [(BEGAN + 20, 7.0)], namespace="ml", pod=pod, container="sidecar", id=f"{pod}s")
    source.record(MEMORY, [(BEGAN - 1, 999.0)], namespace="ml", pod=POD, container="server", id="before")
    assert (await used(source)).memory_bytes == 307


@pytest.mark.parametrize("moved", ["", "exported_"])
async def test_accelerators_are_averaged(source: Recorded, moved: str) -> None:
    """Over time and all accelerators of all pods, whether the scrape keeps the exporter's labels or moves them."""
    for pod, busy in ((POD, 80.0), (OTHER, 40.0)):
        labels = {f"{moved}namespace": "ml", f"{moved}pod": pod, "gpu": "0"}
        source.record(GPU, [(BEGAN + 30, busy), (BEGAN + 60, busy + 10)], **labels)
    assert (await used(source)).gpu_utilization == Decimal("0.650")


async def test_a_source_that_does_not_answer_is_an_error(source: Recorded) -> None:
    """Whoever asks may ask again: an outage is not the same as a cluster without such metrics."""
    source.broken = True
    with pytest.raises(MetricsUnavailable):
        await used(source)
