"""Native histograms of the real Prometheus: custom buckets that it makes of classic ones, and exponential ones."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
import requests
import yaml

from local import build, catalogue, plan
from local.paths import Layout
from local.processes import Daemon
from local.waiting import until
from palier.evidence.counters import Measurable, Series
from palier.evidence.objective import Counts, ObjectiveRule
from palier.measuring.interval import LookInterval
from palier.measuring.questions import histogram_question, questions
from palier.measuring.sources import MeasuredObjective, Reading, SlowerThan
from palier.metrics.prometheus import PrometheusSource
from tests.prometheus.conftest import Prometheus, Runtimes

EDGES = (0.1, 0.25, 0.5, 1.0, math.inf)
BEFORE = (10, 20, 30, 40, 50)
AFTER = (15, 40, 60, 90, 110)
"""Cumulative counts up to each edge, at the first scrapes and at the later ones."""

STALENESS = 5.0


def exposition(counts: Sequence[int]) -> str:
    """A classic histogram as a pod tells it."""
    lines = ["# TYPE seconds histogram"]
    edges = [f"{edge:g}".replace("inf", "+Inf") for edge in EDGES]
    lines += [f'seconds_bucket{{le="{edge}"}} {count}' for edge, count in zip(edges, counts, strict=True)]
    lines += [f"seconds_sum {counts[-1] / 2}", f"seconds_count {counts[-1]}"]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Read:
    """A Prometheus with both kinds of histogram."""

    prometheus: Prometheus
    before: float
    after: float
    """Seconds since the epoch at which the counts are those of `BEFORE` and `AFTER`."""

    async def series(self, job: str, *, metric: str = "seconds", seconds: float = 20.0) -> list[Series]:
        """What a look reads of a job."""
        with closing(PrometheusSource(self.prometheus.url)) as source:
            question = histogram_question(f'{metric}{{job="{job}"}}')
            return await source.samples(question, at=time.time(), seconds=self.after - self.before + seconds)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The same pod scraped by three jobs: as it is, converted to native, and both."""
    build.ensure([catalogue.METRICS])
    layout = Layout(tmp_path_factory.mktemp("prometheus"))
    layout.make()
    daemon = Daemon("prometheus", layout)
    jobs: dict[str, dict[str, Any]] = {
        "classic": {},
        "native": {"convert_classic_histograms_to_nhcb": True},
        "both": {"convert_classic_histograms_to_nhcb": True, "always_scrape_classic_histograms": True},
    }
    texts = (exposition(BEFORE), exposition(AFTER))
    with Runtimes(dict.fromkeys(jobs, texts)) as pods:
        configuration = layout.config / "prometheus.yaml"
        target = {"targets": [f"127.0.0.1:{pods.server_port}"], "labels": {"namespace": "ml", "pod": "a"}}
        scrapes = [
            {"job_name": name, "metrics_path": f"/{name}", "static_configs": [target], **options}
            for name, options in jobs.items()
        ]
        intervals = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        configuration.write_text(yaml.safe_dump({"global": intervals, "scrape_configs": scrapes}), encoding="utf-8")
        port = next(plan.free_ports())
        daemon.start(
            [
                str(catalogue.METRICS.file("prometheus")),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={layout.root / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-otlp-receiver",
                "--log.level=warn",
            ],
            end_with_us=True,
        )
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}", daemon)
            until(prometheus.ready, f"Prometheus to be ready (see {daemon.log})", limit=60)
            prometheus.wait_for("count(test_phase == 0)", len(jobs))
            before = time.time()
            pods.phase = 1
            prometheus.wait_for("count(test_phase == 1)", len(jobs))
            yield Read(prometheus, before, time.time())
        finally:
            daemon.stop(5)


def counted(series: Sequence[Series], *, threshold: float, start: float, end: float) -> tuple[object, Reading | None]:
    """What one look tells of a histogram, and how well."""
    source = SlowerThan("seconds", threshold)
    objective = MeasuredObjective(ObjectiveRule("p95", limit=0.05, margin=1.1, alpha=0.01), source, source)
    rows: dict[tuple[str, ...], list[tuple[str, Series]]] = {}
    for one in series:
        rows.setdefault(one.target, []).append(("new", one))
    answers = dict.fromkeys(questions(objective), rows)
    step = LookInterval(answers, {}, start=start, end=end, staleness=STALENESS)
    return step.counts(objective, source, "new"), step.read_histograms(objective, source, "new")


