"""Presets against the real Prometheus: every signal is in what the runtime answers, with the numbers that happened.

The answers below `expositions/` are recorded from the program where their first line says so; the others are written
after its documentation, independently of the preset.
"""

import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

import pytest

from palier.evidence.counters import Measurable, Series
from palier.metrics.prometheus import PrometheusSource
from palier.presets import (
    ROUTERS,
    Counter,
    Gauge,
    Histogram,
    Mean,
    Missing,
    Preset,
    Provenance,
    all_presets,
    router,
    runtime,
)
from tests.prometheus.conftest import EXPOSITIONS, NAMESPACE, Scraped, texts
from tests.support.counting import histogram_counts, increments

STALENESS = 5.0


@dataclass(frozen=True, slots=True)
class Slow:
    """How many observations there were, and how many above an edge."""

    edge: float
    total: int
    above: int


@dataclass(frozen=True, slots=True)
class Sum:
    """How much a sum rose, and by how many parts."""

    amount: float
    total: int


@dataclass(frozen=True, slots=True)
class Level:
    """The newest value of a gauge, of all series together."""

    value: float


Expected = int | Slow | Sum | Level


@dataclass(frozen=True, slots=True)
class Case:
    """A preset, the answer that it is tested with, and what happened between the two scrapes."""

    runtime: str
    version: str
    answer: str
    expected: Mapping[str, Expected]

    @property
    def preset(self) -> Preset:
        """The preset of this runtime and version."""
        return runtime(self.runtime, self.version)


