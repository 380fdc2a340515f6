"""What pods used of CPU, memory and accelerators between two instants, as far as anybody measures it.

The kubelet's own metrics (cAdvisor) and NVIDIA's exporter (DCGM) are in most clusters, but not in all. A number that
nobody has measured is absent, never zero.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from statistics import fmean

from palier.evidence.counters import Place, Series, count_events
from palier.metrics.prometheus import MetricSource
from palier.release.testing import Usage

CPU = "container_cpu_usage_seconds_total"
MEMORY = "container_memory_working_set_bytes"
GPU = "DCGM_FI_DEV_GPU_UTIL"

_NO_CONTAINER = ("", "POD")
"""The label of what belongs to the whole pod, or to the process that holds its namespaces."""


async def usage(source: MetricSource, *, namespace: str, pod_prefix: str, began: float, ended: float) -> Usage:
    """What one of the pods needed, without its cold start; None for what has no samples in that time.

    Args:
        source: where the samples come from.
        namespace: of the pods.
        pod_prefix: what their names begin with, see `palier.manifests.metadata.pod_prefix`.
        began: seconds since the epoch.
        ended: the same.

    Returns:
        Cores on average over time and pods, the largest working set of any pod at any time, and the average share of
        the time in which an accelerator was busy.

    Raises:
        MetricsUnavailable: the source could not be asked.
    """
    scope = f'namespace="{namespace}",pod=~"{pod_prefix}.+"'
    seconds = ended - began
    cpu = _by_pod(await source.samples(f"{CPU}{{{scope}}}", at=ended, seconds=seconds))
    memory = _by_pod(await source.samples(f"{MEMORY}{{{scope}}}", at=ended, seconds=seconds))
    gpus = await source.samples(f"{GPU}{{{scope}}}", at=ended, seconds=seconds)
    if not gpus:
        # A scrape that keeps its own labels renames those that the exporter gives.
        scope = f'exported_namespace="{namespace}",exported_pod=~"{pod_prefix}.+"'
        gpus = await source.samples(f"{GPU}{{{scope}}}", at=ended, seconds=seconds)
    cores = [sum(rates) for rates in (_rates(pod, began=began, ended=ended) for pod in cpu.values()) if rates]
    sizes = [sum(peaks) for peaks in (_peaks(pod) for pod in memory.values()) if peaks]
    shares = [fmean(one.values) / 100 for one in gpus if one.values]
    return Usage(
        cpu_cores=Decimal(f"{fmean(cores):.3f}") if cores else None,
        memory_bytes=round(max(sizes)) if sizes else None,
        gpu_utilization=Decimal(f"{min(1.0, fmean(shares)):.3f}") if shares else None,
    )


def _by_pod(series: Iterable[Series]) -> Mapping[str, list[Series]]:
    """Each pod's containers, or where the kubelet knows no containers the pod as a whole; each once."""
    pods: dict[str, dict[tuple[str, str], Series]] = defaultdict(dict)
    for one in series:
        labels = one.labels
        # Two jobs that scrape the same kubelet tell the same: the series of one of them is enough.
        identity = labels.get("container", ""), labels.get("id", "")
        known = pods[labels.get("pod", "")].get(identity)
        if known is None or len(one.times) > len(known.times):
            pods[labels.get("pod", "")][identity] = one
    found = {}
    for pod, parts in pods.items():
        containers = [one for one in parts.values() if one.labels.get("container", "") not in _NO_CONTAINER]
        whole = [one for one in parts.values() if not (one.labels.get("container") or one.labels.get("image"))]
        found[pod] = containers or whole
    return found


def _rates(series: Iterable[Series], *, began: float, ended: float) -> list[float]:
    """Events in a second of those counters that have two samples between the instants."""
    rates = []
    for one in series:
        first, last = bisect_left(one.times, began), bisect_right(one.times, ended) - 1
        if first < last:
            events = count_events(one, Place(first, last, from_zero=False))
            rates.append(events / (one.times[last] - one.times[first]))
    return rates


def _peaks(series: Iterable[Series]) -> list[float]:
    return [max(one.values) for one in series if one.values]