@pytest.mark.parametrize("job", ["classic", "native", "both"])
@pytest.mark.parametrize(
    ("threshold", "expected", "reading"),
    [
        (0.25, Counts(60, 40, 40), Reading(Measurable.EXACT, 0.25, 0.25)),
        (1.0, Counts(60, 10, 10), Reading(Measurable.EXACT, 1.0, 1.0)),
        (0.3, Counts(60, 30, 40), Reading(Measurable.BRACKETED, 0.25, 0.5)),
        (3.0, Counts(60, 0, 10), Reading(Measurable.BRACKETED, 1.0, math.inf)),
    ],
)
async def test_a_histogram_answers_the_same_in_each_form(
    read: Read, job: str, threshold: float, expected: Counts, reading: Reading
) -> None:
    """Classic buckets, native custom buckets, and a target that has both at once, whose observations count once."""
    series = await read.series(job)

    assert {one.buckets is not None for one in series} == {"classic": {False}, "native": {True}, "both": {False, True}}[
        job
    ]
    assert counted(series, threshold=threshold, start=read.before, end=read.after) == (expected, reading)


def send_exponential(
    prometheus: Prometheus, at: float, *, began: float, scale: int, offset: int, counts: Sequence[int]
) -> None:
    """One exponential histogram through the OTLP receiver."""
    point = {
        "attributes": [
            {"key": name, "value": {"stringValue": value}} for name, value in (("namespace", "ml"), ("pod", "a"))
        ],
        "startTimeUnixNano": str(round(began * 1e9)),
        "timeUnixNano": str(round(at * 1e9)),
        "count": str(sum(counts)),
        "sum": 1.0,
        "scale": scale,
        "zeroCount": "0",
        "positive": {"offset": offset, "bucketCounts": [str(count) for count in counts]},
    }
    histogram = {"aggregationTemporality": 2, "dataPoints": [point]}
    service = [{"key": "service.name", "value": {"stringValue": "exponential"}}]
    metrics = [{"name": "duration", "exponentialHistogram": histogram}]
    body = {"resourceMetrics": [{"resource": {"attributes": service}, "scopeMetrics": [{"metrics": metrics}]}]}
    answer = requests.post(f"{prometheus.url}/api/v1/otlp/v1/metrics", json=body, timeout=5)
    assert answer.status_code == HTTPStatus.OK, answer.text


async def test_exponential_buckets_and_a_change_of_their_resolution(read: Read) -> None:
    """Scale 1 has edges at each half power of two; when it becomes 0, only whole ones are left, and nothing is lost."""
    now = time.time()
    times = [now - 3, now - 2, now - 1]
    fine_before, fine_after, coarse = (4, 3, 2, 1), (14, 6, 4, 2), (22, 11)
    for at, scale, offset, counts in zip(
        times, (1, 1, 0), (-4, -4, -2), (fine_before, fine_after, coarse), strict=True
    ):
        # Edges of scale 1 from offset -4: 0.25, 0.354, 0.5, 0.707, 1; of scale 0 from offset -2: 0.25, 0.5, 1.
        send_exponential(read.prometheus, at, began=now - 100, scale=scale, offset=offset, counts=counts)
    series = await read.series("exponential", metric="duration")
    [one] = series
    assert one.buckets is not None
    assert one.values == (10, 26, 33)

    first, second = times[0] + 0.5, times[1] + 0.5
    exact = counted(series, threshold=0.5, start=first, end=second)
    assert exact == (Counts(16, 3, 3), Reading(Measurable.EXACT, 0.5, 0.5))
    assert counted(series, threshold=0.5, start=second, end=now) == (
        Counts(7, 5, 5),
        Reading(Measurable.EXACT, 0.5, 0.5),
    )
    found, reading = counted(series, threshold=0.4, start=first, end=second)
    assert found == Counts(16, 3, 6)
    assert reading is not None
    assert (reading.lower, reading.upper) == (pytest.approx(2**-1.5), 0.5)
    found, reading = counted(series, threshold=0.7, start=second, end=now)
    assert found == Counts(7, 0, 7)
    assert reading == Reading(Measurable.BRACKETED, 0.5, 1.0)