CASES = (
    Case(
        "vllm",
        "0.11",
        "vllm-0.11",
        {
            "requests": 30,
            "latency": Slow(1, 30, 6),
            "timeToFirstToken": Slow(0.25, 30, 3),
            "interTokenLatency": Slow(0.05, 300, 20),
            "timePerOutputToken": Slow(0.1, 30, 4),
            "queueTime": Slow(0.3, 30, 2),
            "tokensIn": 3500,
            "tokensOut": 340,
            "queueDepth": Level(7),
        },
    ),
    Case(
        "vllm",
        "0.9.1",
        "vllm-before-0.11",
        {
            "requests": 30,
            "latency": Slow(1, 30, 6),
            "timeToFirstToken": Slow(0.25, 30, 3),
            "interTokenLatency": Slow(0.05, 300, 20),
            "queueTime": Slow(0.3, 30, 2),
            "tokensIn": 3500,
            "tokensOut": 340,
            "queueDepth": Level(7),
        },
    ),
    Case(
        "sglang",
        "",
        "sglang",
        {
            "requests": 25,
            "errors": 2,
            "latency": Slow(1, 23, 5),
            "timeToFirstToken": Slow(0.4, 23, 4),
            "interTokenLatency": Slow(0.04, 180, 20),
            "timePerOutputToken": Slow(0.06, 23, 3),
            "queueTime": Slow(0.2, 23, 3),
            "tokensIn": 600,
            "tokensOut": 180,
            "queueDepth": Level(4),
        },
    ),
    Case(
        "tgi",
        "",
        "tgi",
        {
            "requests": 25,
            "errors": 3,
            "latency": Slow(0.00015 * 1.5**22, 20, 3),
            "timePerOutputToken": Slow(0.00015 * 1.5**15, 20, 4),
            "queueTime": Slow(0.00015 * 1.5**15, 20, 2),
            "tokensIn": 1000,
            "tokensOut": 420,
            "queueDepth": Level(6),
        },
    ),
    Case(
        "tensorrt-llm",
        "",
        "tensorrt-llm",
        {
            "requests": 20,
            "errors": 2,
            "latency": Slow(1, 18, 4),
            "timeToFirstToken": Slow(0.25, 18, 3),
            "timePerOutputToken": Slow(0.05, 18, 2),
            "queueTime": Slow(0.5, 18, 1),
            "tokensIn": 360,
            "tokensOut": 220,
            "queueDepth": Level(3),
        },
    ),
    Case(
        "triton",
        "",
        "triton",
        {
            "requests": 72,
            "errors": 6,
            "latency": Sum(750_000, 60),
            "timeToFirstToken": Slow(500, 60, 10),
            "queueTime": Sum(12_000, 60),
            "queueDepth": Level(5),
        },
    ),
    Case("kserve", "", "kserve", {"requests": 15, "latency": Slow(0.005, 15, 0)}),
    Case(
        "knative",
        "1.19.3",
        "knative-1.19",
        {"requests": 104, "errors": 4, "latency": Slow(0.1, 104, 10), "queueDepth": Level(8)},
    ),
    Case(
        "knative",
        "1.18",
        "knative-before-1.19",
        {"requests": 95, "errors": 5, "latency": Slow(250, 95, 17), "queueDepth": Level(9)},
    ),
    Case("mlserver", "", "mlserver", {"requests": 15, "errors": 3, "latency": Slow(0.005, 15, 0)}),
    Case("seldon", "", "seldon", {"requests": 58, "errors": 5, "latency": Sum(9.0, 58)}),
    Case(
        "torchserve",
        "",
        "torchserve",
        {"requests": 70, "errors": 5, "latency": Sum(600_000, 60), "queueTime": Sum(12_000, 60)},
    ),
    Case(
        "bentoml",
        "",
        "bentoml",
        {"requests": 17, "errors": 3, "latency": Slow(0.005, 17, 2), "queueDepth": Level(0)},
    ),
    Case(
        "ray-serve",
        "",
        "ray-serve",
        {"requests": 15, "errors": 3, "latency": Slow(10, 15, 2), "queueDepth": Level(0)},
    ),
    Case("tf-serving", "", "tf-serving", {"requests": 406, "errors": 6, "latency": Slow(67466.4, 400, 30)}),
    Case(
        "ovms",
        "",
        "ovms",
        {
            "requests": 64,
            "errors": 4,
            "latency": Slow(20822, 60, 7),
            "queueTime": Slow(1101, 60, 5),
            "queueDepth": Level(3),
        },
    ),
    Case(
        "llama-cpp",
        "",
        "llama-cpp",
        {"timePerOutputToken": Sum(8, 400), "tokensIn": 600, "tokensOut": 400, "queueDepth": Level(4)},
    ),
    Case(
        "otel-genai",
        "",
        "otel-genai",
        {
            "requests": 48,
            "errors": 3,
            "latency": Slow(1.28, 48, 6),
            "timeToFirstToken": Slow(0.25, 45, 4),
            "timePerOutputToken": Slow(0.1, 45, 2),
            "tokensIn": 4500,
            "tokensOut": 2250,
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what was scraped of one runtime."""

    source: PrometheusSource
    scraped: Scraped
    answer: str

    async def series(self, selector: str) -> list[Series]:
        """The series of a selector, of this runtime only."""
        found = await self.source.samples(selector, at=self.scraped.after, seconds=60)
        return [one for one in found if one.labels["job"] == self.answer]

    async def events(self, selectors: Iterable[str], only: tuple[str, str] | None = None) -> int:
        """Events between the scrapes."""
        series = [one for selector in selectors for one in await self.series(selector)]
        assert series, f"{self.answer} has none of {list(selectors)}"
        counted = increments(
            [*series, *await self.series("up")],  # `up` tells since when the runtime has been scraped
            pod_of=self._chooser(only),
            start=self.scraped.before,
            end=self.scraped.after,
            staleness=STALENESS,
        )
        return counted[self.answer].count if self.answer in counted else 0

    def _chooser(self, only: tuple[str, str] | None) -> Callable[[Mapping[str, str]], str | None]:
        """What counts: the series with the label's value, or all, and never `up`."""

        def chosen(labels: Mapping[str, str]) -> str | None:
            counts = labels["__name__"] != "up" and (only is None or labels.get(only[0]) == only[1])
            return self.answer if counts else None

        return chosen

    async def rise(self, selector: str) -> float:
        """How much the series of a sum rose together."""
        series = await self.series(selector)
        assert series, f"{self.answer} has no {selector}"
        return math.fsum(
            one.samples[-1][1] - next((value for at, value in one.samples if at <= self.scraped.before), 0.0)
            for one in series
        )

    async def slow(self, histogram: Histogram, edge: float, only: tuple[str, str] | None = None) -> tuple[int, int]:
        """Observations between the scrapes, and those above an edge, which has to be one of the histogram's."""
        buckets = await self.series(_suffixed(histogram.selector, "_bucket"))
        counted = histogram_counts(
            [*buckets, *await self.series("up")],
            threshold=edge,
            pod_of=self._chooser(only),
            start=self.scraped.before,
            end=self.scraped.after,
            staleness=STALENESS,
        )[self.answer]
        assert counted.measurable is Measurable.EXACT
        return counted.counts.total, counted.counts.bad

    async def edges(self, histogram: Histogram) -> list[float]:
        """The bucket edges that the runtime really has."""
        buckets = await self.series(_suffixed(histogram.selector, "_bucket"))
        return sorted({float(one.labels["le"]) for one in buckets} - {math.inf})

    async def level(self, selector: str) -> float:
        """The newest values of a gauge, added up."""
        series = await self.series(selector)
        assert series, f"{self.answer} has no {selector}"
        return math.fsum(one.samples[-1][1] for one in series)


def _suffixed(selector: str, suffix: str) -> str:
    return re.sub(r"^[^{]+", lambda name: name[0] + suffix, selector)


@pytest.fixture
async def source(scraped: Scraped) -> AsyncIterator[PrometheusSource]:
    """Palier's own reader of Prometheus."""
    reader = PrometheusSource(scraped.url)
    yield reader
    reader.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.answer)
async def test_a_preset_finds_every_signal_in_what_the_runtime_answers(
    case: Case, scraped: Scraped, source: PrometheusSource
) -> None:
    """Requests, errors, slow shares, means and levels come out as they happened; edges are those of the preset."""
    reader = Reader(source, scraped, case.answer)
    told = {name for name, signal in case.preset.signals.items() if not isinstance(signal, Missing)}
    assert set(case.expected) == told
    for name, expected in case.expected.items():
        match case.preset.signals[name], expected:
            case Counter(selectors=selectors), int():
                assert await reader.events(selectors) == expected, name
            case Histogram() as histogram, Slow(edge, total, above):
                assert await reader.slow(histogram, edge) == (total, above), name
                assert await reader.edges(histogram) == pytest.approx(histogram.bounds, rel=1e-9), name
            case Mean(amount=amount, total=parts), Sum(risen, total):
                assert await reader.rise(amount) == pytest.approx(risen), name
                assert await reader.events(parts) == total, name
            case Gauge(selector=selector), Level(value):
                assert await reader.level(selector) == value, name
            case signal, _:
                pytest.fail(f"{name} is a {type(signal).__name__}, and {expected} was expected")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.answer)
async def test_each_selector_of_a_preset_has_series(case: Case, scraped: Scraped, source: PrometheusSource) -> None:
    """A selector that finds nothing would count zero, so each of them is met."""
    reader = Reader(source, scraped, case.answer)
    for name, signal in case.preset.signals.items():
        match signal:
            case Counter(selectors=selectors):
                wanted = selectors
            case Mean(amount=amount, total=parts):
                wanted = (amount, *parts)
            case _:
                wanted = ()
        for selector in wanted:
            assert await reader.series(selector), f"{name}: {selector}"


@dataclass(frozen=True, slots=True)
class Backend:
    """What a router said of one of its backends between the two scrapes."""

    revision: str
    position: int
    requests: int
    errors: int
    slow: Slow | None = None


ROUTED = {
    "EnvoyGateway": (
        Backend("aaaaaaaaaa", 0, 64, 3, Slow(25, 64, 41)),
        Backend("bbbbbbbbbb", 1, 23, 3, Slow(25, 20, 13)),  # timeouts are errors, and in no histogram
        Backend("closed-without-answer", 2, 3, 3),
        Backend("not-connected", 3, 3, 3),
        Backend("retried-with-success", 4, 3, 0, Slow(1000, 3, 0)),
        Backend("beyond-its-limit", 6, 3, 3),
        Backend("without-endpoint", 7, 3, 3),
        Backend("broken-off", 8, 6, 0, Slow(1000, 3, 0)),
    ),
    "Istio": (
        Backend("aaaaaaaaaa", 0, 900, 6, Slow(500, 900, 40)),
        Backend("bbbbbbbbbb", 1, 100, 7, Slow(500, 100, 20)),
    ),
}


@pytest.mark.parametrize("name", ROUTERS)
async def test_a_router_preset_tells_the_backends_apart(name: str, scraped: Scraped, source: PrometheusSource) -> None:
    """Each backend's requests, errors and slow requests are its own, also those that begin with its first error."""
    preset, reader = router(name), Reader(source, scraped, name)
    assert preset.latency is not None
    for backend in ROUTED[name]:
        value = preset.backend(namespace=NAMESPACE, name="demo", revision=backend.revision, position=backend.position)
        only = (preset.label, value)
        assert await reader.events(preset.requests.selectors, only) == backend.requests, backend
        assert await reader.events(preset.errors.selectors, only) == backend.errors, backend
        if backend.slow is not None:
            counted = await reader.slow(preset.latency, backend.slow.edge, only)
            assert counted == (backend.slow.total, backend.slow.above), backend
    assert await reader.edges(preset.latency) == list(preset.latency.bounds)


def test_every_preset_is_tested_and_says_how_it_is_known() -> None:
    """No preset and no answer is left out, and a preset is Recorded exactly if its answer was."""
    assert sorted(case.preset.title for case in CASES) == sorted(preset.title for preset in all_presets())
    assert {case.answer for case in CASES} | set(ROUTERS) == {path.stem for path in EXPOSITIONS.glob("*.txt")}
    known = {case.answer: case.preset.provenance for case in CASES}
    known |= {name: router(name).provenance for name in ROUTERS}
    for answer, provenance in known.items():
        recorded = texts(answer)[0].startswith("# Recorded from ")
        assert recorded == (provenance is Provenance.RECORDED), answer
